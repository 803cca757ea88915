//! `/api/v1/homekit`: HomeKit cameras that can be found, pairing with them and leaving them. The API does not see who speaks with
//! them: the server hands in a [`HomekitControl`]. Pins come in and are never shown.
use super::qr;
use crate::answer;
use crate::catalogue::{Change, SourceChange};
use crate::params::Params;
use crate::shared::Shared;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::StatusCode;
use media::StreamName;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Who speaks with HomeKit cameras, as the API asks them; the server makes it.
pub trait HomekitControl: Send + Sync {
    /// The accessories that are found on the network.
    fn discovered(&self) -> BoxFuture<'static, Vec<HomekitDevice>>;
    /// Those that trust this server.
    fn paired(&self) -> BoxFuture<'static, Result<Vec<HomekitPairing>, HomekitProblem>>;
    /// Pairs with one: its identifier, `HOST:PORT` or `homekit://` URL, and its pin.
    fn pair(&self, whom: String, pin: String) -> BoxFuture<'static, Result<HomekitPairing, HomekitProblem>>;
    /// Leaves one; with `forget` also one that cannot be reached.
    fn unpair(&self, id: String, forget: bool) -> BoxFuture<'static, Result<(), HomekitProblem>>;
    /// Our own accessories: streams as cameras in Apple's Home.
    fn accessories(&self) -> BoxFuture<'static, Vec<HomekitAccessory>>;
    /// Makes one of them forget all controllers, so that it can be paired anew.
    fn forget_controllers(&self, name: String) -> BoxFuture<'static, Result<(), HomekitProblem>>;
    /// Leaves the one that a source's URL names.
    fn unpair_url(&self, url: String) -> BoxFuture<'static, Result<(), HomekitProblem>>;
    /// What the one that a source's URL names says of itself: its accessories, as JSON.
    fn describe_url(&self, url: String) -> BoxFuture<'static, Result<String, HomekitProblem>>;
}

/// Why a wish is not done.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HomekitProblem {
    /// There is no such accessory.
    #[error("{0}")]
    NotFound(String),
    /// The wish is wrong.
    #[error("{0}")]
    Wrong(String),
    /// The pin is another one.
    #[error("{0}")]
    WrongPin(String),
    /// It is paired with somebody else.
    #[error("{0}")]
    Taken(String),
    /// Not now.
    #[error("{0}")]
    NotNow(String),
    /// The accessory cannot be reached, or what is kept of it cannot be used.
    #[error("{0}")]
    Broken(String),
}

/// An accessory that was found on the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct HomekitDevice {
    /// Its identifier.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its model.
    pub model: String,
    /// What it is: `camera`, `doorbell`, `bridge`, or `other`.
    pub category: &'static str,
    /// Where it is, as `address:port`.
    pub addresses: Vec<String>,
    /// It is paired, with whomever: it takes no other pairing.
    pub paired: bool,
    /// It is paired with this server.
    pub paired_here: bool,
    /// The two flags of its record as numbers, for go2rtc's clients.
    #[serde(skip)]
    pub flags: (u8, u8),
}

/// An accessory that trusts this server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct HomekitPairing {
    /// Its identifier.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its model.
    pub model: String,
    /// Where it was last, as `host:port`.
    pub address: Option<String>,
}

/// An accessory of ours: streams as cameras in Apple's Home.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct HomekitAccessory {
    /// Its name in the configuration, below `homekit`.
    pub name: String,
    /// Its name in the Home.
    pub title: String,
    /// Its identifier.
    pub id: String,
    /// What it is, as HomeKit counts: 2 a bridge, 17 a camera, 18 a doorbell.
    pub category_id: u8,
    /// Where it listens, as `address:port`.
    pub address: String,
    /// The streams that it shows.
    pub streams: Vec<String>,
    /// How many controllers it trusts: 0 until it is paired.
    pub controllers: usize,
    /// How many are connected.
    pub connections: usize,
    /// How many views there are.
    pub views: usize,
    /// How to pair with it. Left out once it is paired: from then on the Home lets others in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setup: Option<HomekitSetup>,
}

/// How to pair with an accessory of ours.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HomekitSetup {
    /// The code to type.
    pub pin: String,
    /// Four characters that tell accessories apart that wait to be paired.
    pub id: String,
    /// What the code to scan says, `X-HM://…`.
    pub uri: String,
}

impl std::fmt::Debug for HomekitSetup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HomekitSetup(***)")
    }
}

/// All of ours.
#[derive(Serialize, ToSchema)]
pub(crate) struct HomekitAccessoryList {
    accessories: Vec<HomekitAccessory>,
}

/// All that were found.
#[derive(Serialize, ToSchema)]
pub(crate) struct HomekitDeviceList {
    devices: Vec<HomekitDevice>,
}

