//! Players: we send.
use super::link::{Peer, THEIRS, World, ours};
use crate::webrtc::catch_up::CatchUp;
use crate::webrtc::{
    Bandwidth, Context, EndReason, Event, LocalCandidate, Role, SendFrame, SendPacket, Session,
    SessionConfig, Transport, WebRtcError,
};
use bytes::Bytes;
use media::{Codec, CodecParams, Moment, Track, Tracks};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use str0m::media::{Direction, KeyframeRequestKind, MediaKind};
use str0m::{Rtc, RtcConfig};

const START: Moment = Moment::from_millis(1_000);

fn tracks() -> Tracks {
    let sps = Bytes::from_static(&[0x67, 0x64, 0x00, 0x28, 0xff]);
    let params = CodecParams::H264 { sps, pps: vec![Bytes::from_static(&[0x68, 0xee])] };
    Arc::new([
        Track::video(0, Codec::H264, params),
        Track::audio(1, Codec::Opus, 48_000, 2, CodecParams::None),
    ])
}

fn config(bandwidth: Bandwidth) -> SessionConfig {
    SessionConfig {
        role: Role::Player(tracks()),
        ice_lite: false,
        candidates: vec![LocalCandidate::host(Transport::Udp, ours())],
        bandwidth,
    }
}

fn world(seed: u64, config: SessionConfig, engine: RtcConfig) -> World {
    let context = Context::new(START).unwrap();
    let sections = [(MediaKind::Video, Direction::RecvOnly), (MediaKind::Audio, Direction::RecvOnly)];
    let (peer, offer) = Peer::new(&context, engine, &sections, START);
    World::new(seed, context, config, peer, &offer, START)
}

/// A frame of `count` packets that say who they are.
fn frame(track: u8, number: u32, pts: i64, count: u32) -> SendFrame {
    let packets = (0..count)
        .map(|packet| {
            let mut payload = vec![0x41_u8; 1_100];
            payload[1..5].copy_from_slice(&number.to_be_bytes());
            payload[5..9].copy_from_slice(&packet.to_be_bytes());
            SendPacket { payload: payload.into(), marker: packet + 1 == count }
        })
        .collect();
    SendFrame { track, pts, keyframe: number == 0, past: false, packets }
}

/// What the peer received on a section: extended sequence number, timestamp, marker, frame number, packet number.
fn received(world: &World, section: usize) -> Vec<(u64, u32, bool, u32, u32)> {
    let mid = world.peer.mids[section];
    let mut packets: Vec<_> = world
        .peer
        .events
        .iter()
        .filter_map(|(_, event)| {
            let str0m::Event::RtpPacket(packet) = event else { return None };
            Some(packet)
        })
        .filter(|packet| {
            let video = packet.payload.len() == 1_100;
            video == (section == 0) && world.peer.rtc.media(mid).is_some()
        })
        .map(|packet| {
            let number = |at: usize| u32::from_be_bytes(packet.payload[at..at + 4].try_into().unwrap());
            (*packet.seq_no, packet.header.timestamp, packet.header.marker, number(1), number(5))
        })
        .collect();
    packets.sort_unstable();
    packets.dedup();
    packets
}

fn audio(number: u32, pts: i64) -> SendFrame {
    let mut payload = vec![0x78_u8; 120];
    payload[1..5].copy_from_slice(&number.to_be_bytes());
    payload[5..9].copy_from_slice(&0_u32.to_be_bytes());
    SendFrame {
        track: 1,
        pts,
        keyframe: true,
        past: false,
        packets: vec![SendPacket { payload: payload.into(), marker: false }],
    }
}

/// Ten seconds of 25 pictures and 50 sounds a second.
fn stream(world: &mut World, seconds: u32) {
    for number in 0..seconds * 50 {
        if number % 2 == 0 {
            world.session.send_frame(&frame(0, number / 2, i64::from(number) * 1_800, 8), world.now);
        }
        world.session.send_frame(&audio(number, i64::from(number) * 960), world.now);
        world.run_for(Duration::from_millis(20));
    }
}

