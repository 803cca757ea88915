//! Bad input gets a clear error, and nothing else is disturbed.

use super::clip::Clip;
use super::publish::publish;
use super::{BINARY, turn};
use serde_json::json;
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;
use testkit::process::{Exit, Peer, Place, Server, free_port};
use testkit::require;

/// Runs the binary with a config that it must not accept.
fn refused(place: &Place, config: &str, more: &[&str]) -> Exit {
    let path = place.file("bad.yaml");
    std::fs::write(&path, config).unwrap();
    let mut command = Command::new(BINARY);
    command.arg("--config").arg(&path).args(more);
    let exit = Peer::start(place, "aqueduct", &mut command, Duration::from_secs(10)).wait();
    assert!(!exit.timed_out, "it runs with this config:\n{config}\n{}{}", exit.stdout, exit.stderr);
    assert!(!exit.success, "it ended well with this config:\n{config}");
    exit
}

fn said(exit: &Exit) -> String {
    format!("{}{}", exit.stdout, exit.stderr)
}

#[test]
fn an_unknown_config_key_is_named_with_its_line_and_the_nearest_valid_one() {
    let place = Place::new().unwrap();
    let said = said(&refused(&place, "streams: {}\nrtsp:\n  lisen: \"127.0.0.1:1\"\n", &[]));
    assert!(said.contains("lisen") && said.contains("listen"), "{said}");
    assert!(said.contains("bad.yaml") && said.contains('3'), "file and line: {said}");
}

#[test]
fn check_says_everything_that_is_wrong_at_once() {
    let place = Place::new().unwrap();
    let path = place.file("bad.yaml");
    std::fs::write(&path, "rtsp:\n  lisen: \"\"\nrtmp:\n  lissten: \"\"\n").unwrap();
    let mut command = Command::new(BINARY);
    command.arg("--check").arg(&path);
    let exit = Peer::start(&place, "check", &mut command, Duration::from_secs(10)).wait();
    let said = said(&exit);
    assert!(!exit.success && !exit.timed_out, "{said}");
    assert!(said.contains("lisen") && said.contains("lissten"), "{said}");
}

#[test]
fn a_port_in_use_is_named_with_its_setting() {
    let place = Place::new().unwrap();
    let taken = TcpListener::bind(("127.0.0.1", free_port())).unwrap();
    let address = taken.local_addr().unwrap();
    let config = format!(
        "api: {{listen: \"127.0.0.1:{}\"}}\nrtsp: {{listen: \"{address}\"}}\nrtmp: {{listen: \"\"}}\nwebrtc: {{listen: \"\"}}\n",
        free_port()
    );
    let said = said(&refused(&place, &config, &[]));
    assert!(said.contains(&address.port().to_string()) && said.contains("rtsp.listen"), "{said}");
}

#[test]
fn unknown_streams_are_refused_by_every_protocol_and_leave_nothing_behind() {
    require!(ffmpeg5, ffmpeg9);
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let server = Server::start(BINARY, &place, json!({ "streams": { "known": null } }));
    for path in ["/api/stream.flv?src=nobody", "/api/stream.mp4?src=nobody", "/api/v1/streams/nobody"] {
        let answer = server.get(path);
        assert_eq!(answer.status, 404, "{path}: {}", answer.text());
        assert!(answer.text().contains("nobody"), "the answer names what is not there: {}", answer.text());
    }
    let offer = server.request("POST", "/api/webrtc?src=nobody", b"v=0\r\n").unwrap();
    assert!((400..500).contains(&offer.status), "{}", offer.text());
    for (name, url) in [("rtsp", server.rtsp_url("nobody")), ("rtmp", server.rtmp_url("nobody"))] {
        let mut command = Command::new(&ffmpeg5);
        command.args(["-v", "error", "-nostdin", "-i", &url, "-t", "1", "-f", "null", "-"]);
        let exit = Peer::start(&place, name, &mut command, Duration::from_secs(20)).wait();
        assert!(!exit.success && !exit.timed_out, "{name} must be told: {}", exit.stderr);
        if name == "rtsp" {
            assert!(exit.stderr.contains("404"), "{}", exit.stderr);
        }
    }
    assert!(server.stream("nobody").is_null(), "asking made a stream");
    assert_eq!(server.stream("known")["state"], "waiting");
    server.stop();
}

