//! Units → RTMP messages and FLV tags.
//!
//! Sources: FLV 10.1 §E.4, Enhanced RTMP v2. Owns where zero is on the time line of its output. A payload is never
//! copied: headers are made around it.
mod describe;
mod header;
#[cfg(test)]
mod tests;

use super::tag::{TAG_HEADER, tag_header};
use super::{FlvError, TagKind};
use bytes::{BufMut, Bytes, BytesMut};
use header::Carrier;
use media::{Codec, Kind, Track, TrackId, Unit, rescale};

/// Largest body of a tag: 24 bits of length. Source: FLV 10.1 §E.4.1.
const BODY_BYTES_MAX: usize = 0x00ff_ffff;
/// Times this far before the first unit become zero instead of wrapping: 10 s. The other track begins so near.
const BEFORE_START_MS: i64 = 10_000;
/// Bytes of the size that follows each tag.
const TRAILER: usize = 4;
/// Largest header of one codec's frame.
const CODEC_HEADER_MAX: usize = 8;

/// What the receivers understand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MuxerOptions {
    /// Enhanced RTMP: FourCCs for H.265, AV1, VP8, VP9, Opus and MP3 of any rate. Without it H.265 goes by its
    /// unofficial number 12 and the others are left out. H.264, AAC and G.711 always go by their old numbers, which
    /// everybody reads.
    pub enhanced: bool,
}

impl Default for MuxerOptions {
    fn default() -> Self {
        Self { enhanced: true }
    }
}

/// A track that FLV does not carry here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeftOut {
    /// Its id.
    pub track: TrackId,
    /// Its codec.
    pub codec: Codec,
    /// Why, as part of a sentence.
    pub why: &'static str,
}

/// One RTMP message, which is one FLV tag.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    kind: TagKind,
    timestamp_ms: u32,
    /// Tag header and codec header.
    front: Bytes,
    payload: Bytes,
    trailer: Bytes,
}

/// Makes messages and tags of units.
#[derive(Debug)]
pub struct Muxer {
    options: MuxerOptions,
    tracks: Vec<Track>,
    video: Option<(TrackId, Carrier)>,
    audio: Option<(TrackId, Carrier)>,
    left_out: Vec<LeftOut>,
    /// Milliseconds of the stream's line that become zero.
    start_ms: Option<i64>,
}

impl Message {
    /// A message of a body in two pieces, the header of its codec and what follows.
    fn new(kind: TagKind, timestamp_ms: u32, codec_header: &[u8], payload: Bytes) -> Self {
        let body = codec_header.len() + payload.len();
        let mut buffer = BytesMut::with_capacity(TAG_HEADER + codec_header.len() + TRAILER);
        buffer.put_slice(&tag_header(kind, timestamp_ms, body));
        buffer.put_slice(codec_header);
        let front_length = buffer.len();
        buffer.put_u32((TAG_HEADER + body) as u32);
        let mut front = buffer.freeze();
        let trailer = front.split_off(front_length);
        Self { kind, timestamp_ms, front, payload, trailer }
    }

    /// Audio, video or script data.
    pub const fn kind(&self) -> TagKind {
        self.kind
    }

    /// Milliseconds, wrapping after 49.7 days.
    pub const fn timestamp_ms(&self) -> u32 {
        self.timestamp_ms
    }

    /// The body for RTMP, in two pieces: the header of the codec, and the unit's data as it was.
    pub fn body(&self) -> [Bytes; 2] {
        [self.front.slice(TAG_HEADER..), self.payload.clone()]
    }

    /// Bytes of the body.
    pub fn body_length(&self) -> usize {
        self.front.len() - TAG_HEADER + self.payload.len()
    }

    /// The tag for an FLV stream, in three pieces: headers, the unit's data as it was, the size of the tag.
    pub fn tag(&self) -> [Bytes; 3] {
        [self.front.clone(), self.payload.clone(), self.trailer.clone()]
    }
}

impl Muxer {
    /// For the first video and the first audio track that FLV can carry; [`left_out`](Self::left_out) names the
    /// others. An error when there is none.
    pub fn new(tracks: &[Track], options: MuxerOptions) -> Result<Self, FlvError> {
        let mut muxer = Self {
            options,
            tracks: Vec::new(),
            video: None,
            audio: None,
            left_out: Vec::new(),
            start_ms: None,
        };
        muxer.choose(tracks)?;
        Ok(muxer)
    }

    /// Takes new tracks in the middle of the stream, such as the same ones with other parameter sets. Send
    /// [`headers`](Self::headers) before the next unit.
    pub fn set_tracks(&mut self, tracks: &[Track]) -> Result<(), FlvError> {
        self.choose(tracks)
    }

