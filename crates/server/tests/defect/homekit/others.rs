//! The same with cameras that others wrote: hap-nodejs, with ffmpeg behind it.
use super::super::stage::{Stage, long_or_short};
use super::dice::Dice;
use super::house::{SOON, ask, settings};
use super::judge;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use testkit::load::watch_for;
use testkit::process::{Peer, Place, Server, eventually, free_port};

const CAMERAS: usize = 4;
const PIN: &str = "031-45-154";
/// It ends by itself after 150 s.
const LIFE: Duration = Duration::from_secs(150);

/// A camera's process, and what starts it again with what it remembers.
struct Other<'a> {
    place: &'a Place,
    number: usize,
    program: &'a Path,
    ffmpeg: &'a Path,
    port: u16,
    folder: PathBuf,
    starts: usize,
    running: Option<Peer>,
}

impl<'a> Other<'a> {
    fn new(place: &'a Place, number: usize, program: &'a Path, ffmpeg: &'a Path) -> Self {
        let folder = place.file(&format!("camera-{number}"));
        std::fs::create_dir_all(&folder).unwrap();
        let port = free_port();
        let mut other = Self { place, number, program, ffmpeg, port, folder, starts: 0, running: None };
        other.start();
        other
    }

    fn id(&self) -> String {
        format!("AA:00:00:00:02:{:02X}", self.number)
    }

    fn name(&self) -> String {
        format!("gate{}", self.number)
    }

    fn start(&mut self) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/homekit_cam.js");
        let mut command = Command::new(self.program);
        command.arg(script).args([&self.port.to_string(), &self.id(), PIN]).args([&self.folder, self.ffmpeg]);
        command.env("NODE_PATH", testkit::peers::node_modules());
        self.starts += 1;
        let name = format!("camera-{}-{}", self.number, self.starts);
        let peer = Peer::start(self.place, &name, &mut command, LIFE);
        eventually("the camera serves", SOON, || peer.stdout().contains("serving").then_some(()));
        self.running = Some(peer);
    }

    /// The plug is pulled, and put back.
    fn restart(&mut self) {
        if let Some(running) = self.running.take() {
            running.kill();
        }
        self.start();
    }

    fn add(&self, server: &Server) {
        let stream = json!({ "sources": [{ "url": format!("homekit://{}?width=320", self.id()) }] });
        ask(server, "PUT", &format!("/api/v1/streams/{}", self.name()), &stream, &[200]);
        ask(server, "POST", &format!("/api/v1/recordings/{}/start", self.name()), &json!({}), &[201]);
    }

    fn remove(&self, server: &Server) {
        ask(server, "DELETE", &format!("/api/v1/streams/{}", self.name()), &Value::Null, &[200]);
    }

    /// Comes and goes. Returns how often.
    fn disturb(&mut self, server: &Server, mut dice: Dice, until: Instant) -> u64 {
        let mut turns = 0;
        while Instant::now() < until {
            if dice.below(2) == 0 {
                self.restart();
            } else {
                self.remove(server);
                dice.wait(0..1000);
                self.add(server);
            }
            turns += 1;
            dice.wait(1000..5000);
        }
        turns
    }
}

pub(super) fn four_cameras(stage: Stage, program: &Path, ffmpeg: &Path) {
    let mut dice = Dice::new();
    let place = Place::new().unwrap();
    let mut cameras: Vec<_> =
        (0..CAMERAS).map(|number| Other::new(&place, number, program, ffmpeg)).collect();
    let store = place.file("recordings");
    let srtp = format!("127.0.0.1:{}", free_port());
    let stream = |camera: &Other<'_>| {
        (camera.name(), json!({ "url": format!("homekit://{}?width=320", camera.id()), "record": true }))
    };
    let settings = settings(cameras.iter().map(stream).collect(), &srtp, &store, &place.file("state"));
    let server = stage.server(&place, settings);
    for camera in &cameras {
        let body = json!({ "address": format!("127.0.0.1:{}", camera.port), "pin": PIN });
        ask(&server, "POST", "/api/v1/homekit/pairings", &body, &[200]);
    }
    for camera in &cameras {
        server.wait_for_state(&camera.name(), "live", SOON);
    }
    let until = Instant::now() + Duration::from_secs(long_or_short(60, 30));
    let turns: u64 = std::thread::scope(|scope| {
        let server = &server;
        let disturbers: Vec<_> = cameras
            .iter_mut()
            .map(|camera| (camera, dice.fork()))
            .map(|(camera, dice)| scope.spawn(move || camera.disturb(server, dice, until)))
            .collect();
        let viewers: Vec<_> = ["rtsp", "whep"]
            .map(|protocol| (protocol, dice.fork()))
            .into_iter()
            .map(|(protocol, mut dice)| {
                scope.spawn(move || {
                    while Instant::now() < until {
                        let name = format!("gate{}", dice.among(0..CAMERAS));
                        let url = super::url_of(server, protocol, &name);
                        watch_for(1, protocol, &url, 1);
                    }
                })
            })
            .collect();
        viewers.into_iter().for_each(|viewer| viewer.join().unwrap());
        disturbers.into_iter().map(|disturber| disturber.join().unwrap()).sum()
    });
    for camera in &cameras {
        server.wait_for_state(&camera.name(), "live", SOON);
        let report = watch_for(2, "rtsp", &server.rtsp_url(&camera.name()), 1);
        assert!(report.alive == 1 && report.frames > 0, "{}: {report:?}", camera.name());
    }
    for camera in &cameras {
        camera.remove(&server);
        let running = camera.running.as_ref().unwrap();
        eventually("the camera was told", SOON, || running.stdout().contains("stop").then_some(()));
    }
    let mut files = 0;
    for camera in &cameras {
        let path = format!("/api/v1/recordings/{}/segments?limit=10000", camera.name());
        let list = server.get(&path).json();
        let segments = list["segments"].as_array().unwrap();
        assert!(!segments.is_empty(), "{} was not recorded", camera.name());
        for segment in segments {
            assert!(judge::play(&store.join(segment["file"].as_str().unwrap())) > 0, "{segment}");
            files += 1;
        }
    }
    server.stop();
    println!("{turns} turns, {files} files; {}", judge::index(&store));
}
