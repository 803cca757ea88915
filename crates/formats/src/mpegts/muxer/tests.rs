//! What is written is read back by our demuxer, and its packets are held against the rules for them.
use super::*;
use crate::bitstream::fixtures::{X264_HIGH, X265_MAIN, hex};
use crate::bitstream::{h264, h265};
use crate::demux::DemuxEvent;
use crate::mp4::testing::demo;
use crate::mpegts::Demuxer;
use bytes::Bytes;
use media::{Codec, CodecParams, Moment, WallTime};
use std::collections::HashMap;

fn muxed(tracks: &[Track], units: &[Unit]) -> Vec<u8> {
    let mut muxer = Muxer::new(tracks).unwrap();
    let mut out = Vec::new();
    units.iter().for_each(|unit| muxer.push(unit, &mut out));
    out
}

/// Muxes units and reads them back, as if each came when it is decoded.
fn round_trip(mut muxer: Muxer, tracks: &[Track], units: &[Unit]) -> (Vec<Track>, Vec<Unit>) {
    let mut demuxer = Demuxer::new();
    let mut now = Moment::ZERO;
    let mut out = Vec::new();
    let micros = |unit: &Unit| unit.dts_time(&tracks[usize::from(unit.track)]).as_micros();
    let first = units.iter().map(micros).min().unwrap();
    for unit in units {
        out.clear();
        muxer.push(unit, &mut out);
        now = Moment::from_millis(1_000 + (micros(unit) - first) as u64 / 1_000);
        demuxer.push(&out, now, WallTime::default()).unwrap();
    }
    demuxer.finish(now);
    assert_eq!(demuxer.take_lost(), 0);
    let (mut tracks, mut units) = (Vec::new(), Vec::new());
    while let Some(event) = demuxer.pop() {
        match event {
            DemuxEvent::Tracks(found) => tracks = found,
            DemuxEvent::Unit(unit) => units.push(unit),
            DemuxEvent::Note(note) => panic!("{note:?}"),
            DemuxEvent::Metadata(_) => panic!(),
        }
    }
    (tracks, units)
}

/// Times in ticks since the first unit of the stream, key frame and data, of one track.
fn rows(tracks: &[Track], units: &[Unit], track: u8) -> Vec<(i64, i64, bool, Bytes)> {
    let zero = units.iter().map(|unit| unit.dts_time(&tracks[usize::from(unit.track)]).as_micros()).min();
    let rate = tracks[usize::from(track)].clock_rate;
    let zero = rescale(zero.unwrap(), 1_000_000, rate);
    let of_track = units.iter().filter(|unit| unit.track == track);
    of_track.map(|unit| (unit.dts - zero, unit.pts - zero, unit.keyframe, unit.data.clone())).collect()
}

fn assert_round_trip(tracks: &[Track], units: &[Unit]) {
    let (found_tracks, found) = round_trip(Muxer::new(tracks).unwrap(), tracks, units);
    assert_eq!(found_tracks, tracks);
    for track in 0..tracks.len() as u8 {
        let (found, expected) = (rows(tracks, &found, track), rows(tracks, units, track));
        assert_eq!(found.len(), expected.len(), "track {track}");
        for (found, expected) in found.iter().zip(&expected) {
            let off = (found.0 - expected.0, found.1 - expected.1);
            assert!(off.0.abs() <= 1 && off.1.abs() <= 1, "track {track}: off by {off:?} ticks");
            assert!((found.2, &found.3) == (expected.2, &expected.3), "track {track} at {}", expected.0);
        }
    }
}

fn unit(track: &Track, index: i64, step: i64, data: Vec<u8>) -> Unit {
    Unit {
        track: track.id,
        pts: index * step,
        dts: index * step,
        arrival: Moment::ZERO,
        wall: WallTime::default(),
        keyframe: true,
        discontinuity: false,
        data: data.into(),
    }
}

/// Pictures in the order I P B B, each of one slice of `bytes`.
fn pictures(track: &Track, count: i64, bytes: usize) -> Vec<Unit> {
    let slice = |index: i64| match (track.codec, index % 8) {
        (Codec::H265, 0) => vec![0x26, 0x01],
        (Codec::H265, _) => vec![0x02, 0x01],
        (_, 0) => vec![0x65, 0x88],
        (_, _) => vec![0x41, 0x9a],
    };
    let picture = |index: i64| {
        let mut nal = slice(index);
        nal.resize(bytes + index as usize, 0x80 | index as u8);
        let data = [&(nal.len() as u32).to_be_bytes()[..], &nal].concat();
        let unit = unit(track, index, 3_600, data);
        Unit { pts: unit.dts + [1, 3, 0, 0][(index % 4) as usize] * 3_600, keyframe: index % 8 == 0, ..unit }
    };
    (0..count).map(picture).collect()
}