    fn choose(&mut self, tracks: &[Track]) -> Result<(), FlvError> {
        let (mut video, mut audio, mut left_out) = (None, None, Vec::new());
        for track in tracks {
            let slot = match track.kind() {
                Kind::Video => &mut video,
                Kind::Audio => &mut audio,
            };
            match Carrier::of(track, self.options.enhanced) {
                Ok(_) if slot.is_some() => {
                    let why = "FLV carries one track of each kind";
                    left_out.push(LeftOut { track: track.id, codec: track.codec, why });
                }
                Ok(carrier) => *slot = Some((track.id, carrier)),
                Err(why) => left_out.push(LeftOut { track: track.id, codec: track.codec, why }),
            }
        }
        if video.is_none() && audio.is_none() {
            let codecs: Vec<&str> = tracks.iter().map(|track| track.codec.name()).collect();
            return Err(FlvError::NothingToCarry { codecs: codecs.join(", ") });
        }
        self.tracks = tracks.to_vec();
        self.video = video;
        self.audio = audio;
        self.left_out = left_out;
        Ok(())
    }

    /// The tracks that are carried.
    pub fn carried_tracks(&self) -> impl Iterator<Item = TrackId> {
        self.video.iter().chain(&self.audio).map(|(id, _)| *id)
    }

    /// The tracks that are not carried, and why.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// True when there is video: a reader then begins at a key frame of it.
    pub const fn has_video(&self) -> bool {
        self.video.is_some()
    }

    /// What a reader needs before its first unit: `onMetaData` and the sequence headers, stamped with the time of
    /// that unit ([`timestamp_ms`](Self::timestamp_ms)).
    pub fn headers(&self, timestamp_ms: u32) -> Vec<Message> {
        let mut headers = Vec::with_capacity(3);
        headers.push(Message::new(TagKind::Script, timestamp_ms, &[], self.metadata()));
        for (track, carrier) in [&self.video, &self.audio].into_iter().flatten() {
            let Some(track) = self.tracks.iter().find(|t| t.id == *track) else { continue };
            if let Some((header, config)) = carrier.sequence_header(track) {
                headers.push(Message::new(carrier.tag_kind(), timestamp_ms, &header, config));
            }
        }
        headers
    }

    /// The beginning of an FLV byte stream: the file header and [`headers`](Self::headers) as tags, in one piece.
    pub fn file_header(&self, timestamp_ms: u32) -> Bytes {
        let flags = (u8::from(self.audio.is_some()) << 2) | u8::from(self.video.is_some());
        let mut out = BytesMut::with_capacity(1024);
        out.put_slice(b"FLV\x01");
        out.put_slice(&[flags, 0, 0, 0, 9, 0, 0, 0, 0]);
        for message in self.headers(timestamp_ms) {
            for part in message.tag() {
                out.put_slice(&part);
            }
        }
        out.freeze()
    }

    /// The message of a unit. `None` when its track is not carried, when it is larger than FLV allows (16 MiB), or when
    /// it belongs before the first one: sound that arrived after the picture that it precedes.
    pub fn push(&mut self, unit: &Unit) -> Option<Message> {
        let (carrier, rate) = self.carrier(unit.track)?;
        if unit.data.len() + CODEC_HEADER_MAX > BODY_BYTES_MAX {
            return None;
        }
        let dts_ms = rescale(unit.dts, rate, 1000);
        let start_ms = *self.start_ms.get_or_insert(dts_ms);
        if (-BEFORE_START_MS..0).contains(&dts_ms.saturating_sub(start_ms)) {
            return None;
        }
        let composition_ms = rescale(unit.pts, rate, 1000).saturating_sub(dts_ms);
        let header = carrier.frame_header(unit.keyframe, composition_ms);
        Some(Message::new(carrier.tag_kind(), stamp(dts_ms, start_ms), &header, unit.data.clone()))
    }

    /// The timestamp that [`push`](Self::push) gives, or would give, a unit.
    pub fn timestamp_ms(&self, unit: &Unit) -> u32 {
        let Some((_, rate)) = self.carrier(unit.track) else { return 0 };
        let dts_ms = rescale(unit.dts, rate, 1000);
        stamp(dts_ms, self.start_ms.unwrap_or(dts_ms))
    }

    fn carrier(&self, id: TrackId) -> Option<(Carrier, u32)> {
        let (_, carrier) =
            [&self.video, &self.audio].into_iter().flatten().find(|(track, _)| *track == id)?;
        let track = self.tracks.iter().find(|track| track.id == id)?;
        Some((*carrier, track.clock_rate))
    }
}

fn stamp(dts_ms: i64, start_ms: i64) -> u32 {
    let since = dts_ms.saturating_sub(start_ms);
    if (-BEFORE_START_MS..0).contains(&since) { 0 } else { since as u32 }
}
