//! The event stream: what happened, for logs, hooks, metrics and the page. Events only ever go up.
use media::{StreamName, WallTime};
use std::fmt;

/// One thing that happened, numbered and timed by the director.
#[derive(Clone, Debug)]
pub struct Event {
    /// Rises by one; a gap means that events were lost to a slow listener.
    pub number: u64,
    /// When it was reported.
    pub time: WallTime,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum What {
    /// A stream came into being.
    StreamAdded {
        /// Its name.
        stream: StreamName,
    },
    /// A stream is gone and nothing of it is left.
    StreamRemoved {
        /// Its name.
        stream: StreamName,
    },
    /// A stream's state changed.
    StreamState {
        /// Its name.
        stream: StreamName,
        /// The state's name, such as `live`.
        state: &'static str,
        /// Why, where there is a reason.
        reason: Option<String>,
    },
    /// A source's state changed.
    SourceState {
        /// The stream it feeds.
        stream: StreamName,
        /// Its index in the stream's list.
        index: usize,
        /// The state's name, such as `backoff`.
        state: &'static str,
        /// Why, where there is a reason.
        reason: Option<String>,
        /// Which attempt this is or was.
        attempt: u32,
    },
    /// An output's state changed: whether its device takes what the stream carries.
    OutputState {
        /// The stream it takes its media from.
        stream: StreamName,
        /// Its index in the stream's list.
        index: usize,
        /// The state's name, such as `live`.
        state: &'static str,
        /// Why, where there is a reason.
        reason: Option<String>,
        /// Which attempt this is or was.
        attempt: u32,
    },
    /// Somebody publishes into a stream.
    PublisherJoined {
        /// Its name.
        stream: StreamName,
        /// `rtsp`, `rtmp`, `webrtc`…
        protocol: &'static str,
        /// Address of the peer.
        remote: String,
    },
    /// A publisher left.
    PublisherLeft {
        /// Its name.
        stream: StreamName,
        /// Why.
        reason: String,
    },
    /// A reader reads a stream.
    ReaderJoined {
        /// Its name.
        stream: StreamName,
        /// The reader's id.
        reader: u64,
        /// `rtsp`, `rtmp`, `webrtc`…
        protocol: &'static str,
        /// Address of the peer.
        remote: String,
    },
    /// A reader left or was ended.
    ReaderLeft {
        /// Its name.
        stream: StreamName,
        /// The reader's id.
        reader: u64,
        /// `rtsp`, `rtmp`, `webrtc`…
        protocol: &'static str,
        /// Why.
        reason: String,
        /// Bytes it got.
        bytes: u64,
    },
    /// A reader was too slow and went on at a key frame.
    ReaderCutBack {
        /// Its name.
        stream: StreamName,
        /// The reader's id.
        reader: u64,
        /// Chunks it did not get.
        skipped: u64,
        /// How far behind it was.
        lag_ms: u64,
    },
    /// A limit was reached.
    LimitReached {
        /// The stream, where it concerns one.
        stream: Option<StreamName>,
        /// Which limit, with its value and what to do.
        limit: String,
    },
    /// Something panicked; it alone ended.
    OwnerPanicked {
        /// What it was.
        owner: String,
        /// The panic's message and place.
        message: String,
        /// The backtrace.
        backtrace: String,
    },
    /// A worker stopped answering and was replaced.
    WorkerReplaced {
        /// Its number.
        worker: usize,
        /// What was wrong with it.
        reason: String,
        /// Streams started again elsewhere.
        streams: usize,
    },
    /// Trouble lasted long enough to tell somebody.
    AlertStarted {
        /// Unique in the process; its end has the same.
        id: u64,
        /// The stream, where it concerns one: a disk belongs to all.
        stream: Option<StreamName>,
        /// Which, such as `source_down`.
        alert: &'static str,
        /// The index of the source (or output), where it concerns one.
        source: Option<usize>,
        /// Since when there is trouble.
        since: WallTime,
        /// What, how long, what helps.
        detail: String,
    },
    /// The trouble is over.
    AlertEnded {
        /// As at its start.
        id: u64,
        /// The stream, where it concerns one.
        stream: Option<StreamName>,
        /// Which, such as `source_down`.
        alert: &'static str,
        /// The index of the source (or output), where it concerns one.
        source: Option<usize>,
        /// How long there was trouble.
        lasted_ms: u64,
        /// Why it ended.
        why: String,
    },
    /// A recording's state changed.
    RecordingState {
        /// The stream.
        stream: StreamName,
        /// Which kind of files, such as `fmp4`.
        format: &'static str,
        /// The state's name, such as `recording`.
        state: &'static str,
        /// Why, where there is a reason.
        reason: Option<String>,
    },
    /// A file of a recording is whole, on the disk and in the index.
    SegmentClosed {
        /// The stream.
        stream: StreamName,
        /// The storage's name.
        storage: String,
        /// Which kind of file, such as `fmp4`.
        format: &'static str,
        /// Where it is.
        path: String,
        /// When its first frame was captured.
        from: WallTime,
        /// When its last frame ended.
        to: WallTime,
        /// Bytes of the file.
        bytes: u64,
    },
    /// A storage's state changed.
    StorageState {
        /// Its name.
        storage: String,
        /// The state's name, such as `full`.
        state: &'static str,
        /// Why, where there is a reason.
        reason: Option<String>,
    },
    /// The configuration was read again and is in force.
    ConfigReloaded {
        /// Streams that are new.
        added: usize,
        /// Streams that are otherwise than before.
        changed: usize,
        /// Streams that are gone.
        removed: usize,
        /// Streams that nothing was done to.
        unchanged: usize,
        /// Settings that differ from those in force until a restart, such as `api.listen`.
        needs_restart: Vec<String>,
    },
    /// The configuration was read again and is wrong: nothing changed.
    ConfigRefused {
        /// How much is wrong.
        problems: usize,
        /// The first of it, without values: who may see events need not be who may see passwords.
        reason: String,
    },
    /// The first came into a room.
    RoomStarted {
        /// Its name.
        room: String,
    },
    /// Nothing is left of a room.
    RoomFinished {
        /// Its name.
        room: String,
        /// Why.
        reason: String,
        /// How long it was there.
        lasted_ms: u64,
    },
    /// Somebody joined a room.
    ParticipantJoined {
        /// The room.
        room: String,
        /// Their identity.
        participant: String,
        /// Their display name.
        name: String,
        /// The others do not know.
        hidden: bool,
        /// They record.
        recorder: bool,
    },
    /// Somebody left a room.
    ParticipantLeft {
        /// The room.
        room: String,
        /// Their identity.
        participant: String,
        /// Why: one word.
        reason: &'static str,
        /// How long they were there.
        lasted_ms: u64,
    },
    /// A participant sends something.
    TrackPublished {
        /// The room.
        room: String,
        /// Whose.
        participant: String,
        /// The producer's id.
        track: String,
        /// `audio` or `video`.
        media: &'static str,
        /// What it shows, as its sender says.
        source: Option<String>,
    },
    /// A participant sends it no longer.
    TrackUnpublished {
        /// The room.
        room: String,
        /// Whose.
        participant: String,
        /// The producer's id.
        track: String,
        /// `audio` or `video`.
        media: &'static str,
        /// Why: one word.
        reason: &'static str,
    },
    /// Something happened at a device, as it tells: somebody rings, something moves.
    DeviceEvent {
        /// The stream that shows it.
        stream: StreamName,
        /// What: `doorbell`, `doorbell.double`, `doorbell.long`, `motion`, `motion.ended`, `occupancy`, `occupancy.ended`.
        kind: &'static str,
    },
    /// The server is shutting down.
    Draining,
}

impl What {
    /// Every type of event.
    pub const KINDS: [&'static str; 28] = [
        "stream.added",
        "stream.removed",
        "stream.state",
        "source.state",
        "output.state",
        "publisher.joined",
        "publisher.left",
        "reader.joined",
        "reader.left",
        "reader.cut_back",
        "limit.reached",
        "owner.panicked",
        "worker.replaced",
        "alert.started",
        "alert.ended",
        "recording.state",
        "segment.closed",
        "storage.state",
        "config.reloaded",
        "config.refused",
        "room.started",
        "room.finished",
        "participant.joined",
        "participant.left",
        "track.published",
        "track.unpublished",
        "device.event",
        "server.draining",
    ];

