//! A camera or a doorbell, put together of services.
use super::{Accessory, CharacteristicId, Information, KnownCharacteristic, characteristics as is, services};
use crate::hap::camera::{
    SetupResponse, SetupStatus, StreamingStatus, SupportedAudio, SupportedRtp, SupportedVideo,
};
use serde_json::{Value, json};

/// Numbers of the services: what a camera has or has not moves no other, since controllers remember numbers.
const MICROPHONE: u64 = 0x100;
const SPEAKER: u64 = 0x110;
const DOORBELL: u64 = 0x120;
const MOTION: u64 = 0x130;
const STREAMS: u64 = 0x200;
/// From one stream's numbers to the next one's.
const STREAM_STEP: u64 = 0x10;

/// What a camera has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CameraOptions {
    /// What it can send.
    pub video: SupportedVideo,
    /// What it can send and take.
    pub audio: SupportedAudio,
    /// How it enciphers.
    pub rtp: SupportedRtp,
    /// How many streams at once; 2 are what the specification asks for.
    pub streams: usize,
    /// It has a loudspeaker: talkback.
    pub speaker: bool,
    /// It has a button: a doorbell.
    pub doorbell: bool,
    /// It tells of motion.
    pub motion: bool,
}

/// The characteristics of one stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamIds {
    /// [`crate::hap::camera::SetupRequest`] comes here, its answer stays here.
    pub setup_endpoints: CharacteristicId,
    /// [`crate::hap::camera::SelectedStream`] comes here.
    pub selected: CharacteristicId,
    /// [`StreamingStatus`] is told here.
    pub status: CharacteristicId,
}

/// Where a camera's characteristics are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CameraIds {
    /// Each of its streams.
    pub streams: Vec<StreamIds>,
    /// The doorbell's button.
    pub pressed: Option<CharacteristicId>,
    /// The motion sensor.
    pub motion: Option<CharacteristicId>,
}

impl Accessory {
    /// A camera with its microphone, and what else it has. The number of a characteristic is the same whatever else it has.
    pub fn camera(aid: u64, information: &Information, options: &CameraOptions) -> (Self, CameraIds) {
        let mut accessory = Self::new(aid, information);
        let mut streams = Vec::new();
        for iid in (STREAMS..).step_by(STREAM_STEP as usize).take(options.streams) {
            let nothing = SetupResponse { session: None, status: SetupStatus::Error };
            accessory.add_at(
                iid,
                services::CAMERA_RTP_STREAM_MANAGEMENT,
                &[
                    (is::SUPPORTED_VIDEO, json!(options.video.to_base64())),
                    (is::SUPPORTED_AUDIO, json!(options.audio.to_base64())),
                    (is::SUPPORTED_RTP, json!(options.rtp.to_base64())),
                    (is::SELECTED_STREAM, json!("")),
                    (is::STREAMING_STATUS, json!(StreamingStatus::Available.to_base64())),
                    (is::SETUP_ENDPOINTS, json!(nothing.to_base64())),
                    (is::ACTIVE, json!(1)),
                ],
            );
            let id = |known: &KnownCharacteristic| accessory.id_in(iid, known);
            let (setup, selected, status) =
                (id(&is::SETUP_ENDPOINTS), id(&is::SELECTED_STREAM), id(&is::STREAMING_STATUS));
            if let (Some(setup_endpoints), Some(selected), Some(status)) = (setup, selected, status) {
                streams.push(StreamIds { setup_endpoints, selected, status });
            }
        }
        let muted = (is::MUTE, json!(false));
        accessory.add_at(MICROPHONE, services::MICROPHONE, std::slice::from_ref(&muted));
        if options.speaker {
            accessory.add_at(SPEAKER, services::SPEAKER, &[muted]);
        }
        if options.doorbell {
            accessory.add_at(DOORBELL, services::DOORBELL, &[(is::PROGRAMMABLE_SWITCH_EVENT, Value::Null)]);
        }
        if options.motion {
            accessory.add_at(MOTION, services::MOTION_SENSOR, &[(is::MOTION_DETECTED, json!(false))]);
        }
        let main =
            accessory.find(services::DOORBELL).or(accessory.find(services::CAMERA_RTP_STREAM_MANAGEMENT));
        let main = main.map(|service| service.iid);
        if let Some(service) = main.and_then(|iid| accessory.service_mut(iid)) {
            service.primary = true;
        }
        let pressed = accessory.id_in(DOORBELL, &is::PROGRAMMABLE_SWITCH_EVENT);
        let motion = accessory.id_in(MOTION, &is::MOTION_DETECTED);
        (accessory, CameraIds { streams, pressed, motion })
    }

    fn id_in(&self, service: u64, known: &KnownCharacteristic) -> Option<CharacteristicId> {
        let service = self.services.iter().find(|other| other.iid == service)?;
        Some(CharacteristicId { aid: self.aid, iid: service.find(known)?.iid })
    }
}
