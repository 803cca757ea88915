//! Reads media playlists, as far as checks of our own need it: tags that say nothing of the segments are passed over.
//!
//! Source: RFC 8216 §4.
use super::{ByteRange, Entry, Kind, Map, Playlist};
use media::{Fault, WallTime};
use std::time::Duration;

/// Why a text is no media playlist.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line} of the playlist: {what}")]
pub struct HlsError {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong, as part of a sentence.
    pub what: &'static str,
}

impl HlsError {
    /// Whose fault it is: that of whoever wrote it.
    pub const fn fault(&self) -> Fault {
        Fault::Peer
    }
}

/// What was said of the next segment.
#[derive(Default)]
struct Next {
    duration: Option<Duration>,
    /// Length, and where it begins where that is said.
    byte_range: Option<(u64, Option<u64>)>,
    program_date_time: Option<WallTime>,
    discontinuity: bool,
}

/// Reads a media playlist. An entry has the map that counts for it, whether or not that was said again.
pub fn parse(text: &str) -> Result<Playlist, HlsError> {
    let mut lines = text.lines().enumerate().map(|(number, line)| (number + 1, line.trim_end()));
    if lines.next().is_none_or(|(_, line)| line.trim_start_matches('\u{feff}') != "#EXTM3U") {
        return Err(HlsError { line: 1, what: "does not begin with #EXTM3U" });
    }
    let mut playlist = Playlist { independent: false, ..Playlist::default() };
    let (mut next, mut map, mut target) = (Next::default(), None, None);
    for (line, text) in lines {
        let wrong = |what| HlsError { line, what };
        if text.is_empty() {
            continue;
        }
        if !text.starts_with('#') {
            let entry = entry(text, std::mem::take(&mut next), &map, playlist.entries.last());
            playlist.entries.push(entry.map_err(wrong)?);
            continue;
        }
        let (tag, value) = text.split_once(':').unwrap_or((text, ""));
        let number = || value.parse::<u64>().map_err(|_| wrong("is no whole number"));
        match tag {
            "#EXT-X-TARGETDURATION" => target = Some(number()?),
            "#EXT-X-MEDIA-SEQUENCE" => playlist.media_sequence = number()?,
            "#EXT-X-DISCONTINUITY-SEQUENCE" => playlist.discontinuity_sequence = number()?,
            "#EXT-X-PLAYLIST-TYPE" => {
                playlist.kind = match value {
                    "VOD" => Kind::Vod,
                    "EVENT" => Kind::Event,
                    _ => return Err(wrong("is no type of playlist")),
                }
            }
            "#EXT-X-INDEPENDENT-SEGMENTS" => playlist.independent = true,
            "#EXT-X-ENDLIST" => playlist.ended = true,
            "#EXT-X-DISCONTINUITY" => next.discontinuity = true,
            "#EXT-X-MAP" => map = Some(read_map(value).ok_or_else(|| wrong("is no map"))?),
            "#EXT-X-PROGRAM-DATE-TIME" => {
                next.program_date_time =
                    Some(WallTime::parse_rfc3339(value).ok_or_else(|| wrong("is no date"))?);
            }
            "#EXT-X-BYTERANGE" => {
                next.byte_range = Some(read_range(value).ok_or_else(|| wrong("is no byte range"))?);
            }
            "#EXTINF" => {
                let seconds = value.split(',').next().unwrap_or_default();
                next.duration = Some(read_seconds(seconds).ok_or_else(|| wrong("is no duration"))?);
            }
            "#EXT-X-STREAM-INF" => return Err(wrong("lists playlists and not segments")),
            _ => {}
        }
    }
    let target = target.ok_or(HlsError { line: 1, what: "has no target duration" })?;
    playlist.target_seconds_min = target;
    Ok(playlist)
}

fn entry(uri: &str, next: Next, map: &Option<Map>, before: Option<&Entry>) -> Result<Entry, &'static str> {
    let duration = next.duration.ok_or("has no duration before it")?;
    let byte_range = match next.byte_range {
        None => None,
        Some((length, Some(offset))) => Some(ByteRange { length, offset }),
        // It follows that of the entry before, of the same resource.
        Some((length, None)) => {
            let before = before.filter(|before| before.uri == uri).and_then(|before| before.byte_range);
            let offset = before.and_then(|range| range.offset.checked_add(range.length));
            Some(ByteRange { length, offset: offset.ok_or("has a byte range that follows nothing")? })
        }
    };
    Ok(Entry {
        uri: uri.into(),
        byte_range,
        duration,
        program_date_time: next.program_date_time,
        discontinuity: next.discontinuity,
        map: map.clone(),
    })
}

fn read_map(attributes: &str) -> Option<Map> {
    let (mut uri, mut byte_range, mut rest) = (None, None, attributes);
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        rest = after.strip_prefix(',').unwrap_or(after);
        match name.trim() {
            "URI" => uri = Some(value.to_owned()),
            "BYTERANGE" => {
                let (length, offset) = read_range(value)?;
                byte_range = Some(ByteRange { length, offset: offset.unwrap_or(0) });
            }
            _ => {}
        }
    }
    Some(Map { uri: uri?, byte_range })
}

fn read_range(text: &str) -> Option<(u64, Option<u64>)> {
    match text.split_once('@') {
        Some((length, offset)) => Some((length.parse().ok()?, Some(offset.parse().ok()?))),
        None => Some((text.parse().ok()?, None)),
    }
}

/// Seconds with a point, to the microsecond.
fn read_seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let seconds: u64 = whole.parse().ok()?;
    let digits = fraction.bytes().map(|byte| char::from(byte).to_digit(10)).collect::<Option<Vec<u32>>>()?;
    let micros =
        digits.into_iter().chain(std::iter::repeat(0)).take(6).fold(0, |sum, digit| sum * 10 + digit);
    Some(Duration::new(seconds, micros * 1_000))
}
