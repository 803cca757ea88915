//! What a child left behind outside its group: programs that put themselves in a session of their own are known by a
//! mark in their environment, which everything that a child starts inherits.
//!
//! One look at the list of processes serves all children that have just ended.
use super::processes;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::sync::{mpsc, oneshot};

/// The name of the mark.
pub(super) const MARK: &str = "AQUEDUCT_CHILD";
/// Looks in a row: one that is looked at may start another just then. A tree is found in as many looks as it has
/// generations that were born meanwhile.
const LOOKS_MAX: usize = 5;

/// A child that has ended, and whom to tell when nothing marked by it is left.
pub(super) struct Ended {
    pub(super) mark: String,
    pub(super) reply: oneshot::Sender<()>,
}

/// Kills what bears the marks of children that have ended.
pub(super) async fn run(mut ended: mpsc::Receiver<Ended>) {
    let mut all = Vec::new();
    while ended.recv_many(&mut all, usize::MAX).await > 0 {
        let marks: Vec<String> = all.iter().map(|one| one.mark.clone()).collect();
        for _ in 0..LOOKS_MAX {
            let left = processes::marked(&marks);
            if left.is_empty() {
                break;
            }
            for (pid, mark) in left {
                tracing::debug!(pid, mark, "a child left this behind");
                // Looked at just now, so the number is still its own. It may have ended; that is what is wanted.
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
            tokio::task::yield_now().await;
        }
        for one in all.drain(..) {
            // Whoever waited may have given up.
            let _ = one.reply.send(());
        }
    }
}
