//! Hides credentials in what children are told and in what they say.
//!
//! Owns the secrets that a command line holds: passwords in URLs, values of secret parameters and headers, and what its
//! author names. Programs repeat their arguments in their complaints, whole or in parts.
use percent_encoding::percent_decode_str;

/// What stands in a secret's place.
const HIDDEN: &str = "***";
/// Shorter secrets are hidden only where a URL shows that they are some: three letters occur in every word.
const SECRET_BYTES_MIN: usize = 4;
/// Most secrets of one command line: 32. A command has a URL or two.
const SECRETS_MAX: usize = 32;

/// Names of parameters in URLs whose values are secrets. Compared without case.
const PARAMETERS: [&str; 13] = [
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

/// Headers whose values are secrets. Compared without case.
const HEADERS: [&str; 3] = ["authorization:", "cookie:", "x-api-key:"];

/// Knows what to hide.
#[derive(Clone, Default)]
pub(super) struct Mask {
    /// The longest first, since one may be part of another.
    secrets: Vec<String>,
}

impl Mask {
    /// For a command with these arguments and further secrets.
    pub(super) fn new<'a>(
        arguments: impl IntoIterator<Item = &'a str>,
        further: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut secrets: Vec<String> = further.into_iter().map(str::to_owned).collect();
        for argument in arguments {
            collect(argument, &mut secrets);
        }
        secrets.retain(|secret| secret.len() >= SECRET_BYTES_MIN);
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        secrets.truncate(SECRETS_MAX);
        Self { secrets }
    }

    /// The text without secrets.
    pub(super) fn hide(&self, text: &str) -> String {
        let mut shown = hide_in_urls(text);
        for secret in &self.secrets {
            if shown.contains(secret) {
                shown = shown.replace(secret, HIDDEN);
            }
        }
        shown
    }
}

/// The user information, parameters and headers of one argument.
fn collect(argument: &str, secrets: &mut Vec<String>) {
    for (start, end) in user_infos(argument) {
        let info = &argument[start..end];
        secrets.push(info.to_owned());
        if let Some((_, password)) = info.split_once(':') {
            secrets.push(password.to_owned());
            secrets.push(percent_decode_str(password).decode_utf8_lossy().into_owned());
        }
    }
    for pair in argument.split(['?', '&', '#']).skip(1) {
        let Some((name, value)) = pair.split_once('=') else { continue };
        if PARAMETERS.iter().any(|known| name.eq_ignore_ascii_case(known)) {
            secrets.push(value.to_owned());
        }
    }
    for line in argument.lines() {
        let lower = line.to_ascii_lowercase();
        for header in HEADERS {
            if let Some(at) = lower.find(header) {
                secrets.push(line[at + header.len()..].trim().to_owned());
            }
        }
    }
}

/// Where the user information of each URL in a text begins and ends, without its `@`. A password may hold anything, so it
/// ends at the last `@` before a blank or a quote, unless a `/` right behind the host shows that there is none.
fn user_infos(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find("://") {
        let start = from + at + 3;
        let rest = &text[start..];
        let whole = rest.find([' ', '\t', '"', '\'', '<', '>']).unwrap_or(rest.len());
        let authority = rest[..whole].find(['/', '?', '#']).unwrap_or(whole);
        let end = match rest[..authority].rfind('@') {
            Some(end) => Some(end),
            // What stands before the slash is no host with a port, so the slash may be the password's.
            None if has_odd_port(&rest[..authority]) => rest[..whole].rfind('@'),
            None => None,
        };
        if let Some(end) = end {
            found.push((start, start + end));
        }
        from = start + end.unwrap_or(0);
    }
    found
}

fn has_odd_port(authority: &str) -> bool {
    let Some((_, port)) = authority.rsplit_once(':') else { return false };
    !authority.starts_with('[') && (port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()))
}

fn hide_in_urls(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut from = 0;
    for (start, end) in user_infos(text) {
        shown.push_str(&text[from..start]);
        shown.push_str(HIDDEN);
        from = end;
    }
    shown.push_str(&text[from..]);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_the_command_line_are_hidden_wherever_a_child_repeats_them() {
        let mask = Mask::new(["-i", "rtsp://ann:p%40ss-word@cam:554/x?token=abcdef"], ["0123456789abcdef"]);
        for (said, shown) in [
            ("rtsp://ann:p%40ss-word@cam:554/x: refused", "rtsp://***@cam:554/x: refused"),
            ("login ann with p@ss-word failed", "login ann with *** failed"),
            ("GET /x?token=abcdef 404", "GET /x?token=*** 404"),
            ("rtsp://127.0.0.1/0123456789abcdef", "rtsp://127.0.0.1/***"),
            ("see http://bob:other@h/ and rtmp://x:y@h", "see http://***@h/ and rtmp://***@h"),
            ("a mail to ann@cam is none of ours", "a mail to ann@cam is none of ours"),
        ] {
            assert_eq!(mask.hide(said), shown);
        }
    }

    #[test]
    fn passwords_with_slashes_and_headers_are_hidden_too() {
        let mask = Mask::new(["-headers", "X: 1\r\nAuthorization: Basic YW5uOnNlY3JldA==\r\n"], []);
        assert_eq!(mask.hide("sent Basic YW5uOnNlY3JldA== there"), "sent *** there");
        let mask = Mask::default();
        assert_eq!(mask.hide("open rtsp://ann:a/b@h/x"), "open rtsp://***@h/x");
        assert_eq!(mask.hide("open rtsp://h:554/x@y rtsp://[::1]/@"), "open rtsp://h:554/x@y rtsp://[::1]/@");
    }

    #[test]
    fn short_secrets_do_not_make_words_unreadable() {
        let mask = Mask::new(["rtsp://a:in@h/"], []);
        assert_eq!(mask.hide("invalid input"), "invalid input");
    }
}
