//! One connection of a controller: pairs with an accessory, or proves a pairing and then asks, watches and writes.
//!
//! Source: HAP specification (R2) §6. Owns the connection's bytes and keys, the request that is not answered and those behind it;
//! bounding them in time is the caller's work. A connection that pairs ends with the pairing: a new one proves it.
use super::data_stream::DataStreamKeys;
use super::data_stream::keys::SALT_BYTES;
use super::frames::{self, FrameError, Opener, Sealer};
use super::http::{HttpError, Incoming, Method, Reader, Request, Response};
use super::pairing::{
    AccessoryPairing, CONTENT_TYPE, Identity, PairingError, SessionKeys, SetupCode, SetupController,
    SetupStep, VerifyController, VerifyStep,
};
use super::random::Random;
use media::Fault;
use std::collections::VecDeque;

/// Most requests that wait: 64. A controller of ours has one or two.
pub const REQUESTS_MAX: usize = 64;

/// Why a connection ends, or does not take a request.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ControllerError {
    /// Pairing failed.
    #[error(transparent)]
    Pairing(#[from] PairingError),
    /// Its frames are none.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// Its messages are none.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// A response to nothing, or an event before pair verify.
    #[error("a message came that nobody asked for")]
    Unasked,
    /// The connection is not ready for requests.
    #[error("the connection is not verified")]
    NotReady,
    /// Too many requests wait.
    #[error("{REQUESTS_MAX} requests wait already")]
    Waiting,
}

impl ControllerError {
    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Pairing(error) => error.fault(),
            Self::Frame(error) => error.fault(),
            Self::Http(error) => error.fault(),
            Self::Unasked => Fault::Peer,
            Self::NotReady | Self::Waiting => Fault::Us,
        }
    }
}

/// What the owner does next.
#[derive(Clone, PartialEq, Debug)]
pub enum Output {
    /// Send these bytes.
    Send(Vec<u8>),
    /// Paired: store it, end the connection, and verify on another.
    Paired(AccessoryPairing),
    /// Requests may come.
    Ready,
    /// The answer to the oldest request.
    Response(Response),
    /// Something that is watched has changed.
    Event(Response),
}

/// `Pairing` → `Ended`, or `Verifying` → `Secured`; any error leads to `Ended`, which is final.
enum State {
    Pairing(Box<SetupController>),
    Verifying(Box<VerifyController>),
    Secured { sealer: Box<Sealer>, opener: Box<Opener>, keys: Box<SessionKeys> },
    Ended,
}

/// One connection of a controller.
pub struct Controller {
    host: String,
    state: State,
    reader: Reader,
    /// A request was sent and not answered.
    asked: bool,
    requests: VecDeque<Request>,
    outputs: VecDeque<Output>,
}

impl Controller {
    /// Pairs. `host` is what requests name; `expected_id` is the accessory's identifier, where it is known.
    ///
    /// # Errors
    /// None that is known: see [`SetupController::start`].
    pub fn pair(
        host: &str,
        code: SetupCode,
        identity: Identity,
        expected_id: Option<String>,
    ) -> Result<Self, ControllerError> {
        let mut setup = SetupController::new(code, identity, expected_id);
        let first = setup.start()?;
        let mut controller = Self::new(host, State::Pairing(Box::new(setup)));
        controller.post("/pair-setup", first)?;
        Ok(controller)
    }

