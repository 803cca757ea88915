//! One attempt at a camera: call it, read what it can, agree on a stream, take it, say what is to be said, and end it in order.
//!
//! Owns the connection, what was agreed on and the media. Being told to end breaks off whatever is under way; what was begun at the
//! camera by then is ended all the same.
use super::camera::{Camera, Choice, Loudspeaker, Management};
use super::happening::happenings;
use super::receiving::{AUDIO_PAYLOAD_TYPE, REPORT_EVERY, Receiving, Ssrcs, VIDEO_PAYLOAD_TYPE};
use super::speaking::{Said, Speaking};
use super::wanted::Wanted;
use super::whereabouts::call;
use crate::homekit::HomekitAccess;
use crate::homekit::line::{Line, LineError};
use crate::homekit::srtp::{NewSession, OpenError, Session};
use hub::{Feedback, Publisher, SourceError, SourceTask, Stop, Worker};
use media::{Fault, StreamName};
use protocols::hap::accessory::client::{
    Answer, AnswerError, Change, accessories_request, read_accessories_response, read_answers,
    values_request, write_request,
};
use protocols::hap::accessory::{CharacteristicId, Status};
use protocols::hap::camera::{
    Command, CryptoSuite, Endpoint, SelectedAudio, SelectedStream, SelectedVideo, SessionId, SetupRequest,
    SetupResponse, SetupStatus, SrtpParameters, StreamParameters,
};
use protocols::hap::http::Response;
use protocols::hap::random::{Random, SystemRandom};
use protocols::srtp::{MasterKey, Profile};
use serde_json::Value;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Nothing comes for this long, and the attempt ends: 12 s, less than the hub grants, so that the reason is said here. Some cameras
/// take 4 s to begin.
const SILENCE_MAX: Duration = Duration::from_secs(12);
/// A camera gets this long to hear that it is over: 1 s, half of what the hub grants to the whole end.
const END_MAX: Duration = Duration::from_secs(1);
/// How often reports and silence are looked after.
const TICK: Duration = Duration::from_millis(250);
/// Longest packet that we ask for: 1378 bytes, what Apple's controllers ask for over IPv4.
const MTU_BYTES: u16 = 1378;
/// Bit rate of sound that we ask for: 24 kbit/s, as Apple's controllers.
const AUDIO_KBITS: u16 = 24;
/// Payload type of comfort noise.
const COMFORT_NOISE_PAYLOAD_TYPE: u8 = 13;

#[derive(Default)]
struct Attempt {
    line: Option<Line>,
    /// What has been set up at the camera, and must be ended there.
    agreed: Option<(CharacteristicId, SessionId)>,
    media: Option<Receiving>,
    /// None as well where the loudspeaker is to be left alone.
    speaking: Option<Speaking>,
}

pub(super) async fn run(
    access: &HomekitAccess,
    wanted: &Wanted,
    task: SourceTask,
) -> Result<(), SourceError> {
    let SourceTask { stream, mut publisher, worker, mut stop, .. } = task;
    let mut attempt = Attempt::default();
    let outcome = tokio::select! {
        outcome = attempt.go(access, wanted, &stream, &mut publisher, &worker) => outcome,
        () = stop.wanted() => Ok(()),
    };
    attempt.end(&stop).await;
    outcome
}

impl Attempt {
    async fn go(
        &mut self,
        access: &HomekitAccess,
        wanted: &Wanted,
        stream: &StreamName,
        publisher: &mut Publisher,
        worker: &Worker,
    ) -> Result<(), SourceError> {
        let line = self.line.insert(call(access, &wanted.whom).await?);
        let camera = camera(line, wanted).await?;
        watch(line, &camera, stream).await?;
        let (management, choice) = choose(line, &camera, wanted).await?;
        let ours = self.begin(access, &management, &choice).await?;
        if wanted.talks {
            let key = wanted.speaker_key(stream);
            self.speaking = Some(Speaking::new(&access.speakers, key, &camera, choice.audio.zip(ours)));
        }
        self.flow(&camera, stream, publisher, worker).await
    }

