//! The player: gives recorded units out when they are due, at any speed, from anywhere. Sans-IO: whoever reads the files
//! gives it units, and time is an argument.
//!
//! Positions are microseconds of recorded media since the first file of a run was zero; a run begins with each seek. Gaps
//! between recordings have no positions: what follows one follows at once. The times that go out rise for ever, over
//! seeks and changes of speed; between two runs there is no time that nothing is shown in.
mod pace;
mod terms;
#[cfg(test)]
mod tests;

use super::speed::Speed;
use media::{Moment, Track, Unit, WallTime, rescale};
use pace::Pace;
use std::collections::VecDeque;
use std::time::Duration;
pub(crate) use terms::{Ask, Output, Piece, Then};

/// Bytes read ahead: 1 MiB, two seconds of 4 Mbit/s. One batch of the reader and one frame may lie over it.
const AHEAD_BYTES: usize = 1 << 20;
/// Units read ahead: 512, seven seconds with sound; a quiet picture would fill the bytes with minutes.
const AHEAD_UNITS: usize = 512;
/// Where the recording is still being made, it is looked for more so often: parts have half a second.
const EDGE_EVERY: Duration = Duration::from_millis(250);
/// The recordings have ended when nothing has come for so long and nobody records: 10 s. A recorder that lost its stream
/// begins anew within one or two.
const EDGE_MAX: Duration = Duration::from_secs(10);
/// What is late by more than this, for a slow disk or at the recording's end, moves the rest with it: 300 ms. Less is made
/// up for.
const LATE_MAX: Duration = Duration::from_millis(300);

/// Something read, with its place.
enum Entry {
    Tracks(Vec<Track>),
    Unit(Placed),
}

struct Placed {
    unit: Unit,
    /// Decoding and showing.
    dts: i64,
    pts: i64,
    lasts: i64,
    main: bool,
    /// The first of its track in a file that does not join the one before.
    breaks: bool,
}

/// The file that is being read.
struct Segment {
    tracks: Vec<Track>,
    main: usize,
    /// Added to its times; known with its first unit of the main track, or of any where that comes first.
    offset: Option<i64>,
    breaks: Vec<bool>,
}

/// Gives units out when they are due.
pub(crate) struct Player {
    speed: Speed,
    paused_at: Option<Moment>,
    run: u64,
    /// Where the run is to begin, until that was said to the reader.
    begin_at: Option<WallTime>,
    reading: bool,
    then: Then,
    /// When to look for more at the edge, and since when there is none.
    edge: Option<(Moment, Moment)>,
    segment: Option<Segment>,
    asked: Option<i64>,
    queue: VecDeque<Entry>,
    queue_bytes: usize,
    /// Where what was read ends, on the main track.
    read_end: i64,
    /// `None` until the run's first unit goes out.
    pace: Option<Pace>,
    tracks: Vec<Track>,
    /// Of each track: what went out last, in its ticks.
    last_dts: Vec<Option<i64>>,
    /// Where what went out ends, in microseconds of the outgoing times.
    out_end: i64,
    /// The wall time and the highest position of what went out.
    at: WallTime,
    shown: i64,
}

impl Player {
    /// Plays from a moment on.
    pub(crate) fn new(at: WallTime, speed: Speed, paused: bool, now: Moment) -> Self {
        Self {
            speed,
            paused_at: paused.then_some(now),
            run: 0,
            begin_at: Some(at),
            reading: false,
            then: Then::More,
            edge: None,
            segment: None,
            asked: None,
            queue: VecDeque::new(),
            queue_bytes: 0,
            read_end: 0,
            pace: None,
            tracks: Vec::new(),
            last_dts: Vec::new(),
            out_end: 0,
            at,
            shown: 0,
        }
    }

    /// The wall time of what is shown.
    pub(crate) fn at(&self) -> WallTime {
        self.at
    }

    /// Goes on from there.
    pub(crate) fn seek(&mut self, at: WallTime, now: Moment) {
        self.run += 1;
        self.begin_at = Some(at);
        self.at = at;
        self.then = Then::More;
        self.edge = None;
        self.segment = None;
        self.asked = None;
        self.queue.clear();
        self.queue_bytes = 0;
        self.read_end = 0;
        self.pace = None;
        self.shown = 0;
        self.paused_at = self.paused_at.map(|_| now);
    }

