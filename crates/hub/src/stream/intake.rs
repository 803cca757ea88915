//! The stream's intake: who publishes, which line each of their tracks feeds, and since when each is silent.
use super::epoch::Epoch;
use super::lines::{Line, LineTable, Lines};
use crate::alert::LineFacts;
use crate::event::EndReason;
use crate::feed::Feedback;
use crate::publisher::{Ingest, PublisherEnd};
use crate::report::PublisherReport;
use crate::wall_now;
use media::{Kind, Moment, Track, TrackId, Unit, WallTime};
use std::collections::VecDeque;
use std::task::{Context, Poll};
use std::time::Duration;

/// One publisher: a peer that pushes, or a source's connection.
pub(crate) struct Slot {
    end: PublisherEnd,
    /// The index of the source it is.
    pub(crate) source: Option<usize>,
    /// It waits for its turn: what it sends is dropped.
    waits: bool,
    tracks: Vec<Track>,
    /// The line that each of its tracks feeds or would feed; `None`: nobody's.
    map: Vec<Option<TrackId>>,
    epoch: Epoch,
    bytes: u64,
    units: u64,
    lost: u64,
    since: WallTime,
    /// When its last unit came; its joining before that.
    pub(crate) heard_at: Moment,
}

impl Slot {
    pub(crate) fn id(&self) -> u64 {
        self.end.id
    }

    pub(crate) fn protocol(&self) -> &'static str {
        self.end.peer.protocol
    }

    pub(crate) fn remote(&self) -> &str {
        &self.end.peer.remote
    }

    /// Sources in their order; pushing peers have none before them.
    fn rank(&self) -> usize {
        self.source.unwrap_or(0)
    }

    /// True while it waits for its turn.
    pub(crate) fn waits(&self) -> bool {
        self.waits
    }
}

/// What came from a publisher.
pub(crate) enum Came {
    /// The stream's lines may have changed: ask [`Intake::lines`].
    Lines,
    /// A unit for the stream, placed on its line; the source it came from.
    Unit(Unit, Option<usize>),
    /// Nothing for the readers.
    Nothing,
    /// The publisher with this id, and its source, left.
    Gone { source: Option<usize> },
}

/// All publishers of one stream.
pub(crate) struct Intake {
    slots: Vec<Slot>,
    stream_start: Moment,
    lines: LineTable,
    /// A publisher silent for this long is stood in for by another that sends the same.
    silence_max: Duration,
    /// Sound is held back while somebody talks to a device that cannot do both.
    pub(crate) muted: bool,
    /// What came behind a change of lines.
    pending: VecDeque<Came>,
}

impl Intake {
    pub(crate) fn new(stream_start: Moment, silence_max: Duration) -> Self {
        let (slots, lines, pending) = (Vec::new(), LineTable::default(), VecDeque::new());
        Self { slots, stream_start, lines, silence_max, muted: false, pending }
    }

    /// Takes a source's publisher in. It is certain to send what it promises, so that readers need not wait for it.
    pub(crate) fn add_source(&mut self, end: PublisherEnd, source: usize, promises: Vec<Track>, now: Moment) {
        let id = end.id;
        self.add(end, Some(source), false, now);
        if !promises.is_empty() {
            for slot in self.slots.iter_mut().filter(|slot| slot.end.id == id) {
                slot.tracks.clone_from(&promises);
            }
            self.map_lines(false, now);
        }
    }

    /// Takes a publisher in. `waits`: until those before it have left.
    pub(crate) fn add(&mut self, end: PublisherEnd, source: Option<usize>, waits: bool, now: Moment) {
        self.slots.push(Slot {
            end,
            source,
            waits,
            tracks: Vec::new(),
            map: Vec::new(),
            epoch: Epoch::new(self.stream_start),
            bytes: 0,
            units: 0,
            lost: 0,
            since: wall_now(),
            heard_at: now,
        });
        self.tell_queue();
    }

