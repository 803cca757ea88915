//! Puts pieces of segment files after each other.
use super::lane::{Lane, Line, pcm_bytes, said};
use super::tables::{Added, Chunk};
use super::{Extent, Movie, write};
use crate::mp4::entry::Entry;
use crate::mp4::read::{Piece, Sample, SegmentIndex};
use crate::mp4::{Mp4Error, Skipped};
use bytes::Bytes;
use media::{Kind, Track, WallTime};
use std::ops::Range;
use std::time::Duration;

/// Up to this much, what lies between two pieces is no gap: sound that came with the later one is put into it.
const JOINED_MICROS: i64 = 200_000;
/// How far a track may reach beyond where the next piece begins: 200 ms. Sound and pictures do not end together, and
/// what the next piece has of the same time is left out.
const OVERLAP_MICROS: i64 = 200_000;

/// Why a piece cannot go on a movie: the movie is as it was, and ends before it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MovieStop {
    /// There is a track more, or one less.
    #[error("the piece has {found} tracks where the movie has {expected}")]
    Tracks {
        /// Those of the piece.
        found: usize,
        /// Those of the movie.
        expected: usize,
    },
    /// A track has another codec, or another clock.
    #[error("track {track} changes from {was} to {is}")]
    Codec {
        /// Its place among the tracks of the movie.
        track: usize,
        /// What the movie has, with its clock rate and channels.
        was: String,
        /// What the piece has.
        is: String,
    },
    /// A frame would last longer than a movie can say.
    #[error("the gap before the piece is longer than a frame can last")]
    Gap,
    /// The piece has no samples that the movie would have a place for.
    #[error("the piece is empty")]
    Empty,
}

/// Samples of one lane that lie together in a segment file.
struct Run {
    offset: u64,
    lane: usize,
    samples: Range<usize>,
}

/// Makes a movie out of pieces, which come one after the other.
#[derive(Debug)]
pub struct MovieBuilder {
    pub(super) lanes: Vec<Lane>,
    /// Tracks of other kinds are not looked at.
    only: Option<Kind>,
    close_gaps: bool,
    /// Where the first piece begins, on the line of the caller.
    zero_micros: Option<i64>,
    pub(super) began: Option<WallTime>,
    extents: Vec<Extent>,
    media_bytes: u64,
}

impl MovieBuilder {
    /// A movie of tracks that are those of the first piece. Fails when one of them has no place in MP4.
    pub fn new(tracks: &[Track]) -> Result<Self, Mp4Error> {
        Self::of(tracks, None)
    }

    /// A movie of the tracks of one kind only, such as the pictures without the sound.
    pub fn only(kind: Kind, tracks: &[Track]) -> Result<Self, Mp4Error> {
        Self::of(tracks, Some(kind))
    }

    fn of(tracks: &[Track], only: Option<Kind>) -> Result<Self, Mp4Error> {
        let (mut lanes, mut skipped) = (Vec::new(), Vec::new());
        for track in tracks.iter().filter(|track| only.is_none_or(|kind| track.kind() == kind)) {
            match Entry::for_file(track) {
                Ok(entry) => lanes.push(Lane::new(track.clone(), entry)),
                Err(why) => skipped.push(Skipped { track: track.id, codec: track.codec, why }),
            }
        }
        if lanes.is_empty() || !skipped.is_empty() {
            return Err(Mp4Error::NothingFits { skipped });
        }
        Ok(Self {
            lanes,
            only,
            close_gaps: false,
            zero_micros: None,
            began: None,
            extents: Vec::new(),
            media_bytes: 0,
        })
    }

    /// Puts each piece right after the one before, wherever it is said to begin. Else the last frame before a gap
    /// stands until the gap ends.
    pub fn close_gaps(mut self) -> Self {
        self.close_gaps = true;
        self
    }

