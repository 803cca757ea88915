//! Runs one program with a time limit, shows what it prints while it runs, and keeps it for counting.
//!
//! The children stay in our process group, so that Ctrl-C ends all. At the time limit the whole
//! tree below the child is killed, found through `/proc`.

use std::io::{Read, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long output is still awaited after the program ended: a grandchild may hold the pipe open.
const DRAIN: Duration = Duration::from_secs(2);

/// How a program ended.
#[derive(Debug, PartialEq)]
pub(crate) enum End {
    /// With exit code 0.
    Success,
    /// With another code or by a signal.
    Failure(String),
    /// Not within its limit, so it was killed.
    TimedOut,
    /// It could not be started.
    NotStarted(String),
}

/// What is left of a program that ended.
#[derive(Debug)]
pub(crate) struct Finished {
    /// How it ended.
    pub(crate) end: End,
    /// Everything it printed, both streams.
    pub(crate) output: String,
}

impl Finished {
    /// Ended with exit code 0.
    pub(crate) fn success(&self) -> bool {
        self.end == End::Success
    }

    /// How it ended, in words.
    pub(crate) fn reason(&self, limit: Duration) -> String {
        match &self.end {
            End::Success => "ok".into(),
            End::Failure(how) => how.clone(),
            End::TimedOut => format!("not done within {} s, killed", limit.as_secs()),
            End::NotStarted(why) => format!("cannot be started: {why}"),
        }
    }
}

/// Whether output is shown while the program runs.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Echo {
    /// Shown and kept.
    Show,
    /// Only kept.
    Quiet,
}

/// Runs the command to its end, or to the limit.
pub(crate) fn run(command: &mut Command, limit: Duration, echo: Echo) -> Finished {
    let started = Instant::now();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let why = format!("{}: {error}", command.get_program().to_string_lossy());
            return Finished { end: End::NotStarted(why), output: String::new() };
        }
    };
    let (sender, chunks) = mpsc::channel();
    pump(child.stdout.take(), sender.clone());
    pump(child.stderr.take(), sender);

    let mut output = Vec::new();
    let mut open = true;
    let end = loop {
        let wait = if open { Duration::from_millis(50) } else { Duration::ZERO };
        match chunks.recv_timeout(wait) {
            Ok(chunk) => keep(&mut output, &chunk, echo),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) if open => open = false,
            Err(mpsc::RecvTimeoutError::Disconnected) => std::thread::sleep(Duration::from_millis(20)),
        }
        match child.try_wait() {
            Ok(Some(status)) if status.success() => break End::Success,
            Ok(Some(status)) => break End::Failure(status.to_string()),
            Ok(None) if started.elapsed() > limit => {
                kill_tree(&mut child);
                break End::TimedOut;
            }
            Ok(None) => {}
            Err(error) => break End::Failure(error.to_string()),
        }
    };
    let drained_by = Instant::now() + DRAIN;
    while let Ok(chunk) = chunks.recv_timeout(drained_by.saturating_duration_since(Instant::now())) {
        keep(&mut output, &chunk, echo);
    }
    Finished { end, output: String::from_utf8_lossy(&output).into_owned() }
}

fn keep(output: &mut Vec<u8>, chunk: &[u8], echo: Echo) {
    output.extend_from_slice(chunk);
    if echo == Echo::Show {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(chunk);
        let _ = out.flush();
    }
}

/// Reads whole lines, so that the two streams never mix within one.
fn pump(stream: Option<impl Read + Send + 'static>, sender: mpsc::Sender<Vec<u8>>) {
    let Some(mut stream) = stream else { return };
    std::thread::spawn(move || {
        let mut pending = Vec::new();
        let mut buffer = [0; 16 * 1024];
        while let Ok(count) = stream.read(&mut buffer) {
            if count == 0 {
                break;
            }
            pending.extend_from_slice(&buffer[..count]);
            if let Some(end) = pending.iter().rposition(|&byte| byte == b'\n') {
                let rest = pending.split_off(end + 1);
                if sender.send(std::mem::replace(&mut pending, rest)).is_err() {
                    return;
                }
            }
        }
        if !pending.is_empty() {
            let _ = sender.send(pending);
        }
    });
}

fn kill_tree(child: &mut Child) {
    let mut doomed = vec![child.id()];
    let parents = parents();
    let mut next = 0;
    while let Some(&parent) = doomed.get(next) {
        doomed.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    let pids: Vec<String> = doomed.iter().skip(1).map(u32::to_string).collect();
    let _ = child.kill();
    let _ = child.wait();
    if !pids.is_empty() {
        let _ = Command::new("kill").arg("-KILL").args(&pids).stderr(Stdio::null()).status();
    }
}

/// Each process with its parent. Source: proc(5), `/proc/PID/stat`, fields 1 and 4.
fn parents() -> Vec<(u32, u32)> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| {
            let pid = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let (_, after_name) = stat.rsplit_once(')')?;
            Some((pid, after_name.split_whitespace().nth(1)?.parse().ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_of_both_streams_is_kept_and_the_exit_code_told() {
        let finished = run(
            Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]),
            Duration::from_secs(5),
            Echo::Quiet,
        );
        assert!(finished.output.contains("out\n") && finished.output.contains("err\n"));
        assert_eq!(finished.end, End::Failure("exit status: 3".into()));
    }

    #[test]
    fn a_program_past_its_limit_is_killed_with_everything_it_started() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 60 & echo $!; wait"]);
        let started = Instant::now();
        let finished = run(&mut command, Duration::from_millis(300), Echo::Quiet);
        assert_eq!(finished.end, End::TimedOut);
        assert!(started.elapsed() < Duration::from_secs(10), "it took {:?}", started.elapsed());
        let grandchild: u32 = finished.output.trim().parse().unwrap();
        let gone_by = Instant::now() + Duration::from_secs(5);
        let alive =
            || std::fs::read_to_string(format!("/proc/{grandchild}/stat")).is_ok_and(|s| !s.contains(") Z"));
        while alive() {
            assert!(Instant::now() < gone_by, "the grandchild still runs");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn a_program_that_is_not_there_is_told() {
        let finished = run(&mut Command::new("no-such-program"), Duration::from_secs(1), Echo::Quiet);
        assert!(matches!(finished.end, End::NotStarted(_)));
    }
}
