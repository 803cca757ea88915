use super::super::TagReader;
use super::*;
use crate::amf0::{Value, encode};
use crate::demux::stage::HELD_UNITS_MAX;
use media::{CodecParams, Track, TrackId, Unit};

const H264_AAC: &[u8] = include_bytes!("../../../fixtures/flv/ffmpeg5_h264_bframes_aac.flv");
const HEVC_OPUS: &[u8] = include_bytes!("../../../fixtures/flv/ffmpeg9_hevc_opus.flv");
const AV1_MP3: &[u8] = include_bytes!("../../../fixtures/flv/ffmpeg9_av1_mp3.flv");
const VP9_PCMU: &[u8] = include_bytes!("../../../fixtures/flv/ffmpeg9_vp9_pcmu.flv");
const MULTITRACK: &[u8] = include_bytes!("../../../fixtures/flv/ffmpeg9_multitrack.flv");

/// Reads a file as if it came in real time.
fn read(data: &[u8]) -> Vec<DemuxEvent> {
    let mut reader = TagReader::new();
    reader.push(data);
    let mut demuxer = Demuxer::new();
    while let Some(tag) = reader.next_tag().unwrap() {
        let now = Moment::from_millis(5_000 + u64::from(tag.timestamp_ms));
        demuxer.handle_tag(tag.kind, tag.timestamp_ms, tag.data, now).unwrap();
    }
    demuxer.flush();
    std::iter::from_fn(|| demuxer.pop()).collect()
}

fn tracks(events: &[DemuxEvent]) -> Vec<Vec<Track>> {
    let tracks = |event: &DemuxEvent| if let DemuxEvent::Tracks(t) = event { Some(t.clone()) } else { None };
    events.iter().filter_map(tracks).collect()
}

fn units(events: &[DemuxEvent], track: TrackId) -> Vec<Unit> {
    let unit = |event: &DemuxEvent| if let DemuxEvent::Unit(u) = event { Some(u.clone()) } else { None };
    events.iter().filter_map(unit).filter(|unit| unit.track == track).collect()
}

fn codecs(events: &[DemuxEvent]) -> Vec<Codec> {
    tracks(events)[0].iter().map(|track| track.codec).collect()
}

fn assert_orderly(units: &[Unit]) {
    assert!(units.windows(2).all(|w| w[0].dts < w[1].dts));
    assert!(units.iter().all(|u| u.pts >= u.dts && !u.discontinuity));
}

#[test]
fn h264_with_b_frames_and_aac_of_ffmpeg_5_come_out_whole() {
    let events = read(H264_AAC);
    assert_eq!(tracks(&events).len(), 1);
    assert_eq!(codecs(&events), [Codec::H264, Codec::Aac]);
    let list = &tracks(&events)[0];
    assert_eq!((list[1].clock_rate, list[1].channels, list[1].id), (44_100, 1, 1));
    assert!(matches!(list[0].params, CodecParams::H264 { .. }));
    let (video, audio) = (units(&events, 0), units(&events, 1));
    assert_eq!((video.len(), audio.len()), (30, 53));
    assert_orderly(&video);
    assert_orderly(&audio);
    assert_eq!(video.iter().filter(|unit| unit.keyframe).count(), 3);
    // 25 pictures a second, shown in another order than decoded.
    let mut shown: Vec<i64> = video.iter().map(|unit| unit.pts).collect();
    assert!(!shown.is_sorted());
    shown.sort_unstable();
    assert!(shown.windows(2).all(|w| w[1] - w[0] == 3600));
    // No parameter sets, delimiters or filler in the units.
    for unit in &video {
        for nal in crate::bitstream::nal::split_length_prefixed(&unit.data) {
            assert!(matches!(nal.unwrap()[0] & 0x1f, 1..=6), "{unit:?}");
        }
    }
}

#[test]
fn aac_timestamps_rounded_to_milliseconds_become_counts_of_samples() {
    let audio = units(&read(H264_AAC), 1);
    assert!(audio.windows(2).all(|w| w[1].dts - w[0].dts == 1024));
}

#[test]
fn hevc_and_opus_av1_and_mp3_vp9_and_pcmu_of_ffmpeg_9_are_read() {
    for (data, wanted, rate, frames) in [
        (HEVC_OPUS, [Codec::H265, Codec::Opus], 48_000, (30, 61)),
        (AV1_MP3, [Codec::Av1, Codec::Mp3], 48_000, (30, 51)),
        (VP9_PCMU, [Codec::Vp9, Codec::Pcmu], 8_000, (30, 57)),
    ] {
        let events = read(data);
        assert_eq!(codecs(&events), wanted);
        // The sequence header in the `av1C` of SVT-AV1 4.2 differs from the one in its frames.
        assert_eq!(tracks(&events).len(), if wanted[0] == Codec::Av1 { 2 } else { 1 }, "{wanted:?}");
        assert_eq!(tracks(&events)[0][1].clock_rate, rate, "{wanted:?}");
        let (video, audio) = (units(&events, 0), units(&events, 1));
        assert_eq!((video.len(), audio.len()), frames, "{wanted:?}");
        assert_orderly(&video);
        assert_orderly(&audio);
        assert!(video[0].keyframe && !video[1].keyframe, "{wanted:?}");
    }
}

