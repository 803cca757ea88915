//! Handles: a transport, what it sends, what it sees, and its data channels. A dropped handle changes nothing; `close` does.
use super::super::BotError;
use super::super::data::DataOptions;
use super::super::link::LinkOptions;
use super::super::parameters::{DtlsParameters, IceParameters, RtpParameters};
use super::super::report::{BotReport, DataReport, SourceReport, TransportReport};
use super::super::source::{AudioOptions, VideoOptions, Voice};
use super::super::transport::BotTransport;
use super::Mailbox;
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a wait looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// A transport of a fleet.
#[derive(Clone)]
pub struct Transport {
    mailbox: Arc<Mailbox>,
    key: u64,
    dtls: DtlsParameters,
}

impl Transport {
    pub(super) fn new(mailbox: Arc<Mailbox>, key: u64, dtls: DtlsParameters) -> Self {
        Self { mailbox, key, dtls }
    }

    /// What the server's `connect` takes as `dtlsParameters`.
    pub fn dtls_parameters(&self) -> Value {
        // These types have no map with keys that are no strings, so this cannot fail.
        serde_json::to_value(&self.dtls).unwrap_or_default()
    }

    /// The key under which a [`Driver`](super::super::Driver) knows it, for [`Fleet::call`](super::Fleet::call).
    pub fn key(&self) -> u64 {
        self.key
    }

    fn call<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut BotTransport) -> R + Send + 'static,
    ) -> Result<R, BotError> {
        let key = self.key;
        self.mailbox.call(move |driver| driver.transport(key).map(job))?
    }

    /// Starts a camera. Its [`rtp_parameters`](Sending::rtp_parameters) are for the server's `produce`.
    ///
    /// # Errors
    /// If the router does not know the codec.
    pub fn publish_video(&self, options: VideoOptions) -> Result<Sending, BotError> {
        let tag = options.tag;
        let parameters = self.call(move |bot| bot.publish_video(options))??;
        Ok(Sending { transport: self.clone(), tag, kind: "video", rtp_parameters: parameters.json() })
    }

    /// Starts a microphone. Its [`rtp_parameters`](Sending::rtp_parameters) are for the server's `produce`.
    ///
    /// # Errors
    /// If the router does not know Opus.
    pub fn publish_audio(&self, options: AudioOptions) -> Result<Sending, BotError> {
        let tag = options.tag;
        let parameters = self.call(move |bot| bot.publish_audio(options))??;
        Ok(Sending { transport: self.clone(), tag, kind: "audio", rtp_parameters: parameters.json() })
    }

    /// Expects what the server's `consume` has answered as `rtpParameters`. `tag` says whose packets these must be.
    ///
    /// # Errors
    /// If the parameters are not those of a consumer, or have other numbers than the router has told.
    pub fn consume(&self, rtp_parameters: &Value, tag: Option<u32>) -> Result<Viewing, BotError> {
        let parameters = RtpParameters::parse(rtp_parameters)?;
        let consumer = self.call(move |bot| bot.consume(&parameters, tag, Instant::now()))??;
        Ok(Viewing { transport: self.clone(), consumer })
    }

    /// Opens a data channel's end.
    ///
    /// # Errors
    /// If the server has no SCTP on this transport, or the stream is in use.
    pub fn open_channel(&self, options: DataOptions) -> Result<Channel, BotError> {
        let (stream_id, parameters) = (options.stream_id, options.parameters());
        self.call(move |bot| bot.open_channel(options, Instant::now()))??;
        Ok(Channel { transport: self.clone(), stream_id, parameters })
    }

    /// Goes on with what the server's `restartIce` has answered as `iceParameters`.
    ///
    /// # Errors
    /// If it is something else.
    pub fn restart_ice(&self, ice_parameters: &Value) -> Result<(), BotError> {
        let parameters = IceParameters::parse(ice_parameters)?;
        self.call(move |bot| bot.restart_ice(&parameters, Instant::now()))
    }

    /// What happens to datagrams from now on: to the server, and from it.
    ///
    /// # Errors
    /// If the transport is gone.
    pub fn set_link(&self, up: LinkOptions, down: LinkOptions) -> Result<(), BotError> {
        let key = self.key;
        self.mailbox.call(move |driver| driver.set_link(key, up, down))?
    }

    /// What it did until now.
    ///
    /// # Errors
    /// If the transport is gone.
    pub fn report(&self) -> Result<TransportReport, BotError> {
        let key = self.key;
        self.mailbox.call(move |driver| driver.report(key))?
    }

    /// Waits until ICE and DTLS are through.
    ///
    /// # Errors
    /// [`BotError::Late`] if they are not by then.
    pub fn wait_connected(&self, deadline: Duration) -> Result<TransportReport, BotError> {
        wait(deadline, || self.report(), |report| report.connected)
    }

    /// Says goodbye to the server and ends.
    ///
    /// # Errors
    /// If the transport is gone.
    pub fn close(&self) -> Result<TransportReport, BotError> {
        let key = self.key;
        self.mailbox.call(move |driver| driver.close(key))?
    }

    /// Ends as a browser that crashes: without a word.
    ///
    /// # Errors
    /// If the transport is gone.
    pub fn vanish(&self) -> Result<TransportReport, BotError> {
        let key = self.key;
        self.mailbox.call(move |driver| driver.vanish(key))?
    }
}

