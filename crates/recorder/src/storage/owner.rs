//! The owner of a storage: one thread, its mailbox, what it does each second.
mod write;

use super::faults::{Hook, Step};
use super::file::GrowingFile;
use super::handle::{Begin, Begun, StorageHandle, Written};
use super::health::{Health, Pace, StorageReport};
use super::index::{Index, IndexError};
use super::place::{Place, Room};
use super::reserve::Reserve;
use super::{Retention, StorageConfig, StorageError};
use crate::segment::{FileFormat, Segment, Span};
use bytes::Bytes;
use media::WallTime;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

/// Commands that wait; whoever asks waits beyond that. A thousand recordings have one each.
const COMMANDS: usize = 1024;
/// Closed segments that a listener may be behind before it loses the oldest.
const CLOSED: usize = 1024;
/// The disk is looked at, and retention is applied, so often.
const TURN: Duration = Duration::from_secs(1);
/// A disk that is gone is tried again so often.
const RETRY: Duration = Duration::from_secs(2);

/// What is recorded in a day is guessed after so long.
const RATE_AFTER: Duration = Duration::from_secs(120);

type Reply<T> = oneshot::Sender<Result<T, StorageError>>;

pub(super) enum Command {
    Begin { begin: Box<Begin>, asked: Instant, reply: Reply<Begun> },
    Append { id: i64, pieces: Vec<Bytes>, to: WallTime, asked: Instant, reply: Reply<Written> },
    Finish { id: i64, pieces: Vec<Bytes>, span: Span, asked: Instant, reply: Reply<Segment> },
    Delete { stream: String, span: Span, reply: Reply<(usize, u64, usize)> },
    Protect { stream: String, span: Span, note: String, reply: Reply<i64> },
    Unprotect { stream: String, id: i64, reply: Reply<bool> },
    Happened { stream: String, span: Span, kind: String, text: String, reply: Reply<i64> },
    Redate { micros: i64, reply: Reply<usize> },
    Keep { stream: String, format: FileFormat, retention: Retention, reply: Reply<()> },
    End { reply: Reply<()> },
}

/// A segment that is being written.
pub(super) struct Open {
    pub(super) file: GrowingFile,
    pub(super) stream: String,
    pub(super) format: FileFormat,
    pub(super) path: String,
    pub(super) span: Span,
    pub(super) tracks: String,
    pub(super) gap: Option<String>,
    /// Bytes before the first part: a file with no more than this has no media.
    pub(super) head_bytes: u64,
    /// Gone when nobody will write any more.
    pub(super) alive: Weak<()>,
    pub(super) synced: Instant,
}

/// What there is while the disk is there.
pub(super) struct There {
    pub(super) place: Place,
    pub(super) index: Index,
    pub(super) open: HashMap<i64, Open>,
    pub(super) reserve: Reserve,
}

/// Everything that has to do with one storage.
pub(super) struct Owner {
    pub(super) config: StorageConfig,
    pub(super) hook: Hook,
    pub(super) there: Option<There>,
    pub(super) was_mount: bool,
    pub(super) room: Room,
    pub(super) bytes: u64,
    pub(super) segments: u64,
    pub(super) written: u64,
    pub(super) deleted: u64,
    pub(super) pace: Pace,
    /// The disk refused to take something for want of room, last then, until there is enough again.
    pub(super) full: Option<(String, Instant)>,
    pub(super) gone: Option<(String, Instant)>,
    pub(super) keep: HashMap<(String, FileFormat), Retention>,
    /// When those were looked at.
    pub(super) streams_retained: Instant,
    /// Folders with playlists that go on, and when that was last.
    pub(super) lists: HashMap<String, Instant>,
    started: Instant,
    wall: fn() -> WallTime,
    told: watch::Sender<StorageReport>,
    pub(super) closed: broadcast::Sender<Arc<Segment>>,
}

