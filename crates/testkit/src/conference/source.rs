//! Synthetic cameras and microphones: which packets are due when, without any I/O.
//!
//! Pictures refer to each other as those of real encoders do, and each packet says so itself (see the module `body`).
use super::SourceReport;
use super::body::{Body, HEAD};
use super::payload::{Format, Numbers, VideoCodec, write};
use crate::net::Dice;
use std::time::Duration;

/// Most bytes of a body: 1,100. With descriptor, header, extensions and SRTP that stays below 1,200.
const BODY_MAX: usize = 1_100;
/// A key frame is so many times as large as another one.
const KEY_FRAME_SIZE: usize = 3;
/// Frames that a source catches up with when its thread was late; what is older is not sent at all.
const LATE_FRAMES_MAX: u64 = 5;
/// Ticks of video a second.
const VIDEO_RATE: u32 = 90_000;
/// Sound packets a second.
const AUDIO_PACKETS: u64 = 50;
/// Ticks of sound a packet.
const AUDIO_TICKS: u32 = 960;
/// While nobody speaks, DTX sends one packet of so many. Source: RFC 6716 §2.1.9, every 400 ms.
const DTX_EVERY: u64 = 20;

/// How the layers of a picture travel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Layering {
    /// Simulcast; layers are named by `rid`, and their SSRCs not told, as browsers do.
    #[default]
    Rids,
    /// Simulcast; layers are named by SSRC.
    Ssrcs,
    /// All in one stream, each on top of the one below (`LxTy`). VP9 only.
    Svc,
}

/// A camera.
#[derive(Clone, Debug)]
pub struct VideoOptions {
    /// What it encodes with.
    pub codec: VideoCodec,
    /// In each packet: who sent it. Unique among the sources of a test.
    pub tag: u32,
    /// Bits a second of each spatial layer, lowest first: one to three.
    pub layers: Vec<u32>,
    /// How they travel.
    pub layering: Layering,
    /// Temporal layers, one to three.
    pub temporal_layers: u8,
    /// Pictures a second.
    pub fps: u32,
    /// A key frame so often; otherwise on demand alone.
    pub key_interval: Option<Duration>,
    /// Decides sizes and first numbers.
    pub seed: u64,
}

impl VideoOptions {
    /// One layer of 500 kbit/s, 30 pictures a second, VP8, key frames on demand.
    pub fn new(tag: u32) -> Self {
        Self {
            codec: VideoCodec::Vp8,
            tag,
            layers: vec![500_000],
            layering: Layering::Ssrcs,
            temporal_layers: 1,
            fps: 30,
            key_interval: None,
            seed: tag.into(),
        }
    }

    /// Three simulcast layers of 150, 500 and 1,500 kbit/s with three temporal layers each, named by `rid`.
    pub fn simulcast(tag: u32) -> Self {
        let layers = vec![150_000, 500_000, 1_500_000];
        Self { layers, layering: Layering::Rids, temporal_layers: 3, ..Self::new(tag) }
    }

    /// VP9 L3T3.
    pub fn svc(tag: u32) -> Self {
        Self { codec: VideoCodec::Vp9, layering: Layering::Svc, ..Self::simulcast(tag) }
    }

    /// How many streams that makes.
    pub fn encodings(&self) -> usize {
        if self.layering == Layering::Svc { 1 } else { self.layers.len() }
    }

    /// Of one stream, as `scalabilityMode` says it.
    pub fn scalability_mode(&self) -> String {
        let spatial = if self.layering == Layering::Svc { self.layers.len() } else { 1 };
        format!("L{spatial}T{}", self.temporal_layers)
    }
}

/// What a microphone hears.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Voice {
    /// Somebody speaks, at this many decibels below the maximum.
    Speaks(u8),
    /// Packets as always, at -127 dB.
    #[default]
    Silent,
    /// Nothing but one byte each 400 ms.
    Dtx,
}

/// A microphone.
#[derive(Clone, Copy, Debug)]
pub struct AudioOptions {
    /// In each packet: who sent it. Unique among the sources of a test.
    pub tag: u32,
    /// Bytes a packet; 80 is 32 kbit/s.
    pub packet_bytes: usize,
    /// What it hears at first.
    pub voice: Voice,
    /// Decides first numbers.
    pub seed: u64,
}

impl AudioOptions {
    /// Opus of 32 kbit/s, speaking.
    pub fn new(tag: u32) -> Self {
        Self { tag, packet_bytes: 80, voice: Voice::Speaks(20), seed: tag.into() }
    }
}

