//! Units to packets, over a bad network, to frames: what comes out is what went in, or it is said to be lost.
use super::units::{noise, params, step};
use super::{depacketizer, frames, options, packets_of, track, unit};
use crate::rtp::testing::Random;
use crate::rtp::{Packet, PacketBatch, Packetizer, PacketizerOptions, Reorder, ReorderOptions, clock_rate};
use media::{Codec, CodecParams, Moment, Unit, rescale};

/// What the network does, in percent of the packets.
struct Network {
    drop: usize,
    duplicate: usize,
    delay: usize,
}

fn transmit(packets: Vec<Packet>, network: &Network, random: &mut Random) -> Vec<Packet> {
    let mut arrivals = Vec::new();
    for (index, packet) in packets.into_iter().enumerate() {
        if random.below(100) < network.drop {
            continue;
        }
        let at = |random: &mut Random| {
            // The first packet says where the numbers start, so that it must come first.
            let delayed = index > 0 && random.below(100) < network.delay;
            index + if delayed { 1 + random.below(6) } else { 0 }
        };
        if random.below(100) < network.duplicate {
            arrivals.push((at(random), packet.clone()));
        }
        arrivals.push((at(random), packet));
    }
    arrivals.sort_by_key(|(at, _)| *at);
    arrivals.into_iter().map(|(_, packet)| packet).collect()
}

fn run(codec: Codec, seed: u64, network: &Network) {
    let random = &mut Random::new(seed);
    let track = track(codec, params(codec));
    let packetizer_options = PacketizerOptions {
        packet_bytes_max: 256 + random.below(1200),
        interleaved_channel: seed.is_multiple_of(2).then_some(4),
        ..options(&track)
    };
    let mut packetizer = Packetizer::new(&track, packetizer_options).unwrap();
    let units: Vec<Unit> = (0..40).map(|index| noise(codec, index, random)).collect();
    let sent: Vec<Packet> = units.iter().flat_map(|unit| packets_of(&mut packetizer, unit)).collect();
    let count = sent.len();
    let mut reorder = Reorder::new(ReorderOptions::default());
    let mut depacketizer = depacketizer(&track);
    let mut now = Moment::ZERO;
    for packet in transmit(sent, network, random) {
        now = Moment::from_nanos(now.as_nanos() + 5_000_000);
        reorder.handle(packet, now);
        while let Some(packet) = reorder.pop(now) {
            let _ = depacketizer.push(&packet);
        }
    }
    while let Some(packet) = reorder.pop(Moment::FAR_FUTURE) {
        let _ = depacketizer.push(&packet);
    }
    let got = frames(&mut depacketizer);
    let mut next = 0;
    for frame in &got {
        let index = (next..units.len())
            .find(|index| packetizer.rtp_time(units[*index].pts) == frame.rtp_time)
            .unwrap_or_else(|| panic!("{codec} {seed}: a frame that nobody sent"));
        assert!(units[index].data == frame.data, "{codec} {seed}: unit {index} is altered");
        assert_eq!(units[index].keyframe, frame.keyframe, "{codec} {seed}: unit {index}");
        assert_eq!(frame.params, None, "{codec} {seed}");
        // Before the first packet nobody knows of a loss.
        assert!(index == next || next == 0 || frame.after_loss, "{codec} {seed}: loss before {index} untold");
        next = index + 1;
    }
    if network.drop == 0 {
        assert_eq!(got.len(), units.len(), "{codec} {seed}");
        assert_eq!(depacketizer.stats().frames_dropped, 0);
    } else {
        // Not more is given up than the losses explain: the frame hit, and for video one that cannot prove its start.
        let lost = count as u64 - reorder.stats().received;
        let missing = (units.len() - got.len()) as u64;
        assert!(missing <= 2 * lost + reorder.stats().late, "{codec} {seed}: {missing} for {lost}");
    }
}

#[test]
fn every_codec_survives_duplicates_and_reordering_whole() {
    let network = Network { drop: 0, duplicate: 5, delay: 10 };
    for codec in Codec::all() {
        for seed in 0..20 {
            run(codec, seed, &network);
        }
    }
}

#[test]
fn under_loss_a_frame_is_whole_or_reported_lost() {
    for codec in Codec::all() {
        for seed in 0..60 {
            run(codec, seed, &Network { drop: 1 + (seed as usize % 20), duplicate: 0, delay: 5 });
        }
    }
}

#[test]
fn samples_are_split_at_sample_borders_and_each_packet_has_its_time() {
    for (codec, sample_bytes) in [(Codec::Pcmu, 1), (Codec::G722, 1), (Codec::L16, 4)] {
        let track = track(codec, CodecParams::None);
        let mut packetizer =
            Packetizer::new(&track, PacketizerOptions { packet_bytes_max: 257, ..options(&track) }).unwrap();
        let data = Random::new(3).bytes(4000);
        let mut depacketizer = depacketizer(&track);
        let mut samples = 0;
        let mut joined = Vec::new();
        for packet in packets_of(&mut packetizer, &unit(800, true, data.clone())) {
            assert_eq!(packet.payload.len() % sample_bytes, 0);
            assert_eq!(packet.header.timestamp, packetizer.rtp_time(800 + samples));
            samples += (packet.payload.len() / sample_bytes) as i64;
            depacketizer.push(&packet).unwrap();
            joined.extend_from_slice(&depacketizer.pop().unwrap().data);
        }
        assert_eq!(joined, data);
    }
}

