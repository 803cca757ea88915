//! A stream as one worker sees it: its newest units, its renditions and its readers there.
//!
//! The worker that owns the stream has one feed, filled by the owner; each other worker with readers has one that a
//! relay fills. A feed never leaves its worker (`!Send`); it is changed by plain method calls, one at a time.
mod rate;
mod view;

pub use view::{NotReady, View};

use crate::event::{EndReason, What};
use crate::format::{Format, Rendition};
use crate::reader::{ReaderSlot, ReaderStats};
use crate::report::{PeerInfo, ReaderReport, StreamState};
use crate::ring::{ENTRY_BYTES, Entry, Ring};
use crate::stream::demand::Prospect;
use crate::stream::lines::Lines;
use crate::wants::Wants;
use crate::worker::Worker;
use crate::{Reader, clock, next_id};
use media::{Codec, Moment, StreamName, TrackId, Tracks, Unit};
use rate::Rate;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use tokio::sync::Notify;

/// What a stream asks of whoever publishes into it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Feedback {
    /// A reader needs a key frame.
    KeyframeWanted,
    /// No reader can take more than this many bits a second.
    BitrateMax(u64),
    /// Others publish, and this publisher waits for its turn: what it sends is dropped.
    Waits {
        /// How many are before it.
        ahead: u32,
    },
    /// It is this publisher's turn now.
    Granted,
}

/// Why a reader could not attach. The message says what helps.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AttachError {
    /// The format cannot carry what the stream has.
    #[error("{0}")]
    Unsuitable(String),
    /// The stream has ended.
    #[error("{0}")]
    Ended(EndReason),
    /// The stream has as many readers as it may have.
    #[error("the stream has {0} readers already, the most allowed (limits.readers_per_stream_max)")]
    Full(usize),
}

pub(crate) struct Feed {
    pub(crate) name: StreamName,
    pub(crate) worker: Worker,
    /// Rings when the count of holds passes zero, or a key frame is wanted.
    pub(crate) turned: Notify,
    inner: RefCell<Inner>,
}

/// What may still come.
pub(crate) type Prospects = Arc<[Prospect]>;

struct Inner {
    lines: Lines,
    prospects: Prospects,
    has_video: bool,
    state: StreamState,
    reason: Option<String>,
    units: Ring<Kept>,
    /// The newest key frame of each video line, by its number in `units`.
    starts: Vec<(TrackId, u64)>,
    renditions: Vec<Rc<RefCell<Rendition>>>,
    readers: Vec<Option<ReaderSlot>>,
    /// What those who hold the stream want, and how many want just that.
    holds: Vec<(Rc<Wants>, usize)>,
    /// Counts the changes of `holds`, and up to which of them the owner has decided what runs: until then `prospects`
    /// say nothing about the wishes that came last.
    asked: u64,
    considered: u64,
    ended: Option<EndReason>,
    keyframe_wanted: bool,
    bitrate_max: Option<u64>,
    /// Who waits for a change, by a number of its own.
    waiters: Vec<(u64, Waker)>,
    bytes: u64,
    count: u64,
    rate: Rate,
}

/// A unit in the ring: knows whether a reader may start at it.
struct Kept {
    unit: Unit,
    start: bool,
}

impl Entry for Kept {
    fn bytes(&self) -> usize {
        self.unit.data.len() + ENTRY_BYTES
    }
    fn arrival(&self) -> Moment {
        self.unit.arrival
    }
    fn random_access(&self) -> bool {
        self.start
    }
}

impl Feed {
    pub(crate) fn new(name: StreamName, worker: Worker) -> Rc<Self> {
        let inner = Inner {
            lines: Lines::default(),
            prospects: Arc::new([]),
            has_video: false,
            state: StreamState::Connecting,
            reason: None,
            units: Ring::new(0),
            starts: Vec::new(),
            renditions: Vec::new(),
            readers: Vec::new(),
            holds: Vec::new(),
            asked: 0,
            considered: 0,
            ended: None,
            keyframe_wanted: false,
            bitrate_max: None,
            waiters: Vec::new(),
            bytes: 0,
            count: 0,
            rate: Rate::default(),
        };
        Rc::new(Self { name, worker, turned: Notify::new(), inner: RefCell::new(inner) })
    }

    // ---- filled by the owner or the relay ----

