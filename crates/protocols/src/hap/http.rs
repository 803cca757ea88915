//! The HTTP of HomeKit: HTTP/1.1 on a connection that stays, on which accessories also send `EVENT/1.0` whenever they like.
//!
//! Source: HAP specification (R2) §6, RFC 9112. Messages as values and how they are written; [`Reader`] reads them.
mod reader;

pub use reader::{BODY_BYTES_MAX_ACCESSORY, BODY_BYTES_MAX_CONTROLLER, HEAD_BYTES_MAX, HttpError, Reader};

use crate::rtsp::Headers;

/// The content type of JSON bodies.
pub const JSON: &str = "application/hap+json";

/// A request's method; HomeKit knows no others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// `GET`
    Get,
    /// `PUT`
    Put,
    /// `POST`
    Post,
}

impl Method {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Put => "PUT",
            Self::Post => "POST",
        }
    }
}

/// A request of a controller.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// Its fields.
    pub headers: Headers,
    /// Its body.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without a body.
    pub fn get(target: impl Into<String>) -> Self {
        Self { method: Method::Get, target: target.into(), headers: Headers::new(), body: Vec::new() }
    }

    /// A request with a body.
    pub fn with_body(method: Method, target: impl Into<String>, content_type: &str, body: Vec<u8>) -> Self {
        let mut headers = Headers::new();
        headers.push("Content-Type", content_type);
        Self { method, target: target.into(), headers, body }
    }

    /// The path without its query.
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The first value of a parameter in the query, as it stands there: HomeKit's need no escapes.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    /// As bytes, for this host. Spaces and control characters in the target are left out.
    pub fn to_bytes(&self, host: &str) -> Vec<u8> {
        let target = self.target.replace(|c: char| c.is_control() || c == ' ', "");
        let mut headers = Headers::new();
        headers.push("Host", host);
        written(&format!("{} {target} HTTP/1.1", self.method.as_str()), headers, &self.headers, &self.body)
    }
}

/// A response, or an event: which of them is [`Incoming`]'s.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    /// Its status.
    pub status: u16,
    /// Its fields.
    pub headers: Headers,
    /// Its body.
    pub body: Vec<u8>,
}

impl Response {
    /// A response without a body.
    pub const fn empty(status: u16) -> Self {
        Self { status, headers: Headers::new(), body: Vec::new() }
    }

    /// A response with a body.
    pub fn with_body(status: u16, content_type: &str, body: Vec<u8>) -> Self {
        let mut headers = Headers::new();
        headers.push("Content-Type", content_type);
        Self { status, headers, body }
    }

    /// As bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let line = format!("HTTP/1.1 {} {}", self.status, reason(self.status));
        written(&line, Headers::new(), &self.headers, &self.body)
    }

    /// As an event: an accessory sends it between responses, never within one.
    pub fn to_event_bytes(&self) -> Vec<u8> {
        let line = format!("EVENT/1.0 {} {}", self.status, reason(self.status));
        written(&line, Headers::new(), &self.headers, &self.body)
    }
}

/// A message as it came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Incoming {
    /// To an accessory.
    Request(Request),
    /// To a controller, the answer to its oldest request.
    Response(Response),
    /// To a controller, at any time.
    Event(Response),
}

fn written(line: &str, first: Headers, headers: &Headers, body: &[u8]) -> Vec<u8> {
    let mut head = format!("{line}\r\n");
    for (name, value) in first.iter().chain(headers.iter()) {
        head += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() {
        head += &format!("Content-Length: {}\r\n", body.len());
    } else if !line.contains(" 204 ") && !line.starts_with("GET ") {
        head += "Content-Length: 0\r\n";
    }
    head += "\r\n";
    [head.as_bytes(), body].concat()
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        207 => "Multi-Status",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        422 => "Unprocessable Entity",
        470 => "Connection Authorization Required",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Status",
    }
}
