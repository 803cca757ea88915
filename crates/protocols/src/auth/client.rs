//! The asking side: remembers the challenge, answers it for each request. Source: RFC 7616 §3.4.
use super::challenge::{Algorithm, Challenge, Scheme};
use super::digest::{Inputs, hex};
use super::secret::Credentials;
use base64::Engine as _;
use media::Fault;

/// Why a challenge cannot be answered.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AuthError {
    /// The peer wants credentials and there are none.
    #[error("the peer asks for credentials (realm \"{realm}\") and none are configured")]
    NoCredentials {
        /// What the peer calls the protected thing.
        realm: String,
    },
    /// The peer refused the credentials.
    #[error("the peer refuses user \"{user}\" (realm \"{realm}\")")]
    Rejected {
        /// The user that was refused.
        user: String,
        /// What the peer calls the protected thing.
        realm: String,
    },
    /// Only schemes or algorithms that are unknown here.
    #[error("no known scheme in the challenge \"{challenge}\"")]
    Unsupported {
        /// What the peer sent.
        challenge: String,
    },
}

impl AuthError {
    /// Whose fault it is. Wrong credentials are the configuration's: trying again would only lock the account.
    pub const fn fault(&self) -> Fault {
        match self {
            AuthError::NoCredentials { .. } | AuthError::Rejected { .. } => Fault::Config,
            AuthError::Unsupported { .. } => Fault::Peer,
        }
    }
}

/// Answers the challenges of one peer. `Fresh` → `Answering` → `Accepted`; a refusal is an error to the caller.
#[derive(Clone, Debug)]
pub struct ClientAuth {
    credentials: Option<Credentials>,
    challenge: Option<Challenge>,
    nonce_count: u32,
    /// The peer took an answer before: a later refusal means an old nonce, whatever it says about `stale`.
    accepted: bool,
}

impl ClientAuth {
    /// With the credentials to use, if there are any.
    pub const fn new(credentials: Option<Credentials>) -> Self {
        Self { credentials, challenge: None, nonce_count: 0, accepted: false }
    }

    /// True when there are credentials.
    pub const fn has_credentials(&self) -> bool {
        self.credentials.is_some()
    }

    /// True when [`ClientAuth::authorization`] has something to say.
    pub const fn is_answering(&self) -> bool {
        self.challenge.is_some() && self.credentials.is_some()
    }

    /// Answers with Basic before anybody asked: for peers that hang up instead of asking.
    pub fn assume_basic(&mut self) {
        self.challenge = Some(Challenge { realm: String::new(), scheme: Scheme::Basic });
    }

    /// Takes the `WWW-Authenticate` values of a 401. `answered`: the refused request carried an answer of ours.
    /// After `Ok` the request is to be sent again.
    pub fn handle_challenges<'a>(
        &mut self,
        values: impl IntoIterator<Item = &'a str>,
        answered: bool,
    ) -> Result<(), AuthError> {
        let mut texts = Vec::new();
        let mut offered = Vec::new();
        for value in values {
            texts.push(value);
            offered.extend(Challenge::parse_all(value));
        }
        // Of equals, the first: the server lists what it likes best first.
        let best = offered.into_iter().rev().max_by_key(Challenge::strength);
        let Some(best) = best else {
            return Err(AuthError::Unsupported { challenge: texts.join(", ") });
        };
        let Some(credentials) = &self.credentials else {
            return Err(AuthError::NoCredentials { realm: best.realm });
        };
        let stronger = self.challenge.as_ref().is_some_and(|old| old.strength() < best.strength());
        if answered && !self.may_answer_again(&best) && !stronger {
            return Err(AuthError::Rejected { user: credentials.user.clone(), realm: best.realm });
        }
        self.challenge = Some(best);
        self.nonce_count = 0;
        self.accepted = false;
        Ok(())
    }

    /// Records that the peer accepted a request that carried an answer.
    pub fn handle_accepted(&mut self) {
        self.accepted = self.challenge.is_some();
    }

    fn may_answer_again(&self, new: &Challenge) -> bool {
        let Scheme::Digest { nonce: new_nonce, stale, .. } = &new.scheme else { return false };
        let renewed = match self.challenge.as_ref().map(|old| &old.scheme) {
            Some(Scheme::Digest { nonce, .. }) => nonce != new_nonce,
            Some(Scheme::Basic) | None => true,
        };
        renewed && (*stale || self.accepted)
    }

    /// The value of `Authorization` for a request; none before a challenge or without credentials.
    pub fn authorization(&mut self, method: &str, uri: &str) -> Option<String> {
        let mut random = [0u8; 16];
        aws_lc_rs::rand::fill(&mut random).ok()?;
        self.authorization_with(method, uri, &hex(&random))
    }

    fn authorization_with(&mut self, method: &str, uri: &str, cnonce: &str) -> Option<String> {
        let credentials = self.credentials.as_ref()?;
        let challenge = self.challenge.as_ref()?;
        let (nonce, opaque, algorithm, algorithm_text, qop_auth) = match &challenge.scheme {
            Scheme::Basic => {
                let pair = format!("{}:{}", credentials.user, credentials.password.expose());
                return Some(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)));
            }
            Scheme::Digest { nonce, opaque, algorithm, algorithm_text, qop_auth, stale: _ } => {
                (nonce, opaque, *algorithm, algorithm_text, *qop_auth)
            }
        };
        self.nonce_count = self.nonce_count.wrapping_add(1);
        let count = format!("{:08x}", self.nonce_count);
        let inputs = Inputs {
            algorithm,
            user: &credentials.user,
            realm: &challenge.realm,
            password: credentials.password.expose(),
            method,
            uri,
            nonce,
            cnonce,
            qop: qop_auth.then_some(("auth", count.as_str())),
        };
        let response = inputs.response();
        let mut answer = format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{}\", response=\"{response}\"",
            quoted(&credentials.user),
            quoted(&challenge.realm),
            quoted(nonce),
            quoted(uri),
        );
        if let Some(text) = algorithm_text {
            answer.push_str(&format!(", algorithm={}", Algorithm::parse(text).unwrap_or(algorithm).as_str()));
        }
        if qop_auth {
            answer.push_str(&format!(", qop=auth, nc={count}, cnonce=\"{cnonce}\""));
        } else if matches!(algorithm, Algorithm::Md5Sess | Algorithm::Sha256Sess) {
            answer.push_str(&format!(", cnonce=\"{cnonce}\""));
        }
        if let Some(opaque) = opaque {
            answer.push_str(&format!(", opaque=\"{}\"", quoted(opaque)));
        }
        Some(answer)
    }
}

