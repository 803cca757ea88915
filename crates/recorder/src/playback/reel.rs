//! The reel: reads the files of a stream's recordings, one after the other, some frames at a time. It blocks, so it runs
//! on threads that nobody waits for; it holds one file's index and one batch.
use super::player::{Ask, Piece, Then};
use crate::export::{ExportError, Found, one_line};
use crate::segment::{SegmentState, Span};
use crate::whole::reader;
use bytes::{Bytes, BytesMut};
use formats::mp4::{Sample, SegmentIndex};
use media::{MediaTime, Moment, WallTime};
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes of one batch: 256 KiB, half a second of 4 Mbit/s. One frame may lie over it.
const BATCH_BYTES: usize = 256 << 10;
/// Units of one batch.
const BATCH_UNITS: usize = 128;
/// Files that are nearer to each other than this follow each other: 500 ms, with which no gap is seen.
const JOIN_MICROS: i64 = 500_000;
/// Segments that begin so much before what was read ends are of another recording of the stream: 300 ms.
const OVERLAP_MICROS: i64 = 300_000;

/// What was read.
pub(crate) struct Batch {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) then: Then,
}

/// A file that is being read.
struct Open {
    found: Found,
    file: File,
    index: SegmentIndex,
    /// What its own wall times lack.
    shift: i64,
    /// The next sample of each track.
    next: Vec<usize>,
    told: bool,
    joins: bool,
    asked_micros: Option<i64>,
}

/// Reads a line of segments.
pub(crate) struct Reel {
    to: WallTime,
    line: VecDeque<Found>,
    open: Option<Open>,
    /// Where a run is to begin, until its first file is open.
    begin_at: Option<WallTime>,
    /// Where what was read ends: segments from here on are wanted next.
    reached: WallTime,
    keys_only: bool,
    /// All that there is was read, of a file that still grows.
    at_edge: bool,
    ended: bool,
}

impl Reel {
    /// Reads up to a moment.
    pub(crate) fn new(to: Option<WallTime>) -> Self {
        Self {
            to: to.unwrap_or(Span::ALL.to),
            line: VecDeque::new(),
            open: None,
            begin_at: None,
            reached: Span::ALL.from,
            keys_only: false,
            at_edge: false,
            ended: false,
        }
    }

    /// Up to another moment.
    pub(crate) fn set_end(&mut self, to: Option<WallTime>) {
        self.to = to.unwrap_or(Span::ALL.to);
        self.ended = false;
    }

    /// What is asked for.
    pub(crate) fn handle_ask(&mut self, ask: &Ask) {
        self.keys_only = ask.keys_only;
        if let Some(at) = ask.at {
            self.line.clear();
            self.open = None;
            self.ended = false;
            self.begin_at = Some(at);
            self.reached = at;
        }
    }

    /// The span of which the segments are wanted before reading goes on. `None`: those that there are do.
    pub(crate) fn wants(&self) -> Option<Span> {
        let runs_out = self.line.is_empty() && (self.open.is_none() || self.at_edge);
        (!self.ended && runs_out && self.reached < self.to)
            .then_some(Span { from: self.reached, to: self.to })
    }

    /// Segments in that span.
    pub(crate) fn offer(&mut self, found: Vec<Found>) {
        let (reached, beginning) = (self.reached.as_micros(), self.begin_at.is_some());
        let mut mp4: Vec<Found> = found.into_iter().filter(|found| !found.segment.format.is_ts()).collect();
        if let Some(open) = &mut self.open {
            let same =
                |found: &Found| found.segment.id == open.found.segment.id && found.root == open.found.root;
            match mp4.iter().find(|found| same(found)) {
                Some(found) => open.found.segment.state = found.segment.state,
                // It is closed, and has nothing behind what was read.
                None => open.found.segment.state = SegmentState::Closed,
            }
            if open.is_growing() {
                // It is the line's, whatever else is recorded beside it.
                return;
            }
            mp4.retain(|found| !same(found));
        }
        if !beginning {
            mp4.retain(|found| found.segment.span.from.as_micros() >= reached.saturating_sub(OVERLAP_MICROS));
        }
        self.line = one_line(mp4).into();
    }

    /// Reads the next batch.
    pub(crate) fn read(&mut self) -> Result<Batch, ExportError> {
        let (mut pieces, mut bytes) = (Vec::new(), 0);
        self.at_edge = false;
        while bytes < BATCH_BYTES && pieces.len() < BATCH_UNITS {
            if self.ended {
                return Ok(Batch { pieces, then: Then::End });
            }
            if self.open.is_none() && !self.open_next()? {
                let then =
                    if self.reached < self.to { Then::Edge(self.line.front().is_some()) } else { Then::End };
                return Ok(Batch { pieces, then });
            }
            let Some(open) = &mut self.open else { continue };
            if !open.told {
                open.told = true;
                pieces.push(Piece::Begin {
                    tracks: open.index.tracks().to_vec(),
                    main: open.index.main_track(),
                    joins: open.joins,
                    asked_micros: open.asked_micros,
                });
            }
            match open.read(self.keys_only)? {
                Some((piece, size, wall, is_main)) => {
                    if is_main && wall >= self.to {
                        self.ended = true;
                        continue;
                    }
                    bytes += size;
                    pieces.push(piece);
                }
                None => {
                    let growing = open.is_growing();
                    if open.grow()? {
                        continue;
                    }
                    self.reached = self.reached.max(open.ends());
                    if growing {
                        self.at_edge = true;
                        return Ok(Batch { pieces, then: Then::Edge(true) });
                    }
                    self.open = None;
                    if self.line.is_empty() {
                        // Others may follow: the index knows.
                        return Ok(Batch { pieces, then: Then::More });
                    }
                }
            }
        }
        Ok(Batch { pieces, then: Then::More })
    }

