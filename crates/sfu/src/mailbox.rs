//! The way to a worker: a mailbox of commands. Everything outside the worker's thread has nothing else.
//!
//! A command is a function of the owner's state, run on its thread. The queue is bounded by those who use it: who asks
//! waits for the answer, an end is told once, and packets (of relays, of the application) are counted while they are on
//! their way, see [`InFlight`].
use crate::core::{Core, TransportKey};
use crate::ids::{RouterId, WorkerId};
use crate::transport::TransportStats;
use crate::worker::Net;
use media::Moment;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::{mpsc, oneshot};

/// What a command may touch: all that the worker owns.
pub(crate) struct Owner<'a> {
    pub(crate) core: &'a mut Core,
    pub(crate) net: &'a mut Net,
    pub(crate) now: Moment,
}

impl Owner<'_> {
    /// Closes a transport, and its sockets with it.
    pub(crate) fn close_transport(&mut self, key: TransportKey) -> Option<TransportStats> {
        let stats = self.core.close_transport(key, self.now);
        self.net.close_unused(self.core);
        stats
    }

    /// Closes a router's part here, and the sockets of its transports with it.
    pub(crate) fn close_router(&mut self, id: RouterId) {
        if let Some(key) = self.core.router_key(id) {
            self.core.close_router(key, self.now);
            self.net.close_unused(self.core);
        }
    }
}

/// Counts something on its way to a worker, until it was handled, or dropped with a worker that has ended.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<AtomicUsize>);

impl InFlight {
    /// One more in `count`; `None` when that many are on their way already.
    pub(crate) fn start(count: &Arc<AtomicUsize>, max: usize) -> Option<Self> {
        if count.load(Ordering::Relaxed) >= max {
            return None;
        }
        count.fetch_add(1, Ordering::Relaxed);
        Some(Self(count.clone()))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A command on its way.
pub(crate) type Command = Box<dyn FnOnce(&mut Owner<'_>) + Send>;

/// The worker's thread has ended, or does not answer. Its sessions are gone; another worker may be asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the worker {0} has ended")]
pub struct WorkerGone(pub WorkerId);

/// A way to one worker.
#[derive(Clone)]
pub(crate) struct Mailbox {
    commands: mpsc::UnboundedSender<Command>,
    about: Arc<About>,
}

/// What everybody may know of a worker without asking it.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) id: WorkerId,
    /// Transports on it.
    pub(crate) transports: AtomicUsize,
    /// It was given up: nobody may wait for it any more.
    pub(crate) gone: AtomicBool,
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mailbox({})", self.about.id)
    }
}

impl Mailbox {
    pub(crate) fn new(id: WorkerId) -> (Self, mpsc::UnboundedReceiver<Command>) {
        let (commands, receiver) = mpsc::unbounded_channel();
        let about = About { id, transports: AtomicUsize::new(0), gone: AtomicBool::new(false) };
        (Self { commands, about: Arc::new(about) }, receiver)
    }

    pub(crate) fn worker_id(&self) -> WorkerId {
        self.about.id
    }

    /// How much it has to do: the number of its transports.
    pub(crate) fn load(&self) -> usize {
        self.about.transports.load(Ordering::Relaxed)
    }

    pub(crate) fn about(&self) -> &Arc<About> {
        &self.about
    }

    /// Whether it still takes commands.
    pub(crate) fn is_gone(&self) -> bool {
        self.commands.is_closed() || self.about.gone.load(Ordering::Relaxed)
    }

    /// Runs a function on the worker's thread and returns what it returns.
    pub(crate) async fn ask<R: Send + 'static>(
        &self,
        command: impl FnOnce(&mut Owner<'_>) -> R + Send + 'static,
    ) -> Result<R, WorkerGone> {
        let gone = WorkerGone(self.about.id);
        if self.is_gone() {
            return Err(gone);
        }
        let (reply, answer) = oneshot::channel();
        self.commands.send(Box::new(move |owner| drop(reply.send(command(owner))))).map_err(|_| gone)?;
        answer.await.map_err(|_| gone)
    }

    /// Runs a function on the worker's thread, some time. Without effect when the worker has ended.
    pub(crate) fn tell(&self, command: impl FnOnce(&mut Owner<'_>) + Send + 'static) {
        let _ = self.commands.send(Box::new(command));
    }
}
