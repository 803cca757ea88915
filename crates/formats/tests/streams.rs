//! Byte streams of real programs, compared with what ffprobe says of them.
//!
//! `fixtures/streams` holds them, `make.sh` there makes them; beside each is what is expected: a line for each packet.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panic")]
use formats::demux::{ByteDemuxer, DemuxEvent, Note};
use formats::probe::Container;
use media::{Codec, Kind, Moment, Track, Unit, WallTime, rescale};
use std::path::PathBuf;

/// How far sound may be from what the container says, in ticks of 90 kHz: its times are counted in samples here.
const SOUND_TOLERANCE: i64 = 10 * 90;

/// What a stream gave.
#[derive(Debug, Default, PartialEq)]
struct Found {
    container: Option<Container>,
    tracks: Vec<Track>,
    units: Vec<Unit>,
    notes: Vec<Note>,
    lost: u64,
}

impl Found {
    fn of_kind(&self, kind: Kind) -> Vec<&Unit> {
        self.units.iter().filter(|unit| self.tracks[usize::from(unit.track)].kind() == kind).collect()
    }

    fn take(&mut self, demuxer: &mut ByteDemuxer) {
        self.container = demuxer.container();
        self.lost += demuxer.take_lost();
        while let Some(event) = demuxer.poll_event() {
            match event {
                DemuxEvent::Tracks(tracks) => self.tracks = tracks,
                DemuxEvent::Unit(unit) => self.units.push(unit),
                DemuxEvent::Note(note) => self.notes.push(note),
                DemuxEvent::Metadata(_) => {}
            }
        }
    }
}

fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/streams").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Reads a whole stream, in pieces of `step` bytes that all come at once.
fn read(data: &[u8], step: usize) -> Found {
    let mut demuxer = ByteDemuxer::default();
    let mut found = Found::default();
    let (now, wall) = (Moment::from_millis(5_000), WallTime::from_micros(7));
    for piece in data.chunks(step) {
        demuxer.push(piece, now, wall).unwrap();
        found.take(&mut demuxer);
    }
    demuxer.finish(now, wall).unwrap();
    found.take(&mut demuxer);
    found
}

/// A line of what is expected.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Packet {
    kind: Kind,
    pts: i64,
    dts: i64,
    bytes: usize,
    keyframe: bool,
}

fn expected(name: &str) -> Vec<Packet> {
    let text = String::from_utf8(fixture(&format!("{name}.packets"))).unwrap();
    let packet = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        Packet {
            kind: if fields[0] == "v" { Kind::Video } else { Kind::Audio },
            pts: fields[1].parse().unwrap(),
            dts: fields[2].parse().unwrap(),
            bytes: fields[3].parse().unwrap(),
            keyframe: fields[4] == "k",
        }
    };
    text.lines().map(packet).collect()
}

/// Compares each unit with its packet. Times count from the first unit of all.
fn assert_as_expected(name: &str, found: &Found, sizes: bool) {
    let expected = expected(name);
    let ticks =
        |unit: &Unit, time: i64| rescale(time, found.tracks[usize::from(unit.track)].clock_rate, 90_000);
    // The distance between the two clocks is the same for every packet of both tracks.
    let first = found.units.first().unwrap();
    let first_kind = found.tracks[usize::from(first.track)].kind();
    let first_packet = expected.iter().find(|packet| packet.kind == first_kind).unwrap();
    let offset = first_packet.dts - ticks(first, first.dts);
    for kind in [Kind::Video, Kind::Audio] {
        let units = found.of_kind(kind);
        let packets: Vec<&Packet> = expected.iter().filter(|packet| packet.kind == kind).collect();
        assert_eq!(units.len(), packets.len(), "{name}: {kind:?}");
        let tolerance = if kind == Kind::Video { 0 } else { SOUND_TOLERANCE };
        for (number, (unit, packet)) in units.iter().zip(packets).enumerate() {
            let place = format!("{name}: {kind:?} {number}: {packet:?}");
            assert!(
                (ticks(unit, unit.dts) + offset - packet.dts).abs() <= tolerance,
                "{place}: {}",
                unit.dts
            );
            assert!(
                (ticks(unit, unit.pts) + offset - packet.pts).abs() <= tolerance,
                "{place}: {}",
                unit.pts
            );
            assert_eq!(unit.keyframe, packet.keyframe, "{place}");
            assert!(!unit.discontinuity, "{place}");
            if sizes {
                assert_eq!(unit.data.len(), packet.bytes, "{place}");
            }
        }
        assert!(units.windows(2).all(|pair| pair[0].dts < pair[1].dts), "{name}: {kind:?}");
    }
    // The tag before MP3 is no sound.
    let notes: &[Note] = if name.ends_with(".mp3") { &[Note::Garbage] } else { &[] };
    assert_eq!((&found.notes[..], found.lost), (notes, 0), "{name}");
}

fn codecs(found: &Found) -> Vec<Shape> {
    found.tracks.iter().map(|track| (track.codec, track.clock_rate, track.channels)).collect()
}

/// Codec, rate, channels.
type Shape = (Codec, u32, u8);

