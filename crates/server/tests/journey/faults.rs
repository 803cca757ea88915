//! Simulated cameras and encoders with faults: what the server says about them is true, it recovers when they do, and
//! after a DELETE it leaves them alone. Needs nothing from outside.

use super::{BINARY, turn};
use formats::replay::{Clip, load};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use testkit::camera::{Camera, Fault};
use testkit::encoder::{self, FlvEncoder, RtmpEncoder};
use testkit::load::watch_for;
use testkit::net::LinkConfig;
use testkit::process::{Place, Server, eventually};

/// The longest that a fault may go unnoticed: RTSP waits 10 s for a reply and for media.
const NOTICED: Duration = Duration::from_secs(25);
/// The longest that a mended camera may stay away, its waits being a second at most.
const RECOVERED: Duration = Duration::from_secs(20);

fn clip() -> Clip {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo.mp4");
    load(std::fs::read(path).unwrap().into()).unwrap()
}

/// A server that pulls these always, and waits a second at most between two tries.
fn start(place: &Place, streams: &[(&str, String)]) -> Server {
    let streams: serde_json::Map<String, Value> = streams
        .iter()
        .map(|(name, url)| ((*name).to_owned(), json!({ "url": url, "preload": true })))
        .collect();
    let supervision = json!({ "start": "200ms", "factor": 1.5, "ceiling": "1s" });
    Server::start(BINARY, place, json!({ "streams": streams, "supervision": supervision }))
}

/// What the stream's first source says went wrong, once it says so.
fn wait_for_error(server: &Server, name: &str, words: &str) -> Value {
    let deadline = Instant::now() + NOTICED;
    loop {
        let stream = server.stream(name);
        if stream["sources"][0]["error"].as_str().is_some_and(|error| error.contains(words)) {
            return stream;
        }
        assert!(Instant::now() < deadline, "{name} does not say {words:?}: {stream:#}\n{}", server.log());
        std::thread::sleep(Duration::from_millis(25));
    }
}

/// Deletes the stream; when that is answered nothing of it may be left at the camera, and nothing may come again.
fn delete_leaves_nothing(server: &Server, name: &str, camera: &Camera) {
    let answer = server.request("DELETE", &format!("/api/streams?src={name}"), b"").unwrap();
    assert_eq!(answer.status, 200, "{name}: {}", answer.text());
    assert!(server.stream(name).is_null(), "{name} is there after DELETE");
    // The kernel brings the news in no time, the camera's thread needs a moment to hear it.
    assert!(
        camera.wait_for_open(0, Duration::from_millis(500)),
        "{name}: {} connections are open after DELETE\n{}",
        camera.open(),
        server.log()
    );
    let accepted = camera.accepted();
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(camera.accepted(), accepted, "{name} is dialled after DELETE");
}

/// The fault is told in these words, the camera is live again once it is mended, and DELETE ends either.
fn told_mended_and_deleted(fault: Fault, words: &str) {
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let cameras =
        [0, 1].map(|_| Camera::start(clip(), Some(("viewer", "pass-word")), fault.clone()).unwrap());
    let server = start(&place, &[("mended", cameras[0].url()), ("deleted", cameras[1].url())]);
    for name in ["mended", "deleted"] {
        let stream = wait_for_error(&server, name, words);
        assert!(stream["sources"][0]["fault"].is_string(), "{stream:#}");
        assert!(
            stream["state"] == "live" || stream["reason"].is_string(),
            "a stream that is not live says why: {stream:#}"
        );
    }
    delete_leaves_nothing(&server, "deleted", &cameras[1]);
    cameras[0].set_fault(Fault::None);
    let live = server.wait_for_state("mended", "live", RECOVERED);
    assert_eq!(live["sources"][0]["error"], Value::Null, "what is over is no error: {live:#}");
    delete_leaves_nothing(&server, "mended", &cameras[0]);
    assert!(!server.log().contains("pass-word"), "the log has the camera's password");
    server.stop();
}

#[test]
fn a_camera_that_is_off_is_told_as_refused() {
    told_mended_and_deleted(Fault::Refuse, "refuses connections");
}

