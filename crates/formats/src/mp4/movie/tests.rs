//! Movies are read back by our own reader: the same units with the same data at the same times.
use super::*;
use crate::bitstream::fixtures::{X264_BASELINE, X264_HIGH, hex};
use crate::bitstream::h264;
use crate::mp4::testing::{self, demo, reader, recorded};
use crate::mp4::{File, SegmentIndex};
use media::{Codec, CodecParams, Kind, Moment, Track, Unit, WallTime};

/// When clips were captured, in microseconds.
const BEGAN: i64 = testing::BEGAN.as_micros();

struct Recording {
    bytes: Vec<u8>,
    index: SegmentIndex,
}

fn record(tracks: &[Track], units: &[Unit], a_part: usize) -> Recording {
    let (bytes, _) = recorded(tracks, units, a_part);
    Recording { index: SegmentIndex::read(reader(&bytes)).unwrap(), bytes }
}

/// All bytes, as whoever downloads the movie in steps of `step` gets them.
fn bytes(movie: &Movie, sources: &[&Recording], step: u64) -> Bytes {
    let mut out = Vec::new();
    while let Some(place) = movie.locate(out.len() as u64, step) {
        let before = out.len();
        match place {
            Place::Head(range) => out.extend_from_slice(&movie.head()[range]),
            Place::Source { source, offset, length } => {
                out.extend_from_slice(&sources[source].bytes[offset as usize..][..length as usize]);
            }
        }
        assert!(out.len() > before && out.len() - before <= step as usize);
    }
    assert_eq!(out.len() as u64, movie.total());
    out.into()
}

/// Track, decoding and showing time, key frame and data of all units, track by track.
type Row = (u8, i64, i64, bool, Bytes);

fn rows<'a>(units: impl IntoIterator<Item = &'a Unit>) -> Vec<Row> {
    let row = |unit: &Unit| (unit.track, unit.dts, unit.pts, unit.keyframe, unit.data.clone());
    let mut rows: Vec<Row> = units.into_iter().map(row).collect();
    rows.sort_by_key(|row| (row.0, row.1));
    rows
}

fn read(movie: &Movie, sources: &[&Recording]) -> Vec<Row> {
    let file = File::parse(bytes(movie, sources, 10_000)).unwrap();
    let units: Vec<Unit> = file.units().collect();
    rows(&units)
}

/// Pictures in the order I P B B and frames of Opus, 40 ms each.
fn with_b_frames(count: i64, params: &str) -> (Vec<Track>, Vec<Unit>) {
    let tracks = vec![
        Track::video(0, Codec::H264, h264::parse_avcc(&hex(params)).unwrap()),
        Track::audio(1, Codec::Opus, 48_000, 2, CodecParams::None),
    ];
    let unit = |index: i64, track: u8, late: i64, ticks: i64| Unit {
        track,
        dts: index * ticks,
        pts: (index + late) * ticks,
        arrival: Moment::ZERO,
        wall: WallTime::from_micros(BEGAN + index * 40_000),
        keyframe: track == 1 || index % 8 == 0,
        discontinuity: false,
        data: if track == 1 {
            vec![0xfc, index as u8].into()
        } else {
            [&[0, 0, 0, 3, if index % 8 == 0 { 0x65 } else { 0x41 }, 1][..], &[index as u8]].concat().into()
        },
    };
    let pair =
        |index: i64| [unit(index, 0, [1, 3, 0, 0][(index % 4) as usize], 3_600), unit(index, 1, 0, 1_920)];
    (tracks, (0..count).flat_map(pair).collect())
}

#[test]
fn a_whole_segment_becomes_a_movie_with_the_same_units_and_times() {
    let (tracks, units) = demo();
    let recording = record(&tracks, &units, 36);
    let piece = recording.index.piece(0, i64::MAX).unwrap();
    let mut builder = MovieBuilder::new(recording.index.tracks()).unwrap();
    assert_eq!(builder.add(0, &recording.index, &piece, BEGAN), Ok(0..16_000_000));
    let movie = builder.finish().unwrap();
    assert_eq!(movie.duration(), Duration::from_secs(16));
    for step in [1, 7_777, u64::MAX] {
        let file = File::parse(bytes(&movie, &[&recording], step)).unwrap();
        assert_eq!(file.tracks(), tracks);
        let read: Vec<Unit> = file.units().collect();
        assert_eq!(rows(&read), rows(&units));
    }
    let parts = recording.index.walls().len();
    assert_eq!(movie.extents().len(), parts, "the media of a part is one extent");
    assert_eq!(movie.locate(movie.total(), 1), None);
    assert!(movie.head().len() < 8_000, "{}", movie.head().len());
}