    /// Goes on at another speed.
    pub(crate) fn set_speed(&mut self, speed: Speed, now: Moment) {
        if speed == self.speed {
            return;
        }
        let before = std::mem::replace(&mut self.speed, speed);
        if before.keys_only() != speed.keys_only() {
            // What was read ahead is not what is shown from now on.
            return self.seek(self.at, now);
        }
        if let Some(pace) = &mut self.pace {
            pace.turn(self.shown, speed.slope());
        }
    }

    /// Stands still, or goes on.
    pub(crate) fn set_paused(&mut self, paused: bool, now: Moment) {
        match (paused, self.paused_at) {
            (true, None) => self.paused_at = Some(now),
            (false, Some(since)) => {
                self.paused_at = None;
                if let Some(pace) = &mut self.pace {
                    pace.delay(now.since(since));
                }
            }
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// What was read for an [`Ask`], and what comes after it.
    pub(crate) fn handle_batch(&mut self, run: u64, pieces: Vec<Piece>, then: Then, now: Moment) {
        self.reading = false;
        if run != self.run {
            return;
        }
        let some = !pieces.is_empty();
        for piece in pieces {
            match piece {
                Piece::Begin { tracks, main, joins, asked_micros } => {
                    self.asked = self.asked.or(asked_micros);
                    let breaks = vec![!joins; tracks.len()];
                    self.queue.push_back(Entry::Tracks(tracks.clone()));
                    self.segment = Some(Segment { tracks, main, offset: None, breaks });
                }
                Piece::Unit(unit, lasts) => self.place(unit, lasts),
            }
        }
        self.then = then;
        self.edge = match then {
            Then::Edge(_) => {
                let since = self.edge.filter(|_| !some).map_or(now, |(_, since)| since);
                Some((now + EDGE_EVERY, since))
            }
            Then::More | Then::End => None,
        };
    }

    /// Finds the place of a unit that was read.
    fn place(&mut self, unit: Unit, lasts: i64) {
        let Some(segment) = &mut self.segment else { return };
        let index = usize::from(unit.track);
        let Some(track) = segment.tracks.get(index) else { return };
        let rate = track.clock_rate;
        let micros = |ticks| rescale(ticks, rate, 1_000_000);
        let first_of_run = self.read_end == 0;
        let offset = *segment.offset.get_or_insert_with(|| {
            if first_of_run { 0 } else { self.read_end.saturating_sub(micros(unit.dts)) }
        });
        let placed = Placed {
            dts: micros(unit.dts).saturating_add(offset),
            pts: micros(unit.pts).saturating_add(offset),
            lasts,
            main: index == segment.main,
            breaks: segment.breaks.get_mut(index).is_some_and(std::mem::take),
            unit,
        };
        if placed.main {
            self.read_end = self.read_end.max(placed.dts.saturating_add(lasts)).max(1);
        }
        self.queue_bytes += placed.unit.data.len();
        self.queue.push_back(Entry::Unit(placed));
    }

    /// The next thing to do.
    pub(crate) fn poll_output(&mut self, now: Moment) -> Output {
        loop {
            if let Some(ask) = self.wants_more(now) {
                return Output::Read(ask);
            }
            let due = match self.queue.front() {
                Some(Entry::Tracks(_)) => {
                    let Some(Entry::Tracks(tracks)) = self.queue.pop_front() else { continue };
                    if tracks == self.tracks {
                        continue;
                    }
                    self.last_dts.resize(tracks.len(), None);
                    for ((last, old), new) in self.last_dts.iter_mut().zip(&self.tracks).zip(&tracks) {
                        // Ticks of another clock say nothing.
                        *last = last.filter(|_| old.clock_rate == new.clock_rate);
                    }
                    self.tracks.clone_from(&tracks);
                    return Output::Tracks(tracks);
                }
                Some(Entry::Unit(placed)) => self.due(placed, now),
                None => return self.at_the_end(now),
            };
            if now < due {
                return Output::WaitUntil(self.wake_at(due));
            }
            let Some(Entry::Unit(placed)) = self.queue.pop_front() else { continue };
            self.queue_bytes -= placed.unit.data.len();
            if let Some(unit) = self.give(placed, now) {
                return Output::Unit(unit);
            }
        }
    }

    fn wants_more(&mut self, now: Moment) -> Option<Ask> {
        if self.reading || (self.is_full() && self.begin_at.is_none()) {
            return None;
        }
        let wants = self.begin_at.is_some()
            || match self.then {
                Then::More => true,
                Then::Edge(_) => self.edge.is_none_or(|(at, _)| now >= at),
                Then::End => false,
            };
        wants.then(|| {
            self.reading = true;
            Ask { run: self.run, at: self.begin_at.take(), keys_only: self.speed.keys_only() }
        })
    }

    fn is_full(&self) -> bool {
        self.queue_bytes >= AHEAD_BYTES || self.queue.len() >= AHEAD_UNITS
    }

    /// When something happens without anybody's doing.
    fn wake_at(&self, due: Moment) -> Moment {
        match self.edge {
            Some((at, _)) if !self.reading && !self.is_full() => due.min(at),
            Some(_) | None => due,
        }
    }

    /// When a unit is due: the first of a run at once, and what lies before the moment that was asked for, also while it
    /// stands still: that is what is to be seen then.
    fn due(&self, placed: &Placed, now: Moment) -> Moment {
        let Some(pace) = &self.pace else { return now };
        match pace.due(placed.dts) {
            None => now,
            Some(_) if self.paused_at.is_some() => Moment::FAR_FUTURE,
            Some(at) => at,
        }
    }

    fn at_the_end(&self, now: Moment) -> Output {
        if self.reading {
            return Output::WaitUntil(Moment::FAR_FUTURE);
        }
        let over = match (self.then, self.edge) {
            (Then::More, _) | (Then::Edge(_), None) => return Output::WaitUntil(now),
            (Then::Edge(true), Some((at, _))) => return Output::WaitUntil(at),
            (Then::Edge(false), Some((at, since))) => {
                if now.since(since) < EDGE_MAX {
                    return Output::WaitUntil(at);
                }
                now
            }
            // The last picture is shown as long as it lasts.
            (Then::End, _) => match &self.pace {
                Some(_) if self.paused_at.is_some() => Moment::FAR_FUTURE,
                Some(pace) => pace.due(self.read_end).unwrap_or(now),
                None => now,
            },
        };
        if now < over { Output::WaitUntil(over) } else { Output::Ended }
    }

    /// Puts a unit on the outgoing line. `None`: it is not for this speed.
    fn give(&mut self, placed: Placed, now: Moment) -> Option<Unit> {
        let index = usize::from(placed.unit.track);
        let rate = self.tracks.get(index)?.clock_rate;
        if !placed.main && !self.tracks.get(index)?.codec.is_video() && !self.speed.has_sound() {
            return None;
        }
        if self.pace.is_none() {
            // It stands still since it is seen.
            self.paused_at = self.paused_at.map(|_| now);
        }
        let (asked, slope) = (self.asked.unwrap_or(placed.dts), self.speed.slope());
        let out_end = self.out_end;
        let pace = self.pace.get_or_insert_with(|| Pace::new(placed.dts, asked, out_end, slope, now));
        if let Some(due) = pace.due(placed.dts) {
            let late = now.since(due);
            if late > LATE_MAX {
                pace.delay(late);
            }
        }
        let out = |position| rescale(pace.out(position), 1_000_000, rate);
        let (mut dts, mut pts) = (out(placed.dts), out(placed.pts));
        let end = pace.out(placed.dts.saturating_add(placed.lasts.max(1)));
        let last = self.last_dts.get_mut(index)?;
        if let Some(last) = *last
            && dts <= last
        {
            dts = last + 1;
            pts = pts.max(dts);
        }
        let discontinuity = placed.breaks && last.is_some();
        *last = Some(dts);
        if placed.main {
            self.out_end = self.out_end.max(end);
            self.at = placed.unit.wall;
            self.shown = self.shown.max(placed.pts);
        } else {
            self.out_end = self.out_end.max(pace.out(placed.dts));
        }
        Some(Unit { dts, pts: pts.max(dts), arrival: now, discontinuity, ..placed.unit })
    }
}
