//! Streams: a named set of tracks with one owner. This file: the handle and the commands; the owner is in `owner.rs`.
pub(crate) mod demand;
pub(crate) mod epoch;
pub(crate) mod intake;
pub(crate) mod lines;
pub(crate) mod outputs;
pub(crate) mod owner;
pub(crate) mod play;
pub(crate) mod relay;
pub(crate) mod sources;
pub(crate) mod supervised;

use crate::StreamId;
use crate::event::EndReason;
use crate::feed::{Feedback, Prospects};
use crate::publisher::Publisher;
use crate::report::{PeerInfo, ReaderReport, Removal, StreamReport, StreamState};
use crate::supervise::Policy;
use crate::wants::Wants;
use lines::Lines;
pub use play::PlayError;

use media::{StreamName, TrackId, Unit};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// What a stream is configured to be.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct StreamSpec {
    /// Its sources, in order of preference. Empty: somebody publishes into it.
    pub sources: Vec<SourceSpec>,
    /// Run the sources also without readers.
    pub preload: bool,
    /// How sources are tried again that say nothing of their own.
    pub policy: Policy,
    /// How long a source outlasts its last reader. `None`: `limits.source_linger`.
    pub linger: Option<Duration>,
    /// What a second publisher gets. `None`: what is configured for all.
    pub conflict: Option<Conflict>,
    /// It exists only because somebody publishes, and goes with the publisher.
    pub dynamic: bool,
    /// Its talk stream `NAME/talk`, which flows towards the device: there as long as the stream is.
    pub talk: Option<TalkSpec>,
    /// Where its media goes. The hub sets this for talk streams.
    pub output: Option<OutputSpec>,
}

/// What the name of a talk stream ends in.
const TALK: &str = "/talk";

/// The name of a stream's talk stream: `NAME/talk`. `None`: the name is too long to have one.
pub fn talk_name(stream: &StreamName) -> Option<StreamName> {
    StreamName::new(&format!("{stream}{TALK}")).ok()
}

/// The stream whose device a talk stream flows to.
pub fn talked_to(talk: &StreamName) -> Option<StreamName> {
    StreamName::new(talk.as_str().strip_suffix(TALK)?).ok()
}

/// One source of a stream.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct SourceSpec {
    /// Its URL, with credentials and `#` options.
    pub url: String,
    /// How it is tried again. `None`: as the stream's.
    pub policy: Option<Policy>,
    /// It runs only while the sources before it fail, and gives way when they return: a slate, a second URL.
    pub fallback: bool,
}

impl From<&str> for SourceSpec {
    fn from(url: &str) -> Self {
        Self { url: url.to_owned(), ..Self::default() }
    }
}

impl From<String> for SourceSpec {
    fn from(url: String) -> Self {
        Self { url, ..Self::default() }
    }
}

/// The talk stream of a stream.
#[derive(Clone, PartialEq, Debug)]
pub struct TalkSpec {
    /// Where it goes.
    pub output: OutputSpec,
    /// What a second talker gets.
    pub conflict: Conflict,
    /// The device cannot listen and speak at once: readers do not get its sound while somebody talks.
    pub half_duplex: bool,
}

/// Where a stream's media goes.
#[derive(Clone, PartialEq, Debug)]
pub struct OutputSpec {
    /// The devices' URLs; each gets everything.
    pub urls: Vec<String>,
    /// How a device is tried again.
    pub policy: Policy,
    /// Without a unit for this long, the call is closed: before the device does it by itself.
    pub idle: Duration,
    /// The stream whose sound is held back while media flows here.
    pub mutes: Option<StreamName>,
}

impl OutputSpec {
    /// Devices hang up after 3 to 5 s without audio (docs/devices.md): 2.5 s.
    pub const IDLE_DEFAULT: Duration = Duration::from_millis(2500);

    /// An output to one device, with the defaults.
    pub fn to(url: impl Into<String>) -> Self {
        Self { urls: vec![url.into()], policy: Policy::talk(), idle: Self::IDLE_DEFAULT, mutes: None }
    }
}

/// What a second publisher of one name gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Conflict {
    /// It is refused while the first is there.
    #[default]
    Refuse,
    /// It takes over; readers stay.
    Replace,
    /// It waits until those before it have left, and is told how many they are.
    Queue,
    /// Its tracks are added to those of the others, for an output that mixes them.
    Mix,
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
    /// As many publish or wait as may.
    #[error(
        "{max} publish into stream {stream:?} or wait for it already, the most allowed (limits.publishers_per_stream_max)"
    )]
    Crowded {
        /// The stream.
        stream: StreamName,
        /// The most allowed.
        max: usize,
    },
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
    Relay {
        worker: usize,
        wants: Vec<Wants>,
        /// The number of these wishes there, for [`RelayMessage::Considered`].
        asked: u64,
        tx: mpsc::Sender<RelayMessage>,
    },
    Wants {
        worker: usize,
        wants: Vec<Wants>,
        asked: u64,
    },
    /// Somebody talks to the stream's device, which cannot do both; or nobody any more.
    Mute(bool),
    RelayEnded {
        worker: usize,
    },
    Feedback(Feedback),
    Publish {
        peer: PeerInfo,
        conflict: Conflict,
        reply: oneshot::Sender<Result<Publisher, PublishError>>,
    },
    SetSpec {
        spec: Box<StreamSpec>,
        reply: oneshot::Sender<()>,
    },
    Play {
        url: String,
        conflict: Conflict,
        reply: play::Asked,
    },
    StopPlay {
        reply: oneshot::Sender<bool>,
    },
    Retry {
        reply: oneshot::Sender<()>,
    },
    Report {
        reply: oneshot::Sender<StreamReport>,
    },
    Remove {
        reason: EndReason,
        reply: oneshot::Sender<Removal>,
    },
}

/// What an owner sends to the relay on another worker.
pub(crate) enum RelayMessage {
    Lines(Lines),
    Prospects(Prospects),
    /// The owner has decided what runs for the wishes with this number; what that changed was told before.
    Considered(u64),
    EndLines(Vec<TrackId>),
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
