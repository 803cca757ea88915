//! Reads audio tags.
//!
//! Source: FLV 10.1 §E.4.2, Enhanced RTMP v2 "Enhanced Audio".
use super::legacy;
use super::packet::{Body, Frame, Numbers, Packet, body, modifiers, supported};
use crate::demux::Note;
use bytes::{Buf, Bytes};
use media::{Codec, Kind};

/// Packet types of enhanced audio.
pub(super) mod packet_type {
    pub(in super::super) const SEQUENCE_START: u8 = 0;
    pub(in super::super) const CODED_FRAMES: u8 = 1;
    pub(super) const MULTITRACK: u8 = 5;
}

/// Packet types of AAC by its number.
pub(super) mod aac_packet_type {
    pub(in super::super) const SEQUENCE_HEADER: u8 = 0;
    pub(in super::super) const RAW: u8 = 1;
}

/// Reads one tag. `None`: it ends too early.
pub(super) fn parse(mut data: Bytes) -> Option<Packet> {
    // An empty tag is the old sign for silence.
    let Ok(first) = data.try_get_u8() else { return Some(Packet::Nothing) };
    let frame = |codec, data| {
        Some(Packet::Frame(Frame {
            codec,
            keyframe: true,
            composition_ms: 0,
            nanos: 0,
            channels: 1 + (first & 1),
            data,
        }))
    };
    match first >> 4 {
        legacy::AUDIO_EX_HEADER => parse_enhanced(data, first & 0x0f),
        legacy::AUDIO_AAC => match data.try_get_u8().ok()? {
            aac_packet_type::SEQUENCE_HEADER => Some(Packet::Config { codec: Codec::Aac, data }),
            aac_packet_type::RAW if data.is_empty() => Some(Packet::Nothing),
            aac_packet_type::RAW => frame(Codec::Aac, data),
            _ => Some(Packet::Nothing),
        },
        _ if data.is_empty() => Some(Packet::Nothing),
        legacy::AUDIO_MP3 | legacy::AUDIO_MP3_8K => frame(Codec::Mp3, data),
        legacy::AUDIO_PCMA => frame(Codec::Pcma, data),
        legacy::AUDIO_PCMU => frame(Codec::Pcmu, data),
        other => {
            let codec = legacy_name(other);
            Some(Packet::Skipped(Note::Unsupported { kind: Some(Kind::Audio), codec }))
        }
    }
}

fn parse_enhanced(mut data: Bytes, packet_type: u8) -> Option<Packet> {
    let (packet_type, nanos) = modifiers(&mut data, packet_type)?;
    let numbers = Numbers { kind: Kind::Audio, multitrack: packet_type::MULTITRACK };
    let Body { packet_type, four_cc, data } = match body(data, packet_type, &numbers)? {
        Ok(body) => body,
        Err(note) => return Some(Packet::Skipped(note)),
    };
    let codec = match supported(four_cc, Kind::Audio) {
        Ok(codec) => codec,
        Err(note) => return Some(Packet::Skipped(note)),
    };
    Some(match packet_type {
        packet_type::SEQUENCE_START => Packet::Config { codec, data },
        packet_type::CODED_FRAMES if !data.is_empty() => {
            Packet::Frame(Frame { codec, keyframe: true, composition_ms: 0, nanos, channels: 0, data })
        }
        // The end of the sequence, the order of many channels, what is reserved.
        _ => Packet::Nothing,
    })
}

fn legacy_name(number: u8) -> String {
    match number {
        0 | 3 => "linear PCM".into(),
        1 => "ADPCM".into(),
        4..=6 => "Nellymoser".into(),
        11 => "Speex".into(),
        other => format!("number {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aac_by_its_number_and_by_its_four_cc_are_the_same() {
        let by_number = parse(Bytes::from_static(b"\xaf\x00\x11\x90"));
        let by_four_cc = parse(Bytes::from_static(b"\x90mp4a\x11\x90"));
        let config = Packet::Config { codec: Codec::Aac, data: Bytes::from_static(b"\x11\x90") };
        assert_eq!((by_number, by_four_cc), (Some(config.clone()), Some(config)));
    }

    #[test]
    fn dolby_and_speex_are_named_and_skipped() {
        let skipped = |codec: &str| {
            Some(Packet::Skipped(Note::Unsupported { kind: Some(Kind::Audio), codec: codec.into() }))
        };
        assert_eq!(parse(Bytes::from_static(b"\x91ac-3data")), skipped("ac-3"));
        assert_eq!(parse(Bytes::from_static(b"\xb6data")), skipped("Speex"));
    }

    #[test]
    fn silence_and_the_order_of_channels_are_nothing() {
        assert_eq!(parse(Bytes::new()), Some(Packet::Nothing));
        assert_eq!(parse(Bytes::from_static(b"\x94Opus\x01\x06....")), Some(Packet::Nothing));
    }
}
