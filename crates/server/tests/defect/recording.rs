//! Defect 3, two recordings at once: `addFFmpegSource` with HLS and MP4 recording. The source lived on one thread, the stream
//! on another; starting the recorders wrote the stream's recorders from the wrong thread while the owner read them for each
//! frame, and the check that noticed threw past the timer that supervised ffmpeg.
//!
//! Here: 20 ffmpeg sources; for each, HLS and MP4 recording switched on and off by two parallel callers, while the sources'
//! processes are killed and come again, and viewers read. Every answer is true, every file plays to its end with the right
//! duration, playlists list only what exists, and at the end every source is live and supervised.
use super::stage::{Stage, long_or_short, tell_alone};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use testkit::load::watch_for;
use testkit::process::{Place, Server, request};
use testkit::require;

const SOURCES: usize = 20;
/// A clip of two seconds with a key frame each half second; ffmpeg plays it again and again without coding anything.
const CLIP: [&str; 24] = [
    "-v",
    "error",
    "-f",
    "lavfi",
    "-i",
    "testsrc=s=160x120:r=25",
    "-f",
    "lavfi",
    "-i",
    "sine=r=48000",
    "-t",
    "2",
    "-c:v",
    "libx264",
    "-preset",
    "ultrafast",
    "-g",
    "12",
    "-bf",
    "0",
    "-c:a",
    "aac",
    "-y",
    "-shortest",
];

fn clip(place: &Place) -> PathBuf {
    let path = place.file("clip.ts");
    let status = std::process::Command::new("ffmpeg").args(CLIP).arg(&path).status().unwrap();
    assert!(status.success());
    path
}

fn settings(clip: &Path, store: &Path) -> Value {
    let url = format!("exec:ffmpeg -v error -re -stream_loop -1 -i {} -c copy -f mpegts -", clip.display());
    let streams: serde_json::Map<String, Value> =
        (0..SOURCES).map(|number| (format!("cam{number}"), json!({ "url": url, "preload": true }))).collect();
    json!({
        "streams": streams,
        "exec": { "allow_paths": ["ffmpeg"] },
        "recording": { "path": store, "free_min": "64MiB" },
        "supervision": { "start": "200ms", "ceiling": "1s" },
    })
}

fn post(api: &str, path: &str, body: &Value) -> (u16, Value) {
    let answer = request(api, "POST", path, &[], body.to_string().as_bytes()).unwrap();
    let text = answer.text();
    (answer.status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// Switches one recording of one stream on and off; each answer is compared with what is the case.
fn toggle(api: &str, stream: &str, format: &str, until: Instant, seed: u64) -> u64 {
    let (mut turns, mut random) = (0, seed | 1);
    let path = |verb: &str| format!("/api/v1/recordings/{stream}/{verb}");
    while Instant::now() < until {
        let (status, started) = post(api, &path("start"), &json!({ "format": format, "segment_s": 2 }));
        assert!(status == 201 || status == 200, "{status} {started}");
        assert_eq!((&started["format"], &started["stream"]), (&json!(format), &json!(stream)));
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        std::thread::sleep(Duration::from_millis(200 + random % 2500));
        let (status, stopped) = post(api, &format!("{}?format={format}", path("stop")), &json!({}));
        assert_eq!(status, 200, "{stopped}");
        let all = stopped["stopped"].as_array().unwrap();
        assert_eq!(all.len(), 1, "{stopped}");
        assert_eq!((&all[0]["id"], &all[0]["state"]), (&started["id"], &json!("stopped")), "{stopped}");
        turns += 1;
    }
    turns
}

/// Kills the sources' processes, one after the other.
fn disturb(server: &Server, stop: &AtomicBool) -> u64 {
    let mut killed = 0;
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(700));
        let children = server.get("/api/v1/children").json();
        let all = children["children"].as_array().cloned().unwrap_or_default();
        let Some(child) = all.get(killed as usize * 7 % all.len().max(1)) else { continue };
        let Some(pid) = child["pid"].as_u64() else { continue };
        // The server's own child, named by the server just now.
        let _ =
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid as i32), nix::sys::signal::Signal::SIGKILL);
        killed += 1;
    }
    killed
}

