//! [`History`]: the packets that were sent lately, by their transport-wide numbers.
//!
//! Owns a ring of eight bytes a packet, which grows with what is on its way.

/// Smallest ring: 64 packets.
const PACKETS_MIN: usize = 64;
/// Largest ring: 8192 packets, 64 KiB. At 40 Mbit/s that is two seconds until feedback; older packets are forgotten.
const PACKETS_MAX: usize = 8192;
/// A packet of which nothing is known after 3 s may be overwritten, rather than that the ring grows.
const KEPT_US: u32 = 3_000_000;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Fate {
    /// No packet, or one that was forgotten.
    #[default]
    None,
    /// On its way.
    Flying,
    Lost,
    Came,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sent {
    /// Lower half of the microseconds: 71 minutes.
    pub(super) at_us: u32,
    pub(super) bytes: u16,
    /// Number of the probe, 0 for none.
    pub(super) probe: u8,
    pub(super) fate: Fate,
}

#[derive(Clone, Debug, Default)]
pub(super) struct History {
    ring: Vec<Sent>,
    /// One past the last number.
    end: u64,
}

impl History {
    /// Notes a packet. Numbers rise; one that does not is left out.
    #[inline]
    pub(super) fn push(&mut self, sequence: u64, bytes: usize, now_us: i64, probe: u8) {
        if sequence < self.end {
            return;
        }
        let at_us = now_us as u32;
        if self.slot(sequence).is_none_or(|at| self.is_needed(at, at_us)) {
            self.grow();
        }
        if sequence > self.end {
            // what was skipped was never sent
            let skipped = (sequence - self.end).min(self.ring.len() as u64);
            for number in sequence - skipped..sequence {
                if let Some(at) = self.slot(number) {
                    self.ring[at] = Sent::default();
                }
            }
        }
        self.end = sequence.saturating_add(1);
        let bytes = bytes.min(usize::from(u16::MAX)) as u16;
        if let Some(at) = self.slot(sequence) {
            self.ring[at] = Sent { at_us, bytes, probe, fate: Fate::Flying };
        }
    }

    /// The packet with this number, seen from the last one back.
    #[inline]
    pub(super) fn get_mut(&mut self, sequence: u16) -> Option<&mut Sent> {
        let last = self.end.checked_sub(1)?;
        let back = u64::from((last as u16).wrapping_sub(sequence));
        if back > last || back >= self.ring.len() as u64 {
            return None;
        }
        let at = self.slot(last - back)?;
        self.ring.get_mut(at).filter(|sent| sent.fate != Fate::None)
    }

    /// Bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        self.ring.capacity() * size_of::<Sent>()
    }

    /// The ring's length is a power of two.
    #[inline]
    fn slot(&self, sequence: u64) -> Option<usize> {
        self.ring.len().checked_sub(1).map(|mask| sequence as usize & mask)
    }

    fn is_needed(&self, at: usize, now_us: u32) -> bool {
        let sent = self.ring[at];
        sent.fate == Fate::Flying
            && now_us.wrapping_sub(sent.at_us) < KEPT_US
            && self.ring.len() < PACKETS_MAX
    }

    #[cold]
    fn grow(&mut self) {
        let length = (2 * self.ring.len()).clamp(PACKETS_MIN, PACKETS_MAX);
        let mut grown = vec![Sent::default(); length];
        for sequence in self.end.saturating_sub(self.ring.len() as u64)..self.end {
            if let Some(at) = self.slot(sequence) {
                grown[sequence as usize & (length - 1)] = self.ring[at];
            }
        }
        self.ring = grown;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_grows_with_what_is_on_its_way_up_to_its_bound() {
        let mut history = History::default();
        for sequence in 0..20_000 {
            history.push(sequence, 1200, sequence as i64, 0);
            if sequence < 1000 {
                history.get_mut(sequence as u16).unwrap().fate = Fate::Came;
            }
            assert!(sequence >= 1000 || history.ring.len() == 64);
        }
        assert_eq!(history.ring.len(), PACKETS_MAX);
        assert_eq!(history.get_mut(19_999).unwrap().at_us, 19_999);
        assert_eq!(history.get_mut(19_999 - 8191).unwrap().at_us, 19_999 - 8191);
        assert!(history.get_mut(19_999 - 8192).is_none() && history.get_mut(20_000).is_none());
    }

    #[test]
    fn skipped_numbers_were_never_sent() {
        let mut history = History::default();
        for sequence in [5, 6, 9, 70_000] {
            history.push(sequence, 1200, 0, 0);
        }
        assert!(history.get_mut(70_000u64 as u16).is_some());
        assert!((1..70).all(|back| history.get_mut((70_000u64 - back) as u16).is_none()));
        history.push(9, 1200, 0, 0);
        assert!(history.get_mut(9).is_none());
    }
}
