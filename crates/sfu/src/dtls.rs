//! DTLS of one transport: who the peer is, the keys of its media, and the way for its data channels.
//!
//! Sources: RFC 6347 and RFC 9147 (DTLS 1.2 and 1.3, both by the crate `dimpl`), RFC 5763 and RFC 8122 (fingerprints),
//! RFC 5764 (keys of SRTP). Roles, states and JSON are mediasoup's. [`DtlsContext`] is what all transports of a worker
//! share; [`DtlsTransport`] owns one handshake and what follows it.
mod context;
mod error;
mod keys;
mod parameters;
mod pem;
#[cfg(test)]
mod tests;
mod transport;

pub use context::{DtlsContext, DtlsVersions};
pub use error::{DtlsCertificateError, DtlsConnectError, DtlsFailure, DtlsSendError};
pub use keys::{SrtpKeys, SrtpProfileName};
pub use parameters::{DtlsFingerprint, DtlsParameters, DtlsRole, DtlsState, FingerprintAlgorithm};
pub use transport::{DtlsOutput, DtlsStats, DtlsTransport};
