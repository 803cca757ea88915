//! What a run that did not end in order left behind: closes its segments, finishes its deletions, adopts files that are
//! newer than the index.
use super::StorageConfig;
use super::faults::{Hook, Step};
use super::file::{PART, hash_of, part_of, put_in_place};
use super::index::{Index, NewSegment};
use super::owner::StartError;
use crate::segment::{FileFormat, Segment, SegmentState, Span};
use crate::whole::{WholeFile, whole_of};
use media::WallTime;
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::Path;

/// The folders of segments that began so long before the newest are looked through for files that are newer than the
/// index: a day, since a folder holds a day. All others are left to `aqueduct recordings check`.
const LOOK_BACK_MICROS: i64 = 86_400_000_000;

/// What was done.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Recovered {
    /// Folders with playlists that may not be as they should.
    pub(crate) lists: BTreeSet<String>,
    pub(crate) closed: usize,
    pub(crate) adopted: usize,
    pub(crate) removed: usize,
}

pub(crate) fn recover(
    config: &StorageConfig,
    index: &mut Index,
    hook: &mut Hook,
) -> Result<Recovered, StartError> {
    let mut done = Recovered::default();
    for segment in index.unfinished()? {
        if segment.format.has_playlist() {
            done.lists.insert(super::playlist::folder_of(&segment.path).to_owned());
        }
        let path = config.path.join(&segment.path);
        match segment.state {
            SegmentState::Deleting => {
                remove_if_there(&path)?;
                index.forget(segment.id)?;
                done.removed += 1;
            }
            SegmentState::Open | SegmentState::Closed => {
                if close(&segment, &path, index, hook)? {
                    done.closed += 1;
                } else {
                    index.forget(segment.id)?;
                    done.removed += 1;
                }
            }
        }
    }
    let since = index
        .newest()?
        .map(|newest| WallTime::from_micros(newest.as_micros().saturating_sub(LOOK_BACK_MICROS)));
    let folders: BTreeSet<String> = match since {
        // An index without segments was lost, or is new: everything is looked through.
        None => all_folders(&config.path)?,
        Some(since) => index.folders_since(since)?,
    };
    for folder in &folders {
        if config.path.join(folder).join(super::playlist::NAME).exists() {
            done.lists.insert(folder.clone());
        }
    }
    for folder in folders {
        adopt_from(config, &folder, index, hook, &mut done)?;
    }
    if done.adopted + done.closed > 0 {
        index.settle(since.unwrap_or(WallTime::from_micros(i64::MIN)))?;
    }
    Ok(done)
}

/// Closes a segment whose file is (partly) there. False: there was nothing in it, and its file is gone.
fn close(segment: &Segment, path: &Path, index: &mut Index, hook: &mut Hook) -> Result<bool, StartError> {
    let part = part_of(path);
    let in_place = !part.exists();
    let now = if in_place { path } else { &part };
    let file = match File::options().read(true).write(true).open(now) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let Some((facts, hash)) = settle(file, segment.format)? else {
        remove_if_there(now)?;
        return Ok(false);
    };
    if !in_place {
        put_in_place(path, hook)?;
    }
    // The index says when it began: its clock may have been set right since the file was begun.
    let from = segment.span.from;
    let to = WallTime::from_micros(from.as_micros() + facts.length_micros);
    hook.before(Step::IndexClose)?;
    index.close(segment.id, Span { from, to }, facts.bytes, hash)?;
    Ok(true)
}

/// Cuts a file off behind its last whole part, and brings it to the disk. `None`: there is no media in it.
fn settle(mut file: File, format: FileFormat) -> io::Result<Option<(WholeFile, u128)>> {
    let Some(facts) = whole_of(&mut file, format)? else { return Ok(None) };
    if file.metadata()?.len() != facts.bytes {
        file.set_len(facts.bytes)?;
    }
    file.sync_all()?;
    let hash = hash_of(&mut file)?;
    Ok(Some((facts, hash)))
}

fn adopt_from(
    config: &StorageConfig,
    folder: &str,
    index: &mut Index,
    hook: &mut Hook,
    done: &mut Recovered,
) -> Result<(), StartError> {
    let entries = match std::fs::read_dir(config.path.join(folder)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let known = index.names_in(folder)?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|_| entry.file_type().is_ok_and(|kind| kind.is_file())) else {
            continue;
        };
        if name.ends_with(".tmp") {
            remove_if_there(&entry.path())?;
            continue;
        }
        let name = name.strip_suffix(PART).unwrap_or(name);
        let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        if known.contains(name) {
            continue;
        }
        if adopt(config, &path, index, hook)? {
            done.adopted += 1;
        } else if entry.path().extension().is_some_and(|extension| extension == "part") {
            remove_if_there(&entry.path())?;
            done.removed += 1;
        }
    }
    Ok(())
}

/// Takes a file that the index lacks into it. False: it is none of ours, or there is nothing in it.
pub(super) fn adopt(
    config: &StorageConfig,
    path: &str,
    index: &mut Index,
    hook: &mut Hook,
) -> Result<bool, StartError> {
    let whole = config.path.join(path);
    let format = match whole.extension().and_then(|extension| extension.to_str()) {
        Some("mp4") => FileFormat::Fmp4,
        Some("ts") => FileFormat::Ts,
        Some(_) | None => return Ok(false),
    };
    let part = part_of(&whole);
    let in_place = !part.exists();
    let file = File::options().read(true).write(true).open(if in_place { &whole } else { &part })?;
    let Some((facts, hash)) = settle(file, format)? else { return Ok(false) };
    let Some((stream, from)) = facts.stream.clone().zip(facts.from) else { return Ok(false) };
    let id = index.begin(&NewSegment {
        stream: &stream,
        format,
        path,
        from,
        tracks: &facts.tracks,
        gap: None,
        head: facts.head,
    })?;
    if !in_place {
        put_in_place(&whole, hook)?;
    }
    let to = WallTime::from_micros(from.as_micros() + facts.length_micros);
    index.close(id, Span { from, to }, facts.bytes, hash)?;
    Ok(true)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    for path in [path.to_owned(), part_of(path)] {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Every folder below `root`, but our own.
pub(super) fn all_folders(root: &Path) -> io::Result<BTreeSet<String>> {
    let mut found = BTreeSet::from([String::new()]);
    let mut ahead = vec![String::new()];
    while let Some(folder) = ahead.pop() {
        for entry in std::fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|_| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            else {
                continue;
            };
            if name == super::OWN_FOLDER {
                continue;
            }
            let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            found.insert(path.clone());
            ahead.push(path);
        }
    }
    Ok(found)
}
