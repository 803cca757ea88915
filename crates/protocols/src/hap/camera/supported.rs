//! What a camera can do: `SupportedRTPConfiguration` and `SupportedVideoStreamConfiguration`.
//!
//! What is read and unknown to us (other codecs, profiles, suites) is left out: a controller cannot choose it.
use super::{SEPARATOR, one_of, push_list, required};
use crate::hap::tlv8::{Tlv8, Tlv8Error, uint};

/// How RTP is enciphered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CryptoSuite {
    /// AES_CM_128_HMAC_SHA1_80: what all cameras and controllers have.
    AesCm128,
    /// AES_CM_256_HMAC_SHA1_80.
    AesCm256,
    /// Not at all.
    None,
}

impl CryptoSuite {
    pub(super) const ALL: [Self; 3] = [Self::AesCm128, Self::AesCm256, Self::None];

    /// Length of key and salt.
    pub const fn key_and_salt_bytes(self) -> (usize, usize) {
        match self {
            Self::AesCm128 => (16, 14),
            Self::AesCm256 => (32, 14),
            Self::None => (0, 0),
        }
    }
}

/// `SupportedRTPConfiguration`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SupportedRtp {
    /// The best first.
    pub suites: Vec<CryptoSuite>,
}

impl SupportedRtp {
    const SUITE: u8 = 2;

    /// As a characteristic's value.
    pub fn to_base64(&self) -> String {
        let mut items = Tlv8::new();
        push_list(&mut items, Self::SUITE, self.suites.iter().map(|suite| vec![*suite as u8]));
        items.to_base64()
    }

    /// Reads a characteristic's value.
    ///
    /// # Errors
    /// It is none.
    pub fn from_base64(text: &str) -> Result<Self, Tlv8Error> {
        Ok(Self { suites: known(&Tlv8::from_base64(text)?, Self::SUITE, &CryptoSuite::ALL)? })
    }
}

/// A profile of H.264, the only codec of video there is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum H264Profile {
    /// Constrained Baseline.
    Baseline,
    /// Main.
    Main,
    /// High.
    High,
}

impl H264Profile {
    pub(super) const ALL: [Self; 3] = [Self::Baseline, Self::Main, Self::High];
}

/// A level of H.264.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum H264Level {
    /// 3.1
    L31,
    /// 3.2
    L32,
    /// 4.0
    L40,
}

impl H264Level {
    pub(super) const ALL: [Self; 3] = [Self::L31, Self::L32, Self::L40];
}

/// Size and rate of pictures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VideoAttributes {
    /// In pixels.
    pub width: u16,
    /// In pixels.
    pub height: u16,
    /// Frames a second.
    pub fps: u8,
}

impl VideoAttributes {
    const WIDTH: u8 = 1;
    const HEIGHT: u8 = 2;
    const FPS: u8 = 3;

    pub(super) fn to_bytes(self) -> Vec<u8> {
        let items = Tlv8::new()
            .with(Self::WIDTH, self.width.to_le_bytes())
            .with(Self::HEIGHT, self.height.to_le_bytes());
        items.with(Self::FPS, [self.fps]).to_bytes()
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Tlv8Error> {
        let items = Tlv8::parse(bytes)?;
        let (width, height) = (required(&items, Self::WIDTH)?, required(&items, Self::HEIGHT)?);
        Ok(Self { width, height, fps: required(&items, Self::FPS)? })
    }
}

/// What one codec of video can do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VideoConfiguration {
    /// Its profiles.
    pub profiles: Vec<H264Profile>,
    /// Its levels.
    pub levels: Vec<H264Level>,
    /// Its pictures, the best first.
    pub attributes: Vec<VideoAttributes>,
}

/// `SupportedVideoStreamConfiguration`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SupportedVideo {
    /// H.264, once or more.
    pub configurations: Vec<VideoConfiguration>,
}

impl SupportedVideo {
    const CONFIGURATION: u8 = 1;
    const CODEC: u8 = 1;
    const PARAMETERS: u8 = 2;
    const ATTRIBUTES: u8 = 3;
    const PROFILE: u8 = 1;
    const LEVEL: u8 = 2;
    const PACKETISATION: u8 = 3;
    const H264: u8 = 0;
    const NON_INTERLEAVED: u8 = 0;

    /// As a characteristic's value.
    pub fn to_base64(&self) -> String {
        let configuration = |of: &VideoConfiguration| {
            let mut parameters = Tlv8::new();
            push_list(&mut parameters, Self::PROFILE, of.profiles.iter().map(|profile| vec![*profile as u8]));
            push_list(&mut parameters, Self::LEVEL, of.levels.iter().map(|level| vec![*level as u8]));
            parameters.push(Self::PACKETISATION, [Self::NON_INTERLEAVED]);
            let mut items =
                Tlv8::new().with(Self::CODEC, [Self::H264]).with(Self::PARAMETERS, parameters.to_bytes());
            push_list(
                &mut items,
                Self::ATTRIBUTES,
                of.attributes.iter().map(|attributes| attributes.to_bytes()),
            );
            items.to_bytes()
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
            if required::<u8>(&items, Self::CODEC)? != Self::H264 {
                continue;
            }
            let parameters = items.nested(Self::PARAMETERS)?;
            configurations.push(VideoConfiguration {
                profiles: known(&parameters, Self::PROFILE, &H264Profile::ALL)?,
                levels: known(&parameters, Self::LEVEL, &H264Level::ALL)?,
                attributes: items
                    .all(Self::ATTRIBUTES)
                    .map(VideoAttributes::parse)
                    .collect::<Result<_, _>>()?,
            });
        }
        Ok(Self { configurations })
    }
}

/// Those values of a list that have a meaning.
pub(super) fn known<T: Copy>(items: &Tlv8, kind: u8, all: &[T]) -> Result<Vec<T>, Tlv8Error> {
    debug_assert_ne!(kind, SEPARATOR, "a list of separators");
    let mut found = Vec::new();
    for value in items.all(kind) {
        found.extend(one_of(kind, uint(kind, value)?, all).ok());
    }
    Ok(found)
}
