//! Simulated HomeKit cameras with a loudspeaker: what is said is heard there over the session of the picture, and nothing else.
use super::devices::assert_tone;
use super::house::{FRAME, Talker, call, demo, name, talk_to, until};
use formats::replay::load;
use gateway::homekit::HomekitAccess;
use gateway::homekit::mdns::{Mdns, Where};
use gateway::homekit::secrets::Secrets;
use gateway::homekit::srtp::Srtp;
use gateway::sources::homekit::HomekitSources;
use gateway::sources::program::Programs;
use gateway::{GatewayConfig, outputs};
use hub::{Conflict, Format, Hub, HubConfig, Item, Limits, OutputSpec, PeerInfo, StreamSpec};
use media::Codec;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use testkit::homekit::{Camera, ELD_TONE, PIN, Rig, Setup};

/// Everything here is done long before.
const WITHIN: Duration = Duration::from_secs(60);

const ID: &str = "AA:00:00:00:00:01";

fn with_loudspeaker() -> Setup {
    Setup { speaker: true, ..Setup::new(ID) }
}

/// Runs a test with a hub that dials HomeKit cameras and talks to them, and with one that is paired.
fn with_camera<F: Future<Output = ()>>(setup: Setup, test: impl FnOnce(Hub, HomekitAccess, Rig) -> F) {
    let thread = std::thread::current().name().unwrap_or_default().replace(':', "-");
    let folder: PathBuf = std::env::temp_dir().join(format!("aqueduct-talk-{thread}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    let options = tokio::runtime::LocalOptions::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(options).unwrap();
    runtime.block_on(async {
        let (secrets, keeper) = Secrets::new(&folder);
        tokio::task::spawn_local(keeper.run());
        let (mdns, keeper) = Mdns::new(Where::Off);
        tokio::task::spawn_local(keeper.run());
        let (socket, srtp) = Srtp::new(Some(([127, 0, 0, 1], 0).into()));
        let access = HomekitAccess::new(secrets, mdns, srtp);
        let config = GatewayConfig::default();
        let hub = Hub::start(HubConfig {
            workers: 2,
            limits: Limits::default(),
            conflict: Conflict::Refuse,
            connectors: vec![Arc::new(HomekitSources::new(Some(access.clone())))],
            deliverers: outputs::deliverers(&config, &Programs::new(&config), Some(access.clone())),
        })
        .unwrap();
        tokio::task::spawn_local(socket.run(hub.clone()));
        let rig = Rig::start(&load(demo()).unwrap(), vec![setup]).unwrap();
        access.pair(&rig.cameras[0].address.to_string(), PIN).await.unwrap();
        tokio::time::timeout(WITHIN, test(hub.clone(), access, rig)).await.unwrap();
        assert_eq!(hub.shutdown(Duration::from_secs(5)).await, 0);
    });
    let _ = std::fs::remove_dir_all(&folder);
}

/// Makes the stream `door` of the camera, and its talk stream. It is not kept when nobody wants it.
async fn put_camera(hub: &Hub) {
    put_with(hub, &format!("homekit://{ID}?width=1280"), &format!("homekit://{ID}")).await;
}

async fn put_with(hub: &Hub, source: &str, device: &str) {
    let talk = Some(talk_to(device));
    let linger = Some(Duration::from_millis(300));
    let spec = StreamSpec { sources: vec![source.into()], talk, linger, ..StreamSpec::default() };
    hub.put(&name("door"), spec).await.unwrap();
}

/// What came was whole, in order, and each packet once.
fn assert_whole(camera: &Camera) {
    let heard = camera.heard();
    let wrong = [heard.lost, heard.out_of_order, heard.twice, heard.out_of_time, heard.damaged];
    assert_eq!(wrong, [0; 5], "lost, out of order, twice, out of time, damaged of {}", heard.packets);
}

async fn units_in(hub: &Hub) -> u64 {
    hub.report(&name("door")).await.unwrap().units_in
}

#[test]
fn a_tone_is_heard_at_cameras_of_several_kinds_while_they_send_their_picture() {
    for setup in [
        with_loudspeaker(),
        Setup { own_keys: true, tells_port: true, ..with_loudspeaker() },
        Setup { silent: true, opus_clock_hz: Some(48_000), ..with_loudspeaker() },
    ] {
        let kind = format!("{setup:?}");
        with_camera(setup, async |hub, access, rig| {
            let camera = &rig.cameras[0];
            put_camera(&hub).await;
            assert!(camera.is_muted());
            let mut talker = Talker::join(&hub, Codec::Pcmu, 1_000.0, -20.0).await;
            // the first words wake the camera up
            while camera.heard().packets == 0 {
                assert!(talker.say().await);
            }
            let before = (camera.heard().packets, units_in(&hub).await);
            talker.talk(Duration::from_millis(2_000)).await;
            let meanwhile = units_in(&hub).await - before.1;
            assert!(meanwhile > 40, "what the camera sends goes on meanwhile: {meanwhile} units");
            tokio::time::sleep(Duration::from_millis(200)).await;
            let report = call(&hub).await;
            assert_eq!((report.state, report.opened.as_deref()), ("live", Some("OPUS/48000")), "{report:?}");
            assert!(!camera.is_muted(), "who is talked to is unmuted");
            let heard = camera.heard();
            assert_whole(camera);
            assert_eq!(heard.packets, report.frames, "what was sent came");
            assert!((80..=105).contains(&(heard.packets - before.0)), "{} packets", heard.packets - before.0);
            assert!(heard.reports >= 2, "{} sender reports", heard.reports);
            let found = assert_tone(&heard.samples, heard.rate, 1_000.0, -20.0);
            eprintln!("{kind}: {found:.1?}, {} packets, {} reports", heard.packets, heard.reports);

            let removal = hub.remove(&name("door")).await.unwrap();
            let ends: Vec<&str> = removal.ends.iter().map(|end| end.what).collect();
            assert_eq!(ends, ["output", "source"], "the call is hung up first");
            assert!(removal.ends.iter().all(|end| end.in_time), "{removal:?}");
            assert_eq!((camera.started_and_ended(), camera.heard().packets), ((1, 1), heard.packets));
            assert_eq!(access.srtp.stats().await.unwrap().sessions, 0);
        });
    }
}

/// The sound of so many units of the stream `door`, and its rate.
async fn listen(hub: &Hub, count: usize) -> (Vec<f32>, u32) {
    let (done, result) = tokio::sync::oneshot::channel();
    let make = move |worker: hub::Worker| async move {
        let view = worker.open(&name("door")).await.unwrap();
        let tracks = view.ready().await.unwrap();
        let track = tracks.iter().find(|track| track.codec == Codec::Opus).unwrap();
        let mut decoder = audio::Decoder::new(track).unwrap();
        let mut reader = view.reader(Format::units(), PeerInfo::default()).unwrap();
        let (mut samples, mut heard, mut last) = (Vec::new(), 0, i64::MIN);
        while heard < count {
            let Item::Chunk(chunk) = reader.next().await else { break };
            if chunk.track == track.id {
                assert!(chunk.pts > last, "times rise");
                (heard, last) = (heard + 1, chunk.pts);
                decoder.decode(&chunk.parts[0], &mut samples).unwrap();
            }
        }
        let _ = done.send((samples, decoder.rate()));
    };
    hub.worker().await.unwrap().run("test ear", make).await.unwrap();
    result.await.unwrap()
}

#[test]
fn a_camera_that_has_aac_eld_only_is_heard_as_opus_and_talked_to_in_its_own() {
    with_camera(Setup { eld: true, opus_clock_hz: None, ..with_loudspeaker() }, async |hub, _, rig| {
        let camera = &rig.cameras[0];
        put_camera(&hub).await;
        let mut talker = Talker::join(&hub, Codec::Opus, 1_000.0, -20.0).await;
        let talking = talker.say_on();
        let (samples, rate) = tokio::select! {
            () = talking => unreachable!(),
            heard = listen(&hub, 200) => heard,
        };
        let (hz, dbfs) = ELD_TONE;
        // within the first second the camera's reports may bring sound and picture together
        let found = assert_tone(&samples[rate as usize..], rate, hz, dbfs);
        let seconds = samples.len() as f64 / f64::from(rate);
        eprintln!("AAC-ELD at a camera, heard as Opus: {found:.1?}, {seconds:.2} s");
        let report = call(&hub).await;
        assert_eq!((report.state, report.opened.as_deref()), ("live", Some("AAC/16000")), "{report:?}");
        assert_whole(camera);
        let heard = camera.heard();
        assert!(heard.packets > 60, "{} packets of 30 ms in 4 s", heard.packets);
        let found = assert_tone(&heard.samples, heard.rate, 1_000.0, -20.0);
        eprintln!("said to it in AAC-ELD: {found:.1?}, {} packets", heard.packets);
    });
}

#[test]
fn what_is_said_is_at_the_camera_in_less_than_100_ms() {
    with_camera(with_loudspeaker(), async |hub, _, rig| {
        let camera = &rig.cameras[0];
        put_camera(&hub).await;
        let mut talker = Talker::join(&hub, Codec::Pcmu, 1_000.0, -10.0).await;
        let silence = [0.0; 160];
        while camera.heard().packets == 0 {
            assert!(talker.say_samples(&silence).await);
        }
        let mut said = Vec::new();
        for frame in 0..250 {
            if frame % 25 == 24 {
                assert!(talker.say().await);
                said.push(Instant::now());
            } else {
                assert!(talker.say_samples(&silence).await);
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        let heard = camera.heard();
        let packet = heard.rate as usize / 50;
        assert_eq!(heard.samples.len(), heard.arrivals.len() * packet);
        let is_loud = |sound: &[f32]| sound.iter().any(|sample| sample.abs() > 0.1);
        let loud = heard.samples.chunks(packet).zip(&heard.arrivals).filter(|(sound, _)| is_loud(sound));
        let loud: Vec<Instant> = loud.map(|(_, at)| *at).collect();
        // 20 ms of it are over when it is published
        let mut waits: Vec<Duration> = said
            .iter()
            .filter_map(|said| loud.iter().find_map(|at| at.checked_duration_since(*said)))
            .map(|wait| wait + FRAME)
            .filter(|wait| *wait < Duration::from_millis(450))
            .collect();
        assert!(waits.len() * 4 >= said.len() * 3, "{} of {} are heard", waits.len(), said.len());
        waits.sort_unstable();
        eprintln!("HomeKit, µ-law to Opus, from the first sample to the camera: {waits:.1?}");
        assert!(waits[waits.len() / 2] < Duration::from_millis(100), "{waits:?}");
        assert_whole(camera);
    });
}

#[test]
fn one_call_follows_the_other_and_who_hung_up_holds_nothing() {
    with_camera(with_loudspeaker(), async |hub, _, rig| {
        let camera = &rig.cameras[0];
        let talk = Some(hub::TalkSpec {
            output: OutputSpec {
                idle: Duration::from_millis(400),
                ..OutputSpec::to(format!("homekit://{ID}"))
            },
            ..talk_to("")
        });
        let linger = Some(Duration::from_millis(300));
        let sources = vec![format!("homekit://{ID}").into()];
        // somebody watches, so that both calls are on one stream of the camera
        let spec = StreamSpec { sources, talk, linger, preload: true, ..StreamSpec::default() };
        hub.put(&name("door"), spec.clone()).await.unwrap();
        let mut talker = Talker::join(&hub, Codec::Opus, 500.0, -20.0).await;
        let mut frames = 0;
        for turn in 0..2 {
            while camera.heard().packets <= frames {
                assert!(talker.say().await);
            }
            talker.talk(Duration::from_millis(600)).await;
            until("the call is over", async || call(&hub).await.state == "idle").await;
            frames = camera.heard().packets;
            let reports = camera.heard().reports;
            talker.pause(Duration::from_millis(1_500)).await;
            assert_eq!((camera.heard().packets, camera.heard().reports), (frames, reports), "turn {turn}");
            assert_whole(camera);
        }
        assert!(frames > 60 && camera.streams() == 1 && camera.started_and_ended() == (1, 0), "{frames}");
        // and now nobody watches: the end of a call is the end of the camera's stream
        hub.put(&name("door"), StreamSpec { preload: false, ..spec }).await.unwrap();
        until("nobody watches", async || camera.streams() == 0).await;
        while camera.streams() == 0 {
            assert!(talker.say().await);
        }
        drop(talker);
        until("nothing is held", async || camera.streams() == 0).await;
        assert_eq!(camera.started_and_ended(), (2, 2));
    });
}

#[test]
fn a_camera_without_a_loudspeaker_and_one_that_is_not_there_are_told() {
    with_camera(Setup::new(ID), async |hub, _, _rig| {
        put_camera(&hub).await;
        let mut talker = Talker::join(&hub, Codec::Pcmu, 1_000.0, -20.0).await;
        talker.talk(Duration::from_millis(2_500)).await;
        let report = call(&hub).await;
        assert_eq!((report.state, report.attempt), ("gave_up", 1), "{report:?}");
        let error = report.error.unwrap();
        assert!(error.contains(ID) && error.contains("has no loudspeaker"), "{error}");
        drop(talker);
        hub.remove(&name("door")).await.unwrap();

        put_with(&hub, &format!("homekit://{ID}"), "homekit://127.0.0.1:9").await;
        let mut talker = Talker::join(&hub, Codec::Pcmu, 1_000.0, -20.0).await;
        talker.talk(Duration::from_millis(500)).await;
        let report = call(&hub).await;
        assert_eq!(report.state, "gave_up", "{report:?}");
        assert!(report.error.unwrap().contains("127.0.0.1:9 is no source of door"));
    });
}

#[test]
fn a_camera_that_is_off_says_why_there_is_no_call() {
    with_camera(with_loudspeaker(), async |hub, _, rig| {
        rig.cameras[0].set_power(false);
        assert!(rig.cameras[0].wait_until(|camera| camera.connections() == 0, WITHIN));
        put_camera(&hub).await;
        let mut talker = Talker::join(&hub, Codec::Pcmu, 1_000.0, -20.0).await;
        let limit = Limits::default().start_wait_max + Duration::from_secs(2);
        talker.talk(limit).await;
        let report = call(&hub).await;
        let error = report.error.unwrap();
        assert!(
            error.contains("door has to run for a call") && error.contains("refuses connections"),
            "{error}"
        );
    });
}

#[test]
fn a_camera_that_restarts_in_the_middle_of_a_call_is_called_again() {
    with_camera(with_loudspeaker(), async |hub, access, rig| {
        let camera = &rig.cameras[0];
        put_camera(&hub).await;
        let mut talker = Talker::join(&hub, Codec::Opus, 1_000.0, -20.0).await;
        let talking = talker.say_on();
        let restarting = async {
            until("it is talked to", async || camera.heard().packets > 20).await;
            camera.set_power(false);
            until("the call ends", async || call(&hub).await.state != "live").await;
            let error = call(&hub).await.error.unwrap();
            assert!(error.contains("the camera's stream ended"), "{error}");
            let before = camera.heard().packets;
            camera.set_power(true);
            until("it is talked to again", async || camera.heard().packets > before + 60).await;
        };
        tokio::select! {
            () = talking => {}
            () = restarting => {}
        }
        let report = call(&hub).await;
        assert_eq!((report.state, camera.streams()), ("live", 1), "{report:?}");
        assert_whole(camera);
        let heard = camera.heard();
        // of the second call alone
        let second = &heard.samples[heard.samples.len() - heard.rate as usize..];
        assert_tone(second, heard.rate, 1_000.0, -20.0);
        hub.remove(&name("door")).await.unwrap();
        assert_eq!(access.srtp.stats().await.unwrap().sessions, 0);
    });
}
