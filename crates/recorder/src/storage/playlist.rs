//! Playlists beside recordings: each names the closed segments of its folder, and nothing else, at any moment.
//!
//! Source: RFC 8216. While something is recorded into the folder it is of the kind EVENT, after that VOD with an end. It is
//! written beside its place and renamed into it, so that a reader has the old or the new one.
use super::faults::Step;
use super::index::IndexError;
use super::owner::Owner;
use crate::segment::{FileFormat, Segment};
use formats::hls::{ByteRange, Entry, Kind, Map, Playlist};
use std::io;
use std::time::{Duration, Instant};

/// Its name in its folder.
pub(super) const NAME: &str = "index.m3u8";
/// A folder that nothing was recorded into for this long has its last segment: 5 s.
const QUIET: Duration = Duration::from_secs(5);

/// Why a playlist was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum ListError {
    #[error("{0}")]
    Disk(#[from] io::Error),
    #[error("{0}")]
    Index(#[from] IndexError),
}

impl From<ListError> for io::Error {
    fn from(error: ListError) -> Self {
        match error {
            ListError::Disk(error) => error,
            ListError::Index(error) => error.into(),
        }
    }
}

impl Owner {
    /// A segment of this path was closed: its folder's playlist has it from now on.
    pub(super) fn list(&mut self, path: &str) -> Result<(), ListError> {
        let folder = folder_of(path).to_owned();
        self.write_playlist(&folder, false)?;
        self.lists.insert(folder, Instant::now());
        Ok(())
    }

    /// Ends the playlists of folders that nothing is recorded into any more.
    pub(super) fn end_lists(&mut self, all: bool) -> Result<(), ListError> {
        let is_over = |folder: &str, at: &Instant| {
            let there = self.there.as_ref();
            let open =
                there.is_some_and(|there| there.open.values().any(|open| folder_of(&open.path) == folder));
            all || (!open && at.elapsed() >= QUIET)
        };
        let over = self.lists.iter().filter(|(folder, at)| is_over(folder, at));
        for folder in over.map(|(folder, _)| folder.clone()).collect::<Vec<_>>() {
            self.write_playlist(&folder, true)?;
            self.lists.remove(&folder);
        }
        Ok(())
    }

    /// Writes the playlist of a folder, or removes it when there is nothing to name.
    pub(super) fn write_playlist(&mut self, folder: &str, ended: bool) -> Result<(), ListError> {
        let Some(there) = &mut self.there else { return Ok(()) };
        let mut segments = there.index.in_folder(folder)?;
        segments.retain(|segment| segment.format.has_playlist());
        let place = self.config.path.join(folder).join(NAME);
        self.hook.before(Step::Playlist)?;
        if segments.is_empty() {
            return match std::fs::remove_file(&place) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
                Ok(()) | Err(_) => Ok(()),
            };
        }
        let beside = place.with_extension("m3u8.tmp");
        std::fs::write(&beside, text(&segments, ended))?;
        std::fs::rename(&beside, &place)?;
        Ok(())
    }
}

/// The folder of a segment.
pub(super) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn text(segments: &[Segment], ended: bool) -> String {
    let longest = segments.iter().map(|segment| segment.span.length()).max().unwrap_or_default();
    let mut playlist = Playlist {
        kind: if ended { Kind::Vod } else { Kind::Event },
        target_seconds_min: longest.as_secs() + 1,
        ended,
        ..Playlist::default()
    };
    let (mut map, mut before): (Option<Map>, Option<&Segment>) = (None, None);
    for segment in segments {
        let uri = segment.path.rsplit('/').next().unwrap_or(&segment.path).to_owned();
        let fmp4 = segment.format == FileFormat::Hls;
        let media = ByteRange { length: segment.bytes.saturating_sub(segment.head), offset: segment.head };
        let head = ByteRange { length: segment.head, offset: 0 };
        // Where one follows the other, what a player needs first is the same in both.
        let follows = before.is_some_and(|before: &Segment| {
            segment.gap.is_none() && before.span.to == segment.span.from && before.tracks == segment.tracks
        });
        let begins_anew = !follows && before.is_some();
        if fmp4 && (map.is_none() || begins_anew) {
            map = Some(Map { uri: uri.clone(), byte_range: Some(head) });
        }
        playlist.entries.push(Entry {
            byte_range: fmp4.then_some(media),
            duration: segment.span.length(),
            program_date_time: Some(segment.span.from),
            discontinuity: begins_anew,
            map: map.clone(),
            uri,
        });
        before = Some(segment);
    }
    playlist.to_string()
}
