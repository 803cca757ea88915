//! What to run, and for how long to wait for what.
use super::ladder::Times;
use media::StreamName;
use nix::sys::signal::Signal;
use std::ffi::OsString;
use std::time::Duration;

/// From TERM to KILL, when nothing else is said: 1 s. ffmpeg needs 100 ms to say goodbye to a camera, and a source has
/// 2 s to end in order (`limits.source_stop_max`).
pub const TERM_GRACE: Duration = Duration::from_secs(1);
/// From its stdin's end to TERM: 1 s, for the same reason.
pub const STDIN_GRACE: Duration = Duration::from_secs(1);
/// From KILL until nothing is left: 5 s. The kernel needs a few milliseconds; a process that waits for a dead disk or
/// device stays longer, and that is worth telling.
pub const KILL_WAIT: Duration = Duration::from_secs(5);
/// From its start to the first bytes: 30 s, go2rtc's `starttimeout`.
pub const START_MAX: Duration = Duration::from_secs(30);

/// A program to run: an argument vector, never a shell's line.
#[derive(Clone, Debug)]
pub struct Spec {
    /// What it is, for logs and reports, such as `exec` or `ffmpeg`.
    pub name: &'static str,
    /// The stream it works for.
    pub stream: Option<StreamName>,
    /// The program: a path, or a name that is looked up in `PATH`.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// A pipe to its stdin; else it reads an end of file.
    pub stdin: bool,
    /// A pipe from its stdout; else that goes nowhere.
    pub stdout: bool,
    /// The first signal to end it; KILL leaves the rung out.
    pub signal: Signal,
    /// From that signal to KILL.
    pub grace: Duration,
    /// The first bytes (or whatever [`super::Child::first_bytes`] is called for) come so soon; `None`: nobody waits.
    pub start: Option<Duration>,
    /// What must not be shown, besides what is known to be a secret by its form.
    pub secrets: Vec<String>,
}

impl Spec {
    /// A program without pipes and with the usual times.
    pub fn new(name: &'static str, program: impl Into<OsString>, arguments: Vec<String>) -> Self {
        Self {
            name,
            stream: None,
            program: program.into(),
            arguments,
            stdin: false,
            stdout: false,
            signal: Signal::SIGTERM,
            grace: TERM_GRACE,
            start: None,
            secrets: Vec::new(),
        }
    }

    pub(super) fn times(&self) -> Times {
        Times {
            start: self.start,
            stdin: self.stdin.then_some(STDIN_GRACE),
            term: (self.signal != Signal::SIGKILL).then_some(self.grace),
            kill: KILL_WAIT,
        }
    }

    /// The program's name without its path.
    pub(super) fn shown_program(&self) -> String {
        let name = std::path::Path::new(&self.program).file_name().unwrap_or(&self.program);
        name.to_string_lossy().into_owned()
    }
}
