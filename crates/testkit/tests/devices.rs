//! The simulated devices against the load tool's readers: what is right is right, and each fault shows.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "all of this is a test")]

use formats::replay::{Clip, load};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use testkit::camera::{Camera, Fault};
use testkit::encoder::{self, FlvEncoder};
use testkit::load::{Report, watch_for};
use testkit::process::{Exit, Peer, Place};
use testkit::require;

fn clip() -> Clip {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../server/assets/demo.mp4");
    load(std::fs::read(path).unwrap().into()).unwrap()
}

fn read(protocol: &str, url: &str, readers: u16) -> Report {
    watch_for(1, protocol, url, readers)
}

#[test]
fn a_healthy_camera_gives_every_reader_the_same_frames() {
    let camera = Camera::start(clip(), None, Fault::None).unwrap();
    let report = read("rtsp", &camera.url(), 4);
    assert!(report.is_clean(), "{}", report.table());
    assert!(report.frames > 4 * 100 && report.compared > 3 * 80, "{}", report.table());
    assert!(camera.wait_for_open(0, Duration::from_secs(5)), "{} are open", camera.open());
    assert_eq!(camera.accepted(), 4);
}

#[test]
fn a_camera_that_hangs_up_or_refuses_fails_its_readers() {
    for fault in [Fault::HangUp, Fault::Refuse, Fault::Status(404), Fault::UnauthorizedForEver] {
        let camera = Camera::start(clip(), None, fault.clone()).unwrap();
        // Refusal begins when the thread does.
        std::thread::sleep(Duration::from_millis(200));
        let report = read("rtsp", &camera.url(), 2);
        assert_eq!((report.failed, report.connected), (2, 0), "{fault:?}: {}", report.table());
        camera.set_fault(Fault::None);
        std::thread::sleep(Duration::from_millis(200));
        let report = read("rtsp", &camera.url(), 2);
        assert!(report.is_clean(), "after {fault:?}: {}", report.table());
    }
}

#[test]
fn a_camera_cut_in_the_middle_of_a_packet_is_cut_there() {
    let camera = Camera::start(clip(), None, Fault::CloseMidFrame { after: 20 }).unwrap();
    let report = read("rtsp", &camera.url(), 1);
    assert_eq!((report.failed, report.connected), (1, 1), "{}", report.table());
    assert!((20..120).contains(&report.frames), "{}", report.table());
}

#[test]
fn numbers_that_begin_anew_are_gaps_and_a_stalled_camera_sends_nothing() {
    let camera = Camera::start(clip(), None, Fault::SsrcChange { after: 10 }).unwrap();
    let report = read("rtsp", &camera.url(), 1);
    assert!(report.gaps > 0 || report.out_of_order > 0, "{}", report.table());
    camera.set_fault(Fault::Stall { after: 10 });
    let report = read("rtsp", &camera.url(), 1);
    assert!(report.bytes == 0 && report.frames > 10, "{}", report.table());
}

#[test]
fn a_pulled_encoder_plays_and_each_of_its_faults_ends_or_starves_its_reader() {
    let after = 10;
    let encoder = FlvEncoder::start(clip(), encoder::Fault::None).unwrap();
    let report = read("flv", &encoder.url(), 2);
    assert!(report.is_clean(), "{}", report.table());
    for fault in [
        encoder::Fault::HangUp { after },
        encoder::Fault::HalfATag { after },
        encoder::Fault::Garbage { after },
        encoder::Fault::Stall { after },
    ] {
        encoder.set_fault(fault);
        let report = read("flv", &encoder.url(), 1);
        let stalls = matches!(fault, encoder::Fault::Stall { .. });
        assert_eq!(report.failed, usize::from(!stalls), "{fault:?}: {}", report.table());
        assert!(report.frames <= after + 1, "{fault:?}: {}", report.table());
    }
}

