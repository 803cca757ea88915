//! One connection of an accessory: bytes in, bytes out, and what its owner must do.
//!
//! Source: HAP specification (R2) §6. [`Host`] owns what all connections of one address share; [`Session`] owns one connection's
//! bytes, keys and the request that is being answered. Requests are answered in their order, one at a time. Before pair verify a
//! connection reaches pairing and nothing else, afterwards everything else, enciphered.
mod route;
#[cfg(test)]
mod tests;

use super::accessory::{PendingWrite, Server};
use super::data_stream::DataStreamKeys;
use super::data_stream::keys::SALT_BYTES;
use super::frames::{self, FrameError, Opener, Sealer};
use super::http::{HttpError, Incoming, Reader, Response};
use super::pairing::{
    ConnectionId, Identity, Pairings, SessionKeys, SetupAccessory, VerifyAccessory, VerifyEvent,
};
use super::random::Random;
use media::{Fault, Moment};
use std::collections::VecDeque;

/// Most bytes that wait behind a request that is being answered: 256 KiB, three of the longest requests. Controllers wait for an
/// answer before they ask again.
pub const WAITING_BYTES_MAX: usize = 256 << 10;

/// Most events that wait behind a request that is being answered: 64. There is one a second, and controllers give up after ten.
pub const EVENTS_HELD_MAX: usize = 64;

/// What all connections of one address share.
pub struct Host {
    /// Who the accessory is.
    pub identity: Identity,
    /// Its pair setup.
    pub setup: SetupAccessory,
    /// Whom it trusts.
    pub pairings: Pairings,
    /// What it is made of.
    pub accessories: Server,
}

/// Why a connection ends.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SessionError {
    /// Its frames are none.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// Its messages are none.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// It asks on and on without waiting.
    #[error("more than {WAITING_BYTES_MAX} bytes wait for an answer")]
    Waiting,
    /// A request is not answered at all.
    #[error("more than {EVENTS_HELD_MAX} events wait behind an answer")]
    NotAnswered,
    /// Bytes came between the last message of pair verify and its answer: they are neither plain nor enciphered.
    #[error("{bytes} bytes came before the session was enciphered")]
    TooEarly {
        /// How many.
        bytes: usize,
    },
}

impl SessionError {
    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Frame(error) => error.fault(),
            Self::Http(error) => error.fault(),
            Self::Waiting | Self::TooEarly { .. } => Fault::Peer,
            Self::NotAnswered => Fault::Us,
        }
    }
}

/// What the owner does next.
pub enum Output {
    /// Send these bytes.
    Send(Vec<u8>),
    /// Do these writes, then [`Server::finish_write`] and [`Session::respond`].
    Write(PendingWrite),
    /// A picture as JPEG, then [`Session::respond`]; status 503 where there is none.
    Snapshot {
        /// Of which accessory.
        aid: u64,
        /// How wide, at most.
        width: u16,
        /// How high, at most.
        height: u16,
    },
    /// Make the accessory show itself. Of controllers that are paired this comes as a write.
    Identify,
    /// Store the pairings before the next [`Output::Send`], and advertise whether there are any.
    StorePairings,
    /// Store how many wrong setup codes there were.
    StoreTries(u32),
    /// End all other connections of these controllers: they are no longer paired.
    Unpaired(Vec<String>),
    /// Pair verify is done: whose connection it is.
    Verified(String),
    /// Send what was given out before, then end the connection.
    Close,
}

/// `Plain` → `Secured` by pair verify → `Closed`, which is final and may come at any time.
enum State {
    Plain(Box<VerifyAccessory>),
    Secured { sealer: Box<Sealer>, opener: Box<Opener>, controller: String, keys: Box<SessionKeys> },
    Closed,
}

/// One connection of an accessory.
pub struct Session {
    id: ConnectionId,
    state: State,
    reader: Reader,
    /// A request is with the owner.
    answering: bool,
    /// Events that came meanwhile: some controllers take whatever comes first for their answer.
    held: Vec<Response>,
    outputs: VecDeque<Output>,
}

