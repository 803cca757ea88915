//! The command line. `-c` and `-v` are go2rtc's; the rest is ours.
use crate::config::{self, Loaded};
use crate::{VERSION, run, wiring};
use clap::Parser;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// A real-time media server: cameras, encoders and browsers in; players and browsers out.
#[derive(Debug, Parser)]
#[command(name = "aqueduct", disable_version_flag = true)]
struct Arguments {
    /// A configuration file. Several are read in order: later ones win, key by key.
    #[arg(short, long = "config", value_name = "FILE")]
    config: Vec<PathBuf>,
    /// Another way to name configuration files, for `--check FILE`.
    #[arg(value_name = "FILE", hide = true)]
    files: Vec<PathBuf>,
    /// Say everything that is wrong in the configuration, and end.
    #[arg(long)]
    check: bool,
    /// Say the version, and end.
    #[arg(short, long)]
    version: bool,
    /// Write a configuration file with every setting, its default and its meaning.
    #[arg(long)]
    print_example_config: bool,
    /// Write the JSON schema of configuration files.
    #[arg(long)]
    print_config_schema: bool,
    /// Write the OpenAPI description of the API.
    #[arg(long)]
    print_openapi: bool,
}

/// Parses the command line and does what it says.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.version {
        return say(&format!("aqueduct {VERSION} (go2rtc API {})\n", api::GO2RTC_VERSION));
    }
    if arguments.print_example_config {
        return say(&config::example());
    }
    if arguments.print_config_schema {
        return say(&config::schema());
    }
    if arguments.print_openapi {
        return say(&api::openapi());
    }
    let files: Vec<PathBuf> = arguments.config.into_iter().chain(arguments.files).collect();
    let loaded = match config::load(&files, &wiring::judge) {
        Ok(loaded) => loaded,
        Err(problems) => {
            complain(&problems);
            return ExitCode::FAILURE;
        }
    };
    if arguments.check {
        return say(&checked(&loaded));
    }
    match run::run(loaded) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn checked(loaded: &Loaded) -> String {
    let mut text: String = loaded.notes.iter().map(|note| format!("note: {note}\n")).collect();
    text.push_str(&format!("the configuration is right: {} streams\n", loaded.config.streams.len()));
    text
}

fn say(text: &str) -> ExitCode {
    // Whoever closed the pipe wants no more.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn complain(error: &dyn std::fmt::Display) {
    // Without stderr there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{error}");
}
