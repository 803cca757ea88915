//! The hub's promises, on real threads: sharing, relays, on-demand sources, isolation, ends.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panic")]
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use hub::{
    Conflict, Connect, EndReason, Event, Format, Hub, HubConfig, Item, Limits, PeerInfo, PlayError,
    PublishError, Publisher, PutOutcome, SourceError, SourceTask, StreamSpec, StreamState, What, Worker,
};
use media::{Codec, CodecParams, Kind, StreamName, Track, Unit};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc};

/// Sources for the tests: `fake:good` sends 25 frames a second, `fake:refuse` fails, `fake:panic` panics.
struct Fake;

impl Connect for Fake {
    fn schemes(&self) -> &[&'static str] {
        &["fake"]
    }
    fn check(&self, _url: &str) -> Result<(), SourceError> {
        Ok(())
    }
    fn peer(&self, _url: &str) -> PeerInfo {
        PeerInfo { protocol: "fake", ..PeerInfo::default() }
    }
    fn run(&self, mut task: SourceTask) -> LocalBoxFuture<'static, Result<(), SourceError>> {
        async move {
            match task.url.as_str() {
                "fake:refuse" => Err(SourceError::peer("connection refused")),
                "fake:panic" => panic!("a defect in a source"),
                "fake:once" => {
                    assert!(task.once, "what is played is told so");
                    send_frames(&mut task.publisher, 30).await;
                    Ok(())
                }
                _ => {
                    let (publisher, stop) = (&mut task.publisher, &mut task.stop);
                    tokio::select! {
                        () = stop.wanted() => {}
                        () = send_frames(publisher, u64::MAX) => {}
                    }
                    Ok(())
                }
            }
        }
        .boxed_local()
    }
}

async fn send_frames(publisher: &mut Publisher, count: u64) {
    let track = Track::video(0, Codec::H264, CodecParams::None);
    if publisher.set_tracks(vec![track]).await.is_err() {
        return;
    }
    for frame in 0..count {
        let sent = publisher.push(unit(frame, 1000)).await;
        if sent.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(4)).await;
    }
}

/// A frame whose first bytes are its number; a key frame each 25.
fn unit(frame: u64, bytes: usize) -> Unit {
    let mut data = vec![0; bytes];
    data[..8].copy_from_slice(&frame.to_be_bytes());
    Unit {
        track: 0,
        pts: frame as i64 * 3600,
        dts: frame as i64 * 3600,
        arrival: hub::now(),
        wall: hub::wall_now(),
        keyframe: frame.is_multiple_of(25),
        discontinuity: false,
        data: Bytes::from(data),
    }
}

fn start(workers: usize, limits: Limits) -> Hub {
    start_with(workers, limits, Conflict::Refuse)
}

fn start_with(workers: usize, limits: Limits, conflict: Conflict) -> Hub {
    let connectors: Vec<Arc<dyn Connect>> = vec![Arc::new(Fake)];
    Hub::start(HubConfig { workers, limits, conflict, connectors, deliverers: Vec::new() }).unwrap()
}

fn name(text: &str) -> StreamName {
    StreamName::new(text).unwrap()
}

fn spec(sources: &[&str]) -> StreamSpec {
    StreamSpec { sources: sources.iter().map(|s| (*s).into()).collect(), ..StreamSpec::default() }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), future).await.expect("in time") })
}

/// Reads `count` frames of a stream on a worker and sends their numbers.
async fn read(worker: Worker, stream: StreamName, count: usize, out: mpsc::Sender<Result<Vec<u64>, String>>) {
    let result = async {
        let view = worker.open(&stream).await.map_err(|e| e.to_string())?;
        view.ready().await.map_err(|e| e.to_string())?;
        let mut reader = view.reader(Format::units(), PeerInfo::default()).map_err(|e| e.to_string())?;
        let mut frames = Vec::new();
        while frames.len() < count {
            match reader.next().await {
                Item::Chunk(chunk) => {
                    frames.push(u64::from_be_bytes(chunk.parts[0][..8].try_into().unwrap()))
                }
                Item::Header(_) => {}
                Item::Ended(reason) => return Err(reason.to_string()),
            }
        }
        Ok(frames)
    };
    let _ = out.send(result.await).await;
}

