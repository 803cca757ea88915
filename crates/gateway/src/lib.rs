//! Every media socket, turned into a publisher or a reader of the hub.
//!
//! - [`listeners`]: peers dial us: RTSP, RTMP, and media over HTTP and WebSocket.
//! - [`sources`]: we dial: RTSP, RTMP, byte streams over HTTP and TCP, files.
//! - [`outputs`]: we dial, and what is said goes out: ISAPI, RTSP back channels, HomeKit.
//! - [`homekit`]: streams as cameras of HomeKit, and its media.
//! - [`ingest`]: RTP of publishers and cameras to units, and byte streams of any container.
//! - [`bridges`]: streams as participants of rooms; the other way is one of the sources.
//! - [`talker`]: the microphone of somebody who plays a stream, into its talk stream.
//! - [`webrtc`]: sessions over one UDP and TCP port, for players and publishers.
//! - [`renditions`]: the hub's formats: what a unit becomes on the wire, once for all readers.
//! - [`net`]: drivers: binding, accepting, TLS, writing.
pub mod bridges;
pub mod config;
pub mod homekit;
pub mod ingest;
pub mod listeners;
pub mod net;
pub mod outputs;
pub mod renditions;
pub mod sources;
pub mod talker;
pub mod webrtc;

pub use config::GatewayConfig;
