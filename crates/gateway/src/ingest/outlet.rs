//! Where every demuxer's events go: tracks and units to the publisher, the rest to the log.
use formats::demux::DemuxEvent;
use futures_util::FutureExt;
use hub::{Ended, Feedback, Publisher};
use media::StreamName;

/// The publisher of one demuxer.
pub(crate) struct Outlet {
    stream: StreamName,
    publisher: Publisher,
}

impl Outlet {
    /// For the stream that the publisher writes into.
    pub(crate) fn new(stream: StreamName, publisher: Publisher) -> Self {
        Self { stream, publisher }
    }

    /// Publishes what an event holds, and waits while the stream's owner is behind.
    pub(crate) async fn handle(&mut self, event: DemuxEvent) -> Result<(), Ended> {
        match event {
            DemuxEvent::Tracks(tracks) => self.publisher.set_tracks(tracks).await,
            DemuxEvent::Unit(unit) => self.publisher.push(unit).await,
            DemuxEvent::Metadata(metadata) => {
                tracing::debug!(stream = %self.stream, ?metadata, "the sender describes itself");
                Ok(())
            }
            DemuxEvent::Note(note) => {
                tracing::warn!(stream = %self.stream, %note, "something is left out");
                Ok(())
            }
        }
    }

    /// Says that so many packets were lost on the way.
    pub(crate) async fn report_lost(&mut self, count: u64) -> Result<(), Ended> {
        if count == 0 {
            return Ok(());
        }
        self.publisher.report_lost(count).await
    }

    /// Returns when it is this publisher's turn: at once, unless the stream lets it wait until others have left. Cancel-safe.
    pub(crate) async fn granted(&mut self) -> Result<(), Ended> {
        let mut waits = false;
        loop {
            let word = if waits {
                self.publisher.feedback().await?
            } else {
                // Who has to wait is told so with the publisher.
                let Some(word) = self.publisher.feedback().now_or_never() else { return Ok(()) };
                word?
            };
            match word {
                Feedback::Granted => return Ok(()),
                Feedback::Waits { .. } => waits = true,
                Feedback::KeyframeWanted | Feedback::BitrateMax(_) => {}
            }
        }
    }

    /// Returns when the stream takes no more. Its wishes for key frames have no way to the sender of a byte stream.
    pub(crate) async fn ended(&mut self) -> Ended {
        loop {
            match self.publisher.feedback().await {
                Ok(
                    Feedback::KeyframeWanted
                    | Feedback::BitrateMax(_)
                    | Feedback::Waits { .. }
                    | Feedback::Granted,
                ) => {}
                Err(ended) => return ended,
            }
        }
    }
}
