//! H.264 sequence parameter sets.
//!
//! Source: ITU-T H.264 §7.3.2.1.1, E.1.1. The usability information at the end is read leniently: several
//! cameras write it wrong, and only the frame rate and the reordering depth would come from it.
use super::super::bits::BitReader;
use super::super::{BitstreamError, nal};

/// Widest and highest picture accepted, in samples; level 6.2 ends at 16,384.
const SIDE_MAX: u32 = 16_384;

/// What a sequence parameter set says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpsInfo {
    /// Width in samples, after cropping.
    pub width: u32,
    /// Height in samples, after cropping.
    pub height: u32,
    /// `profile_idc`, such as 100 for High.
    pub profile_idc: u8,
    /// The constraint flags byte, set 0 in the highest bit.
    pub constraints: u8,
    /// Level times ten.
    pub level_idc: u8,
    /// Frames a second as a fraction, where the stream says so and is not obviously wrong.
    pub fps: Option<(u32, u32)>,
    /// Frames that may precede another in decoding order but follow it in showing, where known.
    pub reorder_depth: Option<usize>,
    /// 0 grey, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub chroma_format_idc: u8,
    /// Bits of a luma sample.
    pub bit_depth_luma: u8,
    /// Bits of a chroma sample.
    pub bit_depth_chroma: u8,
}

/// Reads a sequence parameter set NAL unit, from its header byte on.
pub fn parse_sps(sps: &[u8]) -> Result<SpsInfo, BitstreamError> {
    let rbsp = nal::unescape(sps);
    let mut reader = BitReader::new("H.264 SPS", &rbsp);
    let header = reader.byte(8)?;
    if super::nal_type(header) != super::NAL_SPS {
        return Err(reader.invalid("nal_unit_type", u64::from(super::nal_type(header))));
    }
    let profile_idc = reader.byte(8)?;
    let constraints = reader.byte(8)?;
    let level_idc = reader.byte(8)?;
    reader.ue_max("seq_parameter_set_id", 31)?;
    let format = match profile_idc {
        100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135 => {
            chroma_format(&mut reader)?
        }
        0..=255 => Format { chroma_format_idc: 1, separate_planes: false, luma: 8, chroma: 8 },
    };
    reader.ue_max("log2_max_frame_num_minus4", 12)?;
    let order_count_type = picture_order_count(&mut reader)?;
    reader.ue()?; // max_num_ref_frames
    reader.flag()?; // gaps_in_frame_num_value_allowed_flag
    let width_mbs = reader.ue_max("pic_width_in_mbs_minus1", SIDE_MAX / 16 - 1)? + 1;
    let height_units = reader.ue_max("pic_height_in_map_units_minus1", SIDE_MAX / 16 - 1)? + 1;
    let frame_mbs_only = reader.flag()?;
    let fields = if frame_mbs_only { 1 } else { 2 };
    if !frame_mbs_only {
        reader.flag()?; // mb_adaptive_frame_field_flag
    }
    reader.flag()?; // direct_8x8_inference_flag
    let crop = if reader.flag()? { [reader.ue()?, reader.ue()?, reader.ue()?, reader.ue()?] } else { [0; 4] };

    let (unit_x, unit_y) = match (format.separate_planes, format.chroma_format_idc) {
        (false, 1) => (2, 2),
        (false, 2) => (2, 1),
        (true | false, _) => (1, 1),
    };
    let [left, right, top, bottom] = crop;
    let width = cropped(&reader, width_mbs * 16, left, right, unit_x)?;
    let height = cropped(&reader, height_units * 16 * fields, top, bottom, unit_y * fields)?;

    let usability =
        if reader.flag().unwrap_or(false) { usability(&mut reader) } else { Usability::default() };
    // Without reordering by definition: baseline has no B slices, order count type 2 forbids them, and intra-only
    // profiles have nothing to reorder.
    let intra_only = profile_idc == 44 || (matches!(profile_idc, 110 | 122 | 244) && constraints & 0x10 != 0);
    let never_reorders = profile_idc == 66 || order_count_type == 2 || intra_only;
    let reorder_depth = if never_reorders { Some(0) } else { usability.reorder_depth };
    Ok(SpsInfo {
        width,
        height,
        profile_idc,
        constraints,
        level_idc,
        fps: usability.fps,
        reorder_depth,
        chroma_format_idc: format.chroma_format_idc,
        bit_depth_luma: format.luma,
        bit_depth_chroma: format.chroma,
    })
}

fn cropped(
    reader: &BitReader<'_>,
    whole: u32,
    before: u32,
    after: u32,
    unit: u32,
) -> Result<u32, BitstreamError> {
    let cut = (u64::from(before) + u64::from(after)) * u64::from(unit);
    match u64::from(whole).checked_sub(cut) {
        Some(left) if left > 0 => Ok(left as u32),
        Some(_) | None => Err(reader.invalid("frame_cropping", cut)),
    }
}

