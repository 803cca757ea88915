//! What every reader of a stream must agree on: which frame follows which, and what is in it.
//!
//! The first reader that sees a frame sets what the others are held to. Owns the last [`FRAMES_MAX`] frames.
use std::collections::{HashMap, VecDeque};

/// Frames kept for comparison: 8,192, a minute and a half of picture and sound. A reader that is further behind than
/// that has been cut long ago.
const FRAMES_MAX: usize = 8_192;
/// With [`Check::Sample`] one frame in this many is compared.
const SAMPLE: u64 = 8;

/// How much of the content is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Check {
    /// Every byte of every frame.
    All,
    /// Every byte of one frame in eight, the same ones for all readers.
    Sample,
    /// Order, gaps and framing only.
    Order,
}

impl Check {
    /// Whether the frame with this time is compared: the same answer for every reader.
    const fn picks(self, timestamp: i64) -> bool {
        match self {
            Check::All => true,
            Check::Sample => ((timestamp as u64).wrapping_mul(MULTIPLIER) >> 40).is_multiple_of(SAMPLE),
            Check::Order => false,
        }
    }
}

/// Odd, with its bits well spread (the golden ratio).
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// A checksum over bytes that come in pieces; where they are cut makes no difference. Cheap, and no protection
/// against anybody who means harm.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Checksum {
    state: u64,
    carry: u64,
    carried: u32,
    length: u64,
}

impl Checksum {
    fn mix(state: u64, word: u64) -> u64 {
        (state ^ word).wrapping_mul(MULTIPLIER).rotate_left(29)
    }

    /// Adds these bytes.
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        self.length += bytes.len() as u64;
        while self.carried != 0 {
            let Some((first, rest)) = bytes.split_first() else { return };
            self.carry |= u64::from(*first) << (8 * self.carried);
            self.carried = (self.carried + 1) % 8;
            if self.carried == 0 {
                self.state = Self::mix(self.state, self.carry);
                self.carry = 0;
            }
            bytes = rest;
        }
        let (words, rest) = bytes.as_chunks::<8>();
        self.state = words.iter().fold(self.state, |state, word| Self::mix(state, u64::from_le_bytes(*word)));
        for byte in rest {
            self.carry |= u64::from(*byte) << (8 * self.carried);
            self.carried += 1;
        }
    }

    /// The sum of what was added.
    pub(super) fn value(self) -> u64 {
        Self::mix(Self::mix(self.state, self.carry), self.length)
    }
}

#[derive(Debug, Default)]
struct Known {
    /// The frame of the same track before it, as the first reader with one saw it.
    before: Option<i64>,
    sum: Option<u64>,
}

/// Frames by track and time.
#[derive(Debug)]
pub(super) struct Content {
    check: Check,
    frames: HashMap<(u8, i64), Known>,
    oldest: VecDeque<(u8, i64)>,
}

impl Content {
    pub(super) fn new(check: Check) -> Self {
        Self { check, frames: HashMap::new(), oldest: VecDeque::new() }
    }

    /// A reader saw this frame after the one at `before`. False if another reader saw one between them.
    pub(super) fn follows(&mut self, track: u8, timestamp: i64, before: Option<i64>) -> bool {
        let known = self.frames.entry((track, timestamp)).or_insert_with(|| {
            self.oldest.push_back((track, timestamp));
            Known::default()
        });
        let fits = match (known.before, before) {
            (Some(known), Some(before)) => known == before,
            (None, Some(_)) => {
                known.before = before;
                true
            }
            (Some(_) | None, None) => true,
        };
        if self.oldest.len() > FRAMES_MAX
            && let Some(key) = self.oldest.pop_front()
        {
            self.frames.remove(&key);
        }
        fits
    }

    /// A checksum to fill, if this frame is to be compared.
    pub(super) fn checksum(&self, timestamp: i64) -> Option<Checksum> {
        self.check.picks(timestamp).then(Checksum::default)
    }

    /// Whether the content is what the others saw; `None` for the first of them.
    pub(super) fn agrees(&mut self, track: u8, timestamp: i64, sum: Checksum) -> Option<bool> {
        let known = self.frames.get_mut(&(track, timestamp))?;
        let value = sum.value();
        match known.sum {
            Some(known) => Some(known == value),
            None => {
                known.sum = Some(value);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_depends_on_every_byte_and_not_on_how_they_are_cut() {
        let bytes: Vec<u8> = (0..100).map(|n| (n * 37) as u8).collect();
        let mut whole = Checksum::default();
        whole.push(&bytes);
        for cut in 0..bytes.len() {
            let mut parts = Checksum::default();
            parts.push(&bytes[..cut]);
            parts.push(&bytes[cut..]);
            assert_eq!(parts.value(), whole.value(), "cut at {cut}");
            let mut other = bytes.clone();
            other[cut] ^= 1;
            let mut sum = Checksum::default();
            sum.push(&other);
            assert_ne!(sum.value(), whole.value(), "byte {cut}");
        }
        let mut longer = whole;
        longer.push(&[0]);
        assert_ne!(longer.value(), whole.value(), "a zero more");
    }

    #[test]
    fn a_frame_that_one_reader_missed_is_noticed_in_either_order() {
        for reader_with_gap_first in [false, true] {
            let mut content = Content::new(Check::All);
            let seen: [&[i64]; 2] =
                if reader_with_gap_first { [&[1, 3], &[1, 2, 3]] } else { [&[1, 2, 3], &[1, 3]] };
            let mut misfits = 0;
            for frames in seen {
                let mut before = None;
                for frame in frames {
                    misfits += u32::from(!content.follows(0, *frame, before));
                    before = Some(*frame);
                }
            }
            assert_eq!(misfits, 1);
        }
    }

    #[test]
    fn another_content_of_the_same_frame_is_noticed() {
        let mut content = Content::new(Check::All);
        let sum = |bytes: &[u8]| {
            let mut sum = Checksum::default();
            sum.push(bytes);
            sum
        };
        content.follows(0, 7, None);
        assert_eq!(content.agrees(0, 7, sum(b"one")), None);
        assert_eq!(content.agrees(0, 7, sum(b"one")), Some(true));
        assert_eq!(content.agrees(0, 7, sum(b"two")), Some(false));
    }

    #[test]
    fn samples_are_about_one_in_eight_of_frames_at_any_usual_rate() {
        for step in [1, 20, 40, 1_024, 3_600, 3_003] {
            let picked = (0..8_000).filter(|n| Check::Sample.picks(n * step)).count();
            assert!((700..1_300).contains(&picked), "{picked} of 8,000 at steps of {step}");
        }
    }
}
