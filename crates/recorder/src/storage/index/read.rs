//! What anybody may ask the index. A connection of its own, so that a long list holds up no recording.
use super::{COLUMNS, IndexError, open_to_read, segment_of, signed};
use crate::segment::{Happening, Protected, Segment, Span};
use media::WallTime;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashMap;
use std::path::Path;

/// Overlaps that are looked for: 1,000. With more, something else is wrong.
const OVERLAPS_MAX: usize = 1000;

/// How much there is of a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Totals {
    /// The stream.
    pub stream: String,
    /// From its first recorded moment to its last.
    pub span: Span,
    /// Bytes of its files.
    pub bytes: u64,
    /// How many files.
    pub segments: u64,
}

/// How much there is of a day.
#[derive(Clone, PartialEq, Debug)]
pub struct Days {
    /// Days since 1970-01-01, counted with the offset that was asked for.
    pub day: i64,
    /// Bytes of segments that began on it.
    pub bytes: u64,
    /// How much of it is recorded.
    pub seconds: f64,
}

/// The index, open for reading.
pub(crate) struct Reader {
    connection: Connection,
}

impl Reader {
    pub(crate) fn open(path: &Path) -> Result<Self, IndexError> {
        Ok(Self { connection: open_to_read(path)? })
    }

    /// Segments of a stream that have a moment in common with a span, by time; those that are open as well, not those
    /// that are being deleted. No segment is longer than a day, which keeps the search short. `after`: only those behind this one, in the order of the answer.
    pub(crate) fn segments(
        &self,
        stream: &str,
        span: Span,
        after: Option<i64>,
        most: usize,
    ) -> Result<Vec<Segment>, IndexError> {
        let text = format!(
            "SELECT {COLUMNS} FROM segments s JOIN streams n ON n.id = s.stream
             WHERE n.name = ?1 AND s.state < 2 AND s.began < ?3 AND s.began > ?2 - 86400000000
             AND (s.ended > ?2 OR s.state = 0) AND (?4 IS NULL OR (s.began, s.id) > (SELECT began, id FROM segments WHERE id = ?4))
             ORDER BY s.began, s.id LIMIT ?5"
        );
        let mut statement = self.connection.prepare_cached(&text)?;
        let (from, to) = (span.from.as_micros(), span.to.as_micros());
        let rows = statement.query_map(params![stream, from, to, after, signed(most as u64)], segment_of)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// One segment, unless it is being deleted.
    pub(crate) fn segment(&self, stream: &str, id: i64) -> Result<Option<Segment>, IndexError> {
        let text = format!(
            "SELECT {COLUMNS} FROM segments s JOIN streams n ON n.id = s.stream
             WHERE s.id = ?1 AND n.name = ?2 AND s.state < 2"
        );
        let mut statement = self.connection.prepare_cached(&text)?;
        Ok(statement.query_row(params![id, stream], segment_of).optional()?)
    }

    /// All segments with an id above `after`, by id.
    pub(crate) fn all_after(&self, after: i64, most: usize) -> Result<Vec<Segment>, IndexError> {
        let text = format!(
            "SELECT {COLUMNS} FROM segments s JOIN streams n ON n.id = s.stream WHERE s.id > ?1 ORDER BY s.id LIMIT ?2"
        );
        let mut statement = self.connection.prepare_cached(&text)?;
        let rows = statement.query_map(params![after, signed(most as u64)], segment_of)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How much there is of each stream.
    pub(crate) fn totals(&self) -> Result<Vec<Totals>, IndexError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT n.name, MIN(s.began), MAX(s.ended), SUM(s.bytes), COUNT(*)
             FROM segments s JOIN streams n ON n.id = s.stream WHERE s.state < 2 GROUP BY s.stream ORDER BY n.name",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(Totals {
                stream: row.get(0)?,
                span: Span {
                    from: WallTime::from_micros(row.get(1)?),
                    to: WallTime::from_micros(row.get(2)?),
                },
                bytes: u64::try_from(row.get::<_, i64>(3)?).unwrap_or(0),
                segments: u64::try_from(row.get::<_, i64>(4)?).unwrap_or(0),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The days on which something of a stream was recorded; a day begins `offset_micros` before it does in UTC.
    pub(crate) fn days(&self, stream: &str, offset_micros: i64) -> Result<Vec<Days>, IndexError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT (s.began + ?2) / 86400000000, SUM(s.bytes), SUM(s.ended - s.began)
             FROM segments s JOIN streams n ON n.id = s.stream
             WHERE n.name = ?1 AND s.state < 2 GROUP BY 1 ORDER BY 1",
        )?;
        let rows = statement.query_map(params![stream, offset_micros], |row| {
            Ok(Days {
                day: row.get(0)?,
                bytes: u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0),
                seconds: row.get::<_, i64>(2)? as f64 / 1e6,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Protected ranges of a stream that touch a span.
    pub(crate) fn protected(&self, stream: &str, span: Span) -> Result<Vec<Protected>, IndexError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT p.id, n.name, p.began, p.ended, p.note FROM protected p JOIN streams n ON n.id = p.stream
             WHERE n.name = ?1 AND p.began < ?3 AND ?2 < p.ended ORDER BY p.began",
        )?;
        let (from, to) = (span.from.as_micros(), span.to.as_micros());
        let rows = statement.query_map(params![stream, from, to], |row| {
            Ok(Protected {
                id: row.get(0)?,
                stream: row.get(1)?,
                span: Span {
                    from: WallTime::from_micros(row.get(2)?),
                    to: WallTime::from_micros(row.get(3)?),
                },
                note: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What happened within a span.
    pub(crate) fn happenings(
        &self,
        stream: &str,
        span: Span,
        most: usize,
    ) -> Result<Vec<Happening>, IndexError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT h.id, n.name, h.began, h.ended, h.kind, h.text FROM happenings h JOIN streams n ON n.id = h.stream
             WHERE n.name = ?1 AND h.began < ?3 AND ?2 <= h.ended ORDER BY h.began LIMIT ?4",
        )?;
        let (from, to) = (span.from.as_micros(), span.to.as_micros());
        let rows = statement.query_map(params![stream, from, to, signed(most as u64)], |row| {
            Ok(Happening {
                id: row.get(0)?,
                stream: row.get(1)?,
                span: Span {
                    from: WallTime::from_micros(row.get(2)?),
                    to: WallTime::from_micros(row.get(3)?),
                },
                kind: row.get(4)?,
                text: row.get(5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Closed segments of one stream and format that have moments in common although one follows the other.
    pub(crate) fn overlaps(&self) -> Result<Vec<(String, String)>, IndexError> {
        let mut statement = self.connection.prepare(
            "SELECT stream, format, path, began, ended, gap FROM segments WHERE state = 1 ORDER BY stream, began",
        )?;
        let mut rows = statement.query([])?;
        let (mut found, mut newest) = (Vec::new(), HashMap::<String, (i64, String, i64)>::new());
        while let Some(row) = rows.next()? {
            let (stream, format): (i64, String) = (row.get(0)?, row.get(1)?);
            let (path, began, ended): (String, i64, i64) = (row.get(2)?, row.get(3)?, row.get(4)?);
            // One that does not follow may be of another recording, which began with what was in memory.
            let follows = row.get_ref(5)?.as_str_or_null().ok().flatten().is_none();
            match newest.get_mut(&format) {
                Some(before) => {
                    if follows && before.0 == stream && began < before.2 && found.len() < OVERLAPS_MAX {
                        found.push((before.1.clone(), path.clone()));
                    }
                    *before = (stream, path, ended);
                }
                None => {
                    newest.insert(format, (stream, path, ended));
                }
            }
        }
        Ok(found)
    }

    /// SQLite's own check of the file: `ok`, or what is wrong.
    pub(crate) fn integrity(&self) -> Result<String, IndexError> {
        Ok(self.connection.query_row("PRAGMA quick_check", [], |row| row.get(0))?)
    }
}
