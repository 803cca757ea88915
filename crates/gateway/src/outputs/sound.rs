//! What a device takes, and how it is made: by the talk rendition alone, or by that and a child behind it.
use audio::Target;
use formats::bitstream::aac::{AudioSpecificConfig, OBJECT_LC, adts};
use media::{Codec, CodecParams, Track};
use std::time::Duration;

/// Frames of sound that devices expect: 20 ms. The others are for rates of which 20 ms is no whole number of samples.
const FRAMES_MS: [u64; 4] = [20, 40, 10, 100];

/// Samples of one channel in a frame of AAC-LC.
pub(super) const AAC_FRAME_SAMPLES: u32 = 1_024;

/// Bits a sample of AAC where the device names no bit rate: 3, which is 48 kbit/s at 16 kHz.
const AAC_BITS_PER_SAMPLE: u32 = 3;
/// Bit rates of AAC that are taken from a device, in kbit/s for each channel: what makes speech, and fits ADTS.
const AAC_KBPS: std::ops::RangeInclusive<u32> = 12..=96;

/// Sound as a device takes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sound {
    /// Made in this process.
    Here(Target),
    /// Made by a child out of PCM, which is made here.
    Aac(Aac),
}

/// AAC-LC as a device takes it, in raw frames: headers are the session's work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Aac {
    /// What the child gets: L16 of the device's rate and channels.
    pub(super) pcm: Target,
    /// Bits a second.
    pub(super) bitrate: u32,
}

impl Sound {
    /// For a track that a device names, and the bit rate where it names one. `None`: nobody here makes that.
    pub(super) fn of(track: &Track, bitrate_kbps: Option<u32>) -> Option<Self> {
        match track.codec {
            Codec::Aac => Aac::of(track, bitrate_kbps).map(Sound::Aac),
            // Its clock is half its rate, by a mistake of long ago (RFC 3551 §4.5.2).
            Codec::G722 => target(Codec::G722, 16_000, track.channels).map(Sound::Here),
            codec @ (Codec::H264
            | Codec::H265
            | Codec::Av1
            | Codec::Vp8
            | Codec::Vp9
            | Codec::Mjpeg
            | Codec::Opus
            | Codec::Pcmu
            | Codec::Pcma
            | Codec::L16
            | Codec::Mp3) => target(codec, track.clock_rate, track.channels).map(Sound::Here),
        }
    }

    /// What the stream is read as.
    pub(super) const fn target(&self) -> Target {
        match self {
            Sound::Here(target) => *target,
            Sound::Aac(aac) => aac.pcm,
        }
    }

    /// How long a frame for the device lasts.
    pub(super) fn frame(&self) -> Duration {
        match self {
            Sound::Here(target) => target.frame,
            Sound::Aac(aac) => aac.frame(),
        }
    }
}

/// Codec and rate, such as `PCMU/8000`.
impl std::fmt::Display for Sound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Sound::Here(target) => write!(f, "{}/{}", target.codec, target.rate),
            Sound::Aac(aac) => write!(f, "{}/{}", Codec::Aac, aac.pcm.rate),
        }
    }
}

impl Aac {
    fn of(track: &Track, bitrate_kbps: Option<u32>) -> Option<Self> {
        let pcm = target(Codec::L16, track.clock_rate, track.channels)?;
        let made = AudioSpecificConfig::lc(pcm.rate, pcm.channels);
        // Another profile, or other frames, would be sound that the device does not expect.
        let is_lc = if let CodecParams::Aac { config } = &track.params {
            AudioSpecificConfig::parse(config).is_ok_and(|wanted| {
                wanted.announced_object_type() == OBJECT_LC && wanted.frame_samples == made.frame_samples
            })
        } else {
            true
        };
        let has_header = adts::header(&made, 1).is_some();
        let channels = u32::from(pcm.channels);
        let usual = pcm.rate * AAC_BITS_PER_SAMPLE / 1_000;
        let kbps = bitrate_kbps.map_or(usual, |kbps| kbps / channels);
        let bitrate = kbps.clamp(*AAC_KBPS.start(), *AAC_KBPS.end()) * channels * 1_000;
        (is_lc && has_header).then_some(Self { pcm, bitrate })
    }

    /// Rounded up, so that it counts as whole ticks of the rate.
    fn frame(&self) -> Duration {
        let nanos = u64::from(AAC_FRAME_SAMPLES) * 1_000_000_000;
        Duration::from_nanos(nanos.div_ceil(u64::from(self.pcm.rate)))
    }
}

/// Frames as near to 20 ms as the rate has whole samples for. `None`: not made in this process.
fn target(codec: Codec, rate: u32, channels: u8) -> Option<Target> {
    FRAMES_MS.into_iter().find_map(|millis| {
        let target = Target { codec, rate, channels: channels.max(1), frame: Duration::from_millis(millis) };
        target.check().is_ok().then_some(target)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aac(rate: u32, channels: u8, params: CodecParams) -> Option<Aac> {
        match Sound::of(&Track::audio(0, Codec::Aac, rate, channels, params), None)? {
            Sound::Aac(aac) => Some(aac),
            Sound::Here(_) => None,
        }
    }

    #[test]
    fn aac_is_made_out_of_pcm_of_its_rate_in_frames_of_1024_samples() {
        let made = aac(16_000, 1, CodecParams::None).unwrap();
        assert_eq!((made.pcm, made.bitrate), (Target::usual(Codec::L16), 48_000));
        assert_eq!(Sound::Aac(made).frame(), Duration::from_millis(64));
        assert_eq!(Sound::Aac(made).to_string(), "AAC/16000");
        // 1,024 samples at 44.1 kHz are 23.2199… ms, and count as 1,024 ticks again.
        let frame = Sound::Aac(aac(44_100, 2, CodecParams::None).unwrap()).frame();
        assert_eq!(frame.as_nanos() * 44_100 / 1_000_000_000, 1_024);
        let track = Track::audio(0, Codec::Aac, 16_000, 1, CodecParams::None);
        for (listed, bitrate) in [(Some(64), 64_000), (Some(1), 12_000), (Some(u32::MAX), 96_000)] {
            assert!(matches!(Sound::of(&track, listed), Some(Sound::Aac(aac)) if aac.bitrate == bitrate));
        }
    }

    #[test]
    fn aac_that_no_child_makes_as_the_device_wants_it_is_refused() {
        assert_eq!(aac(10_000, 1, CodecParams::None), None, "ADTS has no such rate");
        assert_eq!(aac(16_000, 6, CodecParams::None), None);
        let mut config = AudioSpecificConfig::lc(16_000, 1);
        assert!(aac(16_000, 1, CodecParams::Aac { config: config.build() }).is_some());
        config.sbr_sample_rate = Some(32_000);
        assert_eq!(aac(16_000, 1, CodecParams::Aac { config: config.build() }), None, "HE-AAC");
    }

    #[test]
    fn g722_ticks_at_half_its_rate_and_the_rest_at_theirs() {
        let here = |codec, clock| match Sound::of(&Track::audio(0, codec, clock, 1, CodecParams::None), None)
        {
            Some(Sound::Here(target)) => Some((target.rate, target.frame.as_millis())),
            Some(Sound::Aac(_)) | None => None,
        };
        assert_eq!(here(Codec::G722, 8_000), Some((16_000, 20)));
        assert_eq!(here(Codec::Pcma, 8_000), Some((8_000, 20)));
        assert_eq!(here(Codec::L16, 11_025), Some((11_025, 40)));
        assert_eq!(here(Codec::Mp3, 44_100), None);
    }
}
