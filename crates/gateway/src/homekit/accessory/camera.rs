//! A camera as controllers see it: which of its streams is free, asked for, or shown.
//!
//! Source: HAP specification (R2) §11. Owns the state of each stream; what is live is a task on a worker, which the server
//! starts and awaits.
use super::CameraConfig;
use super::live;
use super::recording::camera::{Recordings, options as recording_options};
use super::server::Shots;
use media::Moment;
use protocols::hap::accessory::{
    Accessory, CameraIds, CameraOptions, CharacteristicId, Information, Server as Database,
};
use protocols::hap::camera::{
    AudioCodec, AudioConfiguration, CryptoSuite, Endpoint, H264Level, H264Profile, SampleRate, SessionId,
    SetupRequest, SetupResponse, SetupStatus, SupportedAudio, SupportedRtp, SupportedVideo, VideoAttributes,
    VideoConfiguration,
};
use protocols::hap::pairing::ConnectionId;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Streams of a camera at once: 4. The specification asks for 2; a family with a hub looks at a doorbell that rings with more.
pub(super) const STREAMS: usize = 4;
/// Who has asked for a stream and does not start it loses it after 30 s, as after silence.
const PREPARED_MAX: Duration = Duration::from_secs(30);
/// Pictures that a controller may choose; what it gets is the stream's own size. The list is that of other accessories: phones
/// ask for the one that fits their screen, watches for the smallest.
const PICTURES: [(u16, u16, u8); 11] = [
    (1920, 1080, 30),
    (1280, 960, 30),
    (1280, 720, 30),
    (1024, 768, 30),
    (640, 480, 30),
    (640, 360, 30),
    (480, 360, 30),
    (480, 270, 30),
    (320, 240, 30),
    (320, 240, 15),
    (320, 180, 30),
];
/// Who made it.
const MANUFACTURER: &str = "Aqueduct";

/// `Free` → `Prepared` by a request → `Live` by a start → `Free`.
pub(super) enum Slot {
    Free,
    Prepared {
        connection: ConnectionId,
        request: Box<SetupRequest>,
        video_ssrc: u32,
        audio_ssrc: u32,
        since: Moment,
    },
    Live {
        connection: ConnectionId,
        session: SessionId,
        /// Dropping it ends the view.
        commands: mpsc::Sender<live::Command>,
        /// Why the view has ended, once it has.
        ended: watch::Receiver<Option<String>>,
    },
}

/// A camera of an accessory.
pub(super) struct Camera {
    pub(super) config: CameraConfig,
    pub(super) aid: u64,
    ids: CameraIds,
    /// Where hubs may record it.
    pub(super) recordings: Option<Recordings>,
    slots: Vec<Slot>,
    pub(super) shots: Shots,
}

/// What of a camera is written to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    SetupEndpoints(usize),
    Selected(usize),
    DataStream,
    SelectedRecording,
    /// Whether and with what is recorded.
    Recording,
}

impl Camera {
    /// A camera, and the accessory that shows it.
    pub(super) fn new(aid: u64, config: CameraConfig, serial_number: &str) -> (Self, Accessory) {
        let information =
            information(&config.title, if config.doorbell { "Doorbell" } else { "Camera" }, serial_number);
        let options = CameraOptions {
            video: video(),
            audio: audio(),
            rtp: SupportedRtp { suites: vec![CryptoSuite::AesCm128] },
            streams: STREAMS,
            speaker: config.talk,
            doorbell: config.doorbell,
            motion: config.motion || config.secure_video,
            recording: config.secure_video.then(recording_options),
        };
        let (accessory, ids) = Accessory::camera(aid, &information, &options);
        let slots = ids.streams.iter().map(|_| Slot::Free).collect();
        let recordings = ids.recording.map(Recordings::new);
        (Self { config, aid, ids, recordings, slots, shots: Shots::default() }, accessory)
    }

    /// What is behind a characteristic.
    pub(super) fn place(&self, id: CharacteristicId) -> Option<Place> {
        if let Some(recordings) = &self.recordings {
            match id {
                _ if id == recordings.ids.setup => return Some(Place::DataStream),
                _ if id == recordings.ids.selected => return Some(Place::SelectedRecording),
                _ if recordings.kept().contains(&id) => return Some(Place::Recording),
                _ => {}
            }
        }
        self.ids.streams.iter().enumerate().find_map(|(index, stream)| {
            if stream.setup_endpoints == id {
                return Some(Place::SetupEndpoints(index));
            }
            (stream.selected == id).then_some(Place::Selected(index))
        })
    }

    /// What something that happened at the device changes: which characteristic, and to what.
    pub(super) fn happened(&self, kind: &str) -> Option<(CharacteristicId, Value)> {
        match kind {
            "doorbell" => Some((self.ids.pressed?, json!(0))),
            "doorbell.double" => Some((self.ids.pressed?, json!(1))),
            "doorbell.long" => Some((self.ids.pressed?, json!(2))),
            "motion" => Some((self.ids.motion?, json!(true))),
            "motion.ended" => Some((self.ids.motion?, json!(false))),
            _ => None,
        }
    }

