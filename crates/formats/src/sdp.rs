//! Session descriptions: tracks to SDP and back, for RTSP.
//!
//! Sources: RFC 8866 (SDP), RFC 2326 Appendix C and RFC 7826 Appendix D (in RTSP), the payload format RFCs named in
//! [`media::Codec`] for `a=fmtp`, ONVIF Streaming Specification §5.3 (back channels). [`parse`] forgives what
//! cameras get wrong and says what it left out; [`write()`] is strict.
mod fmtp;
mod lines;
mod parse;
mod payload;
mod write;

pub use parse::{MediaSection, Session, control_url, parse};
pub use payload::Payload;
pub use write::{SdpSpec, SectionSpec, assign_payload_types, write};

use media::Fault;

/// Longest session description read: 64 KiB. The largest fixture is 2 KiB; devices with many parameter sets stay
/// below 8.
pub const SDP_BYTES_MAX: usize = 64 << 10;

/// Most media sections read: 16. A device with four lenses, sound, metadata and a back channel has 7.
pub const SECTIONS_MAX: usize = 16;

/// Which way the media of a section goes, as the description says it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Direction {
    /// Both ways, or nothing said.
    #[default]
    SendRecv,
    /// `a=sendonly`.
    SendOnly,
    /// `a=recvonly`.
    RecvOnly,
    /// `a=inactive`.
    Inactive,
}

impl Direction {
    /// The attribute's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive]
            .into_iter()
            .find(|direction| direction.as_str().eq_ignore_ascii_case(name))
    }
}

/// A description that cannot be used at all. What concerns one section only is in [`Session::skipped`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// Longer than [`SDP_BYTES_MAX`].
    #[error("session description of {bytes} bytes, at most {SDP_BYTES_MAX} are read")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// No line of it begins a session or a media section.
    #[error("no session description: neither a v= nor an m= line in {bytes} bytes")]
    NotSdp {
        /// Its length.
        bytes: usize,
    },
}

impl SdpError {
    /// Whose fault it is: who sent the description.
    pub const fn fault(&self) -> Fault {
        Fault::Peer
    }
}

#[cfg(test)]
mod tests;
