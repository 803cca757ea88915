//! [`Groups`]: packets sent together, and how much later than the group before each group came.
//!
//! Source: draft-ietf-rmcat-gcc-02 §5.2; the 5 ms of a burst and its 100 ms from libwebrtc. Times are microseconds
//! on the sender's and on the receiver's clock; only differences count.

/// Packets sent within 5 ms are one group.
const GROUP_US: i64 = 5_000;
/// Packets that come within 5 ms of each other, faster than they were sent, left a queue together.
const BURST_GAP_US: i64 = 5_000;
/// A burst is at most 100 ms long.
const BURST_MAX_US: i64 = 100_000;
/// More than 3 s between groups are a pause, which says nothing about a queue.
const PAUSE_US: i64 = 3_000_000;
/// Three groups in a row that came before the one before: the receiver's clock went back.
const REORDERED_MAX: u8 = 3;

/// How a group differs from the one before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Deltas {
    pub(super) sent_us: i64,
    pub(super) arrived_us: i64,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    first_sent_us: i64,
    last_sent_us: i64,
    first_arrived_us: i64,
    last_arrived_us: i64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    before: Option<Group>,
    current: Option<Group>,
    reordered: u8,
}

impl Groups {
    /// Takes the next packet that came. A packet that begins a group ends the one before, of which it returns how
    /// that differs from its predecessor.
    pub(super) fn push(&mut self, sent_us: i64, arrived_us: i64) -> Option<Deltas> {
        let new = Group {
            first_sent_us: sent_us,
            last_sent_us: sent_us,
            first_arrived_us: arrived_us,
            last_arrived_us: arrived_us,
        };
        let Some(current) = &mut self.current else {
            self.current = Some(new);
            return None;
        };
        if sent_us < current.first_sent_us {
            return None;
        }
        if sent_us - current.first_sent_us <= GROUP_US || current.is_burst_with(sent_us, arrived_us) {
            current.last_sent_us = current.last_sent_us.max(sent_us);
            current.last_arrived_us = current.last_arrived_us.max(arrived_us);
            return None;
        }
        let ended = *current;
        self.current = Some(new);
        let before = self.before.replace(ended)?;
        let deltas = Deltas {
            sent_us: ended.last_sent_us - before.last_sent_us,
            arrived_us: ended.last_arrived_us - before.last_arrived_us,
        };
        if deltas.arrived_us < 0 {
            self.reordered += 1;
            if self.reordered >= REORDERED_MAX {
                *self = Self::default();
            }
            return None;
        }
        self.reordered = 0;
        (deltas.sent_us < PAUSE_US && deltas.arrived_us < PAUSE_US).then_some(deltas)
    }
}

impl Group {
    const fn is_burst_with(&self, sent_us: i64, arrived_us: i64) -> bool {
        let arrived_delta = arrived_us - self.last_arrived_us;
        let sent_delta = sent_us - self.last_sent_us;
        sent_delta == 0
            || arrived_delta < sent_delta
                && arrived_delta <= BURST_GAP_US
                && arrived_us - self.first_arrived_us < BURST_MAX_US
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_told_apart_by_5_ms_and_bursts_are_one_group() {
        let mut groups = Groups::default();
        let mut push = |sent_ms: i64, arrived_ms: i64| {
            groups.push(1000 * sent_ms, 1000 * arrived_ms).map(|deltas| (deltas.sent_us, deltas.arrived_us))
        };
        assert_eq!(push(0, 50), None);
        assert_eq!(push(4, 54), None);
        assert_eq!(push(20, 75), None);
        // held back with the one before
        assert_eq!(push(40, 76), None);
        assert_eq!(push(60, 110), Some((36_000, 22_000)));
        assert_eq!(push(10, 111), None);
        assert_eq!(push(80, 131), Some((20_000, 34_000)));
    }
}
