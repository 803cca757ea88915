//! Encoders: sound to the units of a [`Target`].
use crate::g711::Law;
use crate::g722::G722;
use crate::target::{Target, TargetError};
use crate::{eld, l16, opus};
use bytes::Bytes;
use media::Codec;

/// A frame that the encoder did not take: our fault, the next may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a frame could not be encoded as {codec}: {why}")]
pub struct EncodeError {
    /// The target's codec.
    pub codec: Codec,
    /// What happened.
    pub why: &'static str,
}

/// Encodes frames of one target.
#[derive(Debug)]
pub struct Encoder {
    target: Target,
    inner: Inner,
    bytes: Vec<u8>,
}

#[derive(Debug)]
enum Inner {
    G711(Law),
    L16,
    G722(Box<G722>),
    Opus(Box<opus::Encoder>),
    Eld(Box<eld::Encoder>),
}

impl Encoder {
    /// For frames of `target`.
    pub fn new(target: Target) -> Result<Self, TargetError> {
        target.check()?;
        let inner = match target.codec {
            Codec::Pcmu => Inner::G711(Law::Mu),
            Codec::Pcma => Inner::G711(Law::A),
            Codec::L16 => Inner::L16,
            Codec::G722 => Inner::G722(Box::new(G722::new())),
            Codec::Opus => {
                let encoder = opus::Encoder::new(target.channels).ok_or(TargetError::Start(target.codec))?;
                Inner::Opus(Box::new(encoder))
            }
            Codec::Aac => {
                let config = target.eld().ok_or(TargetError::Start(target.codec))?;
                Inner::Eld(Box::new(eld::Encoder::new(config)))
            }
            Codec::H264 | Codec::H265 | Codec::Av1 | Codec::Vp8 | Codec::Vp9 | Codec::Mjpeg | Codec::Mp3 => {
                return Err(TargetError::Codec(target.codec));
            }
        };
        Ok(Self { target, inner, bytes: Vec::new() })
    }

    /// What it makes.
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// Encodes one frame of interleaved samples at the target's rate. A frame that is too short ends in silence, one
    /// that is too long is cut.
    pub fn encode(&mut self, samples: &[f32]) -> Result<Bytes, EncodeError> {
        let length = self.target.frame_samples() * usize::from(self.target.channels);
        self.bytes.clear();
        if samples.len() == length {
            self.append(samples)?;
        } else {
            let mut frame = samples[..samples.len().min(length)].to_vec();
            frame.resize(length, 0.0);
            self.append(&frame)?;
        }
        Ok(Bytes::copy_from_slice(&self.bytes))
    }

    fn append(&mut self, samples: &[f32]) -> Result<(), EncodeError> {
        let codec = self.target.codec;
        match &mut self.inner {
            Inner::G711(law) => law.encode(samples, &mut self.bytes),
            Inner::L16 => l16::encode(samples, &mut self.bytes),
            Inner::G722(encoder) => encoder.encode(samples, &mut self.bytes),
            Inner::Opus(encoder) => {
                encoder.encode(samples, &mut self.bytes).map_err(|why| EncodeError { codec, why })?;
            }
            Inner::Eld(encoder) => encoder.encode(samples, &mut self.bytes),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_another_length_is_filled_with_silence_or_cut() {
        let mut encoder = Encoder::new(Target::usual(Codec::L16)).unwrap();
        let short = encoder.encode(&[0.5; 300]).unwrap();
        assert_eq!((short.len(), &short[598..602]), (640, [0x40, 0, 0, 0].as_slice()));
        assert_eq!(encoder.encode(&[0.5; 400]).unwrap()[..], [0x40, 0].repeat(320)[..]);
    }
}
