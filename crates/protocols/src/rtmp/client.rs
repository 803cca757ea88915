//! RTMP client session: we play a stream of a server, or publish one to it.
//!
//! Sources: RTMP 1.0 §7.2, Enhanced RTMP v2. The handshake is the simple one, which every server in the field takes;
//! Adobe's `authmod=adobe` user authentication is not spoken.
mod commands;
mod target;
#[cfg(test)]
mod tests;

use super::message::{event, kind};
use super::wire::{Wire, is_event, media_of};
use super::{Media, Output, RtmpError, command};
use bytes::Bytes;
use formats::amf0::{Value, encode};
use formats::flv::{self, TagKind};
use media::Moment;
use std::collections::VecDeque;
use std::time::Duration;
pub use target::{Target, TargetError};

/// Time for each step until media flows: 10 s.
pub const STEP_TIMEOUT: Duration = Duration::from_secs(10);
/// Silence after which a server that should send is given up, unless configured: 30 s.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// What we want of the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Receive the stream.
    Play,
    /// Send the stream.
    Publish,
}

/// How a session behaves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// Which stream of which application.
    pub target: Target,
    /// Receive or send.
    pub role: Role,
    /// Silence after which a server that should send is given up.
    pub idle: Duration,
}

impl Config {
    /// With the default limits.
    pub const fn new(target: Target, role: Role) -> Self {
        Self { target, role, idle: IDLE_TIMEOUT }
    }
}

/// What a session tells its driver.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// The server accepted: media comes, or may be sent.
    Started,
    /// A message of the stream that is played.
    Media(Media),
    /// The server ended the stream, with this code; nothing more comes.
    Ended {
        /// Such as `NetStream.Play.UnpublishNotify`.
        code: String,
    },
}

/// One connection to a server.
///
/// `Handshaking` → `Connecting` → `Creating` → `Asking` → `Running` → `Over`; `Failed` is reached from each of them. `Over`
/// and `Failed` are final.
#[derive(Debug)]
pub struct Session {
    config: Config,
    wire: Wire,
    state: State,
    stream: u32,
    events: VecDeque<Event>,
}

#[derive(Debug)]
enum State {
    Handshaking { until: Moment },
    Connecting { until: Moment },
    Creating { until: Moment },
    Asking { until: Moment },
    Running,
    Over,
    Failed(RtmpError),
}

impl Session {
    /// For a connection that was made at `now`; the first output is the handshake.
    pub fn new(config: Config, now: Moment) -> Self {
        Self {
            config,
            wire: Wire::client(now),
            state: State::Handshaking { until: now + STEP_TIMEOUT },
            stream: super::MEDIA_STREAM_ID,
            events: VecDeque::new(),
        }
    }

    /// Takes bytes from the server. What they lead to, an error included, comes out of
    /// [`poll_output`](Self::poll_output): drain it before the next input.
    pub fn handle_input(&mut self, data: &[u8], now: Moment) {
        if matches!(self.state, State::Failed(_)) {
            return;
        }
        let read = self.wire.handle_input(data, now);
        let handled = self.handle_messages(now);
        if let Err(error) = handled.and(read) {
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
        let (until, step) = match &self.state {
            State::Handshaking { until } => (*until, "handshake"),
            State::Connecting { until } => (*until, "answer to connect"),
            State::Creating { until } => (*until, "answer to createStream"),
            State::Asking { until } => (*until, "answer to play or publish"),
            State::Running if self.config.role == Role::Play => {
                (self.wire.received_at() + self.config.idle, "media")
            }
            State::Running | State::Over => return Ok(Output::WaitUntil(Moment::FAR_FUTURE)),
            State::Failed(error) => return Err(error.clone()),
        };
        if now < until {
            return Ok(Output::WaitUntil(until));
        }
        let after = if step == "media" { self.config.idle } else { STEP_TIMEOUT };
        let error = RtmpError::Timeout { step, after };
        self.state = State::Failed(error.clone());
        Err(error)
    }

    /// Bytes received after the handshake.
    pub const fn received_bytes(&self) -> u64 {
        self.wire.position()
    }

    /// Sends a message of the stream that is published; ignored before [`Event::Started`]. The bytes come out of
    /// [`poll_output`](Self::poll_output): the payload is shared, not copied.
    pub fn send(&mut self, message: &flv::Message) {
        if !matches!(self.state, State::Running) || self.config.role == Role::Play {
            return;
        }
        if message.kind() == TagKind::Script {
            // Servers keep metadata for later players only when told so. Source: Adobe, "Handling metadata in streams".
            self.wire.send_media(message, self.stream, &encode(&[Value::from("@setDataFrame")]));
        } else {
            self.wire.send_media(message, self.stream, &[]);
        }
    }

    /// Ends the stream in order. Close the connection when the output is drained.
    pub fn close(&mut self) {
        if matches!(self.state, State::Running | State::Asking { .. }) {
            self.leave();
            self.state = State::Over;
        }
    }

    fn handle_messages(&mut self, now: Moment) -> Result<(), RtmpError> {
        if matches!(self.state, State::Handshaking { .. }) && self.wire.is_handshake_done() {
            self.connect();
            self.state = State::Connecting { until: now + STEP_TIMEOUT };
        }
        while let Some(message) = self.wire.next_message() {
            match message.kind {
                kind::COMMAND_AMF0 | kind::COMMAND_AMF3 => {
                    let command = command::Command::parse(&message, self.wire.position())?;
                    self.handle_command(&command, now)?;
                }
                kind::USER_CONTROL if is_event(&message.data, event::STREAM_EOF) => {
                    self.end("StreamEOF");
                }
                _ if self.config.role == Role::Play => {
                    // Some cameras send media without saying that play started.
                    let media = media_of(message);
                    if media.iter().any(|media| media.kind != TagKind::Script) {
                        self.start();
                    }
                    if matches!(self.state, State::Asking { .. } | State::Running) {
                        self.events.extend(media.into_iter().map(Event::Media));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn start(&mut self) {
        if matches!(self.state, State::Asking { .. }) {
            self.state = State::Running;
            self.events.push_back(Event::Started);
        }
    }

    fn end(&mut self, code: &str) {
        if matches!(self.state, State::Asking { .. } | State::Running) {
            self.state = State::Over;
            self.events.push_back(Event::Ended { code: code.to_owned() });
        }
    }

    fn send_to_stream(&mut self, body: &Bytes) {
        self.wire.send_command(self.stream, body);
    }
}
