//! Which indexes were accepted already.
//!
//! Source: RFC 3711 §3.3.2.

/// Indexes that a packet may be behind the newest: 1,024. A camera of 8 Mbit/s sends 900 packets a second, so that an
/// answer to a NACK is inside for a second; browsers have the same. 128 bytes per SSRC.
pub const REPLAY_WINDOW: u64 = 1_024;

const WORDS: usize = (REPLAY_WINDOW / 64) as usize;

/// Why an index is not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    Replayed,
    TooOld,
}

/// The last [`REPLAY_WINDOW`] indexes: a ring of bits, each at its index modulo the window.
#[derive(Debug)]
pub(super) struct ReplayWindow {
    highest: u64,
    seen: [u64; WORDS],
}

impl ReplayWindow {
    /// Begins with one accepted index.
    pub(super) const fn new(index: u64) -> Self {
        let mut seen = [0; WORDS];
        seen[word(index)] = bit(index);
        Self { highest: index, seen }
    }

    pub(super) const fn highest(&self) -> u64 {
        self.highest
    }

    /// Says whether an index may be accepted.
    pub(super) const fn check(&self, index: u64) -> Result<(), Refusal> {
        if index > self.highest {
            Ok(())
        } else if self.highest - index >= REPLAY_WINDOW {
            Err(Refusal::TooOld)
        } else if self.seen[word(index)] & bit(index) != 0 {
            Err(Refusal::Replayed)
        } else {
            Ok(())
        }
    }

    /// Notes an index that was checked and authenticated.
    pub(super) fn accept(&mut self, index: u64) {
        if index > self.highest {
            if index - self.highest >= REPLAY_WINDOW {
                self.seen = [0; WORDS];
            } else {
                for skipped in self.highest + 1..index {
                    self.seen[word(skipped)] &= !bit(skipped);
                }
            }
            self.highest = index;
        }
        self.seen[word(index)] |= bit(index);
    }
}

const fn word(index: u64) -> usize {
    (index % REPLAY_WINDOW / 64) as usize
}

const fn bit(index: u64) -> u64 {
    1 << (index % 64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_oldest_of_the_window_is_taken_and_the_one_before_is_not() {
        let mut window = ReplayWindow::new(5_000);
        assert_eq!(window.check(5_000 - REPLAY_WINDOW + 1), Ok(()));
        assert_eq!(window.check(5_000 - REPLAY_WINDOW), Err(Refusal::TooOld));
        window.accept(5_000 + REPLAY_WINDOW - 1);
        assert_eq!(window.check(5_000), Err(Refusal::Replayed));
        window.accept(5_000 + REPLAY_WINDOW);
        assert_eq!(window.check(5_000), Err(Refusal::TooOld));
    }

    proptest! {
        #[test]
        fn it_says_the_same_as_a_set_of_all_indexes(
            start in 0_u64..5_000, steps in proptest::collection::vec(-1_100_i64..1_100, 1..300),
        ) {
            let mut window = ReplayWindow::new(start);
            let mut all = BTreeSet::from([start]);
            for step in steps {
                let highest = all.last().copied().unwrap();
                let index = highest.saturating_add_signed(step);
                let expected = if highest.saturating_sub(index) >= REPLAY_WINDOW {
                    Err(Refusal::TooOld)
                } else if all.contains(&index) {
                    Err(Refusal::Replayed)
                } else {
                    Ok(())
                };
                prop_assert_eq!(window.check(index), expected);
                if expected.is_ok() {
                    window.accept(index);
                    all.insert(index);
                }
            }
        }
    }
}
