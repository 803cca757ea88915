//! `aqueduct recordings check`: compares the index with the files, and repairs what can be.
use super::faults::Hook;
use super::file::{PART, hash_of};
use super::index::{Index, IndexError, Reader};
use super::owner::StartError;
use super::place::Place;
use super::recover::{adopt, all_folders, recover};
use super::{StorageConfig, index_path};
use crate::segment::{Segment, SegmentState};
use media::WallTime;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;

/// Segments read at once.
const BATCH: usize = 10_000;

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Finding {
    /// The index has a segment whose file is not there.
    Missing(String),
    /// A file has not the length that the index says.
    Length {
        /// Its path.
        path: String,
        /// What the index says.
        noted: u64,
        /// What it has.
        found: u64,
    },
    /// A file has not the bytes that were written.
    Altered(String),
    /// A file that the index lacks.
    Stranger(String),
    /// Two segments of one recording have moments in common.
    Overlap(String, String),
    /// SQLite says that the index's file is broken.
    Broken(String),
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Finding::Missing(path) => write!(f, "{path}: the index has it, and it is not there"),
            Finding::Length { path, noted, found } => {
                write!(f, "{path}: it has {found} bytes, and had {noted} when it was closed")
            }
            Finding::Altered(path) => write!(f, "{path}: it has not the bytes that were written"),
            Finding::Stranger(path) => write!(f, "{path}: the index lacks it"),
            Finding::Overlap(one, other) => write!(f, "{one} and {other}: their times overlap"),
            Finding::Broken(why) => write!(f, "the index is broken: {why}"),
        }
    }
}

/// What a check found and did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CheckReport {
    /// Segments looked at.
    pub segments: u64,
    /// Files that were read as a whole.
    pub hashed: u64,
    /// Bytes of all segments.
    pub bytes: u64,
    /// Segments that are being written now.
    pub open: u64,
    /// What is wrong, the first hundred of it.
    pub findings: Vec<Finding>,
    /// How much is wrong.
    pub wrong: u64,
    /// How much of it was mended.
    pub mended: u64,
}

/// Most findings that are listed one by one: 100; all are counted.
const LISTED: usize = 100;

impl CheckReport {
    fn note(&mut self, finding: Finding) {
        self.wrong += 1;
        if self.findings.len() < LISTED {
            self.findings.push(finding);
        }
    }
}

/// Why a check could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The disk.
    #[error("{0}")]
    Disk(#[from] io::Error),
    /// The index.
    #[error("{0}")]
    Index(#[from] IndexError),
}

impl From<StartError> for CheckError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Fatal(error) | StartError::Gone(error) => CheckError::Disk(error),
        }
    }
}

/// Checks a storage. `hashes`: also reads every file and compares it with its hash. `repair`: closes what is open, takes
/// strangers into the index, forgets what is missing, and makes the index anew if it is broken; then no server may be
/// recording there. What was altered is only told: what is right nobody knows.
pub fn check(
    config: &StorageConfig,
    hashes: bool,
    repair: bool,
    now: WallTime,
) -> Result<CheckReport, CheckError> {
    let mut report = CheckReport::default();
    let place = if repair { Some(Place::open(config, config.mount)?) } else { None };
    if let Err(why) = usable(&config.path) {
        report.note(Finding::Broken(why));
        if !repair {
            return Ok(report);
        }
        set_aside(&config.path)?;
        report.mended += 1;
    }
    if repair {
        let mut index = Index::open(&config.index_path(), now)?;
        let recovered = recover(config, &mut index, &mut Hook(None))?;
        report.mended += (recovered.closed + recovered.adopted + recovered.removed) as u64;
    }
    if !config.index_path().exists() {
        return Ok(report);
    }
    let index = Reader::open(&config.index_path())?;
    let mut known: HashMap<String, Vec<String>> = HashMap::new();
    let mut lost = Vec::new();
    let mut after = i64::MIN;
    loop {
        let batch = index.all_after(after, BATCH)?;
        let Some(last) = batch.last() else { break };
        after = last.id;
        for segment in batch {
            compare(config, &segment, hashes, &mut report, &mut lost)?;
            let (folder, name) = segment.path.rsplit_once('/').unwrap_or(("", &segment.path));
            match known.get_mut(folder) {
                Some(names) => names.push(name.to_owned()),
                None => {
                    known.insert(folder.to_owned(), vec![name.to_owned()]);
                }
            }
        }
    }
    for (before, after) in index.overlaps()? {
        report.note(Finding::Overlap(before, after));
    }
    let strangers = strangers(&config.path, &mut known, &mut report)?;
    if let Some(_lock) = place {
        let mut index = Index::open(&config.index_path(), now)?;
        for id in lost {
            index.forget(id)?;
            report.mended += 1;
        }
        for path in strangers {
            if adopt(config, &path, &mut index, &mut Hook(None))? {
                report.mended += 1;
            }
        }
        report.mended += index.settle(WallTime::from_micros(i64::MIN))? as u64;
        index.checkpoint()?;
    }
    Ok(report)
}

fn usable(root: &Path) -> Result<(), String> {
    let path = index_path(root);
    if !path.exists() {
        return Ok(());
    }
    match Reader::open(&path).and_then(|index| index.integrity()) {
        Ok(word) if word == "ok" => Ok(()),
        Ok(why) => Err(why),
        Err(error) => Err(error.to_string()),
    }
}

/// Renames a broken index, so that a new one is made.
fn set_aside(root: &Path) -> io::Result<()> {
    let path = index_path(root);
    for ending in ["", "-wal", "-shm"] {
        let file = path.with_extension(format!("sqlite3{ending}"));
        if file.exists() {
            std::fs::rename(&file, file.with_extension(format!("broken{ending}")))?;
        }
    }
    Ok(())
}

fn compare(
    config: &StorageConfig,
    segment: &Segment,
    hashes: bool,
    report: &mut CheckReport,
    lost: &mut Vec<i64>,
) -> Result<(), CheckError> {
    match segment.state {
        SegmentState::Open => {
            report.open += 1;
            return Ok(());
        }
        SegmentState::Deleting => return Ok(()),
        SegmentState::Closed => {}
    }
    report.segments += 1;
    report.bytes += segment.bytes;
    let path = config.path.join(&segment.path);
    let found = match std::fs::metadata(&path) {
        Ok(facts) => facts.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            report.note(Finding::Missing(segment.path.clone()));
            lost.push(segment.id);
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    if found != segment.bytes {
        report.note(Finding::Length { path: segment.path.clone(), noted: segment.bytes, found });
    } else if hashes {
        report.hashed += 1;
        if Some(hash_of(&mut File::open(path)?)?) != segment.hash {
            report.note(Finding::Altered(segment.path.clone()));
        }
    }
    Ok(())
}

/// The files that the index lacks.
fn strangers(
    root: &Path,
    known: &mut HashMap<String, Vec<String>>,
    report: &mut CheckReport,
) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for folder in all_folders(root)? {
        let mut names = known.remove(&folder).unwrap_or_default();
        names.sort_unstable();
        for entry in std::fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
            let recording = [".mp4", ".ts", PART].iter().any(|ending| name.ends_with(ending));
            if !is_file || !recording {
                continue;
            }
            let name = name.strip_suffix(PART).unwrap_or(name);
            if names.binary_search_by(|known| known.as_str().cmp(name)).is_err() {
                let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
                report.note(Finding::Stranger(path.clone()));
                found.push(path);
            }
        }
    }
    Ok(found)
}
