//! `hvcC`: HEVCDecoderConfigurationRecord.
//!
//! Source: ISO/IEC 14496-15 §8.3.3.1.2.
use super::super::BitstreamError;
use super::super::config::Cursor;
use super::{NAL_PPS, NAL_SPS, NAL_VPS};
use bytes::{BufMut, Bytes, BytesMut};
use media::CodecParams;

const WHAT: &str = "hvcC";

/// Builds the record, for lengths of 4 bytes and sample entry `hvc1` (all parameter sets are in the record).
/// `None` for other parameters, or an unreadable SPS.
pub fn hvcc(params: &CodecParams) -> Option<Bytes> {
    let CodecParams::H265 { vps, sps, pps } = params else { return None };
    let info = super::parse_sps(sps).ok()?;
    let profile = info.profile;
    let sets = vps.len() + sps.len() + pps.iter().map(|pps| pps.len() + 2).sum::<usize>();
    let mut out = BytesMut::with_capacity(sets + 36);
    out.put_u8(1);
    out.put_u8((profile.profile_space << 6) | (u8::from(profile.high_tier) << 5) | profile.profile_idc);
    out.put_u32(profile.compatibility);
    out.put_slice(&profile.constraints);
    out.put_u8(profile.level_idc);
    out.put_u16(0xf000); // min_spatial_segmentation_idc 0: no promise
    out.put_u8(0xfc); // parallelismType 0: unknown
    out.put_u8(0xfc | info.chroma_format_idc);
    out.put_u8(0xf8 | (info.bit_depth_luma - 8));
    out.put_u8(0xf8 | (info.bit_depth_chroma - 8));
    out.put_u16(0); // avgFrameRate: not said
    out.put_u8((info.temporal_layers << 3) | (u8::from(info.temporal_id_nested) << 2) | 3);
    out.put_u8(3);
    put_array(&mut out, NAL_VPS, std::slice::from_ref(vps))?;
    put_array(&mut out, NAL_SPS, std::slice::from_ref(sps))?;
    put_array(&mut out, NAL_PPS, pps)?;
    Some(out.freeze())
}

fn put_array(out: &mut BytesMut, kind: u8, nals: &[Bytes]) -> Option<()> {
    out.put_u8(0x80 | kind); // array_completeness
    out.put_u16(u16::try_from(nals.len()).ok()?);
    for nal in nals {
        out.put_u16(u16::try_from(nal.len()).ok()?);
        out.put_slice(nal);
    }
    Some(())
}

/// Reads the record. Of several VPS or SPS the first is taken, SEI is passed over.
pub fn parse_hvcc(record: &[u8]) -> Result<CodecParams, BitstreamError> {
    let mut cursor = Cursor::new(WHAT, record);
    // Version 0 was written by encoders that followed the draft.
    if cursor.u8()? > 1 {
        return Err(cursor.invalid("configurationVersion", u64::from(record[0])));
    }
    cursor.skip(21)?;
    let (mut vps, mut sps, mut pps) = (None, None, Vec::new());
    for _ in 0..cursor.u8()? {
        let kind = cursor.u8()? & 0x3f;
        for _ in 0..cursor.u16()? {
            let nal = cursor.slice_u16()?;
            if nal.is_empty() {
                continue;
            }
            match kind {
                NAL_VPS if vps.is_none() => vps = Some(Bytes::copy_from_slice(nal)),
                NAL_SPS if sps.is_none() => sps = Some(Bytes::copy_from_slice(nal)),
                NAL_PPS => pps.push(Bytes::copy_from_slice(nal)),
                0..=255 => {}
            }
        }
    }
    match (vps, sps) {
        (Some(vps), Some(sps)) if !pps.is_empty() => Ok(CodecParams::H265 { vps, sps, pps }),
        (None, _) => Err(cursor.invalid("number of VPS", 0)),
        (_, None) => Err(cursor.invalid("number of SPS", 0)),
        (Some(_), Some(_)) => Err(cursor.invalid("number of PPS", 0)),
    }
}

/// How many bytes the length before each NAL unit has: 1, 2 or 4. `None` for a record too short.
pub fn length_size(record: &[u8]) -> Option<u8> {
    record.get(21).map(|byte| (byte & 3) + 1)
}
