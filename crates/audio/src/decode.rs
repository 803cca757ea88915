//! Decoders: a track's units to sound at the codec's own rate.
//!
//! A gap is not seen here: units carry times, decoders do not. Who sees one asks [`Decoder::conceal`] for its length,
//! which Opus fills with what it heard (or what the next packet repeats, in-band FEC), AAC-ELD with the end of its last
//! frame, and all others with silence.
//! That is also how discontinuous transmission (DTX) appears: an encoder that says nothing leaves a gap; a packet of
//! one byte, which some send instead, decodes to its duration of comfort noise.
use crate::channels::CHANNELS_MAX;
use crate::g711::Law;
use crate::g722::G722;
use crate::resample::{RATE_MAX, RATE_MIN};
use crate::{aac, l16, opus};
use media::{Codec, CodecParams, Fault, Track};

/// Longest sound in one unit: 1 s. The longest packet of a codec is 120 ms (Opus); a file's or a POST's uncompressed
/// sound comes in pieces of our own choice.
const UNIT_SECONDS_MAX: u32 = 1;

/// Why a track or a unit cannot be decoded.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecodeError {
    /// No decoder for the codec.
    #[error("track {track}: no decoder for {codec} in this process: transcode it in a child first")]
    Codec {
        /// The track.
        track: u8,
        /// Its codec.
        codec: Codec,
    },
    /// The track's description makes no sense, or asks for what the decoder cannot do.
    #[error("track {track}: {codec} of {rate} Hz and {channels} channels: {why}")]
    Track {
        /// The track.
        track: u8,
        /// Its codec.
        codec: Codec,
        /// Its clock rate.
        rate: u32,
        /// Its channels.
        channels: u8,
        /// What is wrong.
        why: &'static str,
    },
    /// A unit is not what its codec says; the next may be.
    #[error("a unit of {bytes} bytes is no {codec}: {why}")]
    Unit {
        /// The track's codec.
        codec: Codec,
        /// Length of the unit.
        bytes: usize,
        /// What is wrong.
        why: &'static str,
    },
}

impl DecodeError {
    /// Whose fault it is: a codec nobody here knows is a matter of configuration, damage comes from the peer.
    pub const fn fault(&self) -> Fault {
        match self {
            DecodeError::Codec { .. } => Fault::Config,
            DecodeError::Track { .. } | DecodeError::Unit { .. } => Fault::Peer,
        }
    }
}

/// Decodes one track.
#[derive(Debug)]
pub struct Decoder {
    codec: Codec,
    rate: u32,
    channels: u8,
    inner: Inner,
}

#[derive(Debug)]
enum Inner {
    G711(Law),
    L16,
    G722(Box<G722>),
    Opus(Box<opus::Decoder>),
    Aac(Box<aac::Decoder>),
}

impl Decoder {
    /// For the units of `track`. AAC comes at the track's clock rate, G.722 at 16 kHz, Opus in the track's channels.
    pub fn new(track: &Track) -> Result<Self, DecodeError> {
        let (codec, rate, channels) = (track.codec, track.clock_rate, track.channels.max(1));
        let refuse = |why| DecodeError::Track { track: track.id, codec, rate, channels, why };
        if !(RATE_MIN..=RATE_MAX).contains(&rate) {
            return Err(refuse("rates are 4,000 to 192,000 Hz"));
        }
        if channels > CHANNELS_MAX {
            return Err(refuse("at most 8 channels"));
        }
        let inner = match codec {
            Codec::Pcmu => Inner::G711(Law::Mu),
            Codec::Pcma => Inner::G711(Law::A),
            Codec::L16 => Inner::L16,
            Codec::G722 if rate != 8_000 || channels != 1 => {
                return Err(refuse("G.722 has a clock of 8,000 Hz and one channel"));
            }
            Codec::G722 => {
                return Ok(Self { codec, rate: 16_000, channels, inner: Inner::G722(Box::new(G722::new())) });
            }
            Codec::Opus if rate != opus::RATE => return Err(refuse("Opus has a clock of 48,000 Hz")),
            Codec::Opus => {
                let decoder =
                    opus::Decoder::new(channels).ok_or_else(|| refuse("Opus has 1 or 2 channels"))?;
                Inner::Opus(Box::new(decoder))
            }
            Codec::Aac => {
                let CodecParams::Aac { config } = &track.params else {
                    return Err(refuse("its AudioSpecificConfig is missing"));
                };
                Inner::Aac(Box::new(aac::Decoder::new(config, rate, channels).map_err(refuse)?))
            }
            Codec::H264 | Codec::H265 | Codec::Av1 | Codec::Vp8 | Codec::Vp9 | Codec::Mjpeg | Codec::Mp3 => {
                return Err(DecodeError::Codec { track: track.id, codec });
            }
        };
        Ok(Self { codec, rate, channels, inner })
    }

