//! What is in a segment file, out of the heads of its parts: where each sample lies, when it is decoded and shown, and
//! when that was on the wall.
//!
//! Source: ISO/IEC 14496-12 §8.8 (movie fragments), §8.16.5 (producer reference time). Files are those of
//! [`SegmentMuxer`](crate::mp4::SegmentMuxer); of others only what has the same form. The media is never read. Memory:
//! 32 bytes a sample and 16 a part, which for an hour of 25 pictures and 47 frames of sound a second is 8.5 MB.
mod parts;
mod piece;
#[cfg(test)]
mod tests;

use super::track::Lane;
use crate::mp4::Mp4Error;
use bytes::Bytes;
use media::{MediaTime, Moment, Track, Unit, WallTime};
pub use piece::Piece;
use std::ops::Range;
use std::time::Duration;

/// Where one unit lies in its file. Times are in ticks of the track's clock from the file's zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sample {
    /// When to decode it; strictly rising within a track.
    pub dts: i64,
    /// The first of its bytes in the file.
    pub offset: u64,
    /// How many bytes it has.
    pub size: u32,
    /// How long it lasts.
    pub ticks: u32,
    /// How much later than `dts` it is shown.
    pub pts_offset: i32,
    /// A reader may start here.
    pub key: bool,
}

/// A moment of the file of which the wall time is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Anchor {
    /// Microseconds from the file's zero.
    pub micros: i64,
    /// What the wall clock showed.
    pub wall: WallTime,
}

/// Where a part is in its file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Part {
    offset: u64,
    /// The first of its samples of the main track, or of those after it.
    first: usize,
}

/// Whole parts that can be shown by themselves: the first one begins with a key frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stretch {
    /// Where it is in the file.
    pub bytes: Range<u64>,
    /// When it begins, in microseconds from the file's zero.
    pub begins_micros: i64,
    /// When it ends.
    pub ends_micros: i64,
}

/// Why a file has no index, or why it ends where it ends.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IndexError<E> {
    /// The file could not be read.
    #[error("{0}")]
    Read(E),
    /// A head is broken, or says what cannot be.
    #[error(transparent)]
    Broken(#[from] Mp4Error),
}

/// The index of one segment file. A file that still grows is gone on with by [`SegmentIndex::extend`].
pub struct SegmentIndex {
    tracks: Vec<Track>,
    /// For each track.
    samples: Vec<Vec<Sample>>,
    /// In the order of the file; their wall times may jump, as clocks do.
    walls: Vec<Anchor>,
    /// What `moov` says of the tracks, which parts are read with.
    lanes: Vec<Lane>,
    /// Where each part begins, and the place of its first sample of the main track.
    parts: Vec<Part>,
    /// Where the first part begins, and what readers need before it.
    head: Range<u64>,
    /// Where the last whole part ends.
    bytes: u64,
    samples_left: u32,
}

