//! Temporal units in the form that [`media::Unit`] holds: every OBU with a size field, nothing superfluous.
//!
//! Source: AV1 §5.3.1, §5.9.2, §7.5.
use super::super::BitstreamError;
use super::{
    OBU_FRAME, OBU_FRAME_HEADER, OBU_PADDING, OBU_SEQUENCE_HEADER, OBU_TEMPORAL_DELIMITER, OBU_TILE_LIST, Obu,
};
use bytes::{BufMut, Bytes, BytesMut};

/// Largest temporal unit: 16 MiB, as for H.264.
const TEMPORAL_UNIT_BYTES_MAX: usize = super::super::ACCESS_UNIT_BYTES_MAX;

/// Frames are carved out of blocks of this size, so a small one costs no allocation.
const BLOCK_BYTES: usize = 64 << 10;

/// One temporal unit: all OBUs of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemporalUnit {
    /// The OBUs, each with its size field; no temporal delimiter, no padding.
    pub data: Bytes,
    /// It begins with a shown key frame: decoding may start here, given the sequence header.
    pub keyframe: bool,
    /// The sequence header in it, with header and size field, as [`media::CodecParams::Av1`] wants it.
    pub sequence_header: Option<Bytes>,
}

/// Brings a temporal unit into normal form.
pub fn normalise_temporal_unit(data: &[u8]) -> Result<TemporalUnit, BitstreamError> {
    let mut builder = TemporalUnitBuilder::default();
    builder.buffer.reserve(data.len() + 8);
    for obu in super::obus(data) {
        builder.push(obu?);
    }
    builder.finish().ok_or(BitstreamError::Invalid {
        what: "AV1 temporal unit",
        field: "frames",
        value: 0,
        at: data.len(),
    })
}

/// Collects the OBUs of one temporal unit. Where it ends is the caller's knowledge.
#[derive(Debug, Default)]
pub struct TemporalUnitBuilder {
    buffer: BytesMut,
    /// The first frame header came; what is in it.
    first_frame_is_key: Option<bool>,
    /// Where the sequence header lies in the buffer.
    sequence_header: Option<std::ops::Range<usize>>,
    reduced_still_picture: bool,
    overflowed: bool,
}

impl TemporalUnitBuilder {
    /// Adds one OBU as it comes in an RTP packet: with or without a size field.
    pub fn push_bytes(&mut self, obu: &[u8]) -> Result<(), BitstreamError> {
        for obu in super::obus(obu) {
            self.push(obu?);
        }
        Ok(())
    }

    /// Adds one OBU. Delimiters, padding and tile lists are dropped.
    pub fn push(&mut self, obu: Obu<'_>) {
        if matches!(obu.kind, OBU_TEMPORAL_DELIMITER | OBU_PADDING | OBU_TILE_LIST) || obu.header.is_empty() {
            return;
        }
        if self.buffer.len() + obu.payload.len() + 10 > TEMPORAL_UNIT_BYTES_MAX {
            self.overflowed = true;
            return;
        }
        if self.buffer.capacity() == 0 {
            self.buffer.reserve(BLOCK_BYTES);
        }
        let start = self.buffer.len();
        self.buffer.put_u8(obu.header[0] | 0x02);
        self.buffer.put_slice(&obu.header[1..]);
        super::put_leb128(&mut self.buffer, obu.payload.len() as u32);
        self.buffer.put_slice(obu.payload);
        match obu.kind {
            OBU_SEQUENCE_HEADER => {
                self.sequence_header = Some(start..self.buffer.len());
                // seq_profile 3 bits, still_picture, reduced_still_picture_header
                self.reduced_still_picture = obu.payload.first().is_some_and(|byte| byte & 0x08 != 0);
            }
            OBU_FRAME | OBU_FRAME_HEADER if self.first_frame_is_key.is_none() => {
                // show_existing_frame, frame_type (0 is a key frame), show_frame
                let shown_key = obu.payload.first().is_some_and(|byte| byte & 0xf0 == 0x10);
                self.first_frame_is_key = Some(self.reduced_still_picture || shown_key);
            }
            0..=255 => {}
        }
    }

    /// Ends the temporal unit. `None` when it holds no frame or was too large.
    pub fn finish(&mut self) -> Option<TemporalUnit> {
        let key = self.first_frame_is_key.filter(|_| !self.overflowed);
        let data = key.map(|_| self.buffer.split().freeze());
        let sequence_header = self.sequence_header.take();
        self.clear();
        let data = data?;
        Some(TemporalUnit {
            sequence_header: sequence_header.map(|range| data.slice(range)),
            keyframe: key?,
            data,
        })
    }

    /// Drops what was collected.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.first_frame_is_key = None;
        self.sequence_header = None;
        self.reduced_still_picture = false;
        self.overflowed = false;
    }
}
