//! Codecs against each other and against FFmpeg's bytes, as a user of this crate sees them.
#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]
#![allow(clippy::print_stdout, reason = "a test may say what it measured")]
mod eld;
mod ffmpeg;
mod fixtures;
mod noise;
mod speed;
mod tones;

use audio::{Target, Transcoder};
use bytes::Bytes;
use media::{Codec, CodecParams, Moment, Track, Unit, WallTime};

/// A unit of track 0 at this time.
fn unit(pts: i64, data: Vec<u8>) -> Unit {
    Unit {
        track: 0,
        pts,
        dts: pts,
        arrival: Moment::ZERO,
        wall: WallTime::default(),
        keyframe: true,
        discontinuity: false,
        data: Bytes::from(data),
    }
}

fn track(codec: Codec, clock_rate: u32, channels: u8) -> Track {
    Track::audio(0, codec, clock_rate, channels, CodecParams::None)
}

/// The units of `samples` in the target's form, cut to whole frames.
fn encoded(samples: &[f32], target: Target) -> Vec<Unit> {
    let mut encoder = audio::Encoder::new(target).unwrap();
    let ticks = target.frame_samples() as i64 * i64::from(target.clock_rate()) / i64::from(target.rate);
    let frames = samples.chunks_exact(target.frame_samples() * usize::from(target.channels));
    frames
        .enumerate()
        .map(|(index, frame)| unit(index as i64 * ticks, encoder.encode(frame).unwrap().to_vec()))
        .collect()
}

/// All the sound of the units of one track.
fn decoded(track: &Track, units: &[Unit]) -> Vec<f32> {
    let mut decoder = audio::Decoder::new(track).unwrap();
    let mut sound = Vec::new();
    for unit in units {
        decoder.decode(&unit.data, &mut sound).unwrap();
    }
    sound
}

/// What a transcoder makes of the units.
fn transcoded(track: &Track, units: &[Unit], target: Target) -> Vec<Unit> {
    let mut transcoder = Transcoder::new(std::slice::from_ref(track), target).unwrap();
    let mut out = Vec::new();
    for unit in units {
        transcoder.push(unit);
        out.extend(std::iter::from_fn(|| transcoder.poll_output()));
    }
    assert_eq!(transcoder.stats().damaged_units, 0);
    out
}
