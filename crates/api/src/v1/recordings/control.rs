//! Changes: start, stop, events, protection, deletion.
use super::shapes::*;
use super::{Asked, name_of, time_of};
use crate::answer;
use crate::shared::Shared;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use recorder::{By, FileFormat, RecordPlan, Schedule, Span, StartError, When};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::ToSchema;

/// Longest clip by `for`: 24 h. Whoever wants more records without an end.
const CLIP_MAX_SECONDS: f64 = 86_400.0;

/// What to record.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StartBody {
    /// `fmp4`, `mp4`, `hls`, `hls_ts` or `ts`. Left out: `fmp4`.
    pub(super) format: Option<String>,
    /// A file ends after so many seconds.
    pub(super) segment_s: Option<f64>,
    /// Begin with what is in memory, so many seconds old at most: some seconds are there.
    pub(super) back_s: Option<f64>,
    /// End after so many seconds.
    pub(super) for_s: Option<f64>,
    /// The storage by its name. Left out: the first that works.
    pub(super) storage: Option<String>,
    /// The tracks without which it is no recording: `video`, `audio`. Left out: those that the stream has.
    pub(super) tracks: Vec<String>,
    /// Record around events only.
    pub(super) events: Option<EventsBody>,
    /// Record in these hours only, such as `mon-fri 07:00-19:00`, in the time zone of `recording.time_zone`.
    pub(super) schedule: Vec<String>,
}

/// How much around an event.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EventsBody {
    /// From so many seconds before it.
    pub(super) pre_s: f64,
    /// Until so many seconds after the last one.
    pub(super) post_s: f64,
}

impl Default for EventsBody {
    /// As in the configuration.
    fn default() -> Self {
        Self { pre_s: 5.0, post_s: 10.0 }
    }
}

pub(super) fn body<T: DeserializeOwned + Default>(bytes: &Bytes) -> Result<T, Response> {
    if bytes.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(bytes).map_err(|error| bad(format_args!("the body: {error}")))
}

pub(super) fn bad(why: impl std::fmt::Display) -> Response {
    answer::text(StatusCode::BAD_REQUEST, why)
}

fn seconds(key: &str, value: Option<f64>) -> Result<Option<Duration>, Response> {
    match value {
        None => Ok(None),
        Some(value) if (0.0..=CLIP_MAX_SECONDS).contains(&value) => Ok(Some(Duration::from_secs_f64(value))),
        Some(value) => Err(bad(format_args!("`{key}` is {value}: it is 0 to {CLIP_MAX_SECONDS} seconds"))),
    }
}

impl StartBody {
    /// As the recorder takes it.
    fn plan(&self, usual: &RecordPlan) -> Result<RecordPlan, Response> {
        let mut plan = usual.clone();
        if let Some(word) = &self.format {
            plan.format = FileFormat::parse(word).ok_or_else(|| {
                bad(format_args!("`format` is {word:?}: it is fmp4, mp4, hls, hls_ts or ts"))
            })?;
        }
        if plan.format.has_playlist() {
            plan.cut.length = RecordPlan::HLS_SEGMENT;
        }
        if let Some(length) = seconds("segment_s", self.segment_s)?.filter(|length| !length.is_zero()) {
            plan.cut.length = length;
        }
        plan.back = seconds("back_s", self.back_s)?.unwrap_or_default();
        plan.lasts = seconds("for_s", self.for_s)?;
        plan.storage.clone_from(&self.storage);
        for word in &self.tracks {
            plan.required.push(match word.as_str() {
                "video" => media::Kind::Video,
                "audio" => media::Kind::Audio,
                _ => return Err(bad(format_args!("`tracks` has {word:?}: they are video and audio"))),
            });
        }
        if let Some(events) = &self.events {
            let pre = seconds("events.pre_s", Some(events.pre_s))?.unwrap_or_default();
            let post = seconds("events.post_s", Some(events.post_s))?.unwrap_or_default();
            plan.when = When::Events { pre, post };
        }
        if !self.schedule.is_empty() {
            let hours = Schedule::parse(&self.schedule);
            plan.schedule = Some(hours.map_err(|error| bad(format_args!("`schedule`: {error}")))?);
        }
        Ok(plan)
    }
}

