//! Lists: what there is of all streams, of one in a span, its days, its files.
use super::shapes::*;
use super::{Asked, name_of};
use crate::answer;
use crate::auth::Viewer;
use crate::shared::Shared;
use crate::time::rfc3339;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use media::WallTime;
use recorder::{Found, SEGMENTS_MAX, SegmentState, Span, one_line};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Two segments so near to each other are one span: 1 s. A gap that nobody can see on a timeline is none.
const JOIN_MICROS: i64 = 1_000_000;
/// Files of one span that are listed, page by page: 100,000, a year of five minutes. Each page counts from the first.
const LISTED_MAX: usize = 100_000;

/// Everything that is recorded or being recorded, and where.
#[utoipa::path(get, path = "/api/v1/recordings", responses((status = 200, body = RecordingList)))]
pub(crate) async fn list_all(
    State(shared): State<Arc<Shared>>,
    Extension(viewer): Extension<Viewer>,
) -> Response {
    let (totals, errors) =
        shared.shelves.ask_all(|library| library.totals().map_err(|error| error.to_string())).await;
    let mut streams: BTreeMap<String, RecordedStream> = BTreeMap::new();
    let empty = |stream: &str| RecordedStream {
        stream: stream.to_owned(),
        from: None,
        to: None,
        bytes: 0,
        segments: 0,
        recordings: Vec::new(),
    };
    for total in totals.into_iter().flat_map(|(_, totals)| totals) {
        let known = streams.entry(total.stream.clone()).or_insert_with(|| empty(&total.stream));
        let (from, to) = (rfc3339(total.span.from), rfc3339(total.span.to));
        // RFC 3339 in UTC sorts by time.
        known.from = Some(known.from.take().map_or(from.clone(), |known| known.min(from)));
        known.to = Some(known.to.take().map_or(to.clone(), |known| known.max(to)));
        known.bytes += total.bytes;
        known.segments += total.segments;
    }
    for report in shared.recorder.reports(None).await {
        let known = streams.entry(report.stream.clone()).or_insert_with(|| empty(&report.stream));
        known.recordings.push(Recording::new(&report));
    }
    let storages = shared.recorder.storage_reports();
    let storages = storages.iter().map(|report| Storage::new(report, viewer.owner)).collect();
    let errors = errors.iter().map(ToString::to_string).collect();
    answer::json(&RecordingList { streams: streams.into_values().collect(), storages, errors })
}

/// Segments of a stream in all storages, as one line; how they are called; what could not be read.
pub(super) async fn found(
    shared: &Shared,
    stream: &str,
    span: Span,
    most: usize,
) -> (Vec<Found>, Vec<String>) {
    let name = stream.to_owned();
    let (answers, errors) = shared
        .shelves
        .ask_all(move |library| library.segments(&name, span, None, most).map_err(|error| error.to_string()))
        .await;
    let reports = shared.recorder.reports(None).await;
    let mut all = Vec::new();
    for (storage, segments) in answers {
        let Some(root) = shared.shelves.root(storage) else { continue };
        all.extend(segments.into_iter().map(|mut segment| {
            if segment.state == SegmentState::Open {
                // The index learns how far it reaches when it is closed; until now it reaches until now.
                let open = reports.iter().any(|report| report.file.as_deref() == Some(segment.path.as_str()));
                segment.span.to = if open { hub::wall_now() } else { segment.span.from };
            }
            Found { root: root.to_owned(), segment }
        }));
    }
    (all, errors.iter().map(ToString::to_string).collect())
}

/// What is recorded of a stream in a span of time, and why there is nothing where there is nothing.
#[utoipa::path(
    get, path = "/api/v1/recordings/{stream}",
    params(
        ("stream" = String, Path, description = "The stream's name"),
        ("from" = Option<String>, Query, description = "RFC 3339, or seconds since 1970"),
        ("to" = Option<String>, Query, description = "RFC 3339, or seconds since 1970"),
    ),
    responses((status = 200, body = Timeline), (status = 400, description = "A time is wrong"))
)]
pub(crate) async fn timeline(shared: &Shared, name: &str, asked: &Asked) -> Result<Response, Response> {
    let stream = name_of(name)?;
    let span = asked.span()?;
    let (all, errors) = found(shared, name, span, SEGMENTS_MAX).await;
    let truncated = all.len() >= SEGMENTS_MAX;
    let (bytes, segments) = (all.iter().map(|found| found.segment.bytes).sum(), all.len() as u64);
    let line = one_line(all);
    let (mut spans, mut gaps): (Vec<(Span, u64)>, Vec<Gap>) = (Vec::new(), Vec::new());
    for found in &line {
        let segment = &found.segment;
        match spans.last_mut() {
            Some((last, bytes)) if segment.span.from.as_micros() - last.to.as_micros() <= JOIN_MICROS => {
                last.to = WallTime::from_micros(last.to.as_micros().max(segment.span.to.as_micros()));
                *bytes += segment.bytes;
            }
            last => {
                if let Some((last, _)) = last {
                    let (from, to) = (rfc3339(last.to), rfc3339(segment.span.from));
                    gaps.push(Gap { from, to, why: segment.gap.clone() });
                }
                spans.push((segment.span, segment.bytes));
            }
        }
    }
    let owned = name.to_owned();
    let (marks, _) = shared
        .shelves
        .ask_all(move |library| {
            let text = |error: recorder::IndexError| error.to_string();
            let happenings = library.happenings(&owned, span).map_err(text)?;
            Ok((happenings, library.protected(&owned, span).map_err(text)?))
        })
        .await;
    let names: Vec<&str> = shared.shelves.names().collect();
    let (mut events, mut protected) = (Vec::new(), Vec::new());
    for (storage, (happenings, ranges)) in marks {
        events.extend(happenings.into_iter().map(|event| Event {
            id: event.id,
            from: rfc3339(event.span.from),
            to: (event.span.to != event.span.from).then(|| rfc3339(event.span.to)),
            kind: event.kind,
            text: event.text,
        }));
        protected.extend(ranges.into_iter().map(|range| ProtectedSpan {
            id: format!("{}-{}", names.get(storage).unwrap_or(&""), range.id),
            from: rfc3339(range.span.from),
            to: rfc3339(range.span.to),
            note: range.note,
        }));
    }
    events.sort_by(|one, other| one.from.cmp(&other.from));
    let (from, to) = shown(span);
    let recordings = shared.recorder.reports(Some(&stream)).await;
    Ok(answer::json(&Timeline {
        stream: name.to_owned(),
        from: from.or_else(|| spans.first().map(|(span, _)| rfc3339(span.from))),
        to: to.or_else(|| spans.last().map(|(span, _)| rfc3339(span.to))),
        bytes,
        segments,
        truncated,
        spans: spans
            .into_iter()
            .map(|(span, bytes)| TimeSpan { from: rfc3339(span.from), to: rfc3339(span.to), bytes })
            .collect(),
        gaps,
        events,
        protected,
        recordings: recordings.iter().map(Recording::new).collect(),
        errors,
    }))
}

