//! Samples without a head, as a content type describes them.
//!
//! Sources: RFC 2046 §4.3 (`audio/basic`: µ-law, 8 kHz, one channel), RFC 3551 §4.5.14 and RFC 4856 §2.1 (PCMU, PCMA), RFC 2586
//! (`audio/L16`); the names that cameras have for G.711 in their talk interfaces.
use super::{CHANNELS_MAX, UNITS_A_SECOND};
use media::Codec;

/// Rate of G.711 where nothing else is said.
const TELEPHONE_RATE: u32 = 8_000;
/// Rate of L16 where nothing is said: that of RFC 3551 §4.5.11.
const L16_RATE: u32 = 44_100;
/// Rates that a content type may have: what can be brought to another rate.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=192_000;
/// Types of RFC 4856 and their like for bare frames and samples that are not read without a container: nothing in their
/// bytes says what they are, so that looking at them would find anything.
const OTHERS: [&str; 18] = [
    "l8", "l20", "l24", "dvi4", "g722", "g723", "g726-16", "g726-24", "g726-32", "g726-40", "g728", "g729",
    "gsm", "lpc", "qcelp", "vdvi", "opus", "speex",
];

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

/// A content type of samples or frames that are not taken bare.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "{what} is not taken without a container; bare samples are taken as audio/PCMA, audio/PCMU, audio/basic (8,000 Hz and one \
     channel unless ;rate= and ;channels= say something else) and audio/L16;rate=16000;channels=1, with rates of 4,000 \
     to 192,000 Hz and 1 to 8 channels"
)]
pub struct RawError {
    /// What was said.
    pub what: String,
}

impl RawAudio {
    /// What a content type says, as in `audio/L16;rate=16000;channels=1`; `None` when it is none of bare samples or frames.
    pub fn from_content_type(value: &str) -> Option<Result<Self, RawError>> {
        let mut parts = value.split(';').map(str::trim);
        let kind = parts.next()?.to_ascii_lowercase();
        let wrong = |what: &str| Some(Err(RawError { what: what.to_owned() }));
        let (codec, rate) = match kind.as_str() {
            "audio/basic" | "audio/pcmu" | "audio/x-mulaw" | "audio/x-ulaw" | "audio/mulaw"
            | "audio/g711-ulaw" | "audio/x-g711-ulaw" => (Codec::Pcmu, TELEPHONE_RATE),
            "audio/pcma" | "audio/x-alaw-basic" | "audio/x-alaw" | "audio/alaw" | "audio/g711-alaw"
            | "audio/x-g711-alaw" => (Codec::Pcma, TELEPHONE_RATE),
            "audio/l16" => (Codec::L16, L16_RATE),
            other => {
                let name = other.strip_prefix("audio/")?;
                return if OTHERS.contains(&name) { wrong(other) } else { None };
            }
        };
        let mut raw = Self { codec, rate, channels: 1 };
        for (key, text) in parts.filter_map(|part| part.split_once('=')) {
            let text = text.trim().trim_matches('"');
            let key = key.trim().to_ascii_lowercase();
            let known = match key.as_str() {
                "rate" => text.parse().ok().filter(|rate| RATES.contains(rate)).map(|rate| raw.rate = rate),
                "channels" => {
                    let few = |channels: &u8| (1..=CHANNELS_MAX as u8).contains(channels);
                    text.parse().ok().filter(few).map(|channels| raw.channels = channels)
                }
                // Times of packets and the like: nothing that the samples depend on.
                _ => Some(()),
            };
            if known.is_none() {
                return wrong(&format!("{kind} with {key}={text}"));
            }
        }
        Some(Ok(raw))
    }

    /// Bytes of one instant of all channels.
    pub(super) fn frame_bytes(&self) -> usize {
        usize::from(self.channels) * if self.codec == Codec::L16 { 2 } else { 1 }
    }

    /// Instants of a unit.
    pub(super) fn unit_frames(&self) -> usize {
        (self.rate / UNITS_A_SECOND).max(1) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_of_samples_are_known_with_their_parameters() {
        let raw = |codec, rate, channels| Some(Ok(RawAudio { codec, rate, channels }));
        for (value, expected) in [
            ("audio/basic", raw(Codec::Pcmu, 8_000, 1)),
            ("Audio/PCMA", raw(Codec::Pcma, 8_000, 1)),
            ("AUDIO/pcmu ; RATE=8000", raw(Codec::Pcmu, 8_000, 1)),
            ("audio/x-alaw-basic; rate=16000", raw(Codec::Pcma, 16_000, 1)),
            ("audio/L16;rate=48000;channels=2", raw(Codec::L16, 48_000, 2)),
            ("audio/L16; Rate=\"16000\";ptime=20", raw(Codec::L16, 16_000, 1)),
            ("audio/wav", None),
            ("application/x-www-form-urlencoded", None),
            ("", None),
        ] {
            assert_eq!(RawAudio::from_content_type(value), expected, "{value}");
        }
    }

    #[test]
    fn what_is_not_taken_bare_is_named_with_what_is() {
        for (value, named) in [
            ("audio/L16;rate=0", "audio/l16 with rate=0"),
            ("audio/PCMA;rate=8kHz", "audio/pcma with rate=8kHz"),
            ("audio/L16;channels=9", "audio/l16 with channels=9"),
            ("audio/G722;rate=8000", "audio/g722"),
            ("audio/L24", "audio/l24"),
        ] {
            let error = RawAudio::from_content_type(value).unwrap().unwrap_err().to_string();
            assert!(error.starts_with(named) && error.contains("audio/L16;rate=16000;channels=1"), "{error}");
        }
    }
}
