//! RTSP client session: pulls a stream from a camera or server.
//!
//! Source: RFC 2326 §10 and what cameras make of it. Owns the framer, the state, the one open request, the session
//! id and the map from channels to tracks. Dialling, ports and clocks are the driver's.
//!
//! Devices differ as follows, and each of it is a test: they close instead of answering 401, omit `Session`,
//! `CSeq` or `Transport`, answer SETUP with other channels than asked, send media before the reply to PLAY, leave
//! keep-alives unanswered, and write control URLs in every form there is.
mod answer;
mod config;
mod describe;
mod event;
mod play;
mod request;
mod setup;
mod talk;
mod teardown;
#[cfg(test)]
mod tests;

pub use config::{BackChannel, Config, MediaFilter, Timeouts, TransportPreference};
pub use event::{Carrier, Error, Event, Output, Reconnect, TrackStart};
pub use teardown::Goodbye;

use super::framer::{Framer, Incoming};
use super::message::Method;
use super::transport::Lower;
use super::url::RtspUrl;
use crate::auth::ClientAuth;
use bytes::{BufMut as _, Bytes, BytesMut};
use formats::sdp::MediaSection;
use media::{Moment, TrackId};
use request::Pending;
use std::collections::VecDeque;
use std::time::Duration;
use talk::Talk;

/// Most redirects in a row: 5, as browsers of old had it; a loop shows by then.
pub const REDIRECTS_MAX: u8 = 5;
/// Session timeout when the server names none: 60 s. Source: RFC 2326 §12.37.
pub const SESSION_TIMEOUT_DEFAULT: Duration = Duration::from_secs(60);

/// `Idle` → `Options` → `Describe` → (`Ports` →) `Setup`… → `Play` → `Playing` → `Teardown` → `Closed`. Each but
/// the last may become `Moved` (a successor goes on), `Closed` or `Failed`; these three are final.
#[derive(Clone, PartialEq, Debug)]
enum State {
    Idle,
    Options,
    Describe,
    /// Waits for the driver's UDP ports.
    Ports(usize),
    Setup(usize),
    Play,
    Playing,
    Teardown {
        deadline: Moment,
    },
    Moved,
    Closed,
    Failed(Box<Error>),
}

impl State {
    const fn name(&self) -> &'static str {
        match self {
            State::Idle => "connecting",
            State::Options => "OPTIONS",
            State::Describe => "DESCRIBE",
            State::Ports(_) | State::Setup(_) => "SETUP",
            State::Play => "PLAY",
            State::Playing => "playing",
            State::Teardown { .. } => "TEARDOWN",
            State::Moved => "reconnecting",
            State::Closed => "closed",
            State::Failed(_) => "failed",
        }
    }

    const fn is_final(&self) -> bool {
        match self {
            State::Moved | State::Closed | State::Failed(_) => true,
            State::Idle
            | State::Options
            | State::Describe
            | State::Ports(_)
            | State::Setup(_)
            | State::Play
            | State::Playing
            | State::Teardown { .. } => false,
        }
    }
}

/// One track that is to be, or is, set up.
#[derive(Clone, Debug)]
struct ClientTrack {
    section: MediaSection,
    /// The URL of its SETUP.
    control: String,
    /// We send, the camera takes.
    back: bool,
    ready: bool,
    udp_ports: Option<(u16, u16)>,
    /// The channels of RTP and RTCP that the server chose.
    channels: Option<(u8, u8)>,
}

/// What a channel carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct ChannelUse {
    track: TrackId,
    is_rtcp: bool,
}

