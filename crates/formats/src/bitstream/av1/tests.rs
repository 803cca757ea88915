use super::super::fixtures::{SVT_AV1_10BIT, SVT_AV1_MAIN, hex};
use super::*;
use media::CodecParams;

fn header_of(record: &str) -> bytes::Bytes {
    let CodecParams::Av1 { sequence_header } = parse_av1c(&hex(record)).unwrap() else {
        panic!("wrong kind")
    };
    sequence_header
}

#[test]
fn records_of_ffmpeg_are_built_again_byte_by_byte() {
    for record in [SVT_AV1_MAIN, SVT_AV1_10BIT] {
        let params = parse_av1c(&hex(record)).unwrap();
        assert_eq!(av1c(&params), Some(hex(record)), "{record}");
    }
    assert_eq!(parse_av1c(&[0x81, 0, 0x0c, 0]), Ok(CodecParams::None));
}

#[test]
fn sequence_headers_of_svt_av1_tell_size_level_and_depth() {
    let info = parse_sequence_header(&header_of(SVT_AV1_MAIN)).unwrap();
    assert_eq!((info.width, info.height, info.bit_depth, info.level_idx), (128, 96, 8, 0));
    let info = parse_sequence_header(&header_of(SVT_AV1_10BIT)).unwrap();
    assert_eq!((info.width, info.height, info.bit_depth, info.level_idx), (1920, 1080, 10, 8));
    assert_eq!((info.profile, info.high_tier, info.monochrome), (0, false, false));
    assert!(info.subsampling_x && info.subsampling_y);
}

/// Temporal delimiter, sequence header and the start of a key frame as SVT-AV1 writes them.
const KEY_UNIT: &str = "1200 0a0b02000005 59bfdf1abe6010 3206 1400a1b824db";

#[test]
fn a_temporal_unit_loses_its_delimiter_and_padding() {
    let mut unit = hex(KEY_UNIT).to_vec();
    unit.extend_from_slice(&hex("7a02 0080"));
    let normal = normalise_temporal_unit(&unit).unwrap();
    assert_eq!(normal.data, hex(KEY_UNIT).slice(2..));
    assert_eq!(normal.sequence_header, Some(hex(KEY_UNIT).slice(2..15)));
    assert!(normal.keyframe);
    // What is normal stays as it is.
    assert_eq!(normalise_temporal_unit(&normal.data), Ok(normal));
}

#[test]
fn units_without_size_fields_get_them() {
    let mut builder = TemporalUnitBuilder::default();
    builder.push_bytes(&hex("0802000005 59bfdf1abe6010")).unwrap();
    builder.push_bytes(&hex("301400a1b824db")).unwrap();
    let unit = builder.finish().unwrap();
    assert_eq!(unit.data, hex(KEY_UNIT).slice(2..));
    assert_eq!(builder.finish(), None, "nothing is left");
}

#[test]
fn inter_frames_and_shown_existing_frames_are_no_key_frames() {
    for frame in ["32 02 3000", "1a 01 80", "32 02 0000"] {
        assert!(!normalise_temporal_unit(&hex(frame)).unwrap().keyframe, "{frame}");
    }
    assert!(normalise_temporal_unit(&hex("1200")).is_err(), "no frame at all");
    assert!(normalise_temporal_unit(&hex("3205 14")).is_err(), "cut off");
}

#[test]
fn leb128_numbers_survive_a_round_trip() {
    for value in [0, 1, 127, 128, 300, 0xffff, u32::MAX] {
        let mut out = bytes::BytesMut::new();
        put_leb128(&mut out, value);
        assert_eq!(read_leb128(&out), Some((u64::from(value), out.len())));
    }
    assert_eq!(read_leb128(&[0x80]), None);
    assert_eq!(read_leb128(&[0xff; 9]), None);
}

#[test]
fn sequence_headers_of_libaom_and_rav1e_are_read() {
    // libaom 4:4:4 with 10 bits; rav1e without a level, cropped to 322x180.
    let info = parse_sequence_header(&header_of("812040000a0a200000043d06ccdaf942")).unwrap();
    assert_eq!((info.width, info.height, info.profile, info.bit_depth), (322, 180, 1, 10));
    assert!(!info.subsampling_x && !info.subsampling_y);
    let rav1e = "811f0c000a0e000000fa1e8366210a88101010a0";
    let info = parse_sequence_header(&header_of(rav1e)).unwrap();
    assert_eq!((info.width, info.height, info.level_idx, info.bit_depth), (322, 180, 31, 8));
    for record in ["812040000a0a200000043d06ccdaf942", rav1e] {
        assert_eq!(av1c(&parse_av1c(&hex(record)).unwrap()), Some(hex(record)));
    }
}
