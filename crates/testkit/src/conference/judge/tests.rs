//! A judge that sees a broken stream must say so: a camera's packets, changed on their way in every manner.
use super::super::payload::VideoCodec;
use super::super::source::{AudioOptions, Layering, MediaPacket, Source, VideoOptions, Voice};
use super::*;
use std::collections::BTreeMap;

const TAG: u32 = 77;

fn options() -> VideoOptions {
    VideoOptions { layers: vec![1_500_000], temporal_layers: 3, ..VideoOptions::new(TAG) }
}

/// All packets of one stream of a camera within so many seconds.
fn packets(options: VideoOptions, encoding: usize, seconds: u64) -> Vec<MediaPacket> {
    let mut source = Source::camera(options);
    let mut out = Vec::new();
    for millisecond in 0..seconds * 1_000 {
        source.poll(Duration::from_millis(millisecond), &mut out);
    }
    out.retain(|packet| packet.encoding == encoding);
    out
}

/// What a judge says of packets that arrive as they were captured.
fn judged(format: Format, packets: &[MediaPacket]) -> BotReport {
    let began = Instant::now();
    let mut judge = Judge::new(format, Verify::Full, Some(TAG), began);
    let mut now = began;
    for packet in packets {
        now = now.max(began + packet.captured);
        judge.handle_packet(packet.sequence, packet.timestamp, packet.marker, &packet.payload, now);
        judge.handle_timeout(now);
        judge.take_key_frame_request(now);
    }
    judge.handle_timeout(now + REPAIR_MAX);
    judge.report()
}

fn vp8(packets: &[MediaPacket]) -> BotReport {
    judged(Format::Video(VideoCodec::Vp8), packets)
}

/// Numbers as a server that leaves out frames would give them.
fn renumbered(packets: Vec<MediaPacket>) -> Vec<MediaPacket> {
    let first = packets[0].sequence;
    let numbered = packets.into_iter().zip(first..);
    numbered.map(|(packet, sequence)| MediaPacket { sequence, ..packet }).collect()
}

fn body(packet: &MediaPacket) -> Body {
    let (_, rest) = read(Format::Video(VideoCodec::Vp8), &packet.payload).unwrap();
    Body::read(rest).unwrap()
}

#[test]
fn an_unbroken_stream_of_each_codec_has_no_fault() {
    for codec in [VideoCodec::Vp8, VideoCodec::H264, VideoCodec::Vp9] {
        let report = judged(Format::Video(codec), &packets(VideoOptions { codec, ..options() }, 0, 10));
        assert_eq!(report.faults(), Vec::<String>::new(), "{codec:?}");
        assert_eq!(
            (report.frames_decodable, report.frames_broken, report.key_frames),
            (300, 0, 1),
            "{codec:?}"
        );
        assert_eq!((report.freezes, report.sequence_gaps, report.out_of_order), (0, 0, 0), "{codec:?}");
        assert_eq!(report.layer(), Some((0, 2)), "{codec:?}");
        assert!(report.bytes > 1_500_000, "{codec:?}: {}", report.bytes);
    }
}

#[test]
fn an_unbroken_stream_with_three_spatial_layers_has_no_fault() {
    let report = judged(Format::Video(VideoCodec::Vp9), &packets(VideoOptions::svc(TAG), 0, 10));
    assert_eq!(report.faults(), Vec::<String>::new());
    assert_eq!((report.frames_decodable, report.frames_broken, report.key_frames), (900, 0, 3));
    assert_eq!(report.layer(), Some((2, 2)));
}

