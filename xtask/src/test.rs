//! `cargo xtask test`: every step with its time limit and its count, and one line at the end.

use crate::process::{self, Echo};
use crate::tally::{self, Step, Tally};
use crate::workspace::Workspace;
use crate::{gen_files, install, say, tidy};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Longest build of everything from a clean checkout: 30 min. It takes some 15 on two cores.
const BUILD: Duration = Duration::from_secs(30 * 60);

/// Longest run of the unit tests, and of the stories beside them: 20 min. They take a third of that.
const UNIT: Duration = Duration::from_secs(20 * 60);

/// Tidy begins so long after the tests beside it: 30 s.
const TIDY_AFTER: Duration = Duration::from_secs(30);

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
    if options.install {
        steps.push(step("install peers", || install::peers(workspace)));
    }
    let filter = options.filter.as_deref();
    steps.push(step("build", || build(workspace)));
    steps.extend(lanes(workspace, filter));
    if filter.is_none() {
        steps.push(step("generated files", || gen_files::files(workspace, gen_files::Mode::Check)));
        steps.push(step("web page", || web(workspace)));
    }
    steps.push(step("journeys", || journeys(workspace, filter)));

    let (lines, ok) = tally::summary(&steps, options.peers_required);
    for line in lines {
        say(&line);
    }
    ok
}

/// Builds everything that is run later. A test that does not compile fails here.
fn build(workspace: &Workspace) -> Tally {
    let finished =
        process::run(&mut workspace.cargo(&["test", "--workspace", "--no-run"]), BUILD, Echo::Show);
    match finished.success() {
        true => Tally::default(),
        false => Tally::fail(format!("cargo test --no-run: {}", finished.reason(BUILD))),
    }
}

fn step(name: &'static str, run: impl FnOnce() -> Tally) -> Step {
    say(&format!("\n== {name}"));
    timed(name, run)
}

fn timed(name: &'static str, run: impl FnOnce() -> Tally) -> Step {
    let started = Instant::now();
    let tally = run();
    Step { name, tally, took: started.elapsed() }
}

/// What goes side by side: the stories wait for devices most of the time, tests for clocks and disks, and tidy for nobody.
fn lanes(workspace: &Workspace, filter: Option<&str>) -> Vec<Step> {
    say("\n== unit tests, stories of the defects, tidy");
    std::thread::scope(|scope| {
        let unit = scope.spawn(|| timed("unit tests", || unit(workspace, filter)));
        let stories = scope.spawn(|| timed("stories of the defects", || stories(workspace, filter)));
        let tidy = filter.is_none().then(|| {
            // its lints hold cargo's lock for minutes: the tests take it first, for seconds
            std::thread::sleep(TIDY_AFTER);
            scope.spawn(|| timed("tidy", || tidy::checks(workspace)))
        });
        let ended = |name, lane: std::thread::ScopedJoinHandle<'_, Step>| {
            lane.join().unwrap_or_else(|_| timed(name, || Tally::fail(format!("{name}: it panicked"))))
        };
        let tidy = tidy.map(|tidy| ended("tidy", tidy));
        [Some(ended("unit tests", unit)), Some(ended("stories of the defects", stories)), tidy]
            .into_iter()
            .flatten()
            .collect()
    })
}

/// All tests but the journeys and the stories, documentation examples included.
fn unit(workspace: &Workspace, filter: Option<&str>) -> Tally {
    let mut command = workspace.cargo(&["test", "--workspace", "--no-fail-fast", "--"]);
    command.args([UNIT_AT_ONCE, "--skip", "journey::", "--skip", "defect::"]).args(filter);
    cargo_test(&mut command, UNIT, Echo::Show)
}

/// The defects that the project was founded on. What they print is shown in one piece, behind the rest.
fn stories(workspace: &Workspace, filter: Option<&str>) -> Tally {
    let mut command = workspace.cargo(&["test", "--workspace", "--test", "defects", "--"]);
    command.arg(UNIT_AT_ONCE).args(filter);
    cargo_test(&mut command, UNIT, Echo::Quiet)
}

/// The real binary with real peers.
fn journeys(workspace: &Workspace, filter: Option<&str>) -> Tally {
    // the whole workspace is named so that features, and with them what is built, are those of the unit tests
    let mut command = workspace.cargo(&["test", "--workspace", "--test", "journeys", "--"]);
    command.arg(JOURNEYS_AT_ONCE).args(filter);
    command.env("AQUEDUCT_PEERS", workspace.peers());
    cargo_test(&mut command, JOURNEYS, Echo::Show)
}

fn cargo_test(command: &mut Command, limit: Duration, echo: Echo) -> Tally {
    let finished = process::run(command, limit, echo);
    if echo == Echo::Quiet {
        say(&finished.output);
    }
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
