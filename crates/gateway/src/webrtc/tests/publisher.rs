//! Publishers: we receive.
use super::link::{Peer, World, ours};
use crate::webrtc::{Bandwidth, Context, Event, LocalCandidate, Role, SessionConfig, Transport};
use media::Moment;
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
    World::new(seed, context, config, peer, &offer, START)
}

fn write(world: &mut World, section: usize, sequence: u64, timestamp: u32, marker: bool) {
    let mid = world.peer.mids[section];
    let payload_type = {
        let media = world.peer.rtc.media(mid).unwrap();
        media.remote_pts()[0]
    };
    let wall = world.context.instant(world.now);
    let mut direct = world.peer.rtc.direct_api();
    let stream = direct.stream_tx_by_mid(mid, None).unwrap();
    let mut payload = vec![section as u8; 900];
    payload[1..9].copy_from_slice(&sequence.to_be_bytes());
    let rtp = RtpWrite::new(payload_type, sequence.into(), timestamp, wall, payload);
    stream.write_rtp(rtp.marker(marker).nackable(section == 0));
}

fn stream(world: &mut World, seconds: u64) {
    for number in 0..seconds * 50 {
        for packet in 0..5 {
            write(world, 0, 1 + number * 5 + packet, number as u32 * 1_800, packet == 4);
        }
        write(world, 1, 1 + number, number as u32 * 960, false);
        world.run_for(Duration::from_millis(20));
    }
    world.run_for(Duration::from_secs(1));
}

fn received(world: &World, track: u8) -> Vec<u64> {
    let mut numbers: Vec<u64> = world
        .events
        .iter()
        .filter_map(|(_, event)| {
            let Event::Packet(packet) = event else { return None };
            (packet.track == track).then_some(packet)
        })
        .map(|packet| {
            assert_eq!(packet.payload[0], packet.track);
            assert_eq!(packet.payload[1..9], packet.sequence.to_be_bytes());
            packet.sequence
        })
        .collect();
    let count = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), count, "no packet twice");
    numbers
}

#[test]
fn a_publisher_is_received_intact() {
    let mut world = world(1, Rtc::builder());
    world.run_for(Duration::from_secs(1));
    assert!(world.has(|event| *event == Event::Connected));
    stream(&mut world, 2);
    assert_eq!(received(&world, 0), (1..=500).collect::<Vec<_>>());
    assert_eq!(received(&world, 1), (1..=100).collect::<Vec<_>>());
}

#[test]
fn losses_of_a_publisher_are_asked_for_again() {
    let mut world = world(9, Rtc::builder());
    world.run_for(Duration::from_secs(1));
    world.loss_per_mille = 50;
    stream(&mut world, 8);
    let video = received(&world, 0).len();
    assert!(video >= 2_000 - 3, "{video} of 2000");
    let sound = received(&world, 1).len();
    assert!((360..400).contains(&sound), "{sound} of 400");
}

#[test]
fn a_key_frame_is_asked_for_with_a_pli() {
    let mut world = world(3, Rtc::builder());
    world.run_for(Duration::from_secs(1));
    stream(&mut world, 1);
    world.session.request_keyframe(0);
    world.session.request_keyframe(1);
    world.run_for(Duration::from_millis(100));
    let wanted: Vec<_> = world
        .peer
        .events
        .iter()
        .filter_map(|(_, event)| {
            let str0m::Event::KeyframeRequest(request) = event else { return None };
            Some(request.mid)
        })
        .collect();
    assert_eq!(wanted, [world.peer.mids[0]]);
}
