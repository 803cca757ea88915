//! RTP sequence numbers where packets may come late: what is missing, and since when.
//!
//! Source: RFC 3550 §A.1.
use std::collections::VecDeque;
use std::time::Instant;

/// Most packets that are waited for: 4,096. With more missing than that it is no matter of waiting.
const MISSING_MAX: usize = 4_096;

/// The numbers of one synchronisation source.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    next: Option<u16>,
    missing: VecDeque<(u16, Instant)>,
    given_up: u64,
}

impl Sequence {
    /// Takes the number of a packet; true if it is the next one.
    pub(super) fn handle(&mut self, number: u16, now: Instant) -> bool {
        let next = self.next.unwrap_or(number);
        let step = number.wrapping_sub(next) as i16;
        if step < 0 {
            self.missing.retain(|(missing, _)| *missing != number);
            return false;
        }
        for skipped in 0..step.unsigned_abs() {
            self.missing.push_back((next.wrapping_add(skipped), now));
        }
        while self.missing.len() > MISSING_MAX {
            self.missing.pop_front();
            self.given_up += 1;
        }
        self.next = Some(number.wrapping_add(1));
        step == 0
    }

    /// How many packets are missing for so long that they count as lost; each is told once.
    pub(super) fn lost(&mut self, since: Instant) -> u64 {
        let known = self.missing.len();
        self.missing.retain(|(_, at)| *at > since);
        (known - self.missing.len()) as u64 + std::mem::take(&mut self.given_up)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_comes_late_is_no_loss_and_what_never_comes_is_one() {
        let mut sequence = Sequence::default();
        let now = Instant::now();
        for number in [65_533, 65_534, 1, 65_535, 2] {
            sequence.handle(number, now);
        }
        assert_eq!(sequence.lost(now.checked_sub(Duration::from_secs(1)).unwrap()), 0, "not yet");
        assert_eq!(sequence.lost(now), 1, "0 never came");
        assert_eq!(sequence.lost(now), 0, "told already");
    }
}
