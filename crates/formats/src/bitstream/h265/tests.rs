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

#[test]
fn range_extensions_scaling_lists_and_sub_layers_do_not_hide_what_comes_behind() {
    // x265 4:2:2 with 12 bits, scaling lists, HRD and a cropped picture; three temporal layers.
    let wide = "420101040800000300990800000300003fb005020169d594a5959a49395ffe1660166ed010000003001000000301\
        e600c8e6e001e840007a1220";
    let info = parse_sps(&hex(wide)).unwrap();
    assert_eq!((info.width, info.height, info.fps), (638, 358, Some((30, 1))));
    assert_eq!((info.profile.profile_idc, info.bit_depth_luma, info.chroma_format_idc), (4, 12, 2));
    let layered = "42010401600000030090000003000003003f0000a005020169659594aca565924caf016808000003000800000300f0\
        40";
    let info = parse_sps(&hex(layered)).unwrap();
    assert_eq!((info.width, info.height, info.fps, info.reorder_depth), (640, 360, Some((30, 1)), Some(2)));
    assert_eq!(info.temporal_layers, 3);
}
