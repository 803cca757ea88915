//! What was recorded, played as a stream: at its own pace and others, from anywhere, until nobody reads it.
#![allow(clippy::unwrap_used, reason = "all of this is a test")]
mod house;

use house::*;
use hub::{Format, Hub, HubConfig, Item, PastChange, PastError, PastSpec, PeerInfo, Wants};
use media::{Moment, WallTime};
use recorder::{By, CutRules, Playbacks, RecordPlan, Recorder, Recordings, Shelves, Span};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// A unit as a reader got it: when, and what.
#[derive(Clone, Debug)]
struct Got {
    at: Moment,
    wall: WallTime,
    dts: i64,
    track: u8,
    keyframe: bool,
    discontinuity: bool,
}

/// A hub that can dial recordings, with the demo stream `cam`, and a recorder with a storage.
struct House {
    hub: Hub,
    recorder: Recorder,
    playbacks: Playbacks,
    folder: Folder,
}

impl House {
    async fn new(what: &str) -> Self {
        let folder = Folder::new(what);
        let (playbacks, keeper) = Playbacks::new();
        let hub = Hub::start(HubConfig {
            workers: 2,
            limits: hub::Limits {
                // What is paused for longer than this is no trouble.
                silence_max: Duration::from_millis(1500),
                track_silence_max: Duration::from_millis(500),
                ..hub::Limits::default()
            },
            conflict: hub::Conflict::Refuse,
            connectors: vec![Arc::new(Demo), Arc::new(Recordings::new(playbacks.clone()))],
            deliverers: Vec::new(),
        })
        .unwrap();
        let spec = hub::StreamSpec { sources: vec![hub::SourceSpec::from("demo:")], ..Default::default() };
        hub.put(&name("cam"), spec).await.unwrap();
        let recorder = recorder(&hub, vec![start(storage(&folder.0))]);
        tokio::task::spawn_local(keeper.run(hub.clone(), Shelves::new(&recorder)));
        Self { hub, recorder, playbacks, folder }
    }

    /// Records so long, in files of two seconds; returns what it is in the index.
    async fn record(&self, seconds: u64) -> Span {
        let cut = CutRules { length: Duration::from_secs(2), aligned: false, ..CutRules::default() };
        let plan = RecordPlan { cut, ..RecordPlan::default() };
        self.recorder.start(&name("cam"), plan, By::Api).await.unwrap();
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        self.recorder.stop(&name("cam"), None).await;
        let library = recorder::Library::open(&self.folder.0).unwrap();
        let all = library.segments("cam", Span::ALL, None, 100).unwrap();
        assert!(all.len() >= 2, "{all:?}");
        Span { from: all[0].span.from, to: all[all.len() - 1].span.to }
    }

    /// Reads a stream on a worker until it ends.
    async fn read(&self, stream: &media::StreamName) -> mpsc::UnboundedReceiver<Got> {
        let (tell, got) = mpsc::unbounded_channel();
        let stream = stream.clone();
        let worker = self.hub.worker().await.unwrap();
        worker
            .run("test", move |worker| async move {
                let view = worker.open_for(&stream, Wants::any()).await.unwrap();
                view.ready().await.unwrap();
                let mut reader = view.reader(Format::units(), PeerInfo::default()).unwrap();
                loop {
                    match reader.next().await {
                        Item::Chunk(chunk) => {
                            let got = Got {
                                at: hub::now(),
                                wall: chunk.wall,
                                dts: chunk.dts,
                                track: chunk.track,
                                keyframe: chunk.keyframe,
                                discontinuity: chunk.discontinuity,
                            };
                            if tell.send(got).is_err() {
                                return;
                            }
                        }
                        Item::Header(_) => {}
                        Item::Ended(_) => return,
                    }
                    reader.progressed(hub::now());
                }
            })
            .await
            .unwrap();
        got
    }
}

/// What comes within so long.
async fn take(got: &mut mpsc::UnboundedReceiver<Got>, within: Duration) -> Vec<Got> {
    let mut all = Vec::new();
    let until = tokio::time::Instant::now() + within;
    while let Ok(Some(one)) = tokio::time::timeout_at(until, got.recv()).await {
        all.push(one);
    }
    all
}

