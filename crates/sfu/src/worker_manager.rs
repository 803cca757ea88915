//! [`WorkerManager`]: makes workers, watches over them, and replaces those that die.
// Threads and their watch are this module's work.
#![allow(clippy::disallowed_methods)]
use crate::dtls::DtlsContext;
use crate::events::{EventSource, EventStream, Listener, listener};
use crate::ids::WorkerId;
use crate::listen::ListenInfo;
use crate::mailbox::{Mailbox, WorkerGone};
use crate::router::{CreateRouterError, Router, RouterOptions};
use crate::webrtc_server::WebRtcServer;
use crate::webrtc_transport::CreateTransportError;
use crate::worker::{Ended, Slot, Worker, WorkerEvent, WorkerSettings, start};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};

/// How often workers are asked whether they live.
const PING_EVERY: Duration = Duration::from_secs(1);
/// A worker that does not answer for 10 s is given up: media that is so late is of no use to anybody.
const STALLED_AFTER: Duration = Duration::from_secs(10);

/// Makes workers and watches over them. A handle; the last one's drop closes all workers.
#[derive(Clone, Debug)]
pub struct WorkerManager {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    warden: mpsc::UnboundedSender<ToWarden>,
}

/// What the warden is told.
enum ToWarden {
    Create(oneshot::Sender<io::Result<Worker>>),
    All(oneshot::Sender<Vec<Worker>>),
    Listen(Listener<WorkerEvent>),
    Ended(WorkerId, Ended),
    Close(oneshot::Sender<()>),
}

impl std::fmt::Debug for ToWarden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ToWarden")
    }
}

impl WorkerManager {
    /// Without workers yet. Starts the thread that watches over them.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn new() -> io::Result<Self> {
        let (warden, told) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let own = warden.downgrade();
        std::thread::Builder::new().name("sfu-warden".to_owned()).spawn(move || {
            runtime.block_on(
                Warden { told, own, places: Vec::new(), events: EventSource::default(), dtls: None }.run(),
            );
        })?;
        Ok(Self { inner: Arc::new(Inner { warden }) })
    }

    /// Starts a worker. One that dies is replaced.
    ///
    /// # Errors
    /// The system gives no thread.
    pub async fn create_worker(&self, _settings: WorkerSettings) -> io::Result<Worker> {
        let (reply, answer) = oneshot::channel();
        let _ = self.inner.warden.send(ToWarden::Create(reply));
        answer.await.map_err(|_| io::Error::other("the manager is closed"))?
    }

    /// All its workers.
    pub async fn workers(&self) -> Vec<Worker> {
        let (reply, answer) = oneshot::channel();
        let _ = self.inner.warden.send(ToWarden::All(reply));
        answer.await.unwrap_or_default()
    }

    /// Makes a router over all workers that there are now: each transport goes to the one with the least to do, and
    /// one producer's consumers use them all.
    ///
    /// # Errors
    /// The codecs are wrong, or there is no worker.
    pub async fn create_router(&self, options: RouterOptions) -> Result<Router, CreateRouterError> {
        let workers = self.workers().await;
        if workers.is_empty() {
            return Err(WorkerGone(WorkerId::random()).into());
        }
        Router::create(options, workers.iter().map(|worker| worker.slot().clone()).collect()).await
    }

    /// Makes a server over all workers that there are now. Where a port is named, the first worker gets it, and each
    /// other worker the next one.
    ///
    /// # Errors
    /// It cannot listen there, or there is no worker.
    pub async fn create_webrtc_server(
        &self,
        listen_infos: Vec<ListenInfo>,
    ) -> Result<WebRtcServer, CreateTransportError> {
        let workers = self.workers().await;
        if workers.is_empty() {
            return Err(WorkerGone(WorkerId::random()).into());
        }
        WebRtcServer::create(workers.iter().map(|worker| worker.slot().clone()).collect(), listen_infos).await
    }

    /// What happens to its workers, from now on, and before if nobody listened yet.
    pub fn events(&self) -> EventStream<WorkerEvent> {
        let (place, stream) = listener();
        let _ = self.inner.warden.send(ToWarden::Listen(place));
        stream
    }

    /// Closes all workers; returns when their threads have ended.
    pub async fn close(&self) {
        let (reply, answer) = oneshot::channel();
        let _ = self.inner.warden.send(ToWarden::Close(reply));
        let _ = answer.await;
    }
}

/// A worker's place, and who stands in it.
struct Place {
    sender: watch::Sender<Mailbox>,
    worker: Worker,
    /// What is told of whoever stands in it.
    events: EventSource<WorkerEvent>,
    listeners: mpsc::UnboundedReceiver<Listener<WorkerEvent>>,
    thread: Option<std::thread::JoinHandle<()>>,
    /// A ping that was not answered yet.
    pinged: Option<(Instant, oneshot::Receiver<()>)>,
}

impl Place {
    fn id(&self) -> WorkerId {
        self.sender.borrow().worker_id()
    }
}

