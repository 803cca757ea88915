//! AV1: open bitstream units (OBUs), temporal units and `av1C`.
//!
//! Sources: AV1 Bitstream & Decoding Process §5.3, §5.5, §5.9, Annex B is not used; AV1 in ISOBMFF §2.3 (`av1C`);
//! leb128 in §4.10.5.
mod config;
mod sequence;
mod temporal_unit;

use super::BitstreamError;
pub use config::{av1c, parse_av1c};
pub use sequence::{SequenceInfo, parse_sequence_header};
pub use temporal_unit::{TemporalUnit, TemporalUnitBuilder, normalise_temporal_unit};

/// Sequence header OBU.
pub const OBU_SEQUENCE_HEADER: u8 = 1;
/// Temporal delimiter OBU.
pub const OBU_TEMPORAL_DELIMITER: u8 = 2;
/// Frame header OBU.
pub const OBU_FRAME_HEADER: u8 = 3;
/// Frame OBU: header and tiles in one.
pub const OBU_FRAME: u8 = 6;
/// Tile list OBU.
pub const OBU_TILE_LIST: u8 = 8;
/// Padding OBU.
pub const OBU_PADDING: u8 = 15;

const WHAT: &str = "AV1 OBUs";

/// One open bitstream unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Obu<'a> {
    /// `obu_type`.
    pub kind: u8,
    /// The header byte and, where there is one, the extension byte, as sent.
    pub header: &'a [u8],
    /// What follows header and size field.
    pub payload: &'a [u8],
}

/// The OBUs of a temporal unit. One without a size field reaches to the end. After an error the iterator ends.
pub fn obus(data: &[u8]) -> Obus<'_> {
    Obus { data, position: 0 }
}

/// See [`obus`].
#[derive(Debug, Clone)]
pub struct Obus<'a> {
    data: &'a [u8],
    position: usize,
}

impl<'a> Obus<'a> {
    fn read(&mut self) -> Result<Obu<'a>, BitstreamError> {
        let truncated = BitstreamError::Truncated { what: WHAT, at: self.data.len() };
        let rest = &self.data[self.position..];
        let first = rest[0];
        if first & 0x80 != 0 {
            let value = u64::from(first);
            return Err(BitstreamError::Invalid {
                what: WHAT,
                field: "obu_header",
                value,
                at: self.position,
            });
        }
        let header_bytes = if first & 0x04 != 0 { 2 } else { 1 };
        let (header, rest) = rest.split_at_checked(header_bytes).ok_or(truncated)?;
        let (payload, size_bytes) = if first & 0x02 != 0 {
            let (size, size_bytes) = read_leb128(rest).ok_or(truncated)?;
            let rest = &rest[size_bytes..];
            (usize::try_from(size).ok().and_then(|size| rest.get(..size)).ok_or(truncated)?, size_bytes)
        } else {
            (rest, 0)
        };
        self.position += header_bytes + size_bytes + payload.len();
        Ok(Obu { kind: (first >> 3) & 0x0f, header, payload })
    }
}

impl<'a> Iterator for Obus<'a> {
    type Item = Result<Obu<'a>, BitstreamError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.position >= self.data.len() {
            return None;
        }
        let obu = self.read();
        if obu.is_err() {
            self.position = self.data.len();
        }
        Some(obu)
    }
}

/// A `leb128` number and how many bytes it took. `None` when it is cut off or above 32 bits.
pub fn read_leb128(data: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for (index, &byte) in data.iter().take(8).enumerate() {
        value |= u64::from(byte & 0x7f) << (index * 7);
        if byte & 0x80 == 0 {
            return (value <= u64::from(u32::MAX)).then_some((value, index + 1));
        }
    }
    None
}

/// Appends `value` as `leb128`, in as few bytes as it takes.
pub fn put_leb128(out: &mut bytes::BytesMut, mut value: u32) {
    use bytes::BufMut;
    while value >= 0x80 {
        out.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

/// The name of a profile. Source: A.2.
pub fn profile_name(profile: u8) -> Option<&'static str> {
    ["Main", "High", "Professional"].get(usize::from(profile)).copied()
}

#[cfg(test)]
mod tests;
