//! Our streams as HomeKit cameras, with controllers that other people wrote: aiohomekit (Home Assistant's) and hap-controller.
//! On loopback and by port, without mDNS.

use super::{BINARY, turn};
use serde_json::json;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use testkit::process::{Exit, Peer, Place, Server, free_port};
use testkit::require;

const ID: &str = "11:22:33:44:55:66";
const PIN: &str = "031-45-154";
/// A live view of a warm stream begins within this time: issue 6.
const START_MAX_MS: u64 = 700;
/// Longest run of a controller: 60 s; they need ten.
const LIMIT: Duration = Duration::from_secs(60);

/// The demo camera as an accessory on this port, and keys that are kept in the place.
fn start(place: &Place, port: u16, media: u16) -> Server {
    let settings = json!({
        "streams": { "cam": { "url": "demo:", "preload": true } },
        "srtp": { "listen": format!("127.0.0.1:{media}") },
        "mdns": { "enabled": false },
        "state": { "path": place.file("state").display().to_string() },
        "homekit": { "cam": { "pin": PIN, "device_id": ID, "listen": format!("127.0.0.1:{port}") } },
    });
    let server = Server::start(BINARY, place, settings);
    server.wait_for_state("cam", "live", Duration::from_secs(10));
    server
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
