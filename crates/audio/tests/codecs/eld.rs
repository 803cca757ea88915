//! AAC-ELD: what Fraunhofer's encoder made is decoded to what Fraunhofer's decoder makes of it. See
//! `fixtures/README.md`.
use crate::fixtures::{match_db, samples};
use crate::{decoded, encoded};
use audio::tone::{Sine, analyse};
use audio::{Decoder, Encoder, Target};
use bytes::Bytes;
use media::{Codec, CodecParams, Track};
use std::time::Duration;

/// A stream of the fixtures.
pub(crate) struct Stream {
    name: &'static str,
    rate: u32,
    channels: u8,
    file: &'static [u8],
    reference: &'static [u8],
}

macro_rules! stream {
    ($name:literal, $rate:literal, $channels:literal) => {
        Stream {
            name: $name,
            rate: $rate,
            channels: $channels,
            file: include_bytes!(concat!("../../fixtures/eld/fdk-", $name, ".units")),
            reference: include_bytes!(concat!("../../fixtures/eld/fdk-", $name, ".last8000.s16le")),
        }
    };
}

pub(crate) static STREAMS: [Stream; 7] = [
    stream!("voice-16khz-480", 16_000, 1),
    stream!("sweep-24khz-480", 24_000, 1),
    stream!("clicks-16khz-512", 16_000, 1),
    stream!("tone-44khz-512", 44_100, 1),
    stream!("sweep-48khz-480", 48_000, 1),
    stream!("stereo-16khz-480", 16_000, 2),
    stream!("noise-24khz-480", 24_000, 1),
];

impl Stream {
    /// The track and its units. Each part of a file has its length before it, in 16 bits; the first is the config.
    pub(crate) fn read(&self) -> (Track, Vec<Vec<u8>>) {
        let (mut parts, mut rest) = (Vec::new(), self.file);
        while let [high, low, data @ ..] = rest {
            let (part, behind) = data.split_at(usize::from(u16::from_be_bytes([*high, *low])));
            parts.push(part.to_vec());
            rest = behind;
        }
        let params = CodecParams::Aac { config: Bytes::from(parts.remove(0)) };
        (Track::audio(0, Codec::Aac, self.rate, self.channels, params), parts)
    }

    /// Our sound of it, as much as there is of the reference, and the reference.
    fn ends(&self) -> (Vec<f32>, Vec<f32>) {
        let (track, units) = self.read();
        let mut decoder = Decoder::new(&track).unwrap();
        let mut sound = Vec::new();
        for unit in &units {
            decoder.decode(unit, &mut sound).unwrap();
        }
        let reference = samples(self.reference);
        (sound.split_off(sound.len() - reference.len()), reference)
    }
}

#[test]
fn what_fraunhofers_encoder_made_decodes_as_its_decoder_decodes_it() {
    for stream in &STREAMS[..6] {
        let (sound, reference) = stream.ends();
        let found = match_db(&sound, &reference);
        println!("{}: {found:.1} dB", stream.name);
        assert!(found > 65.0, "{}: {found:.1} dB", stream.name);
    }
}

/// Noise that is only described is another with each decoder. As loud it must be, at each pitch.
#[test]
fn bands_of_noise_are_as_loud_as_with_fraunhofers_decoder() {
    let (sound, reference) = STREAMS[6].ends();
    assert!(match_db(&sound, &reference) < 20.0, "it has no bands of noise");
    let power = |of: &[f32], low: f64, high: f64| -> f64 {
        let lines = (0..160).map(|line| low + (high - low) * f64::from(line) / 160.0);
        let line = |hz: f64| {
            let angle = |at: usize| std::f64::consts::TAU * hz / 24_000.0 * at as f64;
            let sum = |wave: fn(f64) -> f64| -> f64 {
                of.iter().enumerate().map(|(at, sample)| f64::from(*sample) * wave(angle(at))).sum()
            };
            sum(f64::sin).powi(2) + sum(f64::cos).powi(2)
        };
        10.0 * lines.map(line).sum::<f64>().log10()
    };
    for low in [500.0, 2_000.0, 4_000.0] {
        let apart = power(&sound, low, low + 1_500.0) - power(&reference, low, low + 1_500.0);
        println!("from {low} Hz: {apart:.1} dB apart");
        assert!(apart.abs() < 1.5, "from {low} Hz: {apart:.1} dB apart");
    }
}

