//! `startRecord`, `stopRecord`, `isRecording`, `startRecordTask`: commands to the recorder, answered with what came of them.
//!
//! A recording has begun when bytes of it are on the disk: until then the answer waits, and says `false` if they do not come.
use super::envelope::{Answered, Failure, object};
use super::fields::Fields;
use super::name;
use super::place;
use crate::shared::Shared;
use hub::StreamState;
use media::StreamName;
use recorder::{By, CutRules, FileFormat, PathTemplate, RecordPlan, RecordingReport, RecordingState};
use serde_json::json;
use std::time::Duration;

/// Longest wait for the first bytes on the disk: 8 s. Callers give up after ten (WVP's HTTP client).
const BEGIN_MAX: Duration = Duration::from_secs(8);
/// How a recording is, is asked so often meanwhile.
const LOOK: Duration = Duration::from_millis(50);
/// Longest file and longest clip: a day.
const SECONDS_MAX: i64 = 86_400;
/// Shortest time that a clip goes on after the call: 1 s, so that there is something to end it with.
const FORWARD_MIN: Duration = Duration::from_secs(1);
/// A clip is one file, also when its end is late.
const CLIP_SLACK: Duration = Duration::from_secs(60);

/// ZLMediaKit's numbers of kinds of files.
fn format_of(fields: &Fields) -> Result<FileFormat, Failure> {
    match fields.number("type")? {
        Some(0) => Ok(FileFormat::HlsTs),
        Some(1) => Ok(FileFormat::Mp4),
        Some(2) => Ok(FileFormat::Hls),
        Some(3) => Ok(FileFormat::Fmp4),
        Some(4) => Ok(FileFormat::Ts),
        Some(_) | None => Err(Failure::invalid(
            "type is 0 (hls of ts), 1 (mp4), 2 (hls of fmp4), 3 (fragmented mp4) or 4 (ts)",
        )),
    }
}

/// A recording of which only the kind of files is said.
pub(super) fn plan(shared: &Shared, format: FileFormat) -> RecordPlan {
    let mut plan = shared.record_plan.clone();
    plan.format = format;
    if format.has_playlist() {
        plan.cut.length = RecordPlan::HLS_SEGMENT;
    }
    plan
}

/// True where something of this kind is being recorded, as far as that can be known already.
pub(super) async fn is_recorded(shared: &Shared, stream: &StreamName, format: FileFormat) -> bool {
    let known = of_kind(shared, stream, format).await;
    known.iter().any(|report| matches!(report.state, RecordingState::Starting | RecordingState::Recording))
}