#[test]
fn a_player_connects_and_gets_picture_and_sound_intact() {
    let mut world = world(1, config(Bandwidth::Unknown), Rtc::builder());
    world.run_for(Duration::from_secs(1));
    assert!(world.has(|event| *event == Event::Connected));
    let connected = world.events[0].0;
    assert!(connected - START < Duration::from_millis(400), "{:?}", connected - START);
    stream(&mut world, 2);
    world.run_for(Duration::from_millis(500));

    let video = received(&world, 0);
    assert_eq!(video.len(), 50 * 8);
    for (index, (sequence, timestamp, marker, number, packet)) in video.iter().enumerate() {
        assert_eq!(*sequence, index as u64 + 1);
        assert_eq!((*number, *packet), (index as u32 / 8, index as u32 % 8));
        assert_eq!(*timestamp, number * 3_600);
        assert_eq!(*marker, *packet == 7);
    }
    assert_eq!(received(&world, 1).len(), 100);
    assert_eq!(world.session.stats().packets_sent, 500);
}

#[test]
fn five_percent_of_loss_are_repaired_by_retransmission() {
    let mut world = world(7, config(Bandwidth::Unknown), Rtc::builder());
    world.run_for(Duration::from_secs(1));
    world.loss_per_mille = 50;
    stream(&mut world, 10);
    world.loss_per_mille = 0;
    world.run_for(Duration::from_secs(1));
    let video = received(&world, 0);
    // What was lost three times in a row near the end may be gone for good; nothing else.
    assert!(video.len() >= 250 * 8 - 2, "{} of {}", video.len(), 250 * 8);
    let audio = received(&world, 1).len();
    assert!((450..500).contains(&audio), "sound has no retransmission: {audio}");
    let stats = world.session.stats();
    assert!(stats.nacks > 20, "{stats:?}");
    assert!(stats.loss.is_some(), "{stats:?}");
    let rtt = stats.rtt.unwrap();
    assert!(rtt > Duration::from_millis(35) && rtt < Duration::from_millis(80), "{stats:?}");
}

#[test]
fn the_players_wish_for_a_key_frame_travels() {
    let mut world = world(3, config(Bandwidth::Unknown), Rtc::builder());
    world.run_for(Duration::from_secs(1));
    stream(&mut world, 1);
    assert!(!world.has(|event| matches!(event, Event::KeyframeWanted { .. })));
    let mid = world.peer.mids[0];
    let mut direct = world.peer.rtc.direct_api();
    direct.stream_rx_by_mid(mid, None).unwrap().request_keyframe(KeyframeRequestKind::Pli);
    world.run_for(Duration::from_millis(200));
    assert!(world.has(|event| *event == Event::KeyframeWanted { track: 0 }));
}

#[test]
fn the_senders_estimate_appears_and_the_pacer_lets_everything_out_in_the_end() {
    let bandwidth = Bandwidth::Sender { initial: 2_000_000 };
    let mut world = world(5, config(bandwidth), Rtc::builder());
    world.run_for(Duration::from_secs(1));
    stream(&mut world, 4);
    world.run_for(Duration::from_secs(3));
    assert_eq!(received(&world, 0).len(), 100 * 8);
    let estimate = world.session.stats().estimate.unwrap();
    assert!(estimate > 1_000_000, "{estimate}");
    assert!(world.has(|event| matches!(event, Event::Estimate { .. })));
}

#[test]
fn a_joining_player_gets_the_cached_group_whole_though_the_network_loses_some() {
    for seed in 1..=20 {
        let mut world = world(seed * 77, config(Bandwidth::Unknown), Rtc::builder());
        world.run_for(Duration::from_secs(1));
        let cached: Vec<_> =
            // Small pictures: the peer in this test takes no packet that is more than 128 behind.
            (0..50).map(|number| Rc::new(frame(0, number, i64::from(number) * 3_600, 2))).collect();
        let mut catch_up = CatchUp::new(&cached, |_| true, world.now);
        let joined = world.now;
        let mut lossy = false;
        while !catch_up.is_over() {
            let now = world.now.max(catch_up.due());
            world.run(now);
            catch_up.release(now, |frame| world.session.send_frame(frame, now));
            world.run(now + Duration::from_millis(1));
            // The very first packet tells the peer where the numbers start.
            if !lossy {
                world.loss_per_mille = 30;
                lossy = true;
            }
        }
        while world.now < joined + Duration::from_millis(1_000) {
            let live = 50 + ((world.now - joined).as_millis() / 40) as u32;
            world.session.send_frame(&frame(0, live, i64::from(live) * 3_600, 2), world.now);
            world.run_for(Duration::from_millis(40));
        }
        world.loss_per_mille = 0;
        world.run_for(Duration::from_millis(300));
        let video = received(&world, 0);
        let of_group = video.iter().filter(|packet| packet.3 < 50).count();
        assert_eq!(of_group, 100, "seed {seed}");
        let firsts = video.iter().filter(|packet| packet.3 < 50 && packet.4 == 0);
        let times: Vec<u32> = firsts.map(|packet| packet.1).collect();
        assert_eq!(times[49], 49 * 3_600, "the newest cached frame keeps its time");
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 90), "{times:?}");
    }
}