    /// Ends every publisher that `which` picks.
    pub(crate) fn end(&mut self, reason: &EndReason, which: impl Fn(&Slot) -> bool, now: Moment) {
        let before = self.slots.len();
        self.slots.retain(|slot| {
            let ends = which(slot);
            if ends {
                // Set before the mailbox closes, so that the publisher learns why.
                let _ = slot.end.ended.set(reason.clone());
            }
            !ends
        });
        if self.slots.len() < before {
            self.slots_changed(now);
        }
    }

    /// What publishers that have left said last, and that they left, so that one who comes back at once finds their place
    /// free. `None`: nobody is left who left.
    pub(crate) fn take_left(&mut self, now: Moment) -> Option<Came> {
        if let Some(came) = self.pending.pop_front() {
            return Some(came);
        }
        let left = |slot: &Slot| slot.source.is_none() && slot.end.rx.is_closed();
        let index = self.slots.iter().position(left)?;
        Some(match self.slots[index].end.rx.try_recv() {
            Ok(item) => self.take(index, item, now),
            Err(_) => self.gone(index, now),
        })
    }

    pub(crate) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The lines as readers see them, and whether that changed since the last call.
    pub(crate) fn lines(&mut self) -> (Lines, bool) {
        self.lines.snapshot()
    }

    pub(crate) fn line_table(&mut self) -> &mut LineTable {
        &mut self.lines
    }

    /// True when a line of this kind is sent by somebody.
    pub(crate) fn sends(&self, kind: Kind) -> bool {
        self.lines.iter().any(|line| line.rank.is_some() && line.track.kind() == kind)
    }

    /// True for a line of pictures.
    pub(crate) fn is_video(&self, id: TrackId) -> bool {
        self.lines.iter().nth(usize::from(id)).is_some_and(|line| line.track.codec.is_video())
    }

    /// The track of a line.
    pub(crate) fn track(&self, id: TrackId) -> Option<&Track> {
        self.lines.iter().nth(usize::from(id)).map(|line| &line.track)
    }

