//! Bits of a unit, highest first.

/// Says that a unit ends too early.
pub(super) const ENDS: &str = "it ends too early";

/// Reads bits; none is ever read behind the end.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    data: &'a [u8],
    /// In bits.
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }

    /// The next 25 bits or more in the upper ones of 32; what lies behind the end is zero.
    pub(super) fn peek(&self) -> u32 {
        let at = self.at / 8;
        let word = match self.data.get(at..at + 4) {
            Some(&[a, b, c, d]) => u32::from_be_bytes([a, b, c, d]),
            Some(_) | None => {
                let byte = |index: usize| self.data.get(at + index).copied().unwrap_or(0);
                u32::from_be_bytes([byte(0), byte(1), byte(2), byte(3)])
            }
        };
        word << (self.at % 8)
    }

    /// Moves on.
    pub(super) const fn skip(&mut self, count: usize) -> Result<(), &'static str> {
        self.at += count;
        if self.at > self.data.len() * 8 { Err(ENDS) } else { Ok(()) }
    }

    /// The next `count` bits, 0 to 25.
    pub(super) fn bits(&mut self, count: u32) -> Result<u32, &'static str> {
        let value = if count == 0 { 0 } else { self.peek() >> (32 - count) };
        self.skip(count as usize)?;
        Ok(value)
    }

    pub(super) fn flag(&mut self) -> Result<bool, &'static str> {
        Ok(self.bits(1)? == 1)
    }
}

/// Writes bits behind the bytes that are there.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    out: &'a mut Vec<u8>,
    /// Bits that are no whole byte yet, in the lower ones.
    open: u64,
    /// How many.
    held: u32,
}

impl<'a> Writer<'a> {
    pub(super) const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, open: 0, held: 0 }
    }

    /// Writes the lower `count` bits of `value`, up to 32.
    pub(super) fn bits(&mut self, value: u32, count: u32) {
        self.open = self.open << count | u64::from(value) & ((1 << count) - 1);
        self.held += count;
        while self.held >= 8 {
            self.held -= 8;
            self.out.push((self.open >> self.held) as u8);
        }
    }

    /// Fills the last byte with zeros.
    pub(super) fn finish(mut self) {
        if self.held > 0 {
            self.bits(0, 8 - self.held);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_nothing_behind_it() {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes);
        let values = [(5, 3), (0, 1), (0x1ff_ffff, 25), (1, 2), (0xdead, 16), (u32::MAX, 1)];
        for (value, count) in values {
            writer.bits(value, count);
        }
        writer.finish();
        assert_eq!(bytes.len(), 6);
        let mut reader = Reader::new(&bytes);
        for (value, count) in values {
            assert_eq!(reader.bits(count), Ok(value & ((1 << count) - 1)));
        }
        assert_eq!((reader.bits(0), reader.bits(1)), (Ok(0), Err(ENDS)));
    }
}
