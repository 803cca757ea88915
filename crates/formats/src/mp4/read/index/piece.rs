//! A stretch of one segment file that can be shown by itself: it begins with a key frame.
use super::{Sample, SegmentIndex, micros};
use std::ops::Range;

/// Sound from this long before the key frame is taken along: 1 s. It stands in another file than the pictures that it
/// belongs to where it came late, and whoever joins pieces has the place for it.
const SOUND_BEFORE_MICROS: i64 = 1_000_000;

/// Which samples of a file make a piece.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Piece {
    /// The track whose key frame is the beginning.
    pub(in crate::mp4) lead: usize,
    /// For each track.
    pub(in crate::mp4) ranges: Vec<Range<usize>>,
    begins_micros: i64,
    ends_micros: i64,
}

impl Piece {
    /// When its key frame is shown, in microseconds from the file's zero.
    pub fn begins_micros(&self) -> i64 {
        self.begins_micros
    }

    /// The end of its last picture, or of its last sound without pictures.
    pub fn ends_micros(&self) -> i64 {
        self.ends_micros
    }

    /// Its samples of a track, by their places in [`SegmentIndex::samples`]. Those of sound may begin a little before
    /// the key frame.
    pub fn range(&self, track: usize) -> Range<usize> {
        self.ranges.get(track).cloned().unwrap_or_default()
    }
}

impl SegmentIndex {
    /// What of the file is needed to show it from one moment up to, not including, another one: from the key frame at or
    /// before it, or the first one. `None` when the file has none.
    pub fn piece(&self, from_micros: i64, to_micros: i64) -> Option<Piece> {
        let lead = self.main_track();
        let first = self.key_at_or_before(from_micros).or_else(|| self.key_from(from_micros))?;
        let samples = self.samples(lead);
        let of = self.tracks.get(lead)?;
        let begins_micros = micros(samples.get(first)?.pts(), of);
        let end = self.first_from(lead, to_micros).max(first + 1);
        let shown_until = |sample: &Sample| micros(sample.pts().saturating_add(sample.ticks.into()), of);
        let ends_micros = samples.get(first..end)?.iter().map(shown_until).max()?;
        let ranges = (0..self.tracks.len()).map(|track| {
            if track == lead {
                return first..end;
            }
            let from = self.first_from(track, begins_micros.saturating_sub(SOUND_BEFORE_MICROS));
            from..self.first_from(track, to_micros).max(from)
        });
        Some(Piece { lead, ranges: ranges.collect(), begins_micros, ends_micros })
    }
}
