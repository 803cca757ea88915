//! The answering side: issues challenges and checks what comes back. Source: RFC 7616 §3.3 to §3.6, RFC 7617.
use super::challenge::{Algorithm, RawChallenge, split};
use super::digest::{Inputs, hex};
use super::secret::Credentials;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use media::Moment;
use std::time::Duration;

/// How long a nonce is good: 5 minutes. Longer than any start of a session, short enough that a captured answer
/// is soon worthless.
pub const NONCE_LIFETIME: Duration = Duration::from_secs(300);

/// What a server offers to clients. The order on the wire is fixed: SHA-256, MD5, Basic. ffmpeg takes the last
/// digest it is offered and knows MD5 only, so MD5 must follow SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offers {
    /// Digest with SHA-256.
    pub sha256: bool,
    /// Digest with MD5; the only digest that most RTSP clients know.
    pub md5: bool,
    /// User and password in the clear.
    pub basic: bool,
}

impl Default for Offers {
    /// Both digests, no Basic.
    fn default() -> Self {
        Self { sha256: true, md5: true, basic: false }
    }
}

/// Why a request is not let in; answer 401 with [`Verifier::challenges`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The request carried no `Authorization`.
    Missing,
    /// The answer was right, its nonce too old: challenge with `stale`.
    Stale,
    /// Unknown user, wrong password, or a scheme that was not offered.
    Wrong,
}

/// Checks `Authorization` against a list of users. Nonces are made from time and a random key of this object, so
/// it keeps no list of them; an answer to another verifier's nonce is refused.
pub struct Verifier {
    realm: String,
    users: Vec<Credentials>,
    offers: Offers,
    key: hmac::Key,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let users: Vec<&str> = self.users.iter().map(|user| user.user.as_str()).collect();
        f.debug_struct("Verifier").field("realm", &self.realm).field("users", &users).finish_non_exhaustive()
    }
}

impl Verifier {
    /// Lets `users` in. Nobody, if the list is empty, or if the system has no random numbers.
    pub fn new(realm: impl Into<String>, users: Vec<Credentials>, offers: Offers) -> Self {
        let mut secret = [0u8; 32];
        let random = rand::fill(&mut secret).is_ok();
        let users = if random { users } else { Vec::new() };
        Self { realm: realm.into(), users, offers, key: hmac::Key::new(hmac::HMAC_SHA256, &secret) }
    }

    /// The values of `WWW-Authenticate`, one header each.
    pub fn challenges(&self, refusal: Refusal, now: Moment) -> Vec<String> {
        let mut values = Vec::new();
        let nonce = self.nonce(now);
        let stale = if refusal == Refusal::Stale { ", stale=true" } else { "" };
        let digests = [(self.offers.sha256, Algorithm::Sha256), (self.offers.md5, Algorithm::Md5)];
        for (_, algorithm) in digests.into_iter().filter(|(offered, _)| *offered) {
            values.push(format!(
                "Digest realm=\"{}\", nonce=\"{nonce}\", algorithm={}, qop=\"auth\"{stale}",
                self.realm,
                algorithm.as_str()
            ));
        }
        if self.offers.basic {
            values.push(format!("Basic realm=\"{}\"", self.realm));
        }
        values
    }

    /// Checks the value of `Authorization` and names the user.
    ///
    /// `uri` is that of the request; the digest's own may be a prefix of it (live555 signs the base URL of all
    /// its requests) and may lack scheme and host.
    pub fn verify(
        &self,
        authorization: Option<&str>,
        method: &str,
        uri: &str,
        now: Moment,
    ) -> Result<&str, Refusal> {
        let raw = split(authorization.ok_or(Refusal::Missing)?);
        let raw = raw.first().ok_or(Refusal::Missing)?;
        if raw.scheme.eq_ignore_ascii_case("Basic") {
            return self.verify_basic(raw);
        }
        if raw.scheme.eq_ignore_ascii_case("Digest") {
            return self.verify_digest(raw, method, uri, now);
        }
        Err(Refusal::Wrong)
    }

