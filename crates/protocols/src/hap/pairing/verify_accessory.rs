//! Pair verify, the accessory's side: M1 to M4 on one connection.
//!
//! Source: HAP specification (R2) §5.7. Owns the keys of one exchange. Sessions are not resumed: whoever asks for that is
//! answered with a whole exchange, as the specification wants it.
use super::keys::identifier;
use super::message::{ENCRYPTED, IDENTIFIER, PUBLIC_KEY, Reply, SIGNATURE, request, start};
use super::{ErrorCode, Identity, Pairings, Permissions, SessionKeys};
use crate::hap::crypto::{Agreement, Cipher, derive, verify};
use crate::hap::random::{self, KeyError, Random};
use crate::hap::tlv8::Tlv8;

/// `Idle` → `Answered` by M1 → `Verified` by M3, which is final. Each refusal leads back to `Idle`.
enum State {
    Idle,
    Answered { ours: [u8; 32], theirs: [u8; 32], shared: [u8; 32], cipher: Box<Cipher> },
    Verified,
}

/// The connection is a controller's: from the reply on, both directions are enciphered, and the reply itself is not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifyEvent {
    /// Whose it is.
    pub controller: String,
    /// What it may.
    pub permissions: Permissions,
    /// The keys of the session.
    pub keys: SessionKeys,
}

/// What follows from a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifyOutcome {
    /// The answer.
    pub reply: Reply,
    /// The controller is verified.
    pub event: Option<VerifyEvent>,
}

/// Pair verify on one connection of an accessory.
pub struct VerifyAccessory {
    state: State,
}

impl Default for VerifyAccessory {
    fn default() -> Self {
        Self::new()
    }
}

impl VerifyAccessory {
    /// For a new connection.
    pub const fn new() -> Self {
        Self { state: State::Idle }
    }

    /// Name of the state, for the table of tests.
    #[cfg(test)]
    pub(super) const fn state(&self) -> &'static str {
        match self.state {
            State::Idle => "Idle",
            State::Answered { .. } => "Answered",
            State::Verified => "Verified",
        }
    }

    /// Takes the body of a `POST /pair-verify`.
    pub fn handle_message(
        &mut self,
        body: &[u8],
        identity: &Identity,
        pairings: &Pairings,
        random: &mut dyn Random,
    ) -> VerifyOutcome {
        let silent = |reply| VerifyOutcome { reply, event: None };
        let (items, step) = match (request(body), &self.state) {
            (Ok((_, step)), State::Verified) => return silent(Reply::bad(step.saturating_add(1))),
            (Err(answer), State::Verified) => return silent(Reply::bad(answer)),
            (Ok(message), State::Idle | State::Answered { .. }) => message,
            (Err(answer), State::Idle | State::Answered { .. }) => {
                self.state = State::Idle;
                return silent(Reply::bad(answer));
            }
        };
        match (step, std::mem::replace(&mut self.state, State::Idle)) {
            (1, State::Idle | State::Answered { .. }) => silent(self.answer(&items, identity, random)),
            (3, State::Answered { ours, theirs, shared, cipher }) => {
                match check(&items, &cipher, &ours, &theirs, pairings) {
                    Ok((controller, permissions)) => match SessionKeys::derive(&shared) {
                        Ok(keys) => {
                            self.state = State::Verified;
                            let event = Some(VerifyEvent { controller, permissions, keys });
                            VerifyOutcome { reply: Reply::ok(&start(4)), event }
                        }
                        Err(KeyError) => silent(Reply::broken(4)),
                    },
                    Err(reply) => silent(reply),
                }
            }
            (_, State::Idle | State::Answered { .. } | State::Verified) => {
                silent(Reply::bad(step.saturating_add(1)))
            }
        }
    }

    /// M1 → M2.
    fn answer(&mut self, items: &Tlv8, identity: &Identity, random: &mut dyn Random) -> Reply {
        let Ok(theirs) = items.array::<32>(PUBLIC_KEY) else { return Reply::bad(2) };
        let Ok(agreement) = agreement(random) else { return Reply::broken(2) };
        let Ok(shared) = agreement.agree(&theirs) else {
            return Reply::refused(2, ErrorCode::Authentication);
        };
        let ours = *agreement.public();
        let Ok((cipher, sealed)) = seal(&shared, &ours, &theirs, identity) else { return Reply::broken(2) };
        self.state = State::Answered { ours, theirs, shared, cipher: Box::new(cipher) };
        Reply::ok(&start(2).with(PUBLIC_KEY, ours).with(ENCRYPTED, sealed))
    }
}

fn seal(
    shared: &[u8; 32],
    ours: &[u8; 32],
    theirs: &[u8; 32],
    identity: &Identity,
) -> Result<(Cipher, Vec<u8>), KeyError> {
    let signature = identity.sign(&[ours, identity.id().as_bytes(), theirs])?;
    let inner = Tlv8::new().with(IDENTIFIER, identity.id()).with(SIGNATURE, signature);
    let cipher = verify_cipher(shared)?;
    let sealed = cipher.seal_message(b"PV-Msg02", &inner.to_bytes()).map_err(|_| KeyError)?;
    Ok((cipher, sealed))
}

/// M3: a controller that is paired, and signed both keys. Which of it is wrong is not told.
fn check(
    items: &Tlv8,
    cipher: &Cipher,
    ours: &[u8; 32],
    theirs: &[u8; 32],
    pairings: &Pairings,
) -> Result<(String, Permissions), Reply> {
    let not_authentic = || Reply::refused(4, ErrorCode::Authentication);
    let sealed = items.get(ENCRYPTED).ok_or_else(|| Reply::bad(4))?;
    let opened = cipher.open_message(b"PV-Msg03", sealed).map_err(|_| not_authentic())?;
    let inner = Tlv8::parse(&opened).map_err(|_| Reply::bad(4))?;
    let id = inner.get(IDENTIFIER).and_then(identifier).ok_or_else(|| Reply::bad(4))?;
    let signature = inner.get(SIGNATURE).ok_or_else(|| Reply::bad(4))?;
    let pairing = pairings.find(&id).ok_or_else(not_authentic)?;
    verify(&pairing.public_key, &[theirs, id.as_bytes(), ours], signature).map_err(|_| not_authentic())?;
    Ok((id, pairing.permissions))
}

/// A key pair for one exchange.
pub(super) fn agreement(random: &mut dyn Random) -> Result<Agreement, KeyError> {
    Agreement::new(&random::bytes(random)?).map_err(|_| KeyError)
}

/// The cipher of M2 and M3.
pub(super) fn verify_cipher(shared: &[u8; 32]) -> Result<Cipher, KeyError> {
    let key = derive(shared, "Pair-Verify-Encrypt-Salt", "Pair-Verify-Encrypt-Info").map_err(|_| KeyError)?;
    Cipher::new(&key).map_err(|_| KeyError)
}