    /// The event's type, such as `stream.state`.
    pub const fn kind(&self) -> &'static str {
        match self {
            What::StreamAdded { .. } => "stream.added",
            What::StreamRemoved { .. } => "stream.removed",
            What::StreamState { .. } => "stream.state",
            What::SourceState { .. } => "source.state",
            What::OutputState { .. } => "output.state",
            What::PublisherJoined { .. } => "publisher.joined",
            What::PublisherLeft { .. } => "publisher.left",
            What::ReaderJoined { .. } => "reader.joined",
            What::ReaderLeft { .. } => "reader.left",
            What::ReaderCutBack { .. } => "reader.cut_back",
            What::LimitReached { .. } => "limit.reached",
            What::OwnerPanicked { .. } => "owner.panicked",
            What::WorkerReplaced { .. } => "worker.replaced",
            What::AlertStarted { .. } => "alert.started",
            What::AlertEnded { .. } => "alert.ended",
            What::RecordingState { .. } => "recording.state",
            What::SegmentClosed { .. } => "segment.closed",
            What::StorageState { .. } => "storage.state",
            What::ConfigReloaded { .. } => "config.reloaded",
            What::ConfigRefused { .. } => "config.refused",
            What::RoomStarted { .. } => "room.started",
            What::RoomFinished { .. } => "room.finished",
            What::ParticipantJoined { .. } => "participant.joined",
            What::ParticipantLeft { .. } => "participant.left",
            What::TrackPublished { .. } => "track.published",
            What::TrackUnpublished { .. } => "track.unpublished",
            What::DeviceEvent { .. } => "device.event",
            What::Draining => "server.draining",
        }
    }