    /// New lines. Renditions whose tracks have other parameters now are made anew; the others do not notice.
    pub(crate) fn set_lines(&self, lines: Lines) {
        let mut inner = self.inner.borrow_mut();
        let inner = &mut *inner;
        let before = std::mem::replace(&mut inner.lines, lines.clone());
        inner.has_video = lines.offered.iter().any(|id| codec_of(&lines, *id).is_some_and(Codec::is_video));
        let other = |id: TrackId| lines.tracks.get(usize::from(id)) != before.tracks.get(usize::from(id));
        let changed = |id: &TrackId| usize::from(*id) < before.tracks.len() && other(*id);
        let left: Vec<TrackId> =
            before.offered.iter().copied().filter(|id| !lines.offered.contains(id)).collect();
        let ids: Vec<TrackId> = lines.tracks.iter().map(|track| track.id).collect();
        if ids.iter().any(changed) {
            inner.units.clear();
            inner.starts.clear();
        }
        inner.starts.retain(|(id, _)| !left.contains(id));
        let grew = lines.tracks.len() != before.tracks.len();
        let tracks = lines.tracks.clone();
        inner.each_rendition(&self.name, |rendition| {
            let touched = match &rendition.format.tracks {
                Some(carried) => carried.iter().any(changed),
                None => grew || ids.iter().any(changed),
            };
            if touched {
                return rendition.renew(&tracks);
            }
            if left.iter().any(|id| rendition.carries(*id)) {
                // The last picture of somebody who left is no picture of the present.
                rendition.ring.clear();
            }
            Ok(())
        });
        inner.wake_all();
    }

    /// What may still come, for those who wait.
    pub(crate) fn set_prospects(&self, prospects: Prospects) {
        let mut inner = self.inner.borrow_mut();
        if inner.prospects != prospects {
            inner.prospects = prospects;
            inner.wake_all();
        }
    }

    /// The owner has decided what runs for the wishes up to this number of [`Feed::asked`].
    pub(crate) fn set_considered(&self, asked: u64) {
        let mut inner = self.inner.borrow_mut();
        if inner.considered != asked {
            inner.considered = asked;
            inner.wake_all();
        }
    }

    /// Ends the readers of these lines: others of their kind are there now.
    pub(crate) fn end_lines(&self, ids: &[TrackId]) {
        let mut inner = self.inner.borrow_mut();
        for slot in inner.readers.iter_mut().flatten() {
            if ids.iter().any(|id| slot.depends_on(*id)) {
                slot.ended.get_or_insert(EndReason::TracksChanged);
            }
        }
        inner.wake_all();
    }

    /// Takes one unit; readers see it after [`Feed::flush`].
    pub(crate) fn push(&self, unit: Unit, now: Moment) {
        let limits = &self.worker.limits();
        let mut inner = self.inner.borrow_mut();
        let inner = &mut *inner;
        let Some(track) = inner.lines.tracks.get(usize::from(unit.track)) else { return };
        let is_video = track.codec.is_video();
        inner.bytes += unit.data.len() as u64;
        inner.count += 1;
        inner.rate.add(now, unit.data.len() as u64);
        inner.each_rendition(&self.name, |rendition| {
            if rendition.carries(unit.track) {
                rendition.push(&unit, is_video)?;
            }
            rendition.ring.trim(now, limits.ring_keep, limits.ring_bytes_max);
            Ok(())
        });
        let start = unit.keyframe && (is_video || !inner.has_video);
        if unit.keyframe && is_video {
            inner.forget_read();
            let number = inner.units.head();
            match inner.starts.iter_mut().find(|(id, _)| *id == unit.track) {
                Some((_, newest)) => *newest = number,
                None => inner.starts.push((unit.track, number)),
            }
        }
        inner.units.push(Kept { unit, start });
        // Renditions serve the readers that lag; the units only serve new formats, from the newest start on.
        let needed = inner.oldest_start();
        if inner.units.trim_to(needed, now, std::time::Duration::ZERO, limits.ring_bytes_max) {
            let tail = inner.units.tail();
            inner.starts.retain(|(_, number)| *number >= tail);
            self.worker.emit(What::LimitReached {
                stream: Some(self.name.clone()),
                limit: format!(
                    "the time between key frames takes more than {} bytes (limits.ring_bytes_max): new readers wait \
                     for the next key frame; shorten the encoder's key frame interval",
                    limits.ring_bytes_max
                ),
            });
        }
    }

    /// Wakes every reader that waits.
    pub(crate) fn flush(&self) {
        let mut inner = self.inner.borrow_mut();
        for slot in inner.readers.iter_mut().flatten() {
            if let Some(waker) = slot.waker.take() {
                waker.wake();
            }
        }
    }

