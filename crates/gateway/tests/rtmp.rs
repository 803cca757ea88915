//! RTMP and HTTP-FLV through a real hub and real sockets: our own sources pull from our own listeners, and a small
//! client of the tests publishes and asks for what it must not get.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panic")]
use bytes::Bytes;
use formats::flv;
use formats::replay::{Clip, load};
use gateway::GatewayConfig;
use gateway::config::{HttpConfig, RtmpConfig};
use gateway::listeners::http::{Body, Control};
use gateway::listeners::{Addresses, Listeners, start};
use gateway::sources::program::Programs;
use http::{Request, Response, StatusCode};
use hub::{
    Access, Conflict, Credentials, Format, Hub, HubConfig, Item, Limits, PeerInfo, Secret, StreamSpec,
    StreamState, What, Worker,
};
use media::{Codec, CodecParams, Moment, StreamName, Track, Unit};
use protocols::rtmp::client::{Config, Event, Role, Session, Target};
use protocols::rtmp::{Output, RtmpError};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

const DEMO: Bytes = Bytes::from_static(include_bytes!("../../server/assets/demo.mp4"));

/// The control thread of the tests: pages that HTTP sources stumble over.
async fn control(request: Request<Body>) -> Response<Body> {
    let found = |to: &str| Response::builder().status(StatusCode::FOUND).header("location", to);
    let shown = request.headers().get("authorization").is_some_and(|v| v == "Basic YW5uOnJpZ2h0");
    let header = request.headers().get("x-token").is_some_and(|v| v == "t");
    let answer = match request.uri().path() {
        "/login" if shown && header => found("again?src=demo"),
        "/login" => Response::builder()
            .status(StatusCode::UNAUTHORIZED)
            .header("www-authenticate", "Basic realm=\"x\""),
        "/again" => found("/api/stream.flv?src=demo"),
        "/circle" => found("/circle"),
        "/page" => Response::builder().header("content-type", "text/html"),
        _ => Response::builder().status(StatusCode::NOT_FOUND),
    };
    let page = http_body_util::Full::new(Bytes::from_static(b"<!DOCTYPE html><html>hello</html>"));
    answer.body(Body::new(http_body_util::BodyExt::map_err(page, |never| match never {}))).unwrap()
}

/// A hub with listeners. The listeners end with it.
struct House {
    hub: Hub,
    addresses: Addresses,
    _listeners: Listeners,
}

impl House {
    async fn start(access: Access) -> House {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let http = HttpConfig { listen: Some(any), ..HttpConfig::default() };
        let rtmp = RtmpConfig { listen: Some(any), tls_listen: Some(any), access };
        let config = GatewayConfig { http, rtmp, ..GatewayConfig::default() };
        let programs = Programs::new(&config);
        let connectors = gateway::sources::connectors(&config, DEMO, &programs, None);
        let limits = Limits { source_linger: Duration::from_millis(50), ..Limits::default() };
        let hub = Hub::start(HubConfig {
            workers: 2,
            limits,
            conflict: Conflict::Refuse,
            connectors,
            deliverers: Vec::new(),
        })
        .unwrap();
        let control: Control = Arc::new(|request| Box::pin(control(request)));
        let listeners = start(&hub, Arc::new(config), control, &programs.rendezvous, None).await.unwrap();
        let house = House { hub, addresses: listeners.addresses.clone(), _listeners: listeners };
        house.put("demo", "demo:").await;
        house
    }

    async fn put(&self, stream: &str, source: &str) {
        let spec = StreamSpec { sources: vec![source.into()], ..StreamSpec::default() };
        self.hub.put(&name(stream), spec).await.unwrap();
    }

    fn rtmp(&self) -> SocketAddr {
        self.addresses.rtmp.unwrap()
    }

