//! Where one segment ends and the next begins.
use media::{MediaTime, Track, Unit, WallTime};
use std::time::Duration;

/// Nothing for this long is a gap in the recording: 10 s. Cameras at night send a frame a second, and some one in five.
const GAP: Duration = Duration::from_secs(10);
/// A marked discontinuity with a step beyond this is one of time, and not just a lost packet: 2 s.
const MARKED_GAP: Duration = Duration::from_secs(2);
/// Wall time and media time may part so far from one unit to the next: 1 s. More is a clock that was set.
const CLOCKS_PART: Duration = Duration::from_secs(1);
/// The same where a source begins anew, with a key frame: 500 ms. Another file costs nothing there.
const CLOCKS_PART_ANEW: Duration = Duration::from_millis(500);
/// Segments are at most so long, which searches in the index rely on: 24 h, less what a group may add.
const SEGMENT_MAX: Duration = Duration::from_secs(23 * 3600);
/// Times that lie a little before what is there already come from jitter: 1 s. What lies further back is another time.
pub(crate) const JITTER_MICROS: i64 = 1_000_000;

/// Rings hold less than this: 60 s.
const RING_MICROS: i64 = 60_000_000;

/// When a segment ends. At a key frame, always.
#[derive(Clone, PartialEq, Debug)]
pub struct CutRules {
    /// After so much time.
    pub length: Duration,
    /// At multiples of `length` since midnight UTC, instead of so long after its begin.
    pub aligned: bool,
    /// After so many bytes.
    pub bytes: u64,
}

impl Default for CutRules {
    /// Each five minutes by the clock, or 2 GiB: what file systems of cards take, and a file that can still be mailed around.
    fn default() -> Self {
        Self { length: Duration::from_secs(300), aligned: true, bytes: 2 << 30 }
    }
}

/// Where a unit lies.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Place {
    pub(super) wall: WallTime,
    pub(super) micros: i64,
    /// How long units last here, as far as is known.
    pub(super) step: i64,
}

/// What a segment has so far.
pub(super) struct SoFar {
    pub(super) from: WallTime,
    pub(super) bytes: u64,
}

/// What a unit means for the segment that is open.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Cut {
    GoOn,
    /// It is the first of the next one, which follows this one.
    Next,
    /// It does not follow.
    Gap(String),
}

impl Place {
    pub(super) fn of(unit: &Unit, track: &Track) -> Self {
        let micros = MediaTime::new(unit.dts, track.clock_rate).as_micros();
        Self { wall: unit.wall, micros, step: 40_000 }
    }

    /// Where it is on the stream's line.
    pub(super) fn time(&self) -> MediaTime {
        MediaTime::new(self.micros, 1_000_000)
    }

    /// The same place, which knows how long units last from the one before it.
    pub(super) fn following(self, before: Place) -> Self {
        let step = self.micros - before.micros;
        let step = if (1..=5_000_000).contains(&step) { step } else { before.step };
        Self { step, ..self }
    }

    /// When the unit ends.
    pub(super) fn end(&self) -> WallTime {
        WallTime::from_micros(self.wall.as_micros() + self.step)
    }
}

impl CutRules {
    pub(super) fn judge(
        &self,
        so_far: &SoFar,
        before: Place,
        place: Place,
        unit: &Unit,
        is_main: bool,
    ) -> Cut {
        let step = place.micros - before.micros;
        let wall_step = place.wall.as_micros() - before.wall.as_micros();
        let gap = if unit.discontinuity { MARKED_GAP } else { GAP };
        if step > micros(gap) {
            return Cut::Gap(format!("nothing came for {:.1} s", step as f64 / 1e6));
        }
        let anew = unit.discontinuity && unit.keyframe;
        let part = micros(if anew { CLOCKS_PART_ANEW } else { CLOCKS_PART });
        let parted = wall_step - step;
        if is_main && parted.abs() > part {
            // A burst after a stall is no news of the clock: then wall times are those of arrival.
            let set = wall_step.abs() > micros(GAP) || wall_step < -micros(CLOCKS_PART);
            if anew && !set && parted > 0 {
                return Cut::Gap(format!("the source was away for {:.1} s", parted as f64 / 1e6));
            }
            if set || unit.discontinuity {
                return Cut::Gap(format!("the clock was set by {:.1} s", parted as f64 / 1e6));
            }
        }
        if is_main && unit.keyframe && self.is_enough(so_far, place.wall) {
            return Cut::Next;
        }
        Cut::GoOn
    }

    fn is_enough(&self, so_far: &SoFar, wall: WallTime) -> bool {
        let length = micros(self.length.clamp(Duration::from_millis(500), SEGMENT_MAX));
        let (from, now) = (so_far.from.as_micros(), wall.as_micros());
        let by_time = if self.aligned {
            // Half a second early is on time: key frames and boundaries seldom meet.
            (now + 500_000).div_euclid(length) != (from + 500_000).div_euclid(length)
        } else {
            now - from >= length
        };
        by_time || so_far.bytes >= self.bytes
    }
}

/// True for what begins where the last segment ended or later; and for what lies so far back that it is another time: who
/// sends a clock back by more than rings hold is recorded all the same.
pub(super) fn may_follow(wall: WallTime, ended: WallTime) -> bool {
    let behind = ended.as_micros() - wall.as_micros();
    behind <= JITTER_MICROS / 4 || behind > RING_MICROS
}

/// The time, or `least`, if it lies a little before that.
pub(super) fn not_before(wall: WallTime, least: WallTime) -> WallTime {
    let behind = least.as_micros() - wall.as_micros();
    if (0..=JITTER_MICROS).contains(&behind) { least } else { wall }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
