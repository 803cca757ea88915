//! The keys of a data stream, derived from the session that it was set up on.
//!
//! Source: hap-nodejs 1.2.0. HKDF-SHA-512 of the secret that pair verify agreed on; the salt is the controller's, then the accessory's.
use crate::hap::crypto::{self, KEY_BYTES};
use crate::hap::random::KeyError;
use std::fmt;

/// Length of either side's salt.
pub const SALT_BYTES: usize = 32;

/// The keys of both directions; `Debug` shows neither.
#[derive(Clone, PartialEq, Eq)]
pub struct DataStreamKeys {
    pub(super) to_controller: [u8; KEY_BYTES],
    pub(super) to_accessory: [u8; KEY_BYTES],
}

impl DataStreamKeys {
    pub(in crate::hap) fn derive(
        shared: &[u8],
        controller_salt: &[u8; SALT_BYTES],
        accessory_salt: &[u8; SALT_BYTES],
    ) -> Result<Self, KeyError> {
        let salt = [*controller_salt, *accessory_salt].concat();
        let key = |info| crypto::derive(shared, &salt, info).map_err(|_| KeyError);
        Ok(Self {
            to_controller: key("HDS-Read-Encryption-Key")?,
            to_accessory: key("HDS-Write-Encryption-Key")?,
        })
    }
}

impl fmt::Debug for DataStreamKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataStreamKeys(***)")
    }
}
