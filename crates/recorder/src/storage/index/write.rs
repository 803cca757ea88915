//! What the storage's thread writes into the index. Each method is one transaction.
use super::{COLUMNS, Index, IndexError, segment_of, signed};
use crate::segment::{FileFormat, Segment, Span};
use crate::take::JITTER_MICROS;
use media::WallTime;
use rusqlite::{OptionalExtension, params};
use std::collections::{BTreeSet, HashSet};

/// A segment that is about to be written.
#[derive(Clone, Debug)]
pub(crate) struct NewSegment<'a> {
    pub(crate) stream: &'a str,
    pub(crate) format: FileFormat,
    pub(crate) path: &'a str,
    pub(crate) from: WallTime,
    pub(crate) tracks: &'a str,
    pub(crate) gap: Option<&'a str>,
    /// Bytes before the first media.
    pub(crate) head: u64,
}

impl Index {
    /// Notes a segment before its file exists.
    pub(crate) fn begin(&mut self, new: &NewSegment<'_>) -> Result<i64, IndexError> {
        let run = self.run;
        let transaction = self.connection.transaction()?;
        let stream = stream_id(&transaction, new.stream)?;
        transaction
            .prepare_cached(
                "INSERT INTO segments (stream, run, format, path, state, began, ended, bytes, tracks, gap, head)
                 VALUES (?1, ?2, ?3, ?4, 0, ?5, ?5, 0, ?6, ?7, ?8)",
            )?
            .execute(params![
                stream,
                run,
                new.format.as_str(),
                new.path,
                new.from.as_micros(),
                new.tracks,
                new.gap,
                signed(new.head)
            ])?;
        let id = transaction.last_insert_rowid();
        transaction.commit()?;
        Ok(id)
    }

    /// Notes that a segment's file is whole and in its place.
    pub(crate) fn close(&mut self, id: i64, span: Span, bytes: u64, hash: u128) -> Result<(), IndexError> {
        self.connection
            .prepare_cached(
                "UPDATE segments SET state = 1, began = ?2, ended = ?3, bytes = ?4, hash = ?5 WHERE id = ?1",
            )?
            .execute(params![
                id,
                span.from.as_micros(),
                span.to.as_micros(),
                signed(bytes),
                hash.to_be_bytes()
            ])?;
        Ok(())
    }

    /// Forgets a segment whose file does not exist (any more).
    pub(crate) fn forget(&mut self, id: i64) -> Result<(), IndexError> {
        self.connection.prepare_cached("DELETE FROM segments WHERE id = ?1")?.execute([id])?;
        Ok(())
    }

