//! [`Rooms`]: the handle of all rooms. Its owner, one task, knows which rooms there are, makes them, and reports their ends.
use crate::config::{RoomLimits, RoomsConfig};
use crate::ending::Ending;
use crate::events::{RoomEvent, RoomHappening};
use crate::facts::{RoomDetails, RoomFacts};
use crate::name::RoomName;
use crate::refusal::Refusal;
use crate::room::{Measure, RoomHandle, RoomTask, Shared};
use crate::session::{Session, Shown};
use sfu::{CreateTransportError, ProducerId, WorkerManager, WorkerSettings};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;

/// Events that wait for a listener: 1024; of the busiest rooms, some seconds.
const EVENTS: usize = 1024;
/// Messages that wait for the service: 64.
const MAILBOX: usize = 64;

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The system gives no thread.
    #[error("no worker for rooms: {0}")]
    Worker(#[from] std::io::Error),
    /// A port cannot be had.
    #[error("{0}")]
    Listen(#[from] CreateTransportError),
}

/// Why the server API gets no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AskError {
    /// There is none of this name.
    #[error("there is no such room")]
    NoRoom,
    /// It is not in the room.
    #[error("there is no such participant in the room, or no such producer of theirs")]
    NoParticipant,
}

/// What the service's owner is told.
enum ToService {
    Room(RoomName, oneshot::Sender<Result<RoomHandle, Refusal>>),
    Find(RoomName, oneshot::Sender<Option<RoomHandle>>),
    All(oneshot::Sender<Vec<RoomHandle>>),
    /// Tells when a room of this name has ended.
    Ended(RoomName, oneshot::Sender<()>),
    /// Closes all, and makes no more.
    End(oneshot::Sender<()>),
}

/// All rooms. A handle: clones are the same service.
#[derive(Clone)]
pub struct Rooms {
    shared: Arc<Shared>,
    to: mpsc::Sender<ToService>,
}

impl Rooms {
    /// Binds the ports, starts the workers, and the service's task on the current runtime.
    ///
    /// # Errors
    /// The system gives no thread, or no port.
    pub async fn start(config: RoomsConfig) -> Result<Self, StartError> {
        let manager = WorkerManager::new()?;
        let mut workers = Vec::new();
        for _ in 0..config.workers.max(1) {
            workers.push(manager.create_worker(WorkerSettings::default()).await?);
        }
        let server = manager.create_webrtc_server(config.listen.clone()).await?;
        let (events, _) = broadcast::channel(EVENTS);
        let shared = Arc::new(Shared { config, manager, workers, server, events });
        let (to, told) = mpsc::channel(MAILBOX);
        let service = Service {
            shared: shared.clone(),
            told,
            rooms: BTreeMap::new(),
            tasks: JoinSet::new(),
            names: HashMap::new(),
            waiting: Vec::new(),
            ending: Vec::new(),
        };
        tokio::spawn(service.run());
        Ok(Self { shared, to })
    }

    /// How it was started.
    pub fn config(&self) -> &RoomsConfig {
        &self.shared.config
    }

    /// What happens from now on. Who is more than 1024 behind is told how many were lost.
    pub fn events(&self) -> broadcast::Receiver<RoomEvent> {
        self.shared.events.subscribe()
    }

    /// A connection to a room, from `remote`.
    ///
    /// # Errors
    /// A token that was shown is wrong, or there is no place; with the code as in HTTP.
    pub async fn connect(&self, room: RoomName, shown: Shown, remote: String) -> Result<Session, Refusal> {
        Session::new(self.clone(), room, shown, remote).await
    }

    /// All rooms, by name.
    pub async fn list(&self) -> Vec<RoomFacts> {
        let rooms = self.ask(ToService::All).await.unwrap_or_default();
        let mut facts = Vec::new();
        for room in rooms {
            // one that has ended meanwhile is not there
            facts.extend(room.facts().await);
        }
        facts
    }

