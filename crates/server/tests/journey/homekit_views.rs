//! Many live views of cameras behind a bridge, by the controller that measures them: what it says of a healthy server.

use super::{BINARY, turn};
use clap::Parser as _;
use serde_json::json;
use std::time::Duration;
use testkit::load::{HomekitReport, Options, Outcome, run_blocking};
use testkit::process::{Place, Server, free_port};

const ID: &str = "11:22:33:44:55:67";
const PIN: &str = "031-45-154";
/// A live view of a warm stream begins within this time: issue 6.
const START_MAX_MS: f64 = 700.0;

fn view(address: &str, server: &Server, more: &[&str]) -> HomekitReport {
    let pid = server.pid().to_string();
    let args = ["load", "homekit", "--address", address, "--pin", PIN, "--id", ID, "--server-pid", &pid];
    let args = args.iter().chain(more);
    match run_blocking(&Options::try_parse_from(args).unwrap().command).unwrap() {
        Outcome::Viewed(report) => report,
        other @ (Outcome::Published | Outcome::Read(_) | Outcome::Met(_)) => panic!("{other:?}"),
    }
}

#[test]
fn four_views_of_two_cameras_are_whole_begin_soon_and_leave_nothing() {
    let _turn = turn::alone();
    let place = Place::new().unwrap();
    let address = format!("127.0.0.1:{}", free_port());
    let settings = json!({
        "streams": {
            "door": { "url": "demo:", "preload": true },
            "yard": { "url": "demo:", "preload": true },
        },
        "srtp": { "listen": format!("127.0.0.1:{}", free_port()) },
        "mdns": { "enabled": false },
        "state": { "path": place.file("state").display().to_string() },
        "homekit": {
            "house": { "pin": PIN, "device_id": ID, "listen": address },
            "door": { "bridge": "house" },
            "yard": { "bridge": "house" },
        },
    });
    let server = Server::start(BINARY, &place, settings);
    for stream in ["door", "yard"] {
        server.wait_for_state(stream, "live", Duration::from_secs(10));
    }
    for more in [&["--sound"][..], &["--check", "none"]] {
        let more = [&["--views", "4", "--seconds", "3", "--idle-seconds", "1"][..], more].concat();
        let report = view(&address, &server, &more);
        println!("{more:?}\n{}", report.table());
        assert!(report.is_clean(), "{more:?}: {}", report.table());
        assert!(report.request_ms_max <= START_MAX_MS, "{more:?}: {}", report.table());
        let metrics = String::from_utf8_lossy(&server.get("/metrics").body).into_owned();
        assert!(metrics.contains("aqueduct_srtp_sessions 0"), "{metrics}");
    }
    server.stop();
}
