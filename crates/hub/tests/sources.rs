//! Several sources of one stream, and outputs: each runs when it is needed and for as long, and none holds up another.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panic")]
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use hub::{
    Conflict, Connect, Deliver, Feedback, Format, Hub, HubConfig, Item, Limits, OutputSpec, OutputTask,
    PeerInfo, Policy, PublishError, Publisher, SourceError, SourceSpec, SourceTask, StreamReport, StreamSpec,
    StreamState, TalkSpec, Wants, Worker,
};
use media::{Codec, CodecParams, Kind, StreamName, Track, TrackId, Unit};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// What the fakes were asked for, and how they are to behave.
#[derive(Default)]
struct World {
    /// Attempts so far and attempts running, by URL.
    attempts: Mutex<HashMap<String, (usize, usize)>>,
    /// `fake:main…` refuses while this is set.
    main_is_down: AtomicBool,
    hang_ups: AtomicUsize,
}

impl World {
    fn attempts(&self, url: &str) -> (usize, usize) {
        self.attempts.lock().unwrap().get(url).copied().unwrap_or_default()
    }

    fn count(&self, url: &str, by: isize) {
        let mut all = self.attempts.lock().unwrap();
        let (ever, now) = all.entry(url.to_owned()).or_default();
        *ever += usize::from(by > 0);
        *now = now.checked_add_signed(by).unwrap();
    }
}

/// Counts an attempt while it runs, however it ends.
struct Running(Arc<World>, String);

impl Running {
    fn of(world: &Arc<World>, url: &str) -> Self {
        world.count(url, 1);
        Self(world.clone(), url.to_owned())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.count(&self.1, -1);
    }
}

/// `fake:NAME?CODEC,CODEC`: sends those codecs; `fake:hang` never answers; `known:` says beforehand what it sends.
struct Fake(Arc<World>);

fn codecs(url: &str) -> Vec<Codec> {
    let list = url.split_once('?').map_or("", |(_, list)| list);
    list.split(',').filter_map(Codec::from_common_name).collect()
}

fn track(codec: Codec) -> Track {
    match codec.kind() {
        Kind::Video => Track::video(0, codec, CodecParams::None),
        Kind::Audio => Track::audio(0, codec, 48_000, 2, CodecParams::None),
    }
}

impl Connect for Fake {
    fn schemes(&self) -> &[&'static str] {
        &["fake", "known"]
    }
    fn check(&self, _url: &str) -> Result<(), SourceError> {
        Ok(())
    }
    fn peer(&self, _url: &str) -> PeerInfo {
        PeerInfo { protocol: "fake", ..PeerInfo::default() }
    }
    fn offers(&self, url: &str) -> Option<Vec<(Kind, Option<Codec>)>> {
        url.starts_with("known:")
            .then(|| codecs(url).into_iter().map(|codec| (codec.kind(), Some(codec))).collect())
    }
    fn run(&self, mut task: SourceTask) -> LocalBoxFuture<'static, Result<(), SourceError>> {
        let world = self.0.clone();
        async move {
            let _running = Running::of(&world, &task.url);
            if task.url == "fake:hang" {
                task.stop.wanted().await;
                return Ok(());
            }
            let is_main = task.url.starts_with("fake:main");
            if is_main && world.main_is_down.load(Ordering::Relaxed) {
                return Err(SourceError::peer("connection refused"));
            }
            if task.url.contains(":slow") {
                sleep(Duration::from_millis(600)).await;
            }
            let tracks = codecs(&task.url).into_iter().map(track).collect();
            if task.publisher.set_tracks(tracks).await.is_err() {
                // Told to stop while it was slow.
                return Ok(());
            }
            let count = codecs(&task.url).len();
            let mark = if is_main { 1 } else { 2 };
            tokio::select! {
                () = task.stop.wanted() => {
                    task.stop.step("goodbye", "answered", Duration::from_millis(1));
                    Ok(())
                }
                () = send(&mut task.publisher, count, mark) => Ok(()),
                () = async { while !(is_main && world.main_is_down.load(Ordering::Relaxed)) { sleep(Duration::from_millis(5)).await } } =>
                    Err(SourceError::peer("the connection broke")),
            }
        }
        .boxed_local()
    }
}

