//! Numbers for what goes on, without gaps for what is left out and with gaps for what is lost.

/// How late a packet may come and still get the number that belongs to it: 1024 numbers, three seconds of a stream
/// of 300 packets a second. A retransmission comes within a second or is of no use.
pub const REORDER_MAX: u64 = 1024;

/// A bit for each of the last [`REORDER_MAX`] numbers.
#[derive(Clone, Copy, Debug, Default)]
struct Recent([u64; Recent::WORDS]);

impl Recent {
    const WORDS: usize = REORDER_MAX as usize / 64;

    fn place(number: u64) -> (usize, u64) {
        ((number % REORDER_MAX / 64) as usize, 1 << (number % 64))
    }

    fn has(&self, number: u64) -> bool {
        let (word, bit) = Self::place(number);
        self.0[word] & bit != 0
    }

    fn set(&mut self, number: u64, value: bool) {
        let (word, bit) = Self::place(number);
        self.0[word] = if value { self.0[word] | bit } else { self.0[word] & !bit };
    }

    /// How many of the numbers `from..until`, at most [`REORDER_MAX`], are set.
    fn count(&self, from: u64, until: u64) -> u64 {
        let mut count = 0;
        let mut number = from;
        while number < until {
            let (word, _) = Self::place(number);
            let in_word = (until - number).min(64 - number % 64);
            let mask = u64::MAX >> (64 - in_word) << (number % 64);
            count += u64::from((self.0[word] & mask).count_ones());
            number += in_word;
        }
        count
    }
}

/// Renumbers one counter. A number that does not come keeps its place, in case it comes late.
#[derive(Clone, Debug, Default)]
pub(super) struct Renumber {
    /// Lowest number of the present source.
    first_in: u64,
    /// One more than the highest number of the present source.
    end_in: u64,
    /// The highest number given or kept; `None` before the first.
    highest_out: Option<u64>,
    dropped: Recent,
    placed: Recent,
}

impl Renumber {
    /// The first number will follow this one; by default it is that of the source.
    pub(super) fn following(highest_out: u64) -> Self {
        Self { highest_out: Some(highest_out), ..Self::default() }
    }

    /// Another source, or the same after a rest, goes on from its number `first`.
    pub(super) fn begin(&mut self, first: u64) {
        let highest_out = self.highest_out.unwrap_or(first.wrapping_sub(1));
        *self = Self { first_in: first, end_in: first, ..Self::following(highest_out) };
    }

    /// The number for `number`, as often as asked. `None` when it is left out, now or before, or is too late.
    pub(super) fn place(&mut self, number: u64, keep: bool) -> Option<u64> {
        let highest_out = self.highest_out?;
        if number < self.first_in {
            return None;
        }
        if number >= self.end_in {
            let step = number - self.end_in + 1;
            for skipped in 0..step.min(REORDER_MAX) {
                self.dropped.set(number - skipped, false);
                self.placed.set(number - skipped, false);
            }
            self.dropped.set(number, !keep);
            // no gap is longer than what may still come late: a receiver, and the packet index of SRTP, lose count of more
            let gap = (step - 1).min(REORDER_MAX);
            let highest_out = highest_out.wrapping_add(gap + u64::from(keep));
            self.end_in = number + 1;
            self.highest_out = Some(highest_out);
            return keep.then_some(highest_out);
        }
        if !keep || self.end_in - number > REORDER_MAX || self.dropped.has(number) {
            return None;
        }
        let later = self.end_in - number - 1;
        Some(highest_out.wrapping_sub(later - self.dropped.count(number + 1, self.end_in)))
    }

    /// Leaves a number out. If it comes late, after a place was kept for it, that place, which is to be filled: `None`
    /// when there is none, or not any more.
    pub(super) fn leave_out(&mut self, number: u64) -> Option<u64> {
        if number >= self.end_in {
            return self.place(number, false);
        }
        self.place_once(number)
    }

