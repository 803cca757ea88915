//! Names and passwords of a transport.
//!
//! Source: RFC 8445 §5.3: at least 24 bits of randomness in the name and 128 in the password.
use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Characters, of 32: five bits each. All of them are ice-chars, and none is special in a URL or a log.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// 16 characters: 80 bits. It names the transport among all of a process, so it must not repeat either.
const UFRAG_CHARS: usize = 16;
/// 32 characters: 160 bits, what HMAC-SHA1 makes use of.
const PASSWORD_CHARS: usize = 32;

/// What the peer needs for its checks. JSON as mediasoup's.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IceParameters {
    /// The name of our side.
    pub username_fragment: String,
    /// Its password.
    pub password: String,
    /// We are lite: always `Some(true)` here.
    pub ice_lite: Option<bool>,
}

impl fmt::Debug for IceParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceParameters")
            .field("username_fragment", &self.username_fragment)
            .field("ice_lite", &self.ice_lite)
            .finish_non_exhaustive()
    }
}

/// Parameters with the password made ready for computing.
#[derive(Clone)]
pub(super) struct Credentials {
    pub(super) parameters: IceParameters,
    pub(super) key: hmac::Key,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parameters.fmt(f)
    }
}

impl Credentials {
    /// New ones; `random` fills a slice with bytes that nobody can guess.
    pub(super) fn new(random: &mut dyn FnMut(&mut [u8])) -> Self {
        let username_fragment = characters(UFRAG_CHARS, random);
        Self::from_parts(username_fragment, characters(PASSWORD_CHARS, random))
    }

    pub(super) fn from_parts(username_fragment: String, password: String) -> Self {
        let key = key(&password);
        Self { parameters: IceParameters { username_fragment, password, ice_lite: Some(true) }, key }
    }

    /// Whether this USERNAME is for us: our name, a colon, the peer's name.
    pub(super) fn are_named_in(&self, username: &str) -> bool {
        username.split_once(':').is_some_and(|(local, _)| local == self.parameters.username_fragment)
    }
}

/// The key of a password: short-term credentials need no derivation. Source: RFC 8489 §9.1.1. (OpaqueString leaves
/// ASCII as it is, and ours and every browser's passwords are ASCII.)
pub(super) fn key(password: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes())
}

fn characters(count: usize, random: &mut dyn FnMut(&mut [u8])) -> String {
    let mut bytes = [0; PASSWORD_CHARS];
    let bytes = &mut bytes[..count.min(PASSWORD_CHARS)];
    random(bytes);
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_written_as_json_and_never_printed() {
        let credentials = Credentials::from_parts("name".into(), "secret".into());
        assert!(!format!("{credentials:?}").contains("secret"));
        let ours = serde_json::to_string(&credentials.parameters).unwrap();
        let theirs: mediasoup_types::data_structures::IceParameters = serde_json::from_str(&ours).unwrap();
        assert_eq!(serde_json::to_string(&theirs).unwrap(), ours);
    }

    #[test]
    fn names_and_passwords_are_as_long_as_the_standard_wants() {
        let mut next = 0u8;
        let mut random = |bytes: &mut [u8]| bytes.fill_with(|| (next = next.wrapping_add(77), next).1);
        let parameters = Credentials::new(&mut random).parameters;
        assert_eq!((parameters.username_fragment.len() * 5, parameters.password.len() * 5), (80, 160));
        assert_ne!(Credentials::new(&mut random).parameters, parameters);
    }
}
