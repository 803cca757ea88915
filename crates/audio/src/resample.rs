//! Sample rates: a polyphase filter for any ratio of whole numbers.
//!
//! A windowed sinc (Kaiser, 70 dB) of 44 samples of the lower rate. Flat to 43 % of the lower rate, gone from 53 %:
//! for 8 kHz that is 3.4 kHz, where telephony ends, and what folds back lies above it. Output sample `k` is the sound
//! at input time `k · from / to`, so times do not shift; half the filter has to arrive first, which is the delay:
//! 2.75 ms where 8 kHz is the lower rate, less above. Source: Crochiere and Rabiner, "Multirate Digital Signal
//! Processing", 1983, chapter 4; Kaiser's window formulas, 1974.
use std::f64::consts::PI;
use std::time::Duration;

/// Half the filter, in samples of the lower rate: 22. Kaiser's formula asks for 21.6 at 70 dB and a transition of
/// 10 % of the rate.
const HALF: u32 = 22;
/// The middle of the transition, as a part of the lower rate.
const CUTOFF: f64 = 0.48;
/// Kaiser's β for 70 dB.
const BETA: f64 = 6.76;
/// Lowest rate: 4 kHz. Nothing in use is below 5.5 kHz; a unit of sound stays small.
pub(crate) const RATE_MIN: u32 = 4_000;
/// Highest rate: 192 kHz, the highest of sound cards.
pub(crate) const RATE_MAX: u32 = 192_000;
/// Most coefficients: 2^18, a megabyte. 11,025 → 96,000, the longest of the usual pairs, has 56,320.
const COEFFICIENTS_MAX: usize = 1 << 18;

/// A pair of rates that cannot be converted. The configuration's fault, or a device that names nonsense.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "no resampling from {from} to {to} Hz: rates are 4,000 to 192,000 Hz and have a large common divisor"
)]
pub struct ResamplerError {
    /// Rate of the input.
    pub from: u32,
    /// Rate of the output.
    pub to: u32,
}

/// Converts interleaved sound from one rate to another. With equal rates it copies.
#[derive(Clone, Debug)]
pub struct Resampler {
    from: u32,
    up: usize,
    down: usize,
    /// Coefficients a phase; 0 when the rates are equal.
    taps: usize,
    coefficients: Vec<f32>,
    /// What is still needed of each channel.
    held: Vec<Vec<f32>>,
    /// Where in `held` the filter of the next output begins.
    next: usize,
    phase: usize,
}

impl Resampler {
    /// From `from` to `to` samples a second, `channels` interleaved.
    pub fn new(from: u32, to: u32, channels: u8) -> Result<Self, ResamplerError> {
        let error = ResamplerError { from, to };
        if !(RATE_MIN..=RATE_MAX).contains(&from) || !(RATE_MIN..=RATE_MAX).contains(&to) {
            return Err(error);
        }
        let divisor = gcd(from, to);
        let (up, down) = ((to / divisor) as usize, (from / divisor) as usize);
        let half = if up == down { 0 } else { half_taps(from, to) };
        if up * half * 2 > COEFFICIENTS_MAX {
            return Err(error);
        }
        let coefficients = design(from, to, up, half);
        let held = vec![Vec::new(); usize::from(channels.max(1))];
        let mut this = Self { from, up, down, taps: half * 2, coefficients, held, next: 0, phase: 0 };
        this.reset();
        Ok(this)
    }

    /// Forgets the sound before, as if new.
    pub fn reset(&mut self) {
        for channel in &mut self.held {
            channel.clear();
            channel.resize((self.taps / 2).saturating_sub(1), 0.0);
        }
        (self.next, self.phase) = (0, 0);
    }

    /// How long a sample waits for those after it.
    pub fn delay(&self) -> Duration {
        Duration::from_secs(1) * (self.taps / 2) as u32 / self.from
    }

    /// Takes interleaved samples and appends what they complete. An incomplete last frame is left out.
    pub fn push(&mut self, input: &[f32], out: &mut Vec<f32>) {
        if self.taps == 0 {
            out.extend_from_slice(input);
            return;
        }
        let channels = self.held.len();
        for (index, channel) in self.held.iter_mut().enumerate() {
            channel.extend(input.chunks_exact(channels).map(|frame| frame[index]));
        }
        let length = self.held[0].len();
        while self.next + self.taps <= length {
            let filter = &self.coefficients[self.phase * self.taps..][..self.taps];
            out.extend(self.held.iter().map(|channel| dot(&channel[self.next..], filter)));
            self.phase += self.down;
            self.next += self.phase / self.up;
            self.phase %= self.up;
        }
        let used = self.next.min(length);
        for channel in &mut self.held {
            channel.drain(..used);
        }
        self.next -= used;
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Half the coefficients a phase, in samples of the input: whole groups of four for [`dot`].
fn half_taps(from: u32, to: u32) -> usize {
    (HALF * from).div_ceil(from.min(to)).next_multiple_of(4) as usize
}

/// The coefficients, phase after phase; each phase passes a constant unchanged.
fn design(from: u32, to: u32, up: usize, half: usize) -> Vec<f32> {
    let cutoff = 2.0 * CUTOFF * f64::from(from.min(to)) / f64::from(from);
    let mut coefficients = Vec::with_capacity(up * half * 2);
    let mut filter = Vec::with_capacity(half * 2);
    for phase in 0..up {
        filter.clear();
        for tap in 0..half * 2 {
            let distance = tap as f64 - (half as f64 - 1.0) - phase as f64 / up as f64;
            filter.push(sinc(cutoff * distance) * kaiser(distance / half as f64));
        }
        let sum: f64 = filter.iter().sum();
        coefficients.extend(filter.iter().map(|value| (value / sum) as f32));
    }
    coefficients
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

fn kaiser(x: f64) -> f64 {
    bessel(BETA * (1.0 - x * x).max(0.0).sqrt()) / bessel(BETA)
}

/// Modified Bessel function of the first kind, order 0, by its power series.
fn bessel(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut sum, mut term, mut k) = (1.0, 1.0, 1.0);
    while term > sum * 1e-12 {
        term *= quarter / (k * k);
        sum += term;
        k += 1.0;
    }
    sum
}

/// Eight sums side by side, so that the compiler can keep them in one register.
fn dot(samples: &[f32], filter: &[f32]) -> f32 {
    let mut sums = [0.0; 8];
    for (samples, filter) in samples.chunks_exact(8).zip(filter.chunks_exact(8)) {
        for (sum, (sample, weight)) in sums.iter_mut().zip(samples.iter().zip(filter)) {
            *sum += sample * weight;
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests;
