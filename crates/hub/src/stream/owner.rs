//! The owner of one stream: a task on one worker; all of the stream's state is here and nowhere else.
//!
//! It turns what publishers send into units on the stream's line, feeds readers here and relays on other workers,
//! runs the sources while somebody wants them, and answers commands at any time.
mod alerts;
mod demand;
mod end;
mod play;
mod state;

use super::intake::{Came, Intake, Slot};
use super::outputs::Outputs;
use super::play::Play;
use super::sources::{AttemptEnded, Sources};
use super::{Conflict, PublishError, RelayMessage, StreamCommand, StreamSpec};
use crate::alert::Alarm;
use crate::event::{EndReason, What};
use crate::feed::{Feed, Feedback};
use crate::output::Deliver;
use crate::publisher::{self, Publisher};
use crate::report::{PeerInfo, Removal, StreamState};
use crate::source::{Connect, SourceError};
use crate::wants::Wants;
use crate::worker::Worker;
use crate::{StreamId, answer, clock, next_id, wall_now};
use media::{Kind, Moment, StreamName, Unit, WallTime};
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
/// Sound that is held back for a talker comes again after this, should the talk stream's owner have no word left.
const MUTE_MAX: Duration = Duration::from_secs(2);

struct RelayEnd {
    worker: usize,
    tx: mpsc::Sender<RelayMessage>,
    /// What its readers want.
    wants: Vec<Wants>,
    /// The number of those, and of the last ones that it was told are considered.
    asked: u64,
    considered: u64,
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
    outputs: Outputs,
    play: Play,
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
    /// When the last unit came, for outputs: they run while units come.
    heard_at: Option<Moment>,
    /// Until when sound is held back, since somebody talks to the device.
    muted_until: Moment,
    /// It told another stream to hold its sound back.
    mutes: bool,
    /// When readers stop waiting for a publisher that left.
    orphaned_at: Moment,
    keyframe_asked_at: Option<Moment>,
    alarm: Alarm,
}

/// How a turn of the owner ended.
enum Turn {
    Goes,
    Ends { reason: EndReason, reply: Option<oneshot::Sender<Removal>> },
}

impl Owner {
    pub(crate) fn new(
        id: StreamId,
        name: StreamName,
        spec: StreamSpec,
        commands: mpsc::Receiver<StreamCommand>,
        connectors: Arc<[Arc<dyn Connect>]>,
        deliverers: Arc<[Arc<dyn Deliver>]>,
        worker: Worker,
    ) -> Self {
        let now = clock::now();
        let feed = Feed::new(name.clone(), worker.clone());
        worker.add_feed(id, feed.clone());
        let play = Play::new(name.clone(), worker.clone(), connectors.clone());
        let mut sources = Sources::new(name.clone(), worker.clone(), connectors);
        sources.set(&spec.sources, spec.policy, worker.limits().source_stop_max);
        let mut outputs = Outputs::new(name.clone(), worker.clone(), deliverers);
        outputs.set(spec.output.as_ref());
        let silence_max = worker.limits().track_silence_max;
        let alarm = Alarm::new(name.clone(), worker.clone());
        let mut owner = Self {
            id,
            name,
            spec,
            worker,
            feed,
            intake: Intake::new(now, silence_max),
            sources,
            outputs,
            play,
            relays: Vec::new(),
            commands,
            state: StreamState::Idle,
            reason: None,
            since: wall_now(),
            batch: Vec::new(),
            flush_at: Moment::FAR_FUTURE,
            tick_at: now + TICK,
            sources_at: now,
            heard_at: None,
            muted_until: Moment::ZERO,
            mutes: false,
            orphaned_at: Moment::FAR_FUTURE,
            keyframe_asked_at: None,
            alarm,
        };
        owner.alarm_spec(now);
        owner.manage(now);
        owner
    }

    /// Runs until the stream is removed or its only publisher left for good.
    pub(crate) async fn run(mut self) {
        let (reason, reply) = loop {
            let now = clock::now();
            if now >= self.sources_at {
                self.manage(now);
            }
            self.settle(now);
            self.alarm_states(now);
            if let Turn::Ends { reason, reply } = self.turn().await {
                break (reason, reply);
            }
        };
        let removal = self.end(reason).await;
        if let Some(reply) = reply {
            answer(reply, removal);
        }
    }

