//! Chromium: publishes its fake camera, plays by WebRTC and by MSE, and measures the way from glass to glass.
//!
//! Pages come from an origin of their own, so that preflights and exposed headers are under test too.

use super::readers::last_lines;
use super::{BINARY, turn};
use serde_json::{Value, json};
use std::io::Read as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use testkit::peers::{node_modules, not_run};
use testkit::process::{Peer, Place, Server, open_http};
use testkit::require;

/// How long a picture is watched.
const WATCH_SECONDS: u64 = 20;

/// From the click to the first frame, out of the cache of the last key frame's group: 500 ms.
const FIRST_FRAME_MS: f64 = 500.0;

/// Starts one of the scripts in `tests/peers`.
pub(super) fn script(name: &str, chromium: &Path, place: &Place, settings: Value) -> Peer {
    script_within(Duration::from_secs(WATCH_SECONDS + 60), name, chromium, place, settings)
}

/// The same, for one that takes longer.
pub(super) fn script_within(
    limit: Duration,
    name: &str,
    chromium: &Path,
    place: &Place,
    mut settings: Value,
) -> Peer {
    settings["executable"] = json!(chromium);
    settings["modules"] = json!(node_modules());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(name);
    let mut command = Command::new("node");
    command.arg(script).arg(settings.to_string());
    Peer::start(place, name, &mut command, limit)
}

/// Its result: the last line that it printed.
pub(super) fn result(peer: Peer) -> Value {
    let exit = peer.wait().expect_success();
    let line = exit.stdout.lines().last().unwrap_or_default();
    serde_json::from_str(line)
        .unwrap_or_else(|error| panic!("{error}: {line}\n{}", last_lines(&exit.stderr, 20)))
}

/// The picture moved all the time: frames went on, it never froze, and it is not one colour.
#[track_caller]
fn assert_played(result: &Value, frames_a_second: u64) {
    let frames = |when: &str| result[when]["framesDecoded"].as_u64().unwrap_or(0);
    let decoded = frames("late").saturating_sub(frames("early"));
    let expected = frames_a_second * WATCH_SECONDS * 9 / 10;
    assert!(decoded >= expected, "{decoded} frames decoded in {WATCH_SECONDS} s, not {expected}: {result:#}");
    assert_eq!(result["late"]["freezes"], 0, "{result:#}");
    assert!(result["picture"]["colours"].as_u64().unwrap_or(0) >= 4, "the picture is one colour: {result:#}");
}

fn assert_screenshot(path: &Path) {
    let size = std::fs::metadata(path).map(|data| data.len()).unwrap_or(0);
    assert!(size > 5_000, "the screenshot {} has only {size} bytes", path.display());
}

/// Plays a stream on the server's own page by one mode and checks picture, speed and manners.
fn play_on_the_page(mode: &str) {
    require!(chromium);
    let _turn = turn::alone();
    let place = Place::new().unwrap();
    let server = Server::start(BINARY, &place, json!({ "streams": { "demo": "demo:", "idle": null } }));
    let other_viewer = watch_all_along(&server, "/api/stream.flv?src=demo");
    server.wait_for_state("demo", "live", Duration::from_secs(10));
    let screenshot = place.file("page.png");
    let settings = json!({
        "list": server.http_url("/"),
        "url": server.http_url(&format!("/player.html?src=demo&mode={mode}")),
        "stream": "demo",
        "seconds": WATCH_SECONDS,
        "screenshot": screenshot,
    });
    let result = result(script("page.mjs", &chromium, &place, settings));
    assert_eq!(result["late"]["mode"], mode, "{result:#}");
    assert_played(&result, 24);
    assert!(result["late"]["firstFrameMs"].as_f64().unwrap_or(f64::MAX) <= FIRST_FRAME_MS, "{result:#}");
    assert_eq!(result["complaints"], json!([]), "the browser complained");
    assert_eq!(result["foreign"], json!([]), "the page asked other machines");
    assert_screenshot(&screenshot);
    server.stop();
    let seen = other_viewer.join().unwrap();
    assert!(seen > 100_000, "the other viewer got only {seen} bytes");
}

/// Another viewer, so that the camera runs and the last group of pictures is there before the click. Ends with the
/// server and returns how many bytes it got.
fn watch_all_along(server: &Server, path: &str) -> std::thread::JoinHandle<u64> {
    let mut stream = open_http(server.api(), "GET", path, &[], b"").unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 64 * 1024];
        let mut seen = 0;
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            seen += count as u64;
        }
        seen
    })
}

#[test]
fn chromium_plays_demo_by_webrtc_on_the_page() {
    play_on_the_page("webrtc");
}

#[test]
fn chromium_plays_demo_by_mse_on_the_page() {
    play_on_the_page("mse");
}

