//! Chance that can be told again: the same seed, the same throws.
use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where a seed comes from, to tell a story again.
const SEED: &str = "AQUEDUCT_SEED";

#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    /// Says its seed, which is seen when the story fails.
    pub(super) fn new() -> Self {
        let given = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| {
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_nanos() as u64 | 1)
        });
        println!("{SEED}={seed}");
        Self(seed)
    }

    /// Another one, for somebody else.
    pub(super) fn fork(&mut self) -> Self {
        Self(self.next() | 1)
    }

    /// Source: Marsaglia, Xorshift RNGs, with a last mixing.
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub(super) fn among(&mut self, range: Range<usize>) -> usize {
        range.start + self.below(range.len() as u64) as usize
    }

    pub(super) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }

    pub(super) fn wait(&mut self, ms: Range<usize>) {
        std::thread::sleep(Duration::from_millis(self.among(ms) as u64));
    }
}
