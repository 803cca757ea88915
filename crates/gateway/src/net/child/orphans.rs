//! Orphans: as PID 1 of a container, or where the process was made a subreaper, whatever loses its parent below us
//! becomes our child, and stays a zombie until we take notice.
use nix::unistd::Pid;

/// What one look found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Look {
    /// No zombie that is nobody's.
    Clean,
    /// A child's own process has ended and its owner has not seen it yet: look again soon.
    Known,
}

/// True when orphans come to us.
#[cfg(target_os = "linux")]
pub(super) fn come_to_us() -> bool {
    // Asked each time: it may be set later on.
    nix::unistd::getpid().as_raw() == 1 || nix::sys::prctl::get_child_subreaper().unwrap_or(false)
}

/// Reaps zombies, up to one that is known: that is its owner's, who needs it to signal its group first.
#[cfg(target_os = "linux")]
pub(super) fn reap(is_known: impl Fn(Pid) -> bool) -> Look {
    use super::processes;
    use nix::errno::Errno;
    use nix::sys::wait::{Id, WaitPidFlag, waitid, waitpid};
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    // They are zombies, so this does not wait.
    let take = |pid| waitpid(pid, Some(WaitPidFlag::WNOHANG));
    loop {
        match waitid(Id::All, flags) {
            Ok(status) => match status.pid() {
                None => return Look::Clean,
                Some(pid) if is_known(pid) => return Look::Known,
                Some(pid) => {
                    let _ = take(pid);
                }
            },
            // Killed by a signal without a name: the call does not say who.
            Err(Errno::EINVAL) => {
                let ours = processes::zombies_of(nix::unistd::getpid().as_raw());
                let mut unknown = ours.into_iter().map(Pid::from_raw).filter(|pid| !is_known(*pid));
                match unknown.next() {
                    None => return Look::Known,
                    Some(pid) => {
                        let _ = take(pid);
                    }
                }
            }
            // No children at all.
            Err(_) => return Look::Clean,
        }
    }
}

/// Elsewhere, orphans go to the system's first process.
#[cfg(not(target_os = "linux"))]
pub(super) fn come_to_us() -> bool {
    false
}

#[cfg(not(target_os = "linux"))]
pub(super) fn reap(_: impl Fn(Pid) -> bool) -> Look {
    Look::Clean
}
