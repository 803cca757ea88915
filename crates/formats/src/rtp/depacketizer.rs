//! RTP packets of one track in, whole frames out.
//!
//! Sources: RFC 3550, 3551 and the payload formats named in the folder's files. Owns what is known of the frame
//! under way. Packets come in the order of their sequence numbers ([`Reorder`](super::Reorder) sees to that on
//! UDP); what is missing, late or damaged is counted, and a frame that lacks a part is dropped, never glued.
mod aac;
mod audio;
mod av1;
mod jpeg;
mod mp3;
mod nal;
mod vp8;
mod vp9;

use super::{Header, Packet, PayloadError, SetupError, clock_rate};
use bytes::Bytes;
use media::{Codec, CodecParams, Track};
use std::collections::VecDeque;

/// Largest frame: 16 MiB. An 8K intra picture of a broadcast encoder stays below 8.
pub const FRAME_BYTES_MAX: usize = 16 << 20;
/// A sequence number that far ahead is a gap, beyond it a restart. Source: `MAX_DROPOUT`, RFC 3550 §A.1.
const AHEAD_MAX: i16 = 3000;
/// A sequence number that far behind is late, beyond it a restart. Source: `MAX_MISORDER`, RFC 3550 §A.1.
const BEHIND_MAX: i16 = 100;
/// So many late packets in a row are a sender that restarted close to where it was.
const LATE_RUN_MAX: u32 = 128;

/// How AAC comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AacPayload {
    /// `MPEG4-GENERIC` (RFC 3640): access units behind a section of AU headers.
    Generic {
        /// `sizelength`: bits of an AU's size; 0 for one AU a packet, without headers.
        size_length: u8,
        /// `indexlength`.
        index_length: u8,
        /// `indexdeltalength`.
        index_delta_length: u8,
    },
    /// `MP4A-LATM` with `cpresent=0` (RFC 3016, RFC 6416).
    Latm,
}

impl AacPayload {
    /// `AAC-hbr`: 13, 3 and 3 bits. What everybody sends.
    pub const HIGH_BIT_RATE: AacPayload =
        AacPayload::Generic { size_length: 13, index_length: 3, index_delta_length: 3 };
    /// `AAC-lbr`: 6, 2 and 2 bits.
    pub const LOW_BIT_RATE: AacPayload =
        AacPayload::Generic { size_length: 6, index_length: 2, index_delta_length: 2 };
}

/// What the session description says about a track's payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DepacketizerOptions {
    /// Clock rate in `a=rtpmap`.
    pub rtp_clock_rate: u32,
    /// How AAC comes; no matter for others.
    pub aac: AacPayload,
    /// H.265: packets carry decoding order numbers (`sprop-max-don-diff` above 0, or `sprop-depack-buf-nalus`).
    pub h265_donl: bool,
    /// MJPEG: size of the picture for cameras whose pictures are larger than 2040 (`a=framesize`, `a=x-dimensions`).
    pub jpeg_size: Option<(u16, u16)>,
}

impl DepacketizerOptions {
    /// What holds when the session description says nothing special.
    pub fn for_track(track: &Track) -> Self {
        Self {
            rtp_clock_rate: clock_rate(track),
            aac: AacPayload::HIGH_BIT_RATE,
            h265_donl: false,
            jpeg_size: None,
        }
    }
}

/// A whole frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// The frame, as [`media::Unit::data`] wants it.
    pub data: Bytes,
    /// When to show it, on the RTP clock.
    pub rtp_time: u32,
    /// A decoder may start here; true for all audio.
    pub keyframe: bool,
    /// Parameters from within the stream, when they are not those of the track or of the frame that had them last.
    pub params: Option<CodecParams>,
    /// Something before this frame was lost.
    pub after_loss: bool,
}

/// What happened so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DepacketizerStats {
    /// Packets taken.
    pub packets: u64,
    /// Sequence numbers that never came.
    pub packets_lost: u64,
    /// Packets that came twice, or after their number was passed; dropped.
    pub packets_late: u64,
    /// Changes of SSRC and jumps of the sequence number.
    pub resets: u64,
    /// Whole frames.
    pub frames: u64,
    /// Frames dropped because a part was missing or broken. Frames lost as a whole are nobody's to count.
    pub frames_dropped: u64,
}

