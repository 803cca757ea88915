//! The microphone of a simulated camera: what a packet of its sound is, and when it is due.
use audio::tone::Sine;
use audio::{Encoder, Target};
use media::{Codec, MediaTime};
use std::time::Duration;

/// One frame of Opus, 20 ms of silence.
const OPUS_SILENCE: [u8; 3] = [0xf8, 0xff, 0xfe];
const OPUS_FRAME: Duration = Duration::from_millis(20);
/// What a camera with AAC-ELD hears, at its peaks, and in which frames it says it: those of Apple's cameras, 480 samples at 16 kHz.
pub const ELD_TONE: (f64, f64) = (700.0, -14.0);
/// AAC-ELD as cameras have it.
pub(super) const ELD: Target =
    Target { codec: Codec::Aac, rate: 16_000, channels: 1, frame: Duration::from_millis(30) };

/// A microphone during one stream.
pub(super) enum Microphone {
    /// Silence in Opus, with so many ticks a second.
    Opus { clock_hz: u32 },
    /// [`ELD_TONE`].
    Eld { encoder: Box<Encoder>, tone: Sine },
}

impl Microphone {
    /// None: there is no encoder.
    pub(super) fn eld() -> Option<Self> {
        let (hz, dbfs) = ELD_TONE;
        Some(Self::Eld { encoder: Box::new(Encoder::new(ELD).ok()?), tone: Sine::new(ELD.rate, hz, dbfs) })
    }

    /// How long a frame lasts.
    pub(super) const fn frame(&self) -> Duration {
        match self {
            Self::Opus { .. } => OPUS_FRAME,
            Self::Eld { .. } => ELD.frame,
        }
    }

    /// Ticks of so many frames.
    pub(super) fn ticks(&self, frames: u64) -> u32 {
        match self {
            Self::Opus { clock_hz } => (frames * u64::from(*clock_hz) / 50) as u32,
            Self::Eld { .. } => (frames * ELD.frame_samples() as u64) as u32,
        }
    }

    /// Where its clock stands so long after its first frame, to the tick.
    pub(super) const fn clock(&self, since: Duration) -> u32 {
        let hz = match self {
            Self::Opus { clock_hz } => *clock_hz,
            Self::Eld { .. } => ELD.rate,
        };
        MediaTime::ticks_of(since, hz) as u32
    }

    /// The payload of the next packet.
    pub(super) fn next(&mut self) -> Vec<u8> {
        match self {
            Self::Opus { .. } => OPUS_SILENCE.to_vec(),
            Self::Eld { encoder, tone } => {
                let samples: Vec<f32> = tone.by_ref().take(ELD.frame_samples()).collect();
                let unit = encoder.encode(&samples).unwrap_or_else(|error| panic!("{error}"));
                // one access unit of this size, as RFC 3640 has it
                let size = (unit.len() as u16) << 3;
                [&[0, 16], &size.to_be_bytes()[..], &unit[..]].concat()
            }
        }
    }
}
