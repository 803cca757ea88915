//! The owner of one stream: a task on one worker; all of the stream's state is here and nowhere else.
//!
//! It turns what publishers send into units on the stream's line, feeds readers here and relays on other workers,
//! runs the sources while somebody wants them, and answers commands at any time.
use super::intake::{Came, Intake};
use super::sources::{AttemptEnded, Sources};
use super::{Conflict, PublishError, RelayMessage, StreamCommand, StreamSpec};
use crate::event::{EndReason, What};
use crate::feed::{Feed, Feedback};
use crate::publisher::{self, Publisher};
use crate::report::{PeerInfo, StreamReport, StreamState};
use crate::source::{Connect, SourceError};
use crate::supervise::SourceState;
use crate::worker::Worker;
use crate::{StreamId, answer, clock, next_id, wall_now};
use media::{Moment, StreamName, Unit, WallTime};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Wishes for a key frame within this time of one another are one wish: an encoder needs a moment to answer.
const KEYFRAME_WISH_EVERY: Duration = Duration::from_millis(500);
/// How often silence is looked for.
const TICK: Duration = Duration::from_millis(500);
/// Most units taken in one turn, so that commands are heard under load.
const UNITS_PER_TURN: usize = 64;
/// An owner waits this long for the reports of its relays.
const REPORT_WAIT: Duration = Duration::from_millis(500);

struct RelayEnd {
    worker: usize,
    tx: mpsc::Sender<RelayMessage>,
    /// Its mailbox was full: it gets nothing until the next key frame.
    lagging: bool,
}

pub(crate) struct Owner {
    id: StreamId,
    name: StreamName,
    spec: StreamSpec,
    worker: Worker,
    feed: Rc<Feed>,
    intake: Intake,
    sources: Sources,
    relays: Vec<RelayEnd>,
    commands: mpsc::Receiver<StreamCommand>,
    state: StreamState,
    reason: Option<String>,
    since: WallTime,
    /// Units taken since the last flush, for the relays.
    batch: Vec<Unit>,
    flush_at: Moment,
    tick_at: Moment,
    sources_at: Moment,
    /// When the sources stop, since nobody wants them.
    idle_at: Moment,
    /// When readers stop waiting for a publisher that left.
    orphaned_at: Moment,
    keyframe_asked_at: Option<Moment>,
}

/// How a turn of the owner ended.
enum Turn {
    Goes,
    Ends { reason: EndReason, reply: Option<oneshot::Sender<()>> },
}

impl Owner {
    pub(crate) fn new(
        id: StreamId,
        name: StreamName,
        spec: StreamSpec,
        commands: mpsc::Receiver<StreamCommand>,
        connectors: Arc<[Arc<dyn Connect>]>,
        worker: Worker,
    ) -> Self {
        let now = clock::now();
        let feed = Feed::new(name.clone(), worker.clone());
        worker.add_feed(id, feed.clone());
        let mut sources = Sources::new(name.clone(), worker.clone(), connectors);
        sources.set(&spec.sources, spec.policy);
        let mut owner = Self {
            id,
            name,
            spec,
            worker,
            feed,
            intake: Intake::new(now),
            sources,
            relays: Vec::new(),
            commands,
            state: StreamState::Idle,
            reason: None,
            since: wall_now(),
            batch: Vec::new(),
            flush_at: Moment::FAR_FUTURE,
            tick_at: now + TICK,
            sources_at: now,
            idle_at: Moment::FAR_FUTURE,
            orphaned_at: Moment::FAR_FUTURE,
            keyframe_asked_at: None,
        };
        owner.look_at_demand(now);
        owner
    }

    /// Runs until the stream is removed or its only publisher left for good.
    pub(crate) async fn run(mut self) {
        let (reason, reply) = loop {
            let now = clock::now();
            self.start_sources(now);
            self.settle(now);
            if let Turn::Ends { reason, reply } = self.turn().await {
                break (reason, reply);
            }
        };
        self.end(reason).await;
        if let Some(reply) = reply {
            answer(reply, ());
        }
    }

