//! What an encoder is to make: codec, rate, channels, length of a frame.
use crate::eld;
use crate::resample::{RATE_MAX, RATE_MIN};
use bytes::Bytes;
use media::{Codec, CodecParams, MediaTime, Track, TrackId};
use std::time::Duration;

/// Shortest frame: 2.5 ms, Opus's shortest.
const FRAME_MIN: Duration = Duration::from_micros(2_500);
/// Longest frame: 200 ms. Beyond it a talk is no talk any more.
const FRAME_MAX: Duration = Duration::from_millis(200);

/// What comes out of an encoder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Target {
    /// PCMU, PCMA, L16, G722, Opus, or AAC, which means AAC-ELD here: AAC-LC needs a child.
    pub codec: Codec,
    /// Samples a second: 16,000 for G.722 (whose *clock* is 8,000), 48,000 for Opus, any for the others; for AAC one that
    /// MPEG-4 has a number for.
    pub rate: u32,
    /// 1 or 2; G.722 and AAC have 1.
    pub channels: u8,
    /// Sound in one unit; 20 ms is what devices expect. Opus: 10 or 20 ms. AAC: 480 or 512 samples, such as 30 ms at 16 kHz
    /// and 20 ms at 24.
    pub frame: Duration,
}

/// A target that nothing here can make: the configuration's fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TargetError {
    /// No encoder for the codec.
    #[error("no encoder for {0} in this process: PCMU, PCMA, L16, G722, OPUS and AAC (ELD only) have one")]
    Codec(Codec),
    /// The codec has no such rate.
    #[error(
        "{codec} at {rate} Hz cannot be encoded: G722 has 16,000, OPUS 48,000, AAC 8,000 to 48,000 (8, 11.025 and 12 \
         times a power of 2), the others 4,000 to 192,000"
    )]
    Rate {
        /// The codec.
        codec: Codec,
        /// The rate asked for.
        rate: u32,
    },
    /// The codec has no such number of channels.
    #[error("{codec} with {channels} channels cannot be encoded: 1 or 2, G722 and AAC only 1")]
    Channels {
        /// The codec.
        codec: Codec,
        /// The number asked for.
        channels: u8,
    },
    /// Frames of this length hold no whole number of samples, or are too short or too long.
    #[error(
        "frames of {frame:?} at {rate} Hz: they must hold whole samples and last 2.5 to 200 ms (OPUS 10 or 20; AAC 480 or \
         512 samples, AAC-LC needs a child)"
    )]
    Frame {
        /// The length asked for.
        frame: Duration,
        /// The rate asked for.
        rate: u32,
    },
    /// The encoder does not start.
    #[error("the {0} encoder does not start")]
    Start(Codec),
}

impl Target {
    /// Mono in frames of 20 ms, at the rate that is usual for the codec: 8 kHz for G.711, 16 for G.722 and L16, 24 for AAC,
    /// 48 for Opus.
    pub const fn usual(codec: Codec) -> Self {
        let rate = if matches!(codec, Codec::Pcmu | Codec::Pcma) {
            8_000
        } else if matches!(codec, Codec::G722 | Codec::L16) {
            16_000
        } else if matches!(codec, Codec::Aac) {
            24_000
        } else {
            48_000
        };
        Self { codec, rate, channels: 1, frame: Duration::from_millis(20) }
    }

    /// Says what is wrong with it, if anything is.
    pub fn check(&self) -> Result<(), TargetError> {
        let Self { codec, rate, channels, frame } = *self;
        let rate_fits = match codec {
            Codec::Pcmu | Codec::Pcma | Codec::L16 => (RATE_MIN..=RATE_MAX).contains(&rate),
            Codec::G722 => rate == 16_000,
            Codec::Opus => rate == 48_000,
            Codec::Aac => (8_000..=48_000).contains(&rate) && eld::Config::has_rate(rate),
            Codec::H264 | Codec::H265 | Codec::Av1 | Codec::Vp8 | Codec::Vp9 | Codec::Mjpeg | Codec::Mp3 => {
                return Err(TargetError::Codec(codec));
            }
        };
        if !rate_fits {
            return Err(TargetError::Rate { codec, rate });
        }
        if !matches!(channels, 1 | 2) || (matches!(codec, Codec::G722 | Codec::Aac) && channels != 1) {
            return Err(TargetError::Channels { codec, channels });
        }
        let nanos = frame.as_nanos() * u128::from(rate);
        let whole = nanos.is_multiple_of(1_000_000_000)
            && self.frame_samples().is_multiple_of(self.samples_per_tick());
        let opus = matches!(frame.as_millis(), 10 | 20) || codec != Codec::Opus;
        let aac = self.eld().is_some() || codec != Codec::Aac;
        if !(FRAME_MIN..=FRAME_MAX).contains(&frame) || !whole || !opus || !aac {
            return Err(TargetError::Frame { frame, rate });
        }
        Ok(())
    }

