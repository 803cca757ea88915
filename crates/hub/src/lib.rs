//! The runtime: the only crate with threads and a real clock.
//!
//! - A [`Hub`] is a handle; behind it the *director* owns the names, and *workers* own everything else.
//! - A stream has one owner, a task on one [`Worker`]. Media flows one way through it: a [`Publisher`] pushes units,
//!   the owner puts them on the stream's time line and into the feed's ring, [`Reader`]s take chunks of a [`Format`]
//!   that was muxed once for all of them.
//! - Readers on another worker than the stream's are fed by one relay there.
//! - Sources are dialled by [`Connect`]ors and supervised by [`Policy`].
//!
//! To read: `worker.open(&name).await?` gives a [`View`] (a hold, which starts sources), `view.ready().await?` its
//! tracks, `view.reader(format, peer)?` a [`Reader`]; then `reader.next().await`, `reader.progressed(now)` after
//! writes, `reader.check(now)` each second. To publish: `hub.publish(&name, peer, Some(worker.id())).await?`, then
//! `set_tracks`, `push`, and select on `feedback`. To run anything on a worker: `hub.worker().await?.run(…)`.
mod access;
mod alert;
mod clock;
mod director;
mod event;
mod feed;
mod format;
mod hub;
mod limits;
mod output;
mod panics;
mod past;
mod publisher;
mod reader;
mod report;
mod ring;
mod source;
mod stream;
mod supervise;
mod wants;
mod worker;

pub use access::{Access, Credentials, Deed, Denied, Secret};
pub use alert::{Alert, AlertKind, AlertLimits, AlertOutput, AlertReport, Alerts, LineFacts, SourceTraits};
pub use clock::{now, sleep_until, wall_now};
pub use event::{EndReason, Event, What};
pub use feed::{AttachError, Feedback, NotReady, View};
pub use format::{Chunk, Format, MakeMuxer, Muxer};
pub use hub::{Hub, HubConfig, PutError, PutOutcome};
pub use limits::Limits;
pub use output::{Deliver, OutputTask, Progress};
pub use past::{Past, PastChange, PastControl, PastError, PastSpec, PastStream};
pub use publisher::{Ended, Publisher};
pub use reader::{Item, Reader};
pub use report::{
    EndReport, OutputReport, PeerInfo, PublisherReport, ReaderReport, Removal, SourceReport, StreamReport,
    StreamState,
};
pub use source::{Connect, SourceError, SourceTask, Step, Stop};
pub use stream::{
    Conflict, OpenError, OutputSpec, PlayError, PublishError, SourceSpec, StreamSpec, TalkSpec, talk_name,
    talked_to,
};
pub use supervise::{Policy, SourceState, Supervisor};
pub use wants::{Want, Wants};
pub use worker::{Worker, WorkerGone, WorkerHandle};

/// Tells streams of one name apart, one after the other.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct StreamId(u64);

/// A number nobody else in this process has.
pub(crate) fn next_id() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

/// A number for an alert that no other has.
pub fn alert_id() -> u64 {
    next_id()
}

/// Answers a command. Whoever asked may have given up waiting; then nobody hears it, and that is all right.
pub(crate) fn answer<T>(reply: tokio::sync::oneshot::Sender<T>, value: T) {
    let _ = reply.send(value);
}
