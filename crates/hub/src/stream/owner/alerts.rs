//! What the owner tells its alerts: how sources, outputs and tracks are.
use super::Owner;
use media::{Kind, Moment};

/// Kinds of media that a source may lack.
const KINDS: [Kind; 2] = [Kind::Video, Kind::Audio];

impl Owner {
    /// The stream has these sources and outputs from now on.
    pub(super) fn alarm_spec(&mut self, now: Moment) {
        let outputs = self.spec.output.as_ref().map_or(0, |output| output.urls.len());
        self.alarm.handle_spec(&self.sources.traits(), outputs, now);
    }

    /// At each turn: how sources and outputs are.
    pub(super) fn alarm_states(&mut self, now: Moment) {
        for (index, (state, error)) in self.sources.states().enumerate() {
            if self.sources.was_killed(index) {
                self.alarm.handle_killed(index, error.unwrap_or("it did not say why"), now);
            }
            self.alarm.handle_source(index, state, error, now);
        }
        for (index, (state, error)) in self.outputs.states().enumerate() {
            self.alarm.handle_output(index, state, error, now);
        }
        self.alarm.tell(now);
    }

    /// At each tick: which tracks are sent. What flows to a device is silent when nobody talks.
    pub(super) fn alarm_lines(&mut self, now: Moment) {
        if !self.outputs.is_empty() {
            return;
        }
        self.alarm.handle_lines(self.intake.line_facts(), now);
        for index in 0..self.spec.sources.len() {
            let sent = self.intake.sent_by(index);
            let mut kinds = KINDS.to_vec();
            kinds.retain(|kind| sent.iter().any(|track| track.kind() == *kind));
            self.alarm.handle_declared(index, &kinds, now);
        }
    }
}
