//! The whole protocol, by sessions without a transport. Media is negotiated, and flows where bots are (`bots`).
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "all of this is a test")]

mod admin;
mod bots;
mod bridge;
mod doors;
mod fixtures;
mod life;
mod limits;
mod media;
mod shapes;
