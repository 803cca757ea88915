//! What may be wrong with a source as a whole.
use super::slot::{Slot, Verdict};
use super::{AlertKind, AlertLimits, AlertOutput, SourceTraits};
use crate::supervise::SourceState;
use media::{Kind, Moment};
use std::collections::VecDeque;
use std::time::Duration;

/// `Unwanted` ⇄ `Down` ⇄ `Flows`; `Down` → `GaveUp` → `Down` when somebody retries. As supervision says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Nobody wants it, or it was removed.
    Unwanted,
    /// It is wanted and not live.
    Down {
        since: Moment,
    },
    Flows,
    /// Not tried any more; it was `down` before.
    GaveUp {
        since: Moment,
        down: Moment,
    },
}

/// A kind of media that a source sent once.
#[derive(Debug)]
struct SentKind {
    kind: Kind,
    known: bool,
    /// Since when the source flows without it.
    lost_at: Option<Moment>,
    missing: Slot,
}

impl SentKind {
    fn new(kind: Kind) -> Self {
        Self { kind, known: false, lost_at: None, missing: Slot::new(AlertKind::TrackMissing) }
    }
}

/// Watches one source.
#[derive(Debug)]
pub(super) struct SourceWatch {
    pub(super) traits: SourceTraits,
    phase: Phase,
    error: Option<String>,
    /// When it turned from live to not live, the newest last.
    turns: VecDeque<Moment>,
    /// When a signal killed its child, until it flows again.
    killed_at: Option<Moment>,
    kinds: [SentKind; 2],
    down: Slot,
    gave_up: Slot,
    flapping: Slot,
    child_killed: Slot,
}

