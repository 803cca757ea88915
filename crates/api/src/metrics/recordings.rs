//! Recordings and storages, from their reports.
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use recorder::Recorder;

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct OfRecording {
    stream: String,
    format: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct OfRecordingState {
    stream: String,
    format: &'static str,
    state: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct OfStorage {
    storage: String,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct OfStorageState {
    storage: String,
    state: &'static str,
}

fn whole(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// What is recorded, and how the disks are.
pub(super) async fn register(registry: &mut Registry, recorder: &Recorder) {
    let states: Family<OfRecordingState, Gauge> = Family::default();
    let lost: Family<OfRecording, Gauge> = Family::default();
    registry.register("recording_state", "1 for the state that a recording is in", states.clone());
    registry.register(
        "recording_lost_ms",
        "Media that did not come to the disk although it was there",
        lost.clone(),
    );
    for report in recorder.reports(None).await {
        let (stream, format) = (report.stream.clone(), report.format.as_str());
        let state = report.state.as_str();
        states.get_or_create(&OfRecordingState { stream: stream.clone(), format, state }).set(1);
        lost.get_or_create(&OfRecording { stream, format }).inc_by(whole(report.lost_ms));
    }
    let states: Family<OfStorageState, Gauge> = Family::default();
    let gauges: [Family<OfStorage, Gauge>; 4] = std::array::from_fn(|_| Family::default());
    registry.register("storage_state", "1 for the state that a storage is in", states.clone());
    for (gauge, (name, help)) in gauges.iter().zip([
        ("storage_recorded", "Bytes of recordings"),
        ("storage_free", "Bytes that are free on the disk"),
        ("storage_segments", "Files of recordings"),
        ("storage_slowest_ms", "The longest write lately, waiting included"),
    ]) {
        match name {
            "storage_recorded" | "storage_free" => {
                registry.register_with_unit(name, help, Unit::Bytes, gauge.clone())
            }
            _ => registry.register(name, help, gauge.clone()),
        }
    }
    for report in recorder.storage_reports() {
        let storage = report.name.clone();
        states
            .get_or_create(&OfStorageState { storage: storage.clone(), state: report.health.as_str() })
            .set(1);
        let values = [report.bytes, report.free, report.segments, report.slowest_ms];
        for (gauge, value) in gauges.iter().zip(values) {
            gauge.get_or_create(&OfStorage { storage: storage.clone() }).set(whole(value));
        }
    }
}
