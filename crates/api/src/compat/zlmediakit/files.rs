//! `getMP4RecordFile` and `deleteRecordDirectory`: answered from the index of the storages. No path that a caller gives is
//! ever opened, listed or deleted; it only chooses among the files that the index knows. Days are those of UTC, as in the
//! files' names.
use super::envelope::{Answered, Failure, object};
use super::fields::Fields;
use super::name;
use super::place::{self, Place};
use crate::shared::Shared;
use media::{StreamName, WallTime, date_text};
use recorder::{FileFormat, Library, PathTemplate, Segment, SegmentState, Span};
use serde_json::json;
use std::path::{Path, PathBuf};

const DAY_MICROS: i64 = 86_400_000_000;
/// Segments that are asked of an index at once.
const PAGE: usize = 1000;
/// Length of `2026-11-29`.
const DAY_LENGTH: usize = 10;

/// A file of a storage.
#[derive(Clone)]
struct File {
    storage: usize,
    segment: Segment,
}

/// What the parameters choose.
struct Asked {
    names: Vec<StreamName>,
    period: String,
    /// The day, where `period` is one.
    day: Option<Span>,
    place: Option<Place>,
}

impl Asked {
    fn new(shared: &Shared, fields: &Fields) -> Result<Self, Failure> {
        let names = name::names(fields)?;
        let period = fields.get("period").unwrap_or_default().trim_matches('/').to_owned();
        let wrong = || Failure::invalid(format!("period={period} is none: write 2026-11 or 2026-11-29"));
        let is_begun = period.len() <= DAY_LENGTH && period.bytes().all(|c| c.is_ascii_digit() || c == b'-');
        if !is_begun {
            return Err(wrong());
        }
        let day = match period.len() {
            DAY_LENGTH => Some(day_of(&period).ok_or_else(wrong)?),
            _ => None,
        };
        let path = fields.given("customized_path");
        let place = path.map(|path| place::of(shared, "customized_path", path)).transpose()?;
        Ok(Self { names, period, day, place })
    }

    fn holds(&self, shared: &Shared, file: &File) -> bool {
        let storage = shared.shelves.names().nth(file.storage).unwrap_or_default();
        self.place.as_ref().is_none_or(|place| place.holds(storage, &file.segment.path))
    }
}

fn day_of(period: &str) -> Option<Span> {
    let from = WallTime::parse_rfc3339(&format!("{period}T00:00:00Z"))?;
    Some(Span { from, to: WallTime::from_micros(from.as_micros() + DAY_MICROS) })
}

/// True for what ZLMediaKit has in its folders of MP4 files: no segments of playlists, no MPEG-TS.
fn is_mp4(segment: &Segment) -> bool {
    matches!(segment.format, FileFormat::Mp4 | FileFormat::Fmp4)
}

/// Shows closed segments that began within a span, until one is enough (`false`).
fn visit(
    library: &Library,
    stream: &str,
    span: Span,
    mut see: impl FnMut(Segment) -> bool,
) -> Result<(), String> {
    let mut after = None;
    loop {
        // A page at a time, so that the limit of one question does not count.
        let page = library.segments(stream, span, after, PAGE).map_err(|error| error.to_string())?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id);
        for segment in page {
            let is_closed = segment.state == SegmentState::Closed;
            let is_within = segment.span.from.as_micros() >= span.from.as_micros();
            if is_closed && is_within && !see(segment) {
                return Ok(());
            }
        }
    }
}

/// Closed segments that began within a span.
fn begun_in(library: &Library, stream: &str, span: Span) -> Result<Vec<Segment>, String> {
    let mut all = Vec::new();
    visit(library, stream, span, |segment| {
        all.push(segment);
        true
    })?;
    Ok(all)
}

/// Closed segments of all storages that began within a span.
async fn files(shared: &Shared, stream: &StreamName, span: Span) -> Result<Vec<File>, Failure> {
    let name = stream.as_str().to_owned();
    let (answers, errors) = shared.shelves.ask_all(move |library| begun_in(library, &name, span)).await;
    match errors.first() {
        Some(error) if answers.is_empty() => Err(Failure::exception(error)),
        Some(_) | None => {
            let of = |(storage, all): (usize, Vec<Segment>)| {
                all.into_iter().map(move |segment| File { storage, segment })
            };
            Ok(answers.into_iter().flat_map(of).collect())
        }
    }
}

