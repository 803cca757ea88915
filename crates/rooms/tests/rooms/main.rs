//! The whole protocol, by sessions without a transport; media is negotiated, none flows.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm
)]
mod admin;
mod doors;
mod fixtures;
mod life;
mod limits;
mod media;
mod shapes;
