//! The protocol `dataSend`: a controller opens a transfer, the accessory sends data in pieces, either closes it.
//!
//! Source: hap-nodejs 1.2.0 (`RecordingManagement`), which speaks it with Apple's hubs. A recording is one transfer: a
//! [`DataType::Initialization`], which is the file's head, and then fragments, each in chunks. [`Chunks`] cuts what an accessory
//! sends, [`Assembler`] owns what a controller has got of a piece.
mod assembler;
mod chunks;
mod messages;

pub use assembler::{Assembler, AssemblyError, PIECE_BYTES_MAX, Piece};
pub use chunks::{CHUNK_BYTES, Chunks};
pub use messages::{Close, Data, DataType, Open, Packet, RECORDING, Reason, open_answer};

/// The protocol's name.
pub const PROTOCOL: &str = "dataSend";
/// The request that opens a transfer.
pub const OPEN: &str = "open";
/// The event with data.
pub const DATA: &str = "data";
/// The event with which a controller says that it has all of it.
pub const ACK: &str = "ack";
/// The event that ends a transfer before its end.
pub const CLOSE: &str = "close";
