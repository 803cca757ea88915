//! `load`: puts load on a server of this machine. See `testkit::load` and `docs/performance.md`.
//!
//! One line of JSON on standard output, a table on standard error. Exit code 1 when anything was lost, mixed up or
//! cut, 2 when there was no run.
use clap::Parser as _;
use std::io::Write as _;
use std::process::ExitCode;
use testkit::load::{Options, Outcome, run_blocking};

fn main() -> ExitCode {
    let options = Options::parse();
    match run_blocking(&options.command) {
        Ok(Outcome::Published) => ExitCode::SUCCESS,
        Ok(Outcome::Read(report)) => tell(&report.table(), &report, report.is_clean()),
        Ok(Outcome::Met(report)) => tell(&report.table(), &report, report.is_clean()),
        Ok(Outcome::Viewed(report)) => tell(&report.table(), &report, report.is_clean()),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "load: {error}");
            ExitCode::from(2)
        }
    }
}

fn tell(table: &str, report: &impl serde::Serialize, is_clean: bool) -> ExitCode {
    let json = serde_json::to_string(report).unwrap_or_default();
    // Nobody may be listening; the exit code still tells.
    let _ = writeln!(std::io::stderr(), "{table}");
    let _ = writeln!(std::io::stdout(), "{json}");
    if is_clean { ExitCode::SUCCESS } else { ExitCode::from(1) }
}