/// The days on which something of a stream was recorded. `offset`: minutes that the days begin before those of UTC.
#[utoipa::path(
    get, path = "/api/v1/recordings/{stream}/days",
    params(
        ("stream" = String, Path, description = "The stream's name"),
        ("offset" = Option<i64>, Query, description = "Minutes that local time is ahead of UTC"),
    ),
    responses((status = 200, body = DayList))
)]
pub(crate) async fn days(shared: &Shared, name: &str, asked: &Asked) -> Result<Response, Response> {
    name_of(name)?;
    let offset = asked.offset.unwrap_or(0).clamp(-24 * 60, 24 * 60) * 60_000_000;
    let owned = name.to_owned();
    let days =
        move |library: &recorder::Library| library.days(&owned, offset).map_err(|error| error.to_string());
    let (answers, _) = shared.shelves.ask_all(days).await;
    let mut all: BTreeMap<i64, (u64, f64)> = BTreeMap::new();
    for day in answers.into_iter().flat_map(|(_, days)| days) {
        let known = all.entry(day.day).or_default();
        known.0 += day.bytes;
        known.1 += day.seconds;
    }
    let day = |(day, (bytes, seconds)): (i64, (u64, f64))| Day { day: media::date_text(day), bytes, seconds };
    Ok(answer::json(&DayList { days: all.into_iter().map(day).collect() }))
}

/// The files of a stream's recordings in a span of time.
#[utoipa::path(
    get, path = "/api/v1/recordings/{stream}/segments",
    params(
        ("stream" = String, Path, description = "The stream's name"),
        ("from" = Option<String>, Query, description = "RFC 3339, or seconds since 1970"),
        ("to" = Option<String>, Query, description = "RFC 3339, or seconds since 1970"),
        ("limit" = Option<usize>, Query, description = "At most so many; 1,000 if not said, 10,000 at most"),
        ("after" = Option<i64>, Query, description = "Those behind `next` of the answer before"),
    ),
    responses((status = 200, body = SegmentList))
)]
pub(crate) async fn segments(shared: &Shared, name: &str, asked: &Asked) -> Result<Response, Response> {
    name_of(name)?;
    let span = asked.span()?;
    let most = asked.limit.unwrap_or(1000).clamp(1, SEGMENTS_MAX);
    let skip = usize::try_from(asked.after.unwrap_or(0)).unwrap_or(0);
    if skip + most > LISTED_MAX {
        let why = format_args!("`after` and `limit` go beyond {LISTED_MAX} files: ask for a shorter time");
        return Err(answer::text(StatusCode::BAD_REQUEST, why));
    }
    let (owned, wanted) = (name.to_owned(), skip + most + 1);
    let (answers, _) = shared
        .shelves
        .ask_all(move |library| {
            // A page at a time, so that the limit of one question does not count.
            let (mut all, mut after) = (Vec::new(), None);
            while all.len() < wanted {
                let page = library
                    .segments(&owned, span, after, wanted - all.len())
                    .map_err(|error| error.to_string())?;
                let Some(last) = page.last() else { break };
                after = Some(last.id);
                all.extend(page);
            }
            Ok(all)
        })
        .await;
    let names: Vec<String> = shared.shelves.names().map(str::to_owned).collect();
    let mut all: Vec<(usize, recorder::Segment)> = answers
        .into_iter()
        .flat_map(|(storage, all)| all.into_iter().map(move |one| (storage, one)))
        .collect();
    all.sort_by_key(|(_, segment)| (segment.span.from.as_micros(), segment.id));
    let next = (all.len() > skip + most).then(|| (skip + most).to_string());
    let segments = all.iter().skip(skip).take(most);
    let shown = segments.map(|(storage, segment)| SegmentFile::new(&names[*storage], segment));
    Ok(answer::json(&SegmentList { segments: shown.collect(), next }))
}
