//! Sound in process: what a browser, an encoder or a file speaks becomes what an intercom takes.
//!
//! [`Transcoder`] is the whole way: units of one or several tracks in, encoded frames of one [`Target`] out.
//! [`Decoder`], [`Resampler`], [`Mixer`], [`Level`] and [`Encoder`] are its parts, [`tone`] makes and judges test sound.
//!
//! Codecs are our own but for Opus and AAC's older kinds (docs/decisions/0008 and 0014).
//!
//! Sound between the parts is interleaved `f32`; 1.0 is full scale, 32,768 in 16 bits. A *frame* of samples is one
//! sample of each channel. Nothing here does I/O, reads a clock or starts a thread. Buffers are kept between calls:
//! once warm, a frame costs one allocation, that of its bytes, and codecs from elsewhere may add theirs.
//!
//! ```
//! # fn microphone() -> Option<media::Unit> { None }
//! use audio::{Target, Transcoder};
//! use media::{Codec, CodecParams, Track};
//!
//! let browser = Track::audio(0, Codec::Opus, 48_000, 2, CodecParams::None);
//! let mut talk = Transcoder::new(&[browser], Target::usual(Codec::Pcma))?;
//! while let Some(unit) = microphone() {
//!     talk.push(&unit);
//!     while let Some(frame) = talk.poll_output() {
//!         assert_eq!(frame.data.len(), 160);
//!     }
//! }
//! # Ok::<(), audio::TranscodeError>(())
//! ```
mod aac;
mod channels;
mod decode;
mod eld;
mod encode;
mod g711;
mod g722;
mod l16;
mod level;
mod mix;
mod opus;
mod resample;
mod sample;
mod target;
pub mod tone;
mod transcode;

pub use decode::{DecodeError, Decoder};
pub use eld::fuzz_eld;
pub use encode::{EncodeError, Encoder};
pub use level::{Level, Reading, SILENCE_DBFS};
pub use mix::{Chunk, LaneId, Mixer, MixerStats};
pub use resample::{Resampler, ResamplerError};
pub use target::{Target, TargetError};
pub use transcode::{TranscodeError, Transcoder, TranscoderStats};
