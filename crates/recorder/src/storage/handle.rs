//! The way to a storage's thread, from anywhere.
use super::StorageError;
use super::health::StorageReport;
use super::owner::Command;
use crate::segment::{FileFormat, Segment, Span};
use bytes::Bytes;
use media::WallTime;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

/// A storage's mailbox. Cheap to clone.
#[derive(Clone)]
pub struct StorageHandle {
    pub(super) name: Arc<str>,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) report: watch::Receiver<StorageReport>,
    pub(super) closed: broadcast::Sender<Arc<Segment>>,
}

/// A segment to begin.
#[derive(Clone, Debug)]
pub struct Begin {
    /// The stream.
    pub stream: String,
    /// Which kind of file.
    pub format: FileFormat,
    /// Where it should be, below the storage's folder, without the ending; a number is added if that is taken.
    pub path: String,
    /// When its first frame was captured.
    pub from: WallTime,
    /// Codecs, such as `h264+aac`.
    pub tracks: String,
    /// Why it does not follow the one before, where it does not.
    pub gap: Option<String>,
    /// What the file begins with.
    pub head: Vec<Bytes>,
}

/// A segment that was begun. Whoever drops it without [`StorageHandle::finish`] leaves the rest to the storage, which
/// closes the segment as it is.
#[derive(Debug)]
pub struct Begun {
    /// Its number in the index.
    pub id: i64,
    /// Where it is, below the storage's folder.
    pub path: String,
    /// While it is there, somebody will write.
    pub(super) _alive: Arc<()>,
}

/// What an append or the end of a segment was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Written {
    /// Bytes of the file that are whole now.
    pub bytes: u64,
}

impl StorageHandle {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it is.
    pub fn report(&self) -> StorageReport {
        self.report.borrow().clone()
    }

    /// How it is, and what becomes of that.
    pub fn watch(&self) -> watch::Receiver<StorageReport> {
        self.report.clone()
    }

    /// Segments as they are closed, from now on.
    pub fn closed(&self) -> broadcast::Receiver<Arc<Segment>> {
        self.closed.subscribe()
    }

    async fn ask<T>(
        &self,
        make: impl FnOnce(oneshot::Sender<Result<T, StorageError>>) -> Command,
    ) -> Result<T, StorageError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(make(reply)).await.map_err(|_| StorageError::Ended)?;
        answer.await.map_err(|_| StorageError::Ended)?
    }

    /// Begins a segment: in the index, then on the disk.
    pub async fn begin(&self, begin: Begin) -> Result<Begun, StorageError> {
        self.ask(|reply| Command::Begin { begin: Box::new(begin), asked: Instant::now(), reply }).await
    }

    /// Appends a whole part, after which the segment reaches until `to`. All of it, or on an error nothing.
    pub async fn append(
        &self,
        segment: &Begun,
        pieces: Vec<Bytes>,
        to: WallTime,
    ) -> Result<Written, StorageError> {
        let (id, asked) = (segment.id, Instant::now());
        self.ask(|reply| Command::Append { id, pieces, to, asked, reply }).await
    }

    /// Appends what is left and closes the segment: it is on the disk and in the index when this returns.
    pub async fn finish(
        &self,
        segment: Begun,
        pieces: Vec<Bytes>,
        span: Span,
    ) -> Result<Segment, StorageError> {
        let (id, asked) = (segment.id, Instant::now());
        self.ask(|reply| Command::Finish { id, pieces, span, asked, reply }).await
    }

    /// Deletes what lies within a span of a stream as a whole and is not protected. Returns how many segments and bytes,
    /// and how many stay since they are protected.
    pub async fn delete(&self, stream: &str, span: Span) -> Result<(usize, u64, usize), StorageError> {
        let stream = stream.to_owned();
        self.ask(|reply| Command::Delete { stream, span, reply }).await
    }

    /// Protects a span of a stream from deletion.
    pub async fn protect(&self, stream: &str, span: Span, note: &str) -> Result<i64, StorageError> {
        let (stream, note) = (stream.to_owned(), note.to_owned());
        self.ask(|reply| Command::Protect { stream, span, note, reply }).await
    }

    /// Ends a protection. False: there is none of this number.
    pub async fn unprotect(&self, stream: &str, id: i64) -> Result<bool, StorageError> {
        let stream = stream.to_owned();
        self.ask(|reply| Command::Unprotect { stream, id, reply }).await
    }

    /// Marks that something happened.
    pub async fn happened(
        &self,
        stream: &str,
        span: Span,
        kind: &str,
        text: &str,
    ) -> Result<i64, StorageError> {
        let (stream, kind, text) = (stream.to_owned(), kind.to_owned(), text.to_owned());
        self.ask(|reply| Command::Happened { stream, span, kind, text, reply }).await
    }

    /// The clock was set by so many microseconds: all that was recorded since the start is dated anew.
    pub async fn redate(&self, micros: i64) -> Result<usize, StorageError> {
        self.ask(|reply| Command::Redate { micros, reply }).await
    }

    /// How long a stream's recordings in a format are kept, from now on.
    pub async fn keep(
        &self,
        stream: &str,
        format: FileFormat,
        retention: super::Retention,
    ) -> Result<(), StorageError> {
        let stream = stream.to_owned();
        self.ask(|reply| Command::Keep { stream, format, retention, reply }).await
    }

    /// Ends the thread in order: what is open is closed, and the index is one file.
    pub async fn end(&self) -> Result<(), StorageError> {
        self.ask(|reply| Command::End { reply }).await
    }
}
