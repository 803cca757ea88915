//! Files that the binary writes about itself, so that they cannot differ from what it does.

use crate::process::{self, Echo};
use crate::say;
use crate::tally::Tally;
use crate::workspace::Workspace;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Option of the binary → file that holds what it prints.
const FILES: [(&str, &str); 3] = [
    ("--print-example-config", "config.example.yaml"),
    ("--print-config-schema", "config.schema.json"),
    ("--print-openapi", "docs/openapi.json"),
];

/// Longest build of the binary: 20 min, a clean one on two cores takes half of that.
const BUILD: Duration = Duration::from_secs(20 * 60);

/// What to do with the files.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mode {
    /// Write them.
    Write,
    /// Compare them with what the binary prints.
    Check,
}

/// Builds the binary and runs its generators. True when every file is as it should be.
pub(crate) fn run(workspace: &Workspace, mode: Mode) -> bool {
    let mut build = workspace.cargo(&["build", "--package", "aqueduct-server", "--bin", "aqueduct"]);
    let built = process::run(&mut build, BUILD, Echo::Show);
    if !built.success() {
        say(&format!("the binary cannot be built: {}", built.reason(BUILD)));
        return false;
    }
    let tally = files(workspace, mode);
    for failure in &tally.failures {
        say(failure);
    }
    say(&format!("{} generated files are right, {} are not", tally.passed, tally.failed));
    tally.failed == 0
}

/// The same with the binary that is there, counted.
pub(crate) fn files(workspace: &Workspace, mode: Mode) -> Tally {
    let mut tally = Tally::default();
    for (option, file) in FILES {
        match one(workspace, mode, option, file) {
            Ok(()) => tally.add(&Tally::pass()),
            Err(why) => tally.add(&Tally::fail(why)),
        }
    }
    tally
}

fn one(workspace: &Workspace, mode: Mode, option: &str, file: &str) -> Result<(), String> {
    let printed = Command::new(binary(workspace))
        .arg(option)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("aqueduct {option}: {error}"))?;
    if !printed.status.success() || printed.stdout.is_empty() {
        return Err(format!("aqueduct {option} printed nothing to put into {file}"));
    }
    let path = workspace.root.join(file);
    match mode {
        Mode::Write => std::fs::write(&path, &printed.stdout).map_err(|error| format!("{file}: {error}")),
        Mode::Check => match std::fs::read(&path) {
            Ok(stored) if stored == printed.stdout => Ok(()),
            Ok(_) => Err(format!("{file} is not what `aqueduct {option}` prints: run `cargo xtask gen`")),
            Err(error) => Err(format!("{file}: {error}: run `cargo xtask gen`")),
        },
    }
}

fn binary(workspace: &Workspace) -> PathBuf {
    workspace.target.join("debug").join(format!("aqueduct{}", std::env::consts::EXE_SUFFIX))
}
