//! The command line. `-c` and `-v` are go2rtc's; the rest is ours.
use crate::config::{self, Loaded};
use crate::{VERSION, run, wiring};
use clap::{Parser, Subcommand};
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
    /// What else there is to do.
    #[command(subcommand)]
    command: Option<Command>,
}

/// What else there is to do.
#[derive(Debug, Subcommand)]
enum Command {
    /// Looks after recordings.
    Recordings {
        /// What to do with them.
        #[command(subcommand)]
        deed: RecordingsDeed,
    },
}

/// What to do with recordings.
#[derive(Debug, Subcommand)]
enum RecordingsDeed {
    /// Compares the index with the files, and says what is wrong. May run beside the server.
    Check {
        /// Mend what can be: close what a crash left open, take files into the index that it lacks, forget what is missing, make
        /// a broken index anew. The server must not be recording there.
        #[arg(long)]
        repair: bool,
        /// Also read every file, and compare it with its hash.
        #[arg(long)]
        hashes: bool,
        /// A storage's folder; else those of the configuration.
        #[arg(long, value_name = "FOLDER")]
        path: Vec<PathBuf>,
        /// The configuration that names the storages.
        #[arg(short, long = "config", value_name = "FILE")]
        config: Vec<PathBuf>,
    },
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
    if let Some(Command::Recordings { deed }) = &arguments.command {
        return recordings(deed);
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

/// Checks storages; fails when something is wrong and was not mended.
fn recordings(RecordingsDeed::Check { repair, hashes, path, config }: &RecordingsDeed) -> ExitCode {
    let storages = if path.is_empty() {
        match config::load(config, &wiring::judge) {
            Ok(loaded) => loaded.config.recording.storages(),
            Err(problems) => {
                complain(&problems);
                return ExitCode::FAILURE;
            }
        }
    } else {
        path.iter().map(|path| recorder::StorageConfig::new(path.display().to_string(), path)).collect()
    };
    let mut all_right = true;
    for storage in storages {
        let begun = std::time::Instant::now();
        match recorder::check(&storage, *hashes, *repair, hub::wall_now()) {
            Ok(report) => {
                all_right &= report.wrong <= report.mended;
                say(&check_text(&storage, &report, begun.elapsed()));
            }
            Err(error) => {
                all_right = false;
                complain(&format_args!("storage {} in {}: {error}", storage.name, storage.path.display()));
            }
        }
    }
    if all_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn check_text(
    storage: &recorder::StorageConfig,
    report: &recorder::CheckReport,
    took: std::time::Duration,
) -> String {
    let mut text = format!(
        "storage {} in {}: {} files with {} bytes, {} being written; {} read as a whole; {:.1} s\n",
        storage.name,
        storage.path.display(),
        report.segments,
        report.bytes,
        report.open,
        report.hashed,
        took.as_secs_f64()
    );
    for finding in &report.findings {
        text.push_str(&format!("  {finding}\n"));
    }
    let unlisted = report.wrong - report.findings.len() as u64;
    if unlisted > 0 {
        text.push_str(&format!("  and {unlisted} more\n"));
    }
    text.push_str(&match (report.wrong, report.mended) {
        (0, 0) => "all is right\n".to_owned(),
        (wrong, 0) => format!("{wrong} are wrong; `--repair` mends what can be\n"),
        (wrong, mended) => format!("{wrong} were wrong, {mended} were mended\n"),
    });
    text
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
