//! [`Worker`]: a thread that owns routers and all in them.
mod net;
mod tcp;
mod thread;
mod udp;

pub(crate) use net::Net;
pub(crate) use thread::{Ended, start};

use crate::events::{EventStream, Listener, listener};
use crate::ids::WorkerId;
use crate::listen::ListenInfo;
use crate::mailbox::{Mailbox, WorkerGone};
use crate::router::{CreateRouterError, Router, RouterOptions};
use crate::webrtc_server::WebRtcServer;
use crate::webrtc_transport::CreateTransportError;
use tokio::sync::watch;

/// How a worker is to be.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct WorkerSettings {}

/// What happens to a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkerEvent {
    /// A panic ended it, with all its sessions. In a manager's pool another worker takes its place.
    Died {
        /// Which worker.
        worker: WorkerId,
        /// The panic's message.
        message: String,
    },
    /// It has not answered for so long that it was given up, with all its sessions.
    Stalled {
        /// Which worker.
        worker: WorkerId,
    },
    /// A new worker, in the place of one that died.
    Replaced {
        /// The one before.
        before: WorkerId,
        /// The new one.
        worker: WorkerId,
    },
    /// It was closed.
    Close {
        /// Which worker.
        worker: WorkerId,
    },
}

/// A worker's place. Who stands in it may change: one that died is replaced.
#[derive(Clone, Debug)]
pub(crate) struct Slot(watch::Receiver<Mailbox>);

impl Slot {
    pub(crate) fn new(mailbox: Mailbox) -> (watch::Sender<Mailbox>, Self) {
        let (sender, receiver) = watch::channel(mailbox);
        (sender, Self(receiver))
    }

    pub(crate) fn mailbox(&self) -> Mailbox {
        self.0.borrow().clone()
    }
}

/// A thread that owns routers and all in them. A handle; the worker ends when it is closed, or its manager is.
#[derive(Clone, Debug)]
pub struct Worker {
    slot: Slot,
    listeners: tokio::sync::mpsc::UnboundedSender<Listener<WorkerEvent>>,
}

impl Worker {
    pub(crate) fn new(
        slot: Slot,
        listeners: tokio::sync::mpsc::UnboundedSender<Listener<WorkerEvent>>,
    ) -> Self {
        Self { slot, listeners }
    }

    /// Its name; another one after it was replaced.
    pub fn id(&self) -> WorkerId {
        self.slot.mailbox().worker_id()
    }

    /// How many transports it has.
    pub fn transports(&self) -> usize {
        self.slot.mailbox().load()
    }

    pub(crate) fn slot(&self) -> &Slot {
        &self.slot
    }

    /// Makes a router on this worker.
    ///
    /// # Errors
    /// The codecs are wrong, or the worker has ended.
    pub async fn create_router(&self, options: RouterOptions) -> Result<Router, CreateRouterError> {
        Router::create(options, vec![self.slot.clone()]).await
    }

    /// Makes a server on this worker: one port for all its transports.
    ///
    /// # Errors
    /// It cannot listen there, or the worker has ended.
    pub async fn create_webrtc_server(
        &self,
        listen_infos: Vec<ListenInfo>,
    ) -> Result<WebRtcServer, CreateTransportError> {
        WebRtcServer::create(vec![self.slot.clone()], listen_infos).await
    }

    /// What happens to it from now on.
    pub fn events(&self) -> EventStream<WorkerEvent> {
        let (place, stream) = listener();
        let _ = self.listeners.send(place);
        stream
    }

    /// Closes it, with all on it; returns when its thread has nothing left.
    ///
    /// # Errors
    /// It has ended before.
    pub async fn close(&self) -> Result<(), WorkerGone> {
        self.slot.mailbox().ask(|owner| owner.core.close_all(owner.now)).await
    }

    /// Lets its thread do nothing else for a while. For tests of what waits for it.
    #[doc(hidden)]
    pub fn stall(&self, how_long: std::time::Duration) {
        self.slot.mailbox().tell(move |_| std::thread::sleep(how_long));
    }

    /// Lets it panic. For tests of what a panic takes with it.
    #[doc(hidden)]
    pub fn panic(&self) {
        #[allow(clippy::panic)]
        self.slot.mailbox().tell(|_| panic!("asked to"));
    }
}
