//! Media through WebRTC transports, sent and judged by bots on another WebRTC stack.
use crate::fixtures::{SOON, manager, router};
use serde_json::json;
use sfu::ice::{IceState, Protocol};
use sfu::layers::ConsumerLayers;
use sfu::rtp_parameters::MediaKind;
use sfu::{
    Consumer, ConsumerOptions, ListenInfo, Producer, ProducerOptions, Router, Transport, TransportEvent,
    WebRtcServer, WebRtcTransport, WebRtcTransportOptions, WorkerManager,
};
use std::time::Duration;
use testkit::conference::{
    AudioOptions, Device, Fleet, LinkOptions, Sending, TransportOptions, VideoOptions, Viewing,
};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A room with one server on all workers, and a fleet of bots.
pub(crate) struct Room {
    pub(crate) manager: WorkerManager,
    pub(crate) router: Router,
    pub(crate) server: WebRtcServer,
    pub(crate) fleet: Fleet,
    pub(crate) device: Device,
    _turn: Turn,
}

/// Rooms of bots that are open, so that one that measures delays can wait until it is alone.
static TURNS: RwLock<()> = RwLock::const_new(());

/// Held while a room is open.
enum Turn {
    Beside { _guard: RwLockReadGuard<'static, ()> },
    Alone { _guard: RwLockWriteGuard<'static, ()> },
}

/// A bot's connection, and our side of it.
pub(crate) struct Connection {
    pub(crate) ours: WebRtcTransport,
    pub(crate) bot: testkit::conference::Transport,
}

impl Room {
    pub(crate) async fn new(workers: usize) -> Self {
        Self::open(workers, Turn::Beside { _guard: TURNS.read().await }).await
    }

    /// With no other room of bots beside it: a machine that is busy delays packets as a narrow way does.
    pub(crate) async fn alone(workers: usize) -> Self {
        Self::open(workers, Turn::Alone { _guard: TURNS.write().await }).await
    }

    async fn open(workers: usize, turn: Turn) -> Self {
        let manager = manager(workers).await;
        let router = router(&manager).await;
        let listen = ["udp", "tcp"].map(|protocol| {
            let protocol = if protocol == "udp" { Protocol::Udp } else { Protocol::Tcp };
            ListenInfo::new(protocol, "127.0.0.1".parse().unwrap())
        });
        let server = manager.create_webrtc_server(listen.to_vec()).await.unwrap();
        let device = Device::load(&serde_json::to_value(router.rtp_capabilities()).unwrap()).unwrap();
        let fleet = Fleet::start("bots").unwrap();
        Self { manager, router, server, fleet, device, _turn: turn }
    }

    pub(crate) async fn connect(&self, options: TransportOptions) -> Connection {
        self.connect_to(options, WebRtcTransportOptions::new_with_server(self.server.clone())).await
    }

    /// With data channels.
    pub(crate) async fn connect_data(&self) -> Connection {
        let mut ours = WebRtcTransportOptions::new_with_server(self.server.clone());
        ours.enable_sctp = true;
        self.connect_to(TransportOptions::send(), ours).await
    }

    pub(crate) async fn connect_to(
        &self,
        options: TransportOptions,
        ours: WebRtcTransportOptions,
    ) -> Connection {
        let ours = self.router.create_webrtc_transport(ours).await.unwrap();
        let created = json!({
            "id": ours.id(),
            "iceParameters": ours.ice_parameters(),
            "iceCandidates": ours.ice_candidates(),
            "dtlsParameters": ours.dtls_parameters(),
            "sctpParameters": ours.sctp_parameters(),
        });
        let bot = self.fleet.transport(&self.device, &created, options).unwrap();
        let dtls = serde_json::to_value(bot.dtls_parameters()).unwrap();
        ours.connect(serde_json::from_value(dtls).unwrap()).await.unwrap();
        Connection { ours, bot }
    }

    pub(crate) async fn view(
        &self,
        viewer: &Connection,
        producer: &Producer,
        camera: &Sending,
    ) -> (Consumer, Viewing) {
        let capabilities = serde_json::from_value(self.device.rtp_capabilities().clone()).unwrap();
        let mut options = ConsumerOptions::new(producer.id(), capabilities);
        options.paused = true;
        let consumer = viewer.ours.consume(options).await.unwrap();
        let parameters = serde_json::to_value(consumer.rtp_parameters()).unwrap();
        let view = viewer.bot.consume(&parameters, Some(camera.tag())).unwrap();
        consumer.resume().await.unwrap();
        (consumer, view)
    }
}

pub(crate) async fn produce(connection: &Connection, sending: &Sending) -> Producer {
    let kind: MediaKind = serde_json::from_value(json!(sending.kind())).unwrap();
    let parameters = serde_json::from_value(sending.rtp_parameters().clone()).unwrap();
    connection.ours.produce(ProducerOptions::new(kind, parameters)).await.unwrap()
}

fn wait(
    view: &Viewing,
    until: impl Fn(&testkit::conference::BotReport) -> bool + Send + 'static,
) -> testkit::conference::BotReport {
    view.wait(2 * SOON, until).unwrap()
}

#[tokio::test]
async fn pictures_and_sound_come_whole_and_in_order_on_one_worker_and_across_two() {
    for workers in [1, 2] {
        let room = Room::new(workers).await;
        let sender = room.connect(TransportOptions::send()).await;
        let camera = sender.bot.publish_video(VideoOptions::new(1)).unwrap();
        let microphone = sender.bot.publish_audio(AudioOptions::new(2)).unwrap();
        let picture = produce(&sender, &camera).await;
        let sound = produce(&sender, &microphone).await;
        let viewer = room.connect(TransportOptions::receive()).await;
        let (_picture, seen) = room.view(&viewer, &picture, &camera).await;
        let (_sound, heard) = room.view(&viewer, &sound, &microphone).await;
        let seen = wait(&seen, |report| report.frames_decodable > 60);
        assert_eq!(seen.faults(), Vec::<String>::new());
        let heard = wait(&heard, |report| report.packets > 100);
        assert_eq!(heard.faults(), Vec::<String>::new());
        println!("{workers} workers: {seen:?}");
        room.fleet.stop(SOON).unwrap();
        room.manager.close().await;
    }
}

#[tokio::test]
async fn a_viewer_of_simulcast_gets_the_layers_it_prefers_without_a_seam() {
    let room = Room::new(1).await;
    let sender = room.connect(TransportOptions::send()).await;
    let camera = sender.bot.publish_video(VideoOptions::simulcast(3)).unwrap();
    let producer = produce(&sender, &camera).await;
    let viewer = room.connect(TransportOptions::receive()).await;
    let (consumer, view) = room.view(&viewer, &producer, &camera).await;
    for spatial_layer in [2, 0, 1, 2] {
        consumer.set_preferred_layers(ConsumerLayers { spatial_layer, temporal_layer: None }).await.unwrap();
        let deadline = tokio::time::Instant::now() + SOON;
        loop {
            let status = consumer.status().await.unwrap().unwrap();
            if status.current_layers.is_some_and(|layers| layers.spatial_layer == spatial_layer) {
                break;
            }
            assert!(tokio::time::Instant::now() < deadline, "layer {spatial_layer}: {status:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let report = view.report().unwrap();
    assert_eq!(report.faults(), Vec::<String>::new());
    println!("{report:?}");
    room.fleet.stop(SOON).unwrap();
}

#[tokio::test]
async fn a_viewer_whose_way_was_lost_sees_again_when_it_is_back() {
    let room = Room::new(1).await;
    let sender = room.connect(TransportOptions::send()).await;
    let camera = sender.bot.publish_video(VideoOptions::new(1)).unwrap();
    let producer = produce(&sender, &camera).await;
    let mut ours = WebRtcTransportOptions::new_with_server(room.server.clone());
    // the bot shows each few seconds that it is there
    ours.ice_consent_timeout = Duration::from_secs(6);
    let viewer = room.connect_to(TransportOptions::receive(), ours).await;
    let (_consumer, view) = room.view(&viewer, &producer, &camera).await;
    view.wait(SOON, |report| report.frames_decodable > 20).unwrap();
    let mut events = viewer.ours.events();
    viewer.bot.set_link(LinkOptions::lossy(1_000), LinkOptions::lossy(1_000)).unwrap();
    let lost = async {
        while events.next().await != Some(TransportEvent::IceStateChange(IceState::Disconnected)) {}
    };
    tokio::time::timeout(3 * SOON, lost).await.expect("in time");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = view.report().unwrap();
    viewer.bot.set_link(LinkOptions::default(), LinkOptions::default()).unwrap();
    let after = view.wait(2 * SOON, |report| report.frames_decodable > before.frames_decodable + 30).unwrap();
    // it asks for what was lost on the dead way, too, and gets what is still kept: broken frames of before
    assert!(after.key_frames > before.key_frames, "{after:?}");
    assert_eq!(after.faults(), Vec::<String>::new());
    room.fleet.stop(SOON).unwrap();
}