    async fn turn(&mut self) -> Turn {
        let wake_at =
            self.flush_at.min(self.tick_at).min(self.sources_at).min(self.idle_at).min(self.orphaned_at);
        tokio::select! {
            command = self.commands.recv() => match command {
                Some(command) => return self.command(command),
                None => return Turn::Ends { reason: EndReason::Shutdown, reply: None },
            },
            came = std::future::poll_fn(|cx| self.intake.poll(cx, clock::now())) => self.take(came),
            ended = std::future::poll_fn(|cx| self.sources.poll(cx, clock::now())) => self.attempt_ended(ended),
            () = self.feed.turned.notified() => {
                let now = clock::now();
                self.look_at_demand(now);
                for feedback in self.feed.take_feedback() {
                    self.feed_back(feedback, now);
                }
            }
            () = clock::sleep_until(wake_at) => return self.timers(clock::now()),
        }
        Turn::Goes
    }

    // ---- media ----

    fn take(&mut self, first: Came) {
        let now = clock::now();
        self.take_one(first, now);
        for _ in 1..UNITS_PER_TURN {
            let next = std::future::poll_fn(|cx| Poll::Ready(self.intake.poll(cx, now)));
            match futures_util::FutureExt::now_or_never(next) {
                // What was polled is out of the mailbox: it must be taken.
                Some(Poll::Ready(more)) => self.take_one(more, now),
                Some(Poll::Pending) | None => break,
            }
        }
        let has_video = self.intake.tracks().iter().any(|track| track.codec.is_video());
        let video_came = self.batch.iter().any(|unit| {
            self.intake.tracks().get(usize::from(unit.track)).is_some_and(|track| track.codec.is_video())
        });
        if video_came || !has_video {
            self.flush();
        } else if !self.batch.is_empty() && self.flush_at == Moment::FAR_FUTURE {
            self.flush_at = now + self.worker.limits().flush_delay;
        }
    }

    fn take_one(&mut self, came: Came, now: Moment) {
        match came {
            Came::Unit(unit, source) => {
                if let Some(index) = source {
                    self.sources.handle_media(index, now);
                }
                self.feed.push(unit.clone(), now);
                self.batch.push(unit);
            }
            Came::Tracks => {
                self.flush();
                self.orphaned_at = Moment::FAR_FUTURE;
                let tracks = self.intake.tracks().clone();
                self.feed.set_tracks(tracks.clone());
                self.tell_relays(|| RelayMessage::Tracks(tracks.clone()));
            }
            Came::Nothing => {}
            Came::Gone { source } => {
                if source.is_none() {
                    self.publisher_left("it closed the connection", now);
                }
            }
        }
    }

    fn flush(&mut self) {
        self.flush_at = Moment::FAR_FUTURE;
        if self.batch.is_empty() {
            return;
        }
        self.feed.flush();
        if self.relays.is_empty() {
            self.batch.clear();
            return;
        }
        let keyframe = self.batch.iter().any(|unit| unit.keyframe && unit.track == 0);
        let units: Arc<[Unit]> = self.batch.drain(..).collect();
        for relay in &mut self.relays {
            if relay.lagging && !keyframe {
                continue;
            }
            match relay.tx.try_send(RelayMessage::Units(units.clone())) {
                Ok(()) => relay.lagging = false,
                Err(mpsc::error::TrySendError::Closed(_)) => {}
                Err(mpsc::error::TrySendError::Full(_)) => {
                    if !relay.lagging {
                        self.worker.emit(What::LimitReached {
                            stream: Some(self.name.clone()),
                            limit: format!(
                                "worker {} is seconds behind; its readers skip to the next key frame",
                                relay.worker
                            ),
                        });
                    }
                    relay.lagging = true;
                }
            }
        }
    }

    /// Tells every relay; one whose mailbox is full or closed is dropped: its readers end and come again.
    fn tell_relays(&mut self, make: impl Fn() -> RelayMessage) {
        self.relays.retain(|relay| relay.tx.try_send(make()).is_ok());
    }

    fn feed_back(&mut self, feedback: Feedback, now: Moment) {
        match feedback {
            Feedback::KeyframeWanted => {
                let recent = self.keyframe_asked_at.is_some_and(|at| now.since(at) < KEYFRAME_WISH_EVERY);
                if recent {
                    return;
                }
                self.keyframe_asked_at = Some(now);
            }
            Feedback::BitrateMax(_) => {}
        }
        self.intake.tell(feedback);
    }

    // ---- who publishes, who wants it ----

