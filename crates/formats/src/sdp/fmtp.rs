//! `a=fmtp`: format parameters to codec parameters.
//!
//! Sources: RFC 6184 §8.1 (H.264), RFC 7798 §7.1 (H.265), RFC 3640 §4.1 and RFC 6416 §7.3 (AAC), RFC 9628 §6
//! (VP9), RFC 7587 §6.1 (Opus).
use super::payload::{Payload, RtpMap};
use crate::bitstream::aac::{AudioSpecificConfig, latm};
use crate::bitstream::{h264, h265, nal};
use crate::rtp::AacPayload;
use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use media::{Codec, CodecParams};

/// Takes base64 with or without padding, and with bits set that should be zero.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The parameters of one `a=fmtp`, in their order; names are compared without case.
#[derive(Debug, Default)]
pub(super) struct Parameters<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Parameters<'a> {
    pub(super) fn parse(value: &'a str) -> Self {
        // Base64 may end with `=`: only the first one parts name and value.
        let pairs = value.split(';').map(|pair| match pair.split_once('=') {
            Some((name, value)) => (name.trim(), value.trim().trim_matches('"')),
            None => (pair.trim(), ""),
        });
        Self(pairs.filter(|pair| !pair.0.is_empty()).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|pair| pair.0.eq_ignore_ascii_case(name)).map(|pair| pair.1)
    }

    fn number(&self, name: &str) -> Option<u32> {
        self.get(name)?.parse().ok()
    }
}

/// Puts what the parameters say into the payload. What is wrong and left out goes to `notes`; `Err` when the
/// payload cannot be read at all.
pub(super) fn apply(
    payload: &mut Payload,
    map: &RtpMap<'_>,
    parameters: &Parameters<'_>,
    notes: &mut Vec<String>,
) -> Result<(), String> {
    let payload_type = payload.payload_type;
    let mut sets = |name: &str| parameter_sets(parameters, name, payload_type, notes);
    match payload.track.codec {
        Codec::H264 => payload.track.params = h264_params(sets("sprop-parameter-sets")),
        Codec::H265 => {
            let all = [sets("sprop-vps"), sets("sprop-sps"), sets("sprop-pps")].concat();
            payload.track.params = h265_params(all);
            let numbered = |name| parameters.number(name).is_some_and(|value| value > 0);
            payload.depacketizer.h265_donl =
                numbered("sprop-max-don-diff") || numbered("sprop-depack-buf-nalus");
        }
        Codec::Vp9 => {
            // Only the profiles 0 and 1 tell the bit depth; else the first key frame does.
            if let Some(profile @ 0..=1) = parameters.number("profile-id") {
                payload.track.params = CodecParams::Vp9 { profile: profile as u8, level: 0, bit_depth: 8 };
            }
        }
        Codec::Aac => return aac(payload, map, parameters, notes),
        Codec::Opus => {
            let says = |name| parameters.number(name);
            let mono = says("sprop-stereo").or(says("stereo")) == Some(0);
            if mono {
                payload.track.channels = 1;
            }
        }
        Codec::Av1
        | Codec::Vp8
        | Codec::Mjpeg
        | Codec::Pcmu
        | Codec::Pcma
        | Codec::G722
        | Codec::L16
        | Codec::Mp3 => {}
    }
    Ok(())
}

fn parameter_sets(
    parameters: &Parameters<'_>,
    name: &str,
    payload_type: u8,
    notes: &mut Vec<String>,
) -> Vec<Bytes> {
    let mut sets = Vec::new();
    for text in parameters.get(name).into_iter().flat_map(|value| value.split(',')) {
        let clean: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        match LENIENT.decode(&clean) {
            Ok(bytes) if bytes.starts_with(&[0, 0, 1]) || bytes.starts_with(&[0, 0, 0, 1]) => {
                // Seen from cameras: Annex B inside base64.
                sets.extend(nal::split_annexb(&bytes).map(Bytes::copy_from_slice));
            }
            // Padded sets would differ from those in the stream.
            Ok(bytes) => match nal::trim_zeros(&bytes) {
                [] => {}
                set => sets.push(Bytes::copy_from_slice(set)),
            },
            Err(error) => notes.push(format!("{name} of payload type {payload_type}: {error}")),
        }
    }
    sets
}

