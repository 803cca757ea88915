//! HomeKit: what its accessories (we serve) and its cameras (we dial, [`crate::sources::homekit`]) share.
//!
//! - [`secrets`]: identities, keys and pairings, in a file of their own.
//! - [`mdns`]: announcing and finding on the network.
pub mod hex;
pub mod mdns;
pub mod secrets;
