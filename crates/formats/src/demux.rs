//! Byte streams of any container to tracks and units: what HTTP and TCP sources, child programs and uploads send.
//!
//! [`ByteDemuxer`] looks at the first bytes ([`crate::probe`]) and hands the stream to the demuxer of its container; the
//! modules below are what all of those have in common: the events they tell, the line of time they share, and how
//! tracks become known.
pub(crate) mod arrival;
mod bytes;
pub(crate) mod clock;
mod event;
pub(crate) mod stage;

pub use bytes::{ByteDemuxer, DemuxError, fuzz_bytes};
pub use event::{DemuxEvent, Note};
