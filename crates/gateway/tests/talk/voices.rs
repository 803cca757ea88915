//! Who talks, and how it sounds at the door.
use super::devices::{assert_tone, intercom, level_of, sound, url};
use super::house::{Talker, call, name, put, put_door, talk_to, until, with_hub};
use hub::{Conflict, Feedback, StreamSpec};
use media::Codec;
use std::time::Duration;
use testkit::intercom::Fault;

#[test]
fn a_tone_is_heard_with_its_pitch_and_level_whatever_it_is_spoken_and_heard_in() {
    for (spoken, listed, heard) in [
        (Codec::Pcmu, "G.711ulaw", Codec::Pcmu),
        (Codec::Opus, "G.711alaw", Codec::Pcma),
        (Codec::L16, "G.722", Codec::G722),
        (Codec::G722, "G.711ulaw", Codec::Pcmu),
    ] {
        with_hub(async |hub| {
            let device = intercom(listed, Fault::None);
            put_door(&hub, url(&device)).await;
            let mut talker = Talker::join(&hub, spoken, 1_000.0, -20.0).await;
            talker.talk(Duration::from_millis(1_500)).await;
            let report = call(&hub).await;
            let target = audio::Target::usual(heard);
            assert_eq!(report.opened, Some(format!("{heard}/{}", target.rate)));
            assert_eq!(report.state, "live");
            let level = report.level_dbfs.unwrap();
            assert!((level + 20.0).abs() < 1.5, "the meter shows {level}");
            drop(talker);
            hub.remove(&name("door")).await.unwrap();
            let (samples, rate) = sound(heard, &device.sound_bytes());
            let seconds = samples.len() as f64 / f64::from(rate);
            assert!((1.2..=1.52).contains(&seconds), "{spoken} as {heard}: {seconds} s of 1.5 are heard");
            assert!(report.frames > 50 && report.bytes >= report.frames * 150, "{report:?}");
            let found = assert_tone(&samples, rate, 1_000.0, -20.0);
            eprintln!("{spoken} as {heard}: {found:.1?}, {seconds:.2} s");
            assert_eq!((device.opens(), device.closes(), device.announcements()), (1, 1, 0));
        });
    }
}

#[test]
fn a_second_talker_is_refused_or_waits_for_its_turn() {
    with_hub(async |hub| {
        let device = intercom("G.711ulaw", Fault::None);
        put_door(&hub, url(&device)).await;
        let mut first = Talker::join(&hub, Codec::Pcmu, 1_000.0, -20.0).await;
        first.talk(Duration::from_millis(100)).await;
        let error = Talker::try_join(&hub, Codec::Opus, 400.0, -20.0).await.err().unwrap();
        assert!(error.to_string().contains("has a publisher already"), "{error}");
        hub.remove(&name("door")).await.unwrap();

        put(&hub, hub::TalkSpec { conflict: Conflict::Queue, ..talk_to(url(&device)) }).await;
        let before = device.sound_bytes().len();
        let mut first = Talker::join(&hub, Codec::Pcmu, 1_000.0, -20.0).await;
        let mut second = Talker::join(&hub, Codec::Opus, 400.0, -20.0).await;
        assert_eq!(second.word().await, Feedback::Waits { ahead: 1 });
        tokio::join!(first.talk(Duration::from_millis(600)), second.talk(Duration::from_millis(600)));
        let (samples, rate) = sound(Codec::Pcmu, &device.sound_bytes()[before..]);
        assert_tone(&samples, rate, 1_000.0, -20.0);
        let so_far = device.sound_bytes().len();
        drop(first);
        assert_eq!(second.word().await, Feedback::Granted);
        second.talk(Duration::from_millis(800)).await;
        let (samples, rate) = sound(Codec::Pcmu, &device.sound_bytes()[so_far..]);
        assert_tone(&samples, rate, 400.0, -20.0);
        assert_eq!(device.opens(), 2, "the second one speaks in the call of the first");
        hub.remove(&name("door")).await.unwrap();
        assert_eq!(device.closes(), 2);
    });
}

#[test]
fn two_who_may_talk_at_once_are_heard_both() {
    with_hub(async |hub| {
        let device = intercom("G.711alaw", Fault::None);
        put(&hub, hub::TalkSpec { conflict: Conflict::Mix, ..talk_to(url(&device)) }).await;
        let mut low = Talker::join(&hub, Codec::Pcmu, 500.0, -20.0).await;
        low.talk(Duration::from_millis(500)).await;
        let mut high = Talker::join(&hub, Codec::Opus, 1_500.0, -20.0).await;
        tokio::join!(low.talk(Duration::from_millis(1_200)), high.talk(Duration::from_millis(1_200)));
        let (samples, rate) = sound(Codec::Pcma, &device.sound_bytes());
        let both = &samples[samples.len() - 6_400..samples.len() - 800];
        for pitch in [500.0, 1_500.0] {
            let level = level_of(both, rate, pitch);
            assert!((level + 20.0).abs() < 1.5, "{pitch} Hz is heard at {level} dBFS");
        }
        // The first one leaves; the other is heard on.
        drop(low);
        let so_far = device.sound_bytes().len();
        high.talk(Duration::from_millis(800)).await;
        let (samples, rate) = sound(Codec::Pcma, &device.sound_bytes()[so_far..]);
        let (low, high) =
            (level_of(&samples[1_600..], rate, 500.0), level_of(&samples[1_600..], rate, 1_500.0));
        assert!(low < -45.0 && (high + 20.0).abs() < 1.5, "{low} and {high} dBFS");
        assert_eq!(device.opens(), 1);
    });
}

#[test]
fn a_device_that_cannot_listen_and_speak_at_once_is_not_heard_while_somebody_talks() {
    with_hub(async |hub| {
        let device = intercom("G.711ulaw", Fault::None);
        let talk = hub::TalkSpec { half_duplex: true, ..talk_to(url(&device)) };
        let sources = vec!["demo:".into()];
        let spec = StreamSpec { talk: Some(talk), sources, preload: true, ..StreamSpec::default() };
        hub.put(&name("door"), spec).await.unwrap();
        let muted = async || hub.report(&name("door")).await.unwrap().muted;
        assert!(!muted().await);
        let mut talker = Talker::join(&hub, Codec::Pcmu, 1_000.0, -20.0).await;
        talker.talk(Duration::from_millis(300)).await;
        assert!(muted().await && device.in_call());
        drop(talker);
        until("the call ends", async || !device.in_call()).await;
        until("the door is heard again", async || !muted().await).await;
        assert_eq!((device.closes(), device.announcements()), (1, 0));
    });
}

#[test]
fn what_is_said_to_a_device_that_takes_nothing_we_make_is_told_to_whoever_looks() {
    with_hub(async |hub| {
        let device = intercom("G.726", Fault::None);
        put_door(&hub, url(&device)).await;
        let mut talker = Talker::join(&hub, Codec::Pcmu, 1_000.0, -20.0).await;
        talker.talk(Duration::from_millis(300)).await;
        let report = call(&hub).await;
        assert_eq!((report.state, report.fault), ("gave_up", Some(media::Fault::Config)));
        assert!(report.error.unwrap().contains("choose G.711"));
        let door = hub.report(&name("door/talk")).await.unwrap();
        assert!(door.reason.unwrap().contains("the device does not take it"));
        assert_eq!(device.opens(), 0);
    });
}
