//! `GET /api/v1/hooks`: whether events reach whoever is to know of them. Hooks are set in the configuration file only.
use crate::hooks::HookReport;
use crate::shared::Shared;
use crate::{answer, time};
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// All hooks.
#[derive(Serialize, ToSchema)]
pub(crate) struct HookList {
    /// In the order of the configuration.
    hooks: Vec<Hook>,
    /// Undeliverable events that were written down.
    dead_letters_written: u64,
    /// Undeliverable events that could not even be written down.
    dead_letters_lost: u64,
}

/// A hook.
#[derive(Serialize, ToSchema)]
pub(crate) struct Hook {
    /// Scheme, host and port; what follows may be a secret.
    url: String,
    /// Which events it wants.
    events: Vec<String>,
    /// `idle`, `sending`, `waiting` (the receiver failed) or `gone` (it answered 410).
    state: &'static str,
    /// Events that wait, with the one on its way.
    queued: usize,
    /// Requests made.
    tries: u64,
    /// Events that were taken.
    delivered: u64,
    /// Events given up after tries.
    failed: u64,
    /// Events not taken in, since too many waited.
    dropped: u64,
    /// Events that came too fast to be heard.
    unheard: u64,
    /// When one was last taken, RFC 3339.
    last_delivered: Option<String>,
    /// What went wrong last.
    last_error: Option<String>,
    /// When that was, RFC 3339.
    last_error_at: Option<String>,
    /// When the next try is due, RFC 3339.
    next_try: Option<String>,
}

impl Hook {
    fn new(report: HookReport) -> Self {
        let (last_error, last_error_at) = report.last_error.map(|(why, at)| (why, time::rfc3339(at))).unzip();
        Self {
            url: report.origin,
            events: report.events,
            state: report.state.as_str(),
            queued: report.queued,
            tries: report.tries,
            delivered: report.delivered,
            failed: report.failed,
            dropped: report.dropped,
            unheard: report.unheard,
            last_delivered: report.last_delivered.map(time::rfc3339),
            last_error,
            last_error_at,
            next_try: report.next_try.map(time::rfc3339),
        }
    }
}

/// How the hooks are doing.
#[utoipa::path(get, path = "/api/v1/hooks", responses((status = 200, body = HookList)))]
pub(crate) async fn get(State(shared): State<Arc<Shared>>) -> Response {
    let (dead_letters_written, dead_letters_lost) = shared.hooks.dead_letters();
    let hooks = shared.hooks.hooks().into_iter().map(Hook::new).collect();
    answer::json(&HookList { hooks, dead_letters_written, dead_letters_lost })
}
