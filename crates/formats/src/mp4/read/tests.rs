//! Files as others write them, and files that nobody should have written.
use super::*;
use crate::mp4::boxes::BoxWriter;
use media::{Codec, Unit};

const DEMO: &[u8] = include_bytes!("../../../../server/assets/demo.mp4");

/// One track of a progressive file, as tables.
#[derive(Clone)]
struct Tables {
    handler: &'static [u8; 4],
    timescale: u32,
    entry: Vec<u8>,
    /// Edits: duration in ms, media time.
    edits: Vec<(u32, i32)>,
    stts: Vec<(u32, u32)>,
    ctts: Vec<(u32, i32)>,
    /// First chunk, samples.
    stsc: Vec<(u32, u32)>,
    /// One size for all and a count, or sizes.
    same_size: u32,
    sizes: Vec<u32>,
    same_count: u32,
    stss: Option<Vec<u32>>,
    /// Offsets of chunks from the first byte of the media data.
    chunks: Vec<u64>,
}

impl Tables {
    fn new(handler: &'static [u8; 4], timescale: u32, entry: Vec<u8>) -> Self {
        let (edits, stts, ctts, stsc, sizes, chunks) = Default::default();
        let (same_size, same_count, stss) = (0, 0, None);
        Self {
            handler,
            timescale,
            entry,
            edits,
            stts,
            ctts,
            stsc,
            same_size,
            sizes,
            same_count,
            stss,
            chunks,
        }
    }
}

fn rows(w: &mut BoxWriter, name: &[u8; 4], rows: &[Vec<u32>]) {
    w.full(name, 0, 0, |w| {
        w.u32(rows.len() as u32);
        rows.iter().flatten().for_each(|&word| w.u32(word));
    });
}

/// `mdat` first, so that offsets do not depend on the tables; then `moov` with a time scale of 1000.
fn file(media: &[u8], tracks: &[Tables]) -> Bytes {
    let mut w = BoxWriter::default();
    w.boxed(b"mdat", |w| w.bytes(media));
    w.boxed(b"moov", |w| {
        w.full(b"mvhd", 0, 0, |w| [0, 0, 1_000, 0].into_iter().for_each(|word| w.u32(word)));
        for (number, track) in (1..).zip(tracks) {
            w.boxed(b"trak", |w| trak(w, number, track));
        }
    });
    w.into_vec().into()
}

fn trak(w: &mut BoxWriter, number: u32, track: &Tables) {
    w.full(b"tkhd", 0, 3, |w| [0, 0, number].into_iter().for_each(|word| w.u32(word)));
    if !track.edits.is_empty() {
        let edits: Vec<_> = track.edits.iter().map(|edit| vec![edit.0, edit.1 as u32, 0x1_0000]).collect();
        w.boxed(b"edts", |w| rows(w, b"elst", &edits));
    }
    w.boxed(b"mdia", |w| {
        w.full(b"mdhd", 0, 0, |w| [0, 0, track.timescale, 0].into_iter().for_each(|word| w.u32(word)));
        w.full(b"hdlr", 0, 0, |w| {
            w.u32(0);
            w.bytes(track.handler);
        });
        w.boxed(b"minf", |w| {
            w.boxed(b"stbl", |w| {
                w.full(b"stsd", 0, 0, |w| {
                    w.u32(1);
                    w.bytes(&track.entry);
                });
                let pairs =
                    |runs: &[(u32, u32)]| runs.iter().map(|run| vec![run.0, run.1]).collect::<Vec<_>>();
                rows(w, b"stts", &pairs(&track.stts));
                if !track.ctts.is_empty() {
                    let runs: Vec<_> = track.ctts.iter().map(|run| vec![run.0, run.1 as u32]).collect();
                    rows(w, b"ctts", &runs);
                }
                let chunks: Vec<_> = track.stsc.iter().map(|run| vec![run.0, run.1, 1]).collect();
                rows(w, b"stsc", &chunks);
                w.full(b"stsz", 0, 0, |w| {
                    w.u32(track.same_size);
                    w.u32(if track.same_size > 0 { track.same_count } else { track.sizes.len() as u32 });
                    track.sizes.iter().for_each(|&size| w.u32(size));
                });
                if let Some(keys) = &track.stss {
                    rows(w, b"stss", &keys.iter().map(|&key| vec![key]).collect::<Vec<_>>());
                }
                w.full(b"co64", 0, 0, |w| {
                    w.u32(track.chunks.len() as u32);
                    track.chunks.iter().for_each(|offset| w.u64(8 + offset));
                });
            });
        });
    });
}

