//! What a server asks for: `WWW-Authenticate`, also as cameras write it. Source: RFC 7235 §4.1, RFC 7616 §3.3.

/// Hash of a digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Algorithm {
    /// MD5, also where the server names none.
    Md5,
    /// MD5 with a session key.
    Md5Sess,
    /// SHA-256.
    Sha256,
    /// SHA-256 with a session key.
    Sha256Sess,
}

impl Algorithm {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Md5Sess => "MD5-sess",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha256Sess => "SHA-256-sess",
        }
    }

    /// Reads the name in any case.
    pub fn parse(name: &str) -> Option<Algorithm> {
        [Algorithm::Md5, Algorithm::Md5Sess, Algorithm::Sha256, Algorithm::Sha256Sess]
            .into_iter()
            .find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(name))
    }
}

/// How to prove who one is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Scheme {
    /// User and password in the clear.
    Basic,
    /// A keyed hash over the request.
    Digest {
        /// The server's nonce.
        nonce: String,
        /// To be sent back as it came.
        opaque: Option<String>,
        /// The hash.
        algorithm: Algorithm,
        /// The algorithm as the server wrote it; none where it named none.
        algorithm_text: Option<String>,
        /// `qop=auth` was offered; otherwise the form of RFC 2069.
        qop_auth: bool,
        /// The nonce was good but old: answer the new one without asking anybody.
        stale: bool,
    },
}

/// One challenge that this module can answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Challenge {
    /// What it protects.
    pub realm: String,
    /// How to answer.
    pub scheme: Scheme,
}

impl Challenge {
    /// Reads the challenges of one header value; those with an unknown scheme or algorithm are left out.
    pub fn parse_all(value: &str) -> Vec<Challenge> {
        split(value).iter().filter_map(RawChallenge::read).collect()
    }

    /// Strongest first: SHA-256, then MD5, then Basic.
    pub(crate) fn strength(&self) -> u8 {
        match &self.scheme {
            Scheme::Basic => 0,
            Scheme::Digest { algorithm: Algorithm::Md5 | Algorithm::Md5Sess, .. } => 1,
            Scheme::Digest { algorithm: Algorithm::Sha256 | Algorithm::Sha256Sess, .. } => 2,
        }
    }
}

/// A scheme with its parameters, as they stand there.
pub(crate) struct RawChallenge {
    pub(crate) scheme: String,
    /// What follows the scheme without being `name=value`: the credentials of Basic.
    pub(crate) token: String,
    params: Vec<(String, String)>,
}

impl RawChallenge {
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn read(&self) -> Option<Challenge> {
        let realm = self.param("realm").unwrap_or_default().to_owned();
        if self.scheme.eq_ignore_ascii_case("Basic") {
            return Some(Challenge { realm, scheme: Scheme::Basic });
        }
        if !self.scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let algorithm_text = self.param("algorithm").map(str::to_owned);
        let algorithm = match &algorithm_text {
            Some(name) => Algorithm::parse(name)?,
            None => Algorithm::Md5,
        };
        let qop = self.param("qop").unwrap_or_default();
        let qop_auth = qop.split(',').any(|one| one.trim().eq_ignore_ascii_case("auth"));
        if !qop_auth && qop.split(',').any(|one| one.trim().eq_ignore_ascii_case("auth-int")) {
            return None;
        }
        Some(Challenge {
            realm,
            scheme: Scheme::Digest {
                nonce: self.param("nonce")?.to_owned(),
                opaque: self.param("opaque").map(str::to_owned),
                algorithm,
                algorithm_text,
                qop_auth,
                stale: self.param("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
            },
        })
    }
}

/// Splits a header value into schemes and parameters. Takes missing commas, missing quotes, spaces around `=` and
/// an unfinished last quote, since cameras write all of these.
pub(crate) fn split(value: &str) -> Vec<RawChallenge> {
    let mut found: Vec<RawChallenge> = Vec::new();
    // A word straight after a scheme, without a comma between, is the scheme's token.
    let mut after_scheme = false;
    let mut rest = value.trim_start_matches(is_separator);
    // Each turn takes at least one character: a word, or the `=` before which there is none.
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || is_separator(c)).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        let assigned = tail.trim_start().strip_prefix('=');
        // `Basic dTpw==`: padding makes no parameter.
        let padding = tail.starts_with('=') && tail.trim_start_matches('=').trim().is_empty();
        let (scheme, after) = match (found.last_mut(), assigned) {
            (Some(last), _) if after_scheme && (padding || assigned.is_none()) && !word.is_empty() => {
                last.token = if padding { rest.trim_end().to_owned() } else { word.to_owned() };
                (None, if padding { "" } else { tail })
            }
            (last, Some(text)) => {
                let (text, after) = take_value(text.trim_start());
                if let Some(last) = last.filter(|_| !word.is_empty()) {
                    last.params.push((word.to_owned(), text));
                }
                (None, after)
            }
            (Some(_) | None, None) => (Some(word.to_owned()), tail),
        };
        rest = after.trim_start_matches(is_separator);
        let comma = after[..after.len() - rest.len()].contains(',');
        after_scheme = scheme.is_some() && !comma;
        found.extend(scheme.map(|scheme| RawChallenge { scheme, token: String::new(), params: Vec::new() }));
    }
    found
}

