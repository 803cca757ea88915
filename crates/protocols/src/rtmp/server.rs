//! RTMP server session: a peer that publishes or plays.
//!
//! Sources: RTMP 1.0 §7.2, Enhanced RTMP v2 "Enhancing NetConnection connect Command"; the order of the answers is
//! what ffmpeg, OBS (librtmp), GStreamer and rtmpdump were seen to expect.
mod commands;
mod request;
#[cfg(test)]
mod tests;

use super::message::{event, kind};
use super::wire::{Wire, media_of};
use super::{MEDIA_STREAM_ID, Media, Output, RtmpError, command};
use media::Moment;
use request::Connect;
pub use request::Request;
use std::collections::VecDeque;
use std::time::Duration;

/// Time for the handshake and `connect`: 10 s. A phone on a bad network needs three.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time from `connect`, or from the end of a stream, to `publish` or `play`: 30 s. Encoders keep a connection while
/// their user hesitates, but not for nothing.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Silence after which a publisher is given up, unless configured: 30 s.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Time between pings to a player: 20 s. They keep a connection without media known to routers and to players that give
/// up after 30 s of silence, and fail when the player is gone.
const PING_EVERY: Duration = Duration::from_secs(20);
/// Most bytes of messages kept until a request is answered: 4 MiB. Proper clients wait and send next to none.
const HELD_BYTES_MAX: usize = 4 << 20;

/// How a session behaves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// Silence after which a publisher is given up.
    pub idle: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { idle: IDLE_TIMEOUT }
    }
}

/// What a session tells its driver.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// The peer wants to publish: answer with [`Session::accept_publish`] or [`Session::reject`].
    Publish(Request),
    /// The peer wants to play: answer with [`Session::accept_play`] or [`Session::reject`]; then send what
    /// [`chunked`](super::chunked) makes, between two outputs of the session.
    Play(Request),
    /// A message of the published stream.
    Media(Media),
    /// The player paused (`true`) or goes on.
    Paused(bool),
    /// The peer ended its stream in order; another `Publish` or `Play` may follow on the connection.
    Ended,
}

/// One connection of a peer.
///
/// `Handshaking` → `Connecting` → `Idle` after `connect` → `Asked` with a request → `Publishing` or `Playing` → `Idle`
/// when the peer ends its stream. `Failed` is final and reached from each of them. A refused request goes back to
/// `Idle`; the driver may close the connection as soon as it is drained. While `Asked`, what the peer sends waits.
#[derive(Debug)]
pub struct Session {
    config: Config,
    wire: Wire,
    state: State,
    connect: Option<Connect>,
    events: VecDeque<Event>,
}

#[derive(Debug)]
enum State {
    Handshaking { until: Moment },
    Connecting { until: Moment },
    Idle { until: Moment },
    Asked(Asked),
    Publishing,
    Playing { ping_at: Moment },
    Failed(RtmpError),
}

/// A request without an answer yet.
#[derive(Debug)]
struct Asked {
    role: Role,
    stream: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    Publish,
    Play,
}

impl Session {
    /// For a connection accepted at `now`.
    pub fn new(config: Config, now: Moment) -> Self {
        Self {
            config,
            wire: Wire::server(now),
            state: State::Handshaking { until: now + HANDSHAKE_TIMEOUT },
            connect: None,
            events: VecDeque::new(),
        }
    }

    /// Takes bytes from the peer. What they lead to, an error included, comes out of
    /// [`poll_output`](Self::poll_output): drain it before the next input.
    pub fn handle_input(&mut self, data: &[u8], now: Moment) {
        if matches!(self.state, State::Failed(_)) {
            return;
        }
        // Messages before the fault count: an encoder's last words may be an orderly end.
        let read = self.wire.handle_input(data, now);
        self.go_on(now);
        if let Err(error) = read
            && !matches!(self.state, State::Failed(_))
        {
            self.state = State::Failed(error);
        }
    }

    fn go_on(&mut self, now: Moment) {
        if let Err(error) = self.handle_messages(now) {
            self.state = State::Failed(error);
        }
    }

    /// The next output. After an error only that error.
    pub fn poll_output(&mut self, now: Moment) -> Result<Output<Event>, RtmpError> {
        if let Some(bytes) = self.wire.next_transmit() {
            return Ok(Output::Transmit(bytes));
        }
        if let Some(event) = self.events.pop_front() {
            return Ok(Output::Event(event));
        }
        let timeout = |step, after| RtmpError::Timeout { step, after };
        let (until, expired) = match &mut self.state {
            State::Handshaking { until } => (*until, timeout("handshake", HANDSHAKE_TIMEOUT)),
            State::Connecting { until } => (*until, timeout("connect", HANDSHAKE_TIMEOUT)),
            State::Idle { until } => (*until, timeout("publish or play", REQUEST_TIMEOUT)),
            State::Asked(_) => return Ok(Output::WaitUntil(Moment::FAR_FUTURE)),
            State::Publishing => {
                (self.wire.received_at() + self.config.idle, timeout("media", self.config.idle))
            }
            State::Playing { ping_at } => {
                if now < *ping_at {
                    return Ok(Output::WaitUntil(*ping_at));
                }
                *ping_at = now + PING_EVERY;
                let time = (now.as_nanos() / 1_000_000) as u32;
                self.wire.send_event(event::PING_REQUEST, &time.to_be_bytes());
                return self.poll_output(now);
            }
            State::Failed(error) => return Err(error.clone()),
        };
        if now < until {
            return Ok(Output::WaitUntil(until));
        }
        self.state = State::Failed(expired.clone());
        Err(expired)
    }

