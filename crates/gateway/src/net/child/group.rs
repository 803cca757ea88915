//! One process group as its owner sees it: whether its first process has ended, signals to all of it, whether anybody is
//! left.
//!
//! Owns the right to signal by number: the group's number is its first process's, and nobody else gets it while that is
//! not reaped. So KILL goes out before the reaping, and afterwards nobody is signalled by it any more.
use super::ladder::Exit;
use super::processes;
use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::time::Duration;

/// After a failure inside, so often is looked whether KILL took, and so long in between: 50 ms in all, which it never
/// needs, and which the other children can wait.
const LOOKS_AFTER_A_FAILURE: u32 = 50;
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// The group of one child.
pub(super) struct Group {
    leader: Pid,
    reaped: bool,
    /// The exit of a first process that was reaped when it was noticed, on systems that cannot look without reaping.
    noticed: Option<Exit>,
}

impl Group {
    /// The group that the process just started leads.
    pub(super) fn new(leader: Pid) -> Self {
        Self { leader, reaped: false, noticed: None }
    }

    pub(super) fn leader(&self) -> Pid {
        self.leader
    }

    /// How the first process ended, if it has; it stays a zombie.
    pub(super) fn poll_exit(&mut self) -> Option<Exit> {
        if self.noticed.is_none() {
            self.noticed = self.look();
        }
        self.noticed
    }

    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    fn look(&mut self) -> Option<Exit> {
        use nix::sys::wait::{Id, waitid};
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        match waitid(Id::Pid(self.leader), flags) {
            Ok(status) => exit_of(status),
            Err(Errno::EINTR) => None,
            // Killed by a signal without a name: it has ended, and can be reaped.
            Err(Errno::EINVAL) => Some(Exit::Unknown),
            Err(_) => {
                self.reaped = true;
                Some(Exit::Unknown)
            }
        }
    }

    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    fn look(&mut self) -> Option<Exit> {
        match waitpid(self.leader, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) | Err(Errno::EINTR) => None,
            Ok(status) => {
                self.reaped = true;
                exit_of(status)
            }
            Err(_) => {
                self.reaped = true;
                Some(Exit::Unknown)
            }
        }
    }

    /// Signals everybody in the group.
    pub(super) fn signal(&self, signal: Signal) {
        if !self.reaped {
            // Nobody there is what is wanted; who changed its user cannot be signalled and is told as stuck.
            let _ = killpg(self.leader, signal);
        }
    }

    /// KILL to everybody, and reaps the first process, which has ended.
    pub(super) fn kill_and_reap(&mut self) {
        self.signal(Signal::SIGKILL);
        if !self.reaped {
            // It is a zombie, so this does not wait.
            let _ = waitpid(self.leader, Some(WaitPidFlag::WNOHANG));
            self.reaped = true;
        }
    }

    /// True when nobody of the group is left, zombies that are not ours to reap aside. Reaps those that are: as PID 1 or
    /// a subreaper, the orphans come to us.
    pub(super) fn is_empty(&self) -> bool {
        let orphans = Pid::from_raw(-self.leader.as_raw());
        while matches!(waitpid(orphans, Some(WaitPidFlag::WNOHANG)), Ok(status) if status.pid().is_some()) {}
        match killpg(self.leader, None) {
            Err(Errno::ESRCH) => true,
            Ok(()) | Err(_) => !processes::any_alive_in_group(self.leader.as_raw()),
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Only an owner that failed inside leaves it so.
        if !self.reaped {
            self.signal(Signal::SIGKILL);
            let looks = 0..LOOKS_AFTER_A_FAILURE;
            let _ = looks.map(|_| std::thread::sleep(LOOK_EVERY)).find(|()| self.is_reaped_now());
        }
    }
}

impl Group {
    fn is_reaped_now(&self) -> bool {
        !matches!(waitpid(self.leader, Some(WaitPidFlag::WNOHANG)), Ok(WaitStatus::StillAlive))
    }
}

fn exit_of(status: WaitStatus) -> Option<Exit> {
    match status {
        WaitStatus::Exited(_, code) => Some(Exit::Code(code)),
        WaitStatus::Signaled(_, signal, _) => Some(Exit::Signal(signal as i32)),
        // Not asked for, or not ended.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        WaitStatus::PtraceEvent(..) | WaitStatus::PtraceSyscall(_) => None,
        WaitStatus::Stopped(..) | WaitStatus::Continued(_) | WaitStatus::StillAlive => None,
    }
}