/// The packets of a stream: identifier, flags of the adaptation field, clock, whether a payload begins, and its bytes.
struct Seen {
    pid: u16,
    flags: u8,
    clock: Option<u64>,
    starts: bool,
    payload_bytes: usize,
    counter: u8,
}

fn packets(data: &[u8]) -> Vec<Seen> {
    assert_eq!(data.len() % 188, 0);
    let seen = |packet: &[u8]| {
        assert_eq!(packet[0], 0x47);
        let adapted = packet[3] & 0x20 != 0;
        let length = if adapted { usize::from(packet[4]) + 1 } else { 0 };
        let flags = if length > 1 { packet[5] } else { 0 };
        let clock = (flags & 0x10 != 0).then(|| {
            let word = [&[0, 0][..], &packet[6..12]].concat();
            u64::from_be_bytes(word.try_into().unwrap()) >> 15
        });
        let payload_bytes = if packet[3] & 0x10 != 0 { 184 - length } else { 0 };
        Seen {
            pid: u16::from_be_bytes([packet[1] & 0x1f, packet[2]]),
            flags,
            clock,
            starts: packet[1] & 0x40 != 0,
            payload_bytes,
            counter: packet[3] & 0x0f,
        }
    };
    data.chunks(188).map(seen).collect()
}

#[test]
fn the_demo_clip_comes_back_from_packets() {
    let (tracks, units) = demo();
    assert_round_trip(&tracks, &units);
}

#[test]
fn every_codec_with_a_place_comes_back_and_frames_of_every_size_are_filled_up() {
    let h264 = Track::video(0, Codec::H264, h264::parse_avcc(&hex(X264_HIGH)).unwrap());
    let h265 = Track::video(0, Codec::H265, h265::parse_hvcc(&hex(X265_MAIN)).unwrap());
    // 200 sizes that follow each other: the last packet of a frame has every filling that there is.
    for video in [h264, h265] {
        let units = pictures(&video, 400, 10);
        assert_round_trip(&[video], &units);
    }
    let telephone = |codec| (Track::audio(0, codec, 8_000, 1, CodecParams::None), 160, vec![0x55; 160]);
    // TOC 0xfc: CELT, 20 ms, stereo, one frame; longer than one byte of a size can say.
    let opus =
        (Track::audio(0, Codec::Opus, 48_000, 2, CodecParams::None), 960, [&[0xfc][..], &[7; 520]].concat());
    // MPEG-1 layer III, 128 kbit/s, 44.1 kHz, stereo: 417 bytes.
    let mp3 = [&[0xff, 0xfb, 0x90, 0x04][..], &[0; 413]].concat();
    let mp3 = (Track::audio(0, Codec::Mp3, 44_100, 2, CodecParams::None), 1_152, mp3);
    for (track, step, data) in
        [opus, mp3, telephone(Codec::Pcma), telephone(Codec::Pcmu), telephone(Codec::G722)]
    {
        let units: Vec<Unit> = (0..50).map(|index| unit(&track, index, step, data.clone())).collect();
        assert_round_trip(&[track], &units);
    }
}

#[test]
fn what_has_no_place_is_named() {
    let tracks = [
        Track::video(0, Codec::Av1, CodecParams::None),
        Track::audio(1, Codec::L16, 48_000, 2, CodecParams::None),
        Track::audio(2, Codec::Pcma, 16_000, 1, CodecParams::None),
        Track::video(3, Codec::H264, CodecParams::None),
    ];
    let error = Muxer::new(&tracks).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no track can be carried in MPEG-TS: track 0 (AV1): players do not read it from MPEG-TS; \
         track 1 (L16): MPEG-TS has no place for uncompressed sound; \
         track 2 (PCMA): MPEG-TS has it only with 8 kHz and one channel; \
         track 3 (H264): no usable parameter sets yet"
    );
    let opus = Track::audio(4, Codec::Opus, 48_000, 2, CodecParams::None);
    let muxer = Muxer::new(&[&tracks[..], &[opus]].concat()).unwrap();
    assert_eq!((muxer.skipped().len(), muxer.carried().count()), (4, 1));
}

