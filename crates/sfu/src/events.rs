//! Events of one object, from its owner to whoever listens: bounded streams.
//!
//! What happens before the first listener comes is kept, so that nothing is missed between making an object and
//! listening to it. A listener that does not take its events loses the newest and is told how many.
use futures_util::Stream;
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// Events that are kept for the first listener: 16; of a consumer, all that happens in its first seconds.
const WAITING_MAX: usize = 16;
/// Events that wait for a listener: 64. Scores come once a second, so this is a minute of not looking.
const LISTENER_MAX: usize = 64;

/// Events of one object. It ends when the object is closed.
#[derive(Debug)]
pub struct EventStream<E> {
    receiver: mpsc::Receiver<E>,
    lost: Arc<AtomicU64>,
}

impl<E> EventStream<E> {
    /// The next event; `None` after the object was closed.
    pub async fn next(&mut self) -> Option<E> {
        self.receiver.recv().await
    }

    /// The next event, if one is there.
    pub fn try_next(&mut self) -> Option<E> {
        self.receiver.try_recv().ok()
    }

    /// How many events were lost, since nobody took those before.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl<E> Stream for EventStream<E> {
    type Item = E;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<E>> {
        self.receiver.poll_recv(context)
    }
}

/// One listener's place, made by its handle and brought to the owner by a command.
#[derive(Debug)]
pub(crate) struct Listener<E> {
    sender: mpsc::Sender<E>,
    lost: Arc<AtomicU64>,
}

/// A listener and its stream.
pub(crate) fn listener<E>() -> (Listener<E>, EventStream<E>) {
    listener_of(LISTENER_MAX)
}

/// A listener for which so many events may wait; more than are kept before it comes.
pub(crate) fn listener_of<E>(events_max: usize) -> (Listener<E>, EventStream<E>) {
    let (sender, receiver) = mpsc::channel(events_max);
    let lost = Arc::new(AtomicU64::new(0));
    (Listener { sender, lost: lost.clone() }, EventStream { receiver, lost })
}

/// The owner's side: where events begin.
#[derive(Debug)]
pub(crate) struct EventSource<E> {
    waiting: VecDeque<E>,
    lost_waiting: u64,
    listeners: SmallVec<[Listener<E>; 1]>,
}

impl<E> Default for EventSource<E> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), lost_waiting: 0, listeners: SmallVec::new() }
    }
}

impl<E: Clone> EventSource<E> {
    pub(crate) fn emit(&mut self, event: E) {
        if self.listeners.is_empty() {
            if self.waiting.len() == WAITING_MAX {
                self.waiting.pop_front();
                self.lost_waiting += 1;
            }
            self.waiting.push_back(event);
            return;
        }
        self.listeners.retain(|listener| match listener.sender.try_send(event.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                listener.lost.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        });
    }

    pub(crate) fn listen(&mut self, listener: Listener<E>) {
        listener.lost.fetch_add(std::mem::take(&mut self.lost_waiting), Ordering::Relaxed);
        for event in self.waiting.drain(..) {
            // there is room: fewer are kept than a listener takes
            let _ = listener.sender.try_send(event);
        }
        self.listeners.push(listener);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_before_the_first_listener_came_is_not_missed() {
        let mut source = EventSource::default();
        (0..20).for_each(|number| source.emit(number));
        let (place, mut stream) = listener();
        source.listen(place);
        source.emit(20);
        drop(source);
        let told: Vec<i32> = std::iter::from_fn(|| stream.try_next()).collect();
        assert_eq!((told, stream.lost()), ((4..=20).collect(), 4));
    }

    #[test]
    fn a_listener_that_sleeps_loses_the_newest_and_is_told_how_many() {
        let mut source = EventSource::default();
        let (place, mut stream) = listener();
        source.listen(place);
        (0..70).for_each(|number| source.emit(number));
        assert_eq!((stream.try_next(), stream.lost()), (Some(0), 6));
    }
}
