//! How much a transport's way to its peer bears, and when packets go.
//!
//! - What we send: [`SendEstimator`] is told of each packet that goes and of each feedback that comes, and says how
//!   many bits a second may be sent, and when to probe for more; [`Pacer`] says how many bytes may go now.
//! - What we receive: [`ArrivalLog`] makes transport-wide feedback for senders that estimate themselves;
//!   [`ReceiveEstimator`] makes REMB for those that do not; [`IncomingLimit`] tells the former a limit from outside.
//!
//! The estimate is the lowest of three: the delay-based one (packets that come later and later fill a queue), the
//! loss bound, and limits from outside. Sources: draft-ietf-rmcat-gcc-02,
//! draft-holmer-rmcat-transport-wide-cc-extensions-01, draft-alvestrand-rmcat-remb-03, and the behaviour of
//! libwebrtc, on which the senders and receivers of browsers are tuned.
mod arrivals;
mod delay;
mod estimator;
mod groups;
mod history;
mod incoming_limit;
mod loss;
mod pacer;
mod probe;
mod rate_control;
mod receive;
#[cfg(test)]
mod tests;
mod throughput;
mod trend;

pub use arrivals::{ArrivalLog, ArrivalOutput};
pub use estimator::{EstimateOutput, SendEstimator, SendEstimatorOptions, SendEstimatorStats};
pub use incoming_limit::{IncomingLimit, LimitOutput};
pub use pacer::{HELD_MAX, PACING_PERCENT, Pacer};
pub use probe::{PROBE_PACKETS_MIN, Probe, ProbeId};
pub use receive::{ReceiveEstimator, ReceiveOutput};

/// Lowest estimate: 30 kbit/s, so that sound still flows. Nothing that is worth sending needs less.
pub const BPS_MIN: u32 = 30_000;
