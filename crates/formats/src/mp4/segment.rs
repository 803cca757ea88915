//! Fragmented MP4 for files: the units of some hundred milliseconds of all tracks are one part, `prft`, `moof` and `mdat`.
//!
//! Source: ISO/IEC 14496-12 §8.8 (movie fragments), §8.16.5 (producer reference time).
//!
//! A file is whole after each part: whoever is killed between two of them has lost only what waited. Times in a file
//! begin at zero; when that was on the wall is in each part's `prft`, so a file tells it also without an index. A part
//! costs about 150 bytes and, for each frame, 4 to 16 more: far below a hundredth of what cameras send.
use super::Mp4Error;
use super::boxes::BoxWriter;
use super::entry::Entry;
use super::fragment::Skipped;
use super::init::{Carried, write_init};
use crate::bitstream;
use bytes::Bytes;
use media::{MediaTime, Track, Unit, rescale};
use std::time::Duration;

/// What a last frame is taken to last of which no other one tells: 40 ms.
const LAST_FRAME_MS: u32 = 40;
/// A step between two frames beyond this is a gap and says nothing about how long a frame lasts: 10 s; cameras at night
/// send a frame a second.
const FRAME_SECONDS_MAX: i64 = 10;
/// `sample_depends_on = 2` (§8.8.3.1): shown without any other sample.
const FLAGS_KEY: u32 = 0x0200_0000;
/// `sample_depends_on = 1` and `sample_is_non_sync_sample`.
const FLAGS_DELTA: u32 = 0x0101_0000;
/// `default-base-is-moof`, default duration and default flags are there (§8.8.7).
const TFHD_FLAGS: u32 = 0x02_0028;
/// `trun` (§8.8.8): the offset of the data, then what each sample has of its own.
const TRUN_OFFSET: u32 = 0x001;
const TRUN_DURATIONS: u32 = 0x100;
const TRUN_SIZES: u32 = 0x200;
const TRUN_FLAGS: u32 = 0x400;
const TRUN_COMPOSITIONS: u32 = 0x800;

/// Bytes to append to a file, which is whole before and after them.
#[derive(Clone, Debug)]
pub struct SegmentPart {
    /// `prft`, `moof` and the head of `mdat`.
    pub head: Bytes,
    /// The units' data, shared and not copied.
    pub data: Vec<Bytes>,
    /// All bytes.
    pub bytes: u64,
}

#[derive(Debug)]
struct Sample {
    unit: Unit,
    ticks: u32,
}

#[derive(Debug)]
struct Lane {
    track: Track,
    entry: Entry,
    /// The newest unit: how long it lasts is known when the next one comes.
    newest: Option<Unit>,
    /// What is to be written, in order.
    ready: Vec<Sample>,
    last_ticks: u32,
}

/// Muxes one file. Units are given in the order of their arrival; [`SegmentMuxer::part`] makes bytes of them.
#[derive(Debug)]
pub struct SegmentMuxer {
    lanes: Vec<Lane>,
    skipped: Vec<Skipped>,
    sequence: u32,
    /// The file's zero on the stream's line: set by the first part.
    zero: Option<MediaTime>,
    /// The first and the last moment of media, on the stream's line.
    span: Option<(MediaTime, MediaTime)>,
    waiting_bytes: usize,
}

impl SegmentMuxer {
    /// A file with those of the tracks that MP4 can carry; the others are in [`SegmentMuxer::skipped`]. Fails when none
    /// is left.
    pub fn new(tracks: &[Track]) -> Result<Self, Mp4Error> {
        let (mut lanes, mut skipped) = (Vec::with_capacity(tracks.len()), Vec::new());
        for track in tracks {
            match Entry::for_file(track) {
                Ok(entry) => lanes.push(Lane::new(track.clone(), entry)),
                Err(why) => skipped.push(Skipped { track: track.id, codec: track.codec, why }),
            }
        }
        if lanes.is_empty() {
            return Err(Mp4Error::NothingFits { skipped });
        }
        Ok(Self { lanes, skipped, sequence: 0, zero: None, span: None, waiting_bytes: 0 })
    }

    /// Times in the file are counted from this moment of the stream's line, and not from the file's first unit: files that
    /// follow each other, such as the segments of a playlist, then have one line.
    pub fn with_zero(mut self, zero: MediaTime) -> Self {
        self.zero = Some(zero);
        self
    }

    /// The tracks that are not carried, and why.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// The tracks that are carried, in the order of the file.
    pub fn carried(&self) -> impl Iterator<Item = &Track> {
        self.lanes.iter().map(|lane| &lane.track)
    }

