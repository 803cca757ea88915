//! The recorder: who records what. [`Recorder`] is the handle, [`Keeper`] the owner behind it; each recording is a session
//! of its own on a worker, which only ever sees a reader.
//!
//! A command is answered with what came of it. A session that fails is begun anew; nothing else hears of it.
mod alarms;
mod keeper;
mod news;

pub use alarms::{RECORDING_STOPPED, RecordingAlert, STORAGE_TROUBLE};
pub use keeper::Keeper;

use crate::plan::{By, RecordPlan};
use crate::report::RecordingReport;
use crate::segment::FileFormat;
use crate::storage::{StorageError, StorageHandle, StorageReport};
use keeper::Command;
use media::{StreamName, WallTime};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Commands that wait for the keeper; whoever asks waits beyond that.
const COMMANDS: usize = 256;

/// The recorder as everybody sees it. Cheap to clone.
#[derive(Clone)]
pub struct Recorder {
    commands: mpsc::Sender<Command>,
    storages: Arc<[StorageHandle]>,
}

/// Why a recording did not begin.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StartError {
    /// There is no storage.
    #[error("there is no storage to record to: name one in the section `recording` of the configuration")]
    NoStorage,
    /// The storage that was named is none.
    #[error("there is no storage {0:?}")]
    UnknownStorage(String),
    /// There are too many recordings.
    #[error("there are {0} recordings of this stream already, the most allowed")]
    TooMany(usize),
    /// The server is shutting down.
    #[error("the server is shutting down")]
    Ending,
}

/// An event of a stream was marked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Marked {
    /// Its number in the index of its storage.
    pub id: i64,
    /// How many recordings record because of it.
    pub triggered: usize,
}

impl Recorder {
    /// Makes the recorder of these storages, and its owner, whose `run` belongs on a control thread. `alert_after`: a
    /// recording that is none is an alert after so long.
    pub fn new(
        hub: hub::Hub,
        storages: Vec<StorageHandle>,
        alert_after: Duration,
        wall: fn() -> WallTime,
    ) -> (Recorder, Keeper) {
        let (commands, mailbox) = mpsc::channel(COMMANDS);
        let storages: Arc<[StorageHandle]> = storages.into();
        let keeper = Keeper::new(hub, storages.clone(), mailbox, alert_after, wall);
        (Recorder { commands, storages }, keeper)
    }

    /// The storages.
    pub fn storages(&self) -> &[StorageHandle] {
        &self.storages
    }

    /// How the storages are.
    pub fn storage_reports(&self) -> Vec<StorageReport> {
        self.storages.iter().map(StorageHandle::report).collect()
    }

    async fn ask<T>(&self, make: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(make(reply)).await.ok()?;
        answer.await.ok()
    }

    /// The recordings of a stream that the configuration wants are these from now on. What runs just so runs on.
    pub async fn configure(&self, stream: &StreamName, plans: Vec<RecordPlan>) -> Result<(), StartError> {
        let stream = stream.clone();
        self.ask(|reply| Command::Configure { stream, plans, reply }).await.unwrap_or(Err(StartError::Ending))
    }

    /// Begins a recording. One of this stream, kind and origin that runs already is the answer, and `false`.
    pub async fn start(
        &self,
        stream: &StreamName,
        plan: RecordPlan,
        by: By,
    ) -> Result<(RecordingReport, bool), StartError> {
        let (stream, plan) = (stream.clone(), Box::new(plan));
        self.ask(|reply| Command::Start { stream, plan, by, reply }).await.unwrap_or(Err(StartError::Ending))
    }

    /// Ends the recordings of a stream, of one kind or of all. Returns when what they wrote is closed.
    pub async fn stop(&self, stream: &StreamName, format: Option<FileFormat>) -> Vec<RecordingReport> {
        let stream = stream.clone();
        self.ask(|reply| Command::Stop { stream, format, reply }).await.unwrap_or_default()
    }

    /// How the recordings are, of one stream or of all.
    pub async fn reports(&self, stream: Option<&StreamName>) -> Vec<RecordingReport> {
        let stream = stream.cloned();
        self.ask(|reply| Command::Reports { stream, reply }).await.unwrap_or_default()
    }

    /// The alerts of recordings and storages that run.
    pub async fn alerts(&self) -> Vec<RecordingAlert> {
        self.ask(|reply| Command::Alerts { reply }).await.unwrap_or_default()
    }

    /// Something happened at a stream, such as motion: marks it, and lets those of its recordings record that wait for
    /// events.
    pub async fn event(&self, stream: &StreamName, kind: &str, text: &str) -> Result<Marked, StorageError> {
        let (stream, kind, text) = (stream.clone(), kind.to_owned(), text.to_owned());
        let marked = self.ask(|reply| Command::Event { stream, kind, text, reply }).await;
        marked.unwrap_or(Err(StorageError::Ended))
    }

    /// Ends all recordings and storages in order.
    pub async fn end(&self, within: Duration) -> bool {
        let orderly = async {
            self.ask(|reply| Command::End { reply }).await;
            for storage in self.storages.iter() {
                if let Err(error) = storage.end().await {
                    tracing::warn!(storage = storage.name(), %error, "a storage did not end in order");
                }
            }
        };
        tokio::time::timeout(within, orderly).await.is_ok()
    }
}
