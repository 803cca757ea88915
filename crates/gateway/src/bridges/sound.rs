//! A stream's sound as Opus, made in process once for all rooms of a worker: AAC of cameras, G.711, G.722, L16.
//!
//! The muxer runs in the stream owner's turn, as that of talk streams does: some 20 µs a frame.
use audio::{Target, Transcoder};
use bytes::Bytes;
use hub::{Chunk, Format, Muxer};
use media::{Codec, Track, Tracks, Unit};

/// The sound of one track as frames of Opus, each a chunk with times of a 48 kHz clock.
pub(super) fn format(track: &Track) -> Format {
    let (id, channels) = (track.id, track.channels.clamp(1, 2));
    let target = Target { channels, ..Target::usual(Codec::Opus) };
    Format::new(format!("room-sound:{id}/{channels}"), move |tracks: &Tracks| {
        let inputs: Vec<Track> = tracks.iter().filter(|track| track.id == id).cloned().collect();
        let transcoder = Transcoder::new(&inputs, target).map_err(|error| error.to_string())?;
        Ok(Box::new(Sound(transcoder)))
    })
    .of([id])
}

struct Sound(Transcoder);

impl Muxer for Sound {
    fn header(&mut self, _again: bool) -> Bytes {
        Bytes::new()
    }

    fn push(&mut self, unit: &Unit, out: &mut Vec<Chunk>) {
        self.0.push(unit);
        while let Some(frame) = self.0.poll_output() {
            out.push(Chunk::new(&frame, [frame.data.clone()]));
        }
    }
}
