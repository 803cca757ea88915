//! Playbacks: what was recorded as streams that every protocol can be asked for, and what changes them.
use super::control::{bad, body, created};
use super::{name_of, time_of};
use crate::answer;
use crate::shared::Shared;
use crate::time::rfc3339;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use hub::{PastChange, PastError, PastSpec};
use recorder::PlaybackReport;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// What to play.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PlaybackBody {
    /// RFC 3339, or seconds since 1970: shown from the key frame at or before it.
    pub(super) from: String,
    /// The same. Left out: as far as there is anything, and on with what is being recorded.
    pub(super) to: Option<String>,
    /// 0.1 to 32; all frames up to 4, sound at 1. Left out: 1.
    pub(super) speed: Option<f64>,
    /// Shows where it begins, and waits.
    pub(super) paused: bool,
}

/// What to change; what is left out stays.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PlaybackChange {
    /// Go on from there: RFC 3339, or seconds since 1970.
    pub(super) seek: Option<String>,
    /// 0.1 to 32.
    pub(super) speed: Option<f64>,
    /// Stand still, or go on.
    pub(super) paused: Option<bool>,
}

/// Something recorded that plays as a stream.
#[derive(Serialize, ToSchema)]
pub(crate) struct Playback {
    /// Its number.
    id: u64,
    /// The stream to read, by any protocol.
    stream: String,
    /// The stream whose recordings it plays.
    of: String,
    /// What it shows now, RFC 3339.
    at: String,
    /// Where it ends, if it does.
    to: Option<String>,
    /// How fast it goes.
    speed: f64,
    /// It stands still.
    paused: bool,
}

/// All of them.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlaybackList {
    playbacks: Vec<Playback>,
}

impl Playback {
    fn new(report: &PlaybackReport) -> Self {
        Self {
            id: report.id,
            stream: report.stream.as_str().to_owned(),
            of: report.of.as_str().to_owned(),
            at: rfc3339(report.at),
            to: report.to.map(rfc3339),
            speed: report.speed.get(),
            paused: report.paused,
        }
    }
}

fn refusal(error: &PastError) -> Response {
    let status = match error {
        PastError::Wrong(_) => StatusCode::BAD_REQUEST,
        PastError::Nothing(_) => StatusCode::NOT_FOUND,
        PastError::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    answer::text(status, error)
}

/// Makes a stream that plays what was recorded. It ends with its recording, with DELETE, or when nobody has read it for a
/// minute.
#[utoipa::path(
    post, path = "/api/v1/recordings/{stream}/playback", request_body = PlaybackBody,
    params(("stream" = String, Path, description = "The stream's name")),
    responses(
        (status = 201, body = Playback), (status = 400, description = "A time or the speed is wrong"),
        (status = 404, description = "Nothing is recorded there"),
        (status = 503, description = "There are too many playbacks, or no storage answers"),
    )
)]
pub(crate) async fn play(shared: &Shared, name: &str, bytes: &Bytes) -> Result<Response, Response> {
    let of = name_of(name)?;
    let PlaybackBody { from, to, speed, paused } = body(bytes)?;
    let from = time_of("from", Some(&from))?.ok_or_else(|| bad("`from` is needed: where to begin"))?;
    let to = time_of("to", to.as_deref())?;
    if to.is_some_and(|to| to <= from) {
        return Err(bad("`from` is not before `to`"));
    }
    let spec = PastSpec { from, to, speed: speed.unwrap_or(1.0), paused };
    let report = shared.playbacks.create(&of, spec).await.map_err(|error| refusal(&error))?;
    Ok(created(&Playback::new(&report)))
}

/// The playbacks that there are.
#[utoipa::path(get, path = "/api/v1/playbacks", responses((status = 200, body = PlaybackList)))]
pub(crate) async fn playbacks(State(shared): State<Arc<Shared>>) -> Response {
    let all = shared.playbacks.list().await;
    answer::json(&PlaybackList { playbacks: all.iter().map(Playback::new).collect() })
}

fn missing(id: &str) -> Response {
    answer::text(StatusCode::NOT_FOUND, format_args!("there is no playback {id:?}"))
}

/// Seeks, pauses, or changes the speed.
#[utoipa::path(
    patch, path = "/api/v1/playbacks/{id}", request_body = PlaybackChange,
    params(("id" = u64, Path, description = "The playback's number")),
    responses(
        (status = 200, body = Playback), (status = 400, description = "A time or the speed is wrong"),
        (status = 404, description = "There is none of this number"),
    )
)]
pub(crate) async fn change_playback(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Response {
    let Ok(number) = id.parse() else { return missing(&id) };
    let changed = async {
        let asked: PlaybackChange = body(&bytes)?;
        let seek = time_of("seek", asked.seek.as_deref())?;
        let change = PastChange { seek, to: None, speed: asked.speed, paused: asked.paused };
        let changed = shared.playbacks.change(number, change).await;
        changed.map_err(|error| refusal(&error))?.ok_or_else(|| missing(&id))
    };
    match changed.await {
        Ok(report) => answer::json(&Playback::new(&report)),
        Err(refused) => refused,
    }
}

/// Ends a playback. When it answers, nothing is left of its stream.
#[utoipa::path(
    delete, path = "/api/v1/playbacks/{id}",
    params(("id" = u64, Path, description = "The playback's number")),
    responses((status = 204, description = "Done"), (status = 404, description = "There is none of this number"))
)]
pub(crate) async fn end_playback(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    let Ok(number) = id.parse() else { return missing(&id) };
    if !shared.playbacks.remove(number).await {
        return missing(&id);
    }
    let mut response = answer::empty();
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