/// All that are paired.
#[derive(Serialize, ToSchema)]
pub(crate) struct HomekitPairingList {
    pairings: Vec<HomekitPairingInUse>,
}

/// An accessory that trusts this server, and what shows it.
#[derive(Serialize, ToSchema)]
pub(crate) struct HomekitPairingInUse {
    #[serde(flatten)]
    pairing: HomekitPairing,
    /// The streams that have it as a source.
    streams: Vec<String>,
}

/// Whom to pair with. No `Debug`: it has the pin.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HomekitPairBody {
    /// Its identifier, `XX:XX:XX:XX:XX:XX`: it is looked for by mDNS.
    id: Option<String>,
    /// Where it is, `HOST:PORT`.
    address: Option<String>,
    /// The eight digits on the device, `XXX-XX-XXX`.
    // taken as it is, so that no error quotes it
    #[schema(value_type = String)]
    pin: serde_json::Value,
    /// A stream of this name is made of it.
    stream: Option<String>,
}

/// The accessories that are found on the network, cameras or not. Takes 1.5 s the first time.
#[utoipa::path(get, path = "/api/v1/homekit/devices", responses((status = 200, body = HomekitDeviceList)))]
pub(crate) async fn devices(State(shared): State<Arc<Shared>>) -> Response {
    match &shared.homekit {
        Some(homekit) => answer::json(&HomekitDeviceList { devices: homekit.discovered().await }),
        None => refused(&absent()),
    }
}

/// The accessories that trust this server.
#[utoipa::path(
    get, path = "/api/v1/homekit/pairings",
    responses((status = 200, body = HomekitPairingList), (status = 502, description = "What is kept of them cannot be read; the text says what to do"))
)]
pub(crate) async fn pairings(State(shared): State<Arc<Shared>>) -> Response {
    let Some(homekit) = &shared.homekit else { return refused(&absent()) };
    match homekit.paired().await {
        Ok(all) => {
            let mut pairings = Vec::new();
            for pairing in all {
                pairings.push(in_use(&shared, pairing).await);
            }
            answer::json(&HomekitPairingList { pairings })
        }
        Err(problem) => refused(&problem),
    }
}

/// Pairs with an accessory, and makes a stream of it if one is named.
#[utoipa::path(
    post, path = "/api/v1/homekit/pairings", request_body = HomekitPairBody,
    responses(
        (status = 200, body = HomekitPairingInUse),
        (status = 400, description = "The body, the pin's form or the stream's name is wrong"),
        (status = 403, description = "The pin is another one"),
        (status = 404, description = "There is no such accessory"),
        (status = 409, description = "It is paired with somebody else, or there is such a stream"),
        (status = 502, description = "It cannot be reached, or makes no sense"),
        (status = 503, description = "Not now: somebody else pairs with it, or too many pins were wrong"),
    )
)]
pub(crate) async fn pair(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let body: HomekitPairBody = match serde_json::from_slice(&body) {
        Ok(body) => body,
        Err(error) => return answer::text(StatusCode::BAD_REQUEST, format_args!("the body: {error}")),
    };
    let whom = match (body.id, body.address) {
        (Some(whom), None) | (None, Some(whom)) => whom,
        (None, None) | (Some(_), Some(_)) => {
            return answer::text(StatusCode::BAD_REQUEST, "give either the accessory's id or its address");
        }
    };
    let Some(pin) = body.pin.as_str() else {
        return answer::text(StatusCode::BAD_REQUEST, "pin: write it as a text, \"123-45-678\"");
    };
    match pair_and_add(&shared, whom, pin.to_owned(), body.stream.as_deref()).await {
        Ok(paired) => answer::json(&paired),
        Err((status, why)) => answer::text(status, why),
    }
}

/// Leaves an accessory. Its streams stay, and say that it is not paired.
#[utoipa::path(
    delete, path = "/api/v1/homekit/pairings/{id}",
    params(("id" = String, Path), ("forget" = Option<bool>, Query, description = "Also when it cannot be reached: it must be reset then")),
    responses(
        (status = 200, description = "It does not trust this server any more"),
        (status = 404, description = "It is not paired"),
        (status = 502, description = "It cannot be reached"),
    )
)]
pub(crate) async fn unpair(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    params: Params,
) -> Response {
    let forget = matches!(params.get("forget"), Some("" | "1" | "true"));
    let Some(homekit) = &shared.homekit else { return refused(&absent()) };
    match homekit.unpair(id, forget).await {
        Ok(()) => answer::empty(),
        Err(problem) => refused(&problem),
    }
}

/// Our accessories: which streams are in Apple's Home, and how to pair with those that are not yet.
#[utoipa::path(get, path = "/api/v1/homekit/accessories", responses((status = 200, body = HomekitAccessoryList)))]
pub(crate) async fn accessories(State(shared): State<Arc<Shared>>) -> Response {
    match &shared.homekit {
        Some(homekit) => answer::json(&HomekitAccessoryList { accessories: homekit.accessories().await }),
        None => refused(&absent()),
    }
}

