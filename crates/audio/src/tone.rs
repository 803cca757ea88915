//! Test sound: a sine, and what a block of sound is made of. For tests and journeys, which play a tone into one end
//! of a server and listen at the other.
use crate::level::dbfs;
use std::f64::consts::TAU;

/// An endless sine, one sample at a time.
#[derive(Clone, Debug)]
pub struct Sine {
    amplitude: f64,
    step: f64,
    phase: f64,
}

impl Sine {
    /// A tone of `frequency_hz` whose peaks reach `level_dbfs`, at `rate` samples a second; it starts at zero.
    pub fn new(rate: u32, frequency_hz: f64, level_dbfs: f64) -> Self {
        let amplitude = 10f64.powf(level_dbfs / 20.0);
        Self { amplitude, step: TAU * frequency_hz / f64::from(rate.max(1)), phase: 0.0 }
    }

    /// The next `frames` samples in 16 bits.
    pub fn block_i16(&mut self, frames: usize) -> Vec<i16> {
        self.take(frames).map(crate::sample::to_i16).collect()
    }
}

impl Iterator for Sine {
    type Item = f32;

    fn next(&mut self) -> Option<f32> {
        let sample = self.amplitude * self.phase.sin();
        self.phase = (self.phase + self.step) % TAU;
        Some(sample as f32)
    }
}

/// What a block of mono sound is made of, taken as one tone and the rest.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Analysis {
    /// Pitch of the strongest tone.
    pub frequency_hz: f64,
    /// Level of that tone; a sine at full scale is 0, silence −90.
    pub level_dbfs: f64,
    /// How far the rest of the block (noise, distortion, other tones) lies below the tone. Beyond 20 dB a listener
    /// would call it a clean tone.
    pub purity_db: f64,
}

/// Longest piece that is searched as a whole: 2,048 samples. The search grows with the square of the length; what it
/// finds is then refined in pieces of twice the length each.
const SEARCHED: usize = 2_048;

/// Finds the strongest tone between 40 Hz and 45 % of the rate. `None` for a block shorter than 10 ms, and for silence
/// (below −80 dBFS). A constant offset is ignored. Blocks of 100 ms and more are right to 0.1 %.
pub fn analyse(samples: &[f32], rate: u32) -> Option<Analysis> {
    let rate = f64::from(rate);
    if (samples.len() as f64) < rate / 100.0 {
        return None;
    }
    let mean = samples.iter().map(|sample| f64::from(*sample)).sum::<f64>() / samples.len() as f64;
    let samples: Vec<f64> = samples.iter().map(|sample| f64::from(*sample) - mean).collect();
    if samples.iter().map(|sample| sample * sample).sum::<f64>() / (samples.len() as f64) < 1e-8 {
        return None;
    }
    let frequency = pitch(&samples, 40.0 / rate);
    let (amplitude, rest) = fit(&samples, frequency);
    let purity_db = 10.0 * (amplitude * amplitude / 2.0 / rest.max(1e-12)).log10();
    Some(Analysis {
        frequency_hz: frequency * rate,
        level_dbfs: f64::from(dbfs(amplitude as f32)),
        purity_db,
    })
}

/// The strongest frequency above `lowest`, in cycles a sample.
fn pitch(samples: &[f64], lowest: f64) -> f64 {
    let mut length = samples.len().min(SEARCHED);
    let mut windowed = hann(&samples[..length]);
    let mut step = 0.5 / length as f64;
    let candidates = (0..).map(|index| lowest + f64::from(index) * step).take_while(|f| *f < 0.45);
    let mut best = strongest(&windowed, candidates).unwrap_or((lowest, 0.0));
    loop {
        for _ in 0..10 {
            step /= 2.0;
            let beside = [best.0, best.0 - step, best.0 + step];
            best = strongest(&windowed, beside.into_iter()).unwrap_or(best);
        }
        if length == samples.len() {
            return best.0;
        }
        length = samples.len().min(length * 2);
        windowed = hann(&samples[..length]);
        step = 0.5 / length as f64;
    }
}