#[test]
fn a_pulled_encoder_refuses_closes_sleeps_and_comes_back() {
    let encoder = FlvEncoder::start(clip(), encoder::Fault::None).unwrap();
    for fault in [
        encoder::Fault::Refuse,
        encoder::Fault::CloseAtOnce,
        encoder::Fault::Status(503),
        encoder::Fault::Mute,
        encoder::Fault::HeaderOnly,
    ] {
        encoder.set_fault(fault);
        // The change is the device's thread's to make.
        std::thread::sleep(Duration::from_millis(200));
        let report = read("flv", &encoder.url(), 1);
        assert_eq!(report.frames, 0, "{fault:?}: {}", report.table());
    }
    encoder.set_fault(encoder::Fault::None);
    std::thread::sleep(Duration::from_millis(200));
    let report = read("flv", &encoder.url(), 1);
    assert!(report.is_clean(), "{}", report.table());
    assert!(encoder.wait_for_open(0, Duration::from_secs(2)), "{} stay open", encoder.open());
    encoder.set_fault(encoder::Fault::Dies(Duration::from_millis(500)));
    let report = read("flv", &encoder.url(), 1);
    assert_eq!(report.failed, 1, "{}", report.table());
    assert!((10..60).contains(&report.frames), "{}", report.table());
}

/// What ffmpeg takes of an encoder within two seconds: packets of pictures and of sound, and how it went.
fn ffmpeg_takes(ffmpeg: &Path, url: &str, kinds: &[&str]) -> (usize, usize, Exit) {
    let place = Place::new().unwrap();
    let mut command = Command::new(ffmpeg);
    command.args(["-v", "error", "-nostdin", "-rw_timeout", "3000000"]);
    // Else it looks 90 s for the sound that an encoder speaks of.
    command.args(["-analyzeduration", "1000000", "-i", url, "-t", "2"]);
    command.args(kinds.iter().flat_map(|kind| ["-map", kind])).args(["-c", "copy", "-f", "framecrc", "-"]);
    let exit = Peer::start(&place, "ffmpeg", &mut command, Duration::from_secs(40)).wait();
    let count = |prefix: &str| exit.stdout.lines().filter(|line| line.starts_with(prefix)).count();
    (count("0,"), count("1,"), exit)
}

#[test]
fn ffmpeg_takes_a_pulled_encoder_as_it_takes_real_ones() {
    require!(ffmpeg5, ffprobe);
    for (fault, kinds, speaks_of) in [
        (encoder::Fault::None, &["0:v", "0:a"][..], "video\naudio\n"),
        (encoder::Fault::SlowStart(Duration::from_secs(1)), &["0:v", "0:a"], "video\naudio\n"),
        (encoder::Fault::VideoOnly, &["0:v"], "video\n"),
        (encoder::Fault::LiesAboutSound, &["0:v"], "video\naudio\n"),
    ] {
        let encoder = FlvEncoder::start(clip(), fault).unwrap();
        let (pictures, sounds, exit) = ffmpeg_takes(&ffmpeg5, &encoder.url(), kinds);
        let exit = exit.expect_success();
        assert!(pictures > 30, "{fault:?}: {pictures} pictures\n{}", exit.stdout);
        assert_eq!(sounds > 50, kinds.len() > 1, "{fault:?}: {sounds} sounds\n{}", exit.stdout);
        let place = Place::new().unwrap();
        let mut command = Command::new(&ffprobe);
        command.args(["-v", "error", "-analyzeduration", "1000000", "-show_entries", "stream=codec_type"]);
        command.args(["-of", "csv=p=0", &encoder.url()]);
        let probed = Peer::start(&place, "ffprobe", &mut command, Duration::from_secs(20)).wait();
        assert_eq!(probed.expect_success().stdout, speaks_of, "{fault:?}");
        assert_eq!(encoder.accepted(), 2);
    }
    for fault in [
        encoder::Fault::Refuse,
        encoder::Fault::CloseAtOnce,
        encoder::Fault::Status(404),
        encoder::Fault::Mute,
        encoder::Fault::HeaderOnly,
    ] {
        let encoder = FlvEncoder::start(clip(), fault).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        let (pictures, sounds, exit) = ffmpeg_takes(&ffmpeg5, &encoder.url(), &["0:v"]);
        assert_eq!((pictures, sounds), (0, 0), "{fault:?}\n{}{}", exit.stdout, exit.stderr);
    }
}
