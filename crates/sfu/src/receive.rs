//! One incoming RTP stream: what came, what is missing and asked for again, and what the sender is told about it.
//!
//! [`IncomingStream`] takes the packets of one SSRC and of its retransmission stream; [`NackGenerator`] says what to
//! ask for. Sources: RFC 3550 §6.4 and appendix A, RFC 4585 §6.2.1, RFC 4588.
mod jitter;
mod nack;
mod sequence;
mod stats;
mod stream;

pub use nack::{
    ASK_AFTER, ASK_AGAIN_AFTER_MIN, ASKED_MAX, GIVEN_UP_AFTER, MISSING_MAX, NackGenerator, NackOutput,
};
pub use sequence::{Arrival, Sequence};
pub use stats::IncomingStreamStats;
pub use stream::{IncomingOutput, IncomingStream, IncomingStreamOptions, Received};