async fn expect(
    events: &mut broadcast::Receiver<Arc<Event>>,
    mut test: impl FnMut(&What) -> bool,
) -> Arc<Event> {
    loop {
        let event = events.recv().await.unwrap();
        if test(&event.what) {
            return event;
        }
    }
}

#[test]
fn readers_on_every_worker_get_every_frame_from_a_key_frame_on() {
    let hub = start(3, Limits::default());
    block_on(async {
        hub.put(&name("cam"), spec(&["fake:good"])).await.unwrap();
        let (out, mut results) = mpsc::channel(64);
        for worker in hub.workers().await {
            for _ in 0..5 {
                let out = out.clone();
                worker.run("reader", move |worker| read(worker, name("cam"), 60, out)).await.unwrap();
            }
        }
        drop(out);
        let mut seen = 0;
        while let Some(frames) = results.recv().await {
            let frames = frames.unwrap();
            assert_eq!(frames[0] % 25, 0, "starts at a key frame");
            assert!(frames.windows(2).all(|pair| pair[1] == pair[0] + 1), "{frames:?}");
            seen += 1;
        }
        assert_eq!(seen, 15);
        let report = hub.report(&name("cam")).await.unwrap();
        assert_eq!(report.state, StreamState::Live);
        assert_eq!(report.sources[0].state, "live");
    });
}

#[test]
fn a_source_runs_only_while_somebody_reads() {
    let limits = Limits { source_linger: Duration::from_millis(200), ..Limits::default() };
    let hub = start(2, limits);
    block_on(async {
        let mut events = hub.events();
        hub.put(&name("cam"), spec(&["fake:good"])).await.unwrap();
        assert_eq!(hub.report(&name("cam")).await.unwrap().state, StreamState::Idle);
        let (out, mut results) = mpsc::channel(1);
        let worker = hub.worker().await.unwrap();
        worker.run("reader", move |worker| read(worker, name("cam"), 5, out)).await.unwrap();
        results.recv().await.unwrap().unwrap();
        expect(&mut events, |what| matches!(what, What::StreamState { state: "live", .. })).await;
        expect(&mut events, |what| matches!(what, What::StreamState { state: "idle", .. })).await;
        let report = hub.report(&name("cam")).await.unwrap();
        assert!(report.publishers.is_empty() && report.readers.is_empty(), "{report:?}");
    });
}

#[test]
fn a_pushed_stream_that_nobody_reads_stays_live_and_keeps_its_group() {
    let limits = Limits { source_linger: Duration::from_millis(100), ..Limits::default() };
    let hub = start(1, limits);
    block_on(async {
        let mut publisher = hub.publish(&name("in"), PeerInfo::default(), None).await.unwrap();
        publisher.set_tracks(vec![Track::video(0, Codec::H264, CodecParams::None)]).await.unwrap();
        publisher.push(unit(0, 1000)).await.unwrap();
        let (out, mut results) = mpsc::channel(1);
        let worker = hub.worker().await.unwrap();
        worker.run("reader", move |worker| read(worker, name("in"), 1, out)).await.unwrap();
        results.recv().await.unwrap().unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(hub.report(&name("in")).await.unwrap().state, StreamState::Live);
        let (out, mut results) = mpsc::channel(1);
        worker.run("reader", move |worker| read(worker, name("in"), 1, out)).await.unwrap();
        assert_eq!(results.recv().await.unwrap(), Ok(vec![0]), "the cached key frame, at once");
    });
}

