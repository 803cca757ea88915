//! The lane is given a right stream, and then each kind of damage; the whole controller meets simulated cameras.
use super::super::driver::{LoadError, Outcome, run_blocking};
use super::super::options::{Opens, Options};
use super::super::publish::{Frames, Shape, track};
use super::super::target::TargetError;
use super::lane::{Content, Expected, Lane, Seen};
use super::report::HomekitReport;
use crate::homekit::{Camera, PIN, Rig, Setup};
use clap::Parser as _;
use formats::replay::Clip;
use formats::rtp::rtcp::{SenderReport, write_sender_report};
use formats::rtp::{PacketBatch, Packetizer, PacketizerOptions};
use media::Unit;
use protocols::hap::camera::{CryptoSuite, SrtpParameters};
use protocols::srtp::{MasterKey, Profile, Protector, Unprotector};
use std::time::{Duration, Instant};

const SSRC: u32 = 7;
const PAYLOAD_TYPE: u8 = 99;
const SOON: Duration = Duration::from_secs(10);

fn keys(seed: u8) -> SrtpParameters {
    SrtpParameters { suite: CryptoSuite::AesCm128, key: vec![seed; 16], salt: vec![seed; 14] }
}

fn master(seed: u8) -> MasterKey {
    MasterKey::new(Profile::AesCm128HmacSha1_80, &[seed; 16], &[seed; 14]).unwrap()
}

fn units(count: usize) -> Vec<Unit> {
    let mut frames = Frames::new(Shape { bits_per_second: 400_000, fps: 25, gop: 10 });
    (0..count).map(|_| frames.next_unit()).collect()
}

/// The plain packets of these pictures.
fn packets(units: &[Unit], ssrc: u32, payload_type: u8) -> Vec<Vec<u8>> {
    let options = PacketizerOptions {
        payload_type,
        ssrc,
        first_sequence: 65_530,
        timestamp_offset: 7,
        packet_bytes_max: 600,
        interleaved_channel: None,
        rtp_clock_rate: 90_000,
    };
    let mut packetizer = Packetizer::new(&track(), options).unwrap();
    let mut batch = PacketBatch::new();
    let mut all = Vec::new();
    for unit in units {
        packetizer.push(unit, &mut batch).unwrap();
        all.extend(batch.freeze().iter().map(<[u8]>::to_vec));
    }
    all
}

fn right() -> Vec<Vec<u8>> {
    packets(&units(30), SSRC, PAYLOAD_TYPE)
}

fn lane(check: Opens) -> Lane {
    let expected =
        Expected { ssrc: SSRC, payload_type: PAYLOAD_TYPE, clock_rate: 90_000, content: Content::Pictures };
    Lane::new(expected, 9, (&keys(1), &keys(2)), check).unwrap()
}

fn protected(plain: &[Vec<u8>], seed: u8) -> Vec<Vec<u8>> {
    let mut protector = Protector::new(&master(seed)).unwrap();
    let mut wire = plain.to_vec();
    wire.iter_mut().for_each(|packet| protector.protect_rtp(packet, 0).unwrap());
    wire
}

fn see(check: Opens, wire: &[Vec<u8>]) -> Seen {
    let mut lane = lane(check);
    for datagram in wire {
        lane.handle(&mut datagram.clone(), Instant::now());
    }
    lane.seen()
}

#[test]
fn a_right_stream_is_right_whether_it_is_deciphered_or_only_counted() {
    let wire = protected(&right(), 2);
    for check in [Opens::All, Opens::None] {
        let seen = see(check, &wire);
        assert_eq!((seen.pictures, seen.faults()), (30, 0), "{seen:?}");
        assert_eq!(seen.packets, wire.len() as u64);
    }
}

