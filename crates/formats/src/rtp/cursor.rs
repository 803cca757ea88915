//! Reads a payload from its front and says where it ended too early.
use super::PayloadError;

/// What is left of a payload.
pub(crate) struct Cursor<'a> {
    data: &'a [u8],
    at: usize,
    sequence: u16,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(data: &'a [u8], sequence: u16) -> Self {
        Self { data, at: 0, sequence }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn remaining(&self) -> usize {
        self.data.len() - self.at
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.remaining() == 0
    }

    pub(crate) fn take(&mut self, bytes: usize, part: &'static str) -> Result<&'a [u8], PayloadError> {
        let end = self.at.checked_add(bytes);
        let taken = end.and_then(|end| self.data.get(self.at..end)).ok_or(self.truncated(part))?;
        self.at += bytes;
        Ok(taken)
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        let rest = &self.data[self.at..];
        self.at = self.data.len();
        rest
    }

    pub(crate) fn u8(&mut self, part: &'static str) -> Result<u8, PayloadError> {
        self.take(1, part).map(|bytes| bytes[0])
    }

    pub(crate) fn u16(&mut self, part: &'static str) -> Result<u16, PayloadError> {
        self.take(2, part).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// An AV1 `leb128`, at most 32 bits.
    pub(crate) fn leb128(&mut self, part: &'static str) -> Result<usize, PayloadError> {
        let mut value = 0u64;
        for index in 0..8 {
            let byte = self.u8(part)?;
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                return match u32::try_from(value) {
                    Ok(value) => Ok(value as usize),
                    Err(_) => Err(self.invalid(part, u32::MAX)),
                };
            }
        }
        Err(self.invalid(part, u32::MAX))
    }

    pub(crate) fn truncated(&self, part: &'static str) -> PayloadError {
        PayloadError::Truncated { sequence: self.sequence, part, at: self.at }
    }

    pub(crate) fn invalid(&self, part: &'static str, value: u32) -> PayloadError {
        PayloadError::Invalid { sequence: self.sequence, part, at: self.at, value }
    }
}
