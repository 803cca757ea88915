//! Opening, closing, back-pressure.
use super::link::{Pair, Weather, message};
use crate::data::{
    AssociationOptions, DataOutput, OpenError, Payload, SctpState, SctpStreamParameters,
    SctpStreamParametersError, SendError,
};
use bytes::Bytes;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

fn pair() -> Pair {
    Pair::connected(1, AssociationOptions::new())
}

fn payload(size: usize) -> Payload {
    Payload::Binary(Bytes::from(vec![7; size]))
}

#[test]
fn a_channel_opened_in_band_is_open_with_its_name_on_the_other_side() {
    let mut pair = pair();
    let limited = SctpStreamParameters::new_unordered_with_life_time(4, 500);
    pair.ends[1].open(&limited, Some(("chat", "json")), pair.now).unwrap();
    pair.send(1, 4, b"early");
    pair.run_for(Duration::from_secs(2));
    let opened = DataOutput::Opened {
        stream_id: 4,
        label: "chat".into(),
        protocol: "json".into(),
        parameters: limited,
    };
    assert_eq!(pair.told(0), [opened, message(4, b"early")]);
    pair.send(0, 4, b"back");
    pair.run_for(Duration::from_secs(1));
    assert!(pair.told(1).contains(&message(4, b"back")));
    let open = pair.ends[0].open(&limited, None, pair.now);
    assert_eq!(open, Err(OpenError::InUse(4)));
}

#[test]
fn empty_messages_of_both_kinds_arrive_empty_and_of_their_kind() {
    let mut pair = pair();
    pair.open(&[SctpStreamParameters::new_ordered(0)]);
    let empty = [Payload::String(Bytes::new()), Payload::Binary(Bytes::new())];
    for payload in &empty {
        pair.ends[0].send(0, payload, pair.now).unwrap();
    }
    pair.run_for(Duration::from_secs(1));
    let expected = empty.map(|payload| DataOutput::Message { stream_id: 0, payload });
    assert_eq!(pair.told(1), expected);
}

#[test]
fn a_message_on_a_stream_that_is_opened_later_is_not_lost() {
    let mut pair = pair();
    let stream = SctpStreamParameters::new_ordered(9);
    pair.ends[0].open(&stream, None, pair.now).unwrap();
    pair.send(0, 9, b"before");
    pair.run_for(Duration::from_secs(1));
    pair.ends[1].open(&stream, None, pair.now).unwrap();
    pair.send(1, 9, b"after");
    pair.run_for(Duration::from_secs(1));
    assert_eq!(pair.told(1), [message(9, b"before")]);
    assert_eq!(pair.told(0), [message(9, b"after")]);
}

#[test]
fn a_closed_stream_still_delivers_what_was_sent_and_its_number_can_be_used_again() {
    let mut pair = pair();
    pair.weather = Weather { loss: 100, ..Weather::default() };
    let stream = SctpStreamParameters::new_ordered(2);
    for round in 0..3 {
        pair.open(&[stream]);
        pair.send(0, 2, b"last words");
        pair.ends[0].close_stream(2, pair.now);
        assert_eq!(pair.ends[0].send(2, &payload(1), pair.now), Err(SendError::NoStream(2)));
        assert_eq!(pair.ends[0].open(&stream, None, pair.now), Err(OpenError::Resetting(2)));
        let closed = |pair: &Pair| pair.seen[1].contains(&DataOutput::Closed { stream_id: 2 });
        assert!(pair.run_until(MINUTE, closed), "round {round}");
        assert_eq!(pair.told(1), [message(2, b"last words"), DataOutput::Closed { stream_id: 2 }]);
        assert_eq!(pair.told(0), []);
        pair.run_for(MINUTE);
    }
}

#[test]
fn parameters_that_mediasoup_refuses_are_refused() {
    let mut pair = pair();
    let wrong =
        SctpStreamParameters { ordered: true, ..SctpStreamParameters::new_unordered_with_retransmits(1, 1) };
    let error = OpenError::Parameters(SctpStreamParametersError::OrderedAndLimited);
    assert_eq!(pair.ends[0].open(&wrong, None, pair.now), Err(error));
    let long = "x".repeat(70_000);
    let stream = SctpStreamParameters::new_ordered(1);
    assert_eq!(pair.ends[0].open(&stream, Some((&long, "")), pair.now), Err(OpenError::TooLong(1)));
}

#[test]
fn a_message_too_large_or_without_a_stream_is_refused_whole() {
    let mut pair = pair();
    pair.open(&[SctpStreamParameters::new_ordered(0)]);
    let send = |pair: &mut Pair, stream, size| pair.ends[0].send(stream, &payload(size), pair.now);
    let too_large = SendError::TooLarge { size: 262_145, max: 262_144 };
    assert_eq!(send(&mut pair, 0, 262_145), Err(too_large));
    assert_eq!(send(&mut pair, 1, 1), Err(SendError::NoStream(1)));
    assert_eq!(pair.ends[0].buffered_amount(0), Some(0));
    assert_eq!(pair.ends[0].buffered_amount(1), None);
}

