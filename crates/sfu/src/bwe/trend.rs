//! [`Trend`]: whether the delay of groups grows, which means that a queue fills.
//!
//! A line through the smoothed delays of the last groups; its slope against a threshold that follows the slopes, so
//! that flows that fill queues on purpose do not starve this one. Source: draft-ietf-rmcat-gcc-02 §5.3 to §5.5, with
//! libwebrtc's line in place of the Kalman filter, and its constants.
use super::groups::Deltas;

/// Groups of the line: 20.
const WINDOW: usize = 20;
/// Weight of what was in the smoothed delay.
const SMOOTHING: f64 = 0.9;
/// From slope to the threshold's scale.
const GAIN: f64 = 4.0;
/// A slope counts fully from 60 groups on.
const GROUPS_FULL: u32 = 60;
const THRESHOLD_INITIAL_MS: f64 = 12.5;
const THRESHOLD_MIN_MS: f64 = 6.0;
const THRESHOLD_MAX_MS: f64 = 600.0;
/// The threshold follows upwards slowly and downwards faster, per millisecond.
const RISE: f64 = 0.0087;
const FALL: f64 = 0.039;
/// A slope this far beyond the threshold is a sudden jam, which must not raise it.
const JUMP_MS: f64 = 15.0;
/// Longest time between groups by which the threshold follows.
const FOLLOW_MAX_MS: f64 = 100.0;
/// It must last 10 ms, and for two groups.
const OVERUSE_MS: f64 = 10.0;

/// What the queues do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Usage {
    /// Stay as they are.
    #[default]
    Normal,
    /// Fill.
    Over,
    /// Drain.
    Under,
}

#[derive(Clone, Debug)]
pub(super) struct Trend {
    /// Arrival and smoothed delay in milliseconds; the oldest is at `next` once all are filled.
    points: [(f64, f64); WINDOW],
    next: usize,
    groups: u32,
    arrived_ms: f64,
    delay_ms: f64,
    smoothed_ms: f64,
    slope_before: f64,
    threshold_ms: f64,
    over_ms: Option<f64>,
    over_groups: u32,
    usage: Usage,
}

impl Default for Trend {
    fn default() -> Self {
        Self {
            points: [(0.0, 0.0); WINDOW],
            next: 0,
            groups: 0,
            arrived_ms: 0.0,
            delay_ms: 0.0,
            smoothed_ms: 0.0,
            slope_before: 0.0,
            threshold_ms: THRESHOLD_INITIAL_MS,
            over_ms: None,
            over_groups: 0,
            usage: Usage::Normal,
        }
    }
}

impl Trend {
    pub(super) const fn usage(&self) -> Usage {
        self.usage
    }

    pub(super) fn push(&mut self, deltas: Deltas) {
        let sent_ms = deltas.sent_us as f64 / 1000.0;
        let arrived_ms = deltas.arrived_us as f64 / 1000.0;
        self.groups = (self.groups + 1).min(1000);
        self.arrived_ms += arrived_ms;
        self.delay_ms += arrived_ms - sent_ms;
        self.smoothed_ms = SMOOTHING * self.smoothed_ms + (1.0 - SMOOTHING) * self.delay_ms;
        self.points[self.next] = (self.arrived_ms, self.smoothed_ms);
        self.next = (self.next + 1) % WINDOW;
        let slope = if self.groups as usize >= WINDOW { self.slope() } else { self.slope_before };
        let scaled_ms = f64::from(self.groups.min(GROUPS_FULL)) * slope * GAIN;
        self.detect(slope, scaled_ms, sent_ms);
        self.slope_before = slope;
        self.follow(scaled_ms, arrived_ms);
    }

    /// Least squares.
    fn slope(&self) -> f64 {
        let (x_sum, y_sum) =
            self.points.iter().fold((0.0, 0.0), |(x_sum, y_sum), (x, y)| (x_sum + x, y_sum + y));
        let (x_mean, y_mean) = (x_sum / WINDOW as f64, y_sum / WINDOW as f64);
        let (mut numerator, mut denominator) = (0.0, 0.0);
        for (x, y) in &self.points {
            numerator += (x - x_mean) * (y - y_mean);
            denominator += (x - x_mean) * (x - x_mean);
        }
        if denominator > 0.0 { numerator / denominator } else { self.slope_before }
    }

    fn detect(&mut self, slope: f64, scaled_ms: f64, sent_ms: f64) {
        if scaled_ms > self.threshold_ms {
            let over_ms = self.over_ms.map_or(sent_ms / 2.0, |over_ms| over_ms + sent_ms);
            self.over_ms = Some(over_ms);
            self.over_groups += 1;
            if over_ms > OVERUSE_MS && self.over_groups > 1 && slope >= self.slope_before {
                self.over_ms = Some(0.0);
                self.over_groups = 0;
                self.usage = Usage::Over;
            }
        } else {
            self.over_ms = None;
            self.over_groups = 0;
            self.usage = if scaled_ms < -self.threshold_ms { Usage::Under } else { Usage::Normal };
        }
    }

    fn follow(&mut self, scaled_ms: f64, passed_ms: f64) {
        let distance = scaled_ms.abs() - self.threshold_ms;
        if distance > JUMP_MS {
            return;
        }
        let speed = if distance < 0.0 { FALL } else { RISE };
        let moved = self.threshold_ms + speed * distance * passed_ms.min(FOLLOW_MAX_MS);
        self.threshold_ms = moved.clamp(THRESHOLD_MIN_MS, THRESHOLD_MAX_MS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage_after(arrived_us: impl Fn(i64) -> i64) -> Usage {
        let mut trend = Trend::default();
        for group in 0..100 {
            trend.push(Deltas { sent_us: 20_000, arrived_us: arrived_us(group) });
        }
        trend.usage()
    }

    #[test]
    fn a_queue_that_fills_is_overuse_one_that_drains_underuse_and_jitter_neither() {
        assert_eq!(usage_after(|_| 20_000), Usage::Normal);
        assert_eq!(usage_after(|_| 26_000), Usage::Over);
        assert_eq!(usage_after(|_| 14_000), Usage::Under);
        assert_eq!(usage_after(|group| 20_000 + if group % 2 == 0 { 4_000 } else { -4_000 }), Usage::Normal);
    }
}
