//! How long it takes to join: from the wish for a transport to the first picture that can be decoded.
use crate::room::{Room, consume, number};
use std::time::{Duration, Instant};
use testkit::conference::{Fleet, TransportOptions, VideoOptions};

#[tokio::test]
#[ignore = "a measurement: docs/performance.md, Conferences"]
async fn join() {
    let room = Room::new(number("WORKERS", 1)).await;
    let (senders, receivers) = (Fleet::start("send").unwrap(), Fleet::start("receive").unwrap());
    let (ours, bot) = room.connect(&senders, &room.device, TransportOptions::send()).await;
    let camera = bot.publish_video(VideoOptions::new(1)).unwrap();
    let producer = room.produce(&ours, &camera).await;
    bot.wait_connected(Duration::from_secs(10)).unwrap();
    let (mut first, mut viewers) = (Vec::new(), Vec::new());
    for _ in 0..number("CONSUMERS", 100) {
        let began = Instant::now();
        let (ours, bot) = room.connect(&receivers, &room.device, TransportOptions::receive()).await;
        let consumer = consume(&ours, &producer, &room.device).await;
        let parameters = serde_json::to_value(consumer.rtp_parameters()).unwrap();
        let asked = began.elapsed();
        let view = bot.consume(&parameters, Some(1)).unwrap();
        consumer.resume().await.unwrap();
        let seen =
            view.wait(Duration::from_secs(5), |report| report.first_decodable_frame.is_some()).unwrap();
        first.push(asked + seen.first_decodable_frame.unwrap());
        viewers.push((ours, bot, consumer, view));
        // not in step with the camera
        tokio::time::sleep(Duration::from_millis(20 + (first.len() as u64 * 7) % 40)).await;
    }
    first.sort();
    let at = |percent: usize| first[(first.len() - 1) * percent / 100];
    println!(
        "{} joins: first decodable frame after {:.1?} (least), {:.1?} (median), {:.1?} (95 %), {:.1?} (most)",
        first.len(),
        at(0),
        at(50),
        at(95),
        at(100),
    );
    receivers.stop(Duration::from_secs(10)).unwrap();
    senders.stop(Duration::from_secs(10)).unwrap();
    room.manager.close().await;
}