impl std::fmt::Debug for SegmentIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SegmentIndex")
            .field("tracks", &self.tracks)
            .field("samples", &self.samples.iter().map(Vec::len).collect::<Vec<_>>())
            .field("parts", &self.walls.len())
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl SegmentIndex {
    /// The tracks, as the muxer was given those that it carried; their ids are their places in the file.
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// The samples of a track, in decoding order; none for a track that is not there.
    pub fn samples(&self, track: usize) -> &[Sample] {
        self.samples.get(track).map_or(&[], Vec::as_slice)
    }

    /// How much of the file is whole parts, and in the index.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Where the tables are that every reader needs before any part: `ftyp` is not among it.
    pub fn head(&self) -> Range<u64> {
        self.head.clone()
    }

    /// The file cut where parts begin with a key frame, each stretch as long as is said at least, but for the last.
    pub fn stretches(&self, least_micros: i64) -> Vec<Stretch> {
        let main = self.main_track();
        let (samples, Some(of)) = (self.samples(main), self.tracks.get(main)) else { return Vec::new() };
        let mut stretches: Vec<Stretch> = Vec::new();
        for part in &self.parts {
            let Some(sample) = samples.get(part.first) else { continue };
            let begins_micros = micros(sample.dts, of);
            match stretches.last_mut() {
                Some(last) if !sample.key || begins_micros - last.begins_micros < least_micros => {}
                last => {
                    if let Some(last) = last {
                        (last.bytes.end, last.ends_micros) = (part.offset, begins_micros);
                    }
                    stretches.push(Stretch {
                        bytes: part.offset..self.bytes,
                        begins_micros,
                        ends_micros: begins_micros,
                    });
                }
            }
        }
        if let Some(last) = stretches.last_mut() {
            (last.bytes.end, last.ends_micros) =
                (self.bytes, self.end_micros().unwrap_or(last.begins_micros));
        }
        stretches
    }

    /// The track that says where a reader may start: the first with pictures, or the first, of those that have samples.
    pub fn main_track(&self) -> usize {
        let there =
            || self.tracks.iter().zip(&self.samples).map(|(track, samples)| (track, !samples.is_empty()));
        there()
            .position(|(track, has)| has && track.codec.is_video())
            .or_else(|| there().position(|(_, has)| has))
            .unwrap_or(0)
    }

    /// The moments whose wall time the file tells: one for each part.
    pub fn walls(&self) -> &[Anchor] {
        &self.walls
    }

    /// What the wall clock showed at a moment of the file, by the last anchor before it, or the first one. `None` while
    /// the file tells nothing.
    pub fn wall_at(&self, micros: i64) -> Option<WallTime> {
        let after = self.walls.partition_point(|anchor| anchor.micros <= micros);
        let anchor = self.walls.get(after.saturating_sub(1))?;
        let since = micros.saturating_sub(anchor.micros);
        Some(WallTime::from_micros(anchor.wall.as_micros().saturating_add(since)))
    }

    /// The moment of the file at which the wall clock showed a time, which may lie before its zero or beyond its end.
    /// Where the clock was set back, the later of two such moments; where it jumped ahead, that of the jump.
    pub fn micros_at(&self, wall: WallTime) -> Option<i64> {
        let since = |anchor: &Anchor| wall.as_micros().saturating_sub(anchor.wall.as_micros());
        let ends_at = |place: usize| self.walls.get(place + 1).map(|next| next.micros);
        let ended = self.end_micros().unwrap_or(0);
        let within = self.walls.iter().enumerate().rposition(|(place, anchor)| {
            let lasts = ends_at(place).unwrap_or(ended).saturating_sub(anchor.micros);
            (0..lasts).contains(&since(anchor))
        });
        let place = within.or_else(|| self.walls.iter().rposition(|anchor| anchor.wall <= wall)).unwrap_or(0);
        let anchor = self.walls.get(place)?;
        Some(anchor.micros.saturating_add(since(anchor)).min(ends_at(place).unwrap_or(i64::MAX)))
    }

    /// The first moment of media, in microseconds from the file's zero; `None` without any.
    pub fn first_micros(&self) -> Option<i64> {
        let firsts = self.tracks.iter().zip(&self.samples);
        firsts.filter_map(|(track, samples)| Some(micros(samples.first()?.dts, track))).min()
    }

    /// The end of the last sample, in microseconds from the file's zero.
    pub fn end_micros(&self) -> Option<i64> {
        let lasts = self.tracks.iter().zip(&self.samples);
        lasts
            .filter_map(|(track, samples)| {
                let last = samples.last()?;
                Some(micros(last.dts.saturating_add(last.ticks.into()), track))
            })
            .max()
    }

    /// When the first unit was captured.
    pub fn begins(&self) -> Option<WallTime> {
        self.wall_at(self.first_micros()?)
    }

    /// When the last unit ended.
    pub fn ends(&self) -> Option<WallTime> {
        self.wall_at(self.end_micros()?)
    }

    /// How much media there is, from the first unit to the end of the last.
    pub fn duration(&self) -> Duration {
        let span = self.first_micros().zip(self.end_micros());
        let micros = span.map_or(0, |(first, end)| end.saturating_sub(first));
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }

    /// The first sample of a track that is decoded at this moment or later; the count of samples when none is.
    pub fn first_from(&self, track: usize, at_micros: i64) -> usize {
        let Some(of) = self.tracks.get(track) else { return 0 };
        self.samples(track).partition_point(|sample| micros(sample.dts, of) < at_micros)
    }

    /// The last sample of the main track that a reader may start at and that is shown at this moment or earlier.
    pub fn key_at_or_before(&self, at_micros: i64) -> Option<usize> {
        self.last_key(|shown| shown <= at_micros)
    }

    /// The first sample of the main track that a reader may start at and that is shown at this moment or later.
    pub fn key_from(&self, at_micros: i64) -> Option<usize> {
        let next = self.last_key(|shown| shown < at_micros).map_or(0, |before| before + 1);
        let later = self.samples(self.main_track()).get(next..)?;
        later.iter().position(|sample| sample.key).map(|found| next + found)
    }

    /// The last key frame that is shown at such a moment. Key frames are shown in the order of their decoding.
    fn last_key(&self, is_such: impl Fn(i64) -> bool) -> Option<usize> {
        let of = self.tracks.get(self.main_track())?;
        let samples = self.samples(self.main_track());
        // None is shown before it is decoded.
        let decoded = samples.partition_point(|sample| is_such(micros(sample.dts, of)));
        samples[..decoded].iter().rposition(|sample| sample.key && is_such(micros(sample.pts(), of)))
    }

    /// When a sample is shown.
    pub fn micros_of(&self, track: usize, sample: &Sample) -> i64 {
        self.tracks.get(track).map_or(0, |track| micros(sample.pts(), track))
    }

    /// A sample as the unit that it was, on the file's line and with its wall time. `data` is what the file has at its
    /// place. `None` when there is no such sample.
    pub fn unit(&self, track: usize, sample: usize, data: Bytes, arrival: Moment) -> Option<Unit> {
        let (track, sample) = (self.tracks.get(track)?, self.samples(track).get(sample)?);
        Some(Unit {
            track: track.id,
            pts: sample.pts(),
            dts: sample.dts,
            arrival,
            wall: self.wall_at(micros(sample.dts, track)).unwrap_or_default(),
            keyframe: sample.key,
            discontinuity: false,
            data,
        })
    }
}

impl Sample {
    /// When to show it: never before it is decoded.
    pub fn pts(&self) -> i64 {
        self.dts.saturating_add(self.pts_offset.max(0).into())
    }

    /// The first byte after it.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.size.into())
    }
}

fn micros(ticks: i64, track: &Track) -> i64 {
    MediaTime::new(ticks, track.clock_rate).as_micros()
}