    /// What a file begins with: `ftyp` and `moov`.
    pub fn init(&self) -> Bytes {
        let numbered = self.lanes.iter().zip(1..);
        let carried: Vec<_> =
            numbered.map(|(Lane { track, entry, .. }, number)| Carried { track, entry, number }).collect();
        write_init(&carried, None)
    }

    /// Takes a unit. Those of tracks that are not carried, and empty ones, are left out.
    pub fn push(&mut self, unit: &Unit) {
        let Some(lane) = self.lanes.iter_mut().find(|lane| lane.track.id == unit.track) else { return };
        if unit.data.is_empty() {
            return;
        }
        self.waiting_bytes += unit.data.len();
        let end = lane.push(unit);
        let rate = lane.track.clock_rate;
        let (from, to) = (MediaTime::new(unit.dts, rate), MediaTime::new(end, rate));
        self.span = Some(match self.span {
            Some((first, last)) => (earlier(first, from), later(last, to)),
            None => (from, to),
        });
    }

    /// Bytes that wait for their part.
    pub fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// How much media the file spans, what waits included.
    pub fn duration(&self) -> Duration {
        self.span.map_or(Duration::ZERO, |(first, last)| {
            let micros = last.as_micros().saturating_sub(first.as_micros());
            Duration::from_micros(u64::try_from(micros).unwrap_or(0))
        })
    }

    /// Makes a part of the units whose length is known; `None` when there are none.
    pub fn part(&mut self) -> Option<SegmentPart> {
        if self.lanes.iter().all(|lane| lane.ready.is_empty()) {
            return None;
        }
        let zero = *self.zero.get_or_insert_with(|| {
            let first = |lane: &Lane| {
                let unit = lane.ready.first().map(|sample| &sample.unit).or(lane.newest.as_ref());
                unit.map(|unit| unit.dts_time(&lane.track))
            };
            self.lanes.iter().filter_map(first).reduce(earlier).unwrap_or(MediaTime::new(0, 1))
        });
        self.sequence = self.sequence.wrapping_add(1);
        let mut w = BoxWriter::with_capacity(512);
        self.prft(&mut w, zero);
        let moof_at = w.position();
        let mut offsets = Vec::with_capacity(self.lanes.len());
        w.boxed(b"moof", |w| {
            w.full(b"mfhd", 0, 0, |w| w.u32(self.sequence));
            for (lane, number) in self.lanes.iter().zip(1..) {
                if !lane.ready.is_empty() {
                    offsets.push((lane.traf(w, number, zero), lane.ready_bytes()));
                }
            }
        });
        let mut data_at = (w.position() - moof_at + 8) as u32;
        let data_bytes: usize = offsets.iter().map(|(_, bytes)| bytes).sum();
        for (place, bytes) in offsets {
            w.set_u32(place, data_at);
            data_at = data_at.saturating_add(bytes as u32);
        }
        w.u32(u32::try_from(data_bytes + 8).ok()?);
        w.bytes(b"mdat");
        let head: Bytes = w.into_vec().into();
        let ready = self.lanes.iter_mut().flat_map(|lane| lane.ready.drain(..));
        let data: Vec<Bytes> = ready.map(|sample| sample.unit.data).collect();
        self.waiting_bytes = self.waiting_bytes.saturating_sub(data_bytes);
        let bytes = (head.len() + data_bytes) as u64;
        Some(SegmentPart { head, data, bytes })
    }

    /// Makes the last part: the newest units are taken to last as long as those before them. `next`: the one that the next
    /// file begins with; the one before it in this file lasts until then, whatever lies between.
    pub fn finish(&mut self, next: Option<&Unit>) -> Option<SegmentPart> {
        for lane in &mut self.lanes {
            lane.finish(next.filter(|next| next.track == lane.track.id));
        }
        self.part()
    }

    /// When the first unit of the part was captured: RFC 5905 time, and the same moment in the file.
    fn prft(&self, w: &mut BoxWriter, zero: MediaTime) {
        let video = self.lanes.iter().zip(1..).find(|(lane, _)| lane.track.codec.is_video());
        let lanes = video.into_iter().chain(self.lanes.iter().zip(1..));
        let first =
            lanes.filter_map(|(lane, number)| lane.ready.first().map(|sample| (lane, number, sample)));
        for (lane, number, sample) in first.take(1) {
            // Flag 24 says that the time is that of the capture.
            w.full(b"prft", 1, 24, |w| {
                w.u32(number);
                w.u64(sample.unit.wall.to_ntp());
                w.u64(lane.on_file(sample.unit.dts, zero));
            });
        }
    }
}

