//! Secrets, credentials, and URLs without them.
use std::fmt;

/// A password or token. `Debug` and `Display` print three stars; only [`Secret::expose`] shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself, for computing with it; never for logs.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A user and the password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credentials {
    /// The user's name.
    pub user: String,
    /// The password.
    pub password: Secret,
}

impl Credentials {
    /// Pairs a user with a password.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self { user: user.into(), password: Secret::new(password) }
    }
}

impl fmt::Display for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:***", self.user)
    }
}

/// Where the userinfo of a URL lies: the bytes from after `://` to the `@`, which is not part of it.
///
/// People paste passwords unescaped, so the `@` taken is the last one before the path; and where what stands
/// between `:` and the first `/`, `?` or `#` cannot be a port, the first `@` after that.
pub(crate) fn userinfo_range(url: &str) -> Option<std::ops::Range<usize>> {
    let start = url.find("://")? + 3;
    let rest = &url[start..];
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    if let Some(at) = rest[..end].rfind('@') {
        return Some(start..start + at);
    }
    let colon = rest[..end].rfind(':')?;
    let host = &rest[..colon];
    let port = &rest[colon + 1..end];
    let is_port = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    if is_port || port.is_empty() && end == rest.len() || host.starts_with('[') {
        return None;
    }
    rest[end..].find('@').map(|at| start..start + end + at)
}

/// The URL without user and password, fit for logs and the API. Without userinfo it stays as it is.
///
/// ```
/// assert_eq!(protocols::auth::without_userinfo("rtsp://u:p@h:554/a"), "rtsp://h:554/a");
/// ```
pub fn without_userinfo(url: &str) -> String {
    match userinfo_range(url) {
        Some(range) => format!("{}{}", &url[..range.start], &url[range.end + 1..]),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_printed() {
        let credentials = Credentials::new("admin", "hunter2");
        let printed =
            format!("{credentials:?} {credentials} {:?} {}", credentials.password, credentials.password);
        assert!(!printed.contains("hunter2"), "{printed}");
        assert!(printed.contains("admin"));
        assert_eq!(credentials.password.expose(), "hunter2");
    }

    #[test]
    fn userinfo_is_cut_out_also_where_the_password_is_not_escaped() {
        for (url, shown) in [
            ("rtsp://u:p@h:554/a?b#c", "rtsp://h:554/a?b#c"),
            ("rtsp://u@h", "rtsp://h"),
            ("rtsp://u:p@ss@h/a", "rtsp://h/a"),
            ("rtsp://u:p/ss@h/a", "rtsp://h/a"),
            ("rtsp://u:p#ss?@h/a", "rtsp://h/a"),
            ("rtsp://h:554/a@b", "rtsp://h:554/a@b"),
            ("rtsp://h/a@b", "rtsp://h/a@b"),
            ("rtsp://[::1]:554/a@b", "rtsp://[::1]:554/a@b"),
            ("rtsp://h:/a", "rtsp://h:/a"),
            ("ffmpeg:cam@x", "ffmpeg:cam@x"),
            ("", ""),
        ] {
            assert_eq!(without_userinfo(url), shown, "{url}");
        }
    }
}
