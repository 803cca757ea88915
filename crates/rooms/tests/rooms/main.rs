//! The whole protocol, by sessions without a transport; media is negotiated, none flows.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "all of this is a test")]

mod admin;
mod bridge;
mod doors;
mod fixtures;
mod life;
mod limits;
mod media;
mod shapes;
