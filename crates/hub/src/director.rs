//! The director: owns the names of streams and the list of workers, on a thread of its own. No media passes here.
//!
//! It places streams, starts them again when their owner panics or their worker stalls, numbers events and hands
//! them to whoever listens. What takes time runs beside it: it always answers.
mod watch;

use crate::event::{EndReason, Event, What};
use crate::hub::{Hub, PutError, PutOutcome};
use crate::publisher::Publisher;
use crate::report::{PeerInfo, Removal, StreamReport, StreamState};
use crate::stream::owner::Owner;
use crate::stream::{
    Conflict, OutputSpec, PublishError, StreamCommand, StreamHandle, StreamSpec, TalkSpec, talk_name,
};
use crate::worker::{self, Worker, WorkerHandle};
use crate::{StreamId, answer, clock, next_id, wall_now};
use media::{Moment, StreamName, Tracks};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot};
use watch::Watch;

/// Commands waiting for a stream's owner.
const STREAM_COMMANDS: usize = 256;
/// How often workers are asked whether they live.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// An owner that does not report in this time is reported as not answering.
const REPORT_WAIT: Duration = Duration::from_secs(2);
/// A stream whose owner panicked starts again after this, doubled each time, up to a minute.
const RESTART_WAIT: Duration = Duration::from_secs(1);

pub(crate) enum DirectorCommand {
    Resolve {
        name: StreamName,
        reply: oneshot::Sender<Option<StreamHandle>>,
    },
    Publish {
        name: StreamName,
        peer: PeerInfo,
        near: Option<usize>,
        reply: oneshot::Sender<Result<Publisher, PublishError>>,
    },
    Put {
        name: StreamName,
        spec: Box<StreamSpec>,
        reply: oneshot::Sender<Result<PutOutcome, PutError>>,
    },
    Remove {
        name: StreamName,
        reply: oneshot::Sender<Option<Removal>>,
    },
    Retry {
        name: StreamName,
        reply: oneshot::Sender<bool>,
    },
    Reports {
        name: Option<StreamName>,
        reply: oneshot::Sender<Vec<StreamReport>>,
    },
    PickWorker {
        reply: oneshot::Sender<WorkerHandle>,
    },
    Workers {
        reply: oneshot::Sender<Vec<WorkerHandle>>,
    },
    /// A stream's owner ended; by itself or by a panic.
    OwnerEnded {
        name: StreamName,
        id: StreamId,
        panicked: bool,
    },
    Shutdown {
        within: Duration,
        reply: oneshot::Sender<usize>,
    },
}

struct Entry {
    handle: StreamHandle,
    spec: StreamSpec,
    panics: u32,
    /// When its owner is started again; it has none until then.
    restart_at: Option<Moment>,
}

pub(crate) struct Director {
    hub: Hub,
    conflict: Conflict,
    workers: Vec<Watch>,
    next_worker: usize,
    turn: usize,
    streams: BTreeMap<StreamName, Entry>,
    draining: bool,
}

impl Director {
    pub(crate) fn new(hub: Hub, workers: usize, conflict: Conflict) -> std::io::Result<Self> {
        let streams = BTreeMap::new();
        let (next_worker, turn, draining) = (0, 0, false);
        let mut director = Self { hub, conflict, workers: Vec::new(), next_worker, turn, streams, draining };
        for _ in 0..workers {
            let watch = director.start_worker()?;
            director.workers.push(watch);
        }
        Ok(director)
    }

    fn start_worker(&mut self) -> std::io::Result<Watch> {
        let id = self.next_worker;
        self.next_worker += 1;
        let handle = worker::start(id, self.hub.clone(), self.hub.limits().clone())?;
        Ok(Watch::new(handle))
    }

