//! The owner of a room: one task, all state, no lock. What takes time (every question to a worker of [`sfu`]) is a future in
//! `work`, whose result is a closure that is run here; so a slow worker holds up nobody else's requests.
//!
//! `Open` → `Closing` when told to, when it was empty for too long, or when its router ended → the task ends, with all in it.
use super::loudness::Loudness;
use super::peer::{Peer, PeerKey};
use super::{Measure, Said, ToRoom};
use crate::config::{RoomLimits, RoomsConfig};
use crate::ending::Ending;
use crate::events::{RoomEvent, RoomHappening};
use crate::name::RoomName;
use crate::outbox::Full;
use crate::refusal::Refusal;
use crate::wire;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, FuturesUnordered, SelectAll};
use futures_util::{FutureExt, StreamExt};
use media::WallTime;
use serde_json::{Value, json};
use sfu::{
    ConsumerEvent, ConsumerId, DataConsumerEvent, DataConsumerId, DataProducerEvent, DataProducerId,
    EventStream, ProducerEvent, ProducerId, Router, RouterEvent, RouterOptions, RtpObserverEvent, Transport,
    TransportEvent, TransportId, WebRtcServer, Worker, WorkerManager,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc};
use tokio::time::Instant;

/// How often deadlines are looked at. They are tens of seconds.
const TICK: Duration = Duration::from_millis(500);

/// What all rooms share. Immutable.
pub(crate) struct Shared {
    pub(crate) config: RoomsConfig,
    pub(crate) manager: WorkerManager,
    pub(crate) workers: Vec<Worker>,
    pub(crate) server: WebRtcServer,
    pub(crate) events: broadcast::Sender<RoomEvent>,
}

/// What is to be done with the result of something that took time.
pub(super) type After = Box<dyn FnOnce(&mut RoomOwner) + Send>;

/// What happened to something of the room, told by [`sfu`] or by a connection.
pub(super) enum Happening {
    Gone(PeerKey),
    Router(RouterEvent),
    Transport(PeerKey, TransportId, TransportEvent),
    Producer(PeerKey, ProducerId, ProducerEvent),
    Consumer(PeerKey, ConsumerId, ConsumerEvent),
    DataProducer(PeerKey, DataProducerId, DataProducerEvent),
    DataConsumer(PeerKey, DataConsumerId, DataConsumerEvent),
    Loudness(u64, RtpObserverEvent),
}

/// A room that is to be run.
pub(crate) struct RoomTask {
    pub(crate) name: RoomName,
    pub(crate) shared: Arc<Shared>,
    pub(crate) told: mpsc::Receiver<ToRoom>,
}

impl RoomTask {
    /// Runs the room until its end; returns why it ended.
    pub(crate) async fn run(self) -> String {
        let options = RouterOptions::new(self.shared.config.codecs.clone());
        let router = match self.shared.manager.create_router(options).await {
            Ok(router) => router,
            Err(error) => return format!("there is no router: {error}"),
        };
        let owner = RoomOwner::new(self, router);
        owner.tell(RoomHappening::Started);
        owner.run().await
    }
}

/// All of a room.
pub(super) struct RoomOwner {
    pub(super) name: RoomName,
    pub(super) shared: Arc<Shared>,
    pub(super) router: Router,
    pub(super) limits: RoomLimits,
    pub(super) since: WallTime,
    pub(super) peers: BTreeMap<PeerKey, Peer>,
    pub(super) loudness: Loudness,
    next_peer: u64,
    told: mpsc::Receiver<ToRoom>,
    work: FuturesUnordered<BoxFuture<'static, After>>,
    happenings: SelectAll<BoxStream<'static, Happening>>,
    /// Since when nobody but recorders and streams is here.
    empty_since: Option<Instant>,
    /// Connections that did not take what they were sent.
    slow: Vec<PeerKey>,
    closing: Option<String>,
}

impl RoomOwner {
    fn new(task: RoomTask, router: Router) -> Self {
        let RoomTask { name, shared, told } = task;
        let mut happenings: SelectAll<BoxStream<'static, Happening>> = SelectAll::new();
        happenings.push(router.events().map(Happening::Router).boxed());
        let work: FuturesUnordered<BoxFuture<'static, After>> = FuturesUnordered::new();
        Self {
            name,
            router,
            limits: shared.config.limits.room,
            since: (shared.config.wall_now)(),
            shared,
            peers: BTreeMap::new(),
            loudness: Loudness::default(),
            next_peer: 0,
            told,
            work,
            happenings,
            empty_since: Some(Instant::now()),
            slow: Vec::new(),
            closing: None,
        }
    }

