//! Samples of sound without frames → one track and its units of 20 ms: WAV, Sun `.au`, and samples without any head.
//!
//! Sources: Microsoft "Multimedia Programming Interface and Data Specifications 1.0" (RIFF WAVE) and `ksmedia.h`
//! (WAVEFORMATEXTENSIBLE); Sun "Audio File Format" (`.au`); RFC 2046 §4.3 (`audio/basic`), RFC 3551 §4.5.11 (L16).
//! Their times are counted in samples. Memory: one unit, and the head of a chunk.
mod au;
mod raw;
mod wav;

pub use raw::{RawAudio, RawError};
pub use wav::{WAV_HEADER_BYTES, wav_header};

use crate::demux::DemuxEvent;
use crate::demux::arrival::ArrivalClock;
use crate::demux::stage::{LaneId, Placed, Stage, Wait};
use bytes::{Bytes, BytesMut};
use media::{Codec, CodecParams, Fault, Moment, Track, WallTime, rescale};

/// Units a second: 20 ms each, as in RTP.
const UNITS_A_SECOND: u32 = 50;
/// Highest rate: 384,000. Sound cards end at 192,000.
const RATE_MAX: u32 = 384_000;
/// Most channels: 8, as in 7.1.
const CHANNELS_MAX: u16 = 8;

/// Why a head of samples is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PcmError {
    /// The head contradicts itself.
    #[error("{container} at byte {at}: {what}")]
    Malformed {
        /// `WAV` or `.au`.
        container: &'static str,
        /// Where in the stream.
        at: u64,
        /// What is wrong, as part of a sentence.
        what: &'static str,
    },
    /// Samples of a kind that is not carried.
    #[error("{container} with {what}: send 16-bit PCM (ffmpeg: -c:a pcm_s16le), A-law or µ-law")]
    Unsupported {
        /// `WAV` or `.au`.
        container: &'static str,
        /// What they are.
        what: String,
    },
}

impl PcmError {
    /// Whose fault it is: who encodes is told by its configuration how.
    pub const fn fault(&self) -> Fault {
        match self {
            PcmError::Malformed { .. } => Fault::Peer,
            PcmError::Unsupported { .. } => Fault::Config,
        }
    }
}

/// What samples are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Samples {
    /// What they become.
    raw: RawAudio,
    coding: Coding,
    /// Bytes that follow, where the head says it and can know it.
    bytes: Option<u64>,
}

/// How samples are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Coding {
    /// As units have them.
    AsUnits,
    /// 16 bits with the low byte first.
    LittleEndian,
    /// 8 bits, of which 128 is silence.
    Unsigned8,
}

impl Samples {
    /// Bytes of one instant of all channels, as they come.
    fn frame_bytes(&self) -> usize {
        match self.coding {
            Coding::AsUnits | Coding::LittleEndian => self.raw.frame_bytes(),
            Coding::Unsigned8 => usize::from(self.raw.channels),
        }
    }

    /// Bytes of what becomes one unit, as they come.
    fn unit_bytes(&self) -> usize {
        self.frame_bytes() * self.raw.unit_frames()
    }
}

/// Turns a byte stream of samples into units.
///
/// `Head` → `Samples` → `Behind` when as many have come as the head said: what follows there are texts.
#[derive(Debug)]
pub struct Demuxer {
    state: State,
    buffer: BytesMut,
    stage: Stage,
    lane: LaneId,
    position: u64,
}

#[derive(Debug)]
enum State {
    Head(Head),
    Samples { samples: Samples, clock: ArrivalClock },
    Behind,
}

#[derive(Debug)]
enum Head {
    Wav(wav::Reader),
    Au(au::Reader),
}

impl Demuxer {
    /// For WAV, from its first byte.
    pub fn wav() -> Self {
        Self::new(State::Head(Head::Wav(wav::Reader::default())))
    }

    /// For `.au`, from its first byte.
    pub fn au() -> Self {
        Self::new(State::Head(Head::Au(au::Reader::default())))
    }

    /// For samples without a head; 16-bit ones have the high byte first.
    pub fn raw(raw: RawAudio) -> Self {
        let mut demuxer = Self::new(State::Behind);
        demuxer.begin(Samples { raw, coding: Coding::AsUnits, bytes: None });
        demuxer
    }

