//! [`Throughput`]: bits a second over the last half second, in buckets, so that a packet costs one addition.

/// Width of a bucket: 50 ms.
const BUCKET_US: i64 = 50_000;
/// Buckets of the window: 10, half a second. Longer would see a jam late, shorter would see single frames.
const BUCKETS: usize = 10;
/// From 150 ms on there is a rate.
const BUCKETS_MIN: usize = 3;

/// Times are microseconds on whichever clock, as long as it is one.
#[derive(Clone, Debug, Default)]
pub(super) struct Throughput {
    /// By number, modulo; the current one is not part of the rate.
    bytes: [u32; BUCKETS + 1],
    /// Number of the current bucket.
    current: i64,
    /// Buckets that have ended, up to the window.
    ended: usize,
    has_begun: bool,
}

impl Throughput {
    #[inline]
    pub(super) fn add(&mut self, at_us: i64, bytes: usize) {
        let number = at_us.div_euclid(BUCKET_US);
        if number != self.current || !self.has_begun {
            self.turn(number);
        }
        // what came late counts where it would have, if that is still in the window
        if number > self.current - self.bytes.len() as i64 {
            let slot = &mut self.bytes[number.rem_euclid(BUCKETS as i64 + 1) as usize];
            *slot = slot.saturating_add(bytes as u32);
        }
    }

    /// The rate as of the last bucket that ended.
    pub(super) fn bps(&self) -> Option<u32> {
        if self.ended < BUCKETS_MIN {
            return None;
        }
        let range = self.current - self.ended as i64..self.current;
        let bytes: u64 =
            range.map(|number| u64::from(self.bytes[number.rem_euclid(BUCKETS as i64 + 1) as usize])).sum();
        let bps = bytes * 8 * 1_000_000 / (self.ended as u64 * BUCKET_US as u64);
        Some(u32::try_from(bps).unwrap_or(u32::MAX))
    }

    /// Lets time pass without bytes.
    pub(super) fn turn(&mut self, number_or_later: i64) {
        let passed = number_or_later - self.current;
        if !self.has_begun || passed > BUCKETS as i64 || passed < -(BUCKETS as i64) {
            *self = Self { current: number_or_later, has_begun: true, ..Self::default() };
            return;
        }
        for number in self.current + 1..=number_or_later {
            self.bytes[number.rem_euclid(BUCKETS as i64 + 1) as usize] = 0;
        }
        if passed > 0 {
            self.current = number_or_later;
            self.ended = (self.ended + passed as usize).min(BUCKETS);
        }
    }

    /// The rate at this time, if bytes flow: none after half a second without.
    pub(super) fn bps_at(&mut self, at_us: i64) -> Option<u32> {
        if self.has_begun {
            self.turn(at_us.div_euclid(BUCKET_US).max(self.current));
        }
        self.bps()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_has_its_rate_and_a_pause_begins_anew() {
        let mut throughput = Throughput::default();
        assert_eq!(throughput.bps(), None);
        for ms in 0..1000 {
            throughput.add(1000 * ms, 125);
        }
        assert_eq!(throughput.bps(), Some(1_000_000));
        throughput.add(1_300_000, 125);
        assert_eq!(throughput.bps(), Some(400_000));
        throughput.add(5_000_000, 125);
        assert_eq!(throughput.bps(), None);
        throughput.add(i64::MIN / 2, 125);
        throughput.add(i64::MAX / 2, usize::MAX);
        assert_eq!(throughput.bps(), None);
    }
}
