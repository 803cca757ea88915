//! Two-way audio: a person talks to a door on the server's page, and what was said is read from the door's talk stream.

use super::browser::{result, script};
use super::{BINARY, turn};
use audio::tone::{Analysis, analyse};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use testkit::process::{Peer, Place, Server};

/// What is said, as the page's microphone hears it.
const TONE_HZ: f64 = 1000.0;
const AMPLITUDE: f64 = 0.25;
/// 0.25 of full scale.
const LEVEL_DBFS: f64 = -12.04;
/// How long the button is held while a reader listens.
const TALK_SECONDS: u64 = 8;
/// How much of it the reader takes.
const LISTEN_SECONDS: &str = "3";
const RATE: u32 = 48_000;

/// A camera that encodes as cameras do: H.264 without B frames, and G.711.
pub(super) fn door(ffmpeg: &Path, place: &Place, server: &Server) -> Peer {
    let mut command = Command::new(ffmpeg);
    command.args(["-v", "error", "-nostdin", "-re", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25"]);
    command.args(["-f", "lavfi", "-i", "sine=frequency=440", "-pix_fmt", "yuv420p", "-g", "25"]);
    command.args(["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency"]);
    command.args(["-c:a", "pcm_alaw", "-ar", "8000", "-f", "rtsp", "-rtsp_transport", "tcp"]);
    command.arg(server.rtsp_url("door"));
    Peer::start(place, "door", &mut command, Duration::from_secs(120))
}

/// Listens where the door's loudspeaker is, and says what it heard.
fn listen(ffmpeg: &Path, place: &Place, server: &Server) -> Analysis {
    let file = place.file("heard.f32");
    let mut command = Command::new(ffmpeg);
    command.args(["-v", "error", "-nostdin", "-rtsp_transport", "tcp", "-analyzeduration", "500000", "-i"]);
    command.arg(server.rtsp_url("door/talk"));
    // One channel as it is: mixing two of them to one would add 3 dB.
    command
        .args(["-t", LISTEN_SECONDS, "-af", "pan=mono|c0=c0", "-ar", "48000", "-f", "f32le", "-y"])
        .arg(&file);
    Peer::start(place, "loudspeaker", &mut command, Duration::from_secs(15)).wait().expect_success();
    let bytes = std::fs::read(&file).unwrap();
    let heard: Vec<f32> =
        bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
    assert!(heard.len() > RATE as usize * 2, "only {} samples were heard", heard.len());
    // The second half: by then the decoder and the browser's gain have settled.
    analyse(&heard[heard.len() / 2..], RATE).expect("silence was heard")
}

fn talk_on_the_page(mode: &str) -> Value {
    let (Some(chromium), Some(ffmpeg9)) = (testkit::peers::chromium(), testkit::peers::ffmpeg9()) else {
        testkit::peers::not_run("chromium and ffmpeg9");
        return Value::Null;
    };
    let _turn = turn::alone();
    let place = Place::new().unwrap();
    let server = Server::start(BINARY, &place, json!({ "streams": { "door": null, "door/talk": null } }));
    let camera = door(&ffmpeg9, &place, &server);
    server.wait_for_state("door", "live", Duration::from_secs(20));
    let page = format!("/player.html?src=door&mode={mode}");
    let elsewhere = server.http_url(&page).replace("127.0.0.1", "camera.lan");
    let settings = json!({
        "url": server.http_url(&page),
        "unsafe": elsewhere,
        "flags": ["--host-resolver-rules=MAP camera.lan 127.0.0.1"],
        "talk": "door/talk",
        "talkSeconds": TALK_SECONDS,
        "screenshots": place.file("."),
        "frequency": TONE_HZ,
        "amplitude": AMPLITUDE,
    });
    let talking = script("talk.mjs", &chromium, &place, settings);
    server.wait_for_state("door/talk", "live", Duration::from_secs(30));
    let heard = listen(&ffmpeg9, &place, &server);
    assert!((heard.frequency_hz - TONE_HZ).abs() < 2.0, "another pitch was heard: {heard:?}");
    assert!((heard.level_dbfs - LEVEL_DBFS).abs() < 1.5, "another level was heard: {heard:?}");
    assert!(heard.purity_db > 20.0, "no clean tone was heard: {heard:?}");
    let result = result(talking);
    println!("{mode}: {heard:?}, open after {} ms, ended after {} ms", result["openMs"], result["endMs"]);
    drop(camera.kill());
    server.stop();
    result
}

/// What holds however the sound travels.
fn assert_talked(result: &Value) {
    assert_eq!(result["askedBefore"], 0, "no microphone is asked for before the button is pressed");
    assert_eq!(result["publisherBefore"], Value::Null, "nobody talks before the button is pressed");
    let audio = &result["constraints"]["audio"];
    assert_eq!(audio["echoCancellation"], true, "{result:#}");
    assert_eq!(audio["noiseSuppression"], true, "{result:#}");
    assert_eq!(result["talking"]["phase"], "talking", "{result:#}");
    assert!(result["talking"]["level"].as_f64().unwrap_or(0.0) > 0.5, "the meter shows nothing: {result:#}");
    let frames = result["frames"].as_u64().unwrap_or(0);
    assert!(frames >= TALK_SECONDS * 25 * 9 / 10, "the picture did not go on: {frames} frames: {result:#}");
    for (phase, word) in [("other", "idle"), ("refused", "refused"), ("stillTalking", "talking")] {
        assert_eq!(result[phase]["phase"], word, "{phase}: {result:#}");
    }
    for phase in ["other", "refused"] {
        let text = result[phase]["text"].as_str().unwrap_or_default();
        let who = "omebody talks: webrtc from 127.0.0.1, for";
        assert!(text.contains(who), "{phase}: {text}");
    }
    for end in ["endMs", "latchEndMs", "keyEndMs"] {
        assert!(result[end].as_u64().unwrap_or(u64::MAX) <= 1000, "{end}: {result:#}");
    }
    assert_eq!(result["microphones"], json!(["ended"]), "the microphone is given back: {result:#}");
    let why = result["unsafe"]["text"].as_str().unwrap_or_default();
    assert!(why.contains("api.tls_listen") && why.contains("http://localhost"), "{why}");
}

#[test]
fn a_page_talks_to_a_door_in_the_session_that_plays_it() {
    let result = talk_on_the_page("webrtc");
    if result.is_null() {
        return;
    }
    assert_talked(&result);
    assert_eq!(result["complaints"], json!([]), "the browser complained");
    // The camera's G.711 goes to the browser as it is, and on while somebody talks.
    assert_eq!(result["player"]["codec"], "H.264 + G.711 A");
    let bytes = result["sound"]["bytes"].as_u64().unwrap_or(0);
    assert!(bytes >= TALK_SECONDS * 8000 * 9 / 10, "the camera's sound did not go on: {result:#}");
    assert!(result["sound"]["energy"].as_f64().unwrap_or(0.0) > 0.01, "it was silence: {result:#}");
}

/// The way of a page that plays by MSE, which has no way back.
#[test]
fn a_page_talks_to_a_door_by_whip() {
    let result = talk_on_the_page("mse");
    if result.is_null() {
        return;
    }
    assert_talked(&result);
    assert_eq!(result["player"]["mode"], "mse");
    // WHIP answers the second talker with 409, which the browser logs.
    let complaints: Vec<&str> =
        result["complaints"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let refusal = |complaint: &&str| complaint.contains("409") && complaint.contains("POST");
    assert!(matches!(complaints[..], [one] if refusal(&one)), "the browser complained: {complaints:#?}");
}
