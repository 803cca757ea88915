//! Child processes: started, watched and ended in one place.
//!
//! - [`Children`] is the way to the one thread that starts them all and lives as long as the process; a [`Child`] is what
//!   somebody holds of one of them. Dropping it ends the child; nobody ever waits for that.
//! - Exit, pipes and deadlines are separate things: a child's own end is noticed by itself (`group`), its stderr is read by its
//!   owner (`said`), its stdout belongs to whoever holds it, and none of them waits for another.
//! - It ends by a `ladder`: stdin closed → TERM to its group → KILL to its group → cleared, each with a deadline.
//!   What leaves the group is found by a mark in its environment (`sweep`), what comes to us without parents is reaped
//!   (`orphans`).
//!
//! Why so: `docs/decisions/0009-children.md`.
mod end;
mod environment;
mod group;
mod ladder;
mod mask;
mod orphans;
mod owner;
mod processes;
mod report;
mod said;
mod spawn;
mod spec;
mod sweep;
mod thread;

pub use end::ChildEnd;
pub use ladder::{Exit, Rung, Why};
pub use nix::sys::signal::Signal;
pub use report::{ChildReport, ChildUsage};
pub use spec::{KILL_WAIT, START_MAX, STDIN_GRACE, Spec, TERM_GRACE};

use ladder::Ending;
use owner::Told;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::unix::pipe;
use tokio::sync::{OnceCell, mpsc, oneshot, watch};

/// Children at once, when nothing else is said: 64. A transcoder takes a whole processor, so this is more than any
/// machine carries, and stops a mistake before the machine does.
pub const CHILDREN_MAX: usize = 64;

/// Settings of all children.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChildrenConfig {
    /// Most at once.
    pub children_max: usize,
    /// Names of further environment variables that they get; one that ends in `*` is a family.
    pub pass_environment: Vec<String>,
}

impl Default for ChildrenConfig {
    fn default() -> Self {
        Self { children_max: CHILDREN_MAX, pass_environment: Vec::new() }
    }
}

/// Why a child could not be started.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SpawnError {
    /// There is no such program.
    #[error("there is no program {0}: install it, or write where it is")]
    Missing(String),
    /// There is, but it cannot be run.
    #[error("{0} cannot be run: its file must be executable by the user that the server runs as")]
    NotExecutable(String),
    /// The system refuses.
    #[error("{program} cannot be started: {why}")]
    System {
        /// The program.
        program: String,
        /// What the system said.
        why: String,
    },
    /// The limit.
    #[error("{0} child processes run already, the most allowed: end some, or raise children.max")]
    TooMany(usize),
    /// The server ends.
    #[error("the server is shutting down")]
    Shutdown,
}

impl SpawnError {
    fn new(program: &str, error: &io::Error) -> Self {
        let program = program.to_owned();
        if error.kind() == io::ErrorKind::NotFound {
            Self::Missing(program)
        } else if error.kind() == io::ErrorKind::PermissionDenied {
            Self::NotExecutable(program)
        } else {
            Self::System { program, why: error.to_string() }
        }
    }
}

enum Command {
    Spawn { spec: Box<Spec>, reply: oneshot::Sender<Result<Child, SpawnError>> },
    Reports { reply: oneshot::Sender<Vec<ChildReport>> },
    Shutdown { within: Duration, reply: oneshot::Sender<usize> },
}

/// The way to the thread of the children, from any thread. One in a process: where orphans come to us, each would take the
/// other's children for them.
#[derive(Clone, Debug)]
pub struct Children {
    config: Arc<ChildrenConfig>,
    /// Made with the first child: most servers have none.
    commands: Arc<OnceCell<mpsc::Sender<Command>>>,
}

impl Children {
    /// The thread starts with the first child. It ends when nobody holds a handle any more and the last child is gone.
    pub fn new(config: ChildrenConfig) -> Self {
        Self { config: Arc::new(config), commands: Arc::default() }
    }

    /// Asks the thread, if there is one.
    async fn ask<T>(&self, make: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.commands.get()?.send(make(reply)).await.ok()?;
        answer.await.ok()
    }

    /// Starts a program. Cancel-safe: nobody's child is ended at once.
    pub async fn spawn(&self, spec: Spec) -> Result<Child, SpawnError> {
        let config = &self.config;
        let started = self.commands.get_or_try_init(|| thread::start((**config).clone())).await;
        started.map_err(|error| SpawnError::new(&spec.program.to_string_lossy(), &error))?;
        let spec = Box::new(spec);
        self.ask(|reply| Command::Spawn { spec, reply }).await.unwrap_or(Err(SpawnError::Shutdown))
    }

    /// All running children, in the order they were started.
    pub async fn reports(&self) -> Vec<ChildReport> {
        self.ask(|reply| Command::Reports { reply }).await.unwrap_or_default()
    }

    /// Ends all of them side by side and starts no more. Returns how many are left after `within`.
    pub async fn shutdown(&self, within: Duration) -> usize {
        self.ask(|reply| Command::Shutdown { within, reply }).await.unwrap_or(0)
    }
}

/// A running child. Dropping it ends it, step by step, or at once when [`Child::stop`] was called before: whoever lets
/// go after that has waited long enough.
#[derive(Debug)]
pub struct Child {
    pid: i32,
    program: String,
    stdin: Option<OwnedFd>,
    stdout: Option<OwnedFd>,
    told: mpsc::Sender<Told>,
    ended: watch::Receiver<Option<Arc<ChildEnd>>>,
    /// Something came of it.
    started: bool,
}

impl Child {
    fn new(
        pid: i32,
        program: String,
        stdin: Option<OwnedFd>,
        stdout: Option<OwnedFd>,
        told: mpsc::Sender<Told>,
        ended: watch::Receiver<Option<Arc<ChildEnd>>>,
    ) -> Self {
        Self { pid, program, stdin, stdout, told, ended, started: false }
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Its stdin, for the calling thread's runtime; once, and only where the [`Spec`] says so. Drop it before
    /// [`Child::stop`], or the child never learns that there is no more.
    pub fn take_stdin(&mut self) -> io::Result<Option<pipe::Sender>> {
        self.stdin.take().map(pipe::Sender::from_owned_fd).transpose()
    }

    /// Its stdout, for the calling thread's runtime; once, and only where the [`Spec`] says so.
    pub fn take_stdout(&mut self) -> io::Result<Option<pipe::Receiver>> {
        self.stdout.take().map(pipe::Receiver::from_owned_fd).transpose()
    }

    /// Says that something came of it: from now on its start is over.
    pub fn first_bytes(&mut self) {
        if !std::mem::replace(&mut self.started, true) {
            self.tell(Told::FirstBytes);
        }
    }

    /// Begins to end it. [`Child::ended`] tells how that went.
    pub fn stop(&mut self) {
        self.stdin = None;
        self.tell(Told::Stop);
    }

    /// Waits until nothing of it is left, or the system does not let go of it. Cancel-safe.
    pub async fn ended(&mut self) -> Arc<ChildEnd> {
        if let Ok(known) = self.ended.wait_for(Option::is_some).await
            && let Some(end) = &*known
        {
            return end.clone();
        }
        // Its owner failed inside, and the group got KILL with it.
        let ending = Ending { exit: Some(Exit::Unknown), rung: Some(Rung::Kill), why: Some(Why::Stopped) };
        Arc::new(ChildEnd::new(self.program.clone(), ending, Duration::ZERO, Vec::new()))
    }

    fn tell(&self, told: Told) {
        // Full means that it was told already; closed, that it has ended.
        let _ = self.told.try_send(told);
    }
}