/// A client session on one connection. After [`Event::Reconnect`] its [`Client::successor`] goes on.
#[derive(Debug)]
pub struct Client {
    config: Config,
    url: RtspUrl,
    auth: ClientAuth,
    framer: Framer,
    state: State,
    outputs: VecDeque<Output>,
    pending: Option<Pending>,
    /// A request given up; its late reply is nobody's.
    abandoned: Option<u32>,
    cseq: u32,
    lower: Lower,
    /// Tried because the server refused the other one.
    lower_changed: bool,
    /// The URL that control URLs are relative to, then that of PLAY and TEARDOWN.
    aggregate: String,
    tracks: Vec<ClientTrack>,
    channels: [Option<ChannelUse>; 256],
    session_id: Option<String>,
    session_timeout: Duration,
    /// What the server says it knows; empty when it says nothing.
    public: Vec<Method>,
    /// The server refused GET_PARAMETER: OPTIONS from now on.
    ping_with_options: bool,
    ping_at: Moment,
    input_at: Moment,
    media_at: Moment,
    media_seen: bool,
    disconnected: bool,
    redirects: u8,
    /// This is already the second connection because of a hang-up.
    hung_up_before: bool,
    successor: Option<Box<Client>>,
    /// The camera does not know what it is to require: it is asked as others are.
    plain_talk: bool,
    /// It refused to play from now on.
    knows_no_now: bool,
    talk: Option<Talk>,
    goodbye: Goodbye,
}

impl Client {
    /// A client that waits for its connection; see [`Client::url`] for where to.
    pub fn new(config: Config) -> Result<Self, Error> {
        let url = RtspUrl::parse(&config.url)?;
        let credentials = config.credentials.clone().or_else(|| url.credentials.clone());
        let lower = match config.transport {
            TransportPreference::Auto | TransportPreference::Tcp => Lower::Tcp,
            TransportPreference::Udp => Lower::Udp,
        };
        Ok(Self {
            aggregate: url.request_uri().to_owned(),
            auth: ClientAuth::new(credentials),
            config,
            url,
            framer: Framer::new(),
            state: State::Idle,
            outputs: VecDeque::new(),
            pending: None,
            abandoned: None,
            cseq: 0,
            lower,
            lower_changed: false,
            tracks: Vec::new(),
            channels: [None; 256],
            session_id: None,
            session_timeout: SESSION_TIMEOUT_DEFAULT,
            public: Vec::new(),
            ping_with_options: false,
            ping_at: Moment::FAR_FUTURE,
            input_at: Moment::ZERO,
            media_at: Moment::ZERO,
            media_seen: false,
            disconnected: false,
            redirects: 0,
            hung_up_before: false,
            successor: None,
            plain_talk: false,
            knows_no_now: false,
            talk: None,
            goodbye: Goodbye::default(),
        })
    }

    /// Where to dial.
    pub const fn url(&self) -> &RtspUrl {
        &self.url
    }

    /// The client for the next connection, after [`Event::Reconnect`]. It keeps the credentials (for the same host
    /// only), the challenge and the count of redirects.
    pub fn successor(&mut self) -> Option<Client> {
        self.successor.take().map(|boxed| *boxed)
    }

    /// The connection stands: the dialogue begins.
    pub fn handle_connected(&mut self, now: Moment) {
        self.input_at = now;
        if self.state == State::Idle {
            if self.hung_up_before {
                // Some hang up on OPTIONS.
                self.send_describe(now);
            } else {
                self.send_options(now);
            }
        }
    }

    /// The receive buffer, to be appended to by the socket; then call [`Client::handle_received`].
    pub fn receive_buffer(&mut self) -> &mut BytesMut {
        self.framer.buffer_mut()
    }

    /// Bytes were appended to the receive buffer.
    pub fn handle_received(&mut self, now: Moment) {
        self.input_at = now;
    }

    /// Bytes came in. Copies them; sockets better read into [`Client::receive_buffer`].
    pub fn handle_input(&mut self, data: &[u8], now: Moment) {
        self.framer.handle_input(data);
        self.handle_received(now);
    }

    /// The server closed the connection. What it sent before is still handled.
    pub fn handle_disconnected(&mut self, _now: Moment) {
        self.disconnected = true;
    }

    /// A datagram of media came in on the driver's sockets.
    pub fn handle_udp_media(&mut self, now: Moment) {
        self.media_at = now;
        self.media_seen = true;
    }

    /// Sends one RTCP packet of a track over the connection. False when the track is not carried by it.
    pub fn send_rtcp(&mut self, track: TrackId, packet: &[u8]) -> bool {
        let channels = self.tracks.get(usize::from(track)).and_then(|track| track.channels);
        let (Some((_, rtcp)), false) = (channels, self.state.is_final()) else { return false };
        self.transmit_framed(rtcp, packet)
    }

