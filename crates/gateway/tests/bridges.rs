//! Streams in rooms and back, through a real hub and real rooms: the demo camera joins, and somebody's stream is made of it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panic")]
use bytes::Bytes;
use gateway::GatewayConfig;
use gateway::bridges::{Bridges, BringError};
use gateway::sources::program::Programs;
use hub::{
    Conflict, Format, Hub, HubConfig, Item, Limits, PeerInfo, Publisher, StreamSpec, StreamState, Worker,
};
use media::{Codec, CodecParams, Kind, StreamName, Track, Unit, rescale};
use rooms::token::Keys;
use rooms::{RoomEvent, RoomHappening, RoomName, Rooms, RoomsConfig, RoomsLimits, SameIdentity};
use sfu::ListenInfo;
use std::time::{Duration, Instant};
use tokio::sync::broadcast;

/// Longer than anything here takes, also on a busy machine.
const SOON: Duration = Duration::from_secs(30);

struct House {
    hub: Hub,
    rooms: Rooms,
    bridges: Bridges,
    events: broadcast::Receiver<RoomEvent>,
}

fn name(text: &str) -> StreamName {
    StreamName::new(text).unwrap()
}

fn lobby() -> RoomName {
    "lobby".parse().unwrap()
}

impl House {
    async fn start() -> Self {
        Self::start_with(RoomsLimits::default()).await
    }

    async fn start_with(limits: RoomsLimits) -> Self {
        let listen = ListenInfo::new(sfu::ice::Protocol::Udp, "127.0.0.1".parse().unwrap());
        let config = RoomsConfig {
            keys: Keys::new([]).unwrap(),
            listen: vec![listen],
            workers: 2,
            codecs: rooms::default_codecs(),
            same_identity: SameIdentity::Replace,
            limits,
            wall_now: hub::wall_now,
        };
        let rooms = Rooms::start(config).await.unwrap();
        let config = GatewayConfig::default();
        let demo = Bytes::from_static(include_bytes!("../../server/assets/demo.mp4"));
        let programs = Programs::new(&config);
        let hub = Hub::start(HubConfig {
            workers: 2,
            limits: Limits {
                source_linger: Duration::from_millis(50),
                publisher_linger: Duration::from_secs(1),
                ..Limits::default()
            },
            conflict: Conflict::Refuse,
            connectors: gateway::sources::connectors(&config, demo, &programs, Some(rooms.clone())),
            deliverers: Vec::new(),
        })
        .unwrap();
        let (bridges, keeper) = Bridges::new(hub.clone(), rooms.clone());
        tokio::spawn(keeper.run());
        let events = rooms.events();
        let house = Self { hub, rooms, bridges, events };
        house.put("cam", "demo:").await;
        house
    }

    async fn put(&self, stream: &str, url: &str) {
        let spec = StreamSpec { sources: vec![url.into()], ..StreamSpec::default() };
        self.hub.put(&name(stream), spec).await.unwrap();
    }

    /// Reads a stream for a while, on a worker.
    async fn watch(&self, stream: &str) -> Seen {
        let (done, result) = tokio::sync::oneshot::channel();
        let stream = name(stream);
        let job = move |worker| async move {
            let _ = done.send(watch(worker, stream).await);
        };
        self.hub.worker().await.unwrap().run("reader", job).await.unwrap();
        result.await.expect("the reader did not panic")
    }

    /// Waits for something that happens in rooms.
    async fn told(&mut self, wanted: impl Fn(&RoomHappening) -> bool) -> RoomHappening {
        loop {
            let event = self.events.recv().await.unwrap();
            if wanted(&event.what) {
                return event.what;
            }
        }
    }

    async fn end(self) {
        self.rooms.end().await;
        assert_eq!(self.hub.shutdown(Duration::from_secs(2)).await, 0);
    }
}

/// What came of each track in two seconds.
#[derive(Debug, Default)]
struct Seen {
    codecs: Vec<Codec>,
    pictures: usize,
    key_frames: usize,
    sounds: usize,
    /// How far sound is ahead of pictures at most, by when they came.
    apart_ms: i64,
}