/// A visual sample entry with one box inside.
fn visual(name: &[u8; 4], inner: &[u8; 4], record: &[u8]) -> Vec<u8> {
    let mut w = BoxWriter::default();
    w.boxed(name, |w| {
        w.zeros(78);
        w.boxed(inner, |w| w.bytes(record));
    });
    w.into_vec()
}

/// A sound sample entry of version 0.
fn sound(name: &[u8; 4], channels: u16, bits: u16, rate: u32) -> Vec<u8> {
    let mut w = BoxWriter::default();
    w.boxed(name, |w| {
        w.zeros(16);
        w.u16(channels);
        w.u16(bits);
        w.u32(0);
        w.u32(rate << 16);
    });
    w.into_vec()
}

fn vp9(timescale: u32) -> Tables {
    let entry = visual(b"vp09", b"vpcC", &[1, 0, 0, 0, 0, 10, 0x82, 2, 2, 2, 0, 0]);
    Tables::new(b"vide", timescale, entry)
}

fn times(units: &[Unit]) -> Vec<(u8, i64, i64, bool)> {
    units.iter().map(|unit| (unit.track, unit.dts, unit.pts, unit.keyframe)).collect()
}

#[test]
fn run_length_tables_are_walked_side_by_side() {
    let track = Tables {
        stts: vec![(3, 100), (0, 7), (3, 200)],
        ctts: vec![(1, 300), (1, 600), (2, -100), (2, 0)],
        stsc: vec![(1, 2), (2, 1), (3, 3)],
        sizes: vec![1, 2, 3, 4, 5, 6],
        stss: Some(vec![1, 4]),
        // In the file the second chunk comes last.
        chunks: vec![0, 18, 3],
        ..vp9(1_000)
    };
    let media: Vec<u8> = (0..21).collect();
    let units: Vec<Unit> = File::parse(file(&media, &[track])).unwrap().units().collect();
    // Decoding times are 100 earlier than the table says, since one frame is shown 100 before it.
    let expected = [(-100, 300), (0, 700), (100, 100), (200, 200), (400, 500), (600, 700)];
    let expected: Vec<_> =
        expected.iter().zip(1..).map(|(time, n)| (0, time.0 * 90, time.1 * 90, n == 1 || n == 4)).collect();
    assert_eq!(times(&units), expected);
    let data: Vec<&[u8]> = units.iter().map(|unit| &unit.data[..]).collect();
    assert_eq!(
        data,
        [&media[0..1], &media[1..3], &media[18..21], &media[3..7], &media[7..12], &media[12..18]]
    );
}

#[test]
fn edit_lists_place_the_tracks_against_each_other() {
    let frames = |edits| Tables {
        stts: vec![(2, 40)],
        stsc: vec![(1, 2)],
        sizes: vec![1, 1],
        chunks: vec![0],
        edits,
        ..vp9(1_000)
    };
    // The second track begins half a second late, and the first 40 ms of it are not meant to be seen.
    let file = File::parse(file(&[1, 2], &[frames(vec![]), frames(vec![(500, -1), (80, 40)])])).unwrap();
    let units: Vec<Unit> = file.units().collect();
    let ms: Vec<(u8, i64)> = units.iter().map(|unit| (unit.track, unit.dts / 90)).collect();
    assert_eq!(ms, [(0, 0), (0, 40), (1, 460), (1, 500)]);
}

