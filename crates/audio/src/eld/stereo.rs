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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eld::config::FrameLength;

    /// Bands: middle and side; left and right; intensity a quarter as loud in energy; the same with its sign turned.
    #[test]
    fn each_band_is_made_of_what_its_codebook_says() {
        let table = Bands::of(8, FrameLength::L480);
        let (mut left, mut right) = (Spectrum::new(), Spectrum::new());
        (left.bands, right.bands) = (5, 5);
        left.lines[..20].fill(3.0);
        right.lines[..8].fill(1.0);
        left.books[..5].fill(1);
        right.books[..5].copy_from_slice(&[1, 1, BOOK_INTENSITY, BOOK_INTENSITY_TURNED, BOOK_INTENSITY]);
        right.factors[..5].copy_from_slice(&[0, 0, 4, 4, -4]);
        let mut mask = Mask { each: true, ..Mask::NONE };
        (mask.bands[0], mask.bands[4]) = (true, true);
        mask.run(&mut left, &mut right, &table);
        let pair = |band: usize| (left.lines[band * 4], right.lines[band * 4]);
        assert_eq!([0, 1, 2, 3, 4].map(pair), [(4.0, 2.0), (3.0, 1.0), (3.0, 1.5), (3.0, -1.5), (3.0, -6.0)]);
    }

    #[test]
    fn a_mask_is_read_for_each_band_for_all_or_for_none() {
        let read = |bits: &[u8]| Mask::read(&mut Reader::new(bits), 4);
        assert_eq!(read(&[0b0110_1000]).unwrap().bands[..5], [true, false, true, false, false]);
        assert_eq!(read(&[0b1000_0000]).unwrap().bands, [true; BANDS_MAX]);
        assert_eq!(read(&[0b0011_1111]).unwrap().bands, [false; BANDS_MAX]);
        assert!(read(&[0b1100_0000]).is_err());
    }
}
