//! Statistics of an incoming stream, under mediasoup's names.
use serde::{Deserialize, Serialize};

/// What a producer's `get_stats` shows of one stream.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct IncomingStreamStats {
    /// The stream.
    pub ssrc: u32,
    /// Its retransmission stream.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rtx_ssrc: Option<u32>,
    /// Packets that never came, or not yet.
    pub packets_lost: u64,
    /// Lost in the last report interval, in 1/256.
    pub fraction_lost: u8,
    /// Jitter of arrival in ticks of the RTP clock.
    pub jitter: u32,
    /// Packets that came and were of no use: twice, or with a number from nowhere.
    pub packets_discarded: u64,
    /// Packets of the retransmission stream.
    pub packets_retransmitted: u64,
    /// Missing packets that came after they were asked for.
    pub packets_repaired: u64,
    /// NACKs sent.
    pub nack_count: u64,
    /// Packets asked for by NACKs.
    pub nack_packet_count: u64,
    /// PLIs sent.
    pub pli_count: u64,
    /// FIRs sent.
    pub fir_count: u64,
    /// Packets, without retransmissions.
    pub packet_count: u64,
    /// Their bytes, headers included.
    pub byte_count: u64,
    /// Bits a second over the last 2.5 s.
    pub bitrate: u64,
    /// Score, 0 to 10.
    pub score: u8,
    /// Retransmissions that repaired nothing.
    pub rtx_packets_discarded: u64,
}