impl Session {
    /// For a new connection; its number must not have been another's.
    pub fn new(id: ConnectionId) -> Self {
        let state = State::Plain(Box::default());
        Self {
            id,
            state,
            reader: Reader::of_accessory(),
            answering: false,
            held: Vec::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Takes bytes as they came.
    ///
    /// # Errors
    /// The connection is of no further use; end it, and call [`Session::handle_disconnected`].
    pub fn handle_input(
        &mut self,
        host: &mut Host,
        data: &[u8],
        random: &mut dyn Random,
        now: Moment,
    ) -> Result<(), SessionError> {
        match &mut self.state {
            State::Plain(_) => self.reader.handle_input(data),
            State::Secured { opener, .. } => {
                let mut plain = Vec::new();
                opener.handle_input(data, &mut plain)?;
                self.reader.handle_input(&plain);
            }
            State::Closed => return Ok(()),
        }
        self.go_on(host, random, now)
    }

    /// The answer to a write or a snapshot.
    ///
    /// # Errors
    /// As [`Session::handle_input`]: what waited is handled now.
    pub fn respond(
        &mut self,
        host: &mut Host,
        response: &Response,
        random: &mut dyn Random,
        now: Moment,
    ) -> Result<(), SessionError> {
        if std::mem::take(&mut self.answering) {
            self.send(&response.to_bytes())?;
        }
        for event in std::mem::take(&mut self.held) {
            self.send(&event.to_event_bytes())?;
        }
        self.go_on(host, random, now)
    }

    /// An event of [`Server::poll_output`] for this connection.
    ///
    /// # Errors
    /// It cannot be enciphered any more, or the owner leaves a request without an answer.
    pub fn send_event(&mut self, event: &Response) -> Result<(), SessionError> {
        match self.state {
            State::Secured { .. } if self.answering && self.held.len() >= EVENTS_HELD_MAX => {
                Err(SessionError::NotAnswered)
            }
            State::Secured { .. } if self.answering => {
                self.held.push(event.clone());
                Ok(())
            }
            State::Secured { .. } => self.send(&event.to_event_bytes()),
            State::Plain(_) | State::Closed => Ok(()),
        }
    }

    /// Whose connection it is, once it is verified.
    pub fn controller(&self) -> Option<&str> {
        match &self.state {
            State::Secured { controller, .. } => Some(controller),
            State::Plain(_) | State::Closed => None,
        }
    }

    /// The keys of a data stream that its controller sets up; none before it is verified, or when they cannot be made.
    pub fn data_stream_keys(
        &self,
        controller_salt: &[u8; SALT_BYTES],
        accessory_salt: &[u8; SALT_BYTES],
    ) -> Option<DataStreamKeys> {
        match &self.state {
            State::Secured { keys, .. } => keys.data_stream(controller_salt, accessory_salt).ok(),
            State::Plain(_) | State::Closed => None,
        }
    }

    /// The connection is gone.
    pub fn handle_disconnected(&mut self, host: &mut Host) {
        self.state = State::Closed;
        host.setup.handle_disconnected(self.id);
        host.accessories.handle_disconnected(self.id);
    }

    /// The next thing to do; none when drained.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Handles requests until one is with the owner, or there is none.
    fn go_on(&mut self, host: &mut Host, random: &mut dyn Random, now: Moment) -> Result<(), SessionError> {
        while !self.answering && !matches!(self.state, State::Closed) {
            let Some(incoming) = self.reader.poll_output()? else { break };
            let Incoming::Request(request) = incoming else { continue };
            if let Some(event) = self.route(host, &request, random, now)? {
                self.secure(event)?;
            }
        }
        if self.reader.pending_bytes() > WAITING_BYTES_MAX { Err(SessionError::Waiting) } else { Ok(()) }
    }

    /// The answer was plain, everything after it is not.
    fn secure(&mut self, event: VerifyEvent) -> Result<(), SessionError> {
        match self.reader.pending_bytes() {
            0 => {}
            bytes => return Err(SessionError::TooEarly { bytes }),
        }
        let (sealer, opener) = frames::of_accessory(&event.keys)?;
        self.outputs.push_back(Output::Verified(event.controller.clone()));
        self.state = State::Secured {
            sealer: Box::new(sealer),
            opener: Box::new(opener),
            controller: event.controller,
            keys: Box::new(event.keys),
        };
        Ok(())
    }

    fn send(&mut self, plain: &[u8]) -> Result<(), SessionError> {
        let bytes = match &mut self.state {
            State::Plain(_) => plain.to_vec(),
            State::Secured { sealer, .. } => {
                let mut bytes = Vec::new();
                sealer.seal(plain, &mut bytes)?;
                bytes
            }
            State::Closed => return Ok(()),
        };
        self.outputs.push_back(Output::Send(bytes));
        Ok(())
    }

    fn close(&mut self) {
        self.outputs.push_back(Output::Close);
        self.state = State::Closed;
    }
}
