//! Conferences as a library, in the shape of mediasoup's Rust crate, so that its users find their names again.
//!
//! What is here so far is the pure part: [`rtp_parameters`] the values that travel as JSON between an
//! application, a router and `mediasoup-client`; [`scalability_mode`] the layers of a stream; [`ortc`] who can
//! receive what from whom, and with which numbers. For media, [`consumer_stream`] turns a producer's packets into
//! one consumer's: [`payload`] reads them, [`layers`] chooses, [`rewrite`] numbers. No I/O, no clock, no randomness: SSRCs are an argument.
pub mod consumer_stream;
pub mod layers;
pub mod ortc;
pub mod payload;
pub mod rewrite;
pub mod rtp_parameters;
pub mod scalability_mode;
mod supported;

pub use supported::supported_rtp_capabilities;
