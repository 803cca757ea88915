//! Sound as a program gets it on its stdin: bare samples, without a header.
//!
//! Source: go2rtc's README, "exec", and its behaviour since 1.9.10: `#audio=CODEC[/RATE[/CHANNELS]]`, and 16 bits with the
//! low byte first at 16 kHz where nothing is said (before 1.9.10 it was A-law at 8 kHz).
use audio::Target;
use hub::SourceError;
use media::Codec;
use std::time::Duration;

/// What is written in one go, where the rate has whole samples for it: 20 ms.
const FRAMES_MS: [u64; 3] = [20, 40, 100];

/// Samples without a header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Raw {
    /// Codec, rate, channels; 16 bits come with the high byte first.
    pub(crate) target: Target,
    /// Its 16 bits are wanted with the low byte first.
    pub(crate) low_byte_first: bool,
}

impl Default for Raw {
    fn default() -> Self {
        Self { target: Target::usual(Codec::L16), low_byte_first: true }
    }
}

impl Raw {
    /// Of an option's value.
    pub(super) fn parse(value: &str) -> Result<Self, SourceError> {
        let wrong = |why: &str| SourceError::config(format!("exec: #audio={value}: {why}"));
        let mut parts = value.split('/');
        let name = parts.next().unwrap_or_default();
        let (codec, low_byte_first) = match name.to_ascii_lowercase().as_str() {
            "alaw" | "pcma" | "pcm_alaw" | "g711a" => (Codec::Pcma, false),
            "mulaw" | "ulaw" | "pcmu" | "pcm_mulaw" | "g711u" => (Codec::Pcmu, false),
            "s16le" | "pcml" | "pcm_s16le" => (Codec::L16, true),
            "s16be" | "pcm" | "pcm_s16be" => (Codec::L16, false),
            _ => return Err(wrong("a program gets alaw, mulaw, s16le or s16be, such as alaw/8000")),
        };
        let usual = Target::usual(codec);
        let rate = parts.next().map_or(Ok(usual.rate), str::parse);
        let rate = rate.map_err(|_| wrong("the rate is no number of samples a second"))?;
        let channels = parts.next().map_or(Ok(usual.channels), str::parse);
        let channels = channels.map_err(|_| wrong("the channels are no number"))?;
        if parts.next().is_some() {
            return Err(wrong("there is more than codec, rate and channels"));
        }
        let of = |millis| Target { codec, rate, channels, frame: Duration::from_millis(millis) };
        let target = FRAMES_MS.into_iter().map(of).find(|target| target.check().is_ok());
        match (target, of(FRAMES_MS[0]).check()) {
            (Some(target), _) => Ok(Self { target, low_byte_first }),
            (None, Err(error)) => Err(wrong(&error.to_string())),
            (None, Ok(())) => Err(wrong("it is not made here")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_programs_sound_is_named_as_go2rtc_names_it() {
        for (value, codec, rate, channels, low_byte_first) in [
            ("alaw/8000", Codec::Pcma, 8_000, 1, false),
            ("pcma", Codec::Pcma, 8_000, 1, false),
            ("pcm_mulaw/16000", Codec::Pcmu, 16_000, 1, false),
            ("S16LE/48000/2", Codec::L16, 48_000, 2, true),
            ("pcml", Codec::L16, 16_000, 1, true),
            ("pcm/22050", Codec::L16, 22_050, 1, false),
        ] {
            let raw = Raw::parse(value).unwrap();
            let Target { codec: found, rate: at, channels: of, .. } = raw.target;
            assert_eq!(
                (found, at, of, raw.low_byte_first),
                (codec, rate, channels, low_byte_first),
                "{value}"
            );
        }
        assert_eq!(Raw::parse("s16le/16000").unwrap(), Raw::default());
    }

    #[test]
    fn sound_that_is_not_made_here_is_refused_with_what_is() {
        for (value, word) in [
            ("", "alaw/8000"),
            ("opus", "alaw/8000"),
            ("alaw/fast", "no number"),
            ("alaw/100", "4,000 to 192,000"),
            ("s16le/16000/6", "1 or 2"),
            ("s16le/16000/1/x", "more than"),
        ] {
            let error = Raw::parse(value).unwrap_err();
            assert!(error.message.contains(word) && !error.retry, "{value}: {error}");
        }
    }
}
