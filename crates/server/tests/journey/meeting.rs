//! Conferences in Chromium: two people on the server's own page, and the API of `mediasoup-client` itself.

use super::browser::{result, script_within};
use super::{BINARY, turn};
use formats::pcm::{RawAudio, WAV_HEADER_BYTES, wav_header};
use media::Codec;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use testkit::process::{Place, Server, free_port};
use testkit::require;

const ROOM: &str = "daily";
/// Longest meeting: 3 min. It takes one where two cores encode and decode for both people.
const LIMIT: Duration = Duration::from_secs(180);

const SECRET: &str = "a secret of the journeys, 32 bytes at least";

/// A server with rooms on loopback, and what a script needs to sign tokens for it.
fn start(place: &Place) -> (Server, Value) {
    let rooms =
        json!({ "listen": format!("127.0.0.1:{}", free_port()), "workers": 1, "keys": { "web": SECRET } });
    (Server::start(BINARY, place, json!({ "rooms": rooms })), json!({ "kid": "web", "secret": SECRET }))
}

fn text<'a>(result: &'a Value, pointer: &str) -> &'a str {
    result.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn number(result: &Value, pointer: &str) -> f64 {
    result.pointer(pointer).and_then(Value::as_f64).unwrap_or(-1.0)
}

/// The fake camera is green with a pie that turns and a clock.
#[track_caller]
fn assert_moves(result: &Value, pointer: &str) {
    assert!(number(result, &format!("{pointer}/changed")) > 50.0, "{pointer} stands still: {result:#}");
    assert!(number(result, &format!("{pointer}/colours")) >= 3.0, "{pointer} is one colour: {result:#}");
}

fn assert_screenshots(place: &Place, names: &[&str]) {
    for name in names {
        let path = place.file(&format!("{name}.png"));
        let size = std::fs::metadata(&path).map(|data| data.len()).unwrap_or(0);
        assert!(size > 5_000, "{} has only {size} bytes", path.display());
    }
}

/// Writes a voice for microphones, and says where: what beeps, or goes on for ever, is taken for noise. Four syllables a
/// second, of 150 Hz and its overtones.
fn voice(place: &Place) -> String {
    const RATE: u32 = 48_000;
    let sample = |at: u32| {
        let seconds = f64::from(at) / f64::from(RATE);
        let phase = |hz: f64| (seconds * hz * std::f64::consts::TAU).sin();
        let voiced: f64 =
            (1..10).map(|overtone| phase(150.0 * f64::from(overtone)) / f64::from(overtone)).sum();
        (voiced * phase(2.0).abs().powi(2) * 9_000.0) as i16
    };
    let samples: Vec<u8> = (0..4 * RATE).flat_map(|at| sample(at).to_le_bytes()).collect();
    let mut file = wav_header(RawAudio { codec: Codec::L16, rate: RATE, channels: 1 }).unwrap().to_vec();
    file.extend(&samples);
    // the lengths, which Chromium believes
    let (all, data) = (file.len() as u32 - 8, samples.len() as u32);
    file[4..8].copy_from_slice(&all.to_le_bytes());
    file[WAV_HEADER_BYTES - 4..WAV_HEADER_BYTES].copy_from_slice(&data.to_le_bytes());
    let path = place.file("voice.wav");
    std::fs::write(&path, &file).unwrap();
    path.display().to_string()
}

/// Two people meet and do these things; see `peers/meeting.mjs`.
fn meet(chromium: &Path, steps: &[&str]) -> (Place, Value) {
    let _turn = turn::alone();
    let place = Place::new().unwrap();
    let (server, key) = start(&place);
    let settings = json!({
        "url": server.http_url("/meeting.html"),
        "api": server.http_url("/api/v1/rooms"),
        "key": key,
        "room": ROOM,
        "screenshots": place.file("."),
        // two people's pictures are encoded in three sizes and decoded on two cores: at 30 frames a second the
        // browser is what stands still
        "flags": [
            "--auto-select-desktop-capture-source=Entire screen",
            "--use-fake-device-for-media-stream=fps=10",
            format!("--use-file-for-fake-audio-capture={}", voice(&place)),
        ],
        "steps": steps,
    });
    let result = result(script_within(LIMIT, "meeting.mjs", chromium, &place, settings));
    assert_moves(&result, "/pictures/ann");
    assert_moves(&result, "/pictures/ben");
    assert_eq!(result["complaints"], json!([]), "the browser complained");
    assert_eq!(result["leaked"], json!([]), "a token was in a URL");
    server.stop();
    (place, result)
}

#[test]
fn two_people_meet_on_the_page_chat_mute_share_come_back_and_leave() {
    require!(chromium);
    let steps = ["tokens", "hide", "chat", "mute", "speak", "screen", "restart", "vp9", "lose", "leave"];
    let (place, result) = meet(&chromium, &steps);
    assert!(text(&result, "/expired").contains("has expired"), "{result:#}");
    assert!(text(&result, "/forged").contains("needs a valid token"), "{result:#}");
    for address in result["addresses"].as_array().unwrap() {
        assert!(!address.as_str().unwrap().contains('#'), "the token stays in the address: {address}");
    }
    assert_eq!(result["codec"], "VP8");
    for word in ["Size", "fps", "bit/s", "Layer", "Loss", "RTT", "VP8"] {
        assert!(text(&result, "/overlay").contains(word), "{word} is not shown: {result:#}");
    }
    assert_eq!(result["hidden"]["changed"], 0, "a picture that cannot be seen is sent: {result:#}");
    assert_moves(&result, "/shown");
    assert_eq!(result["chat"], json!(["Ann: hello <b>Ben</b> 👋", "Ben: hello Ann"]));
    assert!(number(&result, "/channels") >= 1.0, "the chat did not go by a data channel: {result:#}");
    assert!(["Ann", "Ben"].contains(&text(&result, "/speaker")), "nobody speaks: {result:#}");
    assert!(!text(&result, "/unmutedLabel").contains("muted"), "{result:#}");
    assert!(text(&result, "/mutedLabel").contains("muted"), "{result:#}");
    assert!(text(&result, "/large").starts_with("ann/screen/"), "{result:#}");
    assert_restarted(&result);
    assert_eq!(result["vp9"]["codec"], "VP9", "{result:#}");
    assert_left(&result);
    assert_screenshots(&place, &["grid", "speaker", "kicked"]);
}

