//! What is the case with a recording, and the state that follows from it.
use super::disk::Done;
use crate::plan::RecordPlan;
use crate::report::{RecordingReport, RecordingState};
use media::{Kind, Moment, Track, TrackId, Unit, WallTime};
use std::time::Duration;

/// A track is on the disk while bytes of it came there within this time: 6 s, so that a camera with a frame in five seconds
/// is recorded, and one that died is not.
const FRESH: Duration = Duration::from_secs(6);

struct Line {
    id: TrackId,
    kind: Kind,
    arrived: Option<Moment>,
    on_disk: Option<Moment>,
}

pub(super) struct Facts {
    required: Vec<Kind>,
    lines: Vec<Line>,
    skipped: Vec<String>,
    state: RecordingState,
    reason: Option<String>,
    disk_error: Option<String>,
    bytes_closed: u64,
    bytes_open: u64,
    segments: u64,
    newest: Option<WallTime>,
    lost_from: Option<WallTime>,
    lost_micros: i64,
    place: Option<(String, String)>,
    begun: Moment,
    news: bool,
}

impl Facts {
    pub(super) fn new(plan: &RecordPlan) -> Self {
        Self {
            required: plan.required.clone(),
            lines: Vec::new(),
            skipped: Vec::new(),
            state: RecordingState::Starting,
            reason: None,
            disk_error: None,
            bytes_closed: 0,
            bytes_open: 0,
            segments: 0,
            newest: None,
            lost_from: None,
            lost_micros: 0,
            place: None,
            begun: hub::now(),
            news: false,
        }
    }

    pub(super) fn name_tracks(&mut self, tracks: &[Track], skipped: &[String]) {
        self.lines.retain(|line| tracks.iter().any(|track| track.id == line.id));
        for track in tracks {
            if !self.lines.iter().any(|line| line.id == track.id) {
                self.lines.push(Line { id: track.id, kind: track.kind(), arrived: None, on_disk: None });
            }
        }
        self.skipped = skipped.to_vec();
        self.begun = hub::now();
    }

    pub(super) fn arrived(&mut self, unit: &Unit, now: Moment) {
        if let Some(line) = self.lines.iter_mut().find(|line| line.id == unit.track) {
            line.arrived = Some(now);
        }
        self.newest = Some(unit.wall);
        if let Some(from) = self.lost_from.take() {
            self.lost_micros += (unit.wall.as_micros() - from.as_micros()).max(0);
        }
    }

    /// What came since the newest unit was lost, up to the next one.
    pub(super) fn lost_some(&mut self) {
        self.lost_from = self.lost_from.or(self.newest);
    }

    /// A unit came, and there is no disk for it.
    pub(super) fn lose(&mut self, unit: &Unit) {
        self.lost_from.get_or_insert(self.newest.unwrap_or(unit.wall));
        if let Some(line) = self.lines.iter_mut().find(|line| line.id == unit.track) {
            line.arrived = Some(hub::now());
        }
    }

    /// What the disk did. An error is why what comes does not follow.
    pub(super) fn written(&mut self, done: &Done, now: Moment) -> Option<String> {
        match done {
            Done::Begun { storage, path } => self.place = Some((storage.clone(), path.clone())),
            Done::Appended { bytes, tracks } => {
                self.bytes_open = *bytes;
                self.on_disk(tracks, now);
            }
            Done::Finished { segment, tracks } => {
                self.bytes_open = 0;
                self.bytes_closed += segment.bytes;
                self.segments += 1;
                self.place = None;
                self.on_disk(tracks, now);
            }
            Done::Nothing => {}
            Done::Failed(error) => {
                self.place = None;
                self.bytes_open = 0;
                self.disk_error = Some(error.to_string());
                self.settle(RecordingState::Stalled, Some(error.to_string()));
                return Some(error.to_string());
            }
        }
        None
    }

    fn on_disk(&mut self, tracks: &[TrackId], now: Moment) {
        self.disk_error = None;
        for line in self.lines.iter_mut().filter(|line| tracks.contains(&line.id)) {
            line.on_disk = Some(now);
        }
        if !matches!(self.state, RecordingState::Recording) {
            self.judge(false, now);
        }
    }

    /// True once after a change of state.
    pub(super) fn is_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    pub(super) fn turn(&mut self, armed: bool, now: Moment) {
        self.judge(armed, now);
    }

    fn judge(&mut self, armed: bool, now: Moment) {
        if let Some(error) = self.disk_error.clone() {
            return self.settle(RecordingState::Stalled, Some(error));
        }
        let is_fresh = |moment: Option<Moment>| moment.is_some_and(|at| now.since(at) <= FRESH);
        let required: Vec<Kind> = if self.required.is_empty() {
            self.lines.iter().map(|line| line.kind).collect()
        } else {
            self.required.clone()
        };
        let of = |kind: Kind| self.lines.iter().filter(move |line| line.kind == kind);
        let missing = required.iter().find(|kind| !of(**kind).any(|line| is_fresh(line.on_disk)));
        let Some(kind) = missing.copied() else {
            return self.settle(RecordingState::Recording, None);
        };
        if armed {
            let reason = "it waits for an event; what comes meanwhile is in memory only";
            return self.settle(RecordingState::Armed, Some(reason.into()));
        }
        let word = kind.as_str();
        let reason = if of(kind).next().is_none() {
            format!("{word} is required, and the stream has none")
        } else if !of(kind).any(|line| is_fresh(line.arrived)) {
            format!("the stream has sent no {word} for {} s", FRESH.as_secs())
        } else {
            format!("{word} comes, and has not come to the disk for {} s", FRESH.as_secs())
        };
        if now.since(self.begun) <= FRESH
            && matches!(self.state, RecordingState::Starting | RecordingState::Waiting)
        {
            return self.settle(RecordingState::Starting, Some("nothing is on the disk yet".into()));
        }
        self.settle(RecordingState::Stalled, Some(reason));
    }

    /// The stream has nothing to record.
    pub(super) fn wait(&mut self, why: String) {
        self.lines.clear();
        self.place = None;
        let state = if self.disk_error.is_some() { RecordingState::Stalled } else { RecordingState::Waiting };
        self.settle(state, self.disk_error.clone().or(Some(why)));
    }

    /// These are not its hours.
    pub(super) fn rest(&mut self, why: String) {
        self.lines.clear();
        self.place = None;
        self.disk_error = None;
        self.settle(RecordingState::Scheduled, Some(why));
    }

    /// They are again.
    pub(super) fn wake(&mut self) {
        if self.state == RecordingState::Scheduled {
            self.settle(RecordingState::Starting, Some("its hours have begun".into()));
        }
    }

    pub(super) fn stop(&mut self) {
        self.settle(RecordingState::Stopped, None);
    }

    fn settle(&mut self, state: RecordingState, reason: Option<String>) {
        self.news |= state != self.state;
        self.state = state;
        self.reason = reason;
    }

    /// Brings a report up to date. False: it was.
    pub(super) fn write(&mut self, report: &mut RecordingReport, wall: WallTime) -> bool {
        let before = report.clone();
        if report.state != self.state {
            report.since = wall;
        }
        report.state = self.state;
        report.reason.clone_from(&self.reason);
        report.bytes = self.bytes_closed + self.bytes_open;
        report.segments = self.segments;
        report.lost_ms = u64::try_from(self.lost_micros / 1000).unwrap_or(0);
        (report.storage, report.file) = self.place.clone().unzip();
        report.skipped.clone_from(&self.skipped);
        *report != before
    }
}
