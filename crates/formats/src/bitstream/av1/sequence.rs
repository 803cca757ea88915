//! AV1 sequence headers.
//!
//! Source: AV1 §5.5.
use super::super::BitstreamError;
use super::super::bits::BitReader;

const WHAT: &str = "AV1 sequence header";

/// What a sequence header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequenceInfo {
    /// Largest width, in samples.
    pub width: u32,
    /// Largest height, in samples.
    pub height: u32,
    /// `seq_profile`: 0 Main, 1 High, 2 Professional.
    pub profile: u8,
    /// `seq_level_idx` of the first operating point: 0 is level 2.0, 31 "no limit".
    pub level_idx: u8,
    /// High tier instead of Main.
    pub high_tier: bool,
    /// 8, 10 or 12.
    pub bit_depth: u8,
    /// Luma only.
    pub monochrome: bool,
    /// Chroma has half the width.
    pub subsampling_x: bool,
    /// Chroma has half the height.
    pub subsampling_y: bool,
    /// `chroma_sample_position`.
    pub chroma_sample_position: u8,
    /// Frames a second as a fraction, where the stream promises a constant rate.
    pub fps: Option<(u32, u32)>,
}

/// Reads a sequence header OBU, with or without a size field; other OBUs before it are passed over.
pub fn parse_sequence_header(data: &[u8]) -> Result<SequenceInfo, BitstreamError> {
    for obu in super::obus(data) {
        let obu = obu?;
        if obu.kind == super::OBU_SEQUENCE_HEADER {
            return parse_payload(obu.payload);
        }
    }
    Err(BitstreamError::Truncated { what: WHAT, at: data.len() })
}

fn parse_payload(payload: &[u8]) -> Result<SequenceInfo, BitstreamError> {
    let mut reader = BitReader::new(WHAT, payload);
    let profile = reader.byte(3)?;
    if profile > 2 {
        return Err(reader.invalid("seq_profile", u64::from(profile)));
    }
    reader.flag()?; // still_picture
    let reduced = reader.flag()?;
    let mut point = OperatingPoint::default();
    let mut fps = None;
    if reduced {
        point.level_idx = reader.byte(5)?;
    } else {
        (point, fps) = operating_points(&mut reader)?;
    }
    let width_bits = reader.bits(4)? + 1;
    let height_bits = reader.bits(4)? + 1;
    let width = reader.bits(width_bits)? + 1;
    let height = reader.bits(height_bits)? + 1;
    if !reduced && reader.flag()? {
        reader.skip(7)?; // frame id lengths
    }
    reader.skip(3)?; // 128x128 superblocks, filter intra, intra edge filter
    if !reduced {
        tools(&mut reader)?;
    }
    reader.skip(3)?; // superres, CDEF, restoration
    let mut info = SequenceInfo {
        width,
        height,
        profile,
        level_idx: point.level_idx,
        high_tier: point.high_tier,
        bit_depth: 8,
        monochrome: false,
        subsampling_x: true,
        subsampling_y: true,
        chroma_sample_position: 0,
        fps,
    };
    colour(&mut reader, &mut info)?;
    Ok(info)
}

#[derive(Default, Clone, Copy)]
struct OperatingPoint {
    level_idx: u8,
    high_tier: bool,
}

type Fraction = Option<(u32, u32)>;

fn operating_points(reader: &mut BitReader<'_>) -> Result<(OperatingPoint, Fraction), BitstreamError> {
    let mut fps = None;
    let mut delay_bits = None;
    if reader.flag()? {
        let units = reader.bits(32)?;
        let scale = reader.bits(32)?;
        if reader.flag()? {
            let ticks = u64::from(uvlc(reader)?) + 1;
            fps = super::super::plausible_rate(u64::from(scale), u64::from(units).saturating_mul(ticks));
        }
        if reader.flag()? {
            delay_bits = Some(reader.bits(5)? as usize + 1);
            reader.skip(32 + 10)?; // num_units_in_decoding_tick, two lengths
        }
    }
    let initial_delay = reader.flag()?;
    let mut first = None;
    for _ in 0..=reader.bits(5)? {
        reader.skip(12)?; // operating_point_idc
        let level_idx = reader.byte(5)?;
        let high_tier = level_idx > 7 && reader.flag()?;
        if let Some(bits) = delay_bits
            && reader.flag()?
        {
            reader.skip(2 * bits + 1)?;
        }
        if initial_delay && reader.flag()? {
            reader.skip(4)?;
        }
        first.get_or_insert(OperatingPoint { level_idx, high_tier });
    }
    Ok((first.unwrap_or_default(), fps))
}

/// Source: §4.10.3.
fn uvlc(reader: &mut BitReader<'_>) -> Result<u32, BitstreamError> {
    let mut zeros = 0;
    while !reader.flag()? {
        zeros += 1;
    }
    if zeros >= 32 {
        return Ok(u32::MAX);
    }
    Ok((reader.bits(zeros)? as u64 + (1_u64 << zeros) - 1) as u32)
}

fn tools(reader: &mut BitReader<'_>) -> Result<(), BitstreamError> {
    reader.skip(4)?; // interintra, masked, warped motion, dual filter
    let order_hint = reader.flag()?;
    if order_hint {
        reader.skip(2)?; // jnt_comp, ref_frame_mvs
    }
    let screen_content = if reader.flag()? { true } else { reader.flag()? };
    if screen_content && !reader.flag()? {
        reader.skip(1)?; // seq_force_integer_mv
    }
    if order_hint {
        reader.skip(3)?;
    }
    Ok(())
}

/// Source: §5.5.2.
fn colour(reader: &mut BitReader<'_>, info: &mut SequenceInfo) -> Result<(), BitstreamError> {
    let high = reader.flag()?;
    info.bit_depth = match (info.profile, high) {
        (2, true) if reader.flag()? => 12,
        (0..=255, true) => 10,
        (0..=255, false) => 8,
    };
    info.monochrome = info.profile != 1 && reader.flag()?;
    // colour_primaries, transfer_characteristics, matrix_coefficients; 2 is unspecified
    let description =
        if reader.flag()? { [reader.byte(8)?, reader.byte(8)?, reader.byte(8)?] } else { [2, 2, 2] };
    if info.monochrome {
        return reader.skip(1);
    }
    if description == [1, 13, 0] {
        // sRGB
        (info.subsampling_x, info.subsampling_y) = (false, false);
        return Ok(());
    }
    reader.skip(1)?; // color_range
    (info.subsampling_x, info.subsampling_y) = match (info.profile, info.bit_depth) {
        (0, _) => (true, true),
        (1, _) => (false, false),
        (_, 12) => {
            let x = reader.flag()?;
            (x, x && reader.flag()?)
        }
        (_, _) => (true, false),
    };
    if info.subsampling_x && info.subsampling_y {
        info.chroma_sample_position = reader.byte(2)?;
    }
    Ok(())
}
