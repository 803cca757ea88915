use super::*;
use crate::mp4::{File, Fragmenter};
use crate::replay::load;
use media::{Track, TrackId, Unit};

const DEMO: &[u8] = include_bytes!("../../../../../server/assets/demo.mp4");
const GROUPS: &[u8] = include_bytes!("../../../../fixtures/streams/ffmpeg5_h264_bframes_aac.mp4");
const ABSOLUTE: &[u8] = include_bytes!("../../../../fixtures/streams/ffmpeg5_h264_aac_absolute.mp4");
const HEVC: &[u8] = include_bytes!("../../../../fixtures/streams/ffmpeg5_hevc_opus.mp4");
const NEGATIVE: &[u8] = include_bytes!("../../../../fixtures/streams/ffmpeg5_h264_aac_negative.mp4");
const AV1: &[u8] = include_bytes!("../../../../fixtures/streams/ffmpeg5_av1_opus.mp4");

#[derive(Default)]
struct Found {
    tracks: Vec<Vec<Track>>,
    units: Vec<Unit>,
    notes: Vec<Note>,
}

fn read(data: &[u8], step: usize) -> Result<Found, Mp4Error> {
    let mut demuxer = Demuxer::new();
    let mut found = Found::default();
    for piece in data.chunks(step) {
        demuxer.push(piece, Moment::from_millis(9), WallTime::default())?;
        while let Some(event) = demuxer.pop() {
            match event {
                DemuxEvent::Tracks(tracks) => found.tracks.push(tracks),
                DemuxEvent::Unit(unit) => found.units.push(unit),
                DemuxEvent::Note(note) => found.notes.push(note),
                DemuxEvent::Metadata(_) => panic!(),
            }
        }
        assert!(demuxer.buffer.len() < step.saturating_add(64 << 10), "{} are kept", demuxer.buffer.len());
    }
    Ok(found)
}

/// The demo clip as browsers get it: a fragment for each frame.
fn fragments() -> (Vec<u8>, Vec<Unit>) {
    let clip = load(Bytes::from_static(DEMO)).unwrap();
    let units: Vec<Unit> = clip.units.into_iter().take(300).collect();
    let mut fragmenter = Fragmenter::new(&clip.tracks).unwrap();
    let mut data = fragmenter.init().to_vec();
    for fragment in units.iter().filter_map(|unit| fragmenter.push(unit)) {
        fragment.parts.iter().for_each(|part| data.extend_from_slice(part));
    }
    (data, units)
}

fn assert_same(units: &[Unit], expected: &[Unit]) {
    let of = |units: &[Unit], track: TrackId| -> Vec<Unit> {
        units.iter().filter(|unit| unit.track == track).cloned().collect()
    };
    for track in [0, 1] {
        let (units, expected) = (of(units, track), of(expected, track));
        assert_eq!(units.len(), expected.len());
        for (unit, known) in units.iter().zip(&expected) {
            assert_eq!((&unit.data, unit.keyframe), (&known.data, known.keyframe));
            assert!((unit.pts - unit.dts - (known.pts - known.dts)).abs() <= 2, "{unit:?} {known:?}");
        }
    }
}

#[test]
fn what_browsers_get_from_us_is_read_again_frame_by_frame() {
    let (data, expected) = fragments();
    let found = read(&data, usize::MAX).unwrap();
    assert_eq!((found.tracks.len(), found.notes.len()), (1, 0));
    assert_same(&found.units, &expected);
    for step in [1000, 4096] {
        assert_eq!(read(&data, step).unwrap().units, found.units);
    }
}

#[test]
fn a_file_with_its_head_in_front_is_read_as_a_stream_too() {
    let file = File::parse(Bytes::from_static(DEMO)).unwrap();
    let expected: Vec<Unit> = file.units().collect();
    let found = read(DEMO, 1000).unwrap();
    assert_eq!((&found.tracks[..], found.notes.len()), (&[file.tracks().to_vec()][..], 0));
    assert_same(&found.units, &expected);
}