/// Each stream, its container and its tracks.
const STREAMS: &[(&str, Container, &[Shape])] = &[
    ("ffmpeg5_h264_bframes_aac.ts", Container::MpegTs, &[(Codec::H264, 90_000, 0), (Codec::Aac, 48_000, 1)]),
    ("ffmpeg5_hevc_mp3.ts", Container::MpegTs, &[(Codec::H265, 90_000, 0), (Codec::Mp3, 48_000, 1)]),
    ("ffmpeg5_h264_opus.ts", Container::MpegTs, &[(Codec::H264, 90_000, 0), (Codec::Opus, 48_000, 1)]),
    ("ffmpeg5_h264_mp2.ts", Container::MpegTs, &[(Codec::H264, 90_000, 0), (Codec::Mp3, 48_000, 1)]),
    ("ffmpeg5_h264_latm.ts", Container::MpegTs, &[(Codec::H264, 90_000, 0), (Codec::Aac, 48_000, 1)]),
    ("ffmpeg5_h264.m2ts", Container::MpegTs, &[(Codec::H264, 90_000, 0)]),
    ("gst122_h264_aac.ts", Container::MpegTs, &[(Codec::H264, 90_000, 0), (Codec::Aac, 48_000, 1)]),
    ("ffmpeg5.h264", Container::AnnexBH264, &[(Codec::H264, 90_000, 0)]),
    ("ffmpeg5.h265", Container::AnnexBH265, &[(Codec::H265, 90_000, 0)]),
    ("ffmpeg5.aac", Container::Adts, &[(Codec::Aac, 48_000, 1)]),
    ("ffmpeg5.mp3", Container::MpegAudio, &[(Codec::Mp3, 48_000, 1)]),
    ("ffmpeg5.mjpeg", Container::Mjpeg, &[(Codec::Mjpeg, 90_000, 0)]),
    ("ffmpeg5.mpjpeg", Container::MultipartMjpeg, &[(Codec::Mjpeg, 90_000, 0)]),
    ("ffmpeg5_h264_bframes_aac.mp4", Container::Fmp4, &[(Codec::H264, 90_000, 0), (Codec::Aac, 48_000, 1)]),
    ("ffmpeg5_h264_aac_absolute.mp4", Container::Fmp4, &[(Codec::H264, 90_000, 0), (Codec::Aac, 48_000, 1)]),
    ("ffmpeg5_hevc_opus.mp4", Container::Fmp4, &[(Codec::H265, 90_000, 0), (Codec::Opus, 48_000, 1)]),
    ("ffmpeg5_av1_opus.mp4", Container::Fmp4, &[(Codec::Av1, 90_000, 0), (Codec::Opus, 48_000, 1)]),
    ("gst122_h265_opus.ts", Container::MpegTs, &[(Codec::H265, 90_000, 0), (Codec::Opus, 48_000, 1)]),
];

#[test]
fn every_packet_comes_out_with_its_times_and_size() {
    for (name, container, tracks) in STREAMS {
        let found = read(&fixture(name), usize::MAX);
        assert_eq!(
            (found.container, &codecs(&found)[..]),
            (Some(*container), *tracks),
            "{name}: {:?} {}",
            found.notes,
            found.lost
        );
        // Of LATM, ffprobe gives the packed element and not the frame in it.
        assert_as_expected(name, &found, !name.contains("latm"));
    }
}

#[test]
fn any_split_of_the_bytes_gives_the_same() {
    let others = ["ffmpeg5.latm", "ffmpeg5_s16.wav", "ffmpeg5_alaw.wav", "ffmpeg5_mulaw.au"];
    for name in STREAMS.iter().map(|(name, ..)| *name).chain(others) {
        let data = fixture(name);
        let whole = read(&data, usize::MAX);
        for step in [1, 7, 187, 188, 189, 1316, 4096] {
            assert_eq!(read(&data, step), whole, "{name} every {step} bytes");
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(60))]

    /// Pieces of changing sizes, as sockets and pipes give them.
    #[test]
    fn pieces_of_any_sizes_give_the_same(
        index in 0..STREAMS.len(),
        steps in proptest::collection::vec(1_usize..3000, 1..40),
    ) {
        let data = fixture(STREAMS[index].0);
        let (now, wall) = (Moment::from_millis(5_000), WallTime::from_micros(7));
        let mut demuxer = ByteDemuxer::default();
        let mut found = Found::default();
        let mut rest = &data[..];
        for step in steps.iter().cycle() {
            let (piece, later) = rest.split_at((*step).min(rest.len()));
            demuxer.push(piece, now, wall).unwrap();
            found.take(&mut demuxer);
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        demuxer.finish(now, wall).unwrap();
        found.take(&mut demuxer);
        proptest::prop_assert!(found == read(&data, usize::MAX), "{}", STREAMS[index].0);
    }
}

#[test]
fn latm_holds_the_same_frames_as_adts() {
    let frames = |name| -> Vec<_> {
        let found = read(&fixture(name), usize::MAX);
        found.of_kind(Kind::Audio).iter().map(|unit| unit.data.clone()).collect()
    };
    assert_eq!(frames("ffmpeg5_h264_latm.ts"), frames("ffmpeg5_h264_bframes_aac.ts"));
    assert_eq!(frames("ffmpeg5.latm"), frames("ffmpeg5.aac"));
}

#[test]
fn samples_come_out_as_they_are_whatever_is_before_them() {
    for (name, container, bare, shape) in [
        ("ffmpeg5_s16.wav", Container::Wav, "ffmpeg5_s16.be", (Codec::L16, 16_000, 1)),
        ("ffmpeg5_alaw.wav", Container::Wav, "ffmpeg5.alaw", (Codec::Pcma, 16_000, 1)),
        ("ffmpeg5_mulaw.au", Container::Au, "ffmpeg5.mulaw", (Codec::Pcmu, 16_000, 1)),
    ] {
        let found = read(&fixture(name), usize::MAX);
        assert_eq!((found.container, codecs(&found)), (Some(container), vec![shape]), "{name}");
        let samples: Vec<u8> = found.units.iter().flat_map(|unit| unit.data.to_vec()).collect();
        assert!(samples == fixture(bare), "{name}");
        let times: Vec<i64> = found.units.iter().map(|unit| unit.dts).collect();
        assert_eq!(times, (0..20).map(|n| n * 320).collect::<Vec<i64>>(), "{name}");
    }
}
