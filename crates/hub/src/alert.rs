//! Alerts of one stream: which trouble lasts long enough to tell somebody, each with one start and one end.
//!
//! Source: issue 3, point 5; docs/alerts.md has every kind for those who get them. Sans-IO: the stream's owner says how
//! things are (`handle_*`), and asks what is to be told ([`Alerts::poll_output`]). It owns what was the case and since
//! when, and which alerts run; it decides nothing about sources.
mod alarm;
mod drift;
mod limits;
mod line;
mod output;
mod slot;
mod source;
mod still;

#[cfg(test)]
mod tests;

pub(crate) use alarm::Alarm;
pub use limits::AlertLimits;

use crate::supervise::SourceState;
use line::{LineWatch, Others, TrackDrift};
use media::{Kind, Moment, Track, Unit, WallTime};
use output::OutputWatch;
use source::SourceWatch;
use std::collections::VecDeque;
use std::time::Duration;

/// What an alert is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum AlertKind {
    /// A source that is wanted has not been live for long.
    SourceDown,
    /// A source is not tried any more.
    GaveUp,
    /// A source comes and goes.
    Flapping,
    /// A signal killed a source's child process.
    ChildKilled,
    /// A track of a source that flows is silent, or no longer there.
    TrackMissing,
    /// No key frame comes, or always the same one.
    Frozen,
    /// Media time runs off arrival time.
    ClockDrift,
    /// A device cannot be talked to.
    TalkFailed,
}

impl AlertKind {
    /// All kinds, for gauges that say 0 too.
    pub const ALL: [AlertKind; 8] = [
        AlertKind::SourceDown,
        AlertKind::GaveUp,
        AlertKind::Flapping,
        AlertKind::ChildKilled,
        AlertKind::TrackMissing,
        AlertKind::Frozen,
        AlertKind::ClockDrift,
        AlertKind::TalkFailed,
    ];

    /// The word for events and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            AlertKind::SourceDown => "source_down",
            AlertKind::GaveUp => "gave_up",
            AlertKind::Flapping => "flapping",
            AlertKind::ChildKilled => "child_killed",
            AlertKind::TrackMissing => "track_missing",
            AlertKind::Frozen => "frozen",
            AlertKind::ClockDrift => "clock_drift",
            AlertKind::TalkFailed => "talk_failed",
        }
    }
}

/// A running alert.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alert {
    /// Unique in the process; its end has the same.
    pub id: u64,
    /// What it is about.
    pub kind: AlertKind,
    /// The index of the source (of the output, for [`AlertKind::TalkFailed`]), where it concerns one.
    pub source: Option<usize>,
    /// Since when there is trouble; earlier than when the alert started.
    pub since: Moment,
    /// One sentence: what, how long, what helps. No credentials.
    pub detail: String,
}

/// The next thing to tell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AlertOutput {
    /// An alert started.
    Started(Alert),
    /// It ended.
    Ended {
        /// As it started.
        alert: Alert,
        /// How long there was trouble.
        lasted: Duration,
        /// Why it ended.
        why: String,
    },
    /// Drained: poll again at this moment, or after any `handle_*`.
    WaitUntil(Moment),
}

/// A running alert in reports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AlertReport {
    /// Unique in the process.
    pub id: u64,
    /// What it is about.
    pub kind: AlertKind,
    /// The index of the source, where it concerns one.
    pub source: Option<usize>,
    /// Since when there is trouble.
    pub since: WallTime,
    /// One sentence: what, how long, what helps.
    pub detail: String,
}

/// What the alerts are told of a source, once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SourceTraits {
    /// It stands in while others fail: a slate may stand still.
    pub fallback: bool,
    /// It repeats itself by nature (`file:`, `demo:`): neither frozen nor with a clock of its own.
    pub repeats: bool,
    /// Somebody may pause it: that a track does not come is no trouble.
    pub pauses: bool,
}

