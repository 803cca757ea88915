//! Master key and salt of one direction, as signalling or DTLS gives them.
use super::{Profile, SrtpError};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::fmt;

/// Base64 with padding, which may be missing in what we read: senders of SDES differ for keys of 28 bytes.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A profile with the master key and salt of one direction. `Debug` shows the profile only.
#[derive(Clone)]
pub struct MasterKey {
    profile: Profile,
    /// Key, then salt: as SDES and mediasoup write them.
    secret: Vec<u8>,
}

impl MasterKey {
    /// Takes key and salt, of [`Profile::key_bytes`] and [`Profile::salt_bytes`].
    ///
    /// # Errors
    /// One of them has another length.
    pub fn new(profile: Profile, key: &[u8], salt: &[u8]) -> Result<Self, SrtpError> {
        if key.len() != profile.key_bytes() {
            return Err(SrtpError::KeyLength { profile, got: key.len() });
        }
        if salt.len() != profile.salt_bytes() {
            return Err(SrtpError::SaltLength { profile, got: salt.len() });
        }
        Ok(Self { profile, secret: [key, salt].concat() })
    }

    /// Takes base64 of key and salt, one after the other: SDES's `inline:` (RFC 4568 §6.1) and mediasoup's `keyBase64`.
    ///
    /// # Errors
    /// It is no base64, or not as long as key and salt.
    pub fn from_base64(profile: Profile, text: &str) -> Result<Self, SrtpError> {
        let secret = BASE64.decode(text).map_err(|_| SrtpError::KeyBase64)?;
        if secret.len() != profile.key_bytes() + profile.salt_bytes() {
            return Err(SrtpError::KeyAndSaltLength { profile, got: secret.len() });
        }
        Ok(Self { profile, secret })
    }

    /// What [`MasterKey::from_base64`] takes. A secret: for signalling, never for logs.
    pub fn to_base64(&self) -> String {
        BASE64.encode(&self.secret)
    }

    /// The keys of a DTLS client and of its server, each for what that side sends, out of the keying material that their
    /// handshake exports (RFC 5764 §4.2: both keys, then both salts; the client's first).
    ///
    /// # Errors
    /// The material has not [`Profile::keying_material_bytes`].
    pub fn from_keying_material(profile: Profile, material: &[u8]) -> Result<(Self, Self), SrtpError> {
        if material.len() != profile.keying_material_bytes() {
            return Err(SrtpError::KeyingMaterialLength { profile, got: material.len() });
        }
        let (keys, salts) = material.split_at(2 * profile.key_bytes());
        let (client_key, server_key) = keys.split_at(profile.key_bytes());
        let (client_salt, server_salt) = salts.split_at(profile.salt_bytes());
        Ok((Self::new(profile, client_key, client_salt)?, Self::new(profile, server_key, server_salt)?))
    }

    /// What the key is for.
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    pub(super) fn key_and_salt(&self) -> (&[u8], &[u8]) {
        self.secret.split_at(self.profile.key_bytes())
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey").field("profile", &self.profile).finish_non_exhaustive()
    }
}
