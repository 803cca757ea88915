//! A camera: GStreamer's RTSP server with digest authentication. It is pulled on demand, killed, restarted; the
//! stream's state is true all along, and those who watch go on watching.

use super::{BINARY, turn};
use serde_json::json;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use testkit::process::{Peer, Place, Server, eventually, free_port};
use testkit::require;

const USER: &str = "viewer";
const PASSWORD: &str = "s3cret-of-the-camera";

/// How long the camera may take to be there, or to be missed.
const SOON: Duration = Duration::from_secs(15);

fn start_camera(python_gi: &Path, place: &Place, name: &str, port: u16) -> Peer {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/rtsp_cam.py");
    let mut command = Command::new(python_gi);
    command.arg(script).args([&port.to_string(), USER, PASSWORD]);
    let camera = Peer::start(place, name, &mut command, Duration::from_secs(120));
    eventually("the camera listens", SOON, || camera.stdout().contains("ready").then_some(()));
    camera
}

/// A viewer that lives through everything: FFmpeg writing packets down, one line each.
fn start_viewer(ffmpeg: &Path, place: &Place, name: &str, arguments: &[&str], url: &str) -> Peer {
    let mut command = Command::new(ffmpeg);
    command.args(["-v", "error", "-nostdin"]).args(arguments).args(["-i", url]);
    command.args(["-map", "0:v:0", "-c", "copy", "-f", "framecrc", "-flush_packets", "1", "-"]);
    Peer::start(place, name, &mut command, Duration::from_secs(110))
}

fn pictures(viewer: &Peer) -> usize {
    viewer.stdout().lines().filter(|line| line.starts_with("0,")).count()
}

fn wait_for_more(viewer: &Peer, what: &str) {
    let before = pictures(viewer);
    eventually(what, SOON, || (pictures(viewer) >= before + 25).then_some(()));
}

#[test]
fn a_camera_is_pulled_on_demand_killed_and_restarted_and_viewers_resume() {
    require!(ffmpeg5, python_gi);
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let port = free_port();
    let url = format!("rtsp://{USER}:{PASSWORD}@127.0.0.1:{port}/cam");
    let server = Server::start(BINARY, &place, json!({ "streams": { "cam": url } }));
    assert_eq!(server.stream("cam")["state"], "idle", "nobody reads, so nobody dials");

    let camera = start_camera(&python_gi, &place, "camera-1", port);
    let viewer =
        start_viewer(&ffmpeg5, &place, "viewer", &["-rtsp_transport", "tcp"], &server.rtsp_url("cam"));
    let live = server.wait_for_state("cam", "live", SOON);
    assert_eq!(live["sources"][0]["state"], "live", "{live:#}");
    assert_eq!(live["tracks"].as_array().map_or(0, Vec::len), 2, "{live:#}");
    wait_for_more(&viewer, "the viewer gets pictures");

    camera.kill();
    let gone = eventually("a killed camera is not live", SOON, || {
        let stream = server.stream("cam");
        (stream["state"] != "live").then_some(stream)
    });
    assert_ne!(gone["state"], "idle", "there is a reader: {gone:#}");
    let failing = eventually("the source backs off and says why", SOON, || {
        let stream = server.stream("cam");
        (stream["sources"][0]["state"] == "backoff" && stream["sources"][0]["error"].is_string())
            .then_some(stream)
    });
    assert!(failing["reason"].is_string(), "a stream that is not live says why: {failing:#}");
    let seen = pictures(&viewer);

    let camera = start_camera(&python_gi, &place, "camera-2", port);
    server.wait_for_state("cam", "live", Duration::from_secs(30));
    eventually("the same viewer sees pictures again", SOON, || {
        (pictures(&viewer) >= seen + 25).then_some(())
    });

    // an orderly end of the camera is noticed too, and so is its return
    camera.stop();
    eventually("a stopped camera is not live", SOON, || {
        (server.stream("cam")["state"] != "live").then_some(())
    });
    let _camera = start_camera(&python_gi, &place, "camera-3", port);
    server.wait_for_state("cam", "live", Duration::from_secs(30));
    wait_for_more(&viewer, "the viewer sees pictures once more");

    viewer.kill();
    let idle = server.wait_for_state("cam", "idle", Duration::from_secs(40));
    assert_eq!(idle["readers"].as_array().map_or(0, Vec::len), 0, "{idle:#}");
    assert_no_secrets(&server);
    server.stop();
}

#[test]
fn a_camera_that_refuses_the_password_is_told_apart_from_one_that_is_down() {
    require!(ffmpeg5, python_gi);
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let (port, nobody) = (free_port(), free_port());
    let _camera = start_camera(&python_gi, &place, "camera", port);
    let streams = json!({
        "wrong": format!("rtsp://{USER}:not-{PASSWORD}@127.0.0.1:{port}/cam"),
        "down": format!("rtsp://{USER}:{PASSWORD}@127.0.0.1:{nobody}/cam"),
        "elsewhere": format!("rtsp://{USER}:{PASSWORD}@127.0.0.1:{port}/no-such-path"),
    });
    let server = Server::start(BINARY, &place, json!({ "streams": streams }));
    let viewers = ["wrong", "down", "elsewhere"].map(|name| {
        start_viewer(&ffmpeg5, &place, name, &["-rtsp_transport", "tcp"], &server.rtsp_url(name))
    });
    let error = |name: &str| {
        eventually(&format!("{name} has an error"), SOON, || {
            server.stream(name)["sources"][0]["error"].as_str().map(str::to_lowercase)
        })
    };
    let (wrong, down, elsewhere) = (error("wrong"), error("down"), error("elsewhere"));
    assert!(wrong.contains("401") || wrong.contains("credentials") || wrong.contains("password"), "{wrong}");
    assert!(down.contains("refuse"), "{down}");
    assert!(elsewhere.contains("404"), "{elsewhere}");
    for viewer in viewers {
        viewer.kill();
    }
    assert_no_secrets(&server);
    server.stop();
}

/// The password appears neither in the log nor in what the API says.
fn assert_no_secrets(server: &Server) {
    assert!(!server.log().contains(PASSWORD), "the log has the camera's password");
    let said = server.get("/api/v1/streams").text();
    assert!(!said.contains(PASSWORD), "the API says the camera's password: {said}");
}
