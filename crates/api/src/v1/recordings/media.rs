//! The recordings themselves: files as they are, and spans as one MP4, with byte ranges.
//!
//! Disks are read by threads for that; what is on its way to a slow client is 2 MiB at most.
use super::list::found;
use super::{Asked, name_of, time_of};
use crate::answer;
use crate::shared::Shared;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use media::WallTime;
use recorder::{Export, ExportError, ExportReader, Found, SEGMENTS_MAX, Span};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;

/// Bytes that are read at once.
const CHUNK: usize = 512 << 10;
/// Chunks on their way to the client.
const AHEAD: usize = 4;
/// A frame is looked for so far back: 24 h, the longest segment.
const FRAME_BACK_MICROS: i64 = 86_400_000_000;

fn no_export(error: &ExportError) -> Response {
    let status = match error {
        ExportError::Nothing => StatusCode::NOT_FOUND,
        ExportError::Format(_) | ExportError::TooLong => StatusCode::BAD_REQUEST,
        ExportError::File { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    };
    answer::text(status, error)
}

/// Does something that reads disks.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ExportError> + Send + 'static,
) -> Result<T, Response> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| no_export(&error)),
        Err(_) => Err(answer::text(StatusCode::INTERNAL_SERVER_ERROR, "reading was broken off")),
    }
}

