//! Publishers: we receive.
use super::link::{Peer, World, ours};
use crate::webrtc::{Bandwidth, Context, Event, LocalCandidate, Role, SessionConfig, Transport};
use formats::rtp::{PacketBatch, Packetizer, PacketizerOptions};
use media::{Codec, CodecParams, Moment, Track, Unit, WallTime};
use std::time::Duration;
use str0m::media::{Direction, MediaKind};
use str0m::rtp::RtpWrite;
use str0m::{Rtc, RtcConfig};

const START: Moment = Moment::from_millis(5_000);

fn world(seed: u64, engine: RtcConfig) -> World {
    let context = Context::new(START).unwrap();
    let sections = [(MediaKind::Video, Direction::SendOnly), (MediaKind::Audio, Direction::SendOnly)];
    let (peer, offer) = Peer::new(&context, engine, &sections, START);
    let config = SessionConfig {
        role: Role::Publisher,
        ice_lite: true,
        candidates: vec![LocalCandidate::host(Transport::Udp, ours())],
        bandwidth: Bandwidth::Unknown,
    };
    let mut world = World::new(seed, context, config, peer, &offer, START);
    world.run_for(Duration::from_secs(1));
    world
}

/// The peer's encoder and packetizer: VP8 at 25 a second with a key frame every `group`, Opus at 50.
struct Encoder {
    video: Packetizer,
    audio: Packetizer,
    sequences: [u64; 2],
    group: u32,
    /// Added to the video's RTP time, as browsers start each clock anywhere.
    video_offset: u32,
}

impl Encoder {
    fn new(group: u32) -> Self {
        let options = |rtp_clock_rate| PacketizerOptions {
            payload_type: 96,
            ssrc: 0,
            first_sequence: 0,
            timestamp_offset: 0,
            packet_bytes_max: 1_100,
            interleaved_channel: None,
            rtp_clock_rate,
        };
        let video = Track::video(0, Codec::Vp8, CodecParams::None);
        let audio = Track::audio(1, Codec::Opus, 48_000, 2, CodecParams::None);
        Self {
            video: Packetizer::new(&video, options(90_000)).unwrap(),
            audio: Packetizer::new(&audio, options(48_000)).unwrap(),
            sequences: [1, 1],
            group,
            video_offset: 0xffff_f000,
        }
    }

    fn picture(number: u32, keyframe: bool) -> Vec<u8> {
        let mut data = vec![number as u8; 4_000];
        data[0] = u8::from(!keyframe);
        data[3..10].copy_from_slice(&[0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01]);
        data
    }

    fn write(&mut self, world: &mut World, section: usize, pts: i64, data: Vec<u8>, keyframe: bool) {
        let mid = world.peer.mids[section];
        let payload_type = world.peer.rtc.media(mid).unwrap().remote_pts()[0];
        let wall = world.context.instant(world.now);
        let unit = Unit {
            track: section as u8,
            pts,
            dts: pts,
            arrival: world.now,
            wall: WallTime::default(),
            keyframe,
            discontinuity: false,
            data: data.into(),
        };
        let mut batch = PacketBatch::new();
        let packetizer = if section == 0 { &mut self.video } else { &mut self.audio };
        packetizer.push(&unit, &mut batch).unwrap();
        let offset = if section == 0 { self.video_offset } else { 77 };
        let mut direct = world.peer.rtc.direct_api();
        let stream = direct.stream_tx_by_mid(mid, None).unwrap();
        for packet in batch.freeze().iter() {
            let time = (pts as u32).wrapping_add(offset);
            let sequence = self.sequences[section];
            let rtp = RtpWrite::new(payload_type, sequence.into(), time, wall, &packet[12..]);
            stream.write_rtp(rtp.marker(packet[1] & 0x80 != 0).nackable(section == 0));
            self.sequences[section] += 1;
        }
    }

    fn run(&mut self, world: &mut World, from: u32, to: u32) {
        for number in from..to {
            if number % 2 == 0 {
                let picture = number / 2;
                let keyframe = picture % self.group == 0;
                let data = Self::picture(picture, keyframe);
                self.write(world, 0, i64::from(picture) * 3_600, data, keyframe);
            }
            self.write(world, 1, i64::from(number) * 960, vec![number as u8; 60], true);
            world.run_for(Duration::from_millis(20));
        }
    }
}

fn units(world: &World, track: u8) -> Vec<(Moment, Unit)> {
    let events = world.events.iter();
    let units = events.filter_map(|(at, event)| {
        let Event::Unit(unit) = event else { return None };
        Some((*at, unit.clone()))
    });
    units.filter(|(_, unit)| unit.track == track).collect()
}

