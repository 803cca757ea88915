//! Fork and exec: the one place with `unsafe`, since what runs between the two runs in a copy of this process of which
//! only one thread is left.
use super::spec::Spec;
use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getpid, getppid};
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// Added to a child's badness when memory is short: 300 of 1,000. One camera's transcoder goes before the server with
/// all cameras.
#[cfg(target_os = "linux")]
const OOM_SCORE_ADD: &str = "300";

/// A process just started, and our ends of its pipes.
pub(super) struct Spawned {
    pub(super) pid: Pid,
    pub(super) stdin: Option<OwnedFd>,
    pub(super) stdout: Option<OwnedFd>,
    pub(super) stderr: Option<OwnedFd>,
}

/// Starts the program in a process group of its own, with this environment. Call it on a thread that lives as long as
/// the process: the kernel kills the child when that thread ends.
pub(super) fn spawn(spec: &Spec, environment: &[(OsString, OsString)]) -> io::Result<Spawned> {
    let pipe = |wanted: bool| if wanted { Stdio::piped() } else { Stdio::null() };
    let mut command = Command::new(&spec.program);
    command
        .args(&spec.arguments)
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(pipe(spec.stdin))
        .stdout(pipe(spec.stdout))
        .stderr(Stdio::piped())
        .process_group(0);
    prepare(&mut command);
    let mut child = command.spawn()?;
    let pid = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
    prefer_when_memory_is_short(pid);
    // Dropping the value neither waits nor kills: whoever has the process id does both.
    Ok(Spawned {
        pid,
        stdin: child.stdin.take().map(OwnedFd::from),
        stdout: child.stdout.take().map(OwnedFd::from),
        stderr: child.stderr.take().map(OwnedFd::from),
    })
}

#[allow(unsafe_code, reason = "pre_exec is unsafe: its closure may only do what is safe after a fork")]
fn prepare(command: &mut Command) {
    let parent = getpid();
    let between_fork_and_exec = move || {
        die_with_parent()?;
        if getppid() != parent {
            // The parent died before it could be watched.
            return Err(Errno::ESRCH.into());
        }
        close_other_files();
        Ok(())
    };
    // SAFETY: the closure runs in the child, where a lock that another thread held is held for ever. It takes none: it
    // calls prctl, getppid and close_range, bare system calls, makes errors from numbers (io::Error of a raw number does
    // not allocate) and touches nothing but its own copy of `parent`.
    unsafe {
        command.pre_exec(between_fork_and_exec);
    }
}

/// KILL, not TERM: with its parent dead, nobody is left to insist.
#[cfg(target_os = "linux")]
fn die_with_parent() -> io::Result<()> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).map_err(io::Error::from)
}

/// Elsewhere there is no such thing: children notice by their closed pipes.
#[cfg(not(target_os = "linux"))]
fn die_with_parent() -> io::Result<()> {
    Ok(())
}

/// Ours are all closed on exec; those that somebody left open when they started us are closed here.
#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "no safe crate has close_range")]
fn close_other_files() {
    // SAFETY: marks descriptors of this process and touches no memory. A kernel that does not know the call or the flag
    // (before 5.11) says so and does nothing; then it is as it always was.
    unsafe {
        nix::libc::syscall(
            nix::libc::SYS_close_range,
            3 as nix::libc::c_uint,
            nix::libc::c_uint::MAX,
            nix::libc::CLOSE_RANGE_CLOEXEC,
        );
    }
}

#[cfg(not(target_os = "linux"))]
fn close_other_files() {}

#[cfg(target_os = "linux")]
fn prefer_when_memory_is_short(pid: Pid) {
    // Without /proc it is as likely to go as the server.
    let _ = std::fs::write(format!("/proc/{pid}/oom_score_adj"), OOM_SCORE_ADD);
}

#[cfg(not(target_os = "linux"))]
fn prefer_when_memory_is_short(_: Pid) {}
