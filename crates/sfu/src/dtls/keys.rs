//! The keys of media that a handshake leaves.
//!
//! Source: RFC 5764 §4.2: both sides' keys, then both sides' salts, the client's first each time.
use super::error::DtlsFailure;
use dimpl::SrtpProfile;
use std::fmt;

/// How media is protected. Sources: RFC 5764 §4.1.2, RFC 7714 §14.2.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SrtpProfileName {
    /// `SRTP_AEAD_AES_128_GCM`.
    AeadAes128Gcm,
    /// `SRTP_AEAD_AES_256_GCM`.
    AeadAes256Gcm,
    /// `SRTP_AES128_CM_HMAC_SHA1_80`.
    AesCm128HmacSha1_80,
}

impl SrtpProfileName {
    const fn key_and_salt_bytes(self) -> (usize, usize) {
        match self {
            Self::AeadAes128Gcm => (16, 12),
            Self::AeadAes256Gcm => (32, 12),
            Self::AesCm128HmacSha1_80 => (16, 14),
        }
    }

    /// `None` for one that a later `dimpl` may have.
    pub(super) const fn of(profile: SrtpProfile) -> Option<Self> {
        match profile {
            SrtpProfile::AEAD_AES_128_GCM => Some(Self::AeadAes128Gcm),
            SrtpProfile::AEAD_AES_256_GCM => Some(Self::AeadAes256Gcm),
            SrtpProfile::AES128_CM_SHA1_80 => Some(Self::AesCm128HmacSha1_80),
            _ => None,
        }
    }
}

/// Master key and salt of one direction.
#[derive(Clone, PartialEq, Eq)]
pub struct SrtpKeys {
    /// What they are for.
    pub profile: SrtpProfileName,
    /// The master key.
    pub key: Vec<u8>,
    /// The master salt.
    pub salt: Vec<u8>,
}

impl fmt::Debug for SrtpKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SrtpKeys").field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// Ours and the peer's.
pub(super) fn split(
    profile: SrtpProfileName,
    material: &[u8],
    we_are_client: bool,
) -> Result<(SrtpKeys, SrtpKeys), DtlsFailure> {
    let (key_bytes, salt_bytes) = profile.key_and_salt_bytes();
    if material.len() != 2 * (key_bytes + salt_bytes) {
        return Err(DtlsFailure::KeyingMaterial { bytes: material.len() });
    }
    let (keys, salts) = material.split_at(2 * key_bytes);
    let (client_key, server_key) = keys.split_at(key_bytes);
    let (client_salt, server_salt) = salts.split_at(salt_bytes);
    let of = |key: &[u8], salt: &[u8]| SrtpKeys { profile, key: key.to_vec(), salt: salt.to_vec() };
    let (client, server) = (of(client_key, client_salt), of(server_key, server_salt));
    Ok(if we_are_client { (client, server) } else { (server, client) })
}
