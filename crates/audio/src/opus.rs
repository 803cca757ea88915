//! Opus, by the crate `opus-pure`: the only module that names it. Always 48 kHz, as on RTP (RFC 7587 §4.1).
use opus_pure::{Application, MAX_PACKET_BYTES, MAX_PACKET_SAMPLES, OpusDecoder, OpusEncoder, packet};

/// Rate of everything here.
pub(crate) const RATE: u32 = 48_000;
/// What a decoder makes up for a gap comes in pieces of this: 2.5 ms.
const PIECE: usize = 120;
/// Longest sound that is made up: 60 ms. Behind that it is a hum, not a voice.
const MADE_UP_MAX: usize = 2_880;
/// Bits a second and channel: 32,000, where speech is transparent at full bandwidth; as browsers do.
const BITRATE: i32 = 32_000;
/// Effort of the encoder, 0 to 10. Half the time of the default 9 for a difference one has to measure.
const COMPLEXITY: i32 = 5;

/// Decodes packets of one stream.
#[derive(Debug)]
pub(crate) struct Decoder {
    inner: OpusDecoder,
    channels: usize,
    pcm: Vec<f32>,
}

impl Decoder {
    /// Puts out 1 or 2 channels, whatever the packets have.
    pub(crate) fn new(channels: u8) -> Option<Self> {
        let channels = usize::from(channels);
        let inner = OpusDecoder::new(RATE as i32, channels).ok()?;
        Some(Self { inner, channels, pcm: vec![0.0; MAX_PACKET_SAMPLES * channels] })
    }

    pub(crate) fn decode(&mut self, data: &[u8], out: &mut Vec<f32>) -> Result<(), &'static str> {
        if data.is_empty() {
            return Err("the packet is empty");
        }
        let frames = self.inner.decode(data, MAX_PACKET_SAMPLES, &mut self.pcm);
        let frames = frames.map_err(|_| "the packet contradicts itself")?;
        self.append(frames, out);
        Ok(())
    }

    /// Fills a gap before the packet `next`: what the encoder repeated there of its last frame comes last; before it the
    /// decoder goes on with what it heard, up to 60 ms; silence is between.
    pub(crate) fn conceal(&mut self, frames: usize, next: &[u8], out: &mut Vec<f32>) {
        let before = out.len();
        let repeated = packet::samples_per_frame(next, RATE as i32).unwrap_or(0);
        let repeated = if repeated <= frames { repeated } else { 0 };
        let mut left = (frames - repeated).min(MADE_UP_MAX) / PIECE * PIECE;
        while left > 0 {
            let piece = left.min(RATE as usize / 50);
            let made_up = self.inner.decode(&[], piece, &mut self.pcm).unwrap_or(0);
            self.append(made_up.min(piece), out);
            left -= piece;
        }
        out.resize(before + (frames - repeated) * self.channels, 0.0);
        if repeated > 0 {
            let found = self.inner.decode_fec(next, repeated, &mut self.pcm).unwrap_or(0);
            self.append(found.min(repeated), out);
            out.resize(before + frames * self.channels, 0.0);
        }
    }

    pub(crate) fn reset(&mut self) {
        // Only settings can be refused, and those were not when it was made.
        let _ = self.inner.reset_state();
    }

    /// What noise decodes to has no bound; sound has.
    fn append(&self, frames: usize, out: &mut Vec<f32>) {
        out.extend(self.pcm[..frames * self.channels].iter().map(|sample| sample.clamp(-1.0, 1.0)));
    }
}

/// Encodes frames of 10 or 20 ms.
#[derive(Debug)]
pub(crate) struct Encoder {
    inner: OpusEncoder,
    channels: usize,
}

impl Encoder {
    /// For mono it expects a voice, for stereo anything.
    pub(crate) fn new(channels: u8) -> Option<Self> {
        let application = if channels == 1 { Application::Voip } else { Application::Audio };
        let mut inner = OpusEncoder::new(RATE as i32, usize::from(channels), application).ok()?;
        inner.bitrate_bps = BITRATE * i32::from(channels);
        inner.complexity = COMPLEXITY;
        Some(Self { inner, channels: usize::from(channels) })
    }

    /// Appends one packet.
    pub(crate) fn encode(&mut self, samples: &[f32], out: &mut Vec<u8>) -> Result<(), &'static str> {
        let before = out.len();
        out.resize(before + MAX_PACKET_BYTES, 0);
        let frames = samples.len() / self.channels;
        let length = self.inner.encode(samples, frames, &mut out[before..]);
        out.truncate(before + *length.as_ref().unwrap_or(&0));
        length.map(|_| ()).map_err(|_| "the encoder failed")
    }
}
