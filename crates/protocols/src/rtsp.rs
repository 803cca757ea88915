//! RTSP sessions without I/O, both sides.
//!
//! Source: RFC 2326, and what cameras make of it. [`Framer`] cuts bytes into messages and interleaved frames;
//! [`client::Client`] pulls from a server; [`server::Session`] serves one reader or takes from one publisher.
pub mod client;
#[cfg(test)]
mod dialogue;
mod fields;
mod framer;
#[doc(hidden)]
pub mod fuzz;
mod message;
pub mod server;
mod transport;
mod url;

pub use fields::{Range, RtpInfo, SessionField};
pub use framer::{BODY_BYTES_MAX, FrameError, Framer, GARBAGE_BYTES_MAX, HEAD_BYTES_MAX, Incoming};
pub use message::{Headers, Method, Request, Response, reason};
pub use transport::{Lower, Mode, Transport};
pub use url::{PORT, PORT_TLS, RtspUrl, UrlError};

/// What `Require` names in requests about a back channel. Source: ONVIF Streaming Specification §5.3.1.
pub const BACK_CHANNEL_FEATURE: &str = "www.onvif.org/ver20/backchannel";
