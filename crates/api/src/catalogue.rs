//! The owner of what streams are planned to be. Changes go through it one at a time, so that two of them at once
//! are one after the other; it alone turns plans into the hub's specifications.
use hub::{Hub, Policy, PutError, PutOutcome, Removal, StreamSpec};
use media::StreamName;
use std::collections::BTreeMap;
use std::task::Poll;
use tokio::sync::{mpsc, oneshot};

/// Commands that wait; callers wait beyond that.
const COMMANDS: usize = 64;

/// What a stream is planned to be.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct StreamPlan {
    /// Source URLs, in order of preference; none: somebody publishes into it.
    pub sources: Vec<String>,
    /// Run it also without readers, and the query that says what of it.
    pub preload: Option<String>,
    /// How its sources are tried again.
    pub policy: Policy,
}

impl StreamPlan {
    /// As the hub takes it.
    pub fn spec(&self) -> StreamSpec {
        StreamSpec {
            sources: self.sources.iter().map(|url| url.as_str().into()).collect(),
            preload: self.preload.is_some(),
            policy: self.policy,
            ..StreamSpec::default()
        }
    }
}

/// A change to a plan; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct Change {
    pub(crate) sources: Option<Vec<String>>,
    pub(crate) preload: Option<Option<String>>,
    pub(crate) policy: Option<Policy>,
}

enum Command {
    Put { name: StreamName, change: Change, reply: oneshot::Sender<Result<PutOutcome, PutError>> },
    Remove { name: StreamName, reply: oneshot::Sender<Option<Removal>> },
    Plans { reply: oneshot::Sender<BTreeMap<StreamName, StreamPlan>> },
}

/// The owner.
pub struct Catalogue {
    hub: Hub,
    plans: BTreeMap<StreamName, StreamPlan>,
    policy: Policy,
    commands: mpsc::Receiver<Command>,
}

/// The way to the owner.
#[derive(Clone)]
pub(crate) struct CatalogueHandle(mpsc::Sender<Command>);

impl Catalogue {
    pub(crate) fn new(
        hub: Hub,
        plans: BTreeMap<StreamName, StreamPlan>,
        policy: Policy,
    ) -> (Catalogue, CatalogueHandle) {
        let (tx, commands) = mpsc::channel(COMMANDS);
        (Catalogue { hub, plans, policy, commands }, CatalogueHandle(tx))
    }

    /// Serves until nobody holds a handle any more.
    pub async fn run(mut self) {
        while let Some(command) = self.commands.recv().await {
            match command {
                Command::Put { name, change, reply } => {
                    // Whoever asked may have hung up; the change is made all the same.
                    let _ = reply.send(self.put(name, change).await);
                }
                Command::Remove { name, reply } => self.remove(name, reply),
                Command::Plans { reply } => {
                    let _ = reply.send(self.plans.clone());
                }
            }
        }
    }

    async fn put(&mut self, name: StreamName, change: Change) -> Result<PutOutcome, PutError> {
        let mut plan = match self.plans.get(&name) {
            Some(plan) => plan.clone(),
            None => StreamPlan { policy: self.policy, ..StreamPlan::default() },
        };
        plan.sources = change.sources.unwrap_or(plan.sources);
        plan.preload = change.preload.unwrap_or(plan.preload);
        plan.policy = change.policy.unwrap_or(plan.policy);
        let outcome = self.hub.put(&name, plan.spec()).await?;
        self.plans.insert(name, plan);
        Ok(outcome)
    }

    /// Removes a stream. Its end may take as long as a camera's goodbye: it is waited for aside, but asked for here
    /// and now, so that what comes next finds it asked for.
    fn remove(&mut self, name: StreamName, reply: oneshot::Sender<Option<Removal>>) {
        self.plans.remove(&name);
        let hub = self.hub.clone();
        let mut removal = Box::pin(async move { hub.remove(&name).await });
        let waker = std::task::Waker::noop();
        match removal.as_mut().poll(&mut std::task::Context::from_waker(waker)) {
            Poll::Ready(removed) => {
                let _ = reply.send(removed);
            }
            Poll::Pending => {
                tokio::spawn(async move {
                    let _ = reply.send(removal.await);
                });
            }
        }
    }
}

impl CatalogueHandle {
    async fn ask<T>(&self, make: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.0.send(make(reply)).await.ok()?;
        answer.await.ok()
    }

    /// Makes or changes a stream.
    pub(crate) async fn put(&self, name: StreamName, change: Change) -> Result<PutOutcome, PutError> {
        let reply = self.ask(|reply| Command::Put { name, change, reply }).await;
        reply.unwrap_or(Err(PutError::Shutdown))
    }

    /// Removes a stream; returns when nothing of it is left, with how that went. `None`: there was none.
    pub(crate) async fn remove(&self, name: StreamName) -> Option<Removal> {
        self.ask(|reply| Command::Remove { name, reply }).await.flatten()
    }

    /// All plans.
    pub(crate) async fn plans(&self) -> BTreeMap<StreamName, StreamPlan> {
        self.ask(|reply| Command::Plans { reply }).await.unwrap_or_default()
    }
}
