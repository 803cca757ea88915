use super::super::packet::PACKET_BYTES;
use super::super::section::checksum;
use super::*;
use crate::bitstream::fixtures::{X264_BASELINE, hex};
use crate::bitstream::h264;
use media::{Codec, CodecParams, Track, Unit};
use std::collections::HashMap;

const MAP_PID: u16 = 0x100;
const VIDEO_PID: u16 = 0x101;
const AUDIO_PID: u16 = 0x102;
const H264: u8 = 0x1b;
const PCMA: u8 = 0x90;

/// Writes a transport stream.
#[derive(Default)]
struct Writer {
    out: Vec<u8>,
    counters: HashMap<u16, u8>,
}

impl Writer {
    /// With tables: both streams.
    fn new() -> Self {
        let mut writer = Self::default();
        writer.programs(&[(1, MAP_PID)]);
        writer.map(0, &[(H264, VIDEO_PID), (PCMA, AUDIO_PID)]);
        writer
    }

    fn packets(&mut self, pid: u16, payload: &[u8]) {
        for (index, piece) in payload.chunks(184).enumerate() {
            let counter = self.counters.entry(pid).or_default();
            let [p1, p0] = pid.to_be_bytes();
            let start = if index == 0 { 0x40 } else { 0 };
            let stuffing = 184 - piece.len();
            let adaptation = if stuffing > 0 { 0x30 } else { 0x10 };
            self.out.extend_from_slice(&[0x47, start | p1, p0, adaptation | *counter]);
            *counter = (*counter + 1) & 0x0f;
            if stuffing > 0 {
                self.out.push(stuffing as u8 - 1);
                let field = [&[0][..], &[0xff; 183]].concat();
                self.out.extend_from_slice(&field[..stuffing - 1]);
            }
            self.out.extend_from_slice(piece);
        }
    }

    fn section(&mut self, pid: u16, table: u8, number: u16, version: u8, content: &[u8]) {
        let [n1, n0] = number.to_be_bytes();
        let length = (content.len() + 9) as u8;
        let mut section = vec![table, 0xb0, length, n1, n0, 0xc1 | version << 1, 0, 0];
        section.extend_from_slice(content);
        let sum = checksum(&section);
        section.extend_from_slice(&sum.to_be_bytes());
        section.insert(0, 0);
        section.resize(184, 0xff);
        self.packets(pid, &section);
    }

    fn programs(&mut self, programs: &[(u16, u16)]) {
        let entry =
            |&(number, pid): &(u16, u16)| [number.to_be_bytes(), (pid | 0xe000).to_be_bytes()].concat();
        let content: Vec<u8> = programs.iter().flat_map(entry).collect();
        self.section(0, 0, 1, 0, &content);
    }

    fn map(&mut self, version: u8, streams: &[(u8, u16)]) {
        let entry = |&(kind, pid): &(u8, u16)| {
            let [p1, p0] = pid.to_be_bytes();
            [kind, 0xe0 | p1, p0, 0xf0, 0]
        };
        let content: Vec<u8> = [0xe1, 1, 0xf0, 0].into_iter().chain(streams.iter().flat_map(entry)).collect();
        self.section(MAP_PID, 2, 1, version, &content);
    }

    fn pes(&mut self, pid: u16, pts: u64, payload: &[u8]) {
        let stream_id = if pid == VIDEO_PID { 0xe0 } else { 0xc0 };
        // Pictures leave their length open.
        let length = if pid == VIDEO_PID { 0 } else { payload.len() as u16 + 8 };
        let [l1, l0] = length.to_be_bytes();
        let mut data = vec![0, 0, 1, stream_id, l1, l0, 0x80, 0x80, 5];
        data.push(0x21 | (pts >> 29) as u8 & 0x0e);
        data.extend_from_slice(&[(pts >> 22) as u8, (pts >> 14) as u8 | 1]);
        data.extend_from_slice(&[(pts >> 7) as u8, (pts << 1) as u8 | 1]);
        data.extend_from_slice(payload);
        self.packets(pid, &data);
    }

