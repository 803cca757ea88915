//! What a conference costs. Measurements, not checks: `cargo test --release -p aqueduct-sfu --test measure -- --ignored
//! --nocapture NAME`; figures stand in docs/performance.md.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::wildcard_enum_match_arm
)]
mod join;
mod loads;
mod memory;
mod room;
