//! What a track can be asked, whatever its codec.
//!
//! Sources: RFC 6381 §3.3, ISO/IEC 14496-15 Annex E.3, AV1 in ISOBMFF §5, VP codec ISO binding (codec strings).
use super::{aac, av1, h264, h265, mp3, opus, vp9};
use media::{Codec, CodecParams, Track, rescale};
use std::fmt::Write;

/// The codec string of RFC 6381: `avc1.640029`, `hvc1.1.6.L153.B0`, `mp4a.40.2`. `None` while the parameters are
/// not known, and for codecs that browsers do not play from MP4.
pub fn codec_string(track: &Track) -> Option<String> {
    match track.codec {
        Codec::H264 => {
            let CodecParams::H264 { sps, .. } = &track.params else { return None };
            let &[_, profile, constraints, level, ..] = sps.get(..)? else { return None };
            Some(format!("avc1.{profile:02X}{constraints:02X}{level:02X}"))
        }
        Codec::H265 => hevc_string(&track.params),
        Codec::Av1 => {
            let info = av1_info(track)?;
            let tier = if info.high_tier { 'H' } else { 'M' };
            Some(format!("av01.{}.{:02}{tier}.{:02}", info.profile, info.level_idx, info.bit_depth))
        }
        Codec::Vp8 => Some("vp8".into()),
        Codec::Vp9 => {
            let &CodecParams::Vp9 { profile, level, bit_depth } = &track.params else { return None };
            let level = if level == 0 { vp9::LEVEL_UNKNOWN } else { level };
            Some(format!("vp09.{profile:02}.{level:02}.{bit_depth:02}"))
        }
        Codec::Aac => aac_config(track).map(|config| format!("mp4a.40.{}", config.announced_object_type())),
        Codec::Opus => Some("opus".into()),
        Codec::Mp3 => Some("mp3".into()),
        Codec::Mjpeg | Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::L16 => None,
    }
}

fn hevc_string(params: &CodecParams) -> Option<String> {
    let CodecParams::H265 { sps, .. } = params else { return None };
    let profile = h265::parse_sps(sps).ok()?.profile;
    let space = ["", "A", "B", "C"][usize::from(profile.profile_space & 3)];
    let tier = if profile.high_tier { 'H' } else { 'L' };
    let compatibility = profile.compatibility.reverse_bits();
    let mut text =
        format!("hvc1.{space}{}.{compatibility:X}.{tier}{}", profile.profile_idc, profile.level_idc);
    let said = profile.constraints.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    for byte in &profile.constraints[..said] {
        write!(text, ".{byte:X}").ok()?;
    }
    Some(text)
}

/// Width and height in samples, where the track's parameters tell (H.264, H.265, AV1).
pub fn video_size(track: &Track) -> Option<(u32, u32)> {
    match &track.params {
        CodecParams::H264 { sps, .. } => h264::parse_sps(sps).ok().map(|info| (info.width, info.height)),
        CodecParams::H265 { sps, .. } => h265::parse_sps(sps).ok().map(|info| (info.width, info.height)),
        CodecParams::Av1 { .. } => av1_info(track).map(|info| (info.width, info.height)),
        CodecParams::None | CodecParams::Vp9 { .. } | CodecParams::Aac { .. } => None,
    }
}

/// Frames that may precede another in decoding order but follow it in showing. `None` where the stream does not
/// tell; 0 for all codecs that never reorder what they carry.
pub fn reorder_depth(track: &Track) -> Option<usize> {
    match (track.codec, &track.params) {
        (Codec::H264, CodecParams::H264 { sps, .. }) => h264::parse_sps(sps).ok()?.reorder_depth,
        (Codec::H265, CodecParams::H265 { sps, .. }) => h265::parse_sps(sps).ok()?.reorder_depth,
        (Codec::H264 | Codec::H265, _) => None,
        (
            Codec::Av1
            | Codec::Vp8
            | Codec::Vp9
            | Codec::Mjpeg
            | Codec::Aac
            | Codec::Opus
            | Codec::Pcmu
            | Codec::Pcma
            | Codec::G722
            | Codec::L16
            | Codec::Mp3,
            _,
        ) => Some(0),
    }
}

