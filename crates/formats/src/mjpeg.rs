//! Motion JPEG → one track and its units: pictures one after the other, or as parts of a `multipart/x-mixed-replace`.
//!
//! Sources: ITU-T T.81 (JPEG); RFC 2046 §5.1 and Netscape's "server push" for the parts. They carry no times: pictures lie
//! where they arrive. Memory: one picture of at most
//! [`ACCESS_UNIT_BYTES_MAX`](crate::bitstream::ACCESS_UNIT_BYTES_MAX), and the head of a part of 8 KiB.
mod multipart;

use crate::bitstream::{JpegFrames, jpeg};
use crate::demux::arrival::ArrivalClock;
use crate::demux::stage::{LaneId, Placed, Stage, Wait};
use crate::demux::{DemuxEvent, Note};
use bytes::Bytes;
use media::{Codec, CodecParams, Kind, Moment, Track, WallTime, rescale};
use multipart::Parts;

/// Clock of all pictures.
const RATE: u32 = 90_000;
/// How far apart pictures are that come at once: 1/25 s, as programs write that nobody told otherwise.
const PICTURE_TICKS: i64 = 3600;

/// Turns a byte stream of JPEG pictures into units.
#[derive(Debug)]
pub struct Demuxer {
    splitter: Splitter,
    stage: Stage,
    lane: LaneId,
    clock: ArrivalClock,
    broken: bool,
}

#[derive(Debug)]
enum Splitter {
    Bare(JpegFrames),
    Multipart(Parts),
}

impl Demuxer {
    /// For pictures one after the other.
    pub fn bare() -> Self {
        Self::new(Splitter::Bare(JpegFrames::new()))
    }

    /// For parts between boundaries. The boundary is the first line: what the head of the answer says of it is wrong on
    /// some cameras.
    pub fn multipart() -> Self {
        Self::new(Splitter::Multipart(Parts::default()))
    }

    fn new(splitter: Splitter) -> Self {
        let mut stage = Stage::default();
        let lane = stage.add_lane();
        stage.describe(lane, Track::video(0, Codec::Mjpeg, CodecParams::None));
        Self { splitter, stage, lane, clock: ArrivalClock::new(RATE), broken: false }
    }

    /// Takes the next bytes, which came at `now`, when the wall clock shows `wall`.
    pub fn push(&mut self, bytes: &[u8], now: Moment, wall: WallTime) {
        self.stage.set_wall_clock(now, wall);
        match &mut self.splitter {
            Splitter::Bare(frames) => frames.push(bytes),
            Splitter::Multipart(parts) => parts.push(bytes),
        }
        loop {
            let (picture, garbage, damaged) = match &mut self.splitter {
                Splitter::Bare(frames) => (frames.pop(), frames.take_garbage(), frames.take_damaged()),
                Splitter::Multipart(parts) => (parts.pop(), parts.take_garbage(), parts.take_damaged()),
            };
            if garbage {
                self.stage.note(Note::Garbage);
            }
            if damaged {
                self.damaged();
            }
            match picture {
                Some(picture) => self.place(picture, now),
                None => return,
            }
        }
    }

    /// The next event.
    pub fn pop(&mut self) -> Option<DemuxEvent> {
        self.stage.pop()
    }

    fn place(&mut self, picture: Bytes, now: Moment) {
        // Cameras that have no picture send an empty one.
        if jpeg::size(&picture).is_none_or(|(width, height)| width == 0 || height == 0) {
            return self.damaged();
        }
        let dts = self.clock.picture(PICTURE_TICKS, now);
        let placed = Placed {
            pts: dts,
            dts,
            line_ms: rescale(dts, RATE, 1000),
            keyframe: true,
            discontinuity: std::mem::take(&mut self.broken),
            data: picture,
        };
        self.stage.push(self.lane, placed, now, Wait::Nothing);
    }

    fn damaged(&mut self) {
        self.broken = true;
        self.stage.note(Note::Damaged { kind: Kind::Video });
    }
}
