//! Transport packets → tracks and units.
//!
//! Owns the tables in force, the elementary streams of one programme, and their clock. Memory: three packets, a table
//! of 1 KiB for each of two identifiers, and for each elementary stream at most one NAL unit and one frame of
//! [`ACCESS_UNIT_BYTES_MAX`](crate::bitstream::ACCESS_UNIT_BYTES_MAX), or 256 KiB of sound.
#[cfg(test)]
mod tests;

use super::lane::{Frame, Lane, RATE, TIME_BITS};
use super::packet::{PID_NULL, Packet};
use super::section::Sections;
use super::sync::PacketReader;
use super::tables::{self, Coding, Program, Stream};
use crate::demux::clock::{Clock, TrackClock};
use crate::demux::stage::{Placed, Stage, Wait};
use crate::demux::{DemuxEvent, Note};
use bytes::Bytes;
use media::{Fault, Kind, Moment, WallTime, wrapping_step};
use std::collections::VecDeque;
use std::time::Duration;

const PID_PROGRAMS: u16 = 0;
/// Bytes without a packet that end it: 1 MiB. Damage on the way is a few packets; this is another format.
const GARBAGE_BYTES_MAX: u64 = 1 << 20;
/// Bytes of packets without a programme map that end it: 8 MiB, 3 s at 20 Mbit/s; maps come ten times a second.
const WITHOUT_MAP_BYTES_MAX: u64 = 8 << 20;
/// Elementary streams taken: two with pictures and six with sound. A camera has one of each, a broadcast one picture
/// and a sound for each language. More would let a stranger choose how much memory we keep.
const LANES_MAX: [(Kind, usize); 2] = [(Kind::Video, 2), (Kind::Audio, 6)];
/// How long a picture of the map is waited for: 10 s, the longest time between key frames that cameras are sold with.
const VIDEO_WAIT: Duration = Duration::from_secs(10);
/// How long a sound of the map is waited for: 3 s. Longer than this and the map says more than there is, as cameras do
/// whose microphone is switched off.
const AUDIO_WAIT: Duration = Duration::from_secs(3);
/// A picture is shown at most this long after it is decoded: 10 s. Sixteen frames, the deepest reordering, take longer
/// only below two frames a second; more is damage.
const COMPOSITION_MAX: i64 = 10 * RATE as i64;

/// Why a byte stream cannot be read as a transport stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TsError {
    /// No packets.
    #[error("{bytes} bytes without an MPEG-TS packet, up to byte {at} of the stream")]
    NoSync {
        /// How many.
        bytes: u64,
        /// Where the last of them is.
        at: u64,
    },
    /// Packets, but nothing that says what is in them.
    #[error("{bytes} bytes of MPEG-TS without a programme map: nothing says what is in it")]
    NoMap {
        /// How many.
        bytes: u64,
    },
}

impl TsError {
    /// Whose fault it is: the sender's.
    pub const fn fault(self) -> Fault {
        Fault::Peer
    }
}

/// Turns the bytes of a transport stream into tracks and units of its first programme.
///
/// The tracks are declared when all streams of the map have told what they are, or when waiting for one of them became
/// too long ([`VIDEO_WAIT`], [`AUDIO_WAIT`]). Another map declares them anew.
#[derive(Debug)]
pub struct Demuxer {
    reader: PacketReader,
    programs: Sections,
    program: Option<Program>,
    map: Sections,
    /// The map in force.
    streams: Option<Vec<Stream>>,
    lanes: Vec<Lane>,
    stage: Stage,
    clock: Clock,
    lost: u64,
    /// Bytes so far; of them without a packet, at a stretch; without a map.
    position: u64,
    garbage: u64,
    without_map: u64,
    /// A packet was there: garbage from now on is worth a word.
    had_packet: bool,
}

impl Default for Demuxer {
    fn default() -> Self {
        Self::new()
    }
}

impl Demuxer {
    /// For one stream, from anywhere in it.
    pub fn new() -> Self {
        Self {
            reader: PacketReader::default(),
            programs: Sections::default(),
            program: None,
            map: Sections::default(),
            streams: None,
            lanes: Vec::new(),
            stage: Stage::default(),
            clock: Clock::new(RATE, TIME_BITS),
            lost: 0,
            position: 0,
            garbage: 0,
            without_map: 0,
            had_packet: false,
        }
    }