/// One packet to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct MediaPacket {
    /// Which of the streams.
    pub(super) encoding: usize,
    /// Extended, from below 65,536.
    pub(super) sequence: u64,
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    pub(super) payload: Vec<u8>,
    /// Decibels below the maximum, and whether that is a voice.
    pub(super) level: Option<(u8, bool)>,
    /// Since the source began.
    pub(super) captured: Duration,
}

/// One stream of a camera.
struct Encoding {
    sequence: u64,
    timestamp_base: u32,
    numbers: Numbers,
    /// Position in the pattern of temporal layers.
    position: usize,
    key_wanted: bool,
    /// The last picture of each temporal layer.
    last: [Option<u32>; 3],
}

enum Kind {
    Camera { options: VideoOptions, encodings: Vec<Encoding>, keyed_at: Duration },
    Microphone { options: AudioOptions, encoding: Encoding },
}

/// A camera or a microphone.
pub(super) struct Source {
    kind: Kind,
    /// Frames that were due so far.
    frame: u64,
    dice: Dice,
    enabled: bool,
    report: SourceReport,
}

impl Encoding {
    fn new(dice: &mut Dice) -> Self {
        let numbers = Numbers { picture_id: dice.below(1 << 15) as u16, ..Numbers::default() };
        Self {
            // Close to the ends, so that wraps come soon; the first one is below 65,536 as SRTP wants it.
            sequence: 65_000 + dice.below(500),
            timestamp_base: dice.roll() as u32,
            numbers,
            position: 0,
            key_wanted: true,
            last: [None; 3],
        }
    }
}

impl Source {
    pub(super) fn camera(options: VideoOptions) -> Self {
        let mut dice = Dice::new(options.seed);
        let encodings = (0..options.encodings()).map(|_| Encoding::new(&mut dice)).collect();
        Self::new(Kind::Camera { options, encodings, keyed_at: Duration::ZERO }, dice)
    }

    pub(super) fn microphone(options: AudioOptions) -> Self {
        let mut dice = Dice::new(options.seed);
        let encoding = Encoding::new(&mut dice);
        Self::new(Kind::Microphone { options, encoding }, dice)
    }

    fn new(kind: Kind, dice: Dice) -> Self {
        Self { kind, frame: 0, dice, enabled: true, report: SourceReport::default() }
    }

    pub(super) fn report(&self) -> &SourceReport {
        &self.report
    }

    /// Goes on or stops sending. Its clock does not stop; video begins again with key frames.
    pub(super) fn set_enabled(&mut self, enabled: bool) {
        self.enabled = enabled;
        if let Kind::Camera { encodings, .. } = &mut self.kind {
            encodings.iter_mut().for_each(|encoding| encoding.key_wanted |= enabled);
        }
    }

    /// What the microphone hears from now on.
    pub(super) fn set_voice(&mut self, voice: Voice) {
        if let Kind::Microphone { options, .. } = &mut self.kind {
            options.voice = voice;
        }
    }

    /// Somebody asked for a key frame of this stream.
    pub(super) fn request_key_frame(&mut self, encoding: usize) {
        self.report.key_frame_requests += 1;
        if let Kind::Camera { encodings, .. } = &mut self.kind
            && let Some(encoding) = encodings.get_mut(encoding)
        {
            encoding.key_wanted = true;
        }
    }

    /// When the next frame is due, since the source began.
    pub(super) fn next_at(&self) -> Duration {
        match &self.kind {
            Kind::Camera { options, .. } => {
                Duration::from_nanos(self.frame * 1_000_000_000 / u64::from(options.fps))
            }
            Kind::Microphone { .. } => Duration::from_nanos(self.frame * 1_000_000_000 / AUDIO_PACKETS),
        }
    }

    /// Appends the packets of all frames that are due.
    pub(super) fn poll(&mut self, since_start: Duration, out: &mut Vec<MediaPacket>) {
        let rate = match &self.kind {
            Kind::Camera { options, .. } => u64::from(options.fps),
            Kind::Microphone { .. } => AUDIO_PACKETS,
        };
        let now = (since_start.as_nanos() * u128::from(rate) / 1_000_000_000) as u64;
        if now > self.frame + LATE_FRAMES_MAX {
            self.frame = now;
        }
        while self.next_at() <= since_start {
            if self.enabled {
                self.send_frame(out);
            }
            self.frame += 1;
        }
    }

    fn send_frame(&mut self, out: &mut Vec<MediaPacket>) {
        let (at, before) = (self.next_at(), out.len());
        let number = self.frame as u32;
        match &mut self.kind {
            Kind::Microphone { options, encoding } => {
                if let Some(packet) = sound(options, encoding, number, at) {
                    out.push(packet);
                }
            }
            Kind::Camera { options, encodings, keyed_at } => {
                if options.key_interval.is_some_and(|interval| at.saturating_sub(*keyed_at) >= interval) {
                    *keyed_at = at;
                    encodings.iter_mut().for_each(|encoding| encoding.key_wanted = true);
                }
                for (index, encoding) in encodings.iter_mut().enumerate() {
                    let keys = picture(options, index, encoding, number, at, &mut self.dice, out);
                    self.report.key_frames += keys;
                }
            }
        }
        self.report.frames += u64::from(out.len() > before);
        for packet in &out[before..] {
            self.report.packets += 1;
            self.report.bytes += packet.payload.len() as u64;
        }
    }
}

