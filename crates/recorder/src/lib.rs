//! Stream to disk and back: recordings, their index, and what is made of them again.
//!
//! - [`Recorder`] is the handle, [`Keeper`] owns which recordings there are. Each is a session on a worker: a reader of the
//!   stream on one side, a storage's mailbox on the other. Nothing in it can be set from outside.
//! - [`Take`] turns units into segments, without I/O. [`StorageHandle`] leads to the thread that owns a folder and its index
//!   (`storage` has the promises); [`Library`] and [`Shelves`] only read, on threads of their own.
//! - [`Export`] makes one MP4 of any span, [`playlist`] HLS, [`Playbacks`] a live stream of the past.
//!
//! To record: `recorder.start(&stream, RecordPlan::default(), By::Api).await?`, and `stop`. docs/recording.md has the rest.
mod export;
mod library;
mod plan;
mod playback;
mod recorder;
mod report;
mod schedule;
mod segment;
mod session;
mod shelf;
mod storage;
mod take;
mod vod;
mod whole;

pub use export::{EXPORT_MAX, Export, ExportError, ExportReader, Found, one_line};
pub use library::{Library, SEGMENTS_MAX};
pub use plan::{By, PathTemplate, RecordPlan, TemplateError, When};
pub use playback::{PLAYBACKS_MAX, PlaybackKeeper, PlaybackReport, Playbacks, Recordings, Speed};
pub use recorder::{
    Keeper, Marked, RECORDING_STOPPED, Recorder, RecordingAlert, STORAGE_TROUBLE, StartError,
};
pub use report::{RecordingReport, RecordingState};
pub use schedule::{Phase, Schedule, ScheduleError, Zone};
pub use segment::{FileFormat, Happening, Protected, Segment, SegmentState, Span};
pub use shelf::{ShelfError, Shelves};
pub use storage::*;
pub use take::{CutRules, Output, Take, TakePlan};
pub use vod::playlist;
