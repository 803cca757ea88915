//! One entry to everything of this module that reads what peers send, for fuzz targets.
use super::{
    AacPayload, Depacketizer, DepacketizerOptions, Packet, PacketBatch, Packetizer, PacketizerOptions,
    Reorder, ReorderOptions, clock_rate, rtcp,
};
use bytes::Bytes;
use media::{Codec, CodecParams, Moment, Track, Unit, WallTime};

/// Takes `data` as pieces, each behind its length in two bytes: as packets and RTCP, as payloads of every codec,
/// and as units that are to become packets. Only to see that nothing panics or hangs.
pub fn every_reader(data: &[u8]) {
    let mut reorder = Reorder::new(ReorderOptions::default());
    let mut pieces = Vec::new();
    let mut rest = data;
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes(*length)).min(after.len());
        let (piece, after) = after.split_at(length);
        let piece = Bytes::copy_from_slice(piece);
        let _ = rtcp::parse(&piece);
        if let Ok(packet) = Packet::parse(piece.clone()) {
            reorder.handle(packet, Moment::ZERO);
        }
        pieces.push(piece);
        rest = after;
    }
    let packets: Vec<Packet> = std::iter::from_fn(|| reorder.pop(Moment::FAR_FUTURE)).collect();
    for codec in Codec::all() {
        let clock = if codec.is_video() { 90_000 } else { 48_000 };
        let track = Track { id: 0, codec, clock_rate: clock, channels: 1, params: CodecParams::None };
        for aac in [AacPayload::HIGH_BIT_RATE, AacPayload::LOW_BIT_RATE, AacPayload::Latm] {
            let options = DepacketizerOptions {
                aac,
                h265_donl: aac == AacPayload::Latm,
                ..DepacketizerOptions::for_track(&track)
            };
            let Ok(mut depacketizer) = Depacketizer::new(&track, options) else { continue };
            for packet in &packets {
                let _ = depacketizer.push(packet);
                while depacketizer.pop().is_some() {}
            }
            depacketizer.flush();
        }
        packetize(&track, &pieces);
    }
}

fn packetize(track: &Track, pieces: &[Bytes]) {
    let options = PacketizerOptions {
        payload_type: 96,
        ssrc: 1,
        first_sequence: 0,
        timestamp_offset: 0,
        packet_bytes_max: super::PACKET_BYTES_MIN,
        interleaved_channel: None,
        rtp_clock_rate: clock_rate(track),
    };
    let Ok(mut packetizer) = Packetizer::new(track, options) else { return };
    let mut batch = PacketBatch::new();
    for data in pieces {
        let unit = Unit {
            track: 0,
            pts: 0,
            dts: 0,
            arrival: Moment::ZERO,
            wall: WallTime::from_micros(0),
            keyframe: true,
            discontinuity: false,
            data: data.clone(),
        };
        let _ = packetizer.push(&unit, &mut batch);
    }
    let _ = batch.freeze();
}
