//! What a file is made of, by its format.
use super::cut::Place;
use crate::segment::FileFormat;
use crate::whole::own_box;
use bytes::Bytes;
use formats::mp4::SegmentMuxer;
use media::{Track, TrackId, Unit};

/// Makes the bytes of one file.
pub(super) struct FileMuxer {
    kind: Kind,
    tracks: Vec<Track>,
    newest: Vec<(TrackId, Place)>,
}

enum Kind {
    Mp4(SegmentMuxer),
}

impl FileMuxer {
    /// An error says that the format carries none of the tracks.
    pub(super) fn new(_format: FileFormat, tracks: &[Track]) -> Result<Self, String> {
        let muxer = SegmentMuxer::new(tracks).map_err(|error| error.to_string())?;
        Ok(Self { kind: Kind::Mp4(muxer), tracks: tracks.to_vec(), newest: Vec::new() })
    }

    pub(super) fn carried(&self) -> Vec<TrackId> {
        match &self.kind {
            Kind::Mp4(muxer) => muxer.carried().map(|track| track.id).collect(),
        }
    }

    pub(super) fn skipped(&self) -> Vec<String> {
        match &self.kind {
            Kind::Mp4(muxer) => muxer
                .skipped()
                .iter()
                .map(|skipped| format!("{}: {}", skipped.codec.name(), skipped.why))
                .collect(),
        }
    }

    /// What the file begins with; the stream's name is in it.
    pub(super) fn head(&mut self, stream: &str) -> Vec<Bytes> {
        match &self.kind {
            Kind::Mp4(muxer) => {
                let init = muxer.init();
                let ftyp = init.first_chunk().map_or(0, |size| u32::from_be_bytes(*size) as usize);
                let (ftyp, moov) = (init.slice(..ftyp.min(init.len())), init.slice(ftyp.min(init.len())..));
                vec![ftyp, own_box(stream).into(), moov]
            }
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
        }
    }

    pub(super) fn newest_of(&self, track: TrackId) -> Option<Place> {
        self.newest.iter().find(|(id, _)| *id == track).map(|(_, place)| *place)
    }

    /// The clock was set.
    pub(super) fn redate(&mut self, micros: i64) {
        for (_, place) in &mut self.newest {
            place.wall = media::WallTime::from_micros(place.wall.as_micros().saturating_add(micros));
        }
    }

    pub(super) fn waiting_bytes(&self) -> usize {
        match &self.kind {
            Kind::Mp4(muxer) => muxer.waiting_bytes(),
        }
    }

    /// What can be written now.
    pub(super) fn part(&mut self) -> Vec<Bytes> {
        match &mut self.kind {
            Kind::Mp4(muxer) => muxer.part().map(pieces).unwrap_or_default(),
        }
    }

    /// All that is left.
    pub(super) fn finish(&mut self) -> Vec<Bytes> {
        match &mut self.kind {
            Kind::Mp4(muxer) => muxer.finish().map(pieces).unwrap_or_default(),
        }
    }
}

fn pieces(part: formats::mp4::SegmentPart) -> Vec<Bytes> {
    let mut pieces = Vec::with_capacity(1 + part.data.len());
    pieces.push(part.head);
    pieces.extend(part.data);
    pieces
}
