//! One MP4 out of any span of a stream's recordings: its tables are made here, its media stays where it is.
//!
//! Memory: the tables, some 20 bytes a frame while they are made; an hour is a megabyte and a half in the end.
use crate::segment::{FileFormat, Segment, Span};
use crate::whole::reader;
use bytes::{Bytes, BytesMut};
use formats::mp4::{Movie, MovieBuilder, Place, SegmentIndex};
use media::{Kind, WallTime};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::Duration;

/// Segments that begin so much before the end of the one before are of another recording of the same stream: 300 ms.
const OVERLAP_MICROS: i64 = 300_000;
/// Longest span of one export: 25 h, a day and the change of the clocks. Its tables have some 30 MB.
pub const EXPORT_MAX: Duration = Duration::from_secs(25 * 3600);

/// Why there is no export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// There is nothing.
    #[error("nothing is recorded in that time")]
    Nothing,
    /// It is recorded in another format.
    #[error("in that time there are only {0} recordings: take their files as they are, from …/segments")]
    Format(&'static str),
    /// It is too much at once.
    #[error("that is longer than {} h, the most that is exported at once", EXPORT_MAX.as_secs() / 3600)]
    TooLong,
    /// A file cannot be read.
    #[error("{path}: {error}")]
    File {
        /// Its path below the storage's folder.
        path: String,
        /// What is wrong.
        error: String,
    },
}

/// A segment and where its storage is.
#[derive(Clone, Debug)]
pub struct Found {
    /// The storage's folder.
    pub root: PathBuf,
    /// The segment.
    pub segment: Segment,
}

impl Found {
    /// Where its file is now.
    pub fn path(&self) -> PathBuf {
        let path = self.root.join(&self.segment.path);
        match self.segment.state {
            crate::SegmentState::Open => crate::storage::part_of(&path),
            crate::SegmentState::Closed | crate::SegmentState::Deleting => path,
        }
    }

    /// Opens its file, wherever it is by now.
    pub fn open(&self) -> io::Result<File> {
        // It may be closed between the question and this.
        File::open(self.path()).or_else(|_| File::open(self.root.join(&self.segment.path)))
    }

    /// What is in its file.
    pub fn index(&self, file: &File) -> Result<SegmentIndex, ExportError> {
        SegmentIndex::read(reader(file))
            .map_err(|error| ExportError::File { path: self.segment.path.clone(), error: error.to_string() })
    }

    /// What has to be added to the file's own wall times: the clock may have been set since.
    pub fn shift_micros(&self, index: &SegmentIndex) -> i64 {
        index.begins().map_or(0, |begins| self.segment.span.from.as_micros() - begins.as_micros())
    }
}

/// One line out of all recordings of a stream: of those that lie over each other, the one that began first goes on.
pub fn one_line(mut all: Vec<Found>) -> Vec<Found> {
    all.sort_by_key(|found| (found.segment.span.from.as_micros(), found.segment.format));
    let mut line: Vec<Found> = Vec::with_capacity(all.len());
    for found in all {
        let ended = line.last().map_or(i64::MIN, |last| match last.segment.state {
            // How far it reaches is known when it is closed.
            crate::SegmentState::Open => i64::MAX,
            crate::SegmentState::Closed | crate::SegmentState::Deleting => last.segment.span.to.as_micros(),
        });
        if ended == i64::MIN || found.segment.span.from.as_micros() >= ended.saturating_sub(OVERLAP_MICROS) {
            line.push(found);
        }
    }
    line
}

/// An MP4 that is not in memory.
#[derive(Debug)]
pub struct Export {
    movie: Movie,
    files: Vec<Found>,
    /// When its first frame was captured.
    pub from: WallTime,
    /// When its last frame ended.
    pub to: WallTime,
    /// Why it ends before what was asked for, where it does.
    pub stopped: Option<String>,
}

