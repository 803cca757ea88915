//! Trace events: single packets of a producer or consumer, and what a transport does about its way, for whoever looks
//! for a fault. Names and JSON are mediasoup's.
//!
//! They come in a stream of their own, since they are many: a listener that is slow loses the newest, and is told how
//! many. Nothing is made of a packet that nobody wants to see.
use serde::{Deserialize, Serialize};

/// What of a producer is traced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProducerTraceEventType {
    /// Each RTP packet.
    Rtp,
    /// Each RTP packet that begins a key frame.
    KeyFrame,
    /// Lost packets are asked for.
    Nack,
    /// A key frame is asked for, by PLI.
    Pli,
    /// A key frame is asked for, by FIR.
    Fir,
    /// A sender report.
    Sr,
}

/// What of a consumer is traced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConsumerTraceEventType {
    /// Each RTP packet.
    Rtp,
    /// Each RTP packet that begins a key frame.
    KeyFrame,
    /// Its endpoint asks for lost packets.
    Nack,
    /// Its endpoint asks for a key frame, by PLI.
    Pli,
    /// Its endpoint asks for a key frame, by FIR.
    Fir,
}

/// What of a transport is traced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransportTraceEventType {
    /// Each packet that is sent only to find out whether the way bears more.
    Probation,
    /// Each change of the estimate of what the way to the peer bears.
    Bwe,
}

/// Which way a packet went, as we see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TraceEventDirection {
    /// To us.
    In,
    /// From us.
    Out,
}

/// One packet, or what came of several. `T` is [`ProducerTraceEventType`], [`ConsumerTraceEventType`] or
/// [`TransportTraceEventType`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TraceEvent<T> {
    /// What it is.
    pub r#type: T,
    /// Milliseconds of the worker's clock.
    pub timestamp: u64,
    /// Which way it went.
    pub direction: TraceEventDirection,
    /// What was in it.
    pub info: TraceEventInfo,
}

/// What was in a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum TraceEventInfo {
    /// Of [`ProducerTraceEventType::Rtp`] and `KeyFrame`, and of [`TransportTraceEventType::Probation`].
    Rtp(RtpPacketTraceInfo),
    /// Of `Pli` and `Fir`.
    #[serde(rename_all = "camelCase")]
    KeyFrameRequest {
        /// The stream that is to send one.
        ssrc: u32,
    },
    /// Of `Nack`.
    #[serde(rename_all = "camelCase")]
    Nack {
        /// The stream.
        ssrc: u32,
        /// How many packets.
        lost: usize,
    },
    /// Of `Sr`.
    Sr(SrTraceInfo),
    /// Of [`TransportTraceEventType::Bwe`].
    Bwe(BweTraceInfo),
}

/// An RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RtpPacketTraceInfo {
    /// Its stream.
    pub ssrc: u32,
    /// Its codec.
    pub payload_type: u8,
    /// Its number.
    pub sequence_number: u16,
    /// Its time.
    pub timestamp: u32,
    /// Its marker.
    pub marker: bool,
    /// Bytes in all, before they are enciphered.
    pub size: usize,
    /// Bytes of payload.
    pub payload_size: usize,
    /// It begins a key frame.
    pub is_key_frame: bool,
    /// It is of a retransmission stream.
    pub is_rtx: bool,
}

/// A sender report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SrTraceInfo {
    /// The sender.
    pub ssrc: u32,
    /// Its clock: seconds of NTP time.
    pub ntp_sec: u32,
    /// Its clock: 1/2^32 seconds.
    pub ntp_frac: u32,
    /// The RTP time at that moment.
    pub rtp_ts: u32,
    /// Packets that it sent.
    pub packet_count: u32,
    /// Bytes of payload that it sent.
    pub octet_count: u32,
}

/// Bits a second of the way to a transport's peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct BweTraceInfo {
    /// What all consumers of the transport could use.
    pub desired_bitrate: u64,
    /// The estimate never falls below.
    pub min_bitrate: u64,
    /// The estimate never rises above; 4294967295 without a limit.
    pub max_bitrate: u64,
    /// The estimate.
    pub available_bitrate: u64,
}
