//! How an association ends, and how it does not.
use super::link::{Pair, Weather, epoch, message};
use crate::data::{
    Association, AssociationOptions, DataOutput, Payload, Role, SctpState, SctpStreamParameters, SendError,
};
use bytes::Bytes;
use media::Moment;
use std::time::Duration;

const STREAM: SctpStreamParameters = SctpStreamParameters::new_ordered(0);

fn pair() -> Pair {
    let mut pair = Pair::connected(1, AssociationOptions::new());
    pair.open(&[STREAM]);
    pair.drain();
    pair.seen = Default::default();
    pair
}

fn large() -> Payload {
    Payload::Binary(Bytes::from(vec![0; 200_000]))
}

#[test]
fn the_handshake_survives_loss_delay_and_repetition() {
    for seed in 0..50 {
        let mut pair = Pair::new(seed, AssociationOptions::new());
        pair.weather = Weather { loss: 300, late: 500, twice: 500 };
        pair.connect();
        assert_eq!(pair.states(0), [SctpState::Connecting, SctpState::Connected], "seed {seed}");
        pair.run_for(Duration::from_secs(10));
        assert_eq!(pair.ends[0].state(), SctpState::Connected, "seed {seed}");
        assert_eq!(pair.ends[1].state(), SctpState::Connected, "seed {seed}");
    }
}

#[test]
fn nobody_answers_and_it_has_failed_within_a_minute() {
    let mut lonely = Association::new(AssociationOptions::new(), Role::Client, epoch());
    assert!(matches!(lonely.poll_output(Moment::ZERO), DataOutput::WaitUntil(Moment::FAR_FUTURE)));
    lonely.start(Moment::ZERO);
    let (mut now, mut packets) = (Moment::ZERO, 0);
    while lonely.state() != SctpState::Failed {
        match lonely.poll_output(now) {
            DataOutput::WaitUntil(moment) => now = moment,
            DataOutput::Packet(_) => packets += 1,
            _ => {}
        }
    }
    assert_eq!(packets, 9);
    assert!(now < Moment::from_millis(60_000), "{now:?}");
    assert_eq!(lonely.send(0, &large(), now), Err(SendError::NotConnected));
}

#[test]
fn closing_with_unsent_data_tells_the_peer_in_one_packet_and_is_final() {
    let mut pair = pair();
    for _ in 0..5 {
        pair.ends[0].send(0, &large(), pair.now).unwrap();
    }
    pair.run_for(Duration::from_millis(30));
    pair.seen = Default::default();
    pair.ends[0].close(pair.now);
    pair.run_for(Duration::from_secs(5));
    assert_eq!(pair.states(0), [SctpState::Closed]);
    assert_eq!(pair.states(1), [SctpState::Closed]);
    for end in &mut pair.ends {
        assert_eq!(end.poll_output(pair.now), DataOutput::WaitUntil(Moment::FAR_FUTURE));
        assert_eq!(end.send(0, &large(), pair.now), Err(SendError::NotConnected));
        end.start(pair.now);
        assert_eq!(end.state(), SctpState::Closed);
    }
}

#[test]
fn an_init_repeated_long_after_the_handshake_changes_nothing() {
    let mut pair = Pair::new(1, AssociationOptions::new());
    pair.record = Some(Vec::new());
    pair.connect();
    pair.open(&[STREAM]);
    let handshake = pair.record.take().unwrap();
    for (side, packet) in handshake {
        pair.launch(side, packet);
    }
    pair.run_for(Duration::from_secs(1));
    pair.send(0, 0, b"still here");
    pair.run_for(Duration::from_secs(1));
    assert_eq!(pair.told(1), [message(0, b"still here")]);
    assert_eq!(pair.ends.each_ref().map(|end| end.state()), [SctpState::Connected; 2]);
}

#[test]
fn a_peer_that_restarted_is_taken_over_and_agreed_streams_work_again() {
    let mut pair = pair();
    pair.ends[0].open(&SctpStreamParameters::new_ordered(6), Some(("theirs", "")), pair.now).unwrap();
    pair.send(0, 0, b"before");
    pair.run_for(Duration::from_secs(1));
    pair.seen = Default::default();
    pair.ends[0] = Association::new(AssociationOptions::new(), Role::Client, epoch());
    pair.ends[0].start(pair.now);
    pair.ends[0].open(&STREAM, None, pair.now).unwrap();
    pair.connect();
    pair.run_for(Duration::from_secs(1));
    pair.send(0, 0, b"there");
    pair.send(1, 0, b"and back");
    pair.run_for(Duration::from_secs(1));
    assert_eq!(pair.ends[1].stats().restarts, 1);
    let seen: Vec<_> = pair.seen[1].drain(..).collect();
    let expected = [
        DataOutput::State(SctpState::Connecting),
        DataOutput::Closed { stream_id: 6 },
        DataOutput::State(SctpState::Connected),
        message(0, b"there"),
    ];
    assert_eq!(seen, expected);
    assert_eq!(pair.told(0), [message(0, b"and back")]);
}

#[test]
fn a_message_larger_than_agreed_ends_the_association_and_the_sender_learns_it() {
    let mut pair = Pair::new(1, AssociationOptions::new());
    let small = AssociationOptions { max_receive_message_size: 1_000, ..AssociationOptions::new() };
    pair.ends[1] = Association::new(small, Role::Server, epoch());
    pair.ends[1].start(pair.now);
    pair.open(&[STREAM]);
    pair.connect();
    pair.ends[0].send(0, &large(), pair.now).unwrap();
    pair.run_for(Duration::from_secs(5));
    assert_eq!(pair.ends.each_ref().map(|end| end.state()), [SctpState::Closed; 2]);
}
