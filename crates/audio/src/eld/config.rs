//! The AudioSpecificConfig of object type 39. Source: ISO/IEC 14496-3 §1.6.2.1 and §4.6.20 (ELDSpecificConfig).
use super::bits::Reader;

/// Object type of AAC-ELD.
const OBJECT_ELD: u32 = 39;
/// Sampling frequencies by their index. Source: §1.6.3.4.
const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
/// Index that says that the frequency follows in 24 bits.
const RATE_FOLLOWS: u32 = 15;

/// Samples of one channel in a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FrameLength {
    /// 480: whole milliseconds at most rates, what devices use.
    L480,
    /// 512.
    L512,
}

impl FrameLength {
    /// The length as a number.
    pub(crate) const fn samples(self) -> usize {
        match self {
            FrameLength::L480 => 480,
            FrameLength::L512 => 512,
        }
    }

    /// The length that has so many samples.
    pub(crate) const fn of(samples: usize) -> Option<Self> {
        match samples {
            480 => Some(FrameLength::L480),
            512 => Some(FrameLength::L512),
            _ => None,
        }
    }
}

/// What a stream is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Config {
    /// Samples a second.
    pub(crate) rate: u32,
    /// 1 or 2.
    pub(crate) channels: u8,
    pub(crate) length: FrameLength,
}

impl Config {
    /// Whether the bytes are a config of AAC-ELD at all.
    pub(crate) fn is_eld(config: &[u8]) -> bool {
        object_type(&mut Reader::new(config)) == Ok(OBJECT_ELD)
    }

    /// Reads a config; the error says what nobody here decodes.
    pub(crate) fn parse(config: &[u8]) -> Result<Self, &'static str> {
        let mut reader = Reader::new(config);
        if object_type(&mut reader)? != OBJECT_ELD {
            return Err("its AudioSpecificConfig is not of AAC-ELD");
        }
        let index = reader.bits(4)?;
        let rate = match index {
            RATE_FOLLOWS => reader.bits(24)?,
            _ => *RATES.get(index as usize).ok_or("its AudioSpecificConfig has a reserved rate")?,
        };
        let channels = match reader.bits(4)? {
            channels @ (1 | 2) => channels as u8,
            _ => return Err("AAC-ELD is decoded in one or two channels only"),
        };
        let length = if reader.flag()? { FrameLength::L480 } else { FrameLength::L512 };
        if reader.bits(3)? != 0 {
            return Err("AAC-ELD with error-resilient sections, scalefactors or spectra is not decoded");
        }
        if reader.flag()? {
            return Err("AAC-ELD with low-delay SBR is not decoded: have the sender turn it off");
        }
        skip_extensions(&mut reader)?;
        if reader.bits(2)? > 1 {
            return Err("AAC-ELD with error protection (epConfig 2 or 3) is not decoded");
        }
        Ok(Self { rate, channels, length })
    }

    /// The four bytes that say the same. `None`: it has two channels, or a rate without an index.
    pub(crate) const fn bytes(&self) -> Option<&'static [u8]> {
        match (index_of(self.rate), self.length) {
            (Some(index), FrameLength::L480) if self.channels == 1 => Some(&MONO[index][1]),
            (Some(index), FrameLength::L512) if self.channels == 1 => Some(&MONO[index][0]),
            _ => None,
        }
    }

    /// Whether the rate has an index.
    pub(crate) const fn has_rate(rate: u32) -> bool {
        index_of(rate).is_some()
    }

    /// The sampling frequency index, or that of the nearest frequency.
    pub(crate) fn rate_index(&self) -> u8 {
        let nearest = (0u8..).zip(RATES).min_by_key(|(_, rate)| rate.abs_diff(self.rate));
        nearest.map_or(0, |(index, _)| index)
    }
}

const fn index_of(rate: u32) -> Option<usize> {
    let mut index = 0;
    while index < RATES.len() {
        if RATES[index] == rate {
            return Some(index);
        }
        index += 1;
    }
    None
}

/// The configs of one channel, without any tool: by rate, and by length (512, 480).
static MONO: [[[u8; 4]; 2]; RATES.len()] = {
    let mut all = [[[0; 4]; 2]; RATES.len()];
    let mut index = 0;
    while index < RATES.len() {
        // 11111 000111 iiii 0001 L 000 0 0000 00
        let rate = 0xe0 | (index as u8) << 1;
        all[index] = [[0xf8, rate, 0x20, 0], [0xf8, rate, 0x30, 0]];
        index += 1;
    }
    all
};

fn object_type(reader: &mut Reader<'_>) -> Result<u32, &'static str> {
    match reader.bits(5)? {
        31 => Ok(32 + reader.bits(6)?),
        object => Ok(object),
    }
}

/// Extensions that a decoder need not know, up to the terminator.
fn skip_extensions(reader: &mut Reader<'_>) -> Result<(), &'static str> {
    while reader.bits(4)? != 0 {
        let mut length = reader.bits(4)?;
        if length == 15 {
            let more = reader.bits(8)?;
            length += more;
            if more == 255 {
                length += reader.bits(16)?;
            }
        }
        for _ in 0..length {
            reader.bits(8)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_config_that_homekit_cameras_use_is_read_and_written() {
        let homekit = [0xf8, 0xf0, 0x30, 0x00];
        let found = Config::parse(&homekit).unwrap();
        assert_eq!(found, Config { rate: 16_000, channels: 1, length: FrameLength::L480 });
        assert_eq!(found.bytes(), Some(homekit.as_slice()));
        assert_eq!(Config { rate: 10_000, ..found }.bytes(), None);
        assert_eq!(Config { channels: 2, ..found }.bytes(), None);
        for rate in RATES {
            for length in [FrameLength::L480, FrameLength::L512] {
                let config = Config { rate, channels: 1, length };
                assert_eq!(Config::parse(config.bytes().unwrap()), Ok(config));
            }
        }
    }

    #[test]
    fn what_is_not_decoded_is_refused_by_name() {
        for (config, word) in [
            ([0xf8, 0xf0, 0x38, 0x00, 0x00], "error-resilient"),
            ([0xf8, 0xf0, 0x31, 0x00, 0x00], "low-delay SBR"),
            ([0xf8, 0xf0, 0x70, 0x00, 0x00], "one or two channels"),
            ([0xf8, 0xf0, 0x30, 0x08, 0x00], "epConfig"),
            ([0xf8, 0xfa, 0x30, 0x00, 0x00], "reserved rate"),
            ([0x14, 0x08, 0x00, 0x00, 0x00], "not of AAC-ELD"),
        ] {
            let error = Config::parse(&config).unwrap_err();
            assert!(error.contains(word), "{config:x?}: {error}");
        }
        assert!(Config::parse(&[0xf8, 0xf0]).is_err());
        assert!(!Config::is_eld(&[0x14, 0x08]) && !Config::is_eld(&[]));
    }

    #[test]
    fn a_rate_of_its_own_and_an_unknown_extension_are_read() {
        // Index 15 and 24 bits of 16,000; then an extension of one byte.
        let bits =
            "11111 000111 1111 000000000011111010000000 0001 1 000 0 0101 0001 10101010 0000 00 0000000";
        let bits: Vec<u8> = bits.bytes().filter(|b| *b != b' ').map(|b| b - b'0').collect();
        let bytes: Vec<u8> = bits.chunks_exact(8).map(|b| b.iter().fold(0, |a, b| a << 1 | b)).collect();
        let found = Config::parse(&bytes).unwrap();
        assert_eq!((found.rate, found.length, found.rate_index()), (16_000, FrameLength::L480, 8));
    }
}
