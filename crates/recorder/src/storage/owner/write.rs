//! Begin, append, finish: the steps in the order that keeps the promises.
use super::super::StorageError;
use super::super::faults::Step;
use super::super::file::{GrowingFile, part_of};
use super::super::handle::{Begin, Begun, Written};
use super::super::index::NewSegment;
use super::{Open, Owner, is_full};
use crate::segment::{FileFormat, Segment, SegmentState, Span};
use bytes::Bytes;
use media::WallTime;
use std::io;
use std::sync::Arc;
use std::time::Instant;

/// Names that are tried for a segment whose own is taken: 100. More in one millisecond is a mistake.
const NAMES_MAX: usize = 100;
/// Times that room is made for one part.
const ROOM_TRIES: usize = 3;

/// What a write came to.
enum Failed {
    /// There is no room.
    Full(io::Error),
    /// The disk does not work.
    Gone(io::Error),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        if is_full(&error) { Failed::Full(error) } else { Failed::Gone(error) }
    }
}

impl From<super::super::playlist::ListError> for Failed {
    fn from(error: super::super::playlist::ListError) -> Self {
        io::Error::from(error).into()
    }
}

impl From<super::IndexError> for Failed {
    fn from(error: super::IndexError) -> Self {
        io::Error::from(error).into()
    }
}

impl Owner {
    pub(super) fn begin(&mut self, begin: Begin) -> Result<Begun, StorageError> {
        self.try_with_room(|owner| owner.try_begin(&begin))
    }

    pub(super) fn append(
        &mut self,
        id: i64,
        pieces: &[Bytes],
        to: WallTime,
    ) -> Result<Written, StorageError> {
        self.try_with_room(|owner| owner.try_append(id, pieces, to))
    }

    /// Does something; makes room and tries again where there was none.
    fn try_with_room<T>(
        &mut self,
        mut act: impl FnMut(&mut Self) -> Result<T, Failed>,
    ) -> Result<T, StorageError> {
        let mut tries = 0;
        loop {
            match act(self) {
                Ok(done) => return Ok(done),
                Err(Failed::Full(error)) => {
                    tries += 1;
                    let freed = self.make_room(&error);
                    if !freed || tries > ROOM_TRIES {
                        let storage = self.config.name.clone();
                        return Err(StorageError::Full { storage, reason: error.to_string() });
                    }
                }
                Err(Failed::Gone(error)) if self.there.is_some() && error.kind() == CLOSED => {
                    return Err(StorageError::Closed { storage: self.config.name.clone() });
                }
                Err(Failed::Gone(error)) => {
                    if self.there.is_some() {
                        self.lose(&error);
                    }
                    return Err(self.gone_error());
                }
            }
        }
    }

    fn try_begin(&mut self, begin: &Begin) -> Result<Begun, Failed> {
        let Some(there) = &mut self.there else { return Err(Failed::Gone(not_there())) };
        let mut path = format!("{}.{}", begin.path, begin.format.extension());
        for number in 2..NAMES_MAX {
            let taken = there.index.at_path(&path)?.is_some();
            if !taken && !self.config.path.join(&path).exists() {
                break;
            }
            path = format!("{}-{number}.{}", begin.path, begin.format.extension());
        }
        self.hook.before(Step::IndexBegin)?;
        let id = there.index.begin(&NewSegment {
            stream: &begin.stream,
            format: begin.format,
            path: &path,
            from: begin.from,
            tracks: &begin.tracks,
            gap: begin.gap.as_deref(),
            head: begin.head.iter().map(|piece| piece.len() as u64).sum(),
        })?;
        let made = GrowingFile::create(self.config.path.join(&path), &mut self.hook).and_then(|mut file| {
            file.append(&begin.head, &mut self.hook)?;
            Ok(file)
        });
        let file = match made {
            Ok(file) => file,
            Err(error) => {
                // What was made of it is garbage with a note in the index; nothing else is open under this name.
                let _ = std::fs::remove_file(part_of(&self.config.path.join(&path)));
                there.index.forget(id)?;
                return Err(error.into());
            }
        };
        let alive = Arc::new(());
        let open = Open {
            head_bytes: file.whole(),
            file,
            stream: begin.stream.clone(),
            format: begin.format,
            path: path.clone(),
            span: Span { from: begin.from, to: begin.from },
            tracks: begin.tracks.clone(),
            gap: begin.gap.clone(),
            alive: Arc::downgrade(&alive),
            synced: Instant::now(),
        };
        there.open.insert(id, open);
        Ok(Begun { id, path, _alive: alive })
    }