    /// Reads units of a stream for so long.
    async fn read(&self, stream: &str, how_long: Duration) -> (Vec<Track>, Vec<Unit>) {
        let (done, result) = tokio::sync::oneshot::channel();
        let stream = name(stream);
        let job = move |worker| async move { done.send(read(worker, stream, how_long).await).unwrap() };
        self.hub.worker().await.unwrap().run("reader", job).await.unwrap();
        result.await.unwrap()
    }

    /// Asks for a stream whose source cannot work, and says why.
    async fn why_not(&self, stream: &str, source: &str) -> (StreamState, String) {
        self.put(stream, source).await;
        let wanted = name(stream);
        let job = move |worker: Worker| async move {
            let view = worker.open(&wanted).await.unwrap();
            // Holds the stream until the test ends.
            let _ = view.ready().await;
            std::future::pending::<()>().await;
        };
        self.hub.worker().await.unwrap().run("reader", job).await.unwrap();
        loop {
            let report = self.hub.report(&name(stream)).await.unwrap();
            if matches!(report.state, StreamState::Backoff | StreamState::GaveUp) {
                return (report.state, report.reason.unwrap_or_default());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn read(worker: Worker, stream: StreamName, how_long: Duration) -> (Vec<Track>, Vec<Unit>) {
    let view = worker.open(&stream).await.unwrap();
    let tracks = view.ready().await.unwrap();
    let mut reader = view.reader(Format::units(), PeerInfo::default()).unwrap();
    let mut units = Vec::new();
    let until = Instant::now() + how_long;
    while Instant::now() < until {
        match reader.next().await {
            Item::Chunk(chunk) => units.push(Unit {
                track: chunk.track,
                pts: chunk.pts,
                dts: chunk.dts,
                arrival: chunk.arrival,
                wall: chunk.wall,
                keyframe: chunk.keyframe,
                discontinuity: chunk.discontinuity,
                data: chunk.parts[0].clone(),
            }),
            Item::Header(_) => {}
            Item::Ended(reason) => panic!("{stream}: {reason}"),
        }
    }
    (tracks.to_vec(), units)
}

fn name(name: &str) -> StreamName {
    StreamName::new(name).unwrap()
}

/// Runs a test with its house, at most 40 s.
fn with_house<F: Future<Output = ()>>(access: Access, test: impl FnOnce(Arc<House>) -> F) {
    let options = tokio::runtime::LocalOptions::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(options).unwrap();
    runtime.block_on(async {
        let limited = tokio::time::timeout(Duration::from_secs(40), async {
            let house = Arc::new(House::start(access).await);
            test(house.clone()).await;
            assert_eq!(house.hub.shutdown(Duration::from_secs(3)).await, 0, "streams that do not end");
        });
        limited.await.expect("in time");
    });
}

/// Fails unless the units are an excerpt of the clip (which plays again and again): no unit lost, changed or doubled,
/// times as far apart as in the clip to 2 ms, and sound as far from the picture to 20 ms.
fn assert_excerpt(what: &str, clip: &Clip, tracks: &[Track], units: &[Unit]) {
    let codecs = |tracks: &[Track]| tracks.iter().map(|track| track.codec).collect::<Vec<_>>();
    assert_eq!(codecs(tracks), codecs(&clip.tracks), "{what}");
    let mut offsets = Vec::new();
    for (track, known) in tracks.iter().zip(&clip.tracks) {
        let of = |units: &[Unit], id| units.iter().filter(|u| u.track == id).cloned().collect::<Vec<_>>();
        let (got, all) = (of(units, track.id), of(&clip.units, known.id));
        assert!(got.len() > 30, "{what}: {} units of {}", got.len(), track.codec);
        let ms = |ticks: i64| ticks as f64 * 1000.0 / f64::from(track.clock_rate);
        let first = all.iter().position(|unit| unit.data == got[0].data).expect("a unit of the clip");
        for (index, pair) in got.windows(2).enumerate() {
            let (a, b) = (&all[(first + index) % all.len()], &all[(first + index + 1) % all.len()]);
            let at = format!("{what}: {} unit {index} after {first}", track.codec);
            assert!(pair[1].data == b.data, "{at} is not the next one");
            assert_eq!(pair[1].keyframe, b.keyframe, "{at}");
            assert!(!pair[1].discontinuity, "{at}");
            assert!(pair[1].dts > pair[0].dts && pair[1].pts >= pair[1].dts, "{at}");
            assert!((ms(pair[1].pts - pair[1].dts) - ms(b.pts - b.dts)).abs() <= 2.0, "{at}");
            if b.dts > a.dts {
                assert!((ms(pair[1].dts - pair[0].dts) - ms(b.dts - a.dts)).abs() <= 2.0, "{at}");
            }
        }
        offsets.push((ms(got[0].dts), ms(all[first].dts)));
    }
    let [(video, video_known), (audio, audio_known)] = offsets[..] else { panic!("{what}: two tracks") };
    let duration = clip.units.iter().map(|u| ms_of(clip, u)).fold(0.0, f64::max);
    let off = (audio - video) - (audio_known - video_known);
    // One of them may have begun before the clip began anew.
    let off = [off, off - duration, off + duration].into_iter().map(f64::abs).fold(f64::MAX, f64::min);
    assert!(off <= 25.0, "{what}: sound is {off} ms off");
}

fn ms_of(clip: &Clip, unit: &Unit) -> f64 {
    let rate = clip.tracks[usize::from(unit.track)].clock_rate;
    unit.dts as f64 * 1000.0 / f64::from(rate)
}

#[test]
fn our_sources_pull_every_frame_from_our_listeners_with_its_times() {
    with_house(Access::default(), |house| async move {
        let clip = load(DEMO).unwrap();
        let http = house.addresses.http.unwrap();
        let sources = [
            ("rtmp", format!("rtmp://{}/demo", house.rtmp())),
            ("rtmps", format!("rtmpx://{}/live/demo", house.addresses.rtmps.unwrap())),
            ("flv", format!("http://{http}/api/stream.flv?src=demo")),
            ("mp4", format!("http://{http}/api/stream.mp4?src=demo")),
            ("redirected", format!("http://ann:right@{http}/login#header=X-Token: t")),
        ];
        for (stream, source) in &sources {
            house.put(stream, source).await;
        }
        let reads = sources.iter().map(|(stream, _)| house.read(stream, Duration::from_secs(4)));
        let results = futures_util::future::join_all(reads).await;
        for ((stream, _), (tracks, units)) in sources.iter().zip(results) {
            assert_excerpt(stream, &clip, &tracks, &units);
        }
        // Nobody looks any more: the pulls end in order, and with them the demo's readers.
        let until = Instant::now() + Duration::from_secs(5);
        while house.hub.report(&name("demo")).await.unwrap().state != StreamState::Idle {
            assert!(Instant::now() < until, "{:#?}", house.hub.report(&name("demo")).await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
}

#[test]
fn what_cannot_be_pulled_is_said_in_words() {
    with_house(Access::default(), |house| async move {
        let (http, rtmp) = (house.addresses.http.unwrap(), house.rtmp());
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let rows = [
            (
                format!("http://{http}/page?k=hunter2"),
                StreamState::GaveUp,
                "/page (text/html): this is a web page",
            ),
            (format!("http://{http}/login"), StreamState::GaveUp, "none are configured"),
            (format!("http://ann:hunter2@{http}/login"), StreamState::GaveUp, "refuses user \"ann\""),
            (format!("http://{http}/circle"), StreamState::Backoff, "more than 5 redirects"),
            (format!("http://{http}/nothing"), StreamState::Backoff, "404 Not Found"),
            (format!("http://{rtmp}/demo"), StreamState::Backoff, "/demo"),
            (format!("rtmp://{http}/demo"), StreamState::Backoff, "/demo"),
            (format!("rtmp://{rtmp}/gone?pass=hunter2"), StreamState::Backoff, "no stream \"gone\""),
            (format!("rtmp://{closed}/demo"), StreamState::Backoff, "refuses connections"),
            (format!("https://{http}/x"), StreamState::Backoff, "no TLS with"),
            (format!("rtmps://{}/x", house.addresses.rtmps.unwrap()), StreamState::GaveUp, "rtmpx://"),
        ];
        for (index, (source, state, words)) in rows.iter().enumerate() {
            let (got, message) = house.why_not(&format!("s{index}"), source).await;
            assert!(got == *state && message.contains(words), "{source}: {got:?} {message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    });
}

/// What the little client of the tests came to.
type Outcome = Result<(), RtmpError>;

/// A client that publishes these messages, or plays until some media came. Blocks.
fn client(
    to: SocketAddr,
    role: Role,
    app: &str,
    stream: &str,
    messages: &[flv::Message],
    hold: Duration,
) -> Outcome {
    let started = Instant::now();
    let now = || Moment::from_nanos(started.elapsed().as_nanos() as u64 + 1);
    let target = Target { tc_url: format!("rtmp://{to}/{app}"), app: app.into(), stream: stream.into() };
    let mut session = Session::new(Config::new(target, role), now());
    let mut tcp = TcpStream::connect(to).unwrap();
    tcp.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let (mut until, mut over) = (None, false);
    let mut buffer = [0; 4096];
    loop {
        match session.poll_output(now())? {
            Output::Transmit(bytes) => tcp.write_all(&bytes).unwrap(),
            Output::Event(Event::Started) => {
                messages.iter().for_each(|message| session.send(message));
                until = Some(Instant::now() + hold);
            }
            Output::Event(Event::Media(_) | Event::Ended { .. }) => {}
            Output::WaitUntil(_) if over => return Ok(()),
            Output::WaitUntil(_) => {
                match tcp.read(&mut buffer) {
                    Ok(0) => return Ok(()),
                    Ok(count) => session.handle_input(&buffer[..count], now()),
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                    Err(error) => panic!("{error}"),
                }
                if until.is_some_and(|until| Instant::now() > until) {
                    session.close();
                    over = true;
                }
            }
        }
    }
}

async fn client_of(
    house: &House,
    role: Role,
    stream: &'static str,
    messages: Vec<flv::Message>,
    hold: Duration,
) -> Outcome {
    let to = house.rtmp();
    let ask = move || client(to, role, "live", stream, &messages, hold);
    tokio::task::spawn_blocking(ask).await.unwrap()
}

fn refusal(outcome: Outcome) -> (String, String) {
    match outcome {
        Err(RtmpError::Refused { code, description }) => (code, description),
        other => panic!("{other:?}"),
    }
}

/// The first two seconds of the demo as messages.
fn demo_messages() -> Vec<flv::Message> {
    let clip = load(DEMO).unwrap();
    let mut muxer = flv::Muxer::new(&clip.tracks, flv::MuxerOptions::default()).unwrap();
    let mut messages = muxer.headers(0);
    let early = clip.units.iter().filter(|unit| ms_of(&clip, unit) < 2_000.0);
    messages.extend(early.filter_map(|unit| muxer.push(unit)));
    messages
}

const BRIEFLY: Duration = Duration::from_millis(300);

#[test]
fn a_publication_is_read_while_it_lasts_and_gone_after_its_orderly_end() {
    with_house(Access::default(), |house| async move {
        let publisher = house.clone();
        let hold = Duration::from_secs(3);
        let publishing = tokio::task::spawn_local(async move {
            client_of(&publisher, Role::Publish, "in?token=x", demo_messages(), hold).await
        });
        while !house.hub.has(&name("in")).await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let sent = demo_messages().iter().filter(|message| message.kind() != flv::TagKind::Script).count();
        let report = loop {
            let report = house.hub.report(&name("in")).await.unwrap();
            // All but the two sequence headers are units.
            if report.units_in as usize >= sent - 2 {
                break report;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        assert_eq!(report.units_in as usize, sent - 2);
        assert_eq!(report.publishers[0].peer.protocol, "rtmp");
        assert_eq!(report.publishers[0].peer.user_agent, "FMLE/3.0 (compatible; Aqueduct)");
        let codecs: Vec<Codec> = report.tracks.iter().map(|track| track.codec).collect();
        assert_eq!(codecs, [Codec::H264, Codec::Aac]);

        let (code, why) = refusal(client_of(&house, Role::Publish, "in", demo_messages(), BRIEFLY).await);
        assert_eq!(code, "NetStream.Publish.BadName");
        assert!(why.contains("rtmp from 127.0.0.1:"), "{why}");
        let (code, why) = refusal(client_of(&house, Role::Publish, "demo", demo_messages(), BRIEFLY).await);
        assert_eq!(code, "NetStream.Publish.BadName");
        assert!(why.contains("sources of its own"), "{why}");
        client_of(&house, Role::Play, "in", Vec::new(), BRIEFLY).await.unwrap();

        publishing.await.unwrap().unwrap();
        // Nobody reads, so nothing of it stays.
        while house.hub.has(&name("in")).await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
}

#[test]
fn players_are_told_why_they_get_nothing() {
    with_house(Access::default(), |house| async move {
        let (code, why) = refusal(client_of(&house, Role::Play, "nobody", Vec::new(), BRIEFLY).await);
        assert_eq!(code, "NetStream.Play.StreamNotFound");
        assert!(why.contains("nobody"), "{why}");
        let (_, why) = refusal(client_of(&house, Role::Play, "", Vec::new(), BRIEFLY).await);
        assert!(why.contains("\"live\""), "{why}");

        let mut publisher = house.hub.publish(&name("jpeg"), PeerInfo::default(), None).await.unwrap();
        publisher.set_tracks(vec![Track::video(0, Codec::Mjpeg, CodecParams::None)]).await.unwrap();
        let unit = Unit {
            track: 0,
            pts: 0,
            dts: 0,
            arrival: hub::now(),
            wall: hub::wall_now(),
            keyframe: true,
            discontinuity: false,
            data: Bytes::from_static(b"\xff\xd8"),
        };
        publisher.push(unit).await.unwrap();
        let (code, why) = refusal(client_of(&house, Role::Play, "jpeg", Vec::new(), BRIEFLY).await);
        assert_eq!(code, "NetStream.Play.Failed");
        assert!(why.contains("JPEG"), "{why}");
        drop(publisher);
    });
}

#[test]
fn credentials_come_in_the_query() {
    let credentials = Credentials { username: "ann".into(), password: Secret::new("a&b") };
    let access = Access { section: "rtmp", credentials: Some(credentials), local_auth: true };
    with_house(access, |house| async move {
        for wrong in ["in", "in?user=ann&pass=x", "in?user=ann"] {
            let (code, why) =
                refusal(client_of(&house, Role::Publish, wrong, demo_messages(), BRIEFLY).await);
            assert_eq!(code, "NetStream.Publish.Denied");
            assert!(why.contains("?user=NAME&pass=PASSWORD"), "{why}");
            let (code, _) = refusal(client_of(&house, Role::Play, wrong, Vec::new(), BRIEFLY).await);
            assert_eq!(code, "NetStream.Play.Failed");
        }
        assert!(!house.hub.has(&name("in")).await);
        // The stream goes with its publisher: that it was there is told by the events.
        let mut events = house.hub.events();
        client_of(&house, Role::Publish, "in?user=ann&pass=a%26b", demo_messages(), BRIEFLY).await.unwrap();
        while !matches!(&events.recv().await.unwrap().what, What::PublisherJoined { stream, .. } if *stream == name("in"))
        {
        }
    });
}
