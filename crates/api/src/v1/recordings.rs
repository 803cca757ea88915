//! `/api/v1/recordings`: what is recorded, what is being recorded, and the recordings themselves.
//!
//! Names may contain slashes, so the verb is what follows the last one, as with streams.
#![allow(clippy::result_large_err, reason = "an answer that refuses is made once a request, and moved twice")]
mod cache;
mod control;
mod list;
mod media;
mod playback;
mod shapes;

use crate::answer;
use crate::shared::Shared;
use ::media::{StreamName, WallTime};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use recorder::Span;
use serde::Deserialize;
use std::sync::Arc;

pub(crate) use cache::Exports;
pub(crate) use control::*;
pub(crate) use list::*;
pub(crate) use media::*;
pub(crate) use playback::*;
pub(crate) use shapes::*;

/// What may follow a `?`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    from: Option<String>,
    to: Option<String>,
    at: Option<String>,
    limit: Option<usize>,
    after: Option<i64>,
    count: Option<usize>,
    offset: Option<i64>,
    format: Option<String>,
    download: Option<String>,
}

impl Asked {
    /// The span; what is not said is all there is.
    fn span(&self) -> Result<Span, Response> {
        let from = time_of("from", self.from.as_deref())?.unwrap_or(Span::ALL.from);
        let to = time_of("to", self.to.as_deref())?.unwrap_or(Span::ALL.to);
        if from.as_micros() >= to.as_micros() {
            return Err(answer::text(StatusCode::BAD_REQUEST, "`from` is not before `to`"));
        }
        Ok(Span { from, to })
    }
}

fn time_of(key: &str, text: Option<&str>) -> Result<Option<WallTime>, Response> {
    match text {
        None | Some("") => Ok(None),
        // A `+` of an offset arrives as a space where somebody forgot to escape it.
        Some(text) => {
            match crate::time::parse(text).or_else(|| crate::time::parse(&text.replacen(' ', "+", 1))) {
                Some(time) => Ok(Some(time)),
                None => Err(answer::text(
                    StatusCode::BAD_REQUEST,
                    format_args!("`{key}` is {text:?}: write 2026-11-29T10:00:00Z, or seconds since 1970"),
                )),
            }
        }
    }
}

fn name_of(name: &str) -> Result<StreamName, Response> {
    StreamName::new(name).map_err(|error| answer::text(StatusCode::BAD_REQUEST, error))
}

/// A path's stream and verb; without one of the verbs, all of it is the stream.
fn split<'a>(path: &'a str, verbs: &[&'a str]) -> (&'a str, &'a str) {
    match path.rsplit_once('/') {
        Some((name, verb)) if verbs.contains(&verb) => (name, verb),
        Some(_) | None => (path, ""),
    }
}

/// Reads of a stream's recordings.
pub(crate) async fn get(
    State(shared): State<Arc<Shared>>,
    Path(path): Path<String>,
    Query(asked): Query<Asked>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let verbs = ["days", "segments", "export.mp4", "frame.mp4", "strip.mp4", "playlist.m3u8"];
    let done = if let Some((name, file)) = path.rsplit_once("/segment/") {
        segment_file(&shared, name, file, &method, &headers).await
    } else {
        match split(&path, &verbs) {
            (name, "days") => days(&shared, name, &asked).await,
            (name, "segments") => segments(&shared, name, &asked).await,
            (name, "export.mp4") => export(&shared, name, &asked, &method, &headers).await,
            (name, "frame.mp4") => frame(&shared, name, &asked, &method, &headers).await,
            (name, "strip.mp4") => strip(&shared, name, &asked, &method, &headers).await,
            (name, "playlist.m3u8") => playlist(&shared, name, &asked).await,
            (name, _) => timeline(&shared, name, &asked).await,
        }
    };
    done.unwrap_or_else(|refused| refused)
}

/// Changes to a stream's recordings.
pub(crate) async fn post(
    State(shared): State<Arc<Shared>>,
    Path(path): Path<String>,
    Query(asked): Query<Asked>,
    body: Bytes,
) -> Response {
    let done = match split(&path, &["start", "stop", "event", "protect", "playback"]) {
        (name, "start") => start(&shared, name, &body).await,
        (name, "stop") => stop(&shared, name, &asked).await,
        (name, "event") => event(&shared, name, &body).await,
        (name, "protect") => protect(&shared, name, &body).await,
        (name, "playback") => play(&shared, name, &body).await,
        _ => Err(answer::text(
            StatusCode::NOT_FOUND,
            "what recordings take by POST is …/start, /stop, /event, /protect or /playback",
        )),
    };
    done.unwrap_or_else(|refused| refused)
}

/// Deletes recordings, or a protection.
pub(crate) async fn delete(
    State(shared): State<Arc<Shared>>,
    Path(path): Path<String>,
    Query(asked): Query<Asked>,
) -> Response {
    let done = match path.rsplit_once("/protect/") {
        Some((name, id)) => unprotect(&shared, name, id).await,
        None => delete_span(&shared, &path, &asked).await,
    };
    done.unwrap_or_else(|refused| refused)
}