    /// Agrees on addresses and keys, opens the sessions, and only then has the camera start. Returns our SSRC of the sound, if there
    /// is any.
    async fn begin(
        &mut self,
        access: &HomekitAccess,
        management: &Management,
        choice: &Choice,
    ) -> Result<Option<u32>, SourceError> {
        let Some(line) = &mut self.line else { return Err(SourceError::ours("there is no connection")) };
        let srtp = access.srtp.local_address().await.map_err(unopened)?;
        let session: SessionId = drawn()?;
        let local = line.local().ip().to_canonical();
        if srtp.ip().is_loopback() && !local.is_loopback() {
            return Err(SourceError::new(
                format!(
                    "srtp.listen is {srtp}, where {} cannot send its media: set srtp.listen to \":{}\"",
                    line.remote(),
                    srtp.port()
                ),
                Fault::Config,
                true,
            ));
        }
        let request = SetupRequest {
            session,
            controller: Endpoint { address: local, video_port: srtp.port(), audio_port: srtp.port() },
            video: keys()?,
            audio: keys()?,
        };
        self.agreed = Some((management.selected, session));
        let wish = Change {
            id: management.setup,
            value: Some(Value::String(request.to_base64())),
            watch: None,
            wants_response: false,
        };
        written(line, wish, "to set up a stream").await?;
        let response = read(line, &[management.setup], "what became of a stream").await?;
        let text = response.first().and_then(|answer| answer.value.as_ref()).and_then(Value::as_str);
        let response = SetupResponse::from_base64(text.unwrap_or_default());
        let response = response
            .map_err(|error| refused(line, &format!("its answer to a set-up makes no sense: {error}")))?;
        let SetupStatus::Success { accessory, video, audio, video_ssrc, audio_ssrc } = response.status else {
            return Err(match response.status {
                SetupStatus::Busy => {
                    refused(line, "others watch all its streams: HomeKit's cameras have two as a rule")
                }
                SetupStatus::Error | SetupStatus::Success { .. } => {
                    refused(line, "it cannot set up a stream")
                }
            });
        };
        let address = match accessory.address {
            unsaid if unsaid.is_unspecified() => line.remote().ip(),
            said => said,
        };
        let video_ssrcs = Ssrcs { ours: ssrc(), theirs: video_ssrc };
        let open = async |port, theirs, sent: &SrtpParameters, received: &SrtpParameters| {
            open(access, SocketAddr::new(address, port), theirs, sent, received, local).await
        };
        let video_session = open(accessory.video_port, video_ssrc, &request.video, &video).await?;
        let mut audio_session = None;
        if choice.audio.is_some() {
            // two media of one address and one SSRC could not be told apart
            let ours = loop {
                let drawn = ssrc();
                if drawn != video_ssrcs.ours {
                    break drawn;
                }
            };
            let session = open(accessory.audio_port, audio_ssrc, &request.audio, &audio).await?;
            audio_session = Some((session, Ssrcs { ours, theirs: audio_ssrc }));
        }
        let audio_ssrcs = audio_session.as_ref().map(|(_, ssrcs)| *ssrcs);
        let start = start(session, choice, video_ssrcs, audio_ssrcs);
        self.media = Some(Receiving::new(choice, (video_session, video_ssrcs), audio_session)?);
        let wish = Change {
            id: management.selected,
            value: Some(Value::String(start.to_base64())),
            watch: None,
            wants_response: false,
        };
        written(line, wish, "to start a stream").await?;
        Ok(audio_ssrcs.map(|ssrcs| ssrcs.ours))
    }

    async fn flow(
        &mut self,
        camera: &Camera,
        stream: &StreamName,
        publisher: &mut Publisher,
        worker: &Worker,
    ) -> Result<(), SourceError> {
        let Self { line: Some(line), media: Some(media), speaking, .. } = self else {
            return Err(SourceError::ours("there is no stream"));
        };
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let gone = |gone: crate::homekit::srtp::Gone| SourceError::ours(gone.to_string());
        loop {
            tokio::select! {
                turned = media.turn() => turned.map_err(gone)?,
                event = line.event() => for what in happenings(stream, &event?, &camera.watched) {
                    worker.emit(what);
                },
                said = said(speaking) => match said {
                    Said::Begun => unmute(line, camera.speaker),
                    Said::Packet(packet) => media.speak(packet).await.map_err(gone)?,
                },
                feedback = publisher.feedback() => match feedback {
                    Ok(Feedback::KeyframeWanted) => media.want_keyframe(),
                    Ok(Feedback::BitrateMax(_) | Feedback::Waits { .. } | Feedback::Granted) => {}
                    Err(_) => return Ok(()),
                },
                _ = ticks.tick() => {
                    media.report().await.map_err(gone)?;
                    if let Some(report) = speaking.as_mut().and_then(Speaking::report) {
                        media.tell_speech(report).await.map_err(gone)?;
                    }
                    if hub::now().since(media.came) >= SILENCE_MAX {
                        return Err(refused(line, &format!(
                            "no picture came for {SILENCE_MAX:?}: a firewall may keep UDP from reaching srtp.listen"
                        )));
                    }
                }
            }
            if media.forward(publisher).await.is_err() {
                return Ok(());
            }
        }
    }

