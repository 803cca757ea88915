//! What one reader saw, and whether it was what it should see.
use super::content::{Checksum, Content};
use crate::mark::marks;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Most tracks of a stream that are told apart: 8.
const TRACKS_MAX: usize = 8;

/// How the times of a track's frames go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    /// Each is later than the one before.
    Rising,
    /// None is earlier than the one before.
    NotFalling,
    /// Anyhow: presentation times of a stream with B frames.
    Any,
}

/// Where a reader stands.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) enum Life {
    /// No media yet.
    #[default]
    Joining,
    /// Media came.
    Playing,
    /// It is over, and why.
    Failed(String),
}

/// Counters of one reader.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) life: Life,
    pub(super) bytes: u64,
    pub(super) packets: u64,
    pub(super) frames: u64,
    /// Frames of the first track.
    pub(super) pictures: u64,
    pub(super) gaps: u64,
    pub(super) disorder: u64,
    pub(super) compared: u64,
    pub(super) mismatches: u64,
    /// From the start of the connection to the first byte of a frame.
    pub(super) first_byte: Option<Duration>,
    /// When pictures began to come, from the moment on at which somebody asks for it.
    pub(super) arrivals: Option<Vec<Instant>>,
    /// Whose pictures came, if somebody asks for it.
    pub(super) marks: Option<BTreeSet<u16>>,
}

/// One reader's eyes: its parsers tell it what comes, it judges.
pub(crate) struct Watch {
    tally: Rc<RefCell<Tally>>,
    content: Rc<RefCell<Content>>,
    started: Instant,
    last: [Option<i64>; TRACKS_MAX],
    first_track: Option<u8>,
}

impl Watch {
    pub(super) fn new(tally: Rc<RefCell<Tally>>, content: Rc<RefCell<Content>>) -> Self {
        Self { tally, content, started: Instant::now(), last: [None; TRACKS_MAX], first_track: None }
    }

    pub(super) fn bytes(&mut self, count: usize) {
        self.tally.borrow_mut().bytes += count as u64;
    }

    pub(super) fn packet(&mut self) {
        self.tally.borrow_mut().packets += 1;
    }

    /// The payload of a packet, or a piece of it.
    pub(super) fn payload(&mut self, bytes: &[u8]) {
        if let Some(seen) = &mut self.tally.borrow_mut().marks {
            seen.extend(marks(bytes));
        }
    }

    pub(super) fn gap(&mut self, count: u64) {
        self.tally.borrow_mut().gaps += count;
    }

    pub(super) fn disorder(&mut self) {
        self.tally.borrow_mut().disorder += 1;
    }

    pub(super) fn is_playing(&self) -> bool {
        self.tally.borrow().life == Life::Playing
    }

    pub(super) fn since_start(&self) -> Duration {
        self.started.elapsed()
    }

    /// Media came, though it cannot be told what.
    pub(super) fn plays(&mut self) {
        let mut tally = self.tally.borrow_mut();
        if tally.life == Life::Joining {
            tally.life = Life::Playing;
            tally.first_byte = Some(self.started.elapsed());
        }
    }

    /// A frame begins. Returns a checksum to fill and to give to [`frame_ended`](Self::frame_ended) if its content is
    /// compared.
    pub(super) fn frame(&mut self, track: u8, timestamp: i64, order: Order) -> Option<Checksum> {
        self.plays();
        let track = track.min(TRACKS_MAX as u8 - 1);
        let before = self.last[usize::from(track)].replace(timestamp);
        let mut tally = self.tally.borrow_mut();
        tally.frames += 1;
        let first = *self.first_track.get_or_insert(track);
        if track == first {
            tally.pictures += 1;
            if let Some(arrivals) = &mut tally.arrivals {
                arrivals.push(Instant::now());
            }
        }
        let ordered = match (order, before) {
            (Order::Rising, Some(before)) => before < timestamp,
            (Order::NotFalling, Some(before)) => before <= timestamp,
            (Order::Any, Some(_)) | (_, None) => true,
        };
        tally.disorder += u64::from(!ordered);
        if before == Some(timestamp) {
            // Two frames of one time cannot be told apart.
            return None;
        }
        let mut content = self.content.borrow_mut();
        tally.gaps += u64::from(!content.follows(track, timestamp, before));
        content.checksum(timestamp)
    }

    /// A frame ended whose content is compared.
    pub(super) fn frame_ended(&mut self, track: u8, timestamp: i64, sum: Checksum) {
        let track = track.min(TRACKS_MAX as u8 - 1);
        let Some(agrees) = self.content.borrow_mut().agrees(track, timestamp, sum) else { return };
        let mut tally = self.tally.borrow_mut();
        tally.compared += 1;
        tally.mismatches += u64::from(!agrees);
    }
}

/// Takes the bytes of a connection or a body, in pieces.
pub(super) trait Sink {
    /// Takes the next piece.
    fn push(&mut self, bytes: &[u8], watch: &mut Watch) -> Result<(), String>;
}

/// A client of one protocol without I/O, from the first byte it sends. It says what it sees to its [`Watch`].
pub(crate) trait Client {
    /// What to send first.
    fn start(&mut self, out: &mut Vec<u8>);
    /// Takes what came; appends what is to be sent.
    fn push(&mut self, bytes: &[u8], watch: &mut Watch, out: &mut Vec<u8>) -> Result<(), String>;
    /// Some 20 s have passed: a sign of life, where the protocol wants one.
    fn keep_alive(&mut self, out: &mut Vec<u8>);
}
