//! Defect 4's story for one pair: eight channels of all four kinds over a bad link; nothing is altered, nothing comes on
//! another channel, what is reliable is complete, what is limited is lost at most, and it never stands still.
use super::link::{Dice, Pair, Side, Weather};
use crate::data::{AssociationOptions, DataOutput, Payload, SctpStreamParameters, SendError};
use bytes::{BufMut as _, Bytes, BytesMut};
use media::Moment;
use std::collections::BTreeSet;
use std::time::Duration;

/// Three times the longest retransmission timeout.
const STANDSTILL: Duration = Duration::from_secs(30);
const CHANNELS: u16 = 8;
/// Channel, sequence, length, checksum.
const HEAD: usize = 18;

fn kind(channel: u16) -> SctpStreamParameters {
    match channel {
        0 | 1 => SctpStreamParameters::new_ordered(channel),
        2 | 3 => SctpStreamParameters::new_unordered(channel),
        4 => SctpStreamParameters::new_unordered_with_retransmits(channel, 0),
        5 => SctpStreamParameters::new_unordered_with_retransmits(channel, 2),
        6 => SctpStreamParameters::new_unordered_with_life_time(channel, 50),
        _ => SctpStreamParameters::new_unordered_with_life_time(channel, 400),
    }
}

/// The message that `side` sends on `channel` as number `sequence`: always the same for the same seed.
fn message(seed: u64, side: Side, channel: u16, sequence: u32) -> Payload {
    let mut dice = Dice(seed ^ (side as u64) << 60 ^ u64::from(channel) << 40 ^ u64::from(sequence) << 8);
    let least = if kind(channel).ordered { 1 } else { HEAD as u64 };
    let length = match dice.below(40) {
        0 => 262_144,
        1..4 => least + dice.below(60_000),
        4..10 => least + dice.below(5),
        _ => least + dice.below(2_000),
    };
    let length = usize::try_from(length).unwrap();
    let mut body = BytesMut::with_capacity(length + HEAD + 8);
    body.put_u16(channel);
    body.put_u32(sequence);
    body.put_u32(u32::try_from(length).unwrap());
    body.put_u64(dice.next());
    while body.len() < length {
        body.put_u64(dice.next());
    }
    body.truncate(length);
    if dice.chance(500) { Payload::String(body.freeze()) } else { Payload::Binary(body.freeze()) }
}

/// What one side has received.
struct Received {
    from: Side,
    next: [u32; CHANNELS as usize],
    seen: [BTreeSet<u32>; CHANNELS as usize],
}

impl Received {
    fn check(&mut self, seed: u64, stream_id: u16, payload: &Payload) {
        let index = usize::from(stream_id);
        let bytes: &Bytes = payload.bytes();
        let sequence = if kind(stream_id).ordered {
            let sequence = self.next[index];
            self.next[index] += 1;
            sequence
        } else {
            u32::from_be_bytes(bytes[2..6].try_into().unwrap())
        };
        assert!(
            *payload == message(seed, self.from, stream_id, sequence),
            "seed {seed}: channel {stream_id}: message {sequence} is not what was sent ({} bytes)",
            bytes.len()
        );
        assert!(self.seen[index].insert(sequence), "seed {seed}: channel {stream_id}: {sequence} came twice");
    }

    fn count(&self) -> usize {
        self.seen.iter().map(BTreeSet::len).sum()
    }
}