fn keyframes_asked(world: &World) -> usize {
    world.peer.events.iter().filter(|(_, event)| matches!(event, str0m::Event::KeyframeRequest(_))).count()
}

#[test]
fn a_publishers_frames_arrive_whole_in_order_and_on_one_time_line() {
    let mut world = world(1, Rtc::builder());
    assert!(world.has(|event| *event == Event::Connected));
    Encoder::new(25).run(&mut world, 0, 200);
    world.run_for(Duration::from_secs(1));

    let position = world.events.iter().position(|(_, event)| matches!(event, Event::Tracks(_))).unwrap();
    let Event::Tracks(tracks) = &world.events[position].1 else { unreachable!() };
    let codecs: Vec<Codec> = tracks.iter().map(|track| track.codec).collect();
    assert_eq!(codecs, [Codec::Vp8, Codec::Opus]);
    assert!(world.events[..position].iter().all(|(_, event)| !matches!(event, Event::Unit(_))));

    let video = units(&world, 0);
    assert_eq!(video.len(), 100);
    for (number, (_, unit)) in video.iter().enumerate() {
        assert_eq!(unit.data, Encoder::picture(number as u32, number % 25 == 0));
        assert_eq!(unit.keyframe, number % 25 == 0);
        assert_eq!(unit.pts - video[0].1.pts, number as i64 * 3_600);
        assert_eq!(unit.dts, unit.pts);
    }
    let audio = units(&world, 1);
    assert!(audio.len() >= 199, "{}", audio.len());
    // Both tracks' clocks start anywhere; what was sent together lies together.
    let (picture, sound) = (&video[50].1, &audio[audio.len() - 100].1);
    let apart = picture.pts as f64 / 90_000.0 - sound.pts as f64 / 48_000.0;
    assert!(apart.abs() < 0.05, "{apart} s apart");
    assert_eq!(keyframes_asked(&world), 0);
}

#[test]
fn losses_of_a_publisher_are_asked_for_again() {
    let mut world = world(9, Rtc::builder());
    world.loss_per_mille = 50;
    Encoder::new(25).run(&mut world, 0, 500);
    world.loss_per_mille = 0;
    world.run_for(Duration::from_secs(1));
    let video = units(&world, 0);
    assert!(video.len() >= 245, "{} of 250", video.len());
    assert!(video.windows(2).all(|pair| pair[0].1.dts < pair[1].1.dts));
    let sound = units(&world, 1).len();
    assert!((440..500).contains(&sound), "sound has no retransmission: {sound} of 500");
    assert!(world.session.stats().packets_lost > 0);
}

#[test]
fn what_cannot_be_repaired_makes_us_ask_for_a_key_frame_but_not_all_the_time() {
    let mut world = world(3, Rtc::builder());
    let mut encoder = Encoder::new(1_000);
    encoder.run(&mut world, 0, 50);
    assert_eq!(keyframes_asked(&world), 0);
    world.cut = true;
    encoder.run(&mut world, 50, 60);
    world.cut = false;
    // So much is gone that the sender has forgotten the beginning.
    encoder.sequences[0] += 2_000;
    encoder.run(&mut world, 60, 200);
    let asked = keyframes_asked(&world);
    assert!((1..=8).contains(&asked), "{asked} in 3 s");
    assert!(units(&world, 0).iter().any(|(_, unit)| unit.discontinuity && !unit.keyframe));
}

#[test]
fn key_frames_are_asked_for_on_request_at_most_twice_a_second() {
    let mut world = world(5, Rtc::builder());
    let mut encoder = Encoder::new(1_000);
    encoder.run(&mut world, 0, 50);
    for number in 50..100 {
        world.session.request_keyframes(world.now);
        encoder.run(&mut world, number, number + 1);
    }
    let asked = keyframes_asked(&world);
    assert!((1..=3).contains(&asked), "{asked} in 1 s");
}

#[test]
fn a_track_that_stays_silent_does_not_hold_up_the_other() {
    let mut world = world(7, Rtc::builder());
    let mut encoder = Encoder::new(25);
    for number in 0..250_u32 {
        encoder.write(&mut world, 1, i64::from(number) * 960, vec![number as u8; 60], true);
        world.run_for(Duration::from_millis(20));
    }
    let tracks: Vec<_> = world
        .events
        .iter()
        .filter_map(|(_, event)| {
            let Event::Tracks(tracks) = event else { return None };
            Some(tracks.iter().map(|track| track.codec).collect::<Vec<_>>())
        })
        .collect();
    assert_eq!(tracks, [vec![Codec::Opus]]);
    assert!(units(&world, 0).len() > 90, "the only track is number 0");
}
