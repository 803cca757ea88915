//! Workers: threads that own things. Each runs one current-thread runtime; what lives there never leaves.
use crate::event::What;
use crate::feed::{Feed, View};
use crate::hub::Hub;
use crate::limits::Limits;
use crate::stream::{OpenError, StreamHandle, relay};
use crate::wants::Wants;
use crate::{StreamId, answer, panics};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use media::StreamName;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Waiting commands per worker; senders wait beyond that.
const COMMANDS: usize = 256;

thread_local! {
    static ON_WORKER: Cell<bool> = const { Cell::new(false) };
}

/// True on a worker's thread.
pub(crate) fn on_worker() -> bool {
    ON_WORKER.with(Cell::get)
}

type Job = Box<dyn FnOnce(Worker) -> LocalBoxFuture<'static, ()> + Send>;

enum WorkerCommand {
    Run { owner: String, job: Job },
    Ping(oneshot::Sender<()>),
    Stop,
}

/// The way to a worker from any thread: a bounded mailbox.
#[derive(Clone)]
pub struct WorkerHandle {
    id: usize,
    tx: mpsc::Sender<WorkerCommand>,
    load: Arc<AtomicUsize>,
}

/// The worker is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the worker has ended")]
pub struct WorkerGone;

impl WorkerHandle {
    /// The worker's number.
    pub fn id(&self) -> usize {
        self.id
    }

    /// How many owners live there: a measure for placement.
    pub fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    /// Makes and runs an owner on the worker. A panic in it ends it alone and is an event naming `owner`.
    pub async fn run<F, Fut>(&self, owner: impl Into<String>, make: F) -> Result<(), WorkerGone>
    where
        F: FnOnce(Worker) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        let job: Job = Box::new(move |worker| make(worker).boxed_local());
        self.tx.send(WorkerCommand::Run { owner: owner.into(), job }).await.map_err(|_| WorkerGone)
    }

    /// Waits until the worker answers.
    pub(crate) async fn ping(&self) -> Result<(), WorkerGone> {
        let (reply, answer) = oneshot::channel();
        self.tx.send(WorkerCommand::Ping(reply)).await.map_err(|_| WorkerGone)?;
        answer.await.map_err(|_| WorkerGone)
    }

    /// Ends the worker: everything on it is dropped. Waits while its mailbox is full: what was sent before is done
    /// first.
    pub(crate) async fn stop(&self) {
        // One that is gone has stopped.
        let _ = self.tx.send(WorkerCommand::Stop).await;
    }
}

/// Starts a worker's thread.
pub(crate) fn start(id: usize, hub: Hub, limits: Arc<Limits>) -> std::io::Result<WorkerHandle> {
    panics::install_hook();
    let (tx, rx) = mpsc::channel(COMMANDS);
    let load = Arc::new(AtomicUsize::new(0));
    let handle = WorkerHandle { id, tx, load: load.clone() };
    std::thread::Builder::new().name(format!("worker-{id}")).spawn(move || run(id, hub, limits, load, rx))?;
    Ok(handle)
}

fn run(
    id: usize,
    hub: Hub,
    limits: Arc<Limits>,
    load: Arc<AtomicUsize>,
    mut rx: mpsc::Receiver<WorkerCommand>,
) {
    ON_WORKER.with(|flag| flag.set(true));
    let options = tokio::runtime::LocalOptions::default();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build_local(options) {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(worker = id, %error, "a worker could not start its runtime");
            return;
        }
    };
    runtime.block_on(async move {
        let feeds = RefCell::new(HashMap::new());
        let worker = Worker(Rc::new(WorkerInner { id, hub, limits, load, feeds }));
        while let Some(command) = rx.recv().await {
            match command {
                WorkerCommand::Run { owner, job } => {
                    worker.spawn(owner, job(worker.clone()));
                }
                WorkerCommand::Ping(reply) => answer(reply, ()),
                WorkerCommand::Stop => break,
            }
        }
    });
}

/// The worker as its own owners see it. Does not leave the thread.
#[derive(Clone)]
pub struct Worker(Rc<WorkerInner>);

struct WorkerInner {
    id: usize,
    hub: Hub,
    limits: Arc<Limits>,
    load: Arc<AtomicUsize>,
    feeds: RefCell<HashMap<StreamId, Rc<Feed>>>,
}

/// Counts an owner while it lives, however it ends.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Worker {
    /// The worker's number.
    pub fn id(&self) -> usize {
        self.0.id
    }

    /// The hub.
    pub fn hub(&self) -> &Hub {
        &self.0.hub
    }

    /// The limits in force.
    pub fn limits(&self) -> Arc<Limits> {
        self.0.limits.clone()
    }

    /// Reports an event.
    pub fn emit(&self, what: What) {
        self.0.hub.emit(what);
    }

    /// Runs an owner on this worker. A panic in it ends it alone and is an event naming `owner`; the handle then
    /// gives `None`. Dropping the handle lets the owner run on; aborting it ends it.
    pub fn spawn<T: 'static>(
        &self,
        owner: impl Into<String>,
        future: impl Future<Output = T> + 'static,
    ) -> JoinHandle<Option<T>> {
        self.0.load.fetch_add(1, Ordering::Relaxed);
        let counted = Counted(self.0.load.clone());
        let hub = self.0.hub.clone();
        let owner = owner.into();
        tokio::task::spawn_local(async move {
            let _counted = counted;
            match AssertUnwindSafe(future).catch_unwind().await {
                Ok(value) => Some(value),
                Err(payload) => {
                    let (message, backtrace) = panics::describe(&*payload);
                    hub.emit(What::OwnerPanicked { owner, message, backtrace });
                    None
                }
            }
        })
    }

    /// Takes hold of a stream: starts its sources if they are on demand. On another worker than the stream's, a
    /// relay brings its units here, once for all readers of this worker.
    pub async fn open(&self, name: &StreamName) -> Result<View, OpenError> {
        self.open_for(name, Wants::any()).await
    }

    /// The same for a reader that takes these codecs only: the sources that can give them are started, and no others.
    pub async fn open_for(&self, name: &StreamName, wants: Wants) -> Result<View, OpenError> {
        let handle = self.0.hub.resolve(name).await?;
        let feed = match self.feed(handle.id) {
            Some(feed) => feed,
            None if handle.worker == self.id() => {
                // The owner makes its feed when it first runs: after an answer of its, the feed is there.
                handle.ping().await?;
                self.feed(handle.id).ok_or_else(|| OpenError::NotFound(name.clone()))?
            }
            None => self.start_relay(&handle),
        };
        Ok(View::new(feed, wants))
    }

    fn start_relay(&self, handle: &StreamHandle) -> Rc<Feed> {
        let feed = Feed::new(handle.name.clone(), self.clone());
        self.add_feed(handle.id, feed.clone());
        let owner = format!("relay of {}", handle.name);
        self.spawn(owner, relay::run(handle.clone(), feed.clone(), self.clone()));
        feed
    }

    pub(crate) fn feed(&self, id: StreamId) -> Option<Rc<Feed>> {
        self.0.feeds.borrow().get(&id).cloned()
    }

    pub(crate) fn add_feed(&self, id: StreamId, feed: Rc<Feed>) {
        self.0.feeds.borrow_mut().insert(id, feed);
    }

    pub(crate) fn remove_feed(&self, id: StreamId) {
        self.take_feed(id);
    }

    pub(crate) fn take_feed(&self, id: StreamId) -> Option<Rc<Feed>> {
        self.0.feeds.borrow_mut().remove(&id)
    }
}