impl Export {
    /// A span, from the key frame at or before its begin. Reads the heads of the files: not for threads that others wait
    /// for.
    pub fn plan(found: Vec<Found>, span: Span) -> Result<Self, ExportError> {
        if span.length() > EXPORT_MAX && found.len() > 1 {
            let first = found.iter().map(|found| found.segment.span.from.as_micros()).min().unwrap_or(0);
            let last = found.iter().map(|found| found.segment.span.to.as_micros()).max().unwrap_or(0);
            if (last - first) as u128 > EXPORT_MAX.as_micros() {
                return Err(ExportError::TooLong);
            }
        }
        let (mut builder, mut files, mut from, mut stopped) = (None, Vec::new(), None, None);
        let mut to = span.from;
        for found in mp4_line(found)? {
            let file = match found.open() {
                Ok(file) => file,
                // Retention took it meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(&found, &error)),
            };
            let index = match found.index(&file) {
                Ok(index) => index,
                // A file that has only just been begun has no whole head yet.
                Err(_) if found.segment.state == crate::SegmentState::Open => continue,
                Err(error) => return Err(error),
            };
            let shift = found.shift_micros(&index);
            let micros = |wall: WallTime| {
                index.micros_at(WallTime::from_micros(wall.as_micros().saturating_sub(shift))).unwrap_or(0)
            };
            let Some(piece) = index.piece(micros(span.from), micros(span.to)) else { continue };
            let wall = |micros: i64| {
                index.wall_at(micros).map(|wall| WallTime::from_micros(wall.as_micros() + shift))
            };
            let Some((begins, ends)) = wall(piece.begins_micros()).zip(wall(piece.ends_micros())) else {
                continue;
            };
            let builder = match &mut builder {
                Some(builder) => builder,
                None => {
                    builder.insert(MovieBuilder::new(index.tracks()).map_err(|error| failed(&found, &error))?)
                }
            };
            if let Err(stop) = builder.add(files.len(), &index, &piece, begins.as_micros()) {
                stopped = Some(stop.to_string());
                break;
            }
            from.get_or_insert(begins);
            to = ends;
            files.push(found);
        }
        Self::finish(builder, files, from, to, stopped)
    }

    /// The one key frame at or before a moment.
    pub fn frame(found: Vec<Found>, at: WallTime) -> Result<Self, ExportError> {
        let span = Span { from: at, to: WallTime::from_micros(at.as_micros() + 1) };
        let pictures = pictures(found, span, 1)?;
        let (from, to) = (pictures.first(), pictures.last());
        let from = from.map(|picture| picture.wall);
        let to = to.map_or(at, |picture| picture.wall);
        Self::of_pictures(pictures, from, to)
    }

    /// Up to `count` key frames, spread over a span, each shown for a second; and when they were captured.
    pub fn strip(found: Vec<Found>, span: Span, count: usize) -> Result<(Self, Vec<WallTime>), ExportError> {
        let pictures = pictures(found, span, count.clamp(1, 1000))?;
        let walls: Vec<WallTime> = pictures.iter().map(|picture| picture.wall).collect();
        let (from, to) = (walls.first().copied(), walls.last().copied().unwrap_or(span.from));
        Ok((Self::of_pictures(pictures, from, to)?, walls))
    }

    fn of_pictures(
        pictures: Vec<Picture>,
        from: Option<WallTime>,
        to: WallTime,
    ) -> Result<Self, ExportError> {
        let (mut builder, mut files): (Option<MovieBuilder>, Vec<Found>) = (None, Vec::new());
        for picture in &pictures {
            let index = &picture.index;
            let builder = match &mut builder {
                Some(builder) => builder,
                None => builder.insert(
                    MovieBuilder::only(Kind::Video, index.tracks())
                        .map_err(|error| failed(&picture.found, &error))?,
                ),
            };
            let same = files.last().is_some_and(|last| last.segment.path == picture.found.segment.path);
            let source = if same { files.len() - 1 } else { files.len() };
            if builder.add_picture(source, index, picture.sample, Duration::from_secs(1)).is_err() {
                break;
            }
            if !same {
                files.push(picture.found.clone());
            }
        }
        Self::finish(builder, files, from, to, None)
    }

    fn finish(
        builder: Option<MovieBuilder>,
        files: Vec<Found>,
        from: Option<WallTime>,
        to: WallTime,
        stopped: Option<String>,
    ) -> Result<Self, ExportError> {
        let movie = builder.and_then(MovieBuilder::finish).ok_or(ExportError::Nothing)?;
        Ok(Self { movie, files, from: from.ok_or(ExportError::Nothing)?, to, stopped })
    }

    /// All bytes.
    pub fn total(&self) -> u64 {
        self.movie.total()
    }

