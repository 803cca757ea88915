//! A byte stream of whatever container.
//!
//! Owns the bytes that are looked at, then the demuxer of their container; both are bounded, see there.
use super::{DemuxEvent, Note};
use crate::flv::{self, FlvError, TagReader};
use crate::mpegts::{self, TsError};
use crate::probe::{Container, ProbeError, Prober};
use media::{Fault, Moment, WallTime};

/// Why a byte stream cannot be read on.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DemuxError {
    /// It is nothing that is understood.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// FLV is damaged.
    #[error(transparent)]
    Flv(#[from] FlvError),
    /// MPEG-TS is damaged.
    #[error(transparent)]
    MpegTs(#[from] TsError),
}

impl DemuxError {
    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        match self {
            DemuxError::Probe(error) => error.fault(),
            DemuxError::Flv(error) => error.fault(),
            DemuxError::MpegTs(error) => error.fault(),
        }
    }
}

/// Turns a byte stream into tracks and units.
///
/// `Probing` → the demuxer of the container, at the bytes that tell it. Errors are final.
#[derive(Debug)]
pub struct ByteDemuxer {
    state: State,
}

#[derive(Debug)]
enum State {
    Probing(Prober),
    Flv(Box<Flv>),
    MpegTs(Box<mpegts::Demuxer>),
}

impl Default for ByteDemuxer {
    fn default() -> Self {
        Self::new(Prober::new())
    }
}

impl ByteDemuxer {
    /// For one stream from its beginning; the prober may have been told what to expect.
    pub fn new(prober: Prober) -> Self {
        Self { state: State::Probing(prober) }
    }

    /// What it is, once that is known.
    pub const fn container(&self) -> Option<Container> {
        match self.state {
            State::Probing(_) => None,
            State::Flv(_) => Some(Container::Flv),
            State::MpegTs(_) => Some(Container::MpegTs),
        }
    }

    /// Takes the next bytes, which came at `now`, when the wall clock shows `wall`. What was understood before an error
    /// still is in the events.
    pub fn push(&mut self, bytes: &[u8], now: Moment, wall: WallTime) -> Result<(), DemuxError> {
        if let State::Probing(prober) = &mut self.state {
            return match prober.push(bytes)? {
                None => Ok(()),
                Some(container) => self.begin(container, now, wall),
            };
        }
        self.feed(bytes, now, wall)
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<DemuxEvent> {
        match &mut self.state {
            State::Probing(_) => None,
            State::Flv(flv) => flv.pop(),
            State::MpegTs(ts) => ts.pop(),
        }
    }

    /// Gives out what waits for more bytes: nothing follows. An error tells of a stream that ended before anybody could
    /// know what it is.
    pub fn finish(&mut self, now: Moment, wall: WallTime) -> Result<(), DemuxError> {
        if let State::Probing(prober) = &self.state {
            let container = prober.finish()?;
            self.begin(container, now, wall)?;
        }
        match &mut self.state {
            State::Probing(_) => {}
            State::Flv(flv) => flv.demuxer.flush(),
            State::MpegTs(ts) => ts.finish(now),
        }
        Ok(())
    }

    /// Packets or frames that were lost on the way, since the last call.
    pub fn take_lost(&mut self) -> u64 {
        match &mut self.state {
            State::Probing(_) | State::Flv(_) => 0,
            State::MpegTs(ts) => ts.take_lost(),
        }
    }

    fn begin(&mut self, container: Container, now: Moment, wall: WallTime) -> Result<(), DemuxError> {
        let next = match container {
            Container::Flv => State::Flv(Box::default()),
            Container::MpegTs => State::MpegTs(Box::default()),
        };
        match std::mem::replace(&mut self.state, next) {
            State::Probing(prober) => self.feed(&prober.into_bytes(), now, wall),
            State::Flv(_) | State::MpegTs(_) => Ok(()),
        }
    }

    fn feed(&mut self, bytes: &[u8], now: Moment, wall: WallTime) -> Result<(), DemuxError> {
        match &mut self.state {
            State::Probing(_) => {}
            State::Flv(flv) => flv.push(bytes, now, wall)?,
            State::MpegTs(ts) => ts.push(bytes, now, wall)?,
        }
        Ok(())
    }
}

/// FLV from its file header on.
#[derive(Debug, Default)]
struct Flv {
    reader: TagReader,
    demuxer: flv::Demuxer,
    /// A damaged sequence header, told once: some encoders repeat theirs with each key frame.
    damage: Option<Note>,
    told_damage: bool,
}

impl Flv {
    fn push(&mut self, bytes: &[u8], now: Moment, wall: WallTime) -> Result<(), FlvError> {
        self.demuxer.set_wall_clock(now, wall);
        self.reader.push(bytes);
        while let Some(tag) = self.reader.next_tag()? {
            if let Err(error) = self.demuxer.handle_tag(tag.kind, tag.timestamp_ms, tag.data, now)
                && !std::mem::replace(&mut self.told_damage, true)
            {
                self.damage = Some(Note::BadParameters { why: error.to_string() });
            }
        }
        Ok(())
    }

    fn pop(&mut self) -> Option<DemuxEvent> {
        self.damage.take().map(DemuxEvent::Note).or_else(|| self.demuxer.pop())
    }
}

/// Entry for fuzzing: a byte stream of any container, pushed in pieces of changing size.
#[doc(hidden)]
pub fn fuzz_bytes(data: &[u8]) {
    let mut demuxer = ByteDemuxer::default();
    let (mut rest, mut step, mut ms) = (data, 1, 0);
    while !rest.is_empty() {
        let (piece, later) = rest.split_at(step.min(rest.len()));
        rest = later;
        step = step % 997 + 61;
        ms += 7;
        if demuxer.push(piece, Moment::from_millis(ms), WallTime::default()).is_err() {
            return;
        }
        while demuxer.poll_event().is_some() {}
    }
    // That nothing was recognised is no defect.
    let _ = demuxer.finish(Moment::from_millis(ms), WallTime::default());
    while demuxer.poll_event().is_some() {}
}
