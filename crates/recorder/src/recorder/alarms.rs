//! Alerts of recordings and storages: a recording that is none, a disk that is not all right. Each has one start and one end.
use crate::report::{RecordingReport, RecordingState};
use crate::storage::{Health, StorageHandle};
use hub::{Hub, What};
use media::{Moment, StreamName, WallTime};
use std::collections::HashMap;
use std::time::Duration;

/// The alert of a recording that is none.
pub const RECORDING_STOPPED: &str = "recording_stopped";
/// The alert of a storage that is slow, full or gone.
pub const STORAGE_TROUBLE: &str = "storage_trouble";

/// An alert that runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordingAlert {
    /// Unique in the process; its end has the same.
    pub id: u64,
    /// The stream; none for a storage.
    pub stream: Option<String>,
    /// [`RECORDING_STOPPED`] or [`STORAGE_TROUBLE`].
    pub kind: &'static str,
    /// Since when there is trouble.
    pub since: WallTime,
    /// What, how long, what helps.
    pub detail: String,
}

struct Trouble {
    since: Moment,
    since_wall: WallTime,
    /// The alert, once it was told.
    alert: Option<RecordingAlert>,
}

pub(super) struct Alarms {
    hub: Hub,
    after: Duration,
    recordings: HashMap<u64, Trouble>,
    storages: HashMap<String, Trouble>,
}

impl Alarms {
    pub(super) fn new(hub: Hub, after: Duration) -> Self {
        Self { hub, after, recordings: HashMap::new(), storages: HashMap::new() }
    }

    /// Brings the alerts in line with how things are.
    pub(super) fn judge(&mut self, reports: &[RecordingReport], storages: &[StorageHandle], now: Moment) {
        for report in reports {
            let bad = match report.state {
                RecordingState::Recording
                | RecordingState::Armed
                | RecordingState::Scheduled
                | RecordingState::Stopped => false,
                RecordingState::Starting | RecordingState::Waiting | RecordingState::Stalled => true,
            };
            if !bad {
                self.end_recording(report.id, "bytes of every track come to the disk again", now);
                continue;
            }
            let trouble = self.recordings.entry(report.id).or_insert_with(|| Trouble {
                since: now,
                since_wall: hub::wall_now(),
                alert: None,
            });
            if trouble.alert.is_none() && now.since(trouble.since) >= self.after {
                let state = report.state.as_str();
                let reason = report.reason.as_deref().unwrap_or("nothing came yet");
                let detail = format!("the {} recording is {state}: {reason}", report.format.as_str());
                trouble.alert = Some(start(
                    &self.hub,
                    Some(report.stream.as_str()),
                    RECORDING_STOPPED,
                    trouble.since_wall,
                    detail,
                ));
            }
        }
        for storage in storages {
            let report = storage.report();
            match &report.health {
                Health::Ok => {
                    if let Some(trouble) = self.storages.remove(storage.name()) {
                        end(&self.hub, &trouble, "the storage is all right again", now);
                    }
                }
                Health::Slow { reason } | Health::Full { reason } | Health::Gone { reason } => {
                    let word = report.health.as_str();
                    let hub = &self.hub;
                    self.storages.entry(storage.name().to_owned()).or_insert_with(|| {
                        let detail = format!("storage {} is {word}: {reason}", storage.name());
                        let since_wall = report.since;
                        let alert = Some(start(hub, None, STORAGE_TROUBLE, since_wall, detail));
                        Trouble { since: now, since_wall, alert }
                    });
                }
            }
        }
    }

    /// Those that run.
    pub(super) fn running(&self) -> Vec<RecordingAlert> {
        self.recordings
            .values()
            .chain(self.storages.values())
            .filter_map(|trouble| trouble.alert.clone())
            .collect()
    }

    fn end_recording(&mut self, id: u64, why: &str, now: Moment) {
        if let Some(trouble) = self.recordings.remove(&id) {
            end(&self.hub, &trouble, why, now);
        }
    }

    /// The recording has ended, as somebody wanted.
    pub(super) fn forget(&mut self, id: u64) {
        self.end_recording(id, "the recording was ended", hub::now());
    }
}

fn start(
    hub: &Hub,
    stream: Option<&str>,
    kind: &'static str,
    since: WallTime,
    detail: String,
) -> RecordingAlert {
    let id = hub::alert_id();
    let named = stream.and_then(|stream| StreamName::new(stream).ok());
    hub.emit(What::AlertStarted {
        id,
        stream: named,
        alert: kind,
        source: None,
        since,
        detail: detail.clone(),
    });
    RecordingAlert { id, stream: stream.map(str::to_owned), kind, since, detail }
}

fn end(hub: &Hub, trouble: &Trouble, why: &str, now: Moment) {
    let Some(alert) = &trouble.alert else { return };
    let stream = alert.stream.as_deref().and_then(|stream| StreamName::new(stream).ok());
    let lasted_ms = now.since(trouble.since).as_millis() as u64;
    hub.emit(What::AlertEnded {
        id: alert.id,
        stream,
        alert: alert.kind,
        source: None,
        lasted_ms,
        why: why.to_owned(),
    });
}
