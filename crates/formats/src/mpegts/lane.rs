//! One elementary stream: transport packets → PES → frames with their times.
//!
//! Source: ISO/IEC 13818-1 §2.4.3.3 (continuity counter), §2.4.3.7 (times), §2.14 (H.264 and H.265 in PES).
use super::opus;
use super::packet::Packet;
use super::pes::{Head, Part, Pes};
use super::tables::{Coding, Stream};
use crate::bitstream::{self, AccessUnits, AudioFrames, AudioSyntax, NalFrame};
use crate::demux::Note;
use crate::demux::clock::TrackClock;
use crate::demux::stage::LaneId;
use bytes::Bytes;
use media::{Codec, CodecParams, Kind, Track, rescale};

/// Ticks a second of all times in a transport stream.
pub(super) const RATE: u32 = 90_000;
/// Bits of these times.
pub(super) const TIME_BITS: u32 = 33;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;
/// How long a picture without a time lasts when its stream does not say: 1/25 s.
const FRAME_TICKS: u64 = 3600;
/// Longest payload that is collected whole, Opus and G.711: 256 KiB. With a length it has 64 KiB at most; without, it
/// would be 30 s of G.711.
const WHOLE_BYTES_MAX: usize = 256 << 10;
/// Ticks a second of G.711 and G.722, whose streams do not say it.
const TELEPHONE_RATE: u32 = 8_000;
/// Payloads of G.711 up to this stay one unit: 100 ms. Longer ones are cut, for players with small buffers.
const SAMPLES_MAX: usize = TELEPHONE_RATE as usize / 10;
/// Samples in each piece of those that are cut: 20 ms, as in RTP.
const SAMPLES_CUT: usize = TELEPHONE_RATE as usize / 50;

/// A frame with the sender's times.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) data: Bytes,
    pub(super) keyframe: bool,
    pub(super) pts: u64,
    pub(super) dts: u64,
    /// How long it lasts in ticks of the track's clock, for sound; else 0.
    pub(super) ticks: u32,
    /// What the track is: with its first frame and when it changes.
    pub(super) track: Option<Track>,
}

/// An elementary stream that is carried.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) stream: Stream,
    pub(super) kind: Kind,
    /// Its place on the stage.
    pub(super) id: LaneId,
    /// What it is, once known.
    pub(super) track: Option<Track>,
    pub(super) clock: Option<TrackClock>,
    /// The next frame does not follow the last.
    pub(super) broken: bool,
    pes: Pes,
    coder: Coder,
    /// The last packet with payload, and its count.
    last: Option<(u8, Bytes)>,
}

#[derive(Debug)]
enum Coder {
    Pictures(Pictures),
    Sound(Sound),
    Whole(Whole),
}

impl Lane {
    /// For a stream of the map; `None` when it is not carried.
    pub(super) fn new(stream: Stream, id: LaneId) -> Option<Self> {
        let whole = |codec, channels| Coder::Whole(Whole::new(codec, channels));
        let sound = |syntax| Coder::Sound(Sound::new(syntax));
        let coder = match stream.coding {
            Coding::H264 => Coder::Pictures(Pictures::new(Codec::H264)),
            Coding::H265 => Coder::Pictures(Pictures::new(Codec::H265)),
            Coding::Adts => sound(AudioSyntax::Adts),
            Coding::Latm => sound(AudioSyntax::Loas),
            Coding::Mpeg => sound(AudioSyntax::Mpeg),
            Coding::Opus { channels } => whole(Codec::Opus, channels),
            Coding::Pcma => whole(Codec::Pcma, 1),
            Coding::Pcmu => whole(Codec::Pcmu, 1),
            Coding::G722 => whole(Codec::G722, 1),
            Coding::Unsupported { .. } | Coding::Ignored => return None,
        };
        let kind = stream.coding.kind()?;
        let (track, clock, broken, pes, last) = (None, None, false, Pes::Idle, None);
        Some(Self { stream, kind, id, track, clock, broken, pes, coder, last })
    }

