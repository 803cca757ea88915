//! Virtual time: a clock that goes on only when it is told to.
use media::{Moment, WallTime};
use std::time::Duration;

/// A monotonic clock and a wall clock that move together.
#[derive(Clone, Debug)]
pub struct VirtualClock {
    now: Moment,
    start: Moment,
    wall_at_start: WallTime,
}

impl VirtualClock {
    /// A clock at `now`, when the wall clock shows `wall`.
    pub const fn new(now: Moment, wall: WallTime) -> Self {
        Self { now, start: now, wall_at_start: wall }
    }

    /// The moment it is.
    pub const fn now(&self) -> Moment {
        self.now
    }

    /// What the wall clock shows.
    pub const fn wall(&self) -> WallTime {
        let since = self.now.since(self.start).as_micros() as i64;
        WallTime::from_micros(self.wall_at_start.as_micros() + since)
    }

    /// Goes on to `at`; never back. Returns how far it went.
    pub fn advance_to(&mut self, at: Moment) -> Duration {
        let step = at.since(self.now);
        self.now += step;
        step
    }

    /// Goes on by `step`.
    pub fn advance(&mut self, step: Duration) {
        self.now += step;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_go_on_together_and_never_back() {
        let mut clock = VirtualClock::new(Moment::from_millis(5), WallTime::from_micros(1_000));
        assert_eq!(clock.advance_to(Moment::from_millis(7)), Duration::from_millis(2));
        assert_eq!(clock.advance_to(Moment::from_millis(6)), Duration::ZERO);
        clock.advance(Duration::from_millis(1));
        assert_eq!((clock.now(), clock.wall()), (Moment::from_millis(8), WallTime::from_micros(4_000)));
    }
}