#[test]
fn a_camera_that_hangs_up_is_told_and_not_hammered() {
    told_mended_and_deleted(Fault::HangUp, "closed the connection");
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let camera = Camera::start(clip(), None, Fault::HangUp).unwrap();
    let server = start(&place, &[("cam", camera.url())]);
    std::thread::sleep(Duration::from_secs(5));
    let accepted = camera.accepted();
    // Two connections a try, since some hang up on OPTIONS; waits of 0.2, 0.3, 0.45, 0.7, 1, 1, 1 s.
    assert!((2..=24).contains(&accepted), "{accepted} connections in 5 s");
    server.stop();
}

#[test]
fn a_camera_that_never_answers_is_told_after_the_limit() {
    told_mended_and_deleted(Fault::Mute, "no reply");
}

#[test]
fn a_camera_that_asks_for_the_password_for_ever_is_told_as_that() {
    told_mended_and_deleted(Fault::UnauthorizedForEver, "401");
}

#[test]
fn a_camera_that_redirects_in_a_circle_is_told_as_that() {
    // To itself is not known before it has a port: a path of its own is as good.
    let there = Camera::start(clip(), None, Fault::None).unwrap();
    let circle = there.url();
    there.set_fault(Fault::Redirect(circle.clone()));
    told_mended_and_deleted(Fault::Redirect(circle), "redirect");
}

#[test]
fn a_camera_without_the_path_is_told_with_its_answer() {
    told_mended_and_deleted(Fault::Status(404), "404");
}

#[test]
fn a_camera_that_stalls_is_told_and_dialled_again() {
    told_mended_and_deleted(Fault::Stall { after: 10 }, "no media");
}

#[test]
fn a_camera_that_is_cut_in_the_middle_of_a_packet_is_told_and_dialled_again() {
    told_mended_and_deleted(Fault::CloseMidFrame { after: 20 }, "closed the connection");
}

#[test]
fn a_wrong_password_is_told_from_a_camera_that_is_down() {
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let camera = Camera::start(clip(), Some(("viewer", "right")), Fault::None).unwrap();
    let url = camera.url_as("viewer", "wrong");
    let server = start(&place, &[("cam", url)]);
    let stream = wait_for_error(&server, "cam", "password");
    assert_eq!(stream["sources"][0]["fault"], "config", "{stream:#}");
    delete_leaves_nothing(&server, "cam", &camera);
    server.stop();
}

#[test]
fn a_slow_answer_is_waited_for() {
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let camera = Camera::start(clip(), None, Fault::SlowDescribe(Duration::from_secs(5))).unwrap();
    let server = start(&place, &[("cam", camera.url())]);
    let live = server.wait_for_state("cam", "live", Duration::from_secs(12));
    assert_eq!((camera.accepted(), &live["sources"][0]["attempt"]), (1, &json!(1)), "{live:#}");
    server.stop();
}