#[test]
fn a_movie_begins_with_the_key_frame_before_the_moment_that_is_asked_for() {
    let (tracks, units) = demo();
    let recording = record(&tracks, &units, 36);
    let piece = recording.index.piece(5_500_000, 7_200_000).unwrap();
    assert_eq!((piece.begins_micros(), piece.ends_micros()), (5_000_000, 7_200_000));
    let mut builder = MovieBuilder::new(recording.index.tracks()).unwrap();
    builder.add(0, &recording.index, &piece, 0).unwrap();
    let found = read(&builder.finish().unwrap(), &[&recording]);
    let expected: Vec<Unit> = units
        .iter()
        .filter(|unit| {
            let rate = i64::from(tracks[usize::from(unit.track)].clock_rate);
            (5 * rate..rate * 72 / 10).contains(&unit.dts)
        })
        .map(|unit| {
            let zero = 5 * i64::from(tracks[usize::from(unit.track)].clock_rate);
            Unit { dts: unit.dts - zero, pts: unit.pts - zero, ..unit.clone() }
        })
        .collect();
    assert_eq!(found, rows(&expected));
}

#[test]
fn a_gap_between_pieces_makes_the_last_frame_stand_or_is_closed() {
    let (tracks, units) = demo();
    let recording = record(&tracks, &units, 36);
    let index = &recording.index;
    let pieces = [index.piece(0, 1_000_000).unwrap(), index.piece(10_000_000, 12_000_000).unwrap()];
    for close in [false, true] {
        let mut builder = MovieBuilder::new(index.tracks()).unwrap();
        if close {
            builder = builder.close_gaps();
        }
        builder.add(0, index, &pieces[0], BEGAN).unwrap();
        let placed = builder.add(0, index, &pieces[1], BEGAN + 60_000_000).unwrap();
        let begins = if close { 1_000_000 } else { 60_000_000 };
        assert_eq!(placed, begins..begins + 2_000_000);
        let movie = builder.finish().unwrap();
        let found = read(&movie, &[&recording]);
        let pictures: Vec<&Row> = found.iter().filter(|row| row.0 == 0).collect();
        assert_eq!(pictures.len(), 75);
        assert_eq!(pictures[24].1, 24 * 3_600);
        assert_eq!(pictures[25].1, begins * 9 / 100);
        let sound: Vec<i64> = found.iter().filter(|row| row.0 == 1).map(|row| row.1).collect();
        let ticks = begins * 48 / 1_000;
        let first = sound.iter().position(|dts| *dts >= ticks - 512).unwrap();
        assert_eq!((first, sound.len()), (47, 141));
        assert!(sound[first] - ticks < 1_024, "sound keeps its distance to the pictures");
        let beyond = movie.duration().as_micros() as i64 - begins - 2_000_000;
        assert!((0..22_000).contains(&beyond), "to the end of the last sound: {beyond} µs");
    }
}

#[test]
fn b_frames_are_shown_in_their_order_and_the_movie_begins_with_the_first_picture() {
    let (tracks, units) = with_b_frames(64, X264_HIGH);
    let recording = record(&tracks, &units, 20);
    let index = &recording.index;
    // From the second key frame: it is decoded at 320 ms, shown at 360 ms.
    let piece = index.piece(400_000, i64::MAX).unwrap();
    assert_eq!(piece.begins_micros(), 360_000);
    let mut builder = MovieBuilder::new(index.tracks()).unwrap();
    builder.add(0, index, &piece, 0).unwrap();
    let movie = builder.finish().unwrap();
    // 56 pictures, of which the last is decoded 40 ms before it is shown, as the first is: all are shown.
    let elst = movie.head().windows(4).position(|name| name == b"elst").unwrap();
    assert_eq!(movie.head()[elst + 12..elst + 20], (56 * 3_600_u64).to_be_bytes());
    let found = read(&movie, &[&recording]);
    let shifted = |unit: &Unit| {
        let zero = if unit.track == 0 { 32_400 } else { 17_280 };
        Unit { dts: unit.dts - zero, pts: unit.pts - zero, ..unit.clone() }
    };
    let kept = units.iter().filter(|unit| unit.dts >= if unit.track == 0 { 28_800 } else { 17_280 });
    let expected: Vec<Unit> = kept.map(shifted).collect();
    assert_eq!(found, rows(&expected));
}

