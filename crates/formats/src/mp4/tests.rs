//! What is written is read back: by our reader, and by `mp4-atom`, which knows nothing of it.
use super::*;
use bytes::Bytes;
use media::{Codec, CodecParams, MediaTime, Moment, Track, Unit, WallTime};
use mp4_atom::{Any, DecodeMaybe};

/// The clip of the demo camera: 400 pictures and 750 AAC frames, 16 s.
const DEMO: &[u8] = include_bytes!("../../../server/assets/demo.mp4");

fn demo() -> (Vec<Track>, Vec<Unit>) {
    let file = File::parse(Bytes::from_static(DEMO)).unwrap();
    assert_eq!(file.unplayable(), []);
    (file.tracks().to_vec(), file.units().collect())
}

fn fragmented(tracks: &[Track], units: &[Unit]) -> Vec<u8> {
    let mut fragmenter = Fragmenter::new(tracks).unwrap();
    let mut out = fragmenter.init().to_vec();
    for fragment in units.iter().filter_map(|unit| fragmenter.push(unit)) {
        assert_eq!(fragment.len(), fragment.parts.iter().map(Bytes::len).sum());
        fragment.parts.iter().for_each(|part| out.extend_from_slice(part));
    }
    out
}

fn unit(track: u8, dts: i64, pts: i64, keyframe: bool, data: &'static [u8]) -> Unit {
    let (arrival, wall) = (Moment::ZERO, WallTime::default());
    Unit { track, pts, dts, arrival, wall, keyframe, discontinuity: false, data: Bytes::from_static(data) }
}

#[test]
fn the_demo_clip_is_what_its_readme_says() {
    let (tracks, units) = demo();
    assert_eq!(tracks.iter().map(|track| track.codec).collect::<Vec<_>>(), [Codec::H264, Codec::Aac]);
    assert_eq!((tracks[1].clock_rate, tracks[1].channels), (48_000, 2));
    let video: Vec<&Unit> = units.iter().filter(|unit| unit.track == 0).collect();
    let audio: Vec<&Unit> = units.iter().filter(|unit| unit.track == 1).collect();
    assert_eq!((video.len(), audio.len()), (400, 750));
    for (index, unit) in video.iter().enumerate() {
        let ticks = index as i64 * 3_600;
        assert_eq!((unit.dts, unit.pts, unit.keyframe), (ticks, ticks, index % 25 == 0), "picture {index}");
    }
    assert!(audio.iter().zip(0..).all(|(unit, index)| unit.dts == index * 1_024 && unit.keyframe));
}

#[test]
fn units_come_back_from_fragments_as_they_went_in() {
    let (tracks, units) = demo();
    let file = File::parse(fragmented(&tracks, &units).into()).unwrap();
    assert_eq!(file.tracks(), tracks);
    assert!(file.units().eq(units));
}

