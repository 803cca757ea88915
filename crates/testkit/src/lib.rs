//! For tests only: simulated devices, seeded network, virtual time, load, and real peers.

pub mod camera;
pub mod conference;
pub mod ear;
pub mod encoder;
pub mod homekit;
pub mod intercom;
pub mod load;
pub mod mark;
pub mod net;
pub mod peers;
pub mod process;
mod runner;
pub mod time;
pub mod tone;