#[test]
fn pictures_that_need_those_before_the_key_frame_are_left_out_unless_these_are_there() {
    let (tracks, mut units) = with_b_frames(24, X264_HIGH);
    units.retain(|unit| unit.track == 0);
    // After the second key frame two pictures come that are shown before it.
    for unit in units.iter_mut().filter(|unit| [8, 9, 10].contains(&(unit.dts / 3_600))) {
        unit.pts = unit.dts + if unit.keyframe { 3 * 3_600 } else { 0 };
    }
    let recording = record(&tracks[..1], &units, 20);
    let index = &recording.index;
    let (first, second) = (index.piece(0, 320_000).unwrap(), index.piece(440_000, i64::MAX).unwrap());
    assert_eq!((first.range(0), second.range(0)), (0..8, 8..24));
    let count = |at: i64, close: bool| {
        let mut builder = MovieBuilder::new(&tracks[..1]).unwrap();
        if close {
            builder = builder.close_gaps();
        }
        builder.add(0, index, &first, 0).unwrap();
        builder.add(0, index, &second, at).unwrap();
        read(&builder.finish().unwrap(), &[&recording]).len()
    };
    assert_eq!([count(400_000, false), count(9_000_000, false), count(0, true)], [24, 22, 22]);
}

#[test]
fn sound_that_came_late_into_the_next_file_joins_that_of_the_file_before() {
    let (tracks, units) = demo();
    // At 8 s a new file begins; sound comes 200 ms after its pictures.
    let at = |unit: &Unit| unit.dts_time(&tracks[usize::from(unit.track)]).as_micros();
    let (first, second): (Vec<Unit>, Vec<Unit>) = units
        .iter()
        .cloned()
        .partition(|unit| at(unit) + if unit.track == 1 { 200_000 } else { 0 } < 8_000_000);
    let recordings = [record(&tracks, &first, 36), record(&tracks, &second, 36)];
    let mut builder = MovieBuilder::new(&tracks).unwrap();
    for (source, Recording { index, .. }) in recordings.iter().enumerate() {
        let piece = index.piece(i64::MIN, i64::MAX).unwrap();
        let wall = index.wall_at(piece.begins_micros()).unwrap();
        builder.add(source, index, &piece, wall.as_micros()).unwrap();
    }
    let found = read(&builder.finish().unwrap(), &[&recordings[0], &recordings[1]]);
    let expected = rows(&units);
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        // The files' wall times are exact to a microsecond or two.
        assert!((found.1 - expected.1).abs() <= 1, "{} for {}", found.1, expected.1);
        assert_eq!((found.0, found.3, &found.4), (expected.0, expected.3, &expected.4));
    }
}

#[test]
fn new_parameters_are_another_sample_entry_and_another_codec_ends_the_movie() {
    let (tracks, units) = with_b_frames(16, X264_HIGH);
    let (others, _) = with_b_frames(0, X264_BASELINE);
    let recordings = [record(&tracks, &units, 20), record(&others, &units, 20)];
    let [first, second] = recordings.each_ref().map(|recording| &recording.index);
    let mut builder = MovieBuilder::new(first.tracks()).unwrap();
    for (source, index) in [first, second, first].into_iter().enumerate() {
        builder.add(source % 2, index, &index.piece(0, i64::MAX).unwrap(), 0).unwrap();
    }
    let opus_only: Vec<Unit> =
        units.iter().filter(|unit| unit.track == 1).map(|unit| Unit { track: 0, ..unit.clone() }).collect();
    let sound = record(&[Track { id: 0, ..tracks[1].clone() }], &opus_only, 20);
    let stop = builder.add(2, &sound.index, &sound.index.piece(0, 1).unwrap(), 0).unwrap_err();
    assert_eq!(stop.to_string(), "the piece has 1 tracks where the movie has 2");
    let mut mp3 = tracks.clone();
    (mp3[1].codec, mp3[1].clock_rate) = (Codec::Mp3, 44_100);
    let other = record(&mp3, &units, 20);
    let stop = builder.add(2, &other.index, &other.index.piece(0, 1).unwrap(), 0).unwrap_err();
    assert_eq!(
        stop.to_string(),
        "track 1 changes from OPUS of 48000 Hz and 2 channels to MP3 of 44100 Hz and 2 channels"
    );
    let movie = builder.finish().unwrap();
    let file = bytes(&movie, &[&recordings[0], &recordings[1]], u64::MAX);
    let count = |name: &[u8]| movie.head().windows(4).filter(|found| *found == name).count();
    assert_eq!((count(b"avc1"), count(b"Opus")), (2, 1));
    // The rows of stsc: one entry, the other, and the first again.
    let stsc = movie.head().windows(4).position(|found| found == b"stsc").unwrap();
    let rows = u32::from_be_bytes(movie.head()[stsc + 8..stsc + 12].try_into().unwrap());
    let entry = |row: usize| movie.head()[stsc + 12 + row * 12 + 11];
    let mut entries: Vec<u8> = (0..rows as usize).map(entry).collect();
    entries.dedup();
    assert_eq!(entries, [1, 2, 1]);
    // The first sound comes before the first picture is shown.
    assert_eq!(File::parse(file).unwrap().units().count(), 3 * units.len() - 1);
}

