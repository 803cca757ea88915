//! RTSP server session: one reader or one publisher on one connection.
//!
//! Source: RFC 2326 §10, Appendix A. Owns the framer, the state, the session id, and which track goes over which
//! channels. Streams, ports, clocks and the media itself are the driver's: it writes interleaved frames straight
//! from its shared buffers, between two `Transmit`s.
//!
//! Requests that need the driver come as [`Event`]s and wait for its answer ([`Session::describe_ok`],
//! [`Session::setup_ok`], …, or [`Session::reject`]); until then nothing that follows is read.
mod access;
mod config;
mod event;
mod media_flow;
mod path;
mod present;
mod setup;
#[cfg(test)]
mod tests;

pub use config::{Config, INGEST_TIMEOUT, READER_TIMEOUT};
pub use event::{Carrier, Error, Event, Output, Played, TrackStart};
pub use path::Target;

use super::framer::{FrameError, Framer, Incoming};
use super::message::{Method, Request, Response};
use crate::auth::Verifier;
use bytes::{Bytes, BytesMut};
use media::{Moment, TrackId};
use path::Controls;
use std::collections::VecDeque;

/// Most bytes that may wait behind an unanswered request: 1 MiB. A publisher sends none before RECORD is
/// answered; a reader sends RTCP of some hundred bytes.
pub const WAITING_BYTES_MAX: usize = 1 << 20;
/// Wrong answers to 401 on one connection: 5, then it is closed.
pub const REFUSALS_MAX: u8 = 5;

/// `Init` → `Described` → `ReadyToPlay` ⇄ `Playing`, or `Init` → `Announced` → `ReadyToRecord` ⇄ `Recording`; each
/// may become `Closed` or `Failed`, which are final.
#[derive(Clone, PartialEq, Eq, Debug)]
enum State {
    Init,
    Described,
    ReadyToPlay,
    Playing,
    Announced,
    ReadyToRecord,
    Recording,
    Closed,
    Failed(Error),
}

impl State {
    const fn name(&self) -> &'static str {
        match self {
            State::Init => "before DESCRIBE or ANNOUNCE",
            State::Described => "after DESCRIBE",
            State::ReadyToPlay => "before PLAY",
            State::Playing => "playing",
            State::Announced => "after ANNOUNCE",
            State::ReadyToRecord => "before RECORD",
            State::Recording => "recording",
            State::Closed => "closed",
            State::Failed(_) => "failed",
        }
    }
}

/// The request that waits for the driver.
#[derive(Clone, Debug)]
struct Waiting {
    request: Request,
    kind: WaitingFor,
}

#[derive(Clone, Debug)]
enum WaitingFor {
    Describe,
    Announce(Controls),
    Setup { slot: usize, carrier: Carrier },
    Play,
}

/// One media section of the description in use.
#[derive(Clone, Debug, Default)]
struct Slot {
    /// The driver's number; none for a section that is understood by nobody here.
    track: Option<TrackId>,
    carrier: Option<Carrier>,
    /// The reader sends, and we take.
    back: bool,
}

/// What a channel carries; a channel of a section without track carries nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct ChannelUse {
    track: Option<TrackId>,
    is_rtcp: bool,
}

/// A server session on one connection. `Closed` and `Failed` are final.
#[derive(Debug)]
pub struct Session {
    config: Config,
    verifier: Option<Verifier>,
    user: Option<String>,
    refusals: u8,
    framer: Framer,
    state: State,
    outputs: VecDeque<Output>,
    waiting: Option<Waiting>,
    id: String,
    target: Target,
    /// The URL that controls are relative to, as the client wrote it; ends with a slash.
    base: String,
    controls: Controls,
    slots: Vec<Slot>,
    channels: [Option<ChannelUse>; 256],
    heard_at: Moment,
    media_at: Moment,
    disconnected: bool,
}

impl Session {
    /// A session on a fresh connection. With a verifier, everything but OPTIONS needs credentials.
    pub fn new(config: Config, verifier: Option<Verifier>, now: Moment) -> Self {
        Self {
            config,
            verifier,
            user: None,
            refusals: 0,
            framer: Framer::new(),
            state: State::Init,
            outputs: VecDeque::new(),
            waiting: None,
            id: access::session_id(),
            target: Target::default(),
            base: String::new(),
            controls: Controls::default(),
            slots: Vec::new(),
            channels: [None; 256],
            heard_at: now,
            media_at: now,
            disconnected: false,
        }
    }

    /// The session's id, 128 bits of hex.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The channels of RTP and RTCP of a track that goes over the connection.
    pub fn channels(&self, track: TrackId) -> Option<(u8, u8)> {
        match self.slots.iter().find(|slot| slot.track == Some(track))?.carrier {
            Some(Carrier::Tcp { rtp, rtcp }) => Some((rtp, rtcp)),
            Some(Carrier::Udp { .. }) | None => None,
        }
    }

    /// The receive buffer, to be appended to by the socket; then call [`Session::handle_received`].
    pub fn receive_buffer(&mut self) -> &mut BytesMut {
        self.framer.buffer_mut()
    }

    /// Bytes were appended to the receive buffer.
    pub fn handle_received(&mut self, _now: Moment) {}

    /// Bytes came in. Copies them; sockets better read into [`Session::receive_buffer`].
    pub fn handle_input(&mut self, data: &[u8], now: Moment) {
        self.framer.handle_input(data);
        self.handle_received(now);
    }

    /// The client closed the connection. What it sent before is still handled.
    pub fn handle_disconnected(&mut self, _now: Moment) {
        self.disconnected = true;
    }

