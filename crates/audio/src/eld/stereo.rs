//! What the channels of a pair share. Source: ISO/IEC 14496-3 §4.6.8: M/S and intensity.
use super::bits::Reader;
use super::spectrum::{BANDS_MAX, BOOK_INTENSITY, BOOK_INTENSITY_TURNED, BOOK_NOISE, Spectrum, gain};
use super::tables::Bands;

/// Bands whose channels are sent as middle and side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mask {
    pub(super) bands: [bool; BANDS_MAX],
    /// Said for each band: then it turns the sign of intensity, too.
    each: bool,
}

impl Mask {
    pub(super) const NONE: Self = Self { bands: [false; BANDS_MAX], each: false };

    pub(super) fn read(reader: &mut Reader<'_>, bands: usize) -> Result<Self, &'static str> {
        let mut this = Self::NONE;
        match reader.bits(2)? {
            0 => {}
            1 => {
                this.each = true;
                for band in &mut this.bands[..bands] {
                    *band = reader.flag()?;
                }
            }
            2 => this.bands.fill(true),
            _ => return Err("its mask of middle and side is reserved"),
        }
        Ok(this)
    }

    /// Makes left and right of middle and side, and the right channel's bands that are made from the left.
    pub(super) fn run(&self, left: &mut Spectrum, right: &mut Spectrum, table: &Bands) {
        for band in 0..right.bands {
            let lines = table.lines(band);
            let pairs = left.lines[lines.clone()].iter_mut().zip(&mut right.lines[lines]);
            match (right.books[band], left.books[band]) {
                (book @ (BOOK_INTENSITY | BOOK_INTENSITY_TURNED), _) => {
                    let turned = (book == BOOK_INTENSITY_TURNED) ^ (self.each && self.bands[band]);
                    let scale = gain(-right.factors[band]) * if turned { -1.0 } else { 1.0 };
                    pairs.for_each(|(left, right)| *right = *left * scale);
                }
                (BOOK_NOISE, _) | (_, BOOK_NOISE) => {}
                (_, _) if self.bands[band] => {
                    pairs.for_each(|(left, right)| (*left, *right) = (*left + *right, *left - *right));
                }
                (_, _) => {}
            }
        }
    }
}
