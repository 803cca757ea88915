//! Programs as sources: real ones that write or push, and such that hang, fail and refuse to go.

use super::{BINARY, turn};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use testkit::process::{Peer, Place, Server, eventually};
use testkit::require;

/// A program starts, connects and is seen.
const LIVE: Duration = Duration::from_secs(15);
/// A reader on demand comes and goes: 5 s of linger, and the end.
const GONE: Duration = Duration::from_secs(12);

/// Plays the demo clip for ever, as it is.
fn playing(ffmpeg: &Path, output: &str) -> String {
    let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo.mp4");
    format!("exec:{} -v error -re -stream_loop -1 -i {clip} -c copy {output}", ffmpeg.display())
}

fn start(place: &Place, streams: &Value, programs: &[&Path]) -> Server {
    let log = json!({ "level": "debug" });
    let settings = json!({ "streams": streams, "exec": { "allow_paths": programs }, "log": log });
    Server::start(BINARY, place, settings)
}

/// The processes whose parent the server is, zombies included.
fn children(server: &Server) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(line) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let parent = line.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
        if parent == Some(server.pid()) {
            found.push(line.chars().take(60).collect());
        }
    }
    found
}

fn wait_for_no_children(server: &Server, limit: Duration) {
    eventually(&format!("no child is left of {:?}", children(server)), limit, || {
        children(server).is_empty().then_some(())
    });
}

/// Reads for two seconds; returns the codecs that came.
fn watch(place: &Place, name: &str, ffprobe: &Path, url: &str) -> Vec<String> {
    let mut command = Command::new(ffprobe);
    command.args(["-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", url]);
    let exit = Peer::start(place, name, &mut command, Duration::from_secs(20)).wait().expect_success();
    let mut codecs: Vec<String> = exit.stdout.lines().map(str::to_owned).collect();
    codecs.sort_unstable();
    codecs
}

#[test]
fn what_a_program_writes_or_pushes_is_watched_and_it_goes_with_its_last_viewer() {
    require!(ffmpeg5, ffprobe);
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let streams = json!({
        "flv": playing(&ffmpeg5, "-f flv -"),
        "ts": playing(&ffmpeg5, "-bsf:v h264_mp4toannexb -f mpegts -"),
        "rtsp": playing(&ffmpeg5, "-f rtsp -rtsp_transport tcp {output}"),
        "rtmp": playing(&ffmpeg5, "-f flv {output_rtmp}"),
    });
    let server = start(&place, &streams, &[&ffmpeg5]);
    assert_eq!(children(&server), [""; 0], "programs run on demand");
    for name in ["flv", "ts", "rtsp", "rtmp"] {
        assert_eq!(watch(&place, name, &ffprobe, &server.rtsp_url(name)), ["aac", "h264"], "{name}");
        let stream = server.stream(name);
        assert_eq!(stream["sources"][0]["error"], Value::Null, "{stream:#}");
    }
    wait_for_no_children(&server, GONE);
    let log = server.log();
    assert!(log.contains("a child was started"), "{log}");
    let is_token = |word: &&str| word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let told = log.split(|c: char| !c.is_ascii_alphanumeric()).find(is_token);
    assert_eq!(told, None, "the log tells a path that is a permission");
    server.stop();
}

#[test]
fn a_program_ends_with_the_answer_to_delete() {
    require!(ffmpeg5);
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let stubborn = "exec:sh -c \"trap '' TERM; sleep 1000 & while :; do sleep 0.1; done\"";
    let streams = json!({
        "pipe": { "url": playing(&ffmpeg5, "-f flv -"), "preload": true },
        "push": { "url": playing(&ffmpeg5, "-f rtsp -rtsp_transport tcp {output}"), "preload": true },
        "stubborn": { "url": stubborn, "preload": true },
    });
    let server = start(&place, &streams, &[&ffmpeg5, Path::new("sh")]);
    server.wait_for_state("pipe", "live", LIVE);
    server.wait_for_state("push", "live", LIVE);
    assert_eq!(children(&server).len(), 3);
    let told = server.get("/api/v1/children").json();
    let shown = |key: &str| -> Vec<String> {
        let list = told["children"].as_array().unwrap();
        list.iter().map(|child| child[key].to_string().trim_matches('"').to_owned()).collect()
    };
    let mut streams = shown("stream");
    streams.sort_unstable();
    assert_eq!(streams, ["pipe", "push", "stubborn"], "{told:#}");
    assert!(shown("rss_bytes").iter().all(|bytes| bytes.parse::<u64>().unwrap() > 100_000), "{told:#}");
    for (left, name) in [(2, "pipe"), (1, "push"), (0, "stubborn")] {
        let asked = Instant::now();
        let answer = server.request("DELETE", &format!("/api/streams?src={name}"), b"").unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(children(&server).len(), left, "after {:?}: {:?}", asked.elapsed(), children(&server));
    }
    server.stop();
}

#[test]
fn a_program_that_hangs_beside_a_good_source_holds_up_no_viewer() {
    require!(ffprobe);
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let streams = json!({ "both": ["exec:sleep 3600", "demo:"] });
    let server = start(&place, &streams, &[Path::new("sleep")]);
    let begun = Instant::now();
    assert_eq!(watch(&place, "viewer", &ffprobe, &server.rtsp_url("both")), ["aac", "h264"]);
    println!("watched beside a program that hangs after {:?}", begun.elapsed());
    wait_for_no_children(&server, GONE);
    server.stop();
}

#[test]
fn a_program_that_fails_is_told_with_its_last_words_and_without_its_password() {
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let says = "exec:sh -c 'echo cannot open rtsp://ann:hunter2@cam/ >&2; exit 3' rtsp://ann:hunter2@cam/";
    let garbage = "exec:yes this is no media";
    let silent = "exec:sleep 3600#starttimeout=1";
    let missing = "exec:no-such-program-anywhere";
    let entry = |url: &str| json!({ "url": url, "preload": true });
    let streams = json!({
        "says": entry(says), "garbage": entry(garbage), "silent": entry(silent), "missing": entry(missing),
    });
    let names = ["sh", "yes", "sleep", "no-such-program-anywhere"].map(Path::new);
    let server = start(&place, &streams, &names);
    for (name, words) in [
        ("says", "ended with code 3"),
        ("says", "cannot open rtsp://***@cam/"),
        ("garbage", "unknown format"),
        ("silent", "gave nothing for"),
        ("missing", "there is no program no-such-program-anywhere"),
    ] {
        eventually(&format!("{name} says {words:?}: {:#}", server.stream(name)), LIVE, || {
            let stream = server.stream(name);
            stream["sources"][0]["error"].as_str()?.contains(words).then_some(())
        });
    }
    let shown = server.get("/api/v1/streams").text();
    assert!(!shown.contains("hunter2") && !server.log().contains("hunter2"), "{shown}");
    assert_eq!(server.stream("missing")["sources"][0]["state"], "gave_up");
    server.stop();
}

#[test]
fn programs_end_with_the_server() {
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let stubborn = "exec:sh -c \"trap '' TERM; while :; do sleep 0.1; done\"";
    let streams = json!({ "stubborn": { "url": stubborn, "preload": true } });
    let server = start(&place, &streams, &[Path::new("sh")]);
    eventually("it runs", LIVE, || (children(&server).len() == 1).then_some(()));
    let child: u32 = children(&server)[0].split(' ').next().unwrap().parse().unwrap();
    server.stop();
    assert!(!Path::new(&format!("/proc/{child}")).exists(), "it outlived the server");
}
