//! FLV tags or RTMP messages → tracks and units.
//!
//! Sources: FLV 10.1 §E.4, Enhanced RTMP v2. Owns the tracks of one stream, their clock and, until the tracks are
//! known, the units before that.
mod clock;
mod decode;
mod metadata;
#[cfg(test)]
mod tests;

use super::packet::{Frame, Packet};
use super::{FlvError, Note, TagKind, audio, video};
use bytes::Bytes;
use clock::{Clock, TrackClock};
use decode::Decoder;
use media::{Codec, Kind, Moment, Track, TrackId, Unit, WallTime};
pub use metadata::Metadata;
use std::collections::VecDeque;
use std::time::Duration;

/// How long a track that nobody announced is waited for: 1 s of media or arrival. Encoders interleave within half
/// a second; a viewer of a stream without sound waits no longer than this.
const UNANNOUNCED_WAIT: Duration = Duration::from_secs(1);
/// How long an announced track is waited for: 3 s. Sound devices take a second or two to open; longer than this and
/// the announcement was a lie, as with OBS without a sound source or cameras without a microphone.
const ANNOUNCED_WAIT: Duration = Duration::from_secs(3);
/// Most bytes kept while waiting: 8 MiB, 3 s at 20 Mbit/s.
const HELD_BYTES_MAX: usize = 8 << 20;
/// Most units kept while waiting: 1,024, five times what 3 s of 60 pictures and 47 sound frames a second are.
const HELD_UNITS_MAX: usize = 1024;
/// Most different notes kept, so that a peer that invents codecs fills nothing: 16.
const NOTES_MAX: usize = 16;

/// What the demuxer found.
#[derive(Clone, PartialEq, Debug)]
pub enum DemuxEvent {
    /// The tracks: first when they are known, again whenever one is added or its parameters change. Ids stay.
    Tracks(Vec<Track>),
    /// A unit of one of the tracks told last.
    Unit(Unit),
    /// What the sender says about the stream, whenever it changes; nothing of it is certain.
    Metadata(Metadata),
    /// Something is left out of the units; each cause is said once.
    Note(Note),
}

/// Turns tags into tracks and units.
///
/// `Collecting` → `Declared` when the tracks are known: both kinds were seen; or those announced, at the first frame;
/// or a second ([`UNANNOUNCED_WAIT`], [`ANNOUNCED_WAIT`]) has passed, or the units kept meanwhile reached their limit.
#[derive(Debug)]
pub struct Demuxer {
    events: VecDeque<DemuxEvent>,
    clock: Clock,
    wall: Option<(Moment, WallTime)>,
    video: Option<TrackState>,
    audio: Option<TrackState>,
    metadata: Metadata,
    has_metadata: bool,
    state: State,
    notes: Vec<Note>,
}

#[derive(Debug)]
enum State {
    Collecting(Held),
    /// How many tracks were declared.
    Declared(TrackId),
}

/// Units that wait for the tracks to be known.
#[derive(Debug, Default)]
struct Held {
    units: Vec<(Kind, Unit)>,
    bytes: usize,
    /// Arrival and time of the first frame.
    first: Option<(Moment, i64)>,
}

