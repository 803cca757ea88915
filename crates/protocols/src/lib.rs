//! Sans-IO sessions: bytes and time in; bytes, events and the next moment out.
//!
//! - [`auth`]: HTTP, RTSP and SIP authentication, both sides.
//! - [`hap`]: the HomeKit Accessory Protocol, both sides: pairing, sessions, accessories, cameras' streams.
//! - [`isapi`]: the talk channel of Hikvision cameras and intercoms, client.
//! - [`rtsp`]: RTSP client and server sessions.
//! - [`rtmp`]: RTMP client and server sessions.
//! - [`srtp`]: packets enciphered and authenticated, in place.
pub mod auth;
pub mod hap;
pub mod isapi;
pub mod rtmp;
pub mod rtsp;
pub mod srtp;
