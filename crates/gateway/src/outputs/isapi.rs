//! Hikvision cameras and intercoms: `isapi://user:password@host:port/`, as go2rtc writes it; `isapis:` over TLS, and
//! `isapix:`, which takes any certificate.
//!
//! Source: `protocols::isapi`, which has the dialogue; this file has the sockets. Options: `#channel=2` (on recorders,
//! camera N has N + 1), `#codec=pcma` where the device lists another one than it takes, `#occupied=close` for devices
//! that keep calls open which nobody holds, `#upload=body` for IP speakers.
mod sockets;

use super::call::{self, Device, Word};
use super::encoder::Encoders;
use super::options;
use super::sound::Sound;
use crate::sources::dial::Security;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use hub::{Deliver, OutputTask, PeerInfo, SourceError};
use media::{Codec, Fault};
use protocols::isapi::IsapiUrl;
use protocols::isapi::client::{Answer, Client, Config, Error, Occupied, Output, Report, Step, Upload};
use sockets::{Heard, Sockets};
use std::collections::VecDeque;
use std::time::Duration;

/// Most sound that waits while the device opens the call: 60 ms. It is heard as delay for the whole of a call, so a call
/// begins with what is said now.
const BACKLOG_MAX: Duration = Duration::from_millis(60);
/// Without sound for this long a call ends by itself. The hub ends it long before: this is for one that does not.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// Calls devices over ISAPI.
#[derive(Clone, Debug)]
pub struct IsapiOutputs {
    encoders: Encoders,
}

impl IsapiOutputs {
    pub(super) fn new(encoders: Encoders) -> Self {
        Self { encoders }
    }
}

/// What a configured URL means.
fn parse(url: &str) -> Result<(IsapiUrl, Config), SourceError> {
    let address = IsapiUrl::parse(url).map_err(|error| SourceError::config(error.to_string()))?;
    let mut config = Config::new(url);
    config.backlog_max = BACKLOG_MAX;
    config.timeouts.idle = IDLE_MAX;
    for (key, value) in options::options(url) {
        match (key.as_str(), value.as_str()) {
            ("channel", value) => {
                let number = value.parse().ok();
                config.channel =
                    Some(number.ok_or_else(|| options::wrong(&key, value, "the number of a talk channel"))?);
            }
            ("codec", value) => config.codec = Some(options::codec(&key, value)?),
            ("occupied", "leave") => config.occupied = Occupied::Leave,
            ("occupied", "close") => config.occupied = Occupied::Close,
            ("occupied", value) => return Err(options::wrong(&key, value, "leave or close")),
            ("upload", "reply") => config.upload = Upload::BehindReply,
            ("upload", "body") => config.upload = Upload::LongBody,
            ("upload", value) => return Err(options::wrong(&key, value, "reply or body")),
            // Those of go2rtc that mean nothing here are left alone, so that its configurations work.
            _ => {}
        }
    }
    Ok((address, config))
}

fn security(url: &IsapiUrl) -> Security {
    match (url.tls, url.unverified) {
        (false, _) => Security::Plain,
        (true, false) => Security::Verified,
        (true, true) => Security::Unverified,
    }
}

impl Deliver for IsapiOutputs {
    fn takes(&self, url: &str) -> bool {
        let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
        ["isapi", "isapis", "isapix"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
    }

    fn check(&self, url: &str) -> Result<(), SourceError> {
        let (_, config) = parse(url)?;
        if config.codec == Some(Codec::Aac) { self.encoders.check() } else { Ok(()) }
    }

    fn peer(&self, url: &str) -> PeerInfo {
        let protocol = "isapi";
        match parse(url) {
            Ok((address, _)) => {
                let transport = if address.tls { "tls" } else { "tcp" };
                let remote = format!("{}:{}", address.host, address.port);
                PeerInfo { protocol, transport, remote, ..PeerInfo::default() }
            }
            Err(_) => PeerInfo { protocol, ..PeerInfo::default() },
        }
    }

    fn run(&self, task: OutputTask) -> LocalBoxFuture<'static, Result<(), SourceError>> {
        let peer = self.peer(&task.url);
        let encoders = self.encoders.clone();
        async move {
            let device = Call::new(&task.url, task.worker.limits().source_stop_max)?;
            call::run(task, peer, device, &encoders).await
        }
        .boxed_local()
    }
}

/// One call.
struct Call {
    client: Client,
    sockets: Sockets,
    words: VecDeque<Result<Word, SourceError>>,
    /// Steps of the client's list that were told.
    steps_told: usize,
    /// Frames and bytes of sound that were told.
    told: (u64, u64),
}

impl Call {
    /// A call that begins at once. `stop_max`: how long its end may take.
    fn new(url: &str, stop_max: Duration) -> Result<Self, SourceError> {
        let (address, mut config) = parse(url)?;
        // The end may begin while an open is under way, which is waited for before the close.
        config.timeouts.close = config.timeouts.close.min(stop_max / 2);
        config.timeouts.overtaking = config.timeouts.overtaking.min(stop_max / 6);
        let mut client = Client::new(config).map_err(|error| SourceError::config(error.to_string()))?;
        client.handle_start(hub::now());
        let sockets = Sockets::new(address.host.clone(), address.port, security(&address));
        Ok(Self { client, sockets, words: VecDeque::new(), steps_told: 0, told: (0, 0) })
    }