    /// The director's thread.
    pub(crate) fn run(
        mut self,
        mut commands: mpsc::Receiver<DirectorCommand>,
        mut events: mpsc::Receiver<What>,
        listeners: broadcast::Sender<Arc<Event>>,
    ) {
        let options = tokio::runtime::LocalOptions::default();
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build_local(options) {
            Ok(runtime) => runtime,
            Err(error) => {
                tracing::error!(%error, "the director could not start its runtime");
                return;
            }
        };
        runtime.block_on(async move {
            let mut number = 0;
            let mut heartbeat = tokio::time::interval(HEARTBEAT);
            loop {
                tokio::select! {
                    Some(what) = events.recv() => {
                        number += 1;
                        // Without listeners nobody needs it.
                        let _ = listeners.send(Arc::new(Event { number, time: wall_now(), what }));
                    }
                    command = commands.recv() => match command {
                        Some(command) => self.command(command),
                        None => return,
                    },
                    _ = heartbeat.tick() => self.heartbeat(),
                }
            }
        });
    }

    fn command(&mut self, command: DirectorCommand) {
        match command {
            DirectorCommand::Resolve { name, reply } => {
                answer(reply, self.streams.get(&name).map(|entry| entry.handle.clone()));
            }
            DirectorCommand::Publish { name, peer, near, reply } => self.publish(name, peer, near, reply),
            DirectorCommand::Put { name, spec, reply } => self.put(name, *spec, reply),
            DirectorCommand::Remove { name, reply } => self.remove(name, reply),
            DirectorCommand::Retry { name, reply } => {
                let handle = self.streams.get(&name).map(|entry| entry.handle.clone());
                tokio::task::spawn_local(async move {
                    let done = match handle {
                        Some(handle) => handle.ask(|reply| StreamCommand::Retry { reply }).await.is_some(),
                        None => false,
                    };
                    answer(reply, done);
                });
            }
            DirectorCommand::Reports { name, reply } => self.reports(name, reply),
            DirectorCommand::PickWorker { reply } => {
                self.turn = (self.turn + 1) % self.workers.len();
                answer(reply, self.workers[self.turn].handle().clone());
            }
            DirectorCommand::Workers { reply } => {
                // While all ends, there is none to begin anything on: whoever looks for one gives up.
                let there = self.workers.iter().filter(|_| !self.draining);
                answer(reply, there.map(|watch| watch.handle().clone()).collect());
            }
            DirectorCommand::OwnerEnded { name, id, panicked } => self.owner_ended(&name, id, panicked),
            DirectorCommand::Shutdown { within, reply } => self.shutdown(within, reply),
        }
    }

    // ---- placing ----

    /// The worker asked for, else the one with the fewest owners.
    fn place(&self, near: Option<usize>) -> WorkerHandle {
        let wanted = self.workers.iter().find(|watch| Some(watch.handle().id()) == near);
        let least = || self.workers.iter().min_by_key(|watch| watch.handle().load());
        // There is always a worker: they are only ever replaced.
        wanted.or_else(least).unwrap_or(&self.workers[0]).handle().clone()
    }

    /// Starts an owner for a stream. Does not wait for the worker: its mailbox may be full, and it may have stalled.
    fn start(&self, name: &StreamName, spec: &StreamSpec, near: Option<usize>) -> StreamHandle {
        let worker = self.place(near);
        let id = StreamId(next_id());
        let (tx, rx) = mpsc::channel(STREAM_COMMANDS);
        let handle = StreamHandle { id, name: name.clone(), worker: worker.id(), tx };
        let (owner_name, owner_spec) = (name.clone(), spec.clone());
        let connectors = self.hub.connectors();
        let deliverers = self.hub.deliverers();
        let stream = name.clone();
        let make = move |worker: Worker| async move {
            let hub = worker.hub().clone();
            let name = owner_name.clone();
            let running = worker.clone();
            let task = worker.spawn(format!("stream {name}"), async move {
                Owner::new(id, owner_name, owner_spec, rx, connectors, deliverers, running).run().await;
            });
            let panicked = !matches!(task.await, Ok(Some(())));
            if panicked && let Some(feed) = worker.take_feed(id) {
                // What the owner could not do any more.
                feed.end(EndReason::Failed("the stream failed inside and starts again".into()));
            }
            hub.tell(DirectorCommand::OwnerEnded { name, id, panicked }).await;
        };
        tokio::task::spawn_local(async move {
            if worker.run(format!("stream {stream}"), make).await.is_err() {
                // The worker died just now: the heartbeat replaces it and starts its streams again.
                tracing::warn!(%stream, worker = worker.id(), "placed a stream on a worker that has ended");
            }
        });
        handle
    }

