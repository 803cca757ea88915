//! Sequence numbers with their cycles, and which of them came.
//!
//! Source: RFC 3550 appendix A.1; unlike it, packets that came twice are recognised and counted apart.

/// Longest gap taken for loss: 3,000 packets, a minute of sound. Source: RFC 3550 appendix A.1.
const DROPOUT_MAX: i32 = 3000;
/// Latest packet taken for late: 3,000 behind the highest, so that a repair of anything asked for is still known.
const MISORDER_MAX: i32 = 3000;
/// Numbers whose coming is remembered, as 64-bit words: 4,096, the power of two above both.
const WORDS: usize = 64;
/// First cycle. Not 0, so that a packet from before the first has a number too.
const FIRST_CYCLE: u64 = 1 << 16;

/// What a packet is to the sequence. Numbers are extended: the cycle above the lower 16 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// The first of a stream, or of a sender that began anew: forget what was before.
    First {
        /// Its number.
        extended: u64,
    },
    /// Beyond all that came before.
    Ahead {
        /// Its number.
        extended: u64,
        /// How many numbers before it are missing now.
        gap: u64,
    },
    /// One that was missing: late, or a repair.
    Late {
        /// Its number.
        extended: u64,
    },
    /// It came before.
    Duplicate,
    /// So far away that it is noise, unless the next one follows it.
    Strange,
}

/// The sequence of one stream.
#[derive(Clone, Debug)]
pub struct Sequence {
    state: State,
    came: Box<[u64; WORDS]>,
    received: u64,
}

/// `Empty` → `Running` on the first packet; stays, also when the sender begins anew.
#[derive(Clone, Copy, Debug)]
enum State {
    Empty,
    Running { base: u64, highest: u64, after_strange: Option<u16> },
}

impl Default for Sequence {
    fn default() -> Self {
        Self { state: State::Empty, came: Box::new([0; WORDS]), received: 0 }
    }
}

impl Sequence {
    /// Takes a packet of the stream in the order of arrival.
    pub fn handle(&mut self, sequence: u16) -> Arrival {
        let State::Running { base, highest, after_strange } = self.state else {
            return self.start(sequence);
        };
        let ahead = i32::from(sequence.wrapping_sub(highest as u16) as i16);
        if !(-MISORDER_MAX..=DROPOUT_MAX).contains(&ahead) {
            if after_strange == Some(sequence) {
                return self.start(sequence);
            }
            let after_strange = Some(sequence.wrapping_add(1));
            self.state = State::Running { base, highest, after_strange };
            return Arrival::Strange;
        }
        let extended = highest.saturating_add_signed(i64::from(ahead));
        if ahead > 0 {
            (highest + 1..extended).for_each(|missing| self.mark(missing, false));
            self.mark(extended, true);
            self.received += 1;
            self.state = State::Running { base, highest: extended, after_strange: None };
            return Arrival::Ahead { extended, gap: ahead as u64 - 1 };
        }
        if self.has_come(extended) {
            return Arrival::Duplicate;
        }
        self.mark(extended, true);
        // what was sent before the first packet we saw is neither expected nor received
        self.received += u64::from(extended >= base);
        Arrival::Late { extended }
    }

    /// Whether the sequence has come to this number or beyond it, so that its packet is late or a repair.
    pub fn has_passed(&self, sequence: u16) -> bool {
        let State::Running { highest, .. } = self.state else { return false };
        (-MISORDER_MAX..=0).contains(&i32::from(sequence.wrapping_sub(highest as u16) as i16))
    }

    /// Highest number with the cycles of RFC 3550 above it: 0 at first. `None` before the first packet.
    pub const fn highest(&self) -> Option<u32> {
        match self.state {
            State::Empty => None,
            State::Running { highest, .. } => Some((highest - FIRST_CYCLE) as u32),
        }
    }

    /// How many should have come since the stream's start.
    pub const fn expected(&self) -> u64 {
        match self.state {
            State::Empty => 0,
            State::Running { base, highest, .. } => highest - base + 1,
        }
    }

    /// How many of these came, each counted once.
    pub const fn received(&self) -> u64 {
        self.received
    }

    fn start(&mut self, sequence: u16) -> Arrival {
        let extended = FIRST_CYCLE + u64::from(sequence);
        self.came.fill(0);
        self.mark(extended, true);
        self.received = 1;
        self.state = State::Running { base: extended, highest: extended, after_strange: None };
        Arrival::First { extended }
    }

    fn mark(&mut self, extended: u64, came: bool) {
        let bit = 1 << (extended % 64);
        let word = &mut self.came[(extended / 64) as usize % WORDS];
        *word = if came { *word | bit } else { *word & !bit };
    }

    fn has_come(&self, extended: u64) -> bool {
        self.came[(extended / 64) as usize % WORDS] & (1 << (extended % 64)) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cycles_are_counted_across_the_wrap() {
        let mut sequence = Sequence::default();
        for number in [65_534u16, 65_535, 1] {
            sequence.handle(number);
        }
        assert_eq!(sequence.highest(), Some(0x1_0001));
        assert_eq!((sequence.expected(), sequence.received()), (4, 3));
        assert_eq!(sequence.handle(0), Arrival::Late { extended: 0x2_0000 });
        assert_eq!(sequence.handle(0), Arrival::Duplicate);
        assert_eq!(sequence.received(), 4);
    }

    #[test]
    fn one_far_number_is_noise_and_two_in_order_are_a_new_start() {
        let mut sequence = Sequence::default();
        sequence.handle(100);
        assert_eq!(sequence.handle(30_000), Arrival::Strange);
        assert_eq!(sequence.handle(101), Arrival::Ahead { extended: 0x1_0065, gap: 0 });
        assert_eq!(sequence.handle(40_000), Arrival::Strange);
        assert_eq!(sequence.handle(40_001), Arrival::First { extended: 0x1_9c41 });
        assert_eq!((sequence.expected(), sequence.received()), (1, 1));
    }

    proptest! {
        #[test]
        fn no_numbers_make_more_received_than_expected(
            numbers: Vec<u16>, steps in prop::collection::vec(0u16..5000, 0..300),
        ) {
            let mut sequence = Sequence::default();
            let mut at = 0u16;
            let walk = steps.into_iter().map(|step| {
                at = at.wrapping_add(step).wrapping_sub(300);
                at
            });
            for number in numbers.into_iter().chain(walk) {
                sequence.handle(number);
                prop_assert!(sequence.received() <= sequence.expected());
            }
        }
    }
}
