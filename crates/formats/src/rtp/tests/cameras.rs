//! What devices do, packet by packet.
use super::units::params;
use super::{depacketizer, frames, packet, track};
use crate::rtp::{AacPayload, Depacketizer, DepacketizerOptions, Frame, Packet, PayloadError};
use bytes::Bytes;
use media::{Codec, CodecParams};

const SPS: [u8; 6] = [0x67, 0x64, 0x00, 0x0a, 0xac, 0xd9];
const PPS: [u8; 3] = [0x68, 0xef, 0x84];
const IDR: [u8; 4] = [0x65, 0x88, 0x84, 0x21];
const SLICE_1: [u8; 3] = [0x41, 0x9a, 0x11];
const SLICE_2: [u8; 3] = [0x41, 0x5a, 0x22];

fn run(codec: Codec, params: CodecParams, packets: &[Packet]) -> Vec<Frame> {
    let mut depacketizer = depacketizer(&track(codec, params));
    for packet in packets {
        depacketizer.push(packet).unwrap();
    }
    depacketizer.flush();
    frames(&mut depacketizer)
}

fn nals(nals: &[&[u8]]) -> Vec<u8> {
    nals.iter().flat_map(|nal| [&(nal.len() as u32).to_be_bytes()[..], nal].concat()).collect()
}

fn aggregate(head: &[u8], nals: &[&[u8]]) -> Vec<u8> {
    let parts = nals.iter().flat_map(|nal| [&(nal.len() as u16).to_be_bytes()[..], nal].concat());
    head.iter().copied().chain(parts).collect()
}

#[track_caller]
fn one_keyframe_with_params(frames: &[Frame]) {
    let [frame] = frames else { panic!("{} frames", frames.len()) };
    assert_eq!(frame.data[..], nals(&[&IDR]));
    assert!(frame.keyframe && !frame.after_loss);
    assert_eq!(frame.params, Some(params(Codec::H264)));
}

#[test]
fn sps_pps_and_idr_come_in_one_stap_a_or_stap_b() {
    for head in [&[0x78][..], &[0x79, 0, 7]] {
        let payload = aggregate(head, &[&SPS, &PPS, &IDR]);
        one_keyframe_with_params(&run(Codec::H264, CodecParams::None, &[packet(1, 5, true, &payload)]));
    }
}

#[test]
fn start_codes_within_a_payload_part_its_nal_units() {
    let glued = [&SPS[..], &[0, 0, 0, 1], &PPS, &[0, 0, 1], &IDR].concat();
    one_keyframe_with_params(&run(Codec::H264, CodecParams::None, &[packet(1, 5, true, &glued)]));
    let led = [&[0, 0, 0, 1], &glued[..]].concat();
    one_keyframe_with_params(&run(Codec::H264, CodecParams::None, &[packet(1, 5, true, &led)]));
    // The same, fragmented as if it were one SPS.
    let (first, second) = glued[1..].split_at(8);
    let packets = [
        packet(1, 5, false, &[&[0x7c, 0x87], first].concat()),
        packet(2, 5, true, &[&[0x7c, 0x47], second].concat()),
    ];
    one_keyframe_with_params(&run(Codec::H264, CodecParams::None, &packets));
}

#[test]
fn delimiter_and_parameter_sets_may_have_timestamps_and_markers_of_their_own() {
    let packets = [
        packet(1, 1, true, &[0x09, 0xf0]),
        packet(2, 2, true, &SPS),
        packet(3, 3, false, &PPS),
        packet(4, 5, true, &IDR),
    ];
    one_keyframe_with_params(&run(Codec::H264, CodecParams::None, &packets));
}

#[test]
fn without_markers_a_frame_ends_with_its_timestamp() {
    let packets = [
        packet(1, 5, false, &IDR),
        packet(2, 6, false, &SLICE_1),
        packet(3, 6, false, &SLICE_2),
        packet(4, 7, false, &SLICE_1),
    ];
    let frames = run(Codec::H264, params(Codec::H264), &packets);
    let data: Vec<_> = frames.iter().map(|frame| (frame.rtp_time, frame.data.to_vec())).collect();
    assert_eq!(data, [(5, nals(&[&IDR])), (6, nals(&[&SLICE_1, &SLICE_2])), (7, nals(&[&SLICE_1]))]);
    assert!(frames[0].keyframe && !frames[1].keyframe && frames.iter().all(|frame| frame.params.is_none()));
}

