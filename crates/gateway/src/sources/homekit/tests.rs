//! Against simulated cameras, over real sockets of this machine.
use super::*;
use crate::homekit::hex::to_hex;
use crate::homekit::mdns::{Mdns, Where};
use crate::homekit::secrets::Secrets;
use crate::homekit::srtp::Srtp;
use crate::homekit::{CameraError, HomekitAccess, Hurdle};
use bytes::Bytes;
use formats::replay::{Clip, load};
use hub::{Conflict, Format, Hub, HubConfig, Item, Limits, StreamSpec, StreamState, What};
use media::{Codec, StreamName, Tracks};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use testkit::homekit::{PIN, Rig, Setup};

/// Everything here is done long before.
const WITHIN: Duration = Duration::from_secs(60);
/// Longest wait for one thing.
const SOON: Duration = Duration::from_secs(20);

fn clip() -> Clip {
    load(Bytes::from_static(include_bytes!("../../../../server/assets/demo.mp4"))).unwrap()
}

fn id(number: usize) -> String {
    format!("AA:00:00:00:00:{number:02X}")
}

/// Runs a test with a hub, what HomeKit needs, and simulated cameras.
fn with<F: Future<Output = ()>>(setups: Vec<Setup>, test: impl FnOnce(Hub, HomekitAccess, Rig) -> F) {
    let name = std::thread::current().name().unwrap_or_default().replace(':', "-");
    let folder: PathBuf = std::env::temp_dir().join(format!("aqueduct-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let (secrets, keeper) = Secrets::new(&folder);
        tokio::task::spawn_local(keeper.run());
        let (mdns, keeper) = Mdns::new(Where::Off);
        tokio::task::spawn_local(keeper.run());
        let (socket, srtp) = Srtp::new(Some(([127, 0, 0, 1], 0).into()));
        let access = HomekitAccess::new(secrets, mdns, srtp);
        let hub = Hub::start(HubConfig {
            workers: 2,
            limits: Limits::default(),
            conflict: Conflict::Refuse,
            connectors: vec![Arc::new(HomekitSources::new(Some(access.clone())))],
            deliverers: Vec::new(),
        });
        let hub = hub.unwrap();
        tokio::task::spawn_local(socket.run(hub.clone()));
        let rig = Rig::start(&clip(), setups).unwrap();
        tokio::time::timeout(WITHIN, test(hub.clone(), access, rig)).await.unwrap();
        assert_eq!(hub.shutdown(Duration::from_secs(5)).await, 0);
    });
    let _ = std::fs::remove_dir_all(&folder);
}

async fn put(hub: &Hub, name: &str, url: &str) -> StreamName {
    let name = StreamName::new(name).unwrap();
    let spec = StreamSpec { sources: vec![url.into()], ..StreamSpec::default() };
    hub.put(&name, spec).await.unwrap();
    name
}

/// What a reader saw.
struct Seen {
    tracks: Tracks,
    video: Vec<Bytes>,
    sounds: usize,
    rises: bool,
}

/// Reads `count` units of a stream.
async fn read(hub: &Hub, name: &StreamName, count: usize) -> Seen {
    let (done, result) = tokio::sync::oneshot::channel();
    let (worker, name) = (hub.worker().await.unwrap(), name.clone());
    let make = move |worker: hub::Worker| async move {
        let view = worker.open(&name).await.unwrap();
        let tracks = view.ready().await.unwrap();
        let mut reader = view.reader(Format::units(), PeerInfo::default()).unwrap();
        let mut seen = Seen { tracks: tracks.clone(), video: Vec::new(), sounds: 0, rises: true };
        let mut last = [i64::MIN; 2];
        for _ in 0..count {
            let Item::Chunk(chunk) = reader.next().await else { break };
            let track = usize::from(chunk.track);
            seen.rises &= chunk.dts > last[track] && chunk.pts >= chunk.dts;
            last[track] = chunk.dts;
            if tracks[track].codec == Codec::H264 {
                seen.video.push(chunk.parts[0].clone());
            } else {
                seen.sounds += 1;
            }
        }
        let _ = done.send(seen);
    };
    worker.run("test reader", make).await.unwrap();
    result.await.unwrap()
}