    fn new(state: State) -> Self {
        let mut stage = Stage::default();
        let lane = stage.add_lane();
        Self { state, buffer: BytesMut::new(), stage, lane, position: 0 }
    }

    /// Takes the next bytes, which came at `now`, when the wall clock shows `wall`. An error is final.
    pub fn push(&mut self, bytes: &[u8], now: Moment, wall: WallTime) -> Result<(), PcmError> {
        self.stage.set_wall_clock(now, wall);
        self.buffer.extend_from_slice(bytes);
        self.read(false, now)
    }

    /// Gives out the last samples: nothing follows.
    pub fn finish(&mut self, now: Moment) -> Result<(), PcmError> {
        self.read(true, now)
    }

    /// The next event.
    pub fn pop(&mut self) -> Option<DemuxEvent> {
        self.stage.pop()
    }

    fn read(&mut self, at_end: bool, now: Moment) -> Result<(), PcmError> {
        loop {
            match &mut self.state {
                State::Head(head) => {
                    let before = self.buffer.len();
                    let found = match head {
                        Head::Wav(reader) => reader.read(&mut self.buffer, self.position),
                        Head::Au(reader) => reader.read(&mut self.buffer, self.position),
                    };
                    self.position += (before - self.buffer.len()) as u64;
                    let Some(samples) = found? else { return Ok(()) };
                    self.begin(samples);
                }
                State::Samples { samples, .. } => {
                    let unit_bytes = samples.unit_bytes();
                    let left =
                        samples.bytes.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX));
                    let there = self.buffer.len().min(left);
                    let ends = at_end || there == left;
                    if there < unit_bytes && !ends {
                        return Ok(());
                    }
                    // Half a sample at the end is none.
                    let frame = samples.frame_bytes();
                    let bytes = there.min(unit_bytes) / frame * frame;
                    if bytes == 0 {
                        self.state = State::Behind;
                        continue;
                    }
                    let data = self.buffer.split_to(bytes).freeze();
                    self.position += bytes as u64;
                    self.emit(data, now);
                }
                State::Behind => {
                    self.position += self.buffer.len() as u64;
                    self.buffer.clear();
                    return Ok(());
                }
            }
        }
    }

    fn begin(&mut self, samples: Samples) {
        let RawAudio { codec, rate, channels } = samples.raw;
        self.stage.describe(self.lane, Track::audio(0, codec, rate, channels, CodecParams::None));
        self.state = State::Samples { samples, clock: ArrivalClock::new(rate) };
    }

    fn emit(&mut self, data: Bytes, now: Moment) {
        let State::Samples { samples, clock } = &mut self.state else { return };
        samples.bytes = samples.bytes.map(|left| left.saturating_sub(data.len() as u64));
        let ticks = data.len() / samples.frame_bytes();
        let dts = clock.sound(ticks as i64, now);
        let data = match samples.coding {
            Coding::AsUnits => data,
            Coding::LittleEndian => data.chunks_exact(2).flat_map(|pair| [pair[1], pair[0]]).collect(),
            Coding::Unsigned8 => data.iter().flat_map(|sample| [sample ^ 0x80, 0]).collect(),
        };
        let placed = Placed {
            pts: dts,
            dts,
            line_ms: rescale(dts, samples.raw.rate, 1000),
            keyframe: true,
            discontinuity: false,
            data,
        };
        self.stage.push(self.lane, placed, now, Wait::Nothing);
    }
}

/// Checks what a head says.
fn checked(
    container: &'static str,
    at: u64,
    codec: Codec,
    rate: u32,
    channels: u16,
) -> Result<RawAudio, PcmError> {
    let what = if !(1..=RATE_MAX).contains(&rate) {
        "a sample rate that nothing has"
    } else if !(1..=CHANNELS_MAX).contains(&channels) {
        "no channels, or more than eight"
    } else {
        return Ok(RawAudio { codec, rate, channels: channels as u8 });
    };
    Err(PcmError::Malformed { container, at, what })
}

#[cfg(test)]
mod tests;
