//! HLS of a span of recordings: a playlist over the files as they are.
//!
//! Source: RFC 8216 §4.3. Each file has times from zero, so each is a discontinuity.
use crate::export::{ExportError, Found, one_line};
use crate::segment::Span;
use formats::hls::{ByteRange, Entry, Kind, Map, Playlist};
use media::WallTime;
use std::time::Duration;

/// A playlist's pieces are so long at least: 4 s, from one key frame to a later one.
const PIECE_MICROS: i64 = 4_000_000;

/// A `moov` that begins before this has no room for tables before it: 4 KiB.
const HEAD_NEAR: u64 = 4 << 10;

/// The playlist of a span. `uri` says how a file is called there. Reads the heads of the files: not for threads that
/// others wait for.
pub fn playlist(
    found: Vec<Found>,
    span: Span,
    uri: impl Fn(&Found) -> String,
) -> Result<String, ExportError> {
    let mut playlist = Playlist { kind: Kind::Vod, ended: true, ..Playlist::default() };
    for found in one_line(found) {
        let Ok(file) = found.open() else { continue };
        if found.segment.format.is_ts() {
            playlist.entries.push(Entry {
                uri: uri(&found),
                duration: found.segment.span.length(),
                program_date_time: Some(found.segment.span.from),
                discontinuity: true,
                byte_range: None,
                map: None,
            });
            continue;
        }
        let Ok(index) = found.index(&file) else { continue };
        let shift = found.shift_micros(&index);
        let micros = |wall: WallTime| {
            index.micros_at(WallTime::from_micros(wall.as_micros().saturating_sub(shift))).unwrap_or(0)
        };
        let (from, to) = (micros(span.from), micros(span.to));
        let name = uri(&found);
        let mut first = true;
        for part in index.stretches(PIECE_MICROS) {
            if part.ends_micros <= from || part.begins_micros >= to {
                continue;
            }
            let wall = index.wall_at(part.begins_micros);
            let micros = u64::try_from(part.ends_micros - part.begins_micros).unwrap_or(0);
            playlist.entries.push(Entry {
                uri: name.clone(),
                byte_range: Some(range(&part.bytes)),
                duration: Duration::from_micros(micros),
                program_date_time: wall.map(|wall| WallTime::from_micros(wall.as_micros() + shift)),
                discontinuity: first,
                map: Some(Map { uri: name.clone(), byte_range: Some(range(&first_bytes(&index))) }),
            });
            first = false;
        }
    }
    if playlist.entries.is_empty() {
        return Err(ExportError::Nothing);
    }
    Ok(playlist.to_string())
}

/// All before the media is what a player needs first; of a plain file only the `moov` that it had before.
fn first_bytes(index: &formats::mp4::SegmentIndex) -> std::ops::Range<u64> {
    let head = index.head();
    if head.start < HEAD_NEAR { 0..head.end } else { head }
}

fn range(bytes: &std::ops::Range<u64>) -> ByteRange {
    ByteRange { length: bytes.end - bytes.start, offset: bytes.start }
}
