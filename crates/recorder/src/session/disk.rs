//! What a take wants written, given to a storage that takes it.
use super::Spec;
use crate::plan::RecordPlan;
use crate::segment::Segment;
use crate::storage::{Begin, Begun, StorageError, StorageHandle};
use crate::take::Output;
use media::{StreamName, TrackId};

/// The storages of a recording, and the segment that is open.
pub(super) struct Disk {
    stream: StreamName,
    plan: RecordPlan,
    storages: Vec<StorageHandle>,
    open: Option<(usize, Begun)>,
}

/// What came of it.
pub(super) enum Done {
    /// A segment was begun.
    Begun {
        storage: String,
        path: String,
    },
    /// Bytes of these tracks are on the disk.
    Appended {
        bytes: u64,
        tracks: Vec<TrackId>,
    },
    /// A segment was closed.
    Finished {
        segment: Box<Segment>,
        tracks: Vec<TrackId>,
    },
    /// Nothing was open: what was to be written belonged to what failed before.
    Nothing,
    Failed(StorageError),
}

impl Disk {
    pub(super) fn new(spec: &Spec) -> Self {
        let named =
            |storage: &&StorageHandle| spec.plan.storage.as_deref().is_none_or(|name| name == storage.name());
        let storages = spec.storages.iter().filter(named).cloned().collect();
        Self { stream: spec.stream.clone(), plan: spec.plan.clone(), storages, open: None }
    }

    pub(super) async fn work(&mut self, work: Output) -> Done {
        let done = match work {
            Output::Begin { from, tracks, gap, head } => {
                let path = self.plan.path.path(self.stream.as_str(), self.plan.format, from);
                let stream = self.stream.as_str().to_owned();
                self.begin(Begin { stream, format: self.plan.format, path, from, tracks, gap, head }).await
            }
            Output::Append { pieces, to, tracks } => match &self.open {
                Some((index, begun)) => {
                    let written = self.storages[*index].append(begun, pieces, to).await;
                    written.map(|written| Done::Appended { bytes: written.bytes, tracks })
                }
                None => Ok(Done::Nothing),
            },
            Output::Finish { pieces, span, tracks } => match self.open.take() {
                Some((index, begun)) => {
                    let closed = self.storages[index].finish(begun, pieces, span).await;
                    closed.map(|segment| Done::Finished { segment: Box::new(segment), tracks })
                }
                None => Ok(Done::Nothing),
            },
            Output::WaitUntil(_) => Ok(Done::Nothing),
        };
        match done {
            Ok(done) => done,
            Err(error) => {
                // Whatever is open of it, the storage closes: now, or when its disk is back.
                self.open = None;
                Done::Failed(error)
            }
        }
    }

    /// Begins in the first storage that takes it.
    async fn begin(&mut self, begin: Begin) -> Result<Done, StorageError> {
        let mut refused = StorageError::Ended;
        for (index, storage) in self.storages.iter().enumerate() {
            match storage.begin(begin.clone()).await {
                Ok(begun) => {
                    let path = begun.path.clone();
                    self.open = Some((index, begun));
                    return Ok(Done::Begun { storage: storage.name().to_owned(), path });
                }
                Err(error) if index == 0 => refused = error,
                Err(_) => {}
            }
        }
        Err(refused)
    }
}