/// Frames a second as a fraction, where the stream tells.
pub fn frame_rate(track: &Track) -> Option<(u32, u32)> {
    match &track.params {
        CodecParams::H264 { sps, .. } => h264::parse_sps(sps).ok()?.fps,
        CodecParams::H265 { sps, .. } => h265::parse_sps(sps).ok()?.fps,
        CodecParams::Av1 { .. } => av1_info(track)?.fps,
        CodecParams::None | CodecParams::Vp9 { .. } | CodecParams::Aac { .. } => None,
    }
}

/// How long one audio unit lasts, in ticks of the track's clock. `None` for video and for units that cannot be read.
pub fn audio_frame_ticks(track: &Track, data: &[u8]) -> Option<u32> {
    let rate = track.clock_rate;
    let ticks = |samples: u32, samples_rate: u32| {
        u32::try_from(rescale(i64::from(samples), samples_rate, rate)).ok().filter(|&ticks| ticks > 0)
    };
    let bytes = u32::try_from(data.len()).ok()?;
    let channels = u32::from(track.channels.max(1));
    match track.codec {
        Codec::Aac => match aac_config(track) {
            Some(config) => ticks(u32::from(config.frame_samples), config.sample_rate),
            None => Some(1024),
        },
        Codec::Opus => ticks(opus::packet_duration_48k(data)?, 48_000),
        Codec::Mp3 => {
            let header = mp3::parse_header(data).ok()?;
            ticks(header.samples, header.sample_rate)
        }
        Codec::Pcmu | Codec::Pcma => Some(bytes / channels).filter(|&ticks| ticks > 0),
        // One byte holds two samples at 16 kHz: one tick of its clock of 8 kHz.
        Codec::G722 => Some(bytes / channels).filter(|&ticks| ticks > 0),
        Codec::L16 => Some(bytes / (2 * channels)).filter(|&ticks| ticks > 0),
        Codec::H264 | Codec::H265 | Codec::Av1 | Codec::Vp8 | Codec::Vp9 | Codec::Mjpeg => None,
    }
}

/// The profile's name and the level times ten (41 is level 4.1), as far as the track tells.
pub fn profile_level_name(track: &Track) -> (Option<&'static str>, Option<u8>) {
    match &track.params {
        CodecParams::H264 { sps, .. } => match sps.get(..4) {
            Some(&[_, profile, constraints, level]) => {
                (h264::profile_name(profile, constraints), Some(level))
            }
            Some(_) | None => (None, None),
        },
        CodecParams::H265 { sps, .. } => match h265::parse_sps(sps) {
            Ok(info) => (h265::profile_name(info.profile.profile_idc), Some(info.profile.level_idc / 3)),
            Err(_) => (None, None),
        },
        CodecParams::Av1 { .. } => match av1_info(track) {
            Some(info) => {
                let level = 20 + (info.level_idx >> 2) * 10 + (info.level_idx & 3);
                (av1::profile_name(info.profile), Some(level).filter(|_| info.level_idx < 24))
            }
            None => (None, None),
        },
        &CodecParams::Vp9 { profile, level, .. } => {
            let name =
                ["Profile 0", "Profile 1", "Profile 2", "Profile 3"].get(usize::from(profile)).copied();
            (name, Some(level).filter(|&level| level > 0))
        }
        CodecParams::Aac { .. } => {
            let kind = aac_config(track).map(|config| config.announced_object_type());
            let name = kind.and_then(|kind| match kind {
                aac::OBJECT_MAIN => Some("Main"),
                aac::OBJECT_LC => Some("LC"),
                aac::OBJECT_SBR => Some("HE-AAC"),
                aac::OBJECT_PS => Some("HE-AACv2"),
                aac::OBJECT_LD => Some("LD"),
                aac::OBJECT_ELD => Some("ELD"),
                0..=255 => None,
            });
            (name, None)
        }
        CodecParams::None => (None, None),
    }
}

fn aac_config(track: &Track) -> Option<aac::AudioSpecificConfig> {
    let CodecParams::Aac { config } = &track.params else { return None };
    aac::AudioSpecificConfig::parse(config).ok()
}

fn av1_info(track: &Track) -> Option<av1::SequenceInfo> {
    let CodecParams::Av1 { sequence_header } = &track.params else { return None };
    av1::parse_sequence_header(sequence_header).ok()
}

#[cfg(test)]
mod tests;
