//! Pair setup, the accessory's side: M1 to M6, one controller at a time, and few tries.
//!
//! Source: HAP specification (R2) §5.6. Owns the one exchange that is open and the count of wrong codes; which connection holds
//! the exchange is part of its state. Messages out of order end it: nothing of an exchange can be used twice.
use super::keys::identifier;
use super::message::{
    ConnectionId, ENCRYPTED, IDENTIFIER, METHOD, PROOF, PUBLIC_KEY, RETRY_DELAY, Reply, SALT, SIGNATURE,
    request, start,
};
use super::{ErrorCode, Identity, Pairing, Permissions, SetupCode};
use crate::hap::crypto::{Cipher, derive, verify};
use crate::hap::random::{KeyError, Random};
use crate::hap::srp::{Server, SessionKey, SrpError};
use crate::hap::tlv8::Tlv8;
use media::Moment;
use std::time::Duration;

/// Wrong codes until the accessory takes no more: 100, as the specification says.
pub const TRIES_MAX: u32 = 100;
/// Wrong codes until the next try has to wait: 5. A person mistypes twice.
pub const BACKOFF_FROM_TRIES: u32 = 5;
/// The longest wait between two tries: a minute. It doubles from 1 s on.
pub const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// How long a silent controller keeps others from pairing: 5 min. Some ask their user for the code only after M2.
pub const SETUP_TIMEOUT: Duration = Duration::from_secs(300);

/// Challenges in a second: 10. Each costs some 10 ms of a thread that others need too; a person asks for one in seconds.
const CHALLENGES_MAX: u32 = 10;
/// The time in which they are counted.
const CHALLENGES_IN: Duration = Duration::from_secs(1);

/// Method of a setup with a certificate, which controllers also ask accessories for that have none; they go on without.
const METHOD_SETUP_WITH_AUTH: u8 = 1;

/// `Idle` → `Challenged` by M1 → `Proven` by M3 → `Idle` by M5, with a pairing. Each refusal leads back to `Idle`.
enum State {
    Idle,
    Challenged { connection: ConnectionId, since: Moment, server: Box<Server> },
    Proven { connection: ConnectionId, since: Moment, key: SessionKey },
}

/// What the owner must know of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SetupEvent {
    /// Store this pairing before the reply is sent; advertise that the accessory is paired.
    Paired(Pairing),
    /// A wrong code: store the count, so that a restart gives no further tries.
    WrongCode {
        /// How many there were.
        tries: u32,
    },
}

/// What follows from a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetupOutcome {
    /// The answer.
    pub reply: Reply,
    /// What happened.
    pub event: Option<SetupEvent>,
}

/// Pair setup of one accessory, over all its connections.
pub struct SetupAccessory {
    code: SetupCode,
    state: State,
    failed_tries: u32,
    /// No M1 is taken before.
    blocked_until: Moment,
    /// Since when challenges are counted, and how many there were.
    challenges: (Moment, u32),
}

impl SetupAccessory {
    /// With what [`SetupAccessory::failed_tries`] said before a restart; else 0.
    pub const fn new(code: SetupCode, failed_tries: u32) -> Self {
        Self {
            code,
            state: State::Idle,
            failed_tries,
            blocked_until: Moment::ZERO,
            challenges: (Moment::ZERO, 0),
        }
    }

    /// How many wrong codes there were since the last pairing.
    pub const fn failed_tries(&self) -> u32 {
        self.failed_tries
    }

