//! The HomeKit Accessory Protocol over IP, as accessory and as controller, without sockets, clocks and storage.
//!
//! Source: HAP specification for non-commercial use (R2), and how HAP-python, hap-nodejs, aiohomekit and hap-controller behave;
//! `tests/hap_peers` has all four of them talk with us.
//!
//! - A whole connection: [`session`] of an accessory, [`controller`] of a controller.
//! - Trust: [`pairing`] (setup, verify, administration), of [`srp`] which proves the setup code; [`random`] is where secrets come from.
//! - What carries it: [`http`] messages in [`frames`]; [`tlv8`] in their bodies.
//! - What is said: [`accessory`] its services, values and events; [`camera`] streams.
//! - What does not fit into it: [`data_stream`], on which cameras send recordings.
//! - How it is found: [`advertisement`] on the network, [`setup_uri`] in the code to be scanned, [`derived`] names of go2rtc.
//!
//! Not here: Bluetooth, Thread, certificates of Apple's, resumption of sessions.
pub mod accessory;
pub mod advertisement;
pub mod camera;
pub mod controller;
mod crypto;
pub mod data_stream;
pub mod derived;
pub mod frames;
pub mod fuzz;
mod group;
pub mod http;
pub mod pairing;
pub mod random;
pub mod session;
pub mod setup_uri;
pub mod srp;
#[cfg(test)]
mod tests;
pub mod tlv8;