    fn video(&mut self, pts: u64, keyframe: bool) {
        self.pes(VIDEO_PID, pts, &picture(keyframe));
    }

    fn audio(&mut self, pts: u64) {
        self.pes(AUDIO_PID, pts, &[0xd5; 160]);
    }

    /// Pictures and sound of so many fiftieths of a second.
    fn play(&mut self, start: u64, steps: std::ops::Range<u64>) {
        for step in steps {
            let pts = (start + step * 1800) & 0x1_ffff_ffff;
            if step % 2 == 0 {
                self.video(pts, step % 50 == 0);
            }
            self.audio(pts);
        }
    }
}

fn picture(keyframe: bool) -> Vec<u8> {
    let CodecParams::H264 { sps, pps } = h264::parse_avcc(&hex(X264_BASELINE)).unwrap() else { panic!() };
    let mut out = vec![0, 0, 0, 1, 9, 0xf0];
    if keyframe {
        for set in [&sps, &pps[0]] {
            out.extend_from_slice(&[0, 0, 1]);
            out.extend_from_slice(set);
        }
    }
    out.extend_from_slice(&[0, 0, 1, if keyframe { 0x65 } else { 0x41 }, 0x9a]);
    out.resize(out.len() + 400, 0x55);
    out
}

#[derive(Default)]
struct Found {
    tracks: Vec<Vec<Track>>,
    units: Vec<Unit>,
    notes: Vec<Note>,
    lost: u64,
}

impl Found {
    fn of(&self, track: u8) -> Vec<&Unit> {
        self.units.iter().filter(|unit| unit.track == track).collect()
    }

    fn take(&mut self, demuxer: &mut Demuxer) {
        self.lost += demuxer.take_lost();
        while let Some(event) = demuxer.pop() {
            match event {
                DemuxEvent::Tracks(tracks) => self.tracks.push(tracks),
                DemuxEvent::Unit(unit) => self.units.push(unit),
                DemuxEvent::Note(note) => self.notes.push(note),
                DemuxEvent::Metadata(_) => panic!(),
            }
        }
    }
}

/// Reads packets as if each came 4 ms after the one before.
fn read(data: &[u8]) -> Found {
    let mut demuxer = Demuxer::new();
    let mut found = Found::default();
    let mut now = Moment::from_millis(1000);
    for piece in data.chunks(PACKET_BYTES) {
        demuxer.push(piece, now, WallTime::default()).unwrap();
        found.take(&mut demuxer);
        now += Duration::from_millis(4);
    }
    demuxer.finish(now);
    found.take(&mut demuxer);
    found
}

fn codecs(tracks: &[Track]) -> Vec<Codec> {
    tracks.iter().map(|track| track.codec).collect()
}

#[test]
fn what_lies_between_picture_and_sound_survives_the_wrap_of_33_bits() {
    let mut writer = Writer::new();
    writer.play((1 << 33) - 90_000, 0..150);
    let found = read(&writer.out);
    assert_eq!(found.tracks.len(), 1);
    assert_eq!(codecs(&found.tracks[0]), [Codec::H264, Codec::Pcma]);
    let (video, audio) = (found.of(0), found.of(1));
    assert_eq!((video.len(), audio.len()), (75, 150));
    assert!(video.windows(2).all(|pair| pair[1].dts - pair[0].dts == 3600));
    assert!(audio.windows(2).all(|pair| pair[1].dts - pair[0].dts == 160));
    assert_eq!(video[74].dts / 90, audio[148].dts / 8);
    assert!(found.units.iter().all(|unit| !unit.discontinuity));
}

