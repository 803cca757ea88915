//! A hub with everything that can talk to devices, a door with a loudspeaker, and people who talk.
use audio::tone::Sine;
use audio::{Encoder, Target};
use gateway::listeners::Addresses;
use gateway::sources::program::Programs;
use gateway::{GatewayConfig, listeners, outputs, sources};
use hub::{
    Access, Conflict, Hub, HubConfig, Limits, OutputReport, OutputSpec, PeerInfo, Policy, Publisher,
    StreamSpec, TalkSpec,
};
use media::{Codec, StreamName, Unit};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Everything here is done long before.
const WITHIN: Duration = Duration::from_secs(60);

/// One frame of what people say.
pub(crate) const FRAME: Duration = Duration::from_millis(20);

/// A ladder that a test can wait for.
pub(crate) const QUICK: Policy = Policy {
    start: Duration::from_millis(100),
    factor: 2.0,
    ceiling: Duration::from_millis(800),
    jitter: 0.0,
    budget: Some(Duration::from_millis(1_200)),
    steady: Duration::from_secs(10),
};

pub(crate) fn name(text: &str) -> StreamName {
    StreamName::new(text).unwrap()
}

pub(crate) fn demo() -> bytes::Bytes {
    bytes::Bytes::from_static(include_bytes!("../../../server/assets/demo.mp4"))
}

/// Runs `test` with a hub.
pub(crate) fn with_hub<Fut: Future<Output = ()>>(test: impl FnOnce(Hub) -> Fut) {
    with_listeners(async |hub, _| test(hub).await);
}

/// Runs `test` with a hub and the address of its RTSP listener.
pub(crate) fn with_listeners<Fut: Future<Output = ()>>(test: impl FnOnce(Hub, SocketAddr) -> Fut) {
    with_addresses(async |hub, addresses| test(hub, addresses.rtsp.unwrap()).await);
}

/// Runs `test` with a hub and the addresses of its RTSP and HTTP listeners.
pub(crate) fn with_addresses<Fut: Future<Output = ()>>(test: impl FnOnce(Hub, Addresses) -> Fut) {
    with_config(GatewayConfig::default(), async |hub, addresses, _| test(hub, addresses).await);
}

/// The same with a policy for HTTP.
pub(crate) fn with_access<Fut: Future<Output = ()>>(
    access: Access,
    test: impl FnOnce(Hub, Addresses) -> Fut,
) {
    let mut config = GatewayConfig::default();
    config.http.access = access;
    with_config(config, async |hub, addresses, _| test(hub, addresses).await);
}

/// Runs `test` with a hub that may run these programs, the first of which is its ffmpeg, and with what runs them.
pub(crate) fn with_programs<Fut: Future<Output = ()>>(
    programs: &[&str],
    test: impl FnOnce(Hub, Programs) -> Fut,
) {
    let mut config = GatewayConfig::default();
    config.ffmpeg.bin = programs[0].to_owned();
    config.exec.allow_paths = programs.iter().map(|program| (*program).to_owned()).collect();
    with_config(config, async |hub, _, programs| test(hub, programs).await);
}

/// Runs `test` with a hub of this configuration.
pub(crate) fn with_config<Fut: Future<Output = ()>>(
    mut config: GatewayConfig,
    test: impl FnOnce(Hub, Addresses, Programs) -> Fut,
) {
    config.rtsp.listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    config.http.listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    let programs = Programs::new(&config);
    let hub = Hub::start(HubConfig {
        workers: 2,
        limits: Limits::default(),
        conflict: Conflict::Refuse,
        connectors: sources::connectors(&config, demo(), &programs, None),
        deliverers: outputs::deliverers(&config, &programs, None),
    })
    .unwrap();
    let options = tokio::runtime::LocalOptions::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(options).unwrap();
    runtime.block_on(async {
        let control: listeners::http::Control = Arc::new(|_| Box::pin(std::future::pending()));
        let listening =
            listeners::start(&hub, Arc::new(config), control, &programs.rendezvous, None).await.unwrap();
        let addresses = listening.addresses.clone();
        tokio::time::timeout(WITHIN, test(hub.clone(), addresses, programs.clone())).await.unwrap();
        assert_eq!(hub.shutdown(Duration::from_secs(5)).await, 0);
        assert_eq!(programs.children.reports().await, [], "nothing is left running");
    });
}