    /// Takes the next bytes, which came at `now`, when the wall clock shows `wall`. An error is final.
    pub fn push(&mut self, bytes: &[u8], now: Moment, wall: WallTime) -> Result<(), TsError> {
        self.stage.set_wall_clock(now, wall);
        self.reader.push(bytes);
        self.position += bytes.len() as u64;
        self.read(now);
        if self.garbage > GARBAGE_BYTES_MAX {
            return Err(TsError::NoSync { bytes: self.garbage, at: self.position });
        }
        if self.without_map > WITHOUT_MAP_BYTES_MAX {
            return Err(TsError::NoMap { bytes: self.without_map });
        }
        Ok(())
    }

    /// The next event.
    pub fn pop(&mut self) -> Option<DemuxEvent> {
        self.stage.pop()
    }

    /// Gives out what waits for more: nothing follows.
    pub fn finish(&mut self, now: Moment) {
        self.reader.end();
        self.read(now);
        self.finish_lanes(now);
        self.stage.declare();
    }

    /// Packets that are missing, since the last call.
    pub fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    fn read(&mut self, now: Moment) {
        while let Some(packet) = self.reader.next() {
            self.count_garbage();
            self.garbage = 0;
            self.had_packet = true;
            self.handle_packet(&packet, now);
        }
        self.count_garbage();
    }

    fn count_garbage(&mut self) {
        let passed = self.reader.take_garbage();
        self.garbage += passed;
        if passed > 0 && self.had_packet {
            self.stage.note(Note::Garbage);
        }
    }