#[test]
fn pictures_with_negative_offsets_are_shown_with_their_sound_as_in_a_file() {
    let expected: Vec<Unit> = File::parse(Bytes::from_static(NEGATIVE)).unwrap().units().collect();
    let found = read(NEGATIVE, 1000).unwrap();
    assert_same(&found.units, &expected);
    let apart = |units: &[Unit]| {
        let first = |track| units.iter().find(|unit| unit.track == track).unwrap().pts;
        first(0) / 90 - first(1) / 48
    };
    assert!((apart(&found.units) - apart(&expected)).abs() <= 1);
}

#[test]
fn a_sample_comes_out_with_its_last_byte_and_not_with_its_fragment() {
    // One fragment for a group of pictures: a frame comes out every few hundred bytes.
    let mut demuxer = Demuxer::new();
    let mut events = Vec::new();
    for piece in GROUPS.chunks(100) {
        demuxer.push(piece, Moment::ZERO, WallTime::default()).unwrap();
        events.push(std::iter::from_fn(|| demuxer.pop()).count());
    }
    assert!(*events.iter().max().unwrap() <= 5, "{events:?}");
}

#[test]
fn a_repeated_head_changes_nothing_and_another_one_declares_the_tracks_anew() {
    let (data, expected) = fragments();
    let head = Fragmenter::new(&load(Bytes::from_static(DEMO)).unwrap().tracks).unwrap().init();
    let twice = [&data[..], &head].concat();
    let found = read(&twice, usize::MAX).unwrap();
    assert_eq!((found.tracks.len(), found.units.len()), (1, expected.len()));
    let found = read(&[&data[..], HEVC].concat(), usize::MAX).unwrap();
    assert_eq!(found.tracks.len(), 2);
    let marked = found.units.iter().filter(|unit| unit.discontinuity).count();
    assert_eq!(marked, 2, "the first of each track");
}

#[test]
fn offsets_of_another_file_are_those_of_the_box_that_follows() {
    // As if the server had sent gigabytes before we came.
    let (mut moved, mut at) = (ABSOLUTE.to_vec(), 0);
    while let Some(found) = moved[at..].windows(4).position(|name| name == b"tfhd") {
        at += found + 4;
        assert_eq!(moved[at + 3] & 1, 1, "the fragments of this file say where they are");
        moved[at + 9] = 7;
    }
    let (found, expected) = (read(&moved, 1000).unwrap(), read(ABSOLUTE, 1000).unwrap());
    assert_eq!(found.units, expected.units);
}

#[test]
fn what_is_broken_is_told_with_its_place() {
    let (data, _) = fragments();
    let head = data.windows(4).position(|name| name == b"moof").unwrap() - 4;
    let mut noise = data.clone();
    noise[head..head + 8].copy_from_slice(&[0, 0, 1, 0, 1, 2, 3, 4]);
    let error = read(&noise, 500).map(|found| found.units.len()).unwrap_err();
    assert_eq!(error.to_string(), format!("file at byte {head}: no box begins here"));
    let mut large = data;
    large[head..head + 4].copy_from_slice(&(5_u32 << 20).to_be_bytes());
    assert!(read(&large, 500).is_err());
}

#[test]
fn no_mutation_of_a_stream_panics() {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for data in [GROUPS, ABSOLUTE, AV1] {
        for _ in 0..300 {
            let mut data = data.to_vec();
            for _ in 0..random() % 40 {
                // Mostly where boxes are.
                let range = if random().is_multiple_of(3) { data.len() } else { 2000.min(data.len()) };
                let at = random() as usize % range;
                data[at] = random() as u8;
            }
            let mut demuxer = Demuxer::new();
            for piece in data.chunks(700) {
                if demuxer.push(piece, Moment::ZERO, WallTime::default()).is_err() {
                    break;
                }
                while demuxer.pop().is_some() {}
            }
            demuxer.finish();
        }
    }
}
