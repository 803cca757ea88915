//! Two-way audio from end to end: a person holds the talk button on the server's page in a real browser, and a device hears
//! what was said, in time; meanwhile the device's own picture and sound go on in the browser.

use super::browser::{result, script};
use super::talk::door;
use super::{BINARY, turn};
use audio::tone::analyse;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use testkit::ear::{Loudspeaker, Piece, changes};
use testkit::intercom::{Ask, Config, Fault, IsapiIntercom};
use testkit::peers::{chromium, ffmpeg9, not_run, python_gi};
use testkit::process::{Peer, Place, Server, eventually, free_port};
use testkit::tone::from_le_bytes;

/// What is said: two pitches in turn.
const PITCHES_HZ: [f64; 2] = [1_000.0, 1_500.0];
const AMPLITUDE: f64 = 0.25;
/// 0.25 of full scale.
const LEVEL_DBFS: f64 = -12.04;
/// How long the first pitch stays, to be judged.
const STEADY_SECONDS: u64 = 3;
/// How often the pitch changes then: as often the delay is measured.
const CHANGES: usize = 12;
/// Between two holds.
const PAUSE_MS: u64 = 1_500;
/// From mouth to ear, at its worst.
const DELAY_MAX_MS: f64 = 300.0;
/// From the end of a hold or of a page to the end of the device's call.
const CLOSE_MAX_MS: f64 = 1_000.0;
/// The longest time between two pictures in the browser: 500 ms, at 25 pictures a second.
const PICTURE_GAP_MAX_MS: f64 = 500.0;
/// How the last hold ends.
const BROKEN: &str = "page broken";

/// What a device knows at the end. Times are milliseconds since 1970.
struct Device {
    rate: u32,
    /// All that was said to it, in the order in which it came.
    samples: Vec<i16>,
    pieces: Vec<Piece>,
    opened: Vec<f64>,
    closed: Vec<f64>,
}

fn wall_ms(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap().as_secs_f64() * 1_000.0
}

/// A moment of this process on the wall's clock.
fn on_the_wall(at: Instant) -> f64 {
    let (now, wall) = (Instant::now(), wall_ms(SystemTime::now()));
    wall - now.duration_since(at).as_secs_f64() * 1_000.0
}

