//! Bytes that no encoder made: no decoder panics, and none makes sound louder than full scale.
use crate::{encoded, track};
use audio::tone::Sine;
use audio::{Decoder, Target};
use bytes::Bytes;
use media::{Codec, CodecParams, Track};

const UNITS: usize = 20_000;

/// Xorshift64*: the same noise every time.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, end: usize) -> usize {
        self.next() as usize % end.max(1)
    }

    /// Every second unit is pure noise, every other a good one that was damaged or cut off.
    fn unit(&mut self, good: &[Vec<u8>], index: usize) -> Vec<u8> {
        let length = self.below(400);
        if index.is_multiple_of(2) || good.is_empty() {
            return (0..length).map(|_| self.next() as u8).collect();
        }
        let mut unit = good[self.below(good.len())].clone();
        for _ in 0..self.below(4) {
            let at = self.below(unit.len());
            unit[at] = self.next() as u8;
        }
        if self.below(4) == 0 {
            unit.truncate(self.below(unit.len()));
        }
        unit
    }
}

fn feed(track: &Track, good: &[Vec<u8>]) {
    let mut decoder = Decoder::new(track).unwrap();
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    let (mut decoded, mut sound) = (0, Vec::new());
    for index in 0..UNITS {
        let unit = noise.unit(good, index);
        sound.clear();
        match decoder.decode(&unit, &mut sound) {
            Ok(frames) => {
                decoded += 1;
                assert_eq!(sound.len(), frames * usize::from(decoder.channels()));
            }
            Err(error) => assert!(sound.is_empty(), "{error}"),
        }
        if noise.below(50) == 0 {
            let frames = noise.below(decoder.rate() as usize / 5);
            sound.clear();
            decoder.conceal(frames, &unit, &mut sound);
            assert_eq!(sound.len(), frames * usize::from(decoder.channels()));
        }
        assert!(sound.iter().all(|sample| sample.abs() <= 1.0), "unit {index} of {}", track.codec);
        if noise.below(500) == 0 {
            decoder.reset();
        }
    }
    assert!(decoded > UNITS / 20, "{} of {UNITS} units of {} were decoded", decoded, track.codec);
}

#[test]
fn uncompressed_decoders_take_20_000_units_of_noise() {
    for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722] {
        feed(&track(codec, 8_000, 1), &[]);
    }
    feed(&track(Codec::L16, 44_100, 2), &[]);
}

#[test]
fn the_opus_decoder_takes_20_000_units_of_noise_in_mono_and_stereo() {
    for channels in [1, 2] {
        let target = Target { channels, ..Target::usual(Codec::Opus) };
        let tone: Vec<f32> = Sine::new(48_000, 440.0, -12.0).take(48_000).collect();
        let good: Vec<Vec<u8>> = encoded(&tone, target).iter().map(|unit| unit.data.to_vec()).collect();
        feed(&target.track(0), &good);
    }
}

#[test]
fn the_aac_decoder_takes_20_000_units_of_noise() {
    let files = [
        (16_000, 1, include_bytes!("../../fixtures/ffmpeg-aac-lc-16khz-mono.aac").as_slice()),
        (44_100, 2, include_bytes!("../../fixtures/ffmpeg-aac-lc-44khz-stereo.aac").as_slice()),
        (48_000, 2, include_bytes!("../../fixtures/syom-he-aac-v2-48khz-stereo.aac").as_slice()),
    ];
    for (rate, channels, file) in files {
        let (config, good) = crate::fixtures::adts(file);
        let params = CodecParams::Aac { config: Bytes::from(config) };
        feed(&Track::audio(0, Codec::Aac, rate, channels, params), &good);
    }
}

#[test]
fn the_aac_eld_decoder_takes_20_000_units_of_noise() {
    for stream in &crate::eld::STREAMS {
        let (track, good) = stream.read();
        feed(&track, &good);
    }
}
