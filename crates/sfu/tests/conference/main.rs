//! Whole conferences through the public API.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::wildcard_enum_match_arm
)]
mod aiortc;
mod bandwidth;
mod close;
mod data;
mod data_close;
mod direct;
mod example;
mod ffmpeg;
mod fixtures;
mod goodbye;
mod limits;
mod observers;
mod pipe;
mod plain;
mod ports;
mod red;
mod trace;
mod webrtc;
mod workers;
