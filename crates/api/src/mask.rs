//! Hiding credentials in URLs, for logs and for those who may not see them.
//!
//! Source: go2rtc masks user information as `***`; cameras and services take secrets in queries too.

/// Query parameters whose values are secrets. Compared without case.
const SECRET_PARAMETERS: [&str; 15] = [
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
    // of HomeKit
    "client_private",
    "pin",
];

/// Headers whose values are secrets. Compared without case.
const HEADERS: [&str; 3] = ["authorization", "cookie", "x-api-key"];

/// The URL with `***` for its user information, for the values of secret query parameters and of HTTP headers. Of a
/// command line (`exec:`), each URL and header in it.
pub fn url(url: &str) -> String {
    match url.strip_prefix("exec:") {
        Some(line) => format!("exec:{}", command_line(line)),
        None => one(url),
    }
}

/// Words between blanks and quotes, those in quotes as a whole where they are a header.
fn command_line(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    for piece in line.split_inclusive(['"', '\'']) {
        match piece.split_once(':') {
            Some((name, _)) if HEADERS.iter().any(|known| name.trim().eq_ignore_ascii_case(known)) => {
                shown.push_str(name);
                shown.push_str(": ***");
                shown.extend(piece.chars().next_back().filter(|end| matches!(end, '"' | '\'')));
            }
            Some(_) | None => {
                for word in piece.split_inclusive(' ') {
                    // What ends a word is none of its secret.
                    let (word, end) = word.split_at(word.trim_end_matches([' ', '"', '\'']).len());
                    shown.push_str(&one(word));
                    shown.push_str(end);
                }
            }
        }
    }
    shown
}

fn one(url: &str) -> String {
    let mut shown = String::with_capacity(url.len());
    let rest = match url.split_once("://") {
        Some((scheme, rest)) => {
            shown.push_str(scheme);
            shown.push_str("://");
            match userinfo_end(rest) {
                Some(at) => {
                    shown.push_str("***");
                    &rest[at..]
                }
                None => rest,
            }
        }
        None => url,
    };
    let (rest, fragment) = match rest.split_once('#') {
        Some((rest, fragment)) => (rest, Some(fragment)),
        None => (rest, None),
    };
    let (place, query) = match rest.split_once('?') {
        Some((place, query)) => (place, Some(query)),
        None => (rest, None),
    };
    shown.push_str(place);
    for (lead, between, text) in [('?', '&', query), ('#', '#', fragment)] {
        let Some(text) = text else { continue };
        let mut before = lead;
        for pair in text.split(between) {
            shown.push(before);
            before = between;
            push_pair(&mut shown, pair);
        }
    }
    shown
}

/// Where the `@` after the user information is, given what follows `://`. Passwords are pasted as they are: where what
/// stands before the first `/`, `?` or `#` can be no host with a port, everything up to the last `@` is suspicious.
fn userinfo_end(rest: &str) -> Option<usize> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = &rest[..end];
    if let Some(at) = authority.rfind('@') {
        return Some(at);
    }
    let (_, port) = authority.rsplit_once(':')?;
    if authority.starts_with('[') || (!port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())) {
        return None;
    }
    rest[end..].rfind('@').map(|at| end + at)
}

fn push_pair(shown: &mut String, pair: &str) {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    if SECRET_PARAMETERS.iter().any(|secret| name.eq_ignore_ascii_case(secret)) && pair.contains('=') {
        shown.push_str(name);
        shown.push_str("=***");
        return;
    }
    match value.split_once(':') {
        // `#header=Authorization: …` or a cookie.
        Some((key, _)) if name == "header" => {
            shown.push_str("header=");
            shown.push_str(key);
            shown.push_str(": ***");
        }
        Some(_) | None => shown.push_str(pair),
    }
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
            ("rtsp://ann:p#/x@10.0.0.9/x", "rtsp://***@10.0.0.9/x"),
            ("rtsp://ann:p?q@10.0.0.9/x#timeout=5", "rtsp://***@10.0.0.9/x#timeout=5"),
            ("rtsp://10.0.0.9:554/x@y?z=a@b", "rtsp://10.0.0.9:554/x@y?z=a@b"),
            ("rtsp://[fe80::1]/x@y", "rtsp://[fe80::1]/x@y"),
            (
                "http://h/flv#header=Cookie: a&b#header=X: t#timeout=5",
                "http://h/flv#header=Cookie: ***#header=X: ***#timeout=5",
            ),
            ("http://h/flv#header=a#token=t#x", "http://h/flv#header=a#token=***#x"),
            (
                "homekit://h:5001?client_id=c&client_private=07#width=640",
                "homekit://h:5001?client_id=c&client_private=***#width=640",
            ),
            ("homekit://AA:BB:CC:DD:EE:FF", "homekit://AA:BB:CC:DD:EE:FF"),
            ("demo:", "demo:"),
            (
                "exec:ffmpeg -i rtsp://ann:a/b@h/x -i \"http://h/?token=t\" -f rtsp rtsp://bob:c@h/#killsignal=15",
                "exec:ffmpeg -i rtsp://***@h/x -i \"http://h/?token=***\" -f rtsp rtsp://***@h/#killsignal=15",
            ),
            (
                "exec:ffmpeg -headers 'Authorization: Basic YTpi' -i http://h/x",
                "exec:ffmpeg -headers 'Authorization: ***' -i http://h/x",
            ),
            ("ffmpeg:cam#audio=opus", "ffmpeg:cam#audio=opus"),
        ] {
            assert_eq!(url(given), shown);
        }
    }
}
