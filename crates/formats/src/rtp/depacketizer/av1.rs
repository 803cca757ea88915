//! AV1: OBUs and fragments of them, without size fields.
//!
//! Source: RTP Payload Format For AV1 (AOM), §4.3 (aggregation header), §4.4.
use super::{Finished, VideoPayload};
use crate::bitstream::av1::{OBU_SEQUENCE_HEADER, OBU_TEMPORAL_DELIMITER, TemporalUnitBuilder};
use crate::rtp::cursor::Cursor;
use crate::rtp::{Packet, PayloadError};
use bytes::Bytes;
use media::CodecParams;

pub(super) struct Av1 {
    unit: TemporalUnitBuilder,
    /// An OBU whose rest comes in the next packet.
    fragment: Vec<u8>,
    within_fragment: bool,
    sequence_header: Bytes,
}

impl Av1 {
    pub(super) fn new(params: &CodecParams) -> Self {
        let sequence_header = match params {
            CodecParams::Av1 { sequence_header } => sequence_header.clone(),
            CodecParams::None
            | CodecParams::H264 { .. }
            | CodecParams::H265 { .. }
            | CodecParams::Vp9 { .. }
            | CodecParams::Aac { .. } => Bytes::new(),
        };
        Self {
            unit: TemporalUnitBuilder::default(),
            fragment: Vec::new(),
            within_fragment: false,
            sequence_header,
        }
    }

    fn changed_params(&mut self, sequence_header: Option<Bytes>) -> Option<CodecParams> {
        let new = sequence_header.filter(|new| *new != self.sequence_header)?;
        self.sequence_header = Bytes::copy_from_slice(&new);
        Some(CodecParams::Av1 { sequence_header: self.sequence_header.clone() })
    }
}

impl VideoPayload for Av1 {
    fn starts_frame(&self, payload: &[u8]) -> bool {
        let Some((first, rest)) = payload.split_first() else { return false };
        if first & 0x80 != 0 {
            return false;
        }
        // N says so; else only what stands at the start of a temporal unit does.
        let mut cursor = Cursor::new(rest, 0);
        if first >> 4 & 3 != 1 && cursor.leb128("length").is_err() {
            return false;
        }
        let kind = cursor.u8("OBU header").map(|header| header >> 3 & 15);
        first & 0x08 != 0 || matches!(kind, Ok(OBU_SEQUENCE_HEADER | OBU_TEMPORAL_DELIMITER))
    }

    fn push(&mut self, packet: &Packet) -> Result<(), PayloadError> {
        let mut payload = Cursor::new(&packet.payload, packet.header.sequence);
        let flags = payload.u8("aggregation header")?;
        let (continues, continued, count) = (flags & 0x80 != 0, flags & 0x40 != 0, flags >> 4 & 3);
        if continues != self.within_fragment {
            return Err(payload.invalid("continuation of an OBU", flags.into()));
        }
        let mut index = 0;
        while !payload.is_empty() {
            index += 1;
            let element = if index == count {
                payload.rest()
            } else {
                let length = payload.leb128("length of an OBU")?;
                payload.take(length, "OBU")?
            };
            let fragment_ends = std::mem::take(&mut self.within_fragment);
            if payload.is_empty() && continued {
                self.within_fragment = true;
                self.fragment.extend_from_slice(element);
                break;
            }
            let at = payload.at();
            let result = if fragment_ends {
                self.fragment.extend_from_slice(element);
                let result = self.unit.push_bytes(&self.fragment);
                self.fragment.clear();
                result
            } else {
                self.unit.push_bytes(element)
            };
            result.map_err(|_| PayloadError::Invalid {
                sequence: packet.header.sequence,
                part: "OBU",
                at,
                value: element.first().copied().unwrap_or(0).into(),
            })?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Finished {
        if self.within_fragment {
            return Finished::Incomplete;
        }
        let Some(unit) = self.unit.finish() else { return Finished::Nothing };
        let params = self.changed_params(unit.sequence_header);
        Finished::Frame { data: unit.data, keyframe: unit.keyframe, params }
    }

    fn clear(&mut self) {
        self.unit.clear();
        self.fragment.clear();
        self.within_fragment = false;
    }
}