/// Runs one seed. Returns how many messages arrived, of how many.
fn run(seed: u64, each: u32) -> (usize, usize) {
    let options =
        AssociationOptions { max_receiver_window_buffer_size: 1_000_000, ..AssociationOptions::new() };
    let mut pair = Pair::new(seed, options.clone());
    pair.weather = Weather { loss: 20 + seed * 4 % 81, late: 100, twice: 20 };
    for channel in 0..CHANNELS {
        // Even ones are agreed on, odd ones opened in band by one side.
        let in_band = (channel % 2 == 1).then_some(("label", "protocol"));
        pair.ends[0].open(&kind(channel), in_band, pair.now).unwrap();
        if in_band.is_none() {
            pair.ends[1].open(&kind(channel), None, pair.now).unwrap();
        }
    }
    pair.connect();
    let received = |from| Received { from, next: [0; 8], seen: Default::default() };
    let mut received = [received(1), received(0)];
    let mut sent = [[0u32; CHANNELS as usize]; 2];
    let mut moved_at = pair.now;
    let mut arrived = 0;
    let mut opened = 0;
    loop {
        for side in [0, 1] {
            for channel in 0..CHANNELS {
                let sequence = &mut sent[side][usize::from(channel)];
                if *sequence == each || pair.ends[side].buffered_amount(channel).is_none() {
                    continue;
                }
                match pair.ends[side].send(channel, &message(seed, side, channel, *sequence), pair.now) {
                    Ok(()) => *sequence += 1,
                    Err(SendError::BufferFull { .. }) => {}
                    Err(error) => panic!("seed {seed}: channel {channel}: {error}"),
                }
            }
            let buffered: u32 = (0..CHANNELS).filter_map(|c| pair.ends[side].buffered_amount(c)).sum();
            assert!(buffered <= options.send_buffer_size, "seed {seed}: {buffered} bytes buffered");
        }
        pair.step(pair.now + Duration::from_millis(10));
        pair.drain();
        for side in [0, 1] {
            while let Some(output) = pair.seen[side].pop_front() {
                match output {
                    DataOutput::Message { stream_id, payload } => {
                        received[side].check(seed, stream_id, &payload)
                    }
                    DataOutput::Opened { stream_id, label, protocol, parameters } => {
                        assert_eq!((label.as_str(), protocol.as_str()), ("label", "protocol"));
                        assert_eq!(parameters, kind(stream_id));
                        opened += 1;
                    }
                    DataOutput::Closed { stream_id } => panic!("seed {seed}: {stream_id} closed"),
                    DataOutput::State(_)
                    | DataOutput::BufferedAmountLow { .. }
                    | DataOutput::SendBufferFull { .. }
                    | DataOutput::Packet(_)
                    | DataOutput::WaitUntil(_) => {}
                }
            }
        }
        let count = received.iter().map(Received::count).sum();
        if count > arrived {
            (arrived, moved_at) = (count, pair.now);
        }
        let all_sent = sent.iter().flatten().all(|&sequence| sequence == each);
        let ends = &mut pair.ends;
        let empty = ends.iter_mut().all(|end| (0..CHANNELS).all(|c| end.buffered_amount(c) == Some(0)));
        if all_sent && empty {
            break;
        }
        let still = pair.now.since(moved_at);
        assert!(still < STANDSTILL, "seed {seed}: {still:?} without a message: {:?}", pair.ends[0].stats());
        assert!(pair.now < Moment::from_millis(3_600_000), "seed {seed}: not done within an hour");
    }
    // The last acknowledgement has come, and so has everything before.
    for (side, received) in received.iter().enumerate() {
        for channel in 0..4 {
            let count = received.seen[channel].len();
            assert_eq!(count, each as usize, "seed {seed}: side {side} channel {channel} is not complete");
        }
    }
    assert_eq!(opened, 4);
    (arrived, usize::from(CHANNELS) * 2 * each as usize)
}

#[test]
fn no_message_is_altered_misled_or_repeated_and_reliable_channels_are_complete_under_loss() {
    let seeds = std::env::var("AQUEDUCT_DATA_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(20);
    let each = std::env::var("AQUEDUCT_DATA_MESSAGES").ok().and_then(|each| each.parse().ok()).unwrap_or(20);
    let (mut arrived, mut of) = (0, 0);
    for seed in 0..seeds {
        let (came, sent) = run(seed, each);
        arrived += came;
        of += sent;
    }
    println!("{seeds} seeds: {arrived} of {of} messages arrived; only limited channels lose");
}
