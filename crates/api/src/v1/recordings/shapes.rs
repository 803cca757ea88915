//! The shapes of answers about recordings.
use crate::time::rfc3339;
use media::WallTime;
use recorder::{RecordingReport, Segment, Span, StorageReport};
use serde::Serialize;
use utoipa::ToSchema;

/// Everything that is recorded or being recorded.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecordingList {
    /// Streams with recordings, or that are being recorded.
    pub(super) streams: Vec<RecordedStream>,
    /// Where recordings are.
    pub(super) storages: Vec<Storage>,
    /// Storages that could not be read, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) errors: Vec<String>,
}

/// A stream of which there is something.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecordedStream {
    /// Its name.
    pub(super) stream: String,
    /// The first recorded moment, RFC 3339.
    pub(super) from: Option<String>,
    /// The last one.
    pub(super) to: Option<String>,
    /// Bytes of its files.
    pub(super) bytes: u64,
    /// How many files.
    pub(super) segments: u64,
    /// What is being recorded.
    pub(super) recordings: Vec<Recording>,
}

/// A recording that runs.
#[derive(Serialize, ToSchema)]
pub(crate) struct Recording {
    /// Unique in this run of the server.
    id: String,
    /// The stream.
    stream: String,
    /// `fmp4`, `mp4`, `hls`, `hls_ts` or `ts`.
    format: &'static str,
    /// Who wanted it: `config`, `api` or `event`.
    by: &'static str,
    /// `starting`, `recording` (bytes of every required track came to the disk within the last seconds), `waiting` (the
    /// stream has nothing), `stalled` (there should be something on the disk, and is not), `armed` (waits for an event),
    /// `scheduled` (these are not its hours) or `stopped`.
    state: &'static str,
    /// Why it is in that state.
    reason: Option<String>,
    /// Since when, RFC 3339.
    since: String,
    /// Bytes that are on the disk.
    bytes: u64,
    /// Files that were closed.
    segments: u64,
    /// How much media did not come to the disk although it was there, in ms.
    lost_ms: u64,
    /// The storage that has the open file.
    storage: Option<String>,
    /// The open file, below the storage's folder.
    file: Option<String>,
    /// Tracks that the format cannot carry, and why.
    skipped: Vec<String>,
}

impl Recording {
    pub(crate) fn new(report: &RecordingReport) -> Self {
        Self {
            id: report.id.to_string(),
            stream: report.stream.clone(),
            format: report.format.as_str(),
            by: report.by.as_str(),
            state: report.state.as_str(),
            reason: report.reason.clone(),
            since: rfc3339(report.since),
            bytes: report.bytes,
            segments: report.segments,
            lost_ms: report.lost_ms,
            storage: report.storage.clone(),
            file: report.file.clone(),
            skipped: report.skipped.clone(),
        }
    }
}

/// Where recordings are.
#[derive(Serialize, ToSchema)]
pub(crate) struct Storage {
    /// Its name.
    name: String,
    /// Its folder, for those who may change things.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// `ok`, `slow`, `full` or `gone`.
    state: &'static str,
    /// Why.
    reason: Option<String>,
    /// Since when, RFC 3339.
    since: String,
    /// Bytes of recordings.
    bytes: u64,
    /// How many files.
    segments: u64,
    /// Bytes that are free on the disk.
    free: u64,
    /// Bytes that the disk has.
    total: u64,
    /// Bytes that are recorded in a day, by what was recorded lately; unknown in the first minutes.
    bytes_per_day: Option<u64>,
    /// In how many days retention or the end of the disk begins to take the oldest; 0 when it does so now; unknown in the
    /// first minutes.
    days_left: Option<f64>,
    /// What is deleted when, in words.
    retention: Option<String>,
    /// The longest write lately, waiting included, in ms.
    slowest_ms: u64,
}

impl Storage {
    pub(super) fn new(report: &StorageReport, owner: bool) -> Self {
        let bytes_per_day = report.bytes_per_day;
        let mut rules = Vec::new();
        if let Some(age) = report.retention.age_max {
            rules.push(format!("older than {}", days(age.as_secs_f64() / 86_400.0)));
        }
        if let Some(bytes) = report.retention.bytes_max {
            rules.push(format!("beyond {:.1} GB", bytes as f64 / 1e9));
        }
        let retention =
            (!rules.is_empty()).then(|| format!("deleted: what is {}", rules.join(", and what is ")));
        let room = report.free.saturating_sub(report.free_min);
        let room =
            report.retention.bytes_max.map_or(room, |most| room.min(most.saturating_sub(report.bytes)));
        let days_left = bytes_per_day.filter(|rate| *rate > 0).map(|rate| room as f64 / rate as f64);
        Self {
            name: report.name.clone(),
            path: owner.then(|| report.path.display().to_string()),
            state: report.health.as_str(),
            reason: report.health.reason().map(str::to_owned),
            since: rfc3339(report.since),
            bytes: report.bytes,
            segments: report.segments,
            free: report.free,
            total: report.total,
            bytes_per_day,
            days_left,
            retention,
            slowest_ms: report.slowest_ms,
        }
    }
}

fn days(days: f64) -> String {
    if days >= 2.0 { format!("{days:.0} days") } else { format!("{:.1} hours", days * 24.0) }
}

