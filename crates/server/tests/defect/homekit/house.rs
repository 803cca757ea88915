//! The house of the story: fifty cameras, the server that watches and records them, and what is done with both.
use super::super::stage::Stage;
use super::dice::Dice;
use formats::replay::{Clip, load};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use testkit::homekit::{Camera, PIN, Rig, Setup};
use testkit::process::{Place, Server, eventually, free_port};

pub(super) const CAMERAS: usize = 50;
/// Cameras that share an SSRC with their neighbour, by twos: two that say where they send from, two that do not.
pub(super) const COLLIDING: usize = 4;
/// Whatever takes time is done long before, on a machine with other work as well.
pub(super) const SOON: Duration = Duration::from_secs(60);
/// Small pictures, ten a second, some 50 kbit/s: fifty cameras are no load for whoever plays them.
const CLIP: [&str; 23] = [
    "-v",
    "error",
    "-f",
    "lavfi",
    "-i",
    "testsrc=s=160x120:r=10",
    "-t",
    "4",
    "-c:v",
    "libx264",
    "-preset",
    "veryfast",
    "-profile:v",
    "baseline",
    "-g",
    "10",
    "-bf",
    "0",
    "-b:v",
    "100k",
    "-pix_fmt",
    "yuv420p",
    "-y",
];

pub(super) struct House {
    pub(super) rig: Rig,
    pub(super) server: Server,
    /// Where HomeKit's media comes in.
    pub(super) srtp: String,
    /// Where recordings are.
    pub(super) store: PathBuf,
}

/// What is counted at the SRTP socket.
#[derive(Clone, Debug, Default)]
pub(super) struct Counted {
    pub(super) sessions: u64,
    pub(super) received: u64,
    pub(super) dropped: BTreeMap<String, u64>,
}

pub(super) fn name(number: usize) -> String {
    format!("cam{number}")
}

fn id(number: usize) -> String {
    format!("AA:00:00:00:01:{number:02X}")
}

fn clip(place: &Place) -> Clip {
    let path = place.file("clip.mp4");
    assert!(Command::new("ffmpeg").args(CLIP).arg(&path).status().unwrap().success());
    load(std::fs::read(path).unwrap().into()).unwrap()
}

/// Every other one has a microphone.
fn setup(number: usize) -> Setup {
    let ssrc = (number < COLLIDING).then_some(0x5150_0000 + number as u32 / 2);
    let opus_clock_hz = number.is_multiple_of(2).then_some(24_000);
    let mark = Some(number as u16);
    Setup { opus_clock_hz, mark, ssrc, tells_port: number < COLLIDING / 2, ..Setup::new(id(number)) }
}

pub(super) fn settings(streams: Map<String, Value>, srtp: &str, store: &Path, state: &Path) -> Value {
    json!({
        "streams": streams,
        "srtp": { "listen": srtp },
        "state": { "path": state },
        "mdns": { "enabled": false },
        "recording": { "path": store, "free_min": "64MiB", "segment": "10s" },
        "supervision": { "start": "200ms", "ceiling": "1s" },
    })
}