/// The days of a stream with MP4 files, as their names begin so.
async fn days(shared: &Shared, stream: &StreamName, asked: &Asked) -> Result<Vec<String>, Failure> {
    let (mut days, mut failed) = (Vec::new(), None);
    for (index, storage) in shared.shelves.names().enumerate() {
        let (storage, name) = (storage.to_owned(), stream.as_str().to_owned());
        let (period, place) = (asked.period.clone(), asked.place.clone());
        let question = move |library: &Library| {
            let is_one = |segment: &Segment| {
                is_mp4(segment) && place.as_ref().is_none_or(|place| place.holds(&storage, &segment.path))
            };
            let mut found = Vec::new();
            for day in library.days(&name, 0).map_err(|error| error.to_string())? {
                let day = date_text(day.day);
                let Some(span) = day_of(&day).filter(|_| day.starts_with(&period)) else { continue };
                let mut has_one = false;
                visit(library, &name, span, |segment| {
                    has_one = is_one(&segment);
                    !has_one
                })?;
                if has_one {
                    found.push(day);
                }
            }
            Ok(found)
        };
        match shared.shelves.ask(index, question).await {
            Ok(found) => days.extend(found),
            Err(error) => failed = Some(error),
        }
    }
    if let Some(error) = failed.filter(|_| days.is_empty()) {
        return Err(Failure::exception(error));
    }
    days.sort_unstable();
    days.dedup();
    Ok(days)
}

/// `getMP4RecordFile`: the days of a month, or the files of a day. `rootPath` with one of `paths` behind it is a file.
pub(super) async fn list(shared: &Shared, fields: &Fields) -> Answered {
    let asked = Asked::new(shared, fields)?;
    let mut answer = (folder(shared, &asked), Vec::new());
    for stream in &asked.names {
        match asked.day {
            None => answer.1 = days(shared, stream, &asked).await?,
            Some(day) => {
                let mut all = files(shared, stream, day).await?;
                all.retain(|file| is_mp4(&file.segment) && asked.holds(shared, file));
                let paths: Vec<PathBuf> = all.iter().filter_map(|file| path(shared, file)).collect();
                if let Some(root) = common_folder(&paths) {
                    let names = paths.iter().filter_map(|path| path.strip_prefix(&root).ok());
                    answer = (root.clone(), names.map(|name| name.display().to_string()).collect());
                }
            }
        }
        if !answer.1.is_empty() {
            break;
        }
    }
    let (root, mut paths) = answer;
    paths.sort_unstable();
    object(json!({ "data": { "rootPath": format!("{}/", root.display()), "paths": paths } }))
}

fn path(shared: &Shared, file: &File) -> Option<PathBuf> {
    Some(place::root(shared.shelves.root(file.storage)?).join(&file.segment.path))
}

/// Where the folder would be: for answers without files, and for lists of days.
fn folder(shared: &Shared, asked: &Asked) -> PathBuf {
    let storage = asked.place.as_ref().and_then(|place| place.storage.as_deref());
    let index = shared.shelves.names().position(|name| storage.is_none_or(|storage| storage == name));
    let root = index.and_then(|index| shared.shelves.root(index)).map(place::root).unwrap_or_default();
    let root = root.join(asked.place.as_ref().map_or("", |place| place.below.as_str()));
    let stream = asked.names.first().map(StreamName::as_str).unwrap_or_default();
    let stream = PathTemplate::new("{stream}")
        .map(|template| template.path(stream, FileFormat::Mp4, WallTime::from_micros(0)))
        .unwrap_or_default();
    let folder = root.join(stream);
    if asked.day.is_some() { folder.join(&asked.period) } else { folder }
}

/// The deepest folder that all of these are in.
fn common_folder(paths: &[PathBuf]) -> Option<PathBuf> {
    let mut folder = paths.first()?.parent()?;
    while !paths.iter().all(|path| path.starts_with(folder)) {
        folder = folder.parent()?;
    }
    Some(folder.to_owned())
}

