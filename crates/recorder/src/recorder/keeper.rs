//! The owner of all recordings: starts, stops and restarts sessions, follows the clock, tells alerts.
use super::alarms::{Alarms, RecordingAlert};
use super::news::News;
use super::{Marked, StartError};
use crate::plan::{By, RecordPlan, When};
use crate::report::{RecordingReport, RecordingState};
use crate::segment::{FileFormat, Span};
use crate::session::{self, Spec};
use crate::storage::{Retention, StorageError, StorageHandle};
use futures_util::future::join_all;
use hub::Hub;
use media::{Moment, StreamName, WallTime};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Everything is looked at so often.
const TURN: Duration = Duration::from_secs(1);
/// Most recordings of one stream at once: 16. Five kinds of files, by three origins.
const RECORDINGS_MAX: usize = 16;
/// A wall clock that is off by more than this was set, and does not just drift: 500 ms.
const CLOCK_SET_MICROS: i64 = 500_000;
/// A clock must stay where it was set to for so many turns: services that set it may try twice.
const CLOCK_TURNS: u32 = 2;

pub(super) enum Command {
    Configure {
        stream: StreamName,
        plans: Vec<RecordPlan>,
        reply: oneshot::Sender<Result<(), StartError>>,
    },
    Start {
        stream: StreamName,
        plan: Box<RecordPlan>,
        by: By,
        reply: oneshot::Sender<Result<(RecordingReport, bool), StartError>>,
    },
    Stop {
        stream: StreamName,
        format: Option<FileFormat>,
        reply: oneshot::Sender<Vec<RecordingReport>>,
    },
    Reports {
        stream: Option<StreamName>,
        reply: oneshot::Sender<Vec<RecordingReport>>,
    },
    Alerts {
        reply: oneshot::Sender<Vec<RecordingAlert>>,
    },
    Event {
        stream: StreamName,
        kind: String,
        text: String,
        reply: oneshot::Sender<Result<Marked, StorageError>>,
    },
    End {
        reply: oneshot::Sender<()>,
    },
}

/// A recording, and how to reach its session.
struct Running {
    id: u64,
    stream: StreamName,
    plan: RecordPlan,
    by: By,
    report: watch::Receiver<RecordingReport>,
    told: watch::Sender<RecordingReport>,
    stop: watch::Sender<bool>,
    events: watch::Sender<Option<Moment>>,
    /// Ends with the session, however that ends.
    done: oneshot::Receiver<()>,
}

/// The owner of all recordings. Its `run` belongs on a control thread.
pub struct Keeper {
    hub: Hub,
    storages: Arc<[StorageHandle]>,
    mailbox: mpsc::Receiver<Command>,
    running: Vec<Running>,
    clock: watch::Sender<i64>,
    clock_off: u32,
    wall: fn() -> WallTime,
    alarms: Alarms,
    news: News,
}

impl Keeper {
    pub(super) fn new(
        hub: Hub,
        storages: Arc<[StorageHandle]>,
        mailbox: mpsc::Receiver<Command>,
        alert_after: Duration,
        wall: fn() -> WallTime,
    ) -> Self {
        let (clock, _) = watch::channel(offset(wall));
        let alarms = Alarms::new(hub.clone(), alert_after);
        let news = News::new(&storages);
        Self { hub, storages, mailbox, running: Vec::new(), clock, clock_off: 0, wall, alarms, news }
    }

