//! Ways that bear little or lose much: what a viewer still gets.
use crate::fixtures::SOON;
use crate::webrtc::{Room, produce};
use sfu::layers::ConsumerLayers;
use sfu::{Transport, TransportStats, WebRtcTransport};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};
use testkit::conference::{LinkOptions, TransportOptions, VideoOptions, Viewing};

/// A way with a queue of 600 ms, as those of mobile networks are.
fn way(bits_per_second: u64) -> LinkOptions {
    LinkOptions { queue_max: Duration::from_millis(600), ..LinkOptions::limited(bits_per_second) }
}

async fn stats(transport: &WebRtcTransport) -> TransportStats {
    transport.get_stats().await.unwrap().unwrap()
}

/// Waits until the viewer gets this spatial layer; returns how long that took.
async fn layer(
    view: &Viewing,
    transport: &WebRtcTransport,
    wanted: RangeInclusive<u8>,
    within: Duration,
) -> Duration {
    let began = Instant::now();
    loop {
        let report = view.report().unwrap();
        if report.layer().is_some_and(|(spatial, _)| wanted.contains(&spatial)) {
            return began.elapsed();
        }
        let available = stats(transport).await.available_outgoing_bitrate;
        assert!(
            began.elapsed() < within,
            "layer {wanted:?} within {within:?}: {available:?} {:?}",
            report.layers
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn layers_follow_the_bandwidth_down_within_5_s_and_up_within_15_without_flapping() {
    let room = Room::alone(1).await;
    let sender = room.connect(TransportOptions::send()).await;
    // without temporal layers: a large picture at a quarter of the rate would fit where a smaller one should be seen
    let layers = vec![100_000, 300_000, 1_000_000];
    let options = VideoOptions { layers, temporal_layers: 1, ..VideoOptions::simulcast(1) };
    let camera = sender.bot.publish_video(options).unwrap();
    let producer = produce(&sender, &camera).await;
    let viewer = room.connect(TransportOptions::receive()).await;
    let wide = way(2_000_000);
    viewer.bot.set_link(LinkOptions::default(), wide).unwrap();
    let (_consumer, view) = room.view(&viewer, &producer, &camera).await;
    let began = layer(&view, &viewer.ours, 2..=2, 3 * SOON).await;
    tokio::time::sleep(SOON).await;
    let steady = stats(&viewer.ours).await.available_outgoing_bitrate.unwrap();
    viewer.bot.set_link(LinkOptions::default(), way(500_000)).unwrap();
    let at_narrow = view.report().unwrap().layers.len();
    let down = layer(&view, &viewer.ours, 0..=1, SOON).await;
    tokio::time::sleep(2 * SOON).await;
    let narrow = stats(&viewer.ours).await.available_outgoing_bitrate.unwrap();
    let spatial = |from: usize| {
        let layers = view.report().unwrap().layers;
        let mut spatial: Vec<u8> = layers[from - 1..].iter().map(|change| change.spatial).collect();
        spatial.dedup();
        spatial
    };
    // to what fits, and not back; a probe that fills the queue may cost one step more
    let stepped = spatial(at_narrow);
    assert!(stepped.len() <= 3 && stepped.is_sorted_by(|before, after| before > after), "{stepped:?}");
    viewer.bot.set_link(LinkOptions::default(), wide).unwrap();
    let at_wide = view.report().unwrap().layers.len();
    let up = layer(&view, &viewer.ours, 2..=2, 3 * SOON).await;
    tokio::time::sleep(SOON).await;
    let stepped = spatial(at_wide);
    assert!(stepped.len() <= 3 && stepped.is_sorted(), "{stepped:?}");
    let report = view.report().unwrap();
    assert_eq!(report.faults(), Vec::<String>::new());
    println!(
        "top layer after {began:?}; estimate {steady}, then {narrow}; down {down:?}, up {up:?}; {} broken, {} freezes, longest recovery {:?}",
        report.frames_broken, report.freezes, report.longest_recovery
    );
    room.fleet.stop(SOON).unwrap();
}

#[tokio::test]
async fn with_a_tenth_lost_the_picture_stays_decodable_and_comes_back_within_a_second() {
    let room = Room::alone(1).await;
    let sender = room.connect(TransportOptions::send()).await;
    let camera = sender.bot.publish_video(VideoOptions::new(1)).unwrap();
    let producer = produce(&sender, &camera).await;
    let viewer = room.connect(TransportOptions::receive()).await;
    let (consumer, view) = room.view(&viewer, &producer, &camera).await;
    view.wait(SOON, |report| report.frames_decodable > 10).unwrap();
    viewer.bot.set_link(LinkOptions::default(), LinkOptions::lossy(100)).unwrap();
    tokio::time::sleep(2 * SOON).await;
    let report = view.report().unwrap();
    println!("{report:?}");
    println!("{:?}", consumer.get_stats().await.unwrap().consumer);
    assert_eq!(report.faults(), Vec::<String>::new());
    assert!(report.longest_recovery < Duration::from_secs(1), "{:?}", report.longest_recovery);
    assert!(report.frames_decodable > 250 && report.freezes == 0, "{report:?}");
    let stats = consumer.get_stats().await.unwrap();
    assert!(stats.consumer[0].packets_retransmitted > 20);
    room.fleet.stop(SOON).unwrap();
}

#[tokio::test]
async fn temporal_layers_with_loss_on_either_side_leave_no_gap_and_no_freeze() {
    for (up, down) in [(20, 0), (20, 20)] {
        let room = Room::alone(1).await;
        let sender = room.connect(TransportOptions::send()).await;
        let camera = sender.bot.publish_video(VideoOptions::simulcast(1)).unwrap();
        let producer = produce(&sender, &camera).await;
        let viewer = room.connect(TransportOptions::receive()).await;
        let (consumer, view) = room.view(&viewer, &producer, &camera).await;
        // a layer is left out, so that what is lost on the way to us and comes late may be of it
        consumer
            .set_preferred_layers(ConsumerLayers { spatial_layer: 1, temporal_layer: Some(1) })
            .await
            .unwrap();
        view.wait(SOON, |report| report.frames_decodable > 10).unwrap();
        sender.bot.set_link(LinkOptions::lossy(up), LinkOptions::lossy(up)).unwrap();
        viewer.bot.set_link(LinkOptions::lossy(down), LinkOptions::lossy(down)).unwrap();
        tokio::time::sleep(SOON).await;
        let report = view.report().unwrap();
        let stats = consumer.get_stats().await.unwrap();
        println!("{up} and {down} per mille: {report:?} {stats:?}");
        assert!(stats.producer.iter().map(|stream| stream.packets_repaired).sum::<u64>() > 5, "{stats:?}");
        assert_eq!((report.faults(), report.freezes), (vec![], 0), "{report:?}");
        // both a packet and its repetition may be lost
        assert!(report.sequence_gaps <= u64::from(down), "{report:?}");
        room.fleet.stop(SOON).unwrap();
    }
}