    fn verify_basic(&self, raw: &RawChallenge) -> Result<&str, Refusal> {
        if !self.offers.basic {
            return Err(Refusal::Wrong);
        }
        let token = raw.token.trim_end_matches('=');
        let pair =
            base64::engine::general_purpose::STANDARD_NO_PAD.decode(token).map_err(|_| Refusal::Wrong)?;
        let mut found = None;
        for user in &self.users {
            // Compared as hashes: equal time for every length, and for unknown users too.
            let expected = format!("{}:{}", user.user, user.password.expose());
            if same(&self.key, &pair, expected.as_bytes()) {
                found = Some(user.user.as_str());
            }
        }
        found.ok_or(Refusal::Wrong)
    }

    fn verify_digest(
        &self,
        raw: &RawChallenge,
        method: &str,
        uri: &str,
        now: Moment,
    ) -> Result<&str, Refusal> {
        let param = |name| raw.param(name).unwrap_or_default();
        let response = param("response").to_ascii_lowercase();
        let session = param("algorithm").to_ascii_lowercase().ends_with("-sess");
        // The length tells the hash: some clients name none, or echo one that they did not use.
        let algorithm = match (response.len(), session) {
            (64, false) if self.offers.sha256 => Algorithm::Sha256,
            (64, true) if self.offers.sha256 => Algorithm::Sha256Sess,
            (32, false) if self.offers.md5 => Algorithm::Md5,
            (32, true) if self.offers.md5 => Algorithm::Md5Sess,
            (_, _) => return Err(Refusal::Wrong),
        };
        let age = self.nonce_age(param("nonce"), now).ok_or(Refusal::Stale)?;
        let qop = raw.param("qop");
        if param("realm") != self.realm
            || !same_resource(param("uri"), uri)
            || qop.is_some_and(|qop| !qop.eq_ignore_ascii_case("auth"))
        {
            return Err(Refusal::Wrong);
        }
        let mut found = None;
        for user in &self.users {
            let inputs = Inputs {
                algorithm,
                user: &user.user,
                realm: &self.realm,
                password: user.password.expose(),
                method,
                uri: param("uri"),
                nonce: param("nonce"),
                cnonce: param("cnonce"),
                qop: qop.map(|qop| (qop, param("nc"))),
            };
            let right = verify_slices_are_equal(inputs.response().as_bytes(), response.as_bytes()).is_ok();
            if right && user.user == param("username") {
                found = Some(user.user.as_str());
            }
        }
        let user = found.ok_or(Refusal::Wrong)?;
        if age > NONCE_LIFETIME { Err(Refusal::Stale) } else { Ok(user) }
    }

    fn nonce(&self, now: Moment) -> String {
        let time = now.as_nanos().to_be_bytes();
        let tag = hmac::sign(&self.key, &time);
        format!("{}{}", hex(&time), hex(&tag.as_ref()[..16]))
    }

    /// The age of a nonce of ours; none for anybody else's, or one from the future.
    fn nonce_age(&self, nonce: &str, now: Moment) -> Option<Duration> {
        let nanos = u64::from_str_radix(nonce.get(..16)?, 16).ok()?;
        let issued = Moment::from_nanos(nanos);
        let ours = verify_slices_are_equal(self.nonce(issued).as_bytes(), nonce.as_bytes()).is_ok();
        (ours && issued <= now).then(|| now.since(issued))
    }
}

fn same(key: &hmac::Key, left: &[u8], right: &[u8]) -> bool {
    verify_slices_are_equal(hmac::sign(key, left).as_ref(), hmac::sign(key, right).as_ref()).is_ok()
}

