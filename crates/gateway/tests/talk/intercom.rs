//! The stories of defect 5: calls end as they should, whatever the intercom does.
use super::devices::{intercom, url};
use super::house::{QUICK, Talker, call, name, put, put_door, talk_to, until, with_hub};
use hub::{OutputSpec, Removal, TalkSpec};
use media::Codec;
use protocols::isapi::client::Ask;
use std::time::{Duration, Instant};
use testkit::intercom::{Fault, IsapiIntercom};

/// How often something was asked of the device, whatever it answered. A 401 is asked again in the same breath.
fn asked(device: &IsapiIntercom, ask: Ask) -> usize {
    device.log().iter().filter(|logged| logged.ask == Some(ask) && logged.status != 401).count()
}

/// Opens that the device may have acted on, and closes.
fn opens_and_closes(device: &IsapiIntercom) -> (usize, usize) {
    let log = device.log();
    let opens = log.iter().filter(|logged| logged.ask == Some(Ask::Open) && matches!(logged.status, 0 | 200));
    (opens.count(), asked(device, Ask::Close))
}

/// After the end nothing is asked of the device any more, and nothing stays connected.
async fn assert_left_alone(device: &IsapiIntercom) {
    until("every connection is let go of", async || device.connections() == 0).await;
    let (log, accepted) = (device.log().len(), device.accepted());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((device.log().len(), device.accepted(), device.connections()), (log, accepted, 0));
}

fn steps(removal: &Removal) -> Vec<String> {
    let steps = removal.ends.iter().flat_map(|end| &end.steps);
    steps.map(|step| format!("{}: {}", step.what, step.outcome)).collect()
}

#[test]
fn a_call_that_is_removed_is_closed_once_and_its_end_is_told() {
    with_hub(async |hub| {
        let device = intercom("G.711ulaw", Fault::None);
        put_door(&hub, url(&device)).await;
        let mut talker = Talker::join(&hub, Codec::Pcmu, 1_000.0, -20.0).await;
        talker.talk(Duration::from_millis(400)).await;
        let removal = hub.remove(&name("door")).await.unwrap();
        assert_eq!(steps(&removal), ["audioData: answered 200", "close: answered 200"][1..]);
        let [end] = &removal.ends[..] else { panic!("{removal:?}") };
        assert!(end.in_time && end.error.is_none() && end.what == "output", "{end:?}");
        assert!(removal.took < Duration::from_millis(700), "{:?}", removal.took);
        assert_eq!(opens_and_closes(&device), (1, 1));
        assert_eq!((device.idle_closes(), device.announcements()), (0, 0));
        assert_left_alone(&device).await;
    });
}

#[test]
fn who_falls_silent_is_hung_up_before_the_device_does_it_and_speaks_again_at_once() {
    with_hub(async |hub| {
        let device = intercom("G.711ulaw", Fault::None);
        put_door(&hub, url(&device)).await;
        let mut talker = Talker::join(&hub, Codec::Pcmu, 1_000.0, -20.0).await;
        talker.talk(Duration::from_millis(300)).await;
        let fell_silent = Instant::now();
        talker.pause(Duration::from_millis(4_500)).await;
        assert_eq!((device.opens(), device.closes(), device.announcements()), (1, 1, 0));
        let closed = device.log().iter().rfind(|logged| logged.ask == Some(Ask::Close)).unwrap().at;
        let after = closed.duration_since(fell_silent);
        assert!((2_300..2_900).contains(&after.as_millis()), "closed after {after:?}");
        assert_eq!(call(&hub).await.state, "idle");
        let began = Instant::now();
        talker.talk(Duration::from_millis(400)).await;
        let opened = device.log().iter().rfind(|logged| logged.ask == Some(Ask::Open)).unwrap().at;
        assert!(opened.duration_since(began) < Duration::from_millis(300), "the ladder is for failures");
        assert_eq!((device.opens(), call(&hub).await.state), (2, "live"));
        hub.remove(&name("door")).await.unwrap();
        assert_eq!((device.closes(), device.announcements()), (2, 0));
    });
}

