//! [`LossBound`]: how much may be sent in view of what is lost.
//!
//! Source: draft-ietf-rmcat-gcc-02 §6, with two changes. There is no bound before something is lost: losses below a
//! tenth are no sign of a full way. And the bound stops at half of what was sent when losses began: if a tenth to a
//! quarter was lost because too much was sent, three quarters fit, so what is still lost at half is lost by the
//! way itself (radio), and sending less would not mend it.
use media::Moment;
use std::time::Duration;

/// Above 10 % lost the bound falls, by half of what is lost.
const HIGH: f64 = 0.10;
/// Below 2 % it grows at its full speed; in between proportionally.
const LOW: f64 = 0.02;
/// 8 % a second, as the delay-based estimate.
const GROWTH: f64 = 0.08;
/// Above 25 % it falls without end.
const OWN_MAX: f64 = 0.25;
/// An interval has 30 packets: of fewer, three lost by chance would be a tenth.
const PACKETS_MIN: u32 = 30;
/// And lasts 250 ms and a round trip, to see the effect of the last one.
const INTERVAL_MIN: Duration = Duration::from_millis(250);
/// Counts older than 5 s say nothing about now.
const INTERVAL_MAX: Duration = Duration::from_secs(5);
/// What was sent when losses began is remembered for 10 s after the last great loss.
const REMEMBERED: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, Default)]
pub(super) struct LossBound {
    bps: Option<f64>,
    came: u32,
    lost: u32,
    interval_at: Option<Moment>,
    fraction: f64,
    /// What was sent when losses began, and when they were great last.
    began: Option<(f64, Moment)>,
}

impl LossBound {
    /// The bound, if there is one.
    pub(super) const fn bps(&self) -> Option<u32> {
        match self.bps {
            Some(bps) => Some(bps as u32),
            None => None,
        }
    }

    /// Lost of the last interval, from 0 to 1.
    pub(super) const fn fraction(&self) -> f64 {
        self.fraction
    }

    /// Whether the bound is there and something is still lost.
    pub(super) fn is_losing(&self) -> bool {
        self.bps.is_some() && self.fraction > LOW
    }

    /// A probe has shown this much, without loss.
    pub(super) fn raise(&mut self, bps: u32) {
        self.bps = self.bps.map(|bound| bound.max(f64::from(bps)));
    }

    /// Counts packets of which is known now what became of them. Those that came `late` were counted as lost.
    pub(super) const fn count(&mut self, came: u32, late: u32, lost: u32) {
        self.came = self.came.saturating_add(came).saturating_add(late);
        self.lost = self.lost.saturating_add(lost).saturating_sub(late);
    }

    /// Ends the interval if it is long enough. `allowed_bps` is the estimate without this bound.
    pub(super) fn update(&mut self, allowed_bps: u32, round_trip: Duration, now: Moment) {
        let interval_at = *self.interval_at.get_or_insert(now);
        let passed = now.since(interval_at);
        let total = self.came.saturating_add(self.lost);
        if passed > INTERVAL_MAX && total < PACKETS_MIN {
            self.restart(now);
        } else if passed >= INTERVAL_MIN.max(round_trip.min(Duration::from_secs(1))) && total >= PACKETS_MIN {
            let fraction = f64::from(self.lost) / f64::from(total);
            self.restart(now);
            self.follow(fraction, allowed_bps, passed, now);
        }
    }

    /// Follows a loss that somebody else measured since his last report.
    pub(super) fn report(&mut self, fraction: f64, allowed_bps: u32, now: Moment) {
        let passed = self.interval_at.map_or(Duration::ZERO, |interval_at| now.since(interval_at));
        self.restart(now);
        self.follow(fraction, allowed_bps, passed, now);
    }

    fn restart(&mut self, now: Moment) {
        (self.came, self.lost, self.interval_at) = (0, 0, Some(now));
    }

    fn follow(&mut self, fraction: f64, allowed_bps: u32, passed: Duration, now: Moment) {
        self.fraction = fraction;
        let allowed = f64::from(allowed_bps);
        let current = self.bps.map_or(allowed, |bps| bps.min(allowed));
        if fraction > HIGH {
            let began = match self.began {
                Some((began, _)) if fraction <= OWN_MAX => began.max(current),
                Some(_) | None => current,
            };
            self.began = Some((began, now));
            let floor = if fraction <= OWN_MAX { (began / 2.0).min(current) } else { 0.0 };
            self.bps = Some((current * (1.0 - fraction / 2.0)).max(floor));
            return;
        }
        self.began = self.began.filter(|(_, at)| now.since(*at) < REMEMBERED);
        let speed = GROWTH * ((HIGH - fraction) / (HIGH - LOW)).min(1.0);
        let seconds = passed.min(INTERVAL_MAX).as_secs_f64();
        self.bps = self.bps.map(|bps| bps * (1.0 + speed * seconds)).filter(|bps| *bps < allowed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bound after so many intervals in which so many of a hundred were lost.
    fn run(bound: &mut LossBound, lost: u32, intervals: std::ops::Range<u64>) -> Option<u32> {
        for interval in intervals {
            bound.count(100 - lost, 0, lost);
            bound.update(1_000_000, Duration::ZERO, Moment::from_millis(300 * interval));
        }
        bound.bps()
    }

    #[test]
    fn a_tenth_lost_brings_it_down_to_half_more_further_and_less_is_no_bound() {
        let mut bound = LossBound::default();
        assert_eq!(run(&mut bound, 9, 0..20), None);
        assert_eq!(run(&mut bound, 12, 20..21), Some(940_000));
        assert_eq!(run(&mut bound, 12, 21..100), Some(500_000));
        let low = run(&mut bound, 50, 100..110).unwrap();
        assert!(low < 50_000, "{low}");
        let high = run(&mut bound, 0, 110..120).unwrap();
        assert!((low * 120 / 100..low * 130 / 100).contains(&high), "{low} {high}");
        assert_eq!(run(&mut bound, 0, 120..400), None);
    }
}