/// What is read of a video payload.
trait VideoPayload {
    /// Whether the packet shows by itself that no packet of its frame came before it.
    fn starts_frame(&self, payload: &[u8]) -> bool;
    /// Adds a packet to the frame. After an error the frame is cleared before anything else is asked.
    fn push(&mut self, packet: &Packet) -> Result<(), PayloadError>;
    /// Ends the frame.
    fn finish(&mut self) -> Finished;
    /// Drops the frame under way.
    fn clear(&mut self);
}

/// How a video frame ended.
enum Finished {
    Frame {
        data: Bytes,
        keyframe: bool,
        params: Option<CodecParams>,
    },
    /// No picture in it: parameter sets only.
    Nothing,
    /// A part is missing.
    Incomplete,
}

/// What is read of an audio payload.
trait AudioPayload {
    /// Reads a packet; whole frames go to `out`. True if a frame that was under way is given up because its rest
    /// did not come.
    fn push(&mut self, packet: &Packet, out: &mut VecDeque<Frame>) -> Result<bool, PayloadError>;
    /// Drops the frame under way; true if there was one.
    fn clear(&mut self) -> bool;
}

fn audio_frame(data: &[u8], rtp_time: u32) -> Frame {
    // Copied: a frame of a few hundred bytes must not keep a whole receive buffer alive.
    Frame { data: Bytes::copy_from_slice(data), rtp_time, keyframe: true, params: None, after_loss: false }
}

enum Payload {
    Video(Box<dyn VideoPayload + Send>),
    Audio(Box<dyn AudioPayload + Send>),
}

/// The video frame under way.
struct Open {
    timestamp: u32,
    bytes: usize,
    damaged: bool,
}

/// What a sequence number means.
enum Place {
    Next,
    Gap,
    Late,
}

/// Makes frames of one track's packets.
pub struct Depacketizer {
    payload: Payload,
    ssrc: Option<u32>,
    next_sequence: u16,
    late_run: u32,
    open: Option<Open>,
    /// A gap came before: the next frame must show that it is whole.
    after_gap: bool,
    /// For the next frame that comes out.
    after_loss: bool,
    ready: VecDeque<Frame>,
    stats: DepacketizerStats,
}

impl Depacketizer {
    /// For the packets of `track`.
    pub fn new(track: &Track, options: DepacketizerOptions) -> Result<Self, SetupError> {
        if options.rtp_clock_rate == 0 || track.clock_rate == 0 {
            return Err(SetupError::ClockRate { codec: track.codec });
        }
        let payload = match track.codec {
            Codec::H264 | Codec::H265 => {
                Payload::Video(Box::new(nal::Nal::new(track.codec, &track.params, options.h265_donl)))
            }
            Codec::Av1 => Payload::Video(Box::new(av1::Av1::new(&track.params))),
            Codec::Vp8 => Payload::Video(Box::new(vp8::Vp8::default())),
            Codec::Vp9 => Payload::Video(Box::new(vp9::Vp9::new(&track.params))),
            Codec::Mjpeg => Payload::Video(Box::new(jpeg::Jpeg::new(options.jpeg_size))),
            Codec::Aac => Payload::Audio(aac::depacketizer(track, options)?),
            Codec::Opus | Codec::Pcmu | Codec::Pcma | Codec::G722 => Payload::Audio(Box::new(audio::Whole)),
            Codec::L16 => {
                Payload::Audio(Box::new(audio::Samples::new(2 * usize::from(track.channels.max(1)))))
            }
            Codec::Mp3 => Payload::Audio(Box::new(mp3::Mp3::new(options.rtp_clock_rate))),
        };
        Ok(Self {
            payload,
            ssrc: None,
            next_sequence: 0,
            late_run: 0,
            open: None,
            after_gap: false,
            after_loss: false,
            ready: VecDeque::new(),
            stats: DepacketizerStats::default(),
        })
    }

    /// Takes the next packet. After an error the packet's frame is lost and the next packet may be pushed.
    pub fn push(&mut self, packet: &Packet) -> Result<(), PayloadError> {
        self.stats.packets += 1;
        match self.place(&packet.header) {
            Place::Next => {}
            Place::Gap => self.lose(),
            Place::Late => {
                self.stats.packets_late += 1;
                return Ok(());
            }
        }
        let ready = self.ready.len();
        let result = match self.payload {
            Payload::Video(_) => self.push_video(packet),
            Payload::Audio(_) => self.push_audio(packet),
        };
        self.stats.frames += (self.ready.len() - ready) as u64;
        result
    }

