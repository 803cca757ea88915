//! An index says of a file what its muxer was given, however the file was cut; and of other bytes it says no.
use super::*;
use crate::bitstream::fixtures::{SVT_AV1_MAIN, X264_HIGH, X265_MAIN, hex};
use crate::bitstream::{av1, h264, h265};
use crate::mp4::testing::{BEGAN, demo, on_wall, reader, recorded};
use media::{Codec, CodecParams};
use proptest::prelude::*;
use std::convert::Infallible;

fn index(file: &[u8]) -> Result<SegmentIndex, IndexError<Infallible>> {
    SegmentIndex::read(reader(file))
}

/// The index tells of the file what a unit was, but for the arrival.
fn units(index: &SegmentIndex, file: &[u8]) -> Vec<Unit> {
    let of_track = |track| {
        index.samples(track).iter().enumerate().map(move |(number, sample)| {
            let data = Bytes::copy_from_slice(&file[sample.offset as usize..sample.end() as usize]);
            index.unit(track, number, data, Moment::ZERO).unwrap()
        })
    };
    (0..index.tracks().len()).flat_map(of_track).collect()
}

/// The units of each track after each other.
fn expected(tracks: &[Track], units: &[Unit]) -> Vec<Unit> {
    let mut sorted = units.to_vec();
    sorted.retain(|unit| tracks.iter().any(|track| track.id == unit.track));
    sorted.sort_by_key(|unit| unit.track);
    sorted
}

fn assert_same(found: &[Unit], expected: &[Unit]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        let off = found.wall.as_micros() - expected.wall.as_micros();
        assert!(off.abs() <= 2, "off by {off} µs");
        assert_eq!(&Unit { wall: expected.wall, ..found.clone() }, expected);
    }
}

/// Every codec that segments carry, with the parameters that its encoder wrote.
fn tracks_of_all_codecs() -> Vec<Track> {
    let aac = Bytes::from_static(&[0x11, 0x90]);
    let vp9 = CodecParams::Vp9 { profile: 0, level: 31, bit_depth: 8 };
    vec![
        Track::video(0, Codec::H264, h264::parse_avcc(&hex(X264_HIGH)).unwrap()),
        Track::audio(1, Codec::Aac, 48_000, 2, CodecParams::Aac { config: aac }),
        Track::video(2, Codec::H265, h265::parse_hvcc(&hex(X265_MAIN)).unwrap()),
        Track::video(3, Codec::Av1, av1::parse_av1c(&hex(SVT_AV1_MAIN)).unwrap()),
        Track::video(4, Codec::Vp8, CodecParams::None),
        Track::video(5, Codec::Vp9, vp9),
        Track::audio(6, Codec::Opus, 48_000, 2, CodecParams::None),
        Track::audio(7, Codec::Mp3, 44_100, 2, CodecParams::None),
        Track::audio(8, Codec::Pcma, 8_000, 1, CodecParams::None),
        Track::audio(9, Codec::Pcmu, 8_000, 1, CodecParams::None),
        Track::audio(10, Codec::L16, 44_100, 2, CodecParams::None),
    ]
}

/// Units of all tracks, one every 40 ms; pictures come in the order I P B B.
fn units_of(tracks: &[Track], count: i64) -> Vec<Unit> {
    let unit = |index: i64, track: &Track| {
        let step = i64::from(track.clock_rate) / 25;
        let late = if track.codec.is_video() { [1, 3, 0, 0][(index % 4) as usize] } else { 0 };
        let unit = Unit {
            track: track.id,
            dts: index * step,
            pts: (index + late) * step,
            arrival: Moment::ZERO,
            wall: WallTime::default(),
            keyframe: !track.codec.is_video() || index % 8 == 0,
            discontinuity: false,
            data: vec![track.id; 4 * (1 + index as usize)].into(),
        };
        on_wall(unit, tracks)
    };
    (0..count).flat_map(|index| tracks.iter().map(move |track| unit(index, track))).collect()
}

#[test]
fn an_index_tells_what_the_muxer_was_given_for_every_codec_with_b_frames_and_many_tracks() {
    let tracks = tracks_of_all_codecs();
    let given = units_of(&tracks, 40);
    for a_part in [1, 50, 10_000] {
        let (file, _) = recorded(&tracks, &given, a_part);
        let index = index(&file).unwrap();
        assert_eq!(index.tracks(), tracks);
        assert_same(&units(&index, &file), &expected(&tracks, &given));
        assert_eq!((index.bytes(), index.duration()), (file.len() as u64, Duration::from_millis(1_600)));
    }
}