#[test]
fn what_is_lost_swapped_or_sent_twice_is_noticed() {
    let mut lost = right();
    // within the first key frame, which is some packets long
    lost.remove(2);
    let seen = see(Opens::All, &protected(&lost, 2));
    assert!(seen.gaps == 1 && seen.broken > 0 && seen.pictures == 29, "{seen:?}");
    assert_eq!(see(Opens::None, &protected(&lost, 2)).gaps, 1);

    let mut swapped = protected(&right(), 2);
    swapped.swap(20, 21);
    let seen = see(Opens::All, &swapped);
    assert!(seen.out_of_order == 1 && seen.gaps == 1, "{seen:?}");

    let mut twice = protected(&right(), 2);
    twice.insert(20, twice[20].clone());
    let seen = see(Opens::All, &twice);
    assert_eq!((seen.refused, seen.faults()), (1, 1), "{seen:?}");
}

#[test]
fn packets_of_others_are_noticed() {
    let foreign = see(Opens::All, &protected(&right(), 3));
    assert_eq!((foreign.refused, foreign.pictures), (foreign.packets, 0), "another key: {foreign:?}");
    for plain in [packets(&units(3), SSRC + 1, PAYLOAD_TYPE), packets(&units(3), SSRC, PAYLOAD_TYPE + 1)] {
        let seen = see(Opens::All, &protected(&plain, 2));
        assert_eq!((seen.strange, seen.pictures), (seen.packets, 0), "{seen:?}");
    }
    let mut damaged = protected(&right(), 2);
    damaged[5][30] ^= 1;
    assert_eq!(see(Opens::All, &damaged).refused, 1);
}

#[test]
fn a_start_in_the_middle_and_pictures_that_the_server_left_out_are_noticed() {
    let seen = see(Opens::All, &protected(&packets(&units(30)[3..], SSRC, PAYLOAD_TYPE), 2));
    assert_eq!((seen.wrong_start, seen.faults()), (1, 1), "{seen:?}");
    let mut fewer = units(30);
    fewer.remove(12);
    let seen = see(Opens::All, &protected(&packets(&fewer, SSRC, PAYLOAD_TYPE), 2));
    assert_eq!((seen.skipped, seen.faults()), (1, 1), "{seen:?}");
}

#[test]
fn what_follows_the_end_is_noticed() {
    let wire = protected(&right(), 2);
    let mut lane = lane(Opens::All);
    lane.handle(&mut wire[0].clone(), Instant::now());
    assert_eq!(lane.seen().faults(), 0);
    lane.end();
    lane.handle(&mut wire[1].clone(), Instant::now());
    assert_eq!(lane.seen().after_end, 1);
}

#[test]
fn reports_are_understood_and_are_enciphered_with_the_controllers_keys() {
    let mut lane = lane(Opens::All);
    protected(&right(), 2).iter().for_each(|datagram| lane.handle(&mut datagram.clone(), Instant::now()));
    let mut sender = Protector::new(&master(2)).unwrap();
    for ssrc in [SSRC, SSRC + 1] {
        let report = SenderReport { ssrc, ntp: 1, rtp_time: 2, packets: 3, octets: 4, blocks: Vec::new() };
        let mut packet = Vec::new();
        write_sender_report(&report, "camera", &mut packet);
        sender.protect_rtcp(&mut packet, 0).unwrap();
        lane.handle(&mut packet, Instant::now());
    }
    assert_eq!((lane.seen().reports, lane.seen().strange), (1, 1));
    let mut report = lane.report(Instant::now()).unwrap();
    let mut receiver = Unprotector::new(&master(1)).unwrap();
    let length = receiver.unprotect_rtcp(&mut report).unwrap();
    let messages = formats::rtp::rtcp::parse(&report[..length]).unwrap();
    let formats::rtp::rtcp::Message::ReceiverReport { ssrc, blocks } = &messages[0] else {
        panic!("{messages:?}")
    };
    assert_eq!((*ssrc, blocks[0].ssrc, blocks[0].cumulative_lost), (9, SSRC, 0));
}