async fn watch(worker: Worker, stream: StreamName) -> Seen {
    let view = worker.open(&stream).await.unwrap();
    let tracks = view.ready().await.unwrap();
    let mut reader = view.reader(Format::units(), PeerInfo::default()).unwrap();
    let mut seen = Seen { codecs: tracks.iter().map(|track| track.codec).collect(), ..Seen::default() };
    let mut shown = [0_i64; 2];
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(2) {
        match reader.next().await {
            Item::Chunk(chunk) => {
                let track = tracks.iter().find(|track| track.id == chunk.track).unwrap();
                let at = rescale(chunk.pts, track.clock_rate, 1_000);
                match track.kind() {
                    Kind::Video => {
                        (seen.pictures, shown[0]) = (seen.pictures + 1, at);
                        seen.key_frames += usize::from(chunk.keyframe);
                    }
                    Kind::Audio => (seen.sounds, shown[1]) = (seen.sounds + 1, at),
                }
                if seen.pictures > 10 && seen.sounds > 10 {
                    let apart = shown[0] - shown[1];
                    seen.apart_ms = if apart.abs() > seen.apart_ms.abs() { apart } else { seen.apart_ms };
                }
            }
            Item::Header(_) => {}
            Item::Ended(reason) => panic!("{reason}"),
        }
    }
    seen
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.expect("in time")
}

#[tokio::test]
async fn a_camera_joins_a_room_and_is_a_stream_again_with_picture_and_sound_in_time() {
    let mut house = House::start().await;
    let brought = soon(house.bridges.bring(lobby(), name("cam"), Some("Front door".into()))).await.unwrap();
    assert_eq!((brought.identity.as_str(), brought.left_out.as_slice()), ("stream:cam", &[][..]));
    let again = house.bridges.bring(lobby(), name("cam"), None).await;
    assert_eq!(again, Err(BringError::Here(name("cam"))));
    let details = house.rooms.details(&lobby(), false).await.unwrap();
    assert_eq!(details.participants[0].name, "Front door");
    assert_eq!(details.participants[0].producers.len(), 2);
    house.put("copy", "room:lobby/stream:cam").await;
    let seen = soon(house.watch("copy")).await;
    // 25 pictures and 50 frames of Opus a second, give or take a busy machine
    assert_eq!(seen.codecs, [Codec::H264, Codec::Opus], "{seen:?}");
    assert!((35..=80).contains(&seen.pictures) && seen.key_frames >= 1, "{seen:?}");
    assert!((70..=150).contains(&seen.sounds), "{seen:?}");
    assert!(seen.apart_ms.abs() < 300, "{seen:?}");
    assert!(soon(house.bridges.take_out(lobby(), name("cam"))).await);
    assert!(!house.bridges.take_out(lobby(), name("cam")).await);
    let left = soon(house.told(|what| matches!(what, RoomHappening::ParticipantLeft { .. }))).await;
    assert!(matches!(left, RoomHappening::ParticipantLeft { reason: "taken_out", .. }), "{left:?}");
    house.end().await;
}

#[tokio::test]
async fn a_source_waits_for_its_participant_and_begins_anew_when_they_come_back() {
    let house = House::start().await;
    house.put("copy", "room:lobby/stream:cam").await;
    let view = house.watch("copy");
    let bring = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        house.bridges.bring(lobby(), name("cam"), None).await.unwrap();
    };
    let (seen, ()) = soon(async { tokio::join!(view, bring) }).await;
    assert!(seen.pictures > 10 && seen.sounds > 10, "{seen:?}");
    assert!(house.bridges.take_out(lobby(), name("cam")).await);
    let (seen, ()) = soon(async {
        tokio::join!(house.watch("copy"), async {
            house.bridges.bring(lobby(), name("cam"), None).await.unwrap();
        })
    })
    .await;
    assert!(seen.pictures > 10, "{seen:?}");
    let state = house.hub.report(&name("copy")).await.unwrap();
    assert_eq!(state.sources[0].error, None, "what is past is not shown as of now");
    house.end().await;
}