    /// Adds a piece of a file that begins at `at_micros` on a line of the caller, such as wall time; the first piece is
    /// where the movie begins. A piece that would begin before the end of the one before comes right after it.
    /// Returns where it came to lie in the movie, in microseconds.
    pub fn add(
        &mut self,
        source: usize,
        index: &SegmentIndex,
        piece: &Piece,
        at_micros: i64,
    ) -> Result<Range<i64>, MovieStop> {
        let tracks = self.tracks_of(index)?;
        let lead = tracks.iter().position(|track| *track == piece.lead).unwrap_or(0);
        let first = piece.ranges.get(piece.lead).and_then(|range| index.samples(piece.lead).get(range.start));
        let (Some(first), Some(of)) = (first, index.tracks().get(piece.lead)) else {
            return Err(MovieStop::Empty);
        };
        let zero = self.zero_micros.unwrap_or(at_micros);
        let begins = if self.close_gaps { i64::MIN } else { at_micros.saturating_sub(zero) };
        let ends = self.lanes[lead].end_micros();
        let at_micros = begins.max(self.joins_at(lead));
        let joined = at_micros - ends <= JOINED_MICROS;
        let continues = joined && !self.close_gaps && !self.lanes[lead].tables.is_empty();
        let line = Line {
            begins: (first.pts(), of.clock_rate),
            at_micros,
            free_from_micros: if joined { 0 } else { at_micros },
            leads_from: (!continues).then(|| first.pts()),
        };
        let runs = self.runs(index, piece, &tracks, &line)?;
        if runs.is_empty() {
            return Err(MovieStop::Empty);
        }
        let entries = self.entries(index, &tracks)?;
        self.zero_micros = Some(zero);
        self.began = self.began.or_else(|| index.wall_at(piece.begins_micros()));
        for Run { lane: number, samples, .. } in runs {
            let samples = index.samples(tracks[number]).get(samples).unwrap_or_default();
            self.push_chunk(source, number, samples, entries[number], |sample, rate| {
                let shift = line.shift(rate);
                let dts = sample.dts.saturating_add(shift);
                (dts, sample.pts().saturating_add(shift), sample.ticks)
            });
        }
        Ok(at_micros..self.lanes[lead].end_micros())
    }

    /// Adds one picture by itself, after what is there, and for as long as is said: for a strip of key frames. `sample`
    /// is its place in the main track of the index. Of H.264 they should be IDR pictures: of others that do not follow
    /// each other, decoders drop some.
    pub fn add_picture(
        &mut self,
        source: usize,
        index: &SegmentIndex,
        sample: usize,
        lasts: Duration,
    ) -> Result<(), MovieStop> {
        let tracks = self.tracks_of(index)?;
        let main = index.main_track();
        let number = tracks.iter().position(|track| *track == main).ok_or(MovieStop::Empty)?;
        let found = index.samples(main).get(sample).ok_or(MovieStop::Empty)?;
        let entries = self.entries(index, &tracks)?;
        let at_micros = index.micros_of(main, found);
        self.zero_micros.get_or_insert(0);
        self.began = self.began.or_else(|| index.wall_at(at_micros));
        let at = self.lanes[number].tables.end();
        self.push_chunk(source, number, std::slice::from_ref(found), entries[number], |_, rate| {
            let ticks = (lasts.as_nanos() * u128::from(rate) + 500_000_000) / 1_000_000_000;
            (at, at, u32::try_from(ticks).unwrap_or(u32::MAX).max(1))
        });
        Ok(())
    }

    /// Bytes of media so far.
    pub fn media_bytes(&self) -> u64 {
        self.media_bytes
    }

    /// Makes the movie; `None` when nothing was added.
    pub fn finish(mut self) -> Option<Movie> {
        self.lanes.retain(|lane| !lane.tables.is_empty());
        if self.lanes.is_empty() {
            return None;
        }
        self.lanes.iter_mut().for_each(|lane| lane.tables.finish());
        let head = write::head(&self.lanes, self.began, self.media_bytes);
        let head_bytes = head.len() as u64;
        self.extents.iter_mut().for_each(|extent| extent.at += head_bytes);
        let micros = self.lanes.iter().map(Lane::end_micros).max().unwrap_or(0);
        Some(Movie {
            head,
            extents: self.extents,
            total: head_bytes + self.media_bytes,
            duration: Duration::from_micros(u64::try_from(micros).unwrap_or(0)),
        })
    }

    /// Makes the tables of a movie whose media stays where it is, in the one file that all pieces are of: a `moov` to be put
    /// into that file. `None` when nothing was added.
    pub fn tables_in_place(mut self) -> Option<Bytes> {
        self.lanes.retain(|lane| !lane.tables.is_empty());
        if self.lanes.is_empty() {
            return None;
        }
        for lane in &mut self.lanes {
            lane.tables.finish();
            for chunk in &mut lane.tables.chunks {
                let after = self.extents.partition_point(|extent| extent.at <= chunk.at);
                let extent = self.extents.get(after.checked_sub(1)?)?;
                chunk.at = extent.offset + (chunk.at - extent.at);
            }
        }
        Some(write::tables_in_place(&self.lanes, self.began))
    }

