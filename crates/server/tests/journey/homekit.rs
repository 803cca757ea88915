//! Our streams as HomeKit cameras, with controllers that other people wrote: aiohomekit (Home Assistant's) and hap-controller.
//! On loopback and by port, without mDNS.

use super::{BINARY, turn};
use audio::tone::analyse;
use serde_json::{Value, json};
use std::io::Read as _;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use testkit::intercom::{Config, Fault, IsapiIntercom};
use testkit::process::{Exit, Peer, Place, Server, eventually, free_port};
use testkit::require;

const ID: &str = "11:22:33:44:55:66";
const PIN: &str = "031-45-154";
/// A live view of a warm stream begins within this time: issue 6.
const START_MAX_MS: u64 = 700;
/// Longest run of a controller: 60 s; they need ten.
const LIMIT: Duration = Duration::from_secs(60);

/// The demo camera as an accessory on this port, and keys that are kept in the place.
fn start(place: &Place, port: u16, media: u16) -> Server {
    let settings = settings(place, port, media, json!({ "url": "demo:", "preload": true }));
    let server = Server::start(BINARY, place, settings);
    server.wait_for_state("cam", "live", Duration::from_secs(10));
    server
}

/// The same with another stream.
fn settings(place: &Place, port: u16, media: u16, cam: Value) -> Value {
    json!({
        "streams": { "cam": cam },
        "srtp": { "listen": format!("127.0.0.1:{media}") },
        "mdns": { "enabled": false },
        "state": { "path": place.file("state").display().to_string() },
        "homekit": { "cam": { "pin": PIN, "device_id": ID, "listen": format!("127.0.0.1:{port}") } },
    })
}

fn phone(aiohomekit: &Path, ffmpeg: &Path, place: &Place, port: u16, step: &str) -> Exit {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/homekit_phone.py");
    let mut command = Command::new(aiohomekit);
    let folder = place.file("phone");
    std::fs::create_dir_all(&folder).unwrap();
    command.arg(script).args([&port.to_string(), ID, PIN]).arg(&folder).arg(ffmpeg).arg(step);
    Peer::start(place, &format!("phone-{step}"), &mut command, LIMIT).wait().expect_success()
}

fn lines(exit: &Exit) -> Vec<&str> {
    exit.stdout.lines().collect()
}

#[test]
fn aiohomekit_pairs_sees_two_streams_that_decode_and_finds_its_pairing_after_a_restart() {
    require!(aiohomekit, ffmpeg5);
    let _turn = turn::alone();
    let place = Place::new().unwrap();
    let (port, media) = (free_port(), free_port());
    let server = start(&place, port, media);
    let paired = phone(&aiohomekit, &ffmpeg5, &place, port, "pair");
    assert_eq!(lines(&paired), ["wrong pin refused", "paired"]);

    let looked = phone(&aiohomekit, &ffmpeg5, &place, port, "look");
    let said = lines(&looked);
    let first = said.iter().find_map(|line| line.strip_prefix("first packet after ")?.strip_suffix(" ms"));
    let first: u64 = first.unwrap().parse().unwrap();
    println!("a live view begins after {first} ms");
    assert!(first <= START_MAX_MS, "a live view begins after {first} ms");
    let rest: Vec<_> = said.iter().filter(|line| !line.starts_with("first packet")).copied().collect();
    let told = ["1 accessory, two streams or more", "picture", "status told", "40 pictures decoded", "ended"];
    assert_eq!(rest, told);
    let metrics = String::from_utf8_lossy(&server.get("/metrics").body).into_owned();
    assert!(metrics.contains("aqueduct_srtp_sessions 0"), "{metrics}");
    assert!(!server.log().contains("031-45-154"), "a pin is nobody's business");
    server.stop();

    let server = start(&place, port, media);
    let unpaired = phone(&aiohomekit, &ffmpeg5, &place, port, "unpair");
    assert_eq!(lines(&unpaired), ["1 accessory", "removed"]);
    // and then it is anybody's again
    assert_eq!(lines(&phone(&aiohomekit, &ffmpeg5, &place, port, "pair")), ["wrong pin refused", "paired"]);
    server.stop();
}

#[test]
fn what_a_phone_says_by_ffmpegs_opus_and_srtp_is_heard_at_the_intercom() {
    require!(aiohomekit, ffmpeg5);
    let _turn = turn::alone();
    let place = Place::new().unwrap();
    let (port, media) = (free_port(), free_port());
    let device = IsapiIntercom::start(Config::default(), Fault::None).unwrap();
    let cam = json!({ "url": "demo:", "preload": true, "talk": { "url": device.url() } });
    let server = Server::start(BINARY, &place, settings(&place, port, media, cam));
    server.wait_for_state("cam", "live", Duration::from_secs(10));
    phone(&aiohomekit, &ffmpeg5, &place, port, "pair");
    let talked = phone(&aiohomekit, &ffmpeg5, &place, port, "talk");
    assert_eq!(lines(&talked), ["1 speaker", "said"]);
    eventually("the call ends with the view", Duration::from_secs(5), || (!device.in_call()).then_some(()));
    assert_eq!((device.opens(), device.closes()), (1, 1));
    let heard: Vec<f32> = decoded(&device.sound_bytes());
    let seconds = heard.len() as f64 / 8_000.0;
    let tone = analyse(&heard[heard.len() / 4..heard.len() * 3 / 4], 8_000).expect("silence was heard");
    println!("a phone's voice at the intercom: {seconds:.1} s of 4, {tone:.1?}");
    assert!(seconds > 3.0, "{seconds} s of 4 were heard");
    // ffmpeg's sine has an eighth of full scale
    assert!((tone.frequency_hz - 1_000.0).abs() < 2.0 && (tone.level_dbfs + 18.06).abs() < 1.5, "{tone:?}");
    assert!(tone.purity_db > 20.0, "{tone:?}");
    server.stop();
}

