//! `/api/v1/config`: how the configuration is, and reading it again.
use super::shapes::{ConfigInfo, RefusedConfig, Reloaded};
use crate::answer;
use crate::reload::Reload;
use crate::shared::Shared;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use std::sync::Arc;
use tokio::sync::oneshot;

/// The files, and what of them is not in force.
#[utoipa::path(get, path = "/api/v1/config", responses((status = 200, body = ConfigInfo)))]
pub(crate) async fn get(State(shared): State<Arc<Shared>>) -> Response {
    let state = shared.config.borrow().clone();
    answer::json(&ConfigInfo::new(state))
}

/// Reads the configuration files again and makes the streams be as they say now, as `SIGHUP` does; answers when nothing is
/// left of the streams that left them. If anything is wrong, nothing changes.
#[utoipa::path(
    post, path = "/api/v1/config/reload",
    responses(
        (status = 200, body = Reloaded),
        (status = 410, description = "The server runs without a configuration file"),
        (status = 422, body = RefusedConfig, description = "Something is wrong in the files: nothing changed"),
    )
)]
pub(crate) async fn reload(State(shared): State<Arc<Shared>>) -> Response {
    let (reply, outcome) = oneshot::channel();
    // Whoever reads the files may have ended: then there is no outcome.
    let _ = shared.reload.send(reply).await;
    match outcome.await {
        Ok(Reload::Done { streams, needs_restart }) => answer::json(&Reloaded::new(streams, needs_restart)),
        Ok(Reload::Refused(problems)) => {
            let mut response = answer::json(&RefusedConfig::new(problems));
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            response
        }
        Ok(Reload::NoFile) => answer::text(
            StatusCode::GONE,
            "the server runs without a configuration file: there is none to read",
        ),
        Err(_) => answer::text(StatusCode::SERVICE_UNAVAILABLE, "the server is shutting down"),
    }
}
