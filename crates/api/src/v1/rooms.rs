//! `/api/v1/rooms`: conferences, who is in them, and what an operator does to them. The API does not see who runs them: the
//! server hands in a [`RoomsControl`].
pub(crate) mod streams;

pub use streams::{Brought, StreamInRoomBody};

use crate::answer;
use crate::params::Params;
use crate::shared::Shared;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use utoipa::ToSchema;

/// Longest reason: 128 characters; it stands in a close frame.
const REASON_CHARS_MAX: usize = 128;

/// Who runs the rooms, as the API asks them; the server makes it.
pub trait RoomsControl: Send + Sync {
    /// All rooms, by name.
    fn list(&self) -> BoxFuture<'static, Vec<Room>>;
    /// One, with all that is in it.
    fn details(&self, room: String, stats: bool) -> BoxFuture<'static, Result<RoomDetails, RoomsProblem>>;
    /// Closes one; returns when nothing of it is left.
    fn close(&self, room: String, reason: String) -> BoxFuture<'static, Result<(), RoomsProblem>>;
    /// Changes its limits.
    fn set_limits(
        &self,
        room: String,
        limits: RoomLimitsBody,
    ) -> BoxFuture<'static, Result<(), RoomsProblem>>;
    /// Throws somebody out.
    fn kick(
        &self,
        room: String,
        identity: String,
        reason: String,
    ) -> BoxFuture<'static, Result<(), RoomsProblem>>;
    /// Pauses what somebody sends, or lets it go on.
    fn mute(
        &self,
        room: String,
        identity: String,
        mute: MuteBody,
    ) -> BoxFuture<'static, Result<(), RoomsProblem>>;
    /// Brings a stream in as a participant; returns when it is there.
    fn bring(
        &self,
        room: String,
        stream: StreamInRoomBody,
    ) -> BoxFuture<'static, Result<Brought, RoomsProblem>>;
    /// Takes a stream out; returns when nothing of it is left there.
    fn take_out(&self, room: String, stream: String) -> BoxFuture<'static, Result<(), RoomsProblem>>;
}

/// Why an operator's wish is not done.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RoomsProblem {
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// The wish is wrong.
    #[error("{0}")]
    Wrong(String),
    /// It is so already, or somebody else is there.
    #[error("{0}")]
    Conflict(String),
    /// It cannot be done with what there is; says what helps.
    #[error("{0}")]
    Unsuitable(String),
    /// A limit is reached.
    #[error("{0}")]
    TooMany(String),
    /// Not now.
    #[error("{0}")]
    NotNow(String),
}

/// All rooms.
#[derive(Serialize, ToSchema)]
pub(crate) struct RoomList {
    rooms: Vec<Room>,
}

/// A room.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Room {
    /// Its name.
    pub name: String,
    /// Since when it is there.
    pub since: String,
    /// Who has joined, hidden ones and recorders too.
    pub participants: usize,
    /// Connections, joined or not.
    pub connections: usize,
    /// What is sent.
    pub producers: usize,
    /// What is received.
    pub consumers: usize,
    /// Its limits.
    pub limits: RoomLimits,
}

/// Limits of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RoomLimits {
    /// Connections in it.
    pub participants_max: usize,
    /// Producers of one participant.
    pub producers_per_participant_max: usize,
    /// Data producers of one participant.
    pub data_producers_per_participant_max: usize,
}

/// A room with all that is in it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct RoomDetails {
    /// As in the list.
    #[serde(flatten)]
    pub room: Room,
    /// Who has joined.
    pub members: Vec<RoomParticipant>,
}

/// A participant.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct RoomParticipant {
    /// Who.
    pub identity: String,
    /// Display name.
    pub name: String,
    /// What their token says besides.
    pub metadata: Option<String>,
    /// Since when they are there.
    pub joined: String,
    /// Where they come from.
    pub remote_addr: String,
    /// The others do not know.
    pub hidden: bool,
    /// They record.
    pub recorder: bool,
    /// Their transports.
    pub transports: Vec<RoomTransport>,
    /// What they send.
    pub producers: Vec<RoomProducer>,
    /// What they receive.
    pub consumers: Vec<RoomConsumer>,
    /// Data that they send.
    pub data_producers: Vec<RoomDataProducer>,
}

/// Data that a participant sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RoomDataProducer {
    /// Which.
    pub id: String,
    /// What it is for, as its sender says: `chat`.
    pub label: String,
}

/// A transport.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct RoomTransport {
    /// Which.
    pub id: String,
    /// `send` or `recv`, as the participant sees it.
    pub direction: &'static str,
}

/// What a participant sends.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct RoomProducer {
    /// Which.
    pub id: String,
    /// `audio` or `video`.
    pub kind: &'static str,
    /// What it shows, as its sender says: `camera`, `screen`.
    pub source: Option<String>,
    /// Nothing of it goes on.
    pub paused: bool,
    /// mediasoup's statistics of each of its streams, with `stats=1`.
    #[schema(value_type = Option<Vec<Object>>)]
    pub stats: Option<Value>,
}

/// What a participant receives.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct RoomConsumer {
    /// Which.
    pub id: String,
    /// Whose media.
    pub producer: String,
    /// `audio` or `video`.
    pub kind: &'static str,
    /// The participant does not want it now.
    pub paused: bool,
    /// mediasoup's statistics, with `stats=1`.
    #[schema(value_type = Option<Object>)]
    pub stats: Option<Value>,
}

