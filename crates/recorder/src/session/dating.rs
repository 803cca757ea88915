//! When a unit was captured, by the recorder's clock: one clock for all that is recorded in one run.
use media::{Unit, WallTime};

/// A sender's clock is further from ours than this: then its units are dated by their arrival. As in the gateway, 10 s.
const DELAY_MAX_MICROS: i64 = 10_000_000;

pub(crate) struct Dating {
    /// Our wall clock, less the monotonic one, in microseconds.
    clock: i64,
    /// How much earlier than its arrival the newest unit was captured.
    delay: i64,
}

impl Dating {
    pub(crate) fn new(clock: i64) -> Self {
        Self { clock, delay: 0 }
    }

    /// The unit's wall time comes from the system's clock, which may have been set a moment ago: then the delay that was
    /// seen last is still right.
    pub(crate) fn date(&mut self, unit: &Unit) -> WallTime {
        let arrived =
            i64::try_from(unit.arrival.as_nanos() / 1000).unwrap_or(i64::MAX).saturating_add(self.clock);
        let delay = unit.wall.as_micros() - arrived;
        if delay.abs() < DELAY_MAX_MICROS {
            self.delay = delay;
        }
        WallTime::from_micros(arrived.saturating_add(self.delay))
    }

    /// The clock was set. Returns by how much.
    pub(crate) fn set(&mut self, clock: i64) -> i64 {
        clock - std::mem::replace(&mut self.clock, clock)
    }

    pub(crate) fn clock(&self) -> i64 {
        self.clock
    }
}
