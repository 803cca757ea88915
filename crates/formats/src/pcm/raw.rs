//! Samples without a head, as a content type describes them.
//!
//! Sources: RFC 2046 §4.3 (`audio/basic`: µ-law, 8 kHz, one channel), RFC 3551 §4.5.14 (PCMU, PCMA), RFC 2586 (`audio/L16`);
//! the names that cameras have for G.711 in their talk interfaces.
use super::{CHANNELS_MAX, RATE_MAX, UNITS_A_SECOND};
use media::Codec;

/// Rate of G.711 where nothing else is said.
const TELEPHONE_RATE: u32 = 8_000;
/// Rate of L16 where nothing is said: that of RFC 3551 §4.5.11.
const L16_RATE: u32 = 44_100;

/// What samples without a head are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RawAudio {
    /// G.711 or L16.
    pub codec: Codec,
    /// Samples a second.
    pub rate: u32,
    /// Channels, interleaved.
    pub channels: u8,
}

impl RawAudio {
    /// What a content type says, as in `audio/L16;rate=16000;channels=1`; `None` when it is none of samples.
    pub fn from_content_type(value: &str) -> Option<Self> {
        let mut parts = value.split(';').map(str::trim);
        let kind = parts.next()?.to_ascii_lowercase();
        let (codec, rate) = match kind.as_str() {
            "audio/basic" | "audio/pcmu" | "audio/x-mulaw" | "audio/x-ulaw" | "audio/mulaw"
            | "audio/g711-ulaw" | "audio/x-g711-ulaw" => (Codec::Pcmu, TELEPHONE_RATE),
            "audio/pcma" | "audio/x-alaw-basic" | "audio/x-alaw" | "audio/alaw" | "audio/g711-alaw"
            | "audio/x-g711-alaw" => (Codec::Pcma, TELEPHONE_RATE),
            "audio/l16" => (Codec::L16, L16_RATE),
            _ => return None,
        };
        let mut raw = Self { codec, rate, channels: 1 };
        for (key, value) in parts.filter_map(|part| part.split_once('=')) {
            let value = value.trim().trim_matches('"');
            match key.trim().to_ascii_lowercase().as_str() {
                "rate" => raw.rate = value.parse().ok().filter(|rate| (1..=RATE_MAX).contains(rate))?,
                "channels" => {
                    let known = |channels: &u8| (1..=CHANNELS_MAX as u8).contains(channels);
                    raw.channels = value.parse().ok().filter(known)?;
                }
                _ => {}
            }
        }
        Some(raw)
    }

    /// Bytes of one instant of all channels.
    pub(super) fn frame_bytes(&self) -> usize {
        usize::from(self.channels) * if self.codec == Codec::L16 { 2 } else { 1 }
    }

    /// Bytes of a unit.
    pub(super) fn unit_bytes(&self) -> usize {
        self.frame_bytes() * (self.rate / UNITS_A_SECOND).max(1) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_of_samples_are_known_with_their_parameters() {
        let raw = |codec, rate, channels| Some(RawAudio { codec, rate, channels });
        for (value, expected) in [
            ("audio/basic", raw(Codec::Pcmu, 8_000, 1)),
            ("Audio/PCMA", raw(Codec::Pcma, 8_000, 1)),
            ("audio/x-alaw-basic; rate=16000", raw(Codec::Pcma, 16_000, 1)),
            ("audio/L16;rate=48000;channels=2", raw(Codec::L16, 48_000, 2)),
            ("audio/L16; Rate=\"16000\"", raw(Codec::L16, 16_000, 1)),
            ("audio/L16;rate=0", None),
            ("audio/L16;channels=9", None),
            ("audio/wav", None),
            ("", None),
        ] {
            assert_eq!(RawAudio::from_content_type(value), expected, "{value}");
        }
    }
}
