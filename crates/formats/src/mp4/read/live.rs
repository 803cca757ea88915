//! MP4 as it arrives → tracks and units: fragmented, or with its head before its samples.
//!
//! Source: ISO/IEC 14496-12 §8.8 (movie fragments), 14496-12 §4.2. Samples are given out as soon as their last byte is
//! there, so a fragment is never held. Memory: one `moov` or `moof` of [`HEAD_BYTES_MAX`] and what it says of its
//! samples, and one sample of [`ACCESS_UNIT_BYTES_MAX`].
#[cfg(test)]
mod tests;

use super::cursor::{BoxAt, Cursor};
use super::entry::Layout;
use super::sample::{Budget, Sample};
use super::track::{Cut, Lane};
use super::{moof, read_extends, read_tracks};
use crate::bitstream::{ACCESS_UNIT_BYTES_MAX, NalAssembler, audio_frame_ticks, av1};
use crate::demux::clock::{Clock, TrackClock};
use crate::demux::stage::{LaneId, Placed, Stage, Wait};
use crate::demux::{DemuxEvent, Note};
use crate::mp4::Mp4Error;
use bytes::{Buf, Bytes, BytesMut};
use media::{Codec, CodecParams, Kind, Moment, WallTime, rescale};
use std::collections::VecDeque;
use std::time::Duration;

/// Longest `moov` or `moof`: 4 MiB. That of a stream has a few KiB; the `moov` of an hour of film as a file, with its
/// sample tables before the samples, has three MiB.
const HEAD_BYTES_MAX: u64 = 4 << 20;
/// Fragments' times become those of a clock of 90 kHz with 48 bits: 99 years.
const CLOCK: (u32, u32) = (90_000, 48);
/// How long parameter sets are waited for that the head lacks: 10 s, the longest time between key frames that cameras
/// are sold with.
const PARAMS_WAIT: Duration = Duration::from_secs(10);
/// Samples lie at most this far behind their `moof`: 64 MiB, a fragment of 25 s at 20 Mbit/s. What is said to be further
/// away, or before it, was counted in another file.
const DISTANCE_MAX: u64 = 64 << 20;
/// Bytes of a box's head, and of one with a long size.
const BOX_BYTES: usize = 8;
const LONG_BOX_BYTES: usize = 16;

/// Turns an MP4 byte stream into tracks and units.
///
/// `Boxes` → `Media` in a `mdat`, `Skipping` in what is not needed → `Boxes`.
#[derive(Debug)]
pub struct Demuxer {
    buffer: BytesMut,
    /// Where in the stream the buffer begins.
    position: u64,
    state: State,
    /// The last `moov`: servers repeat it.
    head: Bytes,
    lanes: Vec<LiveLane>,
    /// Samples that are still to come, by their place.
    expected: VecDeque<(usize, Sample)>,
    stage: Stage,
    clock: Clock,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Boxes,
    /// So many bytes of samples are left.
    Media(u64),
    /// So many bytes are passed over.
    Skipping(u64),
}

struct LiveLane {
    lane: Lane,
    id: LaneId,
    assembler: NalAssembler,
    clock: TrackClock,
    /// The next unit does not follow the last.
    broken: bool,
}

impl std::fmt::Debug for LiveLane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveLane").field("track", &self.lane.track).finish_non_exhaustive()
    }
}

impl Default for Demuxer {
    fn default() -> Self {
        Self::new()
    }
}

impl Demuxer {
    /// For one stream from its beginning.
    pub fn new() -> Self {
        Self {
            buffer: BytesMut::new(),
            position: 0,
            state: State::Boxes,
            head: Bytes::new(),
            lanes: Vec::new(),
            expected: VecDeque::new(),
            stage: Stage::default(),
            clock: Clock::new(CLOCK.0, CLOCK.1),
        }
    }

    /// Takes the next bytes, which came at `now`, when the wall clock shows `wall`. An error is final.
    pub fn push(&mut self, bytes: &[u8], now: Moment, wall: WallTime) -> Result<(), Mp4Error> {
        self.stage.set_wall_clock(now, wall);
        self.buffer.extend_from_slice(bytes);
        loop {
            let went_on = match self.state {
                State::Boxes => self.next_box()?,
                State::Media(left) => self.next_sample(left, now),
                State::Skipping(left) => {
                    let passed = self.pass(left);
                    self.state = if passed == left { State::Boxes } else { State::Skipping(left - passed) };
                    passed == left
                }
            };
            if !went_on {
                return Ok(());
            }
        }
    }

    /// Declares the tracks with what was seen: nothing follows.
    pub fn finish(&mut self) {
        self.stage.declare();
    }

    /// The next event.
    pub fn pop(&mut self) -> Option<DemuxEvent> {
        self.stage.pop()
    }

    /// Passes over at most so many bytes; how many were there.
    fn pass(&mut self, count: u64) -> u64 {
        let there = count.min(self.buffer.len() as u64);
        self.buffer.advance(there as usize);
        self.position += there;
        there
    }