/// Owns the places of workers.
struct Warden {
    told: mpsc::UnboundedReceiver<ToWarden>,
    own: mpsc::WeakUnboundedSender<ToWarden>,
    places: Vec<Place>,
    events: EventSource<WorkerEvent>,
    /// The certificate of all workers. Made once: that and the cryptography's test of itself take a while.
    dtls: Option<DtlsContext>,
}

impl Warden {
    /// Until the manager is closed or nobody holds it any more.
    async fn run(mut self) {
        let mut pings = tokio::time::interval(PING_EVERY);
        loop {
            tokio::select! {
                told = self.told.recv() => match told {
                    Some(ToWarden::Create(reply)) => drop(reply.send(self.create())),
                    Some(ToWarden::All(reply)) => {
                        drop(reply.send(self.places.iter().map(|place| place.worker.clone()).collect()));
                    }
                    Some(ToWarden::Listen(place)) => self.events.listen(place),
                    Some(ToWarden::Ended(worker, how)) => self.ended(worker, how),
                    Some(ToWarden::Close(reply)) => {
                        self.close();
                        let _ = reply.send(());
                        return;
                    }
                    None => return self.close(),
                },
                _ = pings.tick() => self.ping(),
            }
            for place in &mut self.places {
                while let Ok(listener) = place.listeners.try_recv() {
                    place.events.listen(listener);
                }
            }
        }
    }

    fn create(&mut self) -> io::Result<Worker> {
        let (mailbox, thread) = self.start()?;
        let (sender, slot) = Slot::new(mailbox);
        let (listen, listeners) = mpsc::unbounded_channel();
        let worker = Worker::new(slot, listen);
        self.places.push(Place {
            sender,
            worker: worker.clone(),
            events: EventSource::default(),
            listeners,
            thread: Some(thread),
            pinged: None,
        });
        Ok(worker)
    }

    fn start(&mut self) -> io::Result<(Mailbox, std::thread::JoinHandle<()>)> {
        let (mailbox, commands) = Mailbox::new(WorkerId::random());
        let (id, own) = (mailbox.worker_id(), self.own.clone());
        let dtls = match &self.dtls {
            Some(dtls) => dtls.clone(),
            None => self.dtls.insert(DtlsContext::generate().map_err(io::Error::other)?).clone(),
        };
        let thread = start(mailbox.clone(), commands, dtls, move |how| {
            if let Some(own) = own.upgrade() {
                let _ = own.send(ToWarden::Ended(id, how));
            }
        })?;
        Ok((mailbox, thread))
    }

    fn ended(&mut self, worker: WorkerId, how: Ended) {
        // one that was given up for stalling has been replaced already
        let Some(index) = self.places.iter().position(|place| place.id() == worker) else { return };
        match how {
            Ended::Closed => {
                let mut place = self.places.remove(index);
                place.events.emit(WorkerEvent::Close { worker });
                self.events.emit(WorkerEvent::Close { worker });
            }
            Ended::Panicked(message) => self.replace(index, WorkerEvent::Died { worker, message }),
        }
    }

    fn replace(&mut self, index: usize, why: WorkerEvent) {
        let started = self.start();
        let Some(place) = self.places.get_mut(index) else { return };
        let before = place.id();
        self.events.emit(why.clone());
        place.events.emit(why);
        place.pinged = None;
        match started {
            Ok((mailbox, thread)) => {
                let worker = mailbox.worker_id();
                place.sender.send_replace(mailbox);
                place.thread = Some(thread);
                place.events.emit(WorkerEvent::Replaced { before, worker });
                self.events.emit(WorkerEvent::Replaced { before, worker });
            }
            // tried again with the next ping: a place without a worker answers none
            Err(error) => tracing::error!(%error, "no thread for a new worker"),
        }
    }

    fn ping(&mut self) {
        let mut stalled = Vec::new();
        for (index, place) in self.places.iter_mut().enumerate() {
            if let Some((since, answer)) = &mut place.pinged {
                match answer.try_recv() {
                    Ok(()) => place.pinged = None,
                    Err(_) if since.elapsed() >= STALLED_AFTER => stalled.push(index),
                    Err(_) => {}
                }
            }
            if place.pinged.is_none() {
                let (reply, answer) = oneshot::channel();
                place.sender.borrow().tell(|_| {
                    let _ = reply.send(());
                });
                place.pinged = Some((Instant::now(), answer));
            }
        }
        for index in stalled {
            let Some(place) = self.places.get_mut(index) else { continue };
            let worker = place.id();
            // nobody may wait for it any more; its thread cannot be ended, and is left alone
            place.sender.borrow().about().gone.store(true, Ordering::Relaxed);
            place.thread = None;
            self.replace(index, WorkerEvent::Stalled { worker });
        }
    }

    fn close(&mut self) {
        for place in &self.places {
            place.sender.borrow().tell(|owner| owner.core.close_all(owner.now));
        }
        for place in &mut self.places {
            let worker = place.id();
            if let Some(thread) = place.thread.take() {
                let _ = thread.join();
            }
            place.events.emit(WorkerEvent::Close { worker });
            self.events.emit(WorkerEvent::Close { worker });
        }
        self.places.clear();
    }
}
