//! Bits, most significant first, with the Exp-Golomb codes of H.264 and H.265.
//!
//! Source: ITU-T H.264 §7.2, §9.1. Emulation prevention bytes are taken out beforehand, see [`super::nal`].
use super::BitstreamError;

/// Reads bits from a slice. Every error names the structure and the byte.
#[derive(Debug, Clone)]
pub(super) struct BitReader<'a> {
    what: &'static str,
    data: &'a [u8],
    /// In bits.
    position: usize,
}

impl<'a> BitReader<'a> {
    /// `what` names the structure in errors.
    pub(super) fn new(what: &'static str, data: &'a [u8]) -> Self {
        Self { what, data, position: 0 }
    }

    /// The next `count` bits, at most 32, as a number.
    pub(super) fn bits(&mut self, count: u32) -> Result<u32, BitstreamError> {
        debug_assert!(count <= 32);
        if self.remaining() < count as usize {
            return Err(self.truncated());
        }
        let mut value = 0_u64;
        let mut left = count as usize;
        while left > 0 {
            let byte = self.data[self.position / 8];
            let offset = self.position % 8;
            let take = left.min(8 - offset);
            let chunk = (byte << offset) >> (8 - take);
            value = (value << take) | u64::from(chunk);
            self.position += take;
            left -= take;
        }
        Ok(value as u32)
    }

    /// The next `count` bits, at most 8.
    pub(super) fn byte(&mut self, count: u32) -> Result<u8, BitstreamError> {
        debug_assert!(count <= 8);
        Ok(self.bits(count)? as u8)
    }

    /// One bit.
    pub(super) fn flag(&mut self) -> Result<bool, BitstreamError> {
        Ok(self.bits(1)? == 1)
    }

    /// Passes over `count` bits.
    pub(super) fn skip(&mut self, count: usize) -> Result<(), BitstreamError> {
        if self.remaining() < count {
            return Err(self.truncated());
        }
        self.position += count;
        Ok(())
    }

    /// An unsigned Exp-Golomb code, `ue(v)`.
    pub(super) fn ue(&mut self) -> Result<u32, BitstreamError> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return Err(self.invalid("Exp-Golomb prefix", zeros));
            }
        }
        let suffix = self.bits(zeros as u32)?;
        Ok(((1_u64 << zeros) - 1 + u64::from(suffix)) as u32)
    }

    /// `ue(v)` that may not be above `max`.
    pub(super) fn ue_max(&mut self, field: &'static str, max: u32) -> Result<u32, BitstreamError> {
        let value = self.ue()?;
        if value > max { Err(self.invalid(field, u64::from(value))) } else { Ok(value) }
    }

    /// A signed Exp-Golomb code, `se(v)`.
    pub(super) fn se(&mut self) -> Result<i32, BitstreamError> {
        let code = i64::from(self.ue()?);
        Ok(if code % 2 == 0 { -(code / 2) } else { (code + 1) / 2 } as i32)
    }

    /// Bits that are left.
    pub(super) fn remaining(&self) -> usize {
        self.data.len() * 8 - self.position
    }

    /// An error at the current position.
    pub(super) fn invalid(&self, field: &'static str, value: u64) -> BitstreamError {
        BitstreamError::Invalid { what: self.what, field, value, at: self.position / 8 }
    }

    fn truncated(&self) -> BitstreamError {
        BitstreamError::Truncated { what: self.what, at: self.data.len() }
    }
}

/// Writes bits; the last byte is filled up with zeros.
#[derive(Debug, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// In bits.
    length: usize,
}

impl BitWriter {
    /// Appends the lowest `count` bits of `value`, at most 32.
    pub(super) fn put(&mut self, count: u32, value: u32) {
        for index in (0..count).rev() {
            if self.length.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let bit = ((value >> index) & 1) as u8;
            if let Some(last) = self.bytes.last_mut() {
                *last |= bit << (7 - self.length % 8);
            }
            self.length += 1;
        }
    }

    /// The bytes.
    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_codes_are_read_as_in_table_9_2() {
        // 1 | 010 | 011 | 00100 | 00101: 0, 1, 2, 3, 4
        let data = [0b1010_0110, 0b0100_0010, 0b1000_0000];
        let mut reader = BitReader::new("test", &data);
        let values: Vec<u32> = (0..5).map(|_| reader.ue().unwrap()).collect();
        assert_eq!(values, [0, 1, 2, 3, 4]);
        let mut reader = BitReader::new("test", &data);
        let values: Vec<i32> = (0..5).map(|_| reader.se().unwrap()).collect();
        assert_eq!(values, [0, 1, -1, 2, -2]);
    }

    #[test]
    fn the_largest_code_does_not_overflow() {
        let data = [0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(BitReader::new("test", &data).ue(), Ok(u32::MAX - 1));
        assert!(BitReader::new("test", &[0; 8]).ue().is_err());
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut writer = BitWriter::default();
        writer.put(3, 5);
        writer.put(32, 0xdead_beef);
        writer.put(1, 1);
        let bytes = writer.finish();
        let mut reader = BitReader::new("test", &bytes);
        assert_eq!(reader.bits(3), Ok(5));
        assert_eq!(reader.bits(32), Ok(0xdead_beef));
        assert_eq!(reader.flag(), Ok(true));
        assert_eq!(reader.bits(8), Err(BitstreamError::Truncated { what: "test", at: 5 }));
    }
}
