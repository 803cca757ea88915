//! What a compiler does not check: format, lints, edges between crates, file sizes, dependencies.

use crate::process::{self, Echo};
use crate::tally::Tally;
use crate::workspace::{self, Workspace};
use crate::{edges, graph, say, sources};
use std::time::Duration;

/// Longest run of clippy: 20 min, it checks every dependency once on a clean checkout.
const CLIPPY: Duration = Duration::from_secs(20 * 60);

/// Longest run of the quick ones.
const QUICK: Duration = Duration::from_secs(3 * 60);

type Check = (&'static str, fn(&Workspace) -> Vec<String>);

const CHECKS: [Check; 5] = [
    ("format", format),
    ("our files", files),
    ("edges between crates", edges_between_crates),
    ("dependencies", dependencies),
    ("clippy", clippy),
];

/// Runs all checks. True when nothing is wrong.
pub(crate) fn run(workspace: &Workspace) -> bool {
    checks(workspace).failed == 0
}

/// The same, one count per check.
pub(crate) fn checks(workspace: &Workspace) -> Tally {
    let mut tally = Tally::default();
    for (name, check) in CHECKS {
        let problems = check(workspace);
        for problem in &problems {
            say(&format!("tidy: {problem}"));
        }
        match problems.len() {
            0 => {
                say(&format!("tidy: {name}: ok"));
                tally.add(&Tally::pass());
            }
            count => tally.add(&Tally::fail(format!("tidy: {name}: {count} problems"))),
        }
    }
    tally
}

fn format(workspace: &Workspace) -> Vec<String> {
    cargo(workspace, &["fmt", "--all", "--check"], QUICK, Echo::Show).err().into_iter().collect()
}

fn clippy(workspace: &Workspace) -> Vec<String> {
    let args = ["clippy", "--workspace", "--all-targets", "--keep-going", "--quiet", "--", "-D", "warnings"];
    // tests run beside it, some of which measure time
    let finished = process::run(&mut workspace.patient_cargo(&args), CLIPPY, Echo::Quiet);
    if finished.success() {
        return Vec::new();
    }
    say(&finished.output);
    vec![format!("cargo clippy: {}", finished.reason(CLIPPY))]
}

fn files(workspace: &Workspace) -> Vec<String> {
    sources::problems(&workspace.root)
}

fn edges_between_crates(workspace: &Workspace) -> Vec<String> {
    let architecture = match std::fs::read_to_string(workspace.root.join("ARCHITECTURE.md")) {
        Ok(text) => text,
        Err(error) => return vec![format!("ARCHITECTURE.md: {error}")],
    };
    match workspace::metadata(&["--no-deps"]) {
        Ok(metadata) => edges::problems(&architecture, &metadata),
        Err(error) => vec![error],
    }
}

fn dependencies(workspace: &Workspace) -> Vec<String> {
    let deny = match std::fs::read_to_string(workspace.root.join("deny.toml")) {
        Ok(text) => text,
        Err(error) => return vec![format!("deny.toml: {error}")],
    };
    match cargo(workspace, &graph::TREE, QUICK, Echo::Quiet) {
        Ok(tree) => graph::problems(&deny, &tree),
        Err(problem) => vec![problem],
    }
}

fn cargo(workspace: &Workspace, args: &[&str], limit: Duration, echo: Echo) -> Result<String, String> {
    let finished = process::run(&mut workspace.cargo(args), limit, echo);
    if finished.success() {
        return Ok(finished.output);
    }
    if echo == Echo::Quiet {
        say(&finished.output);
    }
    Err(format!("cargo {}: {}", args.first().unwrap_or(&""), finished.reason(limit)))
}
