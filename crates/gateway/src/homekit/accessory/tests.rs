//! Accessories on loopback, and a controller of ours.
mod phone;
mod records;
mod talks;
mod views;

use super::*;
use crate::homekit::mdns::{Mdns, Where};
use crate::homekit::secrets::Secrets;
use crate::homekit::srtp::Srtp;
use crate::net::child::{Children, ChildrenConfig};
use bytes::Bytes;
use formats::rtp::Packet as RtpPacket;
use formats::rtp::rtcp::{Message, parse};
use hub::{Hub, HubConfig, Limits, PeerInfo, StreamSpec};
use media::{Codec, CodecParams, StreamName, Track, Unit, WallTime};
use phone::{Phone, View, identity};
use protocols::hap::accessory::{characteristics, services};
use protocols::hap::advertisement::Category;
use protocols::hap::camera::{SampleRate, SetupStatus, StreamingStatus};
use protocols::hap::pairing::SetupCode;
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

const CODE: &str = "031-45-154";
const ID: &str = "11:22:33:44:55:66";
const SOON: Duration = Duration::from_secs(10);

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test);
}

fn name(name: &str) -> StreamName {
    StreamName::new(name).unwrap()
}

/// A folder of a test's own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("aqueduct-homekit-{:032x}", rand::random::<u128>()));
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn camera(stream: &str) -> CameraConfig {
    CameraConfig {
        stream: name(stream),
        title: "Door".into(),
        doorbell: false,
        motion: false,
        transcode: false,
        sound: true,
        talk: true,
        secure_video: false,
    }
}

fn accessory(stream: &str) -> AccessoryConfig {
    AccessoryConfig {
        name: stream.to_owned(),
        title: "Door".into(),
        id: ID.into(),
        identity: None,
        code: SetupCode::new(CODE).unwrap(),
        category: Category::CAMERA,
        listen: "127.0.0.1:0".parse().unwrap(),
        pairings: Vec::new(),
        cameras: vec![camera(stream)],
        is_bridge: false,
    }
}

/// A server, with an accessory that listens on `port`.
struct Home {
    hub: Hub,
    srtp: crate::homekit::srtp::SrtpHandle,
    accessories: Accessories,
    port: u16,
    secrets: Secrets,
}

async fn home(folder: &Folder, config: AccessoryConfig) -> Home {
    home_of(folder, config, &[]).await
}

/// The same with streams that are there from the start.
async fn home_of(folder: &Folder, config: AccessoryConfig, streams: &[&str]) -> Home {
    let conflict = hub::Conflict::Refuse;
    let config_of_hub = HubConfig {
        workers: 2,
        limits: Limits::default(),
        conflict,
        deliverers: Vec::new(),
        connectors: Vec::new(),
    };
    let hub = Hub::start(config_of_hub).unwrap();
    for stream in streams {
        hub.put(&name(stream), StreamSpec::default()).await.unwrap();
    }
    let (srtp, handle) = Srtp::new(Some("127.0.0.1:0".parse().unwrap()));
    tokio::task::spawn_local(srtp.run(hub.clone()));
    let (secrets, keeper) = Secrets::new(&folder.0);
    tokio::task::spawn_local(keeper.run());
    let (mdns, _keeper) = Mdns::new(Where::Off);
    let needs = Needs {
        srtp: handle.clone(),
        secrets: secrets.clone(),
        mdns,
        children: Children::new(ChildrenConfig::default()),
        ffmpeg: "ffmpeg".into(),
    };
    let accessories = start(&hub, vec![config], &needs).await.unwrap();
    let port = accessories.handle().reports().await[0].address.port();
    Home { hub, srtp: handle, accessories, port, secrets }
}

/// A phone that has paired with the accessory, and is connected.
async fn paired(home: &Home) -> Phone {
    let pairing = Phone::pair(home.port, &identity(), CODE).await.unwrap();
    Phone::verify(home.port, &identity(), pairing).await
}

