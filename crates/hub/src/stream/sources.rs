//! A stream's sources: each supervised apart, and run while a reader needs what it sends.
use super::demand::{self, Facts, Health, Offers, Prospect};
use super::supervised::{Identity, Running, Supervised, Turned};
use crate::alert::SourceTraits;
use crate::event::What;
use crate::next_id;
use crate::publisher::{self, PublisherEnd};
use crate::report::{EndReport, SourceReport};
use crate::source::{Connect, SourceError, SourceTask, Stop};
use crate::stream::SourceSpec;
use crate::supervise::{Policy, SourceState};
use crate::wants::Wants;
use crate::worker::Worker;
use media::{CodecParams, Kind, Moment, StreamName, Track};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

struct Source {
    supervised: Supervised,
    fallback: bool,
    /// What it sends, as its URL tells or as it said when it last flowed.
    offers: Offers,
    /// The tracks that its next attempt is certain to send, if it sends anything: see [`promised`].
    promises: Vec<Track>,
    /// Its attempt's publisher.
    publisher: Option<u64>,
    /// Since when its attempt runs without media.
    connecting_since: Moment,
}

/// The sources of one stream.
pub(crate) struct Sources {
    name: StreamName,
    worker: Worker,
    connectors: Arc<[Arc<dyn Connect>]>,
    all: Vec<Source>,
    /// Those of an earlier specification, until they have ended.
    leaving: Vec<Source>,
}

/// What a source's attempt came to.
pub(crate) struct AttemptEnded {
    pub(crate) publisher: u64,
}

impl Sources {
    pub(crate) fn new(name: StreamName, worker: Worker, connectors: Arc<[Arc<dyn Connect>]>) -> Self {
        Self { name, worker, connectors, all: Vec::new(), leaving: Vec::new() }
    }

    /// Sets the list anew. Sources that are on both lists run on; the others begin to end. Returns the publishers of
    /// those.
    pub(crate) fn set(&mut self, specs: &[SourceSpec], policy: Policy, within: Duration) -> Vec<u64> {
        let mut before: Vec<Source> = std::mem::take(&mut self.all);
        for (index, spec) in specs.iter().enumerate() {
            let policy = spec.policy.unwrap_or(policy);
            let same = |old: &Source| {
                let supervisor = &old.supervised.supervisor;
                // One that was given up by another policy is to be tried by this one.
                let may_run_on =
                    *supervisor.policy() == policy || !matches!(supervisor.state(), SourceState::GaveUp);
                old.supervised.identity.url == spec.url && may_run_on
            };
            let mut source = match before.iter().position(same) {
                Some(place) => before.remove(place),
                None => self.make(spec, index, policy),
            };
            source.supervised.supervisor.set_policy(policy);
            source.supervised.identity.index = index;
            source.fallback = spec.fallback;
            self.all.push(source);
        }
        let mut publishers = Vec::new();
        for mut source in before {
            publishers.extend(source.publisher.take());
            source.supervised.supervisor.handle_remove();
            source.supervised.stop(&self.worker, within);
            self.leaving.push(source);
        }
        publishers
    }

    fn make(&self, spec: &SourceSpec, index: usize, policy: Policy) -> Source {
        let url = spec.url.clone();
        let offers = connector_of(&self.connectors, &url).ok().and_then(|connector| connector.offers(&url));
        let identity = Identity { stream: self.name.clone(), what: "source", index, url };
        let (publisher, connecting_since) = (None, Moment::ZERO);
        let supervised = Supervised::new(identity, policy);
        let promises = Vec::new();
        Source { supervised, fallback: spec.fallback, offers, promises, publisher, connecting_since }
    }

    /// What the alerts are to know of each source.
    pub(crate) fn traits(&self) -> Vec<SourceTraits> {
        let traits = |source: &Source| {
            let url = &source.supervised.identity.url;
            let repeats = connector_of(&self.connectors, url).is_ok_and(|connector| connector.repeats(url));
            SourceTraits { fallback: source.fallback, repeats, pauses: self.may_pause(source) }
        };
        self.all.iter().map(traits).collect()
    }

    fn may_pause(&self, source: &Source) -> bool {
        let url = &source.supervised.identity.url;
        connector_of(&self.connectors, url).is_ok_and(|connector| connector.pauses(url))
    }

    /// True for a source that may be silent for as long as somebody likes.
    pub(crate) fn pauses(&self, index: usize) -> bool {
        self.all.get(index).is_some_and(|source| self.may_pause(source))
    }

    /// True when all of them may.
    pub(crate) fn all_pause(&self) -> bool {
        !self.all.is_empty() && self.all.iter().all(|source| self.may_pause(source))
    }

    /// True when a signal killed the child of this source's last attempt.
    pub(crate) fn was_killed(&self, index: usize) -> bool {
        self.all.get(index).is_some_and(|source| source.supervised.child_killed)
    }