/// Keeps a stream running until the hub ends.
async fn hold(hub: &Hub, name: &StreamName) {
    let (worker, name) = (hub.worker().await.unwrap(), name.clone());
    let make = move |worker: hub::Worker| async move {
        let view = worker.open(&name).await.unwrap();
        let _view = view;
        std::future::pending::<()>().await;
    };
    worker.run("test hold", make).await.unwrap();
}

async fn wait_for(hub: &Hub, name: &StreamName, wanted: StreamState) {
    let deadline = hub::now() + SOON;
    loop {
        let report = hub.report(name).await.unwrap();
        if report.state == wanted {
            return;
        }
        assert!(hub::now() < deadline, "{name} is {:?}, {:?}", report.state, report.sources);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// That the picture is the clip's, from some frame on.
fn is_the_clips(video: &[Bytes]) -> bool {
    let clip = clip();
    let picture = clip.tracks.iter().position(|track| track.codec == Codec::H264).unwrap();
    let origin: Vec<_> = clip.units.iter().filter(|unit| usize::from(unit.track) == picture).collect();
    let Some(at) = origin.iter().position(|unit| unit.data == video[0]) else { return false };
    origin.iter().cycle().skip(at).zip(video).all(|(unit, seen)| unit.data == *seen)
}

#[test]
fn a_camera_is_paired_watched_heard_of_and_left_each_in_order() {
    with(vec![Setup::new(id(1))], |hub, access, rig| async move {
        let camera = &rig.cameras[0];
        let address = camera.address.to_string();
        let wrong = access.pair(&address, "111-22-333").await.unwrap_err();
        assert_eq!(wrong.hurdle(), Hurdle::WrongPin, "{wrong}");
        assert!(
            wrong.to_string().contains("the pin is wrong") && !wrong.to_string().contains("111"),
            "{wrong}"
        );
        assert!(matches!(access.pair("door", PIN).await, Err(CameraError::Place(_))));
        let paired = access.pair(&address, PIN).await.unwrap();
        assert_eq!((paired.pairing.id.as_str(), paired.name.as_str()), (id(1).as_str(), "Door"));
        let again = access.pair(&address, PIN).await.unwrap_err();
        assert_eq!(again.hurdle(), Hurdle::Taken, "{again}");

        let mut events = hub.events();
        let name = put(&hub, "door", &format!("homekit://{}?width=1280", id(1))).await;
        let seen = read(&hub, &name, 150).await;
        assert_eq!(
            seen.tracks.iter().map(|track| track.codec).collect::<Vec<_>>(),
            [Codec::H264, Codec::Opus]
        );
        assert!(is_the_clips(&seen.video), "{} pictures", seen.video.len());
        assert!(seen.rises && seen.sounds > 50, "{}", seen.sounds);
        assert!(camera.wait_until(|camera| camera.reports_and_picture_losses().0 > 2, SOON));

        camera.ring();
        camera.set_motion(true);
        let mut told = Vec::new();
        while told.len() < 2 {
            if let What::DeviceEvent { kind, .. } = &events.recv().await.unwrap().what {
                told.push(*kind);
            }
        }
        told.sort_unstable();
        assert_eq!(told, ["doorbell", "motion"]);

        let removal = hub.remove(&name).await.unwrap();
        let [end] = &removal.ends[..] else { panic!("{removal:?}") };
        assert!(end.in_time && end.steps[0].outcome == "done", "{end:?}");
        assert_eq!(camera.started_and_ended(), (1, 1));
        assert!(camera.wait_until(|camera| camera.connections() == 0, SOON));
        let sent = camera.sent();
        assert_eq!(access.srtp.stats().await.unwrap().sessions, 0);
        access.unpair(&id(1), false).await.unwrap();
        assert!(camera.wait_until(|camera| camera.pairings() == 0, SOON));
        assert_eq!((camera.sent(), access.secrets.cameras().await), (sent, Ok(vec![])));
        assert!(matches!(access.unpair(&id(1), false).await, Err(CameraError::Unknown(_))));
    });
}

#[test]
fn cameras_of_several_kinds_stream_at_once() {
    let kinds = vec![
        Setup::new(id(1)),
        Setup { own_keys: true, ..Setup::new(id(2)) },
        Setup { opus_clock_hz: Some(48_000), ..Setup::new(id(3)) },
        Setup { opus_clock_hz: None, tells_port: true, ..Setup::new(id(4)) },
        Setup { silent: true, ..Setup::new(id(5)) },
        Setup { eld: true, silent: true, ..Setup::new(id(6)) },
    ];
    with(kinds, |hub, access, rig| async move {
        let mut names = Vec::new();
        for (number, camera) in rig.cameras.iter().enumerate() {
            let paired = access.pair(&camera.address.to_string(), PIN).await.unwrap();
            // one of them as go2rtc would write it, and forgotten here
            let url = if number == 2 {
                let us = access.secrets.controller().await.unwrap();
                access.secrets.remove_camera(&paired.pairing.id).await.unwrap();
                format!(
                    "homekit://{}?device_id={}&device_public={}&client_id={}&client_private={}{}",
                    camera.address,
                    paired.pairing.id,
                    to_hex(&paired.pairing.public_key),
                    us.id(),
                    to_hex(us.seed()),
                    to_hex(us.public_key()),
                )
            } else {
                format!("homekit://{}", camera.address)
            };
            names.push((put(&hub, &format!("cam{number}"), &url).await, url));
        }
        for (name, _) in &names {
            hold(&hub, name).await;
        }
        for (number, (name, url)) in names.iter().enumerate() {
            wait_for(&hub, name, StreamState::Live).await;
            let seen = read(&hub, name, 60).await;
            assert!(seen.rises && is_the_clips(&seen.video), "{name}");
            assert_eq!((seen.sounds > 0, seen.tracks.len() == 2), (number < 3, number < 3), "{name}");
            let (reports, _) = rig.cameras[number].reports_and_picture_losses();
            assert!(reports > 0, "{name}: reports are not authentic");
            assert_eq!(rig.cameras[number].streams(), 1, "{name}");
            if number == 2 {
                access.unpair_url(url).await.unwrap();
                assert!(rig.cameras[2].wait_until(|camera| camera.pairings() == 0, SOON));
            }
        }
        assert_eq!(access.srtp.stats().await.unwrap().dropped.forged, 0);
    });
}

#[test]
fn a_camera_that_was_off_comes_back_by_itself() {
    with(vec![Setup::new(id(1))], |hub, access, rig| async move {
        let camera = &rig.cameras[0];
        access.pair(&camera.address.to_string(), PIN).await.unwrap();
        let name = put(&hub, "door", &format!("homekit://{}", id(1))).await;
        hold(&hub, &name).await;
        wait_for(&hub, &name, StreamState::Live).await;
        camera.set_power(false);
        wait_for(&hub, &name, StreamState::Backoff).await;
        let error = hub.report(&name).await.unwrap().sources[0].error.clone().unwrap();
        assert!(error.contains("hung up") || error.contains("refuses connections"), "{error}");
        camera.set_power(true);
        wait_for(&hub, &name, StreamState::Live).await;
        assert_eq!(camera.streams(), 1);
    });
}

#[test]
fn a_camera_that_does_not_know_us_or_that_we_do_not_know_says_so() {
    with(vec![Setup::new(id(1))], |hub, access, rig| async move {
        let camera = &rig.cameras[0];
        let name = put(&hub, "door", &format!("homekit://{}", camera.address)).await;
        hold(&hub, &name).await;
        wait_for(&hub, &name, StreamState::Backoff).await;
        let error = hub.report(&name).await.unwrap().sources[0].error.clone().unwrap();
        assert!(error.contains("is not paired with this server"), "{error}");

        access.pair(&camera.address.to_string(), PIN).await.unwrap();
        assert!(hub.retry(&name).await);
        wait_for(&hub, &name, StreamState::Live).await;
        // somebody else takes our pairing away, which the camera ends the connection for
        let us = access.secrets.controller().await.unwrap();
        let stored = access.secrets.camera(&id(1)).await.unwrap().unwrap();
        let url = format!(
            "homekit://{}?device_id={}&device_public={}&client_id={}&client_private={}",
            camera.address,
            stored.pairing.id,
            to_hex(&stored.pairing.public_key),
            us.id(),
            to_hex(us.seed()),
        );
        access.unpair_url(&url).await.unwrap();
        assert!(camera.wait_until(|camera| camera.pairings() == 0, SOON));
        access.unpair(&id(1), false).await.unwrap();
        assert_eq!(access.secrets.cameras().await, Ok(vec![]));
    });
}
