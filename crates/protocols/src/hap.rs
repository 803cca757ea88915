//! The HomeKit Accessory Protocol over IP, as accessory and as controller, without sockets, clocks and storage.
//!
//! Source: HAP specification for non-commercial use (R2), and how HAP-python, hap-nodejs, aiohomekit and hap-controller behave.
pub mod accessory;
pub mod advertisement;
pub mod camera;
pub mod controller;
mod crypto;
pub mod frames;
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
