//! The setup URI, which the code to be scanned has: `X-HM://` and thirteen letters and digits.
//!
//! Source: what HAP-python and hap-nodejs write. A number of 46 bits in base 36, nine digits long: 3 bits version 0, 4 reserved,
//! 8 category, 4 how it is paired (bit 1 says over IP), 27 the setup code; then four characters of the setup id.
use super::advertisement::Category;
use super::pairing::{SetupCode, SetupCodeError};
use super::random::{KeyError, Random, bytes};
use std::fmt;

const SCHEME: &str = "X-HM://";
const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const PAYLOAD_DIGITS: usize = 9;
const OVER_IP: u64 = 2;
const CODE_BITS: u32 = 27;
const FLAG_BITS: u32 = 4;

/// Why a text is no setup URI.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SetupUriError {
    /// It is not `X-HM://` and thirteen letters and digits.
    #[error("a setup URI is X-HM:// and thirteen letters and digits")]
    Form,
    /// Its payload is of another version.
    #[error("the setup URI is of version {version}")]
    Version {
        /// Which.
        version: u64,
    },
    /// Its setup code is none.
    #[error(transparent)]
    Code(#[from] SetupCodeError),
}

/// Four letters or digits that tell which accessory a scanned code belongs to; drawn once, and stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetupId(String);

impl SetupId {
    /// Reads one.
    ///
    /// # Errors
    /// It is not four digits or capital letters.
    pub fn new(text: &str) -> Result<Self, SetupUriError> {
        let is_one = text.len() == 4 && text.bytes().all(|character| DIGITS.contains(&character));
        if is_one { Ok(Self(text.to_owned())) } else { Err(SetupUriError::Form) }
    }

    /// Draws one.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn random(random: &mut dyn Random) -> Result<Self, KeyError> {
        let drawn: [u8; 4] = bytes(random)?;
        Ok(Self(drawn.iter().map(|byte| char::from(DIGITS[usize::from(*byte) % DIGITS.len()])).collect()))
    }

    /// The four characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A setup URI. It has the setup code in it: `Debug` does not show it, `Display` does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetupUri {
    /// What the accessory is.
    pub category: Category,
    /// Its setup code.
    pub code: SetupCode,
    /// Its setup id.
    pub id: SetupId,
}

impl SetupUri {
    /// Reads a setup URI, of whatever transport.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, SetupUriError> {
        let rest =
            text.strip_prefix(SCHEME).filter(|rest| rest.len() == PAYLOAD_DIGITS + 4 && rest.is_ascii());
        let (digits, id) = rest.ok_or(SetupUriError::Form)?.split_at(PAYLOAD_DIGITS);
        let payload = u64::from_str_radix(digits, 36).map_err(|_| SetupUriError::Form)?;
        let version = payload >> 43;
        if version != 0 {
            return Err(SetupUriError::Version { version });
        }
        let category = Category((payload >> (CODE_BITS + FLAG_BITS)) as u8);
        let code = SetupCode::new(&format!("{:08}", payload & ((1 << CODE_BITS) - 1)))?;
        Ok(Self { category, code, id: SetupId::new(id)? })
    }
}

impl fmt::Display for SetupUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut payload = u64::from(self.category.0) << FLAG_BITS | OVER_IP;
        payload = payload << CODE_BITS | self.code.number();
        let mut digits = [0; PAYLOAD_DIGITS];
        for digit in digits.iter_mut().rev() {
            *digit = DIGITS[(payload % 36) as usize];
            payload /= 36;
        }
        f.write_str(SCHEME)?;
        digits.iter().try_for_each(|digit| write!(f, "{}", char::from(*digit)))?;
        f.write_str(self.id.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hap::tests::{Counting, fixture};

    #[test]
    fn uris_are_those_of_hap_nodejs() {
        let vectors = fixture(include_str!("../../fixtures/hap/setup_node.txt"));
        for (name, category, code, id) in [
            ("uri_camera", Category::CAMERA, "031-45-154", "AQ42"),
            ("uri_bridge", Category::BRIDGE, "999-99-998", "ZZZZ"),
        ] {
            let uri =
                SetupUri { category, code: SetupCode::new(code).unwrap(), id: SetupId::new(id).unwrap() };
            assert_eq!(uri.to_string().into_bytes(), vectors[name]);
            assert_eq!(SetupUri::parse(&uri.to_string()), Ok(uri));
        }
    }

    #[test]
    fn whatever_is_no_uri_is_refused() {
        for text in [
            "",
            "X-HM://",
            "X-HM://00000000AQ42",
            "X-HM://00Ü00000AQ42",
            "X-HM://00000000-AQ42",
            "HTTP://0000000000000",
        ] {
            assert_eq!(SetupUri::parse(text), Err(SetupUriError::Form), "{text}");
        }
        assert_eq!(SetupUri::parse("X-HM://ZZZZZZZZZAQ42"), Err(SetupUriError::Version { version: 11 }));
        assert_eq!(
            SetupUri::parse("X-HM://000000000AQ42"),
            Err(SetupUriError::Code(SetupCodeError::Trivial))
        );
    }

    #[test]
    fn a_drawn_id_is_one() {
        let id = SetupId::random(&mut Counting::new(4)).unwrap();
        assert_eq!(SetupId::new(id.as_str()), Ok(id));
    }
}