#[tokio::test]
async fn a_stream_that_is_removed_leaves_and_what_cannot_come_says_why() {
    let limits = RoomsLimits { empty_after: Duration::from_secs(3), ..RoomsLimits::default() };
    let mut house = House::start_with(limits).await;
    let nobody = house.bridges.bring(lobby(), name("nobody"), None).await;
    assert_eq!(nobody, Err(BringError::NoStream(name("nobody"))));
    soon(house.bridges.bring(lobby(), name("cam"), None)).await.unwrap();
    house.hub.remove(&name("cam")).await.unwrap();
    let left = soon(house.told(|what| matches!(what, RoomHappening::ParticipantLeft { .. }))).await;
    assert!(matches!(left, RoomHappening::ParticipantLeft { reason: "stream_ended", .. }), "{left:?}");
    // streams alone keep no room
    let ended = soon(house.told(|what| matches!(what, RoomHappening::Finished { .. }))).await;
    assert!(matches!(ended, RoomHappening::Finished { reason, .. } if reason == "nobody was there"));
    house.end().await;
}

#[tokio::test]
async fn whom_an_operator_throws_out_is_out_and_may_be_brought_in_again() {
    let house = House::start().await;
    for _ in 0..2 {
        soon(house.bridges.bring(lobby(), name("cam"), None)).await.unwrap();
        house.rooms.kick(&lobby(), "stream:cam", "enough").await.unwrap();
        // the camera is let go of, since nobody else looks
        soon(async {
            while house.hub.report(&name("cam")).await.unwrap().state != StreamState::Idle {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }
    house.end().await;
}

/// Somebody who publishes sound, in any codec: 20 ms in each unit.
struct Voice {
    publisher: Publisher,
    rate: u32,
    pts: i64,
}

impl Voice {
    async fn speak(&mut self, codec: Codec, rate: u32) {
        self.rate = rate;
        self.publisher.set_tracks(vec![Track::audio(0, codec, rate, 1, CodecParams::None)]).await.unwrap();
    }

    /// Sends for a while.
    async fn go_on(&mut self, time: Duration) {
        for _ in 0..time.as_millis() / 20 {
            let pts = self.pts * i64::from(self.rate / 50);
            self.pts += 1;
            let now = hub::now();
            let data = Bytes::from(vec![0xf8; 160]);
            let (arrival, wall) = (now, hub::wall_now());
            let unit =
                Unit { track: 0, pts, dts: pts, arrival, wall, keyframe: true, discontinuity: false, data };
            self.publisher.push(unit).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn a_source_that_is_silent_is_paused_in_the_room_and_one_that_changes_comes_again() {
    let mut house = House::start().await;
    let publisher = house.hub.publish(&name("push"), PeerInfo::default(), None).await.unwrap();
    let mut voice = Voice { publisher, rate: 0, pts: 0 };
    voice.speak(Codec::Opus, 48_000).await;
    voice.go_on(Duration::from_millis(200)).await;
    soon(house.bridges.bring(lobby(), name("push"), None)).await.unwrap();
    let paused = async |house: &House| {
        let details = house.rooms.details(&lobby(), false).await.unwrap();
        details.participants[0].producers[0].paused
    };
    voice.go_on(Duration::from_millis(500)).await;
    assert!(!paused(&house).await);
    soon(async {
        while !paused(&house).await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    voice.go_on(Duration::from_millis(500)).await;
    assert!(!paused(&house).await);
    // G.711 from now on: it leaves, and comes again with Opus that is made of it
    voice.speak(Codec::Pcmu, 8_000).await;
    let left = async { house.told(|what| matches!(what, RoomHappening::ParticipantLeft { .. })).await };
    let (left, ()) = soon(async { tokio::join!(left, voice.go_on(Duration::from_secs(3))) }).await;
    assert!(matches!(left, RoomHappening::ParticipantLeft { reason: "stream_changed", .. }), "{left:?}");
    soon(house.told(|what| matches!(what, RoomHappening::ParticipantJoined { .. }))).await;
    assert!(!paused(&house).await);
    // and when its publisher goes for good, so does it
    drop(voice);
    let left = soon(house.told(|what| matches!(what, RoomHappening::ParticipantLeft { .. }))).await;
    assert!(matches!(left, RoomHappening::ParticipantLeft { reason: "stream_ended", .. }), "{left:?}");
    house.end().await;
}
