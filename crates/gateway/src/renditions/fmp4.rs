//! Fragmented MP4, one frame a fragment: for browsers (MSE) and progressive download.
use bytes::Bytes;
use formats::mp4::Fragmenter;
use hub::{Chunk, Format, Muxer};
use media::{Codec, Track, TrackId, Tracks, Unit};

/// The tracks of a stream that a peer can play, by the codecs it takes; all when it names none.
pub fn playable(tracks: &[Track], takes: &[Codec]) -> Vec<TrackId> {
    tracks
        .iter()
        .filter(|track| takes.is_empty() || takes.contains(&track.codec))
        .map(|track| track.id)
        .collect()
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
    Format::new(key, move |tracks: &Tracks| Ok(Box::new(Fmp4 { fragmenter: fragmenter(tracks, &ids)? })))
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