fn same_resource(signed: &str, requested: &str) -> bool {
    let bare = |uri: &str| -> String {
        let path =
            uri.find("://").map_or(uri, |at| uri[at + 3..].find('/').map_or("", |end| &uri[at + 3 + end..]));
        path.trim_end_matches('/').to_owned()
    };
    let (signed, requested) = (bare(signed), bare(requested));
    let below = |long: &str, short: &str| {
        long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
    };
    below(&requested, &signed) || below(&signed, &requested)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::ClientAuth;

    const URI: &str = "rtsp://h:8554/a/b?video/trackID=0";

    fn verifier(offers: Offers) -> Verifier {
        let users = vec![Credentials::new("eve", "apple"), Credentials::new("adam", "p:w \"ä")];
        Verifier::new("Aqueduct", users, offers)
    }

    fn answer(verifier: &Verifier, user: &str, password: &str, now: Moment) -> String {
        let mut client = ClientAuth::new(Some(Credentials::new(user, password)));
        let challenges = verifier.challenges(Refusal::Missing, now);
        client.handle_challenges(challenges.iter().map(String::as_str), false).unwrap();
        client.authorization("DESCRIBE", URI).unwrap()
    }

    #[test]
    fn both_sides_agree_in_every_scheme() {
        let now = Moment::from_millis(5000);
        for (offers, scheme) in [
            (Offers { sha256: true, md5: true, basic: true }, "algorithm=SHA-256"),
            (Offers { sha256: false, md5: true, basic: true }, "algorithm=MD5"),
            (Offers { sha256: false, md5: false, basic: true }, "Basic "),
        ] {
            let verifier = verifier(offers);
            let right = answer(&verifier, "adam", "p:w \"ä", now);
            assert!(right.contains(scheme), "{right}");
            assert_eq!(verifier.verify(Some(&right), "DESCRIBE", URI, now), Ok("adam"));
            let wrong = answer(&verifier, "adam", "apple", now);
            assert_eq!(verifier.verify(Some(&wrong), "DESCRIBE", URI, now), Err(Refusal::Wrong));
            assert_eq!(verifier.verify(None, "DESCRIBE", URI, now), Err(Refusal::Missing));
        }
    }

    #[test]
    fn an_answer_for_one_request_opens_no_other() {
        let now = Moment::from_millis(5000);
        let verifier = verifier(Offers::default());
        let right = answer(&verifier, "eve", "apple", now);
        assert_eq!(verifier.verify(Some(&right), "ANNOUNCE", URI, now), Err(Refusal::Wrong));
        assert_eq!(
            verifier.verify(Some(&right), "DESCRIBE", "rtsp://h:8554/other", now),
            Err(Refusal::Wrong)
        );
        let tampered = right.replace("username=\"eve\"", "username=\"adam\"");
        assert_eq!(verifier.verify(Some(&tampered), "DESCRIBE", URI, now), Err(Refusal::Wrong));
    }

    #[test]
    fn an_old_nonce_is_stale_and_a_foreign_one_too_but_a_wrong_password_never() {
        let issued = Moment::from_millis(5000);
        let late = issued + NONCE_LIFETIME + Duration::from_millis(1);
        let verifier = verifier(Offers::default());
        let right = answer(&verifier, "eve", "apple", issued);
        assert_eq!(verifier.verify(Some(&right), "DESCRIBE", URI, issued + NONCE_LIFETIME), Ok("eve"));
        assert_eq!(verifier.verify(Some(&right), "DESCRIBE", URI, late), Err(Refusal::Stale));
        let wrong = answer(&verifier, "eve", "pear", issued);
        assert_eq!(verifier.verify(Some(&wrong), "DESCRIBE", URI, late), Err(Refusal::Wrong));
        let other = super::tests::verifier(Offers::default());
        assert_eq!(other.verify(Some(&right), "DESCRIBE", URI, issued), Err(Refusal::Stale));
        assert!(verifier.challenges(Refusal::Stale, late)[0].ends_with("stale=true"));
    }

    #[test]
    fn basic_is_refused_where_it_is_not_offered() {
        let verifier = verifier(Offers::default());
        let basic = "Basic ZXZlOmFwcGxl";
        assert_eq!(verifier.verify(Some(basic), "DESCRIBE", URI, Moment::ZERO), Err(Refusal::Wrong));
    }

    #[test]
    fn arbitrary_headers_are_refused_without_a_panic() {
        let verifier = verifier(Offers { sha256: true, md5: true, basic: true });
        let now = Moment::from_millis(9);
        let right = answer(&verifier, "eve", "apple", now).into_bytes();
        let mut seed = 0x9e37_79b9_7f4a_7c15u64;
        let mut random = move || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed
        };
        for _ in 0..20_000 {
            let mut bytes = right.clone();
            bytes.truncate(random() as usize % (bytes.len() + 1));
            for _ in 0..random() % 4 {
                if !bytes.is_empty() {
                    let at = random() as usize % bytes.len();
                    bytes[at] = random() as u8;
                }
            }
            let text = String::from_utf8_lossy(&bytes);
            let _ = verifier.verify(Some(&text), "DESCRIBE", URI, now);
        }
    }
}
