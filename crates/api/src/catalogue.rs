//! The owner of what streams are planned to be. Changes go through it one at a time, so that two of them at once
//! are one after the other; it alone turns plans into the hub's specifications.
mod diff;
mod reload;

pub use reload::{FileStreams, StreamChanges, StreamProblem};

use crate::compat::go2rtc::PRELOAD_QUERY;
use crate::plan::{StreamPlan, TalkPlan, TalkTo};
use crate::policy::{PolicyError, PolicyPart};
use hub::{Conflict, Hub, Policy, PutError, PutOutcome, Removal, SourceSpec, talk_name};
use media::StreamName;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Commands that wait; callers wait beyond that.
const COMMANDS: usize = 64;

/// What streams are planned to be, by name.
type Plans = BTreeMap<StreamName, StreamPlan>;

/// A change to a plan; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct Change {
    pub(crate) sources: Option<Vec<SourceChange>>,
    pub(crate) preload: Option<Preload>,
    /// Over the policy for all; `None` inside: as that.
    pub(crate) policy: Option<Option<PolicyPart>>,
    pub(crate) linger: Option<Option<Duration>>,
    pub(crate) conflict: Option<Option<Conflict>>,
    pub(crate) talk: Option<TalkPlan>,
}

/// A source of a changed list.
#[derive(Clone, Debug)]
pub(crate) enum SourceChange {
    /// Only its URL is said: if it was there before, it stays as it was.
    Url(String),
    /// All of it is said, with its policy over the stream's.
    Said { url: String, fallback: bool, policy: Option<PolicyPart> },
    /// As another stream has it.
    As(SourceSpec),
}

/// Whether a stream runs without readers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Preload {
    /// It does; what of it is as before.
    On,
    /// It does, and this of it.
    Query(String),
    /// It does not.
    Off,
}

/// Why a plan is not changed.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    /// The hub does not take it.
    #[error(transparent)]
    Put(#[from] PutError),
    /// A value of a policy is impossible.
    #[error("supervision: {0}")]
    Policy(#[from] PolicyError),
    /// What flows towards a device belongs to the stream that comes from it.
    #[error("{name:?} is the talk stream of {of:?}: change its `talk` there")]
    IsTalkStream { name: StreamName, of: StreamName },
    /// The talk stream's name is taken.
    #[error("the talk stream would be {0:?}, which is a stream of its own: remove that first")]
    TalkNameTaken(StreamName),
    /// The talk stream's name would be too long.
    #[error("the name {0:?} is too long to have a talk stream, which would be called NAME/talk")]
    TalkNameTooLong(StreamName),
}

enum Command {
    Put { name: StreamName, change: Box<Change>, reply: oneshot::Sender<Result<PutOutcome, ChangeError>> },
    Remove { name: StreamName, reply: oneshot::Sender<Option<Removal>> },
    Plans { reply: oneshot::Sender<Plans> },
    Reload { now: Box<FileStreams>, reply: oneshot::Sender<Result<reload::Begun, Vec<StreamProblem>>> },
}

/// The owner.
pub struct Catalogue {
    hub: Hub,
    plans: Plans,
    /// The streams of the configuration file, as it was read last.
    file: Plans,
    /// How the sources of new streams are tried again.
    policy: Policy,
    commands: mpsc::Receiver<Command>,
}

/// The way to the owner.
#[derive(Clone)]
pub(crate) struct CatalogueHandle(mpsc::Sender<Command>);

impl Catalogue {
    /// `file` is in force already.
    pub(crate) fn new(hub: Hub, file: FileStreams) -> (Catalogue, CatalogueHandle) {
        let (tx, commands) = mpsc::channel(COMMANDS);
        let FileStreams { plans, policy } = file;
        (Catalogue { hub, plans: plans.clone(), file: plans, policy, commands }, CatalogueHandle(tx))
    }

    /// Serves until nobody holds a handle any more.
    pub async fn run(mut self) {
        while let Some(command) = self.commands.recv().await {
            match command {
                Command::Put { name, change, reply } => {
                    // Whoever asked may have hung up; the change is made all the same.
                    let _ = reply.send(self.put(name, *change).await);
                }
                Command::Remove { name, reply } => self.remove(name, reply).await,
                Command::Plans { reply } => {
                    let _ = reply.send(self.plans.clone());
                }
                Command::Reload { now, reply } => {
                    let _ = reply.send(self.reload(*now).await);
                }
            }
        }
    }

    async fn put(&mut self, name: StreamName, change: Change) -> Result<PutOutcome, ChangeError> {
        let plan = match self.plans.get(&name) {
            Some(plan) => plan.clone(),
            None => StreamPlan { policy: self.policy, ..StreamPlan::default() },
        };
        let plan = change.apply(plan, self.policy)?;
        if let Some(error) = conflict(&self.plans, &self.hub, &name, &plan) {
            return Err(error);
        }
        let outcome = self.hub.put(&name, plan.spec(&self.hub)).await?;
        self.plans.insert(name, plan);
        Ok(outcome)
    }

    /// Removes a stream. Its end may take as long as a camera's goodbye: it is waited for aside, but asked for here
    /// and now, so that what comes next finds it asked for.
    async fn remove(&mut self, name: StreamName, reply: oneshot::Sender<Option<Removal>>) {
        self.plans.remove(&name);
        let talker = talker_of(&self.plans, &self.hub, &name).cloned();
        let removal = self.hub.begin_remove(&name).await;
        tokio::spawn(async move {
            let _ = reply.send(removal.await.ok().flatten());
        });
        if let Some(talker) = talker {
            self.stop_talking(talker).await;
        }
    }

    /// The talk stream of this stream was removed: it is not to come back with the stream's next change.
    async fn stop_talking(&mut self, name: StreamName) {
        let Some(plan) = self.plans.get_mut(&name) else { return };
        plan.talk.to = TalkTo::Nowhere;
        let spec = plan.spec(&self.hub);
        if let Err(error) = self.hub.put(&name, spec).await {
            // Only a hub that shuts down refuses what it had, without its talk stream.
            tracing::debug!(stream = %name, %error, "a stream could not be told that its talk stream is gone");
        }
    }
}

/// The stream whose talk stream this is.
fn talker_of<'a>(plans: &'a Plans, hub: &Hub, name: &StreamName) -> Option<&'a StreamName> {
    let (of, _) = name.as_str().rsplit_once('/')?;
    let (of, plan) = plans.get_key_value(of)?;
    let talks = talk_name(of).as_ref() == Some(name) && !plan.talk_urls(hub).is_empty();
    talks.then_some(of)
}