    /// Name of the state, for the table of tests.
    #[cfg(test)]
    pub(super) const fn state(&self) -> &'static str {
        match self.state {
            State::Idle => "Idle",
            State::Challenged { .. } => "Challenged",
            State::Proven { .. } => "Proven",
        }
    }

    /// A connection is gone: others may pair.
    pub fn handle_disconnected(&mut self, connection: ConnectionId) {
        if self.holder().is_some_and(|(holder, _)| holder == connection) {
            self.state = State::Idle;
        }
    }

    /// Takes the body of a `POST /pair-setup`. `is_paired`: there are pairings.
    pub fn handle_message(
        &mut self,
        connection: ConnectionId,
        body: &[u8],
        is_paired: bool,
        identity: &Identity,
        random: &mut dyn Random,
        now: Moment,
    ) -> SetupOutcome {
        let silent = |reply| SetupOutcome { reply, event: None };
        if self.holder().is_some_and(|(_, since)| now.since(since) >= SETUP_TIMEOUT) {
            self.state = State::Idle;
        }
        let (items, step) = match request(body) {
            Ok(message) => message,
            Err(answer) => {
                self.handle_disconnected(connection);
                return silent(Reply::bad(answer));
            }
        };
        let held_by_other = self.holder().is_some_and(|(holder, _)| holder != connection);
        if is_paired {
            self.state = State::Idle;
            return silent(Reply::refused(step.saturating_add(1), ErrorCode::Unavailable));
        }
        match (step, held_by_other) {
            (1, true) => silent(Reply::refused(2, ErrorCode::Busy)),
            (_, true) => silent(Reply::bad(step.saturating_add(1))),
            (1, false) => silent(self.challenge(connection, &items, random, now)),
            (_, false) => match (step, std::mem::replace(&mut self.state, State::Idle)) {
                (3, State::Challenged { server, .. }) => self.prove(connection, *server, &items, now),
                (5, State::Proven { key, .. }) => match exchange(&key, &items, identity) {
                    Ok((reply, pairing)) => {
                        self.failed_tries = 0;
                        SetupOutcome { reply, event: Some(SetupEvent::Paired(pairing)) }
                    }
                    Err(reply) => silent(reply),
                },
                (_, State::Idle | State::Challenged { .. } | State::Proven { .. }) => {
                    silent(Reply::bad(step.saturating_add(1)))
                }
            },
        }
    }

    fn holder(&self) -> Option<(ConnectionId, Moment)> {
        match self.state {
            State::Idle => None,
            State::Challenged { connection, since, .. } | State::Proven { connection, since, .. } => {
                Some((connection, since))
            }
        }
    }

    /// M1 → M2. A controller may begin anew at any time; it gets another challenge.
    fn challenge(
        &mut self,
        connection: ConnectionId,
        items: &Tlv8,
        random: &mut dyn Random,
        now: Moment,
    ) -> Reply {
        self.state = State::Idle;
        if !matches!(items.get(METHOD), None | Some([0] | [METHOD_SETUP_WITH_AUTH])) {
            return Reply::bad(2);
        }
        if self.failed_tries >= TRIES_MAX {
            return Reply::refused(2, ErrorCode::MaxTries);
        }
        if now < self.blocked_until {
            let seconds = self.blocked_until.since(now).as_secs_f64().ceil() as u8;
            let refusal = start(2).with(super::message::ERROR, [ErrorCode::Backoff as u8]);
            return Reply::ok(&refusal.with(RETRY_DELAY, [seconds]));
        }
        if now.since(self.challenges.0) >= CHALLENGES_IN {
            self.challenges = (now, 0);
        }
        if self.challenges.1 >= CHALLENGES_MAX {
            return Reply::refused(2, ErrorCode::Busy);
        }
        self.challenges.1 += 1;
        let Ok(server) = Server::new(self.code.expose(), random) else { return Reply::broken(2) };
        let answer = start(2).with(SALT, *server.salt()).with(PUBLIC_KEY, *server.public_key());
        self.state = State::Challenged { connection, since: now, server: Box::new(server) };
        Reply::ok(&answer)
    }

    /// M3 → M4.
    fn prove(&mut self, connection: ConnectionId, server: Server, items: &Tlv8, now: Moment) -> SetupOutcome {
        let (Some(public), Some(proof)) = (items.get(PUBLIC_KEY), items.get(PROOF)) else {
            return SetupOutcome { reply: Reply::bad(4), event: None };
        };
        match server.verify(public, proof) {
            Ok((proof, key)) => {
                self.state = State::Proven { connection, since: now, key };
                SetupOutcome { reply: Reply::ok(&start(4).with(PROOF, proof)), event: None }
            }
            // A key that is none is an attack on the proof, and counts as a try.
            Err(SrpError::Proof | SrpError::PublicKey { .. } | SrpError::Random(_)) => {
                self.failed_tries = self.failed_tries.saturating_add(1);
                if let Some(beyond) = self.failed_tries.checked_sub(BACKOFF_FROM_TRIES) {
                    self.blocked_until = now + Duration::from_secs(1 << beyond.min(10)).min(BACKOFF_MAX);
                }
                SetupOutcome {
                    reply: Reply::refused(4, ErrorCode::Authentication),
                    event: Some(SetupEvent::WrongCode { tries: self.failed_tries }),
                }
            }
        }
    }
}

