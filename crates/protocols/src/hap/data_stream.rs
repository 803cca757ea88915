//! HomeKit Data Streams: enciphered messages on a TCP connection beside the session; both sides. Cameras send recordings this way.
//!
//! Source: the Data Stream part of the HomeKit specification as hap-nodejs 1.2.0 speaks it with Apple's hubs
//! (`tests/hap_peers` has it talk with us). The order is: the controller writes [`setup::SetupRequest`] and reads
//! [`setup::SetupResponse`] on its session; it connects to the port, says hello, and then [`data_send`] carries what was asked for.
//!
//! - [`Connection`] is one connection of either side: bytes in, messages out. An accessory does not know whose connection it has
//!   accepted: [`Accepted`] finds that out by the first frame.
//! - [`keys`] come of the session that the stream was set up on; [`frames`] are enciphered with them.
//! - [`value`] is what messages are made of, [`Message`] what they say.
mod connection;
pub mod data_send;
pub mod frames;
pub mod keys;
mod message;
pub mod setup;
#[cfg(test)]
mod tests;
pub mod value;

pub use connection::{Accepted, Connection, Output, REQUESTS_MAX, StreamError};
pub use keys::DataStreamKeys;
pub use message::{Kind, Message, MessageError, Status};
