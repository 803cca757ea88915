use super::*;
use crate::payload::{InboundPacket, PayloadFormat, StreamReader, key_frame_of_l1t2, short};
use formats::rtp::Header;
use media::Moment;

fn ms(millis: u64) -> Moment {
    Moment::from_millis(millis)
}

fn wish(spatial_layer: u8, temporal_layer: Option<u8>) -> Option<ConsumerLayers> {
    Some(ConsumerLayers { spatial_layer, temporal_layer })
}

/// A packet of H.264, which is a frame of its own.
fn frame(reader: &mut StreamReader, sequence: u16, key_frame: bool) -> InboundPacket {
    let header =
        Header { sequence, timestamp: u32::from(sequence) * 3000, marker: true, ..Header::default() };
    reader.read(header, &[if key_frame { 0x65 } else { 0x61 }, 0], None).unwrap().unwrap()
}

fn outputs(selector: &mut Selector, now: Moment) -> Vec<Output> {
    let mut outputs = Vec::new();
    loop {
        match selector.poll_output(now) {
            Output::WaitUntil(_) => return outputs,
            output @ (Output::RequestKeyFrame { .. } | Output::LayersChanged(_)) => outputs.push(output),
        }
        assert!(outputs.len() < 10, "never drained");
    }
}

#[test]
fn the_old_stream_goes_on_until_the_key_frame_of_the_new_one() {
    let mut selector = Selector::new(ProducerLayers { streams: 2, temporal: 1, ksvc: false }, wish(0, None));
    let mut low = StreamReader::new(0, PayloadFormat::H264);
    let mut high = StreamReader::new(1, PayloadFormat::H264);
    assert_eq!(outputs(&mut selector, ms(0)), [], "nothing lives yet");
    assert_eq!(selector.handle_packet(&frame(&mut low, 1, false), ms(0)), Choice::Ignore);
    assert_eq!(outputs(&mut selector, ms(0)), [Output::RequestKeyFrame { stream: 0 }]);
    assert_eq!(outputs(&mut selector, ms(999)), []);
    selector.handle_packet(&frame(&mut low, 2, false), ms(999));
    assert_eq!(outputs(&mut selector, ms(1000)), [Output::RequestKeyFrame { stream: 0 }], "again");
    assert_eq!(selector.handle_packet(&frame(&mut low, 3, true), ms(1010)), Choice::Begin { marker: true });
    assert_eq!(outputs(&mut selector, ms(1010)), [Output::LayersChanged(wish(0, Some(0)))]);
    selector.handle_wish(wish(1, None), ms(1020));
    assert_eq!(selector.handle_packet(&frame(&mut high, 1, false), ms(1020)), Choice::Ignore);
    assert_eq!(outputs(&mut selector, ms(1020)), [Output::RequestKeyFrame { stream: 1 }]);
    assert_eq!(
        selector.handle_packet(&frame(&mut low, 4, false), ms(1030)),
        Choice::Forward { marker: true }
    );
    assert_eq!(selector.handle_packet(&frame(&mut high, 2, true), ms(1040)), Choice::Begin { marker: true });
    assert_eq!(selector.handle_packet(&frame(&mut low, 5, true), ms(1040)), Choice::Ignore);
    assert_eq!(outputs(&mut selector, ms(1040)), [Output::LayersChanged(wish(1, Some(0)))]);
}

#[test]
fn a_dead_stream_gives_way_and_a_consumer_of_nothing_living_is_told() {
    let mut selector = Selector::new(ProducerLayers { streams: 2, temporal: 1, ksvc: false }, wish(1, None));
    let mut low = StreamReader::new(0, PayloadFormat::H264);
    let mut high = StreamReader::new(1, PayloadFormat::H264);
    assert_eq!(selector.handle_packet(&frame(&mut high, 1, true), ms(0)), Choice::Begin { marker: true });
    selector.handle_packet(&frame(&mut low, 1, false), ms(1000));
    assert_eq!(outputs(&mut selector, ms(1000)), [Output::LayersChanged(wish(1, Some(0)))]);
    assert_eq!(selector.poll_output(ms(1000)), Output::WaitUntil(ms(1500)));
    assert_eq!(outputs(&mut selector, ms(1500)), [Output::RequestKeyFrame { stream: 0 }]);
    assert_eq!(outputs(&mut selector, ms(2500)), [Output::LayersChanged(None)]);
    assert_eq!(
        selector.handle_packet(&frame(&mut high, 2, false), ms(9000)),
        Choice::Forward { marker: true }
    );
    assert_eq!(outputs(&mut selector, ms(9000)), [Output::LayersChanged(wish(1, Some(0)))]);
}