    fn add(&mut self, name: StreamName, spec: StreamSpec, near: Option<usize>) -> StreamHandle {
        let handle = self.start(&name, &spec, near);
        self.hub.emit(What::StreamAdded { stream: name.clone() });
        let entry = Entry { handle: handle.clone(), spec, panics: 0, restart_at: None };
        self.streams.insert(name, entry);
        handle
    }

    fn put(
        &mut self,
        name: StreamName,
        spec: StreamSpec,
        reply: oneshot::Sender<Result<PutOutcome, PutError>>,
    ) {
        if self.draining {
            answer(reply, Err(PutError::Shutdown));
            return;
        }
        if let Some(entry) = self.streams.get_mut(&name) {
            if entry.spec == spec {
                answer(reply, Ok(PutOutcome::Unchanged));
                return;
            }
            let before = std::mem::replace(&mut entry.spec, spec.clone());
            let handle = entry.handle.clone();
            self.put_talk(&name, before.talk.as_ref(), spec.talk.as_ref());
            tokio::task::spawn_local(async move {
                // An owner that is gone starts again with the new specification.
                let _ = handle.ask(|reply| StreamCommand::SetSpec { spec: Box::new(spec), reply }).await;
                answer(reply, Ok(PutOutcome::Changed));
            });
            return;
        }
        let max = self.hub.limits().streams_max;
        if self.streams.len() >= max {
            answer(reply, Err(PutError::TooMany(max)));
            return;
        }
        let talk = spec.talk.clone();
        self.add(name.clone(), spec, None);
        self.put_talk(&name, None, talk.as_ref());
        answer(reply, Ok(PutOutcome::Added));
    }

    fn publish(
        &mut self,
        name: StreamName,
        peer: PeerInfo,
        near: Option<usize>,
        reply: oneshot::Sender<Result<Publisher, PublishError>>,
    ) {
        if self.draining {
            answer(reply, Err(PublishError::Ended));
            return;
        }
        let known = self.streams.get(&name);
        let handle = match known.map(|entry| (entry.handle.clone(), entry.spec.dynamic)) {
            Some((handle, _)) if !handle.tx.is_closed() => handle,
            Some((_, false)) => {
                // Its owner panicked and is started again, with its own specification.
                answer(reply, Err(PublishError::Ended));
                return;
            }
            Some((_, true)) | None => {
                let max = self.hub.limits().streams_max;
                if self.streams.len() >= max {
                    answer(reply, Err(PublishError::TooMany(max)));
                    return;
                }
                let spec = StreamSpec { dynamic: true, ..StreamSpec::default() };
                self.add(name.clone(), spec, near)
            }
        };
        let (conflict, hub) = (self.conflict, self.hub.clone());
        tokio::task::spawn_local(async move {
            let asks = peer.clone();
            match handle.ask(|reply| StreamCommand::Publish { peer: asks, conflict, reply }).await {
                Some(made) => answer(reply, made),
                // It ended in this very moment, which is seen by whoever asks again: another one of the name is made then.
                None => hub.tell(DirectorCommand::Publish { name, peer, near, reply }).await,
            }
        });
    }

    // ---- ends ----

    fn remove(&mut self, name: StreamName, reply: oneshot::Sender<Option<Removal>>) {
        let Some(entry) = self.streams.remove(&name) else {
            answer(reply, None);
            return;
        };
        let talk = self.take_talk(&name, &entry.spec);
        let hub = self.hub.clone();
        tokio::task::spawn_local(async move {
            // The call is hung up first: its device may be the one that the stream comes from.
            let mut removal = Removal::default();
            if let Some(talk) = talk {
                removal = end_stream(talk.handle.clone(), &hub).await;
            }
            let own = end_stream(entry.handle, &hub).await;
            removal.ends.extend(own.ends);
            removal.publishers += own.publishers;
            removal.readers += own.readers;
            removal.took += own.took;
            removal.unanswered |= own.unanswered;
            answer(reply, Some(removal));
        });
    }

    /// Takes the talk stream of a stream out of the list.
    fn take_talk(&mut self, name: &StreamName, spec: &StreamSpec) -> Option<Entry> {
        spec.talk.as_ref()?;
        self.streams.remove(&talk_name(name)?)
    }