#[test]
fn after_removal_nothing_of_the_stream_is_left_and_its_readers_know_why() {
    let hub = start(2, Limits::default());
    block_on(async {
        hub.put(&name("cam"), spec(&["fake:good"])).await.unwrap();
        let (out, mut results) = mpsc::channel(4);
        for worker in hub.workers().await {
            let out = out.clone();
            worker.run("reader", move |worker| read(worker, name("cam"), 100_000, out)).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(hub.report(&name("cam")).await.unwrap().readers.len(), 2);
        assert!(hub.remove(&name("cam")).await.is_some());
        for _ in 0..2 {
            assert_eq!(results.recv().await.unwrap(), Err(EndReason::Removed.to_string()));
        }
        assert!(hub.remove(&name("cam")).await.is_none());
        assert!(hub.reports().await.is_empty());
    });
}

#[test]
fn a_second_publisher_is_refused_with_who_is_there() {
    let hub = start(1, Limits::default());
    block_on(async {
        let peer = || PeerInfo { protocol: "rtmp", remote: "127.0.0.1:9".into(), ..PeerInfo::default() };
        let first = hub.publish(&name("a"), peer(), None).await.unwrap();
        let error = hub.publish(&name("a"), peer(), None).await.err().unwrap();
        assert!(error.to_string().contains("rtmp from 127.0.0.1:9"), "{error}");
        drop(first);
        // At once: nobody has told the owner yet.
        hub.publish(&name("a"), peer(), None).await.unwrap();
    });
}

#[test]
fn with_the_policy_to_replace_the_first_publisher_learns_that_it_was() {
    let hub = start_with(1, Limits::default(), Conflict::Replace);
    block_on(async {
        let mut first = hub.publish(&name("a"), PeerInfo::default(), None).await.unwrap();
        let mut second = hub.publish(&name("a"), PeerInfo::default(), None).await.unwrap();
        assert_eq!(first.feedback().await.unwrap_err().0, EndReason::Replaced);
        send_frames(&mut second, 3).await;
        assert_eq!(hub.report(&name("a")).await.unwrap().publishers.len(), 1);
    });
}

/// A format whose muxer panics at the tenth frame.
struct Broken(u32);

impl hub::Muxer for Broken {
    fn header(&mut self, _again: bool) -> Bytes {
        Bytes::new()
    }
    fn push(&mut self, unit: &Unit, out: &mut Vec<hub::Chunk>) {
        self.0 += 1;
        assert!(self.0 < 10, "a defect in a muxer");
        out.push(hub::Chunk::new(unit, [unit.data.clone()]));
    }
}

#[test]
fn a_panic_in_a_muxer_ends_its_readers_with_why_and_no_others() {
    let hub = start(1, Limits::default());
    block_on(async {
        hub.put(&name("cam"), spec(&["fake:good"])).await.unwrap();
        let worker = hub.worker().await.unwrap();
        let (out, mut results) = mpsc::channel(1);
        worker.run("reader", move |worker| read(worker, name("cam"), 60, out)).await.unwrap();
        let (out, mut reason) = mpsc::channel(1);
        worker
            .run("unlucky reader", move |worker| async move {
                let view = worker.open(&name("cam")).await.unwrap();
                view.ready().await.unwrap();
                let format = Format::new("broken", |_| Ok(Box::new(Broken(0))));
                let mut reader = view.reader(format, PeerInfo::default()).unwrap();
                let reason = loop {
                    if let Item::Ended(reason) = reader.next().await {
                        break reason;
                    }
                };
                out.send(reason.to_string()).await.unwrap();
            })
            .await
            .unwrap();
        assert!(reason.recv().await.unwrap().contains("muxer failed"));
        let frames = results.recv().await.unwrap().unwrap();
        assert!(frames.windows(2).all(|pair| pair[1] == pair[0] + 1));
    });
}

#[test]
fn putting_the_same_twice_changes_nothing() {
    let hub = start(1, Limits::default());
    block_on(async {
        let put = |sources: &'static [&'static str]| {
            let hub = hub.clone();
            async move { hub.put(&name("cam"), spec(sources)).await.unwrap() }
        };
        assert_eq!(put(&["fake:good"]).await, PutOutcome::Added);
        assert_eq!(put(&["fake:good"]).await, PutOutcome::Unchanged);
        assert_eq!(put(&["fake:refuse"]).await, PutOutcome::Changed);
        let error = hub.put(&name("x"), spec(&["ftp://h/x"])).await.unwrap_err();
        assert!(error.to_string().contains("\"ftp\"") && error.to_string().contains("fake"), "{error}");
    });
}

