//! Fragmented MP4, one frame a fragment: for browsers (MSE) and progressive download.
use bytes::Bytes;
use formats::mp4::Fragmenter;
use hub::{Chunk, Format, Muxer, Wants};
use media::{Codec, Kind, Track, TrackId, Tracks, Unit};

/// What a peer wants that plays these codecs; any when it names none.
pub fn wants(takes: &[Codec]) -> Wants {
    let of = |kind: Kind| takes.iter().copied().filter(move |codec| codec.kind() == kind);
    let mut wants = Wants::none();
    for kind in [Kind::Video, Kind::Audio] {
        if takes.is_empty() || of(kind).next().is_some() {
            wants = wants.with(kind, of(kind));
        }
    }
    wants
}

/// A fragmenter for the tracks with these ids; the error names what the stream has and what was asked for.
pub fn fragmenter(tracks: &[Track], ids: &[TrackId]) -> Result<Fragmenter, String> {
    let chosen: Vec<Track> = tracks.iter().filter(|track| ids.contains(&track.id)).cloned().collect();
    Fragmenter::new(&chosen).map_err(|e| e.to_string())
}

/// Fragmented MP4 of the tracks with these ids.
pub fn format(ids: &[TrackId]) -> Format {
    let ids = ids.to_vec();
    let key = format!("fmp4:{ids:?}");
    let carried = ids.clone();
    Format::new(key, move |tracks: &Tracks| Ok(Box::new(Fmp4 { fragmenter: fragmenter(tracks, &ids)? })))
        .of(carried)
}

struct Fmp4 {
    fragmenter: Fragmenter,
}

impl Muxer for Fmp4 {
    fn header(&mut self, _again: bool) -> Bytes {
        self.fragmenter.init()
    }

    fn push(&mut self, unit: &Unit, out: &mut Vec<Chunk>) {
        if let Some(fragment) = self.fragmenter.push(unit) {
            out.push(Chunk::new(unit, fragment.parts));
        }
    }
}