    /// The lines that somebody sends, each by who feeds it, or will.
    pub(crate) fn line_facts(&self) -> impl Iterator<Item = LineFacts<'_>> {
        self.lines.iter().filter(|line| line.rank.is_some()).map(|line| {
            let feeds = |slot: &&Slot| Some(slot.id()) == line.feeder;
            let may_feed = |slot: &&Slot| slot.map.contains(&Some(line.track.id));
            let slot = self.slots.iter().find(feeds).or_else(|| self.slots.iter().find(may_feed));
            LineFacts {
                track: &line.track,
                source: slot.and_then(|slot| slot.source),
                heard_at: line.heard_at,
                keyframes_on_request: slot.is_some_and(|slot| slot.protocol() == "webrtc"),
            }
        })
    }

    /// Gives the publishers of sources their places in a new order: `order` holds publisher and place.
    pub(crate) fn renumber(&mut self, order: &[(u64, usize)], now: Moment) {
        for slot in self.slots.iter_mut().filter(|slot| slot.source.is_some()) {
            if let Some((_, place)) = order.iter().find(|(id, _)| *id == slot.end.id) {
                slot.source = Some(*place);
            }
        }
        self.map_lines(false, now);
    }

    pub(crate) fn has_tracks(&self) -> bool {
        self.lines.iter().any(|line| line.rank.is_some())
    }

    /// True once this publisher has said what it sends.
    pub(crate) fn has_said(&self, id: u64) -> bool {
        self.slots.iter().any(|slot| slot.id() == id && !slot.tracks.is_empty())
    }

    /// What a source sends, if it is there and has said so.
    pub(crate) fn sent_by(&self, source: usize) -> Vec<Track> {
        let slot = self.slots.iter().find(|slot| slot.source == Some(source));
        slot.map(|slot| slot.tracks.clone()).unwrap_or_default()
    }

    /// Polls the publishers in turn.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, now: Moment) -> Poll<Came> {
        if let Some(came) = self.pending.pop_front() {
            return Poll::Ready(came);
        }
        for index in 0..self.slots.len() {
            match self.slots[index].end.rx.poll_recv(cx) {
                Poll::Pending => {}
                Poll::Ready(Some(item)) => return Poll::Ready(self.take(index, item, now)),
                Poll::Ready(None) => return Poll::Ready(self.gone(index, now)),
            }
        }
        Poll::Pending
    }

    fn gone(&mut self, index: usize, now: Moment) -> Came {
        let slot = self.slots.remove(index);
        self.slots_changed(now);
        Came::Gone { source: slot.source }
    }

    fn take(&mut self, index: usize, item: Ingest, now: Moment) -> Came {
        let slot = &mut self.slots[index];
        match item {
            Ingest::Tracks(tracks) => {
                slot.tracks = tracks;
                slot.heard_at = now;
                self.map_lines(true, now);
                Came::Lines
            }
            Ingest::Lost(count) => {
                slot.lost += count;
                Came::Nothing
            }
            Ingest::Unit(unit) => {
                slot.heard_at = now;
                slot.bytes += unit.data.len() as u64;
                slot.units += 1;
                self.take_unit(index, unit, now)
            }
        }
    }

    fn take_unit(&mut self, index: usize, mut unit: Unit, now: Moment) -> Came {
        let source = self.slots[index].source;
        let mapped = self.slots[index].map.get(usize::from(unit.track)).copied().flatten();
        let Some(id) = mapped else { return Came::Nothing };
        let feeds = self.lines.get_mut(id).is_some_and(|line| line.feeder == Some(self.slots[index].id()));
        let mut lines_changed = false;
        if !feeds {
            if !self.may_feed(index, id, &unit, now) {
                return Came::Nothing;
            }
            lines_changed = self.feed_from(index, usize::from(unit.track), id);
            unit.discontinuity = true;
        }
        let Some(line) = self.lines.get_mut(id) else { return Came::Nothing };
        line.heard_at = Some(now);
        if self.muted && line.track.kind() == Kind::Audio {
            return Came::Nothing;
        }
        unit.track = id;
        unit.discontinuity &= line.last_dts.is_some();
        self.slots[index].epoch.place(&mut unit, &line.track, line.last_dts);
        line.last_dts = Some(unit.dts);
        if lines_changed {
            self.pending.push_back(Came::Unit(unit, source));
            return Came::Lines;
        }
        Came::Unit(unit, source)
    }

    /// True when this publisher may feed the line from this unit on: nobody does, or one who ranks lower or fell silent.
    /// Pictures change hands at a key frame only.
    fn may_feed(&mut self, index: usize, id: TrackId, unit: &Unit, now: Moment) -> bool {
        let rank = self.slots[index].rank();
        let slots = &self.slots;
        let silence_max = self.silence_max;
        let Some(line) = self.lines.get_mut(id) else { return false };
        let at_start = line.track.kind() == Kind::Audio || unit.keyframe;
        let Some(feeder) = line.feeder else {
            // The first unit ever may be a delta frame: readers wait for the key frame themselves.
            return at_start || line.last_dts.is_none();
        };
        let there = slots.iter().find(|slot| slot.id() == feeder);
        let silent = line.heard_at.is_none_or(|at| now.since(at) > silence_max);
        at_start && there.is_none_or(|there| silent || rank < there.rank())
    }

    /// Lets a publisher feed a line. True when the line's parameters are others now.
    fn feed_from(&mut self, index: usize, track: usize, id: TrackId) -> bool {
        let slot = &self.slots[index];
        let Some(line) = self.lines.get_mut(id) else { return false };
        line.feeder = Some(slot.id());
        let Some(sent) = slot.tracks.get(track) else { return false };
        let fresh = Track { id, ..sent.clone() };
        let changed = fresh != line.track;
        line.track = fresh;
        changed
    }

    /// After a publisher came or left.
    fn slots_changed(&mut self, now: Moment) {
        if self.slots.iter().all(|slot| slot.waits)
            && let Some(next) = self.slots.first_mut()
        {
            next.waits = false;
            next.heard_at = now;
            // One that does not listen now finds out by being heard.
            let _ = next.end.feedback.try_send(Feedback::Granted);
        }
        self.tell_queue();
        self.map_lines(false, now);
    }

    /// Tells those who wait how many are before them.
    fn tell_queue(&self) {
        let before = self.slots.iter().filter(|slot| !slot.waits).count();
        for (index, slot) in self.slots.iter().filter(|slot| slot.waits).enumerate() {
            let ahead = u32::try_from(before + index).unwrap_or(u32::MAX);
            let _ = slot.end.feedback.try_send(Feedback::Waits { ahead });
        }
    }

    /// Maps each publisher's tracks to lines: sources that send the same share one, pushing peers have each their own.
    fn map_lines(&mut self, redeclared: bool, now: Moment) {
        self.slots.sort_by_key(|slot| slot.source.unwrap_or(usize::MAX));
        let mut ranks: Vec<Option<(usize, usize)>> = Vec::new();
        for index in 0..self.slots.len() {
            let slot = &self.slots[index];
            let shares = slot.source.is_some();
            let mut map: Vec<Option<TrackId>> = Vec::with_capacity(slot.tracks.len());
            for (ordinal, track) in slot.tracks.iter().enumerate() {
                let id = if slot.waits {
                    None
                } else {
                    self.lines.find_or_add(track, |line| {
                        let id = line.track.id;
                        let by_another = ranks.get(usize::from(id)).copied().flatten().is_some();
                        map.contains(&Some(id)) || (by_another && !shares)
                    })
                };
                map.push(id);
                let Some(id) = id else { continue };
                let at = usize::from(id);
                ranks.resize(ranks.len().max(at + 1), None);
                let first = ranks[at].is_none();
                ranks[at] = ranks[at].or(Some((slot.rank(), ordinal)));
                if let Some(line) = self.lines.get_mut(id) {
                    let nobody_feeds = line.feeder.is_none() && first;
                    if nobody_feeds || line.feeder == Some(slot.id()) {
                        line.track = Track { id, ..track.clone() };
                    }
                }
            }
            self.slots[index].map = map;
        }
        let slots = &self.slots;
        for line in self.lines.iter_mut() {
            let id = line.track.id;
            let fed = |slot: &&Slot| Some(slot.id()) == line.feeder && slot.map.contains(&Some(id));
            if line.feeder.is_some() && slots.iter().find(fed).is_none() {
                line.feeder = None;
                line.heard_at = None;
            }
        }
        self.lines.set_ranks(&ranks, redeclared, now);
    }

    /// Tells every publisher. One that does not listen now misses it: wishes are repeated.
    pub(crate) fn tell(&self, feedback: Feedback) {
        for slot in &self.slots {
            let _ = slot.end.feedback.try_send(feedback);
        }
    }

    /// The first track that was silent for `max`, or has not been heard at all while another was.
    pub(crate) fn silent_track(&self, max: Duration, now: Moment) -> Option<(&Track, bool)> {
        let joined = self.slots.iter().map(|slot| slot.heard_at).min();
        let flows = |kind: Kind| {
            self.sent()
                .any(|line| line.track.kind() == kind && line.heard_at.is_some_and(|at| now.since(at) <= max))
        };
        self.sent().filter(|line| !flows(line.track.kind())).find_map(|line| match line.heard_at {
            Some(at) => (now.since(at) > max).then_some((&line.track, true)),
            None => joined.is_some_and(|at| now.since(at) > max).then_some((&line.track, false)),
        })
    }

    /// True once a track of each kind that is sent has been heard.
    pub(crate) fn all_heard(&self) -> bool {
        let heard = |kind: Kind| {
            !self.sends(kind) || self.sent().any(|line| line.track.kind() == kind && line.heard_at.is_some())
        };
        self.has_tracks() && heard(Kind::Video) && heard(Kind::Audio)
    }

    fn sent(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.rank.is_some())
    }

    pub(crate) fn reports(&self) -> Vec<PublisherReport> {
        let report = |slot: &Slot| PublisherReport {
            id: slot.end.id,
            source: slot.source,
            peer: slot.end.peer.clone(),
            tracks: slot.tracks.clone(),
            waits: slot.waits,
            bytes: slot.bytes,
            units: slot.units,
            lost: slot.lost,
            since: slot.since,
        };
        self.slots.iter().map(report).collect()
    }
}
