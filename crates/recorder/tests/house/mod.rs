//! What the tests share: a hub with streams that play the demo clip, a storage in a folder of its own, a recorder.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test's house: not each test uses all of it"
)]
use formats::replay::{Clip, Next, Replay, load};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use hub::{Connect, Hub, HubConfig, PeerInfo, SourceError, SourceSpec, SourceTask, StreamSpec};
use media::StreamName;
use recorder::{CheckReport, Recorder, StorageConfig, StorageHandle};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

pub const DEMO: &[u8] = include_bytes!("../../../server/assets/demo.mp4");

/// Plays the demo clip again and again.
pub struct Demo;

impl Connect for Demo {
    fn schemes(&self) -> &[&'static str] {
        &["demo", "pcm"]
    }
    fn check(&self, _: &str) -> Result<(), SourceError> {
        Ok(())
    }
    fn peer(&self, _: &str) -> PeerInfo {
        PeerInfo { protocol: "demo", ..PeerInfo::default() }
    }
    fn repeats(&self, _: &str) -> bool {
        true
    }
    fn run(&self, mut task: SourceTask) -> LocalBoxFuture<'static, Result<(), SourceError>> {
        async move {
            if task.url.starts_with("pcm:") {
                return pcm(task).await;
            }
            let Clip { tracks, units, .. } = load(bytes::Bytes::from_static(DEMO)).unwrap();
            let mut replay = Replay::new(&tracks, &units).unwrap();
            let ended = |_| SourceError::ours("the stream ended");
            task.publisher.set_tracks(tracks).await.map_err(ended)?;
            loop {
                let now = hub::now();
                replay.set_wall_clock(now, hub::wall_now());
                match replay.poll(now) {
                    Next::Unit(unit) => task.publisher.push(unit).await.map_err(ended)?,
                    Next::WaitUntil(at) => tokio::select! {
                        () = hub::sleep_until(at) => {}
                        () = task.stop.wanted() => return Ok(()),
                    },
                }
            }
        }
        .boxed_local()
    }
}

/// Eight channels of silence, 6 Mbit/s: sound without pictures, and enough of it to fill what waits.
async fn pcm(mut task: SourceTask) -> Result<(), SourceError> {
    let ended = |_| SourceError::ours("the stream ended");
    let track = media::Track::audio(0, media::Codec::L16, 48_000, 8, media::CodecParams::None);
    task.publisher.set_tracks(vec![track]).await.map_err(ended)?;
    let data = bytes::Bytes::from(vec![0; 960 * 16]);
    let begun = hub::now();
    for number in 0_u32.. {
        let at = begun + Duration::from_millis(20) * number;
        tokio::select! {
            () = hub::sleep_until(at) => {}
            () = task.stop.wanted() => return Ok(()),
        }
        let dts = i64::from(number) * 960;
        let unit = media::Unit {
            track: 0,
            pts: dts,
            dts,
            arrival: hub::now(),
            wall: hub::wall_now(),
            keyframe: true,
            discontinuity: false,
            data: data.clone(),
        };
        task.publisher.push(unit).await.map_err(ended)?;
    }
    Ok(())
}

/// A folder that goes with it.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(what: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("aqueduct-{what}-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn name(name: &str) -> StreamName {
    StreamName::new(name).unwrap()
}

/// A hub with these demo streams.
pub async fn hub_with(streams: &[&str]) -> Hub {
    let hub = Hub::start(HubConfig {
        workers: 2,
        limits: hub::Limits::default(),
        conflict: hub::Conflict::Refuse,
        connectors: vec![Arc::new(Demo)],
        deliverers: Vec::new(),
    })
    .unwrap();
    for stream in streams {
        let url = if stream.starts_with("pcm") { "pcm:" } else { "demo:" };
        let spec = StreamSpec { sources: vec![SourceSpec::from(url)], ..StreamSpec::default() };
        hub.put(&name(stream), spec).await.unwrap();
    }
    hub
}

/// A storage for tests: as it is by default, but content with little room.
pub fn storage(path: &Path) -> StorageConfig {
    StorageConfig { free_min: 1 << 20, ..StorageConfig::new("main", path) }
}

pub fn start(config: StorageConfig) -> StorageHandle {
    StorageHandle::start(config, hub::wall_now).unwrap()
}

/// A recorder whose keeper runs on this thread.
pub fn recorder(hub: &Hub, storages: Vec<StorageHandle>) -> Recorder {
    let (recorder, keeper) = Recorder::new(hub.clone(), storages, Duration::from_secs(2), hub::wall_now);
    tokio::task::spawn_local(keeper.run());
    recorder
}

/// The storage of a folder, with all hashes compared.
pub fn checked(path: &Path) -> CheckReport {
    recorder::check(&storage(path), true, false, hub::wall_now()).unwrap()
}

/// Waits until something is so, 20 s at most.
pub async fn until<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    until_at_most(ask).await.unwrap_or_else(|| panic!("not within 20 s: {what}"))
}

/// The same for those who have more to say when it is not.
pub async fn until_at_most<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    for _ in 0..400 {
        if let Some(value) = ask().await {
            return Some(value);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    None
}

/// What ffprobe counts in a file: the frames of each stream; it says nothing of errors.
pub fn probe(path: &Path) -> Vec<u64> {
    let output = std::process::Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"])
        .arg(path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{}: {said}", path.display());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().filter_map(|line| line.trim_end_matches(',').parse().ok()).collect()
}

/// Runs on a runtime like the server's control thread.
pub fn run(test: impl Future<Output = ()>) {
    let options = tokio::runtime::LocalOptions::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(options).unwrap();
    runtime.block_on(test);
}