    /// Reads the head of the next box, and all of it where it tells of samples. False: more bytes are needed.
    fn next_box(&mut self) -> Result<bool, Mp4Error> {
        let malformed = |what| Mp4Error::Malformed { path: Default::default(), offset: self.position, what };
        let Some(&[s0, s1, s2, s3, n0, n1, n2, n3]) = self.buffer.first_chunk::<BOX_BYTES>() else {
            return Ok(false);
        };
        let name = [n0, n1, n2, n3];
        if !name.iter().all(|byte| matches!(byte, b' '..=b'~' | 0xa9)) {
            return Err(malformed("no box begins here"));
        }
        let (head, size) = match u32::from_be_bytes([s0, s1, s2, s3]) {
            // To the end of the stream.
            0 => (BOX_BYTES, u64::MAX),
            1 => match self.buffer.first_chunk::<LONG_BOX_BYTES>() {
                None => return Ok(false),
                Some(&[.., a, b, c, d, e, f, g, h]) => {
                    (LONG_BOX_BYTES, u64::from_be_bytes([a, b, c, d, e, f, g, h]))
                }
            },
            size => (BOX_BYTES, u64::from(size)),
        };
        let Some(content) = size.checked_sub(head as u64) else {
            return Err(malformed("a box that is smaller than its head"));
        };
        match &name {
            b"moov" | b"moof" => {
                if size > HEAD_BYTES_MAX {
                    return Err(malformed("a moov or moof box of more than 4 MiB"));
                }
                if (self.buffer.len() as u64) < size {
                    return Ok(false);
                }
                let start = self.position;
                self.position += size;
                let data = self.buffer.split_to(size as usize).freeze();
                if &name == b"moov" {
                    self.take_head(data, start)?
                } else {
                    self.take_fragment(&data, start)?
                }
            }
            b"mdat" => {
                self.pass(head as u64);
                self.state = State::Media(content);
            }
            _ => {
                self.pass(head as u64);
                self.state = State::Skipping(content);
            }
        }
        Ok(true)
    }

    /// Takes a `moov`: the tracks, and the samples of a file that is no stream.
    fn take_head(&mut self, data: Bytes, start: u64) -> Result<(), Mp4Error> {
        if data == self.head {
            return Ok(());
        }
        let Some(BoxAt { content: moov, .. }) = Cursor::at(&data, start).next_box()? else { return Ok(()) };
        let (mut lanes, unplayable) = read_tracks(moov, &mut Budget::of_stream())?;
        read_extends(moov, &mut lanes)?;
        let fragmented = lanes.iter().all(|lane| lane.samples.is_empty());
        // In fragments, every sample of PCM would be a unit.
        lanes.retain(|lane| !(fragmented && matches!(lane.layout, Layout::Pcm { .. })));
        for track in &unplayable {
            let codec = track.format.escape_ascii().to_string();
            self.stage.note(Note::Unsupported { kind: None, codec });
        }
        if lanes.is_empty() {
            return Err(Mp4Error::NothingPlayable { tracks: unplayable });
        }
        if !self.head.is_empty() {
            self.stage.restart();
        }
        self.head = data;
        let mut before = std::mem::take(&mut self.lanes);
        self.lanes = lanes.into_iter().map(|lane| live_lane(lane, &mut before, &mut self.stage)).collect();
        self.expect();
        Ok(())
    }

    fn take_fragment(&mut self, data: &Bytes, start: u64) -> Result<(), Mp4Error> {
        let Some(found) = Cursor::at(data, start).next_box()? else { return Ok(()) };
        let mut lanes: Vec<&mut Lane> = self.lanes.iter_mut().map(|live| &mut live.lane).collect();
        moof::moof(&found, &mut lanes, &mut Budget::of_stream())?;
        let end = start + data.len() as u64;
        let samples = lanes.iter().flat_map(|lane| &lane.samples);
        let first = samples.map(|sample| sample.offset).min().unwrap_or(end);
        if !(start..end + DISTANCE_MAX).contains(&first) {
            // Offsets of another file: the first sample is the first of the box that follows.
            let place = end + BOX_BYTES as u64;
            for sample in lanes.iter_mut().flat_map(|lane| &mut lane.samples) {
                sample.offset = place.saturating_add(sample.offset - first);
            }
        }
        self.expect();
        Ok(())
    }

    /// Takes over what the tracks say of their samples.
    fn expect(&mut self) {
        if !self.expected.is_empty() {
            for (index, _) in std::mem::take(&mut self.expected) {
                self.damaged(index);
            }
        }
        let mut expected = Vec::new();
        for (index, LiveLane { lane, .. }) in self.lanes.iter_mut().enumerate() {
            let shift = lane.samples.iter().map(|sample| i64::from(sample.composition)).min();
            lane.dts_shift = lane.dts_shift.min(shift.unwrap_or(0));
            lane.keys_told |= lane.samples.iter().any(|sample| !sample.key);
            expected.extend(std::mem::take(&mut lane.samples).into_iter().map(|sample| (index, sample)));
        }
        expected.sort_by_key(|(_, sample)| sample.offset);
        self.expected = expected.into();
    }

