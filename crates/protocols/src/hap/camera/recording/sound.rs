//! Sound of recordings.
use crate::hap::camera::supported::known;
use crate::hap::camera::{one_of, push_list, required};
use crate::hap::tlv8::{Tlv8, Tlv8Error};

const CODEC: u8 = 1;
const PARAMETERS: u8 = 2;
const CHANNELS: u8 = 1;
const BITRATE_MODE: u8 = 2;
const RATE: u8 = 3;
const KBITS: u8 = 4;

/// A codec of recorded sound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecordingAudioCodec {
    /// AAC-LC.
    AacLc,
    /// AAC-ELD.
    AacEld,
}

impl RecordingAudioCodec {
    const ALL: [Self; 2] = [Self::AacLc, Self::AacEld];
}

/// A sample rate of recorded sound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecordingRate {
    /// 8 kHz
    Khz8,
    /// 16 kHz
    Khz16,
    /// 24 kHz
    Khz24,
    /// 32 kHz
    Khz32,
    /// 44.1 kHz
    Khz44,
    /// 48 kHz
    Khz48,
}

impl RecordingRate {
    /// The lowest first.
    pub const ALL: [Self; 6] = [Self::Khz8, Self::Khz16, Self::Khz24, Self::Khz32, Self::Khz44, Self::Khz48];

    /// In Hz.
    pub const fn hz(self) -> u32 {
        match self {
            Self::Khz8 => 8_000,
            Self::Khz16 => 16_000,
            Self::Khz24 => 24_000,
            Self::Khz32 => 32_000,
            Self::Khz44 => 44_100,
            Self::Khz48 => 48_000,
        }
    }
}

/// What one codec can do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordingAudio {
    /// Which.
    pub codec: RecordingAudioCodec,
    /// How many channels.
    pub channels: u8,
    /// Whether its bit rate is constant.
    pub constant_bitrate: bool,
    /// Its sample rates.
    pub rates: Vec<RecordingRate>,
}

/// `SupportedAudioRecordingConfiguration`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SupportedRecordingAudio {
    /// The best first.
    pub configurations: Vec<RecordingAudio>,
}

impl SupportedRecordingAudio {
    const CONFIGURATION: u8 = 1;

    /// As a characteristic's value.
    pub fn to_base64(&self) -> String {
        let configuration = |of: &RecordingAudio| {
            let mut parameters = Tlv8::new().with(CHANNELS, [of.channels]);
            parameters.push(BITRATE_MODE, [u8::from(of.constant_bitrate)]);
            push_list(&mut parameters, RATE, of.rates.iter().map(|rate| vec![*rate as u8]));
            Tlv8::new().with(CODEC, [of.codec as u8]).with(PARAMETERS, parameters.to_bytes()).to_bytes()
        };
        let mut items = Tlv8::new();
        push_list(&mut items, Self::CONFIGURATION, self.configurations.iter().map(configuration));
        items.to_base64()
    }

    /// Reads a characteristic's value.
    ///
    /// # Errors
    /// It is none.
    pub fn from_base64(text: &str) -> Result<Self, Tlv8Error> {
        let mut configurations = Vec::new();
        for bytes in Tlv8::from_base64(text)?.all(Self::CONFIGURATION) {
            let items = Tlv8::parse(bytes)?;
            let Ok(codec) = one_of(CODEC, required(&items, CODEC)?, &RecordingAudioCodec::ALL) else {
                continue;
            };
            let parameters = items.nested(PARAMETERS)?;
            configurations.push(RecordingAudio {
                codec,
                channels: required(&parameters, CHANNELS)?,
                constant_bitrate: required::<u8>(&parameters, BITRATE_MODE)? != 0,
                rates: known(&parameters, RATE, &RecordingRate::ALL)?,
            });
        }
        Ok(Self { configurations })
    }
}

/// The sound that was chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SelectedRecordingAudio {
    /// Its codec.
    pub codec: RecordingAudioCodec,
    /// How many channels.
    pub channels: u8,
    /// Whether its bit rate is constant.
    pub constant_bitrate: bool,
    /// Its sample rate.
    pub rate: RecordingRate,
    /// Its highest bit rate, in kbit/s.
    pub kbits_max: u32,
}

impl SelectedRecordingAudio {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let parameters = Tlv8::new()
            .with(CHANNELS, [self.channels])
            .with(BITRATE_MODE, [u8::from(self.constant_bitrate)])
            .with(RATE, [self.rate as u8])
            .with(KBITS, self.kbits_max.to_le_bytes());
        Tlv8::new().with(CODEC, [self.codec as u8]).with(PARAMETERS, parameters.to_bytes()).to_bytes()
    }

    pub(super) fn parse(items: &Tlv8) -> Result<Self, Tlv8Error> {
        let parameters = items.nested(PARAMETERS)?;
        Ok(Self {
            codec: one_of(CODEC, required(items, CODEC)?, &RecordingAudioCodec::ALL)?,
            channels: required(&parameters, CHANNELS)?,
            constant_bitrate: required::<u8>(&parameters, BITRATE_MODE)? != 0,
            rate: one_of(RATE, required(&parameters, RATE)?, &RecordingRate::ALL)?,
            kbits_max: required(&parameters, KBITS)?,
        })
    }
}
