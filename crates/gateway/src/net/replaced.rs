//! Notices that the worker is gone on which something lives that sessions of all workers share.
use hub::{Event, What};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// What does not answer for so long has stalled: 5 s. Asked only when events were lost that would have told.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Waits until a worker was replaced. `answers` asks what lives there, and is false when that is gone.
pub(crate) async fn replaced<F: Future<Output = bool>>(
    events: &mut broadcast::Receiver<Arc<Event>>,
    worker: usize,
    answers: impl Fn() -> F,
) {
    loop {
        match events.recv().await {
            Ok(event) => {
                if matches!(event.what, What::WorkerReplaced { worker: gone, .. } if gone == worker) {
                    return;
                }
            }
            Err(RecvError::Lagged(_)) => {
                if !matches!(tokio::time::timeout(ANSWER_MAX, answers()).await, Ok(true)) {
                    return;
                }
            }
            // The hub is ending; its workers with it.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}