    /// The publishers of the attempts that run, each with its source's place.
    pub(crate) fn order(&self) -> Vec<(u64, usize)> {
        let place = |(index, source): (usize, &Source)| source.publisher.map(|id| (id, index));
        self.all.iter().enumerate().filter_map(place).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Each source's state, and why its last attempt ended.
    pub(crate) fn states(&self) -> impl Iterator<Item = (&SourceState, Option<&str>)> {
        self.all.iter().map(|source| {
            let supervisor = &source.supervised.supervisor;
            (supervisor.state(), supervisor.last_error().map(|(message, _)| message.as_str()))
        })
    }

    /// The first wanted source that fails and would send this kind, and why: what a stream without such a track lacks.
    pub(crate) fn failing(&self, kind: Kind) -> Option<(usize, &str)> {
        self.all.iter().enumerate().find_map(|(index, source)| {
            let supervisor = &source.supervised.supervisor;
            let sends = source.offers.as_ref().is_some_and(|offers| offers.iter().any(|(k, _)| *k == kind));
            let fails = supervisor.is_wanted() && supervisor.is_failing() && !source.fallback;
            let why = supervisor.last_error().map_or("it has not started", |(message, _)| message.as_str());
            (sends && fails).then_some((index, why))
        })
    }

    /// The first source that is dialled and of which nobody knows yet what it sends: a stream is not all there before it
    /// is known. For a moment only: one that hangs says nothing about the others.
    pub(crate) fn unheard_of(&self, now: Moment) -> Option<usize> {
        self.all.iter().position(|source| {
            source.offers.is_none()
                && matches!(source.supervised.state(), SourceState::Connecting)
                && !source.supervised.supervisor.is_failing()
                && now.since(source.connecting_since) < demand::FALLBACK_AFTER
        })
    }

    fn facts(&self, now: Moment) -> Vec<Facts> {
        let facts = |source: &Source| {
            let supervisor = &source.supervised.supervisor;
            let health = match supervisor.state() {
                SourceState::Live(_) => Health::Flows,
                SourceState::Idle | SourceState::Connecting if supervisor.is_failing() => Health::Fails,
                SourceState::Idle => Health::Starting(now),
                SourceState::Connecting => Health::Starting(source.connecting_since),
                SourceState::Backoff { .. } | SourceState::GaveUp | SourceState::Removed => Health::Fails,
            };
            Facts { offers: source.offers.clone(), fallback: source.fallback, health }
        };
        self.all.iter().map(facts).collect()
    }

    /// Runs those that are needed for `wants`, and stops those that have not been for `linger`. Returns what may still
    /// come, and the publishers of those that were stopped.
    pub(crate) fn handle_wants(
        &mut self,
        wants: &[Wants],
        linger: Duration,
        within: Duration,
        now: Moment,
    ) -> (Vec<Prospect>, Vec<u64>) {
        let facts = self.facts(now);
        let needed = demand::needed(&facts, wants, now);
        let mut stopped = Vec::new();
        for (source, needed) in self.all.iter_mut().zip(&needed) {
            if source.supervised.handle_need(*needed, linger, now) {
                stopped.extend(source.publisher.take());
                source.supervised.stop(&self.worker, within);
            }
        }
        (demand::prospects(&facts, &needed), stopped)
    }

    /// A unit of this source came; `sent`: what it sends, asked for with the first unit of an attempt.
    pub(crate) fn handle_media(&mut self, index: usize, now: Moment, sent: impl FnOnce() -> Vec<Track>) {
        let Some(source) = self.all.get_mut(index) else { return };
        if matches!(source.supervised.state(), SourceState::Connecting) {
            source.supervised.supervisor.handle_media(now);
            let sent = sent();
            source.offers = Some(sent.iter().map(|track| (track.kind(), Some(track.codec))).collect());
            source.promises = promised(sent);
        }
    }

    pub(crate) fn handle_retry(&mut self, now: Moment) {
        for source in &mut self.all {
            source.supervised.supervisor.handle_retry(now);
        }
    }

    /// Starts what is due. Returns the new publishers with their source's index and what that promises, and the next
    /// moment to call again.
    pub(crate) fn start_due(&mut self, now: Moment) -> (Vec<(PublisherEnd, usize, Vec<Track>)>, Moment) {
        let mut started = Vec::new();
        let mut next = Moment::FAR_FUTURE;
        for index in 0..self.all.len() {
            let (due, at) = self.all[index].supervised.poll_start(now);
            next = next.min(at);
            if !due {
                continue;
            }
            match self.start(index, now) {
                Ok(end) => started.push((end, index, self.all[index].promises.clone())),
                Err(error) => {
                    self.all[index].supervised.not_started(error, now);
                    next = now;
                }
            }
        }
        (started, next)
    }

    fn start(&mut self, index: usize, now: Moment) -> Result<PublisherEnd, SourceError> {
        let source = &mut self.all[index];
        let url = &source.supervised.identity.url;
        let connector = connector_of(&self.connectors, url)?;
        let peer = connector.peer(url);
        let (publisher, end) = publisher::pair(next_id(), peer, self.worker.limits().ingest_queue);
        let (stop, stopped, steps) = Stop::new();
        let task = SourceTask {
            stream: self.name.clone(),
            url: url.clone(),
            publisher,
            worker: self.worker.clone(),
            stop: stopped,
            once: false,
        };
        let owner = format!("source {index} of {}", self.name);
        let task = self.worker.spawn(owner, connector.run(task));
        source.publisher = Some(end.id);
        source.connecting_since = now;
        source.supervised.started(Running { task, stop, steps });
        Ok(end)
    }

    /// Polls the attempts. `None`: one that was told to stop has, and the next may be due.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, now: Moment) -> Poll<Option<AttemptEnded>> {
        self.leaving.retain_mut(|source| {
            source.supervised.poll(cx, now).is_pending() && source.supervised.is_ending()
        });
        for source in &mut self.all {
            match source.supervised.poll(cx, now) {
                Poll::Pending => {}
                Poll::Ready(Turned::Stopped) => return Poll::Ready(None),
                Poll::Ready(Turned::Ended) => {
                    let ended = source.publisher.take().map(|publisher| AttemptEnded { publisher });
                    return Poll::Ready(ended);
                }
            }
        }
        Poll::Pending
    }

