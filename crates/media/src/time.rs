//! Media time: ticks of a clock rate.
use std::time::Duration;

/// A time in a media clock: `ticks` of a clock that has `rate` of them a second.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MediaTime {
    /// Ticks since the stream's common zero; may be negative.
    pub ticks: i64,
    /// Ticks a second; never zero.
    pub rate: u32,
}

impl MediaTime {
    /// Pairs ticks with their rate.
    pub const fn new(ticks: i64, rate: u32) -> Self {
        Self { ticks, rate }
    }

    /// The same time in ticks of another rate, rounded to the nearest.
    pub const fn ticks_at(self, rate: u32) -> i64 {
        rescale(self.ticks, self.rate, rate)
    }

    /// The time in microseconds, rounded to the nearest.
    pub const fn as_micros(self) -> i64 {
        rescale(self.ticks, self.rate, 1_000_000)
    }

    /// The time in milliseconds, rounded to the nearest.
    pub const fn as_millis(self) -> i64 {
        rescale(self.ticks, self.rate, 1_000)
    }

    /// A duration in ticks of `rate`, rounded to the nearest.
    pub const fn ticks_of(duration: Duration, rate: u32) -> i64 {
        let nanos = duration.as_nanos();
        ((nanos * rate as u128 + 500_000_000) / 1_000_000_000) as i64
    }
}

/// `ticks` of a clock of rate `from`, in ticks of a clock of rate `to`, rounded to the nearest. A zero `from` gives 0.
pub const fn rescale(ticks: i64, from: u32, to: u32) -> i64 {
    if from == to {
        return ticks;
    }
    if from == 0 {
        return 0;
    }
    let product = ticks as i128 * to as i128;
    let from = from as i128;
    ((product + from / 2).div_euclid(from)) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rescaling_rounds_to_the_nearest_on_both_sides_of_zero() {
        assert_eq!(rescale(90, 90_000, 1_000), 1);
        assert_eq!(rescale(-90, 90_000, 1_000), -1);
        assert_eq!(rescale(1024, 48_000, 90_000), 1920);
        assert_eq!(rescale(1, 3, 2), 1);
        assert_eq!(rescale(5, 0, 10), 0);
    }
}