#[test]
fn a_peer_that_never_answers_ends_the_session() {
    let mut world = world(13, config(Bandwidth::Unknown), Rtc::builder());
    world.cut = true;
    world.run_for(Duration::from_secs(40));
    assert!(world.has(|event| *event == Event::Ended(EndReason::NeverConnected)));
    assert!(world.session.is_ended());
}

#[test]
fn a_vanished_peer_ends_the_session_within_twenty_seconds() {
    for ice_lite in [false, true] {
        let mut config = config(Bandwidth::Unknown);
        config.ice_lite = ice_lite;
        let mut world = world(17, config, Rtc::builder());
        world.run_for(Duration::from_secs(2));
        assert!(world.session.is_connected());
        world.cut = true;
        let cut = world.now;
        world.run_for(Duration::from_secs(60));
        let (at, _) = world
            .events
            .iter()
            .find(|(_, event)| *event == Event::Ended(EndReason::Lost))
            .unwrap_or_else(|| panic!("ice_lite {ice_lite}: {:?}", world.events));
        assert!(*at - cut < Duration::from_secs(20), "ice_lite {ice_lite}: {:?}", *at - cut);
    }
}

#[test]
fn closing_says_goodbye_and_ends() {
    let mut world = world(19, config(Bandwidth::Unknown), Rtc::builder());
    world.run_for(Duration::from_secs(1));
    world.session.close(world.now);
    world.run_for(Duration::from_millis(200));
    assert!(world.has(|event| *event == Event::Ended(EndReason::Closed)));
    assert!(world.peer.events.iter().any(|(_, event)| matches!(event, str0m::Event::Closed)));
}

#[test]
fn a_goodbye_of_the_peer_ends_the_session() {
    let mut world = world(23, config(Bandwidth::Unknown), Rtc::builder());
    world.run_for(Duration::from_secs(1));
    world.peer.rtc.close().unwrap();
    world.run_for(Duration::from_millis(200));
    assert!(world.has(|event| *event == Event::Ended(EndReason::PeerClosed)), "{:?}", world.events);
}

#[test]
fn an_offer_with_nothing_in_common_is_refused_with_both_lists() {
    let context = Context::new(START).unwrap();
    let offer = include_str!("../offers/chromium_156_recvonly.sdp");
    let mut config = config(Bandwidth::Unknown);
    config.role = Role::Player(Arc::new([
        Track::video(0, Codec::H265, CodecParams::None),
        Track::audio(1, Codec::Aac, 48_000, 2, CodecParams::None),
    ]));
    let error = Session::answer(&context, offer, config, START).unwrap_err();
    assert_eq!(
        error,
        WebRtcError::NothingToSend {
            stream: "H265 video and AAC audio".to_owned(),
            offered: "video VP8, VP9, H264, AV1; audio OPUS, G722, PCMU, PCMA".to_owned(),
        }
    );
}

#[test]
fn the_answer_to_a_browser_has_one_codec_a_section_and_one_stream() {
    let context = Context::new(START).unwrap();
    let offer = include_str!("../offers/chromium_156_recvonly.sdp");
    let (session, answer) = Session::answer(&context, offer, config(Bandwidth::Unknown), START).unwrap();
    let sections: Vec<&str> = answer.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(sections[0].split_ascii_whitespace().skip(3).collect::<Vec<_>>(), ["116", "117"]);
    assert_eq!(sections[1].split_ascii_whitespace().skip(3).collect::<Vec<_>>(), ["111"]);
    let mut streams: Vec<_> = answer
        .lines()
        .filter_map(|line| line.strip_prefix("a=msid:"))
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    streams.dedup();
    assert_eq!(streams.len(), 1, "{answer}");
    assert!(answer.contains("typ host"), "{answer}");
    assert!(!session.ufrag().is_empty());
    assert!(answer.contains(session.ufrag()));
}

