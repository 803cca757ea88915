//! Reads the bytes of a configuration record; every error names the record and the byte.
use super::BitstreamError;

#[derive(Debug)]
pub(super) struct Cursor<'a> {
    what: &'static str,
    data: &'a [u8],
    position: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(what: &'static str, data: &'a [u8]) -> Self {
        Self { what, data, position: 0 }
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], BitstreamError> {
        let end = self.position.saturating_add(count);
        let slice = self
            .data
            .get(self.position..end)
            .ok_or(BitstreamError::Truncated { what: self.what, at: self.data.len() })?;
        self.position = end;
        Ok(slice)
    }

    pub(super) fn skip(&mut self, count: usize) -> Result<(), BitstreamError> {
        self.take(count).map(|_| ())
    }

    pub(super) fn u8(&mut self) -> Result<u8, BitstreamError> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn u16(&mut self) -> Result<u16, BitstreamError> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// A slice with a 16-bit length before it.
    pub(super) fn slice_u16(&mut self) -> Result<&'a [u8], BitstreamError> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }

    /// Takes a byte that has to be `version`.
    pub(super) fn expect_version(&mut self, version: u8) -> Result<(), BitstreamError> {
        let found = self.u8()?;
        if found == version { Ok(()) } else { Err(self.invalid("configurationVersion", u64::from(found))) }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        &self.data[self.position..]
    }

    pub(super) fn invalid(&self, field: &'static str, value: u64) -> BitstreamError {
        BitstreamError::Invalid { what: self.what, field, value, at: self.position }
    }
}
