//! VP9 frame headers and `vpcC`.
//!
//! Sources: VP9 Bitstream & Decoding Process §6.2; VP Codec ISO Media File Format Binding (`vpcC`).
use super::BitstreamError;
use super::bits::BitReader;
use bytes::Bytes;
use media::CodecParams;

const WHAT: &str = "VP9 frame header";

/// What a frame header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameInfo {
    /// Profile 0 to 3.
    pub profile: u8,
    /// A shown or hidden key frame.
    pub keyframe: bool,
    /// Only in key frames: bits a sample, 8, 10 or 12.
    pub bit_depth: Option<u8>,
    /// Only in key frames: width and height in samples.
    pub size: Option<(u32, u32)>,
}

impl FrameInfo {
    /// The track's parameters, from a key frame; the level is not known.
    pub fn params(&self) -> Option<CodecParams> {
        Some(CodecParams::Vp9 { profile: self.profile, level: 0, bit_depth: self.bit_depth? })
    }
}

/// True for a key frame; of a superframe its first frame counts.
pub fn is_keyframe(frame: &[u8]) -> bool {
    parse_frame(frame).is_ok_and(|info| info.keyframe)
}

/// Reads the uncompressed header as far as the size.
pub fn parse_frame(frame: &[u8]) -> Result<FrameInfo, BitstreamError> {
    let mut reader = BitReader::new(WHAT, frame);
    let marker = reader.byte(2)?;
    if marker != 2 {
        return Err(reader.invalid("frame_marker", u64::from(marker)));
    }
    let profile = reader.byte(1)? | (reader.byte(1)? << 1);
    if profile == 3 && reader.flag()? {
        return Err(reader.invalid("reserved_zero", 1));
    }
    let show_existing = reader.flag()?;
    let inter = show_existing || reader.flag()?;
    if inter {
        return Ok(FrameInfo { profile, keyframe: false, bit_depth: None, size: None });
    }
    reader.skip(2)?; // show_frame, error_resilient_mode
    let sync = reader.bits(24)?;
    if sync != 0x49_8342 {
        return Err(reader.invalid("frame_sync_code", u64::from(sync)));
    }
    let bit_depth = match profile >= 2 {
        true if reader.flag()? => 12,
        true => 10,
        false => 8,
    };
    const SRGB: u8 = 7;
    if reader.byte(3)? == SRGB {
        reader.skip(usize::from(profile & 1))?;
    } else {
        reader.skip(if profile & 1 == 1 { 4 } else { 1 })?;
    }
    let width = reader.bits(16)? + 1;
    let height = reader.bits(16)? + 1;
    Ok(FrameInfo { profile, keyframe: true, bit_depth: Some(bit_depth), size: Some((width, height)) })
}

/// The level to announce when it is not known. The lowest: browsers refuse what they believe too much for them.
pub const LEVEL_UNKNOWN: u8 = 10;

/// Builds VPCodecConfigurationRecord: what follows version and flags in `vpcC`. Colours are not known, chroma is
/// taken for 4:2:0 in the profiles 0 and 2, else for 4:4:4. `None` for other parameters.
pub fn vpcc(params: &CodecParams) -> Option<Bytes> {
    let &CodecParams::Vp9 { profile, level, bit_depth } = params else { return None };
    let level = if level == 0 { LEVEL_UNKNOWN } else { level };
    let chroma = if profile & 1 == 1 { 3 } else { 1 };
    // primaries, transfer and matrix 2: unspecified
    Some(Bytes::copy_from_slice(&[profile, level, (bit_depth << 4) | (chroma << 1), 2, 2, 2, 0, 0]))
}

/// Reads VPCodecConfigurationRecord, from after version and flags.
pub fn parse_vpcc(record: &[u8]) -> Result<CodecParams, BitstreamError> {
    let &[profile, level, depth, ..] = record else {
        return Err(BitstreamError::Truncated { what: "vpcC", at: record.len() });
    };
    let bit_depth = depth >> 4;
    let invalid = |field, value: u8, at| {
        Err(BitstreamError::Invalid { what: "vpcC", field, value: u64::from(value), at })
    };
    if profile > 3 {
        return invalid("profile", profile, 0);
    }
    if !matches!(bit_depth, 8 | 10 | 12) {
        return invalid("bitDepth", bit_depth, 2);
    }
    Ok(CodecParams::Vp9 { profile, level, bit_depth })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_frame_of_libvpx_tells_profile_depth_and_size() {
        // 128x96, the start of a first frame
        let frame = [0x82, 0x49, 0x83, 0x42, 0x00, 0x07, 0xf0, 0x05, 0xf6, 0x02];
        let info = parse_frame(&frame).unwrap();
        assert_eq!(info, FrameInfo { profile: 0, keyframe: true, bit_depth: Some(8), size: Some((128, 96)) });
        assert!(is_keyframe(&frame));
        assert!(!is_keyframe(&[0x86, 0x00]));
        assert!(parse_frame(&frame[..6]).is_err());
        // 322x180, 4:2:2, 12 bits
        let frame = [0xb1, 0x24, 0xc1, 0xa1, 0x42, 0x00, 0xa0, 0x80, 0x59, 0xb0];
        let info = parse_frame(&frame).unwrap();
        assert_eq!((info.profile, info.bit_depth, info.size), (3, Some(12), Some((322, 180))));
    }

    #[test]
    fn the_record_is_what_ffmpeg_writes_but_for_the_chroma_position() {
        let params = CodecParams::Vp9 { profile: 0, level: 0, bit_depth: 8 };
        let record = vpcc(&params).unwrap();
        assert_eq!(record[..], [0, 10, 0x82, 2, 2, 2, 0, 0]);
        assert_eq!(parse_vpcc(&record), Ok(CodecParams::Vp9 { profile: 0, level: 10, bit_depth: 8 }));
    }
}
