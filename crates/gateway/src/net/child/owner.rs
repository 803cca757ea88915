//! The owner of one child: its process, its way down, its stderr. A task on the children's thread.
use super::end::ChildEnd;
use super::group::Group;
use super::ladder::{Ending, Ladder, Output, Why};
use super::said::{LogLine, Said};
use super::sweep;
use media::{Moment, StreamName};
use nix::sys::signal::Signal;
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, oneshot, watch};

/// One bite of stderr: 64 KiB, what a pipe holds.
const BITE_BYTES: usize = 64 << 10;
/// After a whole bite, stderr waits this long: 1 ms, which timers make two of. A flood comes in at some 30 MB/s then; the
/// child that floods waits, nobody else does, and a processor spends some hundredths of its time on it.
const BITE_EVERY: Duration = Duration::from_millis(1);
/// How often is looked whether a group is empty: first after 1 ms, then twice as long each time, 100 ms at most.
const LOOK_FIRST: Duration = Duration::from_millis(1);
const LOOK_LAST: Duration = Duration::from_millis(100);
/// After a child's end, what is still in its stderr's pipe is waited for this long: a process that got away may hold
/// the pipe open for ever.
const LAST_WORDS_MAX: Duration = Duration::from_millis(50);

/// What the holder of a handle tells the owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Told {
    FirstBytes,
    Stop,
}

/// What the owner shows to the table of children.
pub(super) struct Shown {
    pub(super) state: Cell<&'static str>,
}

/// What an owner is made of.
pub(super) struct Parts {
    pub(super) name: &'static str,
    pub(super) stream: Option<StreamName>,
    pub(super) program: String,
    pub(super) group: Group,
    pub(super) ladder: Ladder,
    pub(super) signal: Signal,
    pub(super) said: Said,
    pub(super) stderr: Option<pipe::Receiver>,
    pub(super) mark: String,
    pub(super) told: mpsc::Receiver<Told>,
    pub(super) end: watch::Sender<Option<Arc<ChildEnd>>>,
    pub(super) shown: Rc<Shown>,
}

/// What all owners share.
#[derive(Clone)]
pub(super) struct Common {
    /// Changes when any child of the process may have ended.
    pub(super) exits: watch::Receiver<()>,
    /// True when the server ends.
    pub(super) ending: watch::Receiver<bool>,
    pub(super) sweeper: mpsc::Sender<sweep::Ended>,
}

pub(super) struct Owner {
    parts: Parts,
    common: Common,
    started: Moment,
    /// The holder of the handle may still say something.
    held: bool,
    clearing: Option<Clearing>,
    bite: Vec<u8>,
    /// When stderr is read again.
    stderr_at: Moment,
}

/// Waits until nothing is left.
struct Clearing {
    look_at: Moment,
    look_in: Duration,
    swept: bool,
    sweep: oneshot::Receiver<()>,
}

/// What woke the owner.
enum Woken {
    Exits,
    Ending,
    Told(Option<Told>),
    Stderr(io::Result<usize>),
    Swept,
    Time,
}

impl Owner {
    pub(super) fn new(parts: Parts, common: Common, now: Moment) -> Self {
        Self { parts, common, started: now, held: true, clearing: None, bite: Vec::new(), stderr_at: now }
    }

    /// Runs until nothing of the child is left.
    pub(super) async fn run(mut self) {
        loop {
            let now = hub::now();
            self.hear_holder(now);
            if self.clearing.is_none()
                && let Some(exit) = self.parts.group.poll_exit()
            {
                self.parts.ladder.handle_exit(exit, now);
            }
            let until = loop {
                let output = self.parts.ladder.poll_output(now);
                self.parts.shown.state.set(self.parts.ladder.state());
                match output {
                    Output::Terminate => self.parts.group.signal(self.parts.signal),
                    Output::Kill => self.parts.group.signal(Signal::SIGKILL),
                    Output::Clear => self.clear(now).await,
                    Output::Stuck(ending) => self.say_stuck(ending, now),
                    Output::Ended(ending) => return self.say_ended(ending, now),
                    Output::WaitUntil(until) => break until,
                }
            };
            let woken = self.wait(until).await;
            self.handle(woken).await;
        }
    }

    async fn wait(&mut self, until: Moment) -> Woken {
        let Owner { parts, common, held, clearing, bite, stderr_at, .. } = self;
        let until = until.min(clearing.as_ref().map_or(Moment::FAR_FUTURE, |clearing| clearing.look_at));
        let stderr_at = *stderr_at;
        let stderr = async {
            let Some(stderr) = &mut parts.stderr else { return std::future::pending().await };
            if stderr_at > hub::now() {
                hub::sleep_until(stderr_at).await;
            }
            bite.clear();
            bite.reserve(BITE_BYTES);
            stderr.read_buf(bite).await
        };
        let swept = async {
            match clearing {
                Some(clearing) if !clearing.swept => {
                    // A sweeper that failed finds nothing more.
                    let _ = (&mut clearing.sweep).await;
                }
                Some(_) | None => std::future::pending().await,
            }
        };
        tokio::select! {
            // The thread lives longer than its owners: an error cannot be.
            _ = common.exits.changed() => Woken::Exits,
            _ = common.ending.changed() => Woken::Ending,
            told = parts.told.recv(), if *held => Woken::Told(told),
            read = stderr => Woken::Stderr(read),
            () = swept => Woken::Swept,
            () = hub::sleep_until(until) => Woken::Time,
        }
    }

