//! Payload types: what `a=rtpmap` says, and what the static ones mean without it.
//!
//! Source: RFC 3551 §6.
use crate::rtp::DepacketizerOptions;
use media::{Codec, CodecParams, Track};

/// One payload type of a section, understood.
#[derive(Clone, PartialEq, Debug)]
pub struct Payload {
    /// RTP payload type.
    pub payload_type: u8,
    /// The track it makes.
    pub track: Track,
    /// How to read its packets, the RTP clock rate among it.
    pub depacketizer: DepacketizerOptions,
}

/// Sample rate of MPEG audio until its first frame tells: no description does (RFC 3551 §4.5.13).
pub(super) const MP3_RATE_GUESS: u32 = 44_100;

/// `a=rtpmap` of one payload type: encoding, clock rate, channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RtpMap<'a> {
    pub(super) encoding: &'a str,
    pub(super) clock_rate: Option<u32>,
    pub(super) channels: Option<u8>,
}

impl<'a> RtpMap<'a> {
    pub(super) fn parse(value: &'a str) -> Self {
        let mut parts = value.split('/').map(str::trim);
        let encoding = parts.next().unwrap_or_default();
        // Garbage after the rate, as in `90000;`, is cut off.
        let mut number = || -> Option<u32> {
            let part = parts.next()?;
            let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            part[..digits].parse().ok().filter(|&number| number > 0)
        };
        let clock_rate = number();
        let channels = number().and_then(|channels| u8::try_from(channels).ok());
        Self { encoding, clock_rate, channels }
    }

    /// What a static payload type means.
    pub(super) fn of_static(payload_type: u8) -> Option<RtpMap<'static>> {
        let (encoding, clock_rate, channels) = match payload_type {
            0 => ("PCMU", 8_000, 1),
            3 => ("GSM", 8_000, 1),
            4 => ("G723", 8_000, 1),
            5 => ("DVI4", 8_000, 1),
            8 => ("PCMA", 8_000, 1),
            9 => ("G722", 8_000, 1),
            10 => ("L16", 44_100, 2),
            11 => ("L16", 44_100, 1),
            14 => ("MPA", 90_000, 2),
            15 => ("G728", 8_000, 1),
            18 => ("G729", 8_000, 1),
            26 => ("JPEG", 90_000, 0),
            31 => ("H261", 90_000, 0),
            32 => ("MPV", 90_000, 0),
            33 => ("MP2T", 90_000, 0),
            34 => ("H263", 90_000, 0),
            _ => return None,
        };
        Some(RtpMap { encoding, clock_rate: Some(clock_rate), channels: Some(channels) })
    }

    /// The codec, by its registered name or one that devices use instead.
    pub(super) fn codec(&self) -> Option<Codec> {
        Codec::from_rtp_name(self.encoding).or_else(|| {
            let name = self.encoding.to_ascii_uppercase();
            Some(match name.as_str() {
                "MP4A-LATM" | "AAC" | "MPEG4-GENERIC-AAC" => Codec::Aac,
                "HEVC" => Codec::H265,
                "AVC" => Codec::H264,
                "MJPEG" => Codec::Mjpeg,
                "G711U" | "ULAW" => Codec::Pcmu,
                "G711A" | "ALAW" => Codec::Pcma,
                "MP3" | "MPEG" => Codec::Mp3,
                "PCM" => Codec::L16,
                _ => return None,
            })
        })
    }

    /// A track without parameters, and its RTP clock rate.
    pub(super) fn track(&self, codec: Codec) -> (Track, u32) {
        let rtp_rate = self.clock_rate.or(codec.fixed_clock_rate()).unwrap_or(match codec {
            Codec::Mp3 => 90_000,
            Codec::Aac | Codec::L16 => 44_100,
            Codec::Pcmu | Codec::Pcma | Codec::G722 => 8_000,
            Codec::H264 | Codec::H265 | Codec::Av1 | Codec::Vp8 | Codec::Vp9 | Codec::Mjpeg => 90_000,
            Codec::Opus => 48_000,
        });
        let track_rate = if codec == Codec::Mp3 && rtp_rate == 90_000 {
            MP3_RATE_GUESS
        } else {
            codec.fixed_clock_rate().unwrap_or(rtp_rate)
        };
        let channels = match codec {
            Codec::H264 | Codec::H265 | Codec::Av1 | Codec::Vp8 | Codec::Vp9 | Codec::Mjpeg => 0,
            Codec::Opus | Codec::Mp3 => self.channels.unwrap_or(2),
            Codec::Aac | Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::L16 => self.channels.unwrap_or(1),
        };
        (Track { id: 0, codec, clock_rate: track_rate, channels, params: CodecParams::None }, rtp_rate)
    }
}
