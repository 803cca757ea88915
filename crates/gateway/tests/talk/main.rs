//! What is said in a talk stream, heard at simulated devices and at real peers, over real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::wildcard_enum_match_arm,
    clippy::print_stderr,
    reason = "a test may fail by panic, and says what it measured"
)]
mod aac;
mod camera;
mod devices;
mod homekit;
mod house;
mod intercom;
mod latency;
mod programs;
mod upload;
mod voices;
