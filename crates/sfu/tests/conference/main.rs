//! Whole conferences through the public API.
mod bandwidth;
mod close;
mod direct;
mod fixtures;
mod webrtc;
mod workers;