fn refusal(error: &StartError) -> Response {
    let status = match error {
        StartError::NoStorage | StartError::TooMany(_) => StatusCode::CONFLICT,
        StartError::UnknownStorage(_) => StatusCode::BAD_REQUEST,
        StartError::Ending => StatusCode::SERVICE_UNAVAILABLE,
    };
    answer::text(status, error)
}

pub(super) fn created<T: serde::Serialize>(value: &T) -> Response {
    let mut response = answer::json(value);
    *response.status_mut() = StatusCode::CREATED;
    response
}

/// Begins a recording of a stream. One that runs already in this format is the answer (200).
#[utoipa::path(
    post, path = "/api/v1/recordings/{stream}/start", request_body = StartBody,
    params(("stream" = String, Path, description = "The stream's name")),
    responses(
        (status = 201, body = Recording), (status = 200, body = Recording, description = "It runs already"),
        (status = 400, description = "The body is wrong; the text says how"),
        (status = 404, description = "There is no such stream"),
        (status = 409, description = "There is no storage, or there are too many recordings"),
    )
)]
pub(crate) async fn start(shared: &Shared, name: &str, bytes: &Bytes) -> Result<Response, Response> {
    let stream = name_of(name)?;
    let plan = body::<StartBody>(bytes)?.plan(&shared.record_plan)?;
    if !shared.hub.has(&stream).await {
        return Err(answer::text(StatusCode::NOT_FOUND, format_args!("there is no stream {name:?}")));
    }
    match shared.recorder.start(&stream, plan, By::Api).await {
        Ok((report, true)) => Ok(created(&Recording::new(&report))),
        Ok((report, false)) => Ok(answer::json(&Recording::new(&report))),
        Err(error) => Err(refusal(&error)),
    }
}

/// Ends the recordings of a stream, or those of one `format`. When it answers, what was recorded is closed.
#[utoipa::path(
    post, path = "/api/v1/recordings/{stream}/stop",
    params(
        ("stream" = String, Path, description = "The stream's name"),
        ("format" = Option<String>, Query, description = "Only this one"),
    ),
    responses((status = 200, body = Stopped))
)]
pub(crate) async fn stop(shared: &Shared, name: &str, asked: &Asked) -> Result<Response, Response> {
    let stream = name_of(name)?;
    let format = match asked.format.as_deref() {
        None => None,
        Some(word) => Some(FileFormat::parse(word).ok_or_else(|| bad(format_args!("`format` is {word:?}")))?),
    };
    let stopped = shared.recorder.stop(&stream, format).await;
    Ok(answer::json(&Stopped { stopped: stopped.iter().map(Recording::new).collect() }))
}

/// What happened.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EventBody {
    /// `motion`, `doorbell`… Left out: `event`.
    pub(super) kind: Option<String>,
    /// For people.
    pub(super) text: Option<String>,
}

/// Marks that something happened at a stream, and lets those of its recordings record that wait for events.
#[utoipa::path(
    post, path = "/api/v1/recordings/{stream}/event", request_body = EventBody,
    params(("stream" = String, Path, description = "The stream's name")),
    responses((status = 201, body = Numbered), (status = 503, description = "No storage takes it"))
)]
pub(crate) async fn event(shared: &Shared, name: &str, bytes: &Bytes) -> Result<Response, Response> {
    let stream = name_of(name)?;
    let EventBody { kind, text } = body(bytes)?;
    let (kind, text) = (kind.unwrap_or_else(|| "event".into()), text.unwrap_or_default());
    if kind.len() > 64 || text.len() > 1024 {
        return Err(bad("`kind` has 64 bytes at most, `text` 1,024"));
    }
    match shared.recorder.event(&stream, &kind, &text).await {
        Ok(marked) => Ok(created(&Numbered { id: marked.id.to_string() })),
        Err(error) => Err(answer::text(StatusCode::SERVICE_UNAVAILABLE, error)),
    }
}

