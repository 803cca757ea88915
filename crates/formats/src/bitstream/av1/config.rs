//! `av1C`: AV1CodecConfigurationRecord.
//!
//! Source: AV1 Codec ISO Media File Format Binding §2.3.3.
use super::super::BitstreamError;
use super::super::config::Cursor;
use super::OBU_SEQUENCE_HEADER;
use bytes::{BufMut, Bytes, BytesMut};
use media::CodecParams;

const WHAT: &str = "av1C";

/// Builds the record, with the sequence header in it. `None` for other parameters, or an unreadable header.
pub fn av1c(params: &CodecParams) -> Option<Bytes> {
    let CodecParams::Av1 { sequence_header } = params else { return None };
    let info = super::parse_sequence_header(sequence_header).ok()?;
    let mut out = BytesMut::with_capacity(sequence_header.len() + 4);
    out.put_u8(0x81);
    out.put_u8((info.profile << 5) | info.level_idx);
    out.put_u8(
        (u8::from(info.high_tier) << 7)
            | (u8::from(info.bit_depth > 8) << 6)
            | (u8::from(info.bit_depth == 12) << 5)
            | (u8::from(info.monochrome) << 4)
            | (u8::from(info.subsampling_x) << 3)
            | (u8::from(info.subsampling_y) << 2)
            | info.chroma_sample_position,
    );
    out.put_u8(0); // no initial presentation delay
    out.put_slice(sequence_header);
    Some(out.freeze())
}

/// Reads the record. One without a sequence header (allowed, and written by some) gives [`CodecParams::None`]:
/// the header then comes with the first key frame.
pub fn parse_av1c(record: &[u8]) -> Result<CodecParams, BitstreamError> {
    let mut cursor = Cursor::new(WHAT, record);
    cursor.expect_version(0x81)?;
    cursor.skip(3)?;
    for obu in super::obus(cursor.rest()) {
        let obu = obu?;
        if obu.kind == OBU_SEQUENCE_HEADER {
            let mut header = BytesMut::with_capacity(obu.payload.len() + 4);
            header.put_u8(obu.header[0] | 0x02);
            header.put_slice(&obu.header[1..]);
            super::put_leb128(&mut header, obu.payload.len() as u32);
            header.put_slice(obu.payload);
            return Ok(CodecParams::Av1 { sequence_header: header.freeze() });
        }
    }
    Ok(CodecParams::None)
}