/// The inside of a quoted string.
fn quoted(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .flat_map(|c| matches!(c, '"' | '\\').then_some('\\').into_iter().chain([c]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mufasa(password: &str) -> ClientAuth {
        ClientAuth::new(Some(Credentials::new("Mufasa", password)))
    }

    #[test]
    fn the_whole_header_of_rfc_7616_comes_out_with_the_stronger_hash() {
        let mut auth = mufasa("Circle of Life");
        let tail = r#"qop="auth, auth-int", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#;
        let md5 = format!(r#"Digest realm="http-auth@example.org", algorithm=MD5, {tail}"#);
        let sha = format!(r#"Digest realm="http-auth@example.org", algorithm=SHA-256, {tail}"#);
        auth.handle_challenges([md5.as_str(), sha.as_str()], false).unwrap();
        let answer = auth
            .authorization_with("GET", "/dir/index.html", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")
            .unwrap();
        assert_eq!(
            answer,
            "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", uri=\"/dir/index.html\", \
             response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\", algorithm=SHA-256, \
             qop=auth, nc=00000001, cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", \
             opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        );
        let second = auth.authorization_with("GET", "/", "c").unwrap();
        assert!(second.contains("nc=00000002"), "{second}");
    }

    #[test]
    fn basic_is_the_last_resort() {
        let mut auth = ClientAuth::new(Some(Credentials::new("Aladdin", "open sesame")));
        auth.handle_challenges(["Basic realm=\"x\""], false).unwrap();
        assert_eq!(auth.authorization("GET", "/").unwrap(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        auth.handle_challenges(["Basic realm=\"x\", Digest realm=\"x\", nonce=\"n\""], true).unwrap();
        assert!(auth.authorization("GET", "/").unwrap().starts_with("Digest "));
    }

    #[test]
    fn a_wrong_password_is_tried_once_and_an_old_nonce_is_renewed() {
        let mut auth = mufasa("wrong");
        auth.handle_challenges([r#"Digest realm="a", nonce="1""#], false).unwrap();
        let refused = auth.handle_challenges([r#"Digest realm="a", nonce="2""#], true);
        assert_eq!(refused, Err(AuthError::Rejected { user: "Mufasa".into(), realm: "a".into() }));

        let mut auth = mufasa("right");
        auth.handle_challenges([r#"Digest realm="a", nonce="1""#], false).unwrap();
        auth.handle_accepted();
        // Hikvision and others renew the nonce without a word about stale.
        auth.handle_challenges([r#"Digest realm="a", nonce="2""#], true).unwrap();
        auth.handle_challenges([r#"Digest realm="a", nonce="3", stale=true"#], true).unwrap();
        assert!(auth.handle_challenges([r#"Digest realm="a", nonce="3""#], true).is_err());
    }

    #[test]
    fn without_credentials_or_a_known_scheme_the_error_says_so() {
        let mut auth = ClientAuth::new(None);
        let error = auth.handle_challenges(["Basic realm=\"cam\""], false).unwrap_err();
        assert_eq!(error.fault(), Fault::Config);
        assert!(error.to_string().contains("cam"));
        let error = mufasa("x").handle_challenges(["Negotiate"], false).unwrap_err();
        assert_eq!(error, AuthError::Unsupported { challenge: "Negotiate".into() });
    }
}
