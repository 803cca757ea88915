//! One connection of ours to an accessory: pairs with it, or proves a pairing and then asks and hears of events.
//!
//! `protocols::hap::controller` has the dialogue; this owns the socket and bounds everything in time. All waiting here may be broken
//! off and taken up again: what was asked is still answered, in its order.
use crate::net::accept::Stream;
use crate::sources::dial::{self, Security};
use crate::sources::homekit::whereabouts::join;
use bytes::{Buf, BytesMut};
use hub::SourceError;
use media::{Fault, Moment};
use protocols::hap::controller::{Controller, ControllerError, Output};
use protocols::hap::http::{Request, Response};
use protocols::hap::pairing::{AccessoryPairing, ErrorCode, Identity, PairingError, SetupCode};
use protocols::hap::random::SystemRandom;
use protocols::hap::srp::SrpError;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Longest wait for one answer: 10 s, what Apple's controllers grant. Small accessories compute for 4 s when they pair.
pub(crate) const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Events that wait to be looked at: 64. More than that in one go is a flood, and the oldest are let go.
const EVENTS_MAX: usize = 64;
/// Room for what comes in one go.
const READ_BYTES: usize = 16 << 10;

/// Why a connection to an accessory is of no use. No secrets.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LineError {
    /// It cannot be reached.
    #[error("{0}")]
    Dial(String),
    /// What was said.
    #[error("{at}: {}", told(.error))]
    Said {
        /// Whom we called.
        at: String,
        /// What is wrong.
        error: ControllerError,
    },
    /// It does not take our pairing for one.
    #[error("{at}: the accessory does not know us any more: it was reset, or we were removed; pair again")]
    Stranger {
        /// Whom we called.
        at: String,
    },
    /// It said nothing.
    #[error("{at} does not answer {what} within {ANSWER_MAX:?}; it may help to switch it off and on again")]
    Silent {
        /// Whom we called.
        at: String,
        /// What it was asked.
        what: &'static str,
    },
    /// It ended the connection.
    #[error("{at} hung up")]
    HungUp {
        /// Whom we called.
        at: String,
    },
}

/// What an error means to whoever pairs a camera or has paired it.
fn told(error: &ControllerError) -> String {
    let ControllerError::Pairing(pairing) = error else { return error.to_string() };
    match pairing {
        PairingError::Srp(SrpError::Proof)
        | PairingError::Refused { code: ErrorCode::Authentication, .. } => {
            "the pin is wrong: look for it on the device, its box or its display".to_owned()
        }
        PairingError::Refused { code: ErrorCode::Unavailable, .. } => {
            "it is paired with somebody else: remove it there, or reset it, then pair again".to_owned()
        }
        PairingError::Refused { code: ErrorCode::Busy, .. } => {
            "somebody else is pairing with it just now: try again in a minute".to_owned()
        }
        PairingError::Refused { code: ErrorCode::Backoff, retry_after, .. } => {
            let wait = retry_after.map(|seconds| format!(" for {seconds} s")).unwrap_or_default();
            format!("it takes no pin{wait}, after wrong ones: wait, then try again")
        }
        PairingError::Refused { code: ErrorCode::MaxTries, .. } => {
            "it takes no pin any more, after a hundred wrong ones: switch it off and on again, or reset it"
                .to_owned()
        }
        PairingError::Refused { code: ErrorCode::MaxPeers, .. } => {
            "it trusts as many controllers as it can: remove one of them there".to_owned()
        }
        PairingError::Refused { code: ErrorCode::Unknown, .. }
        | PairingError::OutOfOrder { .. }
        | PairingError::Reply { .. }
        | PairingError::TooLong { .. }
        | PairingError::Srp(_)
        | PairingError::NotAuthentic { .. }
        | PairingError::OtherAccessory { .. }
        | PairingError::Identifier
        | PairingError::NotDue
        | PairingError::Keys(_) => pairing.to_string(),
    }
}

impl LineError {
    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Dial(_) | Self::Silent { .. } | Self::HungUp { .. } => Fault::Peer,
            Self::Stranger { .. } => Fault::Config,
            Self::Said { error, .. } => error.fault(),
        }
    }

    /// What a refusal means where a pairing is proved: there is no pin then.
    fn of_verify(self) -> Self {
        match self {
            Self::Said {
                at,
                error: ControllerError::Pairing(PairingError::Refused { code: ErrorCode::Authentication, .. }),
            } => Self::Stranger { at },
            other @ (Self::Dial(_)
            | Self::Said { .. }
            | Self::Stranger { .. }
            | Self::Silent { .. }
            | Self::HungUp { .. }) => other,
        }
    }
}

impl From<LineError> for SourceError {
    fn from(error: LineError) -> Self {
        // a pairing may be made anew at any time, so even those are tried again, ever more seldom
        SourceError::new(error.to_string(), error.fault(), true)
    }
}

/// An accessory that was paired just now, and where.
pub(crate) struct NewlyPaired {
    pub(crate) pairing: AccessoryPairing,
    pub(crate) remote: SocketAddr,
}

/// A connection.
pub(crate) struct Line {
    at: String,
    controller: Controller,
    stream: Stream,
    local: SocketAddr,
    remote: SocketAddr,
    received: BytesMut,
    unsent: BytesMut,
    /// Requests that were asked, and that were answered.
    asked: u64,
    answered: u64,
    /// The request whose answer somebody waits for, or did.
    awaited: Option<u64>,
    /// Those that nobody waits for any more are let go.
    answers: VecDeque<(u64, Response)>,
    events: VecDeque<Response>,
    ready: bool,
    paired: Option<AccessoryPairing>,
}