    /// Runs until the last handle is gone, or it is told to end.
    pub async fn run(mut self) {
        let mut turn = tokio::time::interval(TURN);
        turn.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                command = self.mailbox.recv() => match command {
                    Some(Command::End { reply }) => {
                        self.stop_where(|_| true).await;
                        self.news.tell_closed(&self.hub);
                        // Whoever asked may have given up waiting.
                        let _ = reply.send(());
                        return;
                    }
                    Some(command) => self.handle(command).await,
                    None => return,
                },
                _ = turn.tick() => self.turn().await,
            }
        }
    }

    async fn handle(&mut self, command: Command) {
        match command {
            Command::Configure { stream, plans, reply } => {
                let done = self.configure(stream, plans).await;
                let _ = reply.send(done);
            }
            Command::Start { stream, plan, by, reply } => {
                let done = self.start(stream, *plan, by).await;
                let _ = reply.send(done);
            }
            Command::Stop { stream, format, reply } => {
                // By whom it was wanted makes no difference to whoever wants it ended.
                let is_it = |running: &Running| {
                    running.stream == stream && format.is_none_or(|format| format == running.plan.format)
                };
                let stopped = self.stop_where(is_it).await;
                let _ = reply.send(stopped);
            }
            Command::Reports { stream, reply } => {
                let asked =
                    |running: &&Running| stream.as_ref().is_none_or(|stream| *stream == running.stream);
                let reports = self.running.iter().filter(asked);
                let _ = reply.send(reports.map(|running| running.report.borrow().clone()).collect());
            }
            Command::Alerts { reply } => {
                let _ = reply.send(self.alarms.running());
            }
            Command::Event { stream, kind, text, reply } => {
                let done = self.event(&stream, &kind, &text).await;
                let _ = reply.send(done);
            }
            Command::End { reply } => {
                let _ = reply.send(());
            }
        }
    }

    async fn configure(&mut self, stream: StreamName, plans: Vec<RecordPlan>) -> Result<(), StartError> {
        for plan in &plans {
            self.check(plan)?;
        }
        let wanted = |running: &Running| plans.contains(&running.plan);
        self.stop_where(|running| running.by == By::Config && running.stream == stream && !wanted(running))
            .await;
        for storage in self.storages.iter() {
            for format in FileFormat::ALL {
                let said = plans.iter().filter(|plan| plan.format == format).map(|plan| plan.retention);
                let retention = said.reduce(Retention::longer).unwrap_or_default();
                // Only a storage that has ended does not hear it.
                let _ = storage.keep(stream.as_str(), format, retention).await;
            }
        }
        for plan in plans {
            self.start(stream.clone(), plan, By::Config).await?;
        }
        Ok(())
    }

    fn check(&self, plan: &RecordPlan) -> Result<(), StartError> {
        if self.storages.is_empty() {
            return Err(StartError::NoStorage);
        }
        match &plan.storage {
            Some(name) if !self.storages.iter().any(|storage| storage.name() == name) => {
                Err(StartError::UnknownStorage(name.clone()))
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn start(
        &mut self,
        stream: StreamName,
        plan: RecordPlan,
        by: By,
    ) -> Result<(RecordingReport, bool), StartError> {
        self.check(&plan)?;
        let same = |running: &&Running| {
            let alike = match by {
                By::Event => false,
                By::Api => running.plan.format == plan.format,
                // Of one format there may be several, each with hours of its own.
                By::Config => running.plan == plan,
            };
            running.by == by && running.stream == stream && alike
        };
        if let Some(running) = self.running.iter().find(same) {
            return Ok((running.report.borrow().clone(), false));
        }
        let count = self.running.iter().filter(|running| running.stream == stream).count();
        if count >= RECORDINGS_MAX {
            return Err(StartError::TooMany(count));
        }
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let (told, report) = watch::channel(RecordingReport::new(id, &stream, &plan, by, (self.wall)()));
        let (stop, _) = watch::channel(false);
        let (events, _) = watch::channel(None);
        let mut running =
            Running { id, stream, plan, by, report, told, stop, events, done: oneshot::channel().1 };
        self.begin(&mut running).await.map_err(|_| StartError::Ending)?;
        let report = running.report.borrow().clone();
        self.running.push(running);
        Ok((report, true))
    }

    /// Begins a session on the stream's worker, so that no relay is needed; on any, when it has none yet.
    async fn begin(&self, running: &mut Running) -> Result<(), hub::WorkerGone> {
        let home = self.hub.report(&running.stream).await.map(|report| report.worker);
        let workers = self.hub.workers().await;
        let worker = match workers.into_iter().find(|worker| Some(worker.id()) == home) {
            Some(worker) => worker,
            None => self.hub.worker().await?,
        };
        let spec = Spec {
            stream: running.stream.clone(),
            plan: running.plan.clone(),
            storages: self.storages.to_vec(),
            clock: self.clock.subscribe(),
            events: running.events.subscribe(),
            told: running.told.clone(),
            stop: running.stop.subscribe(),
        };
        let (ended, done) = oneshot::channel::<()>();
        running.done = done;
        let owner = format!("recording of {}", running.stream.as_str());
        worker
            .run(owner, move |worker| async move {
                let _ended = ended;
                session::run(worker, spec).await;
            })
            .await
    }

    /// Ends recordings; returns when their sessions have ended, and what they were.
    async fn stop_where(&mut self, is_it: impl Fn(&Running) -> bool) -> Vec<RecordingReport> {
        let (ending, staying) = self.running.drain(..).partition(|running| is_it(running));
        self.running = staying;
        let ending: Vec<Running> = ending;
        let all = ending.into_iter().map(|mut running| async move {
            // A session that has ended already hears nothing.
            let _ = running.stop.send(true);
            let _ = (&mut running.done).await;
            running
        });
        let ended = join_all(all).await;
        self.news.tell_closed(&self.hub);
        let mut reports = Vec::with_capacity(ended.len());
        for running in ended {
            self.alarms.forget(running.id);
            reports.push(running.report.borrow().clone());
        }
        reports
    }

    async fn event(&mut self, stream: &StreamName, kind: &str, text: &str) -> Result<Marked, StorageError> {
        let now = hub::now();
        let mut triggered = 0;
        let listens = |running: &&Running| {
            running.stream == *stream && running.report.borrow().state != RecordingState::Scheduled
        };
        for running in self.running.iter().filter(listens) {
            if let When::Events { post, .. } = running.plan.when {
                triggered += 1;
                running.events.send_modify(|until| {
                    *until = Some(until.map_or(now + post, |known| known.max(now + post)));
                });
            }
        }
        let at = WallTime::from_micros(*self.clock.borrow() + micros(now));
        let mut refused = StorageError::Ended;
        for storage in self.storages.iter() {
            match storage.happened(stream.as_str(), Span { from: at, to: at }, kind, text).await {
                Ok(id) => return Ok(Marked { id, triggered }),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    async fn turn(&mut self) {
        self.follow_clock().await;
        let mut index = 0;
        while index < self.running.len() {
            let running = &mut self.running[index];
            let ended = !matches!(running.done.try_recv(), Err(oneshot::error::TryRecvError::Empty));
            let over = matches!(running.report.borrow().state, RecordingState::Stopped);
            if ended && over {
                let gone = self.running.swap_remove(index);
                self.alarms.forget(gone.id);
                continue;
            }
            if ended {
                // It panicked, or its worker was replaced: what it wrote is closed by its storage.
                tracing::warn!(
                    stream = running.stream.as_str(),
                    "a recording's session ended; it is begun anew"
                );
                let mut running = self.running.swap_remove(index);
                if self.begin(&mut running).await.is_ok() {
                    self.running.push(running);
                }
                continue;
            }
            index += 1;
        }
        let reports: Vec<_> = self.running.iter().map(|running| running.report.borrow().clone()).collect();
        self.news.tell(&self.hub, &reports, &self.storages);
        self.alarms.judge(&reports, &self.storages, hub::now());
    }

    /// The wall clock may be set. Recordings of this run are all dated by the newest one: whoever sets a clock makes it
    /// right, and what was recorded before was off by just as much.
    async fn follow_clock(&mut self) {
        let off = offset(self.wall) - *self.clock.borrow();
        if off.abs() <= CLOCK_SET_MICROS {
            self.clock_off = 0;
            return;
        }
        self.clock_off += 1;
        if self.clock_off < CLOCK_TURNS {
            return;
        }
        self.clock_off = 0;
        tracing::warn!(
            seconds = off as f64 / 1e6,
            "the system's clock was set: all that was recorded since the start is dated by it"
        );
        for storage in self.storages.iter() {
            if let Err(error) = storage.redate(off).await {
                tracing::warn!(storage = storage.name(), %error, "recordings there keep their old times");
            }
        }
        self.clock.send_modify(|clock| *clock += off);
    }
}

/// The wall clock, less the monotonic one, in microseconds.
fn offset(wall: fn() -> WallTime) -> i64 {
    wall().as_micros() - micros(hub::now())
}

fn micros(moment: Moment) -> i64 {
    i64::try_from(moment.as_nanos() / 1000).unwrap_or(i64::MAX)
}
