//! Stream to disk and back.
mod export;
mod library;
mod plan;
mod playback;
mod recorder;
mod report;
mod segment;
mod session;
mod shelf;
mod storage;
mod take;
#[doc(hidden)]
pub mod testing;
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
pub use segment::{FileFormat, Happening, Protected, Segment, SegmentState, Span};
pub use shelf::{ShelfError, Shelves};
pub use storage::*;
pub use take::{CutRules, Output, Take, TakePlan};
pub use vod::playlist;
