//! A take: turns the units of one stream into segments. Sans-IO: units and time go in, what is to be written comes out.
//!
//! A segment begins at a key frame of the main track (the pictures; the sound, where there are none), and ends at a later
//! one: when it is long or large enough, at a boundary of the wall clock, when codecs change, or when what comes does not
//! follow what came. Its wall times are those of its units, never those of files.
mod cut;
mod file;
mod pace;

pub use cut::CutRules;
pub(crate) use cut::JITTER_MICROS;

use crate::segment::{FileFormat, Span};
use bytes::Bytes;
use cut::{Cut, Place};
use file::FileMuxer;
use media::{MediaTime, Moment, Track, TrackId, Unit, WallTime};
use pace::Pace;
use std::collections::VecDeque;
use std::time::Duration;

/// What waits this long is written: 500 ms. Whoever is killed has lost that, and the frame whose length was not known.
const PART: Duration = Duration::from_millis(500);
/// So much is written at once, however little time it is: 1 MiB, 0.3 s at 25 Mbit/s.
const PART_BYTES: usize = 1 << 20;

/// What is recorded how.
#[derive(Clone, PartialEq, Debug)]
pub struct TakePlan {
    /// Which kind of file.
    pub format: FileFormat,
    /// When a segment ends.
    pub cut: CutRules,
}

/// What is to be done next, in this order.
#[derive(Debug)]
pub enum Output {
    /// Begin a segment.
    Begin {
        /// When its first frame was captured.
        from: WallTime,
        /// Codecs, such as `h264+aac`.
        tracks: String,
        /// Why it does not follow the one before, where it does not.
        gap: Option<String>,
        /// What the file begins with.
        head: Vec<Bytes>,
    },
    /// Append to it.
    Append {
        /// The bytes.
        pieces: Vec<Bytes>,
        /// Until when it reaches then.
        to: WallTime,
        /// The tracks that are in it.
        tracks: Vec<TrackId>,
    },
    /// Append and end it.
    Finish {
        /// The bytes.
        pieces: Vec<Bytes>,
        /// The whole segment's time.
        span: Span,
        /// The tracks that are in `pieces`.
        tracks: Vec<TrackId>,
    },
    /// Drained: poll again at this moment, or after any `handle_*`.
    WaitUntil(Moment),
}

/// `Waiting` for a key frame ↔ `Running` a segment.
enum State {
    /// Nothing is open. `gap`: why what comes next does not follow what came.
    Waiting { gap: Option<String> },
    /// A segment is open.
    Running(Box<Running>),
}

struct Running {
    muxer: FileMuxer,
    from: WallTime,
    /// Where that is on the stream's line.
    began_micros: i64,
    /// The main track's newest unit.
    newest: Place,
    bytes: u64,
    /// By how much its clock was set since it began, in microseconds.
    redated: i64,
    /// Since when something waits to be written.
    waits_since: Option<Moment>,
    fresh: Vec<TrackId>,
}

/// One recording's units on their way to its files. Ends with [`Take::finish`].
pub struct Take {
    plan: TakePlan,
    stream: String,
    tracks: Vec<Track>,
    main: Option<TrackId>,
    state: State,
    ready: VecDeque<Output>,
    ready_bytes: usize,
    /// Where the last segment ended: none of this take begins before.
    ended: Option<WallTime>,
    /// Where the line of files begins that follow each other.
    zero: Option<MediaTime>,
    successor: Option<FileMuxer>,
    pace: Pace,
    skipped: Vec<String>,
}

impl Take {
    /// Nothing is recorded before [`Take::handle_tracks`].
    pub fn new(stream: impl Into<String>, plan: TakePlan) -> Self {
        Self {
            plan,
            stream: stream.into(),
            tracks: Vec::new(),
            main: None,
            state: State::Waiting { gap: None },
            ready: VecDeque::new(),
            ready_bytes: 0,
            ended: None,
            zero: None,
            successor: None,
            pace: Pace::default(),
            skipped: Vec::new(),
        }
    }

    /// Says of the first segment that the recording begins with it. It may reach back into what another one recorded that
    /// was ended just now: rather twice than not at all.
    #[must_use]
    pub fn from_its_begin(self) -> Self {
        Self { state: State::Waiting { gap: Some("the recording begins here".into()) }, ..self }
    }

    /// The tracks that are recorded.
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// What cannot be recorded in this format, and why.
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// Bytes that wait to be written: whoever cannot write them stops giving more.
    pub fn waiting_bytes(&self) -> usize {
        let running = match &self.state {
            State::Running(running) => running.muxer.waiting_bytes(),
            State::Waiting { .. } => 0,
        };
        running + self.ready_bytes
    }

