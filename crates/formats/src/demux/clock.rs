//! A sender's timestamps → one 64-bit line for all its tracks, and each track's own ticks on it.
//!
//! Owns the [`Timeline`] of the stream: audio and video share it, so what lies between them stays.
use media::{MediaTime, Moment, Timeline, rescale, wrapping_step};
use std::time::Duration;

/// Sound that is no further than this from where its samples say is put there: 10 ms, below half of an AAC frame at
/// 48 kHz, so that rounding and jitter vanish but the loss of a frame does not.
const SNAP: Duration = Duration::from_millis(10);
/// A track that goes back by more than this has a new clock: 500 ms. Less is disorder of the sender.
const BACKWARD_MAX: Duration = Duration::from_millis(500);
/// How far media may come ahead of time, as when a server sends its cache first: 30 s. The longest caches are three
/// groups of pictures of 10 s.
const BURST_MAX: Duration = Duration::from_secs(30);
/// A step of more than this is no part of a burst: 10 s, the limit of [`Timeline`] for a jump.
const STEP_MAX: Duration = Duration::from_secs(10);

/// The line of the stream.
#[derive(Debug)]
pub(crate) struct Clock {
    rate: u32,
    bits: u32,
    line: Timeline,
    /// Added to the line after a track went back.
    offset: i64,
    newest: i64,
    newest_raw: Option<u64>,
    /// Arrival as it would be without a burst.
    paced: Moment,
    /// Counts the jumps; a track that has not seen the last one is discontinuous.
    jumps: u32,
}

/// One track's place on the line.
#[derive(Debug)]
pub(crate) struct TrackClock {
    rate: u32,
    is_audio: bool,
    jumps: u32,
    last: Option<Last>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    line: i64,
    dts: i64,
    /// Where the next frame of sound should lie.
    next: i64,
}

/// Where a frame came to lie.
#[derive(Debug)]
pub(crate) struct Times {
    pub(crate) dts: i64,
    pub(crate) line_ms: i64,
    pub(crate) discontinuity: bool,
}

impl Clock {
    /// For timestamps of `rate` ticks a second, with `bits` bits.
    pub(crate) fn new(rate: u32, bits: u32) -> Self {
        Self {
            rate,
            bits,
            line: Timeline::new(rate, bits),
            offset: 0,
            newest: 0,
            newest_raw: None,
            paced: Moment::ZERO,
            jumps: 0,
        }
    }

    /// Places a frame of `track` that lasts `frame_ticks` (0: unknown); `nanos` are added to `raw`.
    pub(crate) fn place(
        &mut self,
        track: &mut TrackClock,
        raw: u64,
        nanos: u32,
        frame_ticks: u32,
        now: Moment,
    ) -> Times {
        let arrival = self.pace(raw, now);
        let mapped = self.line.map(raw, arrival, 0);
        self.jumps = self.jumps.wrapping_add(u32::from(mapped.discontinuity));
        let mut line = mapped.ticks.saturating_add(self.offset);
        let backward = MediaTime::ticks_of(BACKWARD_MAX, self.rate);
        if track.last.is_some_and(|last| line < last.line - backward) {
            let forward = self.newest - line + 1;
            self.offset += forward;
            line += forward;
            self.jumps = self.jumps.wrapping_add(1);
        }
        self.newest = self.newest.max(line);
        let discontinuity = track.jumps != self.jumps && track.last.is_some();
        track.jumps = self.jumps;
        let said = rescale(line, self.rate, track.rate) + rescale(nanos.into(), 1_000_000_000, track.rate);
        let dts = track.ticks(line, said, frame_ticks, discontinuity);
        Times { dts, line_ms: rescale(line, self.rate, 1000), discontinuity }
    }

    /// So many ticks of the sender's clock in those of a track.
    pub(crate) fn ticks_of(&self, raw_ticks: i64, track: &TrackClock) -> i64 {
        rescale(raw_ticks, self.rate, track.rate)
    }

    /// Arrival, but moved ahead with media that comes faster than it plays, within [`BURST_MAX`].
    fn pace(&mut self, raw: u64, now: Moment) -> Moment {
        let Some(newest) = self.newest_raw else {
            self.newest_raw = Some(raw);
            self.paced = now;
            return now;
        };
        let step = wrapping_step(newest, raw, self.bits);
        let step_max = MediaTime::ticks_of(STEP_MAX, self.rate);
        if !(-step_max..=0).contains(&step) {
            self.newest_raw = Some(raw);
        }
        if (1..=step_max).contains(&step) {
            let nanos = rescale(step, self.rate, 1_000_000_000);
            let ahead = self.paced + Duration::from_nanos(nanos.unsigned_abs());
            self.paced = ahead.min(now + BURST_MAX).max(now);
        } else {
            self.paced = self.paced.max(now);
        }
        self.paced
    }
}

impl TrackClock {
    /// For a track of `rate` ticks a second.
    pub(crate) fn new(rate: u32, is_audio: bool) -> Self {
        Self { rate, is_audio, jumps: 0, last: None }
    }

    /// The clock of what follows on this one with another codec or rate.
    pub(crate) fn continued(&self, rate: u32, is_audio: bool) -> Self {
        let scale = |ticks| rescale(ticks, self.rate, rate);
        let last =
            self.last.map(|last| Last { line: last.line, dts: scale(last.dts), next: scale(last.next) });
        Self { rate, is_audio, jumps: self.jumps, last }
    }

    fn ticks(&mut self, line: i64, said: i64, frame_ticks: u32, discontinuity: bool) -> i64 {
        let mut dts = said;
        if let Some(last) = self.last {
            let near = (said - last.next).abs() <= MediaTime::ticks_of(SNAP, self.rate);
            if self.is_audio && near && !discontinuity {
                dts = last.next;
            }
            dts = dts.max(last.dts + 1);
        }
        let next = dts + i64::from(frame_ticks.max(1));
        self.last = Some(Last { line, dts, next });
        dts
    }
}
