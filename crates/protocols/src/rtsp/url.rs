//! RTSP URLs as people paste them. Source: RFC 2326 §3.2; passwords are often not escaped.
use crate::auth::{Credentials, without_userinfo};
use media::Fault;
use percent_encoding::percent_decode_str;
use std::fmt;

/// Port of `rtsp`. Source: RFC 2326 §3.2.
pub const PORT: u16 = 554;
/// Port of `rtsps`. Source: RFC 7826 §4.2.
pub const PORT_TLS: u16 = 322;

/// A URL that cannot be dialled. The text carries no password.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("\"{url}\" is no RTSP URL: {why}")]
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

/// Where to dial and what to ask for. `Debug` and `Display` show no password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RtspUrl {
    /// Over TLS: `rtsps`, and `rtspx`, which checks no certificate.
    pub tls: bool,
    /// `rtspx`: take any certificate.
    pub unverified: bool,
    /// The host, without the brackets of IPv6.
    pub host: String,
    /// The port.
    pub port: u16,
    /// User and password of the URL.
    pub credentials: Option<Credentials>,
    request: String,
}

impl RtspUrl {
    /// Reads a URL. What follows `#` is not part of it.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let error = |why| UrlError { url: without_userinfo(text), why };
        let (scheme, _) = text.split_once("://").ok_or_else(|| error("no scheme"))?;
        let (tls, unverified, name, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "rtsp" => (false, false, "rtsp", PORT),
            "rtsps" => (true, false, "rtsps", PORT_TLS),
            "rtspx" => (true, true, "rtsps", PORT_TLS),
            _ => return Err(error("the scheme is none of rtsp, rtsps, rtspx")),
        };
        let bare = without_userinfo(text);
        let credentials = (bare.len() < text.len())
            .then(|| &text[scheme.len() + 3..text.len() - (bare.len() - scheme.len() - 3) - 1])
            .map(credentials);
        let rest = bare[scheme.len() + 3..].split('#').next().unwrap_or_default();
        let authority = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
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
        let request = format!("{name}://{rest}");
        Ok(Self { tls, unverified, host: host.to_owned(), port, credentials, request })
    }

    /// The URL as it stands in requests: without user, password and fragment.
    pub fn request_uri(&self) -> &str {
        &self.request
    }
}

impl fmt::Display for RtspUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.request)
    }
}

fn credentials(userinfo: &str) -> Credentials {
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    Credentials::new(decode(user), decode(password))
}

/// Path and query of a request's URI, without the leading slash; not decoded.
pub(crate) fn path_and_query(uri: &str) -> (&str, &str) {
    let rest = match uri.find("://") {
        Some(at) => {
            let rest = &uri[at + 3..];
            &rest[rest.find(['/', '?']).unwrap_or(rest.len())..]
        }
        None => uri,
    };
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    (path.trim_start_matches('/'), query)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_come_apart_also_where_the_password_is_not_escaped() {
        for (text, host, port, user, password, request) in [
            ("rtsp://h/a?b=1#transport=udp", "h", 554, "", "", "rtsp://h/a?b=1"),
            ("RTSP://u:p%40s@h:8554", "h", 8554, "u", "p@s", "rtsp://h:8554"),
            ("rtsps://u:p/#s@[::1]:9/x", "::1", 9, "u", "p/#s", "rtsps://[::1]:9/x"),
            ("rtspx://u@10.0.0.9", "10.0.0.9", 322, "u", "", "rtsps://10.0.0.9"),
            ("rtsp://u:100%@h:/x@y", "h", 554, "u", "100%", "rtsp://h:/x@y"),
        ] {
            let url = RtspUrl::parse(text).unwrap();
            assert_eq!((url.host.as_str(), url.port, url.request_uri()), (host, port, request), "{text}");
            let credentials = url.credentials.unwrap_or(Credentials::new("", ""));
            assert_eq!(
                (credentials.user.as_str(), credentials.password.expose()),
                (user, password),
                "{text}"
            );
        }
    }

    #[test]
    fn what_cannot_be_dialled_is_refused_without_showing_the_password() {
        for text in [
            "h/a",
            "http://u:secret@h/",
            "rtsp://",
            "rtsp://u:secret@/x",
            "rtsp://u:secret@h:99999/",
            "rtsp://[::1/a",
        ] {
            let error = RtspUrl::parse(text).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
