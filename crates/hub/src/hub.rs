//! The hub's handle: the only way in from outside. Cheap to clone, on any thread; all it holds are mailboxes.
use crate::director::{Director, DirectorCommand};
use crate::event::{Event, What};
use crate::limits::Limits;
use crate::output::Deliver;
use crate::past::Past;
use crate::publisher::Publisher;
use crate::report::{PeerInfo, Removal, StreamReport};
use crate::source::{Connect, SourceError};
use crate::stream::{
    Conflict, OpenError, PlayError, PublishError, StreamCommand, StreamHandle, StreamSpec, sources,
};
use crate::worker::{WorkerGone, WorkerHandle};
use media::StreamName;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot};

/// Commands waiting for the director; callers wait beyond that.
const COMMANDS: usize = 1024;
/// Events waiting for the director; beyond that they are lost and counted: a storm must not stop the media.
const EVENTS: usize = 8192;
/// Events each listener may be behind before it loses the oldest.
const LISTENER_EVENTS: usize = 2048;

/// How to start the hub.
pub struct HubConfig {
    /// Worker threads; 0 means one a core.
    pub workers: usize,
    /// The limits in force.
    pub limits: Limits,
    /// What a second publisher of one name gets.
    pub conflict: Conflict,
    /// Who can dial which URLs.
    pub connectors: Vec<Arc<dyn Connect>>,
    /// Who can deliver to which URLs.
    pub deliverers: Vec<Arc<dyn Deliver>>,
}

/// The hub as everybody sees it.
#[derive(Clone)]
pub struct Hub {
    commands: mpsc::Sender<DirectorCommand>,
    events_up: mpsc::Sender<What>,
    events: broadcast::Sender<Arc<Event>>,
    events_lost: Arc<AtomicU64>,
    connectors: Arc<[Arc<dyn Connect>]>,
    deliverers: Arc<[Arc<dyn Deliver>]>,
    /// Given once, when there is somebody who records: that one needs a hub itself.
    past: Arc<OnceLock<Arc<dyn Past>>>,
    limits: Arc<Limits>,
    conflict: Conflict,
}

/// What putting a stream changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PutOutcome {
    /// It is new.
    Added,
    /// It was there with another specification.
    Changed,
    /// It was there just so: nothing happened.
    Unchanged,
}

/// Why a stream could not be put.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PutError {
    /// A source's URL is wrong.
    #[error("{0}")]
    Source(#[from] SourceError),
    /// There are too many streams.
    #[error("there are {0} streams already, the most allowed (limits.streams_max)")]
    TooMany(usize),
    /// The hub is shutting down.
    #[error("the server is shutting down")]
    Shutdown,
}