#[derive(Debug)]
struct TrackState {
    decoder: Decoder,
    clock: TrackClock,
    /// Its id, once declared.
    id: Option<TrackId>,
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
            events: VecDeque::new(),
            clock: Clock::new(),
            wall: None,
            video: None,
            audio: None,
            metadata: Metadata::default(),
            has_metadata: false,
            state: State::Collecting(Held::default()),
            notes: Vec::new(),
        }
    }

    /// Says what the wall clock shows at `now`; units carry their arrival by it. Without it `Unit::wall` stays zero.
    pub fn set_wall_clock(&mut self, now: Moment, wall: WallTime) {
        self.wall = Some((now, wall));
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
            Some(Packet::Skipped(note)) => self.note(note),
            None => self.note(Note::Damaged { kind }),
        }
        Ok(())
    }

    /// The next event.
    pub fn pop(&mut self) -> Option<DemuxEvent> {
        self.events.pop_front()
    }

    /// Declares the tracks with what was seen so far: at the end of a short input, or when the caller waited enough.
    pub fn flush(&mut self) {
        if let State::Collecting(_) = self.state {
            self.declare();
        }
    }

    fn handle_script(&mut self, data: &[u8]) {
        // GStreamer says the same twice a second.
        if let Some(metadata) = Metadata::parse(data)
            && (!self.has_metadata || metadata != self.metadata)
        {
            self.has_metadata = true;
            self.metadata = metadata.clone();
            self.events.push_back(DemuxEvent::Metadata(metadata));
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
        let Some(track) = slot else {
            let clock = TrackClock::new(&decoder);
            *slot = Some(TrackState { decoder, clock, id: None, broken: false });
            return;
        };
        let same = track.decoder.same_format(&decoder);
        if track.decoder.codec() != decoder.codec() || track.decoder.rate() != decoder.rate() {
            track.clock = track.clock.continued(&decoder);
            track.broken = true;
        }
        track.decoder = decoder;
        if !same && track.id.is_some() {
            self.tell_tracks();
        }
    }

    fn handle_frame(&mut self, kind: Kind, timestamp_ms: u32, frame: Frame, now: Moment) {
        let known = self.track(kind).map(|track| track.decoder.codec());
        if known != Some(frame.codec) {
            let rate = self.metadata.audio_sample_rate;
            match Decoder::unconfigured(&frame, rate) {
                Some(decoder) => self.replace_decoder(kind, decoder),
                None => return self.note(Note::BeforeSequenceHeader { kind }),
            }
        }
        let wall = self.wall;
        let slot = if kind == Kind::Video { &mut self.video } else { &mut self.audio };
        let Some(track) = slot else { return };
        let Some(decoded) = track.decoder.decode(&frame) else {
            return self.note(Note::Damaged { kind });
        };
        if !track.decoder.is_ready() {
            return self.note(Note::BeforeSequenceHeader { kind });
        }
        let times = self.clock.place(&mut track.clock, timestamp_ms, frame.nanos, decoded.ticks, now);
        let unit = Unit {
            track: track.id.unwrap_or_default(),
            pts: times.dts.saturating_add(track.clock.ticks_of_ms(frame.composition_ms.max(0))),
            dts: times.dts,
            arrival: now,
            wall: wall.map_or(WallTime::default(), |(at, wall)| {
                WallTime::from_micros(wall.as_micros() + now.nanos_from(at) / 1000)
            }),
            keyframe: decoded.keyframe,
            discontinuity: std::mem::take(&mut track.broken) | times.discontinuity,
            data: decoded.data,
        };
        let undeclared = track.id.is_none();
        match &mut self.state {
            State::Collecting(held) => {
                held.first.get_or_insert((now, times.line_ms));
                held.bytes += unit.data.len();
                held.units.push((kind, unit));
                if self.is_complete(times.line_ms, now) {
                    self.declare();
                }
            }
            State::Declared(count) => {
                if undeclared {
                    track.id = Some(*count);
                    *count += 1;
                }
                let unit = Unit { track: track.id.unwrap_or_default(), ..unit };
                if undeclared || decoded.changed {
                    self.tell_tracks();
                }
                self.events.push_back(DemuxEvent::Unit(unit));
            }
        }
    }

    fn is_complete(&self, line_ms: i64, now: Moment) -> bool {
        let State::Collecting(held) = &self.state else { return false };
        let ready = |track: &Option<TrackState>| track.as_ref().is_some_and(|t| t.decoder.is_ready());
        let (video, audio) = (ready(&self.video), ready(&self.audio));
        if (video && audio) || held.bytes > HELD_BYTES_MAX || held.units.len() >= HELD_UNITS_MAX {
            return true;
        }
        let announced = (self.metadata.video, self.metadata.audio);
        if announced == (Some(video), Some(audio)) {
            return true;
        }
        let missing_is_announced =
            (announced.0 == Some(true) && !video) || (announced.1 == Some(true) && !audio);
        let wait = if missing_is_announced { ANNOUNCED_WAIT } else { UNANNOUNCED_WAIT };
        held.first.is_some_and(|(arrival, first_ms)| {
            now.since(arrival) >= wait || line_ms.saturating_sub(first_ms) >= wait.as_millis() as i64
        })
    }

    fn declare(&mut self) {
        let State::Collecting(held) = &mut self.state else { return };
        let units = std::mem::take(&mut held.units);
        let mut next = 0;
        for track in [&mut self.video, &mut self.audio].into_iter().flatten() {
            if track.decoder.is_ready() {
                track.id = Some(next);
                next += 1;
            }
        }
        self.state = State::Declared(next);
        if next > 0 {
            self.tell_tracks();
        }
        for (kind, mut unit) in units {
            let Some(id) = self.track(kind).and_then(|track| track.id) else { continue };
            unit.track = id;
            self.events.push_back(DemuxEvent::Unit(unit));
        }
    }

    fn tell_tracks(&mut self) {
        let mut tracks: Vec<Track> = [&self.video, &self.audio]
            .into_iter()
            .flatten()
            .filter_map(|track| track.id.map(|id| track.decoder.track(id)))
            .collect();
        tracks.sort_by_key(|track| track.id);
        self.events.push_back(DemuxEvent::Tracks(tracks));
    }

    fn track(&self, kind: Kind) -> Option<&TrackState> {
        match kind {
            Kind::Video => self.video.as_ref(),
            Kind::Audio => self.audio.as_ref(),
        }
    }

    fn note(&mut self, note: Note) {
        if self.notes.len() < NOTES_MAX && !self.notes.contains(&note) {
            self.notes.push(note.clone());
            self.events.push_back(DemuxEvent::Note(note));
        }
    }
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
