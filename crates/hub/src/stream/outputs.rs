//! A stream's outputs: devices that its media goes to, each supervised apart, while media comes in.
use super::OutputSpec;
use super::supervised::{Identity, Running, Supervised, Turned};
use crate::event::What;
use crate::output::{Deliver, OutputTask, Progress};
use crate::report::{EndReport, OutputReport};
use crate::source::{SourceError, Stop};
use crate::supervise::SourceState;
use crate::worker::Worker;
use media::{Moment, StreamName};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

struct Entry {
    supervised: Supervised,
    progress: Progress,
    /// Frames that earlier attempts sent.
    frames_before: u64,
    bytes_before: u64,
}

/// The outputs of one stream.
pub(crate) struct Outputs {
    name: StreamName,
    worker: Worker,
    deliverers: Arc<[Arc<dyn Deliver>]>,
    all: Vec<Entry>,
    /// Those of an earlier specification, until they have ended.
    leaving: Vec<Entry>,
    talking: bool,
}

impl Outputs {
    pub(crate) fn new(name: StreamName, worker: Worker, deliverers: Arc<[Arc<dyn Deliver>]>) -> Self {
        Self { name, worker, deliverers, all: Vec::new(), leaving: Vec::new(), talking: false }
    }

    /// Sets the devices.
    pub(crate) fn set(&mut self, spec: Option<&OutputSpec>) {
        self.all.clear();
        for (spec, (index, url)) in
            spec.into_iter().flat_map(|spec| spec.urls.iter().enumerate().map(move |place| (spec, place)))
        {
            let stream = self.name.clone();
            let identity = Identity { stream, what: "output", index, url: url.clone() };
            self.all.push(Entry {
                supervised: Supervised::new(identity, spec.policy),
                progress: Progress::default(),
                frames_before: 0,
                bytes_before: 0,
            });
        }
    }

    /// Sets other devices; those there were begin to end.
    pub(crate) fn replace(&mut self, spec: Option<&OutputSpec>, within: Duration) {
        self.remove_all(within);
        self.leaving.append(&mut self.all);
        self.set(spec);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Somebody talks, or nobody any more. A device that was given up is tried again by the next one who talks.
    pub(crate) fn handle_talk(&mut self, talking: bool, within: Duration, now: Moment) {
        let begins = talking && !self.talking;
        self.talking = talking;
        for entry in &mut self.all {
            if begins && matches!(entry.supervised.state(), SourceState::GaveUp) {
                entry.supervised.supervisor.handle_retry(now);
            }
            if entry.supervised.handle_need(talking, Duration::ZERO, now) {
                entry.supervised.stop(&self.worker, within);
            }
        }
    }

    pub(crate) fn handle_retry(&mut self, now: Moment) {
        for entry in &mut self.all {
            entry.supervised.supervisor.handle_retry(now);
        }
    }

    /// Notices the devices that take media. Cheap: for every turn of the owner.
    pub(crate) fn notice_media(&mut self, now: Moment) {
        for entry in &mut self.all {
            if entry.progress.0.frames.get() > 0 {
                entry.supervised.supervisor.handle_media(now);
            }
        }
    }

    /// Starts what is due. Returns the next moment to call again.
    pub(crate) fn start_due(&mut self, now: Moment) -> Moment {
        let mut next = Moment::FAR_FUTURE;
        for index in 0..self.all.len() {
            let entry = &mut self.all[index];
            let (due, at) = entry.supervised.poll_start(now);
            next = next.min(at);
            if due && let Err(error) = self.start(index) {
                self.all[index].supervised.not_started(error, now);
                next = now;
            }
        }
        next
    }

    fn start(&mut self, index: usize) -> Result<(), SourceError> {
        let entry = &mut self.all[index];
        let url = &entry.supervised.identity.url;
        let Some(deliverer) = self.deliverers.iter().find(|deliverer| deliverer.takes(url)) else {
            return Err(SourceError::config("nothing here can talk to this device"));
        };
        let (stop, stopped, steps) = Stop::new();
        entry.frames_before += entry.progress.0.frames.get();
        entry.bytes_before += entry.progress.0.bytes.get();
        entry.progress = Progress::default();
        let task = OutputTask {
            stream: self.name.clone(),
            url: url.clone(),
            worker: self.worker.clone(),
            stop: stopped,
            progress: entry.progress.clone(),
        };
        let owner = format!("output {index} of {}", self.name);
        let task = self.worker.spawn(owner, deliverer.run(task));
        entry.supervised.started(Running { task, stop, steps });
        Ok(())
    }

    /// Polls the attempts: ready when the next may be due.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, now: Moment) -> Poll<()> {
        self.leaving
            .retain_mut(|entry| entry.supervised.poll(cx, now).is_pending() && entry.supervised.is_ending());
        for entry in &mut self.all {
            match entry.supervised.poll(cx, now) {
                Poll::Pending => {}
                Poll::Ready(Turned::Stopped | Turned::Ended) => return Poll::Ready(()),
            }
        }
        Poll::Pending
    }

    /// Ends every output for good, in order, each within the time given.
    pub(crate) fn remove_all(&mut self, within: Duration) {
        for entry in &mut self.all {
            entry.supervised.supervisor.handle_remove();
            entry.supervised.stop(&self.worker, within);
        }
    }

    /// Waits for the ends that [`Outputs::remove_all`] began.
    pub(crate) async fn removed(&mut self) -> Vec<EndReport> {
        let mut reports = Vec::new();
        for entry in self.leaving.iter_mut().chain(&mut self.all) {
            reports.extend(entry.supervised.stopped().await);
        }
        reports
    }

    /// Reports states that changed since the last call.
    pub(crate) fn tell_changes(&mut self) {
        for (index, entry) in self.all.iter_mut().enumerate() {
            let Some(state) = entry.supervised.take_change() else { continue };
            let supervisor = &entry.supervised.supervisor;
            self.worker.emit(What::OutputState {
                stream: self.name.clone(),
                index,
                state,
                reason: supervisor.last_error().map(|(message, _)| message.clone()),
                attempt: supervisor.attempt(),
            });
        }
    }

    /// Each output's state, and why its last attempt ended.
    pub(crate) fn states(&self) -> impl Iterator<Item = (&SourceState, Option<&str>)> {
        self.all.iter().map(|entry| {
            let supervisor = &entry.supervised.supervisor;
            (supervisor.state(), supervisor.last_error().map(|(message, _)| message.as_str()))
        })
    }

    pub(crate) fn reports(&self, now: Moment) -> Vec<OutputReport> {
        let report = |entry: &Entry| {
            let supervised = &entry.supervised;
            let supervisor = &supervised.supervisor;
            let error = supervisor.last_error();
            let progress = &entry.progress.0;
            let runs = supervised.runs();
            OutputReport {
                url: supervised.identity.url.clone(),
                state: supervisor.state().as_str(),
                attempt: supervisor.attempt(),
                next_try: supervised.next_try(now),
                error: error.map(|(message, _)| message.clone()),
                fault: error.and_then(|(_, fault)| *fault),
                since: supervised.since(),
                opened: progress.opened.borrow().clone().filter(|_| runs),
                frames: entry.frames_before + progress.frames.get(),
                bytes: entry.bytes_before + progress.bytes.get(),
                level_dbfs: progress.level_dbfs.get().filter(|_| runs),
            }
        };
        self.all.iter().map(report).collect()
    }
}
