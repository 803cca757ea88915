//! Streams: a named set of tracks with one owner. This file: the handle and the commands; the owner is in `owner.rs`.
pub(crate) mod epoch;
pub(crate) mod intake;
pub(crate) mod owner;
pub(crate) mod relay;
pub(crate) mod sources;

use crate::StreamId;
use crate::event::EndReason;
use crate::feed::Feedback;
use crate::publisher::Publisher;
use crate::report::{PeerInfo, ReaderReport, StreamReport, StreamState};
use crate::supervise::Policy;
use media::{StreamName, Tracks, Unit};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// What a stream is configured to be.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct StreamSpec {
    /// Source URLs, in order of preference. Empty: somebody publishes into it.
    pub sources: Vec<String>,
    /// Run the sources also without readers.
    pub preload: bool,
    /// How sources are tried again.
    pub policy: Policy,
    /// It exists only because somebody publishes, and goes with the publisher.
    pub dynamic: bool,
}

/// What a second publisher of one name gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Conflict {
    /// It is refused while the first is there.
    #[default]
    Refuse,
    /// It takes over; readers stay.
    Replace,
}

/// Why a stream could not be opened.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no stream of this name.
    #[error("there is no stream {0:?}")]
    NotFound(StreamName),
    /// The hub is shutting down.
    #[error("the server is shutting down")]
    Shutdown,
}

/// Why nobody may publish.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PublishError {
    /// Somebody else publishes, and the policy is to refuse.
    #[error(
        "stream {stream:?} has a publisher already ({protocol} from {remote}); publish.conflict: replace lets a new one take over"
    )]
    Busy {
        /// The stream.
        stream: StreamName,
        /// What the publisher there speaks.
        protocol: &'static str,
        /// Where it comes from.
        remote: String,
    },
    /// The stream is fed by sources of its own.
    #[error("stream {0:?} has sources of its own in the configuration; publish under another name")]
    HasSources(StreamName),
    /// There are too many streams.
    #[error("there are {0} streams already, the most allowed (limits.streams_max)")]
    TooMany(usize),
    /// The hub is shutting down, or the stream ended meanwhile.
    #[error("the stream ended meanwhile or the server is shutting down")]
    Ended,
}

/// The way to a stream's owner from any thread.
#[derive(Clone)]
pub(crate) struct StreamHandle {
    pub(crate) id: StreamId,
    pub(crate) name: StreamName,
    pub(crate) worker: usize,
    pub(crate) tx: mpsc::Sender<StreamCommand>,
}

/// What the owner can be told.
pub(crate) enum StreamCommand {
    Ping(oneshot::Sender<()>),
    Relay { worker: usize, tx: mpsc::Sender<RelayMessage> },
    RelayEnded { worker: usize },
    Feedback(Feedback),
    Publish { peer: PeerInfo, conflict: Conflict, reply: oneshot::Sender<Result<Publisher, PublishError>> },
    SetSpec { spec: StreamSpec, reply: oneshot::Sender<()> },
    Retry { reply: oneshot::Sender<()> },
    Report { reply: oneshot::Sender<StreamReport> },
    Remove { reason: EndReason, reply: oneshot::Sender<()> },
}

/// What an owner sends to the relay on another worker.
pub(crate) enum RelayMessage {
    Tracks(Tracks),
    /// One batch for all readers there, with one refcount.
    Units(Arc<[Unit]>),
    State(StreamState, Option<String>),
    /// What was there is no picture of the present any more.
    Forget,
    EndReaders(EndReason),
    Ended(EndReason),
    Report(oneshot::Sender<Vec<ReaderReport>>),
}

impl StreamHandle {
    /// Sends a command and waits for its answer. `None`: the owner is gone.
    pub(crate) async fn ask<T>(&self, make: impl FnOnce(oneshot::Sender<T>) -> StreamCommand) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.tx.send(make(reply)).await.ok()?;
        answer.await.ok()
    }

    pub(crate) async fn ping(&self) -> Result<(), OpenError> {
        self.ask(StreamCommand::Ping).await.ok_or_else(|| OpenError::NotFound(self.name.clone()))
    }
}
