//! From the first start to the last second: the demo without a config, the API's manners, and an orderly end.

use super::clip::Clip;
use super::publish::publish;
use super::{BINARY, turn};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use std::process::Command;
use std::time::Duration;
use testkit::process::{Peer, Place, Server, eventually};
use testkit::require;

/// The ports that the README names.
const DEFAULT_ADDRESSES: [&str; 4] = ["127.0.0.1:1984", "127.0.0.1:8554", "127.0.0.1:1935", "127.0.0.1:8555"];

#[test]
fn without_a_config_the_demo_camera_plays_on_the_default_ports() {
    require!(ffprobe);
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let server = Server::start_with(BINARY, &place, &[], DEFAULT_ADDRESSES.map(str::to_owned));
    let banner = server.log();
    for address in ["1984", "8554", "1935", "demo"] {
        assert!(banner.contains(address), "the banner does not name {address}:\n{banner}");
    }
    for (name, url) in [("rtsp", server.rtsp_url("demo")), ("rtmp", server.rtmp_url("demo"))] {
        let mut command = Command::new(&ffprobe);
        command.args(["-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", &url]);
        let exit = Peer::start(&place, name, &mut command, Duration::from_secs(20)).wait().expect_success();
        let mut codecs: Vec<&str> = exit.stdout.lines().collect();
        codecs.sort_unstable();
        assert_eq!(codecs, ["aac", "h264"], "{url}");
    }
    let page = server.get("/");
    assert_eq!(page.status, 200);
    assert!(page.text().contains("<html"), "{}", page.text());
    // Without a file there is nothing to read again, which is no reason to end.
    kill(Pid::from_raw(server.pid().try_into().unwrap()), Signal::SIGHUP).unwrap();
    eventually("SIGHUP is answered in the log", Duration::from_secs(5), || {
        server.log().contains("runs without a configuration file").then_some(())
    });
    assert_eq!(server.request("POST", "/api/v1/config/reload", b"").unwrap().status, 410);
    assert_eq!(server.stream("demo")["state"], "live");
    server.stop();
}

#[test]
fn both_signals_drain_a_busy_server_in_time() {
    require!(ffmpeg5, ffmpeg9);
    let _turn = turn::shared();
    let file = Clip::H264Aac.file(&ffmpeg9);
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let place = Place::new().unwrap();
        let server = Server::start(BINARY, &place, json!({ "streams": { "in1": null } }));
        let _publishing = publish(&ffmpeg5, &place, &file, &["-f", "flv"], &server.rtmp_url("in1"));
        server.wait_for_state("in1", "live", Duration::from_secs(10));
        let urls =
            [server.rtsp_url("in1"), server.rtmp_url("in1"), server.http_url("/api/stream.flv?src=in1")];
        let readers: Vec<Peer> = urls
            .iter()
            .enumerate()
            .map(|(number, url)| {
                let mut command = Command::new(&ffmpeg5);
                command.args(["-v", "error", "-nostdin", "-i", url, "-c", "copy", "-f", "null", "-"]);
                Peer::start(&place, &format!("reader-{number}"), &mut command, Duration::from_secs(30))
            })
            .collect();
        eventually("three readers read", Duration::from_secs(10), || {
            (server.stream("in1")["readers"].as_array().map_or(0, Vec::len) == 3).then_some(())
        });
        let took = server.stop_by(signal);
        println!("{signal}: drained in {} ms", took.as_millis());
        for reader in readers {
            let exit = reader.wait();
            assert!(!exit.timed_out, "{} was not told that the stream ended", exit.name);
        }
    }
}

#[test]
fn a_deleted_stream_is_gone_when_the_answer_comes() {
    require!(ffmpeg5, ffmpeg9);
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let file = Clip::H264Aac.file(&ffmpeg9);
    let server = Server::start(BINARY, &place, json!({}));
    let publishing = publish(&ffmpeg5, &place, &file, &["-f", "flv"], &server.rtmp_url("gone"));
    server.wait_for_state("gone", "live", Duration::from_secs(10));
    let mut command = Command::new(&ffmpeg5);
    command.args([
        "-v",
        "error",
        "-nostdin",
        "-i",
        &server.rtsp_url("gone"),
        "-c",
        "copy",
        "-f",
        "null",
        "-",
    ]);
    let reader = Peer::start(&place, "reader", &mut command, Duration::from_secs(30));
    eventually("it is read", Duration::from_secs(10), || {
        (server.stream("gone")["readers"].as_array().map_or(0, Vec::len) == 1).then_some(())
    });
    let answer = server.request("DELETE", "/api/streams?src=gone", b"").unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(
        server.stream("gone").is_null(),
        "it is still there after the answer: {:#}",
        server.stream("gone")
    );
    assert!(!reader.wait().timed_out, "the reader was not ended");
    assert!(!publishing.wait().timed_out, "the publisher was not ended");
    server.stop();
}

#[test]
fn home_assistants_gate_takes_the_version() {
    let place = Place::new().unwrap();
    let server = Server::start(BINARY, &place, json!({}));
    let info = server.get("/api").json();
    let version = info["version"].as_str().unwrap_or_default();
    let parts: Vec<u32> = version.split('.').filter_map(|part| part.parse().ok()).collect();
    assert!(matches!(parts.as_slice(), [1, 9, patch] if *patch >= 15), "{info:#}");
    server.stop();
}
