//! The sound that a camera can send and take: `SupportedAudioStreamConfiguration`, and the part of it that is chosen.
use super::{one_of, push_list, required};
use crate::hap::tlv8::{Tlv8, Tlv8Error};

/// A codec of sound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AudioCodec {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// AAC-ELD.
    AacEld,
    /// Opus.
    Opus,
    /// mSBC.
    Msbc,
    /// AMR.
    Amr,
    /// AMR-WB.
    AmrWb,
}

impl AudioCodec {
    const ALL: [Self; 7] =
        [Self::Pcmu, Self::Pcma, Self::AacEld, Self::Opus, Self::Msbc, Self::Amr, Self::AmrWb];
}

/// A sample rate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SampleRate {
    /// 8 kHz
    Khz8,
    /// 16 kHz
    Khz16,
    /// 24 kHz
    Khz24,
}

impl SampleRate {
    const ALL: [Self; 3] = [Self::Khz8, Self::Khz16, Self::Khz24];

    /// In Hz.
    pub const fn hz(self) -> u32 {
        match self {
            Self::Khz8 => 8_000,
            Self::Khz16 => 16_000,
            Self::Khz24 => 24_000,
        }
    }
}

/// What one codec of sound can do, or does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AudioConfiguration {
    /// Which.
    pub codec: AudioCodec,
    /// How many channels.
    pub channels: u8,
    /// Whether its bit rate is constant.
    pub constant_bitrate: bool,
    /// Its sample rate.
    pub rate: SampleRate,
    /// How long a packet lasts; a controller chooses it.
    pub packet_ms: Option<u8>,
}

impl AudioConfiguration {
    const CODEC: u8 = 1;
    const PARAMETERS: u8 = 2;
    const CHANNELS: u8 = 1;
    const BITRATE: u8 = 2;
    const RATE: u8 = 3;
    const PACKET_MS: u8 = 4;

    pub(super) fn push_to(self, items: &mut Tlv8) {
        let mut parameters = Tlv8::new().with(Self::CHANNELS, [self.channels]);
        parameters.push(Self::BITRATE, [u8::from(self.constant_bitrate)]);
        parameters.push(Self::RATE, [self.rate as u8]);
        if let Some(packet_ms) = self.packet_ms {
            parameters.push(Self::PACKET_MS, [packet_ms]);
        }
        items.push(Self::CODEC, [self.codec as u8]);
        items.push(Self::PARAMETERS, parameters.to_bytes());
    }

    pub(super) fn parse(items: &Tlv8) -> Result<Self, Tlv8Error> {
        let parameters = items.nested(Self::PARAMETERS)?;
        let packet_ms = parameters.uint(Self::PACKET_MS)?.map(|_| required(&parameters, Self::PACKET_MS));
        Ok(Self {
            codec: one_of(Self::CODEC, required(items, Self::CODEC)?, &AudioCodec::ALL)?,
            channels: required(&parameters, Self::CHANNELS)?,
            constant_bitrate: required::<u8>(&parameters, Self::BITRATE)? != 0,
            rate: one_of(Self::RATE, required(&parameters, Self::RATE)?, &SampleRate::ALL)?,
            packet_ms: packet_ms.transpose()?,
        })
    }
}

/// `SupportedAudioStreamConfiguration`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SupportedAudio {
    /// The best first.
    pub configurations: Vec<AudioConfiguration>,
    /// Whether it can send comfort noise.
    pub comfort_noise: bool,
}

impl SupportedAudio {
    const CONFIGURATION: u8 = 1;
    const COMFORT_NOISE: u8 = 2;

    /// As a characteristic's value.
    pub fn to_base64(&self) -> String {
        let configuration = |of: &AudioConfiguration| {
            let mut items = Tlv8::new();
            of.push_to(&mut items);
            items.to_bytes()
        };
        let mut items = Tlv8::new();
        push_list(&mut items, Self::CONFIGURATION, self.configurations.iter().map(configuration));
        items.with(Self::COMFORT_NOISE, [u8::from(self.comfort_noise)]).to_base64()
    }

    /// Reads a characteristic's value.
    ///
    /// # Errors
    /// It is none.
    pub fn from_base64(text: &str) -> Result<Self, Tlv8Error> {
        let items = Tlv8::from_base64(text)?;
        let mut configurations = Vec::new();
        for bytes in items.all(Self::CONFIGURATION) {
            match AudioConfiguration::parse(&Tlv8::parse(bytes)?) {
                Ok(configuration) => configurations.push(configuration),
                // a codec or a rate that is none of those above
                Err(Tlv8Error::Value { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let comfort_noise = items.uint(Self::COMFORT_NOISE)?.is_some_and(|number| number != 0);
        Ok(Self { configurations, comfort_noise })
    }
}
