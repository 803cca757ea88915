//! Our own API, where it says more than others': states with reasons, readers, counters, events.
pub(crate) mod alerts;
mod body;
pub(crate) mod children;
pub(crate) mod config;
pub(crate) mod events;
mod happened;
pub(crate) mod homekit;
pub(crate) mod hooks;
pub(crate) mod info;
mod qr;
pub(crate) mod recordings;
pub(crate) mod rooms;
mod shapes;
pub(crate) mod streams;

use crate::answer;
use axum::response::Response;
use utoipa::OpenApi;

/// The description, made from the handlers.
#[derive(OpenApi)]
#[openapi(
    info(title = "Aqueduct", description = "Streams, their states, readers, events and alerts; rooms."),
    paths(info::get, streams::list, streams::get, streams::put, streams::delete, streams::post, events::get, alerts::get, hooks::get, children::get,
        config::get, config::reload,
        recordings::list_all, recordings::timeline, recordings::days, recordings::segments, recordings::segment_file,
        recordings::export, recordings::frame, recordings::strip, recordings::playlist, recordings::start, recordings::stop,
        recordings::event, recordings::protect, recordings::unprotect, recordings::delete_span,
        recordings::play, recordings::playbacks, recordings::change_playback, recordings::end_playback,
        rooms::list, rooms::get, rooms::close, rooms::set_limits, rooms::kick, rooms::mute,
        rooms::streams::bring, rooms::streams::take_out,
        homekit::devices, homekit::pairings, homekit::pair, homekit::unpair,
        homekit::accessories, homekit::forget_controllers, homekit::code, happened::post),
    components(schemas(
        info::Info, info::Listeners, children::ChildList, children::Child, shapes::StreamList, shapes::Stream, shapes::Track, shapes::Source,
        shapes::Output, shapes::PolicyInForce, shapes::Publisher, shapes::Reader, shapes::Removed, shapes::End,
        shapes::Step, body::StreamBody, body::SourceBody, body::PolicyBody, body::ConflictBody, body::TalkBody, streams::Outcome,
        alerts::AlertList, alerts::StreamAlert, alerts::Alert, hooks::HookList, hooks::Hook,
        shapes::ConfigInfo, shapes::RefusedAt, shapes::RefusedConfig, shapes::Problem, shapes::Reloaded,
        recordings::RecordingList, recordings::RecordedStream, recordings::Recording, recordings::Storage, recordings::Timeline,
        recordings::TimeSpan, recordings::Gap, recordings::Event, recordings::ProtectedSpan, recordings::DayList, recordings::Day,
        recordings::SegmentList, recordings::SegmentFile, recordings::Numbered, recordings::Stopped, recordings::Deleted,
        recordings::StartBody, recordings::EventBody, recordings::ProtectBody,
        recordings::PlaybackBody, recordings::PlaybackChange, recordings::Playback, recordings::PlaybackList,
        rooms::RoomList, rooms::Room, rooms::RoomLimits, rooms::RoomDetails, rooms::RoomParticipant, rooms::RoomTransport,
        rooms::RoomProducer, rooms::RoomConsumer, rooms::RoomDataProducer, rooms::RoomLimitsBody, rooms::MuteBody,
        rooms::StreamInRoomBody, rooms::Brought,
        homekit::HomekitDeviceList, homekit::HomekitDevice, homekit::HomekitPairingList, homekit::HomekitPairingInUse,
        homekit::HomekitPairing, homekit::HomekitPairBody,
        homekit::HomekitAccessoryList, homekit::HomekitAccessory, homekit::HomekitSetup, happened::DeviceEventBody,
    )),
    security((), ("basic" = []))
)]
struct Description;

/// The OpenAPI description of our own API, as JSON.
pub fn openapi() -> String {
    use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
    let mut description = Description::openapi();
    let components = description.components.get_or_insert_with(Default::default);
    components.add_security_scheme("basic", SecurityScheme::Http(Http::new(HttpAuthScheme::Basic)));
    // A description is JSON already: writing it cannot fail.
    let mut text = description.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

pub(crate) async fn get_openapi() -> Response {
    answer::plain("application/json", openapi())
}
