//! What all WebRTC sessions of a process share: the DTLS certificate, the crypto, and where the clock's zero lies.
//! Cheap to clone.
use super::WebRtcError;
use media::Moment;
use std::sync::Arc;
use std::time::{Duration, Instant};
use str0m::config::{CryptoProvider, DtlsCert};

/// Shared by the sessions of a process. The certificate is made once: a key a session would cost a signature each,
/// and browsers pin nothing but the fingerprint in the answer.
#[derive(Clone)]
pub struct Context {
    shared: Arc<Shared>,
}

struct Shared {
    crypto: Arc<CryptoProvider>,
    certificate: DtlsCert,
    /// The engine's clock at [`Moment::ZERO`].
    zero: Instant,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

impl Context {
    /// Makes the certificate (ECDSA P-256, self-signed). `now` ties the process's clock to the engine's, for ever.
    ///
    /// # Errors
    /// [`WebRtcError::Engine`] when no certificate can be made.
    pub fn new(now: Moment) -> Result<Self, WebRtcError> {
        let crypto = str0m::crypto::from_feature_flags();
        let certificate = crypto
            .dtls_provider
            .generate_certificate()
            .ok_or_else(|| WebRtcError::Engine("cannot make a DTLS certificate".to_owned()))?;
        let read = Instant::now();
        // A machine that was started a moment ago may have a younger monotonic clock than ours.
        let zero = read.checked_sub(Duration::from_nanos(now.as_nanos())).unwrap_or(read);
        Ok(Self { shared: Arc::new(Shared { crypto: Arc::new(crypto), certificate, zero }) })
    }

    pub(crate) fn crypto(&self) -> Arc<CryptoProvider> {
        self.shared.crypto.clone()
    }

    pub(crate) fn certificate(&self) -> DtlsCert {
        self.shared.certificate.clone()
    }

    pub(crate) fn instant(&self, moment: Moment) -> Instant {
        // Three hundred years at most: Moment::FAR_FUTURE is no time of the engine's.
        self.shared.zero + Duration::from_nanos(moment.as_nanos().min(i64::MAX as u64))
    }

    pub(crate) fn moment(&self, instant: Instant) -> Moment {
        let since = instant.saturating_duration_since(self.shared.zero).as_nanos();
        u64::try_from(since).map_or(Moment::FAR_FUTURE, Moment::from_nanos)
    }
}
