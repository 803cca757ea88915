//! Writes ISO BMFF boxes into one buffer: the size of a box is filled in when its content is there.
//!
//! Source: ISO/IEC 14496-12 §4.2 (Box, FullBox), ISO/IEC 14496-1 §8.3.3 (sizes of descriptors).

/// A growing file. Boxes are closures, so they nest as they do in the file.
#[derive(Default)]
pub(super) struct BoxWriter {
    bytes: Vec<u8>,
}

impl BoxWriter {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes) }
    }

    pub(super) fn into_vec(self) -> Vec<u8> {
        self.bytes
    }

    /// Bytes so far.
    pub(super) fn position(&self) -> usize {
        self.bytes.len()
    }

    /// Fills in four bytes that were written before.
    pub(super) fn set_u32(&mut self, position: usize, value: u32) {
        if let Some(place) = self.bytes.get_mut(position..position + 4) {
            place.copy_from_slice(&value.to_be_bytes());
        }
    }

    pub(super) fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn i64(&mut self, value: i64) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn bytes(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(value);
    }

    pub(super) fn zeros(&mut self, count: usize) {
        self.bytes.resize(self.bytes.len() + count, 0);
    }

    /// A box of four characters and its content.
    pub(super) fn boxed(&mut self, name: &[u8; 4], content: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.u32(0);
        self.bytes(name);
        content(self);
        let size = (self.bytes.len() - start) as u32;
        self.bytes[start..start + 4].copy_from_slice(&size.to_be_bytes());
    }

    /// A box with version and flags.
    pub(super) fn full(&mut self, name: &[u8; 4], version: u8, flags: u32, content: impl FnOnce(&mut Self)) {
        self.boxed(name, |w| {
            w.u32(u32::from(version) << 24 | flags & 0x00ff_ffff);
            content(w);
        });
    }

    /// An MPEG-4 descriptor: tag, size in its four-byte form, content.
    pub(super) fn descriptor(&mut self, tag: u8, content: impl FnOnce(&mut Self)) {
        self.u8(tag);
        let start = self.bytes.len();
        self.u32(0);
        content(self);
        let size = self.bytes.len() - start - 4;
        for (place, shift) in [21, 14, 7, 0].into_iter().enumerate() {
            let more = if shift > 0 { 0x80 } else { 0 };
            self.bytes[start + place] = (size >> shift & 0x7f) as u8 | more;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_boxes_have_the_sizes_of_their_contents() {
        let mut w = BoxWriter::default();
        w.boxed(b"moof", |w| w.full(b"mfhd", 0, 0, |w| w.u32(7)));
        assert_eq!(w.into_vec(), b"\0\0\0\x18moof\0\0\0\x10mfhd\0\0\0\0\0\0\0\x07");
    }
}