#[test]
fn a_browser_without_the_audio_codec_still_gets_the_picture() {
    let context = Context::new(START).unwrap();
    let offer = include_str!("../offers/chromium_156_recvonly.sdp");
    let mut config = config(Bandwidth::Unknown);
    let mut list = tracks().to_vec();
    list[1] = Track::audio(1, Codec::Aac, 48_000, 2, CodecParams::None);
    config.role = Role::Player(list.into());
    let (session, answer) = Session::answer(&context, offer, config, START).unwrap();
    assert_eq!(session.skipped(), [1]);
    assert!(answer.contains("m=audio 0 "), "{answer}");
}

#[test]
fn tcp_candidates_are_offered_as_passive() {
    let context = Context::new(START).unwrap();
    let offer = include_str!("../offers/chromium_156_recvonly.sdp");
    let mut config = config(Bandwidth::Unknown);
    config.candidates.push(LocalCandidate::host(Transport::Tcp, ours()));
    let public = "198.51.100.9:8189".parse().unwrap();
    config.candidates.push(LocalCandidate { transport: Transport::Udp, address: public, base: Some(ours()) });
    let (_, answer) = Session::answer(&context, offer, config, START).unwrap();
    assert!(answer.contains("tcptype passive"), "{answer}");
    assert!(answer.contains("198.51.100.9 8189 typ srflx"), "{answer}");
}

#[test]
fn no_offer_makes_a_session_panic() {
    let context = Context::new(START).unwrap();
    let original = include_str!("../offers/chromium_156_recvonly.sdp");
    let mut seed = 0x1234_5678_9abc_def1_u64;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed as usize
    };
    for round in 0..400 {
        let mut bytes = original.as_bytes().to_vec();
        for _ in 0..next() % 20 {
            let at = next() % bytes.len();
            // Digits turn one number into another: the interesting kind of wrong.
            bytes[at] =
                if bytes[at].is_ascii_digit() { b'0' + (next() % 10) as u8 } else { next() as u8 & 0x7f };
        }
        let text = String::from_utf8_lossy(&bytes);
        let mut config = config(Bandwidth::Unknown);
        if round % 2 == 0 {
            config.role = Role::Publisher;
        }
        let _ = Session::answer(&context, &text, config, START);
    }
}

/// Bytes that look like STUN, DTLS, RTP or nothing, as strangers and broken peers send them.
fn noise(state: &mut u64, round: usize) -> Vec<u8> {
    let mut next = || {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state
    };
    let mut bytes: Vec<u8> = (0..next() % 300).map(|_| next() as u8).collect();
    let heads: [&[u8]; 6] = [
        &[0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42],
        &[1, 1, 0, 0x2c, 0x21, 0x12, 0xa4, 0x42],
        &[22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 60, 1],
        &[0x80, 96, 0, 1],
        &[0x80, 200, 0, 6],
        &[],
    ];
    let head = heads[round % heads.len()];
    let shared = head.len().min(bytes.len());
    bytes[..shared].copy_from_slice(&head[..shared]);
    bytes
}

#[test]
fn noise_from_strangers_and_from_the_peers_own_address_disturbs_nothing() {
    let mut world = world(9, config(Bandwidth::Unknown), Rtc::builder());
    let mut state = 0x9e37_79b9_7f4a_7c15;
    let sources = [THEIRS, "198.51.100.9:1"].map(|text| text.parse().unwrap());
    for round in 0..6_000 {
        let (source, now) = (sources[round / 6 % 2], world.now);
        world.session.handle_datagram(Transport::Udp, source, ours(), &noise(&mut state, round), now);
        if round % 50 == 0 {
            world.run_for(Duration::from_millis(10));
        }
    }
    assert!(world.has(|event| *event == Event::Connected), "connected through the noise");
    stream(&mut world, 1);
    world.run_for(Duration::from_millis(500));
    assert!(received(&world, 0).len() >= 190, "{} packets", received(&world, 0).len());
    assert!(!world.has(|event| matches!(event, Event::Ended(_))));
}