    /// Which track of the index goes to which lane.
    fn tracks_of(&self, index: &SegmentIndex) -> Result<Vec<usize>, MovieStop> {
        let wanted = |track: &Track| self.only.is_none_or(|kind| track.kind() == kind);
        let numbered = index.tracks().iter().enumerate();
        let tracks: Vec<usize> =
            numbered.filter(|(_, track)| wanted(track)).map(|(number, _)| number).collect();
        if tracks.len() != self.lanes.len() {
            return Err(MovieStop::Tracks { found: tracks.len(), expected: self.lanes.len() });
        }
        for (number, (lane, track)) in self.lanes.iter().zip(&tracks).enumerate() {
            let (was, is) = (&lane.track, &index.tracks()[*track]);
            let same_form = pcm_bytes(was) == pcm_bytes(is);
            if was.codec != is.codec || was.clock_rate != is.clock_rate || !same_form {
                return Err(MovieStop::Codec { track: number, was: said(was), is: said(is) });
            }
        }
        Ok(tracks)
    }

    /// The number of the sample entry for each lane; those that are new are added.
    fn entries(&mut self, index: &SegmentIndex, tracks: &[usize]) -> Result<Vec<u32>, MovieStop> {
        let mut made = Vec::with_capacity(tracks.len());
        for (number, (lane, track)) in self.lanes.iter().zip(tracks).enumerate() {
            let is = &index.tracks()[*track];
            let entry = Entry::for_file(is).map_err(|why| MovieStop::Codec {
                track: number,
                was: said(&lane.track),
                is: format!("{}: {why}", said(is)),
            })?;
            made.push(entry);
        }
        let place = |(lane, entry): (&mut Lane, Entry)| {
            let known = lane.entries.iter().position(|known| known.bytes == entry.bytes);
            let place = known.unwrap_or_else(|| {
                lane.entries.push(entry);
                lane.entries.len() - 1
            });
            place as u32 + 1
        };
        Ok(self.lanes.iter_mut().zip(made).map(place).collect())
    }

    /// The earliest moment at which another piece may begin.
    fn joins_at(&self, lead: usize) -> i64 {
        let ends = self
            .lanes
            .iter()
            .enumerate()
            .map(|(number, lane)| lane.end_micros() - if number == lead { 0 } else { OVERLAP_MICROS });
        ends.max().unwrap_or(0).max(0)
    }

    /// The samples of a piece that the movie has a place for, as they lie together, in the order of the file.
    fn runs(
        &self,
        index: &SegmentIndex,
        piece: &Piece,
        tracks: &[usize],
        line: &Line,
    ) -> Result<Vec<Run>, MovieStop> {
        let mut runs: Vec<Run> = Vec::new();
        for (number, (lane, &track)) in self.lanes.iter().zip(tracks).enumerate() {
            let shift = line.shift(lane.track.clock_rate);
            let range = piece.range(track);
            let samples = index.samples(track).get(range.clone()).unwrap_or_default();
            let skipped = if track == piece.lead { 0 } else { lane.skips(samples, line) };
            let samples = samples.get(skipped..).unwrap_or_default();
            if let (Some(first), Some(newest)) = (samples.first(), lane.tables.newest_dts()) {
                let step = first.dts.saturating_add(shift).saturating_sub(newest);
                if step > u32::MAX.into() {
                    return Err(MovieStop::Gap);
                }
            }
            let mut end = None;
            for (place, sample) in (range.start + skipped..).zip(samples) {
                let early = track == piece.lead && line.leads_from.is_some_and(|from| sample.pts() < from);
                if early || lane.tables.samples_in(sample.size) == 0 {
                    continue;
                }
                match runs.last_mut() {
                    Some(run) if end == Some(sample.offset) && run.samples.end == place => {
                        run.samples.end = place + 1;
                    }
                    Some(_) | None => {
                        runs.push(Run { offset: sample.offset, lane: number, samples: place..place + 1 })
                    }
                }
                end = Some(sample.end());
            }
        }
        runs.sort_by_key(|run| run.offset);
        Ok(runs)
    }

    /// Adds samples that lie together; `place` gives decoding time, showing time and length of each at a clock rate.
    fn push_chunk(
        &mut self,
        source: usize,
        lane: usize,
        samples: &[Sample],
        entry: u32,
        place: impl Fn(&Sample, u32) -> (i64, i64, u32),
    ) {
        let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return };
        let Lane { track, tables, .. } = &mut self.lanes[lane];
        let before = tables.count;
        for sample in samples {
            let (dts, pts, ticks) = place(sample, track.clock_rate);
            tables.push(&Added { dts, pts, ticks, size: sample.size, key: sample.key });
        }
        tables.chunks.push(Chunk { at: self.media_bytes, samples: tables.count - before, entry });
        let length = last.end() - first.offset;
        match self.extents.last_mut() {
            Some(extent) if extent.source == source && extent.offset + extent.length == first.offset => {
                extent.length += length;
            }
            Some(_) | None => {
                self.extents.push(Extent { at: self.media_bytes, source, offset: first.offset, length });
            }
        }
        self.media_bytes += length;
    }
}
