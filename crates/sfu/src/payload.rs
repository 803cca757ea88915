//! What a packet says of its frame, per codec: key frame or not, which layers, where the frame begins and ends.
//!
//! [`StreamReader`] reads each packet of a producer's stream once, for all its consumers. Payloads are looked at,
//! never touched. Hostile bytes are [`Unreadable`].
mod av1;
mod bits;
mod dependency;
mod elements;
mod h264;
mod h265;
mod red;
mod stream_reader;
mod unwrap;
mod vp8;
mod vp9;

pub use dependency::{CHAINS_MAX, Dependency, DependencyReader, Described, Structure, Template};
pub use elements::Elements;
pub(crate) use elements::{ONE_BYTE, TWO_BYTES};
pub(crate) use red::HEADER_BYTES as RED_HEADER_BYTES;
pub use red::{RED_BLOCKS_MAX, Red, RedTypes};
pub use stream_reader::{InboundPacket, SEQUENCE_GAP_MAX, StreamReader};
pub use vp8::Vp8;
pub use vp9::{Resolution, Vp9, Vp9Structure};

#[cfg(test)]
pub(crate) use dependency::tests::{key_frame_of_l1t2, short};

use crate::rtp_parameters::{MimeType, MimeTypeVideo};

/// How payloads are to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum PayloadFormat {
    /// RFC 7741.
    Vp8,
    /// RFC 9628.
    Vp9,
    /// RFC 6184.
    H264,
    /// RFC 7798.
    H265,
    /// RTP payload format for AV1 1.0.
    Av1,
    /// RFC 2198, and beside it packets without redundancy.
    Red(RedTypes),
    /// Sound and whatever else has no layers: each packet stands for itself.
    Plain,
}

impl PayloadFormat {
    /// The format of a codec; RTX and other repair formats are [`PayloadFormat::Plain`]. [`PayloadFormat::Red`] is of
    /// two codecs, so it is nobody's.
    pub fn of(mime_type: MimeType) -> Self {
        if mime_type == MimeType::Video(MimeTypeVideo::Vp8) {
            Self::Vp8
        } else if mime_type == MimeType::Video(MimeTypeVideo::Vp9) {
            Self::Vp9
        } else if mime_type == MimeType::Video(MimeTypeVideo::H264) {
            Self::H264
        } else if mime_type == MimeType::Video(MimeTypeVideo::H265) {
            Self::H265
        } else if mime_type == MimeType::Video(MimeTypeVideo::AV1) {
            Self::Av1
        } else {
            Self::Plain
        }
    }
}

/// What one packet says of its frame. With spatial layers in one stream, "frame" is that of one spatial layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// The packet belongs to a key frame, as far as it says so: VP8 says it in a frame's first packet only.
    pub key_frame: bool,
    /// The packet may be a frame's first.
    pub starts_frame: bool,
    /// The packet is its frame's last, as the payload says it; the RTP marker may say so where this does not.
    pub ends_frame: bool,
    /// Spatial layer within the stream; 0 when it has none.
    pub spatial: u8,
    /// Temporal layer; 0 when it has none.
    pub temporal: u8,
    /// A receiver of the temporal layers below may begin with this frame's layer here.
    pub switch_up: bool,
    /// Nothing but padding, with which senders try out what a way bears: it counts, and is of no use to anybody.
    pub empty: bool,
    /// What only this codec has.
    pub detail: Detail,
}

/// What only one codec has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Detail {
    /// Nothing.
    #[default]
    None,
    /// The VP8 payload descriptor.
    Vp8(Vp8),
    /// The VP9 payload descriptor.
    Vp9(Vp9),
    /// The blocks of RED.
    Red(Red),
    /// The dependency descriptor of the header extension, of any codec.
    Dependency(Dependency),
}

/// The packet does not say what its format promises. The peer's fault; the next packet may be readable.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unreadable {
    /// It ends too early.
    #[error("{part} is cut off after {at} bytes")]
    Truncated {
        /// What is missing.
        part: &'static str,
        /// Where it should begin.
        at: usize,
    },
    /// A value that the format forbids.
    #[error("{part} has the forbidden value {value}")]
    Forbidden {
        /// What it is.
        part: &'static str,
        /// The value.
        value: u32,
    },
    /// The dependency descriptor refers to a template structure that did not come, or has no such template.
    #[error("dependency template {template} is not known")]
    UnknownTemplate {
        /// The template's number as sent.
        template: u8,
    },
}

/// The byte at `at`.
fn byte(payload: &[u8], at: usize, part: &'static str) -> Result<u8, Unreadable> {
    payload.get(at).copied().ok_or(Unreadable::Truncated { part, at })
}
