//! Who may come in, and whether a request is this session's. Source: RFC 2326 §12.37, Appendix D; RFC 7616.
use super::{Error, REFUSALS_MAX, Session, State};
use crate::auth::Refusal;
use crate::rtsp::BACK_CHANNEL_FEATURE;
use crate::rtsp::fields::SessionField;
use crate::rtsp::message::{Method, Request};
use media::Moment;

/// What recorders' clients require: ranges by the clock, which there are; its RTP header extension may be left out by what
/// does not know it. Source: ONVIF Streaming Specification §6.
const REPLAY_FEATURE: &str = "onvif-replay";

/// 128 random bits in hex. RFC 2326 §3.4 wants at least eight characters that nobody can guess.
pub(super) fn session_id() -> String {
    let mut random = [0u8; 16];
    // Without random numbers the system has worse troubles; the id is bound to the connection anyway.
    let _ = aws_lc_rs::rand::fill(&mut random);
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Session {
    /// Checks the credentials once a connection; answers 401 where they are missing or wrong.
    pub(super) fn is_let_in(&mut self, request: &Request, now: Moment) -> bool {
        let Some(verifier) = &self.verifier else { return true };
        if self.user.is_some() {
            return true;
        }
        let authorization = request.headers.get("Authorization");
        let refusal = match verifier.verify(authorization, request.method.as_str(), &request.uri, now) {
            Ok(user) => {
                self.user = Some(user.to_owned());
                return true;
            }
            Err(refusal) => refusal,
        };
        let mut response = self.response(request, 401);
        for challenge in verifier.challenges(refusal, now) {
            response.headers.push("WWW-Authenticate", challenge);
        }
        self.transmit(response);
        match refusal {
            Refusal::Wrong => {
                self.refusals += 1;
                if self.refusals >= REFUSALS_MAX {
                    self.fail(Error::Unauthorized { refusals: self.refusals });
                }
            }
            Refusal::Missing | Refusal::Stale => {}
        }
        false
    }

    /// A session id must be ours; requests without one belong to the connection. What is not known of `Require` gets
    /// 551.
    pub(super) fn is_of_this_session(&mut self, request: &Request) -> bool {
        let known = |feature: &str| {
            (self.config.back_channel && feature == BACK_CHANNEL_FEATURE) || feature == REPLAY_FEATURE
        };
        let required: Vec<&str> = requires(request).filter(|feature| !known(feature)).collect();
        if !required.is_empty() {
            let response = self.response(request, 551).with("Unsupported", required.join(", "));
            self.transmit(response);
            return false;
        }
        let named = request.headers.get("Session").and_then(SessionField::parse);
        if named.is_none_or(|named| named.id == self.id && self.is_set_up()) {
            return true;
        }
        self.refuse(request, 454, "");
        false
    }

    /// The request is about a back channel too.
    pub(super) fn requires_back_channel(request: &Request) -> bool {
        requires(request).any(|feature| feature == BACK_CHANNEL_FEATURE)
    }

    fn is_set_up(&self) -> bool {
        self.slots.iter().any(|slot| slot.carrier.is_some())
    }

    /// Answers 455 and says where the session stands.
    pub(super) fn refuse_in_this_state(&mut self, request: &Request) {
        let text = format!("{} is not valid {}", request.method, self.state.name());
        let allow = match self.state {
            State::Init => "DESCRIBE, ANNOUNCE, SETUP",
            State::Described => "DESCRIBE, SETUP",
            State::ReadyToPlay => "SETUP, PLAY, TEARDOWN",
            State::Playing => "PLAY, PAUSE, TEARDOWN",
            State::Announced => "SETUP",
            State::ReadyToRecord => "SETUP, RECORD, TEARDOWN",
            State::Recording => "PAUSE, RECORD, TEARDOWN",
            State::Closed | State::Failed(_) => "",
        };
        let mut response = self.response(request, 455).with("Allow", format!("{}, {allow}", Method::Options));
        response.reason = text;
        self.transmit(response);
    }
}

/// What `Require` names. Source: RFC 2326 §12.32.
fn requires(request: &Request) -> impl Iterator<Item = &str> {
    let values = request.headers.all("Require").flat_map(|value| value.split(','));
    values.map(str::trim).filter(|feature| !feature.is_empty())
}
