//! MPEG transport streams → tracks and units, and back.
//!
//! Sources: ISO/IEC 13818-1 (ITU-T H.222.0); the Opus-in-TS draft of Xiph and BBC ("Encapsulation of Opus in MPEG-2 TS",
//! 0.1.4); GB/T 25724 for the stream types of G.711 and G.722 that cameras and ZLMediaKit use. Packets of 188 bytes, of
//! 192 (Blu-ray, with a time before each) and of 204 (with a checksum behind each).
//!
//! - [`sync`]: bytes → packets, found again after garbage.
//! - [`packet`], [`section`], [`tables`], [`pes`]: what is in them.
//! - [`lane`]: one elementary stream: PES → frames.
//! - [`Demuxer`]: everything together.
//! - [`Muxer`]: units → packets.
mod demuxer;
mod lane;
mod muxer;
mod opus;
mod packet;
mod pes;
mod section;
mod sync;
mod tables;

pub use demuxer::{Demuxer, TsError, fuzz_mpegts};
pub use muxer::{Muxer, NothingFits};
pub(crate) use sync::find_sync;
