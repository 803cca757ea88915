//! Who wants the stream, and what has to run for it: sources for readers, outputs for those who talk.
use super::Owner;
use crate::stream::{RelayMessage, StreamCommand, StreamSpec};
use crate::wants::Wants;
use media::Moment;
use std::time::Duration;

/// What the last talker said before it left is heard to its end, and then the call is over: 500 ms, several times what
/// is under way. Who only falls silent may speak again, and has the whole of `idle`.
const LEFT_IDLE: Duration = Duration::from_millis(500);

impl Owner {
    /// Everybody's wishes.
    fn wants(&self) -> Vec<Wants> {
        let mut wants = self.feed.wants();
        wants.extend(self.relays.iter().flat_map(|relay| relay.wants.iter().cloned()));
        if self.spec.preload {
            wants.push(Wants::any());
        }
        wants
    }

    /// True while somebody reads, or the stream is to run without readers.
    pub(super) fn is_wanted(&self) -> bool {
        self.spec.preload || self.feed.holds() > 0 || self.relays.iter().any(|relay| !relay.wants.is_empty())
    }

    /// Runs what is needed, ends what is not any more, starts what is due.
    pub(super) fn manage(&mut self, now: Moment) {
        let within = self.worker.limits().source_stop_max;
        self.sources_at = Moment::FAR_FUTURE;
        let asked = self.feed.asked();
        if !self.sources.is_empty() {
            let linger = self.spec.linger.unwrap_or(self.worker.limits().source_linger);
            let (prospects, stopped) = self.sources.handle_wants(&self.wants(), linger, within, now);
            if !stopped.is_empty() {
                self.publishers_ended(&stopped, "nobody reads any more", now);
                if !self.is_wanted() && self.intake.slots().is_empty() {
                    self.intake.line_table().clear();
                    self.forget_units();
                }
            }
            if *self.feed.prospects() != *prospects {
                let prospects: crate::feed::Prospects = prospects.into();
                self.feed.set_prospects(prospects.clone());
                self.tell_relays(|| RelayMessage::Prospects(prospects.clone()));
            }
            let (started, next) = self.sources.start_due(now);
            self.sources_at = self.sources_at.min(next);
            for (end, index, promises) in started {
                self.intake.add_source(end, index, promises, now);
            }
            self.lines_changed(now);
        }
        self.considered(asked);
        if !self.outputs.is_empty() {
            let talking = self.is_talking(now);
            if !talking {
                // Whoever comes next is heard with what it says, not with what the last one said.
                self.heard_at = None;
            }
            self.outputs.handle_talk(talking, within, now);
            self.mute_other(talking);
            let next = self.outputs.start_due(now);
            let idle_at = self.idle_at().filter(|_| talking).unwrap_or(Moment::FAR_FUTURE);
            self.sources_at = self.sources_at.min(next).min(idle_at);
        }
    }

    /// Tells those who wait that their wishes, up to this number here, have been decided on.
    fn considered(&mut self, asked: u64) {
        self.feed.set_considered(asked);
        self.relays.retain_mut(|relay| {
            let news = relay.considered != relay.asked;
            relay.considered = relay.asked;
            !news || relay.tx.try_send(RelayMessage::Considered(relay.asked)).is_ok()
        });
    }

    /// A unit came: outputs start with the first one.
    pub(super) fn heard(&mut self, now: Moment) {
        if self.outputs.is_empty() {
            return;
        }
        if !self.is_talking(now) {
            self.sources_at = now;
        }
        self.heard_at = Some(now);
    }

    /// True while units come in, and for as long after as the outputs stay.
    pub(super) fn is_talking(&self, now: Moment) -> bool {
        self.idle_at().is_some_and(|at| now < at)
    }

    /// When outputs have nothing more to send, if nothing comes.
    fn idle_at(&self) -> Option<Moment> {
        let idle = self.spec.output.as_ref().map_or(crate::OutputSpec::IDLE_DEFAULT, |output| output.idle);
        let idle = if self.intake.slots().is_empty() { idle.min(LEFT_IDLE) } else { idle };
        self.heard_at.map(|at| at + idle)
    }

    /// Tells the stream whose device cannot listen and speak at once that somebody talks; again and again, since it
    /// forgets.
    pub(super) fn mute_other(&mut self, talking: bool) {
        let Some(other) = self.spec.output.as_ref().and_then(|output| output.mutes.clone()) else { return };
        if !talking && !self.mutes {
            return;
        }
        self.mutes = talking;
        let hub = self.worker.hub().clone();
        self.worker.spawn(format!("word to {other}"), async move {
            if let Ok(handle) = hub.resolve(&other).await {
                // An owner that is gone has nothing to mute.
                let _ = handle.tx.send(StreamCommand::Mute(talking)).await;
            }
        });
    }

    /// Lets sound through again when the word to hold it back has not been repeated.
    pub(super) fn unmute(&mut self, now: Moment) {
        if self.intake.muted && now >= self.muted_until {
            self.intake.muted = false;
        }
    }

    /// Makes the stream be as specified now. What did not change runs on.
    pub(super) fn set_spec(&mut self, spec: StreamSpec, now: Moment) {
        let within = self.worker.limits().source_stop_max;
        let others = spec.sources != self.spec.sources || spec.output != self.spec.output;
        if spec.sources != self.spec.sources || spec.policy != self.spec.policy {
            let stopped = self.sources.set(&spec.sources, spec.policy, within);
            self.publishers_ended(&stopped, "the stream has other sources now", now);
            let order = self.sources.order();
            self.intake.renumber(&order, now);
        }
        if spec.output != self.spec.output {
            self.outputs.replace(spec.output.as_ref(), within);
        }
        self.spec = spec;
        if others {
            self.alarm_spec(now);
        }
        self.sources_at = now;
    }
}