/// A track of the stream that somebody sends now.
#[derive(Clone, Copy, Debug)]
pub struct LineFacts<'a> {
    /// The track; its id is the stream's.
    pub track: &'a Track,
    /// The index of the source that feeds it, or will with its first unit; `None`: a peer that pushes.
    pub source: Option<usize>,
    /// When its last unit came, from those who send it now.
    pub heard_at: Option<Moment>,
    /// Its sender makes key frames when asked only (WebRTC): that none comes by itself is no trouble.
    pub keyframes_on_request: bool,
}

/// The alerts of one stream.
#[derive(Debug)]
pub struct Alerts {
    limits: AlertLimits,
    sources: Vec<SourceWatch>,
    outputs: Vec<OutputWatch>,
    /// By track id.
    lines: Vec<Option<LineWatch>>,
    told: VecDeque<AlertOutput>,
    changed: bool,
    due: Moment,
}

impl Alerts {
    /// Without sources, outputs and tracks, all is well.
    pub fn new(limits: AlertLimits) -> Self {
        let (sources, outputs, lines, told) = (Vec::new(), Vec::new(), Vec::new(), VecDeque::new());
        Self { limits, sources, outputs, lines, told, changed: false, due: Moment::FAR_FUTURE }
    }

    /// The stream's sources and outputs are these from now on: what ran of the old ones ends.
    pub fn handle_spec(&mut self, sources: &[SourceTraits], outputs: usize, now: Moment) {
        self.end_all("the stream's settings changed", now);
        self.sources = sources.iter().map(|traits| SourceWatch::new(*traits)).collect();
        self.outputs = (0..outputs).map(|_| OutputWatch::default()).collect();
    }

    /// How a source is doing, whenever that may have changed. `error`: what went wrong last.
    pub fn handle_source(&mut self, index: usize, state: &SourceState, error: Option<&str>, now: Moment) {
        if let Some(source) = self.sources.get_mut(index) {
            self.changed |= source.handle_state(state, error, &self.limits, now);
        }
    }

    /// A signal killed a source's child process; `error` as the attempt ended. Call it before [`Alerts::handle_source`]
    /// with what came of that; more than once is once.
    pub fn handle_killed(&mut self, index: usize, error: &str, now: Moment) {
        if let Some(source) = self.sources.get_mut(index) {
            source.handle_killed(index, error, now, &mut self.told);
        }
    }

    /// How an output is doing, whenever that may have changed.
    pub fn handle_output(&mut self, index: usize, state: &SourceState, error: Option<&str>, now: Moment) {
        if let Some(output) = self.outputs.get_mut(index) {
            self.changed |= output.handle_state(state, error, now);
        }
    }

    /// What a source says that it sends; nothing while it is not there. As often as [`Alerts::handle_lines`].
    pub fn handle_declared(&mut self, index: usize, kinds: &[Kind], now: Moment) {
        if let Some(source) = self.sources.get_mut(index) {
            self.changed |= source.handle_declared(kinds, now);
        }
    }

