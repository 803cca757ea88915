//! What may be wrong with one track of the stream.
use super::drift::Drift;
use super::slot::{Slot, Verdict};
use super::still::Still;
use super::{AlertKind, AlertLimits, AlertOutput, LineFacts, SourceTraits};
use media::{Codec, Kind, Moment, Track, Unit};
use std::collections::VecDeque;
use std::fmt;

const NOT_SENT: Verdict = Verdict::Fine("nobody sends it any more");
const A_KEYFRAME: &str = "a key frame came";
const CHANGES: &str = "the picture changes again";

/// A track in words.
#[derive(Clone, Copy)]
struct Who {
    codec: Codec,
    source: Option<usize>,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.codec.kind().as_str(), self.codec)?;
        match self.source {
            Some(index) => write!(f, " of source {index}"),
            None => f.write_str(" of the publisher"),
        }
    }
}

/// How far the clock of a track is off.
#[derive(Clone, Copy, Default)]
pub(super) struct TrackDrift {
    /// Millionths, without sign.
    pub(super) ppm: i64,
    /// An alert says so.
    pub(super) told: bool,
}

/// What the other tracks of the same sender say.
#[derive(Clone, Copy)]
pub(super) struct Others {
    /// When it was last heard on any track.
    pub(super) heard_at: Option<Moment>,
    /// How far its clock is off on its other tracks.
    pub(super) drift: TrackDrift,
}

/// Watches one track.
#[derive(Debug)]
pub(super) struct LineWatch {
    codec: Codec,
    pub(super) source: Option<usize>,
    traits: SourceTraits,
    /// Somebody sends it.
    pub(super) sent: bool,
    sent_since: Moment,
    pub(super) heard_at: Option<Moment>,
    on_request: bool,
    keyframe_at: Option<Moment>,
    /// The first wish for a key frame that was not fulfilled.
    wish_at: Option<Moment>,
    still: Still,
    drift: Drift,
    missing: Slot,
    no_keyframe: Slot,
    standing: Slot,
    drifting: Slot,
}

impl LineWatch {
    pub(super) fn new(codec: Codec, now: Moment) -> Self {
        Self {
            codec,
            source: None,
            traits: SourceTraits::default(),
            sent: false,
            sent_since: now,
            heard_at: None,
            on_request: false,
            keyframe_at: None,
            wish_at: None,
            still: Still::default(),
            drift: Drift::default(),
            missing: Slot::new(AlertKind::TrackMissing),
            no_keyframe: Slot::new(AlertKind::Frozen),
            standing: Slot::new(AlertKind::Frozen),
            drifting: Slot::new(AlertKind::ClockDrift),
        }
    }

