//! State by SSRC, found in a few nanoseconds: there is one lookup per packet and consumer.
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// State by SSRC.
pub(super) type BySsrc<S> = HashMap<u32, S, BuildHasherDefault<SsrcHasher>>;

/// One multiplication; the standard hasher would take a tenth of GCM's time. It can be foreseen, but a peer
/// whose SSRCs collide slows only its own transport, and only as far as the limits on SSRCs go.
#[derive(Default)]
pub(super) struct SsrcHasher(u64);

impl Hasher for SsrcHasher {
    fn write_u32(&mut self, ssrc: u32) {
        // 2^64 over the golden ratio: neighbours go far apart. The map wants both ends well mixed: low bits choose the
        // place, the highest seven tell neighbours apart.
        let mixed = u64::from(ssrc).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ssrcs_in_a_row_or_in_steps_spread_over_the_map() {
        for step in [1, 2, 1_000, 1 << 8, 1 << 16, 1 << 19] {
            let hash = |at: u32| {
                let mut hasher = SsrcHasher::default();
                hasher.write_u32(at.wrapping_mul(step));
                hasher.finish()
            };
            let places: BTreeSet<u64> = (0..8_192).map(|at| hash(at) % 16_384).collect();
            let tops: BTreeSet<u64> = (0..8_192).map(|at| hash(at) >> 57).collect();
            assert!(places.len() > 4_096, "{} places for steps of {step}", places.len());
            assert_eq!(tops.len(), 128, "steps of {step}");
        }
    }
}