/// M5 → M6: the controller's long-term key for ours.
fn exchange(key: &SessionKey, items: &Tlv8, identity: &Identity) -> Result<(Reply, Pairing), Reply> {
    let not_authentic = || Reply::refused(6, ErrorCode::Authentication);
    let sealed = items.get(ENCRYPTED).ok_or_else(|| Reply::bad(6))?;
    let cipher = setup_cipher(key).map_err(|_| Reply::broken(6))?;
    let opened = cipher.open_message(b"PS-Msg05", sealed).map_err(|_| not_authentic())?;
    let inner = Tlv8::parse(&opened).map_err(|_| Reply::bad(6))?;
    let id = inner.get(IDENTIFIER).and_then(identifier).ok_or_else(|| Reply::bad(6))?;
    let public_key: [u8; 32] = inner.array(PUBLIC_KEY).map_err(|_| Reply::bad(6))?;
    let signature = inner.get(SIGNATURE).ok_or_else(|| Reply::bad(6))?;
    let theirs = controller_material(key).map_err(|_| Reply::broken(6))?;
    verify(&public_key, &[&theirs, id.as_bytes(), &public_key], signature).map_err(|_| not_authentic())?;
    let sealed = seal_ours(key, &cipher, identity).map_err(|_| Reply::broken(6))?;
    let pairing = Pairing { id, public_key, permissions: Permissions::Admin };
    Ok((Reply::ok(&start(6).with(ENCRYPTED, sealed)), pairing))
}

fn seal_ours(key: &SessionKey, cipher: &Cipher, identity: &Identity) -> Result<Vec<u8>, KeyError> {
    let ours = accessory_material(key)?;
    let signature = identity.sign(&[&ours, identity.id().as_bytes(), identity.public_key()])?;
    let inner = Tlv8::new()
        .with(IDENTIFIER, identity.id())
        .with(PUBLIC_KEY, *identity.public_key())
        .with(SIGNATURE, signature);
    cipher.seal_message(b"PS-Msg06", &inner.to_bytes()).map_err(|_| KeyError)
}

/// The cipher of M5 and M6.
pub(super) fn setup_cipher(key: &SessionKey) -> Result<Cipher, KeyError> {
    let key =
        derive(key.expose(), "Pair-Setup-Encrypt-Salt", "Pair-Setup-Encrypt-Info").map_err(|_| KeyError)?;
    Cipher::new(&key).map_err(|_| KeyError)
}

/// What a controller signs before its identifier and key.
pub(super) fn controller_material(key: &SessionKey) -> Result<[u8; 32], KeyError> {
    let (salt, info) = ("Pair-Setup-Controller-Sign-Salt", "Pair-Setup-Controller-Sign-Info");
    derive(key.expose(), salt, info).map_err(|_| KeyError)
}

/// What an accessory signs before its identifier and key.
pub(super) fn accessory_material(key: &SessionKey) -> Result<[u8; 32], KeyError> {
    let (salt, info) = ("Pair-Setup-Accessory-Sign-Salt", "Pair-Setup-Accessory-Sign-Info");
    derive(key.expose(), salt, info).map_err(|_| KeyError)
}
