use super::super::fixtures::*;
use super::super::fuzz::every_parser;
use super::*;
use bytes::Bytes;

fn avc(record: &str) -> Track {
    Track::video(0, Codec::H264, h264::parse_avcc(&hex(record)).unwrap())
}

fn hevc(record: &str) -> Track {
    Track::video(0, Codec::H265, h265::parse_hvcc(&hex(record)).unwrap())
}

fn av1(record: &str) -> Track {
    Track::video(0, Codec::Av1, av1::parse_av1c(&hex(record)).unwrap())
}

fn aac(config: &str, rate: u32) -> Track {
    Track::audio(0, Codec::Aac, rate, 2, CodecParams::Aac { config: hex(config) })
}

fn audio(codec: Codec, rate: u32, channels: u8) -> Track {
    Track::audio(0, codec, rate, channels, CodecParams::None)
}

#[test]
fn codec_strings_are_those_that_browsers_expect() {
    let vp9 = CodecParams::Vp9 { profile: 0, level: 31, bit_depth: 8 };
    for (track, expected) in [
        (avc(X264_HIGH), Some("avc1.64000A")),
        (avc(X264_1080), Some("avc1.42C028")),
        (hevc(X265_MAIN), Some("hvc1.1.6.L30.90")),
        (hevc(X265_MAIN10), Some("hvc1.2.4.L30.90")),
        (av1(SVT_AV1_MAIN), Some("av01.0.00M.08")),
        (av1(SVT_AV1_10BIT), Some("av01.0.08M.10")),
        (Track::video(0, Codec::Vp9, vp9), Some("vp09.00.31.08")),
        (Track::video(0, Codec::Vp8, CodecParams::None), Some("vp8")),
        (aac("1190", 48_000), Some("mp4a.40.2")),
        (aac("2b118800", 48_000), Some("mp4a.40.5")),
        (audio(Codec::Opus, 48_000, 2), Some("opus")),
        (audio(Codec::Mp3, 44_100, 2), Some("mp3")),
        (audio(Codec::Pcmu, 8_000, 1), None),
        (Track::video(0, Codec::H264, CodecParams::None), None),
    ] {
        assert_eq!(codec_string(&track).as_deref(), expected, "{track:?}");
    }
}

#[test]
fn video_tracks_tell_size_reordering_rate_profile_and_level() {
    for (track, size, depth, fps, profile) in [
        (avc(X264_HIGH), (128, 96), Some(2), Some((25, 1)), (Some("High"), Some(10))),
        (
            avc(X264_1080),
            (1920, 1080),
            Some(0),
            Some((30_000, 1_001)),
            (Some("Constrained Baseline"), Some(40)),
        ),
        (hevc(X265_1080), (1920, 1080), Some(2), Some((30_000, 1_001)), (Some("Main"), Some(40))),
        (av1(SVT_AV1_10BIT), (1920, 1080), Some(0), None, (Some("Main"), Some(40))),
    ] {
        assert_eq!(video_size(&track), Some(size));
        assert_eq!(reorder_depth(&track), depth);
        assert_eq!(profile_level_name(&track), profile);
        if track.codec != Codec::Av1 {
            assert_eq!(frame_rate(&track), fps);
        }
    }
    let unknown = Track::video(0, Codec::H264, CodecParams::None);
    assert_eq!((video_size(&unknown), reorder_depth(&unknown), frame_rate(&unknown)), (None, None, None));
}

#[test]
fn audio_units_last_what_their_codec_says() {
    for (track, data, ticks) in [
        (aac("1190", 48_000), &[0; 10][..], Some(1_024)),
        (aac("1194", 48_000), &[0; 10], Some(960)),
        (aac("2b118800", 48_000), &[0; 10], Some(2_048)),
        (aac("2b118800", 24_000), &[0; 10], Some(1_024)),
        (audio(Codec::Aac, 48_000, 2), &[0; 10], Some(1_024)),
        (audio(Codec::Opus, 48_000, 2), &[0xfc, 0], Some(960)),
        (audio(Codec::Opus, 48_000, 2), &[], None),
        (audio(Codec::Mp3, 48_000, 2), &[0xff, 0xfb, 0x94, 0x44], Some(1_152)),
        (audio(Codec::Pcmu, 8_000, 1), &[0; 160], Some(160)),
        (audio(Codec::Pcma, 8_000, 2), &[0; 160], Some(80)),
        (audio(Codec::G722, 8_000, 1), &[0; 160], Some(160)),
        (audio(Codec::L16, 44_100, 2), &[0; 160], Some(40)),
        (audio(Codec::L16, 44_100, 2), &[], None),
        (avc(X264_HIGH), &[0; 4], None),
    ] {
        assert_eq!(audio_frame_ticks(&track, data), ticks, "{track:?}");
    }
}

#[test]
fn no_parser_panics_on_mutated_or_truncated_input() {
    let seeds: Vec<Vec<u8>> = [
        X264_HIGH,
        X264_1080,
        X264_INTERLACED,
        X265_MAIN,
        X265_MAIN10,
        X265_1080,
        SVT_AV1_MAIN,
        SVT_AV1_10BIT,
    ]
    .iter()
    .flat_map(|record| {
        let record = hex(record).to_vec();
        let sets: Vec<Bytes> = match (h264::parse_avcc(&record), h265::parse_hvcc(&record)) {
            (Ok(CodecParams::H264 { sps, .. }), _) | (_, Ok(CodecParams::H265 { sps, .. })) => vec![sps],
            (_, _) => vec![],
        };
        std::iter::once(record).chain(sets.into_iter().map(|sps| sps.to_vec()))
    })
    .chain([
        hex("1200 0a0b02000005 59bfdf1abe6010 3206 1400a1b824db").to_vec(),
        hex("fff14c80019ffc dc004c6176").to_vec(),
        hex("2b118800").to_vec(),
        hex("00000001 06060101c480 00000001 6588840100000001 41 9a21").to_vec(),
        hex("824983420007f005f60238241c184a00").to_vec(),
        hex("ffd8fffe00046162ffffc000110800600080 03").to_vec(),
    ])
    .collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    for seed in &seeds {
        for end in 0..=seed.len() {
            every_parser(&seed[..end]);
        }
        for _ in 0..400 {
            let mut data = seed.clone();
            for _ in 0..1 + random() % 6 {
                let at = random() % data.len();
                data[at] = match random() % 4 {
                    0 => 0,
                    1 => 0xff,
                    2 => data[at] ^ (1 << (random() % 8)),
                    _ => random() as u8,
                };
            }
            every_parser(&data);
        }
    }
}