#[test]
fn a_lost_packet_costs_its_picture_is_counted_and_the_next_one_is_marked() {
    let mut writer = Writer::new();
    writer.play(0, 0..20);
    let mut data = writer.out;
    // The second packet of a picture in the middle.
    let is_video = |packet: &[u8]| packet[1] & 0x1f == 1 && packet[2] == 1;
    let starts: Vec<usize> = (0..data.len() / PACKET_BYTES)
        .filter(|at| is_video(&data[at * PACKET_BYTES..]) && data[at * PACKET_BYTES + 1] & 0x40 != 0)
        .collect();
    let at = (starts[4] + 1) * PACKET_BYTES;
    data.drain(at..at + PACKET_BYTES);
    let found = read(&data);
    let video = found.of(0);
    assert_eq!((found.lost, video.len()), (1, 9));
    let marks: Vec<(i64, bool)> = video.iter().map(|unit| (unit.dts / 3600, unit.discontinuity)).collect();
    assert_eq!(marks[3..6], [(3, false), (5, true), (6, false)]);
    assert_eq!(found.of(1).len(), 20, "sound is not touched");
}

#[test]
fn a_repeated_packet_counts_once_and_a_counter_that_stands_still_is_no_loss() {
    let mut writer = Writer::new();
    writer.play(0, 0..20);
    let twice: Vec<u8> =
        writer.out.chunks(PACKET_BYTES).flat_map(|packet| [packet, packet].concat()).collect();
    let found = read(&twice);
    assert_eq!((found.lost, found.of(0).len(), found.of(1).len()), (0, 10, 20));
    let mut still = writer.out;
    still.chunks_mut(PACKET_BYTES).for_each(|packet| packet[3] &= 0xf0);
    let found = read(&still);
    assert_eq!((found.lost, found.of(0).len(), found.of(1).len()), (0, 10, 20));
}

#[test]
fn a_jump_of_the_clock_marks_both_tracks_and_time_goes_on() {
    let mut writer = Writer::new();
    writer.play(900_000, 0..100);
    writer.play(0x1_2345_0000, 100..200);
    let found = read(&writer.out);
    for track in [0, 1] {
        let units = found.of(track);
        assert!(units.windows(2).all(|pair| pair[0].dts < pair[1].dts));
        let marked: Vec<usize> = (0..units.len()).filter(|index| units[*index].discontinuity).collect();
        assert_eq!(marked, [units.len() / 2], "track {track}");
    }
}

#[test]
fn garbage_between_packets_is_passed_over_and_told() {
    let mut writer = Writer::new();
    writer.play(0, 0..10);
    writer.out.extend_from_slice(&[0x47, 1, 2, 3, 4, 5, 6]);
    writer.play(0, 10..20);
    let found = read(&writer.out);
    assert_eq!(found.of(1).len(), 20);
    assert_eq!(found.notes, [Note::Garbage]);
}

#[test]
fn another_map_declares_the_tracks_anew_and_what_stays_is_still_known() {
    let mut writer = Writer::new();
    writer.play(0, 0..10);
    writer.map(1, &[(H264, VIDEO_PID)]);
    for step in 5..8 {
        writer.video(step * 3600, false);
    }
    writer.map(2, &[(H264, VIDEO_PID), (PCMA, 0x110)]);
    for step in 8..12 {
        writer.video(step * 3600, false);
        writer.pes(0x110, step * 3600, &[0xd5; 160]);
        writer.pes(0x110, step * 3600 + 1800, &[0xd5; 160]);
    }
    // The same again, as it comes ten times a second.
    writer.map(2, &[(H264, VIDEO_PID), (PCMA, 0x110)]);
    writer.video(12 * 3600, false);
    let found = read(&writer.out);
    let lists: Vec<Vec<Codec>> = found.tracks.iter().map(|tracks| codecs(tracks)).collect();
    assert_eq!(lists, [vec![Codec::H264, Codec::Pcma], vec![Codec::H264], vec![Codec::H264, Codec::Pcma]]);
    let video: Vec<i64> = found.of(0).iter().map(|unit| unit.dts / 3600).collect();
    assert_eq!(video, (0..13).collect::<Vec<i64>>());
    assert_eq!(found.of(1).len(), 10 + 8);
}

