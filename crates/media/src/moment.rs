//! Monotonic and wall-clock time as plain values.
//!
//! Below `hub` nobody asks a clock what time it is: a [`Moment`] comes in as an argument. The runtime makes
//! them from its one monotonic clock, a simulation makes them up.
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

/// A point on the process's monotonic clock, in nanoseconds since an arbitrary start.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Moment(u64);

impl Moment {
    /// The start of the clock.
    pub const ZERO: Moment = Moment(0);
    /// Later than anything: "no deadline".
    pub const FAR_FUTURE: Moment = Moment(u64::MAX);

    /// The moment `nanos` nanoseconds after the start of the clock.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The moment `millis` milliseconds after the start of the clock. Saturates.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the start of the clock.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero when it is not later.
    pub const fn since(self, earlier: Moment) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Signed difference to `other` in nanoseconds.
    pub const fn nanos_from(self, other: Moment) -> i64 {
        self.0.wrapping_sub(other.0) as i64
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;
    fn add(self, by: Duration) -> Moment {
        Moment(self.0.saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl AddAssign<Duration> for Moment {
    fn add_assign(&mut self, by: Duration) {
        *self = *self + by;
    }
}

impl Sub<Moment> for Moment {
    type Output = Duration;
    fn sub(self, earlier: Moment) -> Duration {
        self.since(earlier)
    }
}

/// Wall-clock time: microseconds since 1970-01-01T00:00:00Z. An estimate: it may jump, so it orders nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct WallTime(i64);

/// Seconds from 1900 (NTP) to 1970 (Unix). Source: RFC 5905 §6.
const NTP_TO_UNIX_SECONDS: i64 = 2_208_988_800;

impl WallTime {
    /// From microseconds since the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// From a 64-bit NTP timestamp (32.32 fixed point since 1900), era 0. Source: RFC 3550 §4.
    pub const fn from_ntp(ntp: u64) -> Self {
        let seconds = (ntp >> 32) as i64 - NTP_TO_UNIX_SECONDS;
        let micros = ((ntp & 0xffff_ffff) * 1_000_000) >> 32;
        Self(seconds * 1_000_000 + micros as i64)
    }

    /// To a 64-bit NTP timestamp; wraps after 2036 as the format does.
    pub const fn to_ntp(self) -> u64 {
        let seconds = self.0.div_euclid(1_000_000) + NTP_TO_UNIX_SECONDS;
        let fraction = ((self.0.rem_euclid(1_000_000) as u64) << 32) / 1_000_000;
        ((seconds as u64) << 32) | fraction
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ntp_time_survives_a_round_trip_to_the_microsecond() {
        let wall = WallTime::from_micros(1_795_000_000_123_456);
        let back = WallTime::from_ntp(wall.to_ntp());
        assert!((back.as_micros() - wall.as_micros()).abs() <= 1, "{back:?}");
    }

    #[test]
    fn the_far_future_stays_there() {
        assert_eq!(Moment::FAR_FUTURE + Duration::from_secs(1), Moment::FAR_FUTURE);
        assert_eq!(Moment::ZERO - Moment::from_millis(5), Duration::ZERO);
    }
}
