//! What can be wrong with FLV, and what is merely left out.
use media::{Fault, Kind};

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

/// Something that was left out of the units, said once for each cause.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Note {
    /// A codec that streams do not carry: its tags are skipped.
    Unsupported {
        /// Audio or video.
        kind: Kind,
        /// Its name, such as `Speex` or `ac-3`.
        codec: String,
    },
    /// Several tracks of a kind (E-RTMP multitrack): only track 0 is taken.
    OtherTracks {
        /// Audio or video.
        kind: Kind,
        /// The id of a track that is skipped.
        id: u8,
    },
    /// Frames that nothing can decode were dropped, because no sequence header had come yet.
    BeforeSequenceHeader {
        /// Audio or video.
        kind: Kind,
    },
    /// A tag or frame was damaged and dropped.
    Damaged {
        /// Audio or video.
        kind: Kind,
    },
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Note::Unsupported { kind, codec } => {
                write!(f, "{} codec {codec} is not supported and skipped", kind.as_str())
            }
            Note::OtherTracks { kind, id } => {
                write!(f, "{} track {id} of a multitrack stream is skipped, track 0 is taken", kind.as_str())
            }
            Note::BeforeSequenceHeader { kind } => {
                write!(f, "{} frames before the sequence header are dropped", kind.as_str())
            }
            Note::Damaged { kind } => write!(f, "a damaged {} tag is dropped", kind.as_str()),
        }
    }
}