#[test]
fn a_stream_that_has_run_for_an_hour_is_indexed_from_the_zero_of_its_file() {
    let (tracks, given) = demo();
    let late: Vec<Unit> = given
        .iter()
        .map(|unit| {
            let hour = 3_600 * i64::from(tracks[usize::from(unit.track)].clock_rate);
            Unit { dts: unit.dts + hour, pts: unit.pts + hour, ..unit.clone() }
        })
        .collect();
    let (file, ends) = recorded(&tracks, &late, 36);
    let index = index(&file).unwrap();
    assert_same(&units(&index, &file), &expected(&tracks, &given));
    assert_eq!(index.walls().len(), ends.len() - 1);
    assert_eq!(index.begins().unwrap().as_micros().abs_diff(BEGAN.as_micros()), 0);
    assert!(index.ends().unwrap().as_micros().abs_diff(BEGAN.as_micros() + 16_000_000) <= 2);
}

#[test]
fn only_the_heads_of_parts_are_read_and_each_once() {
    let (tracks, given) = demo();
    let (file, ends) = recorded(&tracks, &given, 36);
    let (mut reads, mut bytes, mut inner) = (0, 0, reader(&file));
    let index = SegmentIndex::read(|at, buffer: &mut [u8]| {
        reads += 1;
        bytes += buffer.len();
        inner(at, buffer)
    });
    assert_eq!(index.unwrap().bytes(), file.len() as u64);
    // The head of the file, each part, what follows the last one, and its last byte.
    assert!(reads <= ends.len() + 3, "{reads} reads for {} parts", ends.len() - 1);
    assert!(bytes <= reads * 4096);
    // A head longer than one read is read to its end.
    let (file, _) = recorded(&tracks, &given, 2_000);
    assert_same(&units(&SegmentIndex::read(reader(&file)).unwrap(), &file), &expected(&tracks, &given));
}

#[test]
fn a_file_cut_at_any_byte_has_the_index_of_its_whole_parts_and_goes_on_from_there() {
    let (tracks, given) = demo();
    let (file, ends) = recorded(&tracks, &given[..60], 20);
    let full = index(&file).unwrap();
    for length in 0..file.len() {
        let cut = &file[..length];
        if length < ends[0] {
            assert!(matches!(index(cut), Err(IndexError::Broken(Mp4Error::NoMovie { .. }))), "at {length}");
            continue;
        }
        let mut found = index(cut).unwrap();
        let before = ends.iter().rposition(|end| *end <= length).unwrap();
        assert_eq!(found.bytes(), ends[before] as u64);
        assert_eq!(found.walls(), &full.walls()[..before], "at {length}");
        for track in 0..2 {
            let whole = full.samples(track).iter().filter(|sample| sample.end() <= found.bytes());
            assert!(found.samples(track).iter().eq(whole), "track {track} at {length}");
        }
        assert_eq!(found.extend(reader(&file)), Ok(ends.len() - 1 - before));
        assert_eq!((found.samples(0), found.samples(1)), (full.samples(0), full.samples(1)));
        assert_eq!((found.walls(), found.bytes()), (full.walls(), full.bytes()));
    }
    // What a power cut leaves behind: blocks of zeros.
    let zeros = [&file[..ends[2]], &[0; 4096]].concat();
    assert_eq!(index(&zeros).unwrap().bytes(), ends[2] as u64);
}

#[test]
fn wall_times_and_times_of_the_file_find_each_other_also_where_the_clock_was_set() {
    let (tracks, mut given) = demo();
    // After 8 s the clock is set back by an hour.
    for unit in &mut given {
        let micros = unit.wall.as_micros() - BEGAN.as_micros();
        if micros >= 8_000_000 {
            unit.wall = WallTime::from_micros(unit.wall.as_micros() - 3_600_000_000);
        }
    }
    let given: Vec<Unit> = given.into_iter().filter(|unit| unit.track == 0).collect();
    let (file, _) = recorded(&tracks[..1], &given, 25);
    let index = index(&file).unwrap();
    let wall = |micros: i64| WallTime::from_micros(BEGAN.as_micros() + micros);
    let near =
        |found: Option<WallTime>, micros| (found.unwrap().as_micros() - wall(micros).as_micros()).abs() <= 1;
    assert!(near(index.wall_at(2_500_000), 2_500_000));
    assert!(near(index.wall_at(-1_000_000), -1_000_000));
    assert!(near(index.wall_at(10_000_000), 10_000_000 - 3_600_000_000));
    let around = |found: Option<i64>, micros: i64| (found.unwrap() - micros).abs() <= 1;
    assert!(around(index.micros_at(wall(2_500_000)), 2_500_000));
    assert!(around(index.micros_at(wall(9_000_000 - 3_600_000_000)), 9_000_000));
    assert!(around(index.micros_at(wall(-9_000_000_000)), -9_000_000_000), "before all of it");
}