    /// Proves a pairing.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn verify(
        host: &str,
        identity: Identity,
        accessory: AccessoryPairing,
        random: &mut dyn Random,
    ) -> Result<Self, ControllerError> {
        let mut verify = VerifyController::new(identity, accessory);
        let first = verify.start(random)?;
        let mut controller = Self::new(host, State::Verifying(Box::new(verify)));
        controller.post("/pair-verify", first)?;
        Ok(controller)
    }

    fn new(host: &str, state: State) -> Self {
        let (requests, outputs) = (VecDeque::new(), VecDeque::new());
        Self {
            host: host.to_owned(),
            state,
            reader: Reader::of_controller(),
            asked: false,
            requests,
            outputs,
        }
    }

    /// Asks; requests are sent one after the other.
    ///
    /// # Errors
    /// The connection is not verified, or too many wait.
    pub fn request(&mut self, request: Request) -> Result<(), ControllerError> {
        match self.state {
            State::Secured { .. } if self.requests.len() >= REQUESTS_MAX => Err(ControllerError::Waiting),
            State::Secured { .. } => {
                self.requests.push_back(request);
                self.ask()
            }
            State::Pairing(_) | State::Verifying(_) | State::Ended => Err(ControllerError::NotReady),
        }
    }

    /// The keys of a data stream that was set up here; none before the pairing is proven, or when they cannot be made.
    pub fn data_stream_keys(
        &self,
        controller_salt: &[u8; SALT_BYTES],
        accessory_salt: &[u8; SALT_BYTES],
    ) -> Option<DataStreamKeys> {
        match &self.state {
            State::Secured { keys, .. } => keys.data_stream(controller_salt, accessory_salt).ok(),
            State::Pairing(_) | State::Verifying(_) | State::Ended => None,
        }
    }

    /// Takes bytes as they came.
    ///
    /// # Errors
    /// The connection is of no further use.
    pub fn handle_input(&mut self, data: &[u8], random: &mut dyn Random) -> Result<(), ControllerError> {
        let result = self.take(data, random);
        if result.is_err() {
            self.state = State::Ended;
        }
        result
    }

    /// The next thing to do; none when drained.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn take(&mut self, data: &[u8], random: &mut dyn Random) -> Result<(), ControllerError> {
        match &mut self.state {
            State::Pairing(_) | State::Verifying(_) => self.reader.handle_input(data),
            State::Secured { opener, .. } => {
                let mut plain = Vec::new();
                opener.handle_input(data, &mut plain)?;
                self.reader.handle_input(&plain);
            }
            State::Ended => return Ok(()),
        }
        while let Some(incoming) = self.reader.poll_output()? {
            match (incoming, matches!(self.state, State::Secured { .. })) {
                (Incoming::Response(response), is_secured) if self.asked => {
                    self.asked = false;
                    if is_secured {
                        self.outputs.push_back(Output::Response(response));
                        self.ask()?;
                    } else {
                        self.go_on(&response.body, random)?;
                    }
                }
                (Incoming::Event(event), true) => self.outputs.push_back(Output::Event(event)),
                (Incoming::Response(_) | Incoming::Event(_) | Incoming::Request(_), _) => {
                    return Err(ControllerError::Unasked);
                }
            }
        }
        Ok(())
    }

    /// The next step of pairing.
    fn go_on(&mut self, body: &[u8], random: &mut dyn Random) -> Result<(), ControllerError> {
        match &mut self.state {
            State::Pairing(setup) => match setup.handle_reply(body, random)? {
                SetupStep::Send(next) => self.post("/pair-setup", next),
                SetupStep::Done(pairing) => {
                    self.outputs.push_back(Output::Paired(pairing));
                    self.state = State::Ended;
                    Ok(())
                }
            },
            State::Verifying(verify) => match verify.handle_reply(body)? {
                VerifyStep::Send(next) => self.post("/pair-verify", next),
                VerifyStep::Done(keys) => {
                    if self.reader.pending_bytes() > 0 {
                        return Err(ControllerError::Unasked);
                    }
                    let (sealer, opener) = frames::of_controller(&keys)?;
                    let (sealer, opener) = (Box::new(sealer), Box::new(opener));
                    self.state = State::Secured { sealer, opener, keys: Box::new(keys) };
                    self.outputs.push_back(Output::Ready);
                    Ok(())
                }
            },
            State::Secured { .. } | State::Ended => Ok(()),
        }
    }

    fn post(&mut self, path: &str, body: Vec<u8>) -> Result<(), ControllerError> {
        self.requests.push_back(Request::with_body(Method::Post, path, CONTENT_TYPE, body));
        self.ask()
    }

    /// Sends the next request, when the one before is answered.
    fn ask(&mut self) -> Result<(), ControllerError> {
        if self.asked {
            return Ok(());
        }
        let Some(request) = self.requests.pop_front() else { return Ok(()) };
        let plain = request.to_bytes(&self.host);
        let bytes = match &mut self.state {
            State::Secured { sealer, .. } => {
                let mut bytes = Vec::new();
                sealer.seal(&plain, &mut bytes)?;
                bytes
            }
            State::Pairing(_) | State::Verifying(_) | State::Ended => plain,
        };
        self.asked = true;
        self.outputs.push_back(Output::Send(bytes));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hap::pairing::ErrorCode;
    use crate::hap::tests::Counting;
    use crate::hap::tlv8::Tlv8;

    fn identity() -> Identity {
        Identity::from_seed("4F4C2B2E-0000-4000-8000-0000000000AA", [2; 32]).unwrap()
    }

    fn pairing() -> Controller {
        let mut controller =
            Controller::pair("h", SetupCode::new("031-45-154").unwrap(), identity(), None).unwrap();
        assert!(
            matches!(controller.poll_output(), Some(Output::Send(bytes)) if bytes.starts_with(b"POST /pair-setup "))
        );
        controller
    }

    #[test]
    fn a_refusal_ends_the_connection_with_its_code() {
        let mut controller = pairing();
        let body = Tlv8::new().with(6, [2]).with(7, [6]).to_bytes();
        let refused = controller
            .handle_input(&Response::with_body(200, CONTENT_TYPE, body).to_bytes(), &mut Counting::new(1));
        let code = ErrorCode::Unavailable;
        let error = ControllerError::Pairing(PairingError::Refused { step: 1, code, retry_after: None });
        assert_eq!((refused, controller.poll_output()), (Err(error.clone()), None));
        assert_eq!(error.fault(), Fault::Config);
        assert_eq!(controller.request(Request::get("/accessories")), Err(ControllerError::NotReady));
    }

    #[test]
    fn events_and_second_answers_before_pair_verify_end_the_connection() {
        let event = Response::with_body(200, CONTENT_TYPE, vec![1]).to_event_bytes();
        assert_eq!(pairing().handle_input(&event, &mut Counting::new(1)), Err(ControllerError::Unasked));
        let key = Tlv8::new().with(6, [2]).with(2, [1; 16]).with(3, [7; 384]).to_bytes();
        let answer = Response::with_body(200, CONTENT_TYPE, key).to_bytes();
        let mut controller = pairing();
        // the first is answered at once, which makes the second one the answer to that
        let twice = controller.handle_input(&answer.repeat(2), &mut Counting::new(1));
        let out_of_order = PairingError::OutOfOrder { expected: 4, got: 2 };
        assert_eq!(twice, Err(ControllerError::Pairing(out_of_order)));
    }
}