/// A unit that has just come: readers that are a moment late still find it.
fn unit(track: u8, pts: i64, keyframe: bool, data: Vec<u8>) -> Unit {
    Unit {
        track,
        pts,
        dts: pts,
        arrival: hub::now(),
        wall: WallTime::default(),
        keyframe,
        discontinuity: false,
        data: data.into(),
    }
}

/// A picture of one NAL unit.
fn picture(keyframe: bool, length: usize) -> Vec<u8> {
    let mut data = (length as u32).to_be_bytes().to_vec();
    data.resize(length + 4, 7);
    data[4] = if keyframe { 0x65 } else { 0x41 };
    data
}

/// The track of [`picture`]s.
fn video_track(codec: Codec) -> Track {
    let params = CodecParams::H264 {
        sps: Bytes::from_static(&[0x67, 77, 0, 31, 0x95, 0xa8]),
        pps: vec![Bytes::from_static(&[0x68, 0xee, 0x3c, 0x80])],
    };
    Track::video(0, codec, if codec == Codec::H264 { params } else { CodecParams::None })
}

/// Publishes 25 pictures a second, a key frame each second, and sound in 20 ms, until it is aborted.
async fn publish(hub: &Hub, stream: &str, codec: Codec) -> tokio::task::JoinHandle<()> {
    let mut publisher = hub.publish(&name(stream), PeerInfo::default(), None).await.unwrap();
    let sound = Track::audio(1, Codec::Pcmu, 8_000, 1, CodecParams::None);
    publisher.set_tracks(vec![video_track(codec), sound]).await.unwrap();
    tokio::task::spawn_local(async move {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        for number in 0_i64.. {
            tick.tick().await;
            let mut units = vec![unit(1, number * 160, true, vec![0xff; 160])];
            if number % 2 == 0 {
                let keyframe = number % 50 == 0;
                let data = if codec == Codec::H264 { picture(keyframe, 4_000) } else { vec![0; 4_000] };
                units.push(unit(0, number * 1_800, keyframe, data));
            }
            for unit in units {
                if publisher.push(unit).await.is_err() {
                    return;
                }
            }
        }
    })
}

#[test]
fn a_controller_pairs_and_sees_and_hears_the_stream_until_it_ends_it() {
    run(async {
        let folder = Folder::new();
        let home = home(&folder, accessory("door")).await;
        let camera = publish(&home.hub, "door", Codec::H264).await;
        tokio::time::sleep(Duration::from_millis(1_300)).await;
        let wrong = Phone::pair(home.port, &identity(), "111-22-334").await;
        assert!(wrong.is_err());
        let pairing = Phone::pair(home.port, &identity(), CODE).await.unwrap();
        assert_eq!(pairing.id, ID);
        let mut phone = Phone::verify(home.port, &identity(), pairing).await;
        let streams = phone.streams().await;
        assert_eq!(streams.len(), 4);
        phone.watch(streams[0].status).await;

        let mut view = View::new();
        let began = std::time::Instant::now();
        let SetupStatus::Success { video_ssrc, audio_ssrc, .. } = phone.set_up(streams[0], &mut view).await
        else {
            panic!("it is taken")
        };
        phone.begin(streams[0], &view, SampleRate::Khz24, 60).await;
        let first = view.video().await;
        let after = began.elapsed();
        let packet = RtpPacket::parse(first.clone()).unwrap();
        assert_eq!((packet.header.ssrc, packet.header.payload_type), (video_ssrc, 99));
        // the newest key frame comes first, behind its parameter sets
        assert_eq!(packet.payload[0] & 0x1f, 24, "SPS and PPS: {:?}", &packet.payload[..8]);
        assert!(after < Duration::from_millis(700), "{after:?}");
        assert_eq!(phone.status(streams[0]).await, StreamingStatus::InUse);
        // pictures follow each other without a gap
        let mut sequence = packet.header.sequence;
        for _ in 0..60 {
            let next = RtpPacket::parse(view.video().await).unwrap().header;
            assert_eq!(next.sequence, sequence.wrapping_add(1));
            sequence = next.sequence;
        }
        let report = view.video_report().await;
        assert!(
            matches!(&parse(&report).unwrap()[0], Message::SenderReport(report) if report.ssrc == video_ssrc)
        );
        // sound: Opus in packets of 60 ms, which tick at the sample rate
        let first = RtpPacket::parse(view.sound().await).unwrap();
        let second = RtpPacket::parse(view.sound().await).unwrap();
        assert_eq!((first.header.ssrc, first.header.payload_type), (audio_ssrc, 110));
        assert_eq!(second.header.timestamp.wrapping_sub(first.header.timestamp), 1_440);
        assert_eq!(formats::bitstream::opus::packet_duration_48k(&second.payload), Some(2_880));

        phone.end(streams[0], &view).await;
        assert_eq!(phone.status(streams[0]).await, StreamingStatus::Available);
        assert_eq!(home.srtp.stats().await.unwrap().sessions, 0);
        view.drain();
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(view.drain(), 0, "nothing follows the end");
        assert!(phone.events() >= 1);
        camera.abort();
        home.accessories.end().await;
    });
}

