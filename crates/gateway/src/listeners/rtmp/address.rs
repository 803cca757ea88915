//! Which stream a request means, and who asks.
use media::{NameError, StreamName};
use protocols::rtmp::server::Request;

/// The application that stands for none: `rtmp://host/live/NAME` is `rtmp://host/NAME`, as encoders insist on one.
const APP_OF_NONE: &str = "live";

/// The stream's name: `app/stream`, or one of them when the other is empty; a leading `live/` is dropped, and `%20`
/// and the like are decoded.
pub(super) fn stream_name(request: &Request) -> Result<StreamName, NameError> {
    let path = request.path();
    let path = path.strip_prefix(APP_OF_NONE).and_then(|rest| rest.strip_prefix('/')).unwrap_or(&path);
    match percent_encoding::percent_decode_str(path).decode_utf8() {
        Ok(decoded) => StreamName::new(&decoded),
        // No text when decoded, so the percent signs were meant.
        Err(_) => StreamName::new(path),
    }
}

/// User name and password from `?user=…&pass=…`.
pub(super) fn credentials(request: &Request) -> Option<(String, String)> {
    let value = |wanted: &str| {
        url::form_urlencoded::parse(request.query.as_bytes())
            .find(|(key, _)| key == wanted)
            .map(|(_, value)| value.into_owned())
    };
    Some((value("user")?, value("pass")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(app: &str, stream: &str, query: &str) -> Request {
        Request {
            app: app.into(),
            stream: stream.into(),
            query: query.into(),
            tc_url: String::new(),
            flash_version: String::new(),
            page_url: String::new(),
            four_ccs: Vec::new(),
        }
    }

    #[test]
    fn names_come_from_application_and_stream_without_live() {
        let name = |app, stream| stream_name(&request(app, stream, "")).map(|name| name.to_string());
        assert_eq!(name("cam", ""), Ok("cam".into()));
        assert_eq!(name("", "cam"), Ok("cam".into()));
        assert_eq!(name("live", "cam"), Ok("cam".into()));
        assert_eq!(name("live", ""), Ok("live".into()));
        assert_eq!(name("door", "talk"), Ok("door/talk".into()));
        assert_eq!(name("live/door", "talk"), Ok("door/talk".into()));
        assert_eq!(name("lively", "cam"), Ok("lively/cam".into()));
        assert_eq!(name("live", "Kamera%20S%c3%bcd"), Ok("Kamera Süd".into()));
        assert_eq!(name("100%", ""), Ok("100%".into()));
        assert_eq!(name("50%ff", ""), Ok("50%ff".into()));
        assert_eq!(name("", ""), Err(NameError::Empty));
        assert_eq!(name("..", "etc"), Err(NameError::Segment));
        assert_eq!(name("a%0ab", ""), Err(NameError::Character('\n')));
    }

    #[test]
    fn credentials_come_from_the_query_and_only_both() {
        let shown = |query| credentials(&request("a", "b", query));
        assert_eq!(shown("x=1&user=ann&pass=a%26b"), Some(("ann".into(), "a&b".into())));
        assert_eq!(shown("user=ann"), None);
        assert_eq!(shown("user=ann&pass="), Some(("ann".into(), String::new())));
        assert_eq!(shown(""), None);
    }
}