/// One request that must be answered with this status.
#[track_caller]
pub(super) fn ask(server: &Server, method: &str, path: &str, body: &Value, status: &[u16]) -> Value {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer = server.request(method, path, body.as_bytes());
    let answer = answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
    assert!(status.contains(&answer.status), "{method} {path}: {} {}", answer.status, answer.text());
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

/// The source of a camera, which has no loudspeaker.
fn url(number: usize) -> String {
    format!("homekit://{}#backchannel=0", id(number))
}

impl House {
    /// Everything is paired, live and recorded, as the configuration says.
    pub(super) fn new(stage: Stage, place: &Place) -> Self {
        let rig = Rig::start(&clip(place), (0..CAMERAS).map(setup).collect()).unwrap();
        let stream = |number| (name(number), json!({ "url": url(number), "record": true }));
        let (srtp, store) = (format!("127.0.0.1:{}", free_port()), place.file("recordings"));
        let settings = settings((0..CAMERAS).map(stream).collect(), &srtp, &store, &place.file("state"));
        let house = Self { rig, server: stage.server(place, settings), srtp, store };
        for camera in &house.rig.cameras {
            eventually("the camera listens", SOON, || TcpStream::connect(camera.address).ok());
            let body = json!({ "address": camera.address.to_string(), "pin": PIN });
            let paired = ask(&house.server, "POST", "/api/v1/homekit/pairings", &body, &[200]);
            assert_eq!(paired["id"], json!(camera.id));
        }
        house.wait_until_live();
        house
    }

    pub(super) fn camera(&self, number: usize) -> &Camera {
        &self.rig.cameras[number]
    }

    /// Makes a stream of a camera, and records it.
    pub(super) fn add(&self, number: usize) {
        let stream = json!({ "sources": [{ "url": url(number) }] });
        ask(&self.server, "PUT", &format!("/api/v1/streams/{}", name(number)), &stream, &[200]);
        let start = format!("/api/v1/recordings/{}/start", name(number));
        ask(&self.server, "POST", &start, &json!({}), &[201]);
    }

    /// Removes it, which is an end for the camera as well.
    pub(super) fn remove(&self, number: usize) {
        let path = format!("/api/v1/streams/{}", name(number));
        let removed = ask(&self.server, "DELETE", &path, &Value::Null, &[200]);
        let in_time = |end: &Value| end["in_time"] == json!(true);
        assert!(removed["ends"].as_array().unwrap().iter().all(in_time), "cam{number}: {removed:#}");
    }

    pub(super) fn wait_until_live(&self) {
        let deadline = Instant::now() + SOON;
        loop {
            let list = self.server.get("/api/v1/streams").json();
            let streams = list["streams"].as_array().unwrap();
            let others: Vec<_> = streams.iter().filter(|stream| stream["state"] != "live").collect();
            if streams.len() == CAMERAS && others.is_empty() {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{} streams, not live: {others:#?}\n{}",
                streams.len(),
                self.server.log()
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Nothing of any stream is left, here or at the cameras.
    pub(super) fn wait_until_quiet(&self) {
        eventually("no camera streams or is connected", SOON, || {
            let is_quiet = |camera: &Camera| (camera.streams(), camera.connections()) == (0, 0);
            self.rig.cameras.iter().all(is_quiet).then_some(())
        });
        eventually("the table of SRTP is empty", SOON, || (self.counted().sessions == 0).then_some(()));
        assert_eq!(self.server.get("/api/v1/streams").json()["streams"], json!([]));
    }

    pub(super) fn counted(&self) -> Counted {
        let mut counted = Counted::default();
        for line in self.server.get("/metrics").text().lines() {
            let Some((key, value)) =
                line.strip_prefix("aqueduct_srtp_").and_then(|line| line.split_once(' '))
            else {
                continue;
            };
            let value = value.parse().unwrap();
            match key {
                "sessions" => counted.sessions = value,
                "received_total" => counted.received = value,
                _ => {
                    let reason =
                        key.strip_prefix("dropped_total{reason=\"").and_then(|key| key.strip_suffix("\"}"));
                    counted.dropped.extend(reason.map(|reason| (reason.to_owned(), value)));
                }
            }
        }
        counted
    }

    /// One after the other comes and goes: by the API, or by itself. Returns how often.
    pub(super) fn disturb(&self, mut dice: Dice, cameras: std::ops::Range<usize>, until: Instant) -> u64 {
        let mut turns = 0;
        while Instant::now() < until {
            let number = dice.among(cameras.clone());
            match dice.below(8) {
                0..=2 => {
                    self.remove(number);
                    dice.wait(0..800);
                    self.add(number);
                    turns += 1;
                }
                3..=5 => {
                    self.camera(number).set_power(false);
                    dice.wait(20..1500);
                    self.camera(number).set_power(true);
                    turns += 1;
                }
                6 => self.camera(number).ring(),
                _ => self.camera(number).repeat(),
            }
            dice.wait(50..800);
        }
        turns
    }
}