#[test]
fn of_several_audio_tracks_the_first_is_taken_and_the_others_are_said() {
    let events = read(MULTITRACK);
    assert_eq!(codecs(&events), [Codec::H264, Codec::Aac]);
    assert!(events.contains(&DemuxEvent::Note(Note::OtherTracks { kind: Kind::Audio, id: 1 })));
    let audio = units(&events, 1);
    assert_orderly(&audio);
    assert!(audio.windows(2).all(|w| w[1].dts - w[0].dts == 1024));
}

/// Frames of one-byte pictures (VP8, which needs no configuration) and of G.711.
struct Feed {
    demuxer: Demuxer,
    now: Moment,
}

impl Feed {
    fn new() -> Self {
        Self { demuxer: Demuxer::new(), now: Moment::from_millis(1000) }
    }

    fn tag(&mut self, kind: TagKind, at_ms: u64, timestamp_ms: u32, data: &[u8]) {
        let now = self.now + Duration::from_millis(at_ms);
        self.demuxer.handle_tag(kind, timestamp_ms, Bytes::copy_from_slice(data), now).unwrap();
    }

    fn video(&mut self, at_ms: u64, timestamp_ms: u32) {
        self.tag(TagKind::Video, at_ms, timestamp_ms, b"\xa1vp08\x01");
    }

    fn audio(&mut self, at_ms: u64, timestamp_ms: u32) {
        let mut tag = vec![0x82];
        tag.resize(1 + 160, 0xff);
        self.tag(TagKind::Audio, at_ms, timestamp_ms, &tag);
    }

    fn metadata(&mut self, properties: &[(&str, f64)]) {
        let list = properties.iter().map(|(key, value)| ((*key).to_owned(), Value::Number(*value))).collect();
        let data = encode(&["@setDataFrame".into(), "onMetaData".into(), Value::EcmaArray(list)]);
        self.tag(TagKind::Script, 0, 0, &data);
    }

    fn events(&mut self) -> Vec<DemuxEvent> {
        std::iter::from_fn(|| self.demuxer.pop())
            .filter(|event| !matches!(event, DemuxEvent::Metadata(_)))
            .collect()
    }
}

#[test]
fn a_lone_video_is_declared_at_once_when_announced_and_after_a_second_when_not() {
    let mut feed = Feed::new();
    feed.metadata(&[("videocodecid", 7.0)]);
    feed.video(0, 0);
    assert_eq!(feed.events().len(), 2);

    let mut feed = Feed::new();
    for frame in 0..25 {
        feed.video(u64::from(frame) * 40, frame * 40);
        assert!(feed.events().is_empty(), "frame {frame}");
    }
    feed.video(1000, 1000);
    let events = feed.events();
    assert_eq!(codecs(&events), [Codec::Vp8]);
    assert_eq!(units(&events, 0).len(), 26);
}

#[test]
fn announced_sound_that_never_comes_is_waited_for_three_seconds() {
    let mut feed = Feed::new();
    feed.metadata(&[("videocodecid", 7.0), ("audiocodecid", 10.0)]);
    let mut declared = None;
    for frame in 0..100u32 {
        feed.video(u64::from(frame) * 40, frame * 40);
        if declared.is_none() && !feed.events().is_empty() {
            declared = Some(frame * 40);
        }
    }
    assert_eq!(declared, Some(3000));
}

#[test]
fn sound_that_comes_after_the_declaration_is_told_with_an_id_behind_and_before_its_unit() {
    let mut feed = Feed::new();
    feed.metadata(&[("videocodecid", 7.0)]);
    feed.video(0, 0);
    feed.events();
    feed.audio(500, 500);
    let events = feed.events();
    assert_eq!(codecs(&events), [Codec::Vp8, Codec::Pcmu]);
    assert_eq!(units(&events, 1)[0].dts, 4000);
    assert!(matches!(events[0], DemuxEvent::Tracks(_)));
}

#[test]
fn sound_alone_gets_the_first_id() {
    let mut feed = Feed::new();
    for packet in 0..60 {
        feed.audio(u64::from(packet) * 20, packet * 20);
    }
    let events = feed.events();
    assert_eq!(codecs(&events), [Codec::Pcmu]);
    assert_eq!(units(&events, 0).len(), 60);
}