    async fn handle(&mut self, woken: Woken) {
        let now = hub::now();
        match woken {
            Woken::Exits => {}
            Woken::Ending => {
                if *self.common.ending.borrow_and_update() {
                    self.parts.ladder.handle_stop(Why::Shutdown, now);
                }
            }
            Woken::Told(told) => self.told(told, now),
            Woken::Stderr(read) => self.hear(read, now),
            Woken::Swept => {
                if let Some(clearing) = &mut self.clearing {
                    clearing.swept = true;
                    clearing.look_at = now;
                }
            }
            Woken::Time => {}
        }
        self.look(now);
    }

    fn told(&mut self, told: Option<Told>, now: Moment) {
        match told {
            Some(Told::FirstBytes) => self.parts.ladder.handle_first_bytes(),
            Some(Told::Stop) => self.parts.ladder.handle_stop(Why::Stopped, now),
            None => {
                self.held = false;
                self.parts.ladder.handle_abandoned(now);
            }
        }
    }

    /// Hears what the holder has said before it is seen that the child has ended: a word to stop is why it did.
    fn hear_holder(&mut self, now: Moment) {
        while let Ok(told) = self.parts.told.try_recv() {
            self.told(Some(told), now);
        }
    }

    /// Everybody in the group is killed before its number can become anybody else's.
    async fn clear(&mut self, now: Moment) {
        self.parts.group.kill_and_reap();
        self.hear_last_words().await;
        let (reply, sweep) = oneshot::channel();
        // A sweeper that failed finds nothing more; the answer's end says so.
        let _ = self.common.sweeper.send(sweep::Ended { mark: self.parts.mark.clone(), reply }).await;
        self.clearing = Some(Clearing { look_at: now, look_in: LOOK_FIRST, swept: false, sweep });
    }

    /// Looks whether anybody is left, when it is time to.
    fn look(&mut self, now: Moment) {
        let Some(clearing) = &mut self.clearing else { return };
        if !clearing.swept || now < clearing.look_at {
            return;
        }
        if self.parts.group.is_empty() {
            self.parts.ladder.handle_cleared();
        } else {
            clearing.look_at = now + clearing.look_in;
            clearing.look_in = (clearing.look_in * 2).min(LOOK_LAST);
        }
    }

    fn hear(&mut self, read: io::Result<usize>, now: Moment) {
        match read {
            Ok(0) | Err(_) => {
                self.parts.stderr = None;
                let lines = self.parts.said.handle_end(now);
                self.log(lines);
            }
            Ok(count) => {
                let lines = self.parts.said.handle_bytes(&self.bite, now);
                self.log(lines);
                if count == BITE_BYTES {
                    self.stderr_at = now + BITE_EVERY;
                }
            }
        }
    }

    async fn hear_last_words(&mut self) {
        let deadline = hub::now() + LAST_WORDS_MAX;
        while let Some(stderr) = &mut self.parts.stderr {
            self.bite.clear();
            self.bite.reserve(BITE_BYTES);
            let read = tokio::select! {
                read = stderr.read_buf(&mut self.bite) => read,
                () = hub::sleep_until(deadline) => break,
            };
            self.hear(read, hub::now());
        }
        // Whoever holds the other end still talks to nobody.
        if self.parts.stderr.take().is_some() {
            let lines = self.parts.said.handle_end(hub::now());
            self.log(lines);
        }
        self.bite = Vec::new();
    }

    fn log(&self, lines: Vec<LogLine>) {
        let (name, stream) = (self.parts.name, self.parts.stream.as_ref().map(tracing::field::display));
        let pid = self.parts.group.leader().as_raw();
        for line in lines {
            match line {
                LogLine::Said(said) => tracing::debug!(stream, pid, name, said, "a child says"),
                LogLine::Dropped(lines) => tracing::debug!(stream, pid, name, lines, "a child said more"),
            }
        }
    }

    fn end(&self, ending: Ending, now: Moment) -> ChildEnd {
        let program = self.parts.program.clone();
        ChildEnd::new(program, ending, now.since(self.started), self.parts.said.last_lines())
    }

    fn say_stuck(&self, ending: Ending, now: Moment) {
        let end = self.end(ending, now);
        let (pid, stream) =
            (self.parts.group.leader().as_raw(), self.parts.stream.as_ref().map(tracing::field::display));
        tracing::error!(stream, pid, %end, "a child does not go away, though it was killed: is its disk or device dead?");
        self.parts.end.send_replace(Some(Arc::new(end)));
    }

    fn say_ended(&self, ending: Ending, now: Moment) {
        let end = self.end(ending, now);
        let (pid, stream) =
            (self.parts.group.leader().as_raw(), self.parts.stream.as_ref().map(tracing::field::display));
        tracing::debug!(stream, pid, name = self.parts.name, %end, "a child ended");
        self.parts.end.send_if_modified(|known| {
            // Told as stuck, it is told already.
            let new = known.is_none();
            known.get_or_insert_with(|| Arc::new(end));
            new
        });
    }
}