#[test]
fn pictures_that_phones_do_not_take_are_coded_anew_while_somebody_looks() {
    require!(aiohomekit, ffmpeg5);
    let _turn = turn::alone();
    let place = Place::new().unwrap();
    let (port, media) = (free_port(), free_port());
    let mut settings = settings(&place, port, media, Value::Null);
    settings["homekit"]["cam"]["transcode"] = json!(true);
    settings["ffmpeg"] = json!({ "bin": ffmpeg5 });
    settings["exec"] = json!({ "allow_paths": [ffmpeg5] });
    let server = Server::start(BINARY, &place, settings);
    let mut command = Command::new(&ffmpeg5);
    command.args(["-v", "error", "-nostdin", "-re", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25"]);
    command.args(["-pix_fmt", "yuv420p", "-c:v", "libx265", "-preset", "ultrafast", "-tune", "zerolatency"]);
    command.args(["-x265-params", "keyint=25:log-level=error", "-f", "rtsp", "-rtsp_transport", "tcp"]);
    command.arg(server.rtsp_url("cam"));
    let camera = Peer::start(&place, "camera", &mut command, Duration::from_secs(120));
    server.wait_for_state("cam", "live", Duration::from_secs(20));
    phone(&aiohomekit, &ffmpeg5, &place, port, "pair");
    let transcoders = || {
        let children = server.get("/api/v1/children").json();
        children["children"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(transcoders(), 0, "nobody looks yet");
    let looked = phone(&aiohomekit, &ffmpeg5, &place, port, "look");
    let said = lines(&looked);
    println!("H.265 coded anew: {}", said.iter().find(|line| line.starts_with("first packet")).unwrap());
    assert!(said.contains(&"40 pictures decoded") && said.contains(&"picture"), "{said:?}");
    eventually("ffmpeg ends when nobody looks", Duration::from_secs(20), || {
        (transcoders() == 0).then_some(())
    });
    drop(camera.kill());
    server.stop();
}

/// µ-law as samples.
fn decoded(bytes: &[u8]) -> Vec<f32> {
    let mut samples = Vec::new();
    let track = audio::Target::usual(media::Codec::Pcmu).track(0);
    let mut decoder = audio::Decoder::new(&track).unwrap();
    for piece in bytes.chunks(160) {
        decoder.decode(piece, &mut samples).unwrap();
    }
    samples
}

/// The accessories that there are, and how many connections each has.
fn accessories(server: &Server) -> Vec<String> {
    let said = server.get("/api/v1/homekit/accessories").json();
    let all = said["accessories"].as_array().unwrap();
    all.iter().map(|one| format!("{} {}", one["name"].as_str().unwrap(), one["connections"])).collect()
}

#[test]
fn a_configuration_that_is_read_again_brings_accessories_and_takes_them_and_the_others_go_on() {
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let (port, media) = (free_port(), free_port());
    let server = start(&place, port, media);
    let mut phone = TcpStream::connect(("127.0.0.1", port)).unwrap();
    phone.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let is_connected = |phone: &mut TcpStream| {
        phone.read(&mut [0; 1]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    };
    assert!(is_connected(&mut phone));
    let reload = |change: &dyn Fn(&mut Value)| {
        let path = place.file("aqueduct.yaml");
        let mut config: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        change(&mut config);
        std::fs::write(&path, config.to_string()).unwrap();
        let answer = server.request("POST", "/api/v1/config/reload", b"").unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken_at = taken.local_addr().unwrap();
    let told = reload(&|config| {
        config["streams"]["yard"] = json!("demo:");
        config["streams"]["gate"] = json!("demo:");
        config["homekit"]["yard"] = json!({ "pin": PIN });
        config["homekit"]["gate"] = json!({ "pin": PIN, "listen": taken_at.to_string() });
    });
    assert_eq!(told["needs_restart"], json!([]), "{told:#}");
    let notes = told["notes"].to_string();
    let why = format!("port {} (homekit: listen) is in use", taken_at.port());
    assert!(notes.contains(&why), "{notes}");
    assert_eq!(accessories(&server), ["cam 1", "yard 0"]);
    drop(taken);
    reload(&|_| {});
    assert_eq!(accessories(&server), ["cam 1", "gate 0", "yard 0"], "its port is free now");
    reload(&|config| {
        let homekit = config["homekit"].as_object_mut().unwrap();
        homekit.remove("yard");
        homekit.remove("gate");
    });
    assert_eq!(accessories(&server), ["cam 1"]);
    assert!(is_connected(&mut phone), "what did not change goes on");
    reload(&|config| config["homekit"]["cam"]["name"] = json!("Front door"));
    assert!(!is_connected(&mut phone), "it starts anew");
    assert_eq!(accessories(&server), ["cam 0"]);
    server.stop();
}

#[test]
fn hap_controller_pairs_lists_subscribes_takes_a_picture_and_unpairs() {
    require!(hap_controller, ffmpeg5);
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let (port, media) = (free_port(), free_port());
    let server = start(&place, port, media);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/homekit_phone.js");
    let mut command = Command::new(hap_controller);
    command.arg(script).args([&port.to_string(), ID, PIN]).env("NODE_PATH", testkit::peers::node_modules());
    let said = Peer::start(&place, "phone", &mut command, LIMIT).wait().expect_success();
    let told = ["wrong pin refused", "paired", "listed", "subscribed", "picture true", "removed"];
    assert_eq!(lines(&said), told);
    drop(ffmpeg5);
    server.stop();
}
