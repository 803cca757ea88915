//! Cameras in rooms, and rooms as streams, through the real binary: by players alone, and with a person on the meeting page.
use super::browser::{result, script_within};
use super::{BINARY, turn};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use testkit::process::{Peer, Place, Server, eventually, free_port};
use testkit::require;

const ROOM: &str = "daily";
const SECRET: &str = "a secret of the journeys, 32 bytes at least";
/// Longest meeting: 2 min. It takes half of one.
const LIMIT: Duration = Duration::from_secs(120);
/// Seconds of a stream that a player decodes.
const SECONDS: usize = 4;

fn start(place: &Place, streams: Value) -> Server {
    let rooms =
        json!({ "listen": format!("127.0.0.1:{}", free_port()), "workers": 1, "keys": { "web": SECRET } });
    let recording = json!({
        "path": place.file("recordings").to_str().unwrap(), "segment": "3s", "aligned": false, "free_min": "1MB",
    });
    Server::start(BINARY, place, json!({ "rooms": rooms, "recording": recording, "streams": streams }))
}

/// Frames of picture and sound that FFmpeg decodes of a stream by RTSP within some seconds.
fn decoded(ffmpeg: &Path, place: &Place, server: &Server, stream: &str) -> [usize; 2] {
    let file = place.file(&format!("{stream}.framemd5"));
    let mut command = Command::new(ffmpeg);
    command
        .args(["-v", "warning", "-nostdin", "-y", "-rtsp_transport", "tcp", "-i"])
        .arg(server.rtsp_url(stream));
    command.args(["-map", "0:v", "-map", "0:a", "-t", &SECONDS.to_string(), "-f", "framemd5"]).arg(&file);
    Peer::start(place, stream, &mut command, Duration::from_secs(40)).wait().expect_success();
    let text = std::fs::read_to_string(file).unwrap();
    let of = |track: &str| text.lines().filter(|line| line.starts_with(track)).count();
    [of("0,"), of("1,")]
}

#[test]
fn a_camera_that_joins_a_room_is_a_stream_again_and_its_ends_are_told() {
    require!(ffmpeg5);
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let server = start(&place, json!({ "cam": "demo:", "copy": "room:daily/stream:cam" }));
    let streams = format!("/api/v1/rooms/{ROOM}/streams");
    let ask = |method: &str, path: &str, body: &Value| {
        server.request(method, path, body.to_string().as_bytes()).unwrap()
    };
    let missing = ask("POST", &streams, &json!({ "stream": "nobody" }));
    assert_eq!((missing.status, missing.text().as_str()), (404, "there is no stream nobody\n"));
    let brought = ask("POST", &streams, &json!({ "stream": "cam", "name": "Front door" }));
    assert_eq!(brought.json(), json!({ "identity": "stream:cam", "left_out": [] }));
    assert_eq!(ask("POST", &streams, &json!({ "stream": "cam" })).status, 409);
    let member = server.get(&format!("/api/v1/rooms/{ROOM}")).json()["members"][0].clone();
    assert_eq!((&member["name"], &member["remote_addr"]), (&json!("Front door"), &json!("stream cam")));
    let [pictures, sounds] = decoded(&ffmpeg5, &place, &server, "copy");
    println!("{pictures} pictures, {sounds} sounds");
    assert!(pictures >= (SECONDS - 1) * 25 && sounds >= (SECONDS - 1) * 50, "{pictures} {sounds}");
    assert_eq!(ask("DELETE", &format!("{streams}/cam"), &json!({})).status, 200);
    assert_eq!(ask("DELETE", &format!("{streams}/cam"), &json!({})).status, 404);
    assert!(server.log().contains("taken_out"), "{}", server.log());
    server.stop();
}

#[test]
fn a_person_sees_and_hears_a_camera_in_a_meeting_and_is_a_stream_herself() {
    require!(chromium, ffmpeg5);
    let _turn = turn::alone();
    let place = Place::new().unwrap();
    let server = start(&place, json!({ "cam": "demo:", "ann": { "url": "room:daily/ann", "record": true } }));
    let done = place.file("done");
    let settings = json!({
        "url": server.http_url("/meeting.html"),
        "api": server.http_url("/api/v1/rooms"),
        "key": { "kid": "web", "secret": SECRET },
        "room": ROOM,
        "stream": "cam",
        "until": done,
        "screenshot": place.file("meeting.png"),
        "flags": ["--use-fake-device-for-media-stream=fps=10"],
    });
    let script = script_within(LIMIT, "bridges.mjs", &chromium, &place, settings);
    eventually("she sends a picture and sound", Duration::from_secs(60), || {
        let room = server.get(&format!("/api/v1/rooms/{ROOM}"));
        let members = (room.status == 200).then(|| room.json()["members"].clone())?;
        let ann = members.as_array()?.iter().find(|member| member["identity"] == "ann")?.clone();
        (ann["producers"].as_array()?.len() == 2).then_some(())
    });
    let [pictures, sounds] = decoded(&ffmpeg5, &place, &server, "ann");
    println!("{pictures} pictures, {sounds} sounds");
    let tracks = server.stream("ann")["tracks"].clone();
    eventually("she is recorded", Duration::from_secs(20), || {
        (server.get("/api/v1/recordings/ann").json()["segments"].as_u64() >= Some(2)).then_some(())
    });
    std::fs::write(done, "").unwrap();
    let result = result(script);
    assert!(pictures >= 20 && sounds >= (SECONDS - 1) * 50, "{pictures} {sounds}");
    assert_eq!((&tracks[0]["codec"], &tracks[1]["codec"]), (&json!("VP8"), &json!("OPUS")), "{tracks:#}");
    assert_eq!(result["brought"]["status"], 200, "{result:#}");
    assert_eq!(
        (&result["picture"]["width"], &result["picture"]["height"]),
        (&json!(640), &json!(360)),
        "{result:#}"
    );
    assert!(result["picture"]["changed"].as_f64() > Some(20.0), "the picture stands still: {result:#}");
    assert_eq!(result["stats"]["codec"], "H264", "{result:#}");
    assert!(result["label"].as_str().unwrap_or_default().contains("Front door"), "{result:#}");
    assert!(result["sound"][0]["totalAudioEnergy"].as_f64() > Some(0.0001), "nothing is heard: {result:#}");
    assert_eq!((&result["takenOut"], &result["complaints"]), (&json!(200), &json!([])), "{result:#}");
    server.stop();
}
