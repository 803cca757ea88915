//! RTSP sources: cameras and servers that we dial: `rtsp:`, `rtsps:`, and `rtspx:`, which takes any certificate.
//!
//! Source: RFC 2326; go2rtc's `#` options. `protocols::rtsp::client` has the dialogue, this folder the sockets. An
//! attempt is one task; it owns everything of it and leaves nothing behind.
mod attempt;
mod error;
mod options;

use super::dial::Security;
pub(crate) use error::source_error;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use hub::{Connect, PeerInfo, SourceError, SourceTask};
pub(crate) use options::Options;
use protocols::rtsp::RtspUrl;
use protocols::rtsp::client::{Client, Config, TransportPreference};

/// Connections that one attempt may need: redirects, a hang-up, and UDP given up. A server that wants more is broken.
pub(crate) const CONNECTIONS_MAX: usize = 10;

/// Dials RTSP.
#[derive(Clone, Copy, Debug, Default)]
pub struct RtspSources;

/// What a configured URL means.
fn parse(url: &str) -> Result<(RtspUrl, Options), SourceError> {
    let address = RtspUrl::parse(url).map_err(|error| SourceError::config(error.to_string()))?;
    Ok((address, Options::of(url)?))
}

/// Whether to speak TLS.
pub(crate) fn security(url: &RtspUrl) -> Security {
    match (url.tls, url.unverified) {
        (false, _) => Security::Plain,
        (true, false) => Security::Verified,
        (true, true) => Security::Unverified,
    }
}

impl Connect for RtspSources {
    fn schemes(&self) -> &[&'static str] {
        &["rtsp", "rtsps", "rtspx"]
    }

    fn check(&self, url: &str) -> Result<(), SourceError> {
        parse(url).map(|_| ())
    }

    fn peer(&self, url: &str) -> PeerInfo {
        let Ok((address, options)) = parse(url) else {
            return PeerInfo { protocol: "rtsp", ..PeerInfo::default() };
        };
        let transport = match options.transport {
            TransportPreference::Udp => "udp",
            TransportPreference::Auto | TransportPreference::Tcp if address.tls => "tls",
            TransportPreference::Auto | TransportPreference::Tcp => "tcp",
        };
        let remote = format!("{}:{}", address.host, address.port);
        PeerInfo { protocol: "rtsp", transport, remote, ..PeerInfo::default() }
    }

    fn run(&self, task: SourceTask) -> LocalBoxFuture<'static, Result<(), SourceError>> {
        run(task).boxed_local()
    }
}

async fn run(task: SourceTask) -> Result<(), SourceError> {
    let SourceTask { stream, url, mut publisher, mut stop, .. } = task;
    let (_, options) = parse(&url)?;
    let mut config = Config::new(url);
    config.transport = options.transport;
    config.media = options.media;
    if let Some(timeout) = options.timeout {
        config.timeouts.reply = timeout;
        config.timeouts.media = timeout;
    }
    let mut client = Client::new(config).map_err(|error| SourceError::config(error.to_string()))?;
    for _ in 0..CONNECTIONS_MAX {
        match attempt::run(client, &stream, &mut publisher, &mut stop).await? {
            attempt::Outcome::Ended => return Ok(()),
            attempt::Outcome::Again(successor) => client = *successor,
        }
    }
    Err(SourceError::peer(format!(
        "the server wants more than {CONNECTIONS_MAX} connections one after the other"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_checked_without_touching_the_network() {
        let sources = RtspSources;
        for right in [
            "rtsp://user:p@ss#1@10.0.0.9/a?b#transport=udp#timeout=20",
            "rtspx://10.0.0.9/a#backchannel=0#media=video",
            "rtsps://h",
        ] {
            assert_eq!(sources.check(right), Ok(()), "{right}");
        }
        for wrong in ["rtsp://", "rtsp://h:x/", "rtsp://u:secret@h/#transport=ws://x", "rtsp://h/#media=text"]
        {
            let error = sources.check(wrong).unwrap_err();
            assert!(!error.retry && !error.message.contains("secret"), "{error}");
        }
        let peer = sources.peer("rtspx://u:secret@h/a");
        assert_eq!((peer.transport, peer.remote.as_str()), ("tls", "h:322"));
        assert_eq!(sources.peer("rtsp://h/a#transport=udp").transport, "udp");
    }
}
