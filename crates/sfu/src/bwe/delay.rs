//! [`DelayEstimator`]: the delay-based half of both estimators: packets with their times in, what the queues do out.
use super::groups::Groups;
use super::trend::{Trend, Usage};
use media::Moment;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct DelayEstimator {
    groups: Groups,
    trend: Trend,
}

impl DelayEstimator {
    /// Takes a packet that came, in the order of sending.
    #[inline]
    pub(super) fn push(&mut self, sent_us: i64, arrived_us: i64) {
        if let Some(deltas) = self.groups.push(sent_us, arrived_us) {
            self.trend.push(deltas);
        }
    }

    /// What the queues did when the last group came.
    pub(super) const fn usage(&self) -> Usage {
        self.trend.usage()
    }
}

/// Microseconds of our clock.
pub(super) const fn micros(now: Moment) -> i64 {
    (now.as_nanos() / 1000) as i64
}
