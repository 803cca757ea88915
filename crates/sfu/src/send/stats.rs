//! Statistics of an outgoing stream, under mediasoup's names.
use serde::{Deserialize, Serialize};

/// What a consumer's `get_stats` shows of its stream.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct OutgoingStreamStats {
    /// The stream.
    pub ssrc: u32,
    /// Its retransmission stream.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtx_ssrc: Option<u32>,
    /// Packets that the receiver lost, as it says.
    pub packets_lost: u64,
    /// Lost in its last report interval, in 1/256.
    pub fraction_lost: u8,
    /// Jitter of arrival in ticks of the RTP clock, as it says.
    pub jitter: u32,
    /// Packets that it asked for and did not get: no longer stored, or just sent again.
    pub packets_discarded: u64,
    /// Packets sent again.
    pub packets_retransmitted: u64,
    /// Packets sent again, each counted once.
    pub packets_repaired: u64,
    /// NACKs received.
    pub nack_count: u64,
    /// Packets asked for by NACKs.
    pub nack_packet_count: u64,
    /// PLIs received.
    pub pli_count: u64,
    /// FIRs received.
    pub fir_count: u64,
    /// Packets, without retransmissions.
    pub packet_count: u64,
    /// Their bytes, headers included.
    pub byte_count: u64,
    /// Bits a second over the last 2.5 s, without retransmissions.
    pub bitrate: u64,
    /// Score, 0 to 10.
    pub score: u8,
    /// Round trip in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub round_trip_time: Option<f32>,
}
