//! No input panics: neither packets nor units.
use super::units::{noise, params};
use super::{depacketizer, options, packets_of, track};
use crate::rtp::testing::Random;
use crate::rtp::{Packet, PacketBatch, Packetizer, PacketizerOptions};
use bytes::Bytes;
use media::Codec;

#[test]
fn no_payload_makes_a_depacketizer_panic_and_it_goes_on_afterwards() {
    for codec in Codec::all() {
        let track = track(codec, params(codec));
        let random = &mut Random::new(11);
        let small = PacketizerOptions { packet_bytes_max: 256, ..options(&track) };
        let mut packetizer = Packetizer::new(&track, small).unwrap();
        let mut depacketizer = depacketizer(&track);
        for index in 0..400 {
            for mut packet in packets_of(&mut packetizer, &noise(codec, index, random)) {
                if random.below(3) == 0 {
                    packet.payload = Bytes::from(random.mutate(&packet.payload));
                }
                match random.below(30) {
                    0 => packet.header.marker = !packet.header.marker,
                    1 => packet.header.sequence = random.next() as u16,
                    2 => packet.header.timestamp = random.next() as u32,
                    _ => {}
                }
                let _ = depacketizer.push(&packet);
                while depacketizer.pop().is_some() {}
            }
        }
        // Clean input again: all of it but the first frame comes out.
        let whole = (400..420)
            .flat_map(|index| packets_of(&mut packetizer, &noise(codec, index, random)))
            .collect::<Vec<Packet>>();
        for mut packet in whole {
            packet.header.ssrc = 77;
            let _ = depacketizer.push(&packet);
        }
        let count = std::iter::from_fn(|| depacketizer.pop()).count();
        assert!(count >= 19, "{codec}: {count}");
    }
}

#[test]
fn no_unit_makes_a_packetizer_panic_and_failed_ones_leave_nothing_behind() {
    for codec in Codec::all() {
        let track = track(codec, params(codec));
        let random = &mut Random::new(12);
        let small = PacketizerOptions { packet_bytes_max: 256, ..options(&track) };
        let mut packetizer = Packetizer::new(&track, small).unwrap();
        let mut batch = PacketBatch::new();
        for index in 0..600 {
            let mut unit = noise(codec, index, random);
            unit.data = Bytes::from(random.mutate(&unit.data));
            let before = (batch.len(), batch.byte_len(), packetizer.next_sequence());
            if packetizer.push(&unit, &mut batch).is_err() {
                assert_eq!((batch.len(), batch.byte_len(), packetizer.next_sequence()), before);
            }
        }
        let packets = batch.freeze();
        let mut expected = options(&track).first_sequence;
        for bytes in packets.iter_bytes() {
            assert_eq!(Packet::parse(bytes).unwrap().header.sequence, expected);
            expected = expected.wrapping_add(1);
        }
    }
}

#[test]
fn the_fuzz_entry_takes_mutations_of_what_ffmpeg_sends() {
    let random = &mut Random::new(13);
    for name in ["h264", "h265", "av1", "vp8", "vp9", "mjpeg", "aac", "latm", "opus", "mp3"] {
        let capture = super::captures::packet_bytes(name);
        for _ in 0..30 {
            crate::rtp::fuzz::every_reader(&random.mutate(capture));
        }
    }
}
