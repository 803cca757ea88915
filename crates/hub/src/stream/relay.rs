//! A relay: brings a stream's units to another worker, one message per batch for all readers there.
use super::{RelayMessage, StreamCommand, StreamHandle};
use crate::event::EndReason;
use crate::feed::Feed;
use crate::worker::Worker;
use crate::{answer, clock};
use media::Moment;
use std::rc::Rc;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// Batches on their way to a relay. 256 at 50 a second are 5 s: a worker that far behind skips to a key frame.
const BATCHES: usize = 256;

/// Runs on the reading worker until the stream ends, or nobody has read there for a while.
pub(crate) async fn run(handle: StreamHandle, feed: Rc<Feed>, worker: Worker) {
    let reason = follow(&handle, &feed, &worker).await;
    worker.remove_feed(handle.id);
    feed.end(reason);
    feed.emptied(worker.limits().source_stop_max).await;
    // An owner that is gone needs no word, and one that is busy looks for itself.
    let _ = handle.tx.try_send(StreamCommand::RelayEnded { worker: worker.id() });
}

async fn follow(handle: &StreamHandle, feed: &Feed, worker: &Worker) -> EndReason {
    let gone = || EndReason::Failed("the stream's owner ended".into());
    let (tx, mut rx) = mpsc::channel(BATCHES);
    let mut asked = feed.asked();
    let start = StreamCommand::Relay { worker: worker.id(), wants: feed.wants(), asked, tx };
    if handle.tx.send(start).await.is_err() {
        return gone();
    }
    let linger = worker.limits().source_linger;
    let mut unused_until = Moment::FAR_FUTURE;
    loop {
        tokio::select! {
            message = rx.recv() => match message {
                None => return gone(),
                Some(RelayMessage::Lines(lines)) => feed.set_lines(lines),
                Some(RelayMessage::Prospects(prospects)) => feed.set_prospects(prospects),
                Some(RelayMessage::Considered(asked)) => feed.set_considered(asked),
                Some(RelayMessage::EndLines(ids)) => feed.end_lines(&ids),
                Some(RelayMessage::Units(units)) => {
                    let now = clock::now();
                    for unit in units.iter() {
                        feed.push(unit.clone(), now);
                    }
                    feed.flush();
                }
                Some(RelayMessage::State(state, reason)) => feed.set_state(state, reason),
                Some(RelayMessage::Forget) => feed.forget_units(),
                Some(RelayMessage::EndReaders(reason)) => feed.end_readers(&reason),
                Some(RelayMessage::Ended(reason)) => return reason,
                Some(RelayMessage::Report(reply)) => answer(reply, feed.reader_reports(clock::now())),
            },
            () = feed.turned.notified() => {
                unused_until = if feed.holds() == 0 { clock::now() + linger } else { Moment::FAR_FUTURE };
                if feed.asked() != asked {
                    asked = feed.asked();
                    let command = StreamCommand::Wants { worker: worker.id(), wants: feed.wants(), asked };
                    // The owner hears of every change: one that is missed would keep a source from starting.
                    if handle.tx.send(command).await.is_err() {
                        return gone();
                    }
                }
                for feedback in feed.take_feedback() {
                    match handle.tx.try_send(StreamCommand::Feedback(feedback)) {
                        // An owner that is that busy may have stalled: what it sends is not to wait for it.
                        Ok(()) | Err(TrySendError::Full(_)) => {}
                        Err(TrySendError::Closed(_)) => return gone(),
                    }
                }
            }
            () = clock::sleep_until(unused_until) => {
                if feed.holds() == 0 {
                    return EndReason::Failed("nobody reads here any more: try again".into());
                }
                unused_until = Moment::FAR_FUTURE;
            }
        }
    }
}
