//! Defect 2, the ffmpeg that would not end: a camera gives video over HTTP-FLV and a child turns its sound to Opus.
//! Viewers come and go; in the gateway that this happened to, after the third to fifth departure nobody got anything
//! any more, since the end of the child was waited for twice under four locks.
//!
//! Here: 200 viewers in turn and beside one another, some gone in the middle of the start; children that ignore TERM,
//! hand their pipes to a grandchild, flood stderr, die at once, never write. After each departure and linger no child,
//! zombie, socket or pipe is left, and the next viewer has a picture within two seconds.
use super::stage::{Stage, long_or_short, tell, tell_alone};
use formats::replay::{Clip, load};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};
use testkit::encoder::{Fault, FlvEncoder};
use testkit::load::watch_for;
use testkit::process::{Census, Place, Server, eventually};
use testkit::require;

/// What a source outlasts its last reader by, here.
const LINGER: Duration = Duration::from_millis(300);
/// All of a stream is gone so long after its last viewer: two lingers (the child reads the camera's stream) and the
/// ends of children, with room for a busy machine.
const GONE: Duration = Duration::from_secs(8);
/// A viewer has a picture after this at the latest.
const PICTURE_MS: f64 = 2_000.0;

fn clip() -> Clip {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo.mp4");
    load(std::fs::read(path).unwrap().into()).unwrap()
}

fn settings(streams: Value, ffmpeg: &Path, allowed: &[&Path]) -> Value {
    json!({
        "streams": streams,
        "ffmpeg": { "bin": ffmpeg },
        "exec": { "allow_paths": allowed },
        "limits": { "source_linger": format!("{}ms", LINGER.as_millis()) },
        "supervision": { "start": "200ms", "ceiling": "1s" },
    })
}

/// One viewer for a second; what it waited for its first frame, in milliseconds.
fn view(server: &Server, stream: &str, query: &str) -> f64 {
    let report = watch_for(1, "rtsp", &format!("{}?{query}", server.rtsp_url(stream)), 1);
    assert_eq!(report.failed, 0, "{stream}?{query}: {:?}\n{}", report.reasons, server.log());
    report.first_byte_ms_max
}

