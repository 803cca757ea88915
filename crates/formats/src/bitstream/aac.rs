//! AAC: AudioSpecificConfig and ADTS.
//!
//! Source: ISO/IEC 14496-3 §1.6.2.1, §4.4.1, §1.A.2 (ADTS).
pub mod adts;
pub mod latm;

use super::BitstreamError;
use super::bits::{BitReader, BitWriter};
use bytes::Bytes;

const WHAT: &str = "AudioSpecificConfig";

/// Sampling rates by index. Source: table 1.18.
const SAMPLE_RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// Index that says: the rate follows in 24 bits.
const RATE_EXPLICIT: u32 = 15;

/// AAC Main.
pub const OBJECT_MAIN: u8 = 1;
/// AAC Low Complexity.
pub const OBJECT_LC: u8 = 2;
/// Spectral band replication: HE-AAC.
pub const OBJECT_SBR: u8 = 5;
/// Parametric stereo: HE-AAC v2.
pub const OBJECT_PS: u8 = 29;
/// AAC Low Delay.
pub const OBJECT_LD: u8 = 23;
/// AAC Enhanced Low Delay.
pub const OBJECT_ELD: u8 = 39;

/// AudioSpecificConfig, as far as it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioSpecificConfig {
    /// Audio object type of the core: 2 for LC, also in HE-AAC.
    pub object_type: u8,
    /// Sampling rate of the core.
    pub sample_rate: u32,
    /// Channels of the core; 0 when a program config element says so and could not be read.
    pub channels: u8,
    /// HE-AAC: the sampling rate after spectral band replication, usually twice the core's.
    pub sbr_sample_rate: Option<u32>,
    /// HE-AAC v2: a mono core that becomes stereo.
    pub parametric_stereo: bool,
    /// Samples of a frame of the core: 1024, or 960; 512 or 480 with low delay.
    pub frame_samples: u16,
}

impl AudioSpecificConfig {
    /// AAC-LC with 1024 samples a frame.
    pub const fn lc(sample_rate: u32, channels: u8) -> Self {
        Self {
            object_type: OBJECT_LC,
            sample_rate,
            channels,
            sbr_sample_rate: None,
            parametric_stereo: false,
            frame_samples: 1024,
        }
    }

    /// Samples a second that a decoder puts out.
    pub const fn output_rate(&self) -> u32 {
        match self.sbr_sample_rate {
            Some(rate) => rate,
            None => self.sample_rate,
        }
    }

    /// Channels that a decoder puts out.
    pub const fn output_channels(&self) -> u8 {
        if self.parametric_stereo { 2 } else { self.channels }
    }

    /// The object type to announce, as in `mp4a.40.2`: 5 and 29 for HE-AAC and its second version.
    pub const fn announced_object_type(&self) -> u8 {
        match (self.sbr_sample_rate, self.parametric_stereo) {
            (Some(_), true) => OBJECT_PS,
            (Some(_), false) => OBJECT_SBR,
            (None, _) => self.object_type,
        }
    }

    /// Reads a config. SBR is found where it is signalled, explicitly or in the backward compatible extension.
    pub fn parse(data: &[u8]) -> Result<Self, BitstreamError> {
        let mut reader = BitReader::new(WHAT, data);
        Self::read(&mut reader)
    }

    /// Reads a config that ends somewhere: SBR may be signalled behind it.
    fn read(reader: &mut BitReader<'_>) -> Result<Self, BitstreamError> {
        let (mut config, announced, channel_config) = Self::read_head(reader)?;
        // Cut off after the channels: seen in SDP; the rest has its usual values.
        let short_frame = reader.flag().unwrap_or(false);
        config.set_frame_samples(short_frame);
        // What follows is only understood for the object types of general audio coding.
        if matches!(config.object_type, 1..=4) && config.read_general_audio(reader, channel_config).is_ok() {
            let _ = config.read_extension(reader, announced);
        }
        Ok(config)
    }

    /// Reads a config that something else follows at once, as in LATM: the reader stands behind it afterwards. Only
    /// general audio coding has an end that is known here.
    fn read_exact(reader: &mut BitReader<'_>) -> Result<Self, BitstreamError> {
        let (mut config, _, channel_config) = Self::read_head(reader)?;
        if !matches!(config.object_type, 1..=4) {
            return Err(reader.invalid("audioObjectType", config.object_type.into()));
        }
        if channel_config == 0 {
            return Err(reader.invalid("channelConfiguration", 0));
        }
        let short_frame = reader.flag()?;
        config.set_frame_samples(short_frame);
        config.read_general_audio(reader, channel_config)?;
        Ok(config)
    }

    /// What precedes the part of the object type; also the object type announced and the channel configuration.
    fn read_head(reader: &mut BitReader<'_>) -> Result<(Self, u8, u8), BitstreamError> {
        let announced = object_type(reader)?;
        let sample_rate = sample_rate(reader)?;
        let channel_config = reader.byte(4)?;
        let mut config = Self::lc(sample_rate, channels_of(channel_config));
        config.object_type = announced;
        if matches!(announced, OBJECT_SBR | OBJECT_PS) {
            config.sbr_sample_rate = Some(self::sample_rate(reader)?);
            config.parametric_stereo = announced == OBJECT_PS;
            config.object_type = object_type(reader)?;
        }
        Ok((config, announced, channel_config))
    }