impl Hub {
    /// Starts the director and the workers.
    pub fn start(config: HubConfig) -> std::io::Result<Hub> {
        let (commands, commands_rx) = mpsc::channel(COMMANDS);
        let (events_up, events_rx) = mpsc::channel(EVENTS);
        let (events, _) = broadcast::channel(LISTENER_EVENTS);
        let limits = Arc::new(config.limits);
        let hub = Hub {
            commands,
            events_up,
            events: events.clone(),
            events_lost: Arc::new(AtomicU64::new(0)),
            connectors: config.connectors.into(),
            deliverers: config.deliverers.into(),
            past: Arc::new(OnceLock::new()),
            limits,
            conflict: config.conflict,
        };
        let count = match config.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            count => count,
        };
        let (started, start) = std::sync::mpsc::channel();
        let handle = hub.clone();
        let thread = std::thread::Builder::new().name("director".into());
        thread.spawn(move || match Director::new(handle, count, config.conflict) {
            Ok(director) => {
                // Whoever started the hub waits for this word.
                let _ = started.send(Ok(()));
                director.run(commands_rx, events_rx, events);
            }
            Err(error) => {
                let _ = started.send(Err(error));
            }
        })?;
        start.recv().map_err(|_| std::io::Error::other("the director's thread ended at its start"))??;
        Ok(hub)
    }

    pub(crate) fn connectors(&self) -> Arc<[Arc<dyn Connect>]> {
        self.connectors.clone()
    }

    pub(crate) fn deliverers(&self) -> Arc<[Arc<dyn Deliver>]> {
        self.deliverers.clone()
    }

    /// Says who knows the past. The first one stays.
    pub fn set_past(&self, past: Arc<dyn Past>) {
        // One more is a mistake of whoever starts the server, which changes nothing.
        let _ = self.past.set(past);
    }

    /// Who knows the past, if anybody does.
    pub fn past(&self) -> Option<&Arc<dyn Past>> {
        self.past.get()
    }

    /// The limits in force.
    pub fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    /// The URL schemes that sources may have.
    pub fn schemes(&self) -> Vec<&'static str> {
        let mut all: Vec<_> = self.connectors.iter().flat_map(|c| c.schemes().iter().copied()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Says what is wrong with a source's URL, without touching the network.
    pub fn check_source(&self, url: &str) -> Result<(), SourceError> {
        sources::connector_of(&self.connectors, url)?.check(url)
    }

    /// Says what is wrong with an output's URL, without touching the network.
    pub fn check_output(&self, url: &str) -> Result<(), SourceError> {
        match self.deliverers.iter().find(|deliverer| deliverer.takes(url)) {
            Some(deliverer) => deliverer.check(url),
            None => Err(SourceError::config(format!(
                "nothing here can talk to a {}: device",
                url.split(':').next().unwrap_or_default()
            ))),
        }
    }

    /// True for a URL whose device can be talked to.
    pub fn can_talk_to(&self, url: &str) -> bool {
        self.deliverers.iter().any(|deliverer| deliverer.takes(url))
    }

    async fn ask<T>(&self, make: impl FnOnce(oneshot::Sender<T>) -> DirectorCommand) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(make(reply)).await.ok()?;
        answer.await.ok()
    }

    pub(crate) async fn resolve(&self, name: &StreamName) -> Result<StreamHandle, OpenError> {
        let name = name.clone();
        let missing = OpenError::NotFound(name.clone());
        match self.ask(|reply| DirectorCommand::Resolve { name, reply }).await {
            Some(Some(handle)) => Ok(handle),
            Some(None) => Err(missing),
            None => Err(OpenError::Shutdown),
        }
    }

    /// True when there is a stream of this name.
    pub async fn has(&self, name: &StreamName) -> bool {
        self.resolve(name).await.is_ok()
    }

    /// Publishes into a stream, which is made if there is none; then preferably on worker `near`.
    pub async fn publish(
        &self,
        name: &StreamName,
        peer: PeerInfo,
        near: Option<usize>,
    ) -> Result<Publisher, PublishError> {
        let name = name.clone();
        let reply = self.ask(|reply| DirectorCommand::Publish { name, peer, near, reply }).await;
        reply.unwrap_or(Err(PublishError::Ended))
    }

    /// Plays a source once into a stream that is there, such as a file into a talk stream: as one more who publishes, on
    /// the stream's worker, without trying again. What was played there before ends. Returns when it has said what it is;
    /// it ends with its last unit, with [`Hub::stop_play`], or with the stream.
    ///
    /// # Errors
    /// A wrong URL, a source that fails before it has said what it is, a stream that takes no further publisher (one
    /// that would let it wait refuses).
    pub async fn play(&self, name: &StreamName, url: &str) -> Result<(), PlayError> {
        self.check_source(url)?;
        let handle = self.resolve(name).await?;
        let (url, conflict) = (url.to_owned(), self.conflict);
        let played = handle.ask(|reply| StreamCommand::Play { url, conflict, reply }).await;
        played.unwrap_or(Err(PlayError::Publish(PublishError::Ended)))
    }

    /// Ends what is played into a stream. False: nothing was.
    pub async fn stop_play(&self, name: &StreamName) -> bool {
        let Ok(handle) = self.resolve(name).await else { return false };
        handle.ask(|reply| StreamCommand::StopPlay { reply }).await.unwrap_or(false)
    }

    /// Says what is wrong with the URLs of a specification, without touching the network.
    pub fn check(&self, spec: &StreamSpec) -> Result<(), SourceError> {
        spec.sources.iter().try_for_each(|source| self.check_source(&source.url))?;
        let mut devices = spec.talk.iter().flat_map(|talk| &talk.output.urls);
        devices.try_for_each(|url| self.check_output(url))
    }

    /// Makes a stream be as specified. The same specification again changes nothing; readers stay on a change.
    pub async fn put(&self, name: &StreamName, spec: StreamSpec) -> Result<PutOutcome, PutError> {
        self.check(&spec)?;
        let name = name.clone();
        let spec = Box::new(spec);
        self.ask(|reply| DirectorCommand::Put { name, spec, reply }).await.unwrap_or(Err(PutError::Shutdown))
    }

    /// Removes a stream with everything of it, its talk stream as well: returns when nothing is left, with each step
    /// that it took. `None`: there was none.
    pub async fn remove(&self, name: &StreamName) -> Option<Removal> {
        self.begin_remove(name).await.await.ok().flatten()
    }

    /// Asks for a removal: whatever is asked of the hub from then on finds the name free. What [`Hub::remove`] returns
    /// comes later.
    pub async fn begin_remove(&self, name: &StreamName) -> oneshot::Receiver<Option<Removal>> {
        let (reply, answer) = oneshot::channel();
        // A hub that has ended drops the other end with the command, and the answer is that there was none.
        let _ = self.commands.send(DirectorCommand::Remove { name: name.clone(), reply }).await;
        answer
    }

    /// Lets failed sources try again at once, also those that gave up. False: there is no such stream.
    pub async fn retry(&self, name: &StreamName) -> bool {
        let name = name.clone();
        self.ask(|reply| DirectorCommand::Retry { name, reply }).await.unwrap_or(false)
    }

    /// Reports of all streams, by name.
    pub async fn reports(&self) -> Vec<StreamReport> {
        self.ask(|reply| DirectorCommand::Reports { name: None, reply }).await.unwrap_or_default()
    }

    /// The report of one stream.
    pub async fn report(&self, name: &StreamName) -> Option<StreamReport> {
        let name = Some(name.clone());
        self.ask(|reply| DirectorCommand::Reports { name, reply }).await.unwrap_or_default().pop()
    }

    /// A worker for a new connection: the workers in turn.
    pub async fn worker(&self) -> Result<WorkerHandle, WorkerGone> {
        self.ask(|reply| DirectorCommand::PickWorker { reply }).await.ok_or(WorkerGone)
    }

    /// All workers as they are now; none once the hub is shutting down.
    pub async fn workers(&self) -> Vec<WorkerHandle> {
        self.ask(|reply| DirectorCommand::Workers { reply }).await.unwrap_or_default()
    }

    /// Listens to events from now on.
    pub fn events(&self) -> broadcast::Receiver<Arc<Event>> {
        self.events.subscribe()
    }

    /// How many events were lost to a storm.
    pub fn events_lost(&self) -> u64 {
        self.events_lost.load(Ordering::Relaxed)
    }

    /// Reports an event.
    pub fn emit(&self, what: What) {
        if self.events_up.try_send(what).is_err() {
            self.events_lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) async fn tell(&self, command: DirectorCommand) {
        // The director outlives every worker; without it nobody needs to know.
        let _ = self.commands.send(command).await;
    }

    /// Ends everything in order, at most `within`. Returns how many streams did not end in time.
    pub async fn shutdown(&self, within: Duration) -> usize {
        self.ask(|reply| DirectorCommand::Shutdown { within, reply }).await.unwrap_or(0)
    }
}