impl Line {
    /// Pairs with the accessory at this address. `expected`: its identifier, where it is known.
    pub(crate) async fn pair(
        host: &str,
        port: u16,
        code: SetupCode,
        identity: Identity,
        expected: Option<String>,
    ) -> Result<NewlyPaired, LineError> {
        let controller = |at: &str| Controller::pair(at, code, identity, expected);
        let mut line = Self::open(host, port, controller).await?;
        // three answers, each of which may take its time
        let deadline = hub::now() + 3 * ANSWER_MAX;
        loop {
            if let Some(pairing) = line.paired.take() {
                return Ok(NewlyPaired { pairing, remote: line.remote });
            }
            line.turn_until(deadline, "pair setup").await?;
        }
    }

    /// Calls an accessory that trusts us.
    pub(crate) async fn verify(
        host: &str,
        port: u16,
        identity: Identity,
        pairing: AccessoryPairing,
    ) -> Result<Self, LineError> {
        let controller = |at: &str| Controller::verify(at, identity, pairing, &mut SystemRandom);
        let mut line = Self::open(host, port, controller).await?;
        let deadline = hub::now() + ANSWER_MAX;
        while !line.ready {
            line.turn_until(deadline, "pair verify").await.map_err(LineError::of_verify)?;
        }
        Ok(line)
    }

    async fn open(
        host: &str,
        port: u16,
        controller: impl FnOnce(&str) -> Result<Controller, ControllerError>,
    ) -> Result<Self, LineError> {
        let at = join(host, port);
        let said = |error| LineError::Said { at: at.clone(), error };
        let controller = controller(&at).map_err(said)?;
        let dialled = dial::dial(host, port, Security::Plain).await;
        let (stream, local, remote) = dialled.map_err(|error| LineError::Dial(error.message))?;
        let mut line = Self {
            at,
            controller,
            stream,
            local,
            remote,
            received: BytesMut::new(),
            unsent: BytesMut::new(),
            asked: 0,
            answered: 0,
            awaited: None,
            answers: VecDeque::new(),
            events: VecDeque::new(),
            ready: false,
            paired: None,
        };
        line.drain();
        Ok(line)
    }

    /// Our end.
    pub(crate) const fn local(&self) -> SocketAddr {
        self.local
    }

    /// The accessory's end.
    pub(crate) const fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// Asks, and waits for the answer. `what` names the question in errors.
    pub(crate) async fn ask(&mut self, request: Request, what: &'static str) -> Result<Response, LineError> {
        let deadline = hub::now() + ANSWER_MAX;
        let number = self.tell(request)?;
        self.awaited = Some(number);
        loop {
            while let Some((answered, response)) = self.answers.pop_front() {
                if answered == number {
                    return Ok(response);
                }
            }
            self.turn_until(deadline, what).await?;
        }
    }

    /// Asks, and lets the answer be: it goes out with the next wait for an event. Returns its number.
    pub(crate) fn tell(&mut self, request: Request) -> Result<u64, LineError> {
        self.controller.request(request).map_err(|error| LineError::Said { at: self.at.clone(), error })?;
        let number = self.asked;
        self.asked += 1;
        self.drain();
        Ok(number)
    }

    /// The next event. Cancel-safe.
    pub(crate) async fn event(&mut self) -> Result<Response, LineError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            self.turn().await?;
        }
    }

    async fn turn_until(&mut self, deadline: Moment, what: &'static str) -> Result<(), LineError> {
        let at = self.at.clone();
        tokio::select! {
            turned = self.turn() => turned,
            () = hub::sleep_until(deadline) => Err(LineError::Silent { at, what }),
        }
    }

    /// Writes what waits, or reads what comes. Cancel-safe.
    async fn turn(&mut self) -> Result<(), LineError> {
        let hung_up = |at: &str| LineError::HungUp { at: at.to_owned() };
        if self.unsent.has_remaining() {
            return match self.stream.write_buf(&mut self.unsent).await {
                Ok(1..) => Ok(()),
                Ok(0) | Err(_) => Err(hung_up(&self.at)),
            };
        }
        self.received.reserve(READ_BYTES);
        match self.stream.read_buf(&mut self.received).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => return Err(hung_up(&self.at)),
        }
        let taken = self.controller.handle_input(&self.received, &mut SystemRandom);
        self.received.clear();
        self.drain();
        taken.map_err(|error| LineError::Said { at: self.at.clone(), error })
    }

    fn drain(&mut self) {
        while let Some(output) = self.controller.poll_output() {
            match output {
                Output::Send(bytes) => self.unsent.extend_from_slice(&bytes),
                Output::Paired(pairing) => self.paired = Some(pairing),
                Output::Ready => self.ready = true,
                Output::Response(response) => {
                    if self.awaited == Some(self.answered) {
                        self.answers.push_back((self.answered, response));
                    }
                    self.answered += 1;
                }
                Output::Event(event) => {
                    if self.events.len() >= EVENTS_MAX {
                        self.events.pop_front();
                    }
                    self.events.push_back(event);
                }
            }
        }
    }
}
