//! RTMP sources: `rtmp://`, `rtmps://`, and `rtmpx://` for TLS with any certificate. We play a stream of a server.
//!
//! Source: RTMP 1.0, Enhanced RTMP v2; the session is [`protocols::rtmp::client`].
mod pull;

use super::address::{Endpoint, SourceUrl};
use super::dial::Security;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use hub::{Connect, PeerInfo, SourceError, SourceTask};
use media::Fault;
use protocols::rtmp::RtmpError;
use protocols::rtmp::client::Target;
use url::Url;

/// Port of RTMP. Source: IANA.
const PORT: u16 = 1935;
/// Port of RTMP over TLS: that of HTTPS, as all clients take it.
const TLS_PORT: u16 = 443;

/// Plays streams of RTMP servers.
#[derive(Clone, Debug, Default)]
pub struct RtmpSources;

/// What a URL of ours asks for.
#[derive(Clone, Debug)]
struct Wanted {
    endpoint: Endpoint,
    target: Target,
    /// The URL without user, password and query: for messages.
    shown: String,
    query: Option<String>,
    has_userinfo: bool,
}

impl Wanted {
    fn parse(url: &str) -> Result<Self, SourceError> {
        let parted = SourceUrl::part(url);
        if let Some(option) = parted.options.first() {
            let key = option.split('=').next().unwrap_or_default();
            return Err(SourceError::config(format!("RTMP sources have no options: #{key} is not known")));
        }
        let (scheme, rest) = parted.bare.split_once(':').unwrap_or_default();
        let (security, port) = match scheme {
            "rtmp" => (Security::Plain, PORT),
            "rtmps" => (Security::Verified, TLS_PORT),
            "rtmpx" => (Security::Unverified, TLS_PORT),
            _ => return Err(SourceError::config(format!("{scheme}: is not rtmp, rtmps or rtmpx"))),
        };
        // Servers know of no rtmpx.
        let known = if security == Security::Plain { "rtmp" } else { "rtmps" };
        let wrong = |why: &dyn std::fmt::Display| {
            SourceError::config(format!("{why}: an RTMP source is {scheme}://HOST/APP/STREAM"))
        };
        let url = Url::parse(&format!("{known}:{rest}")).map_err(|e| wrong(&e))?;
        let target = Target::from_url(&url).map_err(|e| wrong(&e))?;
        let endpoint = Endpoint::of(&url, port, security).ok_or_else(|| wrong(&"the URL has no host"))?;
        let shown = format!("{scheme}://{}{}", endpoint.authority(), url.path());
        let query = url.query().filter(|query| !query.is_empty()).map(str::to_owned);
        Ok(Self { endpoint, target, shown, query, has_userinfo: parted.userinfo.is_some() })
    }

    /// Words what went wrong, without what the query holds.
    fn failed(&self, error: &RtmpError) -> SourceError {
        let mut said = error.to_string();
        if let Some(query) = &self.query {
            said = said.replace(query.as_str(), "…");
        }
        let mut message = format!("{}: {said}", self.shown);
        if self.has_userinfo && matches!(error, RtmpError::Refused { .. }) {
            message.push_str(
                " (RTMP sends no user and password from before the host: write them into the query, as the server \
                 wants them)",
            );
        }
        let fault = error.fault();
        SourceError::new(message, fault, fault != Fault::Config)
    }
}

impl Connect for RtmpSources {
    fn schemes(&self) -> &[&'static str] {
        &["rtmp", "rtmps", "rtmpx"]
    }

    fn check(&self, url: &str) -> Result<(), SourceError> {
        Wanted::parse(url).map(|_| ())
    }

    fn peer(&self, url: &str) -> PeerInfo {
        let wanted = Wanted::parse(url).ok();
        let transport = wanted.as_ref().map_or("", |wanted| wanted.endpoint.transport());
        let remote = wanted.map(|wanted| wanted.endpoint.authority()).unwrap_or_default();
        PeerInfo { protocol: "rtmp", transport, remote, ..PeerInfo::default() }
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
    fn the_x_scheme_is_tls_and_the_server_is_told_of_rtmps() {
        let wanted = Wanted::parse("rtmpx://u:p@cam/live/main?user=u&password=p").unwrap();
        assert_eq!(wanted.endpoint.authority(), "cam:443");
        assert_eq!(wanted.endpoint.security, Security::Unverified);
        assert_eq!(wanted.target.tc_url, "rtmps://cam/live");
        assert_eq!(wanted.target.stream, "main?user=u&password=p");
        assert_eq!(wanted.shown, "rtmpx://cam:443/live/main");
    }

    #[test]
    fn no_message_holds_credentials() {
        let wanted = Wanted::parse("rtmp://ann:hunter2@cam/live/main?user=ann&pass=hunter3").unwrap();
        let refusal = RtmpError::Refused {
            code: "NetConnection.Connect.Rejected".into(),
            description: "no such login: main?user=ann&pass=hunter3".into(),
        };
        let error = wanted.failed(&refusal);
        assert!(!error.message.contains("hunter"), "{error}");
        assert!(error.message.contains("into the query") && !error.retry, "{error}");
        let missing = RtmpError::Refused {
            code: "NetStream.Play.StreamNotFound".into(),
            description: "there is no stream".into(),
        };
        assert!(wanted.failed(&missing).retry);
    }

    #[test]
    fn urls_that_cannot_work_are_refused_before_anything_is_dialled() {
        for wrong in ["rtmp://cam", "rtmp:cam", "rtmp://cam/live/x#video=copy", "rtmp://ca m/live/x"] {
            let error = RtmpSources.check(wrong).unwrap_err();
            assert!(!error.retry, "{wrong}");
        }
        assert_eq!(RtmpSources.check("rtmp://cam/x"), Ok(()));
    }
}