#[test]
fn chromium_publishes_its_camera_by_whip_and_plays_it_by_whep() {
    require!(chromium);
    let _turn = turn::alone();
    let place = Place::new().unwrap();
    let server = Server::start(BINARY, &place, json!({ "streams": { "cam": null } }));
    let screenshot = place.file("whep.png");
    let settings = json!({
        "publish": { "url": server.http_url("/api/webrtc?dst=cam"), "what": "camera", "codec": "video/H264" },
        "play": { "url": server.http_url("/api/webrtc?src=cam") },
        "seconds": WATCH_SECONDS,
        "screenshot": screenshot,
    });
    let result = result(script("webrtc.mjs", &chromium, &place, settings));
    assert_played(&result, 15);
    assert!(result["late"]["audioBytes"].as_u64().unwrap_or(0) > 20_000, "no sound: {result:#}");
    assert_eq!(result["late"]["videoCodec"], "video/H264");
    assert_eq!(
        (&result["deleteStatus"], &result["unpublishStatus"]),
        (&json!(200), &json!(200)),
        "RFC 9725 §4.2"
    );
    assert_screenshot(&screenshot);
    server.wait_for_end("cam", Duration::from_secs(5));
    server.stop();
}

/// From the canvas of one page, through WHIP and WHEP, onto the picture of another: both clocks are one.
#[test]
fn glass_to_glass_by_webrtc_takes_less_than_150_ms() {
    require!(chromium);
    let _turn = turn::alone();
    let place = Place::new().unwrap();
    let server = Server::start(BINARY, &place, json!({ "streams": { "glass": null } }));
    let settings = json!({
        "publish": { "url": server.http_url("/api/webrtc?dst=glass"), "what": "canvas", "codec": "video/H264" },
        "play": { "url": server.http_url("/api/webrtc?src=glass") },
        "seconds": 10,
    });
    let result = result(script("webrtc.mjs", &chromium, &place, settings));
    let early = result["early"]["latencies"].as_array().map_or(0, Vec::len);
    let mut latencies: Vec<u64> = result["late"]["latencies"]
        .as_array()
        .map(|all| all[early..].iter().filter_map(Value::as_u64).collect())
        .unwrap_or_default();
    assert!(latencies.len() >= 100, "only {} time codes could be read: {result:#}", latencies.len());
    latencies.sort_unstable();
    let at = |percent: usize| latencies[(latencies.len() - 1) * percent / 100];
    println!("glass to glass by WebRTC: median {} ms, 95 % within {} ms", at(50), at(95));
    assert!(at(50) < 150, "median {} ms, 95 % within {} ms", at(50), at(95));
    server.stop();
}

/// FFmpeg's WHIP sends H.264 only, so AV1 by WHIP comes from the browser.
#[test]
fn av1_and_opus_by_whip_are_read_by_rtsp_and_fmp4() {
    require!(chromium, ffmpeg9);
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let server = Server::start(BINARY, &place, json!({ "streams": { "av1": null } }));
    let settings = json!({
        "publish": { "url": server.http_url("/api/webrtc?dst=av1"), "what": "camera", "codec": "video/AV1" },
        "seconds": 14,
    });
    let publishing = script("webrtc.mjs", &chromium, &place, settings);
    server.wait_for_state("av1", "live", Duration::from_secs(20));
    let urls = [server.rtsp_url("av1"), server.http_url("/api/stream.mp4?src=av1")];
    let readers = urls.map(|url| {
        let name = if url.starts_with("rtsp") { "rtsp" } else { "fmp4" };
        let mut command = Command::new(&ffmpeg9);
        command.args(["-v", "error", "-nostdin"]);
        if name == "rtsp" {
            command.args(["-rtsp_transport", "tcp"]);
        }
        // decoded, not copied: a decoder is the judge of the bytes
        command.args([
            "-xerror", "-i", &url, "-map", "0:v:0", "-map", "0:a:0", "-t", "5", "-f", "framecrc", "-",
        ]);
        Peer::start(&place, name, &mut command, Duration::from_secs(25))
    });
    for reader in readers {
        let exit = reader.wait().expect_success();
        let frames = |track: &str| exit.stdout.lines().filter(|line| line.starts_with(track)).count();
        assert!(frames("0,") >= 60, "{}: {} pictures\n{}", exit.name, frames("0,"), exit.stderr);
        assert!(frames("1,") >= 200, "{}: {} pieces of sound\n{}", exit.name, frames("1,"), exit.stderr);
    }
    result(publishing);
    server.stop();
}

/// The browser has no H.265: the answer says what there is and what was asked for.
#[test]
fn whep_for_a_codec_the_browser_lacks_is_refused_with_both_lists() {
    let (Some(chromium), Some(ffmpeg9)) = (testkit::peers::chromium(), testkit::peers::ffmpeg9()) else {
        not_run("chromium and ffmpeg9");
        return;
    };
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let server = Server::start(BINARY, &place, json!({ "streams": { "hevc": null } }));
    let file = super::clip::Clip::H265Aac.file(&ffmpeg9);
    let rtsp = ["-f", "rtsp", "-rtsp_transport", "tcp"];
    let _publishing = super::publish::publish(&ffmpeg9, &place, &file, &rtsp, &server.rtsp_url("hevc"));
    server.wait_for_state("hevc", "live", Duration::from_secs(10));
    let settings = json!({ "play": { "url": server.http_url("/api/webrtc?src=hevc") }, "seconds": 1 });
    let exit = script("webrtc.mjs", &chromium, &place, settings).wait();
    assert!(!exit.success, "it played: {}", exit.stdout);
    let said = exit.stderr.to_lowercase();
    assert!(said.contains("status 4"), "{}", exit.stderr);
    assert!(
        said.contains("h265") && said.contains("vp8"),
        "which codecs there are and which were asked for: {said}"
    );
    server.stop();
}
