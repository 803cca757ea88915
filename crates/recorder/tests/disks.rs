//! Disks that are slow, full or gone: viewers notice nothing, alerts start and end, recording goes on by itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::wildcard_enum_match_arm, reason = "a test")]
mod house;

use house::*;
use hub::{Format, Hub, Item, PeerInfo, What};
use recorder::{
    By, CutRules, Faults, Library, RecordPlan, Recorder, RecordingState, SegmentState, Span, Step,
    StorageConfig,
};
use std::io;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the disk does, set by the test.
#[derive(Default)]
struct Disk {
    /// 0 well, 1 full, 2 gone, 3 slow.
    mood: AtomicU8,
    /// Bytes that a full disk still takes: none.
    deletes: AtomicU64,
}

const WELL: u8 = 0;
const FULL: u8 = 1;
const GONE: u8 = 2;
const SLOW: u8 = 3;
const FULL_UNTIL_DELETED: u8 = 4;

struct Layer(Arc<Disk>);

impl Faults for Layer {
    fn before(&mut self, step: Step) -> io::Result<()> {
        match (self.0.mood.load(Ordering::Relaxed), step) {
            (FULL, Step::Write | Step::Create) => Err(io::ErrorKind::StorageFull.into()),
            (FULL_UNTIL_DELETED, Step::Write | Step::Create)
                if self.0.deletes.load(Ordering::Relaxed) == 0 =>
            {
                Err(io::ErrorKind::StorageFull.into())
            }
            (FULL_UNTIL_DELETED, Step::Unlink) => {
                self.0.deletes.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            (GONE, _) => Err(io::Error::new(io::ErrorKind::NotFound, "the test pulled its plug")),
            (SLOW, Step::Write) => {
                std::thread::sleep(Duration::from_secs(6));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Watches a stream as a viewer does: how far apart its frames came at most.
fn viewer(hub: &Hub, stream: &'static str) -> Arc<Mutex<(u64, Duration)>> {
    let seen = Arc::new(Mutex::new((0, Duration::ZERO)));
    let (hub, told) = (hub.clone(), seen.clone());
    tokio::task::spawn_local(async move {
        let worker = hub.worker().await.unwrap();
        let job = move |worker: hub::Worker| async move {
            let view = worker.open(&name(stream)).await.unwrap();
            view.ready().await.unwrap();
            let mut reader = view.reader(Format::units(), PeerInfo::default()).unwrap();
            loop {
                if let Item::Chunk(chunk) = reader.next().await {
                    let now = hub::now();
                    reader.progressed(now);
                    let mut seen = told.lock().unwrap();
                    // What was there already came long ago.
                    let late = now.since(chunk.arrival);
                    seen.0 += 1;
                    if seen.0 > 100 {
                        seen.1 = seen.1.max(late);
                    }
                }
            }
        };
        worker.run("viewer", job).await.unwrap();
    });
    seen
}

struct Stage {
    stream: &'static str,
    folder: Folder,
    disk: Arc<Disk>,
    recorder: Recorder,
    alerts: Arc<Mutex<Vec<String>>>,
    seen: Arc<Mutex<(u64, Duration)>>,
}

async fn stage(what: &str) -> Stage {
    stage_of("cam", what).await
}

async fn stage_of(stream: &'static str, what: &str) -> Stage {
    let folder = Folder::new(what);
    let disk = Arc::new(Disk::default());
    let hub = hub_with(&[stream]).await;
    let config = StorageConfig { faults: Some(Box::new(Layer(disk.clone()))), ..storage(&folder.0) };
    let alerts = Arc::new(Mutex::new(Vec::new()));
    let (told, mut events) = (alerts.clone(), hub.events());
    tokio::task::spawn_local(async move {
        while let Ok(event) = events.recv().await {
            let line = match &event.what {
                What::AlertStarted { alert, .. } => format!("+{alert}"),
                What::AlertEnded { alert, .. } => format!("-{alert}"),
                _ => continue,
            };
            told.lock().unwrap().push(line);
        }
    });
    let recorder = recorder(&hub, vec![start(config)]);
    let cut = CutRules { length: Duration::from_secs(1), aligned: false, ..CutRules::default() };
    recorder.start(&name(stream), RecordPlan { cut, ..RecordPlan::default() }, By::Config).await.unwrap();
    let seen = viewer(&hub, stream);
    let stage = Stage { stream, folder, disk, recorder, alerts, seen };
    stage.until(RecordingState::Recording).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    stage
}

impl Stage {
    async fn until(&self, state: RecordingState) {
        let what = format!("it is {}", state.as_str());
        until(&what, async || {
            let reports = self.recorder.reports(None).await;
            (reports[0].state == state).then_some(())
        })
        .await;
    }

    async fn alerts(&self, wanted: &[&str]) {
        let told = until_at_most(async || {
            let told = self.alerts.lock().unwrap().clone();
            wanted.iter().all(|line| told.contains(&(*line).to_owned())).then_some(())
        });
        if told.await.is_none() {
            let reports = self.recorder.reports(None).await;
            let told = self.alerts.lock().unwrap();
            panic!("not within 20 s: {wanted:?}, but {told:?}: {reports:#?}");
        }
    }

    /// Ends in order; what is there is whole. Returns the segments, and why they do not follow each other.
    async fn end(self) -> Vec<(Span, Option<String>)> {
        let (frames, late) = *self.seen.lock().unwrap();
        assert!(
            frames > 500 && late < Duration::from_millis(300),
            "a viewer noticed: {frames} frames, {late:?} late"
        );
        // Each alert that started ended, once.
        assert!(self.recorder.end(Duration::from_secs(8)).await);
        let report = checked(&self.folder.0);
        assert_eq!((report.wrong, report.open), (0, 0), "{report:?}");
        let library = Library::open(&self.folder.0).unwrap();
        let segments = library.segments(self.stream, Span::ALL, None, 1000).unwrap();
        for segment in &segments {
            assert_eq!(segment.state, SegmentState::Closed);
            probe(&self.folder.0.join(&segment.path));
        }
        for pair in segments.windows(2) {
            assert!(pair[0].span.to <= pair[1].span.from, "{pair:?}");
        }
        segments.into_iter().map(|segment| (segment.span, segment.gap)).collect()
    }
}

#[test]
fn a_full_disk_loses_its_oldest_recordings_and_goes_on() {
    run(async {
        let stage = stage("full-oldest").await;
        stage.disk.mood.store(FULL_UNTIL_DELETED, Ordering::Relaxed);
        stage.alerts(&["+storage_trouble", "-storage_trouble"]).await;
        stage.disk.mood.store(WELL, Ordering::Relaxed);
        assert!(stage.disk.deletes.load(Ordering::Relaxed) > 0);
        stage.until(RecordingState::Recording).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let segments = stage.end().await;
        // Room was made before anything was lost: only the first file does not follow, since the recording begins there.
        assert!(segments.len() > 1 && segments.iter().skip(1).all(|(_, gap)| gap.is_none()), "{segments:?}");
    });
}

#[test]
fn a_disk_that_stays_full_is_an_alert_and_recording_goes_on_when_there_is_room() {
    run(async {
        let stage = stage("full").await;
        stage.disk.mood.store(FULL, Ordering::Relaxed);
        stage.until(RecordingState::Stalled).await;
        stage.alerts(&["+storage_trouble", "+recording_stopped"]).await;
        let reports = stage.recorder.reports(None).await;
        assert!(reports[0].reason.as_ref().unwrap().contains("full"), "{reports:?}");
        stage.disk.mood.store(WELL, Ordering::Relaxed);
        stage.until(RecordingState::Recording).await;
        stage.alerts(&["-storage_trouble", "-recording_stopped"]).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let segments = stage.end().await;
        assert!(
            segments.iter().any(|(_, gap)| gap.as_ref().is_some_and(|why| why.contains("full"))),
            "{segments:?}"
        );
    });
}

#[test]
fn a_disk_that_goes_is_an_alert_and_recording_goes_on_when_it_is_back() {
    run(async {
        let stage = stage("gone").await;
        stage.disk.mood.store(GONE, Ordering::Relaxed);
        stage.until(RecordingState::Stalled).await;
        stage.alerts(&["+storage_trouble", "+recording_stopped"]).await;
        let reports = stage.recorder.reports(None).await;
        assert!(reports[0].reason.as_ref().unwrap().contains("the test pulled its plug"), "{reports:?}");
        stage.disk.mood.store(WELL, Ordering::Relaxed);
        stage.until(RecordingState::Recording).await;
        stage.alerts(&["-storage_trouble", "-recording_stopped"]).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let lost = stage.recorder.reports(None).await[0].lost_ms;
        let segments = stage.end().await;
        assert!(segments.iter().skip(1).any(|(_, gap)| gap.is_some()) && lost > 1000, "{lost} {segments:?}");
    });
}

#[test]
fn a_slow_disk_costs_nothing_while_what_waits_is_little() {
    run(async {
        let stage = stage("slow-little").await;
        stage.disk.mood.store(SLOW, Ordering::Relaxed);
        stage.alerts(&["+storage_trouble"]).await;
        stage.disk.mood.store(WELL, Ordering::Relaxed);
        stage.until(RecordingState::Recording).await;
        stage.alerts(&["-storage_trouble"]).await;
        let segments = stage.end().await;
        assert!(segments.len() > 1 && segments.iter().skip(1).all(|(_, gap)| gap.is_none()), "{segments:?}");
    });
}

#[test]
fn a_slow_disk_costs_frames_of_the_recording_and_none_of_a_viewers() {
    run(async {
        let stage = stage_of("pcm", "slow").await;
        stage.disk.mood.store(SLOW, Ordering::Relaxed);
        stage.alerts(&["+storage_trouble"]).await;
        tokio::time::sleep(Duration::from_secs(8)).await;
        stage.disk.mood.store(WELL, Ordering::Relaxed);
        stage.until(RecordingState::Recording).await;
        stage.alerts(&["-storage_trouble"]).await;
        let lost = stage.recorder.reports(None).await[0].lost_ms;
        let segments = stage.end().await;
        assert!(lost > 1000, "{lost}");
        let slow =
            |(_, gap): &(Span, Option<String>)| gap.as_ref().is_some_and(|why| why.contains("too slow"));
        assert!(segments.iter().any(slow), "{segments:?}");
    });
}

/// Where one storage fails, the next one takes over.
#[test]
fn a_second_storage_takes_over() {
    run(async {
        let (first, second) = (Folder::new("first"), Folder::new("second"));
        let disk = Arc::new(Disk::default());
        let hub = hub_with(&["cam"]).await;
        let one = StorageConfig { faults: Some(Box::new(Layer(disk.clone()))), ..storage(&first.0) };
        let two = StorageConfig { name: "spare".into(), ..storage(&second.0) };
        let recorder = recorder(&hub, vec![start(one), start(two)]);
        let cut = CutRules { length: Duration::from_secs(1), aligned: false, ..CutRules::default() };
        recorder.start(&name("cam"), RecordPlan { cut, ..RecordPlan::default() }, By::Config).await.unwrap();
        tokio::time::sleep(Duration::from_secs(3)).await;
        disk.mood.store(GONE, Ordering::Relaxed);
        until("the spare one has it", async || {
            let reports = recorder.reports(None).await;
            let there = reports[0].storage.as_deref() == Some("spare");
            (there && reports[0].state == RecordingState::Recording).then_some(())
        })
        .await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        disk.mood.store(WELL, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert!(recorder.end(Duration::from_secs(8)).await);
        for folder in [&first.0, &second.0] {
            let report = checked(folder);
            assert!(report.wrong == 0 && report.segments >= 2, "{report:?}");
        }
    });
}
