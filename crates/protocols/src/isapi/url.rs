//! `isapi://user:password@host:port/`, as go2rtc writes it; passwords are often not escaped.
use crate::auth::{Credentials, without_userinfo};
use media::Fault;
use percent_encoding::percent_decode_str;
use std::fmt;

/// Port of `isapi`: that of HTTP.
pub const PORT: u16 = 80;
/// Port of `isapis` and `isapix`: that of HTTPS.
pub const PORT_TLS: u16 = 443;

/// A URL that cannot be dialled. The text carries no password.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("\"{url}\" is no ISAPI URL: {why}")]
pub struct UrlError {
    /// The URL without userinfo.
    pub url: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl UrlError {
    /// The configuration's, always.
    pub const fn fault(&self) -> Fault {
        Fault::Config
    }
}

/// Where to dial. `Debug` and `Display` show no password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IsapiUrl {
    /// Over TLS: `isapis`, and `isapix`, which checks no certificate.
    pub tls: bool,
    /// `isapix`: take any certificate; devices sign theirs themselves.
    pub unverified: bool,
    /// The host, without the brackets of IPv6.
    pub host: String,
    /// The port.
    pub port: u16,
    /// User and password of the URL.
    pub credentials: Option<Credentials>,
    authority: String,
}

impl IsapiUrl {
    /// Reads a URL. Path, query and fragment mean nothing.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let error = |why| UrlError { url: without_userinfo(text), why };
        let (scheme, _) = text.split_once("://").ok_or_else(|| error("no scheme"))?;
        let (tls, unverified, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "isapi" => (false, false, PORT),
            "isapis" => (true, false, PORT_TLS),
            "isapix" => (true, true, PORT_TLS),
            _ => return Err(error("the scheme is none of isapi, isapis, isapix")),
        };
        let bare = without_userinfo(text);
        let credentials = (bare.len() < text.len())
            .then(|| &text[scheme.len() + 3..text.len() - (bare.len() - scheme.len() - 3) - 1])
            .map(credentials);
        let rest = &bare[scheme.len() + 3..];
        let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
        let (host, port) = match authority.strip_prefix('[') {
            Some(v6) => v6.split_once(']').ok_or_else(|| error("a bracket is open"))?,
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        if host.is_empty() || host.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err(error("no host"));
        }
        let port = match port.strip_prefix(':') {
            None | Some("") => default_port,
            Some(digits) => digits.parse().map_err(|_| error("the port is no number below 65536"))?,
        };
        let (host, authority) = (host.to_owned(), authority.to_owned());
        Ok(Self { tls, unverified, host, port, credentials, authority })
    }

    /// Host and port as they stand in `Host`.
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

impl fmt::Display for IsapiUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match (self.tls, self.unverified) {
            (false, _) => "isapi",
            (true, false) => "isapis",
            (true, true) => "isapix",
        };
        write!(f, "{scheme}://{}/", self.authority)
    }
}

fn credentials(userinfo: &str) -> Credentials {
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    Credentials::new(decode(user), decode(password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_come_apart_and_show_no_password() {
        for (text, host, port, tls, user, password, shown) in [
            (
                "isapi://admin:p%40ss@10.0.0.9:80/",
                "10.0.0.9",
                80,
                false,
                "admin",
                "p@ss",
                "isapi://10.0.0.9:80/",
            ),
            ("ISAPI://door", "door", 80, false, "", "", "isapi://door/"),
            ("isapis://u:p/#s@[::1]/x?y#z", "::1", 443, true, "u", "p/#s", "isapis://[::1]/"),
            ("isapix://u@door:8443", "door", 8443, true, "u", "", "isapix://door:8443/"),
        ] {
            let url = IsapiUrl::parse(text).unwrap();
            assert_eq!((url.host.as_str(), url.port, url.tls), (host, port, tls), "{text}");
            let credentials = url.credentials.clone().unwrap_or_else(|| Credentials::new("", ""));
            assert_eq!(
                (credentials.user.as_str(), credentials.password.expose()),
                (user, password),
                "{text}"
            );
            assert_eq!(url.to_string(), shown, "{text}");
        }
        for text in
            ["door", "http://door/", "isapi://", "isapi://u:secret@:80/", "isapi://[::1", "isapi://h:99999/"]
        {
            let error = IsapiUrl::parse(text).unwrap_err();
            assert_eq!(error.fault(), Fault::Config);
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