#[test]
fn what_lies_between_sound_and_picture_survives_the_wrap_of_the_clock() {
    let mut feed = Feed::new();
    let start = u32::MAX - 99;
    for step in 0..100u32 {
        let at = u64::from(step) * 20;
        feed.audio(at, start.wrapping_add(step * 20));
        if step % 2 == 0 {
            feed.video(at, start.wrapping_add(step * 20 + 7));
        }
    }
    let events = feed.events();
    let (video, audio) = (units(&events, 0), units(&events, 1));
    assert_orderly(&video);
    assert_orderly(&audio);
    assert_eq!(video[40].dts, (80 * 20 + 7) * 90);
    assert_eq!(audio[80].dts, 80 * 160);
}

#[test]
fn a_clock_that_starts_anew_marks_both_tracks_and_goes_on_forward() {
    // Once far back, which the time line sees as a jump, and once by 5 s, which it takes for disorder.
    for back in [0, 95_000] {
        let mut feed = Feed::new();
        for step in 0..200u32 {
            let raw = if step < 100 { 100_000 + step * 20 } else { back + step * 20 };
            feed.video(u64::from(step) * 20, raw);
            feed.audio(u64::from(step) * 20, raw);
        }
        let events = feed.events();
        for track in [0, 1] {
            let units = units(&events, track);
            assert!(units.windows(2).all(|w| w[0].dts < w[1].dts));
            let marked: Vec<usize> = (0..200).filter(|i| units[*i].discontinuity).collect();
            assert_eq!(marked, [100], "track {track}, back to {back}");
            let rate = if track == 0 { 90 } else { 8 };
            let end = units[199].dts / rate;
            assert!((end - 199 * 20).abs() < 60, "track {track}, back to {back}: {end}");
        }
    }
}

#[test]
fn a_cache_of_ten_seconds_sent_at_once_is_no_jump() {
    let mut feed = Feed::new();
    for frame in 0..500u32 {
        // The first 250 frames come within 25 ms, the others in real time.
        let at = if frame < 250 { frame / 10 } else { 25 + (frame - 250) * 40 };
        feed.video(u64::from(at), 77_000 + frame * 40);
    }
    let video = units(&feed.events(), 0);
    assert_orderly(&video);
    assert!(video.windows(2).all(|w| w[1].dts - w[0].dts == 3600));
}

#[test]
fn a_lost_sound_frame_leaves_a_hole_of_its_length() {
    let mut feed = Feed::new();
    for packet in (0..100u32).filter(|packet| *packet != 70) {
        feed.audio(u64::from(packet) * 20, packet * 20);
    }
    let audio = units(&feed.events(), 0);
    assert_eq!(audio[70].dts - audio[69].dts, 320);
    assert_eq!(audio[98].dts, 99 * 160);
}

#[test]
fn units_before_the_declaration_are_bounded() {
    let mut feed = Feed::new();
    for _ in 0..HELD_UNITS_MAX {
        feed.video(0, 0);
    }
    assert_eq!(units(&feed.events(), 0).len(), HELD_UNITS_MAX);
}

#[test]
fn speex_is_said_once_and_video_goes_on() {
    let mut feed = Feed::new();
    for step in 0..30u32 {
        feed.tag(TagKind::Audio, u64::from(step) * 40, step * 40, b"\xb6speex");
        feed.video(u64::from(step) * 40, step * 40);
    }
    let events = feed.events();
    let note = Note::Unsupported { kind: Some(Kind::Audio), codec: "Speex".into() };
    assert_eq!(events.iter().filter(|event| **event == DemuxEvent::Note(note.clone())).count(), 1);
    assert_eq!(units(&events, 0).len(), 30);
}

#[test]
fn a_broken_sequence_header_is_an_error_and_changes_nothing() {
    let mut feed = Feed::new();
    let error = feed
        .demuxer
        .handle_tag(TagKind::Video, 7, Bytes::from_static(b"\x17\x00\x00\x00\x00\x01\x42"), feed.now)
        .unwrap_err();
    assert!(matches!(error, FlvError::SequenceHeader { codec: Codec::H264, timestamp_ms: 7, .. }));
    feed.metadata(&[("videocodecid", 7.0)]);
    feed.video(0, 0);
    assert_eq!(feed.events().len(), 2);
}

#[test]
fn no_mutation_of_a_file_panics() {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for data in [H264_AAC, HEVC_OPUS, AV1_MP3, VP9_PCMU, MULTITRACK] {
        for _ in 0..150 {
            let mut data = data.to_vec();
            for _ in 0..random() % 60 {
                let at = random() as usize % data.len();
                data[at] = random() as u8;
            }
            data.truncate(random() as usize % (data.len() + 1));
            fuzz_flv(&data);
        }
    }
}