#[test]
fn a_panic_in_a_source_ends_that_attempt_alone() {
    let hub = start(1, Limits::default());
    block_on(async {
        let mut events = hub.events();
        hub.put(&name("good"), StreamSpec { preload: true, ..spec(&["fake:good"]) }).await.unwrap();
        hub.put(&name("bad"), StreamSpec { preload: true, ..spec(&["fake:panic"]) }).await.unwrap();
        let event = expect(&mut events, |what| matches!(what, What::OwnerPanicked { .. })).await;
        let What::OwnerPanicked { owner, message, backtrace } = &event.what else { unreachable!() };
        assert_eq!(owner, "source 0 of bad");
        assert!(message.contains("a defect in a source") && !backtrace.is_empty());
        // The event comes from the attempt's own task: the stream's owner sees the end a moment later.
        expect(&mut events, |what| matches!(what, What::StreamState { state: "backoff", .. })).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(hub.report(&name("good")).await.unwrap().state, StreamState::Live);
    });
}

#[test]
fn a_stalled_worker_is_replaced_and_its_streams_start_again() {
    let limits = Limits { worker_stall_max: Duration::from_millis(1500), ..Limits::default() };
    let hub = start(2, limits);
    block_on(async {
        let mut events = hub.events();
        for index in 0..4 {
            let spec = StreamSpec { preload: true, ..spec(&["fake:good"]) };
            hub.put(&name(&format!("cam{index}")), spec).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        let victim = hub.report(&name("cam0")).await.unwrap().worker;
        let worker = hub.workers().await.into_iter().find(|worker| worker.id() == victim).unwrap();
        let stall = |_| async { std::thread::sleep(Duration::from_secs(8)) };
        worker.run("a defect that blocks", stall).await.unwrap();
        let event = expect(&mut events, |what| matches!(what, What::WorkerReplaced { .. })).await;
        let What::WorkerReplaced { worker, streams, .. } = &event.what else { unreachable!() };
        assert_eq!(*worker, victim);
        assert!(*streams >= 1);
        tokio::time::sleep(Duration::from_millis(500)).await;
        for report in hub.reports().await {
            assert_eq!(report.state, StreamState::Live, "{report:?}");
            assert_ne!(report.worker, victim);
        }
    });
}

#[test]
fn readers_elsewhere_learn_that_their_streams_worker_stalled() {
    let limits = Limits { worker_stall_max: Duration::from_millis(1500), ..Limits::default() };
    let hub = start(2, limits);
    block_on(async {
        hub.put(&name("cam"), spec(&["fake:good"])).await.unwrap();
        let owner = hub.report(&name("cam")).await.unwrap().worker;
        let (near, far): (Vec<_>, Vec<_>) =
            hub.workers().await.into_iter().partition(|worker| worker.id() == owner);
        let (out, mut frames) = mpsc::channel(1);
        let reads = move |worker| read(worker, name("cam"), 100_000, out);
        far[0].run("reader", reads).await.unwrap();
        while hub.report(&name("cam")).await.unwrap().readers.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let stall = |_| async { std::thread::sleep(Duration::from_secs(8)) };
        near[0].run("a defect that blocks", stall).await.unwrap();
        let why = tokio::time::timeout(Duration::from_secs(5), frames.recv()).await;
        let why = why.expect("the reader ends").unwrap().unwrap_err();
        assert!(why.contains("stopped answering"), "{why}");
    });
}

/// The one who replaces a stalled worker must not wait for it, and neither must who asks for another worker.
#[test]
fn a_stalled_worker_whose_mailbox_is_full_holds_up_nobody() {
    let limits = Limits { worker_stall_max: Duration::from_millis(1500), ..Limits::default() };
    let hub = start(2, limits);
    block_on(async {
        let mut events = hub.events();
        let victim = hub.workers().await.remove(0);
        let stall = |_| async { std::thread::sleep(Duration::from_secs(8)) };
        victim.run("a defect that blocks", stall).await.unwrap();
        let full = async {
            loop {
                victim.run("waits", |_| async {}).await.unwrap();
            }
        };
        let filled: Result<(), _> = tokio::time::timeout(Duration::from_millis(300), full).await;
        assert!(filled.is_err());
        let there = name("there");
        let publish = hub.publish(&there, PeerInfo::default(), Some(victim.id()));
        assert!(tokio::time::timeout(Duration::from_millis(300), publish).await.is_err());
        let asked = tokio::time::timeout(Duration::from_millis(500), hub.workers()).await;
        assert_eq!(asked.expect("the director answers").len(), 2);
        expect(&mut events, |what| matches!(what, What::WorkerReplaced { .. })).await;
    });
}

/// Reads slowly: takes one frame, then nothing for as long as it is let.
#[test]
fn a_reader_that_stops_is_cut_back_then_ended_and_others_lose_nothing() {
    let limits = Limits {
        ring_keep: Duration::from_millis(300),
        reader_lag_max: Duration::from_millis(300),
        reader_stall_max: Duration::from_millis(1500),
        ..Limits::default()
    };
    let hub = start(1, limits);
    block_on(async {
        let mut events = hub.events();
        hub.put(&name("cam"), spec(&["fake:good"])).await.unwrap();
        let (out, mut results) = mpsc::channel(1);
        let (slow_out, mut slow) = mpsc::channel::<String>(1);
        let worker = hub.worker().await.unwrap();
        worker
            .run("slow reader", move |worker| async move {
                let view = worker.open(&name("cam")).await.unwrap();
                view.ready().await.unwrap();
                let mut reader = view.reader(Format::units(), PeerInfo::default()).unwrap();
                assert!(matches!(reader.next().await, Item::Chunk(_)));
                let reason = loop {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    if let Some(reason) = reader.check(hub::now()) {
                        break reason;
                    }
                };
                slow_out.send(reason.to_string()).await.unwrap();
            })
            .await
            .unwrap();
        worker.run("reader", move |worker| read(worker, name("cam"), 400, out)).await.unwrap();
        expect(&mut events, |what| matches!(what, What::ReaderCutBack { skipped, .. } if *skipped > 0)).await;
        let left = expect(&mut events, |what| matches!(what, What::ReaderLeft { .. })).await;
        let What::ReaderLeft { reason, .. } = &left.what else { unreachable!() };
        assert!(reason.contains("too slow"), "{reason}");
        assert!(slow.recv().await.unwrap().contains("too slow"));
        let frames = results.recv().await.unwrap().unwrap();
        assert!(frames.windows(2).all(|pair| pair[1] == pair[0] + 1));
    });
}

#[test]
fn a_publisher_that_comes_back_goes_on_for_the_readers_that_waited() {
    let hub = start(2, Limits::default());
    block_on(async {
        hub.put(&name("in"), spec(&[])).await.unwrap();
        let (out, mut results) = mpsc::channel(1);
        let worker = hub.worker().await.unwrap();
        worker
            .run("reader", move |worker| async move {
                let view = worker.open(&name("in")).await.unwrap();
                view.ready().await.unwrap();
                let mut reader = view.reader(Format::units(), PeerInfo::default()).unwrap();
                let mut times = Vec::new();
                let mut marks = 0;
                while times.len() < 60 {
                    let Item::Chunk(chunk) = reader.next().await else { panic!("ended") };
                    times.push(chunk.dts);
                    marks += usize::from(chunk.discontinuity);
                }
                out.send((times, marks)).await.unwrap();
            })
            .await
            .unwrap();
        for _ in 0..2 {
            let mut publisher = hub.publish(&name("in"), PeerInfo::default(), None).await.unwrap();
            send_frames(&mut publisher, 50).await;
            drop(publisher);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let (times, marks): (Vec<i64>, usize) = results.recv().await.unwrap();
        assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
        assert_eq!(marks, 1);
    });
}

#[test]
fn shutdown_ends_streams_in_time_and_takes_no_new_ones() {
    let hub = start(2, Limits::default());
    block_on(async {
        for index in 0..20 {
            let spec = StreamSpec { preload: true, ..spec(&["fake:good"]) };
            hub.put(&name(&format!("cam{index}")), spec).await.unwrap();
        }
        assert_eq!(hub.shutdown(Duration::from_secs(4)).await, 0);
        assert!(hub.put(&name("late"), spec(&["fake:good"])).await.is_err());
    });
}

/// The owner takes units in turns of 64, and once dropped the one between two turns.
#[test]
fn a_burst_of_units_arrives_whole() {
    let hub = start(1, Limits::default());
    block_on(async {
        let mut publisher = hub.publish(&name("burst"), PeerInfo::default(), None).await.unwrap();
        publisher.set_tracks(vec![Track::video(0, Codec::H264, CodecParams::None)]).await.unwrap();
        for frame in 0..1_000 {
            publisher.push(unit(frame, 8)).await.unwrap();
        }
        let mut units = 0;
        for _ in 0..100 {
            units = hub.report(&name("burst")).await.unwrap().units_in;
            if units == 1_000 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(units, 1_000);
    });
}

/// Sound that waited for its picture was in the snapshot for a new relay, and then in the next batch again.
#[test]
fn a_reader_that_joins_on_another_worker_gets_nothing_twice() {
    let hub = start(2, Limits { flush_delay: Duration::from_millis(300), ..Limits::default() });
    block_on(async {
        let workers = hub.workers().await;
        let peer = PeerInfo::default();
        let mut publisher = hub.publish(&name("av"), peer, Some(workers[0].id())).await.unwrap();
        let sound = Track::audio(1, Codec::Pcma, 8_000, 1, CodecParams::None);
        publisher.set_tracks(vec![Track::video(0, Codec::H264, CodecParams::None), sound]).await.unwrap();
        publisher.push(unit(0, 8)).await.unwrap();
        while hub.report(&name("av")).await.unwrap().units_in < 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        publisher.push(Unit { track: 1, keyframe: true, ..unit(1, 8) }).await.unwrap();
        while hub.report(&name("av")).await.unwrap().units_in < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let (out, mut frames) = mpsc::channel(1);
        workers[1].run("reader", move |worker| read(worker, name("av"), 3, out)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        publisher.push(Unit { keyframe: false, ..unit(2, 8) }).await.unwrap();
        assert_eq!(frames.recv().await.unwrap().unwrap(), [0, 1, 2]);
    });
}

#[test]
fn what_is_played_into_a_stream_ends_by_itself_or_when_told_or_with_the_stream() {
    let hub = start(2, Limits::default());
    block_on(async {
        let talk = name("door/talk");
        assert!(matches!(hub.play(&talk, "fake:once").await, Err(PlayError::Open(_))));
        hub.put(&talk, spec(&[])).await.unwrap();
        let mut events = hub.events();
        hub.play(&talk, "fake:once").await.unwrap();
        assert_eq!(hub.report(&talk).await.unwrap().publishers[0].peer.protocol, "fake");
        expect(&mut events, |what| matches!(what, What::PublisherLeft { .. })).await;
        assert!(!hub.stop_play(&talk).await, "it has ended");
        assert_eq!(hub.report(&talk).await.unwrap().units_in, 30, "all of it was taken");

        hub.play(&talk, "fake:good").await.unwrap();
        let error = hub.publish(&talk, PeerInfo::default(), None).await.err().unwrap();
        assert!(error.to_string().contains("has a publisher already (fake"), "{error}");
        hub.play(&talk, "fake:good").await.unwrap();
        assert_eq!(hub.report(&talk).await.unwrap().publishers.len(), 1, "the later one took its place");
        assert!(hub.stop_play(&talk).await);
        assert!(hub.report(&talk).await.unwrap().publishers.is_empty());

        hub.play(&talk, "fake:good").await.unwrap();
        let removal = hub.remove(&talk).await.unwrap();
        // On a busy machine those before it may be on their way to their ends.
        assert!((1..=3).contains(&removal.ends.len()), "{:?}", removal.ends);
        assert!(removal.ends.iter().all(|end| end.what == "play" && end.in_time), "{:?}", removal.ends);
    });
}

#[test]
fn who_asks_to_play_hears_why_it_is_not() {
    let hub = start(1, Limits::default());
    block_on(async {
        let talk = name("door/talk");
        hub.put(&talk, StreamSpec { conflict: Some(Conflict::Queue), ..StreamSpec::default() })
            .await
            .unwrap();
        let error = hub.play(&talk, "fake:refuse").await.unwrap_err();
        assert_eq!(error, PlayError::Source(SourceError::peer("connection refused")));
        let error = hub.play(&talk, "gopher://x").await.unwrap_err();
        assert!(error.to_string().contains("no source of scheme"), "{error}");
        let error = hub.play(&talk, "fake:panic").await.unwrap_err();
        assert!(error.to_string().contains("failed inside"), "{error}");
        // Its place is free as soon as the owner has heard of its end.
        while !hub.report(&talk).await.unwrap().publishers.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let _speaker = hub.publish(&talk, PeerInfo::default(), None).await.unwrap();
        let error = hub.play(&talk, "fake:good").await.unwrap_err();
        assert!(
            matches!(error, PlayError::Publish(PublishError::Busy { .. })),
            "nothing waits unheard: {error}"
        );
    });
}

/// A frame of sound whose first bytes are its number.
fn sound(track: u8, number: u64) -> Unit {
    Unit { track, pts: number as i64 * 160, dts: number as i64 * 160, keyframe: true, ..unit(number, 160) }
}

#[test]
fn a_format_of_all_sound_starts_with_the_newest_and_takes_in_who_joins() {
    let hub = start(1, Limits::default());
    block_on(async {
        let talk = name("door/talk");
        hub.put(&talk, StreamSpec { conflict: Some(Conflict::Mix), ..StreamSpec::default() }).await.unwrap();
        let voice = |id| Track::audio(id, Codec::Pcmu, 8_000, 1, CodecParams::None);
        let mut first = hub.publish(&talk, PeerInfo::default(), None).await.unwrap();
        let video = Track::video(0, Codec::H264, CodecParams::None);
        first.set_tracks(vec![video, voice(1)]).await.unwrap();
        first.push(unit(0, 1_000)).await.unwrap();
        for number in 1..=100 {
            first.push(sound(1, number)).await.unwrap();
        }
        while hub.report(&talk).await.unwrap().units_in < 101 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let (out, mut heard) = mpsc::channel(64);
        let read = move |worker: Worker| async move {
            let view = worker.open(&name("door/talk")).await.unwrap();
            let format = Format::units().only(Kind::Audio);
            let mut reader = view.reader(format, PeerInfo::default()).unwrap();
            loop {
                match reader.next().await {
                    Item::Chunk(chunk) => {
                        let number = u64::from_be_bytes(chunk.parts[0][..8].try_into().unwrap());
                        out.send(Ok((chunk.track, number))).await.unwrap();
                    }
                    Item::Header(_) => {}
                    Item::Ended(reason) => {
                        let _ = out.send(Err(reason)).await;
                        return;
                    }
                }
            }
        };
        hub.worker().await.unwrap().run("reader", read).await.unwrap();
        assert_eq!(heard.recv().await.unwrap(), Ok((1, 100)), "live, without what was said before");
        first.push(unit(1, 1_000)).await.unwrap();
        first.push(sound(1, 101)).await.unwrap();
        assert_eq!(heard.recv().await.unwrap(), Ok((1, 101)), "and without pictures");
        let mut second = hub.publish(&talk, PeerInfo::default(), None).await.unwrap();
        second.set_tracks(vec![voice(0)]).await.unwrap();
        second.push(sound(0, 500)).await.unwrap();
        assert_eq!(heard.recv().await.unwrap(), Ok((2, 500)));
        drop(first);
        for number in 501..520 {
            second.push(sound(0, number)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let mut last = 500;
        while last < 519 {
            // The second one may go on in the line that the first one left.
            let (_, number) = heard.recv().await.unwrap().expect("who leaves ends nobody who listens to all");
            assert!(number > last);
            last = number;
        }
        hub.remove(&talk).await.unwrap();
        while let Some(Ok(_)) = heard.recv().await {}
    });
}