    /// Samples a second of what it makes; twice the track's clock for G.722.
    pub const fn rate(&self) -> u32 {
        self.rate
    }

    /// Channels of what it makes.
    pub const fn channels(&self) -> u8 {
        self.channels
    }

    /// Appends the sound of one unit's data, interleaved, and says how many samples of each channel it was. After an
    /// error nothing is appended and the next unit may come.
    pub fn decode(&mut self, data: &[u8], out: &mut Vec<f32>) -> Result<usize, DecodeError> {
        let before = out.len();
        let (codec, bytes) = (self.codec, data.len());
        let refuse = |why| DecodeError::Unit { codec, bytes, why };
        let check = |bytes_per_sample| check_pcm(bytes, bytes_per_sample, self.rate, self.channels);
        match &mut self.inner {
            Inner::G711(law) => {
                check(1).map_err(refuse)?;
                law.decode(data, out);
            }
            Inner::L16 => {
                check(2).map_err(refuse)?;
                l16::decode(data, out);
            }
            Inner::G722(decoder) => {
                // A byte is two samples.
                check_pcm(bytes * 2, 1, self.rate, 1).map_err(refuse)?;
                decoder.decode(data, out);
            }
            Inner::Opus(decoder) => decoder.decode(data, out).map_err(refuse)?,
            Inner::Aac(decoder) => decoder.decode(data, out).map_err(refuse)?,
        }
        Ok((out.len() - before) / usize::from(self.channels))
    }

    /// Appends so many samples of each channel for sound that never came. `next` is the unit behind the gap, empty if
    /// there is none yet.
    pub fn conceal(&mut self, frames: usize, next: &[u8], out: &mut Vec<f32>) {
        match &mut self.inner {
            Inner::Opus(decoder) => decoder.conceal(frames, next, out),
            Inner::Aac(decoder) => decoder.conceal(frames, out),
            Inner::G711(_) | Inner::L16 | Inner::G722(_) => {
                out.resize(out.len() + frames * usize::from(self.channels), 0.0);
            }
        }
    }

    /// Forgets the sound before: what comes next does not follow it.
    pub fn reset(&mut self) {
        match &mut self.inner {
            Inner::G711(_) | Inner::L16 => {}
            Inner::G722(decoder) => **decoder = G722::new(),
            Inner::Opus(decoder) => decoder.reset(),
            Inner::Aac(decoder) => decoder.reset(),
        }
    }
}

/// Checks the length of sound whose samples have a fixed size.
fn check_pcm(bytes: usize, bytes_per_sample: usize, rate: u32, channels: u8) -> Result<(), &'static str> {
    let frame = usize::from(channels) * bytes_per_sample;
    if !bytes.is_multiple_of(frame) {
        return Err("it ends within a sample");
    }
    if bytes / frame > (rate * UNIT_SECONDS_MAX) as usize {
        return Err("it holds more than a second of sound: publish shorter units");
    }
    Ok(())
}
