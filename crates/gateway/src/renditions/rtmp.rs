//! RTMP messages in chunks: one run of bytes for all players, whatever each of them got before.
use bytes::Bytes;
use formats::flv;
use hub::{Chunk, Format, Muxer};
use media::{Tracks, Unit};
use protocols::rtmp::chunked;
use std::cell::RefCell;
use std::rc::Rc;

/// Messages of the stream's first video and audio track, enhanced RTMP where the codec needs it. What FLV has no
/// place for is left out; a stream of nothing else is refused with the codecs' names.
pub fn format() -> Format {
    // When parameter sets change, the muxer is made anew but its time line goes on: players would take a jump back
    // to zero for a new stream, or for an error.
    let line: Rc<RefCell<Option<Line>>> = Rc::default();
    Format::new("rtmp", move |tracks: &Tracks| {
        let mut kept = line.borrow_mut();
        let muxer = match kept.take() {
            Some(mut line) => {
                line.muxer.set_tracks(tracks).map_err(|e| e.to_string())?;
                kept.insert(line)
            }
            None => {
                let muxer =
                    flv::Muxer::new(tracks, flv::MuxerOptions::default()).map_err(|e| e.to_string())?;
                kept.insert(Line { muxer, last_ms: 0 })
            }
        };
        for left in muxer.muxer.left_out() {
            tracing::info!(track = left.track, codec = %left.codec, why = left.why, "RTMP players do not get a track");
        }
        drop(kept);
        Ok(Box::new(Rtmp(line.clone())))
    })
}

/// The muxer with the time it came to.
struct Line {
    muxer: flv::Muxer,
    last_ms: u32,
}

struct Rtmp(Rc<RefCell<Option<Line>>>);

impl Muxer for Rtmp {
    fn header(&mut self, _again: bool) -> Bytes {
        let mut bytes = Vec::new();
        if let Some(line) = &*self.0.borrow() {
            for part in line.muxer.headers(line.last_ms).iter().flat_map(chunked) {
                bytes.extend_from_slice(&part);
            }
        }
        bytes.into()
    }

    fn push(&mut self, unit: &Unit, out: &mut Vec<Chunk>) {
        let mut line = self.0.borrow_mut();
        let Some(line) = &mut *line else { return };
        if let Some(message) = line.muxer.push(unit) {
            line.last_ms = message.timestamp_ms();
            out.push(Chunk::new(unit, chunked(&message)));
        }
    }
}
