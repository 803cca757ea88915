//! ORTC from outside: what browsers send, what mediasoup's types read, and what holds for any input.
#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]
mod browser;
mod fixtures;
mod properties;
mod red;
mod wire;