#[test]
fn a_second_publisher_is_refused_and_the_first_goes_on() {
    require!(ffmpeg5, ffmpeg9);
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let file = Clip::H264Aac.file(&ffmpeg9);
    let server = Server::start(BINARY, &place, json!({ "streams": { "in1": null } }));
    let mut first = publish(&ffmpeg5, &place, &file, &["-f", "flv"], &server.rtmp_url("in1"));
    server.wait_for_state("in1", "live", Duration::from_secs(10));
    for (name, format, url) in
        [("rtmp", "flv", server.rtmp_url("in1")), ("rtsp", "rtsp", server.rtsp_url("in1"))]
    {
        let mut command = Command::new(&ffmpeg9);
        command.args(["-v", "error", "-nostdin", "-re", "-i"]).arg(&file);
        command.args(["-c", "copy", "-t", "5", "-f", format, &url]);
        let second = Peer::start(&place, name, &mut command, Duration::from_secs(20)).wait();
        assert!(!second.success && !second.timed_out, "the second publisher by {name} was not told");
    }
    assert!(first.is_running(), "the first publisher was disturbed: {}", first.stderr());
    assert_eq!(server.stream("in1")["state"], "live");
    server.stop();
}

#[test]
fn wrong_credentials_are_refused_and_right_ones_are_not() {
    require!(ffmpeg5, ffmpeg9);
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let file = Clip::H264Aac.file(&ffmpeg9);
    let login = json!({ "username": "ann", "password": "right", "local_auth": true });
    let server = Server::start(BINARY, &place, json!({ "rtsp": login, "streams": { "in1": null } }));
    let url = |login: &str| format!("rtsp://{login}{}/in1", server.rtsp());
    for login in ["", "ann:wrong@", "bob:right@"] {
        let mut command = Command::new(&ffmpeg5);
        command.args(["-v", "error", "-nostdin", "-i", &url(login), "-t", "1", "-f", "null", "-"]);
        let exit = Peer::start(&place, "refused", &mut command, Duration::from_secs(20)).wait();
        assert!(!exit.success && exit.stderr.contains("401"), "{login}: {}", exit.stderr);
    }
    let tcp = ["-f", "rtsp", "-rtsp_transport", "tcp"];
    let _publishing = publish(&ffmpeg5, &place, &file, &tcp, &url("ann:right@"));
    server.wait_for_state("in1", "live", Duration::from_secs(10));
    let mut command = Command::new(&ffmpeg5);
    command.args(["-v", "error", "-nostdin", "-rtsp_transport", "tcp", "-i", &url("ann:right@")]);
    command.args(["-c", "copy", "-t", "1", "-f", "null", "-"]);
    Peer::start(&place, "allowed", &mut command, Duration::from_secs(20)).wait().expect_success();
    assert!(!server.log().contains("right"), "the log has the password");
    server.stop();
}

/// Old FLV players cannot be told of H.265, but RTSP can be asked for what the stream has not.
#[test]
fn a_reader_that_asks_for_a_codec_the_stream_lacks_is_told_what_there_is() {
    require!(ffmpeg9);
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let file = Clip::H265Aac.file(&ffmpeg9);
    let server = Server::start(BINARY, &place, json!({ "streams": { "in1": null } }));
    let tcp = ["-f", "rtsp", "-rtsp_transport", "tcp"];
    let _publishing = publish(&ffmpeg9, &place, &file, &tcp, &server.rtsp_url("in1"));
    server.wait_for_state("in1", "live", Duration::from_secs(10));
    let answer = server.get("/api/stream.mp4?src=in1&video=h264&audio=opus");
    let text = answer.text().to_lowercase();
    assert!((400..500).contains(&answer.status), "status {}", answer.status);
    assert!(
        text.contains("h265") && text.contains("h264"),
        "which there is, and which was asked for: {text}"
    );
    server.stop();
}