    fn publish(&mut self, peer: PeerInfo, conflict: Conflict) -> Result<Publisher, PublishError> {
        if !self.sources.is_empty() {
            return Err(PublishError::HasSources(self.name.clone()));
        }
        if self.intake.forget_gone() {
            self.publisher_left("it closed the connection", clock::now());
        }
        if let Some(there) = self.intake.slots().first() {
            match conflict {
                Conflict::Refuse => {
                    return Err(PublishError::Busy {
                        stream: self.name.clone(),
                        protocol: there.protocol(),
                        remote: there.remote().to_owned(),
                    });
                }
                // Until the intake can do more, the first one stays.
                Conflict::Queue | Conflict::Mix => {
                    return Err(PublishError::Busy {
                        stream: self.name.clone(),
                        protocol: there.protocol(),
                        remote: there.remote().to_owned(),
                    });
                }
                Conflict::Replace => {
                    self.intake.end(&EndReason::Replaced, |_| true);
                    self.emit_publisher_left(&EndReason::Replaced.to_string());
                }
            }
        }
        let now = clock::now();
        self.worker.emit(What::PublisherJoined {
            stream: self.name.clone(),
            protocol: peer.protocol,
            remote: peer.remote.clone(),
        });
        let (publisher, end) = publisher::pair(next_id(), peer, self.worker.limits().ingest_queue);
        self.intake.forget_heard();
        self.intake.add(end, None, now);
        self.orphaned_at = Moment::FAR_FUTURE;
        Ok(publisher)
    }

    fn emit_publisher_left(&self, reason: &str) {
        self.worker.emit(What::PublisherLeft { stream: self.name.clone(), reason: reason.to_owned() });
    }

    fn publisher_left(&mut self, reason: &str, now: Moment) {
        self.flush();
        self.emit_publisher_left(reason);
        self.intake.forget_heard();
        let unread = self.spec.dynamic && self.feed.holds() == 0 && self.relays.is_empty();
        self.orphaned_at = if unread { now } else { now + self.worker.limits().publisher_linger };
        self.forget_units();
    }

    /// The last picture of somebody who left is no picture of the present.
    fn forget_units(&mut self) {
        self.feed.forget_units();
        self.tell_relays(|| RelayMessage::Forget);
    }

    fn attempt_ended(&mut self, ended: Option<AttemptEnded>) {
        let Some(AttemptEnded { publisher }) = ended else {
            self.sources_at = clock::now();
            return;
        };
        self.flush();
        self.intake
            .end(&EndReason::Failed("the source's attempt ended".into()), |slot| slot.id() == publisher);
        self.intake.forget_heard();
        self.forget_units();
        self.sources_at = clock::now();
    }

    fn start_sources(&mut self, now: Moment) {
        if now < self.sources_at {
            return;
        }
        let (started, next) = self.sources.start_due(now);
        self.sources_at = next;
        for (end, index) in started {
            self.intake.add(end, Some(index), now);
        }
    }

    fn is_wanted(&self) -> bool {
        self.spec.preload || self.feed.holds() > 0 || !self.relays.is_empty()
    }

    fn look_at_demand(&mut self, now: Moment) {
        if self.is_wanted() {
            self.idle_at = Moment::FAR_FUTURE;
            self.sources.handle_demand(true);
            self.sources_at = now;
        } else if self.idle_at == Moment::FAR_FUTURE && !self.sources.is_empty() {
            self.idle_at = now + self.worker.limits().source_linger;
        }
    }

    fn stop_sources(&mut self) {
        self.sources.handle_demand(false);
        self.intake.end(&EndReason::Failed("nobody reads any more".into()), |slot| slot.source.is_some());
        self.intake.forget_heard();
        self.sources.stop_all(self.worker.limits().source_stop_max);
        self.forget_units();
    }

    // ---- commands and timers ----