#[test]
fn little_endian_pcm_becomes_units_of_20_ms_in_network_order() {
    let mut track = Tables::new(b"soun", 8_000, sound(b"sowt", 2, 16, 8_000));
    track.stts = vec![(200, 1)];
    track.stsc = vec![(1, 200)];
    (track.same_size, track.same_count, track.chunks) = (4, 200, vec![0]);
    let media: Vec<u8> = (0..800).map(|index| index as u8).collect();
    let file = File::parse(file(&media, &[track])).unwrap();
    assert_eq!((file.tracks()[0].codec, file.tracks()[0].channels), (Codec::L16, 2));
    let units: Vec<Unit> = file.units().collect();
    assert_eq!(times(&units), [(0, 0, 0, true), (0, 160, 160, true)]);
    assert_eq!((units[0].data.len(), units[1].data.len()), (640, 160));
    assert_eq!(units[0].data[..4], [1, 0, 3, 2]);
}

#[test]
fn parameter_sets_among_the_samples_are_found_and_taken_out() {
    let sps = [0x67, 0x42, 0xc0, 0x1f, 0xa6, 0x11, 0x02, 0x80, 0xbf, 0xe5];
    let pps = [0x68, 0xc8, 0x42, 0x05];
    let mut media = Vec::new();
    for nal in [&sps[..], &pps[..], &[0x65, 0x88, 0x84][..], &[0x41, 0x9a][..]] {
        media.extend_from_slice(&(nal.len() as u16).to_be_bytes());
        media.extend_from_slice(nal);
    }
    // Lengths of two bytes, and no parameter set in the record.
    let mut track = Tables::new(b"vide", 25, visual(b"avc3", b"avcC", &[1, 0x42, 0xc0, 0x1f, 0xfd, 0xe0, 0]));
    track.stts = vec![(2, 1)];
    track.stsc = vec![(1, 2)];
    track.sizes = vec![media.len() as u32 - 4, 4];
    track.chunks = vec![0];
    let file = File::parse(file(&media, &[track])).unwrap();
    let media::CodecParams::H264 { sps: found, pps: all } = &file.tracks()[0].params else {
        panic!("{file:?}")
    };
    assert_eq!((&found[..], &all[0][..]), (&sps[..], &pps[..]));
    let units: Vec<Unit> = file.units().collect();
    assert_eq!(times(&units), [(0, 0, 0, true), (0, 3_600, 3_600, false)]);
    assert_eq!(units[0].data[..], [0, 0, 0, 3, 0x65, 0x88, 0x84]);
    assert_eq!(units[1].data[..], [0, 0, 0, 2, 0x41, 0x9a]);
}

#[test]
fn a_sample_in_the_form_of_a_unit_is_shared_with_the_file() {
    let data = Bytes::from_static(DEMO);
    let file = File::parse(data.clone()).unwrap();
    let inside = |unit: &Unit| data.as_ptr_range().contains(&unit.data.as_ptr());
    // The key frames of the clip have parameter sets before them, which are not part of a unit.
    let copied: Vec<Unit> = file.units().filter(|unit| !inside(unit)).collect();
    assert!(copied.len() == 16 && copied.iter().all(|unit| unit.track == 0 && unit.keyframe));
    assert!(copied.iter().all(|unit| unit.data[4] == 0x65), "an IDR slice comes first");
}

#[test]
fn a_count_beyond_the_table_is_an_error_that_says_where() {
    let track =
        Tables { stts: vec![(1, 1)], stsc: vec![(1, 1)], sizes: vec![1], chunks: vec![0], ..vp9(1_000) };
    let mut bytes = file(&[1], &[track]).to_vec();
    let stts = bytes.windows(4).position(|name| name == b"stts").unwrap();
    bytes[stts + 8..stts + 12].copy_from_slice(&u32::MAX.to_be_bytes());
    let error = File::parse(bytes.into()).unwrap_err().to_string();
    let expected =
        format!("moov/trak/mdia/minf/stbl/stts at byte {}: counts more entries than it has", stts + 8);
    assert_eq!(error, expected);
}

