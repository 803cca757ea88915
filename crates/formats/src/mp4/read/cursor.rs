//! Boxes and fields of a file in memory. Every read is checked, and every error says where.
//!
//! Source: ISO/IEC 14496-12 §4.2.
use crate::mp4::{BoxPath, Mp4Error};

/// The content of a box, or a part of it, with its place in the file.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    data: &'a [u8],
    offset: u64,
    path: BoxPath,
}

/// A box: its name, where it begins (with its head), and its content.
#[derive(Clone, Copy)]
pub(super) struct BoxAt<'a> {
    pub(super) name: [u8; 4],
    pub(super) start: u64,
    pub(super) content: Cursor<'a>,
}

impl<'a> Cursor<'a> {
    /// The whole file.
    pub(super) fn file(data: &'a [u8]) -> Self {
        Self::at(data, 0)
    }

    /// Boxes that begin at this byte of a stream.
    pub(super) fn at(data: &'a [u8], offset: u64) -> Self {
        Self { data, offset, path: BoxPath::default() }
    }

    pub(super) fn remaining(&self) -> usize {
        self.data.len()
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.data
    }

    /// An error at this place.
    pub(super) fn error(&self, what: &'static str) -> Mp4Error {
        Mp4Error::Malformed { path: self.path, offset: self.offset, what }
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Mp4Error> {
        let (taken, rest) = self.data.split_at_checked(count).ok_or_else(|| self.error("ends too early"))?;
        self.data = rest;
        self.offset += count as u64;
        Ok(taken)
    }

    /// The next `count` bytes as a cursor of their own.
    pub(super) fn part(&mut self, count: usize) -> Result<Cursor<'a>, Mp4Error> {
        let (offset, path) = (self.offset, self.path);
        Ok(Cursor { data: self.take(count)?, offset, path })
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Mp4Error> {
        let error = self.error("ends too early");
        self.take(N)?.try_into().map_err(|_| error)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Mp4Error> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Mp4Error> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Mp4Error> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Mp4Error> {
        self.array().map(u64::from_be_bytes)
    }

    /// A field of 4 bytes, or of 8 where `long`.
    pub(super) fn word(&mut self, long: bool) -> Result<u64, Mp4Error> {
        if long { self.u64() } else { self.u32().map(u64::from) }
    }

    /// Version and flags of a full box.
    pub(super) fn version(&mut self) -> Result<(u8, u32), Mp4Error> {
        let word = self.u32()?;
        Ok(((word >> 24) as u8, word & 0x00ff_ffff))
    }

    /// An entry count and its entries of `entry_bytes` each, which must all be there: nothing is ever allocated
    /// for a count alone.
    pub(super) fn entries(
        &mut self,
        entry_bytes: usize,
    ) -> Result<std::slice::ChunksExact<'a, u8>, Mp4Error> {
        let error = self.error("counts more entries than it has");
        let count = self.u32()? as usize;
        let bytes = count.checked_mul(entry_bytes).ok_or_else(|| error.clone())?;
        self.take(bytes).map(|entries| entries.chunks_exact(entry_bytes)).map_err(|_| error)
    }

    /// The next box, or `None` at the end. At the top level the last box may be cut short (a recording that
    /// was not finished); inside of others it may not. Less than a head is padding and ends the list.
    pub(super) fn next_box(&mut self) -> Result<Option<BoxAt<'a>>, Mp4Error> {
        if self.data.len() < 8 {
            return Ok(None);
        }
        let at = *self;
        let start = self.offset;
        let size = self.u32()?;
        let name = self.array::<4>()?;
        let content = match size {
            // QuickTime ends some lists of boxes with a zero word.
            0 if at.path != BoxPath::default() => return Ok(None),
            0 => self.data.len() as u64,
            1 => self.u64()?.checked_sub(16).ok_or_else(|| at.error("box smaller than its head"))?,
            size => u64::from(size).checked_sub(8).ok_or_else(|| at.error("box smaller than its head"))?,
        };
        let available = self.data.len();
        let content = match usize::try_from(content) {
            Ok(content) if content <= available => content,
            Ok(_) | Err(_) if at.path == BoxPath::default() => available,
            Ok(_) | Err(_) => return Err(at.error("box reaches beyond the one around it")),
        };
        let mut content = self.part(content)?;
        content.path = content.path.inside(name);
        Ok(Some(BoxAt { name, start, content }))
    }

    /// The first box of a name among those that follow.
    pub(super) fn find(&self, name: &[u8; 4]) -> Result<Option<Cursor<'a>>, Mp4Error> {
        let mut at = *self;
        while let Some(found) = at.next_box()? {
            if &found.name == name {
                return Ok(Some(found.content));
            }
        }
        Ok(None)
    }

    /// Like [`Cursor::find`], for a box that must be there.
    pub(super) fn need(&self, name: &[u8; 4], missing: &'static str) -> Result<Cursor<'a>, Mp4Error> {
        self.find(name)?.ok_or_else(|| self.error(missing))
    }
}

/// A big-endian word out of a table entry whose length is known.
pub(super) fn word_at(entry: &[u8], at: usize) -> u32 {
    entry.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_path_and_the_byte() {
        let file = b"\0\0\0\x18moov\0\0\0\x10mvhd\0\0\0\0\0\0\0\x09";
        let moov = Cursor::file(file).find(b"moov").unwrap().unwrap();
        let mut mvhd = moov.find(b"mvhd").unwrap().unwrap();
        mvhd.version().unwrap();
        assert_eq!(
            mvhd.entries(8).unwrap_err().to_string(),
            "moov/mvhd at byte 20: counts more entries than it has"
        );
    }

    #[test]
    fn a_box_larger_than_its_parent_is_an_error_and_one_larger_than_the_file_is_cut() {
        let file = b"\0\0\0\x10moov\0\0\0\x11mvhd";
        let moov = Cursor::file(file).find(b"moov").unwrap().unwrap();
        assert!(moov.find(b"mvhd").is_err());
        let cut = Cursor::file(b"\0\0\0\xffmdatabc").next_box().unwrap().unwrap();
        assert_eq!((cut.content.rest(), cut.start), (&b"abc"[..], 0));
    }
}
