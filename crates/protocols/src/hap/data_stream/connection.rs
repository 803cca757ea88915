//! One connection of a data stream, of either side: bytes in, messages and bytes out.
//!
//! Source: hap-nodejs 1.2.0. The controller says hello first, and nothing comes before the answer. Bounding that in time (ten
//! seconds) is the caller's work. What is asked of an accessory and it does not know, its owner refuses with
//! [`Status::MissingProtocol`].
use super::frames::{FrameError, Frames, Opener, Sealer};
use super::keys::DataStreamKeys;
use super::message::{Kind, Message, MessageError, Status};
use super::value::Dictionary;
use bytes::Bytes;
use media::Fault;
use std::collections::{BTreeSet, VecDeque};

/// Most requests of ours that wait for an answer: 16. There is one open recording a camera.
pub const REQUESTS_MAX: usize = 16;

const CONTROL: &str = "control";
const HELLO: &str = "hello";

/// Why a connection ends, or does not take a message.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StreamError {
    /// Its frames are none.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// Its messages are none.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// It does not begin with a hello, or the hello is refused.
    #[error("the connection begins with {0} instead of a hello")]
    NoHello(String),
    /// An answer to nothing.
    #[error("an answer came to request {0}, which was not asked")]
    Unasked(i64),
    /// There was no hello yet.
    #[error("the connection is not ready")]
    NotReady,
    /// Too many requests wait.
    #[error("{REQUESTS_MAX} requests wait already")]
    Waiting,
}

impl StreamError {
    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Frame(error) => error.fault(),
            Self::Message(error) => error.fault(),
            Self::NoHello(_) | Self::Unasked(_) => Fault::Peer,
            Self::NotReady | Self::Waiting => Fault::Us,
        }
    }
}

/// What the owner does next.
#[derive(Clone, PartialEq, Debug)]
pub enum Output {
    /// Send these bytes.
    Send(Bytes),
    /// There was a hello: messages may come and go.
    Ready,
    /// The peer says, asks or answers something.
    Message(Message),
}

/// A connection that an accessory has accepted and does not know yet.
#[derive(Default)]
pub struct Accepted {
    frames: Frames,
}

impl Accepted {
    /// Takes bytes as they came; whether it can be told now whose it is.
    ///
    /// # Errors
    /// They are no frames.
    pub fn handle_input(&mut self, data: &[u8]) -> Result<bool, FrameError> {
        self.frames.push(data);
        self.frames.has_first()
    }

    /// Goes on with these keys if they are its own; it is given back if not.
    ///
    /// # Errors
    /// They are its own, and it is of no use.
    pub fn identify(self, keys: &DataStreamKeys) -> Result<Result<Connection, StreamError>, Self> {
        let Ok(mut opener) = Opener::new(&keys.to_accessory) else { return Err(self) };
        if !opener.knows(&self.frames) {
            return Err(self);
        }
        opener.take_over(self.frames);
        Ok(Connection::of_accessory(keys, opener))
    }
}

/// `Hello` → `Ready` → `Ended`, which is final.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Hello,
    Ready,
    Ended,
}

/// One connection.
pub struct Connection {
    is_controller: bool,
    state: State,
    sealer: Sealer,
    opener: Opener,
    next_id: i64,
    asked: BTreeSet<i64>,
    outputs: VecDeque<Output>,
}

impl Connection {
    /// A controller's, which says hello.
    ///
    /// # Errors
    /// The keys cannot be used.
    pub fn of_controller(keys: &DataStreamKeys) -> Result<Self, StreamError> {
        let (sealer, opener) = (Sealer::new(&keys.to_accessory)?, Opener::new(&keys.to_controller)?);
        let mut connection = Self::new(true, sealer, opener);
        connection.ask(CONTROL, HELLO, Dictionary::new())?;
        Ok(connection)
    }

    fn of_accessory(keys: &DataStreamKeys, opener: Opener) -> Result<Self, StreamError> {
        let mut connection = Self::new(false, Sealer::new(&keys.to_controller)?, opener);
        connection.handle_input(&[])?;
        Ok(connection)
    }