    /// The same, but each number only once.
    pub(super) fn place_once(&mut self, number: u64) -> Option<u64> {
        let known = number < self.end_in && number >= self.first_in && self.end_in - number <= REORDER_MAX;
        if known && self.placed.has(number) {
            return None;
        }
        let out = self.place(number, true)?;
        self.placed.set(number, true);
        Some(out)
    }
}

/// Moves one counter by a distance that changes at a switch only.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Offset {
    offset: u64,
    highest_out: Option<u64>,
}

impl Offset {
    /// Another source, or the same after a rest, goes on from its number `first`.
    pub(super) fn begin(&mut self, first: u64) {
        self.offset = self.highest_out.map_or(0, |highest| highest.wrapping_add(1).wrapping_sub(first));
    }

    pub(super) fn map(&mut self, number: u64) -> u64 {
        let out = number.wrapping_add(self.offset);
        self.highest_out = Some(self.highest_out.map_or(out, |highest| highest.max(out)));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_closes_and_what_is_missing_keeps_its_place() {
        let mut numbers = Renumber::following(99);
        numbers.begin(10);
        assert_eq!(numbers.place_once(10), Some(100));
        assert_eq!(numbers.place(11, false), None);
        assert_eq!(numbers.place_once(14), Some(103));
        assert_eq!(numbers.place_once(12), Some(101));
        assert_eq!(numbers.place_once(13), Some(102));
        assert_eq!(numbers.place_once(13), None, "twice");
        assert_eq!(numbers.place_once(11), None, "left out before");
        assert_eq!(numbers.place_once(9), None, "before the source began");
        assert_eq!(numbers.place_once(15), Some(104));
    }

    #[test]
    fn a_late_number_knows_its_place_across_many_left_out() {
        let mut numbers = Renumber::following(0);
        numbers.begin(1);
        assert_eq!(numbers.place_once(1), Some(1));
        for number in 3..1000 {
            let keep = number % 3 == 0;
            numbers.place(number, keep);
        }
        assert_eq!(numbers.place_once(2), Some(2));
        // of the 2,000 that are missing as many keep a place as may still come
        let after_gap = (1000 - 665) + REORDER_MAX + 1;
        assert_eq!(numbers.place_once(3_000), Some(after_gap));
        assert_eq!(numbers.place_once(2_999), Some(after_gap - 1));
        assert_eq!(numbers.place_once(1_500), None, "too late");
        assert_eq!(numbers.place_once(90_000), Some(after_gap + REORDER_MAX + 1));
    }

    #[test]
    fn what_is_left_out_late_fills_the_place_that_was_kept_for_it() {
        let mut numbers = Renumber::following(99);
        numbers.begin(10);
        assert_eq!(numbers.place_once(10), Some(100));
        assert_eq!(numbers.place_once(12), Some(102));
        assert_eq!(numbers.leave_out(11), Some(101));
        assert_eq!(numbers.leave_out(11), None, "twice");
        assert_eq!(numbers.leave_out(13), None, "in time: no place was kept");
        assert_eq!(numbers.leave_out(13), None);
        assert_eq!(numbers.place_once(14), Some(103));
    }

    #[test]
    fn another_source_takes_the_next_number() {
        let mut numbers = Renumber::default();
        numbers.begin(500);
        assert_eq!(numbers.place(500, true), Some(500));
        assert_eq!(numbers.place(502, false), None);
        numbers.begin(7);
        assert_eq!(numbers.place(7, true), Some(502));
        assert_eq!(numbers.place(7, true), Some(502));
    }

    #[test]
    fn an_offset_keeps_gaps_and_goes_on_at_a_switch() {
        let mut offset = Offset::default();
        offset.begin(5);
        assert_eq!((offset.map(5), offset.map(8), offset.map(6)), (5, 8, 6));
        offset.begin(100);
        assert_eq!(offset.map(100), 9);
    }
}