    fn command(&mut self, command: StreamCommand) -> Turn {
        let now = clock::now();
        match command {
            StreamCommand::Ping(reply) => answer(reply, ()),
            StreamCommand::Relay { worker, tx } => {
                // What waits for its batch is in the snapshot: the new relay would get it twice.
                self.flush();
                let (tracks, units, state, reason) = self.feed.snapshot();
                let start = [
                    RelayMessage::State(state, reason),
                    RelayMessage::Tracks(tracks),
                    RelayMessage::Units(units.into()),
                ];
                if start.into_iter().all(|message| tx.try_send(message).is_ok()) {
                    self.relays.retain(|relay| relay.worker != worker);
                    self.relays.push(RelayEnd { worker, tx, lagging: false });
                }
                self.look_at_demand(now);
            }
            StreamCommand::RelayEnded { worker } => {
                self.relays.retain(|relay| relay.worker != worker || !relay.tx.is_closed());
                self.look_at_demand(now);
            }
            StreamCommand::Feedback(feedback) => self.feed_back(feedback, now),
            StreamCommand::Publish { peer, conflict, reply } => {
                answer(reply, self.publish(peer, conflict));
            }
            StreamCommand::SetSpec { spec, reply } => {
                if spec.sources != self.spec.sources || spec.policy != self.spec.policy {
                    self.stop_sources();
                    self.sources.set(&spec.sources, spec.policy);
                }
                self.spec = *spec;
                self.idle_at = Moment::FAR_FUTURE;
                self.look_at_demand(now);
                answer(reply, ());
            }
            StreamCommand::Retry { reply } => {
                self.sources.handle_retry(now);
                self.sources_at = now;
                answer(reply, ());
            }
            StreamCommand::Report { reply } => self.report(reply, now),
            StreamCommand::Remove { reason, reply } => return Turn::Ends { reason, reply: Some(reply) },
        }
        Turn::Goes
    }

    fn timers(&mut self, now: Moment) -> Turn {
        if now >= self.flush_at {
            self.flush();
        }
        if now >= self.idle_at {
            self.idle_at = Moment::FAR_FUTURE;
            // A reader may have come in this very turn.
            if !self.is_wanted() {
                self.stop_sources();
            }
        }
        if now >= self.orphaned_at {
            self.orphaned_at = Moment::FAR_FUTURE;
            if self.spec.dynamic {
                return Turn::Ends { reason: EndReason::PublisherLeft, reply: None };
            }
            self.feed.end_readers(&EndReason::PublisherLeft);
            self.tell_relays(|| RelayMessage::EndReaders(EndReason::PublisherLeft));
        }
        if now >= self.tick_at {
            self.tick_at = now + TICK;
            self.end_silent(now);
            let before = self.relays.len();
            self.relays.retain(|relay| !relay.tx.is_closed());
            if before != self.relays.len() {
                self.look_at_demand(now);
            }
        }
        Turn::Goes
    }

    /// Ends whoever holds a place and sends nothing.
    fn end_silent(&mut self, now: Moment) {
        let max = self.worker.limits().silence_max;
        let why = format!("no media for {} s", max.as_secs());
        let silent = |heard_at: Moment| now.since(heard_at) > max;
        let sources: Vec<usize> = self
            .intake
            .slots()
            .iter()
            .filter(|slot| silent(slot.heard_at))
            .filter_map(|slot| slot.source)
            .collect();
        for index in sources {
            self.sources.fail(index, SourceError::peer(why.clone()), now);
            self.sources_at = now;
        }
        if self.intake.slots().iter().any(|slot| silent(slot.heard_at)) {
            let pushed =
                self.intake.slots().iter().any(|slot| slot.source.is_none() && silent(slot.heard_at));
            self.intake.end(&EndReason::Failed(why.clone()), |slot| silent(slot.heard_at));
            if pushed {
                self.publisher_left(&why, now);
            } else {
                self.intake.forget_heard();
                self.forget_units();
            }
        }
    }

    // ---- state ----

    /// Derives the state from what is the case, and reports it when it changed.
    fn settle(&mut self, now: Moment) {
        self.sources.tell_changes();
        let (state, reason) = self.derive_state(now);
        if state == self.state && reason == self.reason {
            return;
        }
        let changed = state != self.state;
        self.state = state;
        self.reason.clone_from(&reason);
        if changed {
            self.since = wall_now();
            self.worker.emit(What::StreamState {
                stream: self.name.clone(),
                state: state.as_str(),
                reason: reason.clone(),
            });
        }
        self.feed.set_state(state, reason.clone());
        self.tell_relays(|| RelayMessage::State(state, reason.clone()));
    }

