//! FLV tags.
use bytes::Bytes;

/// What a tag, or the RTMP message of the same number, carries.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TagKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
    /// Script data: a name and values in AMF0.
    Script,
}

impl TagKind {
    /// The type number in tags and RTMP messages.
    pub const fn number(self) -> u8 {
        match self {
            TagKind::Audio => 8,
            TagKind::Video => 9,
            TagKind::Script => 18,
        }
    }

    /// The kind of a type number.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            8 => Some(TagKind::Audio),
            9 => Some(TagKind::Video),
            18 => Some(TagKind::Script),
            _ => None,
        }
    }
}

/// One tag of an FLV byte stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tag {
    /// What it carries.
    pub kind: TagKind,
    /// Milliseconds, wrapping after 49.7 days.
    pub timestamp_ms: u32,
    /// What follows the tag's header.
    pub data: Bytes,
}

/// Bytes of a tag's header.
pub(super) const TAG_HEADER: usize = 11;

/// The header of a tag of `length` bytes. A length above 24 bits is cut; [`super::Muxer`] makes none.
pub(super) fn tag_header(kind: TagKind, timestamp_ms: u32, length: usize) -> [u8; TAG_HEADER] {
    let [_, l2, l1, l0] = (length as u32).to_be_bytes();
    let [t3, t2, t1, t0] = timestamp_ms.to_be_bytes();
    [kind.number(), l2, l1, l0, t2, t1, t0, t3, 0, 0, 0]
}