    pub(crate) fn set_state(&self, state: StreamState, reason: Option<String>) {
        let mut inner = self.inner.borrow_mut();
        inner.state = state;
        inner.reason = reason;
        inner.wake_all();
    }

    /// Ends every reader, for good.
    pub(crate) fn end(&self, reason: EndReason) {
        let mut inner = self.inner.borrow_mut();
        inner.ended = Some(reason.clone());
        for slot in inner.readers.iter_mut().flatten() {
            slot.ended.get_or_insert(reason.clone());
        }
        inner.wake_all();
    }

    /// Ends the readers there are now; new ones may come.
    pub(crate) fn end_readers(&self, reason: &EndReason) {
        let mut inner = self.inner.borrow_mut();
        for slot in inner.readers.iter_mut().flatten() {
            slot.ended.get_or_insert(reason.clone());
        }
        inner.wake_all();
    }

    /// Forgets the units: after a pause they are no picture of the present.
    pub(crate) fn forget_units(&self) {
        let mut inner = self.inner.borrow_mut();
        inner.units.clear();
        inner.starts.clear();
        for rendition in &inner.renditions {
            rendition.borrow_mut().ring.clear();
        }
    }

    /// What a new relay starts from: the lines, the units from the newest key frames on, the state.
    pub(crate) fn snapshot(&self) -> (Lines, Vec<Unit>, StreamState, Option<String>) {
        let inner = self.inner.borrow();
        let units = inner.units.since(inner.oldest_start()).map(|entry| entry.unit.clone()).collect();
        (inner.lines.clone(), units, inner.state, inner.reason.clone())
    }

    /// Waits until nobody holds it any more, at most `within`. Only the owner or the relay may wait.
    pub(crate) async fn emptied(&self, within: std::time::Duration) {
        let deadline = clock::now() + within;
        while self.holds() > 0 {
            tokio::select! {
                () = self.turned.notified() => {}
                () = clock::sleep_until(deadline) => return,
            }
        }
    }

    // ---- asked by the owner or the relay ----

    pub(crate) fn holds(&self) -> usize {
        self.inner.borrow().holds.iter().map(|(_, count)| count).sum()
    }

    /// What those want who hold the stream here: each different wish once.
    pub(crate) fn wants(&self) -> Vec<Wants> {
        self.inner.borrow().holds.iter().map(|(wants, _)| (**wants).clone()).collect()
    }

    pub(crate) fn take_feedback(&self) -> Vec<Feedback> {
        let mut inner = self.inner.borrow_mut();
        let mut feedback = Vec::new();
        if std::mem::take(&mut inner.keyframe_wanted) {
            feedback.push(Feedback::KeyframeWanted);
        }
        if let Some(bps) = inner.bitrate_max.take() {
            feedback.push(Feedback::BitrateMax(bps));
        }
        feedback
    }

    pub(crate) fn totals(&self, now: Moment) -> (u64, u64, u64, usize) {
        let mut inner = self.inner.borrow_mut();
        let rate = inner.rate.bits_per_second(now);
        let rings: usize = inner.renditions.iter().map(|rendition| rendition.borrow().ring.bytes()).sum();
        (inner.bytes, inner.count, rate, inner.units.bytes() + rings)
    }

    pub(crate) fn reader_reports(&self, now: Moment) -> Vec<ReaderReport> {
        let inner = self.inner.borrow();
        inner.readers.iter().flatten().map(|slot| slot.report(self.worker.id(), now)).collect()
    }

    pub(crate) fn reorders(&self, track: TrackId) -> bool {
        let inner = self.inner.borrow();
        let start = inner.starts.iter().find(|(id, _)| *id == track).map(|(_, number)| *number);
        let shown =
            inner.units.since(start).filter(|kept| kept.unit.track == track).map(|kept| kept.unit.pts);
        let mut newest = i64::MIN;
        for pts in shown {
            if pts < newest {
                return true;
            }
            newest = pts;
        }
        false
    }

    pub(crate) fn tracks(&self) -> Tracks {
        self.inner.borrow().lines.tracks.clone()
    }

    pub(crate) fn offer(&self) -> Tracks {
        self.inner.borrow().lines.offer()
    }

    /// The tracks offered; while none are, those known from before.
    pub(crate) fn known_tracks(&self) -> Tracks {
        let inner = self.inner.borrow();
        let offer = inner.lines.offer();
        if offer.is_empty() { inner.lines.tracks.clone() } else { offer }
    }

