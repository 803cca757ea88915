//! `/api/preload`: streams that run also without readers.
use super::shapes::Consumer;
use crate::answer;
use crate::catalogue::{Change, Preload as PreloadChange};
use crate::params::Params;
use crate::shared::Shared;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use media::StreamName;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is run of a stream when nothing is said.
pub const QUERY_DEFAULT: &str = "video&audio";

/// Parameters that say what to run.
const TRACKS: [&str; 3] = ["video", "audio", "microphone"];

#[derive(Serialize)]
struct Preload {
    consumer: Consumer,
    query: String,
}

pub(crate) async fn get(State(shared): State<Arc<Shared>>) -> Response {
    let plans = shared.catalogue.plans().await;
    let preloads: BTreeMap<String, Preload> = plans
        .into_iter()
        .filter_map(|(name, plan)| {
            let query = plan.preload?;
            Some((name.to_string(), Preload { consumer: Consumer::preload(), query }))
        })
        .collect();
    answer::json(&preloads)
}

pub(crate) async fn put(State(shared): State<Arc<Shared>>, params: Params) -> Response {
    let name = match StreamName::new(params.get("src").unwrap_or_default()) {
        Ok(name) => name,
        Err(error) => return answer::text(StatusCode::BAD_REQUEST, error),
    };
    if !shared.hub.has(&name).await {
        return answer::text(StatusCode::NOT_FOUND, format_args!("stream not found: {name}"));
    }
    let query = Some(params.only(&TRACKS)).filter(|query| !query.is_empty());
    let preload = Some(PreloadChange::Query(query.unwrap_or_else(|| QUERY_DEFAULT.to_owned())));
    match shared.catalogue.put(name, Change { preload, ..Change::default() }).await {
        Ok(_) => answer::empty(),
        Err(error) => answer::text(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

pub(crate) async fn delete(State(shared): State<Arc<Shared>>, params: Params) -> Response {
    let name = match StreamName::new(params.get("src").unwrap_or_default()) {
        Ok(name) => name,
        Err(error) => return answer::text(StatusCode::BAD_REQUEST, error),
    };
    let has = shared.catalogue.plans().await.get(&name).is_some_and(|plan| plan.preload.is_some());
    if !has {
        let message = format_args!("streams: preload not found: {name}");
        return answer::text(StatusCode::INTERNAL_SERVER_ERROR, message);
    }
    match shared.catalogue.put(name, Change { preload: Some(PreloadChange::Off), ..Change::default() }).await
    {
        Ok(_) => answer::empty(),
        Err(error) => answer::text(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}
