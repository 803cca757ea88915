//! Reads video tags.
//!
//! Source: FLV 10.1 §E.4.3, Enhanced RTMP v2 "Enhanced Video".
use super::legacy;
use super::packet::{Body, Frame, Numbers, Packet, body, modifiers, supported, take};
use crate::demux::Note;
use bytes::{Buf, Bytes};
use media::{Codec, Kind};

/// Frame type of a key frame; bits 4 to 6 of the first byte.
pub(super) const FRAME_KEY: u8 = 1;
/// Frame type of any other frame.
pub(super) const FRAME_INTER: u8 = 2;
const FRAME_COMMAND: u8 = 5;
/// First byte: the header is an enhanced one.
pub(super) const EX_HEADER: u8 = 0x80;

/// Packet types of enhanced video.
pub(super) mod packet_type {
    pub(in super::super) const SEQUENCE_START: u8 = 0;
    pub(in super::super) const CODED_FRAMES: u8 = 1;
    pub(super) const SEQUENCE_END: u8 = 2;
    /// Frames of H.264 and H.265 without a composition time, which is zero.
    pub(in super::super) const CODED_FRAMES_X: u8 = 3;
    pub(super) const METADATA: u8 = 4;
    pub(super) const MPEG2_TS_SEQUENCE_START: u8 = 5;
    pub(super) const MULTITRACK: u8 = 6;
}

/// Packet types of H.264, and of H.265 by its number.
pub(super) mod avc_packet_type {
    pub(in super::super) const SEQUENCE_HEADER: u8 = 0;
    pub(in super::super) const NAL_UNITS: u8 = 1;
}

/// Reads one tag. `None`: it ends too early.
pub(super) fn parse(mut data: Bytes) -> Option<Packet> {
    if data.is_empty() {
        return Some(Packet::Nothing);
    }
    let first = data.try_get_u8().ok()?;
    let frame_type = (first >> 4) & 0x07;
    if first & EX_HEADER != 0 {
        return parse_enhanced(data, frame_type, first & 0x0f);
    }
    if frame_type == FRAME_COMMAND {
        return Some(Packet::Nothing);
    }
    let codec = match first & 0x0f {
        legacy::VIDEO_AVC => Codec::H264,
        legacy::VIDEO_HEVC => Codec::H265,
        other => {
            return Some(Packet::Skipped(Note::Unsupported {
                kind: Some(Kind::Video),
                codec: legacy_name(other),
            }));
        }
    };
    let packet_type = data.try_get_u8().ok()?;
    let composition_ms = signed_24(&mut data)?;
    Some(match packet_type {
        avc_packet_type::SEQUENCE_HEADER => Packet::Config { codec, data },
        avc_packet_type::NAL_UNITS => Packet::Frame(Frame {
            codec,
            keyframe: frame_type == FRAME_KEY,
            composition_ms,
            nanos: 0,
            channels: 0,
            data,
        }),
        _ => Packet::Nothing,
    })
}

fn parse_enhanced(mut data: Bytes, frame_type: u8, packet_type: u8) -> Option<Packet> {
    let (packet_type, nanos) = modifiers(&mut data, packet_type)?;
    if packet_type != packet_type::METADATA && frame_type == FRAME_COMMAND {
        return Some(Packet::Nothing);
    }
    let numbers = Numbers { kind: Kind::Video, multitrack: packet_type::MULTITRACK };
    let Body { packet_type, four_cc, mut data } = match body(data, packet_type, &numbers)? {
        Ok(body) => body,
        Err(note) => return Some(Packet::Skipped(note)),
    };
    let codec = match supported(four_cc, Kind::Video) {
        Ok(codec) => codec,
        Err(note) => return Some(Packet::Skipped(note)),
    };
    let composition_ms = match packet_type {
        packet_type::SEQUENCE_START => return Some(Packet::Config { codec, data }),
        packet_type::CODED_FRAMES if matches!(codec, Codec::H264 | Codec::H265) => signed_24(&mut data)?,
        packet_type::CODED_FRAMES | packet_type::CODED_FRAMES_X => 0,
        packet_type::MPEG2_TS_SEQUENCE_START => {
            return Some(Packet::Skipped(Note::Unsupported {
                kind: Some(Kind::Video),
                codec: format!("{codec} as in MPEG-TS"),
            }));
        }
        packet_type::SEQUENCE_END | packet_type::METADATA => return Some(Packet::Nothing),
        _ => return Some(Packet::Nothing),
    };
    let keyframe = frame_type == FRAME_KEY;
    Some(Packet::Frame(Frame { codec, keyframe, composition_ms, nanos, channels: 0, data }))
}

fn signed_24(data: &mut Bytes) -> Option<i32> {
    let [b2, b1, b0] = *take(data, 3)?.first_chunk()?;
    Some(i32::from_be_bytes([b2, b1, b0, 0]) >> 8)
}

fn legacy_name(number: u8) -> String {
    match number {
        2 => "Sorenson H.263".into(),
        3 | 6 => "Screen video".into(),
        4 | 5 => "VP6".into(),
        other => format!("number {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(data: &[u8]) -> Frame {
        match parse(Bytes::copy_from_slice(data)) {
            Some(Packet::Frame(frame)) => frame,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn composition_times_are_signed() {
        assert_eq!(frame(b"\x17\x01\xff\xff\xd8x").composition_ms, -40);
        assert_eq!(frame(b"\x2c\x01\x00\x00\x28x").composition_ms, 40);
        assert_eq!(frame(b"\x91hvc1\x00\x00\x21x").composition_ms, 33);
        assert_eq!(frame(b"\x93hvc1x").composition_ms, 0);
    }

    #[test]
    fn modifiers_are_read_past_and_nanoseconds_kept() {
        // ModEx of 3 bytes: 500,000 ns, then a coded frame of AV1.
        let packet = frame(b"\x97\x02\x07\xa1\x20\x01av01data");
        assert_eq!((packet.codec, packet.nanos, &packet.data[..]), (Codec::Av1, 500_000, &b"data"[..]));
        // A modifier nobody knows, of more than 256 bytes.
        let mut long = b"\xa7\xff\x01\x00".to_vec();
        long.extend_from_slice(&[9; 257]);
        long.extend_from_slice(b"\x51vp09data");
        let packet = frame(&long);
        assert_eq!((packet.codec, packet.nanos, packet.keyframe), (Codec::Vp9, 0, false));
    }

    #[test]
    fn track_0_of_many_is_taken_and_the_absence_of_it_said() {
        let many = b"\x96\x11hvc1\x01\x00\x00\x04....\x00\x00\x00\x05\x00\x00\x00ab";
        assert_eq!(&frame(many).data[..], b"ab");
        let codecs = b"\x96\x23av01\x01\x00\x00\x01.hvc1\x00\x00\x00\x02ab";
        assert_eq!(frame(codecs).codec, Codec::H265);
        let other = parse(Bytes::from_static(b"\x96\x01av01\x03data"));
        assert_eq!(other, Some(Packet::Skipped(Note::OtherTracks { kind: Kind::Video, id: 3 })));
    }

    #[test]
    fn what_is_not_carried_is_named() {
        let name = |data: &'static [u8]| match parse(Bytes::from_static(data)) {
            Some(Packet::Skipped(Note::Unsupported { codec, .. })) => codec,
            other => panic!("{other:?}"),
        };
        assert_eq!(name(b"\x14x"), "VP6");
        assert_eq!(name(b"\x90vvc1x"), "vvc1");
        assert_eq!(name(b"\x90Opusx"), "Opus");
    }
}
