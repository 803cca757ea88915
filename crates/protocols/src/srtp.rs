//! SRTP and SRTCP: packets enciphered and authenticated, in place.
//!
//! Source: RFC 3711, RFC 5764 (ids and keying material), RFC 6188 (key derivation with 256 bits), RFC 7714 (GCM).
//! [`Protector`] is the outgoing direction of one transport, [`Unprotector`] the incoming one; each owns the keys of
//! its direction and what it knows of each SSRC. Nothing here needs random numbers: nonces are made of SSRC and index.
//!
//! What whoever sends must keep, since with GCM a nonce used for two different packets gives the authentication key away:
//!
//! - A packet sent again under its old sequence number (a NACK answered without RTX) must be the same to the byte, header
//!   extensions included. A receiver that has the first one refuses the second as replayed: RFC 3711 §3.3.2 cannot tell
//!   them apart. RTX (RFC 4588) has neither trouble.
//! - An SSRC that was forgotten by [`Protector::forget`] must not be used again with the same keys.
//! - The first sequence number of an SSRC should be below 2^15 (RFC 3711 §3.3.1), so that a receiver that misses the first
//!   packets does not take the second round of numbers for the first.
//!
//! [`table`] is for many peers on one socket.
//!
//! Not here: MKI, key derivation rates, header extension encryption (RFC 6904).
mod cipher;
mod cm;
mod derive;
mod error;
pub mod fuzz;
mod gcm;
mod header;
mod index;
mod master_key;
mod profile;
mod protector;
mod replay;
mod ssrcs;
pub mod table;
#[cfg(test)]
mod tests;
mod unprotector;

pub use error::{PacketId, SrtpError};
pub use header::PACKET_BYTES_MAX;
pub use master_key::MasterKey;
pub use profile::Profile;
pub use protector::{Protector, SSRCS_SENT_MAX};
pub use replay::REPLAY_WINDOW;
pub use unprotector::{SSRCS_RECEIVED_MAX, Unprotector};
