//! What is inside a frame: NAL units, OBUs, headers, decoder configuration records.
//!
//! One module per codec, with its sources; [`NalAssembler`] makes whole frames of H.264 and H.265, [`AccessUnits`],
//! [`AudioFrames`] and [`JpegFrames`] find frames in byte streams; the functions on [`Track`](media::Track) answer what any codec can be
//! asked. Everything is pure, nothing panics on any input.
mod access_units;
mod assembler;
mod audio_frames;
mod bits;
mod config;
mod error;
mod track;

pub mod aac;
pub mod av1;
pub mod fuzz;
pub mod h264;
pub mod h265;
pub mod jpeg;
mod jpeg_frames;
pub mod mp3;
pub mod nal;
pub mod opus;
pub mod vp8;
pub mod vp9;

#[cfg(test)]
pub(crate) mod fixtures;

pub use access_units::AccessUnits;
pub use assembler::{ACCESS_UNIT_BYTES_MAX, NalAssembler, NalFrame, PPS_MAX};
pub use audio_frames::{AudioFrame, AudioFrames, AudioSyntax};
pub use error::BitstreamError;
pub use jpeg_frames::JpegFrames;
pub use track::{audio_frame_ticks, codec_string, frame_rate, profile_level_name, reorder_depth, video_size};

/// Frames a second above which a bitstream's statement is taken for a mistake; the fastest cameras sold do 240.
const FPS_MAX: u64 = 480;

/// Seconds a frame above which it is taken for a mistake; time-lapse encoders stop at 10.
const FRAME_SECONDS_MAX: u64 = 60;

/// `frames` in `seconds`, reduced, unless nobody can mean that.
fn plausible_rate(frames: u64, seconds: u64) -> Option<(u32, u32)> {
    if frames == 0 || seconds == 0 {
        return None;
    }
    if frames > seconds.saturating_mul(FPS_MAX) || seconds > frames.saturating_mul(FRAME_SECONDS_MAX) {
        return None;
    }
    let (mut a, mut b) = (frames, seconds);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    Some((u32::try_from(frames / a).ok()?, u32::try_from(seconds / a).ok()?))
}
