//! A consumer of VP9 with three spatial and three temporal layers in one stream can decode all that it gets.
use crate::producer::Random;
use formats::rtp::Header;
use media::Moment;
use proptest::prelude::*;
use sfu::consumer_stream::ConsumerStream;
use sfu::layers::{ConsumerLayers, Output, ProducerLayers};
use sfu::payload::{PayloadFormat, StreamReader};
use sfu::rewrite::Outbound;
use std::collections::BTreeSet;

const PICTURES: u64 = 900;
const CALM_AT: u64 = 750;

/// Packets of one layer's frame, each with its marker.
fn frame(picture: u64, phase: u64, spatial: u8, top: u8, ksvc: bool) -> Vec<Vec<u8>> {
    let key_picture = phase == 0;
    let temporal = [0, 2, 1, 2][(phase % 4) as usize];
    let switch_up = matches!(phase % 4, 1 | 2);
    let inter_layer = spatial > 0 && (key_picture || !ksvc);
    let not_for_upper = spatial == top || (ksvc && !key_picture);
    let flags = 0xa0 | u8::from(!key_picture) << 6 | u8::from(not_for_upper);
    let [high, low] = (picture as u16).to_be_bytes();
    let layers = temporal << 5 | u8::from(switch_up) << 4 | spatial << 1 | u8::from(inter_layer);
    let packet = |begin: u8, end: u8| vec![flags | begin | end, 0x80 | high, low, layers, 0, 1];
    vec![packet(0x08, 0), packet(0, 0x04)]
}

/// The frames that this one is predicted from, as picture and spatial layer.
fn references(picture: u64, phase: u64, spatial: u8, ksvc: bool) -> Vec<(u64, u8)> {
    let mut references = Vec::new();
    if phase > 0 {
        let back = [4, 1, 2, 1][(phase % 4) as usize];
        references.push((picture - back, spatial));
    }
    if spatial > 0 && (phase == 0 || !ksvc) {
        references.push((picture, spatial - 1));
    }
    references
}

fn run(seed: u64, ksvc: bool) -> usize {
    let mut random = Random::new(seed);
    let mut reader = StreamReader::new(0, PayloadFormat::Vp9);
    let outbound = Outbound { ssrc: 1, payload_type: 98, red: None, clock_rate: 90_000, first_sequence: 0 };
    let producer = ProducerLayers { streams: 1, temporal: 3, ksvc };
    let mut consumer = ConsumerStream::new(producer, Some(ConsumerLayers::HIGHEST), outbound);
    let (mut sequence, mut next_out, mut phase, mut top) = (65_000_u16, 0, 0, 2);
    let mut got = BTreeSet::new();
    let mut reported = None;
    for picture in 1..PICTURES {
        let now = Moment::from_millis(picture * 33);
        let calm = picture > CALM_AT;
        if calm || random.one_in(30) {
            let wish = ConsumerLayers {
                spatial_layer: random.below(3) as u8,
                temporal_layer: Some(random.below(3) as u8),
            };
            let wish =
                if calm { Some(ConsumerLayers::HIGHEST) } else { Some(wish).filter(|_| !random.one_in(6)) };
            consumer.handle_wish(wish, now);
        }
        if random.one_in(100) || picture == CALM_AT {
            top = if calm || picture == CALM_AT { 2 } else { random.below(3) as u8 };
            phase = 0;
        }
        let mut shown = None;
        for spatial in 0..=top {
            for payload in frame(picture, phase, spatial, top, ksvc) {
                let marker = spatial == top && payload[0] & 0x04 != 0;
                let timestamp = picture as u32 * 2970;
                let header = Header { sequence, timestamp, marker, ..Header::default() };
                sequence = sequence.wrapping_add(1);
                let packet = reader.read(header, &payload, None).unwrap().unwrap();
                let Some(out) = consumer.handle_packet(&packet, now) else { continue };
                assert_eq!(out.sequence, next_out, "nothing is lost, so nothing is missing");
                next_out += 1;
                for reference in references(picture, phase, spatial, ksvc) {
                    assert!(
                        got.contains(&reference),
                        "picture {picture} layer {spatial} needs {reference:?}"
                    );
                }
                got.insert((picture, spatial));
                shown = Some(out.marker);
            }
        }
        if shown == Some(false) {
            // the upper layers of a key picture may have gone on only up to one that the sender stopped
            assert!(top < 2, "picture {picture} has no marker");
        }
        phase += 1;
        loop {
            match consumer.poll_output(now) {
                Output::RequestKeyFrame { stream } => {
                    assert_eq!(stream, 0);
                    phase = 0;
                }
                Output::LayersChanged(layers) => reported = layers,
                Output::WaitUntil(_) => break,
            }
        }
    }
    assert_eq!(reported, Some(ConsumerLayers { spatial_layer: 2, temporal_layer: Some(2) }));
    let last = (PICTURES - 30..PICTURES).filter(|picture| got.contains(&(*picture, 2))).count();
    assert_eq!(last, 30, "every picture of the best layer goes on");
    got.len()
}

#[test]
fn in_k_svc_the_lower_layers_go_on_in_key_pictures_only() {
    assert!(run(3, true) < run(3, false));
}

proptest! {
    #[test]
    fn all_that_a_consumer_of_svc_gets_can_be_decoded(seed: u64, ksvc: bool) {
        run(seed, ksvc);
    }
}
