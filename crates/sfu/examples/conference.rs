//! A whole conference: two participants who see and hear each other, with layers, an active speaker, and a clean end.
//!
//! The participants are bots of `testkit`, WebRTC clients of another make, so this runs by itself:
//! `cargo run -p aqueduct-sfu --example conference`. With browsers, what is JSON here travels by your signalling.
use serde_json::json;
use sfu::ice::Protocol;
use sfu::layers::ConsumerLayers;
use sfu::observers::ActiveSpeakerObserverOptions;
use sfu::rtp_parameters::MediaKind;
use sfu::{
    Consumer, ConsumerOptions, ListenInfo, Producer, ProducerId, ProducerOptions, Router, RouterOptions,
    RtpObserver, RtpObserverEvent, Transport, WebRtcServer, WebRtcTransport, WebRtcTransportOptions,
    WorkerManager, WorkerSettings,
};
use std::error::Error;
use std::time::Duration;
use testkit::conference::{
    AudioOptions, Device, Fleet, Sending, TransportOptions, VideoOptions, Viewing, Voice,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What happened in the conference.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// Who dominated, in turn.
    pub(crate) spoke: Vec<ProducerId>,
    /// Frames of pictures and sound that came whole, view by view.
    pub(crate) frames_seen: Vec<u64>,
    /// What should not have been.
    pub(crate) faults: Vec<String>,
}

/// A room: who is in it can be seen and heard by all.
struct Room {
    manager: WorkerManager,
    router: Router,
    server: WebRtcServer,
}

/// Our side of a participant: one transport a direction, as `mediasoup-client` wants it.
struct Participant {
    sends: WebRtcTransport,
    receives: WebRtcTransport,
    camera: Producer,
    microphone: Producer,
}

/// The other side of it, which is a browser otherwise.
struct Bot {
    sends: testkit::conference::Transport,
    receives: testkit::conference::Transport,
    camera: Sending,
    microphone: Sending,
}

impl Room {
    async fn new() -> Result<Self> {
        let manager = WorkerManager::new()?;
        for _ in 0..2 {
            manager.create_worker(WorkerSettings::default()).await?;
        }
        let codecs = json!([
            { "kind": "audio", "mimeType": "audio/opus", "clockRate": 48000, "channels": 2 },
            { "kind": "video", "mimeType": "video/VP8", "clockRate": 90000 },
        ]);
        let router = manager.create_router(RouterOptions::new(serde_json::from_value(codecs)?)).await?;
        // one port for all, on each worker
        let listen = ListenInfo::new(Protocol::Udp, "127.0.0.1".parse()?);
        let server = manager.create_webrtc_server(vec![listen]).await?;
        Ok(Self { manager, router, server })
    }

    /// One direction of one participant.
    async fn connect(
        &self,
        fleet: &Fleet,
        device: &Device,
        options: TransportOptions,
    ) -> Result<(WebRtcTransport, testkit::conference::Transport)> {
        let ours = WebRtcTransportOptions::new_with_server(self.server.clone());
        let ours = self.router.create_webrtc_transport(ours).await?;
        let told = json!({
            "id": ours.id(),
            "iceParameters": ours.ice_parameters(),
            "iceCandidates": ours.ice_candidates(),
            "dtlsParameters": ours.dtls_parameters(),
        });
        let bot = fleet.transport(device, &told, options)?;
        ours.connect(serde_json::from_value(serde_json::to_value(bot.dtls_parameters())?)?).await?;
        Ok((ours, bot))
    }

    async fn join(&self, fleet: &Fleet, device: &Device, number: u32) -> Result<(Participant, Bot)> {
        let (sends, bot_sends) = self.connect(fleet, device, TransportOptions::send()).await?;
        let (receives, bot_receives) = self.connect(fleet, device, TransportOptions::receive()).await?;
        let camera = bot_sends.publish_video(VideoOptions::simulcast(2 * number))?;
        let microphone = bot_sends.publish_audio(AudioOptions::new(2 * number + 1))?;
        let participant = Participant {
            camera: sends.produce(produced(MediaKind::Video, &camera)?).await?,
            microphone: sends.produce(produced(MediaKind::Audio, &microphone)?).await?,
            sends,
            receives,
        };
        Ok((participant, Bot { sends: bot_sends, receives: bot_receives, camera, microphone }))
    }
}

