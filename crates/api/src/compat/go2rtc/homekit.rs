//! `GET /api/discovery/homekit` and `/api/homekit`: finding HomeKit cameras, pairing and leaving, as go2rtc's page does it, and the
//! streams that are cameras in Apple's Home.
//!
//! What differs on purpose: keys are not put into the stream's URL, they are kept apart (docs/configuration.md, `state`).
use crate::answer;
use crate::params::Params;
use crate::shared::Shared;
use crate::v1::homekit::{HomekitAccessory, HomekitDevice, HomekitProblem, absent, pair_and_add};
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::{StatusCode, Uri};
use media::StreamName;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What go2rtc's page lists of each source.
#[derive(Serialize)]
struct Source {
    name: String,
    info: String,
    url: String,
    /// The stream that shows it; a blank where there is none.
    location: String,
}

#[derive(Serialize)]
struct Sources {
    sources: Vec<Source>,
}

/// The cameras and doorbells on the network.
pub(crate) async fn discovery(State(shared): State<Arc<Shared>>) -> Response {
    let plans = shared.catalogue.plans().await;
    let shown = |id: &str| {
        let id = id.to_ascii_uppercase();
        let is_of = |url: &str| url.starts_with("homekit:") && url.to_ascii_uppercase().contains(&id);
        let found = plans.iter().find(|(_, plan)| plan.sources.iter().any(|source| is_of(&source.url)));
        found.map_or_else(|| " ".to_owned(), |(name, _)| name.to_string())
    };
    let devices = match &shared.homekit {
        Some(homekit) => homekit.discovered().await,
        None => Vec::new(),
    };
    let cameras = devices.into_iter().filter(|device| matches!(device.category, "camera" | "doorbell"));
    let source = |device: HomekitDevice| {
        let address = device.addresses.first()?;
        let (feature, status) = device.flags;
        Some(Source {
            url: format!("homekit://{address}?device_id={}&feature={feature}&status={status}", device.id),
            location: shown(&device.id),
            name: device.name,
            info: device.model,
        })
    };
    answer::json(&Sources { sources: cameras.filter_map(source).collect() })
}

/// What go2rtc tells of a stream in Apple's Home. The code is there while nobody is paired.
#[derive(Serialize)]
struct Server {
    name: String,
    device_id: String,
    #[serde(skip_serializing_if = "is_zero")]
    paired: usize,
    category_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    setup_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    setup_id: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl From<HomekitAccessory> for Server {
    fn from(of: HomekitAccessory) -> Self {
        let (setup_code, setup_id) = of.setup.map(|setup| (setup.pin, setup.id)).unzip();
        let category_id = of.category_id.to_string();
        Self { name: of.title, device_id: of.id, paired: of.controllers, category_id, setup_code, setup_id }
    }
}

/// The streams in Apple's Home by their names in the configuration, or the one that `id` names.
pub(crate) async fn get(State(shared): State<Arc<Shared>>, params: Params) -> Response {
    let accessories = match &shared.homekit {
        Some(homekit) => homekit.accessories().await,
        None => Vec::new(),
    };
    let all = accessories.into_iter().map(|accessory| (accessory.name.clone(), Server::from(accessory)));
    let mut all: BTreeMap<String, Server> = all.collect();
    match params.given("id") {
        None => answer::json(&all),
        Some(id) => match all.remove(id) {
            Some(server) => answer::json(&server),
            None => answer::text(StatusCode::NOT_FOUND, "server not found"),
        },
    }
}

/// What the HomeKit camera behind the stream `id` says that it is, as it says it.
pub(crate) async fn accessories(State(shared): State<Arc<Shared>>, params: Params) -> Response {
    let Some(Ok(name)) = params.given("id").map(StreamName::new) else {
        return answer::text(StatusCode::NOT_FOUND, "stream not found");
    };
    let plans = shared.catalogue.plans().await;
    let Some(plan) = plans.get(name.as_str()) else {
        return answer::text(StatusCode::NOT_FOUND, "stream not found");
    };
    let source = plan.sources.iter().find(|source| source.url.starts_with("homekit:"));
    let (Some(source), Some(homekit)) = (source, &shared.homekit) else {
        return answer::text(StatusCode::BAD_REQUEST, "not homekit source");
    };
    match homekit.describe_url(source.url.clone()).await {
        Ok(json) => answer::plain("application/json", json),
        Err(problem) => answer::text(StatusCode::INTERNAL_SERVER_ERROR, problem),
    }
}

/// Pairs with what `src` names by `pin`, as the stream `id`. Parameters stand in the query or in a form.
pub(crate) async fn post(State(shared): State<Arc<Shared>>, uri: Uri, body: Bytes) -> Response {
    let form = String::from_utf8_lossy(&body);
    let params = Params::of(&format!("{}&{form}", uri.query().unwrap_or_default()));
    let (Some(id), Some(src), Some(pin)) = (params.given("id"), params.given("src"), params.given("pin"))
    else {
        return answer::text(StatusCode::BAD_REQUEST, "id, src and pin are needed");
    };
    match pair_and_add(&shared, src.to_owned(), pin.to_owned(), Some(id)).await {
        Ok(_) => answer::empty(),
        // go2rtc has one status for whatever goes wrong
        Err((_, why)) => answer::text(StatusCode::INTERNAL_SERVER_ERROR, why),
    }
}

/// Leaves the camera of the stream `id`, and removes the stream.
pub(crate) async fn delete(State(shared): State<Arc<Shared>>, params: Params) -> Response {
    let failed = |why: &dyn std::fmt::Display| answer::text(StatusCode::INTERNAL_SERVER_ERROR, why);
    let Some(Ok(name)) = params.given("id").map(StreamName::new) else {
        return failed(&"stream not found");
    };
    let plans = shared.catalogue.plans().await;
    let Some(plan) = plans.get(name.as_str()) else { return failed(&"stream not found") };
    let source = plan.sources.iter().find(|source| source.url.starts_with("homekit:"));
    let Some(url) = source.map(|source| source.url.clone()) else { return failed(&"not homekit source") };
    let Some(homekit) = &shared.homekit else { return failed(&absent()) };
    // first the stream: a camera whose pairing goes would only be an error to it
    shared.recorder.stop(&name, None).await;
    shared.catalogue.remove(name).await;
    match homekit.unpair_url(url).await {
        // it was left already
        Ok(()) | Err(HomekitProblem::NotFound(_)) => answer::empty(),
        Err(problem) => failed(&problem),
    }
}
