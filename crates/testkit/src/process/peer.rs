//! A foreign program, run beside the server under test.
//!
//! It has a process group of its own, so that a browser goes with all its children; its output goes to
//! files; past its limit, and on drop, the whole group is killed.

use super::place::Place;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a program may take to end after SIGINT, before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// A running program.
#[derive(Debug)]
pub struct Peer {
    name: String,
    child: Child,
    deadline: Instant,
    stdout: PathBuf,
    stderr: PathBuf,
    ended: bool,
}

/// A program that ended.
#[derive(Debug)]
pub struct Exit {
    /// What it was called.
    pub name: String,
    /// Exit code 0.
    pub success: bool,
    /// Its limit was reached, so it was killed.
    pub timed_out: bool,
    /// Everything it printed.
    pub stdout: String,
    /// Everything it complained about.
    pub stderr: String,
}

impl Exit {
    /// Fails the test unless the program ended well; shows the end of what it said.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn expect_success(self) -> Self {
        assert!(
            self.success,
            "{} failed (timed out: {})\n--- stdout\n{}\n--- stderr\n{}",
            self.name,
            self.timed_out,
            tail(&self.stdout),
            tail(&self.stderr)
        );
        self
    }
}

impl Peer {
    /// Starts the command. `name` names its log files in the place.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(place: &Place, name: &str, command: &mut Command, limit: Duration) -> Self {
        let stdout = place.file(&format!("{name}.out"));
        let stderr = place.file(&format!("{name}.err"));
        let create = |path| File::create(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let started = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(create(&stdout))
            .stderr(create(&stderr))
            .spawn();
        let child = started.unwrap_or_else(|error| panic!("{name}: {:?}: {error}", command.get_program()));
        Self { name: name.to_owned(), child, deadline: Instant::now() + limit, stdout, stderr, ended: false }
    }

    /// Waits for its own end, within its limit.
    pub fn wait(mut self) -> Exit {
        let status = self.poll_until(self.deadline);
        self.finish(status)
    }

    /// Asks it to end with SIGINT, as a person would with Ctrl-C.
    pub fn stop(mut self) -> Exit {
        self.signal(Signal::SIGINT);
        let status = self.poll_until(Instant::now() + GRACE);
        self.finish(status)
    }

    /// Kills it as a power cut would.
    pub fn kill(mut self) -> Exit {
        self.signal(Signal::SIGKILL);
        let status = self.poll_until(Instant::now() + GRACE);
        self.finish(status)
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// What it printed up to now.
    pub fn stdout(&self) -> String {
        std::fs::read(&self.stdout)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// What it complained about up to now.
    pub fn stderr(&self) -> String {
        std::fs::read(&self.stderr)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Its process id, which is also its group's.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn poll_until(&mut self, deadline: Instant) -> Option<ExitStatus> {
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(10)),
                Ok(None) | Err(_) => return None,
            }
        }
    }

    fn finish(&mut self, status: Option<ExitStatus>) -> Exit {
        self.end_group();
        Exit {
            name: self.name.clone(),
            success: status.is_some_and(|status| status.success()),
            timed_out: status.is_none(),
            stdout: self.stdout(),
            stderr: self.stderr(),
        }
    }

    fn signal(&self, signal: Signal) {
        if let Ok(pid) = i32::try_from(self.child.id()) {
            let _ = killpg(Pid::from_raw(pid), signal);
        }
    }

    /// Whatever the program left behind in its group goes with it.
    fn end_group(&mut self) {
        self.signal(Signal::SIGKILL);
        let _ = self.child.wait();
        self.ended = true;
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if !self.ended {
            self.end_group();
        }
    }
}

/// The last lines of a text: enough to see why.
fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_and_exit_code_are_kept() {
        let place = Place::new().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo here; echo there >&2; exit 1"]);
        let exit = Peer::start(&place, "sh", &mut command, Duration::from_secs(5)).wait();
        assert_eq!((exit.stdout.as_str(), exit.stderr.as_str()), ("here\n", "there\n"));
        assert!(!exit.success && !exit.timed_out);
    }

    #[test]
    fn past_its_limit_the_whole_group_is_killed() {
        let place = Place::new().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 60 & sleep 60"]);
        let started = Instant::now();
        let exit = Peer::start(&place, "sh", &mut command, Duration::from_millis(200)).wait();
        assert!(exit.timed_out && started.elapsed() < Duration::from_secs(5));
    }
}
