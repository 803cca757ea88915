//! [`Keys`]: who may sign tokens. A secret cannot be printed, and there is none by default.
use std::fmt;

/// Shortest secret: 32 bytes, as many as the hash has. Source: RFC 7518 §3.2.
const SECRET_BYTES_MIN: usize = 32;

/// A text that cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself: for signing and checking only.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"***\"")
    }
}

/// Keys by their ids.
#[derive(Clone, Debug, Default)]
pub struct Keys(Vec<(String, Secret)>);

/// What is wrong with the keys. The configuration's fault.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyError {
    /// A key without a name.
    #[error("a key's id is empty")]
    NoId,
    /// Two of one name.
    #[error("there are two keys {0}")]
    Twice(String),
    /// A secret that can be guessed.
    #[error(
        "the secret of key {id} has {bytes} bytes; {SECRET_BYTES_MIN} at least are needed, such as `openssl rand -hex 32` makes"
    )]
    Short {
        /// Which.
        id: String,
        /// Its bytes.
        bytes: usize,
    },
}

impl Keys {
    /// These keys; none: no token is valid.
    ///
    /// # Errors
    /// An id is empty or there twice, or a secret is too short.
    pub fn new(keys: impl IntoIterator<Item = (String, Secret)>) -> Result<Self, KeyError> {
        let mut known: Vec<(String, Secret)> = Vec::new();
        for (id, secret) in keys {
            if id.is_empty() {
                return Err(KeyError::NoId);
            }
            if known.iter().any(|(other, _)| *other == id) {
                return Err(KeyError::Twice(id));
            }
            if secret.expose().len() < SECRET_BYTES_MIN {
                return Err(KeyError::Short { id, bytes: secret.expose().len() });
            }
            known.push((id, secret));
        }
        Ok(Self(known))
    }

    /// Whether no token is valid.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn named(&self, id: &str) -> Option<&Secret> {
        self.0.iter().find(|(known, _)| known == id).map(|(_, secret)| secret)
    }

    /// The key, where there is one only.
    pub(super) fn only(&self) -> Option<&Secret> {
        match self.0.as_slice() {
            [(_, secret)] => Some(secret),
            _ => None,
        }
    }
}
