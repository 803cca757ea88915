//! Control: JSON in, hub commands out; events in, metrics out. Runs on the control thread and holds only handles.
//!
//! - [`Api::answer`] answers one request: go2rtc's and ZLMediaKit's APIs (`compat`), our own (`v1`), `/metrics`, and the web
//!   page.
//! - The [`Catalogue`] owns what streams are planned to be; changes go through it one at a time.
//! - [`Hooks`] carry events to receivers of webhooks, each in a task of its own.
//! - Every route stands in one table with the deed it is (`routes`), and is checked against `hub::Access`; ZLMediaKit's calls
//!   by their secret.
mod alerts;
mod answer;
mod auth;
mod catalogue;
mod compat;
mod facts;
mod hooks;
mod insecure;
mod log_ring;
pub mod mask;
mod metrics;
mod page;
mod params;
mod plan;
mod policy;
mod reload;
mod routes;
mod shared;
pub mod time;
mod v1;

#[cfg(test)]
mod tests;

pub use catalogue::{Catalogue, FileStreams, StreamChanges, StreamProblem};
pub use compat::go2rtc::{AskEngines, EngineFacts, GO2RTC_VERSION, PRELOAD_QUERY, is_foreign_scheme};
pub use compat::zlmediakit::{RecordHook, RecordHookKind, ZlmediakitConfig};
pub use facts::TrackFacts;
pub use hooks::{HookBody, HookConfig, HookError, HookReports, Hooks, HooksConfig};
pub use log_ring::LogRing;
pub use metrics::{AskSrtp, SrtpFacts};
pub use plan::{StreamPlan, TalkPlan, TalkTo};
pub use policy::{PolicyError, PolicyPart};
pub use reload::{AskReload, ConfigProblem, ConfigState, Reload};
pub use shared::{Api, Listening, Peer, Settings};
pub use v1::children::{AskChildren, ChildFacts, UsageFacts};
pub use v1::homekit::{
    HomekitAccessory, HomekitControl, HomekitDevice, HomekitPairing, HomekitProblem, HomekitSetup,
};
pub use v1::openapi;
pub use v1::rooms::{
    Brought, MuteBody, Room, RoomConsumer, RoomDataProducer, RoomDetails, RoomLimits, RoomLimitsBody,
    RoomParticipant, RoomProducer, RoomTransport, RoomsControl, RoomsProblem, StreamInRoomBody,
};