fn produced(kind: MediaKind, sending: &Sending) -> Result<ProducerOptions> {
    Ok(ProducerOptions::new(kind, serde_json::from_value(sending.rtp_parameters().clone())?))
}

/// Lets a participant see or hear a producer. It begins paused, so that nothing comes before the other side is ready.
async fn show(
    to: &Participant,
    bot: &Bot,
    device: &Device,
    producer: &Producer,
    sending: &Sending,
) -> Result<(Consumer, Viewing)> {
    let capabilities = serde_json::from_value(device.rtp_capabilities())?;
    let mut options = ConsumerOptions::new(producer.id(), capabilities);
    options.paused = true;
    let consumer = to.receives.consume(options).await?;
    let view =
        bot.receives.consume(&serde_json::to_value(consumer.rtp_parameters())?, Some(sending.tag()))?;
    consumer.resume().await?;
    Ok((consumer, view))
}

/// Waits until this is so, ten seconds at most.
async fn until(mut is_so: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    for _ in 0..500 {
        if is_so().await? {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err("not within ten seconds".into())
}

/// Runs the conference.
///
/// # Errors
/// Something did not happen as it should.
pub(crate) async fn run() -> Result<Said> {
    let room = Room::new().await?;
    let fleet = Fleet::start("participants")?;
    let device = Device::load(&serde_json::to_value(room.router.rtp_capabilities())?)?;
    let speaker = room.router.create_active_speaker_observer(ActiveSpeakerObserverOptions::default()).await?;
    let mut spoke = speaker.events();
    let mut said = Said::default();

    let (alice, alice_bot) = room.join(&fleet, &device, 1).await?;
    let (bob, bob_bot) = room.join(&fleet, &device, 2).await?;
    for participant in [&alice, &bob] {
        speaker.add_producer(participant.microphone.id()).await?;
    }
    let (from_bob, bob_seen) = show(&alice, &alice_bot, &device, &bob.camera, &bob_bot.camera).await?;
    let (_heard_bob, bob_heard) =
        show(&alice, &alice_bot, &device, &bob.microphone, &bob_bot.microphone).await?;
    let (_from_alice, alice_seen) = show(&bob, &bob_bot, &device, &alice.camera, &alice_bot.camera).await?;
    let (_heard_alice, alice_heard) =
        show(&bob, &bob_bot, &device, &alice.microphone, &alice_bot.microphone).await?;

    // one speaks, then the other
    for (speaks, listens) in [(&alice_bot, &bob_bot), (&bob_bot, &alice_bot)] {
        listens.microphone.set_voice(Voice::Silent)?;
        speaks.microphone.set_voice(Voice::Speaks(20))?;
        let before = said.spoke.len();
        until(async || {
            while let Some(event) = spoke.try_next() {
                if let RtpObserverEvent::DominantSpeaker(producer) = event {
                    said.spoke.push(producer);
                }
            }
            Ok(said.spoke.len() > before)
        })
        .await?;
    }
    // Alice makes Bob's picture small, and large again
    for spatial_layer in [0, 2] {
        from_bob.set_preferred_layers(ConsumerLayers { spatial_layer, temporal_layer: None }).await?;
        until(async || {
            let layers = from_bob.status().await?.and_then(|status| status.current_layers);
            Ok(layers.is_some_and(|layers| layers.spatial_layer == spatial_layer))
        })
        .await?;
    }
    for view in [&bob_seen, &bob_heard, &alice_seen, &alice_heard] {
        let report = view.report()?;
        said.faults.extend(report.faults());
        if report.frames_decodable > 0 {
            said.frames_seen.push(report.frames_decodable);
        }
    }
    // Bob leaves: whoever consumed him is told by `ConsumerEvent::ProducerClose`
    bob_bot.sends.close()?;
    bob_bot.receives.close()?;
    bob.sends.close().await?;
    bob.receives.close().await?;
    until(async || Ok(from_bob.status().await?.is_none())).await?;
    alice_bot.sends.close()?;
    room.router.close().await;
    alice.sends.close().await?;
    fleet.stop(Duration::from_secs(5))?;
    room.manager.close().await;
    Ok(said)
}

#[allow(clippy::print_stdout)]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    println!("{:#?}", run().await?);
    Ok(())
}
