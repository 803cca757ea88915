//! Hiding credentials in URLs, for logs and for those who may not see them.
//!
//! Source: go2rtc masks user information as `***`; cameras and services take secrets in queries too.

/// Query parameters whose values are secrets. Compared without case.
const SECRET_PARAMETERS: [&str; 13] = [
    "password",
    "passwd",
    "pass",
    "pwd",
    "token",
    "access_token",
    "key",
    "apikey",
    "api_key",
    "secret",
    "auth",
    "streamkey",
    "sig",
];

/// The URL with `***` for its user information and for the values of secret query parameters.
pub fn url(url: &str) -> String {
    let (url, fragment) = match url.split_once('#') {
        Some((url, fragment)) => (url, Some(fragment)),
        None => (url, None),
    };
    let (place, query) = match url.split_once('?') {
        Some((place, query)) => (place, Some(query)),
        None => (url, None),
    };
    let mut shown = String::with_capacity(url.len());
    match place.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            shown.push_str(scheme);
            shown.push_str("://");
            match authority.rsplit_once('@') {
                Some((_, host)) => {
                    shown.push_str("***@");
                    shown.push_str(host);
                }
                // A password with a slash in it, not encoded: everything up to the last `@` is suspicious.
                None => match path.rsplit_once('@') {
                    Some((_, host)) if authority.contains(':') => {
                        shown.push_str("***@");
                        shown.push_str(host);
                        return with_query(shown, query, fragment);
                    }
                    Some(_) | None => shown.push_str(authority),
                },
            }
            shown.push_str(path);
        }
        None => shown.push_str(place),
    }
    with_query(shown, query, fragment)
}

fn with_query(mut shown: String, query: Option<&str>, fragment: Option<&str>) -> String {
    for (lead, text) in [('?', query), ('#', fragment)] {
        let Some(text) = text else { continue };
        shown.push(lead);
        for (index, pair) in text.split(['&', '#']).enumerate() {
            if index > 0 {
                shown.push(if lead == '?' { '&' } else { '#' });
            }
            match pair.split_once('=') {
                Some((name, _))
                    if SECRET_PARAMETERS.iter().any(|secret| name.eq_ignore_ascii_case(secret)) =>
                {
                    shown.push_str(name);
                    shown.push_str("=***");
                }
                Some(_) | None => shown.push_str(pair),
            }
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::url;

    #[test]
    fn credentials_are_hidden_wherever_they_stand() {
        for (given, shown) in [
            ("rtsp://ann:secret@10.0.0.9:554/x", "rtsp://***@10.0.0.9:554/x"),
            ("rtsp://ann:p@ss@10.0.0.9/x", "rtsp://***@10.0.0.9/x"),
            ("rtsp://ann:a/b@10.0.0.9/x", "rtsp://***@10.0.0.9/x"),
            ("rtsp://10.0.0.9/x@y", "rtsp://10.0.0.9/x@y"),
            (
                "rtsp://h/x?user=ann&Password=secret&c=1#timeout=5",
                "rtsp://h/x?user=ann&Password=***&c=1#timeout=5",
            ),
            ("http://h/flv#header=a#token=t#x", "http://h/flv#header=a#token=***#x"),
            ("demo:", "demo:"),
            ("ffmpeg:cam#audio=opus", "ffmpeg:cam#audio=opus"),
        ] {
            assert_eq!(url(given), shown);
        }
    }
}