fn pictures(all: &[Got]) -> Vec<&Got> {
    all.iter().filter(|got| got.track == 0).collect()
}

fn rises(all: &[Got]) {
    for track in 0..2 {
        let times: Vec<i64> = all.iter().filter(|got| got.track == track).map(|got| got.dts).collect();
        assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "track {track}: {times:?}");
    }
}

fn after(wall: WallTime, millis: i64) -> WallTime {
    WallTime::from_micros(wall.as_micros() + millis * 1000)
}

#[test]
fn a_recording_plays_as_a_stream_with_its_own_times_and_ends_with_it() {
    run(async {
        let house = House::new("play").await;
        let span = house.record(7).await;
        let from = after(span.from, 3500);
        let spec = PastSpec { to: Some(span.to), ..PastSpec::from(from) };
        let playback = house.playbacks.create(&name("cam"), spec).await.unwrap();
        assert_eq!(playback.stream.as_str(), "playback/1");
        let mut got = house.read(&playback.stream).await;
        let all = take(&mut got, Duration::from_secs(20)).await;
        rises(&all);
        let pictures = pictures(&all);
        assert!(pictures[0].keyframe && pictures[0].wall <= from, "{:?} for {from:?}", pictures[0]);
        let seconds = span.length().as_secs_f64() - 3.5;
        let shown: Vec<&&Got> = pictures.iter().filter(|got| got.wall >= from).collect();
        assert!((shown.len() as f64 - seconds * 25.0).abs() <= 3.0, "{} in {seconds} s", shown.len());
        // At the pace of the recording.
        let (first, last) = (shown[0], shown[shown.len() - 1]);
        let took = last.at.since(first.at).as_secs_f64();
        let recorded = (last.wall.as_micros() - first.wall.as_micros()) as f64 / 1e6;
        assert!((took - recorded).abs() < 0.4, "{recorded} s took {took} s");
        assert!(all.iter().filter(|got| got.track == 1).count() as f64 > seconds * 40.0);
        assert!(!pictures.iter().any(|got| got.discontinuity));
        // The stream went with its end.
        until("the stream is gone", async || (!house.hub.has(&playback.stream).await).then_some(())).await;
        assert!(house.playbacks.list().await.is_empty());
        assert!(house.recorder.end(Duration::from_secs(5)).await);
    });
}

#[test]
fn a_playback_seeks_pauses_and_goes_faster_while_somebody_reads() {
    run(async {
        let house = House::new("seek").await;
        let span = house.record(9).await;
        let playback = house.playbacks.create(&name("cam"), PastSpec::from(span.from)).await.unwrap();
        let change = |change| house.playbacks.change(playback.id, change);
        let mut got = house.read(&playback.stream).await;
        let mut all = take(&mut got, Duration::from_secs(2)).await;
        let plain = pictures(&all).len();
        assert!((40..=60).contains(&plain), "{plain}");

        change(PastChange { speed: Some(4.0), ..PastChange::default() }).await.unwrap().unwrap();
        let fast = take(&mut got, Duration::from_millis(1000)).await;
        let count = pictures(&fast).len();
        assert!((80..=120).contains(&count), "{count} pictures");
        assert!(fast.iter().skip(10).all(|got| got.track == 0), "it has no sound");
        all.extend(fast);

        let paused = PastChange { paused: Some(true), speed: Some(1.0), ..PastChange::default() };
        let report = change(paused).await.unwrap().unwrap();
        assert!(report.paused);
        all.extend(take(&mut got, Duration::from_millis(300)).await);
        assert!(take(&mut got, Duration::from_secs(3)).await.is_empty());
        let report = house.hub.report(&playback.stream).await.unwrap();
        assert_eq!((report.state, report.sources[0].attempt), (hub::StreamState::Live, 1), "{report:?}");

        let seek =
            PastChange { seek: Some(after(span.from, 500)), paused: Some(false), ..PastChange::default() };
        change(seek).await.unwrap().unwrap();
        let back = take(&mut got, Duration::from_secs(2)).await;
        let first = pictures(&back)[0].clone();
        // The sound of a file may begin before its first picture.
        let behind = first.wall.as_micros() - span.from.as_micros();
        assert!(
            first.discontinuity && first.keyframe && (0..100_000).contains(&behind),
            "{behind} µs: {first:?}"
        );
        all.extend(back);
        rises(&all);
        let at = house.playbacks.list().await[0].at;
        assert!((at.as_micros() - after(span.from, 2500).as_micros()).abs() < 500_000, "{at:?}");

        let beyond = PastChange { seek: Some(after(span.to, 60_000)), ..PastChange::default() };
        assert!(matches!(change(beyond).await, Err(PastError::Nothing(_))));
        assert!(house.playbacks.remove(playback.id).await);
        assert!(!house.playbacks.remove(playback.id).await && !house.hub.has(&playback.stream).await);
        let gone = change(PastChange::default()).await.unwrap();
        assert!(gone.is_none());
    });
}