/// A stream's recordings in a span of time.
#[derive(Serialize, ToSchema)]
pub(crate) struct Timeline {
    /// The stream.
    pub(super) stream: String,
    /// From when, RFC 3339: as asked, or the first recorded moment.
    pub(super) from: Option<String>,
    /// Until when: as asked, or the last recorded moment.
    pub(super) to: Option<String>,
    /// Bytes of the files.
    pub(super) bytes: u64,
    /// How many files.
    pub(super) segments: u64,
    /// There are more files than are looked at for one answer: ask for a shorter time.
    pub(super) truncated: bool,
    /// What is recorded, without what lies between.
    pub(super) spans: Vec<TimeSpan>,
    /// What lies between.
    pub(super) gaps: Vec<Gap>,
    /// What happened.
    pub(super) events: Vec<Event>,
    /// What is kept whatever its age.
    pub(super) protected: Vec<ProtectedSpan>,
    /// What is being recorded.
    pub(super) recordings: Vec<Recording>,
    /// Storages that could not be read, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) errors: Vec<String>,
}

/// A span without gaps.
#[derive(Serialize, ToSchema)]
pub(crate) struct TimeSpan {
    /// RFC 3339.
    pub(super) from: String,
    /// RFC 3339.
    pub(super) to: String,
    /// Bytes.
    pub(super) bytes: u64,
}

/// Time between two spans.
#[derive(Serialize, ToSchema)]
pub(crate) struct Gap {
    /// RFC 3339.
    pub(super) from: String,
    /// RFC 3339.
    pub(super) to: String,
    /// Why, where that is known.
    pub(super) why: Option<String>,
}

/// Something that happened.
#[derive(Serialize, ToSchema)]
pub(crate) struct Event {
    pub(super) id: i64,
    /// RFC 3339.
    pub(super) from: String,
    /// RFC 3339; none where it has no length.
    pub(super) to: Option<String>,
    /// `motion`, `clip`…
    pub(super) kind: String,
    /// For people.
    pub(super) text: String,
}

/// Time that retention leaves alone.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProtectedSpan {
    pub(super) id: String,
    /// RFC 3339.
    pub(super) from: String,
    /// RFC 3339.
    pub(super) to: String,
    /// Why, for people.
    pub(super) note: String,
}

/// The days with recordings.
#[derive(Serialize, ToSchema)]
pub(crate) struct DayList {
    pub(super) days: Vec<Day>,
}

/// A day with recordings.
#[derive(Serialize, ToSchema)]
pub(crate) struct Day {
    /// `2026-11-29`.
    pub(super) day: String,
    /// Bytes of files that began on it.
    pub(super) bytes: u64,
    /// How much of it is recorded.
    pub(super) seconds: f64,
}

/// Files, by time.
#[derive(Serialize, ToSchema)]
pub(crate) struct SegmentList {
    pub(super) segments: Vec<SegmentFile>,
    /// Ask again with `after` of this for those behind; none: that is all.
    pub(super) next: Option<String>,
}

/// A file of a recording.
#[derive(Serialize, ToSchema)]
pub(crate) struct SegmentFile {
    /// `main-17`: the storage and the number there.
    pub(super) id: String,
    /// RFC 3339.
    pub(super) from: String,
    /// RFC 3339.
    pub(super) to: String,
    /// Bytes; those that are whole, while it is open.
    pub(super) bytes: u64,
    /// `fmp4`, `mp4`, `hls`, `hls_ts` or `ts`.
    pub(super) format: &'static str,
    /// Its path below the storage's folder.
    pub(super) file: String,
    /// It is being written.
    pub(super) open: bool,
    /// Why it does not follow the one before, where it does not.
    pub(super) gap: Option<String>,
    /// Codecs, such as `h264+aac`.
    pub(super) tracks: String,
}

impl SegmentFile {
    pub(super) fn new(storage: &str, segment: &Segment) -> Self {
        Self {
            id: format!("{storage}-{}", segment.id),
            from: rfc3339(segment.span.from),
            to: rfc3339(segment.span.to),
            bytes: segment.bytes,
            format: segment.format.as_str(),
            file: segment.path.clone(),
            open: segment.state == recorder::SegmentState::Open,
            gap: segment.gap.clone(),
            tracks: segment.tracks.clone(),
        }
    }
}

/// What was begun.
#[derive(Serialize, ToSchema)]
pub(crate) struct Numbered {
    /// Its number.
    pub(super) id: String,
}

/// What was stopped.
#[derive(Serialize, ToSchema)]
pub(crate) struct Stopped {
    /// The recordings, as they ended.
    pub(super) stopped: Vec<Recording>,
}

/// What was deleted.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct Deleted {
    /// Files.
    pub(super) deleted: usize,
    /// Bytes.
    pub(super) bytes: u64,
    /// Files that stay, since they are protected.
    pub(super) kept_protected: usize,
}

pub(super) fn shown(span: Span) -> (Option<String>, Option<String>) {
    let shown = |time: WallTime, all: WallTime| (time != all).then(|| rfc3339(time));
    (shown(span.from, Span::ALL.from), shown(span.to, Span::ALL.to))
}
