//! [`Bridges`]: which streams are in which rooms. Its owner is one task; each stream in a room is another, on a worker.
use super::into_room::{self, Bringing};
use super::{BringError, Brought};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use hub::Hub;
use media::StreamName;
use rooms::{RoomName, Rooms};
use std::collections::HashMap;
use tokio::sync::{mpsc, oneshot};

/// Wishes that wait: 64; callers wait beyond that.
const MAILBOX: usize = 64;

/// A stream in a room.
type Key = (RoomName, StreamName);

enum ToKeeper {
    Bring { key: Key, name: Option<String>, reply: oneshot::Sender<Result<Brought, BringError>> },
    TakeOut { key: Key, reply: oneshot::Sender<bool> },
}

/// Brings streams into rooms. A handle: clones are the same.
#[derive(Clone)]
pub struct Bridges {
    to: mpsc::Sender<ToKeeper>,
}

/// The owner of what [`Bridges`] does; run it.
pub struct Keeper {
    hub: Hub,
    rooms: Rooms,
    told: mpsc::Receiver<ToKeeper>,
    here: HashMap<Key, Here>,
    ends: FuturesUnordered<BoxFuture<'static, Key>>,
}

/// A stream that is in a room, or on its way there.
struct Here {
    /// Dropped, it ends.
    stop: Option<oneshot::Sender<()>>,
    /// Who waits for its end.
    waiting: Vec<oneshot::Sender<bool>>,
}

impl Bridges {
    /// The handle, and its owner.
    pub fn new(hub: Hub, rooms: Rooms) -> (Self, Keeper) {
        let (to, told) = mpsc::channel(MAILBOX);
        (Self { to }, Keeper { hub, rooms, told, here: HashMap::new(), ends: FuturesUnordered::new() })
    }

    /// Brings a stream into a room, which is made if it is not there; returns when it is there. Without a name it has the
    /// stream's.
    ///
    /// # Errors
    /// See [`BringError`].
    pub async fn bring(
        &self,
        room: RoomName,
        stream: StreamName,
        name: Option<String>,
    ) -> Result<Brought, BringError> {
        let brought = self.ask(|reply| ToKeeper::Bring { key: (room, stream), name, reply }).await;
        brought.unwrap_or(Err(BringError::BrokenOff))
    }

    /// Takes a stream out of a room; returns when nothing of it is left there. False: it was not there.
    pub async fn take_out(&self, room: RoomName, stream: StreamName) -> bool {
        self.ask(|reply| ToKeeper::TakeOut { key: (room, stream), reply }).await.unwrap_or(false)
    }

    async fn ask<T>(&self, make: impl FnOnce(oneshot::Sender<T>) -> ToKeeper) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.to.send(make(reply)).await.ok()?;
        answer.await.ok()
    }
}

impl Keeper {
    /// Until nobody holds a handle any more.
    pub async fn run(mut self) {
        loop {
            tokio::select! {
                told = self.told.recv() => match told {
                    Some(ToKeeper::Bring { key, name, reply }) => self.bring(key, name, reply).await,
                    Some(ToKeeper::TakeOut { key, reply }) => self.take_out(&key, reply),
                    None => return,
                },
                Some(key) = self.ends.next() => self.ended(&key),
            }
        }
    }

    async fn bring(
        &mut self,
        key: Key,
        name: Option<String>,
        reply: oneshot::Sender<Result<Brought, BringError>>,
    ) {
        let (room, stream) = key.clone();
        if self.here.contains_key(&key) {
            // who asked may have given up
            let _ = reply.send(Err(BringError::Here(stream)));
            return;
        }
        let Ok(worker) = self.hub.worker().await else {
            let _ = reply.send(Err(BringError::BrokenOff));
            return;
        };
        let (stop, stopped) = oneshot::channel();
        // held by the task, and so dropped however that ends, by panic too
        let (living, ended) = oneshot::channel::<()>();
        let owner = format!("stream {stream} in room {room}");
        let bringing = Bringing { rooms: self.rooms.clone(), room, stream, name, reply };
        let made = worker.run(owner, move |worker| async move {
            let _living = living;
            into_room::run(worker, bringing, stopped).await;
        });
        // a worker that has ended drops the task, and with it the reply
        if made.await.is_ok() {
            self.here.insert(key.clone(), Here { stop: Some(stop), waiting: Vec::new() });
            self.ends.push(ended.map(move |_| key).boxed());
        }
    }

    fn take_out(&mut self, key: &Key, reply: oneshot::Sender<bool>) {
        match self.here.get_mut(key) {
            Some(here) => {
                here.stop = None;
                here.waiting.push(reply);
            }
            // who asked may have given up
            None => drop(reply.send(false)),
        }
    }

    fn ended(&mut self, key: &Key) {
        for reply in self.here.remove(key).into_iter().flat_map(|here| here.waiting) {
            // the same
            let _ = reply.send(true);
        }
    }
}
