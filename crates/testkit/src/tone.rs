//! Tones to speak with, and what of them arrived: pitch, level, and G.711 of its own, so that nothing is measured with
//! what is to be tested.
//!
//! Source: ITU-T G.711.
use media::Codec;
use std::f64::consts::TAU;

/// A sine, half of full scale: -6 dBFS at its peaks, so -9 on average.
pub fn sine(hz: f64, rate: u32, samples: usize) -> Vec<i16> {
    sine_from(hz, rate, 0, samples)
}

/// The same from a sample on, to be said frame by frame.
pub fn sine_from(hz: f64, rate: u32, first: usize, samples: usize) -> Vec<i16> {
    let step = TAU * hz / f64::from(rate);
    (first..first + samples).map(|n| ((n as f64 * step).sin() * 16_384.0) as i16).collect()
}

/// Samples as units of such a track hold them; only G.711 and L16.
pub fn encode(codec: Codec, samples: &[i16]) -> Option<Vec<u8>> {
    if codec == Codec::Pcmu {
        Some(samples.iter().map(|sample| to_ulaw(*sample)).collect())
    } else if codec == Codec::Pcma {
        Some(samples.iter().map(|sample| to_alaw(*sample)).collect())
    } else if codec == Codec::L16 {
        Some(samples.iter().flat_map(|sample| sample.to_be_bytes()).collect())
    } else {
        None
    }
}

/// The way back.
pub fn decode(codec: Codec, bytes: &[u8]) -> Option<Vec<i16>> {
    if codec == Codec::Pcmu {
        Some(bytes.iter().map(|byte| from_ulaw(*byte)).collect())
    } else if codec == Codec::Pcma {
        Some(bytes.iter().map(|byte| from_alaw(*byte)).collect())
    } else if codec == Codec::L16 {
        Some(bytes.chunks_exact(2).map(|pair| i16::from_be_bytes([pair[0], pair[1]])).collect())
    } else {
        None
    }
}

/// Samples of a file with the low byte first.
pub fn from_le_bytes(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// The strongest pitch between 50 Hz and 3.8 kHz, to a few hertz; of a second of sound at most.
pub fn pitch_hz(samples: &[i16], rate: u32) -> f64 {
    let samples = &samples[..samples.len().min(rate as usize)];
    let mut best = (0.0, 0.0);
    let mut hz = 50.0;
    while hz < 3_800.0 {
        let power = power_at(samples, rate, hz);
        if power > best.1 {
            best = (hz, power);
        }
        hz += 2.0;
    }
    best.0
}

/// How loud, in decibels of full scale: the mean power, so a full sine has -3.
pub fn level_dbfs(samples: &[i16]) -> f64 {
    let sum: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    let mean = sum / samples.len().max(1) as f64;
    10.0 * (mean.max(1.0) / 32_768_f64.powi(2)).log10()
}

/// How much of the power is at this pitch: 1 for a clean tone, next to nothing for noise.
pub fn purity(samples: &[i16], rate: u32, hz: f64) -> f64 {
    let all: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    if all == 0.0 { 0.0 } else { 2.0 * power_at(samples, rate, hz) / (all * samples.len() as f64) }
}

/// Goertzel's: the squared magnitude at one frequency.
pub(crate) fn power_at(samples: &[i16], rate: u32, hz: f64) -> f64 {
    let factor = 2.0 * (TAU * hz / f64::from(rate)).cos();
    let (mut last, mut before) = (0.0, 0.0);
    for sample in samples {
        let now = f64::from(*sample) + factor * last - before;
        (before, last) = (last, now);
    }
    last * last + before * before - factor * last * before
}

fn to_ulaw(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = (i32::from(sample).abs() + 132).min(32_767);
    let exponent = (24 - magnitude.leading_zeros() as i32).max(0);
    let mantissa = (magnitude >> (exponent + 3)) & 0x0f;
    !(sign | (exponent << 4) as u8 | mantissa as u8)
}

fn from_ulaw(byte: u8) -> i16 {
    let byte = !byte;
    let magnitude = ((i32::from(byte & 0x0f) << 3) + 132) << ((byte >> 4) & 7);
    let magnitude = (magnitude - 132) as i16;
    if byte & 0x80 == 0 { magnitude } else { -magnitude }
}

fn to_alaw(sample: i16) -> u8 {
    let sign = if sample < 0 { 0 } else { 0x80 };
    let magnitude = i32::from(if sample < 0 { -1 - sample } else { sample }) >> 3;
    let exponent = (27 - magnitude.leading_zeros() as i32).max(0);
    let mantissa = if exponent == 0 { magnitude >> 1 } else { magnitude >> exponent } & 0x0f;
    (sign | (exponent << 4) as u8 | mantissa as u8) ^ 0x55
}

fn from_alaw(byte: u8) -> i16 {
    let byte = byte ^ 0x55;
    let (exponent, mantissa) = (i32::from((byte >> 4) & 7), i32::from(byte & 0x0f));
    let magnitude = match exponent {
        0 => (mantissa << 4) + 8,
        _ => ((mantissa << 4) + 0x108) << (exponent - 1),
    } as i16;
    if byte & 0x80 == 0 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_keeps_its_pitch_its_level_and_its_purity_through_g711() {
        for codec in [Codec::Pcmu, Codec::Pcma, Codec::L16] {
            for hz in [440.0, 1_000.0, 3_000.0] {
                let said = sine(hz, 8_000, 8_000);
                let heard = decode(codec, &encode(codec, &said).unwrap()).unwrap();
                assert!((pitch_hz(&heard, 8_000) - hz).abs() < 4.0, "{codec} {hz}");
                assert!((level_dbfs(&heard) + 9.03).abs() < 0.1, "{codec} {}", level_dbfs(&heard));
                assert!(purity(&heard, 8_000, hz) > 0.99, "{codec} {hz} {}", purity(&heard, 8_000, hz));
                assert!(purity(&heard, 8_000, hz + 100.0) < 0.01);
            }
        }
        assert_eq!((level_dbfs(&[]), purity(&[0; 9], 8_000, 440.0)), (level_dbfs(&[0]), 0.0));
    }

    #[test]
    fn g711_has_the_values_of_its_tables() {
        // The ends and the middle of the tables of ITU-T G.711.
        for (sample, ulaw, alaw) in [(0, 0xff, 0xd5), (32_767, 0x80, 0xaa), (-32_768, 0x00, 0x2a)] {
            assert_eq!((to_ulaw(sample), to_alaw(sample)), (ulaw, alaw), "{sample}");
        }
        assert_eq!((from_ulaw(0x80), from_ulaw(0x00), from_ulaw(0xff)), (32_124, -32_124, 0));
        assert_eq!((from_alaw(0xaa), from_alaw(0x2a), from_alaw(0xd5)), (32_256, -32_256, 8));
        for byte in 0..=255 {
            // Zero has two names in µ-law.
            if byte != 0x7f {
                assert_eq!(to_ulaw(from_ulaw(byte)), byte);
            }
            assert_eq!(to_alaw(from_alaw(byte)), byte);
        }
    }
}