#[test]
fn a_damaged_unit_is_one_error_and_the_sound_is_right_again_four_units_later() {
    let (track, mut units) = STREAMS[0].read();
    let mut decoder = Decoder::new(&track).unwrap();
    let mut whole = Vec::new();
    for unit in &units {
        decoder.decode(unit, &mut whole).unwrap();
    }
    units[20].truncate(10);
    let mut decoder = Decoder::new(&track).unwrap();
    let (mut sound, mut errors) = (Vec::new(), 0);
    for unit in &units {
        if decoder.decode(unit, &mut sound).is_err() {
            errors += 1;
            decoder.conceal(480, &[], &mut sound);
        }
    }
    assert_eq!((errors, sound.len()), (1, whole.len()));
    let same = |from: usize, to: usize| sound[480 * from..480 * to] == whole[480 * from..480 * to];
    assert!(same(0, 20) && !same(20, 24) && same(24, 50));
}

/// Frames of 480 or 512 samples, 24 kbit/s up to 24 kHz and one bit a sample above.
pub(crate) fn target(rate: u32, micros: u64) -> Target {
    Target { rate, frame: Duration::from_micros(micros), ..Target::usual(Codec::Aac) }
}

/// What rates and frames devices use.
pub(crate) const KINDS: [(u32, u64); 6] = [
    (16_000, 30_000),
    (24_000, 20_000),
    (16_000, 32_000),
    (32_000, 15_000),
    (48_000, 10_000),
    (8_000, 60_000),
];

/// A voice, as far as that can be made of sines: a gliding pitch with harmonics, louder and quieter, and some noise.
pub(crate) fn voice(rate: u32, seconds: f64) -> Vec<f32> {
    let (mut state, turn) = (1u32, std::f64::consts::TAU);
    let sample = |index: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let t = index as f64 / f64::from(rate);
        let pitch = 140.0 * t + 2.0 * (turn * 3.0 * t).sin();
        let loud = 0.18 * (0.6 + 0.4 * (turn * 4.0 * t).sin());
        let harmonic = |number: f64, share: f64| share * (turn * number * pitch).sin();
        let tone = harmonic(1.0, 1.0) + harmonic(2.0, 0.5) + harmonic(5.0, 0.4) + harmonic(17.0, 0.2);
        (loud * tone + f64::from(state >> 16) / 65_536.0 * 0.02 - 0.01) as f32
    };
    (0..(seconds * f64::from(rate)) as usize).map(sample).collect()
}

#[test]
fn a_tone_comes_back_clean_at_every_rate_and_frame() {
    for (rate, micros) in KINDS {
        for pitch in [300.0, 1_000.0, 3_000.0] {
            let target = target(rate, micros);
            let tone: Vec<f32> = Sine::new(rate, pitch, -20.0).take(rate as usize).collect();
            let sound = decoded(&target.track(0), &encoded(&tone, target));
            let found = analyse(&sound[sound.len() / 2..], rate).unwrap();
            println!("{rate} Hz, {micros} µs: {found:?}");
            assert!((found.frequency_hz / pitch - 1.0).abs() < 0.001, "{target:?}: {found:?}");
            assert!((found.level_dbfs + 20.0).abs() < 0.1, "{target:?}: {found:?}");
            assert!(found.purity_db > 30.0, "{target:?}: {found:?}");
        }
    }
}

#[test]
fn a_voice_comes_back_half_a_frame_later_and_its_bits_are_nearly_constant() {
    for (rate, micros) in KINDS {
        let target = target(rate, micros);
        let voice = voice(rate, 2.0);
        let units = encoded(&voice, target);
        let sound = decoded(&target.track(0), &units);
        let frame = target.frame_samples();
        let found = match_db(&sound[frame * 5 + frame / 2..], &voice[frame * 5..sound.len() - frame / 2]);
        let bytes: usize = units.iter().map(|unit| unit.data.len()).sum();
        let kbps = bytes as f64 * 8.0 / (units.len() as f64 * target.frame.as_secs_f64()) / 1_000.0;
        let most = units.iter().map(|unit| unit.data.len()).max().unwrap() as f64 * units.len() as f64;
        println!(
            "{rate} Hz, {micros} µs: {found:.1} dB, {kbps:.2} kbit/s, the longest {:.2}",
            most / bytes as f64
        );
        let wanted = f64::from(rate.max(24_000)) / 1_000.0;
        assert!(kbps <= wanted && kbps > 0.97 * wanted, "{target:?}: {kbps:.2} kbit/s");
        assert!(most / (bytes as f64) < 1.6, "{target:?}");
        assert!(found > 23.0, "{target:?}: {found:.1} dB");
    }
}