    async fn run(mut self) -> String {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let reason = loop {
            tokio::select! {
                told = self.told.recv() => match told {
                    Some(told) => self.handle(told),
                    // the service holds a handle as long as it is there
                    None => self.close("the service has ended".to_owned(), Ending::ServerEnds),
                },
                Some(after) = self.work.next() => after(&mut self),
                Some(happening) = self.happenings.next() => self.happened(happening),
                _ = ticks.tick() => self.look_at_deadlines(),
            }
            self.end_slow();
            self.note_emptiness();
            if let Some(reason) = self.closing.take() {
                break reason;
            }
        };
        // nothing of it is left when this returns
        self.told.close();
        self.work.clear();
        self.peers.clear();
        self.router.close().await;
        reason
    }

    fn handle(&mut self, told: ToRoom) {
        match told {
            ToRoom::Enter { entrant, reply } => {
                let entered = self.enter(entrant);
                let key = entered.as_ref().ok().copied();
                if let (Err(_), Some(key)) = (reply.send(entered), key) {
                    self.remove(key, "gone");
                }
            }
            ToRoom::Invite { invitation, reply } => self.invite(invitation, reply),
            ToRoom::Tap { identity, sources, reply } => self.tap(&identity, &sources, reply),
            ToRoom::Said { peer, said: Said::Request { id, request } } => self.request(peer, id, request),
            ToRoom::Said { peer, said: Said::Answer { id, answer } } => self.answered(peer, id, answer),
            ToRoom::Leaves { peer, word } => self.remove(peer, word),
            // who asked may have given up
            ToRoom::Facts { reply } => drop(reply.send(self.facts())),
            ToRoom::Details { stats, reply } => self.details(stats, reply),
            ToRoom::Measure { identity, measure, reply } => {
                let found = match measure {
                    Measure::Kick { reason } => self.kick(&identity, &reason),
                    Measure::Mute { producer, muted } => self.mute(&identity, producer, muted, "the server"),
                };
                let _ = reply.send(found);
            }
            ToRoom::SetLimits { limits, reply } => {
                self.limits = limits;
                let _ = reply.send(());
            }
            ToRoom::Close { reason, ending } => self.close(reason, ending),
        }
    }

    fn happened(&mut self, happening: Happening) {
        match happening {
            Happening::Gone(peer) => self.remove(peer, "gone"),
            Happening::Router(RouterEvent::Close) => {
                self.close("its worker has ended".to_owned(), Ending::RoomFailed);
            }
            Happening::Router(_) => {}
            Happening::Transport(peer, id, event) => self.transport_happened(peer, id, &event),
            Happening::Producer(peer, id, event) => self.producer_happened(peer, id, event),
            Happening::Consumer(peer, id, event) => self.consumer_happened(peer, id, event),
            Happening::DataProducer(peer, id, event) => self.data_producer_happened(peer, id, event),
            Happening::DataConsumer(peer, id, event) => self.data_consumer_happened(peer, id, &event),
            Happening::Loudness(made, event) => self.loudness_happened(made, event),
        }
    }

    fn look_at_deadlines(&mut self) {
        let now = Instant::now();
        let limits = &self.shared.config.limits;
        if self.empty_since.is_some_and(|since| now.duration_since(since) >= limits.empty_after) {
            return self
                .close("nobody was there".to_owned(), Ending::RoomClosed("nobody was there".to_owned()));
        }
        let join_max = limits.join_max;
        let late = |peer: &Peer| peer.joined.is_none() && now.duration_since(peer.entered) >= join_max;
        let late: Vec<PeerKey> =
            self.peers.iter().filter(|(_, peer)| late(peer)).map(|(key, _)| *key).collect();
        for key in late {
            self.end(key, Ending::NotJoined);
        }
        self.close_unanswered(now);
        self.sweep();
        self.ensure_loudness();
    }

    /// Ends what is on workers that were given up: their threads hang, and tell nothing.
    fn sweep(&mut self) {
        let mut ended = Vec::new();
        for (key, peer) in &self.peers {
            let key = *key;
            let transports = peer.transports.iter().filter(|(_, way)| way.transport.worker_has_ended());
            ended.extend(transports.map(|(id, _)| Happening::Transport(key, *id, TransportEvent::Close)));
            let producers = peer.producers.iter().filter(|(_, one)| one.producer.worker_has_ended());
            ended.extend(producers.map(|(id, _)| Happening::Producer(key, *id, ProducerEvent::Close)));
            let consumers = peer.consumers.iter().filter(|(_, one)| one.consumer.worker_has_ended());
            ended.extend(consumers.map(|(id, _)| Happening::Consumer(key, *id, ConsumerEvent::Close)));
            let producers = peer.data_producers.iter().filter(|(_, one)| one.producer.worker_has_ended());
            ended
                .extend(producers.map(|(id, _)| Happening::DataProducer(key, *id, DataProducerEvent::Close)));
            let consumers = peer.data_consumers.iter().filter(|(_, one)| one.consumer.worker_has_ended());
            ended
                .extend(consumers.map(|(id, _)| Happening::DataConsumer(key, *id, DataConsumerEvent::Close)));
        }
        for happening in ended {
            self.happened(happening);
        }
    }