/// A talk stream that goes to a device.
pub(crate) fn talk_to(url: impl Into<String>) -> TalkSpec {
    TalkSpec { output: OutputSpec::to(url), conflict: Conflict::Refuse, half_duplex: false }
}

/// Makes the stream `door`, whose loudspeaker is at this URL.
pub(crate) async fn put_door(hub: &Hub, url: impl Into<String>) {
    put(hub, talk_to(url)).await;
}

pub(crate) async fn put(hub: &Hub, talk: TalkSpec) {
    let spec = StreamSpec { talk: Some(talk), ..StreamSpec::default() };
    hub.put(&name("door"), spec).await.unwrap();
}

/// How the call to the device goes.
pub(crate) async fn call(hub: &Hub) -> OutputReport {
    hub.report(&name("door/talk")).await.unwrap().outputs[0].clone()
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(15);
    while !is_so().await {
        assert!(Instant::now() < deadline, "{what}: not in time");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Somebody who talks: a tone, frame by frame, in real time.
pub(crate) struct Talker {
    publisher: Publisher,
    encoder: Encoder,
    tone: Sine,
    target: Target,
    ticks: i64,
    next: Option<tokio::time::Instant>,
}

impl Talker {
    /// Somebody who publishes into the talk stream of `door` in this codec.
    pub(crate) async fn join(hub: &Hub, codec: Codec, pitch_hz: f64, level_dbfs: f64) -> Self {
        Self::try_join(hub, codec, pitch_hz, level_dbfs).await.unwrap()
    }

    pub(crate) async fn try_join(
        hub: &Hub,
        codec: Codec,
        pitch_hz: f64,
        level_dbfs: f64,
    ) -> Result<Self, hub::PublishError> {
        let target = Target::usual(codec);
        let mut publisher = hub.publish(&name("door/talk"), PeerInfo::default(), None).await?;
        publisher.set_tracks(vec![target.track(0)]).await.unwrap();
        let tone = Sine::new(target.rate, pitch_hz, level_dbfs);
        Ok(Self { publisher, encoder: Encoder::new(target).unwrap(), tone, target, ticks: 0, next: None })
    }

    /// The stream's words to this talker.
    pub(crate) async fn word(&mut self) -> hub::Feedback {
        self.publisher.feedback().await.unwrap()
    }

    /// Says one frame, when it is time for it. False when the stream takes no more.
    pub(crate) async fn say(&mut self) -> bool {
        let samples: Vec<f32> = self.tone.by_ref().take(self.target.frame_samples()).collect();
        self.say_samples(&samples).await
    }

    /// Says frame after frame; never returns.
    pub(crate) async fn say_on(&mut self) {
        loop {
            assert!(self.say().await);
        }
    }

    /// The same with samples of one's own.
    pub(crate) async fn say_samples(&mut self, samples: &[f32]) -> bool {
        let at = self.next.unwrap_or_else(tokio::time::Instant::now);
        tokio::time::sleep_until(at).await;
        self.next = Some(at + FRAME);
        let data = self.encoder.encode(samples).unwrap();
        let unit = Unit {
            track: 0,
            pts: self.ticks,
            dts: self.ticks,
            arrival: hub::now(),
            wall: hub::wall_now(),
            keyframe: true,
            discontinuity: false,
            data,
        };
        self.ticks += i64::from(self.target.clock_rate()) / 50;
        self.publisher.push(unit).await.is_ok()
    }

    /// Talks for so long.
    pub(crate) async fn talk(&mut self, duration: Duration) {
        for _ in 0..duration.as_millis() / FRAME.as_millis() {
            if !self.say().await {
                return;
            }
        }
    }

    /// Is silent, and goes on with the times of later.
    pub(crate) async fn pause(&mut self, duration: Duration) {
        self.next = None;
        self.ticks += (duration.as_secs_f64() * f64::from(self.target.clock_rate())) as i64;
        tokio::time::sleep(duration).await;
    }
}
