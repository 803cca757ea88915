//! Where the load goes: loopback addresses, and nothing else.
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use url::{Host, Url};

/// A URL that may be loaded.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// `host:port`.
    pub(crate) authority: String,
    /// Path with query, with its slash.
    pub(crate) path: String,
    /// As it was given.
    pub(crate) url: String,
}

/// Why a URL is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TargetError {
    /// No URL.
    #[error("{url} is no URL: {why}")]
    Unreadable {
        /// What was given.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// A scheme that the protocol does not have.
    #[error("{url}: the scheme is to be one of {wanted}")]
    Scheme {
        /// What was given.
        url: String,
        /// Which would do.
        wanted: String,
    },
    /// Another machine, or a name.
    #[error(
        "{host} is no loopback address: this tool loads servers of this machine only (127.0.0.1, [::1], localhost)"
    )]
    NotLoopback {
        /// The host.
        host: String,
    },
}

impl Target {
    /// Reads a URL with one of these schemes; each comes with its default port.
    pub(crate) fn parse(text: &str, schemes: &[(&str, u16)]) -> Result<Self, TargetError> {
        let unreadable = |why: String| TargetError::Unreadable { url: text.to_owned(), why };
        let url = Url::parse(text).map_err(|error| unreadable(error.to_string()))?;
        let port = schemes.iter().find(|(scheme, _)| *scheme == url.scheme()).map(|(_, port)| *port);
        let Some(default) = port else {
            let wanted = schemes.iter().map(|(scheme, _)| *scheme).collect::<Vec<_>>().join(", ");
            return Err(TargetError::Scheme { url: text.to_owned(), wanted });
        };
        let host = url.host().ok_or_else(|| unreadable("it has no host".to_owned()))?;
        // The host of a scheme that browsers do not know is never parsed as an address.
        let name = host.to_string();
        let ip = match &host {
            Host::Ipv4(ip) => Some(IpAddr::V4(*ip)),
            Host::Ipv6(ip) => Some(IpAddr::V6(*ip)),
            Host::Domain("localhost") => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            Host::Domain(name) => name.parse().ok(),
        };
        let ip = ip.filter(IpAddr::is_loopback).ok_or(TargetError::NotLoopback { host: name })?;
        let address = SocketAddr::new(ip, url.port().unwrap_or(default));
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let path = format!("{}{query}", url.path());
        Ok(Self { address, authority: address.to_string(), path, url: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_loaded() {
        let rtsp = [("rtsp", 554)];
        for url in [
            "rtsp://127.0.0.1:8554/cam",
            "rtsp://localhost:8554/cam",
            "rtsp://127.9.9.9/cam",
            "rtsp://[::1]/cam",
        ] {
            assert!(Target::parse(url, &rtsp).unwrap().address.ip().is_loopback(), "{url}");
        }
        for url in [
            "rtsp://192.0.2.1/cam",
            "rtsp://example.com/cam",
            "rtsp://[2001:db8::1]/cam",
            "rtsp://localhost.example/",
        ] {
            let error = Target::parse(url, &rtsp).unwrap_err();
            assert!(matches!(error, TargetError::NotLoopback { .. }), "{url}: {error}");
        }
    }

    #[test]
    fn path_and_query_are_kept() {
        let target = Target::parse("http://localhost:1984/api/ws?src=a%20b", &[("http", 80)]).unwrap();
        assert_eq!(target.path, "/api/ws?src=a%20b");
        assert_eq!(target.authority, "127.0.0.1:1984");
    }
}
