//! One outgoing RTP stream: what was sent and can be sent again, and what the receiver says about it.
//!
//! [`OutgoingStream`] counts what goes to one consumer, answers its NACKs out of a [`RetransmissionStore`] and reads
//! its reports. Sources: RFC 3550 §6.4, RFC 4585 §6.2.1, RFC 4588.
mod stats;
mod store;
mod stream;

pub use stats::OutgoingStreamStats;
pub use store::{AGE_MAX, BYTES_MAX, NotAgain, PACKETS_MAX, RetransmissionStore};
pub use stream::{Outgoing, OutgoingOutput, OutgoingStream, OutgoingStreamOptions, Retransmission};
