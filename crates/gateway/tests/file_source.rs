//! The demo camera through a real hub: in real time, with a key frame first, and gone when nobody looks.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panic")]
use bytes::Bytes;
use gateway::sources::file::FileSources;
use hub::{
    Conflict, Connect, Format, Hub, HubConfig, Item, Limits, PeerInfo, StreamSpec, StreamState, Worker,
};
use media::StreamName;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn start() -> Hub {
    let demo = Bytes::from_static(include_bytes!("../../server/assets/demo.mp4"));
    let connectors: Vec<Arc<dyn Connect>> = vec![Arc::new(FileSources::new(demo))];
    let limits = Limits { source_linger: Duration::from_millis(50), ..Limits::default() };
    Hub::start(HubConfig {
        workers: 1,
        limits,
        conflict: Conflict::Refuse,
        connectors,
        deliverers: Vec::new(),
    })
    .unwrap()
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), future).await.expect("in time") })
}

async fn state(hub: &Hub, name: &StreamName) -> StreamState {
    hub.report(name).await.unwrap().state
}

/// Reads chunks for a second and a half; returns how many, the bytes of the first, and the track count.
async fn watch(worker: Worker, name: StreamName) -> (usize, Vec<u8>, usize) {
    let view = worker.open(&name).await.unwrap();
    let tracks = view.ready().await.unwrap();
    let mut reader = view.reader(Format::units(), PeerInfo::default()).unwrap();
    let (mut count, mut first) = (0, Vec::new());
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(1_500) {
        match reader.next().await {
            Item::Chunk(chunk) => {
                if count == 0 {
                    first = chunk.parts.iter().flat_map(|part| part.iter().copied()).collect();
                }
                count += 1;
            }
            Item::Header(_) => {}
            Item::Ended(reason) => panic!("{reason}"),
        }
    }
    (count, first, tracks.len())
}

#[test]
fn the_demo_camera_plays_in_real_time_while_somebody_looks() {
    let hub = start();
    block_on(async {
        let name = StreamName::new("demo").unwrap();
        let sources = vec!["demo:".into()];
        hub.put(&name, StreamSpec { sources, ..StreamSpec::default() }).await.unwrap();
        let (done, result) = tokio::sync::oneshot::channel();
        let stream = name.clone();
        let job = move |worker| async move { done.send(watch(worker, stream).await).unwrap() };
        hub.worker().await.unwrap().run("reader", job).await.unwrap();
        let (count, first, tracks) = result.await.unwrap();
        assert_eq!(tracks, 2);
        assert_eq!(first[4] & 0x1f, 5, "an IDR slice comes first");
        // 25 pictures and 47 sound frames a second: 108 in a second and a half, give or take a busy machine.
        assert!((80..=125).contains(&count), "{count}");
        while state(&hub, &name).await != StreamState::Idle {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(hub.shutdown(Duration::from_secs(2)).await, 0);
    });
}

#[test]
fn a_file_that_is_not_there_is_said_and_tried_again() {
    let hub = start();
    block_on(async {
        let name = StreamName::new("gone").unwrap();
        let sources = vec!["file:/no/such/clip.mp4".into()];
        hub.put(&name, StreamSpec { sources, ..StreamSpec::default() }).await.unwrap();
        let stream = name.clone();
        let job = move |worker: Worker| async move {
            let view = worker.open(&stream).await.unwrap();
            // Holds the stream until the test ends.
            let _ = view.ready().await;
            std::future::pending::<()>().await;
        };
        hub.worker().await.unwrap().run("reader", job).await.unwrap();
        let message = loop {
            let report = hub.report(&name).await.unwrap();
            if report.state == StreamState::Backoff {
                break report.reason.unwrap_or_default();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert!(message.contains("/no/such/clip.mp4: No such file"), "{message}");
    });
}
