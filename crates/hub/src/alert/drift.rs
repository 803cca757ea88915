//! How fast a sender's clock runs off ours.
//!
//! The way of a unit takes a fixed time and a changing one. The smallest difference between arrival and media time of
//! ten seconds is nearly free of the changing part (RFC 5905 filters its clock the same way), so the steps between such
//! minima are the clock's. The median of a minute's steps is not moved by one jump, as when the path changes.
use media::Moment;
use std::collections::VecDeque;
use std::time::Duration;

/// Length of a window: 10 s. At 5 pictures a second that is 50 chances for a quick one.
const WINDOW: Duration = Duration::from_secs(10);
/// Steps that are looked at: a minute of them.
const STEPS: usize = 6;

/// Measures one track.
#[derive(Debug, Default)]
pub(super) struct Drift {
    window: Option<Window>,
    /// Smallest arrival minus media time of each closed window in µs, the newest last.
    minima: VecDeque<i64>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    start: Moment,
    minimum: i64,
}

impl Drift {
    /// What a measurement looks back at.
    pub(super) const SPAN: Duration = Duration::from_secs(WINDOW.as_secs() * (STEPS as u64 + 1));

    /// A unit of this media time came. True when there may be another result.
    pub(super) fn handle_unit(&mut self, media_us: i64, arrival: Moment) -> bool {
        let late_us = i64::try_from(arrival.as_nanos() / 1000).unwrap_or(i64::MAX).saturating_sub(media_us);
        let Some(window) = &mut self.window else {
            self.window = Some(Window { start: arrival, minimum: late_us });
            return false;
        };
        let age = arrival.since(window.start);
        if age < WINDOW {
            window.minimum = window.minimum.min(late_us);
            return false;
        }
        if age >= WINDOW * 2 {
            // A pause: nothing can be said about it.
            *self =
                Self { window: Some(Window { start: arrival, minimum: late_us }), minima: VecDeque::new() };
            return true;
        }
        self.minima.push_back(window.minimum);
        *window = Window { start: window.start + WINDOW, minimum: late_us };
        if self.minima.len() > STEPS + 1 {
            self.minima.pop_front();
        }
        true
    }

    /// Millionths by which arrivals run off media time, once there is a minute to look at: positive when the sender's
    /// clock is slow.
    pub(super) fn ppm(&self) -> Option<i64> {
        if self.minima.len() <= STEPS {
            return None;
        }
        let later = self.minima.iter().skip(1);
        let mut steps: Vec<i64> =
            later.zip(&self.minima).map(|(late, early)| late.saturating_sub(*early)).collect();
        steps.sort_unstable();
        let middle = steps[STEPS / 2 - 1].saturating_add(steps[STEPS / 2]) / 2;
        Some(middle / WINDOW.as_secs() as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 25 pictures a second for `seconds`, by a clock `ppm` slow, over a path that adds `delay_us(n)`.
    fn measured(seconds: u64, ppm: i64, delay_us: impl Fn(u64) -> u64) -> Option<i64> {
        let mut drift = Drift::default();
        for n in 0..seconds * 25 {
            let media_us = n as i64 * 40_000;
            let sent_us = media_us + media_us * ppm / 1_000_000;
            let arrival = Moment::from_nanos((sent_us as u64 + 5_000_000 + delay_us(n)) * 1000);
            drift.handle_unit(media_us, arrival);
        }
        drift.ppm()
    }

    #[test]
    fn a_clock_is_measured_after_a_minute_in_both_directions() {
        assert_eq!(measured(60, 1000, |_| 0), None);
        for ppm in [-2000, 50, 1000] {
            let found = measured(120, ppm, |_| 0).unwrap();
            assert!((found - ppm).abs() <= 5, "{ppm}: {found}");
        }
    }

    #[test]
    fn jitter_of_a_quarter_second_and_one_longer_way_are_no_drift() {
        // A multiplicative hash: jitter that is the same in every run.
        let jitter = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 46;
        assert!((0..1000).map(jitter).max() > Some(250_000));
        let found = measured(300, 0, jitter).unwrap();
        assert!(found.abs() < 200, "{found}");
        let longer_way = |n: u64| if n > 25 * 40 { 80_000 } else { 0 };
        assert_eq!(measured(80, 0, longer_way), Some(0));
    }

    #[test]
    fn a_pause_starts_anew() {
        let mut drift = Drift::default();
        for second in 0..90 {
            drift.handle_unit(second * 1_000_000, Moment::from_millis(second as u64 * 1000));
        }
        assert_eq!(drift.ppm(), Some(0));
        drift.handle_unit(90_000_000, Moment::from_millis(120_000));
        assert_eq!(drift.ppm(), None);
    }
}