#[test]
fn a_stream_whose_picture_stops_is_stalled_and_says_which_track() {
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let camera = Camera::start(clip(), None, Fault::StopVideo { after: 50 }).unwrap();
    let server = start(&place, &[("cam", camera.url())]);
    let stalled = server.wait_for_state("cam", "stalled", NOTICED);
    let reason = stalled["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("video") && reason.contains("H264"), "{stalled:#}");
    camera.set_fault(Fault::None);
    server.wait_for_state("cam", "live", RECOVERED);
    delete_leaves_nothing(&server, "cam", &camera);
    server.stop();
}

#[test]
fn clocks_that_jump_and_encoders_that_restart_leave_readers_with_rising_times() {
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let lossy = LinkConfig {
        loss_per_mille: 5,
        reorder_per_mille: 20,
        reorder_delay: Duration::from_millis(30),
        delay: Duration::from_millis(20),
        jitter: Duration::from_millis(5),
        duplicate_per_mille: 10,
    };
    let faults = [
        ("jump", Fault::ClockJump { after: 100, seconds: 3_600 }, ""),
        ("back", Fault::ClockJump { after: 100, seconds: -3_600 }, ""),
        ("reset", Fault::ClockReset { after: 100 }, ""),
        ("ssrc", Fault::SsrcChange { after: 100 }, ""),
        ("slow", Fault::Slow { come: 21, of: 25 }, ""),
        ("lossy", Fault::Lossy(lossy), "#transport=udp"),
    ];
    let cameras: Vec<(&str, Camera, &str)> = faults
        .into_iter()
        .map(|(name, fault, how)| (name, Camera::start(clip(), None, fault).unwrap(), how))
        .collect();
    let streams: Vec<(&str, String)> =
        cameras.iter().map(|(name, camera, how)| (*name, format!("{}{how}", camera.url()))).collect();
    let server = start(&place, &streams);
    for (name, _, _) in &cameras {
        server.wait_for_state(name, "live", RECOVERED);
    }
    // Readers of all streams, over the moments at which the clocks change.
    std::thread::scope(|scope| {
        for (name, _, _) in &cameras {
            let url = server.http_url(&format!("/api/stream.flv?src={name}"));
            scope.spawn(move || {
                let report = watch_for(8, "flv", &url, 2);
                assert!(report.is_clean(), "{name}:\n{}", report.table());
                assert!(report.fps_min > 17.0, "{name}:\n{}", report.table());
            });
        }
    });
    for (name, camera, _) in &cameras {
        let stream = server.stream(name);
        assert_eq!(
            (&stream["state"], camera.accepted()),
            (&json!("live"), 1),
            "{name}: {stream:#}\n{}",
            server.log()
        );
    }
    server.stop();
}

#[test]
fn a_pulled_encoder_with_faults_is_told_mended_and_deleted() {
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let after = 100;
    let faults = [
        ("hangs_up", encoder::Fault::HangUp { after }),
        ("half", encoder::Fault::HalfATag { after }),
        ("garbage", encoder::Fault::Garbage { after }),
        ("stalls", encoder::Fault::Stall { after }),
    ];
    let encoders = faults.map(|(name, fault)| (name, FlvEncoder::start(clip(), fault).unwrap()));
    let streams: Vec<(&str, String)> =
        encoders.iter().map(|(name, encoder)| (*name, encoder.url())).collect();
    let server = start(&place, &streams);
    for (name, encoder) in &encoders {
        wait_for_error(&server, name, "");
        encoder.set_fault(encoder::Fault::None);
        server.wait_for_state(name, "live", RECOVERED);
        let answer = server.request("DELETE", &format!("/api/streams?src={name}"), b"").unwrap();
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        eventually("nothing is open", Duration::from_millis(500), || (encoder.open() == 0).then_some(()));
    }
    server.stop();
}

#[test]
fn a_publisher_with_faults_ends_alone_and_its_stream_says_so() {
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let names = ["steady", "hangs_up", "half", "garbage", "stalls"];
    let streams: serde_json::Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), Value::Null)).collect();
    let server = Server::start(BINARY, &place, json!({ "streams": streams }));
    let after = 100;
    let faults = [
        encoder::Fault::None,
        encoder::Fault::HangUp { after },
        encoder::Fault::HalfATag { after },
        encoder::Fault::Garbage { after },
        encoder::Fault::Stall { after },
    ];
    let encoders: Vec<(&str, RtmpEncoder)> = names
        .into_iter()
        .zip(faults)
        .map(|(name, fault)| (name, RtmpEncoder::start(&server.rtmp_url(name), clip(), fault).unwrap()))
        .collect();
    for (name, encoder) in &encoders[1..] {
        server.wait_for_end(name, NOTICED);
        if *name != "stalls" {
            eventually("the encoder knows", Duration::from_secs(2), || encoder.ended());
        }
        let stream = server.stream(name);
        assert!(stream["reason"].is_string(), "{stream:#}");
    }
    let (name, steady) = &encoders[0];
    assert_eq!((server.stream(name)["state"].as_str(), steady.ended()), (Some("live"), None));
    server.stop();
}
