//! The index of a storage: which segments there are, in SQLite. Owned by the storage's thread; readers have a connection
//! of their own that can only read.
//!
//! Migrations: `PRAGMA user_version` is the number of the newest one that was done; each is one transaction.
mod read;
mod write;

pub(crate) use read::Reader;
pub use read::{Days, Totals};
pub(crate) use write::NewSegment;

use crate::segment::{FileFormat, Segment, SegmentState, Span};
use media::WallTime;
use rusqlite::{Connection, OpenFlags, Row};
use std::path::Path;
use std::time::Duration;

/// The steps from an empty file to the newest tables, in order. Never changed, only added to.
const MIGRATIONS: [&str; 1] = [include_str!("schema.sql")];

/// How long a statement waits for another connection: 5 s. Only `aqueduct recordings check` could hold the file, and
/// never for so long.
const BUSY_MAX: Duration = Duration::from_secs(5);

/// Why the index could not be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// SQLite's words.
    #[error("the index: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A newer version of the server made it.
    #[error(
        "the index is of version {found}, this server knows up to {known}: use the newer server that made it, or move the \
         file away and run `aqueduct recordings check --repair`, which makes it anew from the recordings"
    )]
    TooNew {
        /// Its version.
        found: usize,
        /// The newest that is known.
        known: usize,
    },
}

/// For those who only want to know whether the disk is full or broken.
impl From<IndexError> for std::io::Error {
    fn from(error: IndexError) -> Self {
        let full = matches!(&error, IndexError::Sqlite(rusqlite::Error::SqliteFailure(inner, _))
            if inner.code == rusqlite::ErrorCode::DiskFull);
        let kind = if full { std::io::ErrorKind::StorageFull } else { std::io::ErrorKind::Other };
        Self::new(kind, error.to_string())
    }
}

/// The index, open for writing.
pub(crate) struct Index {
    connection: Connection,
    /// This opening of it: all that is recorded from now on has the same clock.
    run: i64,
}

impl Index {
    /// Opens the index, makes it if there is none, and brings its tables up to date.
    pub(crate) fn open(path: &Path, now: WallTime) -> Result<Self, IndexError> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_MAX)?;
        // What is committed outlives the process at once, and a power cut once the log is synced, at the latest with a
        // checkpoint; files that the index then lacks are adopted at the next start.
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        migrate(&mut connection)?;
        connection.execute("INSERT INTO runs (started) VALUES (?1)", [now.as_micros()])?;
        let run = connection.last_insert_rowid();
        connection.set_prepared_statement_cache_capacity(32);
        Ok(Self { connection, run })
    }
}

fn migrate(connection: &mut Connection) -> Result<(), IndexError> {
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let found = usize::try_from(found).unwrap_or(usize::MAX);
    if found > MIGRATIONS.len() {
        return Err(IndexError::TooNew { found, known: MIGRATIONS.len() });
    }
    for (step, number) in MIGRATIONS.iter().zip(1_i64..).skip(found) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Opens a connection that cannot change anything.
fn open_to_read(path: &Path) -> Result<Connection, IndexError> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(BUSY_MAX)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// What [`segment_of`] reads, of `segments s JOIN streams n`.
const COLUMNS: &str =
    "s.id, n.name, s.format, s.path, s.state, s.began, s.ended, s.bytes, s.hash, s.tracks, s.gap, s.head";

fn segment_of(row: &Row<'_>) -> rusqlite::Result<Segment> {
    let format: String = row.get(2)?;
    let state: i64 = row.get(4)?;
    let hash: Option<Vec<u8>> = row.get(8)?;
    Ok(Segment {
        id: row.get(0)?,
        stream: row.get(1)?,
        format: FileFormat::parse(&format).unwrap_or_default(),
        path: row.get(3)?,
        state: match state {
            0 => SegmentState::Open,
            1 => SegmentState::Closed,
            _ => SegmentState::Deleting,
        },
        span: Span { from: WallTime::from_micros(row.get(5)?), to: WallTime::from_micros(row.get(6)?) },
        bytes: u64::try_from(row.get::<_, i64>(7)?).unwrap_or(0),
        hash: hash.and_then(|hash| hash.try_into().ok()).map(u128::from_be_bytes),
        tracks: row.get(9)?,
        gap: row.get(10)?,
        head: u64::try_from(row.get::<_, i64>(11)?).unwrap_or(0),
    })
}

/// SQLite's integers are signed; no file is so large that this matters.
fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
