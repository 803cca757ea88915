//! Reads bits from the front of bytes, the highest first.
use super::Unreadable;

pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }

    /// The next `count` bits, at most 32.
    pub(super) fn take(&mut self, count: u32, part: &'static str) -> Result<u32, Unreadable> {
        let mut value = 0;
        for _ in 0..count {
            let byte = self.data.get(self.at / 8).ok_or(Unreadable::Truncated { part, at: self.at / 8 })?;
            value = value << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Ok(value)
    }

    pub(super) fn flag(&mut self, part: &'static str) -> Result<bool, Unreadable> {
        self.take(1, part).map(|bit| bit == 1)
    }

    /// A number below `count`, which is at least 1: the descriptor's `ns(n)`.
    pub(super) fn below(&mut self, count: u32, part: &'static str) -> Result<u32, Unreadable> {
        let width = u32::BITS - count.leading_zeros();
        let short = (1 << width) - count;
        let value = self.take(width - 1, part)?;
        if value < short { Ok(value) } else { Ok((value << 1) - short + self.take(1, part)?) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_below_a_bound_take_a_bit_less_while_they_are_small() {
        // below 5: 0, 1, 2 take two bits; 3 and 4 three
        let mut bits = Bits::new(&[0b0001_1011, 0b0111_0000]);
        let read: Vec<u32> = (0..5).map(|_| bits.below(5, "x").unwrap()).collect();
        assert_eq!(read, [0, 1, 2, 3, 4]);
        assert_eq!(Bits::new(&[]).below(1, "x"), Ok(0));
    }
}
