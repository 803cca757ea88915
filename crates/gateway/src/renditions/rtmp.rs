//! RTMP messages in chunks: one run of bytes for all players, whatever each of them got before.
use super::flv::{KeptLine, Line};
use bytes::Bytes;
use hub::{Chunk, Format, Muxer};
use media::{TrackId, Tracks, Unit};
use protocols::rtmp::chunked;
use std::cell::RefCell;
use std::rc::Rc;

/// Messages of the tracks with these ids (see [`super::flv::carried`]), enhanced RTMP where the codec needs it. What FLV has no
/// place for is left out; a stream of nothing else is refused with the codecs' names.
pub fn format(ids: &[TrackId]) -> Format {
    let kept = KeptLine::new(ids);
    let key = format!("rtmp:{ids:?}");
    Format::new(key, move |tracks: &Tracks| Ok(Box::new(Rtmp(kept.line(tracks)?)))).of(ids.iter().copied())
}

struct Rtmp(Rc<RefCell<Line>>);

impl Muxer for Rtmp {
    fn header(&mut self, _again: bool) -> Bytes {
        let line = self.0.borrow();
        let mut bytes = Vec::new();
        for message in line.muxer.headers(line.last_ms) {
            for part in chunked(&message) {
                bytes.extend_from_slice(&part);
            }
        }
        bytes.into()
    }

    fn push(&mut self, unit: &Unit, out: &mut Vec<Chunk>) {
        if let Some(message) = self.0.borrow_mut().push(unit) {
            out.push(Chunk::new(unit, chunked(&message)));
        }
    }
}
