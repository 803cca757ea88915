//! A reader: a cursor into a rendition, with the policy for slow ones.
//!
//! Behind by more than the limits, it is cut back to the newest key frame (or waits for the next); taking nothing
//! for longer, it is ended. It never slows the owner and holds no queue of its own.
use crate::event::{EndReason, What};
use crate::feed::{Feed, Feedback};
use crate::format::{Chunk, Rendition};
use crate::report::{PeerInfo, ReaderReport};
use crate::wants::Wants;
use crate::{clock, wall_now};
use bytes::Bytes;
use media::{Moment, TrackId, Tracks, WallTime};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// A reader that is cut back again within this time is not reported again.
const CUT_BACK_REPORT_EVERY: Duration = Duration::from_secs(10);

/// Counters of one reader, shown while it reads.
pub(crate) struct ReaderStats {
    pub(crate) id: u64,
    pub(crate) peer: PeerInfo,
    format: String,
    since: WallTime,
    bytes: Cell<u64>,
    chunks: Cell<u64>,
    skipped: Cell<u64>,
    cursor: Cell<u64>,
    estimate_bps: Cell<Option<u64>>,
}

impl ReaderStats {
    pub(crate) fn new(id: u64, peer: PeerInfo, format: String) -> Self {
        Self {
            id,
            peer,
            format,
            since: wall_now(),
            bytes: Cell::new(0),
            chunks: Cell::new(0),
            skipped: Cell::new(0),
            cursor: Cell::new(0),
            estimate_bps: Cell::new(None),
        }
    }
}

/// A reader's place in its feed: how to wake it, why it ended.
pub(crate) struct ReaderSlot {
    pub(crate) waker: Option<Waker>,
    pub(crate) ended: Option<EndReason>,
    stats: Rc<ReaderStats>,
    rendition: Rc<RefCell<Rendition>>,
}

impl ReaderSlot {
    pub(crate) fn new(stats: Rc<ReaderStats>, rendition: Rc<RefCell<Rendition>>) -> Self {
        Self { waker: None, ended: None, stats, rendition }
    }

    /// True for a reader of this rendition.
    pub(crate) fn reads(&self, rendition: &Rc<RefCell<Rendition>>) -> bool {
        Rc::ptr_eq(&self.rendition, rendition)
    }

    /// The number of the entry that it gets next.
    pub(crate) fn next(&self) -> u64 {
        self.stats.cursor.get()
    }

    /// True for a reader of this very track.
    pub(crate) fn depends_on(&self, id: TrackId) -> bool {
        self.rendition.borrow().depends_on(id)
    }

    pub(crate) fn report(&self, worker: usize, now: Moment) -> ReaderReport {
        let stats = &self.stats;
        let rendition = self.rendition.borrow();
        let behind = rendition.ring.get(stats.cursor.get()).map_or(Duration::ZERO, |c| now.since(c.arrival));
        ReaderReport {
            id: stats.id,
            peer: stats.peer.clone(),
            format: stats.format.clone(),
            worker,
            bytes: stats.bytes.get(),
            chunks: stats.chunks.get(),
            skipped: stats.skipped.get(),
            lag_ms: behind.as_millis() as u64,
            estimate_bps: stats.estimate_bps.get(),
            since: stats.since,
        }
    }
}

/// What a reader gets.
#[derive(Clone, Debug)]
pub enum Item {
    /// The format's header: first of all, and again when parameter sets changed. Never empty.
    Header(Bytes),
    /// The next chunk. The first one, and the first after a cut, is a start.
    Chunk(Rc<Chunk>),
    /// It is over, and why.
    Ended(EndReason),
}

/// Reads one rendition of one stream. Belongs to the task that reads, on the stream's worker or a relaying one.
pub struct Reader {
    feed: Rc<Feed>,
    rendition: Rc<RefCell<Rendition>>,
    wants: Rc<Wants>,
    slot: usize,
    stats: Rc<ReaderStats>,
    cursor: u64,
    /// Waits for a start at or after the cursor.
    seeks_start: bool,
    /// Version of the rendition whose header was taken.
    version: Option<u32>,
    progressed_at: Moment,
    cut_back_at: Option<Moment>,
    over: Option<EndReason>,
}

