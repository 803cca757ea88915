//! What is known of a running child.
use media::{StreamName, WallTime};
use std::time::Duration;

/// A running child, for the API.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChildReport {
    /// Its process id, which is its group's number too.
    pub pid: i32,
    /// What it is: `exec`, `ffmpeg`.
    pub name: &'static str,
    /// The stream it works for.
    pub stream: Option<StreamName>,
    /// The command as it was started, without credentials.
    pub command: Vec<String>,
    /// When it was started.
    pub since: WallTime,
    /// `starting`, `running`, `closing_stdin`, `terminating`, `killing`, `stuck`, `clearing`.
    pub state: &'static str,
    /// What it and the processes of its group use; `None` where the system does not tell.
    pub usage: Option<ChildUsage>,
}

/// What a child's process group uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChildUsage {
    /// Time on the processors since its start.
    pub cpu: Duration,
    /// Memory in bytes; pages that two of its processes share count twice.
    pub rss_bytes: u64,
    /// How many processes it is.
    pub processes: u32,
}
