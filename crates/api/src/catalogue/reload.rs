//! The streams of the configuration file, read again: checked as a whole, then changed one after the other.
use super::diff::Diff;
use super::{Catalogue, CatalogueHandle, Command, Plans, conflict};
use hub::{Policy, PutOutcome, Removal};
use media::StreamName;
use std::collections::BTreeMap;
use tokio::sync::oneshot;

/// The streams as the configuration file has them.
#[derive(Clone, Debug, Default)]
pub struct FileStreams {
    /// What each is planned to be.
    pub plans: Plans,
    /// How the sources of streams are tried again that are made by the API.
    pub policy: Policy,
}

/// What a reload did to the streams.
#[derive(Debug, Default)]
pub struct StreamChanges {
    /// Streams that were not there.
    pub added: Vec<StreamName>,
    /// Streams that were otherwise.
    pub changed: Vec<StreamName>,
    /// Streams that left the file, and how their ends went.
    pub removed: BTreeMap<StreamName, Removal>,
    /// Streams of the file that nothing was done to.
    pub unchanged: usize,
    /// What whoever reads the file would not expect.
    pub notes: Vec<String>,
}

/// Why the streams of the file cannot be in force beside what runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamProblem {
    /// The stream, where it is one stream's.
    pub stream: Option<StreamName>,
    /// What is wrong.
    pub message: String,
}

/// A reload whose removals go on.
pub(super) struct Begun {
    changes: StreamChanges,
    removals: Vec<(StreamName, oneshot::Receiver<Option<Removal>>)>,
}

impl Catalogue {
    /// Makes the file's changes. Removals are asked for first: their names are free, and their devices may be wanted again.
    pub(super) async fn reload(&mut self, now: FileStreams) -> Result<Begun, Vec<StreamProblem>> {
        let diff = Diff::new(&self.file, &now.plans, &self.plans);
        let problems = self.problems(&diff);
        if !problems.is_empty() {
            return Err(problems);
        }
        let changes =
            StreamChanges { unchanged: diff.unchanged, notes: diff.notes, ..StreamChanges::default() };
        let mut begun = Begun { changes, removals: Vec::new() };
        self.policy = now.policy;
        self.file = now.plans;
        for name in diff.remove {
            self.plans.remove(&name);
            let removal = self.hub.begin_remove(&name).await;
            begun.removals.push((name, removal));
        }
        // In order of their names: `x` gives its talk stream up before `x/talk` is a stream of its own.
        for (name, plan) in diff.put {
            match self.hub.put(&name, plan.spec(&self.hub)).await {
                Ok(outcome) => {
                    self.plans.insert(name.clone(), plan);
                    begun.note(name, outcome);
                }
                Err(error) => {
                    // The next reload finds it not done yet.
                    self.file.remove(&name);
                    tracing::warn!(stream = %name, %error, "a stream of the configuration could not be put");
                    begun.changes.notes.push(format!("streams.{name}: not done, {error}"));
                }
            }
        }
        Ok(begun)
    }

    /// What is in the way of the changes, as far as can be told before they are made.
    fn problems(&self, diff: &Diff) -> Vec<StreamProblem> {
        let outcome = diff.outcome(&self.plans);
        let mut problems = Vec::new();
        for (name, plan) in &diff.put {
            let of_urls = self.hub.check(&plan.spec(&self.hub)).err().map(|error| error.to_string());
            let of_names = || conflict(&outcome, &self.hub, name, plan).map(|error| error.to_string());
            if let Some(message) = of_urls.or_else(of_names) {
                problems.push(StreamProblem { stream: Some(name.clone()), message });
            }
        }
        let talks = outcome.values().filter(|plan| !plan.talk_urls(&self.hub).is_empty()).count();
        let (count, max) = (outcome.len() + talks, self.hub.limits().streams_max);
        if count > max && !diff.put.is_empty() {
            let message =
                format!("there would be {count} streams, {max} are the most allowed (limits.streams_max)");
            problems.push(StreamProblem { stream: None, message });
        }
        problems
    }
}

impl Begun {
    fn note(&mut self, name: StreamName, outcome: PutOutcome) {
        match outcome {
            PutOutcome::Added => self.changes.added.push(name),
            PutOutcome::Changed => self.changes.changed.push(name),
            PutOutcome::Unchanged => self.changes.unchanged += 1,
        }
    }

    /// Waits for the removals, which go on all at once and each have their deadlines.
    async fn ended(self) -> StreamChanges {
        let Begun { mut changes, removals } = self;
        for (name, removal) in removals {
            // None: the hub ends, and everything with it.
            let removal = removal.await.ok().flatten().unwrap_or_default();
            changes.removed.insert(name, removal);
        }
        changes
    }
}

impl CatalogueHandle {
    /// Makes what differs from the file as it was read last; returns when nothing is left of what was removed. On a
    /// problem nothing is done.
    pub(crate) async fn reload(&self, now: FileStreams) -> Result<StreamChanges, Vec<StreamProblem>> {
        let now = Box::new(now);
        match self.ask(|reply| Command::Reload { now, reply }).await {
            Some(begun) => Ok(begun?.ended().await),
            None => {
                let message = "the server is shutting down".to_owned();
                Err(vec![StreamProblem { stream: None, message }])
            }
        }
    }
}
