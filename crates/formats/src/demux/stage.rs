//! Between a demuxer and its events: units wait here until the tracks are known.
//!
//! Owns the numbering of the tracks, the units kept meanwhile, and what was noted already.
use super::{DemuxEvent, Note};
use bytes::Bytes;
use media::{Kind, Moment, Track, TrackId, Unit, WallTime};
use std::collections::VecDeque;
use std::time::Duration;

/// Most bytes kept while waiting: 8 MiB, 3 s at 20 Mbit/s.
const HELD_BYTES_MAX: usize = 8 << 20;
/// Most units kept while waiting: 1,024, five times what 3 s of 60 pictures and 47 sound frames a second are.
pub(crate) const HELD_UNITS_MAX: usize = 1024;
/// Most different notes kept, so that a peer that invents codecs fills nothing: 16.
const NOTES_MAX: usize = 16;

/// Which elementary stream of the demuxer; not the track's number, which comes with the declaration.
pub(crate) type LaneId = usize;

/// How long to wait for tracks that are not known yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wait {
    /// All that will come is here.
    Nothing,
    /// So long after the first unit, by arrival or by media time.
    For(Duration),
}

/// A frame with its times, not yet a unit.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) pts: i64,
    pub(crate) dts: i64,
    /// The decoding time in milliseconds.
    pub(crate) line_ms: i64,
    pub(crate) keyframe: bool,
    pub(crate) discontinuity: bool,
    pub(crate) data: Bytes,
}

/// Lets units through when the tracks are known.
///
/// `Collecting` → `Declared` when nothing more is waited for, or the units kept meanwhile reached their limit;
/// `Declared` → `Collecting` when the demuxer begins anew with other tracks.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    events: VecDeque<DemuxEvent>,
    wall: Option<(Moment, WallTime)>,
    lanes: Vec<Lane>,
    state: State,
    notes: Vec<Note>,
}

#[derive(Debug, Default)]
struct Lane {
    /// What is known of it; `None` while its parameters are not.
    track: Option<Track>,
    /// Its number, once declared.
    id: Option<TrackId>,
}

#[derive(Debug)]
enum State {
    Collecting(Held),
    /// How many tracks were declared.
    Declared(TrackId),
}

/// Units that wait for the tracks to be known.
#[derive(Debug, Default)]
struct Held {
    units: Vec<(LaneId, Unit)>,
    bytes: usize,
    /// Arrival and time of the first frame.
    first: Option<(Moment, i64)>,
}

impl Default for State {
    fn default() -> Self {
        State::Collecting(Held::default())
    }
}

impl Stage {
    /// Says what the wall clock shows at `now`; units carry their arrival by it. Without it `Unit::wall` stays zero.
    pub(crate) fn set_wall_clock(&mut self, now: Moment, wall: WallTime) {
        self.wall = Some((now, wall));
    }

    /// Adds an elementary stream.
    pub(crate) fn add_lane(&mut self) -> LaneId {
        self.lanes.push(Lane::default());
        self.lanes.len() - 1
    }

    /// Says what a lane is, now that its parameters are known or have changed. The number in it does not count.
    pub(crate) fn describe(&mut self, lane: LaneId, track: Track) {
        let Some(entry) = self.lanes.get_mut(lane) else { return };
        let id = entry.id.unwrap_or_default();
        let track = Track { id, ..track };
        if entry.track.as_ref() == Some(&track) {
            return;
        }
        entry.track = Some(track);
        if entry.id.is_some() {
            self.tell_tracks();
        }
    }

    /// Some lane of this kind has its parameters.
    pub(crate) fn knows(&self, kind: Kind) -> bool {
        self.lanes.iter().filter_map(|lane| lane.track.as_ref()).any(|track| track.kind() == kind)
    }

    /// Takes a frame of a lane that is described. One that comes after the declaration is told as a further track.
    pub(crate) fn push(&mut self, lane: LaneId, frame: Placed, now: Moment, wait: Wait) {
        let Some(entry) = self.lanes.get_mut(lane) else { return };
        let wall = self.wall.map_or(WallTime::default(), |(at, wall)| {
            WallTime::from_micros(wall.as_micros() + now.nanos_from(at) / 1000)
        });
        let mut unit = Unit {
            track: entry.id.unwrap_or_default(),
            pts: frame.pts,
            dts: frame.dts,
            arrival: now,
            wall,
            keyframe: frame.keyframe,
            discontinuity: frame.discontinuity,
            data: frame.data,
        };
        match &mut self.state {
            State::Collecting(held) => {
                let (arrival, first_ms) = *held.first.get_or_insert((now, frame.line_ms));
                held.bytes += unit.data.len();
                held.units.push((lane, unit));
                let full = held.bytes > HELD_BYTES_MAX || held.units.len() >= HELD_UNITS_MAX;
                let waited = match wait {
                    Wait::Nothing => true,
                    Wait::For(wait) => {
                        now.since(arrival) >= wait
                            || frame.line_ms.saturating_sub(first_ms) >= wait.as_millis() as i64
                    }
                };
                if full || waited {
                    self.declare();
                }
            }
            State::Declared(count) => {
                if entry.id.is_none() {
                    unit.track = *count;
                    entry.id = Some(*count);
                    *count = count.saturating_add(1);
                    self.tell_tracks();
                }
                self.events.push_back(DemuxEvent::Unit(unit));
            }
        }
    }

    /// Declares the tracks with what was seen so far: at the end of a short input, or when the caller waited enough.
    pub(crate) fn declare(&mut self) {
        let State::Collecting(held) = &mut self.state else { return };
        let units = std::mem::take(&mut held.units);
        let mut next = 0;
        for kind in [Kind::Video, Kind::Audio] {
            for lane in &mut self.lanes {
                if lane.track.as_ref().is_some_and(|track| track.kind() == kind) {
                    lane.id = Some(next);
                    next += 1;
                }
            }
        }
        self.state = State::Declared(next);
        if next > 0 {
            self.tell_tracks();
        }
        for (lane, mut unit) in units {
            let Some(id) = self.lanes.get(lane).and_then(|lane| lane.id) else { continue };
            unit.track = id;
            self.events.push_back(DemuxEvent::Unit(unit));
        }
    }

    /// Forgets all lanes, after giving out what they had: other tracks follow.
    pub(crate) fn restart(&mut self) {
        self.declare();
        self.lanes.clear();
        self.state = State::default();
    }

    /// Tells something, unless it was told before.
    pub(crate) fn note(&mut self, note: Note) {
        if self.notes.len() < NOTES_MAX && !self.notes.contains(&note) {
            self.notes.push(note.clone());
            self.events.push_back(DemuxEvent::Note(note));
        }
    }

    /// Adds an event of the demuxer's own.
    pub(crate) fn tell(&mut self, event: DemuxEvent) {
        self.events.push_back(event);
    }

    /// The next event.
    pub(crate) fn pop(&mut self) -> Option<DemuxEvent> {
        self.events.pop_front()
    }

    fn tell_tracks(&mut self) {
        let known = self.lanes.iter().filter_map(|lane| Some(Track { id: lane.id?, ..lane.track.clone()? }));
        let mut tracks: Vec<Track> = known.collect();
        tracks.sort_by_key(|track| track.id);
        self.events.push_back(DemuxEvent::Tracks(tracks));
    }
}