impl Lane {
    fn new(track: Track, entry: Entry) -> Self {
        let last_ticks = (track.clock_rate / (1_000 / LAST_FRAME_MS)).max(1);
        Self { track, entry, newest: None, ready: Vec::new(), last_ticks }
    }

    /// Takes a unit; returns its end, as well as is known.
    fn push(&mut self, unit: &Unit) -> i64 {
        if let Some(before) = self.newest.replace(unit.clone()) {
            // Over a gap the frame before it stands, so that what follows has its own time: whoever does not want that
            // begins another file.
            let ticks = unit.dts.saturating_sub(before.dts).clamp(1, u32::MAX.into());
            if ticks <= FRAME_SECONDS_MAX * i64::from(self.track.clock_rate) {
                self.last_ticks = ticks as u32;
            }
            self.ready.push(Sample { unit: before, ticks: ticks as u32 });
        }
        unit.dts.saturating_add(self.length_of(unit).into())
    }

    /// How long a unit lasts without one after it.
    fn length_of(&self, unit: &Unit) -> u32 {
        let own = if self.track.codec.is_video() {
            None
        } else {
            bitstream::audio_frame_ticks(&self.track, &unit.data)
        };
        own.filter(|ticks| *ticks > 0).unwrap_or(self.last_ticks)
    }

    fn finish(&mut self, next: Option<&Unit>) {
        if let Some(unit) = self.newest.take() {
            let until_next = next.map(|next| next.dts.saturating_sub(unit.dts));
            let ticks = until_next.and_then(|ticks| u32::try_from(ticks).ok()).filter(|ticks| *ticks > 0);
            let ticks = ticks.unwrap_or_else(|| self.length_of(&unit));
            self.ready.push(Sample { unit, ticks });
        }
    }

    fn ready_bytes(&self) -> usize {
        self.ready.iter().map(|sample| sample.unit.data.len()).sum()
    }

    /// A time of the track in the file.
    fn on_file(&self, dts: i64, zero: MediaTime) -> u64 {
        let zero = rescale(zero.ticks, zero.rate, self.track.clock_rate);
        u64::try_from(dts.saturating_sub(zero)).unwrap_or(0)
    }

    /// Writes the track's part of `moof`. Returns where the offset of its data is to be filled in.
    fn traf(&self, w: &mut BoxWriter, number: u32, zero: MediaTime) -> usize {
        let first = &self.ready[0];
        let video = self.track.codec.is_video();
        let compositions = self.ready.iter().any(|sample| sample.unit.pts != sample.unit.dts);
        let durations = self.ready.iter().any(|sample| sample.ticks != first.ticks);
        let mut flags = TRUN_OFFSET | TRUN_SIZES;
        for (there, flag) in
            [(durations, TRUN_DURATIONS), (video, TRUN_FLAGS), (compositions, TRUN_COMPOSITIONS)]
        {
            flags |= if there { flag } else { 0 };
        }
        let mut offset_at = 0;
        w.boxed(b"traf", |w| {
            w.full(b"tfhd", 0, TFHD_FLAGS, |w| {
                w.u32(number);
                w.u32(first.ticks);
                w.u32(FLAGS_KEY);
            });
            w.full(b"tfdt", 1, 0, |w| w.u64(self.on_file(first.unit.dts, zero)));
            w.full(b"trun", 1, flags, |w| {
                w.u32(self.ready.len() as u32);
                offset_at = w.position();
                w.u32(0);
                for Sample { unit, ticks } in &self.ready {
                    if durations {
                        w.u32(*ticks);
                    }
                    w.u32(unit.data.len() as u32);
                    if video {
                        w.u32(if unit.keyframe { FLAGS_KEY } else { FLAGS_DELTA });
                    }
                    if compositions {
                        let offset = unit.pts.saturating_sub(unit.dts);
                        w.u32(offset.clamp(i32::MIN.into(), i32::MAX.into()) as i32 as u32);
                    }
                }
            });
        });
        offset_at
    }
}

fn earlier(one: MediaTime, other: MediaTime) -> MediaTime {
    if other.as_micros() < one.as_micros() { other } else { one }
}

fn later(one: MediaTime, other: MediaTime) -> MediaTime {
    if other.as_micros() > one.as_micros() { other } else { one }
}

#[cfg(test)]
mod tests;
