//! The setup code: eight digits that somebody reads off the accessory.
//!
//! Source: HAP specification (R2) §4.2.1.
use crate::hap::random::{self, KeyError, Random};
use std::fmt;

/// Codes that everybody would try: one digit eight times, and the digits up and down.
const TRIVIAL: [&str; 2] = ["12345678", "87654321"];

/// How often a code is drawn: the chance that a dozen of a hundred million are drawn 8 times is 2^-180.
const DRAWS_MAX: usize = 8;

/// Why a text is no setup code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SetupCodeError {
    /// It is neither `XXX-XX-XXX` nor eight digits.
    #[error("a setup code is eight digits, XXX-XX-XXX")]
    Form,
    /// Everybody would try it first.
    #[error("this setup code is forbidden, because everybody tries it first")]
    Trivial,
}

/// A setup code. `Debug` shows three stars.
#[derive(Clone, PartialEq, Eq)]
pub struct SetupCode(String);

impl SetupCode {
    /// Reads `XXX-XX-XXX` or eight digits.
    ///
    /// # Errors
    /// It is neither, or one of those that are forbidden.
    pub fn new(text: &str) -> Result<Self, SetupCodeError> {
        let digits: String = match text.as_bytes() {
            [_, _, _, b'-', _, _, b'-', _, _, _] => text.split('-').collect(),
            _ => text.to_owned(),
        };
        if digits.len() != 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(SetupCodeError::Form);
        }
        let first = &digits[..1];
        if digits == first.repeat(8) || TRIVIAL.contains(&digits.as_str()) {
            return Err(SetupCodeError::Trivial);
        }
        Ok(Self(format!("{}-{}-{}", &digits[..3], &digits[3..5], &digits[5..])))
    }

    /// Draws one.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn random(random: &mut dyn Random) -> Result<Self, KeyError> {
        for _ in 0..DRAWS_MAX {
            let number = u64::from_le_bytes(random::bytes(random)?) % 100_000_000;
            if let Ok(code) = Self::new(&format!("{number:08}")) {
                return Ok(code);
            }
        }
        Err(KeyError)
    }

    /// The code as `XXX-XX-XXX`; never for logs.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The code as a number, for the setup URI.
    pub(in crate::hap) fn number(&self) -> u64 {
        self.0.bytes().filter(u8::is_ascii_digit).fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'))
    }
}

impl fmt::Debug for SetupCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SetupCode(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hap::tests::Counting;

    #[test]
    fn eight_digits_with_or_without_dashes_are_a_code() {
        assert_eq!(SetupCode::new("031-45-154").unwrap().expose(), "031-45-154");
        assert_eq!(SetupCode::new("03145154").unwrap().expose(), "031-45-154");
        assert_eq!(SetupCode::new("03145154").unwrap().number(), 3_145_154);
        for text in ["", "0314515", "031451544", "0314-5-154", "031-45-15x", "031-45 154", "٣٤٥٦"] {
            assert_eq!(SetupCode::new(text), Err(SetupCodeError::Form), "{text}");
        }
    }

    #[test]
    fn the_twelve_codes_everybody_tries_are_forbidden() {
        for digit in 0..10 {
            let code = digit.to_string().repeat(8);
            assert_eq!(SetupCode::new(&code), Err(SetupCodeError::Trivial), "{code}");
        }
        assert_eq!(SetupCode::new("123-45-678"), Err(SetupCodeError::Trivial));
        assert_eq!(SetupCode::new("876-54-321"), Err(SetupCodeError::Trivial));
    }

    #[test]
    fn a_drawn_code_is_allowed_and_is_not_shown() {
        let code = SetupCode::random(&mut Counting::new(1)).unwrap();
        assert_eq!(SetupCode::new(code.expose()).as_ref(), Ok(&code));
        assert_eq!(format!("{code:?}"), "SetupCode(***)");
    }
}
