//! Loads that run for a while: what a packet costs, and whether it costs more when workers share the work.
use crate::room::{Load, Room, consume, cpu_seconds, number, quiet, resident};
use sfu::{Consumer, ConsumerOptions, Transport, WebRtcTransport};
use std::time::{Duration, Instant};
use testkit::conference::{AudioOptions, Fleet, TransportOptions, Verify, VideoOptions, Viewing, Voice};

type Viewer = (WebRtcTransport, testkit::conference::Transport, Consumer, Viewing);

/// Who watches.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Viewers {
    /// They count datagrams and say nothing, which costs the machine least.
    Counting,
    /// They decipher, and tell what came when, as browsers do: the way to each is estimated, and its packets are paced.
    Telling,
}

/// One camera and its viewers, while a load runs.
async fn watched(workers: usize, consumers: usize, kbps: usize, kind: Viewers) -> Load {
    let room = Room::new(workers).await;
    let (senders, receivers) = (Fleet::start("send").unwrap(), Fleet::start("receive").unwrap());
    let (ours, bot) = room.connect(&senders, &room.device, TransportOptions::send()).await;
    let mut options = VideoOptions::new(1);
    options.layers = vec![1000 * kbps as u32];
    let camera = bot.publish_video(options).unwrap();
    let producer = room.produce(&ours, &camera).await;
    bot.wait_connected(Duration::from_secs(10)).unwrap();
    let (device, verify) = match kind {
        Viewers::Counting => (room.device.clone().without_transport_cc(), Verify::None),
        Viewers::Telling => (room.device.clone(), Verify::Light),
    };
    let before = resident();
    let mut viewers: Vec<Viewer> = Vec::new();
    let joining = Instant::now();
    let joining_cpu = cpu_seconds("sfu-");
    for _ in 0..consumers {
        let (ours, bot) = room.connect(&receivers, &device, quiet(verify)).await;
        let consumer = consume(&ours, &producer, &device).await;
        let view = bot.consume(&serde_json::to_value(consumer.rtp_parameters()).unwrap(), Some(1)).unwrap();
        consumer.resume().await.unwrap();
        viewers.push((ours, bot, consumer, view));
    }
    let joined = joining.elapsed();
    let joined_cpu = cpu_seconds("sfu-") - joining_cpu;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let load = Load::measure(&receivers).await;
    println!(
        "{consumers} consumers, {workers} workers: joined in {:.1} s ({:.2} ms of CPU each), {load}, {:.0} KiB each (bots included)",
        joined.as_secs_f64(),
        1000.0 * joined_cpu / consumers as f64,
        (resident() - before) / consumers as f64 / 1024.0,
    );
    let stats = ours.get_stats().await.unwrap().unwrap();
    let mut estimates = Vec::new();
    for (ours, ..) in &viewers {
        estimates.push(ours.get_stats().await.unwrap().unwrap().available_outgoing_bitrate);
    }
    estimates.sort();
    println!(
        "publisher: {} bit/s in; estimates from {:?} by {:?} to {:?}",
        stats.rtp_recv_bitrate,
        estimates[0],
        estimates[estimates.len() / 2],
        estimates[estimates.len() - 1]
    );
    receivers.stop(Duration::from_secs(10)).unwrap();
    senders.stop(Duration::from_secs(10)).unwrap();
    room.manager.close().await;
    load
}

#[tokio::test]
#[ignore = "a measurement: docs/performance.md, Conferences"]
async fn one_to_many() {
    for _ in 0..number("TIMES", 1) {
        let (workers, consumers) = (number("WORKERS", 1), number("CONSUMERS", 500));
        watched(workers, consumers, number("KBPS", 1000), Viewers::Counting).await;
    }
}

/// What the estimates cost: the same load without and with them, in turn.
#[tokio::test]
#[ignore = "a measurement: docs/performance.md, Conferences"]
async fn estimates() {
    for _ in 0..number("TIMES", 2) {
        for kind in [Viewers::Counting, Viewers::Telling] {
            let (workers, consumers) = (number("WORKERS", 1), number("CONSUMERS", 200));
            watched(workers, consumers, number("KBPS", 1000), kind).await;
        }
    }
}

/// How many packets a second of worker CPU sends, with the load on one worker and on two, in turn. If the second figure
/// is as good as the first, two workers on cores of their own carry twice the load; what they fight for shows as more
/// CPU for each packet, and as a factor below 2. It is not measured by filling two cores: the bots are on these too.
#[tokio::test]
#[ignore = "a measurement: docs/performance.md, Conferences"]
async fn scaling() {
    let (consumers, kbps) = (number("CONSUMERS", 300), number("KBPS", 1000));
    let mut cost = [0.0; 2];
    for round in 1..=number("TIMES", 3) {
        for workers in [1, 2] {
            cost[workers - 1] += watched(workers, consumers, kbps, Viewers::Counting).await.micros_a_packet();
        }
        let [one, two] = cost.map(|sum| sum / round as f64);
        println!("one worker {one:.2} us a packet, two {two:.2} us: {:.2} times the load", 2.0 * one / two);
    }
}

#[tokio::test]
#[ignore = "a measurement: docs/performance.md, Conferences"]
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
    let load = Load::measure(&receivers).await;
    println!(
        "{people} people, {} consumers, {speakers} speak: {load}, {:.0} MiB in all (bots included)",
        views.len(),
        resident() / 1024.0 / 1024.0,
    );
    receivers.stop(Duration::from_secs(10)).unwrap();
    senders.stop(Duration::from_secs(10)).unwrap();
    room.manager.close().await;
}
