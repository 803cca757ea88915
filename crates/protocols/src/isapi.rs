//! ISAPI's talk channel without I/O: sound to the loudspeaker of a Hikvision camera or intercom.
//!
//! Source: Hikvision ISAPI General Application, two-way audio (`/ISAPI/System/TwoWayAudio/…`), and what devices make of
//! it: see `docs/devices.md`. [`client::Client`] is one call: it lists the channels, opens one when there is sound, sends
//! the sound, and closes the channel once.
pub mod client;
#[doc(hidden)]
pub mod fuzz;
mod http;
mod url;
mod xml;

pub use http::{BODY_BYTES_MAX, HEAD_BYTES_MAX, ReplyError};
pub use url::{IsapiUrl, PORT, PORT_TLS, UrlError};
pub use xml::{CHANNELS_MAX, Channel};
