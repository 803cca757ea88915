//! The end of a stream: everything of it, in order, each with a deadline, and told step by step.
use super::Owner;
use crate::clock;
use crate::event::EndReason;
use crate::report::Removal;
use crate::stream::RelayMessage;
use std::time::Duration;

impl Owner {
    /// Ends everything of the stream, and returns when it has: outputs and sources (each hangs up, and waits for the
    /// device's answer or a deadline), publishers, readers here and elsewhere.
    pub(super) async fn end(mut self, reason: EndReason) -> Removal {
        let began = clock::now();
        self.flush();
        self.alarm.end(&reason.to_string(), began);
        let within = self.worker.limits().source_stop_max;
        let publishers = self.intake.slots().iter().filter(|slot| slot.source.is_none()).count();
        let readers = self.feed.reader_reports(began).len();
        self.outputs.remove_all(within);
        self.sources.remove_all(within);
        self.play.stop(within);
        self.intake.end(&reason, |_| true, began);
        if publishers > 0 {
            self.emit_publisher_left(&reason.to_string());
        }
        self.sources.tell_changes();
        self.outputs.tell_changes();
        self.mute_other(false);
        self.feed.end(reason.clone());
        self.tell_relays(|| RelayMessage::Ended(reason.clone()));
        self.worker.remove_feed(self.id);
        let relays = futures_util::future::join_all(self.relays.iter().map(|relay| relay.tx.closed()));
        // Relays and readers have their own deadlines; this one is for a worker that does not answer.
        let deadline = clock::now() + within + Duration::from_millis(500);
        let rest = async {
            self.feed.emptied(within).await;
            relays.await;
        };
        tokio::select! {
            () = rest => {}
            () = clock::sleep_until(deadline) => {}
        }
        let mut ends = self.outputs.removed().await;
        ends.extend(self.sources.removed().await);
        ends.extend(self.play.stopped().await);
        Removal { ends, publishers, readers, took: clock::now().since(began), unanswered: false }
    }
}
