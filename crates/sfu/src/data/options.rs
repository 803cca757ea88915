//! What an association may hold, and how long it waits: mediasoup's defaults, and ours where the crate below needs another.
//!
//! Source: mediasoup 3.27 (`SctpOptions.hpp`, `ortc`, documented defaults), RFC 9260 §15, RFC 8831 §6.6.
use std::time::Duration;

/// SCTP's port inside DTLS or a pipe: 5000, as everybody has it (RFC 8841's examples, mediasoup).
pub const PORT: u16 = 5_000;

/// Largest SCTP packet we send: 1191 bytes, so that DTLS (up to 77 bytes), UDP and IPv6 stay within 1280.
/// Source: mediasoup's MTU for SCTP.
pub const MTU: usize = 1_191;

/// Smallest MTU taken: 576 bytes, what IPv4 must carry; below that the headers eat the data.
pub(super) const MTU_MIN: usize = 576;

/// Largest SCTP packet taken in: 16 KiB, one DTLS record. A packet of a real peer is at most one path MTU.
pub(super) const PACKET_MAX: usize = 16_384;

/// First retransmission timeout: 500 ms. Source: mediasoup.
pub(super) const RTO_INITIAL: Duration = Duration::from_millis(500);

/// Shortest retransmission timeout: 400 ms, twice the 200 ms for which an acknowledgement may be delayed. Source: mediasoup.
pub(super) const RTO_MIN: Duration = Duration::from_millis(400);

/// Longest retransmission timeout: 10 s. mediasoup has 60 s; after an outage of a minute nobody wants to wait for
/// another one until the channels move again, and one packet in 10 s harms no network.
pub(super) const RTO_MAX: Duration = Duration::from_secs(10);

/// How often INIT, COOKIE-ECHO and stream resets are repeated: 8 times, 45 s in all. Source: mediasoup, RFC 9260 §15.
pub(super) const RETRANSMITS_OF_INIT: usize = 8;

/// Streams the peer may use without anybody here having opened them: 256. A browser's page has a handful, and
/// each costs memory and a look at every packet.
pub(super) const STRANGERS_MAX: usize = 256;

/// How long the peer's SHUTDOWN is answered: 10 s, some retransmissions of its last word.
pub(super) const LINGER: Duration = Duration::from_secs(10);

/// The limits of one association.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AssociationOptions {
    /// Largest message we send, in bytes: what the peer says it takes. Default 262144.
    pub max_send_message_size: u32,
    /// Largest message we take, in bytes; a longer one ends the association. Default 262144.
    pub max_receive_message_size: u32,
    /// Bytes that all streams together may have waiting to be acknowledged. Default 2000000.
    pub send_buffer_size: u32,
    /// The same for each stream. Default 2000000.
    pub per_stream_send_queue_limit: u32,
    /// Bytes received that wait for missing ones or for the caller; it is the window we announce. Default 5242880.
    /// Raised to the largest message received, which could not be completed otherwise.
    pub max_receiver_window_buffer_size: u32,
    /// `BufferedAmountLow` comes when a stream's buffered amount falls to this. Default 1024.
    pub default_stream_buffered_amount_low_threshold: u32,
    /// Largest SCTP packet we send, in bytes. Default [`MTU`]; at least 576.
    pub mtu: usize,
}

impl Default for AssociationOptions {
    fn default() -> Self {
        Self {
            max_send_message_size: 262_144,
            max_receive_message_size: 262_144,
            send_buffer_size: 2_000_000,
            per_stream_send_queue_limit: 2_000_000,
            max_receiver_window_buffer_size: 5_242_880,
            default_stream_buffered_amount_low_threshold: 1_024,
            mtu: MTU,
        }
    }
}

impl AssociationOptions {
    /// mediasoup's defaults.
    pub fn new() -> Self {
        Self::default()
    }
}