/// What to keep.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ProtectBody {
    /// RFC 3339, or seconds since 1970.
    pub(super) from: String,
    /// RFC 3339, or seconds since 1970.
    pub(super) to: String,
    /// Why, for people.
    pub(super) note: String,
}

/// Keeps what is recorded in a span, whatever its age, until the protection is deleted.
#[utoipa::path(
    post, path = "/api/v1/recordings/{stream}/protect", request_body = ProtectBody,
    params(("stream" = String, Path, description = "The stream's name")),
    responses((status = 201, body = Numbered), (status = 400, description = "A time is wrong"))
)]
pub(crate) async fn protect(shared: &Shared, name: &str, bytes: &Bytes) -> Result<Response, Response> {
    name_of(name)?;
    let ProtectBody { from, to, note } = body(bytes)?;
    let both = time_of("from", Some(&from))?.zip(time_of("to", Some(&to))?);
    let span = both.map(|(from, to)| Span { from, to }).filter(|span| !span.length().is_zero());
    let span = span.ok_or_else(|| bad("`from` and `to` are needed, the one before the other"))?;
    // What is recorded may be in any of them.
    let mut first = None;
    for storage in shared.recorder.storages() {
        let id = storage.protect(name, span, &note).await;
        let id = id.map_err(|error| answer::text(StatusCode::SERVICE_UNAVAILABLE, error))?;
        first.get_or_insert(format!("{}-{id}", storage.name()));
    }
    match first {
        Some(id) => Ok(created(&Numbered { id })),
        None => Err(refusal(&StartError::NoStorage)),
    }
}

/// Ends a protection.
#[utoipa::path(
    delete, path = "/api/v1/recordings/{stream}/protect/{id}",
    params(("stream" = String, Path, description = "The stream's name"), ("id" = String, Path, description = "As it was given")),
    responses((status = 204, description = "Done"), (status = 404, description = "There is none of this number"))
)]
pub(crate) async fn unprotect(shared: &Shared, name: &str, id: &str) -> Result<Response, Response> {
    name_of(name)?;
    let missing =
        || answer::text(StatusCode::NOT_FOUND, format_args!("there is no protection {id:?} of {name:?}"));
    let (storage, number) = id.rsplit_once('-').ok_or_else(missing)?;
    let number: i64 = number.parse().map_err(|_| missing())?;
    let storages = shared.recorder.storages();
    let storage = storages.iter().find(|known| known.name() == storage).ok_or_else(missing)?;
    match storage.unprotect(name, number).await {
        Ok(true) => {
            let mut response = answer::empty();
            *response.status_mut() = StatusCode::NO_CONTENT;
            Ok(response)
        }
        Ok(false) => Err(missing()),
        Err(error) => Err(answer::text(StatusCode::SERVICE_UNAVAILABLE, error)),
    }
}

/// Deletes the files of a stream that lie within a span as a whole and are not protected.
#[utoipa::path(
    delete, path = "/api/v1/recordings/{stream}",
    params(
        ("stream" = String, Path, description = "The stream's name"),
        ("from" = String, Query, description = "RFC 3339, or seconds since 1970"),
        ("to" = String, Query, description = "RFC 3339, or seconds since 1970"),
    ),
    responses((status = 200, body = Deleted), (status = 400, description = "`from` and `to` are needed"))
)]
pub(crate) async fn delete_span(shared: &Shared, name: &str, asked: &Asked) -> Result<Response, Response> {
    name_of(name)?;
    if asked.from.is_none() || asked.to.is_none() {
        return Err(bad("`from` and `to` are needed: nobody deletes everything by leaving something out"));
    }
    let span = asked.span()?;
    let mut all = Deleted::default();
    for storage in shared.recorder.storages() {
        let done = storage.delete(name, span).await;
        let (deleted, bytes, kept) =
            done.map_err(|error| answer::text(StatusCode::SERVICE_UNAVAILABLE, error))?;
        all.deleted += deleted;
        all.bytes += bytes;
        all.kept_protected += kept;
    }
    Ok(answer::json(&all))
}