    /// Opens the next file that has something. False: there is none, or it has nothing yet.
    fn open_next(&mut self) -> Result<bool, ExportError> {
        while let Some(found) = self.line.pop_front() {
            let growing = found.segment.state == SegmentState::Open;
            let file = match found.open() {
                Ok(file) => file,
                // Retention took it meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(&found, &error)),
            };
            let index = match found.index(&file) {
                Ok(index) => index,
                // One that has only just been begun has no whole head yet.
                Err(_) if growing => {
                    self.line.push_front(found);
                    return Ok(false);
                }
                Err(error) => {
                    // The others are no worse for it.
                    tracing::warn!(%error, "a recording cannot be played");
                    self.reached = self.reached.max(found.segment.span.to);
                    continue;
                }
            };
            let shift = found.shift_micros(&index);
            let first = index.key_from(i64::MIN);
            let (asked_micros, key) = match self.begin_at {
                None => (None, first),
                Some(at) => {
                    let asked = index.micros_at(WallTime::from_micros(at.as_micros().saturating_sub(shift)));
                    let end = index.end_micros().unwrap_or(0);
                    let asked = asked.unwrap_or(0).min(end);
                    (Some(asked), index.key_at_or_before(asked).or(first))
                }
            };
            let Some(key) = key else {
                if growing {
                    self.line.push_front(found);
                    return Ok(false);
                }
                continue;
            };
            let main = index.main_track();
            let begins = index.samples(main).get(key).map_or(0, |sample| micros_of(&index, main, sample.dts));
            let next = (0..index.tracks().len())
                .map(|track| if track == main { key } else { index.first_from(track, begins) })
                .collect();
            let gap = found.segment.span.from.as_micros() - self.reached.as_micros();
            let joins = self.begin_at.is_none() && gap < JOIN_MICROS;
            self.begin_at = None;
            self.open = Some(Open { found, file, index, shift, next, told: false, joins, asked_micros });
            return Ok(true);
        }
        Ok(false)
    }
}

impl Open {
    fn is_growing(&self) -> bool {
        self.found.segment.state == SegmentState::Open
    }

    /// When what is in it now ends.
    fn ends(&self) -> WallTime {
        let ends = self.index.ends().map(|ends| WallTime::from_micros(ends.as_micros() + self.shift));
        // One that is closed ends where the index says, so that it is not found again.
        match self.found.segment.state {
            SegmentState::Open => ends.unwrap_or(self.found.segment.span.from),
            SegmentState::Closed | SegmentState::Deleting => {
                ends.map_or(self.found.segment.span.to, |ends| ends.max(self.found.segment.span.to))
            }
        }
    }

    /// Takes up what was added to the file. True: there was something.
    fn grow(&mut self) -> Result<bool, ExportError> {
        let before = self.index.bytes();
        let grown = self.index.extend(reader(&self.file));
        grown.map_err(|error| failed(&self.found, &error))?;
        Ok(self.index.bytes() > before)
    }

    /// The next sample by its time: the piece, its size, its wall time, and whether it is of the main track.
    fn read(&mut self, keys_only: bool) -> Result<Option<(Piece, usize, WallTime, bool)>, ExportError> {
        let main = self.index.main_track();
        if keys_only && let Some(next) = self.next.get_mut(main) {
            // A file that grew may go on with others.
            *next = key_from(self.index.samples(main), *next);
        }
        let tracks = if keys_only { main..main + 1 } else { 0..self.next.len() };
        let times = tracks.filter_map(|track| {
            let sample = self.index.samples(track).get(*self.next.get(track)?)?;
            Some((micros_of(&self.index, track, sample.dts), track))
        });
        let Some((dts, track)) = times.min_by_key(|(dts, track)| (*dts, *track != main)) else {
            return Ok(None);
        };
        let place = self.next[track];
        let samples = self.index.samples(track);
        let sample = samples[place];
        let following = if keys_only { key_from(samples, place + 1) } else { place + 1 };
        let until = match samples.get(following) {
            Some(next) => next.dts,
            None => samples.last().map_or(sample.dts, |last| last.dts + i64::from(last.ticks)),
        };
        let lasts = micros_of(&self.index, track, until) - dts;
        let data = self.data(sample.offset, sample.size)?;
        let size = data.len();
        self.next[track] = following;
        let Some(mut unit) = self.index.unit(track, place, data, Moment::ZERO) else { return Ok(None) };
        unit.wall = WallTime::from_micros(unit.wall.as_micros() + self.shift);
        let wall = unit.wall;
        Ok(Some((Piece::Unit(unit, lasts), size, wall, track == main)))
    }

    fn data(&self, offset: u64, size: u32) -> Result<Bytes, ExportError> {
        let mut data = BytesMut::zeroed(size as usize);
        self.file.read_exact_at(&mut data, offset).map_err(|error| failed(&self.found, &error))?;
        Ok(data.freeze())
    }
}

/// The place of the next key frame; behind the last sample when there is none.
fn key_from(samples: &[Sample], place: usize) -> usize {
    let later = samples.get(place..).unwrap_or_default();
    later.iter().position(|sample| sample.key).map_or(samples.len(), |more| place + more)
}

fn micros_of(index: &SegmentIndex, track: usize, ticks: i64) -> i64 {
    index.tracks().get(track).map_or(0, |track| MediaTime::new(ticks, track.clock_rate).as_micros())
}

fn failed(found: &Found, error: &dyn std::fmt::Display) -> ExportError {
    ExportError::File { path: found.segment.path.clone(), error: error.to_string() }
}