#[test]
fn a_reader_starts_at_the_key_frame_before_the_moment_it_asks_for() {
    let (tracks, given) = demo();
    let (file, _) = recorded(&tracks, &given, 36);
    let index = index(&file).unwrap();
    let keys =
        [-1, 0, 999_999, 1_000_000, 1_999_999, 60_000_000].map(|micros| index.key_at_or_before(micros));
    assert_eq!(keys, [None, Some(0), Some(0), Some(25), Some(25), Some(375)]);
    let keys = [-1, 0, 1, 1_000_000, 1_000_001, 15_000_001].map(|micros| index.key_from(micros));
    assert_eq!(keys, [Some(0), Some(0), Some(25), Some(25), Some(50), None]);
    assert_eq!(index.first_from(1, 1_000_000), 47);
    let sound: Vec<Unit> = given.into_iter().filter(|unit| unit.track == 1).collect();
    let (file, _) = recorded(&tracks[1..], &sound, 36);
    let index = SegmentIndex::read(reader(&file)).unwrap();
    assert_eq!((index.main_track(), index.key_at_or_before(1_000_000)), (0, Some(46)));
}

#[test]
fn what_a_head_claims_is_held_against_its_part() {
    let (tracks, given) = demo();
    let (file, ends) = recorded(&tracks[..1], &given[..60], 30);
    let at = |name: &[u8; 4]| file.windows(4).position(|found| found == name).unwrap();
    let refused = |place: usize, bytes: &[u8]| {
        let mut changed = file.clone();
        changed[place..place + bytes.len()].copy_from_slice(bytes);
        index(&changed).unwrap_err().to_string()
    };
    let said = refused(at(b"trun") + 12, &[0x7f; 4]);
    assert!(said.ends_with("a sample lies outside of its part"), "{said}");
    let said = refused(at(b"trun") + 8, &[0xff; 4]);
    assert!(said.ends_with("counts more samples than it has"), "{said}");
    let said = refused(at(b"tfdt") + 8, &[0x7f; 8]);
    assert!(said.ends_with("a sample ten years after the first"), "{said}");
    let said = refused(at(b"moof") - 4, &[0x7f; 4]);
    assert!(said.ends_with("a head longer than is taken"), "{said}");
    let said = refused(at(b"moof"), b"prft");
    assert!(said.ends_with("a second head of one part"), "{said}");
    // What comes before the broken part stays.
    let mut changed = file.clone();
    changed[ends[1] + 4..ends[1] + 8].copy_from_slice(b"mdat");
    let mut opened = SegmentIndex::open(reader(&changed)).unwrap();
    assert!(opened.extend(reader(&changed)).is_err());
    assert_eq!(opened.bytes(), ends[1] as u64);
    assert!(!opened.samples(0).is_empty());
}

#[test]
fn an_error_of_the_disk_is_passed_on() {
    let error = SegmentIndex::read(|_, _| Err("the disk is gone")).unwrap_err();
    assert_eq!(error, IndexError::Read("the disk is gone"));
    assert_eq!(error.to_string(), "the disk is gone");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        let _ = index(&bytes);
    }

    #[test]
    fn no_change_of_a_file_makes_it_panic_or_claim_more_samples_than_bytes(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        in_heads in any::<bool>(),
    ) {
        let tracks = [tracks_of_all_codecs().remove(0), Track::audio(1, Codec::Opus, 48_000, 2, CodecParams::None)];
        let (mut file, ends) = recorded(&tracks, &units_of(&tracks, 12), 6);
        let length = if in_heads { ends[0] + 300 } else { file.len() };
        for (place, byte) in changes {
            file[place.index(length)] = byte;
        }
        if let Ok(index) = index(&file) {
            let samples: usize = (0..index.tracks().len()).map(|track| index.samples(track).len()).sum();
            prop_assert!(samples <= file.len());
            for track in 0..index.tracks().len() {
                prop_assert!(index.samples(track).windows(2).all(|pair| pair[0].dts < pair[1].dts));
                prop_assert!(index.samples(track).iter().all(|sample| sample.end() <= file.len() as u64));
            }
            let _ = (index.begins(), index.ends(), index.duration(), index.key_at_or_before(1), index.key_from(1));
        }
    }
}