#[test]
fn tables_come_before_each_key_frame_and_the_clock_and_the_counters_go_on() {
    let (tracks, units) = demo();
    let seen = packets(&muxed(&tracks, &units));
    let keys: Vec<usize> = (0..seen.len())
        .filter(|at| seen[*at].pid == 0x100 && seen[*at].starts && seen[*at].flags & 0x40 != 0)
        .collect();
    assert_eq!(keys.len(), 16);
    assert!(keys.iter().all(|&at| seen[at - 2].pid == 0 && seen[at - 1].pid == 0x1000));
    let clocks: Vec<u64> = seen.iter().filter(|packet| packet.pid == 0x100).filter_map(|p| p.clock).collect();
    assert_eq!(clocks[0], 45_000);
    assert!(clocks.windows(2).all(|pair| (1..=9_000).contains(&(pair[1] - pair[0]))));
    let mut counters: HashMap<u16, u8> = HashMap::new();
    for packet in seen.iter().filter(|packet| packet.payload_bytes > 0) {
        let last = counters.insert(packet.pid, packet.counter);
        assert!(last.is_none_or(|last| (last + 1) & 0x0f == packet.counter));
    }
}

#[test]
fn sound_alone_has_clock_and_tables_twice_a_second() {
    let (tracks, units) = demo();
    let sound: Vec<Unit> =
        units.into_iter().filter(|unit| unit.track == 1).map(|unit| Unit { track: 0, ..unit }).collect();
    let track = Track { id: 0, ..tracks[1].clone() };
    let data = muxed(std::slice::from_ref(&track), &sound);
    let seen = packets(&data);
    let maps = seen.iter().filter(|packet| packet.pid == 0x1000).count();
    assert!((30..=32).contains(&maps), "{maps} in 16 s");
    let clocks: Vec<u64> = seen.iter().filter_map(|packet| packet.clock).collect();
    assert!(clocks.windows(2).all(|pair| (1..=9_000).contains(&(pair[1] - pair[0]))));
    assert_round_trip(&[track], &sound);
}

#[test]
fn while_pictures_are_rare_their_clock_comes_with_the_sound() {
    let (tracks, units) = demo();
    let rare: Vec<Unit> = units.into_iter().filter(|unit| unit.track == 1 || unit.keyframe).collect();
    let seen = packets(&muxed(&tracks, &rare));
    let clocks: Vec<u64> = seen.iter().filter(|packet| packet.pid == 0x100).filter_map(|p| p.clock).collect();
    assert!(clocks.len() > 140, "{}", clocks.len());
    assert!(clocks.windows(2).all(|pair| (1..=11_000).contains(&(pair[1] - pair[0]))));
    assert!(seen.iter().filter(|packet| packet.pid == 0x101).all(|packet| packet.clock.is_none()));
    assert_round_trip(&tracks, &rare);
}

#[test]
fn times_wrap_after_33_bits_and_streams_may_share_a_line() {
    let (tracks, units) = demo();
    // The clock has wrapped long ago, and does it again 8 s from here.
    let zero = 8 - (1_i64 << 33) / 90_000 * 3;
    let late: Vec<Unit> = units
        .iter()
        .map(|unit| {
            let shift = -zero * i64::from(tracks[usize::from(unit.track)].clock_rate);
            Unit { dts: unit.dts + shift, pts: unit.pts + shift, ..unit.clone() }
        })
        .collect();
    let mut muxer = Muxer::new(&tracks).unwrap().with_zero(MediaTime::new(0, 1));
    let mut out = Vec::new();
    late.iter().for_each(|unit| muxer.push(unit, &mut out));
    let clocks: Vec<u64> = packets(&out).iter().filter_map(|packet| packet.clock).collect();
    assert_eq!(clocks.windows(2).filter(|pair| pair[1] < pair[0]).count(), 1, "it wraps");
    let (_, found) = round_trip(Muxer::new(&tracks).unwrap().with_zero(MediaTime::new(0, 1)), &tracks, &late);
    for track in 0..2 {
        let (found, expected) = (rows(&tracks, &found, track), rows(&tracks, &units, track));
        assert!(found == expected, "track {track}");
    }
}

#[test]
fn a_unit_that_does_not_follow_is_marked() {
    let (tracks, mut units) = demo();
    units[40].discontinuity = true;
    let (_, found) = round_trip(Muxer::new(&tracks).unwrap(), &tracks, &units);
    let marked: Vec<&Unit> = found.iter().filter(|unit| unit.discontinuity).collect();
    assert!(marked.len() == 1 && marked[0].data == units[40].data, "{} are marked", marked.len());
}
