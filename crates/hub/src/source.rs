//! Sources: we dial and media comes in. The hub supervises; a connector does the dialling.
use crate::publisher::Publisher;
use crate::report::PeerInfo;
use crate::worker::Worker;
use futures_util::future::LocalBoxFuture;
use media::{Fault, StreamName};
use tokio::sync::watch;

/// A source to run: one attempt.
pub struct SourceTask {
    /// The stream it feeds.
    pub stream: StreamName,
    /// The URL as configured, with credentials and `#` options.
    pub url: String,
    /// Where its tracks and units go.
    pub publisher: Publisher,
    /// The worker it runs on, which is the stream's.
    pub worker: Worker,
    /// Turns when the source is to end in order (TEARDOWN, its answer or a deadline).
    pub stop: Stop,
}

/// Says when to end in order.
#[derive(Clone)]
pub struct Stop(pub(crate) watch::Receiver<bool>);

impl Stop {
    /// Waits for the word. Cancel-safe.
    pub async fn wanted(&mut self) {
        // An error means that the owner is gone, which is the same word.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

/// Why an attempt ended.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    /// One lower-case sentence with the values in it: where, what, and what helps. No credentials.
    pub message: String,
    /// Whose fault.
    pub fault: Fault,
    /// Whether another try can help.
    pub retry: bool,
}

impl SourceError {
    /// The peer's fault; another try may help.
    pub fn peer(message: impl Into<String>) -> Self {
        Self { message: message.into(), fault: Fault::Peer, retry: true }
    }

    /// The configuration's fault; only a change of it helps.
    pub fn config(message: impl Into<String>) -> Self {
        Self { message: message.into(), fault: Fault::Config, retry: false }
    }

    /// Our fault; another try may help.
    pub fn ours(message: impl Into<String>) -> Self {
        Self { message: message.into(), fault: Fault::Us, retry: true }
    }
}

/// Knows how to run sources of some URL schemes.
pub trait Connect: Send + Sync {
    /// The schemes, such as `rtsp`; without `:`.
    fn schemes(&self) -> &[&'static str];

    /// Says what is wrong with a URL, without touching the network.
    fn check(&self, url: &str) -> Result<(), SourceError>;

    /// Who the source will be in reports, from its URL alone.
    fn peer(&self, url: &str) -> PeerInfo;

    /// One attempt: runs until the source ends (`Ok` for an orderly end), fails, or is told to stop.
    fn run(&self, task: SourceTask) -> LocalBoxFuture<'static, Result<(), SourceError>>;
}
