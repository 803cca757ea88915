//! Whole conferences through the public API.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm
)]
mod bandwidth;
mod close;
mod data;
mod data_close;
mod direct;
mod fixtures;
mod webrtc;
mod workers;
