//! HomeKit: our streams as cameras in Apple's Home, over the sans-IO protocol of [`protocols::hap`].
//!
//! - [`srtp`]: one UDP socket for the media of all sessions, whoever began them.
pub mod srtp;
