//! `cargo xtask test`: every step with its time limit and its count, and one line at the end.

use crate::process::{self, Echo};
use crate::tally::{self, Step, Tally};
use crate::workspace::Workspace;
use crate::{gen_files, install, say, tidy};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Longest build and run of the unit tests: 35 min, the build from a clean checkout included (it takes half of that).
const UNIT: Duration = Duration::from_secs(35 * 60);

/// Longest run of the journeys: 20 min. The aim is 10 on two cores.
const JOURNEYS: Duration = Duration::from_secs(20 * 60);

/// Longest run of the web page's tests.
const WEB: Duration = Duration::from_secs(3 * 60);

/// Unit tests of one binary that run side by side. Those that take long wait for devices, disks and clocks.
const UNIT_AT_ONCE: &str = "--test-threads=4";

/// Journeys that run side by side. They wait more than they compute, but each has an encoder or a browser.
const JOURNEYS_AT_ONCE: &str = "--test-threads=2";

/// What the command line asked for.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Options {
    /// Install peers first.
    pub(crate) install: bool,
    /// A test without its peer counts as failed.
    pub(crate) peers_required: bool,
    /// Only tests whose name contains this.
    pub(crate) filter: Option<String>,
}

impl Options {
    /// Reads what follows `test`. `CI=true` in the environment requires every peer.
    pub(crate) fn parse(words: &[&str]) -> Result<Self, String> {
        let ci = std::env::var("CI").is_ok_and(|value| value == "true" || value == "1");
        let mut options = Self { peers_required: ci, ..Self::default() };
        for word in words {
            match *word {
                "--install" => options.install = true,
                option if option.starts_with('-') => return Err(format!("unknown option {option}")),
                filter if options.filter.is_none() => options.filter = Some(filter.to_owned()),
                more => return Err(format!("one filter only, and {more} is a second")),
            }
        }
        Ok(options)
    }
}

/// Runs everything that was asked for. True when nothing failed.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> bool {
    let mut steps = Vec::new();
    let mut step = |name: &'static str, run: &dyn Fn() -> Tally| {
        say(&format!("\n== {name}"));
        let started = Instant::now();
        let tally = run();
        steps.push(Step { name, tally, took: started.elapsed() });
    };
    let filter = options.filter.as_deref();
    if options.install {
        step("install peers", &|| install::peers(workspace));
    }
    if filter.is_none() {
        step("tidy", &|| tidy::checks(workspace));
    }
    step("unit tests", &|| unit(workspace, filter));
    if filter.is_none() {
        step("generated files", &|| gen_files::files(workspace, gen_files::Mode::Check));
        step("web page", &|| web(workspace));
    }
    step("journeys", &|| journeys(workspace, filter));

    let (lines, ok) = tally::summary(&steps, options.peers_required);
    for line in lines {
        say(&line);
    }
    ok
}

/// All tests but the journeys, documentation examples included. Builds the binary that later steps use.
fn unit(workspace: &Workspace, filter: Option<&str>) -> Tally {
    let mut command = workspace.cargo(&["test", "--workspace", "--no-fail-fast", "--"]);
    command.args([UNIT_AT_ONCE, "--skip", "journey::"]).args(filter);
    cargo_test(&mut command, UNIT)
}

/// The real binary with real peers.
fn journeys(workspace: &Workspace, filter: Option<&str>) -> Tally {
    // the whole workspace is named so that features, and with them what is built, are those of the unit tests
    let mut command = workspace.cargo(&["test", "--workspace", "--test", "journeys", "--"]);
    command.arg(JOURNEYS_AT_ONCE).args(filter);
    command.env("AQUEDUCT_PEERS", workspace.peers());
    cargo_test(&mut command, JOURNEYS)
}

fn cargo_test(command: &mut Command, limit: Duration) -> Tally {
    let finished = process::run(command, limit, Echo::Show);
    let mut tally = Tally::from_cargo_test(&finished.output);
    if !finished.success() && tally.failed == 0 {
        let args: Vec<_> = command.get_args().map(|arg| arg.to_string_lossy()).collect();
        tally.add(&Tally::fail(format!("cargo {}: {}", args.join(" "), finished.reason(limit))));
    }
    tally
}

/// The page's own tests by Node, and its types by tsc.
fn web(workspace: &Workspace) -> Tally {
    let mut tally = Tally::default();
    let tests = node_tests(&workspace.root.join("web/tests"));
    if !tests.is_empty() {
        let mut command = workspace.program("node", &["--test", "--test-reporter=tap"]);
        command.args(tests.iter().map(|path| workspace.relative(path)));
        let finished = process::run(&mut command, WEB, Echo::Show);
        let mut counted = Tally::from_tap(&finished.output);
        if matches!(finished.end, process::End::NotStarted(_)) {
            counted.not_run.push("web page tests: needs node".into());
        } else if !finished.success() && counted.failed == 0 {
            counted.add(&Tally::fail(format!("node --test: {}", finished.reason(WEB))));
        }
        tally.add(&counted);
    }
    for config in ["web/jsconfig.json", "web/tsconfig.json"] {
        if workspace.root.join(config).exists() {
            tally.add(&types(workspace, config));
        }
    }
    tally
}

fn types(workspace: &Workspace, config: &str) -> Tally {
    let tsc = workspace.peers().join("node/node_modules/typescript/bin/tsc");
    if !tsc.exists() {
        return Tally { not_run: vec!["web page types: needs typescript".into()], ..Tally::default() };
    }
    let mut command = workspace.program("node", &[]);
    command.arg(tsc).args(["--noEmit", "--project", config]);
    let finished = process::run(&mut command, WEB, Echo::Show);
    if finished.success() {
        Tally::pass()
    } else {
        Tally::fail(format!("tsc {config}: {}", finished.reason(WEB)))
    }
}

fn node_tests(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let is_test = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.contains(".test."))
    };
    let mut tests: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_test).collect();
    tests.sort();
    tests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_and_the_option_come_in_any_order() {
        let first = Options::parse(&["--install", "rtsp"]).unwrap();
        assert_eq!(first, Options::parse(&["rtsp", "--install"]).unwrap());
        assert!(first.install);
        assert_eq!(first.filter.as_deref(), Some("rtsp"));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        assert!(Options::parse(&["--instal"]).is_err());
        assert!(Options::parse(&["one", "two"]).is_err());
    }
}
