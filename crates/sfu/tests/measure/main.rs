//! What a conference costs. Measurements, not checks: `cargo test --release -p aqueduct-sfu --test measure -- --ignored
//! --nocapture NAME`; figures stand in docs/performance.md.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm
)]
use serde_json::json;
use sfu::ice::Protocol;
use sfu::rtp_parameters::{MediaKind, RtpCodecCapability};
use sfu::{
    ConsumerOptions, ListenInfo, Producer, ProducerOptions, Router, RouterOptions, Transport, WebRtcServer,
    WebRtcTransport, WebRtcTransportOptions, WorkerManager, WorkerSettings,
};
use std::time::{Duration, Instant};
use testkit::conference::{
    AudioOptions, Device, Fleet, Sending, TransportOptions, Verify, VideoOptions, Voice,
};

/// How long a load runs while it is measured.
const SECONDS: u64 = 10;

fn media_codecs() -> Vec<RtpCodecCapability> {
    serde_json::from_value(json!([
        { "kind": "audio", "mimeType": "audio/opus", "clockRate": 48000, "channels": 2 },
        { "kind": "video", "mimeType": "video/VP8", "clockRate": 90000 },
    ]))
    .unwrap()
}

/// A number from the environment.
fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Seconds of CPU of all threads whose name begins so.
fn cpu_seconds(prefix: &str) -> f64 {
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
fn resident() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<f64>().unwrap() * 4096.0
}

struct Room {
    manager: WorkerManager,
    router: Router,
    server: WebRtcServer,
    device: Device,
}

