//! FLV as HTTP and WebSocket carry it.
use bytes::Bytes;
use formats::flv;
use hub::{Chunk, Format, Muxer};
use media::{Tracks, Unit};

/// FLV with its file header and tags.
pub fn format() -> Format {
    Format::new("flv", |tracks: &Tracks| {
        let muxer = flv::Muxer::new(tracks, flv::MuxerOptions::default()).map_err(|e| e.to_string())?;
        Ok(Box::new(Flv { muxer, last_ms: 0 }))
    })
}

struct Flv {
    muxer: flv::Muxer,
    last_ms: u32,
}

impl Muxer for Flv {
    fn header(&mut self, again: bool) -> Bytes {
        if !again {
            return self.muxer.file_header(self.last_ms);
        }
        let mut bytes = Vec::new();
        for message in self.muxer.headers(self.last_ms) {
            for part in message.tag() {
                bytes.extend_from_slice(&part);
            }
        }
        bytes.into()
    }

    fn push(&mut self, unit: &Unit, out: &mut Vec<Chunk>) {
        if let Some(message) = self.muxer.push(unit) {
            self.last_ms = self.muxer.timestamp_ms(unit);
            out.push(Chunk::new(unit, message.tag()));
        }
    }
}