/// A span of a stream as one MP4, from the key frame at or before `from`, with byte ranges. The header `Aqueduct-From` has
/// the time of its first frame. Over a gap, the last picture before it stands.
#[utoipa::path(
    get, path = "/api/v1/recordings/{stream}/export.mp4",
    params(
        ("stream" = String, Path, description = "The stream's name"),
        ("from" = String, Query, description = "RFC 3339, or seconds since 1970"),
        ("to" = String, Query, description = "RFC 3339, or seconds since 1970"),
        ("download" = Option<String>, Query, description = "As a file to be saved"),
    ),
    responses(
        (status = 200, description = "The MP4"), (status = 206, description = "A part of it"),
        (status = 404, description = "Nothing is recorded in that time"),
    )
)]
pub(crate) async fn export(
    shared: &Shared,
    name: &str,
    asked: &Asked,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Response> {
    let stream = name_of(name)?;
    let span = asked.span()?;
    // Whoever asks for a range has asked before, or will again: all ranges are of one file, also while it would grow.
    let known =
        headers.contains_key(http::header::RANGE).then(|| shared.exports.get(&stream, span, Instant::now()));
    let export = match known.flatten() {
        Some(export) => export,
        None => {
            let (all, _) = found(shared, name, span, SEGMENTS_MAX).await;
            let export = Arc::new(off_thread(move || Export::plan(all, span)).await?);
            shared.exports.put(stream, span, export.clone(), Instant::now());
            export
        }
    };
    let from = export.from;
    let mut response = send_export(export, method, headers);
    if asked.download.is_some() {
        save_as(&mut response, &format!("{}_{}.mp4", name.replace('/', "_"), crate::time::rfc3339(from)));
    }
    Ok(response)
}

/// The key frame at or before a moment, as an MP4 of one picture.
#[utoipa::path(
    get, path = "/api/v1/recordings/{stream}/frame.mp4",
    params(
        ("stream" = String, Path, description = "The stream's name"),
        ("at" = String, Query, description = "RFC 3339, or seconds since 1970"),
    ),
    responses((status = 200, description = "The MP4"), (status = 404, description = "Nothing is recorded then"))
)]
pub(crate) async fn frame(
    shared: &Shared,
    name: &str,
    asked: &Asked,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Response> {
    name_of(name)?;
    let at = time_of("at", asked.at.as_deref())?;
    let at = at.ok_or_else(|| answer::text(StatusCode::BAD_REQUEST, "`at` is needed: the moment"))?;
    let after = |micros: i64| WallTime::from_micros(at.as_micros() + micros);
    let (mut all, _) = found(shared, name, Span { from: at, to: after(1) }, SEGMENTS_MAX).await;
    if all.is_empty() {
        (all, _) =
            found(shared, name, Span { from: after(-FRAME_BACK_MICROS), to: after(1) }, SEGMENTS_MAX).await;
    }
    let export = off_thread(move || Export::frame(all, at)).await?;
    Ok(send_export(Arc::new(export), method, headers))
}

/// Key frames spread over a span, each shown for a second, as an MP4 without sound: a strip of thumbnails. The header
/// `Aqueduct-Times` has their times, in ms since 1970.
#[utoipa::path(
    get, path = "/api/v1/recordings/{stream}/strip.mp4",
    params(
        ("stream" = String, Path, description = "The stream's name"),
        ("from" = String, Query, description = "RFC 3339, or seconds since 1970"),
        ("to" = String, Query, description = "RFC 3339, or seconds since 1970"),
        ("count" = Option<usize>, Query, description = "At most so many; 60 if not said"),
    ),
    responses((status = 200, description = "The MP4"), (status = 404, description = "Nothing is recorded in that time"))
)]
pub(crate) async fn strip(
    shared: &Shared,
    name: &str,
    asked: &Asked,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Response> {
    name_of(name)?;
    let mut span = asked.span()?;
    let count = asked.count.unwrap_or(60);
    let (all, _) = found(shared, name, span, SEGMENTS_MAX).await;
    let first = all.iter().map(|found| found.segment.span.from.as_micros()).min().unwrap_or(0);
    let last = all.iter().map(|found| found.segment.span.to.as_micros()).max().unwrap_or(0);
    span.from = WallTime::from_micros(span.from.as_micros().max(first));
    span.to = WallTime::from_micros(span.to.as_micros().min(last));
    let (export, walls) = off_thread(move || Export::strip(all, span, count)).await?;
    let mut response = send_export(Arc::new(export), method, headers);
    let times: Vec<String> = walls.iter().map(|wall| (wall.as_micros() / 1000).to_string()).collect();
    if let Ok(times) = HeaderValue::from_str(&times.join(",")) {
        response.headers_mut().insert("aqueduct-times", times);
    }
    Ok(response)
}

/// A file of a recording as it is, with byte ranges.
#[utoipa::path(
    get, path = "/api/v1/recordings/{stream}/segment/{id}",
    params(
        ("stream" = String, Path, description = "The stream's name"),
        ("id" = String, Path, description = "As in the list of segments; an ending such as `.mp4` does not matter"),
    ),
    responses((status = 200, description = "The file"), (status = 404, description = "There is none of this number"))
)]
pub(crate) async fn segment_file(
    shared: &Shared,
    name: &str,
    file: &str,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Response> {
    name_of(name)?;
    let missing =
        || answer::text(StatusCode::NOT_FOUND, format_args!("there is no file {file:?} of {name:?}"));
    let id = file.split('.').next().unwrap_or(file);
    let (storage, number) = id.rsplit_once('-').ok_or_else(missing)?;
    let number: i64 = number.parse().map_err(|_| missing())?;
    let storage = shared.shelves.names().position(|known| known == storage).ok_or_else(missing)?;
    let owned = name.to_owned();
    let question =
        move |library: &recorder::Library| library.segment(&owned, number).map_err(|error| error.to_string());
    let segment = shared.shelves.ask(storage, question).await;
    let segment = segment.map_err(|error| answer::text(StatusCode::SERVICE_UNAVAILABLE, error))?;
    let segment = segment.ok_or_else(missing)?;
    let root = shared.shelves.root(storage).ok_or_else(missing)?.to_owned();
    let kind = if segment.format.is_ts() { "video/mp2t" } else { "video/mp4" };
    let found = Found { root, segment };
    let opened = tokio::task::spawn_blocking(move || {
        let file = found.open()?;
        let bytes = file.metadata()?.len();
        Ok::<_, io::Error>((file, bytes))
    });
    match opened.await {
        Ok(Ok((file, bytes))) => {
            let mut response = send(Source::File(Arc::new(file), bytes), method, headers);
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            Ok(response)
        }
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => Err(missing()),
        Ok(Err(error)) => Err(answer::text(StatusCode::INTERNAL_SERVER_ERROR, error)),
        Err(_) => Err(answer::text(StatusCode::INTERNAL_SERVER_ERROR, "reading was broken off")),
    }
}

/// HLS of a span: the files as they are, by byte ranges.
#[utoipa::path(
    get, path = "/api/v1/recordings/{stream}/playlist.m3u8",
    params(
        ("stream" = String, Path, description = "The stream's name"),
        ("from" = String, Query, description = "RFC 3339, or seconds since 1970"),
        ("to" = String, Query, description = "RFC 3339, or seconds since 1970"),
    ),
    responses((status = 200, description = "The playlist"), (status = 404, description = "Nothing is recorded in that time"))
)]
pub(crate) async fn playlist(shared: &Shared, name: &str, asked: &Asked) -> Result<Response, Response> {
    name_of(name)?;
    let span = asked.span()?;
    let (all, _) = found(shared, name, span, SEGMENTS_MAX).await;
    let names: Vec<(std::path::PathBuf, String)> = shared
        .shelves
        .names()
        .enumerate()
        .filter_map(|(index, name)| Some((shared.shelves.root(index)?.to_owned(), name.to_owned())))
        .collect();
    let text = off_thread(move || {
        recorder::playlist(all, span, |found| {
            let storage = names.iter().find(|(root, _)| *root == found.root).map_or("", |(_, name)| name);
            format!("segment/{storage}-{}.{}", found.segment.id, found.segment.format.extension())
        })
    })
    .await?;
    Ok(answer::plain("application/vnd.apple.mpegurl", text))
}

/// Sends an export, and says when its first frame was captured.
fn send_export(export: Arc<Export>, method: &Method, headers: &HeaderMap) -> Response {
    let from = HeaderValue::from_str(&crate::time::rfc3339(export.from));
    let mut response = send(Source::Export(export), method, headers);
    if let Ok(from) = from {
        response.headers_mut().insert("aqueduct-from", from);
    }
    response
}

fn save_as(response: &mut Response, name: &str) {
    let safe: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect();
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{safe}\"")) {
        response.headers_mut().insert(CONTENT_DISPOSITION, value);
    }
}