/// Why a stream cannot be planned so beside these: it and another would have one name.
fn conflict(plans: &Plans, hub: &Hub, name: &StreamName, plan: &StreamPlan) -> Option<ChangeError> {
    if let Some(of) = talker_of(plans, hub, name) {
        return Some(ChangeError::IsTalkStream { of: of.clone(), name: name.clone() });
    }
    if plan.talk_urls(hub).is_empty() {
        return None;
    }
    match talk_name(name) {
        None => Some(ChangeError::TalkNameTooLong(name.clone())),
        Some(talk) if plans.contains_key(&talk) => Some(ChangeError::TalkNameTaken(talk)),
        Some(_) => None,
    }
}

impl Change {
    fn apply(self, before: StreamPlan, for_all: Policy) -> Result<StreamPlan, PolicyError> {
        let mut plan = before;
        if let Some(policy) = self.policy {
            plan.policy = policy.unwrap_or_default().over(for_all)?;
        }
        if let Some(sources) = self.sources {
            let known = std::mem::take(&mut plan.sources);
            plan.sources = sources
                .into_iter()
                .map(|source| source.apply(&known, plan.policy))
                .collect::<Result<_, _>>()?;
        }
        plan.preload = match (self.preload, plan.preload) {
            (None, preload) => preload,
            (Some(Preload::Off), _) => None,
            (Some(Preload::Query(query)), _) => Some(query),
            (Some(Preload::On), preload) => preload.or_else(|| Some(PRELOAD_QUERY.to_owned())),
        };
        plan.linger = self.linger.unwrap_or(plan.linger);
        plan.conflict = self.conflict.unwrap_or(plan.conflict);
        plan.talk = self.talk.unwrap_or(plan.talk);
        Ok(plan)
    }
}

impl SourceChange {
    pub(crate) fn url(&self) -> &str {
        match self {
            SourceChange::Url(url) | SourceChange::Said { url, .. } => url,
            SourceChange::As(source) => &source.url,
        }
    }

    fn apply(self, known: &[SourceSpec], around: Policy) -> Result<SourceSpec, PolicyError> {
        Ok(match self {
            SourceChange::Url(url) => match known.iter().find(|source| source.url == url) {
                Some(source) => source.clone(),
                None => url.into(),
            },
            SourceChange::Said { url, fallback, policy } => {
                let policy = policy.map(|policy| policy.over(around)).transpose()?;
                SourceSpec { url, policy, fallback }
            }
            SourceChange::As(source) => source,
        })
    }
}

impl CatalogueHandle {
    async fn ask<T>(&self, make: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.0.send(make(reply)).await.ok()?;
        answer.await.ok()
    }

    /// Makes or changes a stream.
    pub(crate) async fn put(&self, name: StreamName, change: Change) -> Result<PutOutcome, ChangeError> {
        let change = Box::new(change);
        let reply = self.ask(|reply| Command::Put { name, change, reply }).await;
        reply.unwrap_or(Err(ChangeError::Put(PutError::Shutdown)))
    }

    /// Removes a stream; returns when nothing of it is left, with how that went. `None`: there was none.
    pub(crate) async fn remove(&self, name: StreamName) -> Option<Removal> {
        self.ask(|reply| Command::Remove { name, reply }).await.flatten()
    }

    /// All plans.
    pub(crate) async fn plans(&self) -> Plans {
        self.ask(|reply| Command::Plans { reply }).await.unwrap_or_default()
    }
}