/// A unit of every track each 10 ms, a key frame each fifth; the first byte is `mark`.
async fn send(publisher: &mut Publisher, tracks: usize, mark: u8) {
    for frame in 0.. {
        for index in 0..tracks {
            let unit = Unit {
                track: index as TrackId,
                pts: frame * 900,
                dts: frame * 900,
                arrival: hub::now(),
                wall: hub::wall_now(),
                keyframe: frame % 5 == 0,
                discontinuity: false,
                data: Bytes::from(vec![mark; 40]),
            };
            if publisher.push(unit).await.is_err() {
                return;
            }
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// A device that hangs up after each call's tenth frame, or listens (`device:good`).
struct Device(Arc<World>);

impl Deliver for Device {
    fn takes(&self, url: &str) -> bool {
        url.starts_with("device:")
    }
    fn check(&self, _url: &str) -> Result<(), SourceError> {
        Ok(())
    }
    fn peer(&self, _url: &str) -> PeerInfo {
        PeerInfo { protocol: "device", ..PeerInfo::default() }
    }
    fn run(&self, mut task: OutputTask) -> LocalBoxFuture<'static, Result<(), SourceError>> {
        let world = self.0.clone();
        async move {
            let _running = Running::of(&world, &task.url);
            task.progress.opened("PCMU/8000");
            let view = task.worker.open(&task.stream).await.unwrap();
            view.ready().await.unwrap();
            let mut reader = view.reader(Format::units(), PeerInfo::default()).unwrap();
            let mut frames = 0;
            loop {
                tokio::select! {
                    // The word comes before the end of the stream that it is about.
                    biased;
                    () = task.stop.wanted() => {
                        world.hang_ups.fetch_add(1, Ordering::Relaxed);
                        task.stop.step("close", "answered 200", Duration::from_millis(1));
                        return Ok(());
                    }
                    item = reader.next() => match item {
                        Item::Chunk(chunk) => {
                            task.progress.sent(chunk.bytes());
                            frames += 1;
                        }
                        Item::Header(_) => {}
                        Item::Ended(_) => return Ok(()),
                    },
                }
                if task.url == "device:hangs-up" && frames >= 10 {
                    return Ok(());
                }
            }
        }
        .boxed_local()
    }
}

fn start(world: &Arc<World>) -> Hub {
    let limits = Limits {
        source_linger: Duration::from_millis(200),
        track_silence_max: Duration::from_millis(500),
        ..Limits::default()
    };
    let connectors: Vec<Arc<dyn Connect>> = vec![Arc::new(Fake(world.clone()))];
    let deliverers: Vec<Arc<dyn Deliver>> = vec![Arc::new(Device(world.clone()))];
    Hub::start(HubConfig { workers: 2, limits, conflict: Conflict::Refuse, connectors, deliverers }).unwrap()
}

fn name(text: &str) -> StreamName {
    StreamName::new(text).unwrap()
}

fn quick() -> Policy {
    Policy { start: Duration::from_millis(100), ceiling: Duration::from_millis(400), ..Policy::default() }
}

fn spec(urls: &[&str]) -> StreamSpec {
    let sources = urls.iter().map(|url| (*url).into()).collect();
    StreamSpec { sources, policy: quick(), ..StreamSpec::default() }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { timeout(Duration::from_secs(20), future).await.expect("in time") })
}

/// What a reader on some worker got: the codecs offered, how long that took, and the marks of what it read.
struct Got {
    offered: Vec<Codec>,
    after: Duration,
    marks: Vec<u8>,
    ended: Option<String>,
}

/// Reads for `time` what `wants` says, as one of the workers.
async fn read(hub: &Hub, worker: usize, stream: &StreamName, wants: Wants, time: Duration) -> Got {
    let (done, got) = tokio::sync::oneshot::channel();
    let stream = stream.clone();
    let job = move |worker: Worker| async move {
        let began = Instant::now();
        let view = worker.open_for(&stream, wants.clone()).await.unwrap();
        let offer = view.ready().await.unwrap();
        let after = began.elapsed();
        let ids = wants.choose(&offer);
        let format = Format::units_of(ids[ids.len() - 1]);
        let mut reader = view.reader(format, PeerInfo::default()).unwrap();
        let (mut marks, mut ended) = (Vec::new(), None);
        let _ = timeout(time, async {
            loop {
                match reader.next().await {
                    Item::Chunk(chunk) => marks.push(chunk.parts[0][0]),
                    Item::Header(_) => {}
                    Item::Ended(reason) => {
                        ended = Some(reason.to_string());
                        return;
                    }
                }
            }
        })
        .await;
        marks.dedup();
        let offered = offer.iter().map(|track| track.codec).collect();
        let _ = done.send(Got { offered, after, marks, ended });
    };
    hub.workers().await[worker].run("reader", job).await.unwrap();
    got.await.unwrap()
}

async fn until(what: &str, mut check: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !check().await {
        assert!(Instant::now() < deadline, "not in time: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

async fn report(hub: &Hub, stream: &StreamName) -> StreamReport {
    hub.report(stream).await.unwrap()
}

#[test]
fn a_transcoder_runs_for_those_who_need_it_and_disturbs_nobody_else() {
    let world = Arc::new(World::default());
    let hub = start(&world);
    block_on(async {
        let cam = name("cam");
        let opus = "known:opus?opus";
        hub.put(&cam, spec(&["fake:main?h264,aac", opus])).await.unwrap();
        let plain = Wants::any();
        let browser = Wants::none().with(Kind::Video, [Codec::H264]).with(Kind::Audio, [Codec::Opus]);
        let first = read(&hub, 0, &cam, plain.clone(), Duration::from_millis(300)).await;
        assert!(first.offered.starts_with(&[Codec::H264, Codec::Aac]), "{:?}", first.offered);
        until("everything rests", async || world.attempts(opus).1 == 0).await;
        let before = world.attempts(opus).0;
        // Now it is known what the camera sends: the transcoder starts for the browser alone, on another worker.
        let long = read(&hub, 0, &cam, plain, Duration::from_millis(1500));
        let short = async {
            sleep(Duration::from_millis(300)).await;
            assert_eq!(world.attempts(opus).0, before, "nobody needs it");
            let got = read(&hub, 1, &cam, browser, Duration::from_millis(300)).await;
            until("the transcoder rests", async || world.attempts(opus).1 == 0).await;
            assert_eq!(world.attempts("fake:main?h264,aac").1, 1, "the camera runs on");
            got
        };
        let (long, short) = tokio::join!(long, short);
        assert_eq!(short.offered, [Codec::H264, Codec::Aac, Codec::Opus]);
        assert_eq!((short.marks, short.ended), (vec![2], None));
        assert_eq!((long.marks, long.ended), (vec![1], None));
        assert_eq!(world.attempts(opus).0, before + 1);
        assert_eq!(hub.shutdown(Duration::from_secs(2)).await, 0);
    });
}

#[test]
fn a_picture_does_not_wait_for_the_sound_of_a_transcoder_that_is_known() {
    let world = Arc::new(World::default());
    let hub = start(&world);
    block_on(async {
        let cam = name("cam");
        let slow = "known:slow?opus";
        hub.put(&cam, spec(&["fake:main?h264", slow])).await.unwrap();
        let browser = Wants::none().with(Kind::Audio, [Codec::Opus]).with(Kind::Video, [Codec::H264]);
        let first = read(&hub, 0, &cam, browser.clone(), Duration::from_millis(100)).await;
        assert!(
            first.after >= Duration::from_millis(600),
            "the first time it must be seen: {:?}",
            first.after
        );
        until("everything rests", async || world.attempts(slow).1 == 0).await;
        let second = read(&hub, 1, &cam, browser, Duration::from_millis(100)).await;
        assert_eq!((second.offered, second.marks), (vec![Codec::H264, Codec::Opus], vec![1]));
        assert!(second.after < Duration::from_millis(300), "{:?}", second.after);
        assert_eq!(hub.shutdown(Duration::from_secs(2)).await, 0);
    });
}

#[test]
fn a_stream_is_not_live_before_each_source_has_said_what_it_sends() {
    let world = Arc::new(World::default());
    let hub = start(&world);
    block_on(async {
        let cam = name("cam");
        let spec = spec(&["fake:main?h264", "fake:slow?opus"]);
        hub.put(&cam, StreamSpec { preload: true, ..spec }).await.unwrap();
        let (mut halves, mut reason) = (0, None);
        until("it is live", async || {
            let report = report(&hub, &cam).await;
            if report.tracks.len() == 1 {
                halves += 1;
                assert_ne!(report.state, StreamState::Live, "there is no sound yet");
                reason = report.reason;
            }
            report.state == StreamState::Live
        })
        .await;
        assert!(halves > 0 && reason.unwrap().contains("source 1"), "{halves}");
        // One that hangs is left out of account before long.
        let hangs = name("hangs");
        let spec = self::spec(&["fake:main?h264", "fake:hang"]);
        hub.put(&hangs, StreamSpec { preload: true, ..spec }).await.unwrap();
        until("it is live without", async || report(&hub, &hangs).await.state == StreamState::Live).await;
        assert_eq!(hub.shutdown(Duration::from_secs(2)).await, 0);
    });
}

#[test]
fn a_source_that_hangs_while_dialling_holds_up_nobody() {
    let world = Arc::new(World::default());
    let hub = start(&world);
    block_on(async {
        let cam = name("cam");
        hub.put(&cam, spec(&["fake:hang", "fake:good?h264,aac"])).await.unwrap();
        for worker in [0, 1] {
            let got = read(&hub, worker, &cam, Wants::any(), Duration::from_millis(100)).await;
            assert!(got.after < Duration::from_millis(300), "{:?}", got.after);
            assert_eq!(got.marks, [2]);
        }
        assert!(hub.remove(&cam).await.unwrap().took < Duration::from_millis(500));
        assert_eq!(world.attempts("fake:hang").1, 0);
        assert_eq!(hub.shutdown(Duration::from_secs(2)).await, 0);
    });
}

#[test]
fn a_fallback_stands_in_and_gives_way_without_losing_a_reader() {
    let world = Arc::new(World::default());
    let hub = start(&world);
    block_on(async {
        let cam = name("cam");
        let slate = SourceSpec { fallback: true, ..SourceSpec::from("fake:slate?h264") };
        let sources = vec!["fake:main?h264".into(), slate];
        hub.put(&cam, StreamSpec { sources, policy: quick(), ..StreamSpec::default() }).await.unwrap();
        let wants = Wants::none().with(Kind::Video, []);
        let reading = read(&hub, 1, &cam, wants, Duration::from_millis(2500));
        let meanwhile = async {
            sleep(Duration::from_millis(500)).await;
            assert_eq!(world.attempts("fake:slate?h264").0, 0, "no need for it yet");
            world.main_is_down.store(true, Ordering::Relaxed);
            until("the slate plays", async || world.attempts("fake:slate?h264").1 == 1).await;
            sleep(Duration::from_millis(300)).await;
            world.main_is_down.store(false, Ordering::Relaxed);
            until("the slate rests", async || world.attempts("fake:slate?h264").1 == 0).await;
        };
        let (got, ()) = tokio::join!(reading, meanwhile);
        assert_eq!((got.marks, got.ended), (vec![1, 2, 1], None));
        assert_eq!(hub.shutdown(Duration::from_secs(2)).await, 0);
    });
}

#[test]
fn a_removal_tells_each_step_of_each_end() {
    let world = Arc::new(World::default());
    let hub = start(&world);
    block_on(async {
        let cam = name("cam");
        hub.put(&cam, StreamSpec { preload: true, ..spec(&["fake:main?h264", "known:opus?opus"]) })
            .await
            .unwrap();
        until("both flow", async || report(&hub, &cam).await.tracks.len() == 2).await;
        let removal = hub.remove(&cam).await.unwrap();
        let ends: Vec<_> = removal.ends.iter().map(|end| (end.what, end.index, end.in_time)).collect();
        assert_eq!(ends, [("source", 0, true), ("source", 1, true)]);
        assert_eq!(removal.ends[0].steps[0].outcome, "answered");
        assert_eq!((removal.unanswered, hub.remove(&cam).await), (false, None));
        assert_eq!(hub.shutdown(Duration::from_secs(2)).await, 0);
    });
}

#[test]
fn another_policy_disturbs_no_source_that_runs_and_revives_one_that_was_given_up() {
    let world = Arc::new(World::default());
    let hub = start(&world);
    block_on(async {
        let cam = name("cam");
        let preload = |policy| StreamSpec { preload: true, policy, ..spec(&["fake:main?h264"]) };
        hub.put(&cam, preload(quick())).await.unwrap();
        until("it flows", async || world.attempts("fake:main?h264").1 == 1).await;
        let short = Policy { budget: Some(Duration::ZERO), ..quick() };
        hub.put(&cam, preload(short)).await.unwrap();
        until("it has the policy", async || report(&hub, &cam).await.sources[0].policy == short).await;
        sleep(Duration::from_millis(100)).await;
        assert_eq!(world.attempts("fake:main?h264"), (1, 1), "it runs on");
        world.main_is_down.store(true, Ordering::Relaxed);
        until("it is given up", async || report(&hub, &cam).await.sources[0].state == "gave_up").await;
        world.main_is_down.store(false, Ordering::Relaxed);
        hub.put(&cam, preload(quick())).await.unwrap();
        until("it flows again", async || world.attempts("fake:main?h264") == (2, 1)).await;
        assert_eq!(hub.shutdown(Duration::from_secs(2)).await, 0);
    });
}

fn door(device: &str, conflict: Conflict) -> StreamSpec {
    let output = OutputSpec {
        policy: Policy { budget: Some(Duration::from_secs(1)), ..quick() },
        idle: Duration::from_millis(300),
        ..OutputSpec::to(device)
    };
    let talk = Some(TalkSpec { output, conflict, half_duplex: true });
    StreamSpec { preload: true, talk, ..spec(&["fake:main?h264,aac"]) }
}

async fn talker(hub: &Hub) -> Result<Publisher, PublishError> {
    let mut publisher = hub.publish(&name("door/talk"), PeerInfo::default(), None).await?;
    publisher.set_tracks(vec![track(Codec::Opus)]).await.unwrap();
    Ok(publisher)
}

#[test]
fn a_call_opens_with_the_first_word_and_closes_once_when_nobody_talks() {
    let world = Arc::new(World::default());
    let hub = start(&world);
    block_on(async {
        hub.put(&name("door"), door("device:good", Conflict::Refuse)).await.unwrap();
        let mut first = talker(&hub).await.unwrap();
        sleep(Duration::from_millis(100)).await;
        assert_eq!(world.attempts("device:good"), (0, 0), "nothing was said yet");
        let mut talk = report(&hub, &name("door/talk")).await;
        tokio::select! {
            () = send(&mut first, 1, 7) => {}
            () = until("the device hears", async || {
                talk = report(&hub, &name("door/talk")).await;
                talk.outputs[0].frames > 10
            }) => {}
        }
        assert_eq!((talk.outputs[0].state, talk.outputs[0].opened.as_deref()), ("live", Some("PCMU/8000")));
        assert!(report(&hub, &name("door")).await.muted, "the device cannot listen and speak at once");
        assert!(matches!(talker(&hub).await, Err(PublishError::Busy { .. })));
        until("the call is closed", async || world.attempts("device:good").1 == 0).await;
        assert_eq!((world.attempts("device:good").0, world.hang_ups.load(Ordering::Relaxed)), (1, 1));
        until("the door is heard again", async || !report(&hub, &name("door")).await.muted).await;
        // Removed while somebody talks: one close, then nothing.
        let _ = timeout(Duration::from_millis(200), send(&mut first, 1, 7)).await;
        let removal = hub.remove(&name("door")).await.unwrap();
        assert_eq!((removal.ends[0].what, removal.ends[0].steps[0].what.as_str()), ("output", "close"));
        assert_eq!((world.attempts("device:good"), world.hang_ups.load(Ordering::Relaxed)), ((2, 0), 2));
        assert!(!hub.has(&name("door/talk")).await);
        assert_eq!(hub.shutdown(Duration::from_secs(2)).await, 0);
    });
}

#[test]
fn a_device_that_hangs_up_is_called_by_the_ladder_and_given_up() {
    let world = Arc::new(World::default());
    let hub = start(&world);
    block_on(async {
        hub.put(&name("door"), door("device:hangs-up", Conflict::Refuse)).await.unwrap();
        let mut talker = talker(&hub).await.unwrap();
        let _ = timeout(Duration::from_millis(2500), send(&mut talker, 1, 7)).await;
        let output = &report(&hub, &name("door/talk")).await.outputs[0];
        assert_eq!((output.state, output.fault), ("gave_up", None), "an orderly end is nobody's fault");
        // Waits of 0.1, 0.2, 0.4, 0.4 s and a call of 0.1 s each, until a second of failing is over.
        let calls = world.attempts("device:hangs-up").0;
        assert!((3..=6).contains(&calls), "{calls} calls");
        assert_eq!(hub.shutdown(Duration::from_secs(2)).await, 0);
    });
}

#[test]
fn talkers_wait_their_turn_and_are_told_so() {
    let world = Arc::new(World::default());
    let hub = start(&world);
    block_on(async {
        hub.put(&name("door"), door("device:good", Conflict::Queue)).await.unwrap();
        let first = talker(&hub).await.unwrap();
        let mut second = talker(&hub).await.unwrap();
        let mut third = talker(&hub).await.unwrap();
        assert_eq!(second.feedback().await.unwrap(), Feedback::Waits { ahead: 1 });
        assert_eq!(third.feedback().await.unwrap(), Feedback::Waits { ahead: 2 });
        let waiting = report(&hub, &name("door/talk")).await.publishers.iter().filter(|p| p.waits).count();
        assert_eq!(waiting, 2);
        drop(first);
        while second.feedback().await.unwrap() != Feedback::Granted {}
        while third.feedback().await.unwrap() != (Feedback::Waits { ahead: 1 }) {}
        assert_eq!(hub.shutdown(Duration::from_secs(2)).await, 0);
    });
}

#[test]
fn talkers_that_mix_have_a_track_each() {
    let world = Arc::new(World::default());
    let hub = start(&world);
    block_on(async {
        hub.put(&name("door"), door("device:good", Conflict::Mix)).await.unwrap();
        let (mut first, mut second) = (talker(&hub).await.unwrap(), talker(&hub).await.unwrap());
        let talk = async { tokio::join!(send(&mut first, 1, 7), send(&mut second, 1, 8)) };
        let _ = timeout(Duration::from_millis(300), talk).await;
        assert_eq!(report(&hub, &name("door/talk")).await.tracks.len(), 2);
        assert_eq!(hub.shutdown(Duration::from_secs(2)).await, 0);
    });
}