impl SourceWatch {
    pub(super) fn new(traits: SourceTraits) -> Self {
        Self {
            traits,
            phase: Phase::Unwanted,
            error: None,
            turns: VecDeque::new(),
            killed_at: None,
            kinds: [SentKind::new(Kind::Video), SentKind::new(Kind::Audio)],
            down: Slot::new(AlertKind::SourceDown),
            gave_up: Slot::new(AlertKind::GaveUp),
            flapping: Slot::new(AlertKind::Flapping),
            child_killed: Slot::new(AlertKind::ChildKilled),
        }
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = &Slot> {
        let kinds = self.kinds.iter().map(|kind| &kind.missing);
        [&self.down, &self.gave_up, &self.flapping, &self.child_killed].into_iter().chain(kinds)
    }

    pub(super) fn slots_mut(&mut self) -> impl Iterator<Item = &mut Slot> {
        let kinds = self.kinds.iter_mut().map(|kind| &mut kind.missing);
        [&mut self.down, &mut self.gave_up, &mut self.flapping, &mut self.child_killed]
            .into_iter()
            .chain(kinds)
    }

    /// True when something is to be looked at.
    pub(super) fn handle_state(
        &mut self,
        state: &SourceState,
        error: Option<&str>,
        limits: &AlertLimits,
        now: Moment,
    ) -> bool {
        let phase = match (state, self.phase) {
            (SourceState::Idle | SourceState::Removed, _) => Phase::Unwanted,
            (SourceState::Live(_), _) => Phase::Flows,
            (SourceState::Connecting | SourceState::Backoff { .. }, Phase::Down { since }) => {
                Phase::Down { since }
            }
            (SourceState::Connecting | SourceState::Backoff { .. }, Phase::GaveUp { down, .. })
                if self.down.raised().is_some() =>
            {
                Phase::Down { since: down }
            }
            // Somebody retries: the time counts anew.
            (SourceState::Connecting | SourceState::Backoff { .. }, Phase::GaveUp { .. }) => {
                Phase::Down { since: now }
            }
            (SourceState::Connecting | SourceState::Backoff { .. }, Phase::Unwanted | Phase::Flows) => {
                Phase::Down { since: now }
            }
            (SourceState::GaveUp, Phase::GaveUp { since, down }) => Phase::GaveUp { since, down },
            (SourceState::GaveUp, Phase::Down { since }) => Phase::GaveUp { since: now, down: since },
            (SourceState::GaveUp, Phase::Unwanted | Phase::Flows) => Phase::GaveUp { since: now, down: now },
        };
        if error != self.error.as_deref() {
            self.error = error.map(str::to_owned);
        }
        if phase == self.phase {
            return false;
        }
        match phase {
            Phase::Down { .. } | Phase::GaveUp { .. } if self.phase == Phase::Flows => {
                self.turns.push_back(now);
                // The newest are enough, also to find the calm.
                while self.turns.len() > limits.flapping_turns.max(1) {
                    self.turns.pop_front();
                }
            }
            Phase::Flows | Phase::Unwanted => self.killed_at = None,
            Phase::Down { .. } | Phase::GaveUp { .. } => {}
        }
        if phase != Phase::Flows {
            for kind in &mut self.kinds {
                kind.lost_at = None;
            }
        }
        self.phase = phase;
        true
    }

    /// Its child was killed. Told at once: the next attempt may flow before anybody looks.
    pub(super) fn handle_killed(
        &mut self,
        index: usize,
        error: &str,
        now: Moment,
        told: &mut VecDeque<AlertOutput>,
    ) {
        // What is told to stop may be stopped by a signal.
        if self.phase == Phase::Unwanted {
            return;
        }
        let since = *self.killed_at.get_or_insert(now);
        let detail = || format!("a signal killed the child process of source {index}: {error}");
        self.child_killed.settle(Some(index), Verdict::at_once(since), detail, now, told);
    }

    /// What it says that it sends. True when something is to be looked at.
    pub(super) fn handle_declared(&mut self, kinds: &[Kind], now: Moment) -> bool {
        let flows = self.phase == Phase::Flows && !kinds.is_empty();
        let mut changed = false;
        for known in &mut self.kinds {
            let before = known.lost_at;
            let is_sent = kinds.contains(&known.kind);
            known.known |= is_sent;
            if is_sent || !flows {
                known.lost_at = None;
            } else if known.known {
                known.lost_at.get_or_insert(now);
            }
            changed |= known.lost_at != before;
        }
        changed
    }

    /// Returns when to settle again.
    pub(super) fn settle(
        &mut self,
        index: usize,
        limits: &AlertLimits,
        now: Moment,
        told: &mut VecDeque<AlertOutput>,
    ) -> Moment {
        let of = Some(index);
        let error = self.error.as_deref();
        let seconds = |limit: Duration| limit.as_secs();

        let verdict = self.verdict_down(limits);
        let due_down = self.down.settle(
            of,
            verdict,
            || {
                let why = error
                    .unwrap_or("it connects, but no media comes: see what it is told by the API's sources");
                format!("source {index} has not been live for {} s: {why}", seconds(limits.source_down))
            },
            now,
            told,
        );

        let verdict = match self.phase {
            Phase::GaveUp { since, .. } => Verdict::at_once(since),
            Phase::Down { .. } => Verdict::Fine("it is tried again"),
            Phase::Flows => Verdict::Fine("it is live"),
            Phase::Unwanted => Verdict::Fine("nobody wants it any more"),
        };
        self.gave_up.settle(
            of,
            verdict,
            || {
                let why = error.unwrap_or("its time for failing is spent");
                format!("source {index} is not tried any more: {why}; put that right, then retry the stream")
            },
            now,
            told,
        );

        let (verdict, calm_at) = self.verdict_flapping(limits, now);
        self.flapping.settle(
            of,
            verdict,
            || {
                let minutes = limits.flapping_within.as_secs() / 60;
                let why = error.map(|why| format!(", the last time because: {why}")).unwrap_or_default();
                format!("source {index} went down {} times within {minutes} min{why}", limits.flapping_turns)
            },
            now,
            told,
        );

        let verdict = match (self.killed_at, self.phase) {
            (Some(at), _) => Verdict::at_once(at),
            (None, Phase::Flows) => Verdict::Fine("it is live"),
            (None, Phase::Unwanted | Phase::Down { .. } | Phase::GaveUp { .. }) => {
                Verdict::Fine("nobody wants it any more")
            }
        };
        // It was raised when it happened.
        self.child_killed.settle(of, verdict, String::new, now, told);

        let mut due = due_down.min(calm_at);
        let flows = self.phase == Phase::Flows;
        for kind in &mut self.kinds {
            let verdict = match kind.lost_at {
                Some(at) => Verdict::after(at, limits.track_missing, "it is there again"),
                None if flows => Verdict::Fine("it is there again"),
                None => Verdict::Fine("its source is not live any more"),
            };
            let name = kind.kind.as_str();
            let detail = || {
                let seconds = limits.track_missing.as_secs();
                format!(
                    "source {index} has been sending no {name} for {seconds} s, though it used to: check what it is set to send"
                )
            };
            due = due.min(kind.missing.settle(of, verdict, detail, now, told));
        }
        due
    }

    fn verdict_down(&self, limits: &AlertLimits) -> Verdict {
        match self.phase {
            Phase::Down { since } => Verdict::after(since, limits.source_down, "it is tried again"),
            // Giving up is an alert of its own, but what runs goes on: it is still down.
            Phase::GaveUp { down, .. } if self.down.raised().is_some() => {
                Verdict::after(down, limits.source_down, "it gave up")
            }
            Phase::GaveUp { .. } => Verdict::Fine("it gave up"),
            Phase::Flows => Verdict::Fine("it is live"),
            Phase::Unwanted => Verdict::Fine("nobody wants it any more"),
        }
    }

    /// Also when to look again.
    fn verdict_flapping(&self, limits: &AlertLimits, now: Moment) -> (Verdict, Moment) {
        let fine = Verdict::Fine("it did not go down again");
        let (Some(first), Some(last)) = (self.turns.front(), self.turns.back()) else {
            return (fine, Moment::FAR_FUTURE);
        };
        let enough = limits.flapping_turns > 0 && self.turns.len() >= limits.flapping_turns;
        let calm_at = *last + limits.flapping_within;
        if !enough || now >= calm_at {
            return (fine, Moment::FAR_FUTURE);
        }
        let dense = last.since(*first) <= limits.flapping_within;
        if dense || self.flapping.raised().is_some() {
            return (Verdict::at_once(*first), calm_at);
        }
        (fine, Moment::FAR_FUTURE)
    }
}
