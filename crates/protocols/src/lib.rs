//! Sans-IO sessions: bytes and time in; bytes, events and the next moment out.
//!
//! - [`auth`]: HTTP, RTSP and SIP authentication, both sides.
//! - [`rtsp`]: RTSP client and server sessions.
//! - [`rtmp`]: RTMP client and server sessions.
pub mod auth;
pub mod rtmp;
pub mod rtsp;
