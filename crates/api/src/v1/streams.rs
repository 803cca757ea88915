//! `/api/v1/streams`: the streams with their states, and changes to them.
use super::shapes::{Stream, StreamList};
use crate::answer;
use crate::catalogue::Change;
use crate::compat::go2rtc::PRELOAD_QUERY;
use crate::shared::Shared;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use hub::{Policy, PutError, PutOutcome};
use media::StreamName;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

/// Sources that run programs: never through the API.
const INSECURE: [&str; 3] = ["exec", "echo", "expr"];

/// What a stream is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StreamBody {
    /// Source URLs, in order of preference. Empty: somebody publishes into it.
    #[serde(default)]
    sources: Vec<String>,
    /// Run it also without readers.
    #[serde(default)]
    preload: bool,
    /// How its sources are tried again; left out, as the configuration says.
    #[serde(default)]
    supervision: Option<PolicyBody>,
}

/// How failing sources are tried again. What is left out has its default.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyBody {
    /// Wait after the first failure.
    start_ms: Option<u64>,
    /// Each further wait is this many times the one before; at least 1.
    factor: Option<f64>,
    /// Longest wait.
    ceiling_ms: Option<u64>,
    /// Share by which waits are changed at random, 0 to 1.
    jitter: Option<f64>,
    /// Failing for this long in all, a source gives up; 0: never.
    budget_ms: Option<u64>,
    /// Media must flow for this long before a failure counts as the first again.
    steady_ms: Option<u64>,
}

impl PolicyBody {
    fn policy(&self) -> Result<Policy, &'static str> {
        let usual = Policy::default();
        let or = |ms: Option<u64>, usual| ms.map_or(usual, Duration::from_millis);
        let policy = Policy {
            start: or(self.start_ms, usual.start),
            factor: self.factor.unwrap_or(usual.factor),
            ceiling: or(self.ceiling_ms, usual.ceiling),
            jitter: self.jitter.unwrap_or(usual.jitter),
            budget: self.budget_ms.map(Duration::from_millis).filter(|budget| !budget.is_zero()),
            steady: or(self.steady_ms, usual.steady),
        };
        if policy.start.is_zero() || policy.ceiling < policy.start {
            return Err("supervision: start_ms must be more than 0, and ceiling_ms not less than it");
        }
        if !(1.0..=100.0).contains(&policy.factor) || !(0.0..=1.0).contains(&policy.jitter) {
            return Err("supervision: factor must be 1 to 100, and jitter 0 to 1");
        }
        Ok(policy)
    }
}

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
    let reports = shared.hub.reports().await;
    let streams = reports.iter().map(|report| Stream::new(report, shared.track_facts)).collect();
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
        Some(report) => answer::json(&Stream::new(&report, shared.track_facts)),
        None => not_found(&name),
    }
}

/// Makes the stream be as the body says. The same again changes nothing.
#[utoipa::path(
    put, path = "/api/v1/streams/{name}", params(("name" = String, Path, description = "The stream's name")),
    request_body = StreamBody,
    responses(
        (status = 200, body = Outcome),
        (status = 400, description = "The body or a source is wrong; the text says how"),
        (status = 409, description = "There are too many streams"),
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
    let insecure =
        body.sources.iter().any(|url| INSECURE.contains(&url.split(':').next().unwrap_or_default()));
    if insecure {
        let message = "sources that run programs are set in the configuration file only";
        return answer::text(StatusCode::BAD_REQUEST, message);
    }
    let policy = match body.supervision.as_ref().map(PolicyBody::policy).transpose() {
        Ok(policy) => policy,
        Err(why) => return answer::text(StatusCode::BAD_REQUEST, why),
    };
    let preload = body.preload.then(|| PRELOAD_QUERY.to_owned());
    let change = Change { sources: Some(body.sources), preload: Some(preload), policy };
    match shared.catalogue.put(name, change).await {
        Ok(PutOutcome::Added) => answer::json(&Outcome { outcome: "added" }),
        Ok(PutOutcome::Changed) => answer::json(&Outcome { outcome: "changed" }),
        Ok(PutOutcome::Unchanged) => answer::json(&Outcome { outcome: "unchanged" }),
        Err(error @ PutError::Source(_)) => answer::text(StatusCode::BAD_REQUEST, error),
        Err(error @ PutError::TooMany(_)) => answer::text(StatusCode::CONFLICT, error),
        Err(error @ PutError::Shutdown) => answer::text(StatusCode::SERVICE_UNAVAILABLE, error),
    }
}

/// Removes the stream; answers when nothing of it is left.
#[utoipa::path(
    delete, path = "/api/v1/streams/{name}", params(("name" = String, Path, description = "The stream's name")),
    responses((status = 204, description = "It is gone"), (status = 404, description = "There is no such stream"))
)]
pub(crate) async fn delete(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Response {
    let name = match StreamName::new(&name) {
        Ok(name) => name,
        Err(error) => return answer::text(StatusCode::BAD_REQUEST, error),
    };
    if shared.catalogue.remove(name.clone()).await.is_some() {
        no_content()
    } else {
        not_found(name.as_str())
    }
}

/// Lets failed sources try again at once, also those that gave up.
#[utoipa::path(
    post, path = "/api/v1/streams/{name}/retry", params(("name" = String, Path, description = "The stream's name")),
    responses((status = 204, description = "They try"), (status = 404, description = "There is no such stream"))
)]
pub(crate) async fn post(State(shared): State<Arc<Shared>>, Path(path): Path<String>) -> Response {
    // Names may contain slashes, so the verb is what follows the last one.
    let Some(name) = path.strip_suffix("/retry") else {
        return answer::text(StatusCode::NOT_FOUND, "what streams take by POST is …/retry");
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
