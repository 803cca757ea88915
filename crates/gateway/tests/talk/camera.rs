//! Cameras with a back channel in RTSP: simulated ones with their faults, and GStreamer's.
use super::devices::{assert_tone, sound};
use super::house::{QUICK, Talker, call, demo, name, put, put_door, talk_to, until, with_hub};
use formats::replay::load;
use hub::{OutputSpec, PeerInfo, StreamSpec, TalkSpec};
use media::Codec;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use testkit::camera::ProfileTCamera;
use testkit::camera::talk::{Fault, Offers};
use testkit::process::{Peer, Place, eventually, free_port};
use testkit::{require, tone};

fn camera(offers: Offers, fault: Fault) -> ProfileTCamera {
    ProfileTCamera::start(load(demo()).unwrap(), Some(("admin", "pass")), offers, fault).unwrap()
}

#[test]
fn a_tone_is_heard_at_a_camera_over_tcp_and_udp_in_the_first_codec_that_is_made_here() {
    let many = || Offers(vec![(97, Codec::Aac, 16_000), (98, Codec::L16, 16_000), (0, Codec::Pcmu, 8_000)]);
    for (offers, options, heard) in [
        (Offers::default(), "#backchannel=1", Codec::Pcmu),
        (Offers::default(), "#backchannel=1#codec=pcma#transport=udp", Codec::Pcma),
        (many(), "#backchannel=media", Codec::L16),
        (Offers(vec![(9, Codec::G722, 8_000)]), "#backchannel=1#transport=udp", Codec::G722),
    ] {
        with_hub(async |hub| {
            let device = camera(offers.clone(), Fault::None);
            put_door(&hub, device.url() + options).await;
            let mut talker = Talker::join(&hub, Codec::Opus, 1_000.0, -20.0).await;
            talker.talk(Duration::from_millis(1_500)).await;
            // What was said last is under way for a moment.
            tokio::time::sleep(Duration::from_millis(100)).await;
            let report = call(&hub).await;
            let target = audio::Target::usual(heard);
            assert_eq!(report.opened, Some(format!("{heard}/{}", target.rate)));
            let removal = hub.remove(&name("door")).await.unwrap();
            let step = &removal.ends[0].steps[..];
            assert!(
                matches!(step, [step] if step.what == "TEARDOWN" && step.outcome == "answered"),
                "{step:?}"
            );
            let packets = device.heard();
            assert_eq!(report.frames as usize, packets.len(), "nothing more was said at the end");
            for pair in packets.windows(2) {
                assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1), "{options}");
                // More, where this machine held sound up for long.
                let step = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
                assert!((target.clock_rate() / 50..target.clock_rate()).contains(&step), "{step}");
            }
            let (samples, rate) = sound(heard, &device.heard_bytes());
            let found = assert_tone(&samples, rate, 1_000.0, -20.0);
            let seconds = samples.len() as f64 / f64::from(rate);
            eprintln!("{heard} {options}: {found:.1?}, {seconds:.2} s of 1.5");
            assert!((1.1..=1.52).contains(&seconds), "{seconds} s");
            until("the camera is free", async || device.talkers().0 == 0 && device.camera().open() == 0)
                .await;
        });
    }
}