impl Room {
    async fn new(workers: usize) -> Self {
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

    async fn connect(
        &self,
        fleet: &Fleet,
        device: &Device,
        options: TransportOptions,
    ) -> (WebRtcTransport, testkit::conference::Transport) {
        let ours = WebRtcTransportOptions::new_with_server(self.server.clone());
        let ours = self.router.create_webrtc_transport(ours).await.unwrap();
        let created = json!({
            "id": ours.id(),
            "iceParameters": ours.ice_parameters(),
            "iceCandidates": ours.ice_candidates(),
            "dtlsParameters": ours.dtls_parameters(),
        });
        let bot = fleet.transport(device, &created, options).unwrap();
        let dtls = serde_json::to_value(bot.dtls_parameters()).unwrap();
        ours.connect(serde_json::from_value(dtls).unwrap()).await.unwrap();
        (ours, bot)
    }

    async fn produce(&self, ours: &WebRtcTransport, sending: &Sending) -> Producer {
        let kind: MediaKind = serde_json::from_value(json!(sending.kind())).unwrap();
        let parameters = serde_json::from_value(sending.rtp_parameters().clone()).unwrap();
        ours.produce(ProducerOptions::new(kind, parameters)).await.unwrap()
    }
}

fn quiet(verify: Verify) -> TransportOptions {
    let mut options = TransportOptions::receive();
    options.verify = verify;
    options
}

#[tokio::test]
#[ignore = "a measurement"]
async fn one_to_many() {
    let consumers = number("CONSUMERS", 500);
    let workers = number("WORKERS", 1);
    let kbps = number("KBPS", 1000);
    let room = Room::new(workers).await;
    let (senders, receivers) = (Fleet::start("send").unwrap(), Fleet::start("receive").unwrap());
    let (ours, bot) = room.connect(&senders, &room.device, TransportOptions::send()).await;
    let mut options = VideoOptions::new(1);
    options.layers = vec![1000 * kbps as u32];
    let camera = bot.publish_video(options).unwrap();
    let producer = room.produce(&ours, &camera).await;
    bot.wait_connected(Duration::from_secs(10)).unwrap();
    let device = room.device.clone().without_transport_cc();
    let before = resident();
    let mut viewers = Vec::new();
    let joining = Instant::now();
    let joining_cpu = cpu_seconds("sfu-");
    for _ in 0..consumers {
        let (ours, bot) = room.connect(&receivers, &device, quiet(Verify::None)).await;
        let capabilities = serde_json::from_value(device.rtp_capabilities().clone()).unwrap();
        let mut options = ConsumerOptions::new(producer.id(), capabilities);
        options.paused = true;
        let consumer = ours.consume(options).await.unwrap();
        let view = bot.consume(&serde_json::to_value(consumer.rtp_parameters()).unwrap(), Some(1)).unwrap();
        consumer.resume().await.unwrap();
        viewers.push((ours, bot, consumer, view));
    }
    let joined = joining.elapsed();
    let joined_cpu = cpu_seconds("sfu-") - joining_cpu;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let (cpu, at, received) = (cpu_seconds("sfu-"), Instant::now(), receivers.report().unwrap());
    tokio::time::sleep(Duration::from_secs(SECONDS)).await;
    let (used, seconds) = (cpu_seconds("sfu-") - cpu, at.elapsed().as_secs_f64());
    let after = receivers.report().unwrap();
    let packets = (after.datagrams_received - received.datagrams_received) as f64;
    let bits = 8.0 * (after.bytes_received - received.bytes_received) as f64;
    println!(
        "{consumers} consumers, {workers} workers: joined in {:.1} s ({:.2} ms of CPU each), {:.3} of a core, {:.0} packets/s, {:.1} Mbit/s, {:.2} us a packet, {:.0} KiB each (bots included)",
        joined.as_secs_f64(),
        1000.0 * joined_cpu / consumers as f64,
        used / seconds,
        packets / seconds,
        bits / seconds / 1e6,
        1e6 * used / packets,
        (resident() - before) / consumers as f64 / 1024.0,
    );
    let stats = ours.get_stats().await.unwrap().unwrap();
    println!("publisher: {} bit/s in", stats.rtp_recv_bitrate);
    receivers.stop(Duration::from_secs(10)).unwrap();
    senders.stop(Duration::from_secs(10)).unwrap();
    room.manager.close().await;
}

#[tokio::test]
#[ignore = "a measurement"]
async fn sound_mesh() {
    let people = number("PEOPLE", 100);
    let speakers = number("SPEAKERS", 4);
    let room = Room::new(number("WORKERS", 1)).await;
    let (senders, receivers) = (Fleet::start("send").unwrap(), Fleet::start("receive").unwrap());
    let device = room.device.clone().without_transport_cc();
    let mut everybody = Vec::new();
    for person in 0..people {
        let (ours, bot) = room.connect(&senders, &device, TransportOptions::send()).await;
        let mut options = AudioOptions::new(person as u32);
        options.voice = if person < speakers { Voice::Speaks(20) } else { Voice::Dtx };
        let microphone = bot.publish_audio(options).unwrap();
        let producer = room.produce(&ours, &microphone).await;
        let receiver = room.connect(&receivers, &device, quiet(Verify::None)).await;
        everybody.push((ours, bot, microphone, producer, receiver));
    }
    let mut views = Vec::new();
    for (index, (.., receiver)) in everybody.iter().enumerate() {
        for (other, (_, _, _, producer, _)) in everybody.iter().enumerate() {
            if other == index {
                continue;
            }
            let capabilities = serde_json::from_value(device.rtp_capabilities().clone()).unwrap();
            let consumer =
                receiver.0.consume(ConsumerOptions::new(producer.id(), capabilities)).await.unwrap();
            let parameters = serde_json::to_value(consumer.rtp_parameters()).unwrap();
            let view = receiver.1.consume(&parameters, Some(other as u32)).unwrap();
            views.push((consumer, view));
        }
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (cpu, at, received) = (cpu_seconds("sfu-"), Instant::now(), receivers.report().unwrap());
    tokio::time::sleep(Duration::from_secs(SECONDS)).await;
    let (used, seconds) = (cpu_seconds("sfu-") - cpu, at.elapsed().as_secs_f64());
    let packets = (receivers.report().unwrap().datagrams_received - received.datagrams_received) as f64;
    println!(
        "{people} people, {} consumers, {speakers} speak: {:.3} of a core, {:.0} packets/s, {:.2} us a packet, {:.0} MiB in all (bots included)",
        views.len(),
        used / seconds,
        packets / seconds,
        1e6 * used / packets,
        resident() / 1024.0 / 1024.0,
    );
    receivers.stop(Duration::from_secs(10)).unwrap();
    senders.stop(Duration::from_secs(10)).unwrap();
    room.manager.close().await;
}