fn is_separator(c: char) -> bool {
    c == ',' || c.is_whitespace()
}

/// A quoted or bare value, and what follows.
fn take_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(is_separator).unwrap_or(text.len());
        return (text[..end].trim_matches('"').to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            plain => value.push(plain),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(nonce: &str, algorithm: Algorithm, text: Option<&str>, qop_auth: bool) -> Scheme {
        Scheme::Digest {
            nonce: nonce.into(),
            opaque: None,
            algorithm,
            algorithm_text: text.map(str::to_owned),
            qop_auth,
            stale: false,
        }
    }

    #[test]
    fn several_challenges_in_one_value_come_apart() {
        let all = Challenge::parse_all(
            r#"Digest realm="a, b", nonce="n1", algorithm=SHA-256, qop="auth,auth-int", Basic realm="c", Negotiate"#,
        );
        assert_eq!(
            all,
            [
                Challenge {
                    realm: "a, b".into(),
                    scheme: digest("n1", Algorithm::Sha256, Some("SHA-256"), true)
                },
                Challenge { realm: "c".into(), scheme: Scheme::Basic },
            ]
        );
    }

    #[test]
    fn odd_writing_of_cameras_is_understood() {
        for value in [
            r#"digest REALM="cam",NONCE="xyz""#,
            r#"Digest realm="cam" nonce="xyz""#,
            r#"Digest realm=cam, nonce=xyz"#,
            r#"DIGEST  realm = "cam" ,  nonce = "xyz" ,"#,
            r#"Digest realm="cam", nonce="xyz"#,
            r#", Digest realm="cam",, nonce="xyz", domain="/""#,
        ] {
            let all = Challenge::parse_all(value);
            assert_eq!(
                all,
                [Challenge { realm: "cam".into(), scheme: digest("xyz", Algorithm::Md5, None, false) }],
                "{value}"
            );
        }
    }

    #[test]
    fn stale_opaque_and_escapes_are_read() {
        let all = Challenge::parse_all(
            r#"Digest realm="a\"b", nonce="n", opaque="o==", stale=TRUE, algorithm="MD5-sess""#,
        );
        let [Challenge { realm, scheme: Scheme::Digest { opaque, stale, algorithm, .. } }] = &all[..] else {
            panic!("{all:?}");
        };
        assert_eq!(
            (realm.as_str(), opaque.as_deref(), stale, algorithm),
            ("a\"b", Some("o=="), &true, &Algorithm::Md5Sess)
        );
    }

    #[test]
    fn what_cannot_be_answered_is_left_out() {
        assert_eq!(Challenge::parse_all(r#"Digest realm="a", nonce="n", algorithm=SHA-512-256"#), []);
        assert_eq!(Challenge::parse_all(r#"Digest realm="a", nonce="n", qop="auth-int""#), []);
        assert_eq!(Challenge::parse_all(r#"Digest realm="a""#), []);
        assert_eq!(Challenge::parse_all("Bearer abc"), []);
        assert_eq!(Challenge::parse_all("Negotiate, Basic realm=\"x\"").len(), 1);
        assert_eq!(Challenge::parse_all("=\"=,,\"=\\"), []);
    }

    #[test]
    fn the_token_of_basic_keeps_its_padding() {
        for (value, token) in
            [("Basic dTpw", "dTpw"), ("Basic dTpwdQ==", "dTpwdQ=="), ("basic  dTpwdXY= ", "dTpwdXY=")]
        {
            let raw = split(value);
            assert_eq!(raw[0].token, token, "{value}");
            assert!(raw[0].scheme.eq_ignore_ascii_case("basic"));
        }
    }
}
