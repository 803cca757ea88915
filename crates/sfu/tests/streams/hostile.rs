//! Whatever a producer sends, its consumers neither panic nor send a number twice.
use formats::rtp::Header;
use media::Moment;
use proptest::prelude::*;
use sfu::consumer_stream::ConsumerStream;
use sfu::layers::{ConsumerLayers, Output, ProducerLayers};
use sfu::payload::{PayloadFormat, RedTypes, StreamReader};
use sfu::rewrite::{Outbound, SenderReport};
use std::collections::BTreeSet;

const FORMATS: [PayloadFormat; 7] = [
    PayloadFormat::Vp8,
    PayloadFormat::Vp9,
    PayloadFormat::H264,
    PayloadFormat::H265,
    PayloadFormat::Av1,
    PayloadFormat::Red(RedTypes { red: 0, repeated: 0 }),
    PayloadFormat::Plain,
];

#[derive(Debug, Clone)]
enum Event {
    Packet { stream: u8, sequence: i16, timestamp: u32, payload: Vec<u8>, descriptor: Option<Vec<u8>> },
    Wish(Option<(u8, Option<u8>)>),
    Report { stream: u8, ntp: u64, timestamp: u32 },
    Jump { sequence: u16, millis: u64 },
}

fn bytes(length: usize) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..length)
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let packet = (0_u8..4, -3_i16..4, any::<u32>(), bytes(12), proptest::option::of(bytes(40)));
    let event = prop_oneof![
        20 => packet.prop_map(|(stream, sequence, timestamp, payload, descriptor)| Event::Packet {
            stream,
            sequence,
            timestamp,
            payload,
            descriptor
        }),
        1 => any::<Option<(u8, Option<u8>)>>().prop_map(Event::Wish),
        1 => any::<(u8, u64, u32)>().prop_map(|(stream, ntp, timestamp)| Event::Report { stream, ntp, timestamp }),
        1 => (any::<u16>(), 0_u64..100_000).prop_map(|(sequence, millis)| Event::Jump { sequence, millis }),
    ];
    proptest::collection::vec(event, 1..300)
}

fn run(format: PayloadFormat, producer: ProducerLayers, events: &[Event]) {
    let mut readers: Vec<StreamReader> = (0..4).map(|stream| StreamReader::new(stream, format)).collect();
    let outbound = Outbound { ssrc: 1, payload_type: 100, red: None, clock_rate: 90_000, first_sequence: 0 };
    let mut consumer = ConsumerStream::new(producer, Some(ConsumerLayers::HIGHEST), outbound);
    let (mut sequence, mut millis) = (0_u16, 0);
    let mut sent = BTreeSet::new();
    for event in events {
        let now = Moment::from_millis(millis);
        match event {
            Event::Packet { stream, sequence: step, timestamp, payload, descriptor } => {
                sequence = sequence.wrapping_add_signed(*step);
                let header = Header { sequence, timestamp: *timestamp, ..Header::default() };
                let read = readers[usize::from(*stream)].read(header, payload, descriptor.as_deref());
                let Ok(Some(packet)) = read else { continue };
                if let Some(out) = consumer.handle_packet(&packet, now) {
                    assert!(sent.insert(out.sequence), "number {} twice", out.sequence);
                    assert!(out.patch.is_none_or(|patch| patch.end() <= payload.len()));
                    assert!(usize::from(out.skip) <= payload.len());
                }
            }
            Event::Wish(wish) => {
                let layers = wish
                    .map(|(spatial_layer, temporal_layer)| ConsumerLayers { spatial_layer, temporal_layer });
                consumer.handle_wish(layers, now);
            }
            Event::Report { stream, ntp, timestamp } => {
                consumer.handle_sender_report(*stream, SenderReport { ntp: *ntp, timestamp: *timestamp });
            }
            Event::Jump { sequence: to, millis: step } => (sequence, millis) = (*to, millis + step),
        }
        let drained = (0..10).any(|_| matches!(consumer.poll_output(now), Output::WaitUntil(_)));
        assert!(drained, "outputs without end");
    }
}

proptest! {
    #[test]
    fn no_stream_panics_or_sends_a_number_twice(events in events(), streams in 1_u8..4, temporal in 0_u8..4, ksvc: bool) {
        for format in FORMATS {
            run(format, ProducerLayers { streams, temporal, ksvc }, &events);
        }
    }
}