#[test]
fn samples_that_claim_the_same_bytes_again_and_again_are_refused() {
    let track = Tables {
        stts: vec![(100, 1)],
        stsc: vec![(1, 1)],
        sizes: vec![500; 100],
        chunks: vec![0; 100],
        ..vp9(1_000)
    };
    let error = File::parse(file(&[0; 500], &[track])).unwrap_err().to_string();
    assert!(error.ends_with("samples claim more bytes than the file has"), "{error}");
}

#[test]
fn counts_without_bytes_behind_them_cost_nothing() {
    // Four billion samples of one byte, of which the file has ten; and the same as PCM.
    let track = Tables {
        stts: vec![(u32::MAX, 1)],
        stsc: vec![(1, u32::MAX)],
        same_size: 1,
        same_count: u32::MAX,
        chunks: vec![0; 1_000],
        ..vp9(1_000)
    };
    let pcm = Tables { handler: b"soun", entry: sound(b"alaw", 1, 16, 8_000), ..track.clone() };
    for track in [track, pcm] {
        let parsed = File::parse(file(&[0; 10], &[track]));
        let units = parsed.map(|file| file.units().count()).unwrap_or(0);
        assert!(units < 50_000, "{units}");
    }
}

#[test]
fn a_recording_that_was_cut_short_plays_up_to_the_cut() {
    let whole = File::parse(Bytes::from_static(DEMO)).unwrap().units().count();
    let half = File::parse(Bytes::from_static(&DEMO[..DEMO.len() / 2])).unwrap().units().count();
    assert!(half > whole / 3 && half < whole * 2 / 3, "{half} of {whole}");
}

#[test]
fn what_is_no_media_is_named() {
    let no_movie = File::parse(Bytes::from_static(b"\0\0\0\x08free")).unwrap_err();
    assert_eq!(no_movie.to_string(), "the file of 8 bytes has no moov box");
    let text = Tables::new(b"text", 1_000, sound(b"tx3g", 1, 16, 0));
    let dolby = Tables::new(b"soun", 48_000, sound(b"ac-3", 2, 16, 48_000));
    let error = File::parse(file(&[], &[text, dolby])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no track of the file can be played: track 1 (text): neither picture nor sound; \
         track 2 (ac-3): a codec that the server does not carry"
    );
}

/// The tables of the demo clip with little media, so that changes hit what is parsed.
fn seeds() -> [Vec<u8>; 2] {
    let head = DEMO[..40_000].to_vec();
    let parsed = File::parse(Bytes::from_static(DEMO)).unwrap();
    let mut fragmenter = crate::mp4::Fragmenter::new(parsed.tracks()).unwrap();
    let mut fragments = fragmenter.init().to_vec();
    for unit in parsed.units().filter(|unit| unit.data.len() < 1_000).take(60) {
        let unit = fragmenter.push(&unit).unwrap();
        unit.parts.iter().for_each(|part| fragments.extend_from_slice(part));
    }
    [head, fragments]
}

#[test]
fn changed_and_shortened_files_never_panic() {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    for seed in seeds() {
        fuzz_mp4(&seed);
        for _ in 0..400 {
            let mut bytes = seed.clone();
            for _ in 0..=next(6) {
                // Most boxes are at the start.
                let area = if next(3) == 0 { bytes.len() } else { 1_200.min(bytes.len()) };
                let at = next(area);
                bytes[at] = [0, 1, 0x7f, 0x80, 0xff, next(256) as u8][next(6)];
            }
            if next(4) == 0 {
                bytes.truncate(next(bytes.len()));
            }
            fuzz_mp4(&bytes);
        }
    }
}
