//! Real disks: a small file system that somebody else fills, and one that is unmounted while it is recorded to and comes
//! back. The server has its own mount table, so that nothing of it is seen outside, or left behind.

use super::{BINARY, turn};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use testkit::load::watch_paced;
use testkit::process::{Place, Server, eventually};
use testkit::require;

/// The server looks at its disks each second, and tries one that is gone each two; the rest is a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// The disk as root: 8 MiB, some three minutes of the demo clip, mounted a second time where the server records.
const MOUNTS: &str =
    "mount -t tmpfs -o size=8m disk \"$1\" && mount --bind \"$1\" \"$2\" && shift 2 && exec \"$@\"";

struct Stage {
    server: Server,
    disk: PathBuf,
    mounted: PathBuf,
}

impl Stage {
    fn new(place: &Place) -> Self {
        let [disk, mounted] = ["disk", "mounted"].map(|name| place.file(name));
        for folder in [&disk, &mounted] {
            std::fs::create_dir_all(folder).unwrap();
        }
        let [from, to] = [&disk, &mounted].map(|path| path.display().to_string());
        let starter =
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", MOUNTS, "sh", &from, &to];
        let settings = json!({
            "recording": {
                "path": to, "mount": true, "free_min": "256KiB", "segment": "2s", "aligned": false, "alert_after": "2s",
            },
            "streams": { "cam": { "url": "demo:", "record": true } },
        });
        let server = Server::start_by(&starter, BINARY, place, settings);
        Self { server, disk, mounted }
    }

    /// A path as the server sees it.
    fn inside(&self, path: &Path) -> PathBuf {
        let root = format!("/proc/{}/root", self.server.pid());
        Path::new(&root).join(path.strip_prefix("/").unwrap())
    }

    /// Runs a program where the server is.
    fn run(&self, words: &[&str]) -> String {
        let output = Command::new("nsenter")
            .args(["--mount", "--target", &self.server.pid().to_string()])
            .args(words)
            .output()
            .unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn recording(&self) -> Value {
        self.server.get("/api/v1/recordings").json()
    }

    /// The state of the recording and that of its storage become these, and the alerts of both are there or not.
    fn becomes(&self, recording: &str, storage: &str, alerts: &[&str]) -> Value {
        eventually(&format!("it is {recording}, the disk {storage}"), SOON, || {
            let list = self.recording();
            let kinds: Vec<String> = self.server.get("/api/v1/alerts").json()["running"]
                .as_array()
                .unwrap()
                .iter()
                .map(|alert| alert["alert"].as_str().unwrap().to_owned())
                .collect();
            let right = list["streams"][0]["recordings"][0]["state"] == recording
                && list["storages"][0]["state"] == storage
                && alerts.iter().all(|kind| kinds.iter().any(|known| known == kind))
                && kinds.len() == alerts.len();
            right.then_some(list)
        })
    }
}

/// Writes until nothing goes on a disk any more, again and again.
fn fill(path: &Path, stop: &AtomicBool) {
    let mut file = std::fs::File::create(path).unwrap();
    let begun = Instant::now();
    while !stop.load(Ordering::Relaxed) && begun.elapsed() < SOON * 2 {
        while file.write_all(&[0x55; 4096]).is_ok() {}
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_disk_that_is_filled_or_taken_away_is_told_and_recorded_to_again_while_live_goes_on() {
    require!(ffprobe);
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let stage = Stage::new(&place);
    let Stage { server, disk, mounted } = &stage;
    stage.becomes("recording", "ok", &[]);

    let (filler, stop) = (stage.inside(&disk.join("filler")), AtomicBool::new(false));
    let report = std::thread::scope(|scope| {
        let url = format!("{}?video", server.rtsp_url("cam"));
        let viewers = scope.spawn(move || watch_paced(25, "rtsp", &url, 3, 25.0));
        // Somebody else's file takes all there is, and what the oldest recordings leave as well.
        let filling = scope.spawn(|| fill(&filler, &stop));
        let list = stage.becomes("stalled", "full", &["storage_trouble", "recording_stopped"]);
        let reason = list["storages"][0]["reason"].as_str().unwrap().to_owned();
        println!("full: {reason}");
        stop.store(true, Ordering::Relaxed);
        filling.join().unwrap();
        std::fs::remove_file(&filler).unwrap();
        stage.becomes("recording", "ok", &[]);
        std::thread::sleep(Duration::from_secs(3));

        // The disk is pulled out, and put in again.
        let mounted = mounted.display().to_string();
        stage.run(&["umount", "--lazy", &mounted]);
        let list = stage.becomes("stalled", "gone", &["storage_trouble", "recording_stopped"]);
        println!("gone: {}", list["storages"][0]["reason"]);
        assert_eq!(
            std::fs::read_dir(stage.inside(Path::new(&mounted))).unwrap().count(),
            0,
            "the folder below"
        );
        stage.run(&["mount", "--bind", &disk.display().to_string(), &mounted]);
        stage.becomes("recording", "ok", &[]);
        viewers.join().unwrap()
    });
    println!(
        "viewers: delay of pictures {:?} ms (99 %), {:?} ms (max)",
        report.delay_ms_p99, report.delay_ms_max
    );
    assert!(report.is_clean(), "{}", report.table());
    assert!(report.delay_ms_p99.unwrap() < 100.0, "{}", report.table());

    // What was recorded before and after is there; what was not has its reason.
    std::thread::sleep(Duration::from_secs(3));
    let timeline = server.get("/api/v1/recordings/cam").json();
    let gaps: Vec<&str> =
        timeline["gaps"].as_array().unwrap().iter().filter_map(|gap| gap["why"].as_str()).collect();
    println!("gaps: {gaps:?}");
    assert!(!gaps.is_empty() && timeline["spans"].as_array().unwrap().len() > 1, "{timeline:#}");
    let files = stage.run(&["find", &disk.display().to_string(), "-name", "*.mp4"]);
    assert!(files.lines().count() > 2, "{files}");
    for file in files.lines() {
        stage.run(&[ffprobe.to_str().unwrap(), "-v", "error", file]);
    }
    let checked =
        stage.run(&[BINARY, "recordings", "check", "--hashes", "--path", &disk.display().to_string()]);
    assert!(checked.contains("all is right"), "{checked}");
    stage.server.stop();
}