fn h264_params(sets: Vec<Bytes>) -> CodecParams {
    let (mut sps, mut pps) = (None, Vec::new());
    for set in sets {
        match h264::nal_type(set[0]) {
            h264::NAL_SPS if sps.is_none() && h264::parse_sps(&set).is_ok() => sps = Some(set),
            h264::NAL_PPS => pps.push(set),
            0..=255 => {}
        }
    }
    match sps {
        Some(sps) if !pps.is_empty() => CodecParams::H264 { sps, pps },
        Some(_) | None => CodecParams::None,
    }
}

fn h265_params(sets: Vec<Bytes>) -> CodecParams {
    let (mut vps, mut sps, mut pps) = (None, None, Vec::new());
    for set in sets {
        match h265::nal_type(set[0]) {
            h265::NAL_VPS if vps.is_none() => vps = Some(set),
            h265::NAL_SPS if sps.is_none() && h265::parse_sps(&set).is_ok() => sps = Some(set),
            h265::NAL_PPS => pps.push(set),
            0..=255 => {}
        }
    }
    match (vps, sps) {
        (Some(vps), Some(sps)) if !pps.is_empty() => CodecParams::H265 { vps, sps, pps },
        (_, _) => CodecParams::None,
    }
}

fn aac(
    payload: &mut Payload,
    map: &RtpMap<'_>,
    parameters: &Parameters<'_>,
    notes: &mut Vec<String>,
) -> Result<(), String> {
    let latm = map.encoding.eq_ignore_ascii_case("MP4A-LATM");
    if latm {
        // In-band configuration is the default, yet devices that give a config= mean 0.
        if parameters.number("cpresent").unwrap_or(u32::from(parameters.get("config").is_none())) != 0 {
            return Err("MP4A-LATM with its configuration in-band (cpresent=1)".into());
        }
        payload.depacketizer.aac = AacPayload::Latm;
    } else {
        payload.depacketizer.aac = generic(parameters);
    }
    let config = parameters.get("config").and_then(from_hex).filter(|config| !config.is_empty());
    let read = config.as_deref().map(|config| match latm {
        true => latm::parse_mux_config(config),
        false => AudioSpecificConfig::parse(config),
    });
    let (config, found) = match (config, read) {
        (Some(_), Some(Ok(found))) if latm => (found.build(), found),
        (Some(config), Some(Ok(found))) => (config, found),
        (_, Some(Err(error))) if latm => return Err(format!("MP4A-LATM: {error}")),
        (_, None) if latm => return Err("MP4A-LATM without a config".into()),
        (_, read) => {
            let why = match read {
                Some(Err(error)) => error.to_string(),
                Some(Ok(_)) | None => "none, or no hexadecimal number".into(),
            };
            notes.push(format!("config of payload type {}: {why}; AAC-LC is assumed", payload.payload_type));
            let assumed = AudioSpecificConfig::lc(payload.track.clock_rate, payload.track.channels.max(1));
            (assumed.build(), assumed)
        }
    };
    if map.clock_rate.is_none() {
        payload.track.clock_rate = found.output_rate();
        payload.depacketizer.rtp_clock_rate = found.output_rate();
    } else if payload.track.clock_rate == 90_000 {
        // RFC 6416 §7.3: LATM may run on 90 kHz; the track keeps its sample rate.
        payload.track.clock_rate = found.output_rate();
    }
    if found.channels > 0 {
        payload.track.channels = found.output_channels();
    }
    payload.track.params = CodecParams::Aac { config };
    Ok(())
}

fn generic(parameters: &Parameters<'_>) -> AacPayload {
    let usual = match parameters.get("mode") {
        Some(mode) if mode.eq_ignore_ascii_case("AAC-lbr") => AacPayload::LOW_BIT_RATE,
        Some(_) | None => AacPayload::HIGH_BIT_RATE,
    };
    let AacPayload::Generic { size_length, index_length, index_delta_length } = usual else { return usual };
    // Without any of the three the mode's values hold: some devices write the mode alone.
    let number = |name, usual| match parameters.get(name) {
        Some(text) => text.parse().unwrap_or(usual),
        None if parameters.get("sizelength").is_some() => 0,
        None => usual,
    };
    AacPayload::Generic {
        size_length: number("sizelength", size_length),
        index_length: number("indexlength", index_length),
        index_delta_length: number("indexdeltalength", index_delta_length),
    }
}

fn from_hex(text: &str) -> Option<Bytes> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    Some(digits?.chunks_exact(2).map(|pair| (pair[0] << 4) | pair[1]).collect::<Vec<u8>>().into())
}