    /// Where a stream's status is told.
    pub(super) fn status(&self, index: usize) -> Option<CharacteristicId> {
        self.ids.streams.get(index).map(|stream| stream.status)
    }

    /// A stream is asked for. The answer says where it will come from: `local` is the address that the controller knows us by,
    /// `port` that of the SRTP socket.
    pub(super) fn prepare(
        &mut self,
        index: usize,
        connection: ConnectionId,
        request: SetupRequest,
        local: IpAddr,
        port: u16,
        now: Moment,
    ) -> SetupResponse {
        let session = Some(request.session);
        let Some(slot) = self.slots.get_mut(index) else {
            return SetupResponse { session, status: SetupStatus::Error };
        };
        let is_taken = match slot {
            Slot::Free => false,
            // who asks again has thought better of it
            Slot::Prepared { connection: holder, since, .. } => {
                *holder != connection && now.since(*since) < PREPARED_MAX
            }
            Slot::Live { .. } => true,
        };
        if is_taken {
            return SetupResponse { session, status: SetupStatus::Busy };
        }
        let supported =
            [&request.video, &request.audio].iter().all(|srtp| srtp.suite == CryptoSuite::AesCm128);
        if !supported {
            return SetupResponse { session, status: SetupStatus::Error };
        }
        let (video_ssrc, audio_ssrc) = (rand::random(), rand::random());
        let accessory = Endpoint { address: local, video_port: port, audio_port: port };
        let status = SetupStatus::Success {
            accessory,
            video: request.video.clone(),
            audio: request.audio.clone(),
            video_ssrc,
            audio_ssrc,
        };
        *slot = Slot::Prepared { connection, request: Box::new(request), video_ssrc, audio_ssrc, since: now };
        SetupResponse { session, status }
    }

    /// The stream's state.
    pub(super) fn slot(&mut self, index: usize) -> Option<&mut Slot> {
        self.slots.get_mut(index)
    }

    /// A connection is gone: what it asked for is free, what it sees ends.
    pub(super) fn disconnected(&mut self, connection: ConnectionId) {
        for slot in &mut self.slots {
            let (Slot::Prepared { connection: holder, .. } | Slot::Live { connection: holder, .. }) = slot
            else {
                continue;
            };
            if *holder == connection {
                // The task ends when nobody can say anything to it any more, and tells.
                *slot = Slot::Free;
            }
        }
    }

    /// It is switched off in the Home: nobody may see it.
    pub(super) fn is_off(&self, values: &Database) -> bool {
        self.recordings.as_ref().is_some_and(|recordings| recordings.is_off(values))
    }

    /// All views end.
    pub(super) fn end_views(&mut self) {
        // Each task ends when nobody can say anything to it any more, and tells.
        self.slots.iter_mut().for_each(|slot| *slot = Slot::Free);
    }

    /// A view has ended by itself. True when its place was still taken by it.
    pub(super) fn ended(&mut self, index: usize, session: SessionId) -> bool {
        let Some(slot) = self.slots.get_mut(index) else { return false };
        let is_it = matches!(slot, Slot::Live { session: live, .. } if *live == session);
        if is_it {
            *slot = Slot::Free;
        }
        is_it
    }

    /// Whether something is shown there.
    pub(super) fn is_live(&self, index: usize) -> bool {
        matches!(self.slots.get(index), Some(Slot::Live { .. }))
    }

    /// How many views there are.
    pub(super) fn views(&self) -> usize {
        (0..self.slots.len()).filter(|index| self.is_live(*index)).count()
    }

    /// How many streams it may show at once.
    pub(super) fn streams(&self) -> usize {
        self.slots.len()
    }
}

/// Who an accessory of ours is.
pub(super) fn information(title: &str, model: &str, serial_number: &str) -> Information {
    Information {
        name: title.to_owned(),
        manufacturer: MANUFACTURER.to_owned(),
        model: format!("{MANUFACTURER} {model}"),
        serial_number: serial_number.to_owned(),
        firmware: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

fn video() -> SupportedVideo {
    let attributes =
        |(width, height, fps): &(u16, u16, u8)| VideoAttributes { width: *width, height: *height, fps: *fps };
    SupportedVideo {
        configurations: vec![VideoConfiguration {
            profiles: vec![H264Profile::Baseline, H264Profile::Main, H264Profile::High],
            levels: vec![H264Level::L31, H264Level::L32, H264Level::L40],
            attributes: PICTURES.iter().map(attributes).collect(),
        }],
    }
}

/// Both are made of any sound; Opus first, which sounds better. Controllers want a codec to be there, so they are also where no
/// sound goes along.
fn audio() -> SupportedAudio {
    let rates = [SampleRate::Khz24, SampleRate::Khz16];
    let configuration = |codec, rate| AudioConfiguration {
        codec,
        channels: 1,
        constant_bitrate: false,
        rate,
        packet_ms: None,
    };
    let all = [AudioCodec::Opus, AudioCodec::AacEld].into_iter();
    let configurations = all.flat_map(|codec| rates.map(|rate| configuration(codec, rate))).collect();
    SupportedAudio { configurations, comfort_noise: false }
}
