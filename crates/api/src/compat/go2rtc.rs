//! go2rtc's control API as its clients use it: Home Assistant, Frigate, camera cards.
//!
//! Source: observed behaviour of go2rtc 1.9.14; what differs on purpose: `url` stands on every producer, PUT with the
//! same sources changes nothing, DELETE answers when everything has ended.
pub(crate) mod hardware;
pub(crate) mod homekit;
pub(crate) mod info;
pub(crate) mod play;
pub(crate) mod preload;
pub(crate) mod process;
pub(crate) mod schemes;
mod shapes;
pub(crate) mod streams;

pub use hardware::{AskEngines, EngineFacts};
pub use preload::QUERY_DEFAULT as PRELOAD_QUERY;
pub use schemes::is_foreign_scheme;

/// The version we claim to be: Home Assistant takes 1.9.13 and later, and asks for an update below 1.9.15.
pub const GO2RTC_VERSION: &str = "1.9.15";