#[test]
fn the_mime_type_names_both_codecs() {
    let (tracks, _) = demo();
    let fragmenter = Fragmenter::new(&tracks).unwrap();
    assert_eq!(fragmenter.mime(), r#"video/mp4; codecs="avc1.42C01F,mp4a.40.2""#);
    assert_eq!(fragmenter.carried().collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn mp4_atom_reads_what_we_write_to_the_last_byte() {
    let (tracks, units) = demo();
    let bytes = fragmented(&tracks, &units[..20]);
    let mut rest = &bytes[..];
    let mut found = Vec::new();
    while let Some(atom) = Any::decode_maybe(&mut rest).unwrap() {
        found.push(atom);
    }
    assert!(rest.is_empty());
    let [Any::Ftyp(_), Any::Moov(moov), fragments @ ..] = &found[..] else { panic!("{found:?}") };
    assert_eq!((moov.trak.len(), moov.mvex.as_ref().unwrap().trex.len()), (2, 2));
    assert_eq!((moov.trak[0].tkhd.width.integer(), moov.trak[0].tkhd.height.integer()), (640, 360));
    for (pair, unit) in fragments.chunks(2).zip(&units) {
        let [Any::Moof(moof), Any::Mdat(mdat)] = pair else { panic!("{pair:?}") };
        assert_eq!(mdat.data, unit.data);
        assert_eq!(moof.traf[0].tfhd.track_id, u32::from(unit.track) + 1);
        let tfdt = moof.traf[0].tfdt.as_ref().unwrap();
        assert_eq!(tfdt.base_media_decode_time, unit.dts as u64);
        let sample = moof.traf[0].trun[0].samples.get(0).unwrap();
        assert_eq!(sample.size, Some(unit.data.len() as u32));
        assert_eq!(sample.cts, Some(0));
    }
}

#[test]
fn the_data_of_a_fragment_is_shared_and_its_head_is_112_bytes() {
    let (tracks, units) = demo();
    let mut fragmenter = Fragmenter::new(&tracks).unwrap();
    let fragment = fragmenter.push(&units[0]).unwrap();
    assert_eq!(fragment.parts[1].as_ptr(), units[0].data.as_ptr());
    assert_eq!(fragment.parts[0].len(), 112);
    assert!(fragment.keyframe);
    assert!(!fragmenter.push(units.iter().find(|unit| unit.track == 1).unwrap()).unwrap().keyframe);
}

#[test]
fn b_frames_and_times_before_zero_keep_their_distances() {
    let (tracks, _) = demo();
    let units = [
        unit(0, -7_200, 0, true, b"\0\0\0\x02\x65\x88"),
        unit(0, -3_600, 7_200, false, b"\0\0\0\x02\x41\x88"),
        unit(1, -500, -500, true, b"\x21\x10"),
        unit(0, 0, 3_600, false, b"\0\0\0\x02\x01\x88"),
    ];
    let file = File::parse(fragmented(&tracks, &units).into()).unwrap();
    let read: Vec<Unit> = file.units().collect();
    let expected = units.map(|unit| {
        let lead = 2 * i64::from(tracks[usize::from(unit.track)].clock_rate);
        Unit { dts: unit.dts + lead, pts: unit.pts + lead, ..unit }
    });
    assert_eq!(read, expected);
}

#[test]
fn a_reader_that_joins_late_sees_a_file_that_begins_at_zero() {
    let (tracks, mut units) = demo();
    for unit in &mut units {
        let day = 86_400 * i64::from(tracks[usize::from(unit.track)].clock_rate);
        (unit.dts, unit.pts) = (unit.dts + day, unit.pts + day);
    }
    let mut fragmenter = Fragmenter::new(&tracks).unwrap();
    let fragments: Vec<Fragment> = units.iter().filter_map(|unit| fragmenter.push(unit)).collect();
    let mut file = fragmenter.init_from(MediaTime::new(units[0].dts, 90_000)).to_vec();
    fragments.iter().flat_map(|fragment| &fragment.parts).for_each(|part| file.extend_from_slice(part));
    let read: Vec<Unit> = File::parse(file.into()).unwrap().units().collect();
    assert_eq!(read, demo().1);
}

#[test]
fn tracks_that_browsers_do_not_play_are_named() {
    let g711 = Track::audio(1, Codec::Pcma, 8_000, 1, CodecParams::None);
    let unknown = Track::video(2, Codec::H264, CodecParams::None);
    let error = Fragmenter::new(&[g711.clone(), unknown]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no track can be carried in mp4: track 1 (PCMA): browsers do not play it from mp4; \
         track 2 (H264): no usable parameter sets yet"
    );
    let opus = Track::audio(0, Codec::Opus, 48_000, 2, CodecParams::None);
    let mut fragmenter = Fragmenter::new(&[opus, g711]).unwrap();
    assert_eq!(fragmenter.skipped().len(), 1);
    assert!(fragmenter.push(&unit(1, 0, 0, true, b"\x55")).is_none());
    // TOC 0xfc: CELT, 20 ms, stereo, one frame.
    let fragment = fragmenter.push(&unit(0, 0, 0, true, b"\xfc\xff\xfe")).unwrap();
    assert!(fragment.keyframe, "without video any sound is a place to start");
    assert_eq!(fragment.parts[0][88..92], 960_u32.to_be_bytes());
}

#[test]
fn a_video_frame_gets_the_duration_of_the_frame_before_and_a_gap_does_not_count() {
    let (tracks, _) = demo();
    let mut fragmenter = Fragmenter::new(&tracks[..1]).unwrap();
    let mut duration_at = |dts| {
        let fragment = fragmenter.push(&unit(0, dts, dts, true, b"\0\0\0\x01\x65")).unwrap();
        u32::from_be_bytes(fragment.parts[0][88..92].try_into().unwrap())
    };
    assert_eq!(
        [0, 3_000, 6_000, 600_000, 603_600].map(&mut duration_at),
        [3_600, 3_000, 3_000, 3_000, 3_600]
    );
}

#[test]
fn a_key_frame_makes_a_file_of_its_own() {
    let (tracks, units) = demo();
    let file = File::parse(keyframe_file(&tracks, &units).unwrap()).unwrap();
    let last = units.iter().rfind(|unit| unit.track == 0 && unit.keyframe).unwrap();
    assert_eq!(file.tracks(), &tracks[..1]);
    assert_eq!(file.units().collect::<Vec<_>>(), [Unit { pts: 0, dts: 0, ..last.clone() }]);
    let sound: Vec<Unit> = units.into_iter().filter(|unit| unit.track == 1).collect();
    assert_eq!(keyframe_file(&tracks, &sound), Err(Mp4Error::NoKeyframe));
}
