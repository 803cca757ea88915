//! Sound as it was agreed on between a controller and an accessory: what depends on its codec, apart from decoding ([`super::hearing`]).
use audio::Target;
use media::{Codec, MediaTime};
use protocols::hap::camera::{AudioCodec, AudioConfiguration, SampleRate};
use std::borrow::Cow;
use std::time::Duration;

/// How long a packet of Opus lasts where nobody says it: 20 ms, which all can.
const OPUS_PACKET_MS: u8 = 20;
/// Samples in a packet of AAC-ELD: 480, one access unit, which is 30 ms at 16 kHz. Other lengths have not been seen.
const ELD_PACKET_SAMPLES: u32 = 480;
/// Bits of an access unit's size in the header of a packet with one, and of its index. Source: RFC 3640 §3.3.6 (AAC-hbr).
const AU_SIZE_BITS: u32 = 13;
const AU_INDEX_BITS: u32 = 3;

/// How long a packet lasts as a rule; none for codecs that are not spoken here.
pub(crate) fn packet_ms(codec: AudioCodec, rate: SampleRate) -> Option<u8> {
    match codec {
        AudioCodec::Opus => Some(OPUS_PACKET_MS),
        AudioCodec::AacEld => u8::try_from(ELD_PACKET_SAMPLES * 1_000 / rate.hz()).ok(),
        AudioCodec::Pcmu | AudioCodec::Pcma | AudioCodec::Msbc | AudioCodec::Amr | AudioCodec::AmrWb => None,
    }
}

/// Sound as the other side takes it, and as it sends it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Agreed {
    /// What frames are.
    pub(crate) target: Target,
    /// Ticks a second of the RTP timestamps: the sample rate that was agreed on, as Apple counts it.
    pub(crate) clock_hz: u32,
    /// Frames go behind a header that says their size.
    has_header: bool,
}

impl Agreed {
    /// For what was agreed on.
    ///
    /// # Errors
    /// Nobody here makes that, in words.
    pub(crate) fn of(agreed: &AudioConfiguration) -> Result<Self, String> {
        let (AudioConfiguration { codec, rate, .. }, packet_ms) = (*agreed, agreed.packet_ms.unwrap_or(0));
        let frame = Duration::from_millis(packet_ms.into());
        let target = match codec {
            AudioCodec::Opus => Target { frame, ..Target::usual(Codec::Opus) },
            AudioCodec::AacEld => Target { codec: Codec::Aac, rate: rate.hz(), channels: 1, frame },
            AudioCodec::Pcmu | AudioCodec::Pcma | AudioCodec::Msbc | AudioCodec::Amr | AudioCodec::AmrWb => {
                return Err(format!("{codec:?} is not spoken here"));
            }
        };
        target.check().map_err(|error| error.to_string())?;
        Ok(Self { target, clock_hz: rate.hz(), has_header: codec == AudioCodec::AacEld })
    }

    /// Ticks of the target's clock in one frame.
    pub(crate) const fn frame_ticks(&self) -> i64 {
        MediaTime::ticks_of(self.target.frame, self.target.clock_rate())
    }

    /// A frame as the payload of a packet.
    pub(crate) fn payload<'a>(&self, frame: &'a [u8]) -> Cow<'a, [u8]> {
        if !self.has_header {
            return Cow::Borrowed(frame);
        }
        // one access unit, whose index is 0; what 13 bits cannot say is longer than any frame
        let length = (AU_SIZE_BITS + AU_INDEX_BITS) as u16;
        let size = (frame.len() as u16) << AU_INDEX_BITS;
        Cow::Owned([&length.to_be_bytes(), &size.to_be_bytes(), frame].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreed(codec: AudioCodec, rate: SampleRate) -> AudioConfiguration {
        let packet_ms = packet_ms(codec, rate);
        AudioConfiguration { codec, channels: 1, constant_bitrate: false, rate, packet_ms }
    }

    #[test]
    fn opus_goes_bare_and_ticks_at_the_rate_that_was_agreed_on() {
        let sound = Agreed::of(&agreed(AudioCodec::Opus, SampleRate::Khz24)).unwrap();
        assert_eq!((sound.target, sound.clock_hz), (Target::usual(Codec::Opus), 24_000));
        assert_eq!((sound.frame_ticks(), &*sound.payload(&[1, 2])), (960, &[1, 2][..]));
        assert!(Agreed::of(&agreed(AudioCodec::Pcmu, SampleRate::Khz8)).is_err());
    }

    #[test]
    fn eld_goes_in_access_units_of_480_samples_behind_a_header() {
        assert_eq!(packet_ms(AudioCodec::AacEld, SampleRate::Khz16), Some(30));
        assert_eq!(packet_ms(AudioCodec::AacEld, SampleRate::Khz24), Some(20));
        let sound = Agreed::of(&agreed(AudioCodec::AacEld, SampleRate::Khz16)).unwrap();
        assert_eq!((sound.frame_ticks(), sound.clock_hz), (480, 16_000));
        assert_eq!(&*sound.payload(&[7; 3]), [0, 16, 0, 3 << 3, 7, 7, 7]);
    }
}
