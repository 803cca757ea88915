use super::super::fixtures::{X264_1080, X264_BASELINE, X264_HIGH, X264_INTERLACED, hex};
use super::*;
use media::CodecParams;

fn sps_of(record: &str) -> bytes::Bytes {
    let CodecParams::H264 { sps, .. } = parse_avcc(&hex(record)).unwrap() else { panic!("wrong kind") };
    sps
}

#[test]
fn records_of_ffmpeg_are_built_again_byte_by_byte() {
    for record in [X264_HIGH, X264_BASELINE, X264_1080, X264_INTERLACED] {
        let params = parse_avcc(&hex(record)).unwrap();
        assert_eq!(avcc(&params), Some(hex(record)), "{record}");
        assert_eq!(length_size(&hex(record)), Some(4));
    }
}

#[test]
fn parameter_sets_of_x264_tell_size_rate_and_reordering() {
    for (record, size, fps, reorder_depth) in [
        (X264_HIGH, (128, 96), (25, 1), 2),
        (X264_BASELINE, (128, 96), (25, 1), 0),
        (X264_1080, (1920, 1080), (30_000, 1_001), 0),
        (X264_INTERLACED, (200, 100), (25, 1), 2),
    ] {
        let info = parse_sps(&sps_of(record)).unwrap();
        assert_eq!((info.width, info.height), size);
        assert_eq!(info.fps, Some(fps));
        assert_eq!(info.reorder_depth, Some(reorder_depth));
        assert_eq!((info.chroma_format_idc, info.bit_depth_luma, info.bit_depth_chroma), (1, 8, 8));
    }
}

#[test]
fn h264_reader_finds_the_same_size_and_profile() {
    for record in [X264_HIGH, X264_BASELINE, X264_1080, X264_INTERLACED] {
        let sps = sps_of(record);
        let ours = parse_sps(&sps).unwrap();
        let rbsp = h264_reader::rbsp::decode_nal(&sps).unwrap();
        let reader = h264_reader::rbsp::BitReader::new(&rbsp[..]);
        let theirs = h264_reader::nal::sps::SeqParameterSet::from_bits(reader).unwrap();
        assert_eq!(
            Ok((ours.width, ours.height)),
            theirs.pixel_dimensions().map_err(|error| format!("{error:?}"))
        );
        assert_eq!(ours.profile_idc, u8::from(theirs.profile_idc));
        assert_eq!(ours.level_idc, theirs.level_idc);
        let fps = ours.fps.map(|(frames, seconds)| f64::from(frames) / f64::from(seconds));
        assert!((fps.unwrap() - theirs.fps().unwrap()).abs() < 1e-6);
    }
}

#[test]
fn a_parameter_set_that_ends_in_the_usability_information_keeps_its_size() {
    let sps = sps_of(X264_HIGH);
    let info = parse_sps(&sps[..sps.len() - 6]).unwrap();
    assert_eq!((info.width, info.height, info.reorder_depth), (128, 96, None));
    assert!(parse_sps(&sps[..6]).is_err());
    assert!(parse_sps(&[]).is_err());
    assert!(parse_sps(&[0x68, 1, 2, 3]).is_err(), "a PPS");
}

#[test]
fn a_record_without_parameter_sets_is_refused_with_its_position() {
    let error = parse_avcc(&hex("0164000affe000")).unwrap_err();
    assert_eq!(error.to_string(), "avcC: numOfSequenceParameterSets cannot be 0 (byte 7)");
    assert!(parse_avcc(&hex("0164000affe1ffff67")).is_err());
}

#[test]
fn recovery_points_are_found_behind_other_messages() {
    assert!(has_recovery_point(&hex("060601c480000001")));
    assert!(has_recovery_point(&hex("06 0101 32 06 01 c4 80")));
    assert!(!has_recovery_point(&hex("060101328000000 1")));
    assert!(!has_recovery_point(&hex("06ffffff")));
    assert!(!has_recovery_point(&[]));
}

#[test]
fn slice_types_of_x264_are_told_apart() {
    assert!(is_intra_slice(&hex("418898b637ccd446")));
    assert!(!is_intra_slice(&hex("419a21de429fcd50")), "P");
    assert!(!is_intra_slice(&hex("019e615ea429ffef")), "B");
}

#[test]
fn scaling_matrices_and_buffer_models_do_not_hide_what_comes_behind() {
    // x264 High 4:4:4 Predictive with the JVT matrices and a NAL HRD; High 10.
    for (sps, bits, chroma) in [
        ("67f4001e919b281405ff138088000003000800000301e301000f420003d09c90600f162d96", 8, 3),
        ("676e001ea6cd940a02ff970110000003001000000303c0f162d960", 10, 1),
    ] {
        let info = parse_sps(&hex(sps)).unwrap();
        assert_eq!(
            (info.width, info.height, info.fps, info.reorder_depth),
            (640, 360, Some((30, 1)), Some(2))
        );
        assert_eq!((info.bit_depth_luma, info.chroma_format_idc), (bits, chroma));
    }
}