    /// Takes a packet of this stream, which `whole` holds. Returns how many are missing before it.
    pub(super) fn handle(
        &mut self,
        packet: &Packet<'_>,
        whole: &Bytes,
        out: &mut impl FnMut(Frame),
        note: &mut impl FnMut(Note),
    ) -> u64 {
        if packet.discontinuity {
            self.last = None;
            self.broken = true;
        }
        let Some(payload) = packet.payload else { return 0 };
        let mut lost = 0;
        if let Some((continuity, last)) = &self.last {
            let step = packet.continuity.wrapping_sub(*continuity) & 0x0f;
            // A packet may be sent twice. A counter that stands still is that of an encoder that does not count.
            if step == 0 && last == whole {
                return 0;
            }
            lost = u64::from(step.saturating_sub(1));
        }
        self.last = Some((packet.continuity, whole.clone()));
        if lost > 0 {
            self.break_off();
        }
        if packet.scrambled {
            note(Note::Scrambled);
            return lost;
        }
        let (coder, kind) = (&mut self.coder, self.kind);
        let read = self.pes.push(payload, packet.starts, |part| coder.handle(part, out));
        if !read {
            note(Note::Damaged { kind });
            self.break_off();
        }
        if self.coder.take_damaged() {
            note(Note::Damaged { kind });
            self.broken = true;
        }
        lost
    }

    /// Drops what is under way: something of it is lost.
    pub(super) fn break_off(&mut self) {
        self.broken = true;
        self.pes.clear();
        self.coder.clear();
    }

    /// Gives out what is under way: nothing follows.
    pub(super) fn finish(&mut self, out: &mut impl FnMut(Frame)) {
        self.pes.clear();
        match &mut self.coder {
            Coder::Pictures(pictures) => pictures.flush(out),
            Coder::Sound(sound) => sound.drain(true, out),
            Coder::Whole(whole) => whole.flush(out),
        }
    }
}

impl Coder {
    fn handle(&mut self, part: Part<'_>, out: &mut impl FnMut(Frame)) {
        match self {
            Coder::Pictures(pictures) => pictures.handle(part, out),
            Coder::Sound(sound) => sound.handle(part, out),
            Coder::Whole(whole) => whole.handle(part, out),
        }
    }

    fn clear(&mut self) {
        match self {
            Coder::Pictures(pictures) => pictures.units.clear(),
            Coder::Sound(sound) => sound.frames.clear(),
            Coder::Whole(whole) => whole.payload.clear(),
        }
    }

    fn take_damaged(&mut self) -> bool {
        match self {
            Coder::Pictures(pictures) => pictures.units.take_damaged(),
            Coder::Sound(sound) => sound.frames.take_damaged() | sound.frames.take_garbage(),
            Coder::Whole(whole) => std::mem::take(&mut whole.damaged),
        }
    }
}

/// H.264 and H.265. A PES packet of theirs has no length mostly, so a picture is known to be whole when the next
/// begins. One picture may take several PES packets: those go on that have its time or none.
#[derive(Debug)]
struct Pictures {
    codec: Codec,
    units: AccessUnits,
    /// The times of the next access unit.
    times: Option<(u64, u64)>,
    /// The decoding time said last, and that of the last frame.
    said: Option<u64>,
    last: Option<u64>,
    frame_ticks: u64,
}

impl Pictures {
    fn new(codec: Codec) -> Self {
        let units = AccessUnits::new(codec);
        Self { codec, units, times: None, said: None, last: None, frame_ticks: FRAME_TICKS }
    }

    fn handle(&mut self, part: Part<'_>, out: &mut impl FnMut(Frame)) {
        match part {
            Part::Begin(Head { pts, dts }) => {
                let Some(pts) = pts else { return };
                let dts = dts.unwrap_or(pts);
                if self.said != Some(dts) {
                    self.flush(out);
                    self.said = Some(dts);
                    self.times = Some((pts, dts));
                }
            }
            Part::Data(data) => {
                self.units.push(data);
                self.drain(out);
            }
            Part::End => {}
        }
    }

    fn flush(&mut self, out: &mut impl FnMut(Frame)) {
        self.units.flush();
        self.drain(out);
    }

    fn drain(&mut self, out: &mut impl FnMut(Frame)) {
        while let Some(NalFrame { data, keyframe, params }) = self.units.pop() {
            let track = params.map(|params| Track::video(0, self.codec, params));
            if let Some((frames, seconds)) = track.as_ref().and_then(bitstream::frame_rate) {
                let ticks = rescale(seconds.into(), frames, RATE);
                self.frame_ticks = ticks.unsigned_abs().max(1);
            }
            // The second picture of a PES packet has no time of its own.
            let guessed = self.last.map(|last| (last + self.frame_ticks) & TIME_MASK);
            let Some((pts, dts)) = self.times.take().or(guessed.map(|time| (time, time))) else { continue };
            self.last = Some(dts);
            out(Frame { data, keyframe, pts, dts, ticks: 0, track });
        }
    }
}

