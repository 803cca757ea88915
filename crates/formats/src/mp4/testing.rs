//! What tests of recordings share: a clip as a stream would have it, and segment files of it.
use super::{File, SegmentMuxer, SegmentPart};
use bytes::Bytes;
use media::{Track, Unit, WallTime};
use std::convert::Infallible;

/// The clip of the demo camera: 400 pictures and 750 AAC frames, 16 s.
const DEMO: &[u8] = include_bytes!("../../../server/assets/demo.mp4");
/// When clips were captured: 2026-11-29 16:45:00 UTC.
pub(crate) const BEGAN: WallTime = WallTime::from_micros(1_795_970_700_000_000);

/// The demo clip, captured at [`BEGAN`].
pub(crate) fn demo() -> (Vec<Track>, Vec<Unit>) {
    clip(Bytes::from_static(DEMO))
}

fn clip(file: Bytes) -> (Vec<Track>, Vec<Unit>) {
    let file = File::parse(file).unwrap();
    let tracks = file.tracks().to_vec();
    let units = file.units().map(|unit| on_wall(unit, &tracks)).collect();
    (tracks, units)
}

/// A unit with the wall time that its decoding time is after [`BEGAN`].
pub(crate) fn on_wall(mut unit: Unit, tracks: &[Track]) -> Unit {
    let micros = unit.dts_time(&tracks[usize::from(unit.track)]).as_micros();
    unit.wall = WallTime::from_micros(BEGAN.as_micros() + micros);
    unit
}

/// Appends a part to a file.
pub(crate) fn write(part: &SegmentPart, file: &mut Vec<u8>) {
    let before = file.len();
    file.extend_from_slice(&part.head);
    part.data.iter().for_each(|data| file.extend_from_slice(data));
    assert_eq!(part.bytes, (file.len() - before) as u64);
}

/// A segment file of parts of so many units; where its head and each part end.
pub(crate) fn recorded(tracks: &[Track], units: &[Unit], a_part: usize) -> (Vec<u8>, Vec<usize>) {
    let mut muxer = SegmentMuxer::new(tracks).unwrap();
    let mut file = muxer.init().to_vec();
    let mut ends = vec![file.len()];
    for chunk in units.chunks(a_part).map(Some).chain([None]) {
        chunk.into_iter().flatten().for_each(|unit| muxer.push(unit));
        let part = if chunk.is_some() { muxer.part() } else { muxer.finish(None) };
        let Some(part) = part else { continue };
        write(&part, &mut file);
        ends.push(file.len());
    }
    assert_eq!(muxer.waiting_bytes(), 0);
    (file, ends)
}

/// Reads a file in memory as if it lay on a disk.
pub(crate) fn reader(file: &[u8]) -> impl FnMut(u64, &mut [u8]) -> Result<usize, Infallible> {
    move |at, buffer| {
        let rest = usize::try_from(at).ok().and_then(|at| file.get(at..)).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}