#[test]
fn what_is_still_being_recorded_is_followed_to_its_edge() {
    run(async {
        let house = House::new("edge").await;
        let cut = CutRules { length: Duration::from_secs(3), aligned: false, ..CutRules::default() };
        let plan = RecordPlan { cut, ..RecordPlan::default() };
        house.recorder.start(&name("cam"), plan, By::Api).await.unwrap();
        tokio::time::sleep(Duration::from_secs(3)).await;
        // Four times as fast as it grows, it comes to the edge and stays there, over the ends of files.
        let from = after(hub::wall_now(), -2000);
        let spec = PastSpec { speed: 4.0, ..PastSpec::from(from) };
        let playback = house.playbacks.create(&name("cam"), spec).await.unwrap();
        let mut got = house.read(&playback.stream).await;
        let all = take(&mut got, Duration::from_secs(8)).await;
        rises(&all);
        let walls: Vec<i64> = pictures(&all).iter().map(|got| got.wall.as_micros() / 1000).collect();
        assert!(walls.windows(2).all(|pair| (20..=60).contains(&(pair[1] - pair[0]))), "{walls:?}");
        let late = hub::wall_now().as_micros() / 1000 - walls[walls.len() - 1];
        assert!(late < 3_000, "{late} ms behind");
        house.recorder.stop(&name("cam"), None).await;
    });
}

#[test]
fn there_is_no_playback_of_nothing_and_no_more_than_the_limit() {
    run(async {
        let house = House::new("limit").await;
        let span = house.record(3).await;
        let create = |stream, spec| house.playbacks.create(stream, spec);
        let (cam, other) = (name("cam"), name("other"));
        let none = create(&other, PastSpec::from(span.from)).await.unwrap_err();
        assert!(matches!(none, PastError::Nothing(_)), "{none}");
        let late = create(&cam, PastSpec::from(after(span.to, 60_000))).await.unwrap_err();
        assert!(late.to_string().starts_with("nothing of"), "{late}");
        let fast = PastSpec { speed: 64.0, ..PastSpec::from(span.from) };
        assert!(matches!(create(&cam, fast).await, Err(PastError::Wrong(_))));
        for _ in 0..recorder::PLAYBACKS_MAX {
            create(&cam, PastSpec::from(span.from)).await.unwrap();
        }
        let more = create(&cam, PastSpec::from(span.from)).await.unwrap_err();
        assert!(matches!(more, PastError::Busy(_)) && more.to_string().contains("64"), "{more}");
        let opened = hub::Past::open(&house.playbacks, &cam, PastSpec::from(span.from)).await;
        assert!(opened.is_err());
        assert!(house.playbacks.remove(1).await);
        // Whoever opened one and leaves, ends it.
        let opened = hub::Past::open(&house.playbacks, &cam, PastSpec::from(span.from)).await;
        let opened = opened.unwrap_or_else(|error| panic!("{error}"));
        let stream = opened.name.clone();
        drop(opened);
        until("it is gone", async || (!house.hub.has(&stream).await).then_some(())).await;
    });
}
