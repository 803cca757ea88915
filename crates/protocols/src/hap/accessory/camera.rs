//! A camera or a doorbell, put together of services.
use super::{Accessory, CharacteristicId, Information, KnownCharacteristic, characteristics as is, services};
use crate::hap::camera::recording::{RecordingTimes, SupportedRecordingAudio, SupportedRecordingVideo};
use crate::hap::camera::{
    SetupResponse, SetupStatus, StreamingStatus, SupportedAudio, SupportedRtp, SupportedVideo,
};
use crate::hap::data_stream::setup;
use serde_json::{Value, json};

/// Numbers of the services: what a camera has or has not moves no other, since controllers remember numbers.
const MICROPHONE: u64 = 0x100;
const SPEAKER: u64 = 0x110;
const DOORBELL: u64 = 0x120;
const MOTION: u64 = 0x130;
const RECORDING: u64 = 0x140;
const OPERATING_MODE: u64 = 0x150;
const DATA_STREAM: u64 = 0x160;
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
    /// It records; where it does, it must tell of motion.
    pub recording: Option<RecordingOptions>,
}

/// What a camera can record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordingOptions {
    /// How long.
    pub times: RecordingTimes,
    /// Which pictures.
    pub video: SupportedRecordingVideo,
    /// Which sound.
    pub audio: SupportedRecordingAudio,
}

/// The characteristics of recordings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordingIds {
    /// Whether it records.
    pub active: CharacteristicId,
    /// [`crate::hap::camera::recording::SelectedRecording`] comes here.
    pub selected: CharacteristicId,
    /// Whether sound is recorded.
    pub audio_active: CharacteristicId,
    /// Whether the camera is on.
    pub camera_active: CharacteristicId,
    /// [`crate::hap::data_stream::setup::SetupRequest`] comes here.
    pub setup: CharacteristicId,
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
    /// Recordings.
    pub recording: Option<RecordingIds>,
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
        if let Some(recording) = &options.recording {
            accessory.add_recording(recording, options.motion);
        }
        let main =
            accessory.find(services::DOORBELL).or(accessory.find(services::CAMERA_RTP_STREAM_MANAGEMENT));
        let main = main.map(|service| service.iid);
        if let Some(service) = main.and_then(|iid| accessory.service_mut(iid)) {
            service.primary = true;
        }
        let pressed = accessory.id_in(DOORBELL, &is::PROGRAMMABLE_SWITCH_EVENT);
        let motion = accessory.id_in(MOTION, &is::MOTION_DETECTED);
        let recording = accessory.recording_ids();
        (accessory, CameraIds { streams, pressed, motion, recording })
    }

    /// Secure Video: it is switched off and nothing is chosen until a hub says otherwise.
    fn add_recording(&mut self, options: &RecordingOptions, motion: bool) {
        self.add_at(
            RECORDING,
            services::CAMERA_RECORDING_MANAGEMENT,
            &[
                (is::ACTIVE, json!(0)),
                (is::SUPPORTED_RECORDING, json!(options.times.to_base64())),
                (is::SUPPORTED_RECORDING_VIDEO, json!(options.video.to_base64())),
                (is::SUPPORTED_RECORDING_AUDIO, json!(options.audio.to_base64())),
                (is::SELECTED_RECORDING, json!("")),
                (is::RECORDING_AUDIO_ACTIVE, json!(0)),
            ],
        );
        self.add_at(
            OPERATING_MODE,
            services::CAMERA_OPERATING_MODE,
            &[
                (is::EVENT_SNAPSHOTS_ACTIVE, json!(1)),
                (is::HOMEKIT_CAMERA_ACTIVE, json!(1)),
                (is::PERIODIC_SNAPSHOTS_ACTIVE, json!(1)),
            ],
        );
        self.add_at(
            DATA_STREAM,
            services::DATA_STREAM_TRANSPORT_MANAGEMENT,
            &[
                (is::SUPPORTED_DATA_STREAM_TRANSPORT, json!(setup::supported())),
                (is::SETUP_DATA_STREAM_TRANSPORT, json!("")),
                (is::VERSION, json!(setup::VERSION)),
            ],
        );
        if let Some(service) = self.service_mut(RECORDING) {
            service.linked = if motion { vec![DATA_STREAM, MOTION] } else { vec![DATA_STREAM] };
        }
    }

    fn recording_ids(&self) -> Option<RecordingIds> {
        Some(RecordingIds {
            active: self.id_in(RECORDING, &is::ACTIVE)?,
            selected: self.id_in(RECORDING, &is::SELECTED_RECORDING)?,
            audio_active: self.id_in(RECORDING, &is::RECORDING_AUDIO_ACTIVE)?,
            camera_active: self.id_in(OPERATING_MODE, &is::HOMEKIT_CAMERA_ACTIVE)?,
            setup: self.id_in(DATA_STREAM, &is::SETUP_DATA_STREAM_TRANSPORT)?,
        })
    }

    fn id_in(&self, service: u64, known: &KnownCharacteristic) -> Option<CharacteristicId> {
        let service = self.services.iter().find(|other| other.iid == service)?;
        Some(CharacteristicId { aid: self.aid, iid: service.find(known)?.iid })
    }
}
