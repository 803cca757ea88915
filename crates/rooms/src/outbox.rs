//! The way of messages from a room to a connection: a bounded queue, and its end beside it, which always finds room.
use crate::ending::Ending;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

/// A room's end of it.
pub(crate) struct Outbox {
    queue: mpsc::Sender<String>,
    ending: Option<oneshot::Sender<Ending>>,
}

/// A connection's end of it.
pub(crate) struct Outlet {
    pub(crate) queue: mpsc::Receiver<String>,
    pub(crate) ending: oneshot::Receiver<Ending>,
}

/// The queue is full: the connection is too slow.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// Both ends; at most so many messages wait.
pub(crate) fn outbox(queue_max: usize) -> (Outbox, Outlet) {
    let (queue, receiver) = mpsc::channel(queue_max.max(1));
    let (ending, ended) = oneshot::channel();
    (Outbox { queue, ending: Some(ending) }, Outlet { queue: receiver, ending: ended })
}

impl Outbox {
    /// Puts a message behind the others. One for a connection that is gone is lost, as it would be on the way.
    pub(crate) fn say(&self, message: &Value) -> Result<(), Full> {
        match self.queue.try_send(message.to_string()) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Full),
        }
    }

    /// How many messages may wait.
    pub(crate) fn queue_max(&self) -> usize {
        self.queue.max_capacity()
    }

    /// Ends the connection, once.
    pub(crate) fn end(&mut self, ending: Ending) {
        if let Some(told) = self.ending.take() {
            // a connection that is gone needs no end
            let _ = told.send(ending);
        }
    }

    /// Returns when the connection is gone.
    pub(crate) fn gone(&self) -> impl Future<Output = ()> + Send + 'static {
        let queue = self.queue.clone();
        async move { queue.closed().await }
    }
}