    pub(crate) fn prospects(&self) -> Prospects {
        self.inner.borrow().prospects.clone()
    }

    pub(crate) fn state(&self) -> (StreamState, Option<String>) {
        let inner = self.inner.borrow();
        (inner.state, inner.reason.clone())
    }

    pub(crate) fn ended(&self) -> Option<EndReason> {
        self.inner.borrow().ended.clone()
    }

    // ---- used by views and readers ----

    pub(crate) fn hold(&self, wants: &Rc<Wants>) {
        let mut inner = self.inner.borrow_mut();
        match inner.holds.iter_mut().find(|(known, _)| known == wants) {
            Some((_, count)) => *count += 1,
            None => {
                inner.holds.push((wants.clone(), 1));
                inner.asked += 1;
                self.turned.notify_one();
            }
        }
    }

    /// How often the wishes changed so far.
    pub(crate) fn asked(&self) -> u64 {
        self.inner.borrow().asked
    }

    /// True once the owner has decided what runs for the wishes up to this number.
    pub(crate) fn has_considered(&self, asked: u64) -> bool {
        self.inner.borrow().considered >= asked
    }

    pub(crate) fn release(&self, wants: &Rc<Wants>) {
        let mut inner = self.inner.borrow_mut();
        let Some(index) = inner.holds.iter().position(|(known, _)| known == wants) else { return };
        inner.holds[index].1 -= 1;
        if inner.holds[index].1 == 0 {
            inner.holds.swap_remove(index);
            inner.asked += 1;
            self.turned.notify_one();
        }
    }

    pub(crate) fn ask(&self, feedback: Feedback) {
        let mut inner = self.inner.borrow_mut();
        match feedback {
            Feedback::KeyframeWanted => inner.keyframe_wanted = true,
            Feedback::BitrateMax(bps) => inner.bitrate_max = Some(bps),
            // The owner's words to publishers: no reader asks for them.
            Feedback::Waits { .. } | Feedback::Granted => {}
        }
        self.turned.notify_one();
    }

    fn wait_for_change(&self, who: u64, waker: &Waker) {
        let mut inner = self.inner.borrow_mut();
        match inner.waiters.iter_mut().find(|(known, _)| *known == who) {
            Some((_, known)) => known.clone_from(waker),
            None => inner.waiters.push((who, waker.clone())),
        }
    }

    pub(crate) fn attach(
        self: &Rc<Self>,
        format: Format,
        wants: Rc<Wants>,
        peer: PeerInfo,
    ) -> Result<Reader, AttachError> {
        let max = self.worker.limits().readers_per_stream_max;
        let mut guard = self.inner.borrow_mut();
        let inner = &mut *guard;
        if let Some(reason) = &inner.ended {
            return Err(AttachError::Ended(reason.clone()));
        }
        let count = inner.readers.iter().flatten().count();
        if count >= max {
            return Err(AttachError::Full(count));
        }
        let known = inner.renditions.iter().find(|known| known.borrow().format.key == format.key);
        let rendition = match known {
            Some(rendition) => rendition.clone(),
            None => {
                let rendition = inner.make_rendition(format)?;
                inner.renditions.push(rendition.clone());
                rendition
            }
        };
        rendition.borrow_mut().readers += 1;
        let stats = Rc::new(ReaderStats::new(next_id(), peer, rendition.borrow().format.key.clone()));
        let slot = ReaderSlot::new(stats.clone(), rendition.clone());
        let index = match inner.readers.iter().position(Option::is_none) {
            Some(free) => {
                inner.readers[free] = Some(slot);
                free
            }
            None => {
                inner.readers.push(Some(slot));
                inner.readers.len() - 1
            }
        };
        if rendition.borrow().ring.newest_start().is_none() {
            inner.keyframe_wanted = true;
            self.turned.notify_one();
        }
        drop(guard);
        self.worker.emit(What::ReaderJoined {
            stream: self.name.clone(),
            reader: stats.id,
            protocol: stats.peer.protocol,
            remote: stats.peer.remote.clone(),
        });
        Ok(Reader::new(self.clone(), rendition, wants, index, stats))
    }

    pub(crate) fn detach(&self, index: usize, rendition: &Rc<RefCell<Rendition>>) {
        let mut inner = self.inner.borrow_mut();
        if let Some(slot) = inner.readers.get_mut(index) {
            *slot = None;
        }
        rendition.borrow_mut().readers -= 1;
        // A rendition lasts as long as it has readers.
        inner.renditions.retain(|rendition| rendition.borrow().readers > 0);
    }

