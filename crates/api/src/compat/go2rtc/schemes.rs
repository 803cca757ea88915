//! `GET /api/schemes`: what sources there can be; and which of go2rtc's there cannot be yet.
use crate::answer;
use crate::shared::Shared;
use axum::extract::State;
use axum::response::Response;
use std::sync::Arc;

/// Schemes of go2rtc's sources. Those that no connector serves are "not supported yet", not mistakes.
const SCHEMES: [&str; 47] = [
    "alsa",
    "bubble",
    "doorbird",
    "dvrip",
    "echo",
    "eseecloud",
    "exec",
    "expr",
    "ffmpeg",
    "flussonic",
    "gopro",
    "hass",
    "homekit",
    "http",
    "https",
    "httpx",
    "isapi",
    "ivideon",
    "kasa",
    "mpegts",
    "multitrans",
    "nest",
    "onvif",
    "pinggy",
    "ring",
    "roborock",
    "rtmp",
    "rtmps",
    "rtmpx",
    "rtsp",
    "rtsps",
    "rtspx",
    "srt",
    "tapo",
    "tcp",
    "tuya",
    "unix",
    "v4l2",
    "vigi",
    "webrtc",
    "webtorrent",
    "wyoming",
    "wyze",
    "xiaomi",
    "yandex",
    "dvr",
    "stdin",
];

/// True for schemes that go2rtc knows; ask it of those that no connector serves.
pub fn is_foreign_scheme(scheme: &str) -> bool {
    SCHEMES.contains(&scheme)
}

/// What can be dialled, and what can only be talked to: Home Assistant offers cameras of these schemes alone.
pub(crate) async fn get(State(shared): State<Arc<Shared>>) -> Response {
    let hub = &shared.hub;
    let mut schemes = hub.schemes();
    schemes.extend(SCHEMES.iter().filter(|scheme| hub.can_talk_to(&format!("{scheme}://host/"))));
    schemes.sort_unstable();
    schemes.dedup();
    answer::json(&schemes)
}
