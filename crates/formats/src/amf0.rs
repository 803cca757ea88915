//! AMF0, the value encoding of RTMP commands and FLV script data.
//!
//! Source: Adobe, "Action Message Format – AMF 0" (2006); "Video File Format 10.1" §E.4.4 for what FLV writers do.
//! References, typed objects and XML documents are read as what they stand for or as `Undefined`; a switch to AMF3
//! inside a value is an error.
mod read;
mod value;
mod write;

pub use read::{Reader, fuzz_amf0};
pub use value::Value;
pub use write::{encode, write_value};

use media::Fault;

/// Deepest nesting of objects and arrays: 16. onMetaData with multitrack maps and a key frame index needs 4.
pub const DEPTH_MAX: usize = 16;
/// Most values in one message: 65,536. The key frame index of a ten-hour file has 36,000 numbers.
pub const VALUES_MAX: usize = 65_536;

/// Why bytes are no AMF0. The position counts from the start of the message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Amf0Error {
    /// The bytes end inside a value.
    #[error("AMF0 value ends early at byte {at}")]
    Truncated {
        /// Where more bytes were needed.
        at: usize,
    },
    /// A type marker that is not known, or that switches to AMF3.
    #[error("AMF0 type marker {marker:#04x} at byte {at} is not supported")]
    Marker {
        /// Where the marker stands.
        at: usize,
        /// The marker.
        marker: u8,
    },
    /// More than [`DEPTH_MAX`] objects or arrays inside each other.
    #[error("AMF0 nesting is deeper than {DEPTH_MAX} at byte {at}")]
    TooDeep {
        /// Where the one too many begins.
        at: usize,
    },
    /// More than [`VALUES_MAX`] values.
    #[error("AMF0 message has more than {VALUES_MAX} values at byte {at}")]
    TooMany {
        /// Where the one too many begins.
        at: usize,
    },
}

impl Amf0Error {
    /// The peer wrote the bytes.
    pub const fn fault(self) -> Fault {
        Fault::Peer
    }
}

/// Type markers. Source: AMF0 §2.1.
mod marker {
    pub(super) const NUMBER: u8 = 0x00;
    pub(super) const BOOLEAN: u8 = 0x01;
    pub(super) const STRING: u8 = 0x02;
    pub(super) const OBJECT: u8 = 0x03;
    pub(super) const NULL: u8 = 0x05;
    pub(super) const UNDEFINED: u8 = 0x06;
    pub(super) const REFERENCE: u8 = 0x07;
    pub(super) const ECMA_ARRAY: u8 = 0x08;
    pub(super) const OBJECT_END: u8 = 0x09;
    pub(super) const STRICT_ARRAY: u8 = 0x0a;
    pub(super) const DATE: u8 = 0x0b;
    pub(super) const LONG_STRING: u8 = 0x0c;
    pub(super) const UNSUPPORTED: u8 = 0x0d;
    pub(super) const XML_DOCUMENT: u8 = 0x0f;
    pub(super) const TYPED_OBJECT: u8 = 0x10;
}