fn sound(options: &AudioOptions, encoding: &mut Encoding, number: u32, at: Duration) -> Option<MediaPacket> {
    let ticks = number.wrapping_mul(AUDIO_TICKS);
    let body = Body {
        tag: options.tag,
        frame: number,
        reference: 0,
        index: 0,
        count: 1,
        spatial: 0,
        temporal: 0,
        key: true,
        inter_layer: false,
        svc: false,
        ticks,
    };
    let (level, payload) = match options.voice {
        Voice::Dtx if u64::from(number) % DTX_EVERY != 0 => return None,
        // A table-of-contents byte and nothing after it.
        Voice::Dtx => ((127, false), vec![0xf8]),
        Voice::Silent => {
            ((127, false), write(Format::Opus, &body, Numbers::default(), 1, options.packet_bytes))
        }
        Voice::Speaks(level) => {
            ((level, true), write(Format::Opus, &body, Numbers::default(), 1, options.packet_bytes))
        }
    };
    let sequence = encoding.sequence;
    encoding.sequence += 1;
    let timestamp = encoding.timestamp_base.wrapping_add(ticks);
    Some(MediaPacket {
        encoding: 0,
        sequence,
        timestamp,
        marker: false,
        payload,
        level: Some(level),
        captured: at,
    })
}

/// Writes one picture of one stream, with all its spatial layers; returns how many layers of it are key frames.
fn picture(
    options: &VideoOptions,
    index: usize,
    encoding: &mut Encoding,
    number: u32,
    at: Duration,
    dice: &mut Dice,
    out: &mut Vec<MediaPacket>,
) -> u64 {
    let svc = options.layering == Layering::Svc;
    let key = std::mem::take(&mut encoding.key_wanted);
    let pattern: &[u8] = match options.temporal_layers {
        0 | 1 => &[0],
        2 => &[0, 1],
        _ => &[0, 2, 1, 2],
    };
    encoding.position = if key { 0 } else { (encoding.position + 1) % pattern.len() };
    let temporal = pattern[encoding.position];
    let below = usize::from(temporal).max(1);
    let reference = encoding.last[..below].iter().flatten().copied().max().unwrap_or(number);
    encoding.numbers.picture_id = (encoding.numbers.picture_id + 1) & 0x7fff;
    if temporal == 0 {
        encoding.numbers.tl0_picture = encoding.numbers.tl0_picture.wrapping_add(1);
    }
    let on_base = temporal > 0 && encoding.last[0] == Some(reference);
    encoding.numbers.layer_sync = on_base || options.codec == VideoCodec::Vp9;
    if key {
        encoding.last = [None; 3];
    }
    encoding.last[usize::from(temporal)] = Some(number);
    let ticks = (u64::from(number) * u64::from(VIDEO_RATE) / u64::from(options.fps)) as u32;
    let layers = if svc { 0..options.layers.len() } else { index..index + 1 };
    let top = layers.end - 1;
    let mut keys = 0;
    for layer in layers {
        let average = (options.layers[layer] / 8 / options.fps.max(1)) as usize;
        // Three quarters to five quarters of the average.
        let size = average * 3 / 4 + dice.below(average as u64 / 2 + 1) as usize;
        let size = if key { size * KEY_FRAME_SIZE } else { size };
        let least = if key && options.codec == VideoCodec::H264 { 2 } else { 1 };
        let count = size.div_ceil(BODY_MAX).max(least);
        let length = (size / count).max(HEAD);
        keys += u64::from(key);
        for place in 0..count {
            let body = Body {
                tag: options.tag,
                frame: number,
                reference,
                index: place as u16,
                count: count as u16,
                spatial: layer as u8,
                temporal,
                key,
                inter_layer: svc && layer > 0,
                svc,
                ticks,
            };
            let format = Format::Video(options.codec);
            let sequence = encoding.sequence;
            encoding.sequence += 1;
            out.push(MediaPacket {
                encoding: index,
                sequence,
                timestamp: encoding.timestamp_base.wrapping_add(ticks),
                marker: place + 1 == count && (!svc || layer == top),
                payload: write(format, &body, encoding.numbers, options.layers.len() as u8, length),
                level: None,
                captured: at,
            });
        }
    }
    keys
}
