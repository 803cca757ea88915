//! Pictures of recordings.
use crate::hap::camera::supported::known;
use crate::hap::camera::{
    H264Level, H264Profile, VideoAttributes, VideoConfiguration, one_of, push_list, required,
};
use crate::hap::tlv8::{Tlv8, Tlv8Error};

const CODEC: u8 = 1;
const PARAMETERS: u8 = 2;
const ATTRIBUTES: u8 = 3;
const PROFILE: u8 = 1;
const LEVEL: u8 = 2;
const KBITS: u8 = 3;
const KEY_FRAME_MS: u8 = 4;
const H264: u8 = 0;

/// `SupportedVideoRecordingConfiguration`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SupportedRecordingVideo {
    /// H.264, once or more.
    pub configurations: Vec<VideoConfiguration>,
}

impl SupportedRecordingVideo {
    const CONFIGURATION: u8 = 1;

    /// As a characteristic's value.
    pub fn to_base64(&self) -> String {
        let configuration = |of: &VideoConfiguration| {
            let mut parameters = Tlv8::new();
            push_list(&mut parameters, PROFILE, of.profiles.iter().map(|profile| vec![*profile as u8]));
            push_list(&mut parameters, LEVEL, of.levels.iter().map(|level| vec![*level as u8]));
            let mut items = Tlv8::new().with(CODEC, [H264]).with(PARAMETERS, parameters.to_bytes());
            push_list(&mut items, ATTRIBUTES, of.attributes.iter().map(|attributes| attributes.to_bytes()));
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
            if required::<u8>(&items, CODEC)? != H264 {
                continue;
            }
            let parameters = items.nested(PARAMETERS)?;
            configurations.push(VideoConfiguration {
                profiles: known(&parameters, PROFILE, &H264Profile::ALL)?,
                levels: known(&parameters, LEVEL, &H264Level::ALL)?,
                attributes: items.all(ATTRIBUTES).map(VideoAttributes::parse).collect::<Result<_, _>>()?,
            });
        }
        Ok(Self { configurations })
    }
}

/// The pictures that were chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SelectedRecordingVideo {
    /// Their profile.
    pub profile: H264Profile,
    /// Their level.
    pub level: H264Level,
    /// Their bit rate, in kbit/s.
    pub kbits: u32,
    /// From one key frame to the next, in ms.
    pub key_frame_ms: u32,
    /// Their size and rate.
    pub attributes: VideoAttributes,
}

impl SelectedRecordingVideo {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let parameters = Tlv8::new()
            .with(PROFILE, [self.profile as u8])
            .with(LEVEL, [self.level as u8])
            .with(KBITS, self.kbits.to_le_bytes())
            .with(KEY_FRAME_MS, self.key_frame_ms.to_le_bytes());
        let items = Tlv8::new().with(CODEC, [H264]).with(PARAMETERS, parameters.to_bytes());
        items.with(ATTRIBUTES, self.attributes.to_bytes()).to_bytes()
    }

    pub(super) fn parse(items: &Tlv8) -> Result<Self, Tlv8Error> {
        one_of(CODEC, required(items, CODEC)?, &[H264])?;
        let parameters = items.nested(PARAMETERS)?;
        Ok(Self {
            profile: one_of(PROFILE, required(&parameters, PROFILE)?, &H264Profile::ALL)?,
            level: one_of(LEVEL, required(&parameters, LEVEL)?, &H264Level::ALL)?,
            kbits: required(&parameters, KBITS)?,
            key_frame_ms: required(&parameters, KEY_FRAME_MS)?,
            attributes: VideoAttributes::parse(items.required(ATTRIBUTES)?)?,
        })
    }
}
