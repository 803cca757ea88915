//! One key frame as a file of its own: what `frame.mp4` gives, and what a poster image is cut from.
use super::{Fragmenter, Mp4Error};
use bytes::Bytes;
use media::{Track, Unit};

/// A file with one picture: the last key frame among `units` whose track MP4 can carry, at time zero.
pub fn keyframe_file(tracks: &[Track], units: &[Unit]) -> Result<Bytes, Mp4Error> {
    for unit in units.iter().rev().filter(|unit| unit.keyframe) {
        let track = tracks.iter().find(|track| track.id == unit.track);
        let Some(track) = track.filter(|track| track.codec.is_video()) else { continue };
        let mut fragmenter = Fragmenter::new(std::slice::from_ref(track))?;
        let Some(fragment) = fragmenter.push(&Unit { pts: 0, dts: 0, ..unit.clone() }) else { continue };
        let [head, data] = &fragment.parts;
        return Ok([&fragmenter.init(), head, data].map(|part| &part[..]).concat().into());
    }
    Err(Mp4Error::NoKeyframe)
}
