//! Counts: what passed, what failed, what could not run, read from what the test runners print.

use std::time::Duration;

/// The count of one step, or of all.
#[derive(Debug, Default, PartialEq, Clone)]
pub(crate) struct Tally {
    /// Tests that passed.
    pub(crate) passed: u64,
    /// Tests that failed.
    pub(crate) failed: u64,
    /// Names or reasons of those that failed.
    pub(crate) failures: Vec<String>,
    /// Tests that could not run because a peer is missing: `<test>: needs <peer>`.
    pub(crate) not_run: Vec<String>,
    /// Tests marked `#[ignore]`.
    pub(crate) ignored: u64,
}

/// A step of the run with its count.
#[derive(Debug)]
pub(crate) struct Step {
    /// What was run.
    pub(crate) name: &'static str,
    /// How it went.
    pub(crate) tally: Tally,
    /// How long it took.
    pub(crate) took: Duration,
}

impl Tally {
    /// One check that passed.
    pub(crate) fn pass() -> Self {
        Self { passed: 1, ..Self::default() }
    }

    /// One check that failed, and why.
    pub(crate) fn fail(why: impl Into<String>) -> Self {
        Self { failed: 1, failures: vec![why.into()], ..Self::default() }
    }

    /// Takes the counts of another into this one.
    pub(crate) fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
        self.failures.extend(other.failures.iter().cloned());
        self.not_run.extend(other.not_run.iter().cloned());
    }

    /// Reads what `cargo test` printed. A test that only said `NOT RUN` counts as neither.
    pub(crate) fn from_cargo_test(output: &str) -> Self {
        let mut tally = Self::default();
        for line in output.lines() {
            if let Some(counts) = line.strip_prefix("test result: ") {
                tally.passed += count_before(counts, " passed");
                tally.failed += count_before(counts, " failed");
                tally.ignored += count_before(counts, " ignored");
            } else if let Some(name) =
                line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED"))
            {
                tally.failures.push(name.to_owned());
            } else if let Some(what) = line.strip_prefix("NOT RUN: ") {
                tally.not_run.push(what.to_owned());
            }
        }
        tally.passed = tally.passed.saturating_sub(tally.not_run.len() as u64);
        tally
    }

    /// Reads what `node --test --test-reporter=tap` printed.
    pub(crate) fn from_tap(output: &str) -> Self {
        let mut tally = Self::default();
        for line in output.lines() {
            if let Some(count) = line.strip_prefix("# pass ") {
                tally.passed += count.trim().parse::<u64>().unwrap_or(0);
            } else if let Some(count) = line.strip_prefix("# fail ") {
                tally.failed += count.trim().parse::<u64>().unwrap_or(0);
            } else if let Some(name) = line.trim_start().strip_prefix("not ok ") {
                tally.failures.push(name.to_owned());
            } else if let Some((name, why)) = line.trim_start().strip_prefix("ok ").and_then(skipped) {
                tally.not_run.push(format!("{name}: {why}"));
            }
        }
        tally
    }
}

/// A test that TAP calls skipped: its name and why. Source: TAP 13, "SKIP directive".
fn skipped(line: &str) -> Option<(&str, &str)> {
    let (name, why) = line.split_once(" # SKIP")?;
    Some((name, why.trim()))
}

/// The number just before `word`.
fn count_before(text: &str, word: &str) -> u64 {
    text.split(word)
        .next()
        .filter(|before| before.len() < text.len())
        .and_then(|before| before.rsplit(|c: char| !c.is_ascii_digit()).next())
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0)
}

/// The summary's lines; the last one is exactly `N passed, M failed`.
pub(crate) fn summary(steps: &[Step], peers_required: bool) -> (Vec<String>, bool) {
    let mut total = Tally::default();
    let mut lines = vec![String::new(), "== summary".to_owned()];
    for Step { name, tally, took } in steps {
        lines.push(format!(
            "{name:<28} {:>5} passed {:>4} failed {:>7.1} s",
            tally.passed,
            tally.failed,
            took.as_secs_f64()
        ));
        total.add(tally);
    }
    if total.ignored > 0 {
        lines.push(format!("{} tests are marked #[ignore] and were not run", total.ignored));
    }
    if !total.failures.is_empty() {
        lines.push("== FAILED".to_owned());
        lines.extend(total.failures.iter().map(|name| format!("  {name}")));
    }
    if !total.not_run.is_empty() {
        let count = total.not_run.len();
        lines.push(format!("== NOT RUN: {count} tests whose peer is missing (cargo xtask test --install)"));
        lines.extend(total.not_run.iter().map(|what| format!("  NOT RUN {what}")));
        if peers_required {
            lines.push("CI=true, so each of them counts as failed".to_owned());
            total.failed += count as u64;
        }
    }
    lines.push(format!("{} passed, {} failed", total.passed, total.failed));
    (lines, total.failed == 0 && total.passed > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "running 3 tests\n\
        test a ... ok\ntest b::c ... FAILED\nNOT RUN: journey::x: needs chromium\n\
        test result: FAILED. 12 passed; 1 failed; 2 ignored; 0 measured; 3 filtered out; finished in 0.01s\n\
        test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s\n";

    #[test]
    fn counts_of_all_test_binaries_are_summed_and_a_test_without_its_peer_has_not_passed() {
        let tally = Tally::from_cargo_test(OUTPUT);
        assert_eq!((tally.passed, tally.failed, tally.ignored), (16, 1, 2));
        assert_eq!(tally.failures, ["b::c"]);
        assert_eq!(tally.not_run, ["journey::x: needs chromium"]);
    }

    #[test]
    fn a_missing_peer_fails_only_where_peers_are_required() {
        let not_run = vec!["journey::x: needs vlc".to_owned()];
        let tally = Tally { passed: 4, not_run, ..Tally::default() };
        let steps = [Step { name: "journeys", tally, took: Duration::ZERO }];
        let (lines, ok) = summary(&steps, false);
        assert_eq!((lines.last().unwrap().as_str(), ok), ("4 passed, 0 failed", true));
        let (lines, ok) = summary(&steps, true);
        assert_eq!((lines.last().unwrap().as_str(), ok), ("4 passed, 1 failed", false));
    }

    #[test]
    fn a_run_in_which_nothing_ran_is_no_success() {
        let (lines, ok) = summary(&[], false);
        assert_eq!((lines.last().unwrap().as_str(), ok), ("0 passed, 0 failed", false));
    }

    #[test]
    fn tap_totals_are_read() {
        let tally = Tally::from_tap("ok 1 - a\n    not ok 2 - b\n# tests 2\n# pass 1\n# fail 1\n");
        assert_eq!((tally.passed, tally.failed), (1, 1));
        assert_eq!(tally.failures, ["2 - b"]);
    }

    #[test]
    fn a_skipped_web_test_is_told_as_not_run() {
        let tally = Tally::from_tap("ok 1 - a # SKIP needs npm ci\n# pass 0\n# fail 0\n# skipped 1\n");
        assert_eq!((tally.passed, tally.failed), (0, 0));
        assert_eq!(tally.not_run, ["1 - a: needs npm ci"]);
    }
}