    /// Makes, changes or ends a stream's talk stream, as its specification has it now.
    fn put_talk(&mut self, name: &StreamName, before: Option<&TalkSpec>, talk: Option<&TalkSpec>) {
        let Some(talk_name) = talk_name(name) else { return };
        let Some(talk) = talk else {
            if before.is_some()
                && let Some(entry) = self.streams.remove(&talk_name)
            {
                let hub = self.hub.clone();
                tokio::task::spawn_local(async move { end_stream(entry.handle, &hub).await });
            }
            return;
        };
        let mutes = talk.half_duplex.then(|| name.clone());
        let output = Some(OutputSpec { mutes, ..talk.output.clone() });
        let spec = StreamSpec { conflict: Some(talk.conflict), output, ..StreamSpec::default() };
        match self.streams.get_mut(&talk_name) {
            Some(entry) if entry.spec == spec => {}
            Some(entry) => {
                entry.spec = spec.clone();
                let handle = entry.handle.clone();
                tokio::task::spawn_local(async move {
                    let spec = Box::new(spec);
                    // An owner that is gone starts again with the new specification.
                    handle.ask(|reply| StreamCommand::SetSpec { spec, reply }).await
                });
            }
            None => {
                self.add(talk_name, spec, None);
            }
        }
    }

    fn owner_ended(&mut self, name: &StreamName, id: StreamId, panicked: bool) {
        let Some(entry) = self.streams.get_mut(name).filter(|entry| entry.handle.id == id) else { return };
        if !entry.spec.dynamic {
            let wait = RESTART_WAIT * 2u32.saturating_pow(entry.panics).min(60);
            // Without a panic, the publisher of a dynamic stream left just when somebody put the stream.
            entry.panics += u32::from(panicked);
            entry.restart_at = Some(if panicked { clock::now() + wait } else { clock::now() });
            return;
        }
        self.streams.remove(name);
        self.hub.emit(What::StreamRemoved { stream: name.clone() });
    }

    fn heartbeat(&mut self) {
        if self.draining {
            return;
        }
        let now = clock::now();
        let stall = self.hub.limits().worker_stall_max;
        for index in 0..self.workers.len() {
            if let Some(reason) = self.workers[index].look(now, stall) {
                self.replace_worker(index, reason);
            }
        }
        let due: Vec<StreamName> = self
            .streams
            .iter()
            .filter(|(_, entry)| entry.restart_at.is_some_and(|at| now >= at))
            .map(|(name, _)| name.clone())
            .collect();
        for name in due {
            self.start_again(&name);
        }
    }

    fn start_again(&mut self, name: &StreamName) {
        let Some(spec) = self.streams.get(name).map(|entry| entry.spec.clone()) else { return };
        let handle = self.start(name, &spec, None);
        if let Some(entry) = self.streams.get_mut(name) {
            entry.handle = handle;
            entry.restart_at = None;
        }
    }

    fn replace_worker(&mut self, index: usize, reason: String) {
        let fresh = match self.start_worker() {
            Ok(fresh) => fresh,
            Err(error) => {
                tracing::error!(%error, "no thread for a worker in place of one that ended; trying again");
                return;
            }
        };
        let old = std::mem::replace(&mut self.workers[index], fresh);
        let worker = old.handle().id();
        // When it comes to itself it finds this, and drops everything it had.
        stop(old.handle().clone());
        let lost: Vec<(StreamName, StreamId)> = self
            .streams
            .iter()
            .filter(|(_, entry)| entry.handle.worker == worker)
            .map(|(name, entry)| (name.clone(), entry.handle.id))
            .collect();
        self.end_relays(lost.iter().map(|(_, id)| *id).collect());
        let mut again = 0;
        for (name, _) in lost {
            if self.streams.get(&name).is_some_and(|entry| entry.spec.dynamic) {
                self.streams.remove(&name);
                self.hub.emit(What::StreamRemoved { stream: name });
            } else {
                self.start_again(&name);
                again += 1;
            }
        }
        self.hub.emit(What::WorkerReplaced { worker, reason, streams: again });
    }

