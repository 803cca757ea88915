//! HTTP sources: `http://`, `https://`, and `httpx://` for TLS with any certificate. Whatever byte stream comes.
//!
//! Sources: RFC 9110, RFC 9112. What the server sends is looked at, not believed: cameras say
//! `application/octet-stream`, or nothing. Options: `#header=KEY: VALUE`, as often as needed.
mod exchange;
mod pull;

use super::address::{Endpoint, SourceUrl};
use super::dial::Security;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use http::{HeaderName, HeaderValue};
use hub::{Connect, PeerInfo, SourceError, SourceTask};
use protocols::auth::Credentials;
use url::Url;

/// Pulls byte streams over HTTP.
#[derive(Clone, Debug, Default)]
pub struct HttpSources;

/// What a URL of ours asks for.
#[derive(Clone, Debug)]
struct Wanted {
    url: Url,
    /// `httpx`: also after a redirect.
    any_certificate: bool,
    credentials: Option<Credentials>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Wanted {
    fn parse(url: &str) -> Result<Self, SourceError> {
        let parted = SourceUrl::part(url);
        let (scheme, rest) = parted.bare.split_once(':').unwrap_or_default();
        let (known, any_certificate) = match scheme {
            "http" | "https" => (scheme, false),
            "httpx" => ("https", true),
            _ => return Err(SourceError::config(format!("{scheme}: is not http, https or httpx"))),
        };
        let wrong = |why: &dyn std::fmt::Display| {
            SourceError::config(format!("{why}: an HTTP source is {scheme}://HOST/PATH"))
        };
        let url = Url::parse(&format!("{known}:{rest}")).map_err(|e| wrong(&e))?;
        let headers = parted.options.iter().map(|option| header(option)).collect::<Result<_, _>>()?;
        Ok(Self { url, any_certificate, credentials: parted.credentials(), headers })
    }

    fn endpoint(&self) -> Result<Endpoint, SourceError> {
        let (security, port) = match self.url.scheme() {
            "https" if self.any_certificate => (Security::Unverified, 443),
            "https" => (Security::Verified, 443),
            _ => (Security::Plain, 80),
        };
        Endpoint::of(&self.url, port, security)
            .ok_or_else(|| SourceError::config("the URL of the HTTP source has no host"))
    }

    /// The URL without user, password and query: for messages.
    fn shown(&self) -> String {
        let mut shown = self.url.clone();
        shown.set_query(None);
        // A redirect may bring its own. An HTTP URL can always have none.
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
        shown.to_string()
    }
}

/// An option `header=KEY: VALUE`.
fn header(option: &str) -> Result<(HeaderName, HeaderValue), SourceError> {
    let (key, value) = option.split_once('=').unwrap_or((option, ""));
    if key != "header" {
        return Err(SourceError::config(format!(
            "HTTP sources have no option #{key}: there is #header=KEY: VALUE"
        )));
    }
    // The value may be a secret, so it is not repeated.
    let wrong = || SourceError::config("an option #header of the HTTP source is not KEY: VALUE");
    let (name, value) = value.split_once(':').ok_or_else(wrong)?;
    let name = HeaderName::try_from(name.trim()).map_err(|_| wrong())?;
    let mut value = HeaderValue::try_from(value.trim()).map_err(|_| wrong())?;
    value.set_sensitive(true);
    Ok((name, value))
}

impl Connect for HttpSources {
    fn schemes(&self) -> &[&'static str] {
        &["http", "https", "httpx"]
    }

    fn check(&self, url: &str) -> Result<(), SourceError> {
        Wanted::parse(url)?.endpoint().map(|_| ())
    }

    fn peer(&self, url: &str) -> PeerInfo {
        let endpoint = Wanted::parse(url).and_then(|wanted| wanted.endpoint()).ok();
        let transport = endpoint.as_ref().map_or("", |endpoint| endpoint.transport());
        let remote = endpoint.map(|endpoint| endpoint.authority()).unwrap_or_default();
        PeerInfo { protocol: "http", transport, remote, ..PeerInfo::default() }
    }

    fn run(&self, task: SourceTask) -> LocalBoxFuture<'static, Result<(), SourceError>> {
        async move {
            let wanted = Wanted::parse(&task.url)?;
            pull::run(wanted, task).await
        }
        .boxed_local()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_carry_credentials_and_headers() {
        let wanted =
            Wanted::parse("httpx://ann:a%3Ab@cam:8443/x.flv?k=v#header=X-Token: t:1#header=Cookie: c")
                .unwrap();
        assert_eq!(wanted.url.as_str(), "https://cam:8443/x.flv?k=v");
        assert_eq!(wanted.shown(), "https://cam:8443/x.flv");
        assert_eq!(wanted.endpoint().unwrap().security, Security::Unverified);
        assert_eq!(wanted.credentials.unwrap().password.expose(), "a:b");
        let headers: Vec<_> = wanted.headers.iter().map(|(k, v)| (k.as_str(), v.as_bytes())).collect();
        assert_eq!(headers, [("x-token", &b"t:1"[..]), ("cookie", b"c")]);
    }

    #[test]
    fn wrong_options_are_named_without_their_values() {
        for wrong in ["http://h/x#headers=A: b", "http://h/x#header=secret", "http://h/x#header=a b: secret"]
        {
            let error = HttpSources.check(wrong).unwrap_err();
            assert!(!error.retry && error.message.contains("#header") && !error.message.contains("secret"));
        }
        assert!(HttpSources.check("http://").is_err());
        assert_eq!(HttpSources.check("http://h"), Ok(()));
    }
}
