//! A stream's sources: each supervised apart, each attempt a new task that the owner ends.
use crate::event::What;
use crate::publisher::PublisherEnd;
use crate::report::SourceReport;
use crate::source::{Connect, SourceError, SourceTask, Stop};
use crate::stream::SourceSpec;
use crate::supervise::{Output, Policy, SourceState, Supervisor};
use crate::worker::Worker;
use crate::{clock, next_id, publisher, wall_now};
use media::{Moment, StreamName, WallTime};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::task::JoinHandle;

struct Running {
    task: JoinHandle<Option<Result<(), SourceError>>>,
    stop: tokio::sync::watch::Sender<bool>,
    publisher: u64,
}

struct Source {
    url: String,
    supervisor: Supervisor,
    running: Option<Running>,
    since: WallTime,
    told: &'static str,
}

/// The sources of one stream.
pub(crate) struct Sources {
    name: StreamName,
    worker: Worker,
    connectors: Arc<[Arc<dyn Connect>]>,
    all: Vec<Source>,
    /// Attempts that were told to stop, until they have.
    ending: Option<JoinHandle<Option<()>>>,
}

/// What a source's attempt came to.
pub(crate) struct AttemptEnded {
    pub(crate) publisher: u64,
}

impl Sources {
    pub(crate) fn new(name: StreamName, worker: Worker, connectors: Arc<[Arc<dyn Connect>]>) -> Self {
        Self { name, worker, connectors, all: Vec::new(), ending: None }
    }

    /// Sets the list anew. Call [`Sources::stop_all`] before.
    pub(crate) fn set(&mut self, specs: &[SourceSpec], policy: Policy) {
        let source = |spec: &SourceSpec| Source {
            url: spec.url.clone(),
            supervisor: Supervisor::new(spec.policy.unwrap_or(policy)),
            running: None,
            since: wall_now(),
            told: "idle",
        };
        self.all = specs.iter().map(source).collect();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(crate) fn states(&self) -> impl Iterator<Item = (&SourceState, Option<&str>)> {
        self.all.iter().map(|source| {
            (source.supervisor.state(), source.supervisor.last_error().map(|(message, _)| message.as_str()))
        })
    }

    pub(crate) fn handle_demand(&mut self, wanted: bool) {
        for source in &mut self.all {
            source.supervisor.handle_demand(wanted);
        }
    }

    pub(crate) fn handle_media(&mut self, index: usize, now: Moment) {
        if let Some(source) = self.all.get_mut(index) {
            source.supervisor.handle_media(now);
        }
    }

    pub(crate) fn handle_retry(&mut self, now: Moment) {
        for source in &mut self.all {
            source.supervisor.handle_retry(now);
        }
    }

    /// Starts what is due. Returns the new publishers with their source's index, and the next moment to call again.
    pub(crate) fn start_due(&mut self, now: Moment) -> (Vec<(PublisherEnd, usize)>, Moment) {
        let mut started = Vec::new();
        let mut next = Moment::FAR_FUTURE;
        if self.ending.is_some() {
            return (started, next);
        }
        for index in 0..self.all.len() {
            if self.all[index].running.is_some() {
                continue;
            }
            match self.all[index].supervisor.poll_output(now) {
                Output::Start => match self.start(index) {
                    Ok(end) => started.push((end, index)),
                    Err(error) => {
                        self.all[index].supervisor.handle_end(Err(error), 0.0, now);
                        next = now;
                    }
                },
                Output::WaitUntil(at) => next = next.min(at),
            }
        }
        (started, next)
    }

    fn start(&mut self, index: usize) -> Result<PublisherEnd, SourceError> {
        let source = &mut self.all[index];
        let connector = connector_of(&self.connectors, &source.url)?;
        let peer = connector.peer(&source.url);
        let (publisher, end) = publisher::pair(next_id(), peer, self.worker.limits().ingest_queue);
        let (stop, stopped, _steps) = Stop::new();
        let task = SourceTask {
            stream: self.name.clone(),
            url: source.url.clone(),
            publisher,
            worker: self.worker.clone(),
            stop: stopped,
        };
        let owner = format!("source {index} of {}", self.name);
        let task = self.worker.spawn(owner, connector.run(task));
        source.running = Some(Running { task, stop, publisher: end.id });
        Ok(end)
    }

    /// Polls the attempts; one that ended goes to its supervisor. `None`: those told to stop have.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, now: Moment) -> Poll<Option<AttemptEnded>> {
        if let Some(ending) = &mut self.ending
            && std::pin::Pin::new(ending).poll(cx).is_ready()
        {
            self.ending = None;
            return Poll::Ready(None);
        }
        for source in &mut self.all {
            let Some(running) = &mut source.running else { continue };
            let Poll::Ready(result) = std::pin::Pin::new(&mut running.task).poll(cx) else { continue };
            let publisher = running.publisher;
            source.running = None;
            let result = match result {
                Ok(Some(result)) => result,
                Ok(None) => Err(SourceError::ours("the source failed inside (see the event owner.panicked)")),
                Err(_) => Err(SourceError::ours("the source was dropped at its deadline")),
            };
            source.supervisor.handle_end(result, rand::random_range(-1.0..=1.0), now);
            return Poll::Ready(Some(AttemptEnded { publisher }));
        }
        Poll::Pending
    }

