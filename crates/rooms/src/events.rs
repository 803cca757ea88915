//! What happens in rooms, for hooks, logs and metrics.
use crate::name::RoomName;
use sfu::ProducerId;
use sfu::rtp_parameters::MediaKind;
use std::time::Duration;

/// One thing that happened in one room.
#[derive(Clone, PartialEq, Debug)]
pub struct RoomEvent {
    /// Where.
    pub room: RoomName,
    /// What.
    pub what: RoomHappening,
}

/// What happened.
#[derive(Clone, PartialEq, Debug)]
pub enum RoomHappening {
    /// The first came in.
    Started,
    /// Nothing of the room is left.
    Finished {
        /// Why.
        reason: String,
        /// How long it was there.
        lasted: Duration,
    },
    /// Somebody joined.
    ParticipantJoined {
        /// Who.
        identity: String,
        /// Their display name.
        name: String,
        /// The others do not know.
        hidden: bool,
        /// They record.
        recorder: bool,
    },
    /// Somebody who had joined left.
    ParticipantLeft {
        /// Who.
        identity: String,
        /// Why: one word.
        reason: &'static str,
        /// How long they were there.
        lasted: Duration,
    },
    /// Somebody sends something.
    TrackPublished {
        /// Who.
        identity: String,
        /// The producer.
        producer: ProducerId,
        /// Sound or picture.
        kind: MediaKind,
        /// What it shows, as its sender says: `camera`, `screen`…
        source: Option<String>,
    },
    /// Somebody sends it no longer.
    TrackUnpublished {
        /// Who.
        identity: String,
        /// The producer.
        producer: ProducerId,
        /// Sound or picture.
        kind: MediaKind,
        /// Why: one word.
        reason: &'static str,
    },
}