/// Makes an accessory of ours forget all controllers: their Home calls it unreachable until they remove it there.
#[utoipa::path(
    delete, path = "/api/v1/homekit/accessories/{name}/controllers",
    params(("name" = String, Path, description = "Its name in the configuration")),
    responses((status = 200, description = "It can be paired anew"), (status = 404, description = "There is none of this name"))
)]
pub(crate) async fn forget_controllers(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
) -> Response {
    let Some(homekit) = &shared.homekit else { return refused(&absent()) };
    match homekit.forget_controllers(name).await {
        Ok(()) => answer::empty(),
        Err(problem) => refused(&problem),
    }
}

/// The code to scan with a phone, as a picture, while the accessory is not paired.
#[utoipa::path(
    get, path = "/api/v1/homekit/accessories/{name}/code.svg",
    params(("name" = String, Path, description = "Its name in the configuration")),
    responses(
        (status = 200, content_type = "image/svg+xml", body = String),
        (status = 404, description = "There is none of this name, or it is paired"),
    )
)]
pub(crate) async fn code(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Response {
    let Some(homekit) = &shared.homekit else { return refused(&absent()) };
    let all = homekit.accessories().await;
    let setup =
        all.into_iter().find(|accessory| accessory.name == name).and_then(|accessory| accessory.setup);
    let Some(setup) = setup else {
        let why = format!("homekit has no accessory {name:?} that waits to be paired");
        return refused(&HomekitProblem::NotFound(why));
    };
    match qr::svg(&setup.uri) {
        Ok(picture) => answer::plain("image/svg+xml", picture),
        Err(why) => answer::text(StatusCode::INTERNAL_SERVER_ERROR, why),
    }
}

/// Pairs, and makes a stream. What can be known to fail fails before anybody is paired with.
pub(crate) async fn pair_and_add(
    shared: &Shared,
    whom: String,
    pin: String,
    stream: Option<&str>,
) -> Result<HomekitPairingInUse, (StatusCode, String)> {
    let stream = stream.map(StreamName::new).transpose();
    let stream = stream.map_err(|error| (StatusCode::BAD_REQUEST, format!("stream: {error}")))?;
    if let Some(name) = &stream
        && shared.hub.has(name).await
    {
        return Err((StatusCode::CONFLICT, format!("there is a stream {name} already")));
    }
    let said = |problem: HomekitProblem| (status(&problem), problem.to_string());
    let homekit = shared.homekit.as_ref().ok_or_else(|| said(absent()))?;
    let pairing = homekit.pair(whom, pin).await.map_err(said)?;
    if let Some(name) = stream {
        let source = SourceChange::Url(format!("homekit://{}", pairing.id));
        let change = Change { sources: Some(vec![source]), ..Change::default() };
        if let Err(error) = shared.catalogue.put(name.clone(), change).await {
            let why = format!("{} is paired, but there is no stream {name}: {error}", pairing.id);
            return Err((StatusCode::CONFLICT, why));
        }
    }
    let in_use = in_use(shared, pairing).await;
    // those that waited for a pairing need not wait for their next try
    for name in in_use.streams.iter().filter_map(|name| StreamName::new(name).ok()) {
        shared.hub.retry(&name).await;
    }
    Ok(in_use)
}

async fn in_use(shared: &Shared, pairing: HomekitPairing) -> HomekitPairingInUse {
    let id = pairing.id.to_ascii_uppercase();
    let is_of = |url: &str| {
        url.starts_with("homekit:")
            && (url.to_ascii_uppercase().contains(&id)
                || pairing.address.as_ref().is_some_and(|address| url.contains(&format!("//{address}"))))
    };
    let plans = shared.catalogue.plans().await;
    let streams = plans.iter().filter(|(_, plan)| plan.sources.iter().any(|source| is_of(&source.url)));
    let streams = streams.map(|(name, _)| name.to_string()).collect();
    HomekitPairingInUse { pairing, streams }
}

pub(crate) fn absent() -> HomekitProblem {
    HomekitProblem::NotNow("HomeKit is not there".to_owned())
}

fn refused(problem: &HomekitProblem) -> Response {
    answer::text(status(problem), problem)
}

const fn status(problem: &HomekitProblem) -> StatusCode {
    match problem {
        HomekitProblem::NotFound(_) => StatusCode::NOT_FOUND,
        HomekitProblem::Wrong(_) => StatusCode::BAD_REQUEST,
        HomekitProblem::WrongPin(_) => StatusCode::FORBIDDEN,
        HomekitProblem::Taken(_) => StatusCode::CONFLICT,
        HomekitProblem::NotNow(_) => StatusCode::SERVICE_UNAVAILABLE,
        HomekitProblem::Broken(_) => StatusCode::BAD_GATEWAY,
    }
}