    /// Samples of one channel in a frame.
    pub const fn frame_samples(&self) -> usize {
        MediaTime::ticks_of(self.frame, self.rate) as usize
    }

    /// Ticks a second of the units' times. For G.722 it is half the rate: RFC 3551 §4.5.2 keeps the 8,000 that RFC 1890
    /// named by mistake, so a frame of 20 ms has 320 samples, 160 bytes and 160 ticks.
    pub const fn clock_rate(&self) -> u32 {
        match self.codec.fixed_clock_rate() {
            Some(rate) => rate,
            None => self.rate,
        }
    }

    /// Samples of one channel to a tick: 2 for G.722.
    pub(crate) const fn samples_per_tick(&self) -> usize {
        if matches!(self.codec, Codec::G722) { 2 } else { 1 }
    }

    /// The track that the encoded units belong to; that of AAC has its AudioSpecificConfig.
    pub const fn track(&self, id: TrackId) -> Track {
        let params = match self.eld() {
            Some(config) => match config.bytes() {
                Some(bytes) => CodecParams::Aac { config: Bytes::from_static(bytes) },
                None => CodecParams::None,
            },
            None => CodecParams::None,
        };
        Track::audio(id, self.codec, self.clock_rate(), self.channels, params)
    }

    /// What it is as AAC-ELD, if it is that.
    pub(crate) const fn eld(&self) -> Option<eld::Config> {
        if !matches!(self.codec, Codec::Aac) {
            return None;
        }
        match eld::FrameLength::of(self.frame_samples()) {
            Some(length) => Some(eld::Config { rate: self.rate, channels: 1, length }),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_targets_are_sound_and_g722_ticks_at_half_its_rate() {
        for codec in [Codec::Pcmu, Codec::Pcma, Codec::L16, Codec::G722, Codec::Opus, Codec::Aac] {
            assert_eq!(Target::usual(codec).check(), Ok(()));
        }
        let g722 = Target::usual(Codec::G722);
        assert_eq!((g722.frame_samples(), g722.track(3).clock_rate), (320, 8_000));
    }

    #[test]
    fn frames_of_480_or_512_samples_are_aac_eld_and_its_track_says_so() {
        let config = |rate, millis| {
            let target = Target { rate, frame: Duration::from_millis(millis), ..Target::usual(Codec::Aac) };
            assert_eq!(target.check(), Ok(()));
            target.track(0).params
        };
        let params = |config: &'static [u8]| CodecParams::Aac { config: Bytes::from_static(config) };
        assert_eq!(config(16_000, 30), params(&[0xf8, 0xf0, 0x30, 0x00]));
        assert_eq!(config(16_000, 32), params(&[0xf8, 0xf0, 0x20, 0x00]));
        assert_eq!(config(24_000, 20), params(&[0xf8, 0xec, 0x30, 0x00]));
    }

    #[test]
    fn each_impossible_target_is_named() {
        let usual = Target::usual(Codec::L16);
        let frame = |millis| Duration::from_millis(millis);
        let wrong = [
            (Target { codec: Codec::Mp3, ..usual }, TargetError::Codec(Codec::Mp3)),
            (Target { codec: Codec::Aac, ..usual }, TargetError::Frame { frame: frame(20), rate: 16_000 }),
            (
                Target { rate: 10_000, frame: frame(48), ..Target::usual(Codec::Aac) },
                TargetError::Rate { codec: Codec::Aac, rate: 10_000 },
            ),
            (
                Target { channels: 2, ..Target::usual(Codec::Aac) },
                TargetError::Channels { codec: Codec::Aac, channels: 2 },
            ),
            (Target { rate: 0, ..usual }, TargetError::Rate { codec: Codec::L16, rate: 0 }),
            (Target { channels: 3, ..usual }, TargetError::Channels { codec: Codec::L16, channels: 3 }),
            (Target { rate: 11_025, ..usual }, TargetError::Frame { frame: frame(20), rate: 11_025 }),
            (Target { frame: frame(0), ..usual }, TargetError::Frame { frame: frame(0), rate: 16_000 }),
            (Target { frame: frame(500), ..usual }, TargetError::Frame { frame: frame(500), rate: 16_000 }),
            (
                Target { frame: frame(40), ..Target::usual(Codec::Opus) },
                TargetError::Frame { frame: frame(40), rate: 48_000 },
            ),
            (
                Target { rate: 8_000, ..Target::usual(Codec::G722) },
                TargetError::Rate { codec: Codec::G722, rate: 8_000 },
            ),
        ];
        for (target, error) in wrong {
            assert_eq!(target.check(), Err(error), "{error}");
        }
        assert_eq!(Target { rate: 11_025, frame: frame(40), ..usual }.check(), Ok(()));
    }
}
