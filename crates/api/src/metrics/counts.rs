//! How often which event happened, since the start.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// Counters by kind of event. The task that follows events writes, scrapes read.
#[derive(Default)]
pub(crate) struct EventCounts(Mutex<BTreeMap<&'static str, u64>>);

impl EventCounts {
    /// Counts until the hub ends.
    pub(crate) async fn follow(&self, mut events: Receiver<Arc<hub::Event>>) {
        loop {
            match events.recv().await {
                Ok(event) => self.count(event.what.kind(), 1),
                Err(RecvError::Lagged(lost)) => self.count("lost", lost),
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn count(&self, kind: &'static str, by: u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default() += by;
    }

    /// All counters.
    pub(crate) fn all(&self) -> Vec<(&'static str, u64)> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(&kind, &count)| (kind, count)).collect()
    }
}
