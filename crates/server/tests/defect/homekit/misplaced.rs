//! Also of this story: `record: true` at a wrong place of the configuration brought that gateway down at its start. Here it is an
//! error with its line and column, at the start and by `--check`; at the right place it records, as the fifty cameras show.
use super::super::BINARY;
use std::process::Command;
use std::time::Duration;
use testkit::process::{Peer, Place};

/// What is written, and where and how it is wrong.
const MISPLACED: [(&str, &str); 4] = [
    ("record: true\nstreams: {}\n", "1:1: unknown key `record` in the file"),
    ("homekit:\n  record: true\n", "2:11: `homekit.record`"),
    (
        "homekit:\n  door:\n    record: true\nstreams:\n  door:\n",
        "3:5: unknown key `record` in `homekit.door`",
    ),
    ("streams:\n  record: true\n", "2:11: `streams.record`"),
];

#[test]
fn record_at_a_wrong_place_is_an_error_that_says_where_it_belongs() {
    let place = Place::new().unwrap();
    for (number, (text, wrong)) in MISPLACED.iter().enumerate() {
        let path = place.file(&format!("config-{number}.yaml"));
        std::fs::write(&path, text).unwrap();
        for argument in ["--config", "--check"] {
            let mut command = Command::new(BINARY);
            command.arg(argument).arg(&path);
            let exit = Peer::start(&place, "aqueduct", &mut command, Duration::from_secs(10)).wait();
            let said = format!("{}{}", exit.stdout, exit.stderr);
            assert!(!exit.success && !exit.timed_out, "{argument} {text}{said}");
            assert!(said.contains(&format!("config-{number}.yaml:{wrong}")), "{argument} {text}{said}");
            let belongs =
                ["belongs to a stream, as `streams.NAME.record`", "belongs under that stream's name"];
            assert!(belongs.iter().any(|place| said.contains(place)), "{said}");
            assert!(!said.contains("panicked"), "{said}");
        }
    }
}