    /// A datagram of this session came in on the driver's sockets: RTCP of a reader, or a publisher's media.
    pub fn handle_datagram(&mut self, now: Moment) {
        self.heard_at = now;
        self.media_at = now;
    }

    /// Ends the session from this side; [`Event::Closed`] follows.
    pub fn close(&mut self, _now: Moment) {
        if !self.is_final() {
            self.finish();
        }
    }

    /// The next thing to do, or the reason of the end, for ever.
    pub fn poll_output(&mut self, now: Moment) -> Result<Output, Error> {
        loop {
            if let Some(output) = self.outputs.pop_front() {
                return Ok(output);
            }
            match &self.state {
                State::Failed(error) => return Err(error.clone()),
                State::Closed => return Ok(Output::WaitUntil(Moment::FAR_FUTURE)),
                State::Init
                | State::Described
                | State::ReadyToPlay
                | State::Playing
                | State::Announced
                | State::ReadyToRecord
                | State::Recording => {}
            }
            if self.waiting.is_some() {
                let bytes = self.framer.buffered();
                if self.disconnected {
                    self.end_of_input();
                } else if bytes > WAITING_BYTES_MAX {
                    let at = self.framer.position();
                    self.fail(FrameError::Overflow { at, bytes }.into());
                } else {
                    return Ok(Output::WaitUntil(Moment::FAR_FUTURE));
                }
                continue;
            }
            match self.framer.poll() {
                Ok(Some(Incoming::Interleaved { channel, data })) => {
                    if let Some(event) = self.media_event(channel, data, now) {
                        return Ok(Output::Event(event));
                    }
                }
                Ok(Some(Incoming::Request(request))) => {
                    self.heard_at = now;
                    self.handle_request(request, now);
                }
                // To nothing that was asked.
                Ok(Some(Incoming::Response(_))) => self.heard_at = now,
                Ok(None) if self.disconnected => self.end_of_input(),
                Ok(None) => match self.deadline() {
                    (at, error) if now >= at => self.fail(error),
                    (at, _) => return Ok(Output::WaitUntil(at)),
                },
                Err(error) => {
                    let answer = Response::new(400);
                    self.outputs.push_back(Output::Transmit(answer.encode()));
                    self.fail(error.into());
                }
            }
        }
    }

    fn handle_request(&mut self, request: Request, now: Moment) {
        if request.method == Method::Options {
            return self.answer_options(&request);
        }
        if !self.is_let_in(&request, now) || !self.is_of_this_session(&request) {
            return;
        }
        match request.method {
            Method::Describe => self.handle_describe(request),
            Method::Announce => self.handle_announce(request),
            Method::Setup => self.handle_setup(request),
            Method::Play => self.handle_play(request),
            Method::Pause => self.handle_pause(&request),
            Method::Record => self.handle_record(&request, now),
            Method::Teardown => self.handle_teardown(&request),
            Method::GetParameter | Method::SetParameter => {
                let response = self.response(&request, 200);
                self.transmit(response);
            }
            Method::Options => {}
            Method::Redirect | Method::Other(_) => {
                let text = format!("{} is not implemented", request.method);
                self.refuse(&request, 501, &text);
            }
        }
    }

    /// Refuses the waiting request: an RTSP status, and one sentence that says what helps. False when nothing waits.
    pub fn reject(&mut self, status: u16, reason: &str) -> bool {
        let Some(waiting) = self.waiting.take() else { return false };
        self.refuse(&waiting.request, status, reason);
        true
    }

    fn answer_options(&mut self, request: &Request) {
        let response = self.response(request, 200).with("Public", PUBLIC);
        self.transmit(response);
    }

    fn response(&self, request: &Request, status: u16) -> Response {
        let mut response = Response::new(status);
        if let Some(cseq) = request.headers.get("CSeq") {
            response.headers.push("CSeq", cseq);
        }
        response.headers.push("Server", self.config.server_name.clone());
        if let Some(session) = request.headers.get("Session") {
            response.headers.push("Session", session);
        }
        response
    }

    fn refuse(&mut self, request: &Request, status: u16, reason: &str) {
        let mut response = self.response(request, status);
        if !reason.is_empty() {
            reason.clone_into(&mut response.reason);
        }
        self.transmit(response);
    }

    fn transmit(&mut self, response: Response) {
        self.outputs.push_back(Output::Transmit(response.encode()));
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    const fn is_final(&self) -> bool {
        match self.state {
            State::Closed | State::Failed(_) => true,
            State::Init
            | State::Described
            | State::ReadyToPlay
            | State::Playing
            | State::Announced
            | State::ReadyToRecord
            | State::Recording => false,
        }
    }

    fn finish(&mut self) {
        self.state = State::Closed;
        self.waiting = None;
        self.event(Event::Closed);
    }

    fn fail(&mut self, error: Error) {
        self.state = State::Failed(error);
        self.waiting = None;
    }

    fn media_event(&mut self, channel: u8, data: Bytes, now: Moment) -> Option<Event> {
        let ChannelUse { track, is_rtcp } = self.channels[usize::from(channel)]?;
        self.heard_at = now;
        if is_rtcp {
            return Some(Event::Rtcp { track: track?, data });
        }
        let track = track?;
        let back = || self.slots.iter().any(|slot| slot.back && slot.track == Some(track));
        if self.state != State::Recording && !(self.state == State::Playing && back()) {
            return None;
        }
        self.media_at = now;
        Some(Event::Rtp { track, data })
    }
}

/// What `Public` says.
const PUBLIC: &str =
    "OPTIONS, DESCRIBE, ANNOUNCE, SETUP, PLAY, PAUSE, RECORD, TEARDOWN, GET_PARAMETER, SET_PARAMETER";
