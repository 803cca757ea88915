use super::super::{Demuxer, TagReader};
use super::*;
use crate::demux::DemuxEvent;
use media::{CodecParams, Moment, WallTime};

const FILES: [&[u8]; 4] = [
    include_bytes!("../../../fixtures/flv/ffmpeg5_h264_bframes_aac.flv"),
    include_bytes!("../../../fixtures/flv/ffmpeg9_hevc_opus.flv"),
    include_bytes!("../../../fixtures/flv/ffmpeg9_av1_mp3.flv"),
    include_bytes!("../../../fixtures/flv/ffmpeg9_vp9_pcmu.flv"),
];

fn demux(data: &[u8]) -> (Vec<Track>, Vec<Unit>) {
    let mut reader = TagReader::new();
    reader.push(data);
    let mut demuxer = Demuxer::new();
    while let Some(tag) = reader.next_tag().unwrap() {
        demuxer.handle_tag(tag.kind, tag.timestamp_ms, tag.data, Moment::ZERO).unwrap();
    }
    demuxer.flush();
    let (mut tracks, mut units) = (Vec::new(), Vec::new());
    while let Some(event) = demuxer.pop() {
        match event {
            DemuxEvent::Tracks(found) => tracks = found,
            DemuxEvent::Unit(unit) => units.push(unit),
            DemuxEvent::Metadata(_) | DemuxEvent::Note(_) => {}
        }
    }
    (tracks, units)
}

fn mux(tracks: &[Track], units: &[Unit], options: MuxerOptions) -> Vec<u8> {
    let mut muxer = Muxer::new(tracks, options).unwrap();
    let mut out = muxer.file_header(0).to_vec();
    for unit in units {
        if let Some(message) = muxer.push(unit) {
            for part in message.tag() {
                out.extend_from_slice(&part);
            }
        }
    }
    out
}

fn unit(track: TrackId, dts: i64) -> Unit {
    Unit {
        track,
        pts: dts,
        dts,
        arrival: Moment::ZERO,
        wall: WallTime::default(),
        keyframe: true,
        discontinuity: false,
        data: Bytes::from_static(b"frame"),
    }
}

#[test]
fn what_is_muxed_comes_back_the_same() {
    for file in FILES {
        let (tracks, units) = demux(file);
        let (tracks_again, units_again) = demux(&mux(&tracks, &units, MuxerOptions::default()));
        assert_eq!(tracks, tracks_again);
        assert_eq!(units, units_again);
    }
}

#[test]
fn without_enhanced_rtmp_hevc_goes_by_number_12_and_opus_is_left_out() {
    let (tracks, units) = demux(FILES[1]);
    let options = MuxerOptions { enhanced: false };
    let muxer = Muxer::new(&tracks, options).unwrap();
    let left_out: Vec<_> = muxer.left_out().iter().map(|left| (left.track, left.codec)).collect();
    assert_eq!(left_out, [(1, Codec::Opus)]);
    let (tracks_again, units_again) = demux(&mux(&tracks, &units, options));
    assert_eq!(tracks_again, tracks[..1]);
    let video: Vec<Unit> = units.into_iter().filter(|unit| unit.track == 0).collect();
    assert_eq!(units_again, video);
}

#[test]
fn the_payload_is_the_unit_s_own_memory() {
    let track = Track::video(0, Codec::Vp8, CodecParams::None);
    let mut muxer = Muxer::new(&[track], MuxerOptions::default()).unwrap();
    let unit = unit(0, 0);
    let message = muxer.push(&unit).unwrap();
    assert_eq!(message.body()[1].as_ptr(), unit.data.as_ptr());
    assert_eq!(message.tag()[1].as_ptr(), unit.data.as_ptr());
    assert_eq!(&message.body()[0][..], b"\x91vp08");
}

#[test]
fn time_starts_at_zero_nothing_lies_before_it_and_it_wraps_as_the_format_does() {
    let track = Track::video(0, Codec::Vp8, CodecParams::None);
    let mut muxer = Muxer::new(&[track], MuxerOptions::default()).unwrap();
    let start = 90 * 1_000_000_000;
    let mut stamp = |dts_ms: i64| Some(muxer.push(&unit(0, start + dts_ms * 90))?.timestamp_ms());
    assert_eq!(stamp(0), Some(0));
    assert_eq!(stamp(-40), None);
    assert_eq!(stamp(3_600_000), Some(3_600_000));
    assert_eq!(stamp((1 << 32) + 5), Some(5));
}

#[test]
fn tracks_that_flv_cannot_carry_are_named() {
    let jpeg = Track::video(0, Codec::Mjpeg, CodecParams::None);
    let g722 = Track::audio(1, Codec::G722, 8000, 1, CodecParams::None);
    let error = Muxer::new(&[jpeg.clone(), g722], MuxerOptions::default()).unwrap_err();
    assert_eq!(error, FlvError::NothingToCarry { codecs: "JPEG, G722".into() });
    let first = Track::video(1, Codec::Vp8, CodecParams::None);
    let second = Track::video(2, Codec::Vp9, CodecParams::None);
    let mut muxer = Muxer::new(&[jpeg, first, second], MuxerOptions::default()).unwrap();
    let left_out: Vec<TrackId> = muxer.left_out().iter().map(|left| left.track).collect();
    assert_eq!(left_out, [0, 2]);
    assert!(muxer.push(&unit(0, 0)).is_none());
    assert!(muxer.push(&unit(1, 0)).is_some());
}
