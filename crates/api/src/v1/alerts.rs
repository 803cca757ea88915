//! `GET /api/v1/alerts`: which trouble there is, and was.
use crate::alerts::EndedAlert;
use crate::shared::Shared;
use crate::{answer, time};
use axum::extract::State;
use axum::response::Response;
use hub::AlertReport;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// Alerts.
#[derive(Serialize, ToSchema)]
pub(crate) struct AlertList {
    /// Those that run, by stream.
    running: Vec<StreamAlert>,
    /// Those that ended, the newest first; the last 100.
    ended: Vec<StreamAlert>,
}

/// An alert that runs.
#[derive(Serialize, ToSchema)]
pub(crate) struct Alert {
    /// Unique in this run of the server.
    id: String,
    /// `source_down`, `gave_up`, `flapping`, `child_killed`, `track_missing`, `frozen`, `clock_drift`,
    /// `talk_failed`, `recording_stopped` or `storage_trouble`.
    alert: &'static str,
    /// The index of the source (of the output, for `talk_failed`), where it concerns one.
    source: Option<usize>,
    /// Since when there is trouble, RFC 3339.
    since: Option<String>,
    /// What, how long, what helps.
    detail: Option<String>,
}

/// An alert of a stream.
#[derive(Serialize, ToSchema)]
pub(crate) struct StreamAlert {
    /// The stream; empty for what concerns all, such as a disk.
    stream: String,
    #[serde(flatten)]
    alert: Alert,
    /// When the alert started, RFC 3339.
    started: Option<String>,
    /// When it ended, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<String>,
    /// Why it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Alert {
    pub(crate) fn new(alert: &AlertReport) -> Self {
        Self {
            id: alert.id.to_string(),
            alert: alert.kind.as_str(),
            source: alert.source,
            since: Some(time::rfc3339(alert.since)),
            detail: Some(alert.detail.clone()),
        }
    }
}

impl StreamAlert {
    fn ended(alert: EndedAlert) -> Self {
        let start = alert.start.as_ref();
        Self {
            stream: alert.stream.as_ref().map(ToString::to_string).unwrap_or_default(),
            started: start.map(|start| time::rfc3339(start.at)),
            alert: Alert {
                id: alert.id.to_string(),
                alert: alert.kind,
                source: alert.source,
                since: start.map(|start| time::rfc3339(start.since)),
                detail: start.map(|start| start.detail.clone()),
            },
            ended: Some(time::rfc3339(alert.ended)),
            reason: Some(alert.why),
        }
    }
}

/// The alerts that run, and the last that ended.
#[utoipa::path(get, path = "/api/v1/alerts", responses((status = 200, body = AlertList)))]
pub(crate) async fn get(State(shared): State<Arc<Shared>>) -> Response {
    let mut running = Vec::new();
    for report in shared.hub.reports().await {
        let of_stream = report.alerts.iter().map(|alert| StreamAlert {
            stream: report.name.to_string(),
            alert: Alert::new(alert),
            started: shared.alerts.started(alert.id).map(time::rfc3339),
            ended: None,
            reason: None,
        });
        running.extend(of_stream);
    }
    running.extend(shared.recorder.alerts().await.into_iter().map(|alert| StreamAlert {
        stream: alert.stream.unwrap_or_default(),
        started: shared.alerts.started(alert.id).map(time::rfc3339),
        alert: Alert {
            id: alert.id.to_string(),
            alert: alert.kind,
            source: None,
            since: Some(time::rfc3339(alert.since)),
            detail: Some(alert.detail),
        },
        ended: None,
        reason: None,
    }));
    let ended = shared.alerts.ended().into_iter().map(StreamAlert::ended).collect();
    answer::json(&AlertList { running, ended })
}
