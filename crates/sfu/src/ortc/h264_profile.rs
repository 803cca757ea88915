//! Profile of an H.264 stream, from `profile-level-id`.
//!
//! Source: RFC 6184 §8.1, table 5: some profiles can be written in several ways. The level is left aside, as
//! in mediasoup: it says how much a decoder can take, and a router, which does not encode, could not send less.
use crate::rtp_parameters::RtpCodecParametersParametersValue as Value;

/// What is meant where nothing is written: Constrained Baseline, as in browsers (RFC 6184 would say Baseline).
const DEFAULT: &str = "42e01f";

/// A profile, so that two spellings of one are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Profile {
    ConstrainedBaseline,
    Baseline,
    Main,
    Extended,
    /// One that is written in one way only: `profile_idc` and the constraint flags.
    Exact(u8, u8),
}

/// The profile, or none where the text is no `profile-level-id`.
pub(super) fn profile(profile_level_id: Option<&Value>) -> Option<Profile> {
    let text = match profile_level_id {
        None => DEFAULT.into(),
        Some(Value::String(text)) => text.clone(),
        // an SDP parser makes a number of 640032, as of everything that looks like one
        Some(Value::Number(digits)) => format!("{digits:06}").into(),
    };
    if text.len() != 6 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let [_, idc, flags, _level] = u32::from_str_radix(&text, 16).ok()?.to_be_bytes();
    let set = |mask: u8| flags & mask == mask;
    if flags & 0x0f != 0 {
        return Some(Profile::Exact(idc, flags));
    }
    Some(match idc {
        0x42 if set(0x40) => Profile::ConstrainedBaseline,
        0x4d if set(0x80) => Profile::ConstrainedBaseline,
        0x58 if set(0xc0) => Profile::ConstrainedBaseline,
        0x42 => Profile::Baseline,
        0x58 if set(0x80) => Profile::Baseline,
        0x4d if !set(0x20) => Profile::Main,
        0x58 if !set(0x40) => Profile::Extended,
        _ => Profile::Exact(idc, flags),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Profile> {
        profile(Some(&text.to_owned().into()))
    }

    #[test]
    fn spellings_of_one_profile_at_any_level_are_equal() {
        for text in ["42e01f", "42E034", "42c00d", "4d801f", "58f00a"] {
            assert_eq!(of(text), Some(Profile::ConstrainedBaseline), "{text}");
        }
        assert_eq!(of("42001f"), Some(Profile::Baseline));
        assert_eq!(of("4d001f"), of("4d0032"));
        assert_eq!(of("58001f"), Some(Profile::Extended));
    }

    #[test]
    fn constrained_high_is_not_high() {
        assert_ne!(of("640c1f"), of("64001f"));
        assert_ne!(of("64001f"), of("f4001f"));
    }

    #[test]
    fn nothing_written_means_constrained_baseline() {
        assert_eq!(profile(None), Some(Profile::ConstrainedBaseline));
    }

    #[test]
    fn a_profile_that_an_sdp_parser_took_for_a_number_is_read_all_the_same() {
        assert_eq!(profile(Some(&Value::Number(640_032))), of("640032"));
    }

    #[test]
    fn what_is_no_six_hex_digits_is_no_profile() {
        for text in ["", "42e01", "42e01ff", "42e01g", "+42e01", "42é01"] {
            assert_eq!(of(text), None, "{text}");
        }
        assert_eq!(profile(Some(&Value::Number(u32::MAX))), None);
    }
}
