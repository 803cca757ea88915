//! `GET /api`: who we are.
use super::GO2RTC_VERSION;
use crate::answer;
use crate::shared::Shared;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use serde::Serialize;
use std::sync::Arc;

#[derive(Serialize)]
struct Info<'a> {
    aqueduct: &'a str,
    config_path: &'a str,
    host: &'a str,
    revision: &'a str,
    rtsp: Rtsp<'a>,
    version: &'a str,
}

#[derive(Serialize)]
struct Rtsp<'a> {
    listen: &'a str,
    default_query: &'a str,
}

pub(crate) async fn get(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let host = headers.get(http::header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let state = shared.config.borrow().clone();
    answer::json(&Info {
        aqueduct: shared.version,
        config_path: state.files.first().map(String::as_str).unwrap_or_default(),
        host,
        revision: "",
        rtsp: Rtsp {
            listen: shared.listeners.rtsp.as_deref().unwrap_or_default(),
            default_query: &shared.rtsp_default_query,
        },
        version: GO2RTC_VERSION,
    })
}
