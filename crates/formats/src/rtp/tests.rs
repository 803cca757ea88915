//! Tests of the payload formats as a whole.
mod cameras;
mod captures;
mod noise;
mod round_trip;
mod units;

use super::{
    Depacketizer, DepacketizerOptions, Frame, Header, Packet, PacketBatch, Packetizer, PacketizerOptions,
    clock_rate,
};
use bytes::Bytes;
use media::{Codec, CodecParams, Moment, Track, Unit, WallTime};

fn track(codec: Codec, params: CodecParams) -> Track {
    match codec {
        Codec::H264 | Codec::H265 | Codec::Av1 | Codec::Vp8 | Codec::Vp9 | Codec::Mjpeg => {
            Track::video(0, codec, params)
        }
        Codec::Pcmu | Codec::Pcma | Codec::G722 => Track::audio(0, codec, 8_000, 1, params),
        Codec::Aac | Codec::Opus | Codec::L16 | Codec::Mp3 => Track::audio(0, codec, 48_000, 2, params),
    }
}

fn options(track: &Track) -> PacketizerOptions {
    PacketizerOptions {
        payload_type: 96,
        ssrc: 0x1234_5678,
        first_sequence: 65_500,
        timestamp_offset: 0xffff_0000,
        packet_bytes_max: 1200,
        interleaved_channel: None,
        rtp_clock_rate: clock_rate(track),
    }
}

fn unit(pts: i64, keyframe: bool, data: Vec<u8>) -> Unit {
    Unit {
        track: 0,
        pts,
        dts: pts,
        arrival: Moment::ZERO,
        wall: WallTime::from_micros(0),
        keyframe,
        discontinuity: false,
        data: Bytes::from(data),
    }
}

fn packets_of(packetizer: &mut Packetizer, unit: &Unit) -> Vec<Packet> {
    let mut batch = PacketBatch::new();
    packetizer.push(unit, &mut batch).unwrap();
    batch.freeze().iter_bytes().map(|bytes| Packet::parse(bytes).unwrap()).collect()
}

fn depacketizer(track: &Track) -> Depacketizer {
    Depacketizer::new(track, DepacketizerOptions::for_track(track)).unwrap()
}

fn frames(depacketizer: &mut Depacketizer) -> Vec<Frame> {
    std::iter::from_fn(|| depacketizer.pop()).collect()
}

/// A packet by hand.
fn packet(sequence: u16, timestamp: u32, marker: bool, payload: &[u8]) -> Packet {
    Packet {
        header: Header { marker, payload_type: 96, sequence, timestamp, ssrc: 1 },
        payload: Bytes::copy_from_slice(payload),
        ..Packet::default()
    }
}
