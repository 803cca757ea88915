//! H.265 sequence parameter sets.
//!
//! Source: ITU-T H.265 §7.3.2.2, §7.3.3, §7.3.4, §7.3.7, E.2.1. What comes after the reordering depth is read
//! leniently: only the frame rate would come from it.
use super::super::bits::BitReader;
use super::super::{BitstreamError, nal};

/// Widest and highest picture accepted, in samples; level 7.2 ends at 33,800, no encoder does.
const SIDE_MAX: u32 = 16_384;

/// `profile_tier_level()`: the general part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProfileTierLevel {
    /// `general_profile_space`, 0 to 3.
    pub profile_space: u8,
    /// High tier instead of Main.
    pub high_tier: bool,
    /// `general_profile_idc`.
    pub profile_idc: u8,
    /// `general_profile_compatibility_flag[0]` in the highest bit.
    pub compatibility: u32,
    /// The 48 bits from `general_progressive_source_flag` on.
    pub constraints: [u8; 6],
    /// Level times thirty.
    pub level_idc: u8,
}

/// What a sequence parameter set says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpsInfo {
    /// Width in samples, inside the conformance window.
    pub width: u32,
    /// Height in samples, inside the conformance window.
    pub height: u32,
    /// Profile, tier and level.
    pub profile: ProfileTierLevel,
    /// Frames a second as a fraction, where the stream says so and is not obviously wrong.
    pub fps: Option<(u32, u32)>,
    /// Frames that may precede another in decoding order but follow it in showing.
    pub reorder_depth: Option<usize>,
    /// 0 grey, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub chroma_format_idc: u8,
    /// Bits of a luma sample.
    pub bit_depth_luma: u8,
    /// Bits of a chroma sample.
    pub bit_depth_chroma: u8,
    /// Temporal sub-layers, 1 to 7.
    pub temporal_layers: u8,
    /// `sps_temporal_id_nesting_flag`.
    pub temporal_id_nested: bool,
}

/// Reads a sequence parameter set NAL unit, from its two header bytes on.
pub fn parse_sps(sps: &[u8]) -> Result<SpsInfo, BitstreamError> {
    let rbsp = nal::unescape(sps);
    let mut reader = BitReader::new("H.265 SPS", &rbsp);
    let kind = super::nal_type(reader.byte(8)?);
    reader.skip(8)?;
    if kind != super::NAL_SPS {
        return Err(reader.invalid("nal_unit_type", u64::from(kind)));
    }
    reader.skip(4)?; // sps_video_parameter_set_id
    let layers_minus1 = reader.byte(3)?;
    if layers_minus1 > 6 {
        return Err(reader.invalid("sps_max_sub_layers_minus1", u64::from(layers_minus1)));
    }
    let temporal_id_nested = reader.flag()?;
    let profile = profile_tier_level(&mut reader, layers_minus1)?;
    reader.ue_max("sps_seq_parameter_set_id", 15)?;
    let chroma_format_idc = reader.ue_max("chroma_format_idc", 3)? as u8;
    let separate_planes = chroma_format_idc == 3 && reader.flag()?;
    let width = reader.ue_max("pic_width_in_luma_samples", SIDE_MAX)?;
    let height = reader.ue_max("pic_height_in_luma_samples", SIDE_MAX)?;
    let window =
        if reader.flag()? { [reader.ue()?, reader.ue()?, reader.ue()?, reader.ue()?] } else { [0; 4] };
    let (unit_x, unit_y) = match (separate_planes, chroma_format_idc) {
        (false, 1) => (2, 2),
        (false, 2) => (2, 1),
        (true | false, _) => (1, 1),
    };
    let [left, right, top, bottom] = window;
    let width = inside(&reader, width, left, right, unit_x)?;
    let height = inside(&reader, height, top, bottom, unit_y)?;
    let bit_depth_luma = reader.ue_max("bit_depth_luma_minus8", 8)? as u8 + 8;
    let bit_depth_chroma = reader.ue_max("bit_depth_chroma_minus8", 8)? as u8 + 8;
    let order_count_bits = reader.ue_max("log2_max_pic_order_cnt_lsb_minus4", 12)? + 4;
    let first_layer = if reader.flag()? { 0 } else { layers_minus1 };
    let mut reorder_depth = 0;
    for _ in first_layer..=layers_minus1 {
        reader.ue()?; // sps_max_dec_pic_buffering_minus1
        reorder_depth = reader.ue_max("sps_max_num_reorder_pics", 16)? as usize;
        reader.ue()?; // sps_max_latency_increase_plus1
    }
    let fps = frame_rate(&mut reader, chroma_format_idc, order_count_bits).ok().flatten();
    Ok(SpsInfo {
        width,
        height,
        profile,
        fps,
        reorder_depth: Some(reorder_depth),
        chroma_format_idc,
        bit_depth_luma,
        bit_depth_chroma,
        temporal_layers: layers_minus1 + 1,
        temporal_id_nested,
    })
}

fn inside(
    reader: &BitReader<'_>,
    whole: u32,
    before: u32,
    after: u32,
    unit: u32,
) -> Result<u32, BitstreamError> {
    let cut = (u64::from(before) + u64::from(after)) * u64::from(unit);
    match u64::from(whole).checked_sub(cut) {
        Some(left) if left > 0 => Ok(left as u32),
        Some(_) | None => Err(reader.invalid("conformance_window", cut)),
    }
}