/// A viewer that hangs up after so many milliseconds, wherever its start is by then.
fn leave_early(server: &Server, stream: &str, after_ms: u64) {
    use std::io::Write as _;
    let mut socket = std::net::TcpStream::connect(server.rtsp()).unwrap();
    let url = server.rtsp_url(stream);
    write!(socket, "DESCRIBE {url}?video&audio=opus RTSP/1.0\r\nCSeq: 1\r\n\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(after_ms));
}

/// Waits until what the server has is what it had.
fn nothing_is_left(server: &Server, before: &Census, camera: &FlvEncoder) {
    let mut now = Census::default();
    let deadline = Instant::now() + GONE;
    loop {
        now.clone_from(&server.census());
        let sockets = now.sockets <= before.sockets && now.pipes <= before.pipes;
        if now.has_no_children() && sockets && camera.open() == 0 {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "after the last viewer there is still {now:?} where {before:?} was, and the camera serves {}\n{}",
            camera.open(),
            server.log()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What the server has after its first viewer: the thread that starts children is there from then on.
fn after_the_first(server: &Server, stream: &str, query: &str, camera: &FlvEncoder) -> Census {
    view(server, stream, query);
    eventually("the first viewer's children are gone", GONE, || {
        (server.census().has_no_children() && camera.open() == 0).then_some(())
    });
    // Closed sockets are noticed by whoever polls them next.
    std::thread::sleep(Duration::from_millis(500));
    server.census()
}

fn story(stage: Stage, ffmpeg: &Path) {
    let place = Place::new().unwrap();
    let camera = FlvEncoder::start(clip(), Fault::None).unwrap();
    let streams = json!({ "cam": [camera.url(), "ffmpeg:cam#audio=opus"] });
    let server = stage.server(&place, settings(streams, ffmpeg, &[]));
    let before = after_the_first(&server, "cam", "video&audio=opus", &camera);
    let mut slowest = 0_f64;
    // In turn, each finding nothing of the one before.
    for viewer in 0..long_or_short(10, 5) {
        if viewer % 3 == 2 {
            leave_early(&server, "cam", 37 * viewer);
        } else {
            slowest = slowest.max(view(&server, "cam", "video&audio=opus"));
        }
        nothing_is_left(&server, &before, &camera);
    }
    // Not the picture alone: the transcoder's sound arrives as well.
    view(&server, "cam", "audio=opus");
    println!("{stage:?}: slowest picture of viewers in turn {slowest:.0} ms");
    assert!(slowest < PICTURE_MS, "a viewer waited {slowest:.0} ms for a picture");
    server.stop();
}

#[test]
fn viewers_come_and_go_and_nothing_of_them_is_left() {
    require!(ffmpeg9);
    tell(Stage::Plain, |stage| story(stage, &ffmpeg9));
}

#[test]
fn viewers_come_and_go_on_a_busy_machine() {
    require!(ffmpeg9);
    tell(Stage::Busy, |stage| story(stage, &ffmpeg9));
}

#[test]
fn viewers_come_and_go_where_the_server_is_pid_1() {
    require!(ffmpeg9);
    tell(Stage::Pid1, |stage| story(stage, &ffmpeg9));
}

#[test]
fn two_hundred_viewers_in_a_minute_leave_nothing_behind() {
    require!(ffmpeg9);
    tell_alone(Stage::Plain, |stage| {
        let place = Place::new().unwrap();
        let camera = FlvEncoder::start(clip(), Fault::None).unwrap();
        let streams = json!({ "cam": [camera.url(), "ffmpeg:cam#audio=opus"] });
        let server = stage.server(&place, settings(streams, &ffmpeg9, &[]));
        let before = after_the_first(&server, "cam", "video&audio=opus", &camera);
        let begun = Instant::now();
        let mut waits: Vec<f64> = std::thread::scope(|scope| {
            let server = &server;
            let viewers: Vec<_> = (0..200_u64)
                .map(|viewer| {
                    scope.spawn(move || {
                        std::thread::sleep(Duration::from_millis(300 * viewer));
                        if viewer % 10 == 9 {
                            leave_early(server, "cam", 7 * (viewer % 40));
                            return 0.0;
                        }
                        view(server, "cam", "video&audio=opus")
                    })
                })
                .collect();
            viewers.into_iter().map(|viewer| viewer.join().unwrap()).collect()
        });
        waits.sort_by(f64::total_cmp);
        println!(
            "200 viewers in {:?}: first frame after {:.0} ms (half), {:.0} ms (slowest)",
            begun.elapsed(),
            waits[100],
            waits[199]
        );
        assert!(waits[199] < PICTURE_MS, "a viewer waited {:.0} ms for a picture", waits[199]);
        nothing_is_left(&server, &before, &camera);
        let after = server.census();
        assert!(after.threads <= before.threads, "{} threads were {}", after.threads, before.threads);
        // Allocators keep some: a tenth of a session each would be 20 MiB.
        assert!(after.rss_kib < before.rss_kib + 16 * 1024, "{} KiB were {}", after.rss_kib, before.rss_kib);
        server.stop();
    });
}

/// Writes a program and says where.
fn program(place: &Place, name: &str, text: &str) -> std::path::PathBuf {
    let path = place.file(name);
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn bad_children(stage: Stage, ffmpeg: &Path) {
    let place = Place::new().unwrap();
    let camera = FlvEncoder::start(clip(), Fault::None).unwrap();
    let opus =
        format!("{} -v error -f lavfi -i sine=440:r=48000 -c:a libopus -f mpegts pipe:1", ffmpeg.display());
    let children = [
        ("ignores-term", format!("trap '' TERM; {opus} & while :; do wait; sleep 0.1; done")),
        ("hands-on-its-pipes", format!("sleep 300 & {opus}")),
        ("hands-on-to-another-session", format!("setsid sh -c 'exec sleep 3' & {opus}")),
        ("floods-stderr", format!("yes 'an error line of some length to fill a pipe' >&2 & exec {opus}")),
        ("dies-at-once", "exit 7".to_owned()),
        ("never-writes", "exec sleep 3600".to_owned()),
        ("closes-stdout", "exec >&-; sleep 3600".to_owned()),
    ];
    let paths: Vec<_> = children.iter().map(|(name, text)| program(&place, name, text)).collect();
    let streams: serde_json::Map<String, Value> = children
        .iter()
        .zip(&paths)
        .map(|((name, _), path)| {
            ((*name).to_owned(), json!([camera.url(), format!("exec:{}#killtimeout=1", path.display())]))
        })
        .collect();
    let allowed: Vec<&Path> = paths.iter().map(std::path::PathBuf::as_path).collect();
    let server = stage.server(&place, settings(Value::Object(streams), ffmpeg, &allowed));
    let before = after_the_first(&server, "ignores-term", "video&audio=opus", &camera);
    for (name, _) in &children {
        for round in 0..long_or_short(2, 1) {
            // The good source's viewers wait for nothing, whatever the other does.
            let wait = view(&server, name, "video");
            assert!(wait < PICTURE_MS, "{name}, round {round}: {wait:.0} ms for a picture");
            let with_sound = watch_for(1, "rtsp", &format!("{}?video&audio=opus", server.rtsp_url(name)), 1);
            assert_eq!(with_sound.failed, 0, "{name}: {:?}\n{}", with_sound.reasons, server.log());
            nothing_is_left(&server, &before, &camera);
        }
    }
    let dead = server.stream("dies-at-once");
    let error = dead["sources"][1]["error"].as_str().unwrap_or_default();
    assert!(error.contains('7'), "the reason names the exit code: {dead:#}");
    server.stop();
}

#[test]
fn whatever_a_child_does_its_end_is_an_end() {
    require!(ffmpeg9);
    tell(Stage::Plain, |stage| bad_children(stage, &ffmpeg9));
}

#[test]
fn whatever_a_child_does_its_end_is_an_end_also_for_pid_1() {
    require!(ffmpeg9);
    tell(Stage::Pid1, |stage| bad_children(stage, &ffmpeg9));
}

#[test]
fn a_source_that_sleeps_for_an_hour_holds_up_nobody() {
    tell(Stage::Plain, |stage| {
        let place = Place::new().unwrap();
        let camera = FlvEncoder::start(clip(), Fault::None).unwrap();
        let streams = json!({ "cam": ["exec:sleep 3600", camera.url()] });
        let sleep = Path::new("sleep");
        let server = stage.server(&place, settings(streams, Path::new("ffmpeg"), &[sleep]));
        let waits: Vec<f64> = std::thread::scope(|scope| {
            let viewers: Vec<_> =
                (0..5).map(|_| scope.spawn(|| view(&server, "cam", "video&audio"))).collect();
            viewers.into_iter().map(|viewer| viewer.join().unwrap()).collect()
        });
        println!("beside exec:sleep 3600, first frames after {waits:.0?} ms");
        assert!(waits.iter().all(|wait| *wait < 500.0), "{waits:?}");
        eventually("the sleeper is ended", GONE, || server.census().has_no_children().then_some(()));
        server.stop();
    });
}
