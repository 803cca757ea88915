//! What the two sides tell each other of their DTLS by signalling, and its states. JSON as mediasoup's.
//!
//! Source: RFC 8122 §5 (fingerprints).
use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// Who sends the first message of the handshake.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DtlsRole {
    /// As ICE decides: the controlled side, so we, is the client.
    #[default]
    Auto,
    /// Begins.
    Client,
    /// Waits.
    Server,
}

/// `New` → `Connecting` when both sides' parameters and a path are there → `Connected` → `Closed`. `New` and
/// `Connecting` → `Failed`, or → `Closed` by our own will. `Failed` and `Closed` are final.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DtlsState {
    /// Nothing was sent yet.
    New,
    /// The handshake is under way.
    Connecting,
    /// The peer is who it should be, and keys are there.
    Connected,
    /// The handshake failed.
    Failed,
    /// It ended.
    Closed,
}

/// A hash function. Ordered by strength.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum FingerprintAlgorithm {
    /// SHA-1.
    #[serde(rename = "sha-1")]
    Sha1,
    /// SHA-224.
    #[serde(rename = "sha-224")]
    Sha224,
    /// SHA-256.
    #[serde(rename = "sha-256")]
    Sha256,
    /// SHA-384.
    #[serde(rename = "sha-384")]
    Sha384,
    /// SHA-512.
    #[serde(rename = "sha-512")]
    Sha512,
}

impl FingerprintAlgorithm {
    /// All of mediasoup's. SHA-256 stands last: `mediasoup-client` takes the last one of a list, and every browser
    /// knows that one.
    pub(super) const ALL: [Self; 5] = [Self::Sha1, Self::Sha224, Self::Sha384, Self::Sha512, Self::Sha256];

    fn digest(self, certificate: &[u8]) -> digest::Digest {
        let algorithm = match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha224 => &digest::SHA224,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, certificate)
    }
}

/// A certificate's hash.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DtlsFingerprint {
    /// The hash function.
    pub algorithm: FingerprintAlgorithm,
    /// Bytes as two capital hexadecimal digits each, with colons between.
    pub value: String,
}

impl DtlsFingerprint {
    /// Of a certificate in DER.
    pub(super) fn of(certificate: &[u8], algorithm: FingerprintAlgorithm) -> Self {
        let mut value = String::new();
        for byte in algorithm.digest(certificate).as_ref() {
            let colon = if value.is_empty() { "" } else { ":" };
            let _ = write!(value, "{colon}{byte:02X}");
        }
        Self { algorithm, value }
    }

    /// Whether both are the same, however they are written.
    fn is_same(&self, other: &Self) -> bool {
        self.algorithm == other.algorithm && self.value.eq_ignore_ascii_case(&other.value)
    }
}

/// One side's DTLS.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DtlsParameters {
    /// Its role.
    #[serde(default)]
    pub role: DtlsRole,
    /// Its certificate's fingerprints: at least one.
    pub fingerprints: Vec<DtlsFingerprint>,
}

/// Whether a certificate is one of those announced. Only fingerprints of the strongest hash function count, or else a
/// weaker one would decide. Source: RFC 8122 §5.
pub(super) fn is_announced(certificate: &[u8], announced: &[DtlsFingerprint]) -> bool {
    let Some(strongest) = announced.iter().map(|one| one.algorithm).max() else { return false };
    let presented = DtlsFingerprint::of(certificate, strongest);
    announced.iter().any(|one| one.is_same(&presented))
}
