//! What can be wrong with FLV.
use media::Fault;

/// Why FLV data cannot be read or written. Positions count from the start of the byte stream or the tag's data.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FlvError {
    /// The stream does not begin with `FLV`.
    #[error("the stream does not begin with \"FLV\"")]
    NotFlv,
    /// A file header of absurd length.
    #[error("the FLV file header claims {length} bytes")]
    FileHeader {
        /// What it claims.
        length: usize,
    },
    /// A tag type that does not exist: the stream is damaged or no FLV.
    #[error("FLV tag type {kind:#04x} at byte {at} is not known")]
    TagKind {
        /// The type byte.
        kind: u8,
        /// Where in the stream.
        at: u64,
    },
    /// An encrypted tag.
    #[error("the FLV tag at byte {at} is encrypted")]
    Encrypted {
        /// Where in the stream.
        at: u64,
    },
    /// A sequence header that its codec's rules do not allow.
    #[error("{codec} sequence header at {timestamp_ms} ms is malformed: {why}")]
    SequenceHeader {
        /// The codec.
        codec: media::Codec,
        /// The tag's time.
        timestamp_ms: u32,
        /// What is wrong.
        why: String,
    },
    /// None of the tracks can be carried in FLV.
    #[error("FLV can carry none of the tracks: {codecs}")]
    NothingToCarry {
        /// Names of the codecs, with commas.
        codecs: String,
    },
}

impl FlvError {
    /// The peer's while reading; the configuration's when there is nothing to carry.
    pub const fn fault(&self) -> Fault {
        match self {
            FlvError::NotFlv
            | FlvError::FileHeader { .. }
            | FlvError::TagKind { .. }
            | FlvError::Encrypted { .. }
            | FlvError::SequenceHeader { .. } => Fault::Peer,
            FlvError::NothingToCarry { .. } => Fault::Config,
        }
    }
}
