//! HomeKit cameras that others wrote, HAP-python and hap-nodejs: paired with by the API, watched by RTSP, restarted, and left.

use super::upload::{SECONDS, announcement, ask};
use super::{BINARY, turn};
use audio::tone::analyse;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use testkit::process::{Peer, Place, Server, eventually, free_port};
use testkit::{require, tone};

const CODE: &str = "031-45-154";

/// How long anything may take: hap-nodejs computes for a second when it pairs, ffmpeg begins after one.
const SOON: Duration = Duration::from_secs(30);

/// A camera of others.
struct Camera {
    program: PathBuf,
    script: &'static str,
    id: &'static str,
    port: u16,
    folder: PathBuf,
    ffmpeg: PathBuf,
}

impl Camera {
    fn new(place: &Place, program: PathBuf, script: &'static str, id: &'static str, ffmpeg: &Path) -> Self {
        let folder = place.file(&format!("camera-{}", &id[15..]));
        std::fs::create_dir_all(&folder).unwrap();
        Self { program, script, id, port: free_port(), folder, ffmpeg: ffmpeg.to_owned() }
    }

    /// Starts it, with what it remembers.
    fn start(&self, place: &Place, name: &str) -> Peer {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(self.script);
        let mut command = Command::new(&self.program);
        command.arg(script).args([&self.port.to_string(), self.id, CODE]).args([&self.folder, &self.ffmpeg]);
        command.env("NODE_PATH", testkit::peers::node_modules());
        let peer = Peer::start(place, name, &mut command, Duration::from_secs(150));
        eventually("the camera serves", SOON, || peer.stdout().contains("serving").then_some(()));
        peer
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

fn start_server(place: &Place) -> Server {
    let settings = json!({
        "srtp": { "listen": format!("127.0.0.1:{}", free_port()) },
        "state": { "path": place.file("state") },
        "mdns": { "enabled": false },
    });
    Server::start(BINARY, place, settings)
}

fn pair(server: &Server, body: &Value) -> (u16, String) {
    let body = body.to_string();
    let answer = server.request("POST", "/api/v1/homekit/pairings", body.as_bytes()).unwrap();
    (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
}

/// Decodes so many pictures; fails on anything that a decoder complains about.
fn decode(place: &Place, name: &str, ffmpeg: &Path, url: &str, maps: &[&str], pictures: u32) {
    let mut command = Command::new(ffmpeg);
    command.args(["-v", "error", "-xerror", "-nostdin", "-rtsp_transport", "tcp", "-i", url]);
    command.args(maps).args(["-frames:v", &pictures.to_string(), "-f", "null", "-"]);
    Peer::start(place, name, &mut command, SOON).wait().expect_success();
}

/// A viewer that lives through everything: one line a picture.
fn start_viewer(place: &Place, ffmpeg: &Path, url: &str) -> Peer {
    let mut command = Command::new(ffmpeg);
    command.args(["-v", "error", "-nostdin", "-rtsp_transport", "tcp", "-i", url]);
    command.args(["-map", "0:v:0", "-c", "copy", "-f", "framecrc", "-flush_packets", "1", "-"]);
    Peer::start(place, "viewer", &mut command, Duration::from_secs(140))
}

fn pictures(viewer: &Peer) -> usize {
    viewer.stdout().lines().filter(|line| line.starts_with("0,")).count()
}

#[test]
fn hap_pythons_camera_is_paired_watched_restarted_and_left() {
    require!(ffmpeg5, pyhap);
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let camera = Camera::new(&place, pyhap, "homekit_cam.py", "AA:00:00:00:00:01", &ffmpeg5);
    let running = camera.start(&place, "camera-1");
    let server = start_server(&place);

    let wrong = pair(&server, &json!({ "address": camera.address(), "pin": "111-22-333" }));
    assert!(wrong.0 == 403 && wrong.1.contains("the pin is wrong"), "{wrong:?}");
    let nobody = pair(&server, &json!({ "address": format!("127.0.0.1:{}", free_port()), "pin": CODE }));
    assert!(nobody.0 == 502 && nobody.1.contains("refuses connections"), "{nobody:?}");
    let body = json!({ "address": camera.address(), "pin": CODE, "stream": "hall" });
    let (status, paired) = pair(&server, &body);
    assert!(status == 200 && paired.contains("\"Hall\"") && paired.contains(camera.id), "{status} {paired}");
    let taken = pair(&server, &json!({ "address": camera.address(), "pin": CODE }));
    assert!(taken.0 == 409 && taken.1.contains("paired with somebody else"), "{taken:?}");
    let mode = place.file("state/homekit.json").metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);

    decode(&place, "decode-1", &ffmpeg5, &server.rtsp_url("hall"), &["-map", "0:v:0"], 40);
    let viewer = start_viewer(&place, &ffmpeg5, &server.rtsp_url("hall"));
    let live = server.wait_for_state("hall", "live", SOON);
    assert_eq!(live["tracks"][0]["width"], 640, "the best that it has: {live:#}");
    assert!(running.stdout().contains("start 640x360"), "{}", running.stdout());
    eventually("somebody rings and moves", SOON, || {
        let log = server.log();
        (log.contains("doorbell") && log.contains("motion")).then_some(())
    });
    eventually("pictures come", SOON, || (pictures(&viewer) > 25).then_some(()));

    running.kill();
    eventually("a killed camera is missed", SOON, || {
        (server.stream("hall")["sources"][0]["state"] == "backoff").then_some(())
    });
    let seen = pictures(&viewer);
    let running = camera.start(&place, "camera-2");
    server.wait_for_state("hall", "live", SOON);
    eventually("the same viewer sees pictures again", SOON, || (pictures(&viewer) > seen + 25).then_some(()));

    viewer.kill();
    let removed = server.request("DELETE", "/api/v1/streams/hall", b"").unwrap().json();
    assert_eq!(removed["ends"][0]["steps"][0]["outcome"], "done", "{removed:#}");
    eventually("the camera was told", SOON, || running.stdout().contains("stop").then_some(()));
    let path = format!("/api/v1/homekit/pairings/{}", camera.id);
    assert_eq!(server.request("DELETE", &path, b"").unwrap().status, 200);
    assert_eq!(server.get("/api/v1/homekit/pairings").json()["pairings"], json!([]));
    let (status, again) = pair(&server, &json!({ "address": camera.address(), "pin": CODE }));
    assert_eq!(status, 200, "what was left takes another pairing: {again}");
    assert!(!server.log().contains(CODE) && !server.log().contains("111-22-333"));
    server.stop();
}

#[test]
fn hap_nodejs_cameras_stream_picture_and_sound_at_once_and_outlive_the_server() {
    require!(ffmpeg5, hap_nodejs);
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let ids = ["AA:00:00:00:00:11", "AA:00:00:00:00:12"];
    let cameras = ids.map(|id| Camera::new(&place, hap_nodejs.clone(), "homekit_cam.js", id, &ffmpeg5));
    let running = [0, 1].map(|number| cameras[number].start(&place, &format!("camera-{number}")));
    let server = start_server(&place);
    for (number, camera) in cameras.iter().enumerate() {
        // one as go2rtc's page does it
        let (status, answer) = if number == 0 {
            let path = format!("/api/homekit?id=gate0&src=homekit://{}&pin={CODE}", camera.address());
            let answer = server.request("POST", &path, b"").unwrap();
            (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
        } else {
            pair(&server, &json!({ "address": camera.address(), "pin": CODE, "stream": "gate1" }))
        };
        assert_eq!(status, 200, "{answer}");
    }
    let viewers = ["gate0", "gate1"].map(|name| {
        let mut command = Command::new(&ffmpeg5);
        let url = server.rtsp_url(name);
        command.args(["-v", "error", "-xerror", "-nostdin", "-rtsp_transport", "tcp", "-i", &url]);
        command.args(["-map", "0:v:0", "-map", "0:a:0", "-t", "4", "-f", "null", "-"]);
        Peer::start(&place, name, &mut command, SOON)
    });
    for viewer in viewers {
        viewer.wait().expect_success();
    }
    for name in ["gate0", "gate1"] {
        let tracks = server.stream(name)["tracks"].clone();
        assert_eq!(
            (&tracks[0]["codec"], &tracks[1]["codec"]),
            (&json!("H264"), &json!("OPUS")),
            "{tracks:#}"
        );
    }
    server.stop();
    for camera in &running {
        eventually("a server that ends tells its cameras", SOON, || {
            camera.stdout().contains("stop").then_some(())
        });
    }

    // another server with the same folder is trusted as well
    let server = start_server(&place);
    let list = server.get("/api/v1/homekit/pairings").json();
    assert_eq!(list["pairings"].as_array().map_or(0, Vec::len), 2, "{list:#}");
    let body = json!({ "sources": [{ "url": format!("homekit://{}?width=320", ids[0]) }] }).to_string();
    assert_eq!(server.request("PUT", "/api/v1/streams/small", body.as_bytes()).unwrap().status, 200);
    decode(&place, "decode-small", &ffmpeg5, &server.rtsp_url("small"), &["-map", "0:v:0"], 20);
    assert_eq!(server.stream("small")["tracks"][0]["width"], 320);
    server.stop();
}

#[test]
fn what_curl_says_at_the_door_is_heard_at_hap_nodejs_camera_by_ffmpeg() {
    require!(curl, ffmpeg5, hap_nodejs);
    let _turn = turn::alone();
    let place = Place::new().unwrap();
    let camera = Camera::new(&place, hap_nodejs, "homekit_cam.js", "AA:00:00:00:00:13", &ffmpeg5);
    let running = camera.start(&place, "camera");
    let server = start_server(&place);
    let (status, answer) =
        pair(&server, &json!({ "address": camera.address(), "pin": CODE, "stream": "gate" }));
    assert_eq!(status, 200, "{answer}");
    let viewer = start_viewer(&place, &ffmpeg5, &server.rtsp_url("gate"));
    let live = server.wait_for_state("gate", "live", SOON);
    assert_eq!(live["talk"], "gate/talk", "{live:#}");
    eventually("pictures come", SOON, || (pictures(&viewer) > 10).then_some(()));
    let file = format!("@{}", announcement(&place).display());
    let seen = pictures(&viewer);
    let url = server.http_url("/api/stream?dst=gate/talk");
    let (status, text) = ask(&curl, &place, "curl", &["--data-binary", &file], &url);
    let output = server.stream("gate/talk")["outputs"][0].clone();
    assert_eq!(status, 200, "{text}");
    assert!(pictures(&viewer) > seen + 100, "the picture goes on meanwhile, at 15 frames a second");
    viewer.kill();
    server.stop();
    eventually("the camera was told", SOON, || running.stdout().contains("stop").then_some(()));

    let heard = std::fs::read(camera.folder.join("heard.s16")).unwrap();
    let heard = tone::from_le_bytes(&heard).into_iter().map(|sample| f32::from(sample) / 32_768.0);
    let heard: Vec<f32> = heard.collect();
    let loud = |sample: &f32| sample.abs() > 0.02;
    let first = heard.iter().position(loud).expect("nothing was heard");
    let last = heard.iter().rposition(loud).unwrap();
    let heard = &heard[first..=last];
    let seconds = heard.len() as f64 / 48_000.0;
    let found = analyse(&heard[4_800..heard.len() - 4_800], 48_000).unwrap();
    println!("hap-nodejs with ffmpeg: {seconds:.2} s of {SECONDS} s: {found:?}, {}", output["frames"]);
    assert!((seconds / SECONDS - 1.0).abs() < 0.05, "{seconds} s were heard: {output:#}");
    assert!((found.frequency_hz - 1_000.0).abs() < 2.0 && found.purity_db > 20.0, "{found:?}");
    assert!((found.level_dbfs + 20.0).abs() < 1.5, "{found:?}");
}
