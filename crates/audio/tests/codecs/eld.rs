//! AAC-ELD: what Fraunhofer's encoder made is decoded to what Fraunhofer's decoder makes of it. See
//! `fixtures/README.md`.
use crate::fixtures::{match_db, samples};
use audio::Decoder;
use bytes::Bytes;
use media::{Codec, CodecParams, Track};

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