    fn transmit_framed(&mut self, channel: u8, packet: &[u8]) -> bool {
        let Ok(length) = u16::try_from(packet.len()) else { return false };
        let mut frame = BytesMut::with_capacity(4 + packet.len());
        frame.put_u8(b'$');
        frame.put_u8(channel);
        frame.put_u16(length);
        frame.put_slice(packet);
        self.outputs.push_back(Output::Transmit(frame.freeze()));
        true
    }

    /// The next thing to do, or the reason of the end, for ever.
    pub fn poll_output(&mut self, now: Moment) -> Result<Output, Error> {
        loop {
            if let Some(output) = self.outputs.pop_front() {
                return Ok(output);
            }
            match &self.state {
                State::Failed(error) => return Err(error.as_ref().clone()),
                State::Moved | State::Closed => return Ok(Output::WaitUntil(Moment::FAR_FUTURE)),
                State::Idle
                | State::Options
                | State::Describe
                | State::Ports(_)
                | State::Setup(_)
                | State::Play
                | State::Playing
                | State::Teardown { .. } => {}
            }
            match self.framer.poll() {
                Ok(Some(Incoming::Interleaved { channel, data })) => {
                    if let Some(event) = self.media_event(channel, data, now) {
                        return Ok(Output::Event(event));
                    }
                }
                Ok(Some(Incoming::Response(response))) => self.handle_response(response, now),
                Ok(Some(Incoming::Request(request))) => self.answer(&request),
                Ok(None) if self.disconnected => self.handle_end_of_input(now),
                Ok(None) => {
                    if let Some(wait) = self.run_timers(now) {
                        return Ok(Output::WaitUntil(wait));
                    }
                }
                Err(_) if matches!(self.state, State::Teardown { .. }) => self.finish(),
                Err(error) => self.fail(error.into()),
            }
        }
    }

    fn media_event(&mut self, channel: u8, data: Bytes, now: Moment) -> Option<Event> {
        let ChannelUse { track, is_rtcp } = self.channels[usize::from(channel)]?;
        if matches!(self.state, State::Teardown { .. }) {
            return None;
        }
        if is_rtcp {
            return Some(Event::Rtcp { track, data });
        }
        if self.tracks.get(usize::from(track)).is_some_and(|track| track.back) {
            return None;
        }
        self.media_at = now;
        self.media_seen = true;
        Some(Event::Rtp { track, data })
    }

    /// Does what is due; otherwise says when something will be.
    fn run_timers(&mut self, now: Moment) -> Option<Moment> {
        let mut wait = Moment::FAR_FUTURE;
        if self.framer.is_mid_message() {
            let body_at = self.input_at + self.config.timeouts.body;
            if now >= body_at {
                if let Some(Incoming::Response(response)) = self.framer.take_incomplete() {
                    self.handle_response(response, now);
                }
                return None;
            }
            wait = wait.min(body_at);
        }
        match self.state {
            State::Playing => wait = wait.min(self.run_playing_timers(now)?),
            State::Teardown { deadline } if now >= deadline => {
                self.finish();
                return None;
            }
            State::Teardown { deadline } => wait = wait.min(deadline),
            State::Idle
            | State::Options
            | State::Describe
            | State::Ports(_)
            | State::Setup(_)
            | State::Play
            | State::Moved
            | State::Closed
            | State::Failed(_) => {
                if let Some(pending) = &self.pending {
                    let after = self.config.timeouts.reply;
                    if now >= pending.sent_at + after {
                        let (method, cseq) = (pending.method.to_string(), pending.cseq);
                        self.fail(Error::NoReply { method, cseq, after });
                        return None;
                    }
                    wait = wait.min(pending.sent_at + after);
                }
            }
        }
        Some(wait)
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn fail(&mut self, error: Error) {
        if !self.state.is_final() {
            self.state = State::Failed(Box::new(error));
            self.pending = None;
        }
    }
}