#[test]
fn speech_and_silence_have_no_fault_and_dtx_is_no_freeze() {
    for voice in [Voice::Speaks(30), Voice::Silent, Voice::Dtx] {
        let mut source = Source::microphone(AudioOptions { voice, ..AudioOptions::new(TAG) });
        let mut out = Vec::new();
        (0..10_000).for_each(|millisecond| source.poll(Duration::from_millis(millisecond), &mut out));
        let report = judged(Format::Opus, &out);
        assert_eq!(report.faults(), Vec::<String>::new());
        assert_eq!((report.frames_broken, report.freezes), (0, 0));
        let expected = if voice == Voice::Dtx { (0, 25) } else { (500, 0) };
        assert_eq!((report.frames_decodable, report.comfort_packets), expected);
    }
}

#[test]
fn a_dropped_packet_is_a_gap_and_what_refers_to_its_frame_is_broken_until_a_key_frame() {
    let all = packets(VideoOptions { key_interval: Some(Duration::from_secs(2)), ..options() }, 0, 6);
    let base = all.iter().position(|packet| body(packet).frame == 64 && body(packet).index == 1).unwrap();
    assert_eq!(body(&all[base]).temporal, 0, "frame 60 is a key frame, so 64 is of the base layer");
    let mut dropped = all;
    dropped.remove(base);
    let report = vp8(&dropped);
    assert_eq!(report.sequence_gaps, 1);
    assert_eq!(report.frames_broken, 120 - 64, "all until the key frame at 120");
    assert_eq!((report.freezes, report.frames_decodable), (1, 64 + 60));
    assert!(report.key_frames_wanted >= 2, "{}", report.key_frames_wanted);
    assert!(report.frozen > Duration::from_millis(1_500), "{:?}", report.frozen);
    assert!(report.longest_recovery > Duration::from_millis(1_500), "{:?}", report.longest_recovery);
    assert_eq!(report.faults(), Vec::<String>::new(), "a network may lose packets");
}

#[test]
fn a_lost_frame_of_the_highest_temporal_layer_breaks_itself_alone() {
    let mut all = packets(options(), 0, 4);
    let top =
        all.iter().find(|packet| body(packet).temporal == 2 && body(packet).frame > 30).map(body).unwrap();
    all.retain(|packet| body(packet).frame != top.frame || body(packet).index == 0);
    let report = vp8(&all);
    assert_eq!((report.frames_broken, report.frames_decodable, report.freezes), (1, 119, 0));
    assert_eq!(report.key_frames_wanted, 0);
}

#[test]
fn a_late_packet_is_no_gap_and_a_packet_that_comes_twice_is_told() {
    let mut all = packets(options(), 0, 2);
    all.swap(50, 53);
    all.insert(80, all[60].clone());
    let report = vp8(&all);
    assert_eq!((report.sequence_gaps, report.frames_broken, report.duplicates), (0, 0, 1));
    assert!(report.out_of_order >= 1);
    assert_eq!(report.faults(), Vec::<String>::new());
}

#[test]
fn packets_with_each_others_numbers_are_misplaced() {
    let mut all = packets(options(), 0, 2);
    let place = all.iter().position(|packet| body(packet).index == 1 && body(packet).count > 3).unwrap();
    let (one, other) = (all[place].sequence, all[place + 1].sequence);
    (all[place].sequence, all[place + 1].sequence) = (other, one);
    let report = vp8(&all);
    assert!(report.misplaced >= 1 && report.frames_broken >= 1, "{report:?}");
    assert!(!report.faults().is_empty());
}

#[test]
fn a_changed_byte_and_another_producers_packet_are_told() {
    let mut all = packets(options(), 0, 2);
    let last = all[100].payload.len() - 1;
    all[100].payload[last] ^= 1;
    let strange = packets(VideoOptions { tag: TAG + 1, ..options() }, 0, 1).remove(20);
    all[200].payload = strange.payload;
    let report = vp8(&all);
    assert_eq!((report.corrupt, report.foreign), (1, 1));
    assert!(report.frames_broken >= 2);
    assert_eq!(report.faults().len(), 2, "{:?}", report.faults());
}