    /// The stream it concerns.
    pub const fn stream(&self) -> Option<&StreamName> {
        match self {
            What::StreamAdded { stream }
            | What::StreamRemoved { stream }
            | What::StreamState { stream, .. }
            | What::SourceState { stream, .. }
            | What::OutputState { stream, .. }
            | What::PublisherJoined { stream, .. }
            | What::PublisherLeft { stream, .. }
            | What::ReaderJoined { stream, .. }
            | What::ReaderLeft { stream, .. }
            | What::ReaderCutBack { stream, .. }
            | What::RecordingState { stream, .. }
            | What::SegmentClosed { stream, .. }
            | What::DeviceEvent { stream, .. } => Some(stream),
            What::LimitReached { stream, .. }
            | What::AlertStarted { stream, .. }
            | What::AlertEnded { stream, .. } => stream.as_ref(),
            What::OwnerPanicked { .. }
            | What::StorageState { .. }
            | What::WorkerReplaced { .. }
            | What::ConfigReloaded { .. }
            | What::ConfigRefused { .. }
            | What::RoomStarted { .. }
            | What::RoomFinished { .. }
            | What::ParticipantJoined { .. }
            | What::ParticipantLeft { .. }
            | What::TrackPublished { .. }
            | What::TrackUnpublished { .. }
            | What::Draining => None,
        }
    }
}

/// Why a reader or publisher was ended by this side.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EndReason {
    /// The stream was removed.
    Removed,
    /// The server shuts down.
    Shutdown,
    /// The publisher left and did not come back in time.
    PublisherLeft,
    /// The stream's codecs changed; a new connection gets the new ones.
    TracksChanged,
    /// Another publisher took over, as the policy allows.
    Replaced,
    /// The reader took nothing for too long.
    TooSlow {
        /// For how long, in ms.
        stalled_ms: u64,
    },
    /// The stream's source failed for good, or its owner did.
    Failed(String),
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EndReason::Removed => f.write_str("the stream was removed"),
            EndReason::Shutdown => f.write_str("the server is shutting down"),
            EndReason::PublisherLeft => f.write_str("the publisher left and did not come back"),
            EndReason::TracksChanged => f.write_str("the stream's codecs changed: connect again"),
            EndReason::Replaced => f.write_str("another publisher took over"),
            EndReason::TooSlow { stalled_ms } => write!(f, "too slow: took nothing for {stalled_ms} ms"),
            EndReason::Failed(why) => f.write_str(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Patterns of hooks are checked against the list: an event that it lacks could not be asked for.
    #[test]
    fn the_list_of_types_has_every_type() {
        let source = include_str!("event.rs");
        let (_, arms) = source.split_once("pub const fn kind(&self)").unwrap();
        let (arms, _) = arms.split_once("The stream it concerns").unwrap();
        let kinds: Vec<&str> = arms.lines().filter_map(|line| line.split('"').nth(1)).collect();
        assert_eq!(kinds, What::KINDS);
    }
}
