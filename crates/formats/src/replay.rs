//! Replay: a file's units in real time, again and again, as if a camera sent them.
//!
//! The time line goes on over the joints: each round adds the length of the longest track to the times of all of
//! them, so sound and picture stay together however long it runs. All times are computed from the number of the
//! round, never added up, so nothing drifts. Owns the units of the file; time comes in as an argument.
mod load;
#[cfg(test)]
mod tests;

use crate::bitstream;
pub use load::{Clip, LoadError, load};
use media::{Moment, Track, Unit, WallTime, rescale};
use std::time::Duration;

/// A caller that is this late (a suspended machine) is not flooded with what it missed: 2 s. The replay goes on
/// from where it was, as if it had been paused.
const LATE_MAX: Duration = Duration::from_secs(2);
/// What the last picture of a file lasts when it is the only one: 1 s.
const LONE_FRAME_SECONDS: i64 = 1;
const NANOS: u32 = 1_000_000_000;

/// The next thing the caller does.
#[derive(Clone, PartialEq, Debug)]
pub enum Next {
    /// Publish it and poll again.
    Unit(Unit),
    /// Nothing is due: poll again at this moment.
    WaitUntil(Moment),
}

/// Nothing to play: no unit of any track. The file's fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the file has no frames to play")]
pub struct Empty;

/// Plays units in real time, for ever or once.
#[derive(Debug)]
pub struct Replay {
    lanes: Vec<Lane>,
    /// The length of a round, in seconds as a fraction.
    round: Fraction,
    /// The earliest decoding time of the file, in seconds as a fraction; that is zero for us.
    zero: Fraction,
    /// When zero is: `None` before the first poll.
    started: Option<Moment>,
    wall: Option<(Moment, WallTime)>,
    /// It ends with the first round.
    once: bool,
}

/// `ticks / rate` seconds, exactly.
#[derive(Clone, Copy, Debug)]
struct Fraction {
    ticks: i128,
    rate: i128,
}

impl Fraction {
    fn new(ticks: i64, rate: u32) -> Self {
        Self { ticks: ticks.into(), rate: i128::from(rate).max(1) }
    }

    /// So many times this, in ticks of `rate`, rounded to the nearest.
    fn times(self, count: u64, rate: u32) -> i64 {
        let product = self.ticks.saturating_mul(count.into()).saturating_mul(rate.into());
        let rounded = product.saturating_add(self.rate / 2).div_euclid(self.rate);
        rounded.clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }

    fn is_below(self, other: Self) -> bool {
        self.ticks.saturating_mul(other.rate) < other.ticks.saturating_mul(self.rate)
    }
}

/// One track's units, and where in them we are.
#[derive(Debug)]
struct Lane {
    rate: u32,
    units: Vec<Unit>,
    next: usize,
    round: u64,
    /// What this round adds to the file's times, in ticks.
    offset: i64,
}

impl Lane {
    fn next_dts(&self) -> i64 {
        self.units.get(self.next).map_or(i64::MAX, |unit| unit.dts.saturating_add(self.offset))
    }

    /// How long the track lasts: to the end of its last unit.
    fn length(&self, track: &Track) -> Fraction {
        let (Some(first), Some(last)) = (self.units.first(), self.units.last()) else {
            return Fraction::new(0, self.rate);
        };
        let before = self.units.len().checked_sub(2).and_then(|index| self.units.get(index));
        let last_ticks = bitstream::audio_frame_ticks(track, &last.data)
            .map(i64::from)
            .or(before.map(|before| last.dts.saturating_sub(before.dts)))
            .unwrap_or(LONE_FRAME_SECONDS * i64::from(self.rate));
        Fraction::new(last.dts.saturating_sub(first.dts).saturating_add(last_ticks.max(1)), self.rate)
    }
}

impl Replay {
    /// For the units of a file in decoding order. Units of tracks that are not among `tracks` are left out.
    pub fn new(tracks: &[Track], units: &[Unit]) -> Result<Self, Empty> {
        let mut round = Fraction::new(0, 1);
        let mut zero: Option<Fraction> = None;
        let mut lanes = Vec::with_capacity(tracks.len());
        for track in tracks {
            let rate = track.clock_rate.max(1);
            let units: Vec<Unit> = units.iter().filter(|unit| unit.track == track.id).cloned().collect();
            let Some(first) = units.first() else { continue };
            let start = Fraction::new(first.dts, rate);
            zero = Some(zero.filter(|zero| !start.is_below(*zero)).unwrap_or(start));
            let lane = Lane { rate, units, next: 0, round: 0, offset: 0 };
            let length = lane.length(track);
            if round.is_below(length) {
                round = length;
            }
            lanes.push(lane);
        }
        let zero = zero.ok_or(Empty)?;
        let mut replay = Self { lanes, round, zero, started: None, wall: None, once: false };
        replay.lanes.iter_mut().for_each(|lane| lane.offset = offset(zero, round, lane));
        Ok(replay)
    }

    /// The same, but once: behind its last unit nothing is due any more, see [`Replay::is_over`].
    #[must_use]
    pub fn once(mut self) -> Self {
        self.once = true;
        self
    }

    /// True when it was to play once and has given out its last unit.
    pub fn is_over(&self) -> bool {
        self.once && self.lanes.iter().all(|lane| lane.round > 0)
    }

    /// Says what the wall clock shows at `now`; units carry the wall time at which they were due by it. Without it
    /// [`Unit::wall`] stays zero.
    pub fn set_wall_clock(&mut self, now: Moment, wall: WallTime) {
        self.wall = Some((now, wall));
    }

    /// How long one round lasts.
    pub fn round_length(&self) -> Duration {
        Duration::from_nanos(self.round.times(1, NANOS).max(0) as u64)
    }

    /// Returns the next unit that is due. The first poll starts the clock; the times of the units start at zero.
    pub fn poll(&mut self, now: Moment) -> Next {
        let started = *self.started.get_or_insert(now);
        let once = self.once;
        let Some((nanos, lane)) = self
            .lanes
            .iter_mut()
            .filter(|lane| !(once && lane.round > 0))
            .map(|lane| (rescale(lane.next_dts(), lane.rate, NANOS), lane))
            .min_by_key(|(nanos, _)| *nanos)
        else {
            return Next::WaitUntil(Moment::FAR_FUTURE);
        };
        let mut due = started + Duration::from_nanos(nanos.max(0) as u64);
        if now < due {
            return Next::WaitUntil(due);
        }
        let late = now.since(due);
        if late > LATE_MAX {
            self.started = Some(started + late);
            due = now;
        }
        let Some(mut unit) = lane.units.get(lane.next).cloned() else {
            return Next::WaitUntil(Moment::FAR_FUTURE);
        };
        unit.dts = unit.dts.saturating_add(lane.offset);
        unit.pts = unit.pts.saturating_add(lane.offset);
        unit.arrival = now;
        if let Some((at, wall)) = self.wall {
            unit.wall = WallTime::from_micros(wall.as_micros() + due.nanos_from(at) / 1_000);
        }
        lane.next += 1;
        if lane.next == lane.units.len() {
            lane.next = 0;
            lane.round += 1;
            lane.offset = offset(self.zero, self.round, lane);
        }
        Next::Unit(unit)
    }
}

/// What is added to a track's times in its round. One rounding for both parts: the distance between two tracks
/// never differs by more than a tick from that of the file.
fn offset(zero: Fraction, round: Fraction, lane: &Lane) -> i64 {
    round.times(lane.round, lane.rate).saturating_sub(zero.times(1, lane.rate))
}
