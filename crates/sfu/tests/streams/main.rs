//! A consumer of a simulcast producer over a bad network sees one stream without seams, whatever it wishes.
#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]
mod hostile;
mod judge;
mod producer;
mod svc;

use formats::rtp::Header;
use judge::Judge;
use media::Moment;
use producer::{Random, Stream};
use proptest::prelude::*;
use sfu::consumer_stream::ConsumerStream;
use sfu::layers::{ConsumerLayers, Output, ProducerLayers};
use sfu::payload::{PayloadFormat, StreamReader};
use sfu::rewrite::{Outbound, SenderReport};

const STREAMS: u8 = 3;
const FRAME_MS: u64 = 33;
/// The network is bad and wishes change until here; after it the best layers must come.
const CALM_AT_MS: u64 = 30_000;
const END_MS: u64 = 36_000;

fn random_wish(random: &mut Random) -> Option<ConsumerLayers> {
    let temporal_layer = Some(random.below(4) as u8).filter(|layer| *layer < 3);
    (!random.one_in(8)).then(|| ConsumerLayers { spatial_layer: random.below(3) as u8, temporal_layer })
}

/// Runs the whole time; returns how many packets came out, in how many pieces.
fn run(seed: u64) -> (usize, usize) {
    let mut random = Random::new(seed);
    let mut streams: Vec<Stream> = (0..STREAMS).map(|_| Stream::new(&mut random)).collect();
    let mut readers: Vec<StreamReader> =
        (0..STREAMS).map(|stream| StreamReader::new(stream, PayloadFormat::Vp8)).collect();
    let producer = ProducerLayers { streams: STREAMS, temporal: 3, ksvc: false };
    let outbound = Outbound {
        ssrc: 77,
        payload_type: 99,
        red: None,
        clock_rate: 90_000,
        first_sequence: random.below(65_536) as u16,
    };
    let mut consumer = ConsumerStream::new(producer, Some(ConsumerLayers::HIGHEST), outbound);
    let mut judge = Judge::default();
    judge.wish(Some(u8::MAX));
    let mut reported = None;
    let mut at_ms = 10_000;
    while at_ms < 10_000 + END_MS {
        let calm = at_ms >= 10_000 + CALM_AT_MS;
        let now = Moment::from_millis(at_ms);
        if !calm && random.one_in(40) {
            let wish = random_wish(&mut random);
            consumer.handle_wish(wish, now);
            judge.wish(wish.map(|wish| wish.temporal_layer.unwrap_or(u8::MAX)));
        } else if calm && at_ms < 10_000 + CALM_AT_MS + FRAME_MS {
            consumer.handle_wish(Some(ConsumerLayers::HIGHEST), now);
            judge.wish(Some(u8::MAX));
        }
        for number in 0..usize::from(STREAMS) {
            let stream = &mut streams[number];
            if !calm && random.one_in(200) {
                stream.silent_until_ms = at_ms + random.below(4_000);
            }
            for sent in stream.frame(at_ms, &mut random) {
                if random.one_in(100) {
                    let ntp = (at_ms << 32) / 1000;
                    consumer
                        .handle_sender_report(number as u8, SenderReport { ntp, timestamp: sent.timestamp });
                }
                for arrived in stream.transmit(sent, calm, &mut random) {
                    let header = Header {
                        sequence: arrived.sequence,
                        timestamp: arrived.timestamp,
                        marker: arrived.marker,
                        ..Header::default()
                    };
                    let packet = readers[number].read(header, &arrived.payload, None).unwrap().unwrap();
                    judge.packet(number, &arrived, consumer.handle_packet(&packet, now));
                }
            }
        }
        loop {
            match consumer.poll_output(now) {
                Output::RequestKeyFrame { stream } => streams[usize::from(stream)].key_frame_wanted = true,
                Output::LayersChanged(layers) => {
                    assert_ne!(layers, reported, "a change is reported once");
                    reported = layers;
                }
                Output::WaitUntil(until) => {
                    assert!(until > now, "drained");
                    break;
                }
            }
        }
        at_ms += FRAME_MS;
    }
    assert_eq!(judge.stream(), Some(2), "the best stream comes when it can");
    assert_eq!(reported, Some(ConsumerLayers { spatial_layer: 2, temporal_layer: Some(2) }));
    judge.finish()
}

#[test]
fn a_consumer_gets_much_and_switches_often() {
    let (packets, switches) = run(1);
    assert!(packets > 500 && switches > 5, "{packets} packets, {switches} switches");
}

proptest! {
    #[test]
    fn a_consumer_sees_one_stream_without_seams(seed: u64) {
        run(seed);
    }
}
