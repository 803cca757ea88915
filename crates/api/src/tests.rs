//! The API against a real hub whose only source is made up. Requests go through the whole router.
mod access;
mod alerts;
mod ends;
mod go2rtc;
mod homekit;
mod hooks;
mod ours;
mod playbacks;
mod reload;
mod rooms;
mod talk;
mod zlmediakit;

use crate::{
    Api, ChildFacts, ConfigState, EngineFacts, FileStreams, Listening, LogRing, Peer, Reload, Settings,
    SrtpFacts, StreamPlan, TrackFacts, UsageFacts,
};
use axum::body::Body;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use http::{HeaderMap, Request, StatusCode};
use hub::{Access, Connect, Credentials, Hub, HubConfig, Limits, PeerInfo, Secret, SourceError, SourceTask};
use media::{Codec, CodecParams, StreamName, Track, Unit, WallTime};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

const HERE: &str = "127.0.0.1:5000";
const THERE: &str = "192.0.2.7:5000";

/// `fake:` sends H.264 and AAC; `fake://refuses` fails for good, `fake://fails` each time, `fake://silent` never sends and
/// takes a moment to end, `fake://blocks` holds up its whole worker for a while.
struct Fake;

impl Connect for Fake {
    fn schemes(&self) -> &[&'static str] {
        &["fake"]
    }

    fn check(&self, url: &str) -> Result<(), SourceError> {
        if url.contains("wrong") { Err(SourceError::config("the URL is wrong")) } else { Ok(()) }
    }

    fn peer(&self, _: &str) -> PeerInfo {
        PeerInfo {
            protocol: "rtsp",
            transport: "tcp",
            remote: "192.0.2.1:554".into(),
            user_agent: "fake".into(),
        }
    }

    fn run(&self, task: SourceTask) -> LocalBoxFuture<'static, Result<(), SourceError>> {
        send(task).boxed_local()
    }
}

async fn send(mut task: SourceTask) -> Result<(), SourceError> {
    if task.url.contains("refuses") {
        return Err(SourceError { retry: false, ..SourceError::peer("401 Unauthorized") });
    }
    if task.url.contains("fails") {
        return Err(SourceError::peer("nobody is there"));
    }
    if task.url.contains("silent") {
        task.stop.wanted().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        task.stop.step("TEARDOWN", "answered 200", Duration::from_millis(20));
        return Ok(());
    }
    if task.url.contains("blocks") {
        std::thread::sleep(Duration::from_secs(4));
    }
    let tracks = vec![
        Track::video(0, Codec::H264, CodecParams::None),
        Track::audio(1, Codec::Aac, 48_000, 2, CodecParams::None),
    ];
    let ended = |error: hub::Ended| SourceError::ours(error.to_string());
    task.publisher.set_tracks(tracks).await.map_err(ended)?;
    for index in 0i64.. {
        for (track, ticks) in [(0, 3600), (1, 1920)] {
            let unit = Unit {
                track,
                pts: index * ticks,
                dts: index * ticks,
                arrival: hub::now(),
                wall: hub::wall_now(),
                keyframe: true,
                discontinuity: false,
                data: Bytes::from_static(&[0, 0, 0, 1, 0x65]),
            };
            task.publisher.push(unit).await.map_err(ended)?;
        }
        tokio::select! {
            () = task.stop.wanted() => break,
            () = tokio::time::sleep(Duration::from_millis(40)) => {}
        }
    }
    Ok(())
}

struct Given {
    api: Api,
    hub: Hub,
    exits: mpsc::Receiver<u8>,
    /// Whoever reads the configuration.
    reloads: mpsc::Receiver<oneshot::Sender<Reload>>,
    config: watch::Sender<ConfigState>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    #[track_caller]
    fn is(&self, status: u16, body: &str) {
        assert_eq!((self.status.as_u16(), self.body.as_str()), (status, body));
    }