/// A camera or microphone.
#[derive(Clone)]
pub struct Sending {
    transport: Transport,
    tag: u32,
    kind: &'static str,
    rtp_parameters: Value,
}

impl Sending {
    /// For the server's `produce`.
    pub fn rtp_parameters(&self) -> &Value {
        &self.rtp_parameters
    }

    /// For the server's `produce`: `audio` or `video`.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// What its packets say of where they come from.
    pub fn tag(&self) -> u32 {
        self.tag
    }

    /// Goes on or stops, as `producer.pause()` at a client.
    ///
    /// # Errors
    /// If the transport is gone.
    pub fn set_enabled(&self, enabled: bool) -> Result<(), BotError> {
        let tag = self.tag;
        self.transport.call(move |bot| bot.set_source_enabled(tag, enabled))
    }

    /// What a microphone hears from now on.
    ///
    /// # Errors
    /// If the transport is gone.
    pub fn set_voice(&self, voice: Voice) -> Result<(), BotError> {
        let tag = self.tag;
        self.transport.call(move |bot| bot.set_voice(tag, voice))
    }

    /// What it sent until now.
    ///
    /// # Errors
    /// If it is gone.
    pub fn report(&self) -> Result<SourceReport, BotError> {
        let tag = self.tag;
        self.transport.call(move |bot| bot.source_report(tag))?.ok_or(BotError::Gone)
    }

    /// Ends it.
    ///
    /// # Errors
    /// If it is gone.
    pub fn close(&self) -> Result<SourceReport, BotError> {
        let tag = self.tag;
        self.transport.call(move |bot| bot.unpublish(tag))?.ok_or(BotError::Gone)
    }
}

/// What one consumer sees.
#[derive(Clone)]
pub struct Viewing {
    transport: Transport,
    consumer: u32,
}

impl Viewing {
    /// What it saw until now.
    ///
    /// # Errors
    /// If it is gone.
    pub fn report(&self) -> Result<BotReport, BotError> {
        let consumer = self.consumer;
        self.transport.call(move |bot| bot.consumer_report(consumer))?.ok_or(BotError::Gone)
    }

    /// Waits until something is seen.
    ///
    /// # Errors
    /// [`BotError::Late`] with the last report if it is not by then.
    pub fn wait(&self, deadline: Duration, seen: impl Fn(&BotReport) -> bool) -> Result<BotReport, BotError> {
        wait(deadline, || self.report(), seen)
    }

    /// The server was told to pause it, or to go on: nothing counts as missed meanwhile.
    ///
    /// # Errors
    /// If the transport is gone.
    pub fn set_paused(&self, paused: bool) -> Result<(), BotError> {
        let consumer = self.consumer;
        self.transport.call(move |bot| bot.set_consumer_paused(consumer, paused, Instant::now()))
    }

    /// Ends it, after the server was told to.
    ///
    /// # Errors
    /// If it is gone.
    pub fn close(&self) -> Result<BotReport, BotError> {
        let consumer = self.consumer;
        self.transport.call(move |bot| bot.close_consumer(consumer))?.ok_or(BotError::Gone)
    }
}

/// A data channel's end.
#[derive(Clone)]
pub struct Channel {
    transport: Transport,
    stream_id: u16,
    parameters: Value,
}

impl Channel {
    /// For the server's `produceData`, as `sctpStreamParameters`.
    pub fn sctp_stream_parameters(&self) -> &Value {
        &self.parameters
    }

    /// Sends so many more messages.
    ///
    /// # Errors
    /// If the transport is gone.
    pub fn send_more(&self, messages: u32) -> Result<(), BotError> {
        let stream_id = self.stream_id;
        self.transport.call(move |bot| bot.send_more(stream_id, messages, Instant::now()))
    }

    /// What it did until now.
    ///
    /// # Errors
    /// If it is gone.
    pub fn report(&self) -> Result<DataReport, BotError> {
        let stream_id = self.stream_id;
        self.transport.call(move |bot| bot.channel_report(stream_id))?.ok_or(BotError::Gone)
    }

    /// Waits until something has come or gone.
    ///
    /// # Errors
    /// [`BotError::Late`] with the last report if it has not by then.
    pub fn wait(
        &self,
        deadline: Duration,
        seen: impl Fn(&DataReport) -> bool,
    ) -> Result<DataReport, BotError> {
        wait(deadline, || self.report(), seen)
    }

    /// Closes it.
    ///
    /// # Errors
    /// If it is gone.
    pub fn close(&self) -> Result<DataReport, BotError> {
        let stream_id = self.stream_id;
        self.transport.call(move |bot| bot.close_channel(stream_id))?.ok_or(BotError::Gone)
    }
}

fn wait<R: std::fmt::Debug>(
    deadline: Duration,
    look: impl Fn() -> Result<R, BotError>,
    seen: impl Fn(&R) -> bool,
) -> Result<R, BotError> {
    let until = Instant::now() + deadline;
    loop {
        let report = look()?;
        if seen(&report) {
            return Ok(report);
        }
        if Instant::now() > until {
            return Err(BotError::Late(format!("{report:?}")));
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
}