/// Limits to be set; what is left out stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoomLimitsBody {
    /// Connections in it.
    pub participants_max: Option<usize>,
    /// Producers of one participant.
    pub producers_per_participant_max: Option<usize>,
    /// Data producers of one participant.
    pub data_producers_per_participant_max: Option<usize>,
}

/// What is to be paused.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MuteBody {
    /// False: it goes on.
    #[serde(default = "muted_default")]
    pub muted: bool,
    /// Which producer; all of them without.
    pub producer: Option<String>,
}

const fn muted_default() -> bool {
    true
}

/// All rooms, by name.
#[utoipa::path(get, path = "/api/v1/rooms", responses((status = 200, body = RoomList), (status = 503, description = "Rooms are off")))]
pub(crate) async fn list(State(shared): State<Arc<Shared>>) -> Response {
    match &shared.rooms {
        Some(rooms) => answer::json(&RoomList { rooms: rooms.list().await }),
        None => off(),
    }
}

/// One room with all that is in it.
#[utoipa::path(
    get, path = "/api/v1/rooms/{room}",
    params(("room" = String, Path), ("stats" = Option<bool>, Query, description = "With statistics: a question to the workers for each")),
    responses((status = 200, body = RoomDetails), (status = 404, description = "There is no such room"))
)]
pub(crate) async fn get(
    State(shared): State<Arc<Shared>>,
    Path(room): Path<String>,
    params: Params,
) -> Response {
    let Some(rooms) = shared.rooms.clone() else { return off() };
    let stats = matches!(params.get("stats"), Some("" | "1" | "true"));
    match rooms.details(room, stats).await {
        Ok(details) => answer::json(&details),
        Err(problem) => refused(&problem),
    }
}

/// Closes a room; everybody in it is told why. Answers when nothing of it is left.
#[utoipa::path(
    delete, path = "/api/v1/rooms/{room}",
    params(("room" = String, Path), ("reason" = Option<String>, Query, description = "For those in it")),
    responses((status = 200, description = "Nothing of it is left"), (status = 404, description = "There is no such room"))
)]
pub(crate) async fn close(
    State(shared): State<Arc<Shared>>,
    Path(room): Path<String>,
    params: Params,
) -> Response {
    match &shared.rooms {
        Some(rooms) => done(rooms.close(room, reason(&params, "by the server")).await),
        None => off(),
    }
}

/// Sets limits of a room. Who is beyond them stays.
#[utoipa::path(
    patch, path = "/api/v1/rooms/{room}", request_body = RoomLimitsBody, params(("room" = String, Path)),
    responses((status = 200, description = "They count from now on"), (status = 404, description = "There is no such room"))
)]
pub(crate) async fn set_limits(
    State(shared): State<Arc<Shared>>,
    Path(room): Path<String>,
    body: Bytes,
) -> Response {
    let Some(rooms) = shared.rooms.clone() else { return off() };
    match read(&body) {
        Ok(limits) => done(rooms.set_limits(room, limits).await),
        Err(error) => answer::text(StatusCode::BAD_REQUEST, error),
    }
}

/// Throws a participant out; they are told why.
#[utoipa::path(
    delete, path = "/api/v1/rooms/{room}/participants/{identity}",
    params(("room" = String, Path), ("identity" = String, Path), ("reason" = Option<String>, Query, description = "For them")),
    responses((status = 200, description = "They are out"), (status = 404, description = "They are not there"))
)]
pub(crate) async fn kick(
    State(shared): State<Arc<Shared>>,
    Path((room, identity)): Path<(String, String)>,
    params: Params,
) -> Response {
    match &shared.rooms {
        Some(rooms) => done(rooms.kick(room, identity, reason(&params, "by the server")).await),
        None => off(),
    }
}

/// Pauses what a participant sends, or lets it go on. They are told, and may resume it.
#[utoipa::path(
    post, path = "/api/v1/rooms/{room}/participants/{identity}/mute", request_body = MuteBody,
    params(("room" = String, Path), ("identity" = String, Path)),
    responses((status = 200, description = "It is asked for"), (status = 404, description = "There is no such participant or producer"))
)]
pub(crate) async fn mute(
    State(shared): State<Arc<Shared>>,
    Path((room, identity)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    let Some(rooms) = shared.rooms.clone() else { return off() };
    match read(&body) {
        Ok(mute) => done(rooms.mute(room, identity, mute).await),
        Err(error) => answer::text(StatusCode::BAD_REQUEST, error),
    }
}

fn off() -> Response {
    answer::text(StatusCode::SERVICE_UNAVAILABLE, "rooms are off: set rooms.listen")
}

/// A body as JSON; none is an object without fields.
fn read<T: DeserializeOwned>(body: &Bytes) -> serde_json::Result<T> {
    let text: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(text)
}

fn reason(params: &Params, default: &str) -> String {
    params.given("reason").unwrap_or(default).chars().take(REASON_CHARS_MAX).collect()
}

fn done(done: Result<(), RoomsProblem>) -> Response {
    match done {
        Ok(()) => answer::empty(),
        Err(problem) => refused(&problem),
    }
}

fn refused(problem: &RoomsProblem) -> Response {
    let status = match problem {
        RoomsProblem::NotFound(_) => StatusCode::NOT_FOUND,
        RoomsProblem::Wrong(_) => StatusCode::BAD_REQUEST,
        RoomsProblem::Conflict(_) => StatusCode::CONFLICT,
        RoomsProblem::Unsuitable(_) => StatusCode::UNPROCESSABLE_ENTITY,
        RoomsProblem::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
        RoomsProblem::NotNow(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    answer::text(status, problem)
}