/// Begins a recording, unless there is one of this kind; returns when it is on the disk. One that was begun here and does not
/// come there is ended again, so that the answer stays true. What somebody else began is left alone.
pub(super) async fn begin(shared: &Shared, stream: &StreamName, plan: RecordPlan) -> Result<(), String> {
    let format = plan.format;
    let begun = of_kind(shared, stream, format).await.is_empty();
    if begun {
        shared.recorder.start(stream, plan, By::Api).await.map_err(|error| error.to_string())?;
    }
    let looking = async {
        loop {
            let known = of_kind(shared, stream, format).await;
            if known.iter().any(|report| report.state == RecordingState::Recording) {
                return Ok(());
            }
            let waits = |report: &RecordingReport| {
                matches!(report.state, RecordingState::Starting | RecordingState::Waiting)
            };
            if !known.iter().any(waits) {
                return Err(why(&known));
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    let looked = match tokio::time::timeout(BEGIN_MAX, looking).await {
        Ok(looked) => looked,
        Err(_) => {
            let known = of_kind(shared, stream, format).await;
            Err(format!("{} after {} s", why(&known), BEGIN_MAX.as_secs()))
        }
    };
    if looked.is_err() && begun {
        shared.recorder.stop(stream, Some(format)).await;
    }
    looked
}

/// The recordings of a kind that have not ended, clips aside: those end by themselves.
async fn of_kind(shared: &Shared, stream: &StreamName, format: FileFormat) -> Vec<RecordingReport> {
    let mut reports = shared.recorder.reports(Some(stream)).await;
    reports.retain(|report| {
        report.format == format && report.by != By::Event && report.state != RecordingState::Stopped
    });
    reports
}

fn why(known: &[RecordingReport]) -> String {
    let reason = known.iter().find_map(|report| report.reason.clone());
    reason.unwrap_or_else(|| "nothing is on the disk".to_owned())
}

/// `startRecord`.
pub(super) async fn start(shared: &Shared, fields: &Fields) -> Answered {
    fields.required(["type", "vhost", "app", "stream"])?;
    let format = format_of(fields)?;
    let stream = name::find(shared, fields).await?;
    let mut plan = plan(shared, format);
    match fields.number("max_second")? {
        None | Some(0) => {}
        // As there: segments of a playlist have a length of their own.
        Some(1..=SECONDS_MAX) if format.has_playlist() => {}
        Some(seconds @ 1..=SECONDS_MAX) => plan.cut.length = Duration::from_secs(seconds.unsigned_abs()),
        Some(_) => return Err(Failure::invalid(format!("max_second is 1 to {SECONDS_MAX}"))),
    }
    if let Some(path) = fields.given("customized_path") {
        place::of(shared, "customized_path", path)?.put_into(&mut plan)?;
    }
    match begin(shared, &stream, plan).await {
        Ok(()) => object(json!({ "result": true, "msg": "success" })),
        Err(why) => {
            let msg = format!("start record failed: {why}");
            object(json!({ "code": -1, "result": false, "msg": msg }))
        }
    }
}

/// `stopRecord`: when it answers, what was recorded is closed. What does not run is stopped, as there.
pub(super) async fn stop(shared: &Shared, fields: &Fields) -> Answered {
    fields.required(["type", "vhost", "app", "stream"])?;
    let format = format_of(fields)?;
    let stream = name::find(shared, fields).await?;
    shared.recorder.stop(&stream, Some(format)).await;
    object(json!({ "result": true, "msg": "success" }))
}

/// `isRecording`.
pub(super) async fn is_recording(shared: &Shared, fields: &Fields) -> Answered {
    fields.required(["type", "vhost", "app", "stream"])?;
    let format = format_of(fields)?;
    let stream = name::find(shared, fields).await?;
    object(json!({ "status": is_recorded(shared, &stream, format).await }))
}

/// `startRecordTask`: a clip from so long before the call, as far as that is in memory, until so long after it.
pub(super) async fn start_task(shared: &Shared, fields: &Fields) -> Answered {
    let [_, _, _, path, ..] = fields.required(["vhost", "app", "stream", "path", "back_ms", "forward_ms"])?;
    let back = span(fields, "back_ms", "a clip cannot begin after the call")?;
    let forward = span(fields, "forward_ms", "a clip cannot end before the call")?;
    let stream = name::find(shared, fields).await?;
    // Without media it would wait, and nobody would hear what became of it.
    let report = shared.hub.report(&stream).await;
    let report = report.filter(|report| report.state == StreamState::Live).ok_or_else(name::missing)?;
    let mut plan = plan(shared, FileFormat::Mp4);
    plan.path = clip_path(&place::of(shared, "path", path)?, &report.name)?;
    plan.back = back;
    plan.lasts = Some(forward.max(FORWARD_MIN));
    plan.cut = CutRules { length: back + forward + CLIP_SLACK, aligned: false, ..plan.cut };
    let begun = shared.recorder.start(&stream, plan, By::Event).await.map_err(Failure::other)?.0;
    let looking = async {
        loop {
            let reports = shared.recorder.reports(Some(&stream)).await;
            let report = reports.into_iter().find(|report| report.id == begun.id);
            let Some(report) = report else { return Err("it ended without a file".to_owned()) };
            if let Some((storage, file)) = report.storage.zip(report.file) {
                return Ok((storage, file));
            }
            if report.state == RecordingState::Stalled {
                return Err(report.reason.unwrap_or_default());
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    let looked = tokio::time::timeout(BEGIN_MAX, looking).await;
    let looked =
        looked.unwrap_or_else(|_| Err(format!("nothing is on the disk after {} s", BEGIN_MAX.as_secs())));
    let (storage, file) = looked.map_err(|why| Failure::other(format!("start record failed: {why}")))?;
    let reports = shared.recorder.storage_reports();
    let root = reports.iter().find(|report| report.name == storage).map(|report| place::root(&report.path));
    object(json!({ "data": { "path": root.unwrap_or_default().join(file).display().to_string() } }))
}

fn span(fields: &Fields, key: &str, negative: &str) -> Result<Duration, Failure> {
    let ms = fields.number(key)?.unwrap_or(0);
    match u64::try_from(ms) {
        Ok(ms) if ms <= SECONDS_MAX.unsigned_abs() * 1000 => Ok(Duration::from_millis(ms)),
        Ok(_) => Err(Failure::invalid(format!("{key}={ms} is more than a day"))),
        Err(_) => Err(Failure::invalid(format!("{key}={ms}: {negative}"))),
    }
}

/// Where a clip goes: below the stream's folder, without an ending that is ours to write.
fn clip_path(place: &place::Place, stream: &StreamName) -> Result<PathTemplate, Failure> {
    let below = place.below.strip_suffix(".mp4").unwrap_or(&place.below);
    let own = format!("{}/", stream.as_str());
    let below = below.strip_prefix(own.as_str()).unwrap_or(below);
    if below.is_empty() {
        return Err(Failure::invalid("path names no file"));
    }
    PathTemplate::new(&format!("{{stream}}/{below}")).map_err(Failure::invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clip_is_in_its_streams_folder_whether_its_path_says_so_or_not() {
        let stream = StreamName::new("rtp/1").unwrap();
        let path = |below: &str| {
            let place = place::Place { storage: None, below: below.into() };
            clip_path(&place, &stream).map(|path| path.as_str().to_owned()).map_err(|failure| failure.msg)
        };
        for below in ["clips/a.mp4", "rtp/1/clips/a", "rtp/1/clips/a.mp4"] {
            assert_eq!(path(below).as_deref(), Ok("{stream}/clips/a"), "{below}");
        }
        assert!(path("").is_err() && path(".mp4").is_err());
    }
}
