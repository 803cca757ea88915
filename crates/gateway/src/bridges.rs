//! Streams in rooms: any stream of the hub as a participant of a conference. The other way, a participant as a stream, is a
//! source: `sources::room`.
//!
//! - [`Bridges`] is the handle: which stream is in which room is known by one task, [`Keeper`].
//! - `into_room` drives one stream in one room, on a worker of the hub: readers there, a [`rooms::Guest`] here.
//! - `choice` says what of a stream a room can take, `lane` gives packets their numbers, `sound` makes Opus of other sound.
//!
//! Pictures go as they are: the RTP payloads are those of WebRTC players, muxed once for both.
mod choice;
mod into_room;
mod keeper;
mod lane;
mod sound;

pub use keeper::{Bridges, Keeper};

use media::StreamName;
use rooms::Refusal;

/// A stream that is in a room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Brought {
    /// Who it is there.
    pub identity: String,
    /// What of the stream is not there, and why: one sentence each.
    pub left_out: Vec<String>,
}

/// Why a stream is not in a room.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BringError {
    /// There is none of this name.
    #[error("there is no stream {0}")]
    NoStream(StreamName),
    /// It is there already.
    #[error("{0} is in the room already")]
    Here(StreamName),
    /// It sends nothing now.
    #[error("{0}")]
    NotReady(String),
    /// What it sends cannot be in a room; says what helps.
    #[error("{0}")]
    Unsuitable(String),
    /// The room does not take it; with a code as in HTTP.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// It was taken out, or the server is shutting down.
    #[error("it was broken off")]
    BrokenOff,
}
