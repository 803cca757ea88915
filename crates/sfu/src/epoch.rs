//! Two clocks as one: the crates below a transport take `Instant`, everything of ours takes [`Moment`].
use media::Moment;
use std::time::{Duration, Instant};

/// One time on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Epoch {
    instant: Instant,
    moment: Moment,
}

impl Epoch {
    /// `instant` and `moment` were read together.
    pub const fn new(instant: Instant, moment: Moment) -> Self {
        Self { instant, moment }
    }

    /// The same time as an `Instant`; no earlier than the epoch.
    pub fn instant(&self, moment: Moment) -> Instant {
        let since = moment.since(self.moment);
        // a far future must not overflow: a year is as good
        self.instant + since.min(Duration::from_secs(365 * 24 * 3600))
    }

    /// The same time as a [`Moment`]; no earlier than the epoch.
    pub fn moment(&self, instant: Instant) -> Moment {
        self.moment + instant.saturating_duration_since(self.instant)
    }
}
