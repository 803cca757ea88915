//! MP4: fragments for browsers, segments to keep on disk, single key frames as files, and files to read.
//!
//! Source: ISO/IEC 14496-12 (boxes), 14496-14 and -15 (MPEG-4 audio, NAL units in MP4), the bindings of AV1, VP9 and
//! Opus, and the QuickTime File Format for what cameras and editors add. Writing is by hand: the media path is one
//! copy of 112 bytes a frame, and sample entries must hold decoder configurations byte for byte.
mod boxes;
mod entry;
mod error;
mod fragment;
mod init;
mod keyframe;
mod movie;
mod read;
mod segment;

pub use error::{BoxPath, Mp4Error};
pub use fragment::{Fragment, Fragmenter, Skipped};
pub use keyframe::keyframe_file;
pub use movie::{Extent, Movie, MovieBuilder, MovieStop, Place};
pub use read::{Anchor, Demuxer, File, IndexError, Piece, Sample, SegmentIndex, Units, Unplayable, fuzz_mp4};
pub use segment::{SegmentMuxer, SegmentPart};

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
