//! What may be wrong with an output: a device that we talk to.
use super::slot::{Slot, Verdict};
use super::{AlertKind, AlertOutput};
use crate::supervise::SourceState;
use media::Moment;
use std::collections::VecDeque;

/// Watches one output.
#[derive(Debug)]
pub(super) struct OutputWatch {
    gave_up_at: Option<Moment>,
    error: Option<String>,
    failed: Slot,
}

impl Default for OutputWatch {
    fn default() -> Self {
        Self { gave_up_at: None, error: None, failed: Slot::new(AlertKind::TalkFailed) }
    }
}

impl OutputWatch {
    pub(super) fn slots(&self) -> impl Iterator<Item = &Slot> {
        [&self.failed].into_iter()
    }

    pub(super) fn slots_mut(&mut self) -> impl Iterator<Item = &mut Slot> {
        [&mut self.failed].into_iter()
    }

    pub(super) fn handle_state(&mut self, state: &SourceState, error: Option<&str>, now: Moment) -> bool {
        let before = self.gave_up_at;
        self.gave_up_at = match state {
            SourceState::GaveUp => Some(before.unwrap_or(now)),
            SourceState::Idle
            | SourceState::Connecting
            | SourceState::Live(_)
            | SourceState::Backoff { .. }
            | SourceState::Removed => None,
        };
        if error != self.error.as_deref() {
            self.error = error.map(str::to_owned);
        }
        before != self.gave_up_at
    }

    pub(super) fn settle(&mut self, index: usize, now: Moment, told: &mut VecDeque<AlertOutput>) -> Moment {
        let verdict = match self.gave_up_at {
            Some(at) => Verdict::at_once(at),
            None => Verdict::Fine("it is tried again, or nobody talks any more"),
        };
        let error = self.error.as_deref().unwrap_or("its time for failing is spent");
        let detail =
            || format!("the device of output {index} cannot be talked to: {error}; talk again to retry");
        self.failed.settle(Some(index), verdict, detail, now, told)
    }
}