/// AAC and MPEG audio.
#[derive(Debug)]
struct Sound {
    frames: AudioFrames,
    /// The time of the PES packet, until its first bytes have come.
    mark: Option<u64>,
    /// The time said last, and how much of sound has come since.
    line: Option<(u64, i64)>,
    rate: u32,
}

impl Sound {
    fn new(syntax: AudioSyntax) -> Self {
        Self { frames: AudioFrames::new(syntax).aligned(), mark: None, line: None, rate: RATE }
    }

    fn handle(&mut self, part: Part<'_>, out: &mut impl FnMut(Frame)) {
        match part {
            Part::Begin(head) => self.mark = head.pts,
            Part::Data([]) | Part::End => {}
            Part::Data(data) => {
                self.frames.push(data, self.mark.take());
                self.drain(false, out);
            }
        }
    }

    fn drain(&mut self, at_end: bool, out: &mut impl FnMut(Frame)) {
        while let Some(frame) = self.frames.pop(at_end) {
            if let Some(track) = &frame.track {
                // What was counted at the old rate becomes a time.
                self.line = self.line.map(|line| (time(line, self.rate), 0));
                self.rate = track.clock_rate;
            }
            if let Some(mark) = frame.mark {
                self.line = Some((mark, 0));
            }
            let Some(line) = &mut self.line else { continue };
            let pts = time(*line, self.rate);
            line.1 += i64::from(frame.ticks);
            let (data, ticks, track) = (frame.data, frame.ticks, frame.track);
            out(Frame { data, keyframe: true, pts, dts: pts, ticks, track });
        }
    }
}

/// A time said, and so many ticks of `rate` later.
fn time((said, ticks): (u64, i64), rate: u32) -> u64 {
    said.wrapping_add_signed(rescale(ticks, rate, RATE)) & TIME_MASK
}

/// Sound whose frames have no marks: the whole payload is needed.
#[derive(Debug)]
struct Whole {
    track: Track,
    told: bool,
    payload: Vec<u8>,
    line: Option<(u64, i64)>,
    damaged: bool,
}

impl Whole {
    fn new(codec: Codec, channels: u8) -> Self {
        let rate = codec.fixed_clock_rate().unwrap_or(TELEPHONE_RATE);
        let track = Track::audio(0, codec, rate, channels, CodecParams::None);
        Self { track, told: false, payload: Vec::new(), line: None, damaged: false }
    }

    fn handle(&mut self, part: Part<'_>, out: &mut impl FnMut(Frame)) {
        match part {
            Part::Begin(head) => {
                self.flush(out);
                if let Some(pts) = head.pts {
                    self.line = Some((pts, 0));
                }
            }
            Part::Data(data) => {
                if self.payload.len() + data.len() > WHOLE_BYTES_MAX {
                    self.payload.clear();
                    self.damaged = true;
                }
                self.payload.extend_from_slice(data);
            }
            Part::End => self.flush(out),
        }
    }

    fn flush(&mut self, out: &mut impl FnMut(Frame)) {
        let payload = std::mem::take(&mut self.payload);
        if self.track.codec == Codec::Opus {
            let whole = opus::packets(&payload, |packet| self.emit(packet, out));
            self.damaged |= !whole && !payload.is_empty();
        } else if payload.len() <= SAMPLES_MAX {
            if !payload.is_empty() {
                self.emit(payload.into(), out);
            }
        } else {
            let payload = Bytes::from(payload);
            for piece in payload.chunks(SAMPLES_CUT) {
                self.emit(payload.slice_ref(piece), out);
            }
        }
    }

    fn emit(&mut self, data: Bytes, out: &mut impl FnMut(Frame)) {
        let Some(ticks) = bitstream::audio_frame_ticks(&self.track, &data) else {
            self.damaged = true;
            return;
        };
        let Some(line) = &mut self.line else { return };
        let pts = time(*line, self.track.clock_rate);
        line.1 += i64::from(ticks);
        let track = (!std::mem::replace(&mut self.told, true)).then(|| self.track.clone());
        out(Frame { data, keyframe: true, pts, dts: pts, ticks, track });
    }
}