#[test]
fn a_full_buffer_is_told_once_and_its_emptying_too() {
    let mut pair = pair();
    pair.open(&[SctpStreamParameters::new_ordered(0), SctpStreamParameters::new_ordered(1)]);
    pair.ends[0].set_buffered_amount_low_threshold(0, 100_000);
    let mut refused = 0;
    for _ in 0..30 {
        match pair.ends[0].send(0, &payload(200_000), pair.now) {
            Ok(()) => {}
            Err(SendError::BufferFull { buffered: 2_000_000, max: 2_000_000 }) => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(refused, 20);
    assert_eq!(pair.ends[0].buffered_amount(0), Some(2_000_000));
    // The other stream has nothing buffered, but all together are full.
    let other = pair.ends[0].send(1, &payload(1), pair.now);
    assert_eq!(other, Err(SendError::BufferFull { buffered: 2_000_000, max: 2_000_000 }));
    pair.run_for(MINUTE);
    let told = pair.told(0);
    let full =
        |stream_id| told.iter().filter(|output| **output == DataOutput::SendBufferFull { stream_id }).count();
    assert_eq!((full(0), full(1)), (1, 1));
    let low = |output: &&DataOutput| matches!(output, DataOutput::BufferedAmountLow { stream_id: 0, .. });
    assert_eq!(told.iter().filter(low).count(), 1, "{told:?}");
    assert_eq!(pair.ends[0].buffered_amount(0), Some(0));
    assert_eq!(pair.ends[0].send(1, &payload(1), pair.now), Ok(()));
}

#[test]
fn messages_as_large_as_the_whole_window_arrive_under_loss() {
    let window = AssociationOptions { max_receiver_window_buffer_size: 262_144, ..AssociationOptions::new() };
    let mut pair = Pair::connected(3, window);
    pair.weather = Weather { loss: 50, late: 100, twice: 20 };
    pair.open(&[SctpStreamParameters::new_ordered(0), SctpStreamParameters::new_unordered(1)]);
    for stream in [0, 1, 0, 1] {
        pair.ends[0].send(stream, &payload(262_144), pair.now).unwrap();
    }
    let four = |pair: &Pair| {
        pair.seen[1].iter().filter(|output| matches!(output, DataOutput::Message { .. })).count() == 4
    };
    assert!(
        pair.run_until(Duration::from_secs(600), four),
        "{:?}",
        pair.ends.each_ref().map(|end| end.stats())
    );
}

#[test]
fn a_receiver_that_takes_nothing_stops_the_sender_and_loses_nothing() {
    let mut pair = pair();
    pair.open(&[SctpStreamParameters::new_ordered(0)]);
    pair.drain();
    let (mut sent, mut packets) = (0, Vec::new());
    // The receiver is given every packet, and never polled.
    for round in 0..2_000 {
        while pair.ends[0].send(0, &payload(50_000), pair.now).is_ok() {
            sent += 1;
        }
        pair.now += Duration::from_millis(20);
        loop {
            match pair.ends[0].poll_output(pair.now) {
                DataOutput::Packet(packet) => packets.push(packet),
                DataOutput::WaitUntil(_) => break,
                _ => {}
            }
        }
        for packet in packets.drain(..) {
            pair.ends[1].handle_packet(packet, pair.now);
        }
        assert!(pair.ends[0].buffered_amount(0) <= Some(2_000_000), "round {round}");
    }
    assert_eq!(sent, 40, "the buffer's worth, no more");
    let all = |pair: &Pair| {
        pair.seen[1].iter().filter(|output| matches!(output, DataOutput::Message { .. })).count() == 40
    };
    assert!(pair.run_until(Duration::from_secs(300), all));
    assert_eq!(pair.ends[0].state(), SctpState::Connected);
}

#[test]
#[cfg(debug_assertions)]
fn another_thread_may_only_use_it_after_a_hand_over() {
    let mut pair = pair();
    let now = pair.now;
    let end = &mut pair.ends[0];
    let error = std::thread::scope(|scope| scope.spawn(|| end.poll_output(now)).join()).unwrap_err();
    let text = error.downcast_ref::<String>().unwrap();
    assert!(text.contains("is driven from ThreadId"), "{text}");
    let end = &mut pair.ends[0];
    std::thread::scope(|scope| {
        let taken_over = scope.spawn(|| {
            end.move_to_this_thread();
            end.poll_output(now)
        });
        taken_over.join().unwrap();
    });
}
