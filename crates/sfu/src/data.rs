//! Data channels of one transport: SCTP as plain state with one owner.
//!
//! Source: RFC 8831, RFC 8832, RFC 9260, RFC 3758, RFC 6525; mediasoup 3.27. [`Association`] owns everything that
//! belongs to one association, and no state is shared between two (defect 4: SCTP state of a whole process, driven
//! from whichever thread came first). `engine` is the crate below, `guard` what stands before it.
mod association;
mod dcep;
mod engine;
mod guard;
mod options;
mod owner;
mod packet;
mod parameters;
mod payload;
pub mod subchannels;
#[cfg(test)]
mod tests;

pub use association::{Association, AssociationStats, DataOutput, OpenError, Role, SendError};
pub use options::{AssociationOptions, MTU, PORT};
pub use parameters::{
    NumSctpStreams, SctpParameters, SctpState, SctpStreamParameters, SctpStreamParametersError,
};
pub use payload::Payload;