    /// The next whole frame.
    pub fn pop(&mut self) -> Option<Frame> {
        self.ready.pop_front()
    }

    /// Ends the frame under way, as at the end of a stream whose sender sets no markers.
    pub fn flush(&mut self) {
        self.finish_video();
    }

    /// Counters.
    pub fn stats(&self) -> DepacketizerStats {
        self.stats
    }

    fn place(&mut self, header: &Header) -> Place {
        let expected = self.next_sequence;
        let known = self.ssrc.replace(header.ssrc);
        let ahead = header.sequence.wrapping_sub(expected) as i16;
        let place = match known {
            None => Place::Next,
            Some(ssrc) if ssrc != header.ssrc => {
                self.stats.resets += 1;
                Place::Gap
            }
            Some(_) if ahead == 0 => Place::Next,
            Some(_) if (1..=AHEAD_MAX).contains(&ahead) => {
                self.stats.packets_lost += ahead.unsigned_abs() as u64;
                Place::Gap
            }
            Some(_) if (-BEHIND_MAX..0).contains(&ahead) && self.late_run < LATE_RUN_MAX => {
                self.late_run += 1;
                return Place::Late;
            }
            Some(_) => {
                self.stats.resets += 1;
                Place::Gap
            }
        };
        self.late_run = 0;
        self.next_sequence = header.sequence.wrapping_add(1);
        place
    }

    /// Something is missing before the next packet: so is a part of the frame under way.
    fn lose(&mut self) {
        self.after_gap = true;
        self.after_loss = true;
        let dropped = match &mut self.payload {
            Payload::Video(payload) => {
                payload.clear();
                self.open.take().is_some()
            }
            Payload::Audio(payload) => payload.clear(),
        };
        self.stats.frames_dropped += u64::from(dropped);
    }

    fn push_audio(&mut self, packet: &Packet) -> Result<(), PayloadError> {
        let Payload::Audio(payload) = &mut self.payload else { return Ok(()) };
        if packet.payload.is_empty() {
            return Ok(());
        }
        let ready = self.ready.len();
        let result = payload.push(packet, &mut self.ready);
        if result == Ok(true) {
            self.after_loss = true;
            self.stats.frames_dropped += 1;
        }
        if let Some(first) = self.ready.get_mut(ready) {
            first.after_loss = std::mem::take(&mut self.after_loss);
        }
        if result.is_err() {
            payload.clear();
            self.after_loss = true;
            self.stats.frames_dropped += 1;
        }
        result.map(|_| ())
    }

    fn push_video(&mut self, packet: &Packet) -> Result<(), PayloadError> {
        let timestamp = packet.header.timestamp;
        if self.open.as_ref().is_some_and(|open| open.timestamp != timestamp) {
            self.finish_video();
        }
        let Payload::Video(payload) = &mut self.payload else { return Ok(()) };
        let mut result = Ok(());
        if !packet.payload.is_empty() {
            let after_gap = std::mem::take(&mut self.after_gap);
            let open = self.open.get_or_insert_with(|| Open {
                timestamp,
                bytes: 0,
                damaged: after_gap && !payload.starts_frame(&packet.payload),
            });
            open.bytes += packet.payload.len();
            if !open.damaged {
                result = if open.bytes > FRAME_BYTES_MAX {
                    let sequence = packet.header.sequence;
                    Err(PayloadError::FrameTooLarge { sequence, limit: FRAME_BYTES_MAX })
                } else {
                    payload.push(packet)
                };
                open.damaged = result.is_err();
            }
        }
        if packet.header.marker {
            self.finish_video();
        }
        result
    }

    fn finish_video(&mut self) {
        let Payload::Video(payload) = &mut self.payload else { return };
        let Some(open) = self.open.take() else { return };
        let finished = if open.damaged { Finished::Incomplete } else { payload.finish() };
        match finished {
            Finished::Frame { data, keyframe, params } => {
                let after_loss = std::mem::take(&mut self.after_loss);
                self.ready.push_back(Frame { data, rtp_time: open.timestamp, keyframe, params, after_loss });
            }
            Finished::Nothing => {}
            Finished::Incomplete => {
                payload.clear();
                self.after_loss = true;
                self.stats.frames_dropped += 1;
            }
        }
    }
}