    fn set_frame_samples(&mut self, short_frame: bool) {
        let low_delay = matches!(self.object_type, OBJECT_LD | OBJECT_ELD);
        self.frame_samples = match (low_delay, short_frame) {
            (false, false) => 1024,
            (false, true) => 960,
            (true, false) => 512,
            (true, true) => 480,
        };
    }

    fn read_general_audio(
        &mut self,
        reader: &mut BitReader<'_>,
        channel_config: u8,
    ) -> Result<(), BitstreamError> {
        if reader.flag()? {
            reader.skip(14)?; // coreCoderDelay
        }
        reader.flag()?; // extensionFlag, which is 0 for these object types
        if channel_config == 0 {
            self.channels = program_channels(reader)?;
        }
        Ok(())
    }

    fn read_extension(&mut self, reader: &mut BitReader<'_>, announced: u8) -> Result<(), BitstreamError> {
        const SYNC_SBR: u32 = 0x2b7;
        const SYNC_PS: u32 = 0x548;
        if announced == OBJECT_SBR || announced == OBJECT_PS || reader.remaining() < 17 {
            return Ok(());
        }
        if reader.bits(11)? != SYNC_SBR || object_type(reader)? != OBJECT_SBR || !reader.flag()? {
            return Ok(());
        }
        self.sbr_sample_rate = Some(sample_rate(reader)?);
        if reader.remaining() >= 12 && reader.bits(11)? == SYNC_PS {
            self.parametric_stereo = reader.flag()?;
        }
        Ok(())
    }

    /// Builds the config; SBR and parametric stereo are signalled explicitly.
    pub fn build(&self) -> Bytes {
        let mut writer = BitWriter::default();
        let announced = self.announced_object_type();
        put_object_type(&mut writer, announced);
        put_sample_rate(&mut writer, self.sample_rate);
        writer.put(4, u32::from(config_of(self.channels)));
        if let Some(rate) = self.sbr_sample_rate {
            put_sample_rate(&mut writer, rate);
            put_object_type(&mut writer, self.object_type);
        }
        writer.put(1, u32::from(matches!(self.frame_samples, 960 | 480)));
        writer.put(2, 0); // no core coder, no extension
        Bytes::from(writer.finish())
    }
}

fn object_type(reader: &mut BitReader<'_>) -> Result<u8, BitstreamError> {
    let kind = reader.byte(5)?;
    if kind == 31 { Ok(32 + reader.byte(6)?) } else { Ok(kind) }
}

fn put_object_type(writer: &mut BitWriter, kind: u8) {
    if kind < 31 {
        writer.put(5, u32::from(kind));
    } else {
        writer.put(5, 31);
        writer.put(6, u32::from(kind - 32));
    }
}

fn sample_rate(reader: &mut BitReader<'_>) -> Result<u32, BitstreamError> {
    let index = reader.bits(4)?;
    let rate = if index == RATE_EXPLICIT { reader.bits(24)? } else { rate_of(index as u8).unwrap_or(0) };
    if rate == 0 { Err(reader.invalid("samplingFrequency", u64::from(index))) } else { Ok(rate) }
}

fn put_sample_rate(writer: &mut BitWriter, rate: u32) {
    match index_of(rate) {
        Some(index) => writer.put(4, u32::from(index)),
        None => {
            writer.put(4, RATE_EXPLICIT);
            writer.put(24, rate);
        }
    }
}

fn rate_of(index: u8) -> Option<u32> {
    SAMPLE_RATES.get(usize::from(index)).copied()
}

fn index_of(rate: u32) -> Option<u8> {
    SAMPLE_RATES.iter().position(|&known| known == rate).map(|index| index as u8)
}

/// Source: table 1.19.
fn channels_of(config: u8) -> u8 {
    match config {
        1..=6 => config,
        11 => 7,
        7 | 12 | 14 => 8,
        0..=255 => 0,
    }
}

fn config_of(channels: u8) -> u8 {
    match channels {
        1..=6 => channels,
        7 => 11,
        8 => 7,
        0..=255 => 0,
    }
}

/// Counts the channels of a program config element. Source: §4.4.1.1.
fn program_channels(reader: &mut BitReader<'_>) -> Result<u8, BitstreamError> {
    reader.skip(10)?; // element_instance_tag, object_type, sampling_frequency_index
    let (front, side, back) = (reader.bits(4)?, reader.bits(4)?, reader.bits(4)?);
    let (lfe, data, coupling) = (reader.byte(2)?, reader.bits(3)?, reader.bits(4)?);
    for bits in [4, 4, 3] {
        if reader.flag()? {
            reader.skip(bits)?; // mono, stereo and matrix mixdown
        }
    }
    let mut channels = lfe;
    for _ in 0..front + side + back {
        channels += if reader.flag()? { 2 } else { 1 };
        reader.skip(4)?;
    }
    reader.skip(4 * usize::from(lfe) + 4 * data as usize + 5 * coupling as usize)?;
    Ok(channels)
}

#[cfg(test)]
mod tests;
