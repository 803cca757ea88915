//! What a session hands out: datagrams, events, counters.
use super::config::Transport;
use media::{Moment, Track, TrackId, Unit};
use std::net::SocketAddr;
use std::time::Duration;

/// A datagram to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transmit {
    /// Over UDP, or over the TCP connection between the two addresses.
    pub transport: Transport,
    /// The local address to send from.
    pub source: SocketAddr,
    /// The peer.
    pub destination: SocketAddr,
    /// The datagram, or the contents of the frame.
    pub contents: Vec<u8>,
}

/// Why a session is over.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EndReason {
    /// [`Session::close`](super::Session::close) was called.
    #[error("closed")]
    Closed,
    /// The peer said goodbye.
    #[error("the peer closed the connection")]
    PeerClosed,
    /// No connection within [`CONNECT_MAX`](super::CONNECT_MAX).
    #[error("the peer never connected")]
    NeverConnected,
    /// The peer does not answer any more.
    #[error("the connection to the peer was lost")]
    Lost,
    /// The engine gave up: a wrong certificate, a broken handshake.
    #[error("webrtc engine: {0}")]
    Engine(String),
}

/// What happened.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// Media can flow.
    Connected,
    /// A player lost its picture and wants a key frame.
    KeyframeWanted {
        /// The video track.
        track: TrackId,
    },
    /// What the way to a player can carry.
    Estimate {
        /// Bits a second, all tracks together.
        bits_per_second: u64,
    },
    /// A publisher's or talker's tracks: before its first unit, and again when their parameters change. Known once each sends, or
    /// some seconds later without those that do not.
    Tracks(Vec<Track>),
    /// A publisher's or talker's frame.
    Unit(Unit),
    /// Over; nothing comes after this.
    Ended(EndReason),
}

/// The next thing the caller does.
#[derive(Clone, PartialEq, Debug)]
pub enum Output {
    /// Send this, then poll again.
    Transmit(Transmit),
    /// Take note, then poll again.
    Event(Event),
    /// Drained: poll again at this moment, or after any `handle_*`, `send_*` or other change.
    WaitUntil(Moment),
}

/// Counters of a session.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct Stats {
    /// RTP packets sent, without retransmissions.
    pub packets_sent: u64,
    /// Their payloads' bytes.
    pub bytes_sent: u64,
    /// RTP packets received.
    pub packets_received: u64,
    /// Their payloads' bytes.
    pub bytes_received: u64,
    /// Packets of the peer that never came.
    pub packets_lost: u64,
    /// Packets the peer asked for again, or we did.
    pub nacks: u64,
    /// Key frames the peer asked for.
    pub keyframes_wanted: u64,
    /// Round trip time, from reports.
    pub rtt: Option<Duration>,
    /// Share of packets lost on the way, 0 to 1, from the last reports.
    pub loss: Option<f32>,
    /// The newest estimate, bits a second.
    pub estimate: Option<u64>,
}
