//! A stream's lines: the tracks that it has, each fed by one publisher at a time.
//!
//! A line is a codec with its clock and channels. Sources that send the same are one line, so that readers stay when
//! one stands in for another; sources that send something else are lines beside it, and readers take what they can.
//! A line keeps its id as long as the stream is used.
use media::{Kind, Moment, Track, TrackId, Tracks};
use std::sync::Arc;
use std::time::Duration;

/// Most lines of a stream: 64. A stream has a handful; a publisher that invents codecs gets no further.
const LINES_MAX: usize = 64;

/// The lines as feeds and readers see them.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    /// Every line by its id, those that nobody feeds now among them.
    pub(crate) tracks: Tracks,
    /// Those that somebody feeds, in order of preference.
    pub(crate) offered: Arc<[TrackId]>,
}

impl Default for Lines {
    fn default() -> Self {
        Self { tracks: Tracks::from([]), offered: Arc::from([]) }
    }
}

impl Lines {
    /// The tracks offered, in order of preference; their ids are the stream's.
    pub(crate) fn offer(&self) -> Tracks {
        self.offered.iter().filter_map(|id| self.tracks.get(usize::from(*id)).cloned()).collect()
    }
}

/// One line.
pub(crate) struct Line {
    pub(crate) track: Track,
    /// The publisher that feeds it now.
    pub(crate) feeder: Option<u64>,
    /// How soon a reader takes it, smaller is sooner; `None`: no publisher there sends it.
    pub(crate) rank: Option<(usize, usize)>,
    pub(crate) last_dts: Option<i64>,
    pub(crate) heard_at: Option<Moment>,
    /// When the last publisher that sent it left, or said that it sends something else (`true`).
    lost: Option<(Moment, bool)>,
    told_lost: bool,
}

/// All lines of a stream.
#[derive(Default)]
pub(crate) struct LineTable {
    lines: Vec<Line>,
    /// What [`LineTable::snapshot`] gave last: unchanged lines cost no allocation.
    seen: Lines,
}

impl LineTable {
    /// The line for a track, other than those in `taken`; a new one where there is none. `None`: too many.
    pub(crate) fn find_or_add(&mut self, track: &Track, taken: impl Fn(&Line) -> bool) -> Option<TrackId> {
        let same = |line: &&Line| {
            let there = &line.track;
            there.codec == track.codec
                && there.clock_rate == track.clock_rate
                && there.channels == track.channels
                && !taken(line)
        };
        if let Some(line) = self.lines.iter().find(same) {
            return Some(line.track.id);
        }
        if self.lines.len() >= LINES_MAX {
            return None;
        }
        let id = TrackId::try_from(self.lines.len()).ok()?;
        self.lines.push(Line {
            track: Track { id, ..track.clone() },
            feeder: None,
            rank: None,
            last_dts: None,
            heard_at: None,
            lost: None,
            told_lost: false,
        });
        Some(id)
    }

    pub(crate) fn get_mut(&mut self, id: TrackId) -> Option<&mut Line> {
        self.lines.get_mut(usize::from(id))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Line> {
        self.lines.iter_mut()
    }

    /// Sets who sends which line, by id: lines not named are lost; `redeclared`: because of what a publisher said.
    pub(crate) fn set_ranks(&mut self, ranks: &[Option<(usize, usize)>], redeclared: bool, now: Moment) {
        for (index, line) in self.lines.iter_mut().enumerate() {
            let rank = ranks.get(index).copied().flatten();
            if rank.is_none() && line.rank.is_some() {
                line.lost = Some((now, redeclared));
                line.told_lost = false;
            } else if rank.is_some() {
                line.lost = None;
            }
            line.rank = rank;
        }
    }

    /// The lines as readers see them, and whether that changed since the last call.
    pub(crate) fn snapshot(&mut self) -> (Lines, bool) {
        let mut offered: Vec<(Kind, (usize, usize), TrackId)> = self
            .lines
            .iter()
            .filter_map(|line| line.rank.map(|rank| (line.track.kind(), rank, line.track.id)))
            .collect();
        offered.sort_by_key(|(kind, rank, id)| (*kind == Kind::Audio, *rank, *id));
        let offered: Vec<TrackId> = offered.into_iter().map(|(_, _, id)| id).collect();
        let same_tracks = self.lines.len() == self.seen.tracks.len()
            && self.lines.iter().zip(&*self.seen.tracks).all(|(line, seen)| line.track == *seen);
        let changed = !same_tracks || *self.seen.offered != *offered;
        if !same_tracks {
            self.seen.tracks = self.lines.iter().map(|line| line.track.clone()).collect();
        }
        if changed {
            self.seen.offered = offered.into();
        }
        (self.seen.clone(), changed)
    }

    /// Lines that nobody sends any more while another of their kind is there: those who read them had better come
    /// again. Each is told once, `grace` after its publisher left; at once, if its publisher sends something else now.
    pub(crate) fn superseded(&mut self, grace: Duration, now: Moment) -> Vec<TrackId> {
        let sent: Vec<Kind> =
            self.lines.iter().filter(|line| line.rank.is_some()).map(|line| line.track.kind()).collect();
        let mut superseded = Vec::new();
        for line in self.lines.iter_mut().filter(|line| !line.told_lost) {
            let due = line.lost.is_some_and(|(at, redeclared)| redeclared || now.since(at) >= grace);
            if due && sent.contains(&line.track.kind()) {
                line.told_lost = true;
                superseded.push(line.track.id);
            }
        }
        superseded
    }

    /// Forgets all lines: nobody reads and nobody publishes.
    pub(crate) fn clear(&mut self) {
        self.lines.clear();
    }
}
