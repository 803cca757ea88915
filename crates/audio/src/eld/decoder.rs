//! Units to sound.
use super::bits::Reader;
use super::config::Config;
use super::filterbank::Synthesis;
use super::noise::Noise;
use super::spectrum::{BOOK_INTENSITY, BOOK_INTENSITY_TURNED, Spectrum, read_bands};
use super::stereo::Mask;
use super::tables::Bands;

/// Loudest line: 2³⁰, some 36 dB above a sine at full scale. What is louder is damage.
const LINE_MAX: f32 = 1_073_741_824.0;
/// Full scale of spectra.
const FULL: f32 = 32_768.0;

/// Decodes one stream.
#[derive(Debug)]
pub(crate) struct Decoder {
    config: Config,
    table: Bands,
    noise: Noise,
    spectra: Vec<Spectrum>,
    banks: Vec<Synthesis>,
    /// Sound of one channel.
    plane: Vec<f32>,
}

impl Decoder {
    pub(crate) fn new(config: Config) -> Self {
        let channels = usize::from(config.channels);
        Self {
            config,
            table: Bands::of(config.rate_index(), config.length),
            noise: Noise::new(),
            spectra: std::iter::repeat_with(Spectrum::new).take(channels).collect(),
            banks: std::iter::repeat_with(|| Synthesis::new(config.length)).take(channels).collect(),
            plane: Vec::new(),
        }
    }

    /// What it decodes.
    pub(crate) const fn config(&self) -> &Config {
        &self.config
    }

    /// Appends the sound of a unit, interleaved; it may be louder than full scale. After an error nothing has happened.
    pub(crate) fn decode(&mut self, data: &[u8], out: &mut Vec<f32>) -> Result<(), &'static str> {
        let mut reader = Reader::new(data);
        match &mut self.spectra[..] {
            [only] => {
                only.read(&mut reader, &self.table, None)?;
                refuse_intensity(only)?;
                self.noise.fill(only, &self.table);
            }
            [left, right] => read_pair(&mut reader, &self.table, &mut self.noise, left, right)?,
            _ => {}
        }
        for spectrum in &mut self.spectra {
            let lines = &mut spectrum.lines[..self.config.length.samples()];
            spectrum.tns.run(&self.table, spectrum.bands, lines);
            // No number is not below, either.
            if !lines.iter().all(|line| line.abs() < LINE_MAX) {
                return Err("its spectrum is louder than sound can be");
            }
        }
        self.sound(out);
        Ok(())
    }

    /// Appends so many samples of each channel for units that never came: the last one ends as it would before silence.
    pub(crate) fn conceal(&mut self, samples: usize, out: &mut Vec<f32>) {
        let frame = self.config.length.samples();
        let end = out.len() + samples * self.banks.len();
        // Four frames on, all is silence.
        for _ in 0..(samples / frame).min(4) {
            self.spectra.iter_mut().for_each(|spectrum| spectrum.lines.fill(0.0));
            self.sound(out);
        }
        out.resize(end, 0.0);
    }

    /// Forgets the sound before.
    pub(crate) fn reset(&mut self) {
        self.banks.iter_mut().for_each(Synthesis::reset);
    }

    fn sound(&mut self, out: &mut Vec<f32>) {
        let frame = self.config.length.samples();
        let (before, channels) = (out.len(), self.banks.len());
        out.resize(before + frame * channels, 0.0);
        for (channel, (bank, spectrum)) in self.banks.iter_mut().zip(&self.spectra).enumerate() {
            self.plane.clear();
            bank.run(&spectrum.lines[..frame], &mut self.plane);
            let places = out[before + channel..].iter_mut().step_by(channels);
            places.zip(&self.plane).for_each(|(to, from)| *to = from / FULL);
        }
    }
}

/// Source: ISO/IEC 14496-3 §4.4.2.7 (channel_pair_element), without a tag; the number of bands is always shared.
fn read_pair(
    reader: &mut Reader<'_>,
    table: &Bands,
    noise: &mut Noise,
    left: &mut Spectrum,
    right: &mut Spectrum,
) -> Result<(), &'static str> {
    let bands = read_bands(reader, table)?;
    let mask = Mask::read(reader, bands)?;
    left.read(reader, table, Some(bands))?;
    right.read(reader, table, Some(bands))?;
    refuse_intensity(left)?;
    noise.fill(left, table);
    noise.fill_beside(left, right, table, &mask.bands);
    mask.run(left, right, table);
    Ok(())
}

/// Intensity makes a band of the left channel's.
fn refuse_intensity(first: &Spectrum) -> Result<(), &'static str> {
    let intensity = |book: &u8| matches!(*book, BOOK_INTENSITY | BOOK_INTENSITY_TURNED);
    if first.books[..first.bands].iter().any(intensity) {
        return Err("its first channel is to be made from itself");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eld::spectrum::BOOK_NOISE;

    /// The tools that any unit of a file of the fixtures uses: noise shaping, bands of noise, middle and side.
    fn tools(mut file: &[u8]) -> [bool; 3] {
        let (mut decoder, mut found) = (None, [false; 3]);
        while let [high, low, rest @ ..] = file {
            let (part, behind) = rest.split_at(usize::from(u16::from_be_bytes([*high, *low])));
            file = behind;
            let Some(decoder) = &mut decoder else {
                decoder = Some(Decoder::new(Config::parse(part).unwrap()));
                continue;
            };
            decoder.decode(part, &mut Vec::new()).unwrap();
            let Decoder { spectra, table, .. } = decoder;
            found[0] |= spectra.iter().any(|spectrum| spectrum.tns.is_used());
            found[1] |= spectra.iter().any(|s| s.books[..s.bands].contains(&BOOK_NOISE));
            if spectra.len() == 2 {
                let mut reader = Reader::new(part);
                let bands = read_bands(&mut reader, table).unwrap();
                found[2] |= Mask::read(&mut reader, bands).unwrap().bands.contains(&true);
            }
        }
        found
    }

    #[test]
    fn the_fixtures_use_the_tools_that_they_are_there_for() {
        macro_rules! tools {
            ($name:literal) => {
                tools(include_bytes!(concat!("../../fixtures/eld/fdk-", $name, ".units")))
            };
        }
        assert!(tools!("clicks-16khz-512")[0]);
        assert!(tools!("noise-24khz-480")[1]);
        assert!(tools!("stereo-16khz-480")[2]);
        assert!(!tools!("voice-16khz-480")[1], "two decoders would differ");
    }

    #[test]
    fn a_unit_that_is_empty_or_too_loud_is_refused_and_leaves_no_sound() {
        let config = Config { rate: 16_000, channels: 1, length: crate::eld::FrameLength::L480 };
        let mut decoder = Decoder::new(config);
        let mut sound = Vec::new();
        assert!(decoder.decode(&[], &mut sound).is_err());
        // Gain 255, one band with codebook 11, no difference, no shaping, and two pairs of 16 with long escapes.
        let bits = "11111111 000001 1011 00001 0 0 000000";
        let bits: String = bits.replace(' ', "") + &"1".repeat(200);
        let bytes: Vec<u8> =
            bits.as_bytes().chunks_exact(8).map(|b| b.iter().fold(0, |a, b| a << 1 | (b - b'0'))).collect();
        assert!(decoder.decode(&bytes, &mut sound).is_err());
        assert!(sound.is_empty());
    }
}