#[test]
fn pcm_becomes_one_sample_for_each_instant() {
    let track = Track::audio(0, Codec::Pcma, 8_000, 1, CodecParams::None);
    let units: Vec<Unit> = (0..100_u8)
        .map(|index| Unit {
            track: 0,
            pts: i64::from(index) * 160,
            dts: i64::from(index) * 160,
            arrival: Moment::ZERO,
            wall: WallTime::from_micros(BEGAN),
            keyframe: true,
            discontinuity: false,
            data: vec![index; 160].into(),
        })
        .collect();
    let recording = record(std::slice::from_ref(&track), &units, 25);
    let mut builder = MovieBuilder::new(std::slice::from_ref(&track)).unwrap();
    let piece = recording.index.piece(0, i64::MAX).unwrap();
    assert_eq!(builder.add(0, &recording.index, &piece, 0), Ok(0..2_000_000));
    let movie = builder.finish().unwrap();
    let file = File::parse(bytes(&movie, &[&recording], u64::MAX)).unwrap();
    assert_eq!(file.tracks(), [track]);
    let read: Vec<u8> = file.units().flat_map(|unit| unit.data).collect();
    assert_eq!(read, units.iter().flat_map(|unit| unit.data.clone()).collect::<Vec<_>>());
}

#[test]
fn a_strip_of_key_frames_shows_each_for_a_second() {
    let (tracks, units) = demo();
    let recording = record(&tracks, &units, 36);
    let index = &recording.index;
    let mut builder = MovieBuilder::only(Kind::Video, index.tracks()).unwrap();
    for sample in (0..400).filter(|sample| index.samples(0)[*sample].key) {
        builder.add_picture(0, index, sample, Duration::from_secs(1)).unwrap();
    }
    let movie = builder.finish().unwrap();
    assert_eq!(movie.duration(), Duration::from_secs(16));
    assert!(!movie.head().windows(4).any(|found| found == b"stss"), "all of them are key frames");
    let found = read(&movie, &[&recording]);
    let keys = units.iter().filter(|unit| unit.track == 0 && unit.keyframe).zip(0..);
    let expected: Vec<Unit> = keys
        .map(|(unit, second)| Unit { dts: second * 90_000, pts: second * 90_000, ..unit.clone() })
        .collect();
    assert_eq!(found, rows(&expected));
}

#[test]
fn nothing_added_is_no_movie_and_a_movie_beyond_4_gib_has_long_offsets() {
    let (tracks, units) = demo();
    assert!(MovieBuilder::new(&tracks).unwrap().finish().is_none());
    let recording = record(&tracks, &units, 2_000);
    let index = &recording.index;
    let piece = index.piece(0, i64::MAX).unwrap();
    let mut builder = MovieBuilder::new(&tracks).unwrap().close_gaps();
    while builder.media_bytes() <= u64::from(u32::MAX) {
        builder.add(0, index, &piece, 0).unwrap();
    }
    let movie = builder.finish().unwrap();
    assert!(movie.head().windows(4).any(|found| found == b"co64"));
    let end = movie.head().len();
    assert_eq!(movie.head()[end - 16..end - 8], *b"\0\0\0\x01mdat");
    let mdat = u64::from_be_bytes(movie.head()[end - 8..].try_into().unwrap());
    assert_eq!(mdat + end as u64 - 16, movie.total());
    let Some(Place::Source { length, .. }) = movie.locate(u64::from(u32::MAX) + 5, u64::MAX) else {
        panic!()
    };
    assert!(length > 0);
    let tail = movie.extents().last().unwrap();
    assert_eq!(tail.at + tail.length, movie.total());
}

#[test]
fn a_gap_that_no_frame_can_last_for_ends_the_movie_and_leaves_it_as_it_was() {
    let (tracks, units) = demo();
    let recording = record(&tracks, &units, 36);
    let index = &recording.index;
    let piece = index.piece(0, 1_000_000).unwrap();
    let build = |fails: bool| {
        let mut builder = MovieBuilder::new(&tracks).unwrap();
        builder.add(0, index, &piece, BEGAN).unwrap();
        if fails {
            // 2^32 ticks of 90 kHz are 13 hours.
            for at in [BEGAN + 14 * 3_600_000_000, i64::MAX] {
                assert_eq!(builder.add(0, index, &piece, at), Err(MovieStop::Gap));
            }
        }
        builder.finish().unwrap()
    };
    let (clean, failed) = (build(false), build(true));
    assert_eq!((failed.head(), failed.extents()), (clean.head(), clean.extents()));
}