#[test]
fn a_fragment_without_end_bit_ends_where_the_next_nal_unit_starts() {
    let packets = [
        packet(1, 5, false, &[0x5c, 0x81, 0x9a]),
        packet(2, 5, false, &[0x5c, 0x01, 0x11]),
        packet(3, 5, true, &SLICE_2),
    ];
    let frames = run(Codec::H264, params(Codec::H264), &packets);
    assert_eq!(frames[0].data[..], nals(&[&SLICE_1, &SLICE_2]));
}

#[test]
fn after_a_gap_a_second_slice_is_no_frame_but_a_first_one_is() {
    let track = track(Codec::H264, params(Codec::H264));
    let mut depacketizer = depacketizer(&track);
    for packet in [
        packet(1, 5, true, &IDR),
        // 2 is lost: the first slice of this frame.
        packet(3, 6, true, &SLICE_2),
        packet(4, 7, true, &SLICE_1),
        // 5 is lost: a whole frame.
        packet(6, 9, false, &SLICE_1),
        packet(6, 9, false, &SLICE_1),
        packet(7, 9, true, &SLICE_2),
    ] {
        depacketizer.push(&packet).unwrap();
    }
    let got: Vec<_> =
        frames(&mut depacketizer).iter().map(|frame| (frame.rtp_time, frame.after_loss)).collect();
    assert_eq!(got, [(5, false), (7, true), (9, true)]);
    let stats = depacketizer.stats();
    assert_eq!((stats.packets_lost, stats.packets_late, stats.frames_dropped, stats.frames), (2, 1, 1, 3));
}

#[test]
fn a_bad_packet_costs_its_frame_only() {
    let track = track(Codec::H264, params(Codec::H264));
    let mut depacketizer = depacketizer(&track);
    depacketizer.push(&packet(1, 5, false, &IDR)).unwrap();
    let error = depacketizer.push(&packet(2, 5, false, &[0x78, 0, 9, 0x41])).unwrap_err();
    assert_eq!(error, PayloadError::Truncated { sequence: 2, part: "aggregated NAL unit", at: 3 });
    depacketizer.push(&packet(3, 5, true, &SLICE_2)).unwrap();
    depacketizer.push(&packet(4, 6, true, &SLICE_1)).unwrap();
    let frames = frames(&mut depacketizer);
    assert_eq!(frames.len(), 1);
    assert!(frames[0].after_loss && frames[0].rtp_time == 6);
}

#[test]
fn a_sender_that_starts_anew_is_followed() {
    let track = track(Codec::Opus, CodecParams::None);
    let mut depacketizer = depacketizer(&track);
    for sequence in [9, 10, 60_000, 60_001] {
        depacketizer.push(&packet(sequence, sequence.into(), false, &[1])).unwrap();
    }
    let mut other = packet(3, 3, false, &[1]);
    other.header.ssrc = 2;
    depacketizer.push(&other).unwrap();
    let losses: Vec<_> = frames(&mut depacketizer).iter().map(|frame| frame.after_loss).collect();
    assert_eq!(losses, [false, false, true, false, true]);
    assert_eq!((depacketizer.stats().resets, depacketizer.stats().packets_lost), (2, 0));
}

#[test]
fn h265_with_decoding_order_numbers_comes_out_like_that_without() {
    let track = track(Codec::H265, CodecParams::None);
    let (vps, sps, pps) = ([0x40, 1, 0x0c], [0x42, 1, 1, 1], [0x44, 1, 0xc1]);
    let idr = [0x26, 1, 0xaf, 0x11, 0x22];
    let packets = |donl: bool| {
        let don: &[u8] = if donl { &[0, 9] } else { &[] };
        let dond: &[u8] = if donl { &[0] } else { &[] };
        let sets: [&[u8]; 5] = [&[0, 3], &vps, dond, &[0, 4], &sps];
        [
            packet(1, 5, false, &[&[0x60, 1], don, &sets.concat()].concat()),
            packet(2, 5, false, &[&pps[..2], don, &pps[2..]].concat()),
            packet(3, 5, false, &[&[0x62, 1, 0x93], don, &idr[2..4]].concat()),
            packet(4, 5, true, &[&[0x62, 1, 0x53], &idr[4..]].concat()),
        ]
    };
    let results = [false, true].map(|h265_donl| {
        let options = DepacketizerOptions { h265_donl, ..DepacketizerOptions::for_track(&track) };
        let mut depacketizer = Depacketizer::new(&track, options).unwrap();
        packets(h265_donl).iter().for_each(|packet| depacketizer.push(packet).unwrap());
        frames(&mut depacketizer)
    });
    assert_eq!(results[0].len(), 1);
    assert_eq!(results[0][0].data[..], nals(&[&idr]));
    assert!(results[0][0].keyframe);
    assert_eq!(results[0][0].params, Some(params(Codec::H265)));
    assert_eq!(results[0], results[1]);
}

