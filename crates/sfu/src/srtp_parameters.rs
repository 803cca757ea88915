//! Keys of SRTP as applications carry them between both sides of a plain or pipe transport. JSON and names are mediasoup's.
use protocols::srtp::{MasterKey, Profile, SrtpError};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How packets are enciphered and authenticated.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub enum SrtpCryptoSuite {
    /// AES-GCM with 256 bits.
    #[serde(rename = "AEAD_AES_256_GCM")]
    AeadAes256Gcm,
    /// AES-GCM with 128 bits.
    #[serde(rename = "AEAD_AES_128_GCM")]
    AeadAes128Gcm,
    /// AES in counter mode, HMAC-SHA1 cut to 80 bits: what everybody has.
    #[default]
    #[serde(rename = "AES_CM_128_HMAC_SHA1_80")]
    AesCm128HmacSha180,
    /// The same, cut to 32 bits.
    #[serde(rename = "AES_CM_128_HMAC_SHA1_32")]
    AesCm128HmacSha132,
}

impl SrtpCryptoSuite {
    const fn profile(self) -> Profile {
        match self {
            Self::AeadAes256Gcm => Profile::AeadAes256Gcm,
            Self::AeadAes128Gcm => Profile::AeadAes128Gcm,
            Self::AesCm128HmacSha180 => Profile::AesCm128HmacSha1_80,
            Self::AesCm128HmacSha132 => Profile::AesCm128HmacSha1_32,
        }
    }

    /// A key that nobody else has.
    pub(crate) fn new_key(self) -> Result<MasterKey, SrtpError> {
        let profile = self.profile();
        let (mut key, mut salt) = (vec![0; profile.key_bytes()], vec![0; profile.salt_bytes()]);
        rand::Rng::fill(&mut rand::rng(), key.as_mut_slice());
        rand::Rng::fill(&mut rand::rng(), salt.as_mut_slice());
        MasterKey::new(profile, &key, &salt)
    }
}

/// The key of one direction. Not shown when printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SrtpParameters {
    /// What it is for.
    pub crypto_suite: SrtpCryptoSuite,
    /// Key and salt, one after the other, in base64. A secret.
    pub key_base64: String,
}

impl SrtpParameters {
    pub(crate) fn of(crypto_suite: SrtpCryptoSuite, key: &MasterKey) -> Self {
        Self { crypto_suite, key_base64: key.to_base64() }
    }

    pub(crate) fn key(&self) -> Result<MasterKey, SrtpError> {
        MasterKey::from_base64(self.crypto_suite.profile(), &self.key_base64)
    }
}

impl fmt::Debug for SrtpParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SrtpParameters").field("crypto_suite", &self.crypto_suite).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_is_mediasoup_s_and_a_printed_key_is_none() {
        for suite in [
            SrtpCryptoSuite::AeadAes256Gcm,
            SrtpCryptoSuite::AeadAes128Gcm,
            SrtpCryptoSuite::AesCm128HmacSha180,
            SrtpCryptoSuite::AesCm128HmacSha132,
        ] {
            let parameters = SrtpParameters::of(suite, &suite.new_key().unwrap());
            let json = serde_json::to_value(&parameters).unwrap();
            assert_eq!(json["cryptoSuite"], suite.profile().name());
            let theirs: mediasoup_types::srtp_parameters::SrtpParameters =
                serde_json::from_value(json.clone()).unwrap();
            assert_eq!(serde_json::to_value(theirs).unwrap(), json);
            assert!(parameters.key().is_ok());
            assert!(!format!("{parameters:?}").contains(&parameters.key_base64));
        }
    }
}