    /// How long it plays.
    pub fn duration(&self) -> Duration {
        self.movie.duration()
    }
}

/// Reads an export from anywhere. Blocks.
pub struct ExportReader {
    export: std::sync::Arc<Export>,
    open: Option<(usize, File)>,
}

impl ExportReader {
    /// Reads from its files as they are asked for.
    pub fn new(export: std::sync::Arc<Export>) -> Self {
        Self { export, open: None }
    }

    /// Some bytes from `at` on, `max` at most; none at the end.
    pub fn read(&mut self, at: u64, max: usize) -> io::Result<Bytes> {
        match self.export.movie.locate(at, max as u64) {
            None => Ok(Bytes::new()),
            Some(Place::Head(range)) => Ok(self.export.movie.head().slice(range)),
            Some(Place::Source { source, offset, length }) => {
                let file = match &self.open {
                    Some((open, file)) if *open == source => file,
                    Some(_) | None => {
                        let found = self.export.files.get(source).ok_or(io::ErrorKind::NotFound)?;
                        &self.open.insert((source, found.open()?)).1
                    }
                };
                let mut data = BytesMut::zeroed(usize::try_from(length).unwrap_or(max).min(max));
                file.read_exact_at(&mut data, offset)?;
                Ok(data.freeze())
            }
        }
    }
}

/// A key frame in its file.
struct Picture {
    found: Found,
    index: std::rc::Rc<SegmentIndex>,
    sample: usize,
    wall: WallTime,
}

/// Key frames spread over a span: for each of `count` moments, the one at or before it.
fn pictures(found: Vec<Found>, span: Span, count: usize) -> Result<Vec<Picture>, ExportError> {
    let line = mp4_line(found)?;
    let mut pictures: Vec<Picture> = Vec::new();
    let mut open: Option<(usize, std::rc::Rc<SegmentIndex>, i64)> = None;
    let length = span.to.as_micros() - span.from.as_micros();
    for number in 0..count {
        let wanted = span.from.as_micros() + (length as i128 * number as i128 / count as i128) as i64;
        let after = line.partition_point(|found| found.segment.span.from.as_micros() <= wanted);
        let Some(place) = after.checked_sub(1).or((count > 1 && !line.is_empty()).then_some(0)) else {
            continue;
        };
        if open.as_ref().is_none_or(|(known, ..)| *known != place) {
            let found = &line[place];
            let Ok(file) = found.open() else { continue };
            let Ok(index) = found.index(&file) else { continue };
            let shift = found.shift_micros(&index);
            open = Some((place, std::rc::Rc::new(index), shift));
        }
        let Some((_, index, shift)) = &open else { continue };
        let micros = index.micros_at(WallTime::from_micros(wanted - shift)).unwrap_or(0);
        let Some(sample) = index.key_at_or_before(micros).or_else(|| index.key_from(micros)) else {
            continue;
        };
        let main = index.main_track();
        if !index.tracks().get(main).is_some_and(|track| track.codec.is_video()) {
            return Err(ExportError::Format("sound"));
        }
        let Some(at) = index.samples(main).get(sample).map(|found| index.micros_of(main, found)) else {
            continue;
        };
        let Some(wall) = index.wall_at(at).map(|wall| WallTime::from_micros(wall.as_micros() + shift)) else {
            continue;
        };
        if pictures.last().is_some_and(|last| last.wall == wall) {
            continue;
        }
        pictures.push(Picture { found: line[place].clone(), index: index.clone(), sample, wall });
    }
    if pictures.is_empty() { Err(ExportError::Nothing) } else { Ok(pictures) }
}

/// The MP4 segments of one line.
fn mp4_line(found: Vec<Found>) -> Result<Vec<Found>, ExportError> {
    if found.is_empty() {
        return Err(ExportError::Nothing);
    }
    let mp4: Vec<Found> = found.into_iter().filter(|found| !found.segment.format.is_ts()).collect();
    if mp4.is_empty() {
        return Err(ExportError::Format(FileFormat::Ts.as_str()));
    }
    Ok(one_line(mp4))
}

fn failed(found: &Found, error: &dyn std::fmt::Display) -> ExportError {
    ExportError::File { path: found.segment.path.clone(), error: error.to_string() }
}