impl StorageHandle {
    /// Starts the thread of a storage. A disk that is not there is no error: the storage says so and tries again. A folder
    /// that another process records in, or an index of a newer version, is one.
    pub fn start(mut config: StorageConfig, wall: fn() -> WallTime) -> io::Result<Self> {
        let (commands, mailbox) = mpsc::channel(COMMANDS);
        let (closed, _) = broadcast::channel(CLOSED);
        let faults = config.faults.take();
        let name: Arc<str> = config.name.as_str().into();
        let report = StorageReport {
            name: config.name.clone(),
            path: config.path.clone(),
            health: Health::Ok,
            since: wall(),
            bytes: 0,
            segments: 0,
            open: 0,
            free: 0,
            total: 0,
            written: 0,
            bytes_per_day: None,
            deleted: 0,
            retention: config.retention,
            free_min: config.free_min,
            slowest_ms: 0,
        };
        let (told, report) = watch::channel(report);
        let was_mount = config.mount;
        let mut owner = Owner {
            config,
            hook: Hook(faults),
            there: None,
            was_mount,
            room: Room::default(),
            bytes: 0,
            segments: 0,
            written: 0,
            deleted: 0,
            pace: Pace::new(Instant::now()),
            full: None,
            gone: None,
            keep: HashMap::new(),
            streams_retained: Instant::now(),
            lists: HashMap::new(),
            started: Instant::now(),
            wall,
            told,
            closed: closed.clone(),
        };
        match owner.open() {
            Err(StartError::Fatal(error)) => return Err(error),
            Err(StartError::Gone(error)) => owner.lose(&error),
            Ok(()) => {}
        }
        owner.tell();
        let thread = std::thread::Builder::new().name(format!("storage-{name}"));
        thread.spawn(move || run(owner, mailbox))?;
        Ok(Self { name, commands, report, closed })
    }
}

/// Why a storage could not be opened.
pub(super) enum StartError {
    /// Trying again is of no use.
    Fatal(io::Error),
    /// The disk does not work now.
    Gone(io::Error),
}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        let fatal = matches!(error.kind(), io::ErrorKind::ResourceBusy | io::ErrorKind::PermissionDenied);
        if fatal { StartError::Fatal(error) } else { StartError::Gone(error) }
    }
}

impl From<IndexError> for StartError {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::TooNew { .. } => StartError::Fatal(error.into()),
            IndexError::Sqlite(_) => StartError::Gone(error.into()),
        }
    }
}

fn run(mut owner: Owner, mut mailbox: mpsc::Receiver<Command>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_time().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(storage = owner.config.name, %error, "a storage's thread could not start its runtime");
            return;
        }
    };
    runtime.block_on(async {
        let mut turn = tokio::time::Instant::now() + TURN;
        loop {
            let command = tokio::time::timeout_at(turn, mailbox.recv());
            match command.await {
                Ok(Some(Command::End { reply })) => {
                    owner.end();
                    // Whoever asked may have given up waiting.
                    let _ = reply.send(Ok(()));
                    return;
                }
                Ok(Some(command)) => owner.handle(command),
                Ok(None) => return owner.end(),
                Err(_) => {}
            }
            if tokio::time::Instant::now() >= turn {
                turn = tokio::time::Instant::now() + TURN;
                owner.turn();
            }
        }
    });
}

/// The error is for want of room.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Answers. Whoever asked may have given up waiting; then nobody hears it, and that is all right.
fn answer<T>(reply: Reply<T>, value: Result<T, StorageError>) {
    let _ = reply.send(value);
}

impl Owner {
    fn handle(&mut self, command: Command) {
        match command {
            Command::Begin { begin, asked, reply } => {
                let done = self.begin(*begin);
                self.note(asked);
                answer(reply, done);
            }
            Command::Append { id, pieces, to, asked, reply } => {
                let done = self.append(id, &pieces, to);
                self.note(asked);
                answer(reply, done);
            }
            Command::Finish { id, pieces, span, asked, reply } => {
                let done = self.finish(id, &pieces, span);
                self.note(asked);
                answer(reply, done);
            }
            Command::Delete { stream, span, reply } => answer(reply, self.delete_span(&stream, span)),
            Command::Protect { stream, span, note, reply } => {
                answer(reply, self.with_index(|index| index.protect(&stream, span, &note)));
            }
            Command::Unprotect { stream, id, reply } => {
                answer(reply, self.with_index(|index| index.unprotect(&stream, id)));
            }
            Command::Happened { stream, span, kind, text, reply } => {
                answer(reply, self.with_index(|index| index.happened(&stream, span, &kind, &text)));
            }
            Command::Redate { micros, reply } => answer(reply, self.redate(micros)),
            Command::Keep { stream, format, retention, reply } => {
                if retention == Retention::default() {
                    self.keep.remove(&(stream, format));
                } else {
                    self.keep.insert((stream, format), retention);
                }
                answer(reply, Ok(()));
            }
            Command::End { reply } => answer(reply, Ok(())),
        }
    }

