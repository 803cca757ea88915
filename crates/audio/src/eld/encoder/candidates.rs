//! Every band at many steps of quantisation: what noise each leaves and what bits each costs.
use crate::eld::filterbank::LINES_MAX;
use crate::eld::huffman::{Book, VALUE_MAX};
use crate::eld::spectrum::{BANDS_MAX, FACTOR_OF_ONE, dequantised, gain};
use crate::eld::tables::Bands;

/// Steps that are tried for a band, each 1.5 dB finer than the one before: to 48 dB below its loudest line.
pub(super) const STEPS: usize = 36;
/// Codebooks, and the empty one.
pub(super) const BOOKS: usize = 12;
/// Bits of a codebook that does not have the values.
pub(super) const NEVER: u16 = u16::MAX;
/// Codebooks that are tried, from the smallest that has the values: larger ones cost more for each value.
const BOOKS_TRIED: u8 = 4;
/// Noise of this part of what a band bears, for each of its lines, is below what the highest price asks for.
const NOTHING: f32 = 0.003;
/// What is added before values are cut to whole ones: less than a half, since a lower value costs less.
const ROUNDING: f32 = 0.36;

/// One step of one band.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    /// The energy that is lost.
    pub(super) noise: f32,
    /// Bits of the lines with the cheapest codebook.
    pub(super) bits: u16,
    /// With each of them.
    pub(super) books: [u16; BOOKS],
}

/// The steps of one band.
#[derive(Clone, Copy, Debug)]
pub(super) struct Band {
    /// Its energy: what is lost if nothing of it is sent.
    pub(super) energy: f32,
    /// The scalefactor of the coarsest step, at which only its loudest line is not zero. The others follow downwards.
    pub(super) coarsest: i32,
    /// How many steps there are; none for a band that is silent.
    pub(super) count: usize,
    /// Energy of its loudest line, as a multiple of the mean.
    pub(super) peak: f32,
}

/// The steps of all bands.
#[derive(Debug)]
pub(super) struct Candidates {
    pub(super) bands: [Band; BANDS_MAX],
    steps: Vec<[Candidate; STEPS]>,
    /// Magnitudes to the power of 3/4.
    powers: [f32; LINES_MAX],
    values: [i32; LINES_MAX],
}

impl Candidates {
    pub(super) fn new() -> Self {
        let none = Candidate { noise: 0.0, bits: 0, books: [NEVER; BOOKS] };
        Self {
            bands: [Band { energy: 0.0, coarsest: 0, count: 0, peak: 0.0 }; BANDS_MAX],
            steps: vec![[none; STEPS]; BANDS_MAX],
            powers: [0.0; LINES_MAX],
            values: [0; LINES_MAX],
        }
    }

    /// The steps of one band, from the coarsest.
    pub(super) fn of(&self, band: usize) -> &[Candidate] {
        &self.steps[band][..self.bands[band].count]
    }

    /// Tries all steps for a spectrum, down to noise that is nothing beside what its bands bear.
    pub(super) fn fill(&mut self, table: &Bands, bearable: &[f32], lines: &[f32]) {
        for (power, line) in self.powers.iter_mut().zip(lines) {
            *power = power_of(*line);
        }
        for (band, bearable) in bearable.iter().enumerate().take(table.count()) {
            let range = table.lines(band);
            let (lines, powers) = (&lines[range.clone()], &self.powers[range.clone()]);
            let energy: f32 = lines.iter().map(|line| line * line).sum();
            let loudest = lines.iter().fold(0f32, |loudest, line| loudest.max(line.abs()));
            let coarsest = coarsest(loudest);
            let most = if loudest < 1.0 { 0 } else { STEPS };
            let nothing = NOTHING * bearable * lines.len() as f32;
            let values = &mut self.values[range];
            let mut count = 0;
            for (candidate, factor) in self.steps[band][..most].iter_mut().zip((0..=coarsest).rev()) {
                candidate.fill(lines, powers, values, factor);
                count += 1;
                if candidate.noise < nothing {
                    break;
                }
            }
            let peak = loudest * loudest * lines.len() as f32 / energy.max(1.0);
            self.bands[band] = Band { energy, coarsest, count, peak };
        }
    }
}

impl Candidate {
    fn fill(&mut self, lines: &[f32], powers: &[f32], values: &mut [i32], factor: i32) {
        let (down, up) = (shrink(factor), gain(factor - FACTOR_OF_ONE));
        let (mut largest, mut noise) = (0, 0.0);
        for ((value, power), line) in values.iter_mut().zip(powers).zip(lines) {
            let magnitude = quantised(*power, down);
            let lost = line.abs() - dequantised(magnitude) * up;
            noise += lost * lost;
            largest = largest.max(magnitude);
            *value = if *line < 0.0 { -magnitude } else { magnitude };
        }
        (self.noise, self.books, self.bits) = (noise, [NEVER; BOOKS], NEVER);
        let smallest = smallest_book(largest);
        for number in smallest..(smallest + BOOKS_TRIED).min(BOOKS as u8) {
            let Some(book) = Book::of(number) else { continue };
            let bits: u32 = values.chunks_exact(book.values).map(|values| book.cost(values)).sum();
            let bits = u16::try_from(bits).unwrap_or(NEVER);
            self.books[usize::from(number)] = bits;
            self.bits = self.bits.min(bits);
        }
    }
}

/// The smallest codebook that has a value; each has a twin with the next number.
const fn smallest_book(largest: i32) -> u8 {
    match largest {
        ..=1 => 1,
        2 => 3,
        3..=4 => 5,
        5..=7 => 7,
        8..=12 => 9,
        _ => 11,
    }
}

fn power_of(line: f32) -> f32 {
    let root = line.abs().sqrt();
    root * root.sqrt()
}

/// What a scalefactor divides powers of 3/4 by, as a factor.
pub(super) fn shrink(factor: i32) -> f32 {
    ((FACTOR_OF_ONE - factor) as f32 * (3.0 / 16.0)).exp2()
}

const fn quantised(power: f32, down: f32) -> i32 {
    let value = (power * down + ROUNDING) as i32;
    if value > VALUE_MAX { VALUE_MAX } else { value }
}

/// A line as it is sent at a scalefactor whose [`shrink`] is `down`.
pub(super) fn value_of(line: f32, down: f32) -> i32 {
    let value = quantised(power_of(line), down);
    if line < 0.0 { -value } else { value }
}

/// The largest scalefactor at which the line is not zero.
fn coarsest(loudest: f32) -> i32 {
    let steps = (power_of(loudest) / (1.0 - ROUNDING)).log2() * (16.0 / 3.0);
    (FACTOR_OF_ONE + steps.floor() as i32).clamp(0, 255)
}
