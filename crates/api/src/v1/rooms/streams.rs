//! `/api/v1/rooms/{room}/streams`: streams of this server as participants. The other way, a participant as a stream, is a source:
//! `room:NAME/IDENTITY`.
use super::{done, off, read, refused};
use crate::answer;
use crate::shared::Shared;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Longest display name: 128 characters, as tokens have it.
const NAME_CHARS_MAX: usize = 128;

/// Which stream is to be in a room.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamInRoomBody {
    /// The stream.
    pub stream: String,
    /// Its display name there, up to 128 characters; the stream's name without.
    pub name: Option<String>,
}

/// A stream that is in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Brought {
    /// Who it is there.
    pub identity: String,
    /// What of the stream is not there, and why: one sentence each.
    pub left_out: Vec<String>,
}

/// Brings a stream into a room as a participant. The room is made if it is not there; streams alone do not keep it. Answers when
/// the stream is there, which may take as long as its source needs.
#[utoipa::path(
    post, path = "/api/v1/rooms/{room}/streams", request_body = StreamInRoomBody, params(("room" = String, Path)),
    responses(
        (status = 200, body = Brought), (status = 404, description = "There is no such stream"),
        (status = 409, description = "It is there already, or its identity is"),
        (status = 422, description = "What it sends cannot be in a room; says what helps"),
        (status = 429, description = "A limit is reached"), (status = 503, description = "It sends nothing now, or rooms are off")
    )
)]
pub(crate) async fn bring(
    State(shared): State<Arc<Shared>>,
    Path(room): Path<String>,
    body: Bytes,
) -> Response {
    let Some(rooms) = shared.rooms.clone() else { return off() };
    let body: StreamInRoomBody = match read(&body) {
        Ok(body) => body,
        Err(error) => return answer::text(StatusCode::BAD_REQUEST, error),
    };
    if body.name.as_ref().is_some_and(|name| name.chars().count() > NAME_CHARS_MAX) {
        return answer::text(StatusCode::BAD_REQUEST, "name: at most 128 characters");
    }
    match rooms.bring(room, body).await {
        Ok(brought) => answer::json(&brought),
        Err(problem) => refused(&problem),
    }
}

/// Takes a stream out of a room. Answers when nothing of it is left there.
#[utoipa::path(
    delete, path = "/api/v1/rooms/{room}/streams/{stream}", params(("room" = String, Path), ("stream" = String, Path)),
    responses((status = 200, description = "It is out"), (status = 404, description = "It is not there"))
)]
pub(crate) async fn take_out(
    State(shared): State<Arc<Shared>>,
    Path((room, stream)): Path<(String, String)>,
) -> Response {
    match &shared.rooms {
        Some(rooms) => done(rooms.take_out(room, stream).await),
        None => off(),
    }
}
