//! A byte stream of whatever container.
//!
//! Owns the bytes that are looked at, then the demuxer of their container; both are bounded, see there.
use super::{DemuxEvent, Note};
use crate::bitstream::AudioSyntax;
use crate::elementary::{Pictures, Sound};
use crate::flv::{self, FlvError, TagReader};
use crate::mjpeg;
use crate::mp4::{self, Mp4Error};
use crate::mpegts::{self, TsError};
use crate::pcm::{self, PcmError};
use crate::probe::{Container, ProbeError, Prober};
use media::{Codec, Fault, Moment, WallTime};

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
    /// MP4 is damaged, or of codecs that are not carried.
    #[error(transparent)]
    Mp4(#[from] Mp4Error),
    /// The head of samples is damaged, or they are not carried.
    #[error(transparent)]
    Pcm(#[from] PcmError),
}

impl DemuxError {
    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        match self {
            DemuxError::Probe(error) => error.fault(),
            DemuxError::Flv(error) => error.fault(),
            DemuxError::MpegTs(error) => error.fault(),
            DemuxError::Mp4(error) => error.fault(),
            DemuxError::Pcm(error) => error.fault(),
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
    Demuxing(Container, Inner),
}

/// The demuxer of a container.
#[derive(Debug)]
enum Inner {
    Flv(Box<Flv>),
    MpegTs(Box<mpegts::Demuxer>),
    Pictures(Box<Pictures>),
    Sound(Box<Sound>),
    Mjpeg(Box<mjpeg::Demuxer>),
    Mp4(Box<mp4::Demuxer>),
    Pcm(Box<pcm::Demuxer>),
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
            State::Demuxing(container, _) => Some(container),
        }
    }

    /// Takes the next bytes, which came at `now`, when the wall clock shows `wall`. What was understood before an error
    /// still is in the events.
    pub fn push(&mut self, bytes: &[u8], now: Moment, wall: WallTime) -> Result<(), DemuxError> {
        match &mut self.state {
            State::Demuxing(_, inner) => inner.push(bytes, now, wall),
            State::Probing(prober) => match prober.push(bytes)? {
                None => Ok(()),
                Some(container) => self.begin(container, now, wall),
            },
        }
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<DemuxEvent> {
        match &mut self.state {
            State::Probing(_) => None,
            State::Demuxing(_, inner) => inner.pop(),
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
            State::Probing(_) => Ok(()),
            State::Demuxing(_, inner) => inner.finish(now),
        }
    }

    /// Packets or frames that were lost on the way, since the last call.
    pub fn take_lost(&mut self) -> u64 {
        match &mut self.state {
            State::Demuxing(_, Inner::MpegTs(ts)) => ts.take_lost(),
            State::Probing(_) | State::Demuxing(..) => 0,
        }
    }

    fn begin(&mut self, container: Container, now: Moment, wall: WallTime) -> Result<(), DemuxError> {
        let mut inner = Inner::of(container);
        let pushed = match &mut self.state {
            State::Probing(prober) => inner.push(&std::mem::take(prober).into_bytes(), now, wall),
            State::Demuxing(..) => Ok(()),
        };
        self.state = State::Demuxing(container, inner);
        pushed
    }
}

impl Inner {
    fn of(container: Container) -> Self {
        let pictures = |codec| Inner::Pictures(Box::new(Pictures::new(codec)));
        let sound = |syntax| Inner::Sound(Box::new(Sound::new(syntax)));
        match container {
            Container::Flv => Inner::Flv(Box::default()),
            Container::MpegTs => Inner::MpegTs(Box::default()),
            Container::AnnexBH264 => pictures(Codec::H264),
            Container::AnnexBH265 => pictures(Codec::H265),
            Container::Adts => sound(AudioSyntax::Adts),
            Container::Loas => sound(AudioSyntax::Loas),
            Container::MpegAudio => sound(AudioSyntax::Mpeg),
            Container::Mjpeg => Inner::Mjpeg(Box::new(mjpeg::Demuxer::bare())),
            Container::MultipartMjpeg => Inner::Mjpeg(Box::new(mjpeg::Demuxer::multipart())),
            Container::Fmp4 => Inner::Mp4(Box::default()),
            Container::Wav => Inner::Pcm(Box::new(pcm::Demuxer::wav())),
            Container::Au => Inner::Pcm(Box::new(pcm::Demuxer::au())),
            Container::Raw(raw) => Inner::Pcm(Box::new(pcm::Demuxer::raw(raw))),
        }
    }

    fn push(&mut self, bytes: &[u8], now: Moment, wall: WallTime) -> Result<(), DemuxError> {
        match self {
            Inner::Flv(flv) => flv.push(bytes, now, wall)?,
            Inner::MpegTs(ts) => ts.push(bytes, now, wall)?,
            Inner::Pictures(pictures) => pictures.push(bytes, now, wall),
            Inner::Sound(sound) => sound.push(bytes, now, wall),
            Inner::Mjpeg(mjpeg) => mjpeg.push(bytes, now, wall),
            Inner::Mp4(mp4) => mp4.push(bytes, now, wall)?,
            Inner::Pcm(pcm) => pcm.push(bytes, now, wall)?,
        }
        Ok(())
    }

    fn pop(&mut self) -> Option<DemuxEvent> {
        match self {
            Inner::Flv(flv) => flv.pop(),
            Inner::MpegTs(ts) => ts.pop(),
            Inner::Pictures(pictures) => pictures.pop(),
            Inner::Sound(sound) => sound.pop(),
            Inner::Mjpeg(mjpeg) => mjpeg.pop(),
            Inner::Mp4(mp4) => mp4.pop(),
            Inner::Pcm(pcm) => pcm.pop(),
        }
    }

    fn finish(&mut self, now: Moment) -> Result<(), DemuxError> {
        match self {
            Inner::Flv(flv) => flv.demuxer.flush(),
            Inner::MpegTs(ts) => ts.finish(now),
            Inner::Pictures(pictures) => pictures.finish(now),
            Inner::Sound(sound) => sound.finish(now),
            // A picture that is not whole is none.
            Inner::Mjpeg(_) => {}
            Inner::Mp4(mp4) => mp4.finish(),
            Inner::Pcm(pcm) => pcm.finish(now)?,
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
