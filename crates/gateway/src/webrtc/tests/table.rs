//! The table of sessions outlives its worker.
use super::live::{Client, name, peer_info, server_with, until};
use hub::{Hub, Limits};
use media::{Codec, CodecParams, Moment, Track, Unit, WallTime};
use std::time::{Duration, Instant};
use str0m::media::Direction;

/// Publishes VP8 from a certain worker, until it is dropped.
async fn camera_on(hub: &Hub, worker: usize) -> tokio::task::JoinHandle<()> {
    let mut publisher = hub.publish(&name(), peer_info(), Some(worker)).await.unwrap();
    let video = Track::video(0, Codec::Vp8, CodecParams::None);
    publisher.set_tracks(vec![video]).await.unwrap();
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(Duration::from_millis(40));
        for number in 0_i64.. {
            tick.tick().await;
            let mut data = vec![number as u8; 1_000];
            data[0] = u8::from(number % 25 != 0);
            data[3..10].copy_from_slice(&[0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01]);
            let unit = Unit {
                track: 0,
                pts: number * 3_600,
                dts: number * 3_600,
                arrival: Moment::ZERO,
                wall: WallTime::default(),
                keyframe: number % 25 == 0,
                discontinuity: false,
                data: data.into(),
            };
            if publisher.push(unit).await.is_err() {
                return;
            }
        }
    })
}

#[tokio::test]
async fn sessions_outlive_the_worker_that_reads_their_socket() {
    let limits = Limits { worker_stall_max: Duration::from_millis(1500), ..Limits::default() };
    let (hub, handle) = server_with(limits).await;
    // Workers are given in turn, the second first: that has the table, so the session gets the other.
    let (of_session, of_table) = (0, 1);
    let workers = hub.workers().await;
    let camera = camera_on(&hub, workers[of_session].id()).await;
    let (mut client, offer) = Client::new(Direction::RecvOnly, None);
    let (id, answer) = handle.play(&name(), &offer, peer_info(), None).await.unwrap();
    client.accept(&answer);
    let playing = tokio::task::spawn_blocking(move || {
        assert!(client.run_until(Duration::from_secs(5), |client| client.packets(0) >= 25));
        client
    });
    let mut client = playing.await.unwrap();

    let (stalled, is_stalled) = tokio::sync::oneshot::channel();
    let stall = |_| async {
        stalled.send(()).unwrap();
        std::thread::sleep(Duration::from_secs(12));
    };
    workers[of_table].run("a defect that blocks", stall).await.unwrap();
    is_stalled.await.unwrap();
    let asked = Instant::now();
    let before = client.packets(0);
    let playing = tokio::task::spawn_blocking(move || {
        client.run_until(Duration::from_secs(4), |_| false);
        client
    });
    handle.sessions().await;
    assert!(asked.elapsed() > Duration::from_millis(1400), "the table was not on the worker that stalled");
    assert!(until(async || handle.sessions().await == 1).await, "the session enters itself again");
    let client = playing.await.unwrap();
    assert!(client.packets(0) >= before + 80, "the picture goes on: {}", client.packets(0) - before);

    let (mut second, offer) = Client::new(Direction::RecvOnly, None);
    let (_, answer) = handle.play(&name(), &offer, peer_info(), None).await.unwrap();
    second.accept(&answer);
    let plays = move || second.run_until(Duration::from_secs(5), |client| client.packets(0) >= 25);
    assert!(tokio::task::spawn_blocking(plays).await.unwrap(), "others can come");
    handle.close(id).await.unwrap();
    assert!(until(async || handle.sessions().await == 1).await, "the first is told to end, and leaves");
    camera.abort();
    hub.shutdown(Duration::from_secs(2)).await;
}