    fn derive_state(&self, now: Moment) -> (StreamState, Option<String>) {
        if self.intake.has_tracks() {
            let max = self.worker.limits().track_silence_max;
            if let Some((track, heard)) = self.intake.silent_track(max, now) {
                let since = if heard { "for" } else { "since the start," };
                let why =
                    format!("no {} ({}) {since} {} s", track.kind().as_str(), track.codec, max.as_secs());
                return (StreamState::Stalled, Some(why));
            }
            let failing = self.sources.states().find_map(|(state, error)| match state {
                SourceState::Backoff { .. } | SourceState::GaveUp => error.map(str::to_owned),
                SourceState::Idle | SourceState::Connecting | SourceState::Live(_) | SourceState::Removed => {
                    None
                }
            });
            return if self.intake.all_heard() {
                (StreamState::Live, failing.map(|why| format!("another source fails: {why}")))
            } else {
                (StreamState::Connecting, Some("waiting for the first unit of each track".into()))
            };
        }
        if !self.intake.slots().is_empty() {
            return (StreamState::Connecting, None);
        }
        if self.sources.is_empty() {
            return (StreamState::Waiting, Some("nobody publishes into it".into()));
        }
        self.state_of_sources()
    }

    fn state_of_sources(&self) -> (StreamState, Option<String>) {
        let mut gave_up = None;
        let mut idle = false;
        for (state, error) in self.sources.states() {
            let error = error.map(str::to_owned);
            match state {
                SourceState::Connecting | SourceState::Live(_) => return (StreamState::Connecting, error),
                SourceState::Backoff { .. } => return (StreamState::Backoff, error),
                SourceState::GaveUp => gave_up = gave_up.or(error),
                SourceState::Idle => idle = true,
                SourceState::Removed => {}
            }
        }
        if idle { (StreamState::Idle, None) } else { (StreamState::GaveUp, gave_up) }
    }

    fn report(&mut self, reply: oneshot::Sender<StreamReport>, now: Moment) {
        let (bytes_in, units_in, bitrate_in, ring_bytes) = self.feed.totals(now);
        let mut report = StreamReport {
            name: self.name.clone(),
            worker: self.worker.id(),
            state: self.state,
            reason: self.reason.clone(),
            since: self.since,
            tracks: self.intake.tracks().clone(),
            sources: self.sources.reports(now),
            publishers: self.intake.reports(),
            readers: self.feed.reader_reports(now),
            bytes_in,
            units_in,
            bitrate_in,
            ring_bytes,
        };
        let mut answers = Vec::new();
        self.relays.retain(|relay| {
            let (ask, answer) = oneshot::channel();
            let sent = relay.tx.try_send(RelayMessage::Report(ask));
            if sent.is_ok() {
                answers.push(answer);
            }
            !matches!(sent, Err(mpsc::error::TrySendError::Closed(_)))
        });
        if answers.is_empty() {
            answer(reply, report);
            return;
        }
        // The relays answer from their own workers: nobody waits for that here.
        self.worker.spawn(format!("report of {}", self.name), async move {
            let all = futures_util::future::join_all(answers);
            if let Ok(readers) = tokio::time::timeout(REPORT_WAIT, all).await {
                report.readers.extend(readers.into_iter().flatten().flatten());
            }
            answer(reply, report);
        });
    }

    // ---- the end ----

    /// Ends everything of the stream, and returns when it has: sources, publishers, readers here and elsewhere.
    async fn end(mut self, reason: EndReason) {
        self.flush();
        let within = self.worker.limits().source_stop_max;
        let fed = !self.intake.slots().is_empty();
        self.intake.end(&reason, |_| true);
        if fed && self.sources.is_empty() {
            self.emit_publisher_left(&reason.to_string());
        }
        self.sources.remove();
        self.sources.tell_changes();
        self.sources.stop_all(within);
        self.feed.end(reason.clone());
        self.tell_relays(|| RelayMessage::Ended(reason.clone()));
        self.worker.remove_feed(self.id);
        let relays = futures_util::future::join_all(self.relays.iter().map(|relay| relay.tx.closed()));
        // Relays and readers have their own deadlines; this one is for a worker that does not answer.
        let deadline = clock::now() + within + Duration::from_millis(500);
        let rest = async {
            self.feed.emptied(within).await;
            relays.await;
        };
        tokio::select! {
            () = rest => {}
            () = clock::sleep_until(deadline) => {}
        }
        self.sources.stopped().await;
    }
}
