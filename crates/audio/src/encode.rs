//! Encoders: sound to the units of a [`Target`].
use crate::g711::Law;
use crate::l16;
use crate::target::{Target, TargetError};
use bytes::Bytes;
use media::Codec;

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
}

impl Encoder {
    /// For frames of `target`.
    pub fn new(target: Target) -> Result<Self, TargetError> {
        target.check()?;
        let inner = match target.codec {
            Codec::Pcmu => Inner::G711(Law::Mu),
            Codec::Pcma => Inner::G711(Law::A),
            Codec::L16 => Inner::L16,
            Codec::G722
            | Codec::Opus
            | Codec::H264
            | Codec::H265
            | Codec::Av1
            | Codec::Vp8
            | Codec::Vp9
            | Codec::Mjpeg
            | Codec::Aac
            | Codec::Mp3 => return Err(TargetError::Codec(target.codec)),
        };
        Ok(Self { target, inner, bytes: Vec::new() })
    }

    /// What it makes.
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// Encodes one frame of interleaved samples at the target's rate. A frame that is too short ends in silence, one
    /// that is too long is cut.
    pub fn encode(&mut self, samples: &[f32]) -> Bytes {
        let length = self.target.frame_samples() * usize::from(self.target.channels);
        self.bytes.clear();
        if samples.len() == length {
            self.append(samples);
        } else {
            let mut frame = samples[..samples.len().min(length)].to_vec();
            frame.resize(length, 0.0);
            self.append(&frame);
        }
        Bytes::copy_from_slice(&self.bytes)
    }

    fn append(&mut self, samples: &[f32]) {
        match &mut self.inner {
            Inner::G711(law) => law.encode(samples, &mut self.bytes),
            Inner::L16 => l16::encode(samples, &mut self.bytes),
        }
    }
}