    /// Something was done that was asked for then: says so when the disk is slow, or is no more.
    fn note(&mut self, asked: Instant) {
        let now = Instant::now();
        self.pace.note(asked.elapsed(), now);
        if self.pace.is_slow(now) != matches!(self.told.borrow().health, Health::Slow { .. }) {
            self.tell();
        }
    }

    /// Opens the folder and the index, and finishes what the last run left.
    fn open(&mut self) -> Result<(), StartError> {
        let place = Place::open(&self.config, self.was_mount)?;
        self.was_mount |= place.is_mount();
        self.room = place.probe()?;
        let mut reserve = Reserve::new(&self.config.path);
        if self.full.is_some() {
            // The index needs some of it to be opened, and keeps it until there is enough.
            reserve.release();
        }
        let mut index = Index::open(&self.config.index_path(), (self.wall)())?;
        let recovered = super::recover::recover(&self.config, &mut index, &mut self.hook)?;
        if recovered.closed + recovered.adopted + recovered.removed > 0 {
            tracing::warn!(
                storage = self.config.name,
                closed = recovered.closed,
                adopted = recovered.adopted,
                removed = recovered.removed,
                "what was open when it was last used is closed"
            );
        }
        (self.bytes, self.segments) = index.sums()?;
        // Playlists of the last run may lack their last segments, and their end.
        self.lists = recovered.lists.iter().map(|folder| (folder.clone(), Instant::now())).collect();
        self.there = Some(There { place, index, open: HashMap::new(), reserve });
        self.end_lists(true).map_err(|error| StartError::Gone(error.into()))?;
        self.gone = None;
        Ok(())
    }

    /// Once a second: closes what nobody writes any more, syncs, looks at the disk, applies retention, tells.
    fn turn(&mut self) {
        if let Some((_, tried)) = &self.gone {
            if tried.elapsed() < RETRY {
                return;
            }
            match self.open() {
                Ok(()) => tracing::info!(storage = self.config.name, "the storage is back"),
                Err(StartError::Fatal(error) | StartError::Gone(error)) => self.lose(&error),
            }
        }
        self.close_abandoned();
        self.end_lists_or_lose(false);
        self.sync_due();
        self.probe();
        self.retain();
        self.tell();
    }

    fn close_abandoned(&mut self) {
        let Some(there) = &self.there else { return };
        let abandoned: Vec<(i64, Span)> = there
            .open
            .iter()
            .filter(|(_, open)| open.alive.strong_count() == 0)
            .map(|(id, open)| (*id, open.span))
            .collect();
        for (id, span) in abandoned {
            if let Err(error) = self.finish(id, &[], span) {
                tracing::warn!(storage = self.config.name, %error, "a segment that nobody writes any more stays open");
            }
        }
    }

    fn end_lists_or_lose(&mut self, all: bool) {
        if let Err(error) = self.end_lists(all) {
            self.lose(&error.into());
        }
    }

    fn sync_due(&mut self) {
        let (every, now) = (self.config.sync, Instant::now());
        let Some(there) = &mut self.there else { return };
        let mut failed = None;
        for open in there.open.values_mut().filter(|open| now.duration_since(open.synced) >= every) {
            open.synced = now;
            if let Err(error) = open.file.sync(&mut self.hook) {
                failed = Some(error);
                break;
            }
        }
        if let Some(error) = failed {
            self.lose(&error);
        }
    }

