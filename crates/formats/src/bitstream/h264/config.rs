//! `avcC`: AVCDecoderConfigurationRecord.
//!
//! Source: ISO/IEC 14496-15 §5.3.3.1.2.
use super::super::BitstreamError;
use super::super::config::Cursor;
use bytes::{BufMut, Bytes, BytesMut};
use media::CodecParams;

const WHAT: &str = "avcC";

/// Builds the record, for lengths of 4 bytes. `None` for other parameters, or an unreadable SPS.
pub fn avcc(params: &CodecParams) -> Option<Bytes> {
    let CodecParams::H264 { sps, pps } = params else { return None };
    let &[_, profile, constraints, level, ..] = sps.get(..)? else { return None };
    let count = pps.len().min(255);
    let bytes = sps.len() + pps.iter().map(|pps| pps.len() + 2).sum::<usize>() + 13;
    let mut out = BytesMut::with_capacity(bytes);
    out.put_slice(&[1, profile, constraints, level, 0xfc | 3, 0xe0 | 1]);
    out.put_u16(u16::try_from(sps.len()).ok()?);
    out.put_slice(sps);
    out.put_u8(count as u8);
    for pps in &pps[..count] {
        out.put_u16(u16::try_from(pps.len()).ok()?);
        out.put_slice(pps);
    }
    if !matches!(profile, 66 | 77 | 88) {
        let info = super::parse_sps(sps).ok()?;
        out.put_u8(0xfc | info.chroma_format_idc);
        out.put_u8(0xf8 | (info.bit_depth_luma - 8));
        out.put_u8(0xf8 | (info.bit_depth_chroma - 8));
        out.put_u8(0); // no SPS extensions
    }
    Some(out.freeze())
}

/// Reads the record. Of several SPS the first is taken; what follows the PPS is passed over, since several
/// writers leave it away.
pub fn parse_avcc(record: &[u8]) -> Result<CodecParams, BitstreamError> {
    let mut cursor = Cursor::new(WHAT, record);
    cursor.expect_version(1)?;
    cursor.skip(4)?;
    let mut sps = None;
    for _ in 0..cursor.u8()? & 0x1f {
        let nal = cursor.slice_u16()?;
        if sps.is_none() && !nal.is_empty() {
            sps = Some(Bytes::copy_from_slice(nal));
        }
    }
    let mut pps = Vec::new();
    for _ in 0..cursor.u8()? {
        let nal = cursor.slice_u16()?;
        if !nal.is_empty() {
            pps.push(Bytes::copy_from_slice(nal));
        }
    }
    let Some(sps) = sps else { return Err(cursor.invalid("numOfSequenceParameterSets", 0)) };
    if pps.is_empty() {
        return Err(cursor.invalid("numOfPictureParameterSets", 0));
    }
    Ok(CodecParams::H264 { sps, pps })
}

/// How many bytes the length before each NAL unit has: 1, 2 or 4. `None` for a record too short.
pub fn length_size(record: &[u8]) -> Option<u8> {
    record.get(4).map(|byte| (byte & 3) + 1)
}
