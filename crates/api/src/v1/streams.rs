//! `/api/v1/streams`: the streams with their states, and changes to them.
use super::body::StreamBody;
use super::happened;
use super::shapes::{Removed, Stream, StreamList};
use crate::answer;
use crate::catalogue::ChangeError;
use crate::shared::Shared;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use hub::{PutError, PutOutcome};
use media::StreamName;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// What putting a stream changed: `added`, `changed` or `unchanged`.
#[derive(Serialize, ToSchema)]
pub(crate) struct Outcome {
    outcome: &'static str,
}

fn not_found(name: &str) -> Response {
    answer::text(StatusCode::NOT_FOUND, format_args!("there is no stream {name:?}"))
}

/// All streams, by name.
#[utoipa::path(get, path = "/api/v1/streams", responses((status = 200, body = StreamList)))]
pub(crate) async fn list(State(shared): State<Arc<Shared>>) -> Response {
    let (reports, recordings) = (shared.hub.reports().await, shared.recorder.reports(None).await);
    let stream = |report| Stream::new(report, shared.track_facts, &recordings);
    let streams = reports.iter().map(stream).collect();
    answer::json(&StreamList { streams })
}

/// One stream.
#[utoipa::path(
    get, path = "/api/v1/streams/{name}", params(("name" = String, Path, description = "The stream's name")),
    responses((status = 200, body = Stream), (status = 404, description = "There is no such stream"))
)]
pub(crate) async fn get(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Response {
    let Ok(stream) = StreamName::new(&name) else { return not_found(&name) };
    match shared.hub.report(&stream).await {
        Some(report) => {
            let recordings = shared.recorder.reports(Some(&stream)).await;
            answer::json(&Stream::new(&report, shared.track_facts, &recordings))
        }
        None => not_found(&name),
    }
}

/// Makes the stream be as the body says; what the body leaves out stays. The same again changes nothing.
#[utoipa::path(
    put, path = "/api/v1/streams/{name}", params(("name" = String, Path, description = "The stream's name")),
    request_body = StreamBody,
    responses(
        (status = 200, body = Outcome),
        (status = 400, description = "The body or a source is wrong; the text says how"),
        (status = 409, description = "There are too many streams, or the name belongs to a talk stream"),
    )
)]
pub(crate) async fn put(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Response {
    let name = match StreamName::new(&name) {
        Ok(name) => name,
        Err(error) => return answer::text(StatusCode::BAD_REQUEST, error),
    };
    let body: StreamBody = match serde_json::from_slice(&body) {
        Ok(body) => body,
        Err(error) => return answer::text(StatusCode::BAD_REQUEST, format_args!("the body: {error}")),
    };
    let change = match body.change() {
        Ok(change) => change,
        Err(error) => return answer::text(StatusCode::BAD_REQUEST, error),
    };
    match shared.catalogue.put(name, change).await {
        Ok(PutOutcome::Added) => answer::json(&Outcome { outcome: "added" }),
        Ok(PutOutcome::Changed) => answer::json(&Outcome { outcome: "changed" }),
        Ok(PutOutcome::Unchanged) => answer::json(&Outcome { outcome: "unchanged" }),
        Err(error) => answer::text(refusal(&error), error),
    }
}

fn refusal(error: &ChangeError) -> StatusCode {
    match error {
        ChangeError::Put(PutError::Source(_)) | ChangeError::Policy(_) | ChangeError::TalkNameTooLong(_) => {
            StatusCode::BAD_REQUEST
        }
        ChangeError::Put(PutError::TooMany(_))
        | ChangeError::IsTalkStream { .. }
        | ChangeError::TalkNameTaken(_) => StatusCode::CONFLICT,
        ChangeError::Put(PutError::Shutdown) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// Removes the stream and its talk stream; answers when nothing of it is left, with each step that it took. The name is
/// free at once: another `DELETE` meanwhile finds no such stream.
#[utoipa::path(
    delete, path = "/api/v1/streams/{name}", params(("name" = String, Path, description = "The stream's name")),
    responses((status = 200, body = Removed), (status = 404, description = "There is no such stream"))
)]
pub(crate) async fn delete(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Response {
    let name = match StreamName::new(&name) {
        Ok(name) => name,
        Err(error) => return answer::text(StatusCode::BAD_REQUEST, error),
    };
    // What is recorded of it is closed before it goes.
    shared.recorder.stop(&name, None).await;
    match shared.catalogue.remove(name.clone()).await {
        Some(removal) => answer::json(&Removed::new(removal)),
        None => not_found(name.as_str()),
    }
}

/// Lets failed sources and outputs try again at once, also those that gave up.
#[utoipa::path(
    post, path = "/api/v1/streams/{name}/retry", params(("name" = String, Path, description = "The stream's name")),
    responses((status = 204, description = "They try"), (status = 404, description = "There is no such stream"))
)]
pub(crate) async fn post(
    State(shared): State<Arc<Shared>>,
    Path(path): Path<String>,
    body: Bytes,
) -> Response {
    // Names may contain slashes, so the verb is what follows the last one.
    if let Some(name) = path.strip_suffix("/events") {
        return happened::post(&shared, name, &body).await;
    }
    let Some(name) = path.strip_suffix("/retry") else {
        return answer::text(StatusCode::NOT_FOUND, "what streams take by POST is …/retry and …/events");
    };
    let name = match StreamName::new(name) {
        Ok(name) => name,
        Err(error) => return answer::text(StatusCode::BAD_REQUEST, error),
    };
    if shared.hub.retry(&name).await { no_content() } else { not_found(name.as_str()) }
}

fn no_content() -> Response {
    let mut response = answer::empty();
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