#[test]
fn the_end_of_a_door_leaves_another_stream_of_the_same_camera_playing() {
    with_hub(async |hub| {
        let device = camera(Offers::default(), Fault::None);
        let other = StreamSpec { sources: vec![device.url().into()], preload: true, ..StreamSpec::default() };
        hub.put(&name("yard"), other.clone()).await.unwrap();
        let talk = Some(talk_to(device.url() + "#backchannel=1"));
        hub.put(&name("door"), StreamSpec { talk, ..other }).await.unwrap();
        let mut talker = Talker::join(&hub, Codec::Pcmu, 1_000.0, -20.0).await;
        talker.talk(Duration::from_millis(600)).await;
        assert!(!device.heard().is_empty());
        until("the camera has three sessions", async || device.camera().open() == 3).await;
        let began = Instant::now();
        let removal = hub.remove(&name("door")).await.unwrap();
        let ends: Vec<&str> = removal.ends.iter().map(|end| end.what).collect();
        assert_eq!(ends, ["output", "source"], "the call is hung up first");
        assert!(removal.ends.iter().all(|end| end.in_time && end.steps.len() <= 1), "{removal:?}");
        assert!(began.elapsed() < Duration::from_secs(2));
        until("its sessions are gone", async || device.camera().open() == 1 && device.talkers().0 == 0).await;
        let (heard, accepted, set_ups) = (device.heard().len(), device.camera().accepted(), device.set_ups());
        let before = hub.report(&name("yard")).await.unwrap().units_in;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(
            (device.heard().len(), device.camera().accepted(), device.set_ups()),
            (heard, accepted, set_ups)
        );
        let after = hub.report(&name("yard")).await.unwrap();
        assert!(after.units_in > before + 30, "the other stream plays on");
        assert_eq!(after.sources[0].attempt, 1);
    });
}

#[test]
fn each_fault_of_a_cameras_talk_is_overcome_or_named_and_leaves_nothing_behind() {
    let soon = Duration::from_millis(200);
    for (fault, told) in [
        (Fault::ShownToAll, ""),
        (Fault::RefusesRequire(551), ""),
        (Fault::RefusesRequire(400), ""),
        (Fault::HangsUpOnRequire, ""),
        (Fault::Deaf(soon), ""),
        (Fault::NoLoudspeaker, "offers no back channel"),
        (Fault::WantsAllTracks, "refused: 455"),
        (Fault::Taken(453), "somebody else is talking"),
        (Fault::Taken(503), "somebody else is talking"),
        (Fault::HangsUp(soon), "closed the connection"),
    ] {
        with_hub(async |hub| {
            let device = camera(Offers::default(), fault);
            put_door(&hub, device.url() + "#backchannel=1").await;
            let mut talker = Talker::join(&hub, Codec::Pcmu, 1_000.0, -20.0).await;
            talker.talk(Duration::from_millis(900)).await;
            let report = call(&hub).await;
            let error = report.error.clone().unwrap_or_default();
            assert_eq!(error.is_empty(), told.is_empty(), "{fault:?}: {report:?}");
            assert!(error.contains(told), "{fault:?}: {error}");
            assert_eq!(report.state == "live", told.is_empty(), "{fault:?}: {report:?}");
            let removal = hub.remove(&name("door")).await.unwrap();
            assert!(removal.ends.iter().all(|end| end.in_time), "{fault:?}: {removal:?}");
            until("nothing stays connected", async || device.talkers().0 == 0 && device.camera().open() == 0)
                .await;
            let accepted = device.camera().accepted();
            tokio::time::sleep(Duration::from_millis(500)).await;
            assert_eq!(device.camera().accepted(), accepted, "{fault:?}");
        });
    }
}

#[test]
fn a_camera_that_hangs_up_each_time_is_tried_by_the_ladder_and_given_up() {
    with_hub(async |hub| {
        let device = camera(Offers::default(), Fault::HangsUp(Duration::from_millis(50)));
        let output = OutputSpec { policy: QUICK, ..OutputSpec::to(device.url() + "#backchannel=1") };
        put(&hub, TalkSpec { output, ..talk_to("") }).await;
        let mut talker = Talker::join(&hub, Codec::Pcmu, 1_000.0, -20.0).await;
        talker.talk(Duration::from_millis(3_500)).await;
        let report = call(&hub).await;
        assert_eq!((report.state, report.attempt, device.set_ups()), ("gave_up", 5, 5));
    });
}