    /// Ends what the workers read of streams whose owners never answer again: their relays would wait for ever.
    fn end_relays(&self, lost: Arc<[StreamId]>) {
        for watch in &self.workers {
            let (worker, lost) = (watch.handle().clone(), lost.clone());
            let end = move |worker: Worker| async move {
                for feed in lost.iter().filter_map(|id| worker.take_feed(*id)) {
                    feed.end(EndReason::Failed("the stream's worker stopped answering: try again".into()));
                }
            };
            // One that ended has no relays.
            tokio::task::spawn_local(async move { worker.run("end of lost relays", end).await.is_ok() });
        }
    }

    fn shutdown(&mut self, within: Duration, reply: oneshot::Sender<usize>) {
        self.draining = true;
        self.hub.emit(What::Draining);
        let entries = std::mem::take(&mut self.streams);
        let workers: Vec<WorkerHandle> = self.workers.iter().map(|watch| watch.handle().clone()).collect();
        tokio::task::spawn_local(async move {
            let ends = entries.into_values().map(|entry| async move {
                let reason = EndReason::Shutdown;
                let end = entry.handle.ask(|reply| StreamCommand::Remove { reason, reply });
                usize::from(tokio::time::timeout(within, end).await.is_err())
            });
            let late = futures_util::future::join_all(ends).await.into_iter().sum();
            for worker in workers {
                stop(worker);
            }
            answer(reply, late);
        });
    }

    // ---- reports ----

    fn reports(&self, name: Option<StreamName>, reply: oneshot::Sender<Vec<StreamReport>>) {
        let asked = self.streams.iter().filter(|(known, _)| name.as_ref().is_none_or(|name| name == *known));
        let handles: Vec<(StreamHandle, StreamSpec)> =
            asked.map(|(_, entry)| (entry.handle.clone(), entry.spec.clone())).collect();
        tokio::task::spawn_local(async move {
            let reports = handles.into_iter().map(|(handle, spec)| async move {
                let ask = handle.ask(|reply| StreamCommand::Report { reply });
                match tokio::time::timeout(REPORT_WAIT, ask).await {
                    Ok(Some(report)) => report,
                    Ok(None) => silent(&handle, &spec, "its owner ended and is started again"),
                    Err(_) => silent(&handle, &spec, "its owner does not answer"),
                }
            });
            answer(reply, futures_util::future::join_all(reports).await);
        });
    }
}

/// Ends a stream's owner and says how that went. One that does not answer is left to its worker's end.
async fn end_stream(handle: StreamHandle, hub: &Hub) -> Removal {
    // The owner has deadlines of its own for sources and readers; twice that is for one whose worker has stalled.
    let within = hub.limits().source_stop_max * 4 + Duration::from_secs(2);
    let reason = EndReason::Removed;
    let end = handle.ask(|reply| StreamCommand::Remove { reason, reply });
    let removal = match tokio::time::timeout(within, end).await {
        // An owner that is gone has nothing left.
        Ok(removal) => removal.unwrap_or_default(),
        Err(_) => Removal { unanswered: true, took: within, ..Removal::default() },
    };
    hub.emit(What::StreamRemoved { stream: handle.name });
    removal
}

/// Ends a worker, as soon as its mailbox has room: one that stalled has none.
fn stop(worker: WorkerHandle) {
    tokio::task::spawn_local(async move { worker.stop().await });
}

/// The report of a stream whose owner says nothing.
fn silent(handle: &StreamHandle, spec: &StreamSpec, why: &str) -> StreamReport {
    let source = |spec: &crate::stream::SourceSpec| crate::report::SourceReport {
        url: spec.url.clone(),
        state: "idle",
        attempt: 0,
        next_try: None,
        error: None,
        fault: None,
        since: wall_now(),
        wanted: false,
        fallback: spec.fallback,
        policy: spec.policy.unwrap_or_default(),
    };
    StreamReport {
        name: handle.name.clone(),
        worker: handle.worker,
        state: StreamState::Stalled,
        reason: Some(why.to_owned()),
        since: wall_now(),
        tracks: Tracks::from([]),
        sources: spec.sources.iter().map(source).collect(),
        outputs: Vec::new(),
        alerts: Vec::new(),
        talk: None,
        muted: false,
        publishers: Vec::new(),
        readers: Vec::new(),
        bytes_in: 0,
        units_in: 0,
        bitrate_in: 0,
        ring_bytes: 0,
    }
}