#[test]
fn a_server_that_leaves_out_a_temporal_layer_must_renumber_pictures() {
    let all = packets(options(), 0, 4);
    let lower: Vec<_> = all.into_iter().filter(|packet| body(packet).temporal < 2).collect();
    let not_at_all = vp8(&lower);
    assert!(not_at_all.sequence_gaps > 50, "{not_at_all:?}");
    let numbered = renumbered(lower);
    let half = vp8(&numbered);
    assert_eq!((half.sequence_gaps, half.frames_broken, half.layer()), (0, 0, Some((0, 1))));
    assert!(half.picture_id_steps > 50, "picture ids still have holes: {half:?}");
    let mut ids = BTreeMap::new();
    let whole: Vec<_> = numbered
        .into_iter()
        .map(|mut packet| {
            let next = ids.len() as u16;
            let id = *ids.entry(body(&packet).frame).or_insert(next) | 0x8000;
            packet.payload[2..4].copy_from_slice(&id.to_be_bytes());
            packet
        })
        .collect();
    let report = vp8(&whole);
    assert_eq!(report.faults(), Vec::<String>::new());
    assert_eq!(report.frames_decodable, 60);
}

#[test]
fn a_frame_whose_packets_became_fillers_may_leave_a_hole_in_the_picture_ids_and_no_other_frame_may() {
    let mut all = packets(options(), 0, 4);
    let cleared = |packet: &mut MediaPacket| packet.payload.clear();
    all.iter_mut().filter(|packet| body(packet).temporal == 2).for_each(cleared);
    let filled = vp8(&all);
    assert_eq!(filled.faults(), Vec::<String>::new());
    assert_eq!((filled.sequence_gaps, filled.frames_broken, filled.layer()), (0, 0, Some((0, 1))));
    // the same holes with one filler only
    let first = all.iter().position(|packet| packet.payload.is_empty()).unwrap();
    let mut place = 0..;
    all.retain(|packet| place.next() == Some(first) || !packet.payload.is_empty());
    let report = vp8(&renumbered(all));
    assert!(report.picture_id_steps > 50, "{report:?}");
}

#[test]
fn a_step_of_time_and_a_wrong_marker_are_told() {
    let mut all = packets(options(), 0, 2);
    for packet in all.iter_mut().filter(|packet| packet.captured > Duration::from_secs(1)) {
        packet.timestamp = packet.timestamp.wrapping_add(9_000);
    }
    let end =
        all.iter().position(|packet| packet.marker && packet.captured > Duration::from_millis(500)).unwrap();
    all[end].marker = false;
    let report = vp8(&all);
    assert_eq!((report.timestamp_steps, report.marker_faults), (1, 1));
    assert_eq!(report.timestamp_step_max, Duration::from_millis(100));
}

#[test]
fn another_simulcast_layer_without_its_key_frame_cannot_be_decoded() {
    let options = VideoOptions {
        layering: Layering::Ssrcs,
        layers: vec![300_000, 900_000],
        temporal_layers: 1,
        ..VideoOptions::new(TAG)
    };
    let low = packets(options.clone(), 0, 2);
    let high = packets(options, 1, 4);
    let then = low.last().unwrap().captured;
    let mut all = low;
    all.extend(high.into_iter().filter(|packet| packet.captured > then));
    let all = renumbered(all);
    let report = vp8(&all);
    assert_eq!((report.frames_decodable, report.frames_broken), (60, 60));
    assert!(report.key_frames_wanted >= 3, "{report:?}");
    assert!(report.timestamp_steps >= 1, "another layer's clock: {report:?}");
}

#[test]
fn a_light_judge_tells_gaps_by_numbers_alone() {
    let began = Instant::now();
    let mut judge = Judge::new(Format::Video(VideoCodec::Vp8), Verify::Light, None, began);
    for sequence in (65_530..66_000).filter(|sequence| sequence % 100 != 0) {
        judge.handle_packet(sequence, 0, false, &[0; 10], began);
    }
    let report = judge.report();
    assert_eq!((report.packets, report.sequence_gaps), (466, 4));
}
