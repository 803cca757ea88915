//! `GET /api/v1/events`: what happens, as server-sent events (WHATWG HTML §9.2).
use crate::params::Params;
use crate::shared::Shared;
use crate::time;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use hub::What;
use serde_json::{Map, Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// A comment goes out this often, so that proxies keep the connection: most wait 60 s.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Events from now on, until the server ends. Each has its type as `event`, its number as `id`, and JSON as `data`.
#[utoipa::path(
    get, path = "/api/v1/events",
    params(("stream" = Option<String>, Query, description = "Only what concerns this stream")),
    responses((status = 200, content_type = "text/event-stream", body = String))
)]
pub(crate) async fn get(State(shared): State<Arc<Shared>>, params: Params) -> Response {
    let only = params.given("stream").map(str::to_owned);
    let events = stream::unfold(Some((shared.hub.events(), only)), |state| async move {
        let (mut events, only) = state?;
        let event = next(&mut events, only.as_deref()).await?;
        Some((Ok::<_, Infallible>(event), Some((events, only))))
    });
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    // nginx would collect events before it passes them on.
    response.headers_mut().insert("x-accel-buffering", http::HeaderValue::from_static("no"));
    response
}

/// The next event that is wanted; `None` when there will be none.
async fn next(events: &mut Receiver<Arc<hub::Event>>, only: Option<&str>) -> Option<Event> {
    loop {
        match events.recv().await {
            Ok(event) => {
                let stream = event.what.stream();
                if only.is_some() && stream.map(media::StreamName::as_str) != only {
                    continue;
                }
                let data = describe(&event);
                let sse = Event::default().event(event.what.kind()).id(event.number.to_string());
                return Some(sse.data(data.to_string()));
            }
            Err(RecvError::Lagged(lost)) => {
                let data = json!({ "type": "events.lost", "lost": lost });
                return Some(Event::default().event("events.lost").data(data.to_string()));
            }
            Err(RecvError::Closed) => return None,
        }
    }
}

/// An event as JSON.
pub(crate) fn describe(event: &hub::Event) -> Value {
    let mut all = Map::new();
    all.insert("type".into(), event.what.kind().into());
    all.insert("number".into(), event.number.into());
    all.insert("time".into(), time::rfc3339(event.time).into());
    if let Some(stream) = event.what.stream() {
        all.insert("stream".into(), stream.as_str().into());
    }
    let more = match &event.what {
        What::StreamState { state, reason, .. } => json!({ "state": state, "reason": reason }),
        What::SourceState { index, state, reason, attempt, .. }
        | What::OutputState { index, state, reason, attempt, .. } => {
            json!({ "source": index, "state": state, "reason": reason, "attempt": attempt })
        }
        What::PublisherJoined { protocol, remote, .. } => {
            json!({ "protocol": protocol, "remote_addr": remote })
        }
        What::PublisherLeft { reason, .. } => json!({ "reason": reason }),
        What::ReaderJoined { reader, protocol, remote, .. } => {
            json!({ "reader": reader.to_string(), "protocol": protocol, "remote_addr": remote })
        }
        What::ReaderLeft { reader, protocol, reason, bytes, .. } => {
            json!({ "reader": reader.to_string(), "protocol": protocol, "reason": reason, "bytes": bytes })
        }
        What::ReaderCutBack { reader, skipped, lag_ms, .. } => {
            json!({ "reader": reader.to_string(), "skipped": skipped, "lag_ms": lag_ms })
        }
        What::LimitReached { limit, .. } => json!({ "reason": limit }),
        What::OwnerPanicked { owner, message, .. } => json!({ "owner": owner, "reason": message }),
        What::WorkerReplaced { worker, reason, streams } => {
            json!({ "worker": worker, "reason": reason, "streams": streams })
        }
        What::AlertStarted { id, alert, source, since, detail, .. } => json!({
            "alert": alert, "alert_id": id.to_string(), "source": source, "since": time::rfc3339(*since),
            "detail": detail,
        }),
        What::AlertEnded { id, alert, source, lasted_ms, why, .. } => json!({
            "alert": alert, "alert_id": id.to_string(), "source": source, "lasted_ms": lasted_ms, "reason": why,
        }),
        What::ConfigReloaded { added, changed, removed, unchanged, needs_restart } => json!({
            "added": added, "changed": changed, "removed": removed, "unchanged": unchanged,
            "needs_restart": needs_restart,
        }),
        What::RecordingState { format, state, reason, .. } => {
            json!({ "format": format, "state": state, "reason": reason })
        }
        What::SegmentClosed { storage, format, path, from, to, bytes, .. } => json!({
            "storage": storage, "format": format, "path": path, "from": time::rfc3339(*from),
            "to": time::rfc3339(*to), "bytes": bytes,
        }),
        What::StorageState { storage, state, reason } => {
            json!({ "storage": storage, "state": state, "reason": reason })
        }
        What::RoomStarted { room } => json!({ "room": room }),
        What::RoomFinished { room, reason, lasted_ms } => {
            json!({ "room": room, "reason": reason, "lasted_ms": lasted_ms })
        }
        What::ParticipantJoined { room, participant, name, hidden, recorder } => json!({
            "room": room, "participant": participant, "name": name, "hidden": hidden, "recorder": recorder,
        }),
        What::ParticipantLeft { room, participant, reason, lasted_ms } => json!({
            "room": room, "participant": participant, "reason": reason, "lasted_ms": lasted_ms,
        }),
        What::TrackPublished { room, participant, track, media, source } => json!({
            "room": room, "participant": participant, "track": track, "kind": media, "track_source": source,
        }),
        What::TrackUnpublished { room, participant, track, media, reason } => json!({
            "room": room, "participant": participant, "track": track, "kind": media, "reason": reason,
        }),
        What::DeviceEvent { kind, .. } => json!({ "event": kind }),
        What::ConfigRefused { problems, reason } => json!({ "problems": problems, "reason": reason }),
        What::StreamAdded { .. } | What::StreamRemoved { .. } | What::Draining | _ => Value::Null,
    };
    if let Value::Object(more) = more {
        all.extend(more);
    }
    Value::Object(all)
}