    pub(super) fn kind(&self) -> Kind {
        self.codec.kind()
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = &Slot> {
        [&self.missing, &self.no_keyframe, &self.standing, &self.drifting].into_iter()
    }

    pub(super) fn slots_mut(&mut self) -> impl Iterator<Item = &mut Slot> {
        [&mut self.missing, &mut self.no_keyframe, &mut self.standing, &mut self.drifting].into_iter()
    }

    /// It is sent, in this way. What another sent before says nothing about it.
    pub(super) fn handle_facts(&mut self, facts: &LineFacts<'_>, traits: SourceTraits, now: Moment) {
        let another = self.source != facts.source || self.codec != facts.track.codec;
        if another || !self.sent {
            self.sent_since = now;
            self.keyframe_at = None;
            self.wish_at = None;
            self.still = Still::default();
            self.drift = Drift::default();
        }
        self.sent = true;
        self.codec = facts.track.codec;
        self.source = facts.source;
        self.traits = traits;
        self.heard_at = facts.heard_at;
        self.on_request = facts.keyframes_on_request;
    }

    /// True when something is to be looked at.
    pub(super) fn handle_unit(&mut self, unit: &Unit, track: &Track, now: Moment) -> bool {
        if self.traits.repeats {
            return false;
        }
        if unit.discontinuity {
            self.drift = Drift::default();
        }
        let measured = self.drift.handle_unit(unit.dts_time(track).as_micros(), unit.arrival);
        if !unit.keyframe || self.kind() != Kind::Video {
            return measured;
        }
        self.keyframe_at = Some(now);
        self.wish_at = None;
        self.still.handle_keyframe(&unit.data, now);
        true
    }

    /// True when something is to be looked at.
    pub(super) fn handle_keyframe_wanted(&mut self, now: Moment) -> bool {
        let first = self.sent && self.wish_at.is_none();
        if first {
            self.wish_at = Some(now);
        }
        first && self.on_request
    }

    pub(super) fn drift(&self) -> TrackDrift {
        TrackDrift { ppm: self.drift.ppm().unwrap_or_default().abs(), told: self.drifting.raised().is_some() }
    }

    /// Returns when to settle again.
    pub(super) fn settle(
        &mut self,
        others: Others,
        limits: &AlertLimits,
        now: Moment,
        told: &mut VecDeque<AlertOutput>,
    ) -> Moment {
        let who = Who { codec: self.codec, source: self.source };
        let source = self.source;

        let verdict = self.verdict_missing(others, limits, now);
        let seconds = limits.track_missing.as_secs();
        let detail =
            || format!("no {who} for {seconds} s, though the rest of it comes: check what it is set to send");
        let mut due = self.missing.settle(source, verdict, detail, now, told);

        let verdict = self.verdict_keyframe(limits);
        let seconds = limits.keyframe_gap.as_secs();
        let detail = || {
            format!(
                "no key frame in the {who} for {seconds} s, so nobody can begin to watch: shorten its key frame interval"
            )
        };
        due = due.min(self.no_keyframe.settle(source, verdict, detail, now, told));

        let verdict = self.verdict_still(limits);
        let seconds = limits.still.as_secs();
        let detail = || {
            format!(
                "the {who} stands still: its key frames have been the same to the byte for {seconds} s; restart the camera"
            )
        };
        due = due.min(self.standing.settle(source, verdict, detail, now, told));

        let ppm = self.drift.ppm();
        let verdict = self.verdict_drift(ppm, others, limits, now);
        let detail = || {
            let ppm = ppm.unwrap_or_default();
            let (ms, way) = ((ppm.abs() * 60 / 1000), if ppm > 0 { "slow" } else { "fast" });
            format!(
                "the {who} comes {ms} ms a minute too {way}: its clock is off, or the network carries less than it sends; \
                 set its clock by NTP, or lower its bit rate"
            )
        };
        due.min(self.drifting.settle(source, verdict, detail, now, told))
    }

    fn verdict_missing(&self, others: Others, limits: &AlertLimits, now: Moment) -> Verdict {
        if !self.sent {
            return NOT_SENT;
        }
        if self.traits.pauses {
            return Verdict::Fine("it may be paused");
        }
        let since = self.heard_at.map_or(self.sent_since, |at| at.max(self.sent_since));
        let rest_comes =
            others.heard_at.is_some_and(|at| at > since && now.since(at) <= limits.track_missing);
        if !rest_comes && now.since(since) >= limits.track_missing {
            return Verdict::Fine("its source sends nothing at all any more");
        }
        Verdict::after(since, limits.track_missing, "it comes again")
    }

    fn verdict_keyframe(&self, limits: &AlertLimits) -> Verdict {
        if !self.sent {
            return NOT_SENT;
        }
        if self.missing.raised().is_some() {
            return Verdict::Fine("no picture comes at all (see track_missing)");
        }
        let last = self.keyframe_at.unwrap_or(self.sent_since);
        let since = if self.on_request { self.wish_at } else { Some(last) };
        match since.filter(|_| self.kind() == Kind::Video && !self.traits.repeats) {
            Some(since) => Verdict::after(since, limits.keyframe_gap, A_KEYFRAME),
            None => Verdict::Fine(A_KEYFRAME),
        }
    }

    fn verdict_still(&self, limits: &AlertLimits) -> Verdict {
        if !self.sent {
            return NOT_SENT;
        }
        match self.still.since().filter(|_| !self.traits.fallback) {
            Some(since) => Verdict::after(since, limits.still, CHANGES),
            None => Verdict::Fine(CHANGES),
        }
    }

    /// One alert for all tracks of a sender: they mostly share their clock.
    fn verdict_drift(&self, ppm: Option<i64>, others: Others, limits: &AlertLimits, now: Moment) -> Verdict {
        if !self.sent {
            return NOT_SENT;
        }
        let (Some(ppm), false) = (ppm, others.drift.told) else {
            return Verdict::Fine("its clock started anew");
        };
        let max = i64::from(limits.drift_ppm);
        // Half of it on every track ends the alert: what is near the limit does not come and go.
        let (ppm, max) = match self.drifting.raised() {
            Some(_) => (ppm.abs().max(others.drift.ppm), max / 2),
            None => (ppm.abs(), max),
        };
        if limits.drift_ppm == 0 || ppm <= max {
            return Verdict::Fine("it keeps time again");
        }
        let span = u64::try_from(Drift::SPAN.as_nanos()).unwrap_or(u64::MAX);
        let began = Moment::from_nanos(now.as_nanos().saturating_sub(span));
        Verdict::Trouble { since: began, due: now, fine: "" }
    }
}
