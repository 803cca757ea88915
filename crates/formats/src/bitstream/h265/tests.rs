use super::super::fixtures::{X265_1080, X265_MAIN, X265_MAIN10, hex};
use super::*;
use media::CodecParams;

fn sps_of(record: &str) -> bytes::Bytes {
    let CodecParams::H265 { sps, .. } = parse_hvcc(&hex(record)).unwrap() else { panic!("wrong kind") };
    sps
}

#[test]
fn records_of_ffmpeg_are_built_again_byte_by_byte() {
    for record in [X265_MAIN, X265_MAIN10, X265_1080] {
        let params = parse_hvcc(&hex(record)).unwrap();
        assert_eq!(hvcc(&params), Some(hex(record)), "{record}");
        assert_eq!(length_size(&hex(record)), Some(4));
    }
}

#[test]
fn parameter_sets_of_x265_tell_size_rate_depth_and_reordering() {
    for (record, size, fps, profile_idc, bit_depth) in [
        (X265_MAIN, (128, 96), (25, 1), 1, 8),
        (X265_MAIN10, (128, 96), (25, 1), 2, 10),
        (X265_1080, (1920, 1080), (30_000, 1_001), 1, 8),
    ] {
        let info = parse_sps(&sps_of(record)).unwrap();
        assert_eq!((info.width, info.height), size);
        assert_eq!(info.fps, Some(fps));
        assert_eq!(info.reorder_depth, Some(2));
        assert_eq!((info.profile.profile_idc, info.bit_depth_luma), (profile_idc, bit_depth));
        assert_eq!((info.temporal_layers, info.temporal_id_nested), (1, true));
    }
}

#[test]
fn a_parameter_set_that_ends_early_keeps_its_size_or_is_refused() {
    let sps = sps_of(X265_1080);
    let info = parse_sps(&sps[..sps.len() - 12]).unwrap();
    assert_eq!((info.width, info.height, info.fps), (1920, 1080, None));
    assert!(parse_sps(&sps[..18]).is_err());
    assert!(parse_sps(&[0x44, 1, 2]).is_err(), "a PPS");
}

#[test]
fn a_record_without_a_video_parameter_set_is_refused() {
    let record = hex(X265_MAIN);
    assert!(parse_hvcc(&record[..23]).is_err());
    let mut none = record.to_vec();
    none[22] = 0;
    assert_eq!(parse_hvcc(&none).unwrap_err().to_string(), "hvcC: number of VPS cannot be 0 (byte 23)");
}
