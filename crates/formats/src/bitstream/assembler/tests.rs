use super::super::fixtures::{X264_HIGH, X265_MAIN, hex};
use super::*;
use crate::bitstream::nal::split_length_prefixed;

fn avc() -> (Bytes, Bytes) {
    let CodecParams::H264 { sps, pps } = h264::parse_avcc(&hex(X264_HIGH)).unwrap() else {
        panic!("wrong kind")
    };
    (sps, pps[0].clone())
}

const IDR: [u8; 4] = [0x65, 0x88, 0x84, 0x01];
const P: [u8; 4] = [0x41, 0x9a, 0x21, 0xde];

#[test]
fn parameter_sets_go_to_the_track_and_slices_to_the_frame() {
    let (sps, pps) = avc();
    let mut assembler = NalAssembler::new(Codec::H264);
    for nal in [&[0x09, 0xf0][..], &sps, &pps, &[], &[0x0c, 0xff], &IDR, &IDR] {
        assembler.push(nal);
    }
    let frame = assembler.finish().unwrap();
    let nals: Vec<_> = split_length_prefixed(&frame.data).map(Result::unwrap).collect();
    assert_eq!(nals, [&IDR[..], &IDR]);
    assert!(frame.keyframe);
    assert_eq!(frame.params, Some(CodecParams::H264 { sps: sps.clone(), pps: vec![pps.clone()] }));
    assert_eq!(frame.params.as_ref(), assembler.params());

    // The same sets again are no change.
    for nal in [&sps[..], &pps, &P] {
        assembler.push(nal);
    }
    let frame = assembler.finish().unwrap();
    assert_eq!((frame.keyframe, frame.params), (false, None));
}

#[test]
fn sets_known_beforehand_are_no_change_and_incomplete_ones_wait() {
    let (sps, pps) = avc();
    let known = CodecParams::H264 { sps: sps.clone(), pps: vec![pps.clone()] };
    let mut assembler = NalAssembler::new(Codec::H264).with_params(known.clone());
    assert_eq!(assembler.params(), Some(&known));
    for nal in [&sps[..], &pps, &IDR] {
        assembler.push(nal);
    }
    assert_eq!(assembler.finish().unwrap().params, None);

    let mut assembler = NalAssembler::new(Codec::H264);
    assembler.push(&sps);
    assembler.push(&IDR);
    assert_eq!(assembler.finish().unwrap().params, None);
    assembler.push(&pps);
    assert_eq!(assembler.finish(), None, "no slice");
    assembler.push(&P);
    assert_eq!(assembler.finish().unwrap().params, Some(known));
}

#[test]
fn padded_sets_count_as_the_same() {
    let (sps, pps) = avc();
    let mut assembler = NalAssembler::new(Codec::H264)
        .with_params(CodecParams::H264 { sps: sps.clone(), pps: vec![pps.clone()] });
    assembler.push(&[&sps[..], &[0, 0]].concat());
    assembler.push(&[&pps[..], &[0]].concat());
    assembler.push(&IDR);
    assert_eq!(assembler.finish().unwrap().params, None);
}

#[test]
fn a_new_sps_lets_old_picture_sets_go() {
    let (sps, pps) = avc();
    let second = Bytes::from_static(&[0x68, 0x5b, 0x80]); // id 1
    let known = CodecParams::H264 { sps: sps.clone(), pps: vec![pps.clone(), second.clone()] };
    let mut assembler = NalAssembler::new(Codec::H264).with_params(known);
    let mut other = sps.to_vec();
    other[3] = 0x1f;
    for nal in [&other[..], &[0x68, 0xee, 0x3c, 0x80], &IDR] {
        assembler.push(nal);
    }
    let pps = vec![Bytes::from_static(&[0x68, 0xee, 0x3c, 0x80])];
    let expected = CodecParams::H264 { sps: other.clone().into(), pps: pps.clone() };
    assert_eq!(assembler.finish().unwrap().params, Some(expected));

    // A further picture set under the same SPS joins.
    assembler.push(&second);
    assembler.push(&IDR);
    let expected = CodecParams::H264 { sps: other.into(), pps: vec![pps[0].clone(), second] };
    assert_eq!(assembler.finish().unwrap().params, Some(expected));
}

#[test]
fn an_intra_picture_at_a_recovery_point_is_a_keyframe_and_a_refresh_is_not() {
    let recovery = hex("060601c480000001");
    let mut assembler = NalAssembler::new(Codec::H264);
    assembler.push(&recovery);
    assembler.push(&hex("418898b637ccd446"));
    assert!(assembler.finish().unwrap().keyframe);
    assembler.push(&recovery);
    assembler.push(&P);
    assert!(!assembler.finish().unwrap().keyframe);
    assembler.push(&hex("418898b637ccd446"));
    assert!(!assembler.finish().unwrap().keyframe, "an I picture alone may be followed by anything");
}

#[test]
fn pieces_make_the_same_frame_and_lost_ones_vanish() {
    let mut assembler = NalAssembler::new(Codec::H264);
    assembler.begin_nal();
    for piece in IDR.chunks(1) {
        assembler.extend_nal(piece);
    }
    assembler.end_nal();
    assembler.begin_nal();
    assembler.extend_nal(&P);
    assembler.abort_nal();
    assembler.extend_nal(&P);
    assembler.begin_nal();
    assembler.end_nal();
    let (sps, pps) = avc();
    for set in [sps, pps] {
        assembler.begin_nal();
        assembler.extend_nal(&set);
        assembler.end_nal();
    }
    let frame = assembler.finish().unwrap();
    assert_eq!(frame.data[..], [&[0, 0, 0, 4][..], &IDR].concat());
    assert!(frame.keyframe && frame.params.is_some());
}

#[test]
fn an_access_unit_beyond_the_limit_is_thrown_away_and_counted() {
    let mut assembler = NalAssembler::new(Codec::H264);
    let mut large = vec![0x41_u8; ACCESS_UNIT_BYTES_MAX / 2];
    large[1] = 0x9a;
    for _ in 0..2 {
        assembler.push(&large);
    }
    assert_eq!((assembler.finish(), assembler.oversized()), (None, 1));
    assembler.push(&P);
    assert!(assembler.finish().is_some());
}

#[test]
fn h265_sets_and_random_access_pictures_are_known() {
    let CodecParams::H265 { vps, sps, pps } = h265::parse_hvcc(&hex(X265_MAIN)).unwrap() else { panic!() };
    let mut assembler = NalAssembler::new(Codec::H265);
    let (cra, trail) = ([0x2a, 1, 0x80], [0x02, 1, 0x80]);
    for nal in [&[0x46, 1, 0x50][..], &vps, &sps, &pps[0], &cra] {
        assembler.push(nal);
    }
    let frame = assembler.finish().unwrap();
    assert_eq!(frame.data[..], [&[0, 0, 0, 3][..], &cra].concat());
    assert_eq!((frame.keyframe, frame.params), (true, Some(CodecParams::H265 { vps, sps, pps })));
    assembler.push(&trail);
    assert!(!assembler.finish().unwrap().keyframe);
}

#[test]
fn small_frames_share_a_block() {
    let mut assembler = NalAssembler::new(Codec::H264);
    assembler.push(&P);
    let first = assembler.finish().unwrap().data;
    assembler.push(&P);
    let second = assembler.finish().unwrap().data;
    assert_eq!(first.as_ptr() as usize + first.len(), second.as_ptr() as usize);
}
