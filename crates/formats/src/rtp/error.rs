//! What can be wrong with an RTP packet, its payload, or a unit that is to become packets.
use media::{Codec, Fault};

/// Why bytes are no RTP packet. Always the peer's fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PacketError {
    /// The packet ends within something.
    #[error("RTP packet of {length} bytes ends within its {part}, at byte {at}")]
    Truncated {
        /// What was cut.
        part: &'static str,
        /// Where that starts.
        at: usize,
        /// Length of the packet.
        length: usize,
    },
    /// The version bits are not 2.
    #[error("RTP version {version} instead of 2")]
    Version {
        /// What they say.
        version: u8,
    },
    /// The padding count is zero or longer than what there is.
    #[error("RTP padding of {padding} bytes in a payload of {length} bytes")]
    Padding {
        /// The last byte of the packet.
        padding: u8,
        /// Bytes that could be padding.
        length: usize,
    },
}

impl PacketError {
    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        Fault::Peer
    }
}

/// Why the payload of a packet cannot be read. The frame it belongs to is lost; the next packet may be pushed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PayloadError {
    /// The payload ends within something.
    #[error("payload of RTP packet {sequence} ends within its {part}, at byte {at}")]
    Truncated {
        /// Sequence number of the packet.
        sequence: u16,
        /// What was cut.
        part: &'static str,
        /// Offset in the payload.
        at: usize,
    },
    /// A value that the payload format forbids or that is not understood.
    #[error("payload of RTP packet {sequence} has a bad {part} at byte {at}: {value}")]
    Invalid {
        /// Sequence number of the packet.
        sequence: u16,
        /// What is wrong.
        part: &'static str,
        /// Offset in the payload.
        at: usize,
        /// What it says.
        value: u32,
    },
    /// The frame grows beyond [`FRAME_BYTES_MAX`](super::FRAME_BYTES_MAX).
    #[error("frame grows beyond {limit} bytes at RTP packet {sequence}")]
    FrameTooLarge {
        /// Sequence number of the packet.
        sequence: u16,
        /// The limit.
        limit: usize,
    },
}

impl PayloadError {
    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        Fault::Peer
    }
}

/// Why no depacketizer or packetizer can be made for a track.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SetupError {
    /// Lengths of AU header fields that no AU header can have.
    #[error("AAC AU header of {size_length}+{index_length}+{index_delta_length} bits is not possible")]
    AuHeader {
        /// `sizelength`.
        size_length: u8,
        /// `indexlength`.
        index_length: u8,
        /// `indexdeltalength`.
        index_delta_length: u8,
    },
    /// An RTP clock of zero ticks a second.
    #[error("RTP clock rate of {codec} is zero")]
    ClockRate {
        /// The codec of the track.
        codec: Codec,
    },
    /// A packet size that leaves no room for a payload, or that RTP over TCP cannot say.
    #[error("RTP packets of at most {bytes} bytes are not possible")]
    PacketSize {
        /// What was asked for.
        bytes: usize,
    },
}

impl SetupError {
    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        match self {
            SetupError::AuHeader { .. } | SetupError::ClockRate { .. } => Fault::Peer,
            SetupError::PacketSize { .. } => Fault::Config,
        }
    }
}

/// Why a unit cannot become packets. Nothing of it was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PacketizeError {
    /// The unit is not what [`media::Unit`] says about its codec.
    #[error("{codec} unit has a bad {part} at byte {at}")]
    Malformed {
        /// The codec.
        codec: Codec,
        /// What is wrong.
        part: &'static str,
        /// Offset in the unit.
        at: usize,
    },
    /// The payload format has no way to say it.
    #[error("RTP cannot carry this {codec} unit: {what}")]
    NotCarried {
        /// The codec.
        codec: Codec,
        /// What it cannot say.
        what: &'static str,
    },
}

impl PacketizeError {
    /// Whose fault it is: who produced the unit.
    pub const fn fault(&self) -> Fault {
        Fault::Peer
    }
}
