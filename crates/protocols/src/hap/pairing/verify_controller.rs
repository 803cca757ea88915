//! Pair verify, the controller's side: M1 to M4 on one connection.
//!
//! Source: HAP specification (R2) §5.7. One object is one attempt.
use super::keys::identifier;
use super::message::{ENCRYPTED, IDENTIFIER, PUBLIC_KEY, SIGNATURE, reply, start};
use super::verify_accessory::{agreement, verify_cipher};
use super::{AccessoryPairing, Identity, PairingError, SessionKeys};
use crate::hap::crypto::{Agreement, verify};
use crate::hap::random::{KeyError, Random};
use crate::hap::tlv8::{Tlv8, Tlv8Error};

/// `Idle` → `AwaitsM2` → `AwaitsM4` → `Ended`, which is final; every error leads there.
enum State {
    Idle,
    AwaitsM2(Box<Agreement>),
    AwaitsM4(SessionKeys),
    Ended,
}

/// What a controller does next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum VerifyStep {
    /// Post this to `/pair-verify`.
    Send(Vec<u8>),
    /// Verified: from here on both directions are enciphered.
    Done(SessionKeys),
}

/// One attempt of a controller to prove a pairing.
pub struct VerifyController {
    identity: Identity,
    accessory: AccessoryPairing,
    state: State,
}

impl VerifyController {
    /// For a new connection to an accessory that is paired.
    pub const fn new(identity: Identity, accessory: AccessoryPairing) -> Self {
        Self { identity, accessory, state: State::Idle }
    }

    /// Name of the state, for the table of tests.
    #[cfg(test)]
    pub(super) const fn state(&self) -> &'static str {
        match self.state {
            State::Idle => "Idle",
            State::AwaitsM2(_) => "AwaitsM2",
            State::AwaitsM4(_) => "AwaitsM4",
            State::Ended => "Ended",
        }
    }

    /// M1.
    ///
    /// # Errors
    /// It was sent before, or there is no randomness.
    pub fn start(&mut self, random: &mut dyn Random) -> Result<Vec<u8>, PairingError> {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Idle => {
                let agreement = agreement(random)?;
                let message = start(1).with(PUBLIC_KEY, *agreement.public());
                self.state = State::AwaitsM2(Box::new(agreement));
                Ok(message.to_bytes())
            }
            State::AwaitsM2(_) | State::AwaitsM4(_) | State::Ended => Err(PairingError::NotDue),
        }
    }

    /// Takes the body of the accessory's answer.
    ///
    /// # Errors
    /// The accessory refuses, or is not who it must be. The attempt has ended.
    pub fn handle_reply(&mut self, body: &[u8]) -> Result<VerifyStep, PairingError> {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::AwaitsM2(agreement) => self.check(&agreement, &reply(body, 2)?),
            State::AwaitsM4(keys) => reply(body, 4).map(|_| VerifyStep::Done(keys)),
            State::Idle | State::Ended => Err(PairingError::NotDue),
        }
    }

    /// M2 → M3.
    fn check(&mut self, agreement: &Agreement, items: &Tlv8) -> Result<VerifyStep, PairingError> {
        let wrong = |source: Tlv8Error| PairingError::Reply { step: 2, source };
        let not_authentic = |_| PairingError::NotAuthentic { step: 2 };
        let theirs: [u8; 32] = items.array(PUBLIC_KEY).map_err(wrong)?;
        let sealed = items.required(ENCRYPTED).map_err(wrong)?;
        let shared = agreement.agree(&theirs).map_err(not_authentic)?;
        let cipher = verify_cipher(&shared)?;
        let inner =
            Tlv8::parse(&cipher.open_message(b"PV-Msg02", sealed).map_err(not_authentic)?).map_err(wrong)?;
        let id = identifier(inner.required(IDENTIFIER).map_err(wrong)?).ok_or(PairingError::Identifier)?;
        if id != self.accessory.id {
            return Err(PairingError::OtherAccessory { expected: self.accessory.id.clone(), got: id });
        }
        let signature = inner.required(SIGNATURE).map_err(wrong)?;
        let (ours, key) = (agreement.public(), &self.accessory.public_key);
        verify(key, &[&theirs, id.as_bytes(), ours], signature).map_err(not_authentic)?;

        let signature = self.identity.sign(&[ours, self.identity.id().as_bytes(), &theirs])?;
        let inner = Tlv8::new().with(IDENTIFIER, self.identity.id()).with(SIGNATURE, signature);
        let sealed = cipher.seal_message(b"PV-Msg03", &inner.to_bytes()).map_err(|_| KeyError)?;
        self.state = State::AwaitsM4(SessionKeys::derive(&shared)?);
        Ok(VerifyStep::Send(start(3).with(ENCRYPTED, sealed).to_bytes()))
    }
}