    /// The stream's tracks are these from now on. With others than before, a segment ends. An error says that none of them
    /// can be recorded.
    pub fn handle_tracks(&mut self, tracks: &[Track]) -> Result<(), String> {
        if self.tracks == tracks {
            return Ok(());
        }
        let first = self.tracks.is_empty();
        self.finish((!first).then(|| "what the stream sends has other parameters".to_owned()));
        self.successor = None;
        self.zero = None;
        let muxer = FileMuxer::new(self.plan.format, tracks)?;
        self.skipped = muxer.skipped();
        let carried: Vec<TrackId> = muxer.carried();
        self.tracks = tracks.to_vec();
        let of = |video: bool| {
            let mut all = self.tracks.iter().filter(|track| carried.contains(&track.id));
            all.find(|track| track.codec.is_video() == video).map(|track| track.id)
        };
        self.main = of(true).or_else(|| of(false));
        Ok(())
    }

    /// Units were lost on the way here: what comes next does not follow.
    pub fn handle_gap(&mut self, why: &str) {
        // Where nothing is open and a reason is known, this one is no news.
        if !matches!(self.state, State::Waiting { gap: Some(_) }) {
            self.finish(Some(why.to_owned()));
        }
    }

    /// Takes a unit of a track that was named.
    pub fn handle_unit(&mut self, unit: &Unit, now: Moment) {
        // By its place: a track has parameter sets, which are not copied for each unit.
        let Some(at) = self.tracks.iter().position(|track| track.id == unit.track) else { return };
        let is_main = Some(unit.track) == self.main;
        let mut paced = self.pace.place(unit, &self.tracks[at]);
        match self.judge(&paced, &self.tracks[at], is_main) {
            Cut::GoOn => {}
            Cut::Next => self.end_before(&paced),
            Cut::Gap(why) => {
                self.finish(Some(why));
                // Nothing is left of the pace before the gap.
                paced = self.pace.place(unit, &self.tracks[at]);
            }
        }
        let place = Place::of(&paced, &self.tracks[at]);
        if let State::Waiting { gap } = &mut self.state
            && is_main
            && paced.keyframe
            && self.ended.is_none_or(|ended| cut::may_follow(place.wall, ended))
        {
            let gap = gap.take();
            self.begin(place, gap);
        }
        if let State::Running(running) = &mut self.state {
            running.push(&paced, is_main.then_some(place), now);
            // Parts begin with key frames, so that a playlist can name them.
            let is_start = is_main && paced.keyframe && self.tracks[at].codec.is_video();
            if is_start || running.muxer.waiting_bytes() >= PART_BYTES {
                self.part();
            }
        }
    }

    /// What a unit means for the open segment.
    fn judge(&self, unit: &Unit, track: &Track, is_main: bool) -> Cut {
        let State::Running(running) = &self.state else { return Cut::GoOn };
        let before = if is_main { Some(running.newest) } else { running.muxer.newest_of(unit.track) };
        let Some(before) = before else { return Cut::GoOn };
        let place = Place::of(unit, track);
        self.plan.cut.judge(&running.so_far(), before, place, unit, is_main)
    }

    /// Ends the open segment with what there is. `gap`: why what comes next will not follow.
    pub fn finish(&mut self, gap: Option<String>) {
        let before = std::mem::replace(&mut self.state, State::Waiting { gap: None });
        let gap = match before {
            State::Running(running) => {
                let to = running.ends();
                self.close(*running, to, None);
                gap
            }
            State::Waiting { gap: known } => known.or(gap),
        };
        if gap.is_some() {
            self.pace.forget();
        }
        self.state = State::Waiting { gap };
    }

    /// What was to be written could not be: the rest of this segment is of no use. What comes next does not follow.
    pub fn abort(&mut self, why: &str) {
        self.successor = None;
        self.ready.clear();
        self.ready_bytes = 0;
        self.state = State::Waiting { gap: Some(why.to_owned()) };
    }

    /// The clock was set: all that was recorded is dated anew by so many microseconds, and the open segment with it.
    pub fn handle_redate(&mut self, micros: i64) {
        let moved = |wall: WallTime| WallTime::from_micros(wall.as_micros().saturating_add(micros));
        self.ended = self.ended.map(moved);
        self.pace.redate(micros);
        if let State::Running(running) = &mut self.state {
            running.from = moved(running.from);
            running.newest.wall = moved(running.newest.wall);
            running.redated += micros;
        }
    }

