//! The lowest estimate of the last seconds.
use media::Moment;
use std::collections::VecDeque;
use std::time::Duration;

/// A step up must have been affordable for 5 s: longer than a congestion controller's probing swings.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// Estimates nearer than 50 ms count as one, so that a window is at most a hundred of them.
const STEP: Duration = Duration::from_millis(50);

/// Estimates of the window that may become its lowest: rising, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Estimates {
    rising: VecDeque<(Moment, u64)>,
}

impl Estimates {
    /// Takes the estimate of this moment; returns the lowest of the window. An estimate holds until the next one,
    /// so the last from before the window counts too.
    pub(super) fn push(&mut self, bps: u64, now: Moment) -> u64 {
        while self.rising.back().is_some_and(|(_, last)| *last >= bps) {
            self.rising.pop_back();
        }
        if self.rising.back().is_none_or(|(at, _)| now.since(*at) >= STEP) {
            self.rising.push_back((now, bps));
        }
        while self.rising.len() > 1 && self.rising.front().is_some_and(|(at, _)| *at + PATIENCE < now) {
            self.rising.pop_front();
        }
        self.rising.front().map_or(bps, |(_, lowest)| *lowest)
    }
}
