//! What can be wrong with a key or a packet.
use super::header::PACKET_BYTES_MAX;
use super::{Profile, SSRCS_SENT_MAX};
use media::Fault;
use std::fmt;

/// Which packet an error is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PacketId {
    /// An RTP packet.
    Rtp {
        /// Its SSRC.
        ssrc: u32,
        /// Its sequence number.
        sequence_number: u16,
    },
    /// An RTCP packet.
    Rtcp {
        /// The SSRC of its first report.
        ssrc: u32,
        /// Its SRTCP index.
        index: u32,
    },
}

impl fmt::Display for PacketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rtp { ssrc, sequence_number } => write!(f, "RTP packet {sequence_number} of SSRC {ssrc}"),
            Self::Rtcp { ssrc, index } => write!(f, "RTCP packet {index} of SSRC {ssrc}"),
        }
    }
}

/// A key that is none, or a packet that is not protected or not accepted. Of those about packets, none changes the state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SrtpError {
    /// A master key of the wrong length.
    #[error("{profile} wants a key of {} bytes, not {got}", .profile.key_bytes())]
    KeyLength {
        /// The profile it was for.
        profile: Profile,
        /// Its bytes.
        got: usize,
    },
    /// A master salt of the wrong length.
    #[error("{profile} wants a salt of {} bytes, not {got}", .profile.salt_bytes())]
    SaltLength {
        /// The profile it was for.
        profile: Profile,
        /// Its bytes.
        got: usize,
    },
    /// Key and salt in one, of the wrong length.
    #[error("{profile} wants a key and salt of {} bytes, not {got}", .profile.key_bytes() + .profile.salt_bytes())]
    KeyAndSaltLength {
        /// The profile they were for.
        profile: Profile,
        /// Their bytes.
        got: usize,
    },
    /// Keying material of the wrong length.
    #[error("{profile} wants keying material of {} bytes, not {got}", .profile.keying_material_bytes())]
    KeyingMaterialLength {
        /// The profile it was for.
        profile: Profile,
        /// Its bytes.
        got: usize,
    },
    /// Key and salt are not in base64.
    #[error("the master key is not base64")]
    KeyBase64,
    /// The packet ends within its header or tag.
    #[error("{got} bytes are too few for the packet's header and tag")]
    Short {
        /// Its bytes.
        got: usize,
    },
    /// The packet is longer than any datagram.
    #[error("a packet of {got} bytes is above the limit of {PACKET_BYTES_MAX}")]
    Long {
        /// Its bytes.
        got: usize,
    },
    /// Its first byte names another version of RTP than 2.
    #[error("version {got} of RTP is not 2")]
    Version {
        /// The version.
        got: u8,
    },
    /// The tag is not that of the packet: somebody changed it, or keys or rollover counters differ.
    #[error("{0} has a wrong tag")]
    Authentication(PacketId),
    /// The packet was accepted before.
    #[error("{0} was received before")]
    Replayed(PacketId),
    /// The packet is behind the replay window, so nobody knows whether it was accepted before.
    #[error("{0} is too old to know whether it was received before")]
    TooOld(PacketId),
    /// A packet to send, with a number before the first round of numbers began: no index is left for it.
    #[error("{0} comes before the first round of sequence numbers")]
    BeforeFirst(PacketId),
    /// The key may protect no more packets of this SSRC: new keys are needed.
    #[error("{0} is past the last index of this key")]
    IndexExhausted(PacketId),
    /// A packet to send of one SSRC too many.
    #[error("SSRC {ssrc} is one more than the {SSRCS_SENT_MAX} that a transport sends")]
    TooManySsrcs {
        /// The SSRC.
        ssrc: u32,
    },
    /// The cryptographic library refused a key or a packet to send; it says no more. The packet may be spoilt.
    #[error("the cryptographic library refuses")]
    Crypto,
}

impl SrtpError {
    /// Whose fault it is.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::KeyLength { .. }
            | Self::SaltLength { .. }
            | Self::KeyAndSaltLength { .. }
            | Self::KeyBase64 => Fault::Config,
            Self::Short { .. }
            | Self::Long { .. }
            | Self::Version { .. }
            | Self::Authentication(_)
            | Self::Replayed(_)
            | Self::TooOld(_) => Fault::Peer,
            Self::KeyingMaterialLength { .. }
            | Self::BeforeFirst(_)
            | Self::IndexExhausted(_)
            | Self::TooManySsrcs { .. }
            | Self::Crypto => Fault::Us,
        }
    }
}

impl From<aws_lc_rs::error::Unspecified> for SrtpError {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self::Crypto
    }
}