    /// Does what the client says; returns when it wants to be asked again.
    fn drain(&mut self) -> media::Moment {
        loop {
            let output = self.client.poll_output(hub::now());
            self.tell();
            match output {
                Output::Connect { connection } => self.sockets.dial(connection),
                Output::Send { connection, bytes } => self.sockets.send(connection, bytes),
                Output::Close { connection } => self.sockets.close(connection),
                Output::Offer(offer) => {
                    let word = match Sound::of(&offer.track, offer.bitrate_kbps) {
                        Some(sound) => Ok(Word::Takes(sound)),
                        None => Err(no_encoder(offer.track.codec, offer.track.clock_rate)),
                    };
                    self.words.push_back(word);
                }
                Output::Opened => self.words.push_back(Ok(Word::Opened)),
                Output::Ended(report) => {
                    let ended = self.ended(*report);
                    self.words.push_back(ended);
                }
                Output::WaitUntil(at) => return at,
            }
        }
    }

    /// Tells what the client did since the last time.
    fn tell(&mut self) {
        for step in &self.client.steps()[self.steps_told..] {
            self.words.push_back(Ok(told(step)));
        }
        self.steps_told = self.client.steps().len();
        let sound = self.client.sound();
        let frames = sound.frames - self.told.0;
        // Frames are of one size, but for AAC's.
        for frame in 0..frames {
            let left = sound.bytes - self.told.1;
            let bytes = left / (frames - frame);
            self.told.1 += bytes;
            self.words.push_back(Ok(Word::Sent(bytes as usize)));
        }
        self.told.0 = sound.frames;
    }

    fn ended(&mut self, report: Report) -> Result<Word, SourceError> {
        let Err(error) = report.why else { return Ok(Word::Ended) };
        let url = self.client.url();
        if let (Error::Lost { .. }, Some(error)) = (&error, self.sockets.hopeless.take()) {
            return Err(error);
        }
        let message = format!("{}:{}: {error}", url.host, url.port);
        // Somebody else's call may be over soon, whatever the device says about rights.
        let may_pass = matches!(error, Error::Forbidden { .. });
        let fault = error.fault();
        Err(SourceError::new(message, fault, may_pass || fault != Fault::Config))
    }
}

impl Device for Call {
    async fn next(&mut self) -> Result<Word, SourceError> {
        loop {
            let wait = self.drain();
            if let Some(word) = self.words.pop_front() {
                return word;
            }
            let heard = tokio::select! {
                heard = self.sockets.next() => heard,
                () = hub::sleep_until(wait) => continue,
            };
            let now = hub::now();
            match heard {
                Heard::Connected(connection) => self.client.handle_connected(connection, now),
                Heard::Bytes(connection, bytes) => self.client.handle_bytes(connection, &bytes, now),
                Heard::Eof(connection) => self.client.handle_eof(connection, now),
                Heard::Lost(connection, why) => self.client.handle_lost(connection, &why, now),
            }
        }
    }

    fn speak(&mut self, frame: &Bytes, duration: Duration) {
        self.client.handle_audio(frame, duration, hub::now());
    }

    fn hang_up(&mut self) {
        self.client.handle_stop(hub::now());
    }
}

fn no_encoder(codec: Codec, rate: u32) -> SourceError {
    SourceError::config(format!(
        "the device takes {codec} at {rate} Hz, which is not made here: choose G.711 or G.722 on the device's page for audio"
    ))
}

fn told(step: &Step) -> Word {
    let outcome = match &step.answer {
        Answer::Status(status) => format!("answered {status}"),
        Answer::None => "no answer".to_owned(),
        Answer::HungUp => "the device hung up".to_owned(),
        Answer::Lost(why) => why.clone(),
        Answer::Garbage => "the answer makes no sense".to_owned(),
        Answer::Abandoned => "given up".to_owned(),
    };
    Word::Step(step.ask.to_string(), outcome, step.took)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outputs::encoder::tests::no_encoders;

    #[test]
    fn urls_are_checked_without_touching_the_network() {
        let outputs = IsapiOutputs::new(no_encoders());
        for right in [
            "isapi://admin:p@ss#1@10.0.0.9:80/",
            "isapix://10.0.0.9/#channel=2#codec=pcma#occupied=close#upload=body",
            "ISAPI://door",
        ] {
            assert!(outputs.takes(right));
            assert_eq!(outputs.check(right), Ok(()), "{right}");
        }
        for wrong in
            ["isapi://", "isapi://u:secret@h/#channel=x", "isapi://h/#codec=mp3", "isapi://h/#occupied=yes"]
        {
            assert!(outputs.takes(wrong));
            let error = outputs.check(wrong).unwrap_err();
            assert!(!error.retry && !error.message.contains("secret"), "{error}");
        }
        let aac = outputs.check("isapi://h/#codec=aac").unwrap_err();
        assert!(aac.message.contains("allow_paths: [ffmpeg]") && aac.message.contains("G.711"), "{aac}");
        assert!(!outputs.takes("rtsp://h/a#backchannel=1") && !outputs.takes("isapi"));
        let peer = outputs.peer("isapis://u:secret@h/");
        assert_eq!((peer.transport, peer.remote.as_str()), ("tls", "h:443"));
    }
}
