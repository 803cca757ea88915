//! The simulated devices against the load tool's readers: what is right is right, and each fault shows.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "all of this is a test")]

use formats::replay::{Clip, load};
use std::time::Duration;
use testkit::camera::{Camera, Fault};
use testkit::encoder::{self, FlvEncoder};
use testkit::load::{Report, watch_for};

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
