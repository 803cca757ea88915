//! Stream names.
use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// Longest stream name: 255 bytes, so that it fits a file name and a URL segment.
const NAME_BYTES_MAX: usize = 255;

/// The name of a stream, as it stands in URLs: not empty, at most 255 bytes, no control characters, no `?` or `#`,
/// no empty, `.` or `..` path segment.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamName(Arc<str>);

/// Why a text cannot name a stream. Config's or the peer's fault, whoever gave it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NameError {
    /// The text is empty.
    #[error("a stream name must not be empty")]
    Empty,
    /// The text has more than 255 bytes.
    #[error("a stream name has at most 255 bytes, this one has {0}")]
    TooLong(usize),
    /// The text has a character that cannot stand in a name.
    #[error("a stream name must not contain {0:?}")]
    Character(char),
    /// A segment of the text is empty, `.` or `..`.
    #[error("a stream name must not have an empty, \".\" or \"..\" segment")]
    Segment,
}

impl StreamName {
    /// Checks and takes a name.
    pub fn new(name: &str) -> Result<Self, NameError> {
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if name.len() > NAME_BYTES_MAX {
            return Err(NameError::TooLong(name.len()));
        }
        if let Some(bad) = name.chars().find(|c| c.is_control() || matches!(c, '?' | '#' | '\\')) {
            return Err(NameError::Character(bad));
        }
        if name.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
            return Err(NameError::Segment);
        }
        Ok(Self(name.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Borrow<str> for StreamName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_confuse_a_url_or_a_path_are_refused() {
        assert!(StreamName::new("door/talk").is_ok());
        assert!(StreamName::new("Kamera Süd").is_ok());
        for bad in ["", "a?b", "a#b", "a\nb", "../etc", "a//b", "/a", "a/", "a\\b"] {
            assert!(StreamName::new(bad).is_err(), "{bad:?}");
        }
        assert_eq!(StreamName::new(&"x".repeat(256)), Err(NameError::TooLong(256)));
    }
}
