//! Webhooks end to end: a receiver in Python, which checks signatures with its own library, is told what happens.

use super::{BINARY, turn};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use testkit::process::{Peer, Place, Server, eventually, free_port};
use testkit::require;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// How long an event may take to its receiver.
const SOON: Duration = Duration::from_secs(10);

fn start_receiver(python3: &Path, place: &Place, name: &str, port: u16, statuses: &[&str]) -> Peer {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/hook.py");
    let mut command = Command::new(python3);
    command.arg(script).args([&port.to_string(), SECRET]).args(statuses);
    let receiver = Peer::start(place, name, &mut command, Duration::from_secs(120));
    eventually("the receiver listens", SOON, || receiver.stdout().contains("ready").then_some(()));
    receiver
}

/// What the receiver got, each checked to be signed.
fn got(receiver: &Peer) -> Vec<Value> {
    let lines = receiver.stdout();
    let got: Vec<Value> = lines.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect();
    for request in &got {
        assert_eq!(request["signed"], true, "{request:#}");
    }
    got
}

fn hook(port: u16, events: &[&str]) -> Value {
    let url = format!("http://127.0.0.1:{port}/hooks/in-the-path");
    json!({ "url": url, "secret": SECRET, "events": events, "timeout": "5s" })
}

#[test]
fn events_reach_a_receiver_that_checks_their_signature_and_one_that_hangs_delays_nothing() {
    require!(python3);
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let ports = [free_port(), free_port()];
    let takes = start_receiver(&python3, &place, "takes", ports[0], &["503", "204"]);
    let hangs = start_receiver(&python3, &place, "hangs", ports[1], &["hang"]);
    let dead_letter = place.file("dead.jsonl");
    let hooks = json!({
        "targets": ports.map(|port| hook(port, &["stream.added", "stream.removed"])),
        "dead_letter": dead_letter.display().to_string(),
    });
    let server = Server::start(BINARY, &place, json!({ "hooks": hooks, "streams": { "cam": null } }));
    let all = eventually("the receiver was tried again", SOON, || {
        let got = got(&takes);
        (got.len() >= 2).then_some(got)
    });
    assert_eq!((&all[0]["status"], &all[1]["status"]), (&"503".into(), &"204".into()));
    assert_eq!(all[0]["id"], all[1]["id"], "a second try has the same id");
    assert_eq!(
        (&all[1]["event"]["type"], &all[1]["event"]["stream"]),
        (&"stream.added".into(), &"cam".into())
    );
    let hooks = server.get("/api/v1/hooks").json();
    assert_eq!((&hooks["hooks"][0]["tries"], &hooks["hooks"][1]["delivered"]), (&2.into(), &0.into()));
    assert!(!server.get("/api/v1/hooks").text().contains("in-the-path"));
    assert!(!server.get("/api/config").text().contains("in-the-path"));

    // The end: one receiver hears of it, the other is not waited for longer than the process may take.
    let took = server.stop_by(nix::sys::signal::Signal::SIGTERM);
    println!("with a receiver that hangs, the server ended in {} ms", took.as_millis());
    assert_eq!(got(&hangs).len(), 1, "one at a time, and the first was never answered");
    let dead = std::fs::read_to_string(&dead_letter).unwrap();
    assert!(dead.lines().count() >= 1 && dead.contains("stream.added"), "{dead}");
    assert!(!dead.contains("in-the-path"), "{dead}");
}