/// Whoever talks on the page of the stream `door`; what the script found.
fn talk(chromium: &Path, place: &Place, server: &Server) -> Value {
    let settings = json!({
        "url": server.http_url("/player.html?src=door&mode=webrtc"),
        "talk": "door/talk",
        "frequency": PITCHES_HZ[0],
        "other": PITCHES_HZ[1],
        "amplitude": AMPLITUDE,
        "steadySeconds": STEADY_SECONDS,
        "changes": CHANGES,
        "pauseMs": PAUSE_MS,
        "screenshots": place.file("."),
    });
    result(script("intercom.mjs", chromium, place, settings))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

/// The camera's picture and sound went on in the browser while somebody talked.
fn assert_went_on(result: &Value) {
    assert_eq!(result["publisherBefore"], Value::Null, "nobody talks before the button is pressed");
    assert_eq!(result["talking"]["phase"], "talking", "{result:#}");
    let seconds = number(&result["seconds"]);
    let frames = number(&result["frames"]);
    assert!(frames >= seconds * 25.0 * 0.9, "{frames} pictures in {seconds} s: {result:#}");
    let gap = number(&result["pictures"]["longestMs"]);
    assert!(gap < PICTURE_GAP_MAX_MS, "no picture for {gap} ms: {result:#}");
    let sound = result["sound"].as_array().unwrap();
    let sum = |key: &str| sound.iter().map(|look| number(&look[key])).sum::<f64>();
    assert!(sum("bytes") >= seconds * 8_000.0 * 0.9, "the device's sound did not go on: {result:#}");
    assert!(sum("energy") > 0.01, "it was silence: {result:#}");
    let silent = sound.iter().filter(|look| number(&look["bytes"]) < 1.0).count();
    assert_eq!(silent, 0, "the device's sound had a gap: {result:#}");
    let made_up = sum("concealed") / sum("samples");
    println!(
        "meanwhile: {frames} pictures in {seconds:.1} s, {gap:.0} ms apart at most; {:.1} % of the sound made up",
        made_up * 100.0
    );
    assert!(made_up < 0.05, "{:.1} % of the device's sound was made up", made_up * 100.0);
    assert_eq!(result["complaints"], json!([]), "the browser complained");
}

/// Each hold is one call, which ends with it.
fn assert_one_call_a_hold(result: &Value, device: &Device) {
    let holds = result["holds"].as_array().unwrap();
    assert_eq!((device.opened.len(), device.closed.len()), (holds.len(), holds.len()), "{:?}", device.opened);
    let names = ["released", "released", "page closed", BROKEN];
    for (index, (hold, name)) in holds.iter().zip(names).enumerate() {
        let pressed = number(&hold["pressedAt"]);
        let (opened, closed) = (device.opened[index], device.closed[index]);
        // A page that is told to break talks on until it does, which takes a busy machine a second.
        let said = device.pieces.iter().map(|piece| piece.at_ms).filter(|at| *at < closed);
        let ended = if name == BROKEN { said.fold(0.0, f64::max) } else { number(&hold["releasedAt"]) };
        let (open, close) = (opened - pressed, closed - ended);
        println!(
            "{name}: the call opens {open:.0} ms after the press, and is closed {close:.0} ms after the end"
        );
        assert!(open > 0.0 && close > 0.0, "{name}: {result:#}");
        assert!(close < CLOSE_MAX_MS, "{name}: closed {close:.0} ms after the end");
    }
}

/// What was said is heard: its pitch, its level, nothing else, and soon.
fn assert_heard(result: &Value, device: &Device) {
    let apart = number(&result["clocksApartMs"]);
    assert!(apart < 20.0, "the clocks are {apart} ms apart");
    let first_call: Vec<Piece> =
        device.pieces.iter().copied().filter(|piece| piece.at_ms < device.closed[0] + 1.0).collect();
    let length = first_call.iter().map(|piece| piece.samples).sum::<usize>().min(device.samples.len());
    let samples = &device.samples[..length];
    let speaker = Loudspeaker::new(&first_call, device.rate);
    let found = changes(samples, device.rate, PITCHES_HZ);
    let said = result["changes"].as_array().unwrap();
    assert_eq!(found.len(), said.len(), "changes of pitch: heard {found:?}, said {said:?}");

    let (mut arrived, mut heard) = (Vec::new(), Vec::new());
    for (sample, change) in found.iter().zip(said) {
        let at = number(&change["at"]);
        arrived.push(speaker.arrived_ms(*sample).unwrap() - at);
        heard.push(speaker.heard_ms(*sample).unwrap() - at);
    }
    println!("until it is at the device, in ms: {arrived:.0?}");
    println!(
        "until it is heard there, in ms: {heard:.0?}; it had nothing to say for {:.0} ms",
        speaker.dry_ms()
    );
    heard.sort_by(f64::total_cmp);
    arrived.sort_by(f64::total_cmp);
    let (median, worst) = (heard[heard.len() / 2], heard[heard.len() - 1]);
    println!(
        "mouth to ear: median {median:.0} ms, worst {worst:.0} ms (at the device: {:.0} and {:.0} ms)",
        arrived[arrived.len() / 2],
        arrived[arrived.len() - 1]
    );

    // Two seconds of the first pitch, up to a little before it changes.
    let rate = device.rate as usize;
    let steady = &samples[found[0].saturating_sub(rate * 21 / 10)..found[0] - rate / 10];
    let steady: Vec<f32> = steady.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
    let tone = analyse(&steady, device.rate).expect("silence was heard");
    // Piece by piece: a sample that is left out to follow the talker's clock is no noise, but shifts what comes behind it.
    // One piece may have a click, where this machine held up the browser.
    let mut purity: Vec<f64> = steady
        .chunks_exact(rate / 4)
        .filter_map(|piece| Some(analyse(piece, device.rate)?.purity_db))
        .collect();
    purity.sort_by(f64::total_cmp);
    println!("{tone:.1?}, in pieces of 250 ms {purity:.0?}");
    assert!((tone.frequency_hz - PITCHES_HZ[0]).abs() < 2.0, "another pitch was heard: {tone:?}");
    assert!((tone.level_dbfs - LEVEL_DBFS).abs() < 1.5, "another level was heard: {tone:?}");
    assert!(purity.len() >= 7 && purity[1] > 20.0, "no clean tone was heard: {tone:?}, {purity:?}");

    assert!(arrived[0] > 0.0, "it was heard before it was said");
    assert!(worst < DELAY_MAX_MS, "median {median:.0} ms, worst {worst:.0} ms");
}

/// Sound of a device as samples, by a decoder that is not ours.
fn decoded(ffmpeg: &Path, place: &Place, format: &[&str], bytes: &[u8]) -> Vec<i16> {
    let (coded, plain) = (place.file("heard.coded"), place.file("heard.s16"));
    std::fs::write(&coded, bytes).unwrap();
    let mut command = Command::new(ffmpeg);
    command.args(["-v", "error", "-nostdin"]).args(format).arg("-i").arg(coded);
    command.args(["-f", "s16le", "-y"]).arg(&plain);
    Peer::start(place, "decoder", &mut command, Duration::from_secs(20)).wait().expect_success();
    from_le_bytes(&std::fs::read(plain).unwrap())
}

/// A door whose camera pushes, and whose loudspeaker is an intercom of Hikvision's. `listed`: as the device names its
/// codec; `format` as ffmpeg does.
fn talk_to_an_intercom(listed: &str, format: &[&str], rate: u32) {
    let (Some(chromium), Some(ffmpeg9)) = (chromium(), ffmpeg9()) else {
        not_run("chromium and ffmpeg9");
        return;
    };
    let _turn = turn::alone();
    let place = Place::new().unwrap();
    let credentials = Some(("admin".to_owned(), "pass".to_owned()));
    let config = Config { credentials, codecs: vec![listed.to_owned()], ..Config::default() };
    let device = IsapiIntercom::start(config, Fault::None).unwrap();
    let server =
        Server::start(BINARY, &place, json!({ "streams": { "door": { "talk": { "url": device.url() } } } }));
    let camera = door(&ffmpeg9, &place, &server);
    server.wait_for_state("door", "live", Duration::from_secs(20));
    let result = talk(&chromium, &place, &server);

    let bytes = device.sound_bytes();
    let samples = decoded(&ffmpeg9, &place, format, &bytes);
    let samples_a_byte = samples.len() / bytes.len();
    let log = device.log();
    let done = |ask| log.iter().filter(move |logged| logged.ask == Some(ask) && logged.status == 200);
    let heard = Device {
        rate,
        samples,
        pieces: device
            .sound()
            .iter()
            .map(|sound| Piece { at_ms: on_the_wall(sound.at), samples: sound.bytes.len() * samples_a_byte })
            .collect(),
        opened: done(Ask::Open).map(|logged| on_the_wall(logged.at)).collect(),
        closed: done(Ask::Close).map(|logged| on_the_wall(logged.at)).collect(),
    };
    println!("{listed}:");
    assert_one_call_a_hold(&result, &heard);
    assert_eq!((device.idle_closes(), device.announcements()), (0, 0), "the device ended none by itself");
    assert_heard(&result, &heard);
    assert_went_on(&result);
    drop(camera.kill());
    server.stop();
}

#[test]
fn what_is_said_on_the_page_is_heard_at_an_intercom_in_g711_a() {
    talk_to_an_intercom("G.711alaw", &["-f", "alaw", "-ar", "8000"], 8_000);
}

#[test]
fn what_is_said_on_the_page_is_heard_at_an_intercom_in_g711_u() {
    talk_to_an_intercom("G.711ulaw", &["-f", "mulaw", "-ar", "8000"], 8_000);
}

#[test]
fn what_is_said_on_the_page_is_heard_at_an_intercom_in_g722() {
    talk_to_an_intercom("G.722", &["-f", "g722"], 16_000);
}

/// GStreamer's ONVIF server: what it heard, and when each session with its back channel began and ended.
struct OnvifCamera {
    peer: Peer,
    port: u16,
    heard: PathBuf,
}

impl OnvifCamera {
    fn start(python: &Path, place: &Place, codec: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/onvif_cam.py");
        let (port, heard) = (free_port(), place.file("heard.s16"));
        let mut command = Command::new(python);
        command.arg(script).args([&port.to_string(), codec]).arg(&heard).args(["admin", "pass"]);
        let peer = Peer::start(place, "onvif_cam", &mut command, Duration::from_secs(120));
        eventually("the camera listens", Duration::from_secs(15), || {
            peer.stdout().contains("ready").then_some(())
        });
        Self { peer, port, heard }
    }

    fn url(&self) -> String {
        format!("rtsp://admin:pass@127.0.0.1:{}/cam", self.port)
    }

    fn times(&self, what: &str) -> Vec<f64> {
        let told = self.peer.stdout();
        let lines = told.lines().filter_map(|line| line.split_once(' '));
        lines.filter(|(word, _)| *word == what).map(|(_, at)| at.parse().unwrap()).collect()
    }

    fn heard(&self, rate: u32) -> Device {
        let times = std::fs::read_to_string(self.heard.with_extension("s16.times")).unwrap();
        let piece = |line: &str| {
            let (at, bytes) = line.split_once(' ').unwrap();
            Piece { at_ms: at.parse().unwrap(), samples: bytes.parse::<usize>().unwrap() / 2 }
        };
        Device {
            rate,
            samples: from_le_bytes(&std::fs::read(&self.heard).unwrap()),
            pieces: times.lines().map(piece).collect(),
            opened: self.times("began"),
            closed: self.times("ended"),
        }
    }
}

#[test]
fn what_is_said_on_the_page_is_heard_at_the_onvif_camera_that_is_watched() {
    let (Some(chromium), Some(python)) = (chromium(), python_gi()) else {
        not_run("chromium and python_gi");
        return;
    };
    let _turn = turn::alone();
    let place = Place::new().unwrap();
    let camera = OnvifCamera::start(&python, &place, "pcmu");
    let server = Server::start(
        BINARY,
        &place,
        json!({ "streams": { "door": { "url": camera.url(), "talk": true } } }),
    );
    let result = talk(&chromium, &place, &server);
    let heard = camera.heard(8_000);
    println!("ONVIF, µ-law:");
    assert_one_call_a_hold(&result, &heard);
    assert_heard(&result, &heard);
    assert_went_on(&result);
    server.stop();
    drop(camera.peer.kill());
}