/// A camera with a minute of pictures.
fn camera() -> Rig {
    let clip = Clip { tracks: vec![track()], units: units(1_500) };
    let setup = Setup { tells_port: true, ..Setup::new("AA:BB:CC:DD:EE:01") };
    Rig::start(&clip, vec![setup]).unwrap()
}

fn run(camera: &Camera, args: &str) -> Result<HomekitReport, LoadError> {
    assert!(camera.wait_until(|camera| std::net::TcpStream::connect(camera.address).is_ok(), SOON));
    let line = format!("load homekit --address {} --seconds 1 {args}", camera.address);
    match run_blocking(&Options::try_parse_from(line.split_whitespace()).unwrap().command)? {
        Outcome::Viewed(report) => Ok(report),
        other @ (Outcome::Published | Outcome::Read(_) | Outcome::Met(_)) => panic!("{other:?}"),
    }
}

/// Nobody is paired with it, and it streams nothing; it counts a moment after it has answered.
fn is_left(camera: &Camera) -> bool {
    camera.wait_until(|camera| (camera.pairings(), camera.streams()) == (0, 0), SOON)
}

#[test]
fn a_healthy_camera_is_viewed_reported_on_ended_and_left_as_it_was() {
    let rig = camera();
    let camera = &rig.cameras[0];
    let report = run(camera, &format!("--pin {PIN} --views 2 --sound")).unwrap();
    assert!(report.is_clean(), "{}", report.table());
    assert!(report.fps_min > 20.0 && report.fps_max < 30.0, "{}", report.table());
    assert!(report.start_ms_max > 0.0 && report.request_ms_max >= report.start_ms_max, "{}", report.table());
    assert!(is_left(camera) && camera.started_and_ended() == (2, 2), "{:?}", camera.started_and_ended());
    // twice 3 s and 1 s, each 500 ms
    let (reports, _) = camera.reports_and_picture_losses();
    assert!(reports >= 2 * 6, "{reports} reports");
}

#[test]
fn a_replay_and_a_forgery_spoil_a_run() {
    let rig = camera();
    let camera = &rig.cameras[0];
    std::thread::scope(|scope| {
        let running = scope.spawn(|| run(camera, &format!("--pin {PIN}")).unwrap());
        assert!(camera.wait_until(|camera| camera.sent() > 50, SOON));
        camera.repeat();
        let report = running.join().unwrap();
        assert_eq!((report.refused, report.gaps, report.is_clean()), (2, 0, false), "{}", report.table());
        assert!(report.unpaired);
    });
}

#[test]
fn more_views_than_there_are_streams_spoil_a_run_and_the_rest_is_seen() {
    let rig = camera();
    let camera = &rig.cameras[0];
    let report = run(camera, &format!("--pin {PIN} --views 3 --check none")).unwrap();
    assert_eq!((report.begun, report.failed, report.is_clean()), (2, 1, false), "{}", report.table());
    assert!(report.reasons[0].contains("2 streams"), "{}", report.table());
    assert!(is_left(camera));
}

#[test]
fn a_wrong_pin_another_accessory_and_other_machines_are_refused() {
    let rig = camera();
    let camera = &rig.cameras[0];
    let wrong = run(camera, "--pin 111-22-333").unwrap_err();
    assert!(matches!(wrong, LoadError::Homekit(_)), "{wrong}");
    let other = run(camera, &format!("--pin {PIN} --id AA:BB:CC:DD:EE:02")).unwrap_err();
    assert!(matches!(other, LoadError::Homekit(_)), "{other}");
    assert!(is_left(camera));
    let line = format!("load homekit --address 192.0.2.1:8500 --pin {PIN}");
    let far = run_blocking(&Options::try_parse_from(line.split(' ')).unwrap().command).unwrap_err();
    assert!(matches!(far, LoadError::Target(TargetError::NotLoopback { .. })), "{far}");
}
