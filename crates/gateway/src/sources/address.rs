//! Sources' URLs: whom to dial, credentials, options.
use super::dial::{Security, dial};
use crate::net::accept::Stream;
use hub::SourceError;

/// Who to dial.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Endpoint {
    /// A name or an address; IPv6 without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) security: Security,
}

impl Endpoint {
    /// From a URL's parts; `None` without a host.
    pub(crate) fn of(url: &url::Url, default_port: u16, security: Security) -> Option<Self> {
        let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = url.port_or_known_default().unwrap_or(default_port);
        (!host.is_empty()).then_some(Self { host, port, security })
    }

    /// `host:port`.
    pub(crate) fn authority(&self) -> String {
        if self.host.contains(':') {
            return format!("[{}]:{}", self.host, self.port);
        }
        format!("{}:{}", self.host, self.port)
    }

    /// Connects.
    pub(crate) async fn dial(&self) -> Result<Stream, SourceError> {
        dial(&self.host, self.port, self.security).await.map(|(stream, _, _)| stream)
    }

    /// `tcp` or `tls`, for reports.
    pub(crate) const fn transport(&self) -> &'static str {
        match self.security {
            Security::Plain => "tcp",
            Security::Verified | Security::Unverified => "tls",
        }
    }
}

/// A source's URL in its parts.
pub(crate) struct SourceUrl<'a> {
    /// Without user, password and options.
    pub(crate) bare: String,
    /// What stands before the host.
    pub(crate) userinfo: Option<&'a str>,
    /// What follows each `#`.
    pub(crate) options: Vec<String>,
}

impl<'a> SourceUrl<'a> {
    /// Parts a URL, also where a password was pasted unescaped.
    pub(crate) fn part(url: &'a str) -> Self {
        let without = protocols::auth::without_userinfo(url);
        let cut = url.len() - without.len();
        let start = url.find("://").map_or(0, |at| at + 3);
        let userinfo = if cut > 0 { url.get(start..start + cut - 1) } else { None };
        let mut parts = without.split('#').map(str::to_owned);
        let bare = parts.next().unwrap_or_default();
        Self { bare, userinfo, options: parts.filter(|option| !option.is_empty()).collect() }
    }

    /// User and password, decoded.
    pub(crate) fn credentials(&self) -> Option<protocols::auth::Credentials> {
        let (user, password) = self.userinfo.map(|info| info.split_once(':').unwrap_or((info, "")))?;
        let decode = |text| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        Some(protocols::auth::Credentials::new(decode(user), decode(password)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_parted_also_with_an_unescaped_password() {
        let parted = |url| {
            let url = SourceUrl::part(url);
            let known = url.credentials().map(|c| (c.user.clone(), c.password.expose().to_owned()));
            (url.bare, known, url.options)
        };
        let ann = |password: &str| Some(("ann".to_owned(), password.to_owned()));
        assert_eq!(
            parted("http://ann:a%40b@h/x?y#header=K: V#header=L: W"),
            ("http://h/x?y".into(), ann("a@b"), vec!["header=K: V".to_owned(), "header=L: W".to_owned()])
        );
        assert_eq!(parted("http://ann:p#/h@h/x"), ("http://h/x".into(), ann("p#/h"), vec![]));
        assert_eq!(parted("http://ann@h/x#"), ("http://h/x".into(), ann(""), vec![]));
        assert_eq!(parted("rtmp://h/x@y"), ("rtmp://h/x@y".into(), None, vec![]));
    }

    #[test]
    fn endpoints_know_the_usual_ports_and_ipv6() {
        let of = |url: &str, port| {
            Endpoint::of(&url::Url::parse(url).unwrap(), port, Security::Plain).map(|e| e.authority())
        };
        assert_eq!(of("rtmp://cam/a", 1935).as_deref(), Some("cam:1935"));
        assert_eq!(of("https://cam/a", 0).as_deref(), Some("cam:443"));
        assert_eq!(of("rtmp://[fe80::1]:99/a", 1935).as_deref(), Some("[fe80::1]:99"));
        assert_eq!(of("rtmp:a", 1935), None);
    }
}
