//! `/api/v1/streams/{name}/events`: what happened at a device, told by somebody else: a button on a wall, a program that looks
//! at pictures. It goes the way of what devices tell themselves.
use crate::answer;
use crate::shared::Shared;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use hub::What;
use media::StreamName;
use serde::Deserialize;
use utoipa::ToSchema;

/// What may be told.
const KINDS: [&str; 7] = [
    "doorbell",
    "doorbell.double",
    "doorbell.long",
    "motion",
    "motion.ended",
    "occupancy",
    "occupancy.ended",
];

/// What happened.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeviceEventBody {
    /// `doorbell`, `doorbell.double`, `doorbell.long`, `motion`, `motion.ended`, `occupancy` or `occupancy.ended`.
    event: String,
}

/// Tells that something happened at the stream's device: a `device.event`, and in Apple's Home a ring or motion.
#[utoipa::path(
    post, path = "/api/v1/streams/{name}/events", request_body = DeviceEventBody,
    params(("name" = String, Path, description = "The stream's name")),
    responses(
        (status = 200, description = "It is told"),
        (status = 400, description = "The body is wrong; the text says how"),
        (status = 404, description = "There is no such stream"),
    )
)]
pub(crate) async fn post(shared: &Shared, name: &str, body: &Bytes) -> Response {
    let body: DeviceEventBody = match serde_json::from_slice(body) {
        Ok(body) => body,
        Err(error) => return answer::text(StatusCode::BAD_REQUEST, format_args!("the body: {error}")),
    };
    let Some(kind) = KINDS.iter().find(|kind| **kind == body.event) else {
        let all = KINDS.join(", ");
        return answer::text(
            StatusCode::BAD_REQUEST,
            format_args!("event: {:?} is none of {all}", body.event),
        );
    };
    let stream = match StreamName::new(name) {
        Ok(stream) if shared.hub.has(&stream).await => stream,
        Ok(_) | Err(_) => {
            return answer::text(StatusCode::NOT_FOUND, format_args!("there is no stream {name:?}"));
        }
    };
    shared.hub.emit(What::DeviceEvent { stream, kind });
    answer::empty()
}