fn profile_tier_level(
    reader: &mut BitReader<'_>,
    layers_minus1: u8,
) -> Result<ProfileTierLevel, BitstreamError> {
    let mut found = ProfileTierLevel {
        profile_space: reader.byte(2)?,
        high_tier: reader.flag()?,
        profile_idc: reader.byte(5)?,
        compatibility: reader.bits(32)?,
        ..ProfileTierLevel::default()
    };
    for byte in &mut found.constraints {
        *byte = reader.byte(8)?;
    }
    found.level_idc = reader.byte(8)?;
    let mut present = [(false, false); 7];
    for layer in present.iter_mut().take(usize::from(layers_minus1)) {
        *layer = (reader.flag()?, reader.flag()?);
    }
    if layers_minus1 > 0 {
        reader.skip(2 * (8 - usize::from(layers_minus1)))?;
    }
    for (profile, level) in present {
        reader.skip(usize::from(profile) * 88 + usize::from(level) * 8)?;
    }
    Ok(found)
}

/// Walks to the timing in the usability information.
fn frame_rate(
    reader: &mut BitReader<'_>,
    chroma_format_idc: u8,
    order_count_bits: u32,
) -> Result<Option<(u32, u32)>, BitstreamError> {
    for _ in 0..6 {
        reader.ue()?; // sizes and depths of coding and transform blocks
    }
    if reader.flag()? && reader.flag()? {
        skip_scaling_lists(reader, chroma_format_idc)?;
    }
    reader.skip(2)?; // amp_enabled_flag, sample_adaptive_offset_enabled_flag
    if reader.flag()? {
        reader.skip(8)?; // PCM bit depths
        reader.ue()?;
        reader.ue()?;
        reader.flag()?;
    }
    skip_reference_picture_sets(reader)?;
    if reader.flag()? {
        for _ in 0..reader.ue_max("num_long_term_ref_pics_sps", 32)? {
            reader.skip(order_count_bits as usize + 1)?;
        }
    }
    reader.skip(2)?; // sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag
    if reader.flag()? { usability(reader) } else { Ok(None) }
}

fn skip_scaling_lists(reader: &mut BitReader<'_>, chroma_format_idc: u8) -> Result<(), BitstreamError> {
    for size in 0..4 {
        // The 32×32 matrices of chroma are only there for 4:4:4.
        let step = if size == 3 && chroma_format_idc != 3 { 3 } else { 1 };
        for _ in (0..6).step_by(step) {
            if reader.flag()? {
                if size > 1 {
                    reader.se()?; // scaling_list_dc_coef_minus8
                }
                for _ in 0..(1 << (4 + (size << 1))).min(64) {
                    reader.se()?;
                }
            } else {
                reader.ue()?; // scaling_list_pred_matrix_id_delta
            }
        }
    }
    Ok(())
}

fn skip_reference_picture_sets(reader: &mut BitReader<'_>) -> Result<(), BitstreamError> {
    let sets = reader.ue_max("num_short_term_ref_pic_sets", 64)?;
    let mut previous = 0;
    for index in 0..sets {
        if index > 0 && reader.flag()? {
            reader.flag()?; // delta_rps_sign
            reader.ue()?; // abs_delta_rps_minus1
            let mut pictures = 0;
            for _ in 0..=previous {
                // used_by_curr_pic_flag, and if it is unset use_delta_flag
                if reader.flag()? || reader.flag()? {
                    pictures += 1;
                }
            }
            previous = pictures;
        } else {
            let negative = reader.ue_max("num_negative_pics", 16)?;
            let positive = reader.ue_max("num_positive_pics", 16)?;
            for _ in 0..negative + positive {
                reader.ue()?;
                reader.flag()?;
            }
            previous = negative + positive;
        }
    }
    Ok(())
}

/// `aspect_ratio_idc` that is followed by an explicit ratio.
const EXTENDED_SAR: u8 = 255;

fn usability(reader: &mut BitReader<'_>) -> Result<Option<(u32, u32)>, BitstreamError> {
    if reader.flag()? && reader.byte(8)? == EXTENDED_SAR {
        reader.skip(32)?;
    }
    if reader.flag()? {
        reader.flag()?; // overscan_appropriate_flag
    }
    if reader.flag()? {
        reader.skip(4)?; // video_format, video_full_range_flag
        if reader.flag()? {
            reader.skip(24)?; // colour_primaries, transfer_characteristics, matrix_coeffs
        }
    }
    if reader.flag()? {
        reader.ue()?; // chroma_sample_loc_type_top_field
        reader.ue()?; // chroma_sample_loc_type_bottom_field
    }
    reader.skip(3)?; // neutral_chroma_indication_flag, field_seq_flag, frame_field_info_present_flag
    if reader.flag()? {
        for _ in 0..4 {
            reader.ue()?; // default display window
        }
    }
    if !reader.flag()? {
        return Ok(None);
    }
    let units = reader.bits(32)?;
    let scale = reader.bits(32)?;
    Ok(super::super::plausible_rate(u64::from(scale), u64::from(units)))
}
