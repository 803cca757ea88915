//! Which alerts ended lately, and when those that run started: from the event stream. What runs is the owners' to say.
use hub::{Event, What};
use media::{StreamName, WallTime};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// Ended alerts that are kept: 100, what a page shows.
const ENDED_MAX: usize = 100;
/// Started alerts that are kept until their end is heard: 10,000, more than twice the streams. Ends may be lost to a storm.
const STARTED_MAX: usize = 10_000;

/// An alert that ended.
#[derive(Clone, Debug)]
pub(crate) struct EndedAlert {
    pub(crate) id: u64,
    pub(crate) stream: Option<StreamName>,
    pub(crate) kind: &'static str,
    pub(crate) source: Option<usize>,
    /// Unknown when its start was lost to a storm of events.
    pub(crate) start: Option<Start>,
    pub(crate) ended: WallTime,
    pub(crate) why: String,
}

/// How an alert started.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    pub(crate) since: WallTime,
    pub(crate) at: WallTime,
    pub(crate) detail: String,
}

#[derive(Default)]
struct Book {
    started: BTreeMap<u64, Start>,
    /// The newest first.
    ended: VecDeque<EndedAlert>,
}

/// All that is remembered. The task that follows events writes, requests read.
#[derive(Default)]
pub(crate) struct AlertBook(Mutex<Book>);

impl AlertBook {
    /// Follows events until the hub ends.
    pub(crate) async fn follow(&self, mut events: Receiver<Arc<Event>>) {
        loop {
            match events.recv().await {
                Ok(event) => self.note(&event),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn note(&self, event: &Event) {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &event.what {
            What::AlertStarted { id, since, detail, .. } => {
                book.started.insert(*id, Start { since: *since, at: event.time, detail: detail.clone() });
                if book.started.len() > STARTED_MAX {
                    book.started.pop_first();
                }
            }
            What::AlertEnded { id, stream, alert, source, why, .. } => {
                let start = book.started.remove(id);
                book.ended.truncate(ENDED_MAX - 1);
                book.ended.push_front(EndedAlert {
                    id: *id,
                    stream: stream.clone(),
                    kind: alert,
                    source: *source,
                    start,
                    ended: event.time,
                    why: why.clone(),
                });
            }
            What::StreamAdded { .. }
            | What::StreamRemoved { .. }
            | What::StreamState { .. }
            | What::SourceState { .. }
            | What::OutputState { .. }
            | What::PublisherJoined { .. }
            | What::PublisherLeft { .. }
            | What::ReaderJoined { .. }
            | What::ReaderLeft { .. }
            | What::ReaderCutBack { .. }
            | What::LimitReached { .. }
            | What::RecordingState { .. }
            | What::SegmentClosed { .. }
            | What::StorageState { .. }
            | What::OwnerPanicked { .. }
            | What::WorkerReplaced { .. }
            | What::ConfigReloaded { .. }
            | What::ConfigRefused { .. }
            | What::DeviceEvent { .. }
            | What::Draining
            | _ => {}
        }
    }

    /// When an alert started, if that was heard.
    pub(crate) fn started(&self, id: u64) -> Option<WallTime> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).started.get(&id).map(|start| start.at)
    }

    /// Those that ended, the newest first.
    pub(crate) fn ended(&self) -> Vec<EndedAlert> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).ended.iter().cloned().collect()
    }
}