struct Format {
    chroma_format_idc: u8,
    separate_planes: bool,
    luma: u8,
    chroma: u8,
}

fn chroma_format(reader: &mut BitReader<'_>) -> Result<Format, BitstreamError> {
    let chroma_format_idc = reader.ue_max("chroma_format_idc", 3)? as u8;
    let separate_planes = chroma_format_idc == 3 && reader.flag()?;
    let luma = reader.ue_max("bit_depth_luma_minus8", 6)? as u8 + 8;
    let chroma = reader.ue_max("bit_depth_chroma_minus8", 6)? as u8 + 8;
    reader.flag()?; // qpprime_y_zero_transform_bypass_flag
    if reader.flag()? {
        let lists = if chroma_format_idc == 3 { 12 } else { 8 };
        for index in 0..lists {
            if reader.flag()? {
                skip_scaling_list(reader, if index < 6 { 16 } else { 64 })?;
            }
        }
    }
    Ok(Format { chroma_format_idc, separate_planes, luma, chroma })
}

fn skip_scaling_list(reader: &mut BitReader<'_>, size: usize) -> Result<(), BitstreamError> {
    let (mut last, mut next) = (8_i32, 8_i32);
    for _ in 0..size {
        if next != 0 {
            next = last.wrapping_add(reader.se()?) & 0xff;
        }
        last = if next == 0 { last } else { next };
    }
    Ok(())
}

fn picture_order_count(reader: &mut BitReader<'_>) -> Result<u32, BitstreamError> {
    let kind = reader.ue_max("pic_order_cnt_type", 2)?;
    if kind == 0 {
        reader.ue_max("log2_max_pic_order_cnt_lsb_minus4", 12)?;
    } else if kind == 1 {
        reader.flag()?; // delta_pic_order_always_zero_flag
        reader.se()?; // offset_for_non_ref_pic
        reader.se()?; // offset_for_top_to_bottom_field
        for _ in 0..reader.ue_max("num_ref_frames_in_pic_order_cnt_cycle", 255)? {
            reader.se()?;
        }
    }
    Ok(kind)
}

#[derive(Default)]
struct Usability {
    fps: Option<(u32, u32)>,
    reorder_depth: Option<usize>,
}

fn usability(reader: &mut BitReader<'_>) -> Usability {
    let mut found = Usability::default();
    // What was found before a wrong field stays.
    let _ = read_usability(reader, &mut found);
    found
}

/// `aspect_ratio_idc` that is followed by an explicit ratio.
const EXTENDED_SAR: u8 = 255;

fn read_usability(reader: &mut BitReader<'_>, found: &mut Usability) -> Result<(), BitstreamError> {
    if reader.flag()? && reader.byte(8)? == EXTENDED_SAR {
        reader.skip(32)?;
    }
    if reader.flag()? {
        reader.flag()?; // overscan_appropriate_flag
    }
    if reader.flag()? {
        reader.skip(4)?; // video_format, video_full_range_flag
        if reader.flag()? {
            reader.skip(24)?; // colour_primaries, transfer_characteristics, matrix_coefficients
        }
    }
    if reader.flag()? {
        reader.ue_max("chroma_sample_loc_type_top_field", 5)?;
        reader.ue_max("chroma_sample_loc_type_bottom_field", 5)?;
    }
    if reader.flag()? {
        let units = reader.bits(32)?;
        let scale = reader.bits(32)?;
        reader.flag()?; // fixed_frame_rate_flag
        found.fps = super::super::plausible_rate(u64::from(scale), u64::from(units) * 2);
    }
    let nal_hrd = reader.flag()?;
    if nal_hrd {
        skip_hrd(reader)?;
    }
    let vcl_hrd = reader.flag()?;
    if vcl_hrd {
        skip_hrd(reader)?;
    }
    if nal_hrd || vcl_hrd {
        reader.flag()?; // low_delay_hrd_flag
    }
    reader.flag()?; // pic_struct_present_flag
    if reader.flag()? {
        reader.flag()?; // motion_vectors_over_pic_boundaries_flag
        reader.ue_max("max_bytes_per_pic_denom", 16)?;
        reader.ue_max("max_bits_per_mb_denom", 16)?;
        reader.ue_max("log2_max_mv_length_horizontal", 32)?;
        reader.ue_max("log2_max_mv_length_vertical", 32)?;
        found.reorder_depth = Some(reader.ue_max("max_num_reorder_frames", 16)? as usize);
    }
    Ok(())
}

fn skip_hrd(reader: &mut BitReader<'_>) -> Result<(), BitstreamError> {
    let count = reader.ue_max("cpb_cnt_minus1", 31)? + 1;
    reader.skip(8)?; // bit_rate_scale, cpb_size_scale
    for _ in 0..count {
        reader.ue()?;
        reader.ue()?;
        reader.flag()?;
    }
    reader.skip(20) // four lengths of five bits
}