impl Reader {
    pub(crate) fn new(
        feed: Rc<Feed>,
        rendition: Rc<RefCell<Rendition>>,
        wants: Rc<Wants>,
        slot: usize,
        stats: Rc<ReaderStats>,
    ) -> Self {
        feed.hold(&wants);
        let (cursor, seeks_start) = {
            let ring = &rendition.borrow().ring;
            ring.newest_start().map_or((ring.head(), true), |start| (start, false))
        };
        stats.cursor.set(cursor);
        let progressed_at = clock::now();
        let (version, cut_back_at, over) = (None, None, None);
        Self {
            feed,
            rendition,
            wants,
            slot,
            stats,
            cursor,
            seeks_start,
            version,
            progressed_at,
            cut_back_at,
            over,
        }
    }

    /// The reader's id, as in events and reports.
    pub fn id(&self) -> u64 {
        self.stats.id
    }

    /// Every track of the stream, by its id; those that nobody sends now among them.
    pub fn tracks(&self) -> Tracks {
        self.feed.tracks()
    }

    /// How loud the sound is that the format just made, in dBFS, where it knows.
    pub fn level_dbfs(&self) -> Option<f32> {
        self.rendition.borrow().level_dbfs()
    }

    /// Chunks that it did not get for slowness, ever. Whoever keeps what it reads has a gap where this rises.
    pub fn skipped(&self) -> u64 {
        self.stats.skipped.get()
    }

    /// Goes back to the earliest start that is at most so old, as far as the ring has it. For a reader that has not read
    /// yet: later, it would get again what it has.
    pub fn rewind(&mut self, back: Duration, now: Moment) {
        let ring = &self.rendition.borrow().ring;
        let mut place = ring.tail();
        while let Some(chunk) = ring.get(place).filter(|_| place < self.cursor) {
            if chunk.is_start() && now.since(chunk.arrival) <= back {
                self.cursor = place;
                self.seeks_start = false;
                self.stats.cursor.set(place);
                return;
            }
            place += 1;
        }
    }

    /// The next item, if there is one now.
    pub fn try_next(&mut self) -> Option<Item> {
        if let Some(reason) = self.end_reason() {
            return Some(Item::Ended(reason));
        }
        let rendition = self.rendition.clone();
        let rendition = rendition.borrow();
        if self.version != Some(rendition.version) {
            if self.version.is_some() {
                // Made anew: what is left of the old one is gone; start at the next key frame.
                self.cursor = rendition.ring.head();
                self.seeks_start = true;
                if let Some(start) = rendition.ring.newest_start() {
                    self.cursor = start;
                }
            }
            self.version = Some(rendition.version);
            if !rendition.header.is_empty() {
                return Some(Item::Header(rendition.header.clone()));
            }
        }
        if self.seeks_start {
            let start = rendition.ring.newest_start().filter(|start| *start >= self.cursor)?;
            self.cursor = start;
            self.seeks_start = false;
        }
        if self.cursor < rendition.ring.tail() {
            self.cut_back(&rendition, clock::now());
            return None;
        }
        let chunk = rendition.ring.get(self.cursor)?.clone();
        self.cursor += 1;
        self.stats.cursor.set(self.cursor);
        self.stats.bytes.set(self.stats.bytes.get() + chunk.bytes() as u64);
        self.stats.chunks.set(self.stats.chunks.get() + 1);
        Some(Item::Chunk(chunk))
    }

    /// The next item, when there is one. Cancel-safe.
    pub async fn next(&mut self) -> Item {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// [`Reader::next`] for those who poll.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Item> {
        // The second look is for a reader that was cut back just now: its new place may have something.
        if let Some(item) = self.try_next().or_else(|| self.try_next()) {
            return Poll::Ready(item);
        }
        let waker = cx.waker();
        let registered = self.feed.with_slot(self.slot, |slot| match &slot.waker {
            Some(known) if known.will_wake(waker) => {}
            Some(_) | None => slot.waker = Some(waker.clone()),
        });
        match registered {
            Some(()) => Poll::Pending,
            None => Poll::Ready(Item::Ended(EndReason::Removed)),
        }
    }

