//! The pairings of an accessory, and how administrators add, remove and list them.
//!
//! Source: HAP specification (R2) §5.10 to §5.12. Owns the pairings; the owner stores them after each change.
use super::keys::identifier;
use super::message::{
    IDENTIFIER, METHOD, METHOD_ADD, METHOD_LIST, METHOD_REMOVE, PERMISSIONS, PUBLIC_KEY, Reply, SEPARATOR,
    reply, request, start,
};
use super::{ErrorCode, Pairing, PairingError, Permissions};
use crate::hap::tlv8::{Tlv8, Tlv8Error};

/// Most pairings: 64. The specification asks for 16 at least; a home with more controllers was not heard of.
pub const PAIRINGS_MAX: usize = 64;

/// What changed; store all pairings before the reply is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AdminChange {
    /// A pairing came, or its permissions changed.
    Added(String),
    /// Pairings are gone: sessions of these controllers end after the reply.
    Removed {
        /// Whose.
        controllers: Vec<String>,
        /// None is left: advertise that, and take another pair setup.
        unpaired: bool,
    },
}

/// What follows from a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AdminOutcome {
    /// The answer.
    pub reply: Reply,
    /// What changed.
    pub change: Option<AdminChange>,
}

/// The controllers that an accessory trusts.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Pairings {
    pairings: Vec<Pairing>,
}

impl Pairings {
    /// What was stored.
    pub const fn new(pairings: Vec<Pairing>) -> Self {
        Self { pairings }
    }

    /// What is to be stored.
    pub fn as_slice(&self) -> &[Pairing] {
        &self.pairings
    }

    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.pairings.is_empty()
    }

    /// The pairing of a controller.
    pub fn find(&self, id: &str) -> Option<&Pairing> {
        self.pairings.iter().find(|pairing| pairing.id == id)
    }

    /// The first pairing, of a pair setup.
    pub fn insert(&mut self, pairing: Pairing) {
        self.pairings.retain(|other| other.id != pairing.id);
        self.pairings.push(pairing);
    }

    /// Takes the body of a `POST /pairings` in the session of `requester`.
    pub fn handle_request(&mut self, requester: &str, body: &[u8]) -> AdminOutcome {
        match self.answer(requester, body) {
            Ok((message, change)) => AdminOutcome { reply: Reply::ok(&message), change },
            Err(reply) => AdminOutcome { reply, change: None },
        }
    }

    fn answer(&mut self, requester: &str, body: &[u8]) -> Result<(Tlv8, Option<AdminChange>), Reply> {
        let (items, step) = request(body).map_err(Reply::bad)?;
        let method = items.array::<1>(METHOD).map_err(|_| Reply::bad(2))?[0];
        if step != 1 {
            return Err(Reply::bad(step.saturating_add(1)));
        }
        if self.find(requester).is_none_or(|pairing| pairing.permissions != Permissions::Admin) {
            return Err(Reply::refused(2, ErrorCode::Authentication));
        }
        match method {
            METHOD_ADD => self.add(&items).map(|id| (start(2), Some(AdminChange::Added(id)))),
            METHOD_REMOVE => self.remove(&items).map(|change| (start(2), change)),
            METHOD_LIST => Ok((self.list(), None)),
            _ => Err(Reply::bad(2)),
        }
    }

    /// A known controller gets other permissions, but never another key.
    fn add(&mut self, items: &Tlv8) -> Result<String, Reply> {
        let id = items.get(IDENTIFIER).and_then(identifier).ok_or_else(|| Reply::bad(2))?;
        let public_key = items.array(PUBLIC_KEY).map_err(|_| Reply::bad(2))?;
        let permissions = permissions(items).ok_or_else(|| Reply::bad(2))?;
        let count = self.pairings.len();
        match self.pairings.iter_mut().find(|pairing| pairing.id == id) {
            Some(known) if known.public_key != public_key => Err(Reply::refused(2, ErrorCode::Unknown)),
            Some(known) => {
                known.permissions = permissions;
                Ok(id)
            }
            None if count >= PAIRINGS_MAX => Err(Reply::refused(2, ErrorCode::MaxPeers)),
            None => {
                self.pairings.push(Pairing { id: id.clone(), public_key, permissions });
                Ok(id)
            }
        }
    }

    /// Who is not there is removed already. Without an administrator all others go, too.
    fn remove(&mut self, items: &Tlv8) -> Result<Option<AdminChange>, Reply> {
        let id = items.get(IDENTIFIER).and_then(identifier).ok_or_else(|| Reply::bad(2))?;
        let count = self.pairings.len();
        self.pairings.retain(|pairing| pairing.id != id);
        if self.pairings.len() == count {
            return Ok(None);
        }
        let mut controllers = vec![id];
        if !self.pairings.iter().any(|pairing| pairing.permissions == Permissions::Admin) {
            controllers.extend(self.pairings.drain(..).map(|pairing| pairing.id));
        }
        Ok(Some(AdminChange::Removed { controllers, unpaired: self.pairings.is_empty() }))
    }

    fn list(&self) -> Tlv8 {
        let mut items = start(2);
        for (index, pairing) in self.pairings.iter().enumerate() {
            if index > 0 {
                items.push(SEPARATOR, []);
            }
            items.push(IDENTIFIER, pairing.id.as_bytes());
            items.push(PUBLIC_KEY, pairing.public_key);
            items.push(PERMISSIONS, [pairing.permissions as u8]);
        }
        items
    }
}

/// A controller's request to add or change a pairing, for `/pairings`.
pub fn add_request(pairing: &Pairing) -> Vec<u8> {
    let items = start(1).with(METHOD, [METHOD_ADD]).with(IDENTIFIER, pairing.id.as_bytes());
    items.with(PUBLIC_KEY, pairing.public_key).with(PERMISSIONS, [pairing.permissions as u8]).to_bytes()
}

/// A controller's request to remove a pairing.
pub fn remove_request(id: &str) -> Vec<u8> {
    start(1).with(METHOD, [METHOD_REMOVE]).with(IDENTIFIER, id).to_bytes()
}

/// A controller's request to list pairings.
pub fn list_request() -> Vec<u8> {
    start(1).with(METHOD, [METHOD_LIST]).to_bytes()
}

/// Reads what answers [`add_request`] and [`remove_request`].
///
/// # Errors
/// The accessory refuses.
pub fn read_done(body: &[u8]) -> Result<(), PairingError> {
    reply(body, 2).map(|_| ())
}

/// Reads what answers [`list_request`].
///
/// # Errors
/// The accessory refuses, or the list is none.
pub fn read_list(body: &[u8]) -> Result<Vec<Pairing>, PairingError> {
    let wrong = |source: Tlv8Error| PairingError::Reply { step: 2, source };
    let mut pairings = Vec::new();
    for items in reply(body, 2)?.split(SEPARATOR).filter(|items| items.get(IDENTIFIER).is_some()) {
        let id = identifier(items.required(IDENTIFIER).map_err(wrong)?).ok_or(PairingError::Identifier)?;
        let public_key = items.array(PUBLIC_KEY).map_err(wrong)?;
        let missing = PairingError::Reply { step: 2, source: Tlv8Error::Missing { kind: PERMISSIONS } };
        pairings.push(Pairing { id, public_key, permissions: permissions(&items).ok_or(missing)? });
    }
    Ok(pairings)
}

/// The lowest bit says administrator; others are reserved.
fn permissions(items: &Tlv8) -> Option<Permissions> {
    let flags = items.uint(PERMISSIONS).ok().flatten()?;
    Some(if flags & 1 == 1 { Permissions::Admin } else { Permissions::User })
}
