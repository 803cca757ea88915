//! A publisher: the one way to write into a stream. A bounded mailbox to the stream's owner.
use crate::event::EndReason;
use crate::feed::Feedback;
use crate::report::PeerInfo;
use media::{Track, Unit};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// An owner that takes nothing for this long takes nothing any more: its worker stalled and was replaced. 15 s, longer
/// than a worker may stall.
const OWNER_SILENCE_MAX: Duration = Duration::from_secs(15);

/// What a publisher sends to the owner.
pub(crate) enum Ingest {
    Tracks(Vec<Track>),
    Unit(Unit),
    Lost(u64),
}

/// The stream takes no more, and why.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Ended(pub EndReason);

/// Writes into one stream. Dropping it is leaving. May be on any thread; the owner alone changes the stream.
pub struct Publisher {
    id: u64,
    tx: mpsc::Sender<Ingest>,
    feedback: mpsc::Receiver<Feedback>,
    ended: Arc<OnceLock<EndReason>>,
}

/// The owner's end.
pub(crate) struct PublisherEnd {
    pub(crate) id: u64,
    pub(crate) peer: PeerInfo,
    pub(crate) rx: mpsc::Receiver<Ingest>,
    pub(crate) feedback: mpsc::Sender<Feedback>,
    pub(crate) ended: Arc<OnceLock<EndReason>>,
}

pub(crate) fn pair(id: u64, peer: PeerInfo, queue: usize) -> (Publisher, PublisherEnd) {
    let (tx, rx) = mpsc::channel(queue);
    // Feedback is coalesced: a few waiting ones say all there is to say.
    let (feedback_tx, feedback_rx) = mpsc::channel(8);
    let ended = Arc::new(OnceLock::new());
    let publisher = Publisher { id, tx, feedback: feedback_rx, ended: ended.clone() };
    (publisher, PublisherEnd { id, peer, rx, feedback: feedback_tx, ended })
}

impl Publisher {
    /// The publisher's id, as in reports.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Says which tracks follow: before the first unit, and again when parameters or codecs change. Ids are set to
    /// the tracks' order here.
    pub async fn set_tracks(&mut self, mut tracks: Vec<Track>) -> Result<(), Ended> {
        for (index, track) in tracks.iter_mut().enumerate() {
            track.id = u8::try_from(index).unwrap_or(u8::MAX);
        }
        self.send(Ingest::Tracks(tracks)).await
    }

    /// Sends one unit; waits while the owner is behind. `unit.track` is the index in the tracks that were set; times
    /// are on any time line of the publisher's that all its tracks share.
    pub async fn push(&mut self, unit: Unit) -> Result<(), Ended> {
        self.send(Ingest::Unit(unit)).await
    }

    /// Says that the transport lost so many packets or units.
    pub async fn report_lost(&mut self, count: u64) -> Result<(), Ended> {
        self.send(Ingest::Lost(count)).await
    }

    async fn send(&mut self, item: Ingest) -> Result<(), Ended> {
        match self.tx.try_send(item) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(_)) => Err(self.end()),
            Err(TrySendError::Full(item)) => {
                match tokio::time::timeout(OWNER_SILENCE_MAX, self.tx.send(item)).await {
                    Ok(sent) => sent.map_err(|_| self.end()),
                    Err(_) => Err(Ended(EndReason::Failed("the stream's owner does not answer".into()))),
                }
            }
        }
    }

    /// The next wish of the stream; an error when the stream takes no more. Cancel-safe: a good thing to select on.
    pub async fn feedback(&mut self) -> Result<Feedback, Ended> {
        match self.feedback.recv().await {
            Some(feedback) => Ok(feedback),
            None => Err(self.end()),
        }
    }

    fn end(&self) -> Ended {
        Ended(self.ended.get().cloned().unwrap_or(EndReason::Failed("the stream's owner ended".into())))
    }
}
