//! What went wrong with a camera, in words that help. No credentials.
use hub::SourceError;
use media::Fault;
use protocols::auth::AuthError;
use protocols::rtsp::RtspUrl;
use protocols::rtsp::client::Error;

/// Words an error of the dialogue with the server at `url`.
pub(crate) fn source_error(url: &RtspUrl, error: &Error) -> SourceError {
    let at = format!("{}:{}", url.host, url.port);
    let (message, fault, retry) = match error {
        Error::Auth(AuthError::NoCredentials { .. }) => {
            // The camera may be set to ask for none, so another try can help; the ladder keeps it from being locked.
            (format!("{at}: {error}; write rtsp://user:password@{at}/…"), Fault::Config, true)
        }
        Error::Auth(AuthError::Rejected { .. }) => (
            format!("{at}: {error}; check user and password, and that the camera is not locked"),
            Fault::Config,
            true,
        ),
        Error::Auth(AuthError::Unsupported { .. }) => (format!("{at}: {error}"), error.fault(), true),
        Error::Refused { status: 401 | 403, .. } => {
            (format!("{at}: {error}; the user may lack the right to watch"), Fault::Config, true)
        }
        Error::Refused { status: 404, .. } => {
            (format!("{at} has nothing at {}: check the path ({error})", path(url)), Fault::Config, true)
        }
        Error::Url(_) => (error.to_string(), Fault::Config, false),
        Error::NoTracks { .. } | Error::NoBackChannel { .. } => {
            (format!("{at}: {error}"), Fault::Config, true)
        }
        Error::Frame(_) => (format!("{at}: {error}; is that the RTSP port?"), error.fault(), true),
        Error::MediaSilent { .. } => {
            (format!("{at}: {error}; where only UDP is silent, #transport=tcp helps"), error.fault(), true)
        }
        Error::Sdp(_)
        | Error::Refused { .. }
        | Error::BackChannelBusy { .. }
        | Error::ServerSilent { .. }
        | Error::NoReply { .. }
        | Error::Disconnected { .. }
        | Error::Ended
        | Error::Redirect { .. } => (format!("{at}: {error}"), error.fault(), true),
    };
    SourceError::new(message, fault, retry)
}

/// The path of a URL, without what may be a secret in the query.
fn path(url: &RtspUrl) -> &str {
    let text = url.request_uri();
    let rest = text.find("://").map_or(text, |at| &text[at + 3..]);
    let path = rest.find('/').map_or("/", |at| &rest[at..]);
    path.split('?').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_place_and_what_helps_but_no_secret() {
        let url = RtspUrl::parse("rtsp://admin:secret@cam:8554/live/main?token=secret").unwrap();
        let refused = |status| Error::Refused {
            method: "DESCRIBE".into(),
            cseq: 2,
            status,
            reason: "Not Found".into(),
        };
        let error = source_error(&url, &refused(404));
        assert!(error.message.starts_with("cam:8554 has nothing at /live/main"), "{error}");
        assert_eq!((error.fault, error.retry), (Fault::Config, true));
        let auth = Error::Auth(AuthError::Rejected { user: "admin".into(), realm: "cam".into() });
        let error = source_error(&url, &auth);
        assert!(error.message.contains("check user and password"), "{error}");
        assert_eq!((error.fault, error.retry), (Fault::Config, true));
        assert_eq!(source_error(&url, &refused(503)).fault, Fault::Peer);
        for error in [refused(404), refused(500), auth] {
            assert!(!source_error(&url, &error).message.contains("secret"));
        }
    }
}