#[test]
fn packets_keep_to_their_limit_and_fragments_of_a_slice_are_equally_long() {
    for codec in Codec::all().filter(|codec| *codec != Codec::Opus) {
        let track = track(codec, params(codec));
        let mut packetizer = Packetizer::new(&track, options(&track)).unwrap();
        let mut batch = PacketBatch::new();
        let mut random = Random::new(9);
        for index in 0..50 {
            packetizer.push(&noise(codec, index, &mut random), &mut batch).unwrap();
        }
        assert!(batch.freeze().iter().all(|packet| packet.len() <= 1200), "{codec}");
    }
    for (codec, nal) in [(Codec::H264, vec![0x41]), (Codec::H265, vec![0x02, 1])] {
        let track = track(codec, params(codec));
        let mut packetizer = Packetizer::new(&track, options(&track)).unwrap();
        let mut data = 50_002u32.to_be_bytes().to_vec();
        data.extend(nal);
        data.resize(4 + 50_002, 0xff);
        let mut batch = PacketBatch::new();
        packetizer.push(&unit(0, false, data), &mut batch).unwrap();
        let packets = batch.freeze();
        assert_eq!(packets.segments().count(), 1, "{codec}");
        assert_eq!(packets.len(), 43);
    }
}

#[test]
fn the_last_packet_of_a_video_frame_and_of_an_access_unit_has_the_marker() {
    for codec in Codec::all() {
        let track = track(codec, params(codec));
        let mut packetizer = Packetizer::new(&track, options(&track)).unwrap();
        for index in 0..10 {
            let packets = packets_of(&mut packetizer, &noise(codec, index, &mut Random::new(index as u64)));
            let marks: Vec<bool> = packets.iter().map(|packet| packet.header.marker).collect();
            let marked = codec.is_video() || codec == Codec::Aac;
            let expected: Vec<bool> = (1..=packets.len()).map(|at| marked && at == packets.len()).collect();
            assert_eq!(marks, expected, "{codec}");
        }
    }
}

#[test]
fn parameter_sets_go_out_with_every_keyframe_and_new_ones_with_the_next() {
    for codec in [Codec::H264, Codec::H265] {
        let old = params(codec);
        let track = track(codec, old.clone());
        let pps =
            vec![bytes::Bytes::from_static(if codec == Codec::H264 { &[0x68, 0xef] } else { &[0x44, 1, 2] })];
        let new = if codec == Codec::H264 {
            CodecParams::H264 { sps: bytes::Bytes::from_static(&[0x67, 0x64, 0x00, 0x1f, 0xac]), pps }
        } else {
            let vps = bytes::Bytes::from_static(&[0x40, 1, 0x0d]);
            CodecParams::H265 { vps, sps: bytes::Bytes::from_static(&[0x42, 1, 0x01, 0x02]), pps }
        };
        let mut packetizer = Packetizer::new(&track, options(&track)).unwrap();
        let bare = super::track(codec, CodecParams::None);
        let mut depacketizer = depacketizer(&bare);
        let random = &mut Random::new(5);
        let mut told = Vec::new();
        for index in 0..20 {
            if index == 7 {
                packetizer.set_params(&new);
            }
            for packet in packets_of(&mut packetizer, &noise(codec, index, random)) {
                depacketizer.push(&packet).unwrap();
            }
            for frame in frames(&mut depacketizer) {
                told.extend(frame.params.map(|params| (index, params)));
            }
        }
        assert_eq!(told, [(0, old), (10, new)]);
    }
}

#[test]
fn an_av1_keyframe_without_sequence_header_gets_that_of_the_track() {
    let track = track(Codec::Av1, params(Codec::Av1));
    let mut packetizer = Packetizer::new(&track, options(&track)).unwrap();
    let mut depacketizer = depacketizer(&super::track(Codec::Av1, CodecParams::None));
    for packet in packets_of(&mut packetizer, &unit(0, true, vec![0x12, 0, 0x32, 2, 0x10, 7])) {
        assert_eq!(packet.payload[0], 0x28, "two OBUs of a new sequence");
        depacketizer.push(&packet).unwrap();
    }
    let frame = depacketizer.pop().unwrap();
    assert_eq!(frame.data[..], [0x0a, 3, 1, 5, 9, 0x32, 2, 0x10, 7]);
    assert!(frame.keyframe);
    assert_eq!(frame.params, Some(params(Codec::Av1)));
}

#[test]
fn mp3_has_a_clock_of_90_khz() {
    let track = track(Codec::Mp3, CodecParams::None);
    assert_eq!(clock_rate(&track), 90_000);
    let packetizer = Packetizer::new(&track, options(&track)).unwrap();
    let ticks = step(Codec::Mp3);
    assert_eq!(
        packetizer.rtp_time(ticks).wrapping_sub(packetizer.rtp_time(0)),
        rescale(ticks, 48_000, 90_000) as u32
    );
}
