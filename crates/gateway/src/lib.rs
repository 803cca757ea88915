//! Every media socket: sources, listeners and their drivers.
pub mod webrtc;