    /// No more of the stream, then no more sessions, then no connection.
    async fn end(self, stop: &Stop) {
        // whoever talks hears of it now
        drop(self.speaking);
        if let (Some(mut line), Some((selected, session))) = (self.line, self.agreed) {
            let since = hub::now();
            let end = SelectedStream::command(session, Command::End);
            let value = Some(Value::String(end.to_base64()));
            let wish = Change { id: selected, value, watch: None, wants_response: false };
            let written = written(&mut line, wish, "to end a stream");
            let outcome = match tokio::time::timeout(END_MAX, written).await {
                Ok(Ok(())) => "done".to_owned(),
                Ok(Err(error)) => error.message,
                Err(_) => "no answer in time".to_owned(),
            };
            stop.step("end of the stream", outcome, hub::now().since(since));
            if let Some(media) = self.media {
                media.close().await;
            }
        }
    }
}

/// What is said next; for ever, where nobody can say anything. Cancel-safe.
async fn said(speaking: &mut Option<Speaking>) -> Said {
    match speaking {
        Some(speaking) => speaking.next().await,
        None => std::future::pending().await,
    }
}

/// Has the loudspeaker be heard, whoever silenced it. One that will not is talked to all the same: nobody waits for the answer, and
/// what is wrong with the connection is found by whoever reads it.
fn unmute(line: &mut Line, speaker: Option<Loudspeaker>) {
    let Some(mute) = speaker.and_then(|speaker| speaker.mute) else { return };
    let wish = Change { id: mute, value: Some(Value::Bool(false)), watch: None, wants_response: false };
    if let Err(error) = line.tell(write_request(&[wish], None)) {
        tracing::debug!(%error, "a loudspeaker is not unmuted");
    }
}

/// Something about the camera, with its address before it.
fn refused(line: &Line, why: &str) -> SourceError {
    SourceError::peer(format!("{}: {why}", line.remote()))
}

fn unopened(error: OpenError) -> SourceError {
    SourceError::new(error.to_string(), error.fault(), true)
}

async fn camera(line: &mut Line, wanted: &Wanted) -> Result<Camera, SourceError> {
    let response = line.ask(accessories_request(), "what it is").await?;
    let accessories = read_accessories_response(&response).map_err(|error| nonsense(line, &error))?;
    Camera::find(&accessories, wanted.aid).ok_or_else(|| {
        let what = match wanted.aid {
            Some(aid) => format!("its accessory {aid} is no camera"),
            None => "it is no camera, and has none behind it".to_owned(),
        };
        SourceError::new(format!("{}: {what}", line.remote()), Fault::Config, true)
    })
}

fn nonsense(line: &Line, error: &AnswerError) -> SourceError {
    refused(line, &error.to_string())
}

/// Asks to be told of rings and motion. A camera that will not tell is watched all the same.
async fn watch(line: &mut Line, camera: &Camera, stream: &StreamName) -> Result<(), LineError> {
    let watch = |id: CharacteristicId| Change { id, value: None, watch: Some(true), wants_response: false };
    let changes: Vec<Change> = camera.watched.iter().map(|(id, _)| watch(*id)).collect();
    if !changes.is_empty() {
        let response = line.ask(write_request(&changes, None), "to tell of events").await?;
        if let Err(why) = done(&response) {
            tracing::info!(%stream, why, "the camera will not tell of rings or motion");
        }
    }
    Ok(())
}

