//! Real packets, changed at random, under right checksums: nothing panics, here or in `sctp-proto`.
use super::link::{Dice, Pair, Weather};
use crate::data::packet;
use crate::data::{AssociationOptions, DataOutput, Payload, SctpState, SctpStreamParameters};
use bytes::Bytes;
use std::time::Duration;

/// Packets of a session with everything in it.
fn session(seed: u64) -> (Pair, Vec<(usize, Bytes)>) {
    let mut pair = Pair::new(seed, AssociationOptions::new());
    pair.record = Some(Vec::new());
    pair.connect();
    pair.weather = Weather { loss: 100, late: 200, twice: 50 };
    let streams = [
        SctpStreamParameters::new_ordered(0),
        SctpStreamParameters::new_unordered(1),
        SctpStreamParameters::new_unordered_with_retransmits(2, 0),
        SctpStreamParameters::new_unordered_with_life_time(3, 10),
    ];
    pair.open(&streams);
    pair.ends[0].open(&SctpStreamParameters::new_ordered(4), Some(("label", "")), pair.now).unwrap();
    for size in [1, 3_000, 40_000] {
        for stream in 0..4 {
            for side in [0, 1] {
                let payload = Payload::Binary(Bytes::from(vec![1; size]));
                pair.ends[side].send(stream, &payload, pair.now).unwrap();
            }
        }
    }
    pair.run_for(Duration::from_millis(300));
    pair.ends[0].close_stream(1, pair.now);
    pair.run_for(Duration::from_secs(1));
    let record = pair.record.take().unwrap();
    (pair, record)
}

/// One packet, changed somewhere; mostly in the chunks' heads, and never in the tag, which would make it nobody's.
fn mutate(dice: &mut Dice, packet: &[u8], other: &[u8]) -> Bytes {
    let mut bytes = packet.to_vec();
    for _ in 0..=dice.below(3) {
        let length = bytes.len() as u64;
        let position = |dice: &mut Dice, least: u64| (least + dice.below((length - least).max(1))) as usize;
        match dice.below(8) {
            0 => {
                let at = position(dice, 12);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << dice.below(8);
                }
            }
            1..4 => {
                let at = (12 + dice.below(36)) as usize;
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = [0, 1, 3, 4, 0x7f, 0x80, 0xff, dice.next() as u8][dice.below(8) as usize];
                }
            }
            4 => bytes.truncate(position(dice, 12)),
            5 => {
                // A number close to the edges of serial arithmetic.
                let at = (12 + 4 * dice.below(6)) as usize;
                let value =
                    [0u32, 1, u32::MAX, 1 << 31, (1 << 31) - 1, dice.next() as u32][dice.below(6) as usize];
                if let Some(place) = bytes.get_mut(at..at + 4) {
                    place.copy_from_slice(&value.to_be_bytes());
                }
            }
            6 => bytes.extend_from_slice(other.get(12..).unwrap_or_default()),
            _ => {
                let at = position(dice, 12);
                bytes.insert(at.min(bytes.len()), dice.next() as u8);
            }
        }
    }
    if dice.chance(950) {
        packet::seal(&mut bytes);
    }
    bytes.into()
}

#[test]
fn changed_packets_of_a_peer_never_panic() {
    let wanted =
        std::env::var("AQUEDUCT_DATA_HOSTILE").ok().and_then(|wanted| wanted.parse().ok()).unwrap_or(1_000);
    let (mut taken, mut sessions, mut outlived) = (0, 0, 0);
    while taken < wanted {
        sessions += 1;
        let (mut pair, record) = session(sessions);
        let mut dice = Dice(sessions + 1_000);
        for round in 0..50 {
            let (side, packet) = &record[dice.below(record.len() as u64) as usize];
            let (_, other) = &record[dice.below(record.len() as u64) as usize];
            if pair.ends[1 - *side].state() != SctpState::Connected {
                continue;
            }
            taken += 1;
            pair.ends[1 - *side].handle_packet(mutate(&mut dice, packet, other), pair.now);
            if round % 4 == 0 {
                pair.run_for(Duration::from_millis(dice.below(600)));
            }
            pair.seen = Default::default();
        }
        pair.run_for(Duration::from_secs(20));
        outlived += pair.ends.iter().filter(|end| end.state() == SctpState::Connected).count();
    }
    println!("{taken} changed packets in {sessions} sessions, {outlived} ends outlived theirs");
}

#[test]
fn noise_before_and_during_the_handshake_never_panics() {
    let (_, record) = session(7);
    let mut dice = Dice(7);
    for seed in 0..100 {
        let mut pair = Pair::new(seed, AssociationOptions::new());
        for _ in 0..50 {
            let (side, packet) = &record[dice.below(record.len().min(6) as u64) as usize];
            let changed = mutate(&mut dice, packet, packet);
            pair.ends[1 - *side].handle_packet(changed, pair.now);
            let noise: Vec<u8> = (0..dice.below(100)).map(|_| dice.next() as u8).collect();
            pair.ends[0].handle_packet(noise.into(), pair.now);
            pair.run_for(Duration::from_millis(3));
        }
    }
}

#[test]
fn a_peer_that_uses_streams_nobody_opened_is_held_to_a_number_of_them() {
    let mut pair = Pair::connected(1, AssociationOptions::new());
    let mut opened = 0;
    for stream in 0..400 {
        pair.ends[0].open(&SctpStreamParameters::new_ordered(stream), None, pair.now).unwrap();
        pair.send(0, stream, b"hello");
        pair.run_for(Duration::from_millis(50));
    }
    pair.run_for(Duration::from_secs(20));
    for output in pair.told(1) {
        if let DataOutput::Message { .. } = output {
            opened += 1;
        }
    }
    assert_eq!(opened, crate::data::options::STRANGERS_MAX);
    let closed = pair.told(0).iter().filter(|output| matches!(output, DataOutput::Closed { .. })).count();
    assert_eq!(closed, 400 - crate::data::options::STRANGERS_MAX);
}
