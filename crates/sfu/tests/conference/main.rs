//! Whole conferences through the public API.
mod close;
mod direct;
mod fixtures;
mod webrtc;
mod workers;
