//! FLV tags or RTMP messages → tracks and units.
//!
//! Sources: FLV 10.1 §E.4, Enhanced RTMP v2. Owns the tracks of one stream, their clock and, until the tracks are
//! known, the units before that.
mod decode;
mod metadata;
#[cfg(test)]
mod tests;

use super::packet::{Frame, Packet};
use super::{FlvError, TagKind, audio, video};
use crate::demux::clock::{Clock, TrackClock};
use crate::demux::stage::{LaneId, Placed, Stage, Wait};
use crate::demux::{DemuxEvent, Note};
use bytes::Bytes;
use decode::Decoder;
use media::{Codec, Kind, Moment, WallTime};
pub use metadata::Metadata;
use std::time::Duration;

/// How long a track that nobody announced is waited for: 1 s of media or arrival. Encoders interleave within half
/// a second; a viewer of a stream without sound waits no longer than this.
const UNANNOUNCED_WAIT: Duration = Duration::from_secs(1);
/// How long an announced track is waited for: 3 s. Sound devices take a second or two to open; longer than this and
/// the announcement was a lie, as with OBS without a sound source or cameras without a microphone.
const ANNOUNCED_WAIT: Duration = Duration::from_secs(3);
/// Ticks a second and bits of FLV and RTMP timestamps.
const CLOCK: (u32, u32) = (1000, 32);

/// Turns tags into tracks and units.
///
/// The tracks are declared when both kinds were seen; or those announced, at the first frame; or a second
/// ([`UNANNOUNCED_WAIT`], [`ANNOUNCED_WAIT`]) has passed, or the units kept meanwhile reached their limit.
#[derive(Debug)]
pub struct Demuxer {
    stage: Stage,
    clock: Clock,
    video: Option<TrackState>,
    audio: Option<TrackState>,
    metadata: Metadata,
    has_metadata: bool,
}

#[derive(Debug)]
struct TrackState {
    lane: LaneId,
    decoder: Decoder,
    clock: TrackClock,
    /// The next unit does not follow the last.
    broken: bool,
}

impl Default for Demuxer {
    fn default() -> Self {
        Self::new()
    }
}

impl Demuxer {
    /// For one stream from its beginning.
    pub fn new() -> Self {
        Self {
            stage: Stage::default(),
            clock: Clock::new(CLOCK.0, CLOCK.1),
            video: None,
            audio: None,
            metadata: Metadata::default(),
            has_metadata: false,
        }
    }

    /// Says what the wall clock shows at `now`; units carry their arrival by it. Without it `Unit::wall` stays zero.
    pub fn set_wall_clock(&mut self, now: Moment, wall: WallTime) {
        self.stage.set_wall_clock(now, wall);
    }

    /// Takes one tag or RTMP message. An error tells of a sequence header that is no such; it was ignored, and the
    /// demuxer goes on with what it knows. Tags that are merely damaged give a [`Note`].
    pub fn handle_tag(
        &mut self,
        kind: TagKind,
        timestamp_ms: u32,
        data: Bytes,
        now: Moment,
    ) -> Result<(), FlvError> {
        let (kind, packet) = match kind {
            TagKind::Script => {
                self.handle_script(&data);
                return Ok(());
            }
            TagKind::Audio => (Kind::Audio, audio::parse(data)),
            TagKind::Video => (Kind::Video, video::parse(data)),
        };
        match packet {
            Some(Packet::Config { codec, data }) => self.configure(kind, codec, &data, timestamp_ms)?,
            Some(Packet::Frame(frame)) => self.handle_frame(kind, timestamp_ms, frame, now),
            Some(Packet::Nothing) => {}
            Some(Packet::Skipped(note)) => self.stage.note(note),
            None => self.stage.note(Note::Damaged { kind }),
        }
        Ok(())
    }

    /// The next event.
    pub fn pop(&mut self) -> Option<DemuxEvent> {
        self.stage.pop()
    }

    /// Declares the tracks with what was seen so far: at the end of a short input, or when the caller waited enough.
    pub fn flush(&mut self) {
        self.stage.declare();
    }

    fn handle_script(&mut self, data: &[u8]) {
        // GStreamer says the same twice a second.
        if let Some(metadata) = Metadata::parse(data)
            && (!self.has_metadata || metadata != self.metadata)
        {
            self.has_metadata = true;
            self.metadata = metadata.clone();
            self.stage.tell(DemuxEvent::Metadata(metadata));
        }
    }