fn strongest(windowed: &[f64], frequencies: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    frequencies.map(|f| (f, goertzel(windowed, f))).max_by(|a, b| a.1.total_cmp(&b.1))
}

/// Hann's window: a strong line does not hide its neighbours.
fn hann(samples: &[f64]) -> Vec<f64> {
    let step = TAU / samples.len() as f64;
    let weight = |index: usize| 0.5 - 0.5 * (step * index as f64).cos();
    samples.iter().enumerate().map(|(index, sample)| sample * weight(index)).collect()
}

/// Power of one frequency, in cycles per sample.
fn goertzel(samples: &[f64], frequency: f64) -> f64 {
    let turn = 2.0 * (TAU * frequency).cos();
    let (mut before, mut last) = (0.0, 0.0);
    for sample in samples {
        (before, last) = (last, sample + turn * last - before);
    }
    last * last + before * before - turn * last * before
}

/// The sine of this frequency and the constant that together leave the smallest rest: the sine's amplitude, and the
/// power of the rest.
fn fit(samples: &[f64], frequency: f64) -> (f64, f64) {
    let count = samples.len() as f64;
    let waves = |index: usize| (TAU * frequency * index as f64).sin_cos();
    let (mut mean_x, mut mean_s, mut mean_c) = (0.0, 0.0, 0.0);
    for (index, sample) in samples.iter().enumerate() {
        let (sine, cosine) = waves(index);
        (mean_x, mean_s, mean_c) = (mean_x + sample / count, mean_s + sine / count, mean_c + cosine / count);
    }
    let (mut xx, mut cc, mut ss, mut cs, mut xc, mut xs) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    for (index, sample) in samples.iter().enumerate() {
        let (sine, cosine) = waves(index);
        let (x, s, c) = (sample - mean_x, sine - mean_s, cosine - mean_c);
        (xx, cc, ss) = (xx + x * x, cc + c * c, ss + s * s);
        (cs, xc, xs) = (cs + c * s, xc + x * c, xs + x * s);
    }
    let determinant = (cc * ss - cs * cs).max(1e-12);
    let (a, b) = ((xc * ss - xs * cs) / determinant, (xs * cc - xc * cs) / determinant);
    let rest = (xx - a * xc - b * xs) / count;
    ((a * a + b * b).sqrt(), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sine_is_found_again_at_any_pitch_rate_and_level() {
        for rate in [8_000, 16_000, 44_100, 48_000] {
            for pitch in [97.0, 440.0, 1_000.0, 1_234.5, 3_300.0] {
                for level in [-3.0, -20.0, -60.0] {
                    let block: Vec<f32> = Sine::new(rate, pitch, level).take(rate as usize / 5).collect();
                    let found = analyse(&block, rate).unwrap();
                    assert!((found.frequency_hz / pitch - 1.0).abs() < 0.001, "{rate} {pitch}: {found:?}");
                    assert!((found.level_dbfs - level).abs() < 0.1, "{rate} {pitch}: {found:?}");
                    assert!(found.purity_db > 50.0, "{rate} {pitch} {level}: {found:?}");
                }
            }
        }
    }

    #[test]
    fn the_purity_is_how_far_the_rest_lies_below() {
        let loud = Sine::new(8_000, 1_000.0, -10.0);
        let quiet = Sine::new(8_000, 1_700.0, -30.0);
        let both: Vec<f32> = loud.zip(quiet).map(|(a, b)| a + b).take(1_600).collect();
        let found = analyse(&both, 8_000).unwrap();
        assert!((found.purity_db - 20.0).abs() < 0.5, "{found:?}");
    }

    #[test]
    fn silence_and_a_click_have_no_pitch() {
        assert_eq!(analyse(&[0.0; 8_000], 8_000), None);
        assert_eq!(analyse(&[0.5; 20], 8_000), None);
    }
}