    async fn turn(&mut self) -> Turn {
        let wake_at = self.flush_at.min(self.tick_at).min(self.sources_at).min(self.orphaned_at);
        tokio::select! {
            command = self.commands.recv() => match command {
                Some(command) => return self.command(command),
                None => return Turn::Ends { reason: EndReason::Shutdown, reply: None },
            },
            came = std::future::poll_fn(|cx| self.intake.poll(cx, clock::now())) => self.take(came),
            ended = std::future::poll_fn(|cx| self.sources.poll(cx, clock::now())) => self.attempt_ended(ended),
            () = std::future::poll_fn(|cx| self.outputs.poll(cx, clock::now())) => {
                self.sources_at = clock::now();
            }
            () = std::future::poll_fn(|cx| self.play.poll(cx)) => {}
            () = self.feed.turned.notified() => {
                let now = clock::now();
                self.sources_at = now;
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
        let has_video = self.intake.sends(Kind::Video);
        let video_came = self.batch.iter().any(|unit| self.intake.is_video(unit.track));
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
                    let intake = &self.intake;
                    self.sources.handle_media(index, now, || intake.sent_by(index));
                }
                self.heard(now);
                if let Some(track) = self.intake.track(unit.track) {
                    self.alarm.handle_unit(&unit, track, now);
                }
                self.feed.push(unit.clone(), now);
                self.batch.push(unit);
            }
            Came::Lines => {
                self.orphaned_at = Moment::FAR_FUTURE;
                if self.play.publisher().is_some_and(|id| self.intake.has_said(id)) {
                    self.play.handle_tracks();
                }
                self.lines_changed(now);
            }
            Came::Nothing => {}
            Came::Gone { source } => {
                if source.is_none() {
                    self.publisher_left("it closed the connection", now);
                } else {
                    self.lines_changed(now);
                }
            }
        }
    }

    /// Tells the readers which lines there are, if that changed, and ends those whose line another one took the place of.
    fn lines_changed(&mut self, now: Moment) {
        self.flush();
        let (lines, changed) = self.intake.lines();
        if changed {
            self.feed.set_lines(lines.clone());
            self.tell_relays(|| RelayMessage::Lines(lines.clone()));
            self.sources_at = now;
        }
        // Who pushes comes back as what it is now; a source that fails may yet return as what it was.
        let grace =
            if self.sources.is_empty() { Duration::ZERO } else { self.worker.limits().track_silence_max };
        let superseded = self.intake.line_table().superseded(grace, now);
        if !superseded.is_empty() {
            self.feed.end_lines(&superseded);
            self.tell_relays(|| RelayMessage::EndLines(superseded.clone()));
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
        let keyframe = self.batch.iter().any(|unit| {
            unit.keyframe && (self.intake.is_video(unit.track) || !self.intake.sends(Kind::Video))
        });
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
                self.alarm.handle_keyframe_wanted(now);
            }
            Feedback::BitrateMax(_) | Feedback::Waits { .. } | Feedback::Granted => {}
        }
        self.intake.tell(feedback);
    }

    // ---- who publishes, who wants it ----

    fn publish(&mut self, peer: PeerInfo, conflict: Conflict) -> Result<Publisher, PublishError> {
        self.publish_as(peer, self.spec.conflict.unwrap_or(conflict))
    }

    fn publish_as(&mut self, peer: PeerInfo, conflict: Conflict) -> Result<Publisher, PublishError> {
        if !self.sources.is_empty() {
            return Err(PublishError::HasSources(self.name.clone()));
        }
        let now = clock::now();
        while let Some(came) = self.intake.take_left(now) {
            self.take_one(came, now);
        }
        let mut waits = false;
        if let Some(there) = self.intake.slots().first() {
            match conflict {
                Conflict::Refuse => {
                    return Err(PublishError::Busy {
                        stream: self.name.clone(),
                        protocol: there.protocol(),
                        remote: there.remote().to_owned(),
                    });
                }
                Conflict::Replace => {
                    self.intake.end(&EndReason::Replaced, |_| true, now);
                    self.lines_changed(now);
                    self.emit_publisher_left(&EndReason::Replaced.to_string());
                }
                Conflict::Queue => waits = true,
                Conflict::Mix => {}
            }
            let max = self.worker.limits().publishers_per_stream_max;
            if self.intake.slots().len() >= max {
                return Err(PublishError::Crowded { stream: self.name.clone(), max });
            }
        }
        self.worker.emit(What::PublisherJoined {
            stream: self.name.clone(),
            protocol: peer.protocol,
            remote: peer.remote.clone(),
        });
        let (publisher, end) = publisher::pair(next_id(), peer, self.worker.limits().ingest_queue);
        self.intake.add(end, None, waits, now);
        self.orphaned_at = Moment::FAR_FUTURE;
        Ok(publisher)
    }

    fn emit_publisher_left(&self, reason: &str) {
        self.worker.emit(What::PublisherLeft { stream: self.name.clone(), reason: reason.to_owned() });
    }

    fn publisher_left(&mut self, reason: &str, now: Moment) {
        self.emit_publisher_left(reason);
        self.lines_changed(now);
        if !self.intake.slots().is_empty() {
            // Others publish on: a queue or a mix.
            return;
        }
        // Without anybody who could say more, an output's call is over sooner.
        self.sources_at = now;
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
        self.publishers_ended(&[publisher], "the source's attempt ended", clock::now());
        self.sources_at = clock::now();
    }

    /// Ends the publishers of sources that are over.
    fn publishers_ended(&mut self, publishers: &[u64], why: &str, now: Moment) {
        self.flush();
        let reason = EndReason::Failed(why.to_owned());
        self.intake.end(&reason, |slot| publishers.contains(&slot.id()), now);
        self.lines_changed(now);
    }

    // ---- commands and timers ----

    fn command(&mut self, command: StreamCommand) -> Turn {
        let now = clock::now();
        match command {
            StreamCommand::Ping(reply) => answer(reply, ()),
            StreamCommand::Relay { worker, wants, asked, tx } => {
                // What waits for its batch is in the snapshot: the new relay would get it twice.
                self.flush();
                let (lines, units, state, reason) = self.feed.snapshot();
                let start = [
                    RelayMessage::State(state, reason),
                    RelayMessage::Prospects(self.feed.prospects()),
                    RelayMessage::Lines(lines),
                    RelayMessage::Units(units.into()),
                ];
                if start.into_iter().all(|message| tx.try_send(message).is_ok()) {
                    self.relays.retain(|relay| relay.worker != worker);
                    self.relays.push(RelayEnd { worker, tx, wants, asked, considered: 0, lagging: false });
                }
                self.sources_at = now;
            }
            StreamCommand::Wants { worker, wants, asked } => {
                for relay in self.relays.iter_mut().filter(|relay| relay.worker == worker) {
                    relay.wants.clone_from(&wants);
                    relay.asked = asked;
                }
                self.sources_at = now;
            }
            StreamCommand::RelayEnded { worker } => {
                self.relays.retain(|relay| relay.worker != worker || !relay.tx.is_closed());
                self.sources_at = now;
            }
            StreamCommand::Mute(muted) => {
                self.muted_until = if muted { now + MUTE_MAX } else { now };
                self.intake.muted = muted;
            }
            StreamCommand::Feedback(feedback) => self.feed_back(feedback, now),
            StreamCommand::Publish { peer, conflict, reply } => {
                answer(reply, self.publish(peer, conflict));
            }
            StreamCommand::Play { url, conflict, reply } => self.play(url, conflict, reply),
            StreamCommand::StopPlay { reply } => answer(reply, self.stop_play()),
            StreamCommand::SetSpec { spec, reply } => {
                self.set_spec(*spec, now);
                answer(reply, ());
            }
            StreamCommand::Retry { reply } => {
                self.sources.handle_retry(now);
                self.outputs.handle_retry(now);
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
            self.lines_changed(now);
            self.relays.retain(|relay| !relay.tx.is_closed());
            self.unmute(now);
            self.alarm_lines(now);
            // Time alone may change what is needed: a fallback, a stream that nobody talks into any more.
            self.sources_at = now;
        }
        Turn::Goes
    }

    /// Ends whoever holds a place and sends nothing.
    fn end_silent(&mut self, now: Moment) {
        let max = self.worker.limits().silence_max;
        let why = format!("no media for {} s", max.as_secs());
        let (slots, may_pause) = (self.intake.slots(), &self.sources);
        let silent = |slot: &&Slot| {
            now.since(slot.heard_at) > max && !slot.source.is_some_and(|index| may_pause.pauses(index))
        };
        let sources: Vec<usize> = slots.iter().filter(silent).filter_map(|slot| slot.source).collect();
        let ids: Vec<u64> = slots.iter().filter(silent).map(Slot::id).collect();
        let pushed = slots.iter().any(|slot| slot.source.is_none() && silent(&slot));
        for index in sources {
            let within = self.worker.limits().source_stop_max;
            self.sources.fail(index, SourceError::peer(why.clone()), within, now);
            self.sources_at = now;
        }
        if !ids.is_empty() {
            let reason = EndReason::Failed(why.clone());
            self.intake.end(&reason, |slot| ids.contains(&slot.id()) && !slot.waits(), now);
            if pushed {
                self.publisher_left(&why, now);
            } else {
                self.lines_changed(now);
            }
        }
    }
}
