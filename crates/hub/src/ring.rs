//! The ring: a stream's newest entries, from the last key frame on and some seconds before. Owned by one [`crate::Feed`].
use media::Moment;
use std::collections::VecDeque;
use std::time::Duration;

/// What an entry costs beside its payload: 256 bytes, so that many small ones count as well.
pub(crate) const ENTRY_BYTES: usize = 256;

/// What a ring asks of its entries.
pub(crate) trait Entry {
    fn bytes(&self) -> usize;
    fn arrival(&self) -> Moment;
    /// A reader may start here.
    fn random_access(&self) -> bool;
}

struct Slot<T> {
    entry: T,
    /// All bytes ever pushed before this entry.
    bytes_before: u64,
}

/// Entries by sequence number; numbers never come back.
pub(crate) struct Ring<T> {
    slots: VecDeque<Slot<T>>,
    base: u64,
    newest_start: Option<u64>,
    bytes: usize,
    bytes_ever: u64,
}

impl<T: Entry> Ring<T> {
    /// An empty ring whose first entry gets the number `base`.
    pub(crate) fn new(base: u64) -> Self {
        Self { slots: VecDeque::new(), base, newest_start: None, bytes: 0, bytes_ever: 0 }
    }

    pub(crate) fn push(&mut self, entry: T) {
        if entry.random_access() {
            self.newest_start = Some(self.head());
        }
        let bytes = entry.bytes();
        self.slots.push_back(Slot { entry, bytes_before: self.bytes_ever });
        self.bytes += bytes;
        self.bytes_ever += bytes as u64;
    }

    /// Drops what is both before the newest start and older than `keep`; and, past `bytes_max`, the oldest whatever
    /// it is. Returns true when the byte limit cost the newest start.
    pub(crate) fn trim(&mut self, now: Moment, keep: Duration, bytes_max: usize) -> bool {
        self.trim_to(self.newest_start, now, keep, bytes_max)
    }

    /// The same for a start that the caller knows. Returns true when the byte limit cost it.
    pub(crate) fn trim_to(
        &mut self,
        start: Option<u64>,
        now: Moment,
        keep: Duration,
        bytes_max: usize,
    ) -> bool {
        let mut start_lost = false;
        while let Some(front) = self.slots.front() {
            let needed = start.is_some_and(|start| self.base >= start);
            let young = now.since(front.entry.arrival()) <= keep;
            let over = self.bytes > bytes_max;
            if !over && (needed || young) {
                break;
            }
            start_lost |= start == Some(self.base);
            if self.newest_start == Some(self.base) {
                self.newest_start = None;
            }
            self.pop_front();
        }
        start_lost
    }

    /// Drops what is before both the newest start and `slowest`, the number that the slowest of the readers gets next.
    pub(crate) fn trim_read(&mut self, slowest: u64) {
        let needed = self.newest_start.map_or(slowest, |start| start.min(slowest));
        while self.base < needed && !self.slots.is_empty() {
            self.pop_front();
        }
    }

    fn pop_front(&mut self) {
        if let Some(slot) = self.slots.pop_front() {
            self.bytes -= slot.entry.bytes();
            self.base += 1;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.base = self.head();
        self.slots.clear();
        self.newest_start = None;
        self.bytes = 0;
    }

    /// The number the next entry gets.
    pub(crate) fn head(&self) -> u64 {
        self.base + self.slots.len() as u64
    }

    /// Where a new reader starts: the newest random access point, if the ring has one.
    pub(crate) fn newest_start(&self) -> Option<u64> {
        self.newest_start
    }

    pub(crate) fn tail(&self) -> u64 {
        self.base
    }

    pub(crate) fn get(&self, number: u64) -> Option<&T> {
        let index = usize::try_from(number.checked_sub(self.base)?).ok()?;
        self.slots.get(index).map(|slot| &slot.entry)
    }

    /// Bytes from entry `number` to the head; everything when the entry is gone already.
    pub(crate) fn lag_bytes(&self, number: u64) -> u64 {
        let index = usize::try_from(number.saturating_sub(self.base)).unwrap_or(usize::MAX);
        self.slots.get(index).map_or(0, |slot| self.bytes_ever - slot.bytes_before)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The newest entry of which this is true.
    pub(crate) fn newest_where(&self, is_it: impl Fn(&T) -> bool) -> Option<u64> {
        let index = self.slots.iter().rposition(|slot| is_it(&slot.entry))?;
        Some(self.base + index as u64)
    }

    /// From this number on; nothing without one.
    pub(crate) fn since(&self, number: Option<u64>) -> impl Iterator<Item = &T> {
        let start = number.unwrap_or(self.head());
        let skip = usize::try_from(start.saturating_sub(self.base)).unwrap_or(usize::MAX);
        self.slots.iter().skip(skip).map(|slot| &slot.entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Item(u64, bool);
    impl Entry for Item {
        fn bytes(&self) -> usize {
            10
        }
        fn arrival(&self) -> Moment {
            Moment::from_millis(self.0)
        }
        fn random_access(&self) -> bool {
            self.1
        }
    }

    #[test]
    fn the_newest_group_stays_however_old_it_is() {
        let mut ring = Ring::new(7);
        for (ms, key) in [(0, true), (40, false), (80, true), (120, false)] {
            ring.push(Item(ms, key));
        }
        ring.trim(Moment::from_millis(60_000), Duration::from_secs(1), 1000);
        assert_eq!((ring.tail(), ring.head(), ring.newest_start()), (9, 11, Some(9)));
        assert_eq!(ring.since(ring.newest_start()).count(), 2);
        assert_eq!(ring.lag_bytes(10), 10);
    }

    #[test]
    fn what_all_have_read_goes_but_not_the_newest_group() {
        let mut ring = Ring::new(0);
        for (ms, key) in [(0, true), (40, false), (80, true), (120, false)] {
            ring.push(Item(ms, key));
        }
        ring.trim_read(1);
        assert_eq!((ring.tail(), ring.bytes()), (1, 30), "one reader is at the second");
        ring.trim_read(4);
        assert_eq!((ring.tail(), ring.newest_start()), (2, Some(2)), "new readers start there");
        let mut empty = Ring::<Item>::new(3);
        empty.trim_read(9);
        assert_eq!((empty.tail(), empty.head()), (3, 3));
    }

    #[test]
    fn past_the_byte_limit_even_the_start_goes_and_that_is_said() {
        let mut ring = Ring::new(0);
        ring.push(Item(0, true));
        for _ in 0..5 {
            ring.push(Item(1, false));
        }
        assert!(ring.trim(Moment::from_millis(2), Duration::from_secs(9), 30));
        assert_eq!((ring.newest_start(), ring.bytes()), (None, 30));
    }
}
