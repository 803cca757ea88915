//! A byte stream of any container into a publisher: what HTTP and TCP sources and child programs send.
//!
//! [`BytesIngest::push`] takes bytes as they come. It looks at the first of them to tell the container
//! ([`formats::probe`]), publishes the tracks and then the units, says what was lost, and waits while the stream's owner
//! is behind: whoever calls it then reads no more, and the sender waits as well. Select on [`BytesIngest::ended`]
//! while waiting for bytes, and call [`BytesIngest::finish`] at the end of the stream, also after an error: what came
//! before it is published.
use super::outlet::Outlet;
use formats::demux::{ByteDemuxer, DemuxError};
use hub::{Ended, Publisher, SourceError};
use media::{Fault, Moment, StreamName};

/// Why a byte stream is not taken any more.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum BytesError {
    /// The stream takes no more: nobody's fault, and an orderly end.
    #[error(transparent)]
    Ended(#[from] Ended),
    /// What came cannot be understood.
    #[error(transparent)]
    Media(#[from] DemuxError),
}

impl BytesError {
    /// What a source answers: an orderly end when the stream takes no more. `shown` is where the bytes came from,
    /// without credentials.
    pub(crate) fn of_source(self, shown: &str) -> Result<(), SourceError> {
        match self {
            BytesError::Ended(_) => Ok(()),
            BytesError::Media(error) => {
                let fault = error.fault();
                Err(SourceError::new(format!("{shown}: {error}"), fault, fault != Fault::Config))
            }
        }
    }
}

/// Demuxes one byte stream and publishes it.
pub(crate) struct BytesIngest {
    demuxer: ByteDemuxer,
    outlet: Outlet,
}

impl BytesIngest {
    /// For the stream that the publisher writes into.
    pub(crate) fn new(stream: StreamName, publisher: Publisher) -> Self {
        Self { demuxer: ByteDemuxer::default(), outlet: Outlet::new(stream, publisher) }
    }

    /// Takes the next bytes, which came at `now`.
    pub(crate) async fn push(&mut self, bytes: &[u8], now: Moment) -> Result<(), BytesError> {
        let pushed = self.demuxer.push(bytes, now, hub::wall_now());
        self.publish().await?;
        Ok(pushed?)
    }

    /// Publishes what waits for more: nothing follows. An error when there never was anything that could be understood.
    pub(crate) async fn finish(&mut self) -> Result<(), BytesError> {
        let finished = self.demuxer.finish(hub::now(), hub::wall_now());
        self.publish().await?;
        Ok(finished?)
    }

    /// Returns when the stream takes no more. Cancel-safe.
    pub(crate) async fn ended(&mut self) -> Ended {
        self.outlet.ended().await
    }

    async fn publish(&mut self) -> Result<(), Ended> {
        while let Some(event) = self.demuxer.poll_event() {
            self.outlet.handle(event).await?;
        }
        self.outlet.report_lost(self.demuxer.take_lost()).await
    }
}