    /// A room with all that is in it.
    ///
    /// # Errors
    /// There is none of this name.
    pub async fn details(&self, room: &RoomName, stats: bool) -> Result<RoomDetails, AskError> {
        self.find(room).await?.details(stats).await.ok_or(AskError::NoRoom)
    }

    /// Throws somebody out.
    ///
    /// # Errors
    /// They are not there.
    pub async fn kick(&self, room: &RoomName, identity: &str, reason: &str) -> Result<(), AskError> {
        self.measure(room, identity, Measure::Kick { reason: reason.to_owned() }).await
    }

    /// Pauses what somebody sends, or lets it go on; all of it without `producer`. They are told, and may resume it.
    ///
    /// # Errors
    /// They are not there, or send no such thing.
    pub async fn mute(
        &self,
        room: &RoomName,
        identity: &str,
        producer: Option<ProducerId>,
        muted: bool,
    ) -> Result<(), AskError> {
        self.measure(room, identity, Measure::Mute { producer, muted }).await
    }

    /// Sets a room's limits. Who is beyond them stays.
    ///
    /// # Errors
    /// There is none of this name.
    pub async fn set_limits(&self, room: &RoomName, limits: RoomLimits) -> Result<(), AskError> {
        self.find(room).await?.set_limits(limits).await.ok_or(AskError::NoRoom)
    }

    /// Closes a room; returns when nothing of it is left.
    ///
    /// # Errors
    /// There is none of this name.
    pub async fn close(&self, room: &RoomName, reason: &str) -> Result<(), AskError> {
        let handle = self.find(room).await?;
        let name = room.clone();
        let ended = self.ask_later(|reply| ToService::Ended(name, reply)).await.ok_or(AskError::NoRoom)?;
        handle.close(reason.to_owned(), Ending::RoomClosed(reason.to_owned())).await;
        // the service that goes meanwhile takes its rooms with it
        let _ = ended.await;
        Ok(())
    }

    /// Closes all rooms and ends the workers; returns when nothing is left. New connections are refused from now on.
    pub async fn end(&self) {
        if let Some(ended) = self.ask_later(ToService::End).await {
            let _ = ended.await;
        }
        self.shared.server.close().await;
        self.shared.manager.close().await;
    }

    /// Lets a worker panic. For tests of what a panic takes with it.
    #[doc(hidden)]
    pub fn panic_worker(&self, number: usize) {
        if let Some(worker) = self.shared.workers.get(number) {
            worker.panic();
        }
    }

    /// The room of this name, made if it is not there.
    pub(crate) async fn room(&self, name: &RoomName) -> Result<RoomHandle, Refusal> {
        let name = name.clone();
        let gone = || Refusal::gone("the server is shutting down");
        self.ask(|reply| ToService::Room(name, reply)).await.ok_or_else(gone)?
    }

    pub(crate) async fn find(&self, name: &RoomName) -> Result<RoomHandle, AskError> {
        let name = name.clone();
        self.ask(|reply| ToService::Find(name, reply)).await.flatten().ok_or(AskError::NoRoom)
    }

    async fn measure(&self, room: &RoomName, identity: &str, measure: Measure) -> Result<(), AskError> {
        match self.find(room).await?.measure(identity.to_owned(), measure).await {
            Some(true) => Ok(()),
            Some(false) => Err(AskError::NoParticipant),
            None => Err(AskError::NoRoom),
        }
    }

    async fn ask<T>(&self, make: impl FnOnce(oneshot::Sender<T>) -> ToService) -> Option<T> {
        self.ask_later(make).await?.await.ok()
    }

    async fn ask_later<T>(
        &self,
        make: impl FnOnce(oneshot::Sender<T>) -> ToService,
    ) -> Option<oneshot::Receiver<T>> {
        let (reply, answer) = oneshot::channel();
        self.to.send(make(reply)).await.ok()?;
        Some(answer)
    }
}