    /// Ends an attempt that is silent, for the supervisor to try again.
    pub(crate) fn fail(&mut self, index: usize, error: SourceError, now: Moment) {
        let Some(source) = self.all.get_mut(index) else { return };
        if let Some(running) = source.running.take() {
            running.task.abort();
            source.supervisor.handle_end(Err(error), rand::random_range(-1.0..=1.0), now);
        }
    }

    /// Begins to end every attempt in order, or by force at the deadline. No new attempt starts until nothing of the
    /// old ones is left; [`Sources::stopped`] waits for that.
    pub(crate) fn stop_all(&mut self, within: Duration) {
        let deadline = clock::now() + within;
        let running: Vec<Running> = self.all.iter_mut().filter_map(|source| source.running.take()).collect();
        if running.is_empty() {
            return;
        }
        for attempt in &running {
            attempt.stop.send_replace(true);
        }
        let earlier = self.ending.take();
        let owner = format!("end of the sources of {}", self.name);
        self.ending = Some(self.worker.spawn(owner, async move {
            if let Some(earlier) = earlier {
                let _ = earlier.await;
            }
            for mut attempt in running {
                tokio::select! {
                    _ = &mut attempt.task => {}
                    () = clock::sleep_until(deadline) => {
                        attempt.task.abort();
                        // Cancelled tasks end at once: this waits for their destructors.
                        let _ = attempt.task.await;
                    }
                }
            }
        }));
    }

    /// Waits until nothing is left of the attempts that [`Sources::stop_all`] ended.
    pub(crate) async fn stopped(&mut self) {
        if let Some(ending) = self.ending.take() {
            let _ = ending.await;
        }
    }

    pub(crate) fn remove(&mut self) {
        for source in &mut self.all {
            source.supervisor.handle_remove();
        }
    }

    /// Reports states that changed since the last call.
    pub(crate) fn tell_changes(&mut self) {
        for (index, source) in self.all.iter_mut().enumerate() {
            let state = source.supervisor.state().as_str();
            if state == source.told {
                continue;
            }
            source.told = state;
            source.since = wall_now();
            self.worker.emit(What::SourceState {
                stream: self.name.clone(),
                index,
                state,
                reason: source.supervisor.last_error().map(|(message, _)| message.clone()),
                attempt: source.supervisor.attempt(),
            });
        }
    }

    pub(crate) fn reports(&self, now: Moment) -> Vec<SourceReport> {
        let report = |source: &Source| SourceReport {
            url: source.url.clone(),
            state: source.supervisor.state().as_str(),
            attempt: source.supervisor.attempt(),
            next_try: match source.supervisor.state() {
                SourceState::Backoff { until } => {
                    let wait = until.since(now).as_micros() as i64;
                    Some(WallTime::from_micros(wall_now().as_micros() + wait))
                }
                SourceState::Idle
                | SourceState::Connecting
                | SourceState::Live(_)
                | SourceState::GaveUp
                | SourceState::Removed => None,
            },
            error: source.supervisor.last_error().map(|(message, _)| message.clone()),
            fault: source.supervisor.last_error().map(|(_, fault)| *fault),
            since: source.since,
        };
        self.all.iter().map(report).collect()
    }
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
