//! The few bytes of a payload that differ for a consumer: picture id and base layer index, or the payload types of the
//! blocks of RED.
use crate::payload::{RED_HEADER_BYTES, Red, Vp8, Vp9};

/// Most bytes that lie together: a long picture id, VP9's layers and the base layer index.
pub const PATCH_BYTES_MAX: usize = 4;

/// Bytes to send in the place of those in the payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Patch {
    at: usize,
    change: Change,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Change {
    /// These bytes, one behind the other.
    Bytes { bytes: [u8; PATCH_BYTES_MAX], length: u8 },
    /// The lower seven bits of the headers of so many blocks of RED.
    BlockTypes { blocks: u8, payload_type: u8 },
}

impl Patch {
    /// Where the last byte that is changed ends; the payload is that long at least.
    pub fn end(&self) -> usize {
        match self.change {
            Change::Bytes { length, .. } => self.at + usize::from(length),
            Change::BlockTypes { blocks, .. } => {
                self.at + usize::from(blocks.saturating_sub(1)) * RED_HEADER_BYTES + 1
            }
        }
    }

    /// Writes them into a payload that was copied for sending.
    pub fn apply(&self, payload: &mut [u8]) {
        match &self.change {
            Change::Bytes { bytes, length } => {
                let length = usize::from(*length);
                if let (Some(place), Some(bytes)) =
                    (payload.get_mut(self.at..self.at + length), bytes.get(..length))
                {
                    place.copy_from_slice(bytes);
                }
            }
            Change::BlockTypes { blocks, payload_type } => {
                let headers = payload.iter_mut().skip(self.at).step_by(RED_HEADER_BYTES);
                for header in headers.take(usize::from(*blocks)) {
                    *header = *header & 0x80 | payload_type & 0x7f;
                }
            }
        }
    }
}

/// Puts bytes together.
struct Together {
    at: usize,
    bytes: [u8; PATCH_BYTES_MAX],
    length: u8,
}

impl Together {
    const fn at(at: usize) -> Self {
        Self { at, bytes: [0; PATCH_BYTES_MAX], length: 0 }
    }

    fn push(&mut self, byte: u8) {
        self.bytes[usize::from(self.length)] = byte;
        self.length += 1;
    }

    fn push_picture_id(&mut self, id: u64, long: bool) {
        if long {
            self.push(0x80 | (id >> 8) as u8);
        }
        self.push(if long { id as u8 } else { id as u8 & 0x7f });
    }

    fn patch(self) -> Option<Patch> {
        let Self { at, bytes, length } = self;
        (length > 0).then_some(Patch { at, change: Change::Bytes { bytes, length } })
    }
}

pub(super) fn vp8(vp8: &Vp8, picture: Option<u64>, tl0_picture: Option<u8>) -> Option<Patch> {
    let id_bytes = usize::from(vp8.picture_id.is_some()) + usize::from(vp8.long_picture_id);
    let mut patch = Together::at(vp8.at.into());
    match picture {
        Some(id) => patch.push_picture_id(id, vp8.long_picture_id),
        None => patch.at += id_bytes,
    }
    if let Some(index) = tl0_picture {
        patch.push(index);
    }
    patch.patch()
}

pub(super) fn vp9(vp9: &Vp9, picture: Option<u64>, tl0_picture: Option<u8>) -> Option<Patch> {
    let mut patch = Together::at(1);
    if let Some(id) = picture {
        patch.push_picture_id(id, vp9.long_picture_id);
    }
    if let Some(index) = tl0_picture {
        patch.push(vp9.layers);
        patch.push(index);
    }
    patch.patch()
}

/// All blocks become blocks of this payload type.
pub(super) const fn red(red: &Red, payload_type: u8) -> Patch {
    Patch { at: 0, change: Change::BlockTypes { blocks: red.blocks, payload_type } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_changes_the_numbers_and_nothing_else() {
        let mut payload = [0x90, 0xf0, 0x92, 0x34, 0x56, 0xa0, 0x00];
        let facts = Vp8 { picture_id: Some(0x1234), long_picture_id: true, tl0_picture: Some(0x56), at: 2 };
        vp8(&facts, Some(0x1_8001), Some(9)).unwrap().apply(&mut payload);
        assert_eq!(payload, [0x90, 0xf0, 0x80, 0x01, 9, 0xa0, 0x00]);
        let mut short = [0x80, 0x80, 0x7f, 0x00];
        let facts = Vp8 { picture_id: Some(0x7f), at: 2, ..Vp8::default() };
        vp8(&facts, Some(0x80), None).unwrap().apply(&mut short);
        assert_eq!(short, [0x80, 0x80, 0x00, 0x00]);
        let mut layered = [0xaa, 0x81, 0x02, 0x32, 0x07, 0xff];
        let facts = Vp9 { long_picture_id: true, layers: 0x32, ..Vp9::default() };
        vp9(&facts, Some(3), Some(8)).unwrap().apply(&mut layered);
        assert_eq!(layered, [0xaa, 0x80, 0x03, 0x32, 0x08, 0xff]);
    }

    #[test]
    fn all_blocks_of_red_get_another_payload_type_and_keep_time_length_and_sound() {
        let mut payload = [0xef, 0x0f, 0x00, 0x01, 0xef, 0x07, 0x80, 0x00, 0x6f, 5, 0x6f];
        let patch = red(&Red { blocks: 3, ..Red::default() }, 100);
        patch.apply(&mut payload);
        assert_eq!(payload, [0xe4, 0x0f, 0x00, 0x01, 0xe4, 0x07, 0x80, 0x00, 0x64, 5, 0x6f]);
        assert_eq!(patch.end(), 9);
        patch.apply(&mut payload[..6]);
    }

    #[test]
    fn a_descriptor_without_numbers_needs_no_patch() {
        assert_eq!(vp8(&Vp8::default(), None, None), None);
        assert_eq!(vp9(&Vp9::default(), None, None), None);
    }
}