    fn configure(
        &mut self,
        kind: Kind,
        codec: Codec,
        data: &Bytes,
        timestamp_ms: u32,
    ) -> Result<(), FlvError> {
        let decoder = Decoder::configured(codec, data).map_err(|why| FlvError::SequenceHeader {
            codec,
            timestamp_ms,
            why,
        })?;
        self.replace_decoder(kind, decoder);
        Ok(())
    }

    fn replace_decoder(&mut self, kind: Kind, decoder: Decoder) {
        let slot = match kind {
            Kind::Video => &mut self.video,
            Kind::Audio => &mut self.audio,
        };
        let (rate, is_audio) = (decoder.rate(), !decoder.codec().is_video());
        let track = match slot {
            None => {
                let (lane, clock) = (self.stage.add_lane(), TrackClock::new(rate, is_audio));
                slot.insert(TrackState { lane, decoder, clock, broken: false })
            }
            Some(track) => {
                if track.decoder.codec() != decoder.codec() || track.decoder.rate() != rate {
                    track.clock = track.clock.continued(rate, is_audio);
                    track.broken = true;
                }
                track.decoder = decoder;
                track
            }
        };
        if track.decoder.is_ready() {
            self.stage.describe(track.lane, track.decoder.track());
        }
    }

    fn handle_frame(&mut self, kind: Kind, timestamp_ms: u32, frame: Frame, now: Moment) {
        let known = match kind {
            Kind::Video => self.video.as_ref(),
            Kind::Audio => self.audio.as_ref(),
        };
        if known.map(|track| track.decoder.codec()) != Some(frame.codec) {
            let rate = self.metadata.audio_sample_rate;
            match Decoder::unconfigured(&frame, rate) {
                Some(decoder) => self.replace_decoder(kind, decoder),
                None => return self.stage.note(Note::BeforeParameters { kind }),
            }
        }
        let slot = if kind == Kind::Video { &mut self.video } else { &mut self.audio };
        let Some(track) = slot else { return };
        let Some(decoded) = track.decoder.decode(&frame) else {
            return self.stage.note(Note::Damaged { kind });
        };
        if !track.decoder.is_ready() {
            return self.stage.note(Note::BeforeParameters { kind });
        }
        if decoded.changed {
            self.stage.describe(track.lane, track.decoder.track());
        }
        let clock = &mut self.clock;
        let times = clock.place(&mut track.clock, timestamp_ms.into(), frame.nanos, decoded.ticks, now);
        let composition = clock.ticks_of(frame.composition_ms.max(0).into(), &track.clock);
        let placed = Placed {
            pts: times.dts.saturating_add(composition),
            dts: times.dts,
            line_ms: times.line_ms,
            keyframe: decoded.keyframe,
            discontinuity: std::mem::take(&mut track.broken) | times.discontinuity,
            data: decoded.data,
        };
        let wait = wait(&self.stage, &self.metadata);
        self.stage.push(track.lane, placed, now, wait);
    }
}

/// What to wait for before the tracks are declared.
fn wait(stage: &Stage, metadata: &Metadata) -> Wait {
    let (video, audio) = (stage.knows(Kind::Video), stage.knows(Kind::Audio));
    let announced = (metadata.video, metadata.audio);
    if (video && audio) || announced == (Some(video), Some(audio)) {
        return Wait::Nothing;
    }
    let missing_is_announced = (announced.0 == Some(true) && !video) || (announced.1 == Some(true) && !audio);
    Wait::For(if missing_is_announced { ANNOUNCED_WAIT } else { UNANNOUNCED_WAIT })
}

/// Entry for fuzzing: an FLV byte stream, pushed in pieces of changing size.
#[doc(hidden)]
pub fn fuzz_flv(data: &[u8]) {
    let mut reader = super::TagReader::new();
    let mut demuxer = Demuxer::new();
    let mut rest = data;
    let mut step = 1;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(step.min(rest.len()));
        rest = later;
        step = step % 97 + 13;
        reader.push(now);
        loop {
            match reader.next_tag() {
                Ok(Some(tag)) => {
                    let now = Moment::from_millis(u64::from(tag.timestamp_ms));
                    // A damaged sequence header is no end.
                    let _ = demuxer.handle_tag(tag.kind, tag.timestamp_ms, tag.data, now);
                    while demuxer.pop().is_some() {}
                }
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
}