    /// Returns what is to be done next.
    pub fn poll_output(&mut self, now: Moment) -> Output {
        let due = match &self.state {
            State::Running(running) => running.waits_since.map(|since| since + PART),
            State::Waiting { .. } => None,
        };
        if due.is_some_and(|due| due <= now) {
            self.part();
        }
        match self.ready.pop_front() {
            Some(output) => {
                self.ready_bytes -= bytes_of(&output);
                output
            }
            None => Output::WaitUntil(due.filter(|due| *due > now).unwrap_or(Moment::FAR_FUTURE)),
        }
    }

    fn begin(&mut self, first: Place, gap: Option<String>) {
        let goes_on = self.successor.take().filter(|_| gap.is_none());
        // The tracks were tried with this format already.
        let Some(muxer) = goes_on.or_else(|| FileMuxer::new(self.plan.format, &self.tracks).ok()) else {
            return;
        };
        let from = self.ended.map_or(first.wall, |ended| cut::not_before(first.wall, ended));
        let named = self.tracks.iter().filter(|track| muxer.carried().contains(&track.id));
        let tracks = crate::whole::codecs_of(named);
        let follows = gap.is_none().then_some(self.zero).flatten();
        let zero = *self.zero.insert(follows.unwrap_or(first.time()));
        let mut muxer = muxer.on_line_from(zero);
        let head = muxer.head(&self.stream, self.plan.cut.length);
        self.push(Output::Begin { from, tracks, gap, head });
        let newest = Place { wall: from, ..first };
        self.state = State::Running(Box::new(Running {
            muxer,
            from,
            began_micros: first.micros,
            newest,
            bytes: 0,
            redated: 0,
            waits_since: None,
            fresh: Vec::new(),
        }));
    }

    /// Ends the segment where the next one begins, with this unit.
    fn end_before(&mut self, next: &Unit) {
        let before = std::mem::replace(&mut self.state, State::Waiting { gap: None });
        if let State::Running(running) = before {
            let to = cut::not_before(next.wall, running.from);
            self.close(*running, to, Some(next));
        }
    }

    fn close(&mut self, mut running: Running, to: WallTime, next: Option<&Unit>) {
        let pieces = running.muxer.finish(next);
        let span = Span { from: running.from, to };
        self.ended = Some(to);
        self.successor = running.muxer.successor();
        self.push(Output::Finish { pieces, span, tracks: running.fresh });
    }

    fn part(&mut self) {
        let State::Running(running) = &mut self.state else { return };
        running.waits_since = None;
        let pieces = running.muxer.part();
        if pieces.is_empty() {
            return;
        }
        running.bytes += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        let (to, tracks) = (running.newest.wall, std::mem::take(&mut running.fresh));
        self.push(Output::Append { pieces, to, tracks });
    }

    fn push(&mut self, output: Output) {
        self.ready_bytes += bytes_of(&output);
        self.ready.push_back(output);
    }
}

impl Running {
    fn push(&mut self, unit: &Unit, main: Option<Place>, now: Moment) {
        if let Some(place) = main {
            // Arrival jitters; the end of a segment must not lie before its begin.
            let wall = cut::not_before(place.wall, self.newest.wall);
            self.newest = Place { wall, ..place.following(self.newest) };
        }
        // A file has one clock, that of its begin: the index says how far that was off.
        let wall = WallTime::from_micros(unit.wall.as_micros().saturating_sub(self.redated));
        self.muxer.push(&Unit { wall, ..unit.clone() });
        if !self.fresh.contains(&unit.track) {
            self.fresh.push(unit.track);
        }
        self.waits_since.get_or_insert(now);
    }

    /// When its last unit ends. One that came late was captured earlier: the segment is no longer than its file.
    fn ends(&self) -> WallTime {
        let length = self.newest.micros + self.newest.step - self.began_micros;
        let by_file = self.from.as_micros().saturating_add(length.max(0));
        self.newest.end().min(WallTime::from_micros(by_file))
    }

    fn so_far(&self) -> cut::SoFar {
        cut::SoFar { from: self.from, bytes: self.bytes + self.muxer.waiting_bytes() as u64 }
    }
}

fn bytes_of(output: &Output) -> usize {
    match output {
        Output::Append { pieces, .. } | Output::Finish { pieces, .. } => pieces.iter().map(Bytes::len).sum(),
        Output::Begin { .. } | Output::WaitUntil(_) => 0,
    }
}

#[cfg(test)]
mod tests;
