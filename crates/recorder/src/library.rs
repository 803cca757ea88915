//! What is recorded, for those who only read: a connection of its own to a storage's index.
use crate::segment::{Happening, Protected, Segment, Span};
use crate::storage::{Days, IndexError, IndexReader, Totals, index_path};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Most segments of one answer: 10,000. Whoever wants more asks for those behind the last.
pub const SEGMENTS_MAX: usize = 10_000;
/// Most happenings of one answer.
const HAPPENINGS_MAX: usize = 10_000;

/// Reads a storage. It blocks: not for threads that others wait for.
pub struct Library {
    root: PathBuf,
    index: IndexReader,
    /// The index's file when it was opened.
    file: Option<(u64, u64)>,
}

fn file_of(root: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(index_path(root)).ok().map(|facts| (facts.dev(), facts.ino()))
}

impl Library {
    /// Opens a storage's index. It may be in use.
    pub fn open(root: &Path) -> Result<Self, IndexError> {
        Ok(Self { root: root.to_owned(), index: IndexReader::open(&index_path(root))?, file: file_of(root) })
    }

    /// True while the index's file is the one that was opened.
    pub(crate) fn is_there(&self) -> bool {
        self.file.is_some() && self.file == file_of(&self.root)
    }

    /// The storage's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Segments of a stream that have a moment in common with a span, by time, the open one among them. `after`: only those
    /// behind this one.
    pub fn segments(
        &self,
        stream: &str,
        span: Span,
        after: Option<i64>,
        most: usize,
    ) -> Result<Vec<Segment>, IndexError> {
        self.index.segments(stream, span, after, most.min(SEGMENTS_MAX))
    }

    /// One segment.
    pub fn segment(&self, stream: &str, id: i64) -> Result<Option<Segment>, IndexError> {
        self.index.segment(stream, id)
    }

    /// How much there is of each stream.
    pub fn totals(&self) -> Result<Vec<Totals>, IndexError> {
        self.index.totals()
    }

    /// The days on which something of a stream was recorded; a day begins `offset_micros` before it does in UTC.
    pub fn days(&self, stream: &str, offset_micros: i64) -> Result<Vec<Days>, IndexError> {
        self.index.days(stream, offset_micros)
    }

    /// Protected ranges of a stream that touch a span.
    pub fn protected(&self, stream: &str, span: Span) -> Result<Vec<Protected>, IndexError> {
        self.index.protected(stream, span)
    }

    /// What happened within a span.
    pub fn happenings(&self, stream: &str, span: Span) -> Result<Vec<Happening>, IndexError> {
        self.index.happenings(stream, span, HAPPENINGS_MAX)
    }
}
