//! Which header a codec has in FLV.
use super::super::audio::{aac_packet_type, packet_type as audio_packet_type};
use super::super::video::{EX_HEADER, FRAME_INTER, FRAME_KEY, avc_packet_type, packet_type};
use super::super::{FourCc, TagKind, four_cc_of, legacy};
use crate::bitstream;
use bytes::{BufMut, Bytes, BytesMut};
use media::{Codec, CodecParams, Track};

/// A few bytes on the stack.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeaderBytes {
    bytes: [u8; super::CODEC_HEADER_MAX],
    length: usize,
}

impl HeaderBytes {
    fn of(parts: &[&[u8]]) -> Self {
        let mut header = Self { bytes: [0; super::CODEC_HEADER_MAX], length: 0 };
        for byte in parts.iter().copied().flatten() {
            header.bytes[header.length] = *byte;
            header.length += 1;
        }
        header
    }
}

impl std::ops::Deref for HeaderBytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// How a track is carried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Carrier {
    /// H.264, or H.265 by its number.
    Avc(u8),
    /// Enhanced video; `composition`: the codec has a composition time.
    ExVideo { four_cc: FourCc, composition: bool },
    /// AAC by its number, with this first byte.
    Aac(u8),
    /// Enhanced audio.
    ExAudio(FourCc),
    /// Sound without a sequence header, with this first byte.
    Plain(u8),
}

impl Carrier {
    /// How FLV carries the track, or why it cannot.
    pub(super) fn of(track: &Track, enhanced: bool) -> Result<Self, &'static str> {
        const ENHANCED: &str = "it needs enhanced RTMP";
        const NO_PARAMS: &str = "its parameters are not known yet";
        const NEVER: &str = "FLV has no place for this codec";
        let ex_video = |composition| match four_cc_of(track.codec) {
            Some(four_cc) if enhanced => Ok(Carrier::ExVideo { four_cc, composition }),
            Some(_) => Err(ENHANCED),
            None => Err(NEVER),
        };
        let ex_audio = || match four_cc_of(track.codec) {
            Some(four_cc) if enhanced => Ok(Carrier::ExAudio(four_cc)),
            Some(_) => Err(ENHANCED),
            None => Err(NEVER),
        };
        match track.codec {
            Codec::H264 | Codec::H265 | Codec::Aac | Codec::Av1 if track.params == CodecParams::None => {
                Err(NO_PARAMS)
            }
            Codec::H264 => Ok(Carrier::Avc(legacy::VIDEO_AVC)),
            Codec::H265 if !enhanced => Ok(Carrier::Avc(legacy::VIDEO_HEVC)),
            Codec::H265 => ex_video(true),
            Codec::Av1 | Codec::Vp8 | Codec::Vp9 => ex_video(false),
            // Rate and channels stand in the sequence header; the bits say "44 kHz, 16 bits, stereo" by rule.
            Codec::Aac => Ok(Carrier::Aac((legacy::AUDIO_AAC << 4) | 0x0f)),
            Codec::Opus => ex_audio(),
            Codec::Mp3 => match (mp3_rate_bits(track.clock_rate), track.channels) {
                (Some((number, rate)), channels @ 1..=2) => {
                    Ok(Carrier::Plain((number << 4) | (rate << 2) | 0x02 | (channels - 1)))
                }
                (Some(_) | None, _) => ex_audio(),
            },
            Codec::Pcma | Codec::Pcmu => {
                let number = if track.codec == Codec::Pcma { legacy::AUDIO_PCMA } else { legacy::AUDIO_PCMU };
                match (track.clock_rate, track.channels) {
                    (8000, channels @ 1..=2) => Ok(Carrier::Plain((number << 4) | 0x02 | (channels - 1))),
                    _ => Err("FLV carries G.711 at 8 kHz, mono or stereo, only"),
                }
            }
            Codec::Mjpeg | Codec::G722 | Codec::L16 => Err(NEVER),
        }
    }

    pub(super) const fn tag_kind(self) -> TagKind {
        match self {
            Carrier::Avc(_) | Carrier::ExVideo { .. } => TagKind::Video,
            Carrier::Aac(_) | Carrier::ExAudio(_) | Carrier::Plain(_) => TagKind::Audio,
        }
    }

    /// What `videocodecid` or `audiocodecid` says.
    pub(super) fn codec_id(self) -> f64 {
        match self {
            Carrier::Avc(number) => f64::from(number),
            Carrier::Aac(first) | Carrier::Plain(first) => f64::from(first >> 4),
            Carrier::ExVideo { four_cc, .. } | Carrier::ExAudio(four_cc) => {
                f64::from(u32::from_be_bytes(four_cc))
            }
        }
    }

    /// Header and record of the sequence header; `None` for codecs without one.
    pub(super) fn sequence_header(self, track: &Track) -> Option<(HeaderBytes, Bytes)> {
        let record = record(track)?;
        let header = match self {
            Carrier::Avc(number) => {
                HeaderBytes::of(&[&[(FRAME_KEY << 4) | number, avc_packet_type::SEQUENCE_HEADER, 0, 0, 0]])
            }
            Carrier::ExVideo { four_cc, .. } => {
                HeaderBytes::of(&[&[EX_HEADER | (FRAME_KEY << 4) | packet_type::SEQUENCE_START], &four_cc])
            }
            Carrier::Aac(first) => HeaderBytes::of(&[&[first, aac_packet_type::SEQUENCE_HEADER]]),
            Carrier::ExAudio(four_cc) => {
                HeaderBytes::of(&[&[ex_audio(audio_packet_type::SEQUENCE_START)], &four_cc])
            }
            Carrier::Plain(_) => return None,
        };
        Some((header, record))
    }

    /// Header of a frame. A composition time beyond 24 bits is cut to them.
    pub(super) fn frame_header(self, keyframe: bool, composition_ms: i64) -> HeaderBytes {
        let frame_type = if keyframe { FRAME_KEY } else { FRAME_INTER } << 4;
        let [_, c2, c1, c0] = (composition_ms.clamp(-0x80_0000, 0x7f_ffff) as i32).to_be_bytes();
        match self {
            Carrier::Avc(number) => {
                HeaderBytes::of(&[&[frame_type | number, avc_packet_type::NAL_UNITS, c2, c1, c0]])
            }
            Carrier::ExVideo { four_cc, composition: true } if composition_ms == 0 => {
                HeaderBytes::of(&[&[EX_HEADER | frame_type | packet_type::CODED_FRAMES_X], &four_cc])
            }
            Carrier::ExVideo { four_cc, composition } => {
                let composition: &[u8] = if composition { &[c2, c1, c0] } else { &[] };
                HeaderBytes::of(&[
                    &[EX_HEADER | frame_type | packet_type::CODED_FRAMES],
                    &four_cc,
                    composition,
                ])
            }
            Carrier::Aac(first) => HeaderBytes::of(&[&[first, aac_packet_type::RAW]]),
            Carrier::ExAudio(four_cc) => {
                HeaderBytes::of(&[&[ex_audio(audio_packet_type::CODED_FRAMES)], &four_cc])
            }
            Carrier::Plain(first) => HeaderBytes::of(&[&[first]]),
        }
    }
}

