//! The values every other crate speaks in: times, codecs, tracks, units and names.
//!
//! Nothing here does I/O, reads a clock or takes a lock; time is always an argument.
mod codec;
mod date;
mod decode_order;
mod fault;
mod moment;
mod name;
mod sync;
mod time;
mod timeline;
mod track;
mod unit;

pub use codec::{Codec, Kind};
pub use date::{Rfc3339, date_text};
pub use decode_order::DecodeOrder;
pub use fault::Fault;
pub use moment::{Moment, WallTime};
pub use name::{NameError, StreamName};
pub use sync::Sync;
pub use time::{MediaTime, rescale};
pub use timeline::{Mapped, Timeline, wrapping_step};
pub use track::{CodecParams, Track, TrackId, Tracks};
pub use unit::Unit;
