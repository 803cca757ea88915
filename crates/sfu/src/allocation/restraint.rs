//! Restraint of a transport: what it has learned from steps that failed.
use media::Moment;
use std::time::Duration;

/// A step up needs 1.2 times its bitrate, in percent. Source: mediasoup's hysteresis.
pub const HEADROOM: u64 = 120;
/// The same after a failed step: more than what an estimate that swings by ±15 % rises from its low to its high.
pub const HEADROOM_WARY: u64 = 140;
/// After a step down nothing goes up for 10 s: a picture that changes more often is worse than a small one.
pub const HOLD: Duration = Duration::from_secs(10);
/// The hold doubles with each failure up to 80 s.
pub const HOLD_MAX: Duration = Duration::from_secs(80);
/// A step up that is taken back within 30 s has failed.
pub const FAILED_WITHIN: Duration = Duration::from_secs(30);
/// Failures are forgotten when there was none for 5 min: networks change.
pub const FORGIVEN_AFTER: Duration = Duration::from_secs(300);

/// What a transport remembers: a step up of one consumer may be paid by another that goes down.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Restraint {
    up_at: Option<Moment>,
    failed_at: Option<Moment>,
    failures: u32,
}

impl Restraint {
    pub(super) const fn handle_up(&mut self, now: Moment) {
        self.up_at = Some(now);
    }

    pub(super) fn handle_down(&mut self, now: Moment) {
        self.forgive(now);
        if self.up_at.take().is_some_and(|up_at| now.since(up_at) < FAILED_WITHIN) {
            self.failures += 1;
            self.failed_at = Some(now);
        }
    }

    /// In percent of what all cost after a step.
    pub(super) fn headroom(&mut self, now: Moment) -> u64 {
        self.forgive(now);
        if self.failures == 0 { HEADROOM } else { HEADROOM_WARY }
    }

    /// How long a consumer that goes down now is held.
    pub(super) fn hold(&self) -> Duration {
        HOLD.saturating_mul(1 << self.failures.saturating_sub(1).min(3)).min(HOLD_MAX)
    }

    fn forgive(&mut self, now: Moment) {
        if self.failed_at.is_some_and(|failed_at| now.since(failed_at) >= FORGIVEN_AFTER) {
            self.failed_at = None;
            self.failures = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_doubles_the_hold_up_to_its_maximum_and_five_minutes_forgive_all() {
        let mut restraint = Restraint::default();
        let mut now = Moment::ZERO;
        let mut holds = Vec::new();
        for _ in 0..6 {
            restraint.handle_up(now);
            now += Duration::from_secs(5);
            restraint.handle_down(now);
            assert_eq!(restraint.headroom(now), HEADROOM_WARY);
            holds.push(restraint.hold().as_secs());
            now += restraint.hold();
        }
        assert_eq!(holds, [10, 20, 40, 80, 80, 80]);
        assert_eq!(restraint.headroom(now + FORGIVEN_AFTER), HEADROOM);
    }
}