#[test]
fn vp9_layers_are_one_frame_with_an_index() {
    // Flexible mode: picture id, layers; the second layer refers to the first.
    let key = [0x82, 0x49, 0x83, 0x42, 0x10, 0, 0];
    let packets = [
        packet(1, 5, false, &[&[0xb8, 0x85, 0x01, 0x00], &key[..]].concat()),
        packet(2, 5, false, &[0xb4, 0x85, 0x01, 0x00, 7]),
        packet(3, 5, true, &[0xbc, 0x85, 0x01, 0x03, 8, 9]),
    ];
    let frames = run(Codec::Vp9, CodecParams::None, &packets);
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0].data[..], [&key[..], &[7, 8, 9, 0xc1, 8, 2, 0xc1]].concat());
    assert!(frames[0].keyframe);
    assert_eq!(frames[0].params, Some(CodecParams::Vp9 { profile: 0, level: 0, bit_depth: 8 }));
    // A lower layer lost: the upper one alone is no frame.
    let mut depacketizer = depacketizer(&track(Codec::Vp9, CodecParams::None));
    depacketizer.push(&packet(1, 4, true, &[0x8c, 1, 0x86])).unwrap();
    depacketizer.push(&packets[2]).unwrap();
    assert_eq!(super::frames(&mut depacketizer).len(), 1);
}

#[test]
fn vp9_scalability_structure_and_references_are_skipped() {
    // I P F B E V; picture id of 7 bits; two references; two sizes, a picture group of one with one reference.
    let head = [0xde, 5, 0x03, 0x02, 0x38, 0, 16, 0, 16, 0, 32, 0, 32, 1, 0x04, 1];
    let frames = run(Codec::Vp9, CodecParams::None, &[packet(1, 5, true, &[&head[..], &[0x86, 1]].concat())]);
    assert_eq!(frames[0].data[..], [0x86, 1]);
}

#[test]
fn jpeg_takes_its_tables_from_q_and_keeps_those_sent_once() {
    let main = |offset: u8, kind: u8, q: u8| [0, 0, 0, offset, kind, q, 4, 3];
    let scan = |file: &[u8]| file[file.len() - 5..].to_vec();
    let segment = |file: &[u8], kind: u8| {
        let at = file.windows(2).position(|marker| marker == [0xff, kind])?;
        Some(file[at + 4..at + 2 + usize::from(file[at + 3])].to_vec())
    };
    // Q 50, type 0, with a restart interval, in two packets; then a Q of its own with tables, then without.
    let tables = [5; 128];
    let packets = [
        packet(1, 5, false, &[&main(0, 0x40, 50)[..], &[0, 9, 0xff, 0xff], &[1, 2]].concat()),
        packet(2, 5, true, &[&main(2, 0x40, 50)[..], &[0, 9, 0xff, 0xff], &[3]].concat()),
        packet(3, 6, true, &[&main(0, 1, 200)[..], &[0, 0, 0, 128], &tables, &[4, 5, 6]].concat()),
        packet(4, 7, true, &[&main(0, 1, 200)[..], &[0, 0, 0, 0], &[7, 8, 9]].concat()),
    ];
    let frames = run(Codec::Mjpeg, CodecParams::None, &packets);
    assert_eq!(frames.len(), 3);
    let files: Vec<&[u8]> = frames.iter().map(|frame| &frame.data[..]).collect();
    assert_eq!(scan(files[0]), [1, 2, 3, 0xff, 0xd9]);
    assert_eq!(segment(files[0], 0xdb).unwrap()[..5], [0, 16, 11, 12, 14]);
    assert_eq!(segment(files[0], 0xdd).unwrap(), [0, 9]);
    assert_eq!(segment(files[0], 0xc0).unwrap()[..8], [8, 0, 24, 0, 32, 3, 1, 0x21]);
    assert_eq!(segment(files[1], 0xdd), None);
    assert_eq!(segment(files[2], 0xdb).unwrap()[1..], tables[..64]);
    assert_eq!(scan(files[2]), [7, 8, 9, 0xff, 0xd9]);
    assert_eq!(files[1][..files[1].len() - 5], files[2][..files[2].len() - 5]);
}