#[test]
fn the_call_ends_with_the_last_talker_unless_another_one_comes_at_once() {
    with_hub(async |hub| {
        let device = intercom("G.711ulaw", Fault::None);
        put_door(&hub, url(&device)).await;
        let mut talker = Talker::join(&hub, Codec::Pcmu, 1_000.0, -20.0).await;
        talker.talk(Duration::from_millis(400)).await;
        drop(talker);
        let mut next = Talker::join(&hub, Codec::Pcmu, 1_000.0, -20.0).await;
        next.talk(Duration::from_millis(1_000)).await;
        assert_eq!((device.opens(), device.closes()), (1, 0), "it speaks in the call of the first");
        drop(next);
        let left = Instant::now();
        until("the call ends", async || !device.in_call()).await;
        assert!(left.elapsed() < Duration::from_millis(900), "{:?}", left.elapsed());
        // Whoever comes and says nothing is no reason for a call.
        let mut silent = Talker::join(&hub, Codec::Pcmu, 1_000.0, -20.0).await;
        silent.pause(Duration::from_millis(700)).await;
        assert_eq!((device.opens(), device.closes(), device.announcements()), (1, 1, 0));
        silent.talk(Duration::from_millis(300)).await;
        assert_eq!(device.opens(), 2);
        hub.remove(&name("door")).await.unwrap();
        assert_eq!((device.closes(), device.announcements()), (2, 0));
    });
}

#[test]
fn a_device_that_ends_each_call_at_once_is_tried_by_the_ladder_until_the_budget_is_spent() {
    with_hub(async |hub| {
        let device = intercom("G.711ulaw", Fault::EndsCalls(Duration::from_millis(50)));
        let output = OutputSpec { policy: QUICK, ..OutputSpec::to(url(&device)) };
        put(&hub, TalkSpec { output, ..talk_to("") }).await;
        let mut talker = Talker::join(&hub, Codec::Pcmu, 1_000.0, -20.0).await;
        talker.talk(Duration::from_millis(3_500)).await;
        let opens: Vec<Instant> = device
            .log()
            .iter()
            .filter(|logged| logged.ask == Some(Ask::Open) && logged.status == 200)
            .map(|logged| logged.at)
            .collect();
        let waits: Vec<u128> =
            opens.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_millis()).collect();
        eprintln!("a call that ends after 50 ms is opened again after {waits:?} ms");
        // Each wait, and the call itself with its dialogue.
        let ladder = [100, 200, 400, 800];
        assert_eq!(waits.len(), ladder.len(), "{waits:?}");
        for (wait, step) in waits.iter().zip(ladder) {
            assert!((step + 40..step + 400).contains(wait), "{waits:?}");
        }
        let report = call(&hub).await;
        assert_eq!((report.state, report.attempt), ("gave_up", 5));
        let so_far = opens_and_closes(&device);
        assert_eq!(so_far.0, so_far.1, "each call that was opened was closed");
        talker.talk(Duration::from_millis(500)).await;
        assert_eq!(opens_and_closes(&device), so_far, "given up is given up");
        // The next one who talks is worth another try.
        talker.pause(Duration::from_secs(3)).await;
        device.set_fault(Fault::None);
        talker.talk(Duration::from_millis(500)).await;
        assert_eq!(call(&hub).await.state, "live");
    });
}

