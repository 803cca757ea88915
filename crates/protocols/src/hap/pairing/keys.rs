//! Long-term keys and pairings, as plain data for their owner to store, and the keys of one session.
use crate::hap::crypto::{self, KEY_BYTES, SIGNATURE_BYTES};
use crate::hap::data_stream::DataStreamKeys;
use crate::hap::data_stream::keys::SALT_BYTES;
use crate::hap::random::{self, KeyError, Random};
use std::fmt;

/// Longest identifier: 64 bytes. Controllers' are UUIDs of 36, accessories' have 17.
pub const ID_BYTES_MAX: usize = 64;

/// Who an accessory or a controller is: its identifier, and the long-term key that proves it. `Debug` shows no secret.
#[derive(Clone)]
pub struct Identity {
    id: String,
    seed: [u8; KEY_BYTES],
    public: [u8; KEY_BYTES],
}

/// The same name and the same key.
impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.seed == other.seed
    }
}

impl Identity {
    /// Draws a long-term key. Accessories' identifiers are `XX:XX:XX:XX:XX:XX`, controllers' UUIDs.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn generate(id: impl Into<String>, random: &mut dyn Random) -> Result<Self, KeyError> {
        Self::from_seed(id, random::bytes(random)?)
    }

    /// An identity that was stored.
    ///
    /// # Errors
    /// The key cannot be used.
    pub fn from_seed(id: impl Into<String>, seed: [u8; KEY_BYTES]) -> Result<Self, KeyError> {
        let public = crypto::signing_public(&seed).map_err(|_| KeyError)?;
        Ok(Self { id: id.into(), seed, public })
    }

    /// The identifier.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The public half, which peers store.
    pub const fn public_key(&self) -> &[u8; KEY_BYTES] {
        &self.public
    }

    /// The secret half, to be stored.
    pub const fn seed(&self) -> &[u8; KEY_BYTES] {
        &self.seed
    }

    pub(super) fn sign(&self, parts: &[&[u8]]) -> Result<[u8; SIGNATURE_BYTES], KeyError> {
        crypto::sign(&self.seed, parts).map_err(|_| KeyError)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What a controller may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Permissions {
    /// Use the accessory.
    User = 0,
    /// Change pairings, too.
    Admin = 1,
}

/// A controller that an accessory trusts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pairing {
    /// The controller's identifier.
    pub id: String,
    /// Its long-term key.
    pub public_key: [u8; KEY_BYTES],
    /// What it may.
    pub permissions: Permissions,
}

/// An accessory that a controller trusts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccessoryPairing {
    /// The accessory's identifier.
    pub id: String,
    /// Its long-term key.
    pub public_key: [u8; KEY_BYTES],
}

/// The keys of one session's two directions; `Debug` shows neither.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionKeys {
    pub(in crate::hap) to_controller: [u8; KEY_BYTES],
    pub(in crate::hap) to_accessory: [u8; KEY_BYTES],
    /// What both are derived from, and the keys of data streams.
    shared: Vec<u8>,
}

impl SessionKeys {
    pub(in crate::hap) fn derive(shared: &[u8]) -> Result<Self, KeyError> {
        let key = |info| crypto::derive(shared, "Control-Salt", info).map_err(|_| KeyError);
        Ok(Self {
            to_controller: key("Control-Read-Encryption-Key")?,
            to_accessory: key("Control-Write-Encryption-Key")?,
            shared: shared.to_vec(),
        })
    }

    /// The keys of a data stream that is set up on this session.
    pub(in crate::hap) fn data_stream(
        &self,
        controller_salt: &[u8; SALT_BYTES],
        accessory_salt: &[u8; SALT_BYTES],
    ) -> Result<DataStreamKeys, KeyError> {
        DataStreamKeys::derive(&self.shared, controller_salt, accessory_salt)
    }
}

impl fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKeys(***)")
    }
}

/// An identifier as it came.
pub(super) fn identifier(bytes: &[u8]) -> Option<String> {
    if bytes.is_empty() || bytes.len() > ID_BYTES_MAX {
        return None;
    }
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}
