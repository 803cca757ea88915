//! Bands of noise: only their loudness is sent. Source: ISO/IEC 14496-3 §4.6.13.
use super::spectrum::{BOOK_NOISE, Spectrum, gain};
use super::tables::Bands;

/// Makes noise: a linear congruential generator; any is right that does not repeat soon.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noise(u32);

impl Noise {
    pub(super) const fn new() -> Self {
        Self(1)
    }

    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 as i32 >> 8) as f32
    }

    /// Fills the bands that are noise.
    pub(super) fn fill(&mut self, spectrum: &mut Spectrum, table: &Bands) {
        for band in 0..spectrum.bands {
            if spectrum.books[band] == BOOK_NOISE {
                self.band(spectrum, table, band);
            }
        }
    }

    /// Fills the bands that are noise in the right channel. What both channels have as noise, and mark as one in both, is
    /// the same noise.
    pub(super) fn fill_beside(&mut self, left: &Spectrum, right: &mut Spectrum, table: &Bands, one: &[bool]) {
        for (band, one) in one.iter().enumerate().take(right.bands) {
            if right.books[band] != BOOK_NOISE {
                continue;
            }
            if *one && band < left.bands && left.books[band] == BOOK_NOISE {
                let scale = gain(right.factors[band] - left.factors[band]);
                let lines = table.lines(band);
                for (to, from) in right.lines[lines.clone()].iter_mut().zip(&left.lines[lines]) {
                    *to = from * scale;
                }
            } else {
                self.band(right, table, band);
            }
        }
    }

    fn band(&mut self, spectrum: &mut Spectrum, table: &Bands, band: usize) {
        let lines = &mut spectrum.lines[table.lines(band)];
        lines.fill_with(|| self.next());
        let energy: f32 = lines.iter().map(|line| line * line).sum();
        let scale = gain(spectrum.factors[band]) / energy.sqrt();
        lines.iter_mut().for_each(|line| *line *= scale);
    }
}
