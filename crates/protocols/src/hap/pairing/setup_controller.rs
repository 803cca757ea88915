//! Pair setup, the controller's side: M1 to M6.
//!
//! Source: HAP specification (R2) §5.6. One object is one attempt; after an error a new one begins anew.
use super::keys::identifier;
use super::message::{
    ENCRYPTED, IDENTIFIER, METHOD, METHOD_SETUP, PROOF, PUBLIC_KEY, SALT, SIGNATURE, reply, start,
};
use super::setup_accessory::{accessory_material, controller_material, setup_cipher};
use super::{AccessoryPairing, Identity, PairingError, SetupCode};
use crate::hap::crypto::verify;
use crate::hap::random::Random;
use crate::hap::srp::{Client, SessionKey};
use crate::hap::tlv8::{Tlv8, Tlv8Error};

/// `Idle` → `AwaitsM2` → `AwaitsM4` → `AwaitsM6` → `Ended`, which is final; every error leads there.
enum State {
    Idle,
    AwaitsM2,
    AwaitsM4(Box<Client>),
    AwaitsM6(SessionKey),
    Ended,
}

/// What a controller does next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SetupStep {
    /// Post this to `/pair-setup`.
    Send(Vec<u8>),
    /// Paired: store this.
    Done(AccessoryPairing),
}

/// One attempt of a controller to pair with an accessory.
pub struct SetupController {
    code: SetupCode,
    identity: Identity,
    expected_id: Option<String>,
    state: State,
}

impl SetupController {
    /// `expected_id`: the accessory's identifier, where it is known from its advertisement; upper and lower case are one.
    pub const fn new(code: SetupCode, identity: Identity, expected_id: Option<String>) -> Self {
        Self { code, identity, expected_id, state: State::Idle }
    }

    /// Name of the state, for the table of tests.
    #[cfg(test)]
    pub(super) const fn state(&self) -> &'static str {
        match self.state {
            State::Idle => "Idle",
            State::AwaitsM2 => "AwaitsM2",
            State::AwaitsM4(_) => "AwaitsM4",
            State::AwaitsM6(_) => "AwaitsM6",
            State::Ended => "Ended",
        }
    }

    /// M1.
    ///
    /// # Errors
    /// It was sent before.
    pub fn start(&mut self) -> Result<Vec<u8>, PairingError> {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Idle => {
                self.state = State::AwaitsM2;
                Ok(start(1).with(METHOD, [METHOD_SETUP]).to_bytes())
            }
            State::AwaitsM2 | State::AwaitsM4(_) | State::AwaitsM6(_) | State::Ended => {
                Err(PairingError::NotDue)
            }
        }
    }

    /// Takes the body of the accessory's answer.
    ///
    /// # Errors
    /// The accessory refuses, or is not who it must be. The attempt has ended.
    pub fn handle_reply(&mut self, body: &[u8], random: &mut dyn Random) -> Result<SetupStep, PairingError> {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::AwaitsM2 => self.prove(&reply(body, 2)?, random),
            State::AwaitsM4(client) => self.exchange(*client, &reply(body, 4)?),
            State::AwaitsM6(key) => self.finish(&key, &reply(body, 6)?),
            State::Idle | State::Ended => Err(PairingError::NotDue),
        }
    }

    /// M2 → M3.
    fn prove(&mut self, items: &Tlv8, random: &mut dyn Random) -> Result<SetupStep, PairingError> {
        let wrong = |source: Tlv8Error| PairingError::Reply { step: 2, source };
        let salt = items.required(SALT).map_err(wrong)?;
        let public = items.required(PUBLIC_KEY).map_err(wrong)?;
        let client = Client::new(self.code.expose(), salt, public, random)?;
        let message = start(3).with(PUBLIC_KEY, *client.public_key()).with(PROOF, *client.proof());
        self.state = State::AwaitsM4(Box::new(client));
        Ok(SetupStep::Send(message.to_bytes()))
    }

    /// M4 → M5.
    fn exchange(&mut self, client: Client, items: &Tlv8) -> Result<SetupStep, PairingError> {
        let proof = items.required(PROOF).map_err(|source| PairingError::Reply { step: 4, source })?;
        let key = client.verify(proof)?;
        let ours = controller_material(&key)?;
        let (id, public) = (self.identity.id(), self.identity.public_key());
        let signature = self.identity.sign(&[&ours, id.as_bytes(), public])?;
        let inner = Tlv8::new().with(IDENTIFIER, id).with(PUBLIC_KEY, *public).with(SIGNATURE, signature);
        let sealed = setup_cipher(&key)?.seal_message(b"PS-Msg05", &inner.to_bytes());
        let sealed = sealed.map_err(|_| crate::hap::random::KeyError)?;
        self.state = State::AwaitsM6(key);
        Ok(SetupStep::Send(start(5).with(ENCRYPTED, sealed).to_bytes()))
    }

    /// M6 → a pairing.
    fn finish(&mut self, key: &SessionKey, items: &Tlv8) -> Result<SetupStep, PairingError> {
        let wrong = |source: Tlv8Error| PairingError::Reply { step: 6, source };
        let not_authentic = |_| PairingError::NotAuthentic { step: 6 };
        let sealed = items.required(ENCRYPTED).map_err(wrong)?;
        let opened = setup_cipher(key)?.open_message(b"PS-Msg06", sealed).map_err(not_authentic)?;
        let inner = Tlv8::parse(&opened).map_err(wrong)?;
        let id = inner.required(IDENTIFIER).map_err(wrong)?;
        let id = identifier(id).ok_or(PairingError::Identifier)?;
        let public_key: [u8; 32] = inner.array(PUBLIC_KEY).map_err(wrong)?;
        let signature = inner.required(SIGNATURE).map_err(wrong)?;
        let theirs = accessory_material(key)?;
        verify(&public_key, &[&theirs, id.as_bytes(), &public_key], signature).map_err(not_authentic)?;
        match &self.expected_id {
            Some(expected) if !expected.eq_ignore_ascii_case(&id) => {
                Err(PairingError::OtherAccessory { expected: expected.clone(), got: id })
            }
            Some(_) | None => Ok(SetupStep::Done(AccessoryPairing { id, public_key })),
        }
    }
}
