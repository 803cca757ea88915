//! What all demuxers have in common: the events they tell, the line of time they share, and how tracks become known.
pub(crate) mod clock;
mod event;
pub(crate) mod stage;

pub use event::{DemuxEvent, Note};
