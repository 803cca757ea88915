use super::*;
use crate::rtx::{RtxStream, wrap};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn at(ms: u64) -> Moment {
    Moment::from_millis(ms)
}

fn stream() -> IncomingStream {
    IncomingStream::new(IncomingStreamOptions {
        ssrc: 1,
        payload_type: 96,
        clock_rate: 90_000,
        rtx_ssrc: Some(2),
        nack: true,
        dtx: false,
    })
}

fn header(sequence: u16) -> Header {
    Header { ssrc: 1, payload_type: 96, sequence, timestamp: u32::from(sequence) * 900, marker: false }
}

/// Polls until drained; returns what was asked for.
fn drain(stream: &mut IncomingStream, now: Moment) -> Vec<u16> {
    let mut asked = Vec::new();
    loop {
        match stream.poll_output(now) {
            IncomingOutput::Nack(lost) => asked.extend(lost),
            IncomingOutput::KeyFrameWanted | IncomingOutput::Score(_) => {}
            IncomingOutput::WaitUntil(_) => return asked,
        }
    }
}

#[test]
fn a_lost_packet_is_asked_for_and_its_retransmission_repairs_it() {
    let mut stream = stream();
    for sequence in [10, 11, 13] {
        stream.handle_packet(&header(sequence), 100, false, at(u64::from(sequence)));
    }
    assert_eq!(drain(&mut stream, at(40)), [12]);
    assert_eq!(stream.stats(at(40)).packets_lost, 1);
    let sent = Packet { header: header(12), payload: vec![7; 3].into(), ..Packet::default() };
    let original = stream.unwrap_rtx(&wrap(&sent, RtxStream { ssrc: 2, payload_type: 97 }, 0)).unwrap();
    assert_eq!(original, sent);
    assert_eq!(
        stream.handle_repair(&original.header, false, at(60)),
        Received::Forward { extended: 0x1_000c }
    );
    assert_eq!(stream.handle_repair(&original.header, false, at(61)), Received::Discarded);
    let stats = stream.stats(at(61));
    assert_eq!((stats.packets_lost, stats.packets_repaired, stats.nack_count), (0, 1, 1));
    assert_eq!((stats.rtx_packets_discarded, stats.packet_count), (1, 3));
}

#[test]
fn a_retransmission_neither_begins_a_stream_nor_moves_it_on() {
    let mut stream = stream();
    assert_eq!(stream.handle_repair(&header(5), true, at(0)), Received::Discarded);
    stream.handle_packet(&header(5), 100, true, at(0));
    assert_eq!(stream.handle_repair(&header(6), false, at(0)), Received::Discarded);
    assert!(drain(&mut stream, at(100)).is_empty());
}

#[test]
fn report_blocks_tell_loss_of_the_interval_and_of_all_and_when_the_sender_report_came() {
    let mut stream = stream();
    assert_eq!(stream.report_block(at(0)), None);
    for sequence in [0, 1, 2, 4, 5, 7] {
        stream.handle_packet(&header(sequence), 100, false, at(10 * u64::from(sequence)));
    }
    let report = SenderReport {
        ssrc: 1,
        ntp: 0x1111_2222_3333_4444,
        rtp_time: 0,
        packets: 0,
        octets: 0,
        blocks: vec![],
    };
    stream.handle_sender_report(&report, at(100));
    let block = stream.report_block(at(600)).unwrap();
    assert_eq!((block.fraction_lost, block.cumulative_lost, block.highest_sequence), (64, 2, 7));
    assert_eq!((block.last_sr, block.delay_since_last_sr, block.jitter), (0x2222_3333, 32_768, 0));
    assert_eq!(stream.report_block(at(700)).unwrap().fraction_lost, 0);
}

#[test]
fn the_score_falls_with_loss_and_ends_in_0_when_nothing_comes() {
    let mut stream = stream();
    stream.handle_packet(&header(0), 100, false, at(0));
    assert_eq!(stream.poll_output(at(0)), IncomingOutput::Score(10));
    stream.handle_packet(&header(9), 100, false, at(100));
    stream.report_block(at(100));
    assert_eq!(stream.poll_output(at(100)), IncomingOutput::Score(1));
    drain(&mut stream, at(1599));
    assert_eq!(stream.poll_output(at(1600)), IncomingOutput::Score(0));
}

#[test]
fn a_sender_that_begins_anew_is_not_asked_for_what_was_before() {
    let mut stream = stream();
    stream.handle_packet(&header(100), 100, false, at(0));
    stream.handle_packet(&header(110), 100, false, at(1));
    assert_eq!(stream.handle_packet(&header(40_000), 100, false, at(2)), Received::Discarded);
    let again = stream.handle_packet(&header(40_001), 100, false, at(3));
    assert_eq!(again, Received::Restarted { extended: 0x1_9c41 });
    assert!(drain(&mut stream, at(100)).is_empty());
    assert_eq!(stream.report_block(at(100)).unwrap().cumulative_lost, 0);
}

proptest! {
    /// Packets 0.. are sent from `first`, one each 5 ms; each is lost, delayed, or doubled at random.
    #[test]
    fn nack_asks_for_exactly_what_is_missing_and_never_for_what_came(
        first: u16,
        fates in prop::collection::vec((0u8..10, 0u64..60), 10..300),
    ) {
        let mut arrivals: Vec<(u64, u64)> = Vec::new();
        for (index, (fate, delay)) in fates.iter().enumerate() {
            let sent = 5 * index as u64;
            match fate {
                0 if index > 0 => {}
                1 if index > 0 => arrivals.push((sent + delay, index as u64)),
                2 => arrivals.extend([(sent, index as u64), (sent + delay, index as u64)]),
                _ => arrivals.push((sent, index as u64)),
            }
        }
        arrivals.sort();
        let mut stream = stream();
        let (mut came, mut ever_asked, mut highest) = (BTreeSet::new(), BTreeSet::new(), 0);
        let mut queue = arrivals.iter().peekable();
        for ms in 0..5 * fates.len() as u64 + 100 {
            while let Some((_, index)) = queue.next_if(|(due, _)| *due == ms) {
                let header = header(first.wrapping_add(*index as u16));
                let received = stream.handle_packet(&header, 100, false, at(ms));
                prop_assert_eq!(received == Received::Discarded, !came.insert(*index));
                highest = highest.max(*index);
            }
            for sequence in drain(&mut stream, at(ms)) {
                let index = u64::from(sequence.wrapping_sub(first));
                prop_assert!(index < highest && !came.contains(&index), "{index} came or was not sent");
                ever_asked.insert(index);
            }
        }
        let missing: BTreeSet<u64> = (0..highest).filter(|index| !came.contains(index)).collect();
        prop_assert!(missing.is_subset(&ever_asked), "{missing:?} {ever_asked:?}");
        prop_assert_eq!(stream.stats(at(0)).packets_lost, missing.len() as u64);
    }

    #[test]
    fn no_packets_panic(
        headers in prop::collection::vec(
            (any::<u16>(), any::<u32>(), any::<bool>(), any::<bool>(), 0u64..500), 0..200,
        ),
    ) {
        let mut stream = stream();
        let mut now = 0;
        for (sequence, timestamp, key_frame, repair, pause) in headers {
            now += pause;
            let header = Header { timestamp, ..header(sequence) };
            if repair {
                stream.handle_repair(&header, key_frame, at(now));
            } else {
                stream.handle_packet(&header, 100, key_frame, at(now));
            }
            drain(&mut stream, at(now));
            stream.report_block(at(now));
            stream.stats(at(now));
        }
    }
}
