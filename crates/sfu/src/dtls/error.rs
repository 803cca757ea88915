//! What can go wrong with DTLS.
use super::parameters::DtlsState;
use media::Fault;

/// A certificate or key of ours that cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DtlsCertificateError {
    /// There is no such block in the PEM text, or it is broken.
    #[error("no readable `{label}` in the PEM text")]
    Pem {
        /// What was looked for.
        label: &'static str,
    },
    /// An RSA key.
    #[error("the DTLS private key is an RSA key: only EC keys on P-256 or P-384 can be used")]
    Rsa,
    /// Some other key.
    #[error("the DTLS private key is not an EC key on P-256 or P-384")]
    NotEc,
    /// Certificate and key have nothing to do with each other.
    #[error("the DTLS certificate is not of this private key")]
    Mismatch,
    /// A key or certificate could not be made, or the cryptography failed its self-test.
    #[error("no DTLS certificate could be made: {reason}")]
    Generation {
        /// Why.
        reason: String,
    },
}

impl DtlsCertificateError {
    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Pem { .. } | Self::Rsa | Self::NotEc | Self::Mismatch => Fault::Config,
            Self::Generation { .. } => Fault::Us,
        }
    }
}

/// The peer's parameters were not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DtlsConnectError {
    /// They were taken already.
    #[error("connect() was called already")]
    Again,
    /// Without a fingerprint nobody knows who the peer is.
    #[error("the peer's DTLS parameters have no fingerprint")]
    NoFingerprint,
    /// It is over.
    #[error("the transport is closed")]
    Closed,
}

impl DtlsConnectError {
    /// The application's, which is a peer of ours.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Again | Self::NoFingerprint | Self::Closed => Fault::Peer,
        }
    }
}

/// Data was not sent.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DtlsSendError {
    /// Too early or too late.
    #[error("DTLS is {state:?}, not connected")]
    NotConnected {
        /// The state.
        state: DtlsState,
    },
    /// More than fits a record.
    #[error("{bytes} bytes of data are more than a DTLS record takes")]
    TooLong {
        /// How many.
        bytes: usize,
    },
    /// The session broke.
    #[error(transparent)]
    Failed(#[from] DtlsFailure),
}

impl DtlsSendError {
    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::NotConnected { .. } | Self::TooLong { .. } => Fault::Us,
            Self::Failed(failure) => failure.fault(),
        }
    }
}

/// Why a session ended otherwise than by our own will.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DtlsFailure {
    /// The peer has another certificate than it announced: somebody else answered.
    #[error("the peer's certificate has another fingerprint ({presented}) than was announced")]
    Fingerprint {
        /// SHA-256 of the certificate it has.
        presented: String,
    },
    /// The peer does not want SRTP, or no profile that we have.
    #[error("no SRTP profile was agreed on")]
    NoSrtpProfile,
    /// Too much or too little for the profile.
    #[error("{bytes} bytes of keying material do not fit the SRTP profile")]
    KeyingMaterial {
        /// How many.
        bytes: usize,
    },
    /// The peer closed it.
    #[error("the peer closed DTLS")]
    ClosedByPeer,
    /// Everything else: no answer in time, an alert, a broken message.
    #[error("DTLS failed: {reason}")]
    Protocol {
        /// What `dimpl` says.
        reason: String,
    },
}

impl DtlsFailure {
    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Fingerprint { .. } | Self::NoSrtpProfile | Self::ClosedByPeer | Self::Protocol { .. } => {
                Fault::Peer
            }
            Self::KeyingMaterial { .. } => Fault::Us,
        }
    }
}
