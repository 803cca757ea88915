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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eld::config::FrameLength;

    #[test]
    fn noise_has_the_energy_that_was_sent_and_is_shared_where_both_channels_mark_it() {
        let table = Bands::of(8, FrameLength::L480);
        let mut noise = Noise::new();
        let (mut left, mut right) = (Spectrum::new(), Spectrum::new());
        for (spectrum, factor) in [(&mut left, 20), (&mut right, 24)] {
            spectrum.bands = 30;
            spectrum.books[28..30].fill(BOOK_NOISE);
            spectrum.factors[28..30].fill(factor);
        }
        let mut one = [false; 37];
        one[29] = true;
        noise.fill(&mut left, &table);
        noise.fill_beside(&left, &mut right, &table, &one);
        let energy = |lines: &[f32]| lines.iter().map(|line| line * line).sum::<f32>();
        for band in [28, 29] {
            let (left, right) = (&left.lines[table.lines(band)], &right.lines[table.lines(band)]);
            assert!(
                (energy(left) / 1_024.0 - 1.0).abs() < 1e-3 && (energy(right) / 4_096.0 - 1.0).abs() < 1e-3
            );
            let same = left.iter().zip(right).all(|(left, right)| (left * 2.0 - right).abs() < 1e-3);
            assert_eq!(same, band == 29);
        }
        assert_eq!(energy(&left.lines[..table.lines(28).start]), 0.0);
    }
}
