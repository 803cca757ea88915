//! One MP4 to download and to seek in, out of stretches of segment files, whose media is not copied: a head that is made
//! anew, and a list of where the rest of it lies.
//!
//! Source: ISO/IEC 14496-12 §8.1 to §8.7. `moov` comes before `mdat`, so that players begin before they have it all, and
//! everything is known before the first byte is sent, so that byte ranges can be asked for. Tables cost 4 bytes a
//! sample, 4 more a key frame, and about 12 for each part of a track: an hour of 25 pictures and 47 frames of sound a
//! second has a head of 1.1 MB.
mod builder;
mod lane;
mod tables;
#[cfg(test)]
mod tests;
mod write;

pub use builder::{MovieBuilder, MovieStop};
use bytes::Bytes;
use std::ops::Range;
use std::time::Duration;

/// Bytes of a movie that lie in a segment file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extent {
    /// Where they are in the movie.
    pub at: u64,
    /// Which file, by the number that the builder was given.
    pub source: usize,
    /// Where they are in the file.
    pub offset: u64,
    /// How many.
    pub length: u64,
}

/// Where the bytes at some place of a movie come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// From [`Movie::head`].
    Head(Range<usize>),
    /// From a segment file.
    Source {
        /// Which file, by the number that the builder was given.
        source: usize,
        /// Where in the file.
        offset: u64,
        /// How many bytes.
        length: u64,
    },
}

/// An MP4 whose media lies in segment files.
#[derive(Clone, Debug)]
pub struct Movie {
    head: Bytes,
    extents: Vec<Extent>,
    total: u64,
    duration: Duration,
}

impl Movie {
    /// What it begins with: `ftyp`, `moov` and the head of `mdat`.
    pub fn head(&self) -> &Bytes {
        &self.head
    }

    /// What follows the head, in order. Neighbours in a file are one extent.
    pub fn extents(&self) -> &[Extent] {
        &self.extents
    }

    /// All bytes.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// How long it plays.
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// Where the bytes from `at` on come from: as many of them as lie together, and at most `max`. `None` at the end.
    pub fn locate(&self, at: u64, max: u64) -> Option<Place> {
        let head = self.head.len() as u64;
        if at < head {
            let end = head.min(at.saturating_add(max));
            return Some(Place::Head(at as usize..end as usize));
        }
        let after = self.extents.partition_point(|extent| extent.at <= at);
        let extent = self.extents.get(after.checked_sub(1)?)?;
        let into = at - extent.at;
        let length = extent.length.checked_sub(into).filter(|left| *left > 0)?.min(max);
        Some(Place::Source { source: extent.source, offset: extent.offset + into, length })
    }
}
