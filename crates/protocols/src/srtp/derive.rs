//! Session keys out of a master key.
//!
//! Source: RFC 3711 §4.3 with a derivation rate of 0, RFC 6188 §3 (AES of 256 bits), RFC 7714 §11 (salts of 12 bytes).
use super::cm::{self, SALT_BYTES};
use super::{MasterKey, SrtpError};

/// Bytes of the key of HMAC-SHA1. Source: RFC 3711 §5.2.
pub(super) const MAC_KEY_BYTES: usize = 20;

/// Whether keys are for RTP or RTCP: RFC 3711's labels 0 to 2, or 3 to 5.
#[derive(Clone, Copy)]
pub(super) enum For {
    Rtp,
    Rtcp,
}

/// The keys of one direction's RTP or RTCP.
pub(super) struct SessionKeys {
    pub(super) key: Vec<u8>,
    pub(super) salt: Vec<u8>,
    /// Nothing but zeros in GCM, which has no key of its own for tags.
    pub(super) mac_key: [u8; MAC_KEY_BYTES],
}

impl SessionKeys {
    /// Derives them.
    pub(super) fn derive(master: &MasterKey, usage: For) -> Result<Self, SrtpError> {
        let first = match usage {
            For::Rtp => 0,
            For::Rtcp => 3,
        };
        let profile = master.profile();
        let mut keys =
            Self { key: vec![0; profile.key_bytes()], salt: vec![0; profile.salt_bytes()], mac_key: [0; _] };
        stream(master, first, &mut keys.key)?;
        if profile.salt_bytes() == SALT_BYTES {
            stream(master, first + 1, &mut keys.mac_key)?;
        }
        stream(master, first + 2, &mut keys.salt)?;
        Ok(keys)
    }
}

/// Fills `out`, which is all zeros, with the pseudo-random bytes of a label.
pub(super) fn stream(master: &MasterKey, label: u8, out: &mut [u8]) -> Result<(), SrtpError> {
    let (key, salt) = master.key_and_salt();
    let mut counter = [0; 16];
    // GCM's salts are shorter, and have zeros behind.
    counter[..salt.len()].copy_from_slice(salt);
    counter[7] ^= label;
    Ok(cm::cipher_key(key)?.less_safe_encrypt(out, cm::start_at(counter)).map(drop)?)
}