    fn try_append(&mut self, id: i64, pieces: &[Bytes], to: WallTime) -> Result<Written, Failed> {
        let Some(there) = &mut self.there else { return Err(Failed::Gone(not_there())) };
        let Some(open) = there.open.get_mut(&id) else { return Err(Failed::Gone(CLOSED.into())) };
        let before = open.file.whole();
        open.file.append(pieces, &mut self.hook)?;
        open.span.to = to;
        let bytes = open.file.whole();
        self.written += bytes - before;
        Ok(Written { bytes })
    }

    /// Appends what is left, and closes. What cannot be appended for want of room is left out; the rest is closed.
    pub(super) fn finish(&mut self, id: i64, pieces: &[Bytes], span: Span) -> Result<Segment, StorageError> {
        let mut span = span;
        if !pieces.is_empty() {
            match self.append(id, pieces, span.to) {
                Ok(_) => {}
                Err(StorageError::Full { .. }) => {
                    span.to = self
                        .there
                        .as_ref()
                        .and_then(|there| there.open.get(&id))
                        .map_or(span.to, |open| open.span.to);
                }
                Err(other) => return Err(other),
            }
        }
        let Some(there) = &mut self.there else { return Err(self.gone_error()) };
        let Some(open) = there.open.remove(&id) else {
            return Err(StorageError::Closed { storage: self.config.name.clone() });
        };
        match self.try_close(id, open, span) {
            Ok(segment) => Ok(segment),
            Err(Failed::Full(error) | Failed::Gone(error)) => {
                // Its row says that it is open: recovery closes it, now or when the disk is back.
                self.lose(&error);
                Err(self.gone_error())
            }
        }
    }

    fn try_close(&mut self, id: i64, mut open: Open, span: Span) -> Result<Segment, Failed> {
        let Some(there) = &mut self.there else { return Err(Failed::Gone(not_there())) };
        let path = self.config.path.join(&open.path);
        if open.file.whole() <= open.head_bytes {
            // There is no media in it.
            std::fs::remove_file(part_of(&path))?;
            there.index.forget(id)?;
            return Ok(segment_of(id, &open, span, 0, None));
        }
        let format = open.format;
        if format == FileFormat::Mp4 {
            open.file.finish_tables(&mut self.hook)?;
        }
        let mut segment = segment_of(id, &open, span, 0, None);
        let (bytes, hash) = open.file.close(&mut self.hook)?;
        (segment.bytes, segment.hash) = (bytes, Some(hash));
        self.hook.before(Step::IndexClose)?;
        if let Err(error) = there.index.close(id, span, bytes, hash) {
            // The file is whole; without room for the note, others make some.
            let error = io::Error::from(error);
            if !is_full(&error) || !self.make_room(&error) {
                return Err(error.into());
            }
            let Some(there) = &mut self.there else { return Err(Failed::Gone(not_there())) };
            there.index.close(id, span, bytes, hash)?;
        }
        self.bytes += bytes;
        self.segments += 1;
        if format.has_playlist() {
            self.list(&segment.path)?;
        }
        // Nobody may be listening.
        let _ = self.closed.send(Arc::new(segment.clone()));
        Ok(segment)
    }
}

const CLOSED: io::ErrorKind = io::ErrorKind::NotConnected;

fn not_there() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "the storage is not open")
}

fn segment_of(id: i64, open: &Open, span: Span, bytes: u64, hash: Option<u128>) -> Segment {
    Segment {
        id,
        stream: open.stream.clone(),
        format: open.format,
        path: open.path.clone(),
        state: SegmentState::Closed,
        span,
        bytes,
        hash,
        tracks: open.tracks.clone(),
        gap: open.gap.clone(),
        head: open.head_bytes,
    }
}
