//! RTSP requests and responses as values, and how they are written. Source: RFC 2326 §4 to §7.
use bytes::Bytes;
use std::fmt;

/// A request method.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Method {
    /// `OPTIONS`
    Options,
    /// `DESCRIBE`
    Describe,
    /// `ANNOUNCE`
    Announce,
    /// `SETUP`
    Setup,
    /// `PLAY`
    Play,
    /// `PAUSE`
    Pause,
    /// `RECORD`
    Record,
    /// `TEARDOWN`
    Teardown,
    /// `GET_PARAMETER`
    GetParameter,
    /// `SET_PARAMETER`
    SetParameter,
    /// `REDIRECT`
    Redirect,
    /// Any other, as it stood there.
    Other(String),
}

const METHODS: [(Method, &str); 11] = [
    (Method::Options, "OPTIONS"),
    (Method::Describe, "DESCRIBE"),
    (Method::Announce, "ANNOUNCE"),
    (Method::Setup, "SETUP"),
    (Method::Play, "PLAY"),
    (Method::Pause, "PAUSE"),
    (Method::Record, "RECORD"),
    (Method::Teardown, "TEARDOWN"),
    (Method::GetParameter, "GET_PARAMETER"),
    (Method::SetParameter, "SET_PARAMETER"),
    (Method::Redirect, "REDIRECT"),
];

impl Method {
    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Method::Other(name) => name,
            Method::Options
            | Method::Describe
            | Method::Announce
            | Method::Setup
            | Method::Play
            | Method::Pause
            | Method::Record
            | Method::Teardown
            | Method::GetParameter
            | Method::SetParameter
            | Method::Redirect => {
                METHODS.iter().find(|(method, _)| method == self).map_or("", |(_, name)| name)
            }
        }
    }

    /// Reads a name in any case.
    pub fn parse(name: &str) -> Method {
        METHODS
            .iter()
            .find(|(_, known)| known.eq_ignore_ascii_case(name))
            .map_or_else(|| Method::Other(name.to_owned()), |(method, _)| method.clone())
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Header fields in the order they came. Names compare without case.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// No fields.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The first value of a field.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Every value of a field.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Adds a field. Control characters become spaces, so that no value can end the head or start another field.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let mut value = value.into();
        if value.contains(|c: char| c.is_control()) {
            value = value.replace(|c: char| c.is_control(), " ");
        }
        self.0.push((name.into(), value));
    }

    /// Name and value of each field.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The last field's value, for folded lines.
    pub(crate) fn last_mut(&mut self) -> Option<&mut String> {
        self.0.last_mut().map(|(_, value)| value)
    }

    fn cseq(&self) -> Option<u32> {
        leading_number(self.get("CSeq")?)
    }
}

/// The number a value starts with; what follows is ignored.
pub(crate) fn leading_number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

/// A request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// What to do.
    pub method: Method,
    /// To what: an absolute URL, or `*`.
    pub uri: String,
    /// The fields.
    pub headers: Headers,
    /// The body; empty without one.
    pub body: Bytes,
}

impl Request {
    /// A request without body.
    pub fn new(method: Method, uri: impl Into<String>) -> Self {
        Self { method, uri: uri.into(), headers: Headers::new(), body: Bytes::new() }
    }

    /// Adds a field.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push(name, value);
        self
    }

    /// The sequence number; none where it is missing or no number.
    pub fn cseq(&self) -> Option<u32> {
        self.headers.cseq()
    }

    /// The bytes on the wire. `Content-Length` is added when there is a body.
    pub fn encode(&self) -> Bytes {
        let uri = self.uri.replace(|c: char| c.is_control() || c == ' ', "%20");
        encode(&format!("{} {uri} RTSP/1.0\r\n", self.method), &self.headers, &self.body)
    }
}

/// A response.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The text after the code.
    pub reason: String,
    /// The fields.
    pub headers: Headers,
    /// The body; empty without one.
    pub body: Bytes,
}

impl Response {
    /// A response without body and with the usual text.
    pub fn new(status: u16) -> Self {
        Self { status, reason: reason(status).to_owned(), headers: Headers::new(), body: Bytes::new() }
    }

    /// Adds a field.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push(name, value);
        self
    }

    /// The sequence number; none where it is missing or no number.
    pub fn cseq(&self) -> Option<u32> {
        self.headers.cseq()
    }

    /// The bytes on the wire. `Content-Length` is added when there is a body.
    pub fn encode(&self) -> Bytes {
        let reason = self.reason.replace(|c: char| c.is_control(), " ");
        encode(&format!("RTSP/1.0 {} {reason}\r\n", self.status), &self.headers, &self.body)
    }
}

fn encode(start: &str, headers: &Headers, body: &Bytes) -> Bytes {
    let mut head = String::with_capacity(512);
    head.push_str(start);
    for (name, value) in headers.iter() {
        head.push_str(name);
        head.push_str(": ");
        head.push_str(value);
        head.push_str("\r\n");
    }
    if !body.is_empty() {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    Bytes::from(bytes)
}

/// The usual text of a status code. Source: RFC 2326 §7.1.1.
pub const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        413 => "Request Entity Too Large",
        415 => "Unsupported Media Type",
        453 => "Not Enough Bandwidth",
        454 => "Session Not Found",
        455 => "Method Not Valid In This State",
        457 => "Invalid Range",
        459 => "Aggregate Operation Not Allowed",
        460 => "Only Aggregate Operation Allowed",
        461 => "Unsupported Transport",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "RTSP Version Not Supported",
        551 => "Option Not Supported",
        _ => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_put_into_a_message_can_add_a_line_to_it() {
        let mut response = Response::new(404).with("X", "a\r\nInjected: 1");
        response.reason = "no stream \"x\r\nInjected: 2\"".into();
        let request = Request::new(Method::Play, "rtsp://h/a b\r\nInjected: 3");
        for bytes in [response.encode(), request.encode()] {
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            assert!(!text.contains("\nInjected"), "{text}");
        }
    }

    #[test]
    fn methods_survive_a_round_trip_in_any_case() {
        for (method, name) in METHODS {
            assert_eq!(Method::parse(&name.to_ascii_lowercase()), method);
            assert_eq!(method.as_str(), name);
        }
        assert_eq!(Method::parse("FLY"), Method::Other("FLY".into()));
    }
}