#[test]
fn tiles_on_the_page_get_the_layer_that_their_size_or_a_person_asks_for() {
    require!(chromium);
    let (_place, result) = meet(&chromium, &["layers"]);
    assert!(number(&result, "/low/height") <= 180.0, "{result:#}");
    assert!(number(&result, "/high/height") > 360.0, "{result:#}");
    assert!(number(&result, "/small/asked/layers/spatialLayer") < 2.0, "{result:#}");
}

fn assert_restarted(result: &Value) {
    assert_eq!(result["restart"]["renewed"], true, "{result:#}");
    // as many as in the same time without a restart: how many that are is this machine's encoder's doing
    let usual = number(result, "/restart/without/frames");
    assert!(usual > 5.0, "there was hardly a picture before: {result:#}");
    assert!(number(result, "/restart/frames") > usual / 2.0, "the picture did not go on: {result:#}");
    assert!(number(result, "/restart/longestGapMs") < 1000.0, "the picture stood still: {result:#}");
    assert_eq!(result["restart"]["connections"], json!(["connected", "connected"]), "{result:#}");
}

fn assert_left(result: &Value) {
    assert_eq!(result["left"]["told"], "Ann left.", "{result:#}");
    assert_eq!(result["left"]["phase"], "idle", "{result:#}");
    assert_eq!(result["kickStatus"].as_u64().map(|status| status / 100), Some(2), "{result:#}");
    assert_eq!(result["kicked"], "You were removed from the meeting: Be nice.", "{result:#}");
    assert_eq!(result["staysOut"], "idle", "{result:#}");
}

/// Two participants use `mediasoup-client` as any application would; see `peers/mediasoup_client.mjs`.
fn use_mediasoup_client(chromium: &Path) -> Value {
    let _turn = turn::alone();
    let place = Place::new().unwrap();
    let (server, key) = start(&place);
    let settings = json!({ "url": server.http_url("/meeting.html"), "key": key, "room": ROOM });
    let result = result(script_within(LIMIT, "mediasoup_client.mjs", chromium, &place, settings));
    assert_eq!(result["complaints"], json!([]), "the browser complained");
    server.stop();
    result
}

#[test]
fn mediasoup_client_sends_media_and_data_receives_switches_layers_pauses_restarts_and_closes() {
    require!(chromium);
    let result = use_mediasoup_client(&chromium);
    assert_eq!(result["canProduce"], json!([true, true]), "{result:#}");
    assert_eq!(result["joined"]["ben"]["peers"][0]["id"], "ann", "{result:#}");
    let consumer = json!({
        "type": "simulcast", "appData": { "source": "camera", "mine": 7 }, "peerId": "ann", "mode": "L3T3",
    });
    assert_eq!(result["consumer"], consumer, "{result:#}");
    assert_eq!(result["codec"], json!(["video/VP8", "audio/opus"]), "{result:#}");
    assert_moves(&result, "/picture");
    assert_eq!(result["heights"], json!([180, 720, 360]), "{result:#}");
    assert_eq!(result["framesInPause"], json!([0, 0]), "{result:#}");
    assert_eq!(result["restart"]["different"], 3, "{result:#}");
    let frames = result["restart"]["frames"].as_array().unwrap();
    assert!(frames.iter().all(|of_3s| of_3s.as_u64() > Some(30)), "the picture did not go on: {result:#}");
    let channels = json!([
        { "label": "chat", "protocol": "text", "ordered": true },
        { "label": "loose", "protocol": "", "ordered": false, "maxRetransmits": 0 },
    ]);
    assert_eq!(result["channels"], channels, "{result:#}");
    assert_eq!(result["data"], json!({ "inOrder": true, "sameBytes": true, "own": 0 }), "{result:#}");
    assert_eq!(result["stats"]["transport"], json!(["webrtc-transport"]), "{result:#}");
    let kinds = result["stats"]["producer"].as_array().unwrap();
    assert!(!kinds.is_empty() && kinds.iter().all(|kind| kind == "inbound-rtp"), "{result:#}");
    assert_eq!(result["stats"]["consumer"][0], "outbound-rtp", "{result:#}");
    let refusals = result["refusals"].as_array().unwrap();
    let codes: Vec<_> = refusals.iter().map(|one| one["code"].as_u64()).collect();
    assert_eq!(codes, [Some(400), Some(404), Some(409), Some(403), Some(400)], "{result:#}");
    assert_eq!(result["closedConsumer"], true, "{result:#}");
    assert_eq!(result["peerClosed"]["peerId"], "ann", "{result:#}");
}
