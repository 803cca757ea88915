//! Faults for tests: each thing that is done to a disk is a step, before which a test may fail, wait, or end the process.
use std::io;

/// What is about to be done.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Step {
    /// Note a new segment in the index.
    IndexBegin,
    /// Make its file.
    Create,
    /// Append to it.
    Write,
    /// Half of what is appended is written.
    WriteRest,
    /// Write its tables to their place at the front, not valid yet.
    Tables,
    /// Make them valid: the one write that turns fragments into a plain file.
    Switch,
    /// Bring it to the disk.
    Sync,
    /// Give it its final name.
    Rename,
    /// Bring the name to the disk.
    SyncFolder,
    /// Note in the index that it is closed.
    IndexClose,
    /// Write a playlist.
    Playlist,
    /// Note in the index that segments are about to be deleted.
    IndexDoom,
    /// Delete a file.
    Unlink,
    /// Forget it in the index.
    IndexForget,
    /// Look whether the disk is there and how full it is.
    Probe,
}

impl Step {
    /// All steps.
    pub const ALL: [Step; 15] = [
        Step::IndexBegin,
        Step::Create,
        Step::Write,
        Step::WriteRest,
        Step::Tables,
        Step::Switch,
        Step::Sync,
        Step::Rename,
        Step::SyncFolder,
        Step::IndexClose,
        Step::Playlist,
        Step::IndexDoom,
        Step::Unlink,
        Step::IndexForget,
        Step::Probe,
    ];
}

/// What a test does to a storage.
pub trait Faults: Send {
    /// Called before each step, on the storage's thread. An error is the step's.
    fn before(&mut self, step: Step) -> io::Result<()>;
}

/// The faults of a storage, or none: outside tests this is one comparison per step.
pub(crate) struct Hook(pub(crate) Option<Box<dyn Faults>>);

impl Hook {
    pub(crate) fn before(&mut self, step: Step) -> io::Result<()> {
        match &mut self.0 {
            Some(faults) => faults.before(step),
            None => Ok(()),
        }
    }

    /// True when appends are written in two halves, so that a test can end the process between them.
    pub(crate) fn splits_writes(&self) -> bool {
        self.0.is_some()
    }
}
