//! How a session is asked for: addresses, role, bandwidth.
use crate::webrtc::WebRtcError;
use media::Tracks;
use std::net::SocketAddr;
use str0m::Candidate;
use str0m::net::Protocol;

/// What a datagram travels in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Transport {
    /// UDP.
    Udp,
    /// TCP with RFC 4571 framing; the frame is the caller's work. We only listen (`tcptype passive`).
    Tcp,
}

impl Transport {
    pub(super) const fn protocol(self) -> Protocol {
        match self {
            Transport::Udp => Protocol::Udp,
            Transport::Tcp => Protocol::Tcp,
        }
    }
}

/// An address at which we can be reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LocalCandidate {
    /// UDP, or TCP where we listen.
    pub transport: Transport,
    /// What the peer is told.
    pub address: SocketAddr,
    /// Our own address behind a one-to-one NAT that maps `address` to it; `None` when they are the same.
    pub base: Option<SocketAddr>,
}

impl LocalCandidate {
    /// An address of this machine.
    pub const fn host(transport: Transport, address: SocketAddr) -> Self {
        Self { transport, address, base: None }
    }

    pub(super) fn build(&self) -> Result<Candidate, WebRtcError> {
        let bad = |error: str0m::error::IceError| WebRtcError::BadCandidate(error.to_string());
        match (self.transport, self.base) {
            (Transport::Udp, None) => Candidate::builder().udp().host(self.address).build(),
            (Transport::Udp, Some(base)) => {
                Candidate::builder().udp().server_reflexive(self.address, base).build()
            }
            (Transport::Tcp, None) => {
                Candidate::builder().tcp().host(self.address).tcptype(str0m::net::TcpType::Passive).build()
            }
            (Transport::Tcp, Some(base)) => Candidate::builder()
                .tcp()
                .server_reflexive(self.address, base)
                .tcptype(str0m::net::TcpType::Passive)
                .build(),
        }
        .map_err(bad)
    }
}

/// How the bandwidth towards a player is judged. Publishers always get transport-wide feedback, for their encoders.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bandwidth {
    /// Not at all: packets leave at once. Losses and round trip time still come from receiver reports.
    Unknown,
    /// The player's own estimate (REMB), where it makes one; packets leave at once.
    Receiver,
    /// Ours, from transport-wide feedback, starting at so many bits a second; packets are paced accordingly. More than
    /// half as much work again per packet (measured: 2.2 µs instead of 1.35), and a joining player waits for the pacer.
    Sender {
        /// Bits a second.
        initial: u64,
    },
}

/// What the peer is to us.
#[derive(Clone, Debug)]
pub enum Role {
    /// We send these tracks; those that the peer cannot receive are left out.
    Player(Tracks),
    /// A player whose microphone is taken, where it offers one.
    Talker(Tracks),
    /// It sends, we receive.
    Publisher,
}

/// How to answer.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// Player, talker or publisher.
    pub role: Role,
    /// Answer connectivity checks, make none: for servers with public addresses. Mapped candidates
    /// ([`LocalCandidate::base`]) do not work with it.
    pub ice_lite: bool,
    /// Where we can be reached; at least one.
    pub candidates: Vec<LocalCandidate>,
    /// For players.
    pub bandwidth: Bandwidth,
}