#[test]
fn only_the_first_programme_is_taken() {
    let mut writer = Writer::default();
    writer.programs(&[(1, MAP_PID), (2, 0x200)]);
    writer.map(0, &[(H264, VIDEO_PID), (PCMA, AUDIO_PID)]);
    writer.play(0, 0..4);
    let found = read(&writer.out);
    assert_eq!(found.of(1).len(), 4);
    assert_eq!(found.notes, [Note::OtherPrograms { taken: 1 }]);
}

#[test]
fn encrypted_packets_are_told_and_dropped() {
    let mut writer = Writer::new();
    writer.play(0, 0..4);
    let is_audio = |packet: &&mut [u8]| packet[1] & 0x1f == 1 && packet[2] == 2;
    writer.out.chunks_mut(PACKET_BYTES).filter(is_audio).for_each(|packet| packet[3] |= 0x80);
    let found = read(&writer.out);
    assert_eq!((found.of(0).len(), found.of(1).len()), (2, 0));
    assert_eq!(found.notes, [Note::Scrambled]);
}

#[test]
fn sound_of_the_map_that_never_comes_is_waited_for_three_seconds() {
    let mut writer = Writer::new();
    for frame in 0..100 {
        writer.video(frame * 3600, frame % 25 == 0);
    }
    let mut demuxer = Demuxer::new();
    let mut declared = None;
    for (number, packet) in writer.out.chunks(PACKET_BYTES).enumerate() {
        demuxer.push(packet, Moment::ZERO, WallTime::default()).unwrap();
        while let Some(event) = demuxer.pop() {
            if let DemuxEvent::Tracks(tracks) = event {
                assert_eq!(codecs(&tracks), [Codec::H264]);
                declared = declared.or(Some(number));
            }
        }
    }
    // Three packets a picture, four where there are parameter sets; a picture is whole when the next begins.
    assert!((225..240).contains(&declared.unwrap()), "{declared:?}");
}

#[test]
fn what_is_no_transport_stream_ends_it_and_so_does_one_without_a_map() {
    let mut demuxer = Demuxer::new();
    let piece = [7; 100_000];
    let error = (0..20).find_map(|_| demuxer.push(&piece, Moment::ZERO, WallTime::default()).err());
    assert!(matches!(error, Some(TsError::NoSync { .. })), "{error:?}");
    let mut writer = Writer::default();
    writer.play(0, 0..100);
    let mut demuxer = Demuxer::new();
    let error = (0..300).find_map(|_| demuxer.push(&writer.out, Moment::ZERO, WallTime::default()).err());
    assert!(matches!(error, Some(TsError::NoMap { .. })), "{error:?}");
}

#[test]
fn a_picture_in_several_pes_packets_is_one_and_two_in_one_are_two() {
    let mut writer = Writer::new();
    let whole = picture(true);
    writer.pes(VIDEO_PID, 0, &whole[..30]);
    writer.pes(VIDEO_PID, 0, &whole[30..]);
    writer.pes(VIDEO_PID, 3600, &[picture(false), picture(false)].concat());
    writer.video(3 * 3600, false);
    let found = read(&writer.out);
    let times: Vec<(i64, usize)> =
        found.of(0).iter().map(|unit| (unit.dts / 3600, unit.data.len())).collect();
    assert_eq!(times, [(0, 406), (1, 406), (2, 406), (3, 406)]);
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
    let mut writer = Writer::new();
    writer.play(0, 0..10);
    for data in [
        &writer.out[..],
        include_bytes!("../../../fixtures/streams/ffmpeg5_h264_latm.ts"),
        include_bytes!("../../../fixtures/streams/gst122_h265_opus.ts"),
        include_bytes!("../../../fixtures/streams/ffmpeg5_hevc_mp3.ts"),
    ] {
        for _ in 0..150 {
            let mut data = data.to_vec();
            for _ in 0..random() % 200 {
                let at = random() as usize % data.len();
                data[at] = random() as u8;
            }
            data.truncate(random() as usize % (data.len() + 1));
            fuzz_mpegts(&data);
        }
    }
}