    fn handle_packet(&mut self, data: &Bytes, now: Moment) {
        let Some(packet) = Packet::parse(data) else { return };
        if self.streams.is_none() {
            self.without_map += data.len() as u64;
        }
        if packet.pid == PID_NULL {
            return;
        }
        if packet.damaged {
            self.lost += 1;
            if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.stream.pid == packet.pid) {
                lane.break_off();
            }
            return;
        }
        if packet.pid == PID_PROGRAMS {
            self.handle_programs(&packet);
        } else if self.program.is_some_and(|program| program.map_pid == packet.pid) {
            self.handle_map(&packet, now);
        } else {
            self.handle_media(&packet, data, now);
        }
    }

    fn handle_programs(&mut self, packet: &Packet<'_>) {
        let Some(payload) = packet.payload else { return };
        let mut found = None;
        self.programs
            .push(payload, packet.starts, |section| found = tables::programs(section).or(found.take()));
        let Some(programs) = found else { return };
        let still = self.program.filter(|program| programs.contains(program));
        let Some(chosen) = still.or(programs.first().copied()) else { return };
        if programs.len() > 1 {
            self.stage.note(Note::OtherPrograms { taken: chosen.number });
        }
        if self.program.replace(chosen) != Some(chosen) {
            self.map.clear();
        }
    }

    fn handle_map(&mut self, packet: &Packet<'_>, now: Moment) {
        let (Some(payload), Some(program)) = (packet.payload, self.program) else { return };
        let mut found = None;
        self.map.push(payload, packet.starts, |section| {
            found = tables::streams(section, program.number).or(found.take());
        });
        if let Some(streams) = found
            && self.streams.as_ref() != Some(&streams)
        {
            self.apply(streams, now);
        }
    }

    /// Puts a map into force. Streams that stay keep what is known of them; a new one continues the clock of the one of
    /// its kind that it replaces.
    fn apply(&mut self, streams: Vec<Stream>, now: Moment) {
        self.without_map = 0;
        if self.streams.is_some() {
            self.finish_lanes(now);
            self.stage.restart();
        }
        let mut before: VecDeque<Lane> = std::mem::take(&mut self.lanes).into();
        for stream in &streams {
            if let Coding::Unsupported { kind, name } = &stream.coding {
                self.stage.note(Note::Unsupported { kind: *kind, codec: name.clone() });
            }
            let Some(kind) = stream.coding.kind() else { continue };
            let of_kind = self.lanes.iter().filter(|lane| lane.kind == kind).count();
            let most = LANES_MAX.iter().find(|(this, _)| *this == kind).map_or(0, |(_, most)| *most);
            if of_kind >= most {
                self.stage.note(Note::OtherTracks { kind, id: of_kind as u8 });
                continue;
            }
            let id = self.stage.add_lane();
            let kept = before.iter().position(|lane| lane.stream == *stream);
            if let Some(mut lane) = kept.and_then(|index| before.remove(index)) {
                lane.id = id;
                if let Some(track) = &lane.track {
                    self.stage.describe(id, track.clone());
                }
                self.lanes.push(lane);
            } else if let Some(mut lane) = Lane::new(stream.clone(), id) {
                let replaced =
                    before.iter().position(|lane| lane.kind == kind && !streams.contains(&lane.stream));
                let replaced = replaced.and_then(|index| before.remove(index));
                lane.broken = replaced.is_some();
                lane.clock = replaced.and_then(|replaced| replaced.clock);
                self.lanes.push(lane);
            }
        }
        self.streams = Some(streams);
    }

    fn handle_media(&mut self, packet: &Packet<'_>, data: &Bytes, now: Moment) {
        let Some(index) = self.lanes.iter().position(|lane| lane.stream.pid == packet.pid) else { return };
        let (mut frames, mut notes) = (Vec::new(), Vec::new());
        let lane = &mut self.lanes[index];
        self.lost += lane.handle(packet, data, &mut |frame| frames.push(frame), &mut |note| notes.push(note));
        notes.into_iter().for_each(|note| self.stage.note(note));
        frames.into_iter().for_each(|frame| self.place(index, frame, now));
    }

    fn finish_lanes(&mut self, now: Moment) {
        for index in 0..self.lanes.len() {
            let mut frames = Vec::new();
            self.lanes[index].finish(&mut |frame| frames.push(frame));
            frames.into_iter().for_each(|frame| self.place(index, frame, now));
        }
    }

    /// Puts a frame on the line of the stream.
    fn place(&mut self, index: usize, frame: Frame, now: Moment) {
        let lane = &mut self.lanes[index];
        if let Some(track) = frame.track {
            let (rate, is_audio) = (track.clock_rate, lane.kind == Kind::Audio);
            lane.clock = Some(match &lane.clock {
                None => TrackClock::new(rate, is_audio),
                Some(clock) => clock.continued(rate, is_audio),
            });
            lane.track = Some(track.clone());
            self.stage.describe(lane.id, track);
        }
        let (Some(_), Some(clock)) = (&lane.track, &mut lane.clock) else {
            return self.stage.note(Note::BeforeParameters { kind: lane.kind });
        };
        let times = self.clock.place(clock, frame.dts, 0, frame.ticks, now);
        let composition = wrapping_step(frame.dts, frame.pts, TIME_BITS);
        let composition = if (0..=COMPOSITION_MAX).contains(&composition) { composition } else { 0 };
        let placed = Placed {
            pts: times.dts.saturating_add(self.clock.ticks_of(composition, clock)),
            dts: times.dts,
            line_ms: times.line_ms,
            keyframe: frame.keyframe,
            discontinuity: std::mem::take(&mut lane.broken) | times.discontinuity,
            data: frame.data,
        };
        let missing = |kind| self.lanes.iter().any(|lane| lane.kind == kind && lane.track.is_none());
        let wait = match (missing(Kind::Video), missing(Kind::Audio)) {
            (true, _) => Wait::For(VIDEO_WAIT),
            (false, true) => Wait::For(AUDIO_WAIT),
            (false, false) => Wait::Nothing,
        };
        let id = self.lanes[index].id;
        self.stage.push(id, placed, now, wait);
    }
}

/// Entry for fuzzing: a byte stream, pushed in pieces of changing size.
#[doc(hidden)]
pub fn fuzz_mpegts(data: &[u8]) {
    let mut demuxer = Demuxer::new();
    let (mut rest, mut step, mut ms) = (data, 1, 0);
    while !rest.is_empty() {
        let (piece, later) = rest.split_at(step.min(rest.len()));
        rest = later;
        step = step % 997 + 61;
        ms += 7;
        if demuxer.push(piece, Moment::from_millis(ms), WallTime::default()).is_err() {
            return;
        }
        while demuxer.pop().is_some() {}
    }
    demuxer.finish(Moment::from_millis(ms));
    while demuxer.pop().is_some() {}
}