    /// Notes that segments are about to be deleted: from now on nobody is given them.
    pub(crate) fn doom(&mut self, ids: &[i64]) -> Result<(), IndexError> {
        let transaction = self.connection.transaction()?;
        {
            let mut statement =
                transaction.prepare_cached("UPDATE segments SET state = 2 WHERE id = ?1 AND state = 1")?;
            for id in ids {
                statement.execute([id])?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// The segments that are not closed: being written or deleted when the last run ended.
    pub(crate) fn unfinished(&self) -> Result<Vec<Segment>, IndexError> {
        let text = format!(
            "SELECT {COLUMNS} FROM segments s JOIN streams n ON n.id = s.stream WHERE s.state <> 1 ORDER BY s.id"
        );
        let mut statement = self.connection.prepare_cached(&text)?;
        let rows = statement.query_map([], segment_of)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The oldest segments that may be deleted: closed, ended before `before`, of one stream and format or of all, and not
    /// protected. It is asked each second, so both searches begin in an index and end at `before`.
    pub(crate) fn oldest(
        &self,
        of: Option<(&str, FileFormat)>,
        before: Option<WallTime>,
        most: usize,
    ) -> Result<Vec<Segment>, IndexError> {
        let (stream, format) = of.map(|(stream, format)| (stream, format.as_str())).unzip();
        let before = before.map_or(i64::MAX, WallTime::as_micros);
        let mut statement = self.connection.prepare_cached(&Self::oldest_text(of.is_some()))?;
        let rows = statement.query_map(params![stream, format, before, signed(most as u64)], segment_of)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The statement of [`Self::oldest`].
    pub(super) fn oldest_text(of_one: bool) -> String {
        let whose = if of_one {
            "s.stream = (SELECT id FROM streams WHERE name = ?1) AND s.format = ?2"
        } else {
            "?1 IS NULL AND ?2 IS NULL"
        };
        format!(
            "SELECT {COLUMNS} FROM segments s JOIN streams n ON n.id = s.stream
             WHERE s.state = 1 AND {whose} AND s.began <= ?3 AND s.ended <= ?3
             AND NOT EXISTS (SELECT 1 FROM protected p
                 WHERE p.stream = s.stream AND p.began < s.ended AND s.began < p.ended)
             ORDER BY s.began LIMIT ?4"
        )
    }

    /// Closed segments of a stream that lie within a span as a whole, or all that touch it.
    pub(crate) fn within(&self, stream: &str, span: Span) -> Result<Vec<Segment>, IndexError> {
        let text = format!(
            "SELECT {COLUMNS} FROM segments s JOIN streams n ON n.id = s.stream
             WHERE s.state = 1 AND n.name = ?1 AND s.began >= ?2 AND s.ended <= ?3 ORDER BY s.began"
        );
        let mut statement = self.connection.prepare_cached(&text)?;
        let rows =
            statement.query_map(params![stream, span.from.as_micros(), span.to.as_micros()], segment_of)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The closed segments of a folder, by time.
    pub(crate) fn in_folder(&self, folder: &str) -> Result<Vec<Segment>, IndexError> {
        let text = format!(
            "SELECT {COLUMNS} FROM segments s JOIN streams n ON n.id = s.stream
             WHERE s.state = 1 AND s.path > ?1 || '/' AND s.path < ?1 || '0' ORDER BY s.began, s.id"
        );
        let mut statement = self.connection.prepare_cached(&text)?;
        let rows = statement.query_map([folder], segment_of)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The names of all files of a folder that the index knows.
    pub(crate) fn names_in(&self, folder: &str) -> Result<HashSet<String>, IndexError> {
        let above = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let mut statement =
            self.connection.prepare_cached("SELECT path FROM segments WHERE path >= ?1 AND path < ?2")?;
        // The character after `/`, so that all that begins with the folder is between; all there is, for none.
        let behind = if folder.is_empty() { "\u{10ffff}".to_owned() } else { format!("{folder}0") };
        let mut rows = statement.query([&above, &behind])?;
        let mut names = HashSet::new();
        while let Some(row) = rows.next()? {
            let name = row.get_ref(0)?.as_str().unwrap_or_default().strip_prefix(&above).unwrap_or_default();
            if !name.contains('/') {
                names.insert(name.to_owned());
            }
        }
        Ok(names)
    }

    /// True when a segment has a moment in common with a protected range.
    pub(crate) fn is_protected(&self, segment: &Segment) -> Result<bool, IndexError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT 1 FROM protected p JOIN streams n ON n.id = p.stream
             WHERE n.name = ?1 AND p.began < ?3 AND ?2 < p.ended LIMIT 1",
        )?;
        let (from, to) = (segment.span.from.as_micros(), segment.span.to.as_micros());
        Ok(statement.exists(params![segment.stream, from, to])?)
    }

    /// The segment of a path.
    pub(crate) fn at_path(&self, path: &str) -> Result<Option<Segment>, IndexError> {
        let text =
            format!("SELECT {COLUMNS} FROM segments s JOIN streams n ON n.id = s.stream WHERE s.path = ?1");
        let mut statement = self.connection.prepare_cached(&text)?;
        Ok(statement.query_row([path], segment_of).optional()?)
    }

    /// The clock was set: all that this run recorded is dated anew.
    pub(crate) fn redate(&mut self, micros: i64) -> Result<usize, IndexError> {
        let run = self.run;
        let moved = self.connection.execute(
            "UPDATE segments SET began = began + ?1, ended = ended + ?1 WHERE run = ?2",
            params![micros, run],
        )?;
        Ok(moved)
    }

    /// Protects a span of a stream.
    pub(crate) fn protect(&mut self, stream: &str, span: Span, note: &str) -> Result<i64, IndexError> {
        let transaction = self.connection.transaction()?;
        let stream = stream_id(&transaction, stream)?;
        transaction.execute(
            "INSERT INTO protected (stream, began, ended, note) VALUES (?1, ?2, ?3, ?4)",
            params![stream, span.from.as_micros(), span.to.as_micros(), note],
        )?;
        let id = transaction.last_insert_rowid();
        transaction.commit()?;
        Ok(id)
    }

    /// Ends a protection. False: there is none of this number for this stream.
    pub(crate) fn unprotect(&mut self, stream: &str, id: i64) -> Result<bool, IndexError> {
        let gone = self.connection.execute(
            "DELETE FROM protected WHERE id = ?1 AND stream = (SELECT id FROM streams WHERE name = ?2)",
            params![id, stream],
        )?;
        Ok(gone > 0)
    }

    /// Marks that something happened.
    pub(crate) fn happened(
        &mut self,
        stream: &str,
        span: Span,
        kind: &str,
        text: &str,
    ) -> Result<i64, IndexError> {
        let transaction = self.connection.transaction()?;
        let stream = stream_id(&transaction, stream)?;
        transaction.execute(
            "INSERT INTO happenings (stream, began, ended, kind, text) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![stream, span.from.as_micros(), span.to.as_micros(), kind, text],
        )?;
        let id = transaction.last_insert_rowid();
        transaction.commit()?;
        Ok(id)
    }

    /// Everything goes into the one file; for an orderly end.
    pub(crate) fn checkpoint(&mut self) -> Result<(), IndexError> {
        Ok(self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
    }
}

/// Sums and searches that recovery and retention need.
impl Index {
    /// Bytes and number of all closed segments.
    pub(crate) fn sums(&self) -> Result<(u64, u64), IndexError> {
        let sums = self.connection.query_row(
            "SELECT COALESCE(SUM(bytes), 0), COUNT(*) FROM segments WHERE state = 1",
            [],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
        )?;
        Ok((u64::try_from(sums.0).unwrap_or(0), u64::try_from(sums.1).unwrap_or(0)))
    }

    /// Bytes of all closed segments of a stream in a format.
    pub(crate) fn bytes_of(&self, stream: &str, format: FileFormat) -> Result<u64, IndexError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT COALESCE(SUM(bytes), 0) FROM segments
             WHERE stream = (SELECT id FROM streams WHERE name = ?1) AND format = ?2 AND state = 1",
        )?;
        let bytes: i64 = statement.query_row([stream, format.as_str()], |row| row.get(0))?;
        Ok(u64::try_from(bytes).unwrap_or(0))
    }

    /// Gives segments that were taken in from their files their place among each other. A file says when it begins, by the
    /// arrival of its first frame, and how much media it has: one that follows may begin some milliseconds before that is
    /// over. The one before ends there, then, as it would have when both were recorded. What begins much earlier is of
    /// another recording. `since`: only those that began then or later. Returns how many were changed.
    pub(crate) fn settle(&mut self, since: WallTime) -> Result<usize, IndexError> {
        let transaction = self.connection.transaction()?;
        let overlapping: Vec<(i64, i64, i64, i64)> = {
            let mut statement = transaction.prepare(
                "SELECT before, id, began, before_ended - began FROM (
                     SELECT id, began, gap,
                         LAG(id) OVER line AS before, LAG(began) OVER line AS before_began,
                         LAG(ended) OVER line AS before_ended
                     FROM segments WHERE state = 1 AND began >= ?1
                     WINDOW line AS (PARTITION BY stream, format ORDER BY began, id))
                 WHERE gap IS NULL AND before_ended > began AND began > before_began",
            )?;
            let rows = statement.query_map([since.as_micros()], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?;
            rows.collect::<Result<_, _>>()?
        };
        for &(before, after, began, overlap) in &overlapping {
            if overlap <= JITTER_MICROS {
                transaction.execute("UPDATE segments SET ended = ?2 WHERE id = ?1", [before, began])?;
            } else {
                let gap = "another recording of the same stream begins here";
                transaction.execute("UPDATE segments SET gap = ?2 WHERE id = ?1", params![after, gap])?;
            }
        }
        transaction.commit()?;
        Ok(overlapping.len())
    }

    /// When the newest segment began.
    pub(crate) fn newest(&self) -> Result<Option<WallTime>, IndexError> {
        let newest: Option<i64> =
            self.connection.query_row("SELECT MAX(began) FROM segments", [], |row| row.get(0))?;
        Ok(newest.map(WallTime::from_micros))
    }

    /// The folders of segments that began at `since` or later.
    pub(crate) fn folders_since(&self, since: WallTime) -> Result<BTreeSet<String>, IndexError> {
        let mut statement = self.connection.prepare("SELECT path FROM segments WHERE began >= ?1")?;
        let mut rows = statement.query([since.as_micros()])?;
        let mut folders = BTreeSet::new();
        while let Some(row) = rows.next()? {
            let path = row.get_ref(0)?.as_str().unwrap_or_default();
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            if !folders.contains(folder) {
                folders.insert(folder.to_owned());
            }
        }
        Ok(folders)
    }
}

fn stream_id(connection: &rusqlite::Connection, name: &str) -> Result<i64, IndexError> {
    let mut find = connection.prepare_cached("SELECT id FROM streams WHERE name = ?1")?;
    if let Some(id) = find.query_row([name], |row| row.get(0)).optional()? {
        return Ok(id);
    }
    connection.execute("INSERT INTO streams (name) VALUES (?1)", [name])?;
    Ok(connection.last_insert_rowid())
}
