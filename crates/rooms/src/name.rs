//! [`RoomName`]: what a room is called, in URLs, tokens and logs.
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Longest name: 64 characters, a UUID with words around it.
const CHARS_MAX: usize = 64;

/// 1 to 64 of `A-Z a-z 0-9 . _ -`: nothing that means something in a URL.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RoomName(Arc<str>);

/// It is no name of a room. Does not show it: it may be anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a room's name is 1 to {CHARS_MAX} of A-Z a-z 0-9 . _ -")]
pub struct RoomNameError;

impl RoomName {
    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RoomName {
    type Err = RoomNameError;

    fn from_str(text: &str) -> Result<Self, RoomNameError> {
        let fits = (1..=CHARS_MAX).contains(&text.len());
        if fits && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
            return Ok(Self(text.into()));
        }
        Err(RoomNameError)
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_nothing_in_a_url() {
        for good in ["a", "lobby-1", "A.b_c", &"x".repeat(64)] {
            assert_eq!(good.parse::<RoomName>().unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a/b", "ä", "*", "a?b", &"x".repeat(65)] {
            assert_eq!(bad.parse::<RoomName>(), Err(RoomNameError), "{bad}");
        }
    }
}
