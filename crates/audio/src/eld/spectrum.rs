//! The part of a unit that describes one channel: sections, scalefactors, noise shaping, and quantised lines.
//!
//! Source: ISO/IEC 14496-3 §4.4.2.7 (individual_channel_stream) as object type 39 has it: no window shape, no pulses, no
//! gain control. Inverse quantisation: §4.6.1 and §4.6.2.
use super::bits::Reader;
use super::filterbank::LINES_MAX;
use super::huffman::{Book, SCALEFACTORS, VALUE_MAX};
use super::tables::Bands;
use super::tns::Tns;
use std::sync::LazyLock;

/// Most bands of a table: 37, at 32 kHz.
pub(super) const BANDS_MAX: usize = 37;
/// Codebook of a section without lines.
pub(super) const BOOK_ZERO: u8 = 0;
/// Codebook that is reserved.
const BOOK_RESERVED: u8 = 12;
/// "Codebook" of bands of noise: their scalefactors are its loudness.
pub(super) const BOOK_NOISE: u8 = 13;
/// "Codebook" of bands that are the left channel's with their sign turned: their scalefactors say how much of it.
pub(super) const BOOK_INTENSITY_TURNED: u8 = 14;
/// "Codebook" of bands that are the left channel's.
pub(super) const BOOK_INTENSITY: u8 = 15;
/// Scalefactor of a step of 1.
pub(super) const FACTOR_OF_ONE: i32 = 100;
/// What is taken off the global gain, for the loudness of noise.
const NOISE_OFFSET: i32 = 90;

/// Magnitudes to the power of 4/3.
static POWERS: LazyLock<Vec<f32>> =
    LazyLock::new(|| (0..=VALUE_MAX).map(|value| f64::from(value).powf(4.0 / 3.0) as f32).collect());

/// The line that a quantised value stands for, at a step of 1.
pub(super) fn dequantised(value: i32) -> f32 {
    let magnitude = POWERS.get(value.unsigned_abs() as usize).copied().unwrap_or(0.0);
    if value < 0 { -magnitude } else { magnitude }
}

/// What a scalefactor multiplies by.
pub(super) fn gain(factor: i32) -> f32 {
    (factor as f32 * 0.25).exp2()
}

/// One channel of a frame.
#[derive(Debug)]
pub(super) struct Spectrum {
    /// Bands that are described; the others are silent.
    pub(super) bands: usize,
    pub(super) books: [u8; BANDS_MAX],
    /// By codebook: scalefactor, loudness of noise, or intensity; all without their offsets.
    pub(super) factors: [i32; BANDS_MAX],
    pub(super) tns: Tns,
    pub(super) lines: [f32; LINES_MAX],
}

impl Spectrum {
    pub(super) const fn new() -> Self {
        Self {
            bands: 0,
            books: [0; BANDS_MAX],
            factors: [0; BANDS_MAX],
            tns: Tns::new(),
            lines: [0.0; LINES_MAX],
        }
    }

    /// Reads a channel. `shared` is how many bands both channels of a pair have, if they say so once.
    pub(super) fn read(
        &mut self,
        reader: &mut Reader<'_>,
        table: &Bands,
        shared: Option<usize>,
    ) -> Result<(), &'static str> {
        let global_gain = reader.bits(8)? as i32;
        self.bands = match shared {
            Some(bands) => bands,
            None => read_bands(reader, table)?,
        };
        self.read_sections(reader)?;
        self.read_factors(reader, global_gain)?;
        self.tns.read(reader)?;
        self.read_lines(reader, table)
    }

    /// Runs of bands with the same codebook.
    fn read_sections(&mut self, reader: &mut Reader<'_>) -> Result<(), &'static str> {
        let mut band = 0;
        while band < self.bands {
            let book = reader.bits(4)? as u8;
            if book == BOOK_RESERVED {
                return Err("a section has the codebook that is reserved");
            }
            let start = band;
            loop {
                let more = reader.bits(5)?;
                band += more as usize;
                if more != 31 {
                    break;
                }
            }
            let section = self.books[..self.bands].get_mut(start..band);
            section.ok_or("a section ends behind the last band")?.fill(book);
        }
        Ok(())
    }

    /// Three chains of differences: of scalefactors, of noise and of intensity.
    fn read_factors(&mut self, reader: &mut Reader<'_>, global_gain: i32) -> Result<(), &'static str> {
        let (mut factor, mut intensity) = (global_gain, 0);
        let mut noise = None;
        for (book, out) in self.books.iter().zip(&mut self.factors).take(self.bands) {
            let mut difference = || SCALEFACTORS.read(reader).map(|symbol| symbol as i32 - 60);
            *out = match *book {
                BOOK_ZERO => 0,
                BOOK_NOISE => {
                    let loudness = match noise {
                        Some(loudness) => loudness + difference()?,
                        None => global_gain - NOISE_OFFSET + reader.bits(9)? as i32 - 256,
                    };
                    *noise.insert(loudness)
                }
                BOOK_INTENSITY | BOOK_INTENSITY_TURNED => {
                    intensity += difference()?;
                    intensity
                }
                _ => {
                    factor += difference()?;
                    if !(0..256).contains(&factor) {
                        return Err("a scalefactor is out of range");
                    }
                    factor
                }
            };
        }
        Ok(())
    }

    fn read_lines(&mut self, reader: &mut Reader<'_>, table: &Bands) -> Result<(), &'static str> {
        self.lines.fill(0.0);
        for band in 0..self.bands {
            let Some(book) = Book::of(self.books[band]) else { continue };
            let gain = gain(self.factors[band] - FACTOR_OF_ONE);
            let mut values = [0; 4];
            for lines in self.lines[table.lines(band)].chunks_exact_mut(book.values) {
                book.read(reader, &mut values[..book.values])?;
                for (line, value) in lines.iter_mut().zip(values) {
                    *line = dequantised(value) * gain;
                }
            }
        }
        Ok(())
    }
}

/// How many bands are described (max_sfb).
pub(super) fn read_bands(reader: &mut Reader<'_>, table: &Bands) -> Result<usize, &'static str> {
    let bands = reader.bits(6)? as usize;
    if bands > table.count() {
        return Err("it has more bands than its rate");
    }
    Ok(bands)
}
