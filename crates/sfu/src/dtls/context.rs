//! What all DTLS sessions of a worker share: certificate, settings, fingerprints.
//!
//! `dimpl` tests all its cryptography each time settings are made, 11 M instructions: so they are made once, here.
use super::error::DtlsCertificateError;
use super::parameters::{DtlsFingerprint, FingerprintAlgorithm};
use super::pem;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _,
};
use dimpl::{Config, Dtls, DtlsCertificate};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Largest datagram of a handshake: 1200 bytes, what fits any path that media fits.
const MTU_BYTES: usize = 1200;
/// First retransmission after 400 ms: most round trips are shorter, and the standard's second (RFC 6347 §4.2.4.1) is
/// a second without picture when one datagram is lost. Doubled each time.
const FIRST_RETRY: Duration = Duration::from_millis(400);
/// Retransmissions of a flight: 6, which is 25 s at least; then the handshake's own limit ends it.
const RETRIES: usize = 6;
/// Longest handshake: 30 s, as in mediasoup.
const HANDSHAKE_MAX: Duration = Duration::from_secs(30);
/// Datagrams of the peer that wait for one between them: 30. A flight with a post-quantum key share has five.
const RECEIVED_MAX: usize = 30;
/// Datagrams of ours that wait to be sent: 10. A flight has three.
const SENT_MAX: usize = 10;
/// The object identifier of RSA keys in DER: 1.2.840.113549.1.1.1.
const RSA_OID: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// Which versions of DTLS are spoken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub enum DtlsVersions {
    /// 1.3 if the peer knows it, else 1.2.
    #[default]
    Both,
    /// 1.2 only.
    Only12,
    /// 1.3 only.
    Only13,
}

/// Certificate and settings. Cloning is cheap.
#[derive(Clone)]
pub struct DtlsContext {
    certificate: Arc<DtlsCertificate>,
    config: Arc<Config>,
    versions: DtlsVersions,
}

impl fmt::Debug for DtlsContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DtlsContext").field("versions", &self.versions).finish_non_exhaustive()
    }
}

impl DtlsContext {
    /// With a certificate of its own: P-256, self-signed, good for a year as clocks go; peers look at its fingerprint
    /// only. Slow: it tests the cryptography, too.
    pub fn generate() -> Result<Self, DtlsCertificateError> {
        let certificate = dimpl::certificate::generate_self_signed_certificate()
            .map_err(|error| DtlsCertificateError::Generation { reason: error.to_string() })?;
        Self::new(certificate)
    }

    /// With a certificate and an EC key on P-256 or P-384, both as PEM.
    pub fn from_pem(certificate: &str, private_key: &str) -> Result<Self, DtlsCertificateError> {
        let missing = |label| DtlsCertificateError::Pem { label };
        let certificate = pem::decode(certificate, pem::CERTIFICATE).ok_or(missing(pem::CERTIFICATE))?;
        if private_key.contains("-----BEGIN RSA PRIVATE KEY-----") {
            return Err(DtlsCertificateError::Rsa);
        }
        let private_key = pem::decode(private_key, pem::PRIVATE_KEY).ok_or(missing(pem::PRIVATE_KEY))?;
        Self::from_der(&certificate, &private_key)
    }

    /// The same as DER; the key as PKCS#8 or SEC 1.
    pub fn from_der(certificate: &[u8], private_key: &[u8]) -> Result<Self, DtlsCertificateError> {
        if contains(private_key, &RSA_OID) {
            return Err(DtlsCertificateError::Rsa);
        }
        let key = [&ECDSA_P256_SHA256_ASN1_SIGNING, &ECDSA_P384_SHA384_ASN1_SIGNING]
            .into_iter()
            .find_map(|algorithm| EcdsaKeyPair::from_private_key_der(algorithm, private_key).ok())
            .ok_or(DtlsCertificateError::NotEc)?;
        // A certificate says its key as the point that a key pair says, so there is no need to take it apart.
        if !contains(certificate, key.public_key().as_ref()) {
            return Err(DtlsCertificateError::Mismatch);
        }
        let pkcs8 = key.to_pkcs8v1().map_err(|_| DtlsCertificateError::NotEc)?;
        Self::new(DtlsCertificate { certificate: certificate.to_vec(), private_key: pkcs8.as_ref().to_vec() })
    }

    fn new(certificate: DtlsCertificate) -> Result<Self, DtlsCertificateError> {
        let config = Config::builder()
            .mtu(MTU_BYTES)
            // A cookie proves that the peer receives at its address. ICE has proven that, and it costs a round trip.
            .use_server_cookie(false)
            .flight_start_rto(FIRST_RETRY)
            .flight_retries(RETRIES)
            .handshake_timeout(HANDSHAKE_MAX)
            .max_queue_rx(RECEIVED_MAX)
            .max_queue_tx(SENT_MAX)
            .build()
            .map_err(|error| DtlsCertificateError::Generation { reason: error.to_string() })?;
        let certificate = Arc::new(certificate);
        Ok(Self { certificate, config: Arc::new(config), versions: DtlsVersions::Both })
    }

    /// The same with other versions.
    #[must_use]
    pub fn with_versions(self, versions: DtlsVersions) -> Self {
        Self { versions, ..self }
    }

    /// What peers are told, one for each hash function, SHA-256 last: `mediasoup-client` takes the last.
    pub fn fingerprints(&self) -> Vec<DtlsFingerprint> {
        let of = |algorithm| DtlsFingerprint::of(&self.certificate.certificate, algorithm);
        FingerprintAlgorithm::ALL.into_iter().map(of).collect()
    }

    /// Our certificate as PEM.
    pub fn certificate_pem(&self) -> String {
        pem::encode_certificate(&self.certificate.certificate)
    }

    /// How many sessions and contexts use these settings.
    #[cfg(test)]
    pub(super) fn users(&self) -> usize {
        Arc::strong_count(&self.config)
    }

    pub(super) fn session(&self, is_client: bool, now: Instant) -> Dtls {
        let (config, certificate) = (Arc::clone(&self.config), (*self.certificate).clone());
        let mut session = match self.versions {
            DtlsVersions::Both => Dtls::new_auto(config, certificate, now),
            DtlsVersions::Only12 => Dtls::new_12(config, certificate, now),
            DtlsVersions::Only13 => Dtls::new_13(config, certificate, now),
        };
        session.set_active(is_client);
        session
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