/// What is sent.
enum Source {
    Export(Arc<Export>),
    File(Arc<File>, u64),
}

impl Source {
    fn total(&self) -> u64 {
        match self {
            Source::Export(export) => export.total(),
            Source::File(_, bytes) => *bytes,
        }
    }

    /// Reads pieces one after the other.
    fn reader(self) -> Box<dyn FnMut(u64, usize) -> io::Result<Bytes> + Send> {
        match self {
            Source::Export(export) => {
                let mut reader = ExportReader::new(export);
                Box::new(move |at, max| reader.read(at, max))
            }
            Source::File(file, _) => Box::new(move |at, max| {
                let mut data = vec![0; max];
                let read = file.read_at(&mut data, at)?;
                data.truncate(read);
                Ok(data.into())
            }),
        }
    }
}

/// Answers with all of it, or the one range that is asked for. Source: RFC 9110 §14.
fn send(source: Source, method: &Method, headers: &HeaderMap) -> Response {
    let total = source.total();
    let asked = headers.get(http::header::RANGE).and_then(|range| range.to_str().ok());
    let range = match asked.map(|text| range_of(text, total)) {
        None | Some(Asking::All) => None,
        Some(Asking::Range(from, to)) => Some((from, to)),
        Some(Asking::Nothing) => {
            let mut response =
                answer::text(StatusCode::RANGE_NOT_SATISFIABLE, "the range lies behind the end");
            if let Ok(value) = HeaderValue::from_str(&format!("bytes */{total}")) {
                response.headers_mut().insert(CONTENT_RANGE, value);
            }
            return response;
        }
    };
    let (from, to) = range.unwrap_or((0, total));
    let body = if *method == Method::HEAD { Body::empty() } else { stream(source.reader(), from, to) };
    let mut response = Response::new(body);
    let head = response.headers_mut();
    head.insert(CONTENT_TYPE, HeaderValue::from_static("video/mp4"));
    head.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    head.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    head.insert(CONTENT_LENGTH, HeaderValue::from(to - from));
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{total:x}\"")) {
        head.insert(ETAG, tag);
    }
    if range.is_some() {
        if let Ok(value) = HeaderValue::from_str(&format!("bytes {from}-{}/{total}", to - 1)) {
            head.insert(CONTENT_RANGE, value);
        }
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    response
}

/// What a `Range` header asks for.
#[derive(PartialEq, Eq, Debug)]
enum Asking {
    /// Everything: it is none that we know, or of several ranges.
    All,
    /// From, and the first byte behind.
    Range(u64, u64),
    /// Bytes that there are not.
    Nothing,
}

fn range_of(text: &str, total: u64) -> Asking {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Asking::All;
    };
    let asking = match (first.trim().parse::<u64>(), last.trim()) {
        (Ok(first), "") => (first, total),
        (Ok(first), last) => match last.parse::<u64>() {
            Ok(last) if last >= first => (first, last.saturating_add(1).min(total)),
            Ok(_) | Err(_) => return Asking::All,
        },
        (Err(_), last) if first.trim().is_empty() => match last.parse::<u64>() {
            Ok(0) => return Asking::Nothing,
            Ok(count) => (total.saturating_sub(count), total),
            Err(_) => return Asking::All,
        },
        (Err(_), _) => return Asking::All,
    };
    if asking.0 >= asking.1 { Asking::Nothing } else { Asking::Range(asking.0, asking.1) }
}

/// Reads ahead a little, on a thread for disks; ends with the client.
fn stream(mut read: Box<dyn FnMut(u64, usize) -> io::Result<Bytes> + Send>, from: u64, to: u64) -> Body {
    let (pieces, mut taken) = mpsc::channel::<io::Result<Bytes>>(AHEAD);
    tokio::task::spawn_blocking(move || {
        let mut at = from;
        while at < to {
            let wanted = usize::try_from(to - at).unwrap_or(CHUNK).min(CHUNK);
            let piece = match read(at, wanted) {
                Ok(piece) if piece.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
                piece => piece,
            };
            at += piece.as_ref().map_or(0, |piece| piece.len() as u64);
            let failed = piece.is_err();
            if pieces.blocking_send(piece).is_err() || failed {
                return;
            }
        }
    });
    Body::from_stream(futures_util::stream::poll_fn(move |cx| taken.poll_recv(cx)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_the_standard() {
        for (text, asking) in [
            ("bytes=0-", Asking::Range(0, 100)),
            ("bytes=10-19", Asking::Range(10, 20)),
            ("bytes=90-1000", Asking::Range(90, 100)),
            ("bytes=-10", Asking::Range(90, 100)),
            ("bytes=-1000", Asking::Range(0, 100)),
            ("bytes=100-", Asking::Nothing),
            ("bytes=-0", Asking::Nothing),
            ("bytes=20-10", Asking::All),
            ("bytes=1-2,5-6", Asking::All),
            ("lines=1-2", Asking::All),
            ("bytes=x-", Asking::All),
        ] {
            assert_eq!(range_of(text, 100), asking, "{text}");
        }
    }
}