    fn new(is_controller: bool, sealer: Sealer, opener: Opener) -> Self {
        Self {
            is_controller,
            state: State::Hello,
            sealer,
            opener,
            next_id: 1,
            asked: BTreeSet::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Takes bytes as they came.
    ///
    /// # Errors
    /// The connection is of no further use.
    pub fn handle_input(&mut self, data: &[u8]) -> Result<(), StreamError> {
        self.opener.push(data);
        let result = self.take();
        if result.is_err() {
            self.state = State::Ended;
        }
        result
    }

    /// The next thing to do; none when drained.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Says something.
    ///
    /// # Errors
    /// There was no hello, or it is longer than a frame.
    pub fn event(&mut self, protocol: &str, topic: &str, body: Dictionary) -> Result<(), StreamError> {
        self.ready()?;
        self.send(protocol, topic, Kind::Event, body)
    }

    /// Asks something; returns the number that the answer will have.
    ///
    /// # Errors
    /// There was no hello, too many requests wait, or it is longer than a frame.
    pub fn request(&mut self, protocol: &str, topic: &str, body: Dictionary) -> Result<i64, StreamError> {
        self.ready()?;
        self.ask(protocol, topic, body)
    }

    /// Answers a request.
    ///
    /// # Errors
    /// There was no hello, or it is longer than a frame.
    pub fn respond(
        &mut self,
        request: &Message,
        status: Status,
        body: Dictionary,
    ) -> Result<(), StreamError> {
        self.ready()?;
        match request.kind {
            Kind::Request(id) => {
                self.send(&request.protocol, &request.topic, Kind::Response(id, status), body)
            }
            Kind::Event | Kind::Response(..) => Ok(()),
        }
    }

    fn ready(&self) -> Result<(), StreamError> {
        if self.state == State::Ready { Ok(()) } else { Err(StreamError::NotReady) }
    }

    fn ask(&mut self, protocol: &str, topic: &str, body: Dictionary) -> Result<i64, StreamError> {
        if self.asked.len() >= REQUESTS_MAX {
            return Err(StreamError::Waiting);
        }
        let id = self.next_id;
        self.send(protocol, topic, Kind::Request(id), body)?;
        self.next_id += 1;
        self.asked.insert(id);
        Ok(id)
    }

    fn send(&mut self, protocol: &str, topic: &str, kind: Kind, body: Dictionary) -> Result<(), StreamError> {
        let message = Message { protocol: protocol.to_owned(), topic: topic.to_owned(), kind, body };
        let frame = self.sealer.seal(message.to_payload()?)?;
        self.outputs.push_back(Output::Send(frame));
        Ok(())
    }

    fn take(&mut self) -> Result<(), StreamError> {
        while self.state != State::Ended
            && let Some(payload) = self.opener.poll()?
        {
            let message = Message::parse(&payload)?;
            if let Kind::Response(id, _) = message.kind
                && !self.asked.remove(&id)
            {
                return Err(StreamError::Unasked(id));
            }
            let is_hello = message.protocol == CONTROL && message.topic == HELLO;
            match (self.state, message.kind, self.is_controller) {
                (State::Hello, Kind::Response(_, Status::Success), true) if is_hello => self.begin(),
                (State::Hello | State::Ready, Kind::Request(id), false) if is_hello => {
                    let kind = Kind::Response(id, Status::Success);
                    self.send(CONTROL, HELLO, kind, Dictionary::new())?;
                    self.begin();
                }
                (State::Hello, ..) => {
                    return Err(StreamError::NoHello(format!("{}/{}", message.protocol, message.topic)));
                }
                (State::Ready, ..) => self.outputs.push_back(Output::Message(message)),
                (State::Ended, ..) => {}
            }
        }
        Ok(())
    }

    fn begin(&mut self) {
        if self.state == State::Hello {
            self.outputs.push_back(Output::Ready);
        }
        self.state = State::Ready;
    }
}
