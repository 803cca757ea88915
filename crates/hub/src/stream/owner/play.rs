//! Commands about what is played into the stream.
use super::Owner;
use crate::event::EndReason;
use crate::stream::play::Asked;
use crate::stream::{Conflict, PlayError};
use crate::{answer, clock};

impl Owner {
    /// Plays a source once into the stream, as one more who publishes. What was played before ends first.
    pub(super) fn play(&mut self, url: String, conflict: Conflict, asked: Asked) {
        let connector = match self.play.connector(&url) {
            Ok(connector) => connector,
            Err(error) => return answer(asked, Err(error.into())),
        };
        self.stop_play();
        let conflict = match self.spec.conflict.unwrap_or(conflict) {
            // Nothing is played to nobody: who asks may ask again when it is quiet.
            Conflict::Queue | Conflict::Refuse => Conflict::Refuse,
            other @ (Conflict::Replace | Conflict::Mix) => other,
        };
        match self.publish_as(connector.peer(&url), conflict) {
            Ok(publisher) => self.play.start(&connector, url, publisher, asked),
            Err(error) => answer(asked, Err(PlayError::Publish(error))),
        }
    }

    /// Ends what is played. False: nothing was.
    pub(super) fn stop_play(&mut self) -> bool {
        let now = clock::now();
        let Some(publisher) = self.play.stop(self.worker.limits().source_stop_max) else { return false };
        let reason = EndReason::Failed("it was told to stop".into());
        let was_there = self.intake.slots().iter().any(|slot| slot.id() == publisher);
        self.intake.end(&reason, |slot| slot.id() == publisher, now);
        if was_there {
            self.publisher_left("it was told to stop", now);
        }
        true
    }
}
