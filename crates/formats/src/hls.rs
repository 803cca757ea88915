//! Media playlists of HTTP Live Streaming: written for players, and read to see what was written.
//!
//! Source: RFC 8216 §4.3 (tags), §7 (versions), and its successor draft-pantos-hls-rfc8216bis for fragments of MP4.
mod parse;
#[cfg(test)]
mod tests;

use media::WallTime;
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

pub use parse::{HlsError, parse};

/// What becomes of a playlist.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Kind {
    /// It never changes.
    Vod,
    /// Entries are added, and none is taken away.
    Event,
    /// Entries are added at the end and taken away at the beginning.
    #[default]
    Live,
}

/// A part of a resource.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ByteRange {
    /// How many bytes.
    pub length: u64,
    /// The first of them.
    pub offset: u64,
}

/// What players need before the first segment of fragmented MP4: `ftyp` and `moov`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Map {
    /// Where it is.
    pub uri: String,
    /// Which part of that; `None` for all of it.
    pub byte_range: Option<ByteRange>,
}

/// One segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Where it is.
    pub uri: String,
    /// Which part of that; `None` for all of it.
    pub byte_range: Option<ByteRange>,
    /// How long it plays; written to the microsecond.
    pub duration: Duration,
    /// When its first unit was captured; written to the millisecond.
    pub program_date_time: Option<WallTime>,
    /// It does not continue the one before: other times, or other tracks.
    pub discontinuity: bool,
    /// What its MP4 begins with. `None` in MPEG-TS; among entries with one it means that of the entry before.
    pub map: Option<Map>,
}

/// A media playlist; [`Display`] writes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Playlist {
    /// What becomes of it.
    pub kind: Kind,
    /// The number of the first entry: how many were taken away before it.
    pub media_sequence: u64,
    /// How many of those that were taken away did not continue the one before.
    pub discontinuity_sequence: u64,
    /// The target duration is at least so many seconds. It must not change while a playlist lives, so whoever cuts
    /// segments says here how long they may become.
    pub target_seconds_min: u64,
    /// Each segment begins with a key frame.
    pub independent: bool,
    /// The segments, in order.
    pub entries: Vec<Entry>,
    /// No segment will be added.
    pub ended: bool,
}

impl Default for Playlist {
    fn default() -> Self {
        Self {
            kind: Kind::default(),
            media_sequence: 0,
            discontinuity_sequence: 0,
            target_seconds_min: 0,
            independent: true,
            entries: Vec::new(),
            ended: false,
        }
    }
}

impl Playlist {
    /// The type that a server says it has. Source: RFC 8216 §4.
    pub const MIME: &'static str = "application/vnd.apple.mpegurl";

    /// Whole seconds that no segment is longer than. Players only ask that none rounds to more (§4.3.3.1); rounding up
    /// keeps that also for those that do not round. At least one.
    pub fn target_seconds(&self) -> u64 {
        let longest = self.entries.iter().map(|entry| micros(entry.duration)).max().unwrap_or(0);
        longest.div_ceil(1_000_000).max(self.target_seconds_min).max(1)
    }

    /// The lowest version of the protocol that has all that is used (§7).
    pub fn version(&self) -> u8 {
        if self.entries.iter().any(|entry| entry.map.is_some()) {
            6
        } else if self.entries.iter().any(|entry| entry.byte_range.is_some()) {
            4
        } else {
            3
        }
    }

    /// How long all of it plays.
    pub fn duration(&self) -> Duration {
        self.entries.iter().fold(Duration::ZERO, |sum, entry| sum.saturating_add(entry.duration))
    }
}

impl Display for Playlist {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "#EXTM3U")?;
        writeln!(f, "#EXT-X-VERSION:{}", self.version())?;
        writeln!(f, "#EXT-X-TARGETDURATION:{}", self.target_seconds())?;
        match self.kind {
            Kind::Vod => writeln!(f, "#EXT-X-PLAYLIST-TYPE:VOD")?,
            Kind::Event => writeln!(f, "#EXT-X-PLAYLIST-TYPE:EVENT")?,
            Kind::Live => {}
        }
        writeln!(f, "#EXT-X-MEDIA-SEQUENCE:{}", self.media_sequence)?;
        if self.discontinuity_sequence > 0 {
            writeln!(f, "#EXT-X-DISCONTINUITY-SEQUENCE:{}", self.discontinuity_sequence)?;
        }
        if self.independent {
            writeln!(f, "#EXT-X-INDEPENDENT-SEGMENTS")?;
        }
        let mut map = None;
        for entry in &self.entries {
            if entry.discontinuity {
                writeln!(f, "#EXT-X-DISCONTINUITY")?;
            }
            if entry.map.is_some() && map != entry.map.as_ref() {
                map = entry.map.as_ref();
                entry.map.iter().try_for_each(|map| write!(f, "{map}"))?;
            }
            write!(f, "{entry}")?;
        }
        if self.ended || self.kind == Kind::Vod {
            writeln!(f, "#EXT-X-ENDLIST")?;
        }
        Ok(())
    }
}

impl Display for Map {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "#EXT-X-MAP:URI=\"{}\"", Uri(&self.uri))?;
        if let Some(range) = self.byte_range {
            write!(f, ",BYTERANGE=\"{range}\"")?;
        }
        writeln!(f)
    }
}

impl Display for Entry {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(wall) = self.program_date_time {
            writeln!(f, "#EXT-X-PROGRAM-DATE-TIME:{}", wall.rfc3339())?;
        }
        let micros = micros(self.duration);
        writeln!(f, "#EXTINF:{}.{:06},", micros / 1_000_000, micros % 1_000_000)?;
        if let Some(range) = self.byte_range {
            writeln!(f, "#EXT-X-BYTERANGE:{range}")?;
        }
        writeln!(f, "{}", Uri(&self.uri))
    }
}

impl Display for ByteRange {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.length, self.offset)
    }
}

/// A URI that cannot end its line or its quotation marks, nor be taken for a tag.
struct Uri<'a>(&'a str);

impl Display for Uri<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (place, character) in self.0.char_indices() {
            match character {
                '"' | ' ' | '\0'..='\x1f' | '\x7f' => write!(f, "%{:02X}", u32::from(character))?,
                '#' if place == 0 => write!(f, "%23")?,
                _ => write!(f, "{character}")?,
            }
        }
        Ok(())
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
