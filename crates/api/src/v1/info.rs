//! `GET /api/v1/info`: the server itself.
use crate::shared::Shared;
use crate::{answer, time};
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// The server.
#[derive(Serialize, ToSchema)]
pub(crate) struct Info {
    /// `Aqueduct`.
    name: &'static str,
    /// Its version.
    version: &'static str,
    /// Since when it runs, RFC 3339.
    started: String,
    /// Where it listens.
    listeners: Listeners,
    /// URL schemes that sources may have.
    schemes: Vec<&'static str>,
}

/// Addresses and ports; null for what is switched off.
#[derive(Serialize, ToSchema)]
pub(crate) struct Listeners {
    http: Option<String>,
    https: Option<String>,
    rtsp: Option<String>,
    rtsps: Option<String>,
    rtmp: Option<String>,
    rtmps: Option<String>,
    webrtc: Option<String>,
}

/// Says who we are and where we listen.
#[utoipa::path(get, path = "/api/v1/info", responses((status = 200, body = Info)))]
pub(crate) async fn get(State(shared): State<Arc<Shared>>) -> Response {
    let at = shared.listeners.clone();
    answer::json(&Info {
        name: "Aqueduct",
        version: shared.version,
        started: time::rfc3339(shared.started),
        listeners: Listeners {
            http: at.http,
            https: at.https,
            rtsp: at.rtsp,
            rtsps: at.rtsps,
            rtmp: at.rtmp,
            rtmps: at.rtmps,
            webrtc: at.webrtc,
        },
        schemes: shared.hub.schemes(),
    })
}
