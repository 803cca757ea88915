//! HomeKit: our streams as cameras in Apple's Home, and what they share with cameras that we dial ([`crate::sources`]), over the
//! sans-IO protocol of [`protocols::hap`].
//!
//! - [`HomekitAccess`]: all of it that cameras of others need, and pairing with them.
//! - [`accessory`]: our streams as cameras, served to controllers.
//! - [`secrets`]: identities, keys and pairings, in a file of their own.
//! - [`mdns`]: announcing and finding on the network.
//! - `sound`, `hearing`, `rtp`, `opus_clock`: sound as it was agreed on, out and in, the same on both sides of the protocol.
//! - `speakers`: who of the cameras that we dial can be talked to now.
//! - [`srtp`]: one UDP socket for the media of all sessions, whoever began them.
pub mod accessory;
mod cameras;
pub(crate) mod hearing;
pub mod hex;
pub(crate) mod line;
pub mod mdns;
pub(crate) mod opus_clock;
pub(crate) mod rtp;
pub mod secrets;
pub(crate) mod sound;
pub(crate) mod speakers;
pub mod srtp;

pub use cameras::{CameraError, HomekitAccess, Hurdle};
