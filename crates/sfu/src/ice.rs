//! ICE of one transport, the lite side: from which addresses its peer may talk to it.
//!
//! Sources: RFC 8445 §2.5 and §7.3 (lite, checks), RFC 8489 (STUN), RFC 7675 (consent), RFC 6544 (TCP candidates),
//! draft-thatcher-ice-renomination; what they leave open is as in mediasoup's worker (`IceServer`). The peer is always
//! a full, controlling agent and never tells us its credentials, so no agent of another crate fits, and no check is
//! ever sent by us. [`IceServer`] owns credentials, tuples, the selected one, and the moment until consent lasts.
mod candidate;
mod credentials;
mod server;
mod stun;
mod tuple;

pub use candidate::{IceCandidate, IceCandidateTcpType, IceCandidateType, ListenAddress, candidates};
pub use credentials::IceParameters;
pub use server::{CONSENT_TIMEOUT_DEFAULT, IceOptions, IceOutput, IceServer, IceState, IceStats};
pub use stun::{is_stun, local_ufrag};
pub use tuple::{Protocol, Tuple};