    pub(crate) fn with_slot<R>(&self, index: usize, f: impl FnOnce(&mut ReaderSlot) -> R) -> Option<R> {
        self.inner.borrow_mut().readers.get_mut(index).and_then(Option::as_mut).map(f)
    }
}

impl Inner {
    /// Does something with every rendition. One that fails is gone, and its readers end with why; the others go on.
    fn each_rendition(
        &mut self,
        name: &StreamName,
        mut act: impl FnMut(&mut Rendition) -> Result<(), String>,
    ) {
        let readers = &mut self.readers;
        self.renditions.retain(|rendition| {
            let Err(error) = act(&mut rendition.borrow_mut()) else { return true };
            tracing::error!(stream = %name, error, "a rendition ends");
            for slot in readers.iter_mut().flatten().filter(|slot| slot.reads(rendition)) {
                slot.ended.get_or_insert(EndReason::Failed(error.clone()));
                if let Some(waker) = slot.waker.take() {
                    waker.wake();
                }
            }
            false
        });
    }

    /// A new group has begun: what everybody has read of those before is of no use any more. The seconds that a ring may keep
    /// are for readers that lag, and cost memory only while there are any.
    fn forget_read(&mut self) {
        for rendition in &self.renditions {
            let own = self.readers.iter().flatten().filter(|slot| slot.reads(rendition));
            if let Some(slowest) = own.map(ReaderSlot::next).min() {
                rendition.borrow_mut().ring.trim_read(slowest);
            }
        }
    }

    fn wake_all(&mut self) {
        for (_, waker) in self.waiters.drain(..) {
            waker.wake();
        }
        for slot in self.readers.iter_mut().flatten() {
            if let Some(waker) = slot.waker.take() {
                waker.wake();
            }
        }
    }

    /// The oldest of the newest key frames of all video lines; without video, the newest unit.
    fn oldest_start(&self) -> Option<u64> {
        let oldest = self.starts.iter().map(|(_, number)| *number).min();
        oldest.or_else(|| self.units.newest_start())
    }

    /// Starts a rendition with what the units' ring has, so that its first reader has a picture at once.
    fn make_rendition(&self, format: Format) -> Result<Rc<RefCell<Rendition>>, AttachError> {
        let mut rendition = Rendition::new(format, &self.lines.tracks).map_err(AttachError::Unsuitable)?;
        let start = if rendition.has_video() {
            let carried = self.starts.iter().filter(|(id, _)| rendition.carries(*id));
            carried.map(|(_, number)| *number).min()
        } else {
            self.units.newest_where(|kept| kept.unit.keyframe && rendition.carries(kept.unit.track))
        };
        for entry in self.units.since(start) {
            let id = entry.unit.track;
            if !rendition.carries(id) {
                continue;
            }
            let is_video = codec_of(&self.lines, id).is_some_and(Codec::is_video);
            rendition.push(&entry.unit, is_video).map_err(AttachError::Unsuitable)?;
        }
        Ok(Rc::new(RefCell::new(rendition)))
    }
}

/// The codec of a line.
fn codec_of(lines: &Lines, id: TrackId) -> Option<Codec> {
    lines.tracks.get(usize::from(id)).map(|track| track.codec)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Conflict, Hub, HubConfig, Limits, StreamSpec};
    use std::time::Duration;

    #[test]
    fn who_gave_up_waiting_for_tracks_leaves_nothing_behind() {
        let (limits, conflict) = (Limits::default(), Conflict::Refuse);
        let hub = Hub::start(HubConfig {
            workers: 1,
            limits,
            conflict,
            connectors: Vec::new(),
            deliverers: Vec::new(),
        })
        .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (out, waiters) = tokio::sync::oneshot::channel();
        runtime.block_on(async {
            let name = StreamName::new("nobody").unwrap();
            hub.put(&name, StreamSpec::default()).await.unwrap();
            let job = move |worker: Worker| async move {
                let view = worker.open(&name).await.unwrap();
                while view.feed().state().0 != StreamState::Waiting {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                let both = async { tokio::join!(view.ready(), view.ready()) };
                let early = tokio::time::timeout(Duration::from_millis(20), both).await;
                let left = view.feed().inner.borrow().waiters.len();
                out.send((early.is_err(), left)).unwrap();
            };
            hub.worker().await.unwrap().run("test", job).await.unwrap();
            assert_eq!(waiters.await.unwrap(), (true, 0));
        });
    }
}
