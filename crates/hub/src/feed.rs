//! A stream as one worker sees it: its newest units, its renditions and its readers there.
//!
//! The worker that owns the stream has one feed, filled by the owner; each other worker with readers has one that a
//! relay fills. A feed never leaves its worker (`!Send`); it is changed by plain method calls, one at a time.
use crate::event::{EndReason, What};
use crate::format::{Format, Rendition};
use crate::reader::{ReaderSlot, ReaderStats};
use crate::report::{PeerInfo, ReaderReport, StreamState};
use crate::ring::{ENTRY_BYTES, Entry, Ring};
use crate::worker::Worker;
use crate::{Reader, clock, next_id};
use media::{Moment, StreamName, Track, Tracks, Unit};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::Waker;
use tokio::sync::Notify;

/// What a stream asks of whoever publishes into it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Feedback {
    /// A reader needs a key frame.
    KeyframeWanted,
    /// No reader can take more than this many bits a second.
    BitrateMax(u64),
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

/// How many bytes came in lately: a sliding second or so.
#[derive(Default)]
struct Rate {
    samples: VecDeque<(Moment, u64)>,
    bytes: u64,
}

impl Rate {
    const WINDOW_MS: u64 = 3000;

    fn add(&mut self, now: Moment, bytes: u64) {
        self.bytes += bytes;
        self.samples.push_back((now, bytes));
        self.expire(now);
    }

    fn expire(&mut self, now: Moment) {
        while let Some((at, bytes)) = self.samples.front().copied() {
            if now.since(at).as_millis() as u64 <= Self::WINDOW_MS {
                break;
            }
            self.bytes -= bytes;
            self.samples.pop_front();
        }
    }

    fn bits_per_second(&mut self, now: Moment) -> u64 {
        self.expire(now);
        self.bytes * 8 * 1000 / Self::WINDOW_MS
    }
}

pub(crate) struct Feed {
    pub(crate) name: StreamName,
    pub(crate) worker: Worker,
    /// Rings when the count of holds passes zero, or a key frame is wanted.
    pub(crate) turned: Notify,
    inner: RefCell<Inner>,
}

struct Inner {
    tracks: Tracks,
    has_video: bool,
    state: StreamState,
    reason: Option<String>,
    units: Ring<Kept>,
    renditions: Vec<Rc<RefCell<Rendition>>>,
    readers: Vec<Option<ReaderSlot>>,
    holds: usize,
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
            tracks: Tracks::from([]),
            has_video: false,
            state: StreamState::Connecting,
            reason: None,
            units: Ring::new(0),
            renditions: Vec::new(),
            readers: Vec::new(),
            holds: 0,
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

    /// New tracks. Other codecs than before end the readers; changed parameters renew the renditions.
    pub(crate) fn set_tracks(&self, tracks: Tracks) {
        let mut inner = self.inner.borrow_mut();
        if *inner.tracks == *tracks {
            return;
        }
        let same_codecs = inner.tracks.is_empty() || same_codecs(&inner.tracks, &tracks);
        inner.has_video = tracks.iter().any(|track| track.codec.is_video());
        inner.tracks = tracks.clone();
        inner.units.clear();
        if same_codecs {
            inner.each_rendition(&self.name, |rendition| rendition.renew(&tracks));
        } else {
            inner.renditions.clear();
            for slot in inner.readers.iter_mut().flatten() {
                slot.ended = Some(EndReason::TracksChanged);
            }
        }
        inner.wake_all();
    }

