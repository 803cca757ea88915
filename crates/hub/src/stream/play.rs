//! Playing something into a stream: a source that runs once, unsupervised, and publishes as a peer that pushes does.
//!
//! For sound to a device's loudspeaker: a file, a text that a child speaks. One at a time: another takes its place.
use super::supervised::{Identity, Running, end, outcome};
use super::{OpenError, PublishError, sources};
use crate::publisher::Publisher;
use crate::report::EndReport;
use crate::source::{Connect, SourceError, SourceTask, Stop};
use crate::worker::Worker;
use crate::{answer, source};
use media::StreamName;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Why something is not played.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PlayError {
    /// What is to be played cannot be: a wrong URL, a file that is not there.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// There is no such stream.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The stream does not take it.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// It ended before it said what it is: it was told to stop, or had nothing.
    #[error("it ended before there was anything to play")]
    Nothing,
}

/// What whoever asked is told, once there is something to tell.
pub(crate) type Asked = oneshot::Sender<Result<(), PlayError>>;

/// `Starting`, with somebody who waits to hear of it → `Playing` with its tracks → gone with its end.
struct Playing {
    publisher: u64,
    identity: Identity,
    running: Running,
    asked: Option<Asked>,
}

/// What is played into one stream.
pub(crate) struct Play {
    name: StreamName,
    worker: Worker,
    connectors: Arc<[Arc<dyn Connect>]>,
    now: Option<Playing>,
    /// Those that were told to stop, until they have.
    ending: Vec<JoinHandle<Option<EndReport>>>,
}

impl Play {
    pub(crate) fn new(name: StreamName, worker: Worker, connectors: Arc<[Arc<dyn Connect>]>) -> Self {
        Self { name, worker, connectors, now: None, ending: Vec::new() }
    }

    /// The connector for a URL, if it may be played.
    pub(crate) fn connector(&self, url: &str) -> Result<Arc<dyn Connect>, SourceError> {
        let connector = sources::connector_of(&self.connectors, url)?;
        connector.check(url)?;
        Ok(connector.clone())
    }

    /// Starts to play; what was played before has been stopped.
    pub(crate) fn start(
        &mut self,
        connector: &Arc<dyn Connect>,
        url: String,
        publisher: Publisher,
        asked: Asked,
    ) {
        let (stop, stopped, steps) = Stop::new();
        let identity = Identity { stream: self.name.clone(), what: source::PLAY, index: 0, url: url.clone() };
        let id = publisher.id();
        let task = SourceTask {
            stream: self.name.clone(),
            url,
            publisher,
            worker: self.worker.clone(),
            stop: stopped,
            once: true,
        };
        let task = self.worker.spawn(format!("what is played into {}", self.name), connector.run(task));
        let running = Running { task, stop, steps };
        self.now = Some(Playing { publisher: id, identity, running, asked: Some(asked) });
    }

    /// The publisher of what is played now.
    pub(crate) fn publisher(&self) -> Option<u64> {
        self.now.as_ref().map(|playing| playing.publisher)
    }

    /// It has said what it is: whoever asked for it hears so.
    pub(crate) fn handle_tracks(&mut self) {
        if let Some(asked) = self.now.as_mut().and_then(|playing| playing.asked.take()) {
            answer(asked, Ok(()));
        }
    }

    /// Notices its end. Its publisher may still have units unread.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.ending.retain_mut(|ending| std::pin::Pin::new(ending).poll(cx).is_pending());
        let Some(playing) = &mut self.now else { return Poll::Pending };
        let Poll::Ready(result) = std::pin::Pin::new(&mut playing.running.task).poll(cx) else {
            return Poll::Pending;
        };
        let asked = playing.asked.take();
        self.now = None;
        let result = outcome(result);
        match (&result, &asked) {
            (Err(error), None) => tracing::warn!(stream = %self.name, %error, "what was played broke off"),
            (Err(_), Some(_)) | (Ok(()), _) => {}
        }
        if let Some(asked) = asked {
            answer(asked, Err(result.map_or_else(PlayError::Source, |()| PlayError::Nothing)));
        }
        Poll::Ready(())
    }

    /// Begins to end what is played, in order, or by force at the deadline. Returns its publisher.
    pub(crate) fn stop(&mut self, within: Duration) -> Option<u64> {
        let Playing { publisher, identity, running, asked } = self.now.take()?;
        if let Some(asked) = asked {
            answer(asked, Err(PlayError::Nothing));
        }
        let owner = format!("end of what is played into {}", self.name);
        self.ending.push(self.worker.spawn(owner, end(running, identity, within)));
        Some(publisher)
    }

    /// Waits until nothing is left of what was told to stop, and says how that went.
    pub(crate) async fn stopped(&mut self) -> Vec<EndReport> {
        let ends = futures_util::future::join_all(self.ending.drain(..)).await;
        ends.into_iter().filter_map(|ended| ended.ok().flatten()).collect()
    }
}