#[test]
fn pairings_outlive_a_restart_and_a_removed_one_is_gone() {
    run(async {
        let folder = Folder::new();
        let first = home(&folder, accessory("door")).await;
        let pairing = Phone::pair(first.port, &identity(), CODE).await.unwrap();
        let before = first.secrets.accessory("door").await.unwrap().unwrap();
        assert_eq!((before.pairings.len(), before.configuration), (1, 1));
        first.accessories.end().await;

        let second = home(&folder, accessory("door")).await;
        let mut phone = Phone::verify(second.port, &identity(), pairing.clone()).await;
        assert_eq!(phone.streams().await.len(), 4);
        assert!(Phone::pair(second.port, &identity(), CODE).await.is_err(), "it is paired already");
        second.accessories.end().await;

        // another shape is another number, which tells controllers to look again
        let mut config = accessory("door");
        config.cameras[0].doorbell = true;
        let third = home(&folder, config).await;
        assert_eq!(third.secrets.accessory("door").await.unwrap().unwrap().configuration, 2);
        let mut phone = Phone::verify(third.port, &identity(), pairing).await;
        phone.unpair().await;
        assert_eq!(third.secrets.accessory("door").await.unwrap().unwrap().pairings.len(), 0);
        assert!(Phone::pair(third.port, &identity(), CODE).await.is_ok());
        third.accessories.end().await;
    });
}

#[test]
fn a_ring_and_motion_at_the_streams_device_are_told_to_those_who_watch_it() {
    run(async {
        let folder = Folder::new();
        let mut config = accessory("door");
        (config.cameras[0].doorbell, config.cameras[0].motion) = (true, true);
        let home = home(&folder, config).await;
        let report = home.accessories.handle().report("door").await.unwrap();
        assert_eq!((report.pairings, report.setup.unwrap().code.expose()), (0, CODE));
        let pairing = Phone::pair(home.port, &identity(), CODE).await.unwrap();
        assert_eq!(
            home.accessories.handle().report("door").await.unwrap().setup,
            None,
            "the Home lets others in"
        );
        let mut phone = Phone::verify(home.port, &identity(), pairing).await;
        let button = phone.find(services::DOORBELL, &characteristics::PROGRAMMABLE_SWITCH_EVENT).await;
        let motion = phone.find(services::MOTION_SENSOR, &characteristics::MOTION_DETECTED).await;
        phone.watch(button).await;
        phone.watch(motion).await;
        for (stream, kind) in [("elsewhere", "motion"), ("door", "doorbell"), ("door", "motion")] {
            home.hub.emit(hub::What::DeviceEvent { stream: name(stream), kind });
        }
        let mut told = Vec::new();
        while told.len() < 2 {
            told.extend(phone.event().await);
        }
        assert_eq!(told, [(button, json!(0)), (motion, json!(true))]);
        assert!(home.accessories.handle().unpair("door").await);
        assert!(Phone::pair(home.port, &identity(), CODE).await.is_ok(), "it can be paired anew");
        home.accessories.end().await;
    });
}