#[test]
fn silence_is_four_bytes_a_frame_and_the_sound_behind_it_has_what_it_left() {
    let target = target(16_000, 30_000);
    let mut encoder = Encoder::new(target).unwrap();
    for _ in 0..10 {
        assert!(encoder.encode(&[0.0; 480]).unwrap().len() <= 4);
    }
    let loud: Vec<usize> =
        voice(16_000, 1.0).chunks_exact(480).map(|frame| encoder.encode(frame).unwrap().len()).collect();
    assert!(loud[..4].iter().sum::<usize>() > 4 * 95, "{loud:?}");
    assert!(loud[10..].iter().sum::<usize>() < (loud.len() - 10) * 92, "{loud:?}");
}

/// What is no number, and what is far too loud, is gone four frames later.
#[test]
fn samples_that_are_no_sound_do_not_stay_in_the_encoder() {
    let target = target(16_000, 30_000);
    let mut encoder = Encoder::new(target).unwrap();
    let mut decoder = Decoder::new(&target.track(0)).unwrap();
    let mut sound = Vec::new();
    for wrong in [f32::NAN, f32::INFINITY, 1e30] {
        let unit = encoder.encode(&[wrong; 480]).unwrap();
        decoder.decode(&unit, &mut sound).unwrap();
    }
    for _ in 0..6 {
        decoder.decode(&encoder.encode(&[0.0; 480]).unwrap(), &mut sound).unwrap();
    }
    assert!(sound.iter().all(|sample| sample.abs() <= 1.0));
    assert!(sound[480 * 8..].iter().all(|sample| sample.abs() < 1e-3));
}

/// At 24 kHz there are few bits for the hiss of a voice: what is not coded comes back as noise, as loud.
#[test]
fn hiss_stays_as_loud_as_it_was() {
    let target = target(24_000, 20_000);
    let mut state = 1u32;
    let hiss = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state as i32 >> 8) as f32 / 83_886_080.0
    });
    let hiss: Vec<f32> = hiss.take(24_000).collect();
    let sound = decoded(&target.track(0), &encoded(&hiss, target));
    let power =
        |of: &[f32]| 10.0 * (of.iter().map(|sample| sample * sample).sum::<f32>() / of.len() as f32).log10();
    let apart = power(&sound[4_800..]) - power(&hiss[4_800..]);
    println!("{apart:.2} dB apart");
    assert!(apart.abs() < 1.5, "{apart:.2} dB apart");
}

/// Frames of all kinds of sound that no microphone makes, quiet and loud in turn.
#[test]
fn whatever_goes_in_our_decoder_takes_what_comes_out_and_it_is_not_long() {
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / 16_777_216.0
    };
    for (rate, micros) in KINDS {
        let target = target(rate, micros);
        let length = target.frame_samples();
        let mut encoder = Encoder::new(target).unwrap();
        let mut decoder = Decoder::new(&target.track(0)).unwrap();
        let mean = rate.max(24_000) as usize * micros as usize / 8_000_000;
        for index in 0..600 {
            let loud = 10f32.powf(-6.0 * random() * f32::from(u8::from(index % 3 > 0)));
            let (kind, pitch, at) = (random(), 3.0 * random(), (random() * length as f32) as usize);
            let sample = |place: usize| match (kind * 7.0) as u32 {
                0 => f32::from(u8::from(place == at)),
                1 => {
                    if (place / (at + 1)).is_multiple_of(2) {
                        1.0
                    } else {
                        -1.0
                    }
                }
                2 => (pitch * place as f32).sin(),
                3 => f32::from(u8::from(place >= at)),
                4 => {
                    if place.is_multiple_of(2) {
                        1.0
                    } else {
                        -1.0
                    }
                }
                5 => (pitch * place as f32).sin() * (-(place.abs_diff(at) as f32)).exp(),
                _ => 0.0,
            };
            let noise = if kind > 0.9 { loud } else { loud * 1e-5 };
            let frame: Vec<f32> =
                (0..length).map(|at| sample(at) * loud + noise * (random() - 0.5)).collect();
            let unit = encoder.encode(&frame).unwrap();
            assert!(
                unit.len() <= mean * 3 / 2 + 1,
                "{rate}, frame {index}: {} bytes, {mean} are usual",
                unit.len()
            );
            let mut sound = Vec::new();
            decoder.decode(&unit, &mut sound).unwrap();
            assert!(sound.iter().all(|sample| sample.abs() <= 1.0));
        }
    }
}
