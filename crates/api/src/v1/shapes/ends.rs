//! What `DELETE` answers: what was ended, how, and each step of it.
use crate::mask;
use hub::{EndReport, Removal};
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// How the end of a stream went.
#[derive(Serialize, ToSchema)]
pub(crate) struct Removed {
    /// Nothing of the stream is left; of one that was `unanswered`, nothing but what goes with its worker.
    removed: bool,
    /// How long all of it took.
    took_ms: u64,
    /// Its owner did not answer in time: what it had goes with its worker, which is replaced.
    unanswered: bool,
    /// Publishers that were ended.
    publishers: usize,
    /// Readers that were ended.
    readers: usize,
    /// Its sources and outputs that were running, those of its talk stream first.
    ends: Vec<End>,
}

/// How the end of one source or output went.
#[derive(Serialize, ToSchema)]
pub(crate) struct End {
    /// The stream it belongs to: the one that was removed, or its talk stream.
    stream: String,
    /// `source` or `output`.
    what: &'static str,
    /// Its place in the stream's list.
    index: usize,
    /// Its URL, with credentials hidden.
    url: String,
    /// It ended in order by itself; else it was dropped at its deadline.
    in_time: bool,
    /// What went wrong with it meanwhile.
    error: Option<String>,
    /// How long it took.
    took_ms: u64,
    /// What was said to the device and what it answered, in order.
    steps: Vec<Step>,
}

/// One step of an end.
#[derive(Serialize, ToSchema)]
pub(crate) struct Step {
    /// What was done: `TEARDOWN`.
    what: String,
    /// What came of it: `answered 200`.
    outcome: String,
    /// How long it took.
    took_ms: u64,
}

fn ms(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

impl Removed {
    pub(crate) fn new(removal: Removal) -> Self {
        Self {
            removed: true,
            took_ms: ms(removal.took),
            unanswered: removal.unanswered,
            publishers: removal.publishers,
            readers: removal.readers,
            ends: removal.ends.into_iter().map(End::new).collect(),
        }
    }
}

impl End {
    fn new(end: EndReport) -> Self {
        let step = |step: hub::Step| Step { what: step.what, outcome: step.outcome, took_ms: ms(step.took) };
        Self {
            stream: end.stream.to_string(),
            what: end.what,
            index: end.index,
            url: mask::url(&end.url),
            in_time: end.in_time,
            error: end.error,
            took_ms: ms(end.took),
            steps: end.steps.into_iter().map(step).collect(),
        }
    }
}
