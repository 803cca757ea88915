//! [`RateControl`]: the delay-based estimate. It grows while queues stay as they are, and falls below what came when
//! they fill.
//!
//! Source: draft-ietf-rmcat-gcc-02 §5.5 and §5.6; the estimate of the capacity, which makes growth near it slow, and
//! the limit of growth from libwebrtc.
use super::trend::Usage;
use media::Moment;
use std::time::Duration;

/// After overuse the estimate is 85 % of what came: the rest drains the queue.
const DECREASE: f64 = 0.85;
/// It is 70 % when more than 200 ms are queued: at 85 % such a queue would last for seconds.
const DECREASE_LONG: f64 = 0.7;
const LONG: Duration = Duration::from_millis(200);
/// Overuse before anything is known of what came halves the estimate.
const DECREASE_BLIND: f64 = 0.5;
/// Far from the capacity it grows by 8 % a second.
const GROWTH: f64 = 1.08;
/// Near it by one packet of 1200 bytes a response time, which is the round trip and 100 ms.
const PACKET_BITS: f64 = 9600.0;
const RESPONSE: Duration = Duration::from_millis(100);
/// But by 4 kbit/s a second at least.
const GROWTH_MIN: f64 = 4000.0;
/// Growth ends at 1.5 times what came and 10 kbit/s: more is not known of the way.
const BEYOND: f64 = 1.5;
const BEYOND_BPS: f64 = 10_000.0;
/// A second decrease waits for the effect of the first: a round trip, within these.
const PATIENCE_MIN: Duration = Duration::from_millis(10);
const PATIENCE_MAX: Duration = Duration::from_millis(200);
/// Growth of more than a second at once would be a leap after a pause.
const GROWN_AT_ONCE: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
pub(super) struct RateControl {
    bps: f64,
    capacity: Capacity,
    /// It grew, or was kept from it.
    grown_at: Option<Moment>,
    decreased_at: Option<Moment>,
}

impl RateControl {
    pub(super) fn new(bps: u32) -> Self {
        Self { bps: f64::from(bps), capacity: Capacity::default(), grown_at: None, decreased_at: None }
    }

    pub(super) const fn bps(&self) -> u32 {
        self.bps as u32
    }

    /// Keeps the estimate within limits.
    pub(super) const fn clamp(&mut self, min: u32, max: u32) {
        self.bps = self.bps.max(min as f64).min(max as f64);
    }

    /// A probe has shown this much.
    pub(super) fn raise(&mut self, bps: u32) {
        if f64::from(bps) > self.bps {
            self.bps = f64::from(bps);
            self.capacity = Capacity::default();
        }
    }

    /// Lowers the estimate by a factor, whatever the queues do.
    pub(super) fn lower(&mut self, factor: f64, now: Moment) {
        self.bps *= factor;
        self.grown_at = Some(now);
    }

    /// Follows the queues, with what came lately, and how long they are as far as that is known.
    pub(super) fn update(
        &mut self,
        usage: Usage,
        acked_bps: Option<u32>,
        round_trip: Duration,
        queued: Duration,
        now: Moment,
    ) {
        let acked = acked_bps.map(f64::from);
        let grown_at = self.grown_at.replace(now).unwrap_or(now);
        match usage {
            Usage::Normal => self.grow(acked, round_trip, now.since(grown_at).min(GROWN_AT_ONCE)),
            // queues that drain are left to it
            Usage::Under => {}
            Usage::Over => {
                let patience = round_trip.clamp(PATIENCE_MIN, PATIENCE_MAX);
                let has_waited = self.decreased_at.is_none_or(|at| now.since(at) >= patience);
                if has_waited || acked.is_some_and(|acked| acked < self.bps / 2.0) {
                    self.decrease(acked, if queued > LONG { DECREASE_LONG } else { DECREASE });
                    self.decreased_at = Some(now);
                }
            }
        }
    }

    /// When it fell last.
    pub(super) const fn decreased_at(&self) -> Option<Moment> {
        self.decreased_at
    }

    fn grow(&mut self, acked: Option<f64>, round_trip: Duration, passed: Duration) {
        let Some(acked) = acked else { return };
        if acked > self.capacity.high() {
            self.capacity = Capacity::default();
        }
        let limit = BEYOND * acked + BEYOND_BPS;
        if self.bps >= limit {
            return;
        }
        let grown = if self.capacity.mean_bps.is_some() {
            let a_second = PACKET_BITS / (round_trip + RESPONSE).as_secs_f64();
            self.bps + a_second.max(GROWTH_MIN) * passed.as_secs_f64()
        } else {
            self.bps * GROWTH.powf(passed.as_secs_f64())
        };
        self.bps = grown.min(limit);
    }

    fn decrease(&mut self, acked: Option<f64>, factor: f64) {
        let Some(acked) = acked else {
            self.bps *= DECREASE_BLIND;
            return;
        };
        let mut lowered = factor * acked;
        if let Some(mean_bps) = self.capacity.mean_bps.filter(|_| lowered > self.bps) {
            lowered = factor * mean_bps;
        }
        self.bps = self.bps.min(lowered);
        if acked < self.capacity.low() {
            self.capacity = Capacity::default();
        }
        self.capacity.push(acked);
    }
}

/// What came at moments of overuse: then the way is full.
#[derive(Clone, Copy, Debug)]
struct Capacity {
    mean_bps: Option<f64>,
    /// Variance by the mean, in kbit/s.
    variance: f64,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { mean_bps: None, variance: 0.4 }
    }
}

impl Capacity {
    /// Weight of a new value.
    const WEIGHT: f64 = 0.05;

    fn push(&mut self, bps: f64) {
        let before = self.mean_bps.unwrap_or(bps);
        let mean = before + Self::WEIGHT * (bps - before);
        let error = (mean - bps) / 1000.0;
        let variance = error * error / (mean / 1000.0).max(1.0);
        self.variance = (self.variance + Self::WEIGHT * (variance - self.variance)).clamp(0.4, 2.5);
        self.mean_bps = Some(mean);
    }

    /// Three deviations from the mean.
    fn reach(&self, mean_bps: f64) -> f64 {
        3.0 * (self.variance * mean_bps / 1000.0).sqrt() * 1000.0
    }

    fn high(&self) -> f64 {
        self.mean_bps.map_or(f64::INFINITY, |mean| mean + self.reach(mean))
    }

    fn low(&self) -> f64 {
        self.mean_bps.map_or(0.0, |mean| mean - self.reach(mean))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_by_8_percent_falls_below_what_came_and_then_grows_slowly() {
        let mut rate = RateControl::new(1_000_000);
        let round_trip = Duration::from_millis(100);
        let mut run = |usage, acked, ms: std::ops::Range<u64>| {
            for ms in ms.step_by(100) {
                rate.update(usage, Some(acked), round_trip, Duration::ZERO, Moment::from_millis(ms));
            }
            rate.bps()
        };
        assert!((1_079_000..1_081_000).contains(&run(Usage::Normal, 1_000_000, 0..1001)));
        assert_eq!(run(Usage::Over, 1_000_000, 1100..1101), 850_000);
        assert_eq!(run(Usage::Under, 850_000, 1200..1900), 850_000);
        let slowly = run(Usage::Normal, 850_000, 1900..2901);
        assert!((895_000..905_000).contains(&slowly), "{slowly}");
        assert_eq!(run(Usage::Normal, 100_000, 3000..4001), slowly);
    }
}