    /// Ends an attempt that is silent, for the supervisor to try again.
    pub(crate) fn fail(&mut self, index: usize, error: SourceError, within: Duration, now: Moment) {
        if let Some(source) = self.all.get_mut(index) {
            source.publisher = None;
            source.supervised.fail(error, &self.worker, within, now);
        }
    }

    /// Ends every source for good, in order, each within the time given; says how each that ran did.
    pub(crate) fn remove_all(&mut self, within: Duration) {
        for source in &mut self.all {
            source.supervised.supervisor.handle_remove();
            source.supervised.stop(&self.worker, within);
        }
    }

    /// Waits for the ends that [`Sources::remove_all`] began.
    pub(crate) async fn removed(&mut self) -> Vec<EndReport> {
        let mut reports = Vec::new();
        for source in self.leaving.iter_mut().chain(&mut self.all) {
            reports.extend(source.supervised.stopped().await);
        }
        reports
    }

    /// Reports states that changed since the last call.
    pub(crate) fn tell_changes(&mut self) {
        for (index, source) in self.all.iter_mut().enumerate() {
            let Some(state) = source.supervised.take_change() else { continue };
            let supervisor = &source.supervised.supervisor;
            self.worker.emit(What::SourceState {
                stream: self.name.clone(),
                index,
                state,
                reason: supervisor.last_error().map(|(message, _)| message.clone()),
                attempt: supervisor.attempt(),
            });
        }
    }

    pub(crate) fn reports(&self, now: Moment) -> Vec<SourceReport> {
        let report = |source: &Source| {
            let supervised = &source.supervised;
            let supervisor = &supervised.supervisor;
            let error = supervisor.last_error();
            SourceReport {
                url: supervised.identity.url.clone(),
                state: supervisor.state().as_str(),
                attempt: supervisor.attempt(),
                next_try: supervised.next_try(now),
                error: error.map(|(message, _)| message.clone()),
                fault: error.and_then(|(_, fault)| *fault),
                since: supervised.since(),
                wanted: supervisor.is_wanted(),
                fallback: source.fallback,
                policy: *supervisor.policy(),
            }
        };
        self.all.iter().map(report).collect()
    }
}

/// What a source that sent this may promise the next time: all or nothing, and only sound that a decoder needs to know
/// nothing of beforehand. Readers then start with the picture, and the sound joins when its transcoder has started.
fn promised(sent: Vec<Track>) -> Vec<Track> {
    let plain = |track: &Track| track.kind() == Kind::Audio && track.params == CodecParams::None;
    if sent.iter().all(plain) { sent } else { Vec::new() }
}

/// The connector for a URL's scheme.
pub(crate) fn connector_of<'a>(
    connectors: &'a [Arc<dyn Connect>],
    url: &str,
) -> Result<&'a Arc<dyn Connect>, SourceError> {
    let scheme = url.split(':').next().unwrap_or_default();
    connectors.iter().find(|known| known.schemes().contains(&scheme)).ok_or_else(|| {
        let mut known: Vec<&str> = connectors.iter().flat_map(|c| c.schemes().iter().copied()).collect();
        known.sort_unstable();
        SourceError::config(format!("no source of scheme {scheme:?}; there are {}", known.join(", ")))
    })
}
