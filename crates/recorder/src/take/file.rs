//! What a file is made of, by its format.
use super::cut::Place;
use crate::segment::FileFormat;
use crate::whole::own_box;
use bytes::Bytes;
use formats::mp4::{SegmentMuxer, Skipped};
use formats::mpegts;
use media::{MediaTime, Track, TrackId, Unit};
use std::time::Duration;

/// Bytes of tables for each second of a plain MP4 file that are left free at its front: 25 pictures and 47 frames of sound
/// need 440, and cameras with 60 pictures and several tracks a kilobyte.
const TABLES_PER_SECOND: u64 = 1024;
/// And for the rest of the tables: parameter sets, headers.
const TABLES_BASE: u64 = 16 << 10;

/// Makes the bytes of one file.
pub(super) struct FileMuxer {
    format: FileFormat,
    kind: Kind,
    tracks: Vec<Track>,
    newest: Vec<(TrackId, Place)>,
}

enum Kind {
    Mp4(Box<SegmentMuxer>),
    Ts { muxer: Box<mpegts::Muxer>, waiting: Vec<u8> },
}

impl FileMuxer {
    /// An error says that the format carries none of the tracks.
    pub(super) fn new(format: FileFormat, tracks: &[Track]) -> Result<Self, String> {
        let kind = if format.is_ts() {
            let muxer = mpegts::Muxer::new(tracks).map_err(|error| error.to_string())?;
            Kind::Ts { muxer: Box::new(muxer), waiting: Vec::new() }
        } else {
            let muxer = SegmentMuxer::new(tracks).map_err(|error| error.to_string())?;
            Kind::Mp4(Box::new(muxer))
        };
        Ok(Self { format, kind, tracks: tracks.to_vec(), newest: Vec::new() })
    }

    /// Files of a playlist, and transport streams, have one line, which begins here.
    pub(super) fn on_line_from(self, zero: MediaTime) -> Self {
        let kind = match self.kind {
            Kind::Ts { muxer, waiting } => Kind::Ts { muxer: Box::new(muxer.with_zero(zero)), waiting },
            Kind::Mp4(muxer) if self.format == FileFormat::Hls => Kind::Mp4(Box::new(muxer.with_zero(zero))),
            kind @ Kind::Mp4(_) => kind,
        };
        Self { kind, ..self }
    }

    /// The muxer of the file that follows this one, where it has to go on: a transport stream counts its packets.
    pub(super) fn successor(self) -> Option<Self> {
        match self.kind {
            Kind::Ts { muxer, .. } => {
                let kind = Kind::Ts { muxer, waiting: Vec::new() };
                Some(Self { kind, format: self.format, tracks: self.tracks, newest: Vec::new() })
            }
            Kind::Mp4(_) => None,
        }
    }

    pub(super) fn carried(&self) -> Vec<TrackId> {
        match &self.kind {
            Kind::Mp4(muxer) => muxer.carried().map(|track| track.id).collect(),
            Kind::Ts { muxer, .. } => muxer.carried().map(|track| track.id).collect(),
        }
    }

    pub(super) fn skipped(&self) -> Vec<String> {
        let skipped: &[Skipped] = match &self.kind {
            Kind::Mp4(muxer) => muxer.skipped(),
            Kind::Ts { muxer, .. } => muxer.skipped(),
        };
        skipped.iter().map(|skipped| format!("{}: {}", skipped.codec.name(), skipped.why)).collect()
    }

    /// What the file begins with; the stream's name is in it. `length`: how long it will be, about.
    pub(super) fn head(&mut self, stream: &str, length: Duration) -> Vec<Bytes> {
        match &self.kind {
            Kind::Mp4(muxer) => {
                let init = muxer.init();
                let ftyp = init.first_chunk().map_or(0, |size| u32::from_be_bytes(*size) as usize);
                let (ftyp, moov) = (init.slice(..ftyp.min(init.len())), init.slice(ftyp.min(init.len())..));
                let mut head = vec![ftyp, own_box(stream).into()];
                if self.format == FileFormat::Mp4 {
                    head.push(free_box(TABLES_BASE + TABLES_PER_SECOND * length.as_secs().min(86_400)));
                }
                head.push(moov);
                head
            }
            Kind::Ts { .. } => Vec::new(),
        }
    }

    pub(super) fn push(&mut self, unit: &Unit) {
        if let Some(track) = self.tracks.iter().find(|track| track.id == unit.track) {
            let place = Place::of(unit, track);
            match self.newest.iter_mut().find(|(id, _)| *id == unit.track) {
                Some((_, newest)) => *newest = place,
                None => self.newest.push((unit.track, place)),
            }
        }
        match &mut self.kind {
            Kind::Mp4(muxer) => muxer.push(unit),
            Kind::Ts { muxer, waiting } => muxer.push(unit, waiting),
        }
    }

    pub(super) fn newest_of(&self, track: TrackId) -> Option<Place> {
        self.newest.iter().find(|(id, _)| *id == track).map(|(_, place)| *place)
    }

    pub(super) fn waiting_bytes(&self) -> usize {
        match &self.kind {
            Kind::Mp4(muxer) => muxer.waiting_bytes(),
            Kind::Ts { waiting, .. } => waiting.len(),
        }
    }

    /// What can be written now.
    pub(super) fn part(&mut self) -> Vec<Bytes> {
        match &mut self.kind {
            Kind::Mp4(muxer) => muxer.part().map(pieces).unwrap_or_default(),
            Kind::Ts { waiting, .. } => taken(waiting),
        }
    }

    /// All that is left. `next`: what the next file begins with, if that follows.
    pub(super) fn finish(&mut self, next: Option<&Unit>) -> Vec<Bytes> {
        match &mut self.kind {
            Kind::Mp4(muxer) => muxer.finish(next).map(pieces).unwrap_or_default(),
            Kind::Ts { waiting, .. } => taken(waiting),
        }
    }
}

fn taken(waiting: &mut Vec<u8>) -> Vec<Bytes> {
    if waiting.is_empty() { Vec::new() } else { vec![std::mem::take(waiting).into()] }
}

fn pieces(part: formats::mp4::SegmentPart) -> Vec<Bytes> {
    let mut pieces = Vec::with_capacity(1 + part.data.len());
    pieces.push(part.head);
    pieces.extend(part.data);
    pieces
}

/// Room for tables that are known at the end. Source: ISO/IEC 14496-12 §8.1.2.
fn free_box(bytes: u64) -> Bytes {
    let mut data = vec![0; usize::try_from(bytes).unwrap_or(0).max(8)];
    let size = u32::try_from(data.len()).unwrap_or(u32::MAX);
    data[..4].copy_from_slice(&size.to_be_bytes());
    data[4..8].copy_from_slice(b"free");
    data.into()
}
