//! Answers as go2rtc gives them, which is as Go's net/http does.
use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

fn with_type(status: StatusCode, kind: HeaderValue, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    // What is true now is not true in a second.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A sentence with a line feed behind it.
pub(crate) fn text(status: StatusCode, message: impl std::fmt::Display) -> Response {
    let mut response = with_type(status, TEXT, format!("{message}\n"));
    response.headers_mut().insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}

/// Exactly this text.
pub(crate) fn plain(kind: &'static str, body: impl Into<Body>) -> Response {
    with_type(StatusCode::OK, HeaderValue::from_static(kind), body)
}

/// Done, and nothing to say.
pub(crate) fn empty() -> Response {
    let mut response = Response::new(Body::empty());
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// JSON in one line.
pub(crate) fn json<T: Serialize>(value: &T) -> Response {
    json_text(serde_json::to_string(value))
}

/// JSON with two spaces of indentation.
pub(crate) fn json_pretty<T: Serialize>(value: &T) -> Response {
    json_text(serde_json::to_string_pretty(value))
}

fn json_text(text: serde_json::Result<String>) -> Response {
    match text {
        Ok(text) => with_type(StatusCode::OK, JSON, as_go_writes(text)),
        Err(error) => self::text(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

/// Go's encoder writes `&`, `<` and `>` so that JSON may stand in HTML, and ends with a line feed. In JSON these
/// characters stand in strings only.
fn as_go_writes(text: String) -> String {
    let mut written = text.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e");
    written.push('\n');
    written
}
