//! Reads MP4 and MOV files in memory: progressive ones (`moov` anywhere) and fragmented ones, also mixed.
//!
//! Source: ISO/IEC 14496-12, QuickTime File Format. Nothing is trusted: every count is compared with the bytes that
//! are there, and the samples of a file cannot claim more bytes than it has. Opening a file keeps 40 bytes for
//! each sample; units are cut out of the shared file one after another.
mod cursor;
mod entry;
mod index;
mod live;
mod moof;
mod nals;
mod sample;
mod stbl;
#[cfg(test)]
mod tests;
mod track;
mod units;

use super::Mp4Error;
use bytes::Bytes;
use cursor::{BoxAt, Cursor};
pub use index::{Anchor, IndexError, Piece, Sample, SegmentIndex};
pub use live::Demuxer;
use media::Track;
use sample::Budget;
use track::Lane;
pub use units::Units;

/// Most tracks that are looked at: 32. Files of editors have ten; more is no media file.
const TRACKS_MAX: usize = 32;

/// A track of a file that cannot be played.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unplayable {
    /// The track's number in the file.
    pub number: u32,
    /// Four characters of its sample entry, or of its handler when it is neither picture nor sound.
    pub format: [u8; 4],
    /// Why, as part of a sentence.
    pub why: &'static str,
}

impl std::fmt::Display for Unplayable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "track {} ({}): {}", self.number, self.format.escape_ascii(), self.why)
    }
}

/// An MP4 or MOV file. Edit lists are applied as offsets between the tracks; cuts inside are played through.
pub struct File {
    data: Bytes,
    lanes: Vec<Lane>,
    tracks: Vec<Track>,
    unplayable: Vec<Unplayable>,
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("File")
            .field("bytes", &self.data.len())
            .field("tracks", &self.tracks)
            .field("unplayable", &self.unplayable)
            .finish_non_exhaustive()
    }
}

impl File {
    /// Reads all tables of a file that is in memory or mapped. Fails when a box is broken or nothing can be
    /// played; samples beyond the end of the file (a recording that was cut short) are left out.
    pub fn parse(data: Bytes) -> Result<Self, Mp4Error> {
        let file = Cursor::file(&data);
        let bytes = data.len() as u64;
        let moov = file.find(b"moov")?.ok_or(Mp4Error::NoMovie { bytes })?;
        let mut budget = Budget::new(bytes);
        let (mut lanes, mut unplayable) = read_tracks(moov, &mut budget)?;
        read_fragments(file, moov, &mut lanes, &mut budget)?;
        lanes.retain_mut(|lane| match nals::complete_params(lane, &data) {
            Ok(()) => true,
            Err(refused) => {
                unplayable.push(refused);
                false
            }
        });
        if lanes.is_empty() {
            return Err(Mp4Error::NothingPlayable { tracks: unplayable });
        }
        for (id, lane) in (0..).zip(&mut lanes) {
            lane.track.id = id;
            lane.settle();
        }
        let tracks = lanes.iter().map(|lane| lane.track.clone()).collect();
        Ok(Self { data, lanes, tracks, unplayable })
    }

    /// The tracks that can be played.
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// The tracks that cannot, and why.
    pub fn unplayable(&self) -> &[Unplayable] {
        &self.unplayable
    }

    /// All units in decoding order, those of different tracks in the order of their decoding times. Arrival and
    /// wall time are zero: a file does not arrive.
    pub fn units(&self) -> Units<'_> {
        Units::new(&self.data, &self.lanes)
    }
}

fn read_tracks(moov: Cursor<'_>, budget: &mut Budget) -> Result<(Vec<Lane>, Vec<Unplayable>), Mp4Error> {
    let mut mvhd = moov.need(b"mvhd", "has no mvhd box")?;
    let (version, _) = mvhd.version()?;
    mvhd.take(if version == 1 { 16 } else { 8 })?;
    let timescale = mvhd.u32()?;
    let (mut lanes, mut unplayable) = (Vec::new(), Vec::new());
    let mut boxes = moov;
    while let Some(BoxAt { name, content, .. }) = boxes.next_box()? {
        if &name == b"trak" && lanes.len() + unplayable.len() < TRACKS_MAX {
            match track::read(&content, timescale, lanes.len() as u8, budget)? {
                Ok(lane) => lanes.push(lane),
                Err(refused) => unplayable.push(refused),
            }
        }
    }
    Ok((lanes, unplayable))
}

/// What fragments' samples are when those say nothing.
fn read_extends(moov: Cursor<'_>, lanes: &mut [Lane]) -> Result<(), Mp4Error> {
    let Some(mut mvex) = moov.find(b"mvex")? else { return Ok(()) };
    while let Some(found) = mvex.next_box()? {
        if &found.name == b"trex" {
            moof::trex(found.content, lanes)?;
        }
    }
    Ok(())
}

fn read_fragments(
    mut file: Cursor<'_>,
    moov: Cursor<'_>,
    lanes: &mut [Lane],
    budget: &mut Budget,
) -> Result<(), Mp4Error> {
    read_extends(moov, lanes)?;
    while let Some(found) = file.next_box()? {
        if &found.name == b"moof" {
            // A recording that was cut short may end within a moof: what came before it still plays.
            match moof::moof(&found, lanes, budget) {
                Err(_) if file.remaining() == 0 => break,
                other => other?,
            }
        }
    }
    Ok(())
}

/// For fuzz targets: reads `data` as a file and takes out all of its units; only to see that nothing panics or hangs.
pub fn fuzz_mp4(data: &[u8]) {
    if let Ok(file) = File::parse(Bytes::copy_from_slice(data)) {
        let bytes: usize = file.units().map(|unit| unit.data.len()).sum();
        debug_assert!(bytes <= data.len() * 8, "{bytes} bytes of units out of {} of file", data.len());
    }
}