    /// Ends connections that do not take what they are sent.
    fn end_slow(&mut self) {
        // telling the others may show that more are slow
        while let Some(key) = self.slow.pop() {
            let waiting = self.peers.get(&key).map_or(0, |peer| peer.outbox.queue_max());
            self.end(key, Ending::TooSlow { waiting });
        }
    }

    fn note_emptiness(&mut self) {
        let empty = self.peers.values().all(|peer| peer.grants.recorder || peer.is_guest);
        match (empty, self.empty_since) {
            (true, None) => self.empty_since = Some(Instant::now()),
            (false, Some(_)) => self.empty_since = None,
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// Names a new connection.
    pub(super) fn add(&mut self, peer: Peer) -> PeerKey {
        let key = PeerKey(self.next_peer);
        self.next_peer += 1;
        self.happenings.push(peer.outbox.gone().into_stream().map(move |()| Happening::Gone(key)).boxed());
        self.peers.insert(key, peer);
        key
    }

    /// Does something that takes time, and then something with its result.
    pub(super) fn work(&mut self, work: impl Future<Output = After> + Send + 'static) {
        self.work.push(work.boxed());
    }

    /// Hears what happens to something, until its end, which a worker that panics does not tell.
    pub(super) fn listen<E: Send + 'static>(
        &mut self,
        events: EventStream<E>,
        close: E,
        happening: impl FnMut(E) -> Happening + Send + 'static,
    ) {
        self.happenings.push(events.chain(stream::iter([close])).map(happening).boxed());
    }

    /// Tells the world.
    pub(super) fn tell(&self, what: RoomHappening) {
        // nobody may listen
        let _ = self.shared.events.send(RoomEvent { room: self.name.clone(), what });
    }

    /// Answers a request.
    pub(super) fn answer(&mut self, key: PeerKey, id: u32, answer: Result<Value, Refusal>) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        peer.in_flight = peer.in_flight.saturating_sub(1);
        let said = peer.outbox.say(&wire::response(id, answer));
        self.note(key, said);
    }

    /// Tells one.
    pub(super) fn notify(&mut self, key: PeerKey, method: &str, data: Value) {
        let Some(peer) = self.peers.get(&key) else { return };
        let said = peer.notify(method, data);
        self.note(key, said);
    }

    /// Tells all who have joined, but one.
    pub(super) fn notify_others(&mut self, but: PeerKey, method: &str, data: &Value) {
        let joined = self.peers.iter().filter(|(key, peer)| **key != but && peer.joined.is_some());
        let keys: Vec<PeerKey> = joined.map(|(key, _)| *key).collect();
        for key in keys {
            self.notify(key, method, data.clone());
        }
    }

    /// Tells all who have joined.
    pub(super) fn notify_joined(&mut self, method: &str, data: &Value) {
        let joined = self.peers.iter().filter(|(_, peer)| peer.joined.is_some());
        let keys: Vec<PeerKey> = joined.map(|(key, _)| *key).collect();
        for key in keys {
            self.notify(key, method, data.clone());
        }
    }

    /// Notes who is too slow.
    pub(super) fn note(&mut self, key: PeerKey, said: Result<(), Full>) {
        if said == Err(Full) {
            self.slow.push(key);
        }
    }

    /// Ends a connection from this side.
    pub(super) fn end(&mut self, key: PeerKey, ending: Ending) {
        let word = ending.word();
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.outbox.end(ending);
        }
        self.remove(key, word);
    }

    /// Ends everything, when this turn is over.
    pub(super) fn close(&mut self, reason: String, ending: Ending) {
        let keys: Vec<PeerKey> = self.peers.keys().copied().collect();
        for key in keys {
            if let Ending::RoomClosed(reason) = &ending {
                self.notify(key, "roomClosed", json!({ "reason": reason }));
            }
            self.end_silently(key, ending.clone());
        }
        self.closing = Some(reason);
    }
}