    /// All tracks that somebody sends now. Call it every half second or so, not for talk streams: there silence is usual.
    pub fn handle_lines<'a>(&mut self, lines: impl IntoIterator<Item = LineFacts<'a>>, now: Moment) {
        let mut named = vec![false; self.lines.len()];
        for facts in lines {
            let id = usize::from(facts.track.id);
            if self.lines.len() <= id {
                self.lines.resize_with(id + 1, || None);
                named.resize(id + 1, false);
            }
            named[id] = true;
            let traits = facts.source.and_then(|index| self.sources.get(index)).map(|source| source.traits);
            let slot = &mut self.lines[id];
            let watch = slot.get_or_insert_with(|| LineWatch::new(facts.track.codec, now));
            watch.handle_facts(&facts, traits.unwrap_or_default(), now);
        }
        for (watch, named) in self.lines.iter_mut().zip(named) {
            if let Some(watch) = watch.as_mut().filter(|_| !named) {
                watch.sent = false;
            }
        }
        self.changed = true;
    }

    /// A unit of the stream, on its line. Cheap: only key frames are looked at, and only those of equal length.
    pub fn handle_unit(&mut self, unit: &Unit, track: &Track, now: Moment) {
        if let Some(Some(line)) = self.lines.get_mut(usize::from(unit.track)) {
            self.changed |= line.handle_unit(unit, track, now);
        }
    }

    /// Somebody asked the publishers for a key frame.
    pub fn handle_keyframe_wanted(&mut self, now: Moment) {
        for line in self.lines.iter_mut().flatten() {
            self.changed |= line.handle_keyframe_wanted(now);
        }
    }

    /// Returns the next thing to tell.
    pub fn poll_output(&mut self, now: Moment) -> AlertOutput {
        if self.told.is_empty() && (self.changed || now >= self.due) {
            self.changed = false;
            self.due = self.settle(now);
        }
        self.told.pop_front().unwrap_or(AlertOutput::WaitUntil(self.due))
    }

    fn settle(&mut self, now: Moment) -> Moment {
        let (limits, told) = (&self.limits, &mut self.told);
        let mut due = Moment::FAR_FUTURE;
        for (index, source) in self.sources.iter_mut().enumerate() {
            due = due.min(source.settle(index, limits, now, told));
        }
        for (index, output) in self.outputs.iter_mut().enumerate() {
            due = due.min(output.settle(index, now, told));
        }
        // A source that is silent as a whole is down, not without a track.
        let heard: Vec<(Option<usize>, Moment)> = self
            .lines
            .iter()
            .flatten()
            .filter(|line| line.sent)
            .filter_map(|line| line.heard_at.map(|at| (line.source, at)))
            .collect();
        for index in 0..self.lines.len() {
            let Some(source) = self.lines[index].as_ref().map(|line| line.source) else { continue };
            let of_source = heard.iter().filter(|(of, _)| *of == source);
            let heard_at = of_source.map(|(_, at)| *at).max();
            let others = self.lines.iter().enumerate().filter(|(other, _)| *other != index);
            let drifts = others
                .filter_map(|(_, line)| line.as_ref().filter(|line| line.sent && line.source == source));
            let drift = drifts.map(LineWatch::drift).fold(TrackDrift::default(), |all, one| TrackDrift {
                ppm: all.ppm.max(one.ppm),
                told: all.told || one.told,
            });
            let Some(line) = &mut self.lines[index] else { continue };
            let others = Others { heard_at, drift };
            due = due.min(line.settle(others, limits, now, told));
        }
        due
    }

    /// Ends every alert, as when the stream is removed. Poll afterwards: their ends are told like others.
    pub fn end_all(&mut self, why: &str, now: Moment) {
        if self.changed {
            self.changed = false;
            self.due = self.settle(now);
        }
        let sources = self.sources.iter_mut().flat_map(SourceWatch::slots_mut);
        let outputs = self.outputs.iter_mut().flat_map(OutputWatch::slots_mut);
        let lines = self.lines.iter_mut().flatten().flat_map(LineWatch::slots_mut);
        for slot in sources.chain(outputs).chain(lines) {
            slot.end(why, now, &mut self.told);
        }
        self.due = Moment::FAR_FUTURE;
        self.sources.clear();
        self.outputs.clear();
        self.lines.clear();
    }

    /// The alerts that run.
    pub fn running(&self) -> impl Iterator<Item = &Alert> {
        let sources = self.sources.iter().flat_map(SourceWatch::slots);
        let outputs = self.outputs.iter().flat_map(OutputWatch::slots);
        let lines = self.lines.iter().flatten().flat_map(LineWatch::slots);
        sources.chain(outputs).chain(lines).filter_map(slot::Slot::raised)
    }
}