    /// Says that bytes went out: the reader is alive. Call after a write that took something.
    pub fn progressed(&mut self, now: Moment) {
        self.progressed_at = now;
    }

    /// Says how many bits a second the path can carry, where the transport estimates that.
    pub fn set_estimate(&self, bps: u64) {
        self.stats.estimate_bps.set(Some(bps));
    }

    /// Asks whoever publishes for something.
    pub fn ask(&self, feedback: Feedback) {
        self.feed.ask(feedback);
    }

    /// Applies the policy for slow readers; call about once a second while a write waits. `Some` means: end it.
    pub fn check(&mut self, now: Moment) -> Option<EndReason> {
        if let Some(reason) = self.end_reason() {
            return Some(reason);
        }
        let limits = self.feed.worker.limits();
        let rendition = self.rendition.clone();
        let rendition = rendition.borrow();
        let ring = &rendition.ring;
        let behind = ring.get(self.cursor).map_or(Duration::ZERO, |chunk| now.since(chunk.arrival));
        let overrun = self.cursor < ring.tail();
        let too_far =
            behind > limits.reader_lag_max || ring.lag_bytes(self.cursor) > limits.reader_lag_bytes_max;
        // A group longer than the limit is no lag: who starts at its key frame is behind by right.
        let at_start = ring.newest_start() == Some(self.cursor);
        if overrun || (too_far && !at_start) {
            self.cut_back(&rendition, now);
        }
        let idle = now.since(self.progressed_at);
        if idle > limits.reader_stall_max {
            let reason = EndReason::TooSlow { stalled_ms: idle.as_millis() as u64 };
            self.over = Some(reason.clone());
            return Some(reason);
        }
        None
    }

    fn end_reason(&mut self) -> Option<EndReason> {
        if self.over.is_none() {
            self.over = self.feed.with_slot(self.slot, |slot| slot.ended.clone()).flatten();
        }
        self.over.clone()
    }

    fn cut_back(&mut self, rendition: &Rendition, now: Moment) {
        let ring = &rendition.ring;
        let behind = ring.get(self.cursor).map_or(Duration::ZERO, |chunk| now.since(chunk.arrival));
        let target = match ring.newest_start().filter(|start| *start > self.cursor) {
            Some(start) => {
                self.seeks_start = false;
                start
            }
            None => {
                self.seeks_start = true;
                self.feed.ask(Feedback::KeyframeWanted);
                ring.head()
            }
        };
        let skipped = target - self.cursor;
        self.cursor = target;
        self.stats.cursor.set(target);
        self.stats.skipped.set(self.stats.skipped.get() + skipped);
        let reported = self.cut_back_at.is_some_and(|at| now.since(at) < CUT_BACK_REPORT_EVERY);
        if skipped > 0 && !reported {
            self.cut_back_at = Some(now);
            self.feed.worker.emit(What::ReaderCutBack {
                stream: self.feed.name.clone(),
                reader: self.stats.id,
                skipped,
                lag_ms: behind.as_millis() as u64,
            });
        }
    }

    /// Ends the reader with a reason of the caller's, such as `the peer closed the connection`.
    pub fn leave(mut self, reason: impl Into<String>) {
        self.over.get_or_insert(EndReason::Failed(reason.into()));
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.feed.detach(self.slot, &self.rendition);
        let reason = self.over.take().map_or_else(|| "closed".to_owned(), |reason| reason.to_string());
        self.feed.worker.emit(What::ReaderLeft {
            stream: self.feed.name.clone(),
            reader: self.stats.id,
            protocol: self.stats.peer.protocol,
            reason,
            bytes: self.stats.bytes.get(),
        });
        self.feed.release(&self.wants);
    }
}
