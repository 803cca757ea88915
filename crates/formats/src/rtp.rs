//! RTP: packets, payload formats both ways, reordering and RTCP.
//!
//! - [`Packet`], [`Header`]: what is on the wire (RFC 3550).
//! - [`Reorder`]: packets from UDP into order.
//! - [`Depacketizer`]: packets to frames; [`Packetizer`]: units to packets.
//! - [`rtcp`]: reports and feedback; [`framing`]: datagrams over a connection.
mod batch;
mod cursor;
mod depacketizer;
mod error;
pub mod framing;
pub mod fuzz;
mod jpeg_tables;
mod packet;
mod packetizer;
mod reorder;
pub mod rtcp;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use batch::{INTERLEAVED_HEADER_BYTES, PacketBatch, Packets, Segments};
pub use depacketizer::{
    AacPayload, Depacketizer, DepacketizerOptions, DepacketizerStats, FRAME_BYTES_MAX, Frame,
};
pub use error::{PacketError, PacketizeError, PayloadError, SetupError};
pub use packet::{Extension, HEADER_BYTES, Header, Packet};
pub use packetizer::{PACKET_BYTES_MIN, Packetizer, PacketizerOptions};
pub use reorder::{Reorder, ReorderOptions, ReorderStats};

/// The RTP clock rate that a track has by itself: that of the track, but 90 kHz for MPEG audio (RFC 3551 §4.5.13).
pub const fn clock_rate(track: &media::Track) -> u32 {
    match track.codec {
        media::Codec::Mp3 => 90_000,
        media::Codec::H264
        | media::Codec::H265
        | media::Codec::Av1
        | media::Codec::Vp8
        | media::Codec::Vp9
        | media::Codec::Mjpeg
        | media::Codec::Aac
        | media::Codec::Opus
        | media::Codec::Pcmu
        | media::Codec::Pcma
        | media::Codec::G722
        | media::Codec::L16 => track.clock_rate,
    }
}