    /// Gives out the next sample of a `mdat` of which so many bytes are left. False: more bytes are needed.
    fn next_sample(&mut self, left: u64, now: Moment) -> bool {
        let end = self.position.saturating_add(left);
        let Some(&(index, sample)) = self.expected.front() else {
            self.state = State::Skipping(left);
            return true;
        };
        let bytes = u64::from(sample.bytes);
        if sample.offset < self.position || sample.bytes as usize > ACCESS_UNIT_BYTES_MAX {
            self.expected.pop_front();
            self.damaged(index);
            return true;
        }
        if sample.offset.saturating_add(bytes) > end {
            // In a box that follows, or nowhere.
            self.state = State::Skipping(left);
            return true;
        }
        let gap = sample.offset - self.position;
        let passed = self.pass(gap);
        self.state = State::Media(left - passed);
        if passed < gap || (self.buffer.len() as u64) < bytes {
            return false;
        }
        let data = self.buffer.split_to(sample.bytes as usize).freeze();
        self.position += bytes;
        self.state = State::Media(left - passed - bytes);
        self.expected.pop_front();
        self.emit(index, &sample, data, now);
        true
    }

    fn damaged(&mut self, index: usize) {
        if let Some(live) = self.lanes.get_mut(index) {
            live.broken = true;
            self.stage.note(Note::Damaged { kind: live.lane.track.kind() });
        }
    }

    fn emit(&mut self, index: usize, sample: &Sample, data: Bytes, now: Moment) {
        let LiveLane { lane, id, assembler, clock, broken } = &mut self.lanes[index];
        let kind = lane.track.kind();
        let cut = match lane.track.codec {
            Codec::Av1 => temporal_unit(&data),
            Codec::H264
            | Codec::H265
            | Codec::Vp8
            | Codec::Vp9
            | Codec::Mjpeg
            | Codec::Aac
            | Codec::Opus
            | Codec::Pcmu
            | Codec::Pcma
            | Codec::G722
            | Codec::L16
            | Codec::Mp3 => lane.cut(sample, data, assembler),
        };
        let Some(Cut { data, keyframe, params }) = cut else { return };
        if let Some(params) = params
            && lane.track.params != params
        {
            lane.track.params = params;
            self.stage.describe(*id, lane.track.clone());
        }
        if !is_known(lane) {
            return self.stage.note(Note::BeforeParameters { kind });
        }
        let raw = rescale(lane.dts_of(sample), lane.timescale, CLOCK.0) as u64 & ((1 << CLOCK.1) - 1);
        let ticks = audio_frame_ticks(&lane.track, &data).unwrap_or(0);
        let times = self.clock.place(clock, raw, 0, ticks, now);
        let composition = lane.pts_of(sample).saturating_sub(lane.dts_of(sample)).max(0);
        let placed = Placed {
            pts: times.dts.saturating_add(rescale(composition, lane.timescale, lane.track.clock_rate)),
            dts: times.dts,
            line_ms: times.line_ms,
            keyframe,
            discontinuity: std::mem::take(broken) | times.discontinuity,
            data,
        };
        let id = *id;
        let all_known = self.lanes.iter().all(|live| is_known(&live.lane));
        let wait = if all_known { Wait::Nothing } else { Wait::For(PARAMS_WAIT) };
        self.stage.push(id, placed, now, wait);
    }
}

/// A track of a head: it continues the clock of the one of its kind that it replaces.
fn live_lane(lane: Lane, before: &mut Vec<LiveLane>, stage: &mut Stage) -> LiveLane {
    let (rate, kind) = (lane.track.clock_rate, lane.track.kind());
    let id = stage.add_lane();
    if is_known(&lane) {
        stage.describe(id, lane.track.clone());
    }
    let replaced = before.iter().position(|live| live.lane.track.kind() == kind);
    let replaced = replaced.map(|index| before.remove(index));
    let clock = match &replaced {
        None => TrackClock::new(rate, kind == Kind::Audio),
        Some(live) => live.clock.continued(rate, kind == Kind::Audio),
    };
    let assembler = NalAssembler::new(lane.track.codec).with_params(lane.track.params.clone());
    LiveLane { lane, id, assembler, clock, broken: replaced.is_some() }
}

/// What a decoder must know is known.
fn is_known(lane: &Lane) -> bool {
    lane.track.params != CodecParams::None
        || !matches!(lane.track.codec, Codec::H264 | Codec::H265 | Codec::Av1)
}

/// AV1 may have its sequence header in the samples only, and delimiters besides.
fn temporal_unit(data: &[u8]) -> Option<Cut> {
    let unit = av1::normalise_temporal_unit(data).ok()?;
    let params = unit.sequence_header.map(|sequence_header| CodecParams::Av1 { sequence_header });
    Some(Cut { data: unit.data, keyframe: unit.keyframe, params })
}
