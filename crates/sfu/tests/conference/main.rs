//! Whole conferences through the public API.
mod bandwidth;
mod close;
mod data;
mod data_close;
mod direct;
mod fixtures;
mod webrtc;
mod workers;
