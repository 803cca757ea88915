//! Two clocks as one: other people's crates count in [`Instant`]s, and we in [`Moment`]s.
use media::Moment;
use std::time::{Duration, Instant};

/// An [`Instant`] and a [`Moment`] that were taken at one time. The caller takes them; nothing here asks a clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Epoch {
    instant: Instant,
    moment: Moment,
}

impl Epoch {
    /// `instant` and `moment` are the same point in time.
    pub const fn new(instant: Instant, moment: Moment) -> Self {
        Self { instant, moment }
    }

    /// That moment as an instant. One that is too far away to be told is the epoch's own.
    pub fn instant(&self, moment: Moment) -> Instant {
        let told = if moment >= self.moment {
            self.instant.checked_add(moment.since(self.moment))
        } else {
            self.instant.checked_sub(self.moment.since(moment))
        };
        told.unwrap_or(self.instant)
    }

    /// That instant as a moment. What is before the clock's start is [`Moment::ZERO`].
    pub fn moment(&self, instant: Instant) -> Moment {
        match instant.checked_duration_since(self.instant) {
            Some(later) => self.moment + later,
            None => {
                let earlier = self.instant.saturating_duration_since(instant);
                let nanos = Duration::from_nanos(self.moment.as_nanos()).saturating_sub(earlier).as_nanos();
                Moment::from_nanos(u64::try_from(nanos).unwrap_or(0))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_survive_the_way_there_and_back() {
        #[expect(clippy::disallowed_methods, reason = "an Instant has no other maker")]
        let epoch = Epoch::new(Instant::now(), Moment::from_millis(5000));
        for moment in [0, 4999, 5000, 5001, 86_400_000].map(Moment::from_millis) {
            assert_eq!(epoch.moment(epoch.instant(moment)), moment);
        }
        let hour = Duration::from_secs(3600);
        assert_eq!(
            epoch.instant(Moment::from_millis(5000) + hour),
            epoch.instant(Moment::from_millis(5000)) + hour
        );
    }
}