#[test]
fn a_paused_consumer_gets_nothing_and_begins_again_at_a_key_frame() {
    let mut selector = Selector::new(ProducerLayers { streams: 1, temporal: 1, ksvc: false }, None);
    let mut reader = StreamReader::new(0, PayloadFormat::H264);
    assert_eq!(selector.handle_packet(&frame(&mut reader, 1, true), ms(0)), Choice::Ignore);
    assert_eq!(outputs(&mut selector, ms(0)), []);
    selector.handle_wish(Some(ConsumerLayers::HIGHEST), ms(10));
    assert_eq!(outputs(&mut selector, ms(10)), [Output::RequestKeyFrame { stream: 0 }]);
    assert_eq!(selector.handle_packet(&frame(&mut reader, 2, false), ms(20)), Choice::Ignore);
    assert_eq!(selector.handle_packet(&frame(&mut reader, 3, true), ms(30)), Choice::Begin { marker: true });
}

#[test]
fn a_sender_that_began_anew_goes_on_at_its_key_frame() {
    let mut selector = Selector::new(ProducerLayers { streams: 1, temporal: 1, ksvc: false }, wish(0, None));
    let mut reader = StreamReader::new(0, PayloadFormat::H264);
    selector.handle_packet(&frame(&mut reader, 1, true), ms(0));
    outputs(&mut selector, ms(0));
    let header = Header { sequence: 30_000, timestamp: 5, marker: true, ..Header::default() };
    assert_eq!(reader.read(header, &[0x65, 0], None), Ok(None));
    assert_eq!(selector.handle_packet(&frame(&mut reader, 30_001, false), ms(10)), Choice::Ignore);
    let asked = [Output::RequestKeyFrame { stream: 0 }, Output::LayersChanged(None)];
    assert_eq!(outputs(&mut selector, ms(10)), asked);
    assert_eq!(
        selector.handle_packet(&frame(&mut reader, 30_002, true), ms(20)),
        Choice::Begin { marker: true }
    );
}

#[test]
fn a_dependency_descriptor_drops_what_the_decode_target_does_not_need() {
    let mut selector =
        Selector::new(ProducerLayers { streams: 1, temporal: 2, ksvc: false }, wish(0, Some(0)));
    let mut reader = StreamReader::new(0, PayloadFormat::Av1);
    let mut sequence = 0;
    let mut judge = |selector: &mut Selector, descriptor: &[u8]| {
        sequence += 1;
        let header = Header { sequence, timestamp: 0, marker: true, ..Header::default() };
        let packet = reader.read(header, &[0x10, 0x32], Some(descriptor)).unwrap().unwrap();
        selector.handle_packet(&packet, ms(0))
    };
    let (goes_on, key) = (Choice::Forward { marker: true }, key_frame_of_l1t2(1));
    assert_eq!(judge(&mut selector, &key), Choice::Begin { marker: true });
    assert_eq!(judge(&mut selector, &short(2, 2)), Choice::Drop);
    assert_eq!(judge(&mut selector, &short(1, 3)), goes_on);
    assert_eq!(outputs(&mut selector, ms(0)), [Output::LayersChanged(wish(0, Some(0)))]);
    selector.handle_wish(wish(0, Some(1)), ms(0));
    assert_eq!(judge(&mut selector, &short(2, 4)), Choice::Drop, "the upper layer's frame is no switch");
    assert_eq!(judge(&mut selector, &short(1, 5)), goes_on);
    assert_eq!(judge(&mut selector, &short(2, 6)), goes_on);
    assert_eq!(outputs(&mut selector, ms(0)), [Output::LayersChanged(wish(0, Some(1)))]);
    selector.handle_wish(wish(0, Some(0)), ms(0));
    assert_eq!(judge(&mut selector, &short(2, 7)), Choice::Drop, "down at once");
    assert_eq!(outputs(&mut selector, ms(0)), [Output::LayersChanged(wish(0, Some(0)))]);
}

#[test]
fn a_key_picture_of_svc_is_climbed_to_its_top_without_asking_for_another() {
    let mut selector =
        Selector::new(ProducerLayers::new(1, &ScalabilityMode::L2T1), Some(ConsumerLayers::HIGHEST));
    let mut reader = StreamReader::new(0, PayloadFormat::Vp9);
    let mut sequence = 0;
    let mut judge = |selector: &mut Selector, flags: u8, layers: u8| {
        sequence += 1;
        let header = Header { sequence, ..Header::default() };
        let packet = reader.read(header, &[0x2c | flags, layers, 0, 1], None).unwrap().unwrap();
        selector.handle_packet(&packet, ms(0))
    };
    let (predicted, upper) = (0x40, 0x03);
    assert_eq!(judge(&mut selector, predicted, 0), Choice::Ignore);
    assert_eq!(judge(&mut selector, predicted, upper), Choice::Ignore);
    assert_eq!(outputs(&mut selector, ms(0)), [Output::RequestKeyFrame { stream: 0 }]);
    assert_eq!(judge(&mut selector, 0, 0), Choice::Begin { marker: true });
    assert_eq!(outputs(&mut selector, ms(0)), [Output::LayersChanged(wish(0, Some(0)))]);
    assert_eq!(judge(&mut selector, 0, upper), Choice::Forward { marker: true });
    assert_eq!(outputs(&mut selector, ms(0)), [Output::LayersChanged(wish(1, Some(0)))]);
}