#[test]
fn several_see_it_at_once_one_more_is_told_that_it_is_busy_and_who_hangs_up_makes_room() {
    run(async {
        let folder = Folder::new();
        let home = home(&folder, accessory("door")).await;
        let camera = publish(&home.hub, "door", Codec::H264).await;
        let pairing = Phone::pair(home.port, &identity(), CODE).await.unwrap();
        let mut first = Phone::verify(home.port, &identity(), pairing.clone()).await;
        let mut second = Phone::verify(home.port, &identity(), pairing).await;
        let streams = first.streams().await;
        let (mut one, mut two) = (View::new(), View::new());
        first.set_up(streams[0], &mut one).await;
        first.begin(streams[0], &one, SampleRate::Khz16, 20).await;
        assert_eq!(second.set_up(streams[0], &mut two).await, SetupStatus::Busy);
        second.set_up(streams[1], &mut two).await;
        second.begin(streams[1], &two, SampleRate::Khz16, 20).await;
        for view in [&mut one, &mut two] {
            for _ in 0..20 {
                view.video().await;
            }
        }
        assert_eq!(home.accessories.handle().reports().await[0].views, 2);
        drop(first);
        for _ in 0..200 {
            if home.srtp.stats().await.unwrap().sessions == 2 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(home.srtp.stats().await.unwrap().sessions, 2, "those of the second one");
        assert!(matches!(second.set_up(streams[0], &mut one).await, SetupStatus::Success { .. }));
        two.video().await;
        camera.abort();
        home.accessories.end().await;
        for _ in 0..200 {
            if home.srtp.stats().await.unwrap().sessions == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{:?}", home.srtp.stats().await);
    });
}

#[test]
fn pictures_that_homekit_does_not_take_end_the_view_and_free_its_place() {
    run(async {
        let folder = Folder::new();
        let home = home(&folder, accessory("door")).await;
        let camera = publish(&home.hub, "door", Codec::Vp8).await;
        let mut phone = paired(&home).await;
        let streams = phone.streams().await;
        let mut view = View::new();
        phone.set_up(streams[0], &mut view).await;
        phone.begin(streams[0], &view, SampleRate::Khz24, 20).await;
        let free = async {
            while phone.status(streams[0]).await != StreamingStatus::Available {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(SOON, free).await.expect("its place is free");
        assert_eq!(home.srtp.stats().await.unwrap().sessions, 0);
        camera.abort();
        home.accessories.end().await;
    });
}

#[test]
fn cameras_behind_a_bridge_have_numbers_of_their_own_that_stay() {
    run(async {
        let folder = Folder::new();
        let bridge = |streams: &[&str]| AccessoryConfig {
            name: "house".into(),
            is_bridge: true,
            cameras: streams.iter().map(|stream| camera(stream)).collect(),
            ..accessory("house")
        };
        let first = home(&folder, bridge(&["door", "yard"])).await;
        let pairing = Phone::pair(first.port, &identity(), CODE).await.unwrap();
        let mut phone = Phone::verify(first.port, &identity(), pairing.clone()).await;
        assert_eq!(phone.numbers().await, [1, 2, 3]);
        first.accessories.end().await;
        let second = home(&folder, bridge(&["attic", "yard"])).await;
        let mut phone = Phone::verify(second.port, &identity(), pairing).await;
        assert_eq!(phone.numbers().await, [1, 4, 3]);
        second.accessories.end().await;
    });
}