const fn ex_audio(packet_type: u8) -> u8 {
    (legacy::AUDIO_EX_HEADER << 4) | packet_type
}

/// Format number and rate bits of MP3. Source: FLV 10.1 §E.4.2.1.
const fn mp3_rate_bits(rate: u32) -> Option<(u8, u8)> {
    match rate {
        44_100 => Some((legacy::AUDIO_MP3, 3)),
        22_050 => Some((legacy::AUDIO_MP3, 2)),
        11_025 => Some((legacy::AUDIO_MP3, 1)),
        8_000 => Some((legacy::AUDIO_MP3_8K, 0)),
        _ => None,
    }
}

/// The configuration record of a track, for codecs that have one.
fn record(track: &Track) -> Option<Bytes> {
    match (track.codec, &track.params) {
        (Codec::H264, params) => bitstream::h264::avcc(params),
        (Codec::H265, params) => bitstream::h265::hvcc(params),
        (Codec::Av1, params) => bitstream::av1::av1c(params),
        (Codec::Vp9, params) => bitstream::vp9::vpcc(params),
        (Codec::Aac, CodecParams::Aac { config }) => Some(config.clone()),
        (Codec::Opus, _) => Some(opus_head(track.channels)),
        (
            Codec::Aac
            | Codec::Vp8
            | Codec::Mjpeg
            | Codec::Pcmu
            | Codec::Pcma
            | Codec::G722
            | Codec::L16
            | Codec::Mp3,
            _,
        ) => None,
    }
}

/// The identification header of Opus. Source: RFC 7845 §5.1.
fn opus_head(channels: u8) -> Bytes {
    let mut out = BytesMut::with_capacity(19);
    out.put_slice(b"OpusHead");
    out.put_slice(&[1, channels]);
    out.put_u16_le(bitstream::opus::PRE_SKIP);
    out.put_u32_le(48_000);
    out.put_slice(&[0, 0, 0]);
    out.freeze()
}
