//! A room for loads, and what its workers cost.
use serde_json::{Value, json};
use sfu::ice::Protocol;
use sfu::rtp_parameters::{MediaKind, RtpCodecCapability};
use sfu::{
    Consumer, ConsumerOptions, ListenInfo, Producer, ProducerOptions, Router, RouterOptions, Transport,
    WebRtcServer, WebRtcTransport, WebRtcTransportOptions, WorkerManager, WorkerSettings,
};
use std::time::{Duration, Instant};
use testkit::conference::{Device, Fleet, Sending, TransportOptions, Verify};

/// How long a load runs while it is measured.
pub(crate) const SECONDS: u64 = 10;

fn media_codecs() -> Vec<RtpCodecCapability> {
    serde_json::from_value(json!([
        { "kind": "audio", "mimeType": "audio/opus", "clockRate": 48000, "channels": 2 },
        { "kind": "video", "mimeType": "video/VP8", "clockRate": 90000 },
    ]))
    .unwrap()
}

/// A number from the environment.
pub(crate) fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Seconds of CPU of all threads whose name begins so.
pub(crate) fn cpu_seconds(prefix: &str) -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let nanos = |path: std::path::PathBuf| {
        let name = std::fs::read_to_string(path.join("comm")).ok()?;
        if !name.starts_with(prefix) || name.starts_with("sfu-warden") {
            return None;
        }
        let stat = std::fs::read_to_string(path.join("schedstat")).ok()?;
        stat.split(' ').next()?.parse::<f64>().ok()
    };
    tasks.filter_map(|task| nanos(task.ok()?.path())).sum::<f64>() / 1e9
}

/// Resident memory in bytes.
pub(crate) fn resident() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<f64>().unwrap() * 4096.0
}

pub(crate) struct Room {
    pub(crate) manager: WorkerManager,
    pub(crate) router: Router,
    pub(crate) server: WebRtcServer,
    pub(crate) device: Device,
}

impl Room {
    pub(crate) async fn new(workers: usize) -> Self {
        let manager = WorkerManager::new().unwrap();
        for _ in 0..workers {
            manager.create_worker(WorkerSettings::default()).await.unwrap();
        }
        let router = manager.create_router(RouterOptions::new(media_codecs())).await.unwrap();
        let listen = ListenInfo::new(Protocol::Udp, "127.0.0.1".parse().unwrap());
        let server = manager.create_webrtc_server(vec![listen]).await.unwrap();
        let device = Device::load(&serde_json::to_value(router.rtp_capabilities()).unwrap()).unwrap();
        Self { manager, router, server, device }
    }

    /// Our side of a transport, and what its peer is told.
    pub(crate) async fn create(&self) -> (WebRtcTransport, Value) {
        let ours = WebRtcTransportOptions::new_with_server(self.server.clone());
        let ours = self.router.create_webrtc_transport(ours).await.unwrap();
        let created = json!({
            "id": ours.id(),
            "iceParameters": ours.ice_parameters(),
            "iceCandidates": ours.ice_candidates(),
            "dtlsParameters": ours.dtls_parameters(),
        });
        (ours, created)
    }

    pub(crate) async fn connect(
        &self,
        fleet: &Fleet,
        device: &Device,
        options: TransportOptions,
    ) -> (WebRtcTransport, testkit::conference::Transport) {
        let (ours, created) = self.create().await;
        let bot = fleet.transport(device, &created, options).unwrap();
        let dtls = serde_json::to_value(bot.dtls_parameters()).unwrap();
        ours.connect(serde_json::from_value(dtls).unwrap()).await.unwrap();
        (ours, bot)
    }

    pub(crate) async fn produce(&self, ours: &WebRtcTransport, sending: &Sending) -> Producer {
        produce(ours, &json!(sending.kind()), sending.rtp_parameters()).await
    }
}

pub(crate) async fn produce(ours: &WebRtcTransport, kind: &Value, parameters: &Value) -> Producer {
    let kind: MediaKind = serde_json::from_value(kind.clone()).unwrap();
    let parameters = serde_json::from_value(parameters.clone()).unwrap();
    ours.produce(ProducerOptions::new(kind, parameters)).await.unwrap()
}

/// A consumer as browsers make them: paused, until there is a decoder.
pub(crate) async fn consume(ours: &WebRtcTransport, producer: &Producer, device: &Device) -> Consumer {
    let capabilities = serde_json::from_value(device.rtp_capabilities().clone()).unwrap();
    let mut options = ConsumerOptions::new(producer.id(), capabilities);
    options.paused = true;
    ours.consume(options).await.unwrap()
}

pub(crate) fn quiet(verify: Verify) -> TransportOptions {
    let mut options = TransportOptions::receive();
    options.verify = verify;
    options
}

/// What the workers did while it was looked: seconds of their CPU, seconds, packets and bits that their peers got.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) cpu: f64,
    pub(crate) seconds: f64,
    pub(crate) packets: f64,
    pub(crate) bits: f64,
}

impl Load {
    pub(crate) async fn measure(receivers: &Fleet) -> Self {
        let (cpu, at, before) = (cpu_seconds("sfu-"), Instant::now(), receivers.report().unwrap());
        tokio::time::sleep(Duration::from_secs(SECONDS)).await;
        let (cpu, seconds) = (cpu_seconds("sfu-") - cpu, at.elapsed().as_secs_f64());
        let after = receivers.report().unwrap();
        let packets = (after.datagrams_received - before.datagrams_received) as f64;
        let bits = 8.0 * (after.bytes_received - before.bytes_received) as f64;
        Self { cpu, seconds, packets, bits }
    }

    pub(crate) fn micros_a_packet(&self) -> f64 {
        1e6 * self.cpu / self.packets
    }
}

impl std::fmt::Display for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:.3} of a core, {:.0} packets/s, {:.1} Mbit/s, {:.2} us a packet",
            self.cpu / self.seconds,
            self.packets / self.seconds,
            self.bits / self.seconds / 1e6,
            self.micros_a_packet(),
        )
    }
}
