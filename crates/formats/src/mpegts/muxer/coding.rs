//! How each codec lies in PES packets, and what the map says of it.
//!
//! Sources: ISO/IEC 13818-1 §2.14 (H.264), §2.17 (H.265), table 2-34; the Opus-in-TS draft 0.1.4; GB/T 25724 for G.711 and
//! G.722.
use crate::bitstream::aac::{AudioSpecificConfig, adts};
use crate::bitstream::nal::split_length_prefixed;
use media::{Codec, CodecParams, Track, Unit};

const STREAM_VIDEO: u8 = 0xe0;
const STREAM_AUDIO: u8 = 0xc0;
/// `private_stream_1`.
const STREAM_PRIVATE: u8 = 0xbd;
/// Access unit delimiters that allow every kind of slice.
const DELIMITER_H264: [u8; 2] = [0x09, 0xf0];
const DELIMITER_H265: [u8; 3] = [0x46, 0x01, 0x50];
/// Rates below this have the tables of MPEG-2.
const MPEG_1_RATE_MIN: u32 = 32_000;
const TELEPHONE_RATE: u32 = 8_000;

/// A track of a transport stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Carrier {
    /// The parameter sets in their order, written before each key frame.
    H264(Vec<u8>),
    H265(Vec<u8>),
    Aac(AudioSpecificConfig),
    Mp3 {
        mpeg_1: bool,
    },
    Opus {
        channels: u8,
    },
    Pcma,
    Pcmu,
    G722,
}

impl Carrier {
    /// `Err` says why a track cannot be carried.
    pub(super) fn of(track: &Track) -> Result<Self, &'static str> {
        let telephone = |carrier| {
            let usual = track.clock_rate == TELEPHONE_RATE && track.channels <= 1;
            if usual { Ok(carrier) } else { Err("MPEG-TS has it only with 8 kHz and one channel") }
        };
        match (track.codec, &track.params) {
            (Codec::H264, CodecParams::H264 { sps, pps }) => Ok(Self::H264(annex_b([sps], pps))),
            (Codec::H265, CodecParams::H265 { vps, sps, pps }) => Ok(Self::H265(annex_b([vps, sps], pps))),
            (Codec::H264 | Codec::H265, _) => Err("no usable parameter sets yet"),
            (Codec::Aac, CodecParams::Aac { config }) => {
                let config =
                    AudioSpecificConfig::parse(config).map_err(|_| "its AudioSpecificConfig is broken")?;
                adts::header(&config, 0).ok_or("ADTS has no place for this kind of AAC")?;
                Ok(Self::Aac(config))
            }
            (Codec::Aac, _) => Err("no AudioSpecificConfig yet"),
            (Codec::Mp3, _) => Ok(Self::Mp3 { mpeg_1: track.clock_rate >= MPEG_1_RATE_MIN }),
            (Codec::Opus, _) if track.channels > 2 => {
                Err("Opus of more than two channels needs a mapping that the stream does not tell")
            }
            (Codec::Opus, _) => Ok(Self::Opus { channels: track.channels.max(1) }),
            (Codec::Pcma, _) => telephone(Self::Pcma),
            (Codec::Pcmu, _) => telephone(Self::Pcmu),
            (Codec::G722, _) => telephone(Self::G722),
            (Codec::Av1 | Codec::Vp8 | Codec::Vp9, _) => Err("players do not read it from MPEG-TS"),
            (Codec::Mjpeg, _) => Err("MPEG-TS has no place for Motion JPEG"),
            (Codec::L16, _) => Err("MPEG-TS has no place for uncompressed sound"),
        }
    }

    pub(super) fn stream_type(&self) -> u8 {
        match self {
            Self::H264(_) => 0x1b,
            Self::H265(_) => 0x24,
            Self::Aac(_) => 0x0f,
            Self::Mp3 { mpeg_1: true } => 0x03,
            Self::Mp3 { mpeg_1: false } => 0x04,
            Self::Opus { .. } => 0x06,
            Self::Pcma => 0x90,
            Self::Pcmu => 0x91,
            Self::G722 => 0x92,
        }
    }

    /// What else the map says: that private data is Opus, and of how many channels.
    pub(super) fn descriptors(&self) -> Vec<u8> {
        match self {
            Self::Opus { channels } => [&b"\x05\x04Opus\x7f\x02\x80"[..], &[*channels]].concat(),
            Self::H264(_)
            | Self::H265(_)
            | Self::Aac(_)
            | Self::Mp3 { .. }
            | Self::Pcma
            | Self::Pcmu
            | Self::G722 => Vec::new(),
        }
    }

    pub(super) fn stream_id(&self) -> u8 {
        match self {
            Self::H264(_) | Self::H265(_) => STREAM_VIDEO,
            Self::Opus { .. } => STREAM_PRIVATE,
            Self::Aac(_) | Self::Mp3 { .. } | Self::Pcma | Self::Pcmu | Self::G722 => STREAM_AUDIO,
        }
    }

    /// Appends what a PES packet holds of a unit; false when there is nothing, or it cannot be said.
    pub(super) fn write(&self, unit: &Unit, out: &mut Vec<u8>) -> bool {
        match self {
            Self::H264(sets) => picture(&DELIMITER_H264, sets, unit, out),
            Self::H265(sets) => picture(&DELIMITER_H265, sets, unit, out),
            Self::Aac(config) => match adts::header(config, unit.data.len()) {
                Some(header) => out.extend_from_slice(&header),
                None => return false,
            },
            Self::Opus { .. } => opus_header(unit.data.len(), out),
            Self::Mp3 { .. } | Self::Pcma | Self::Pcmu | Self::G722 => {}
        }
        if !matches!(self, Self::H264(_) | Self::H265(_)) {
            out.extend_from_slice(&unit.data);
        }
        !unit.data.is_empty()
    }
}

fn annex_b<'a, const N: usize>(first: [&'a bytes::Bytes; N], pps: &'a [bytes::Bytes]) -> Vec<u8> {
    let mut out = Vec::new();
    first.into_iter().chain(pps).for_each(|nal| put_nal(nal, &mut out));
    out
}

fn put_nal(nal: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&[0, 0, 0, 1]);
    out.extend_from_slice(nal);
}

/// Delimiter, parameter sets before a key frame, and the NAL units up to the first that is not whole.
fn picture(delimiter: &[u8], sets: &[u8], unit: &Unit, out: &mut Vec<u8>) {
    put_nal(delimiter, out);
    if unit.keyframe {
        out.extend_from_slice(sets);
    }
    split_length_prefixed(&unit.data).map_while(Result::ok).for_each(|nal| put_nal(nal, out));
}

/// The control header before an Opus packet: prefix, no options, size.
fn opus_header(bytes: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&[0x7f, 0xe0]);
    out.resize(out.len() + bytes / 255, 255);
    out.push((bytes % 255) as u8);
}
