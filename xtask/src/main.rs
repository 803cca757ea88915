//! `cargo xtask`: the project's own commands, in Rust, so that they run wherever the project builds.
//!
//! `test` runs everything, `ci` does so with every peer installed and required, `tidy` checks what a
//! compiler does not, `gen` writes the files that the binary describes itself with.

mod edges;
mod gen_files;
mod graph;
mod install;
mod licence;
mod process;
mod sources;
mod tally;
mod test;
mod tidy;
mod workspace;

use std::io::Write as _;
use std::process::ExitCode;
use workspace::Workspace;

const USAGE: &str = "\
usage: cargo xtask <command>

  test [--install] [FILTER]  run every test; with FILTER only tests whose name contains it
                             --install: first install the peers the journeys need (Debian, root)
  ci                         the same as CI runs it: test --install, and no peer may be missing
  tidy                       format, lints, allowed edges, file sizes, dependencies and licences
  gen [--check]              write (or compare) config.example.yaml, config.schema.json, docs/openapi.json
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let workspace = match Workspace::find() {
        Ok(workspace) => workspace,
        Err(error) => return fail(&error),
    };
    let all_passed = match words.as_slice() {
        ["test", rest @ ..] => match test::Options::parse(rest) {
            Ok(options) => test::run(&workspace, &options),
            Err(error) => return fail(&format!("{error}\n\n{USAGE}")),
        },
        ["ci"] => test::run(&workspace, &test::Options { install: true, peers_required: true, filter: None }),
        ["tidy"] => tidy::run(&workspace),
        ["gen"] => gen_files::run(&workspace, gen_files::Mode::Write),
        ["gen", "--check"] => gen_files::run(&workspace, gen_files::Mode::Check),
        _ => return fail(USAGE),
    };
    if all_passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn fail(text: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{}", text.trim_end());
    ExitCode::from(2)
}

/// Prints one line for the person who waits.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}