    /// Takes one unit; readers see it after [`Feed::flush`].
    pub(crate) fn push(&self, unit: Unit, now: Moment) {
        let limits = &self.worker.limits();
        let mut inner = self.inner.borrow_mut();
        let inner = &mut *inner;
        let Some(track) = inner.tracks.get(usize::from(unit.track)) else { return };
        let is_video = track.codec.is_video();
        inner.bytes += unit.data.len() as u64;
        inner.count += 1;
        inner.rate.add(now, unit.data.len() as u64);
        let mut lost_start = false;
        inner.each_rendition(&self.name, |rendition| {
            rendition.push(&unit, is_video)?;
            rendition.ring.trim(now, limits.ring_keep, limits.ring_bytes_max);
            Ok(())
        });
        let start = unit.keyframe && (is_video || !inner.has_video);
        inner.units.push(Kept { unit, start });
        // Renditions serve the readers that lag; the units only serve new formats, from the newest start on.
        lost_start |= inner.units.trim(now, std::time::Duration::ZERO, limits.ring_bytes_max);
        if lost_start {
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
        for rendition in &inner.renditions {
            rendition.borrow_mut().ring.clear();
        }
    }

    /// What a new relay starts from: the tracks, the units from the newest key frame on, the state.
    pub(crate) fn snapshot(&self) -> (Tracks, Vec<Unit>, StreamState, Option<String>) {
        let inner = self.inner.borrow();
        let units = inner.units.since_start().map(|entry| entry.unit.clone()).collect();
        (inner.tracks.clone(), units, inner.state, inner.reason.clone())
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
        self.inner.borrow().holds
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

    pub(crate) fn reorders(&self) -> bool {
        let inner = self.inner.borrow();
        let is_video = |id: u8| inner.tracks.get(usize::from(id)).is_some_and(|track| track.codec.is_video());
        let shown =
            inner.units.since_start().filter(|kept| is_video(kept.unit.track)).map(|kept| kept.unit.pts);
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
        self.inner.borrow().tracks.clone()
    }

    pub(crate) fn state(&self) -> (StreamState, Option<String>) {
        let inner = self.inner.borrow();
        (inner.state, inner.reason.clone())
    }

    pub(crate) fn ended(&self) -> Option<EndReason> {
        self.inner.borrow().ended.clone()
    }

    // ---- used by views and readers ----

    pub(crate) fn hold(&self) {
        let mut inner = self.inner.borrow_mut();
        inner.holds += 1;
        if inner.holds == 1 {
            self.turned.notify_one();
        }
    }

    pub(crate) fn release(&self) {
        let mut inner = self.inner.borrow_mut();
        inner.holds -= 1;
        if inner.holds == 0 {
            self.turned.notify_one();
        }
    }

    pub(crate) fn ask(&self, feedback: Feedback) {
        let mut inner = self.inner.borrow_mut();
        match feedback {
            Feedback::KeyframeWanted => inner.keyframe_wanted = true,
            Feedback::BitrateMax(bps) => inner.bitrate_max = Some(bps),
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

    pub(crate) fn attach(self: &Rc<Self>, format: Format, peer: PeerInfo) -> Result<Reader, AttachError> {
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
        Ok(Reader::new(self.clone(), rendition, index, stats))
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

    /// Starts a rendition with what the units' ring has, so that its first reader has a picture at once.
    fn make_rendition(&self, format: Format) -> Result<Rc<RefCell<Rendition>>, AttachError> {
        let mut rendition = Rendition::new(format, &self.tracks).map_err(AttachError::Unsuitable)?;
        for entry in self.units.since_start() {
            let is_video =
                self.tracks.get(usize::from(entry.unit.track)).is_some_and(|track| track.codec.is_video());
            rendition.push(&entry.unit, is_video).map_err(AttachError::Unsuitable)?;
        }
        Ok(Rc::new(RefCell::new(rendition)))
    }
}

/// The same codecs, clocks and channels in the same order; parameters may differ.
fn same_codecs(a: &[Track], b: &[Track]) -> bool {
    a.len() == b.len()
        && a.iter()
            .zip(b)
            .all(|(a, b)| a.codec == b.codec && a.clock_rate == b.clock_rate && a.channels == b.channels)
}

/// A hold on a stream: keeps its sources running, tells its tracks, makes readers.
pub struct View {
    feed: Rc<Feed>,
}

impl View {
    pub(crate) fn new(feed: Rc<Feed>) -> Self {
        feed.hold();
        Self { feed }
    }

    /// The stream's name.
    pub fn name(&self) -> &StreamName {
        &self.feed.name
    }

    /// The tracks as known now; empty while they are not.
    pub fn tracks(&self) -> Tracks {
        self.feed.tracks()
    }

    /// Waits for the tracks: until `limits.start_wait_max`, the stream's end, or its sources giving up.
    pub async fn ready(&self) -> Result<Tracks, NotReady> {
        let deadline = clock::now() + self.feed.worker.limits().start_wait_max;
        let waiting = Waiting { feed: &self.feed, number: next_id() };
        let wait = std::future::poll_fn(|cx| {
            if let Some(reason) = self.feed.ended() {
                return std::task::Poll::Ready(Err(NotReady {
                    state: StreamState::Removed,
                    why: reason.to_string(),
                }));
            }
            let tracks = self.feed.tracks();
            let (state, reason) = self.feed.state();
            if !tracks.is_empty() && !matches!(state, StreamState::Waiting) {
                return std::task::Poll::Ready(Ok(tracks));
            }
            if let StreamState::GaveUp = state {
                let why = reason.unwrap_or_else(|| "its sources gave up".into());
                return std::task::Poll::Ready(Err(NotReady { state, why }));
            }
            self.feed.wait_for_change(waiting.number, cx.waker());
            std::task::Poll::Pending
        });
        tokio::select! {
            ready = wait => ready,
            () = clock::sleep_until(deadline) => {
                let (state, reason) = self.feed.state();
                let why = reason.unwrap_or_else(|| match state {
                    StreamState::Waiting => "nobody publishes into it".into(),
                    StreamState::Idle | StreamState::Connecting | StreamState::Live | StreamState::Stalled
                    | StreamState::Backoff | StreamState::GaveUp | StreamState::Removed =>
                        "its source has not said what it sends".into(),
                });
                Err(NotReady { state, why })
            }
        }
    }

    /// True when video cached now is shown in another order than it is decoded in: the stream has B frames.
    pub fn reorders(&self) -> bool {
        self.feed.reorders()
    }

    /// Starts to read in a wire format, at the newest key frame.
    pub fn reader(&self, format: Format, peer: PeerInfo) -> Result<Reader, AttachError> {
        self.feed.attach(format, peer)
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.feed.release();
    }
}

/// One who waits for a change: takes its waker along when it goes. A stream that nothing happens to would keep the
/// wakers of all who ever gave up waiting.
struct Waiting<'a> {
    feed: &'a Feed,
    number: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.feed.inner.borrow_mut().waiters.retain(|(number, _)| *number != self.number);
    }
}

/// The stream has no tracks to read (yet).
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the stream is {}: {why}", state.as_str())]
pub struct NotReady {
    /// Its state.
    pub state: StreamState,
    /// Why.
    pub why: String,
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
                while view.feed.state().0 != StreamState::Waiting {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                let both = async { tokio::join!(view.ready(), view.ready()) };
                let early = tokio::time::timeout(Duration::from_millis(20), both).await;
                let left = view.feed.inner.borrow().waiters.len();
                out.send((early.is_err(), left)).unwrap();
            };
            hub.worker().await.unwrap().run("test", job).await.unwrap();
            assert_eq!(waiters.await.unwrap(), (true, 0));
        });
    }
}
