//! Millisecond timestamps → one 64-bit line for all tracks, and each track's own ticks on it.
//!
//! Owns the [`Timeline`] of the stream: audio and video share it, so what lies between them stays.
use super::decode::Decoder;
use media::{MediaTime, Moment, Timeline, rescale};
use std::time::Duration;

/// Ticks a second of FLV and RTMP timestamps.
const RATE: u32 = 1000;
/// Sound that is no further than this from where its samples say is put there: 10 ms, below half of an AAC frame at
/// 48 kHz, so that rounding and jitter vanish but the loss of a frame does not.
const SNAP: Duration = Duration::from_millis(10);
/// A track that goes back by more than this has a new clock: 500 ms. Less is disorder of the sender.
const BACKWARD_MAX_MS: i64 = 500;
/// How far media may come ahead of time, as when a server sends its cache first: 30 s. The longest caches are three
/// groups of pictures of 10 s.
const BURST_MAX: Duration = Duration::from_secs(30);
/// A step of more than this is no part of a burst. The limit of [`Timeline`] for a jump.
const STEP_MAX_MS: i64 = 10_000;

/// The line of the stream.
#[derive(Debug)]
pub(super) struct Clock {
    line: Timeline,
    /// Added to the line after a track went back.
    offset_ms: i64,
    newest_ms: i64,
    newest_raw: Option<u32>,
    /// Arrival as it would be without a burst.
    paced: Moment,
    /// Counts the jumps; a track that has not seen the last one is discontinuous.
    jumps: u32,
}

/// One track's place on the line.
#[derive(Debug)]
pub(super) struct TrackClock {
    rate: u32,
    is_audio: bool,
    jumps: u32,
    last: Option<Last>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    ms: i64,
    dts: i64,
    /// Where the next frame of sound should lie.
    next: i64,
}

/// Where a frame came to lie.
#[derive(Debug)]
pub(super) struct Times {
    pub(super) dts: i64,
    pub(super) line_ms: i64,
    pub(super) discontinuity: bool,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self {
            line: Timeline::new(RATE, 32),
            offset_ms: 0,
            newest_ms: 0,
            newest_raw: None,
            paced: Moment::ZERO,
            jumps: 0,
        }
    }

    /// Places a frame of `track` that lasts `frame_ticks` (0: unknown).
    pub(super) fn place(
        &mut self,
        track: &mut TrackClock,
        raw: u32,
        nanos: u32,
        frame_ticks: u32,
        now: Moment,
    ) -> Times {
        let arrival = self.pace(raw, now);
        let mapped = self.line.map(u64::from(raw), arrival, 0);
        self.jumps = self.jumps.wrapping_add(u32::from(mapped.discontinuity));
        let mut ms = mapped.ticks.saturating_add(self.offset_ms);
        if track.last.is_some_and(|last| ms < last.ms - BACKWARD_MAX_MS) {
            let forward = self.newest_ms - ms + 1;
            self.offset_ms += forward;
            ms += forward;
            self.jumps = self.jumps.wrapping_add(1);
        }
        self.newest_ms = self.newest_ms.max(ms);
        let discontinuity = track.jumps != self.jumps && track.last.is_some();
        track.jumps = self.jumps;
        let dts = track.ticks(ms, nanos, frame_ticks, discontinuity);
        Times { dts, line_ms: ms, discontinuity }
    }

    /// Arrival, but moved ahead with media that comes faster than it plays, within [`BURST_MAX`].
    fn pace(&mut self, raw: u32, now: Moment) -> Moment {
        let Some(newest) = self.newest_raw else {
            self.newest_raw = Some(raw);
            self.paced = now;
            return now;
        };
        let step = i64::from(raw.wrapping_sub(newest) as i32);
        if !(-STEP_MAX_MS..=0).contains(&step) {
            self.newest_raw = Some(raw);
        }
        if (1..=STEP_MAX_MS).contains(&step) {
            let ahead = self.paced + Duration::from_millis(step.unsigned_abs());
            self.paced = ahead.min(now + BURST_MAX).max(now);
        } else {
            self.paced = self.paced.max(now);
        }
        self.paced
    }
}

impl TrackClock {
    pub(super) fn new(decoder: &Decoder) -> Self {
        Self { rate: decoder.rate(), is_audio: !decoder.codec().is_video(), jumps: 0, last: None }
    }

    /// The clock of what follows on this one with another codec or rate.
    pub(super) fn continued(&self, decoder: &Decoder) -> Self {
        let scale = |ticks| rescale(ticks, self.rate, decoder.rate());
        let last = self.last.map(|last| Last { ms: last.ms, dts: scale(last.dts), next: scale(last.next) });
        Self { jumps: self.jumps, last, ..Self::new(decoder) }
    }

    pub(super) fn ticks_of_ms(&self, ms: i32) -> i64 {
        rescale(i64::from(ms), RATE, self.rate)
    }

    fn ticks(&mut self, ms: i64, nanos: u32, frame_ticks: u32, discontinuity: bool) -> i64 {
        let said = rescale(ms, RATE, self.rate) + rescale(i64::from(nanos), 1_000_000_000, self.rate);
        let mut dts = said;
        if let Some(last) = self.last {
            let near = (said - last.next).abs() <= MediaTime::ticks_of(SNAP, self.rate);
            if self.is_audio && near && !discontinuity {
                dts = last.next;
            }
            dts = dts.max(last.dts + 1);
        }
        let next = dts + i64::from(frame_ticks.max(1));
        self.last = Some(Last { ms, dts, next });
        dts
    }
}
