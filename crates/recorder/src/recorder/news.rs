//! Events of recordings and storages: what changed since the last look, and which files were closed.
use crate::report::{RecordingReport, RecordingState};
use crate::segment::Segment;
use crate::storage::StorageHandle;
use hub::{Hub, What};
use media::StreamName;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::TryRecvError;

pub(super) struct News {
    recordings: HashMap<u64, RecordingState>,
    storages: HashMap<String, &'static str>,
    closed: Vec<(String, PathBuf, broadcast::Receiver<Arc<Segment>>)>,
}

impl News {
    /// Files count from now on.
    pub(super) fn new(storages: &[StorageHandle]) -> Self {
        let closed = storages
            .iter()
            .map(|storage| (storage.name().to_owned(), storage.report().path, storage.closed()))
            .collect();
        Self { recordings: HashMap::new(), storages: HashMap::new(), closed }
    }

    /// Tells what is new.
    pub(super) fn tell(&mut self, hub: &Hub, reports: &[RecordingReport], storages: &[StorageHandle]) {
        self.recordings.retain(|id, _| reports.iter().any(|report| report.id == *id));
        for report in reports {
            if self.recordings.insert(report.id, report.state) == Some(report.state) {
                continue;
            }
            if let Ok(stream) = StreamName::new(&report.stream) {
                hub.emit(What::RecordingState {
                    stream,
                    format: report.format.as_str(),
                    state: report.state.as_str(),
                    reason: report.reason.clone(),
                });
            }
        }
        for storage in storages {
            let report = storage.report();
            let state = report.health.as_str();
            // That all is well from the start is no news.
            let before = self.storages.insert(report.name.clone(), state).unwrap_or("ok");
            if before != state {
                let reason = report.health.reason().map(str::to_owned);
                hub.emit(What::StorageState { storage: report.name, state, reason });
            }
        }
        self.tell_closed(hub);
    }

    /// Tells the files that were closed since.
    pub(super) fn tell_closed(&mut self, hub: &Hub) {
        for (storage, root, closed) in &mut self.closed {
            loop {
                let segment = match closed.try_recv() {
                    Ok(segment) => segment,
                    Err(TryRecvError::Lagged(_)) => continue,
                    Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                };
                let Ok(stream) = StreamName::new(&segment.stream) else { continue };
                hub.emit(What::SegmentClosed {
                    stream,
                    storage: storage.clone(),
                    format: segment.format.as_str(),
                    path: root.join(&segment.path).display().to_string(),
                    from: segment.span.from,
                    to: segment.span.to,
                    bytes: segment.bytes,
                });
            }
        }
    }
}
