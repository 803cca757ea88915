//! What the server knows of a camera's recordings: whether a hub may record it, and how.
use super::keeper::{self, Plan};
use super::wire::Offer;
use crate::homekit::accessory::CameraConfig;
use crate::homekit::accessory::server::transcoded_name;
use hub::Hub;
use protocols::hap::accessory::{CharacteristicId, RecordingIds, RecordingOptions, Server};
use protocols::hap::camera::recording::{
    RecordingAudio, RecordingAudioCodec, RecordingRate, RecordingTimes, SelectedRecording,
    SupportedRecordingAudio, SupportedRecordingVideo, Triggers,
};
use protocols::hap::camera::{H264Level, H264Profile, VideoAttributes, VideoConfiguration};
use protocols::hap::data_stream::data_send::Reason;
use serde_json::Value;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// How long before what happens a recording begins, and how long a fragment is: 4 s, what hubs ask of all cameras.
const PREBUFFER_MS: u32 = 4_000;
const FRAGMENT_MS: u32 = 4_000;
/// The longest prebuffer that a hub may choose: 8 s, which the specification names as the most.
const PREBUFFER_MAX: Duration = Duration::from_secs(8);
/// Hubs that ask for a film at once: 4. There is one, and the others are told that it is busy.
const STARTS: usize = 4;
/// Pictures that a hub may choose; what it gets is the stream's own.
const PICTURES: [(u16, u16, u8); 4] = [(1920, 1080, 30), (1280, 720, 30), (640, 360, 30), (1920, 1080, 15)];

/// What our cameras record.
pub(in crate::homekit::accessory) fn options() -> RecordingOptions {
    let attributes =
        |(width, height, fps): &(u16, u16, u8)| VideoAttributes { width: *width, height: *height, fps: *fps };
    RecordingOptions {
        times: RecordingTimes {
            prebuffer_ms: PREBUFFER_MS,
            triggers: Triggers::MOTION,
            fragments_ms: vec![FRAGMENT_MS],
        },
        video: SupportedRecordingVideo {
            configurations: vec![VideoConfiguration {
                profiles: vec![H264Profile::Baseline, H264Profile::Main, H264Profile::High],
                levels: vec![H264Level::L31, H264Level::L32, H264Level::L40],
                attributes: PICTURES.iter().map(attributes).collect(),
            }],
        },
        // the stream's own again, whatever is chosen
        audio: SupportedRecordingAudio {
            configurations: vec![RecordingAudio {
                codec: RecordingAudioCodec::AacLc,
                channels: 1,
                constant_bitrate: false,
                rates: RecordingRate::ALL.to_vec(),
            }],
        },
    }
}

/// What is recorded how.
type Choice = (Duration, Duration, bool);

/// A camera's recordings.
pub(in crate::homekit::accessory) struct Recordings {
    pub(in crate::homekit::accessory) ids: RecordingIds,
    offer: watch::Sender<Offer>,
    moves: watch::Sender<bool>,
    /// What the keeper that runs was told.
    chosen: Option<Choice>,
}

impl Recordings {
    pub(in crate::homekit::accessory) fn new(ids: RecordingIds) -> Self {
        let (offer, moves) = (watch::Sender::new(Err(Reason::NotAllowed)), watch::Sender::new(false));
        Self { ids, offer, moves, chosen: None }
    }

    /// Whoever films, now and later.
    pub(in crate::homekit::accessory) fn offer(&self) -> watch::Receiver<Offer> {
        self.offer.subscribe()
    }

    /// What is kept over restarts.
    pub(in crate::homekit::accessory) fn kept(&self) -> [CharacteristicId; 4] {
        let RecordingIds { active, selected, audio_active, camera_active, setup: _ } = self.ids;
        [active, selected, audio_active, camera_active]
    }

    /// Something moves, or nothing any more.
    pub(in crate::homekit::accessory) fn set_motion(&self, moves: bool) {
        self.moves.send_replace(moves);
    }

    /// The camera is switched off in the Home.
    pub(in crate::homekit::accessory) fn is_off(&self, values: &Server) -> bool {
        !is_on(values, self.ids.camera_active)
    }

    /// What the characteristics say now.
    fn choice(&self, values: &Server) -> Result<Choice, Reason> {
        if !is_on(values, self.ids.active) || self.is_off(values) {
            return Err(Reason::NotAllowed);
        }
        let selected = values.find(self.ids.selected).and_then(|of| of.value.as_ref());
        let text = selected.and_then(Value::as_str).unwrap_or_default();
        let selected = SelectedRecording::from_base64(text).map_err(|_| Reason::InvalidConfiguration)?;
        let prebuffer = Duration::from_millis(selected.times.prebuffer_ms.into()).min(PREBUFFER_MAX);
        let fragment = Duration::from_millis(selected.fragment_ms().into());
        Ok((prebuffer, fragment, is_on(values, self.ids.audio_active)))
    }

    /// Starts or ends whoever keeps and films, as the characteristics say now; starts it again where its worker is gone.
    pub(in crate::homekit::accessory) async fn renew(
        &mut self,
        hub: &Hub,
        of: &CameraConfig,
        values: &Server,
    ) {
        let choice = self.choice(values);
        let runs = matches!(&*self.offer.borrow(), Ok(starts) if !starts.is_closed());
        if choice.is_ok() && self.chosen == choice.ok() && runs {
            return;
        }
        self.chosen = None;
        let offer = match choice {
            Err(reason) => Err(reason),
            Ok(choice) => match self.start(hub, of, choice).await {
                Some(starts) => {
                    self.chosen = Some(choice);
                    Ok(starts)
                }
                None => Err(Reason::UnexpectedFailure),
            },
        };
        // Whoever filmed before ends when nobody can ask it any more.
        drop(self.offer.send_replace(offer));
    }

    async fn start(
        &self,
        hub: &Hub,
        of: &CameraConfig,
        (prebuffer, fragment, sound): Choice,
    ) -> Option<mpsc::Sender<keeper::Start>> {
        let (starts, asked) = mpsc::channel(STARTS);
        let stream = of.stream.clone();
        let plan = Plan {
            transcoded: transcoded_name(&stream).filter(|_| of.transcode),
            stream: stream.clone(),
            prebuffer,
            fragment,
            sound: sound && of.sound,
            motion: self.moves.subscribe(),
        };
        let job = move |worker: hub::Worker| keeper::run(worker, plan, asked);
        let worker = hub.worker().await.ok()?;
        worker.run(format!("homekit recordings of {stream}"), job).await.ok()?;
        tracing::info!(%stream, prebuffer_ms = prebuffer.as_millis() as u64, "HomeKit may record");
        Some(starts)
    }
}

fn is_on(values: &Server, id: CharacteristicId) -> bool {
    let value = values.find(id).and_then(|of| of.value.as_ref());
    value.and_then(Value::as_u64) == Some(1)
}
