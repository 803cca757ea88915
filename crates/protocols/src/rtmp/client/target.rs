//! Which stream of which application, from a URL.
use url::Url;

/// What `connect`, and then `play` or `publish`, name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// The URL of the application: scheme, host, port if it is not the usual one, application.
    pub tc_url: String,
    /// The application.
    pub app: String,
    /// The stream, with its query. May hold credentials.
    pub stream: String,
}

/// A URL that names no stream. The configuration's fault.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TargetError {
    /// Not `rtmp` or `rtmps`.
    #[error("the scheme {0:?} is not rtmp or rtmps")]
    Scheme(String),
    /// No host.
    #[error("the URL has no host")]
    Host,
    /// No path.
    #[error("the URL names no application")]
    App,
}

impl TargetError {
    /// The configuration's.
    pub const fn fault(&self) -> media::Fault {
        media::Fault::Config
    }
}

impl Target {
    /// Parts a URL as ffmpeg does: `rtmp://host/app/stream?query`; with three or more segments the first two are the
    /// application. User and password in the URL are not sent: servers that want them take them in the query.
    pub fn from_url(url: &Url) -> Result<Self, TargetError> {
        if !matches!(url.scheme(), "rtmp" | "rtmps") {
            return Err(TargetError::Scheme(url.scheme().to_owned()));
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(TargetError::Host)?;
        let path = url.path().trim_start_matches('/');
        if path.is_empty() {
            return Err(TargetError::App);
        }
        let parts: Vec<&str> = path.splitn(3, '/').collect();
        let (app, stream) = match parts[..] {
            [app] => (app.to_owned(), ""),
            [app, stream] => (app.to_owned(), stream),
            [app, instance, stream] => (format!("{app}/{instance}"), stream),
            _ => return Err(TargetError::App),
        };
        let stream = match url.query() {
            Some(query) => format!("{stream}?{query}"),
            None => stream.to_owned(),
        };
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        Ok(Self { tc_url: format!("{}://{host}{port}/{app}", url.scheme()), app, stream })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(url: &str) -> (String, String, String) {
        let target = Target::from_url(&Url::parse(url).unwrap()).unwrap();
        (target.tc_url, target.app, target.stream)
    }

    fn owned(tc_url: &str, app: &str, stream: &str) -> (String, String, String) {
        (tc_url.to_owned(), app.to_owned(), stream.to_owned())
    }

    #[test]
    fn urls_are_parted_as_ffmpeg_does() {
        assert_eq!(parts("rtmp://h/live/cam"), owned("rtmp://h/live", "live", "cam"));
        assert_eq!(parts("rtmps://u:p@h:443/a/b/c/d?k=v"), owned("rtmps://h:443/a/b", "a/b", "c/d?k=v"));
        assert_eq!(
            parts("rtmp://10.0.0.1/bcs/channel0_main.bcs?channel=0&user=admin"),
            owned("rtmp://10.0.0.1/bcs", "bcs", "channel0_main.bcs?channel=0&user=admin")
        );
        assert_eq!(parts("rtmp://h/live"), owned("rtmp://h/live", "live", ""));
    }

    #[test]
    fn what_names_no_stream_is_refused() {
        let error = |url: &str| Target::from_url(&Url::parse(url).unwrap()).unwrap_err();
        assert_eq!(error("http://h/a/b"), TargetError::Scheme("http".into()));
        assert_eq!(error("rtmp://h"), TargetError::App);
        assert_eq!(error("rtmp:a"), TargetError::Host);
    }
}