/// A room that runs.
struct Running {
    handle: RoomHandle,
    task: Id,
}

/// Owns which rooms there are.
struct Service {
    shared: Arc<Shared>,
    told: mpsc::Receiver<ToService>,
    rooms: BTreeMap<RoomName, Running>,
    tasks: JoinSet<String>,
    /// Of each task its room, and since when it runs.
    names: HashMap<Id, (RoomName, Instant)>,
    /// Who waits for the end of which task.
    waiting: Vec<(Id, oneshot::Sender<()>)>,
    /// Who waits for the end of all; with somebody there, there are no new rooms.
    ending: Vec<oneshot::Sender<()>>,
}

impl Service {
    /// Until nobody holds a handle any more, or all was ended.
    async fn run(mut self) {
        loop {
            tokio::select! {
                told = self.told.recv() => match told {
                    Some(told) => self.handle(told).await,
                    None => return,
                },
                Some(ended) = self.tasks.join_next_with_id() => self.room_ended(ended),
            }
            if !self.ending.is_empty() && self.tasks.is_empty() {
                for reply in self.ending.drain(..) {
                    // who asked may have given up
                    let _ = reply.send(());
                }
                return;
            }
        }
    }

    async fn handle(&mut self, told: ToService) {
        match told {
            // who asked may have given up
            ToService::Room(name, reply) => drop(reply.send(self.room(name))),
            ToService::Find(name, reply) => drop(reply.send(self.living(&name).cloned())),
            ToService::All(reply) => {
                drop(reply.send(self.rooms.values().map(|room| room.handle.clone()).collect()));
            }
            ToService::Ended(name, reply) => {
                if let Some(room) = self.rooms.get(&name) {
                    self.waiting.push((room.task, reply));
                }
            }
            ToService::End(reply) => {
                self.ending.push(reply);
                for room in self.rooms.values() {
                    room.handle.close("the server is shutting down".to_owned(), Ending::ServerEnds).await;
                }
            }
        }
    }

    fn living(&self, name: &RoomName) -> Option<&RoomHandle> {
        self.rooms.get(name).map(|room| &room.handle).filter(|handle| !handle.has_ended())
    }

    fn room(&mut self, name: RoomName) -> Result<RoomHandle, Refusal> {
        if !self.ending.is_empty() {
            return Err(Refusal::gone("the server is shutting down"));
        }
        if let Some(handle) = self.living(&name) {
            return Ok(handle.clone());
        }
        let max = self.shared.config.limits.rooms_max;
        if self.tasks.len() >= max {
            return Err(Refusal::limit("rooms_max", max, "rooms at a time"));
        }
        let (handle, told) = RoomHandle::new();
        let task = RoomTask { name: name.clone(), shared: self.shared.clone(), told };
        let task = self.tasks.spawn(task.run()).id();
        self.names.insert(task, (name.clone(), Instant::now()));
        self.rooms.insert(name, Running { handle: handle.clone(), task });
        Ok(handle)
    }

    fn room_ended(&mut self, ended: Result<(Id, String), JoinError>) {
        let (task, reason) = match ended {
            Ok(ended) => ended,
            // it panicked: that room alone is gone
            Err(error) => (error.id(), "it failed".to_owned()),
        };
        let Some((name, since)) = self.names.remove(&task) else { return };
        // a new one of the name may be there already
        if self.rooms.get(&name).is_some_and(|room| room.task == task) {
            self.rooms.remove(&name);
        }
        let what = RoomHappening::Finished { reason, lasted: since.elapsed() };
        // nobody may listen
        let _ = self.shared.events.send(RoomEvent { room: name, what });
        let (told, waiting) = std::mem::take(&mut self.waiting).into_iter().partition(|(id, _)| *id == task);
        self.waiting = waiting;
        let told: Vec<(Id, oneshot::Sender<()>)> = told;
        for (_, reply) in told {
            let _ = reply.send(());
        }
    }
}