#[test]
fn a_stop_at_any_moment_of_a_session_leaves_the_camera_free() {
    for fault in [testkit::camera::Fault::None, testkit::camera::Fault::Mute] {
        for millis in [0, 2, 5, 10, 15, 20, 30, 45, 70, 110] {
            with_hub(async |hub| {
                let device = camera(Offers::default(), Fault::None);
                device.camera().set_fault(fault.clone());
                put_door(&hub, device.url() + "#backchannel=1").await;
                let mut talker = Talker::join(&hub, Codec::Pcmu, 1_000.0, -20.0).await;
                tokio::select! {
                    () = talker.talk(Duration::from_secs(2)) => {}
                    () = tokio::time::sleep(Duration::from_millis(millis)) => {}
                }
                let removal = hub.remove(&name("door")).await.unwrap();
                assert!(removal.took < Duration::from_millis(2_200), "{millis} ms: {removal:?}");
                assert!(removal.ends.iter().all(|end| end.in_time), "{millis} ms: {removal:?}");
                until("the camera is free", async || device.talkers().0 == 0 && device.camera().open() == 0)
                    .await;
            });
        }
    }
}

#[test]
fn a_normal_pull_of_the_same_camera_never_asks_for_its_loudspeaker() {
    with_hub(async |hub| {
        let device = camera(Offers::default(), Fault::None);
        let url = device.url() + "#backchannel=1";
        let spec = StreamSpec { sources: vec![url.as_str().into()], preload: true, ..StreamSpec::default() };
        hub.put(&name("door"), spec).await.unwrap();
        until("it plays", async || hub.report(&name("door")).await.unwrap().units_in > 10).await;
        assert_eq!((device.described(), device.set_ups()), ((0, 1), 0));
        let peer = PeerInfo::default();
        drop(hub.publish(&name("other"), peer, None).await.unwrap());
    });
}

#[test]
fn a_tone_is_heard_at_gstreamers_camera_while_it_is_watched() {
    require!(python_gi);
    for (codec, options) in [("pcmu", ""), ("l16", ""), ("pcma", "#transport=udp")] {
        with_hub(async |hub| {
            let place = Place::new().unwrap();
            let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/tests/peers/onvif_cam.py");
            let (port, heard) = (free_port(), place.file("heard.s16"));
            let mut command = Command::new(&python_gi);
            command.arg(script).args([&port.to_string(), codec]).arg(&heard).args(["admin", "pass"]);
            let peer = Peer::start(&place, "onvif_cam", &mut command, Duration::from_secs(60));
            eventually("the camera listens", Duration::from_secs(15), || {
                peer.stdout().contains("ready").then_some(())
            });
            let url = format!("rtsp://admin:pass@127.0.0.1:{port}/cam");
            let talk = Some(talk_to(format!("{url}{options}#backchannel=1")));
            let sources = vec![url.into()];
            hub.put(&name("door"), StreamSpec { sources, talk, preload: true, ..StreamSpec::default() })
                .await
                .unwrap();
            let units_in = async || hub.report(&name("door")).await.unwrap().units_in;
            until("it plays", async || units_in().await > 50).await;
            let mut talker = Talker::join(&hub, Codec::Opus, 1_000.0, -20.0).await;
            let before = units_in().await;
            talker.talk(Duration::from_millis(2_500)).await;
            let meanwhile = units_in().await - before;
            assert!(meanwhile > 30, "what the camera sends goes on meanwhile: {meanwhile} units");
            hub.remove(&name("door")).await.unwrap();
            let samples = tone::from_le_bytes(&std::fs::read(&heard).unwrap());
            let rate = if codec == "l16" { 16_000 } else { 8_000 };
            let samples: Vec<f32> = samples.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
            let found = assert_tone(&samples, rate, 1_000.0, -20.0);
            let seconds = samples.len() as f64 / f64::from(rate);
            eprintln!("GStreamer {codec} {options}: {found:.1?}, {seconds:.2} s of 2.5");
            assert!(seconds > 1.8, "{seconds} s");
        });
    }
}
