//! AAC-ELD, the low-delay AAC of HomeKit and of conference rooms: decoder and encoder of our own.
//!
//! Source: ISO/IEC 14496-3:2009, object type 39 ("ER AAC ELD"). Why it is our own: `docs/decisions/0014`. A unit is a
//! frame of 480 or 512 samples; a sound is out half a frame after its frame was whole.
//!
//! Not decoded, and refused by name when a track says so: low-delay SBR, the error-resilient codings of sections,
//! scalefactors and spectra, and more than two channels. The encoder is for one channel.
mod bits;
mod config;
mod decoder;
mod encoder;
mod fft;
mod filterbank;
mod huffman;
mod noise;
mod spectrum;
mod stereo;
mod tables;
mod tns;

pub(crate) use config::{Config, FrameLength};
pub(crate) use decoder::Decoder;
pub(crate) use encoder::Encoder;
