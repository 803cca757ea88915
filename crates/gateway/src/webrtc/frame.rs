//! Frames as RTP payloads, made once per stream and shared by all its players.
use media::TrackId;
use std::sync::Arc;

/// One RTP payload, without header.
#[derive(Clone, Debug)]
pub struct SendPacket {
    /// The payload, shared by the players and by what they keep for retransmission.
    pub payload: Arc<[u8]>,
    /// The last packet of its frame.
    pub marker: bool,
}

/// One frame, cut into RTP payloads.
#[derive(Clone, Debug)]
pub struct SendFrame {
    /// The track it belongs to.
    pub track: TrackId,
    /// When it is shown, in ticks of the track's clock; the RTP timestamp is its low 32 bits.
    pub pts: i64,
    /// A player may start here.
    pub keyframe: bool,
    /// In order; at least one.
    pub packets: Vec<SendPacket>,
}