/// `deleteRecordDirectory`: the files of a day, or one of them. Protected ones stay.
pub(super) async fn delete(shared: &Shared, fields: &Fields) -> Answered {
    let asked = Asked::new(shared, fields)?;
    // Nobody deletes everything by leaving something out.
    let day = asked.day.ok_or_else(|| Failure::invalid("period is needed, and a day: write 2026-11-29"))?;
    let named = fields.given("name");
    let mut chosen = Vec::new();
    for stream in &asked.names {
        chosen = files(shared, stream, day).await?;
        chosen.retain(|file| asked.holds(shared, file) && named.is_none_or(|name| is_called(file, name)));
        if !chosen.is_empty() {
            break;
        }
    }
    let told = folder(shared, &asked).join(named.unwrap_or_default()).display().to_string();
    let failed = |msg: String| object(json!({ "code": -1, "msg": msg, "path": told }));
    let Some(first) = chosen.first() else { return failed("there is no such recording".into()) };
    if named.is_some() && chosen.len() > 1 {
        return failed("the name fits several files: write more of the path".into());
    }
    let stream = first.segment.stream.clone();
    let mut left = Left::default();
    if named.is_none() && asked.place.is_none() {
        // All that lies within a day as a whole began on it.
        for storage in shared.recorder.storages() {
            // What stays is looked at one by one below.
            storage.delete(&stream, day).await.map_err(Failure::exception)?;
        }
    }
    for file in &chosen {
        delete_one(shared, &stream, file, &chosen, &mut left).await?;
    }
    match left.sentence() {
        None => object(json!({ "path": told })),
        Some(msg) => failed(msg),
    }
}

/// What stays.
#[derive(Default)]
struct Left {
    protected: usize,
    in_the_way: usize,
}

impl Left {
    fn sentence(&self) -> Option<String> {
        match (self.protected, self.in_the_way) {
            (0, 0) => None,
            (protected, 0) => Some(format!("{protected} files are protected, and stay")),
            (protected, others) => Some(format!(
                "{others} files stay since others of the same time, which are not meant, would go with them; {protected} are \
                 protected"
            )),
        }
    }
}

/// Deletes one file: what a storage deletes is a span of time, so only where nothing lies in it that is not meant.
async fn delete_one(
    shared: &Shared,
    stream: &str,
    file: &File,
    chosen: &[File],
    left: &mut Left,
) -> Result<(), Failure> {
    let (name, span, id) = (stream.to_owned(), file.segment.span, file.segment.id);
    let found = shared.shelves.ask(file.storage, move |library| begun_in(library, &name, span)).await;
    let found = found.map_err(Failure::exception)?;
    let Some(handle) = shared.recorder.storages().get(file.storage) else { return Ok(()) };
    if !found.iter().any(|segment| segment.id == id) {
        // It went with the day.
        return Ok(());
    }
    let is_meant = |segment: &Segment| {
        chosen.iter().any(|one| one.storage == file.storage && one.segment.id == segment.id)
    };
    let within = |segment: &&Segment| segment.span.to.as_micros() <= span.to.as_micros();
    if found.iter().filter(within).any(|segment| !is_meant(segment)) {
        left.in_the_way += 1;
        return Ok(());
    }
    left.protected += handle.delete(stream, span).await.map_err(Failure::exception)?.2;
    Ok(())
}

/// True where a name, or the end of a path, is this file's.
fn is_called(file: &File, name: &str) -> bool {
    let path = Path::new(&file.segment.path);
    !name.is_empty() && path.ends_with(name.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_below_the_deepest_folder_that_has_them_all() {
        let folder = |paths: &[&str]| common_folder(&paths.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(
            folder(&["/r/cam/2026-11-29/a.mp4", "/r/cam/2026-11-29/b.mp4"]),
            Some("/r/cam/2026-11-29".into())
        );
        assert_eq!(folder(&["/r/cam/1/a.mp4", "/r/cam/2/b.mp4"]), Some("/r/cam".into()));
        assert_eq!(folder(&["/r/cam/1/a.mp4", "/usb/cam/b.mp4"]), Some("/".into()));
        assert_eq!(folder(&[]), None);
    }

    #[test]
    fn a_period_of_a_day_is_that_day_in_utc_and_none_that_there_is_not() {
        let day = day_of("2026-11-29").unwrap();
        assert_eq!(crate::time::rfc3339(day.from), "2026-11-29T00:00:00.000Z");
        assert_eq!(crate::time::rfc3339(day.to), "2026-11-30T00:00:00.000Z");
        assert!(day_of("2026-13-01").is_none() && day_of("2026-11-2").is_none());
    }
}