/// The first stream management that nobody uses, and what to ask of it.
async fn choose(
    line: &mut Line,
    camera: &Camera,
    wanted: &Wanted,
) -> Result<(Management, Choice), SourceError> {
    for management in &camera.managements {
        let answers = read(line, &management.to_read(), "what it can do").await?;
        let values = answers.into_iter().filter_map(|answer| Some((answer.id, answer.value?))).collect();
        let abilities = management.abilities(&values).map_err(|why| refused(line, &why))?;
        if abilities.is_free {
            let choice = abilities.choose(&wanted.picture).map_err(|why| refused(line, &why))?;
            return Ok((management.clone(), choice));
        }
    }
    Err(refused(line, "others watch all its streams: HomeKit's cameras have two as a rule"))
}

async fn read(
    line: &mut Line,
    ids: &[CharacteristicId],
    what: &'static str,
) -> Result<Vec<Answer>, SourceError> {
    let response = line.ask(values_request(ids), what).await?;
    read_answers(&response).map_err(|error| nonsense(line, &error))
}

async fn written(line: &mut Line, wish: Change, what: &'static str) -> Result<(), SourceError> {
    let response = line.ask(write_request(&[wish], None), what).await?;
    done(&response).map_err(|why| refused(line, &format!("asked {what}, it says: {why}")))
}

/// Whether all of a write went well.
fn done(response: &Response) -> Result<(), String> {
    let answers = read_answers(response).map_err(|error| error.to_string())?;
    match answers.iter().find(|answer| answer.status != Status::Success) {
        Some(answer) => Err(format!("status {} ({:?})", answer.status.number(), answer.status)),
        None => Ok(()),
    }
}

fn drawn<const N: usize>() -> Result<[u8; N], SourceError> {
    let mut bytes = [0; N];
    SystemRandom.fill(&mut bytes).map_err(|error| SourceError::ours(error.to_string()))?;
    Ok(bytes)
}

fn keys() -> Result<SrtpParameters, SourceError> {
    let (key, salt) = (drawn::<16>()?.to_vec(), drawn::<14>()?.to_vec());
    Ok(SrtpParameters { suite: CryptoSuite::AesCm128, key, salt })
}

fn ssrc() -> u32 {
    rand::random_range(1..=u32::MAX)
}

/// `sent`: the keys that we drew. `received`: those that the accessory answered with, mostly the same ones; what it sends is
/// enciphered with them, as go2rtc found of real cameras.
async fn open(
    access: &HomekitAccess,
    remote: SocketAddr,
    remote_ssrc: u32,
    sent: &SrtpParameters,
    received: &SrtpParameters,
    local: IpAddr,
) -> Result<Session, SourceError> {
    let key = |parameters: &SrtpParameters| match parameters.suite {
        CryptoSuite::AesCm128 => {
            MasterKey::new(Profile::AesCm128HmacSha1_80, &parameters.key, &parameters.salt)
                .map_err(|error| SourceError::peer(format!("{remote}: {error}")))
        }
        CryptoSuite::AesCm256 | CryptoSuite::None => {
            Err(SourceError::peer(format!("{remote}: it enciphers otherwise than was asked for")))
        }
    };
    let new =
        NewSession { remote, remote_ssrc, send: key(sent)?, receive: key(received)?, local: Some(local) };
    // cameras with ffmpeg inside send from one port and listen on the one that they named (homebridge-camera-ffmpeg)
    access.srtp.open_at(new).await.map_err(unopened)
}

fn start(session: SessionId, choice: &Choice, video: Ssrcs, audio: Option<Ssrcs>) -> SelectedStream {
    let rtp = StreamParameters {
        payload_type: Some(VIDEO_PAYLOAD_TYPE),
        ssrc: Some(video.ours),
        kbits_max: choice.kbits,
        rtcp_interval_s: REPORT_EVERY.as_secs_f32(),
        mtu_bytes: Some(MTU_BYTES),
        comfort_noise_payload_type: None,
    };
    let sound = |(configuration, ssrcs): (_, Ssrcs)| SelectedAudio {
        configuration,
        rtp: StreamParameters {
            payload_type: Some(AUDIO_PAYLOAD_TYPE),
            ssrc: Some(ssrcs.ours),
            kbits_max: AUDIO_KBITS,
            mtu_bytes: None,
            comfort_noise_payload_type: Some(COMFORT_NOISE_PAYLOAD_TYPE),
            ..rtp
        },
        comfort_noise: false,
    };
    let codec = Some(choice.codec);
    SelectedStream {
        session,
        command: Command::Start,
        video: Some(SelectedVideo { codec, attributes: Some(choice.attributes), rtp }),
        audio: choice.audio.zip(audio).map(sound),
    }
}