    /// Bytes received after the handshake.
    pub const fn received_bytes(&self) -> u64 {
        self.wire.position()
    }

    /// Accepts the publication that the peer asked for; media follows. Without a request nothing happens.
    pub fn accept_publish(&mut self, now: Moment) {
        let Some(asked) = self.take_asked(Role::Publish) else { return };
        self.wire.send_event(event::STREAM_BEGIN, &MEDIA_STREAM_ID.to_be_bytes());
        self.status("status", "NetStream.Publish.Start", &format!("{} is now published", asked.stream));
        self.state = State::Publishing;
        self.go_on(now);
    }

    /// Accepts the play that the peer asked for. When the output is drained, send the stream's headers and units
    /// as [`chunked`](super::chunked) makes them. Without a request nothing happens.
    pub fn accept_play(&mut self, now: Moment) {
        let Some(asked) = self.take_asked(Role::Play) else { return };
        self.wire.send_event(event::STREAM_BEGIN, &MEDIA_STREAM_ID.to_be_bytes());
        self.status("status", "NetStream.Play.Reset", &format!("{} is reset", asked.stream));
        self.status("status", "NetStream.Play.Start", &format!("{} is started", asked.stream));
        // No `|RtmpSampleAccess` and no `NetStream.Data.Start`: only Flash wanted them, and FFmpeg takes each data
        // message that it does not know for a third track.
        self.state = State::Playing { ping_at: now + PING_EVERY };
        self.go_on(now);
    }

    /// Refuses the request, with a code such as `NetStream.Publish.BadName` or `NetStream.Play.StreamNotFound` and
    /// some words for people. Close the connection when the output is drained.
    pub fn reject(&mut self, code: &str, description: &str, now: Moment) {
        if matches!(self.state, State::Asked(_)) {
            self.status("error", code, description);
            self.state = State::Idle { until: now + REQUEST_TIMEOUT };
            self.go_on(now);
        }
    }

    /// Ends the stream from our side, in order: a player hears that it was unpublished, a publisher that it may
    /// stop. Close the connection when the output is drained.
    pub fn finish(&mut self, description: &str, now: Moment) {
        match self.state {
            State::Playing { .. } => {
                self.wire.send_event(event::STREAM_EOF, &MEDIA_STREAM_ID.to_be_bytes());
                self.status("status", "NetStream.Play.UnpublishNotify", description);
                self.status("status", "NetStream.Play.Stop", description);
            }
            State::Publishing => self.status("status", "NetStream.Unpublish.Success", description),
            State::Handshaking { .. }
            | State::Connecting { .. }
            | State::Idle { .. }
            | State::Asked(_)
            | State::Failed(_) => return,
        }
        self.state = State::Idle { until: now + REQUEST_TIMEOUT };
    }

    fn take_asked(&mut self, role: Role) -> Option<Asked> {
        if !matches!(&self.state, State::Asked(asked) if asked.role == role) {
            return None;
        }
        // The caller sets the state that follows.
        match std::mem::replace(&mut self.state, State::Publishing) {
            State::Asked(asked) => Some(asked),
            State::Handshaking { .. }
            | State::Connecting { .. }
            | State::Idle { .. }
            | State::Publishing
            | State::Playing { .. }
            | State::Failed(_) => None,
        }
    }

    fn status(&mut self, level: &str, code: &str, description: &str) {
        self.wire.send_command(MEDIA_STREAM_ID, &command::on_status(level, code, description));
    }

    fn handle_messages(&mut self, now: Moment) -> Result<(), RtmpError> {
        if let (State::Handshaking { until }, true) = (&self.state, self.wire.is_handshake_done()) {
            self.state = State::Connecting { until: *until };
        }
        while !matches!(self.state, State::Asked(_)) {
            let Some(message) = self.wire.next_message() else { return Ok(()) };
            match (message.kind, &self.state) {
                (kind::COMMAND_AMF0 | kind::COMMAND_AMF3, _) => {
                    let command = command::Command::parse(&message, self.wire.position())?;
                    self.handle_command(&command, now)?;
                }
                (_, State::Publishing) => {
                    self.events.extend(media_of(message).into_iter().map(Event::Media));
                }
                // Media without a publication belongs to nobody.
                (_, _) => {}
            }
        }
        if self.wire.waiting_bytes() > HELD_BYTES_MAX {
            return Err(RtmpError::Impatient { max: HELD_BYTES_MAX });
        }
        Ok(())
    }
}