    #[track_caller]
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

fn name(name: &str) -> StreamName {
    StreamName::new(name).unwrap()
}

fn facts(track: &Track) -> TrackFacts {
    if track.codec.is_video() {
        let codec_string = Some("avc1.64001F".into());
        TrackFacts {
            codec_string,
            size: Some((640, 360)),
            fps: Some(25.0),
            profile: Some("High"),
            level: Some(31),
        }
    } else {
        TrackFacts { codec_string: Some("mp4a.40.2".into()), ..TrackFacts::default() }
    }
}

/// A child process that is made up.
fn child() -> ChildFacts {
    ChildFacts {
        pid: 42,
        name: "exec",
        stream: Some(name("cam")),
        command: vec!["ffmpeg".into(), "rtsp://***@h/".into()],
        since: WallTime::from_micros(1_000_000),
        state: "running",
        usage: Some(UsageFacts { cpu: Duration::from_millis(1_500), rss_bytes: 4096, processes: 2 }),
    }
}

/// A socket that is made up.
fn srtp() -> SrtpFacts {
    SrtpFacts { sessions: 2, received: 40, sent: 5000, dropped: vec![("foreign", 3), ("forged", 0)] }
}

/// Engines that are made up.
fn engines() -> Vec<EngineFacts> {
    let facts = |engine, error| EngineFacts { codec: "h264", engine, error };
    vec![facts("cuda", Some("no such device".into())), facts("vaapi", None)]
}

/// The API with these streams.
async fn given(streams: &[(&str, &str)], access: Access, base_path: &str) -> Given {
    given_more(streams, access, base_path, More::default()).await
}

/// What only some tests need.
#[derive(Default)]
struct More {
    connectors: Vec<Arc<dyn Connect>>,
    storages: Vec<recorder::StorageHandle>,
    zlmediakit: crate::ZlmediakitConfig,
    rooms: Option<Arc<dyn crate::RoomsControl>>,
    homekit: Option<Arc<dyn crate::HomekitControl>>,
}

async fn given_more(streams: &[(&str, &str)], access: Access, base_path: &str, more: More) -> Given {
    let mut connectors: Vec<Arc<dyn Connect>> = vec![Arc::new(Fake)];
    connectors.extend(more.connectors);
    let config = HubConfig {
        workers: 1,
        limits: Limits { source_stop_max: Duration::from_millis(100), ..Limits::default() },
        conflict: hub::Conflict::Refuse,
        connectors,
        deliverers: vec![Arc::new(talk::Intercom)],
    };
    let hub = Hub::start(config).unwrap();
    let mut plans = BTreeMap::new();
    for (stream, url) in streams {
        let sources = Some(*url).filter(|url| !url.is_empty()).into_iter().map(Into::into).collect();
        let plan = StreamPlan { sources, ..StreamPlan::default() };
        hub.put(&name(stream), plan.spec(&hub)).await.unwrap();
        plans.insert(name(stream), plan);
    }
    let (exit, exits) = mpsc::channel(1);
    let (reload, reloads) = mpsc::channel(1);
    let (config, state) = watch::channel(ConfigState {
        files: vec!["/etc/aqueduct.yaml".into()],
        shown: "api:\n  password: '***'\n".into(),
        ..ConfigState::default()
    });
    let log = Arc::new(LogRing::default());
    log.push(r#"{"level":"info","time":1,"message":"hello"}"#.into());
    let settings = Settings {
        version: "0.1.0",
        config: state,
        reload,
        listeners: Listening {
            http: Some("127.0.0.1:1984".into()),
            rtsp: Some("127.0.0.1:8554".into()),
            ..Listening::default()
        },
        rtsp_default_query: "video&audio".into(),
        access,
        base_path: base_path.into(),
        streams: FileStreams { plans, ..FileStreams::default() },
        track_facts: facts,
        children: Arc::new(|| Box::pin(async { vec![child()] })),
        srtp: Arc::new(|| Box::pin(async { Some(srtp()) })),
        rooms: more.rooms,
        homekit: more.homekit,
        engines: Arc::new(|| Box::pin(async { engines() })),
        log,
        hooks: crate::HookReports::default(),
        recorder: recorder_of(&hub, more.storages),
        playbacks: no_playbacks(&hub),
        record_plan: recorder::RecordPlan::default(),
        zlmediakit: more.zlmediakit,
        exit,
    };
    let (api, catalogue) = Api::new(hub.clone(), settings);
    tokio::spawn(catalogue.run());
    tokio::spawn(api.clone().count_events());
    Given { api, hub, exits, reloads, config }
}

async fn plain(streams: &[(&str, &str)]) -> Given {
    given(streams, Access { section: "api", ..Access::default() }, "").await
}

fn with_login() -> Access {
    let credentials = Credentials { username: "ann".into(), password: Secret::new("right") };
    Access { section: "api", credentials: Some(credentials), local_auth: true }
}

impl Given {
    async fn ask(&self, method: &str, path: &str) -> Answer {
        self.ask_from(HERE, &[], method, path, "").await
    }

    async fn ask_from(
        &self,
        peer: &str,
        headers: &[(&str, &str)],
        method: &str,
        path: &str,
        body: &str,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", "127.0.0.1:1984");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::from(body.to_owned())).unwrap();
        request.extensions_mut().insert(Peer(peer.parse().unwrap()));
        let response = self.api.answer(request).await;
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(body.into()).unwrap() }
    }

    /// What a stream says of itself, once it is so.
    async fn wait_for(&self, stream: &str, state: &str) -> serde_json::Value {
        for _ in 0..500 {
            let answer = self.ask("GET", &format!("/api/v1/streams/{stream}")).await;
            if answer.status == StatusCode::OK && answer.json()["state"] == state {
                return answer.json();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{stream} did not become {state}");
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        let hub = self.hub.clone();
        // The hub's threads end by themselves; the test does not wait for them.
        tokio::spawn(async move { hub.shutdown(Duration::from_secs(1)).await });
    }
}

/// Playbacks of nothing.
fn no_playbacks(hub: &hub::Hub) -> recorder::Playbacks {
    let (playbacks, keeper) = recorder::Playbacks::new();
    tokio::spawn(keeper.run(hub.clone(), recorder::Shelves::new(&no_recorder(hub))));
    playbacks
}

/// A recorder without a storage.
fn no_recorder(hub: &Hub) -> recorder::Recorder {
    recorder_of(hub, Vec::new())
}

/// A recorder with these storages: its keeper runs for as long as anybody asks.
fn recorder_of(hub: &Hub, storages: Vec<recorder::StorageHandle>) -> recorder::Recorder {
    let alert_after = Duration::from_secs(10);
    let (recorder, keeper) = recorder::Recorder::new(hub.clone(), storages, alert_after, hub::wall_now);
    tokio::spawn(keeper.run());
    recorder
}