    fn probe(&mut self) {
        let probed = match &self.there {
            Some(there) => self.hook.before(Step::Probe).and_then(|()| there.place.probe()),
            None => return,
        };
        match probed {
            Ok(room) => self.room = room,
            Err(error) => self.lose(&error),
        }
    }

    /// The disk does not work (any more). What is open is finished when it is back.
    pub(super) fn lose(&mut self, error: &io::Error) {
        if self.there.take().is_some() {
            let what = if is_full(error) { "full" } else { "gone" };
            tracing::warn!(storage = self.config.name, %error, "the storage is {what}: it is tried again");
        }
        self.full = is_full(error).then(|| (error.to_string(), Instant::now()));
        self.gone = Some((error.to_string(), Instant::now()));
        self.tell();
    }

    pub(super) fn gone_error(&self) -> StorageError {
        let reason = self.gone.as_ref().map_or_else(|| "it is not open".into(), |(reason, _)| reason.clone());
        StorageError::Gone { storage: self.config.name.clone(), reason }
    }

    pub(super) fn with_index<T>(
        &mut self,
        act: impl FnOnce(&mut Index) -> Result<T, IndexError>,
    ) -> Result<T, StorageError> {
        let Some(there) = &mut self.there else { return Err(self.gone_error()) };
        match act(&mut there.index) {
            Ok(value) => Ok(value),
            Err(error) => {
                self.lose(&error.into());
                Err(self.gone_error())
            }
        }
    }

    fn redate(&mut self, micros: i64) -> Result<usize, StorageError> {
        if let Some(there) = &mut self.there {
            for open in there.open.values_mut() {
                open.span.from = WallTime::from_micros(open.span.from.as_micros().saturating_add(micros));
                open.span.to = WallTime::from_micros(open.span.to.as_micros().saturating_add(micros));
            }
        }
        self.with_index(|index| index.redate(micros))
    }

    /// Says how it is, if that is news.
    pub(super) fn tell(&mut self) {
        let health = self.health();
        let open = self.there.as_ref().map_or(0, |there| there.open.len());
        let wall = (self.wall)();
        self.told.send_if_modified(|report| {
            let before = report.clone();
            if health.as_str() != report.health.as_str() {
                report.since = wall;
            }
            report.health = health;
            report.open = open;
            (report.bytes, report.segments) = (self.bytes, self.segments);
            (report.free, report.total) = (self.room.free, self.room.total);
            (report.written, report.deleted) = (self.written, self.deleted);
            let ran = self.started.elapsed();
            report.bytes_per_day =
                (ran >= RATE_AFTER).then(|| (self.written as f64 / ran.as_secs_f64() * 86_400.0) as u64);
            report.slowest_ms = self.pace.slowest().as_millis() as u64;
            *report != before
        });
    }

    fn health(&self) -> Health {
        // A disk that is too full for the index is not used, as one that is gone; but that is not what helps to know.
        if let Some((reason, _)) = &self.full {
            return Health::Full { reason: reason.clone() };
        }
        if let Some((reason, _)) = &self.gone {
            return Health::Gone { reason: reason.clone() };
        }
        if self.pace.is_slow(Instant::now()) {
            let ms = self.pace.slowest().as_millis();
            return Health::Slow { reason: format!("the disk took {ms} ms for what was to be written") };
        }
        Health::Ok
    }

    /// Closes what is open, and makes the index one file.
    fn end(&mut self) {
        let open: Vec<(i64, Span)> = match &self.there {
            Some(there) => there.open.iter().map(|(id, open)| (*id, open.span)).collect(),
            None => return,
        };
        for (id, span) in open {
            if let Err(error) = self.finish(id, &[], span) {
                tracing::warn!(storage = self.config.name, %error, "a segment was not closed: the next start will");
            }
        }
        self.end_lists_or_lose(true);
        if let Err(error) = self.with_index(Index::checkpoint) {
            tracing::warn!(storage = self.config.name, %error, "the index was not put in order at the end");
        }
        self.there = None;
    }

    pub(super) fn wall(&self) -> WallTime {
        (self.wall)()
    }
}
