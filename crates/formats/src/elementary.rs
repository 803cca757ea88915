//! Bare elementary streams → one track and its units: H.264 and H.265 with start codes, AAC with ADTS headers or in LOAS,
//! MPEG audio.
//!
//! Sources: ITU-T H.264 and H.265 Annex B, ISO/IEC 14496-3 §1.A.2 and §1.7.2, ISO/IEC 11172-3 §2.4.1. They carry no times:
//! pictures lie where they arrive, sound is counted. Memory: one NAL unit and one picture of at most
//! [`ACCESS_UNIT_BYTES_MAX`](crate::bitstream::ACCESS_UNIT_BYTES_MAX), or one frame of sound of 8 KiB.
use crate::bitstream::{AccessUnits, AudioFrames, AudioSyntax, frame_rate, reorder_depth};
use crate::demux::arrival::ArrivalClock;
use crate::demux::stage::{LaneId, Placed, Stage, Wait};
use crate::demux::{DemuxEvent, Note};
use media::{Codec, Kind, Moment, Track, WallTime, rescale};

/// Clock of all pictures.
const VIDEO_RATE: u32 = 90_000;
/// How long a picture lasts where the stream does not say it: 1/25 s, what most cameras send.
const PICTURE_TICKS: i64 = 3600;

/// H.264 or H.265 with start codes. A picture is known to be whole when the next one begins: it comes out that much
/// later.
#[derive(Debug)]
pub struct Pictures {
    codec: Codec,
    units: AccessUnits,
    stage: Stage,
    lane: LaneId,
    clock: ArrivalClock,
    ticks: i64,
    is_known: bool,
    /// The next picture does not follow the last.
    broken: bool,
}

impl Pictures {
    /// For a stream of this codec, from anywhere in it.
    pub fn new(codec: Codec) -> Self {
        let mut stage = Stage::default();
        let lane = stage.add_lane();
        Self {
            codec,
            units: AccessUnits::new(codec),
            stage,
            lane,
            clock: ArrivalClock::new(VIDEO_RATE),
            ticks: PICTURE_TICKS,
            is_known: false,
            broken: false,
        }
    }

    /// Takes the next bytes, which came at `now`, when the wall clock shows `wall`.
    pub fn push(&mut self, bytes: &[u8], now: Moment, wall: WallTime) {
        self.stage.set_wall_clock(now, wall);
        self.units.push(bytes);
        self.drain(now);
    }

    /// Gives out the last picture: nothing follows.
    pub fn finish(&mut self, now: Moment) {
        self.units.flush();
        self.drain(now);
    }

    /// The next event.
    pub fn pop(&mut self) -> Option<DemuxEvent> {
        self.stage.pop()
    }

    fn drain(&mut self, now: Moment) {
        while let Some(frame) = self.units.pop() {
            if let Some(params) = frame.params {
                self.describe(Track::video(0, self.codec, params));
            }
            if !self.is_known {
                self.stage.note(Note::BeforeParameters { kind: Kind::Video });
                continue;
            }
            let dts = self.clock.picture(self.ticks, now);
            let placed = Placed {
                pts: dts,
                dts,
                line_ms: rescale(dts, VIDEO_RATE, 1000),
                keyframe: frame.keyframe,
                discontinuity: std::mem::take(&mut self.broken),
                data: frame.data,
            };
            self.stage.push(self.lane, placed, now, Wait::Nothing);
        }
        if self.units.take_damaged() {
            self.broken = true;
            self.stage.note(Note::Damaged { kind: Kind::Video });
        }
    }

    fn describe(&mut self, track: Track) {
        self.is_known = true;
        if let Some((frames, seconds)) = frame_rate(&track) {
            self.ticks = rescale(seconds.into(), frames, VIDEO_RATE).max(1);
        }
        if reorder_depth(&track).is_some_and(|depth| depth > 0) {
            self.stage.note(Note::NoPresentationTimes);
        }
        self.stage.describe(self.lane, track);
    }
}

/// Sound whose frames have headers.
#[derive(Debug)]
pub struct Sound {
    frames: AudioFrames,
    stage: Stage,
    lane: LaneId,
    /// Its rate, and its line.
    clock: Option<(u32, ArrivalClock)>,
    broken: bool,
}

impl Sound {
    /// For a stream of this syntax, from anywhere in it.
    pub fn new(syntax: AudioSyntax) -> Self {
        let mut stage = Stage::default();
        let lane = stage.add_lane();
        Self { frames: AudioFrames::new(syntax), stage, lane, clock: None, broken: false }
    }

    /// Takes the next bytes, which came at `now`, when the wall clock shows `wall`.
    pub fn push(&mut self, bytes: &[u8], now: Moment, wall: WallTime) {
        self.stage.set_wall_clock(now, wall);
        self.frames.push(bytes, None);
        self.drain(false, now);
    }

    /// Gives out what waits for more bytes: nothing follows.
    pub fn finish(&mut self, now: Moment) {
        self.drain(true, now);
    }

    /// The next event.
    pub fn pop(&mut self) -> Option<DemuxEvent> {
        self.stage.pop()
    }

    fn drain(&mut self, at_end: bool, now: Moment) {
        while let Some(frame) = self.frames.pop(at_end) {
            self.note_damage();
            if let Some(track) = frame.track {
                let rate = track.clock_rate;
                // Another rate is another line: it begins where this one is.
                if self.clock.as_ref().is_none_or(|(known, _)| *known != rate) {
                    self.broken = self.clock.is_some();
                    let clock = match &self.clock {
                        None => ArrivalClock::new(rate),
                        Some((_, clock)) => clock.at_rate(rate),
                    };
                    self.clock = Some((rate, clock));
                }
                self.stage.describe(self.lane, track);
            }
            let Some((rate, clock)) = &mut self.clock else { continue };
            let dts = clock.sound(frame.ticks.into(), now);
            let placed = Placed {
                pts: dts,
                dts,
                line_ms: rescale(dts, *rate, 1000),
                keyframe: true,
                discontinuity: std::mem::take(&mut self.broken),
                data: frame.data,
            };
            self.stage.push(self.lane, placed, now, Wait::Nothing);
        }
        self.note_damage();
    }

    fn note_damage(&mut self) {
        let (garbage, damaged) = (self.frames.take_garbage(), self.frames.take_damaged());
        // Before the first frame there is nothing to break.
        self.broken |= (garbage || damaged) && self.clock.is_some();
        if garbage {
            self.stage.note(Note::Garbage);
        }
        if damaged {
            self.stage.note(Note::Damaged { kind: Kind::Audio });
        }
    }
}