#[test]
fn jpeg_larger_than_2040_takes_its_size_from_elsewhere() {
    let mut large = packet(1, 5, true, &[0, 0, 0, 0, 1, 50, 0, 0, 1]);
    let mut depacketizer = depacketizer(&track(Codec::Mjpeg, CodecParams::None));
    assert!(depacketizer.push(&large).is_err());
    let size = |frame: Frame| {
        let at = frame.data.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
        frame.data[at + 5..at + 9].to_vec()
    };
    let track = track(Codec::Mjpeg, CodecParams::None);
    let options =
        DepacketizerOptions { jpeg_size: Some((2560, 1440)), ..DepacketizerOptions::for_track(&track) };
    let mut depacketizer = Depacketizer::new(&track, options).unwrap();
    depacketizer.push(&large).unwrap();
    assert_eq!(size(depacketizer.pop().unwrap()), [0x05, 0xa0, 0x0a, 0x00]);
    // ONVIF sends the frame header as an extension.
    let segments = [0xff, 0xff, 0xff, 0xfe, 0, 3, 0, 0xff, 0xc0, 0, 8, 8, 0x06, 0x00, 0x0c, 0x00, 3];
    large.extension =
        Some(crate::rtp::Extension { profile: 0xffd8, data: Bytes::copy_from_slice(&segments) });
    large.header.sequence = 2;
    depacketizer.push(&large).unwrap();
    assert_eq!(size(depacketizer.pop().unwrap()), [0x06, 0x00, 0x0c, 0x00]);
}

#[test]
fn aac_units_come_several_to_a_packet_and_fragmented_and_with_adts() {
    let track = track(Codec::Aac, params(Codec::Aac));
    let mut depacketizer = depacketizer(&track);
    let adts = [0xff, 0xf1, 0x4c, 0x80, 0x01, 0x3f, 0xfc, 8, 9];
    for packet in [
        packet(1, 100, true, &[0, 32, 0, 16, 0, 8, 1, 2, 3]),
        packet(2, 3000, false, &[0, 16, 0, 24, 4]),
        packet(3, 3000, true, &[0, 16, 0, 24, 5, 6]),
        packet(4, 5000, true, &[&[0, 16, 0, 9 << 3][..], &adts].concat()),
        // The start of this one is lost.
        packet(6, 7000, true, &[0, 16, 0, 24, 5, 6]),
        packet(7, 8000, true, &[0, 16, 0, 8, 7]),
    ] {
        let _ = depacketizer.push(&packet);
    }
    let got: Vec<_> =
        frames(&mut depacketizer).iter().map(|frame| (frame.rtp_time, frame.data.to_vec())).collect();
    let expected =
        [(100, vec![1, 2]), (1124, vec![3]), (3000, vec![4, 5, 6]), (5000, vec![8, 9]), (8000, vec![7])];
    assert_eq!(got, expected);
    assert_eq!(depacketizer.stats().frames_dropped, 1);
}

#[test]
fn aac_with_a_low_bit_rate_and_without_headers() {
    let track = track(Codec::Aac, params(Codec::Aac));
    let lbr = DepacketizerOptions { aac: AacPayload::LOW_BIT_RATE, ..DepacketizerOptions::for_track(&track) };
    let mut depacketizer = Depacketizer::new(&track, lbr).unwrap();
    depacketizer.push(&packet(1, 0, true, &[0, 16, 2 << 2, 1 << 2, 1, 2, 3])).unwrap();
    let got: Vec<_> = frames(&mut depacketizer).iter().map(|frame| frame.data.to_vec()).collect();
    assert_eq!(got, [vec![1, 2], vec![3]]);
    let bare = AacPayload::Generic { size_length: 0, index_length: 0, index_delta_length: 0 };
    let options = DepacketizerOptions { aac: bare, ..lbr };
    let mut depacketizer = Depacketizer::new(&track, options).unwrap();
    depacketizer.push(&packet(1, 0, true, &[1, 2, 3])).unwrap();
    assert_eq!(depacketizer.pop().unwrap().data[..], [1, 2, 3]);
}