fn probe(path: &Path) -> (f64, u64) {
    let output = std::process::Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-select_streams", "v:0"])
        .args(["-show_entries", "stream=nb_read_frames:format=duration,start_time", "-of", "json"])
        .arg(path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{}: {said}", path.display());
    let facts: Value = serde_json::from_slice(&output.stdout).unwrap();
    let number = |value: &Value| value.as_str().and_then(|text| text.parse().ok()).unwrap_or(0.0);
    // Files of playlists have one line: they do not begin at zero.
    let begins = if path.extension().is_some_and(|ending| ending == "mp4") {
        number(&facts["format"]["start_time"])
    } else {
        0.0
    };
    (number(&facts["format"]["duration"]) - begins, number(&facts["streams"][0]["nb_read_frames"]) as u64)
}

/// Every file of every stream plays, as long as the index says; every playlist names files that are there.
fn judge(server: &Server, store: &Path) -> usize {
    let mut files = 0;
    for number in 0..SOURCES {
        let list = server.get(&format!("/api/v1/recordings/cam{number}/segments?limit=10000")).json();
        for segment in list["segments"].as_array().unwrap() {
            assert_eq!(segment["open"], json!(false), "{segment}");
            files += 1;
            // Each fourth: it takes a process each.
            if files % 4 != 0 {
                continue;
            }
            let wall = |key: &str| {
                let text = segment[key].as_str().unwrap();
                media::WallTime::parse_rfc3339(text).unwrap().as_micros() as f64 / 1e6
            };
            let lasted = wall("to") - wall("from");
            let (duration, frames) = probe(&store.join(segment["file"].as_str().unwrap()));
            // It plays to its end. A source that was killed leaves a pause in a file, and comes again with a burst of up to a
            // second and a half of media at once; RTMP says nothing of when that was captured, so its times are those of arrival.
            assert!(
                frames > 0 && frames as f64 / 25.0 < duration + 0.15,
                "{frames} frames in {duration} s: {segment}"
            );
            assert!((duration - lasted).abs() < 2.0, "{duration} s for {lasted} s: {segment}");
        }
    }
    for list in walk(store).into_iter().filter(|path| path.ends_with("index.m3u8")) {
        let text = std::fs::read_to_string(&list).unwrap();
        let parsed = formats::hls::parse(&text).unwrap();
        assert!(!parsed.entries.is_empty());
        for entry in parsed.entries {
            assert!(list.with_file_name(&entry.uri).exists(), "{}: {}", list.display(), entry.uri);
        }
    }
    files
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() { found.extend(walk(&entry.path())) } else { found.push(entry.path()) }
    }
    found
}

fn two_recordings_at_once(stage: Stage) {
    require!(ffmpeg5, ffprobe);
    let place = Place::new().unwrap();
    let store = place.file("recordings");
    let server = stage.server(&place, settings(&clip(&place), &store));
    for number in 0..SOURCES {
        server.wait_for_state(&format!("cam{number}"), "live", Duration::from_secs(30));
    }
    let length = Duration::from_secs(long_or_short(20, 10));
    let (until, stop, turns) = (Instant::now() + length, AtomicBool::new(false), AtomicU64::new(0));
    let killed = std::thread::scope(|scope| {
        let (server, turns, stop) = (&server, &turns, &stop);
        let toggles: Vec<_> = (0..SOURCES)
            .flat_map(|number| [("hls", number), ("mp4", number)])
            .map(|(format, number)| {
                scope.spawn(move || {
                    let stream = format!("cam{number}");
                    let seed = (number as u64 + 1) * 7919 + format.len() as u64;
                    turns.fetch_add(toggle(server.api(), &stream, format, until, seed), Ordering::Relaxed);
                })
            })
            .collect();
        let disturber = scope.spawn(move || disturb(server, stop));
        // Viewers come and go on every stream.
        for number in 0..SOURCES {
            if Instant::now() >= until {
                break;
            }
            let report = watch_for(1, "rtsp", &server.rtsp_url(&format!("cam{number}")), 1);
            assert_eq!(report.failed, 0, "{:?}", report.reasons);
        }
        for toggle in toggles {
            toggle.join().unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        disturber.join().unwrap()
    });
    // Supervision never ended: what was killed is back.
    for number in 0..SOURCES {
        server.wait_for_state(&format!("cam{number}"), "live", Duration::from_secs(30));
    }
    let left = server.get("/api/v1/recordings").json();
    for stream in left["streams"].as_array().unwrap() {
        assert_eq!(stream["recordings"], json!([]), "{stream}");
    }
    let files = judge(&server, &store);
    server.stop();
    let check = std::process::Command::new(super::BINARY)
        .args(["recordings", "check", "--hashes", "--path"])
        .arg(&store)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(check.status.success(), "{said}");
    let turns = turns.load(Ordering::Relaxed);
    assert!(turns > 100 && killed > 5 && files > 100, "{turns} turns, {killed} killed, {files} files");
    println!("{turns} recordings, {killed} sources killed, {files} files; {}", said.trim());
}

#[test]
fn two_recordings_at_once_of_twenty_ffmpeg_sources() {
    tell_alone(Stage::Plain, two_recordings_at_once);
}
