//! How a recording is.
use crate::plan::By;
use crate::segment::FileFormat;
use media::WallTime;

/// `Starting` → `Recording` ↔ `Waiting`, `Stalled`, `Armed`, `Scheduled` → `Stopped`. Derived at each turn, never set by hand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecordingState {
    /// It has begun, and nothing is on the disk yet.
    Starting,
    /// Bytes of every required track came to the disk within the last seconds.
    Recording,
    /// The stream has nothing to record now.
    Waiting,
    /// There should be something on the disk, and is not.
    Stalled,
    /// It waits for an event; what comes meanwhile is in memory only.
    Armed,
    /// These are not the hours of its schedule. Its stream is not read, so that a source may rest.
    Scheduled,
    /// It has ended. Final.
    Stopped,
}

impl RecordingState {
    /// The word in events and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            RecordingState::Starting => "starting",
            RecordingState::Recording => "recording",
            RecordingState::Waiting => "waiting",
            RecordingState::Stalled => "stalled",
            RecordingState::Armed => "armed",
            RecordingState::Scheduled => "scheduled",
            RecordingState::Stopped => "stopped",
        }
    }
}

/// How a recording is.
#[derive(Clone, PartialEq, Debug)]
pub struct RecordingReport {
    /// Unique in the process.
    pub id: u64,
    /// The stream.
    pub stream: String,
    /// Which kind of files.
    pub format: FileFormat,
    /// Who wanted it.
    pub by: By,
    /// Its state.
    pub state: RecordingState,
    /// Why it is in that state.
    pub reason: Option<String>,
    /// Since when.
    pub since: WallTime,
    /// Bytes that are on the disk.
    pub bytes: u64,
    /// Segments that were closed.
    pub segments: u64,
    /// How much media did not come to the disk although it was there, in ms.
    pub lost_ms: u64,
    /// The storage that has the open segment.
    pub storage: Option<String>,
    /// The open segment's file, below the storage's folder.
    pub file: Option<String>,
    /// Tracks that the format cannot carry, and why.
    pub skipped: Vec<String>,
}