#[test]
fn whatever_the_device_does_each_open_has_one_close_and_then_it_is_left_alone() {
    let soon = Duration::from_millis(150);
    for fault in [
        Fault::HangUp,
        Fault::Status(Ask::List, 500),
        Fault::Status(Ask::Open, 500),
        Fault::Status(Ask::Audio, 500),
        Fault::Status(Ask::Close, 500),
        Fault::NoAnswer(Ask::List),
        Fault::NoAnswer(Ask::Open),
        Fault::NoAnswer(Ask::Audio),
        Fault::NoAnswer(Ask::Close),
        Fault::Stall(Ask::List),
        Fault::Stall(Ask::Open),
        Fault::Stall(Ask::Audio),
        Fault::Stall(Ask::Close),
        Fault::Drip(Duration::from_micros(300)),
        Fault::EndsCalls(soon),
        Fault::HalfClose,
        Fault::Reset(soon),
        Fault::Busy,
        Fault::OldNonce(true),
        Fault::OldNonce(false),
        Fault::UnauthorizedForEver,
        Fault::Garbage,
    ] {
        with_hub(async |hub| {
            let device = intercom("G.711ulaw", fault.clone());
            put_door(&hub, url(&device)).await;
            let mut talker = Talker::join(&hub, Codec::Pcmu, 1_000.0, -20.0).await;
            talker.talk(Duration::from_millis(700)).await;
            let report = call(&hub).await;
            let began = Instant::now();
            let removal = hub.remove(&name("door")).await.unwrap();
            let took = began.elapsed();
            eprintln!(
                "{fault:?}: {} ({:?}), ended in {took:?}: {:?}",
                report.state,
                report.error,
                steps(&removal)
            );
            assert!(took < Duration::from_millis(2_200), "{fault:?}: {took:?}");
            assert!(removal.ends.iter().all(|end| end.in_time), "{fault:?}: {removal:?}");
            let (opens, closes) = opens_and_closes(&device);
            assert_eq!(opens, closes, "{fault:?}: {:#?}", device.log());
            assert!(
                !format!("{report:?}{removal:?}").contains("word@1\"")
                    && report.error.is_none_or(|error| !error.contains("word")),
                "{fault:?}"
            );
            assert_left_alone(&device).await;
            assert!(
                !device.in_call() || matches!(fault, Fault::Status(Ask::Close, _) | Fault::Stall(Ask::Close)),
                "{fault:?}"
            );
        });
    }
}

#[test]
fn a_wrong_password_is_tried_once_for_each_talk_so_that_the_device_locks_nobody_out() {
    with_hub(async |hub| {
        let device = intercom("G.711ulaw", Fault::None);
        put_door(&hub, device.url_as("admin", "wrong")).await;
        let mut talker = Talker::join(&hub, Codec::Pcmu, 1_000.0, -20.0).await;
        talker.talk(Duration::from_millis(1_500)).await;
        let report = call(&hub).await;
        assert_eq!((report.state, report.fault), ("gave_up", Some(media::Fault::Config)));
        assert!(report.error.unwrap().contains("refuses user \"admin\""));
        assert!(device.log().len() <= 3, "{:?}", device.log());
    });
}

#[test]
fn a_stop_at_any_moment_of_a_call_leaves_no_open_without_its_close() {
    let mut reached = std::collections::BTreeMap::new();
    // Byte by byte, every part of the dialogue lasts; without that, the stop falls on its seams.
    for fault in [Fault::None, Fault::Drip(Duration::from_micros(100))] {
        for requests in 0..=5 {
            for millis in [0, 1, 4, 300] {
                with_hub(async |hub| {
                    let device = intercom("G.711ulaw", fault.clone());
                    put_door(&hub, url(&device)).await;
                    let mut talker = Talker::join(&hub, Codec::Pcmu, 1_000.0, -20.0).await;
                    let so_far = async {
                        while device.log().len() < requests {
                            tokio::time::sleep(Duration::from_micros(200)).await;
                        }
                        tokio::time::sleep(Duration::from_millis(millis)).await;
                    };
                    tokio::select! {
                        () = talker.talk(Duration::from_secs(8)) => {}
                        () = so_far => {}
                    }
                    let last =
                        device.log().last().and_then(|logged| logged.ask).map_or("nothing", Ask::as_str);
                    *reached.entry(last).or_insert(0) += 1;
                    let began = Instant::now();
                    hub.remove(&name("door")).await.unwrap();
                    let took = began.elapsed();
                    let place = format!("{fault:?}, {millis} ms behind request {requests}");
                    assert!(took < Duration::from_millis(2_200), "{place}: {took:?}");
                    let (opens, closes) = opens_and_closes(&device);
                    assert_eq!(opens, closes, "{place}: {:#?}", device.log());
                    until("every connection is let go of", async || device.connections() == 0).await;
                    assert!(!device.in_call(), "{place}");
                });
            }
        }
    }
    eprintln!("stopped behind: {reached:?}");
    assert!(
        ["nothing", "list", "open", "audioData"].iter().all(|ask| reached.contains_key(ask)),
        "{reached:?}"
    );
}
