//! What can go wrong in an RTMP session.
use formats::amf0::Amf0Error;
use media::Fault;
use std::time::Duration;

/// Why a session ended. Positions count the bytes received after the handshake.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum RtmpError {
    /// The first byte is not RTMP's version: HTTP, TLS, or RTMPE, which is not supported.
    #[error("the peer does not speak RTMP: its version byte is {first:#04x}")]
    Version {
        /// The byte.
        first: u8,
    },
    /// A chunk that continues a stream which never had a full header.
    #[error("chunk of type {format} on chunk stream {id} at byte {at} has no header to refer to")]
    NoHeader {
        /// The chunk's type, 1 to 3.
        format: u8,
        /// The chunk stream.
        id: u32,
        /// Where.
        at: u64,
    },
    /// More chunk streams than any client uses.
    #[error("more than {max} chunk streams at byte {at}")]
    ChunkStreams {
        /// The limit.
        max: usize,
        /// Where.
        at: u64,
    },
    /// Too much begun and not finished.
    #[error("more than {max} bytes of unfinished messages at byte {at}")]
    Unfinished {
        /// The limit.
        max: usize,
        /// Where.
        at: u64,
    },
    /// The peer wants chunks of no bytes.
    #[error("chunk size {size} at byte {at}")]
    ChunkSize {
        /// What it said.
        size: u32,
        /// Where.
        at: u64,
    },
    /// A command that cannot be read.
    #[error("command message that ends at byte {at}: {error}")]
    Command {
        /// What is wrong.
        error: Amf0Error,
        /// Where.
        at: u64,
    },
    /// A second stream on the connection, or a command before `connect`.
    #[error("command {name:?} is not possible {when}")]
    OutOfOrder {
        /// The command.
        name: String,
        /// In which state.
        when: &'static str,
    },
    /// The peer did not wait for the answer to its request and sent too much before it.
    #[error("more than {max} bytes before publish or play was answered")]
    Impatient {
        /// The limit.
        max: usize,
    },
    /// The peer did not take the next step in time.
    #[error("no {step} within {after:?}")]
    Timeout {
        /// What was waited for.
        step: &'static str,
        /// How long.
        after: Duration,
    },
    /// The server refused.
    #[error("the server refused: {code} {description}")]
    Refused {
        /// Its code, such as `NetStream.Play.StreamNotFound`.
        code: String,
        /// Its words.
        description: String,
    },
}

impl RtmpError {
    /// The peer's; the configuration's when the server refuses the connection or the name to publish.
    pub fn fault(&self) -> Fault {
        match self {
            RtmpError::Refused { code, .. }
                if code.starts_with("NetConnection.") || code == "NetStream.Publish.BadName" =>
            {
                Fault::Config
            }
            RtmpError::Version { .. }
            | RtmpError::NoHeader { .. }
            | RtmpError::ChunkStreams { .. }
            | RtmpError::Unfinished { .. }
            | RtmpError::ChunkSize { .. }
            | RtmpError::Command { .. }
            | RtmpError::OutOfOrder { .. }
            | RtmpError::Impatient { .. }
            | RtmpError::Timeout { .. }
            | RtmpError::Refused { .. } => Fault::Peer,
        }
    }
}
