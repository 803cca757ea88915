//! Secure Video: what a camera can record, and what a hub has chosen of it. Values of `CameraRecordingManagement`, both ways.
//!
//! Source: hap-nodejs 1.2.0 (`RecordingManagement`), which Apple's hubs record with. Recordings are fragmented MP4; they begin the
//! prebuffer before what happens, and each fragment begins with a key frame. What is read and unknown to us is left out.
mod sound;
mod video;

pub use sound::{
    RecordingAudio, RecordingAudioCodec, RecordingRate, SelectedRecordingAudio, SupportedRecordingAudio,
};
pub use video::{SelectedRecordingVideo, SupportedRecordingVideo};

use super::{push_list, required};
use crate::hap::tlv8::{Tlv8, Tlv8Error};

/// What may begin a recording, as bits.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Triggers(pub u64);

impl Triggers {
    /// Something moves.
    pub const MOTION: Self = Self(1);
    /// Somebody rings. Hubs do not choose it so far.
    pub const DOORBELL: Self = Self(2);

    /// Both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Prebuffer, triggers and length of fragments: what is supported (several lengths) and what is chosen (one) have one form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordingTimes {
    /// How long before what happens a recording begins, at least. In ms.
    pub prebuffer_ms: u32,
    /// What begins one.
    pub triggers: Triggers,
    /// How long a fragment is, in ms.
    pub fragments_ms: Vec<u32>,
}

impl RecordingTimes {
    const PREBUFFER: u8 = 1;
    const TRIGGERS: u8 = 2;
    const CONTAINER: u8 = 3;
    const KIND: u8 = 1;
    const PARAMETERS: u8 = 2;
    const FRAGMENT: u8 = 1;
    const FRAGMENTED_MP4: u8 = 0;

    fn to_tlv8(&self) -> Tlv8 {
        let container = |fragment_ms: &u32| {
            let parameters = Tlv8::new().with(Self::FRAGMENT, fragment_ms.to_le_bytes());
            let items = Tlv8::new().with(Self::KIND, [Self::FRAGMENTED_MP4]);
            items.with(Self::PARAMETERS, parameters.to_bytes()).to_bytes()
        };
        let mut items = Tlv8::new()
            .with(Self::PREBUFFER, self.prebuffer_ms.to_le_bytes())
            .with(Self::TRIGGERS, self.triggers.0.to_le_bytes());
        push_list(&mut items, Self::CONTAINER, self.fragments_ms.iter().map(container));
        items
    }

    fn parse(items: &Tlv8) -> Result<Self, Tlv8Error> {
        let mut fragments_ms = Vec::new();
        for bytes in items.all(Self::CONTAINER) {
            let container = Tlv8::parse(bytes)?;
            if required::<u8>(&container, Self::KIND)? == Self::FRAGMENTED_MP4 {
                fragments_ms.push(required(&container.nested(Self::PARAMETERS)?, Self::FRAGMENT)?);
            }
        }
        let triggers = Triggers(required(items, Self::TRIGGERS)?);
        Ok(Self { prebuffer_ms: required(items, Self::PREBUFFER)?, triggers, fragments_ms })
    }

    /// As the value of `SupportedCameraRecordingConfiguration`.
    pub fn to_base64(&self) -> String {
        self.to_tlv8().to_base64()
    }

    /// Reads the value of `SupportedCameraRecordingConfiguration`.
    ///
    /// # Errors
    /// It is none.
    pub fn from_base64(text: &str) -> Result<Self, Tlv8Error> {
        Self::parse(&Tlv8::from_base64(text)?)
    }
}

/// `SelectedCameraRecordingConfiguration`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SelectedRecording {
    /// Its times; there is one length of fragments.
    pub times: RecordingTimes,
    /// Its pictures.
    pub video: SelectedRecordingVideo,
    /// Its sound.
    pub audio: SelectedRecordingAudio,
}

impl SelectedRecording {
    const TIMES: u8 = 1;
    const VIDEO: u8 = 2;
    const AUDIO: u8 = 3;

    /// How long a fragment is, in ms.
    pub fn fragment_ms(&self) -> u32 {
        self.times.fragments_ms.first().copied().unwrap_or_default()
    }

    /// As a characteristic's value.
    pub fn to_base64(&self) -> String {
        let items = Tlv8::new().with(Self::TIMES, self.times.to_tlv8().to_bytes());
        items.with(Self::VIDEO, self.video.to_bytes()).with(Self::AUDIO, self.audio.to_bytes()).to_base64()
    }

    /// Reads a characteristic's value.
    ///
    /// # Errors
    /// It is none, or chooses no fragmented MP4.
    pub fn from_base64(text: &str) -> Result<Self, Tlv8Error> {
        let items = Tlv8::from_base64(text)?;
        let times = RecordingTimes::parse(&items.nested(Self::TIMES)?)?;
        if times.fragments_ms.is_empty() {
            return Err(Tlv8Error::Missing { kind: RecordingTimes::CONTAINER });
        }
        let video = SelectedRecordingVideo::parse(&items.nested(Self::VIDEO)?)?;
        let audio = SelectedRecordingAudio::parse(&items.nested(Self::AUDIO)?)?;
        Ok(Self { times, video, audio })
    }
}
