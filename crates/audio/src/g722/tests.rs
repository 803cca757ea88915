use super::*;

/// A sweep from 200 Hz to 3.2 kHz with a tone and noise, encoded and decoded by FFmpeg.
const CODED: &[u8] = include_bytes!("../../fixtures/ffmpeg-g722-sweep.g722");
const DECODED: &[u8] = include_bytes!("../../fixtures/ffmpeg-g722-sweep.decoded.s16le");

const SOURCE: &[u8] = include_bytes!("../../fixtures/ffmpeg-g722-sweep.source.s16le");

fn samples(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

fn decoded(data: &[u8]) -> Vec<f32> {
    let mut out = Vec::new();
    G722::new().decode(data, &mut out);
    out
}

fn encoded(samples: &[f32]) -> Vec<u8> {
    let mut out = Vec::new();
    G722::new().encode(samples, &mut out);
    out
}

#[test]
fn ffmpegs_bytes_are_decoded_to_ffmpegs_samples_bit_by_bit() {
    let found: Vec<i16> = decoded(CODED).iter().map(|value| sample::to_i16(*value)).collect();
    assert_eq!(found, samples(DECODED));
}

#[test]
fn the_same_sound_is_encoded_to_ffmpegs_bytes() {
    let source: Vec<f32> = samples(SOURCE).into_iter().map(sample::from_i16).collect();
    assert_eq!(encoded(&source), CODED);
}

#[test]
fn full_scale_and_silence_do_not_overflow() {
    let square: Vec<f32> = (0..16_000).map(|index| if index / 7 % 2 == 0 { 1.0 } else { -1.0 }).collect();
    assert_eq!(decoded(&encoded(&square)).len(), square.len());
    let silence = decoded(&encoded(&[0.0; 1_600]));
    assert!(silence.iter().all(|sample| sample.abs() < 0.001));
}
