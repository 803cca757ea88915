//! What the tests of this folder share.
use super::random::{KeyError, Random};
use std::collections::HashMap;

/// The lines `name = hexadecimal` of a file of `fixtures/hap`; other values are left as their bytes.
pub(super) fn fixture(text: &str) -> HashMap<&str, Vec<u8>> {
    let lines = text.lines().filter_map(|line| line.split_once(" = "));
    lines.map(|(name, value)| (name, unhex(value).unwrap_or_else(|| value.as_bytes().to_vec()))).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.chars().map(|digit| digit.to_digit(16).map(|d| d as u8)).collect::<Option<_>>()?;
    digits.chunks(2).map(|pair| Some(pair[0] << 4 | pair.get(1)?)).collect()
}

/// Numbers that are no secret, and the same each time.
pub(super) struct Counting(u8);

impl Counting {
    pub(super) fn new(first: u8) -> Self {
        Self(first)
    }
}

impl Random for Counting {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), KeyError> {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(5).wrapping_add(17);
            *byte = self.0;
        }
        Ok(())
    }
}
