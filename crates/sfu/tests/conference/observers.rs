//! Who is how loud and who speaks, whichever worker receives them.
use crate::fixtures::{direct, eventually, manager, router, soon, spoken, spoken_opus, vp8};
use sfu::observers::{ActiveSpeakerObserverOptions, AudioLevelObserverOptions};
use sfu::{
    DirectTransport, EventStream, ObserveError, Producer, Router, RtpObserver, RtpObserverEvent, Transport,
};
use std::num::NonZeroU16;
use std::time::Duration;

struct Speaker {
    transport: DirectTransport,
    producer: Producer,
    ssrc: u32,
}

impl Speaker {
    async fn new(router: &Router, ssrc: u32) -> Self {
        let transport = direct(router).await;
        let producer = transport.produce(spoken_opus(ssrc)).await.unwrap();
        Self { transport, producer, ssrc }
    }
}

/// Lets each speak at its level, in packets of 20 ms, until the observer tells something that is waited for.
async fn talk(
    speakers: &[(&Speaker, u8)],
    sequence: &mut u16,
    events: &mut EventStream<RtpObserverEvent>,
    awaited: impl Fn(&RtpObserverEvent) -> bool,
) -> RtpObserverEvent {
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    // ten seconds
    for _ in 0..500 {
        tick.tick().await;
        *sequence = sequence.wrapping_add(1);
        for (speaker, quiet) in speakers {
            speaker.transport.send(spoken(speaker.ssrc, *sequence, *quiet));
        }
        while let Some(event) = events.try_next() {
            if awaited(&event) {
                return event;
            }
        }
    }
    panic!("nothing was told");
}

fn loudest(event: &RtpObserverEvent) -> Option<sfu::ProducerId> {
    match event {
        RtpObserverEvent::Volumes(volumes) => volumes.first().map(|volume| volume.producer),
        _ => None,
    }
}

#[tokio::test]
async fn the_loudest_are_told_wherever_they_are_received_and_then_silence() {
    // with three workers the observer, and each speaker, is on another one
    for workers in [1, 3] {
        let manager = manager(workers).await;
        let router = router(&manager).await;
        let mut options = AudioLevelObserverOptions::default();
        options.interval = 250;
        options.max_entries = NonZeroU16::new(2).unwrap();
        let observer = router.create_audio_level_observer(options).await.unwrap();
        let mut events = observer.events();
        let mut speakers = Vec::new();
        for ssrc in 1..=3 {
            speakers.push(Speaker::new(&router, ssrc).await);
            observer.add_producer(speakers.last().unwrap().producer.id()).await.unwrap();
        }
        observer.add_producer(speakers[0].producer.id()).await.unwrap();
        let [a, b, c] = &speakers[..] else { panic!() };
        let mut sequence = 0;
        let b_first = |event: &RtpObserverEvent| loudest(event) == Some(b.producer.id());
        let told = talk(&[(a, 30), (b, 20), (c, 100)], &mut sequence, &mut events, b_first).await;
        let RtpObserverEvent::Volumes(volumes) = told else { panic!() };
        let volumes: Vec<_> = volumes.iter().map(|volume| (volume.producer, volume.volume)).collect();
        assert_eq!(volumes, [(b.producer.id(), -20), (a.producer.id(), -30)], "{workers} workers");
        talk(&[(a, 110), (b, 110)], &mut sequence, &mut events, |event| *event == RtpObserverEvent::Silence)
            .await;
        // who is removed, or paused by its application, is not heard
        observer.remove_producer(b.producer.id()).await.unwrap();
        a.producer.pause().await.unwrap();
        let only_c = |event: &RtpObserverEvent| {
            assert_ne!(loudest(event), Some(b.producer.id()));
            assert_ne!(loudest(event), Some(a.producer.id()));
            loudest(event) == Some(c.producer.id())
        };
        talk(&[(a, 10), (b, 10), (c, 40)], &mut sequence, &mut events, only_c).await;
        observer.add_producer(b.producer.id()).await.unwrap();
        talk(&[(b, 10), (c, 40)], &mut sequence, &mut events, b_first).await;
        observer.pause().await.unwrap();
        talk(&[(b, 10)], &mut sequence, &mut events, |event| *event == RtpObserverEvent::Silence).await;
        observer.resume().await.unwrap();
        talk(&[(b, 10)], &mut sequence, &mut events, b_first).await;
        manager.close().await;
    }
}

#[tokio::test]
async fn who_speaks_is_told_and_the_next_one_after_him_across_workers() {
    for workers in [1, 3] {
        let manager = manager(workers).await;
        let router = router(&manager).await;
        let options = ActiveSpeakerObserverOptions::default();
        let observer = router.create_active_speaker_observer(options).await.unwrap();
        let mut events = observer.events();
        let (a, b) = (Speaker::new(&router, 1).await, Speaker::new(&router, 2).await);
        for speaker in [&a, &b] {
            observer.add_producer(speaker.producer.id()).await.unwrap();
        }
        let mut sequence = 0;
        for (speaks, silent) in [(&a, &b), (&b, &a)] {
            let told = talk(&[(speaks, 25), (silent, 90)], &mut sequence, &mut events, |_| true).await;
            assert_eq!(told, RtpObserverEvent::DominantSpeaker(speaks.producer.id()), "{workers} workers");
        }
        manager.close().await;
    }
}

async fn heard(router: &Router) -> usize {
    router.dump().await.unwrap().iter().map(|dump| dump.map_producer_id_observer_ids.len()).sum()
}

#[tokio::test]
async fn ends_reach_observers_and_observers_end_with_their_router() {
    for workers in [1, 2] {
        let manager = manager(workers).await;
        let router = router(&manager).await;
        let observer =
            router.create_audio_level_observer(AudioLevelObserverOptions::default()).await.unwrap();
        let other =
            router.create_active_speaker_observer(ActiveSpeakerObserverOptions::default()).await.unwrap();
        let speakers = [Speaker::new(&router, 1).await, Speaker::new(&router, 2).await];
        let picture = speakers[0].transport.produce(vp8(9)).await.unwrap();
        assert_eq!(observer.add_producer(picture.id()).await, Err(ObserveError::NotAudio(picture.id())));
        for speaker in &speakers {
            observer.add_producer(speaker.producer.id()).await.unwrap();
            other.add_producer(speaker.producer.id()).await.unwrap();
        }
        assert_eq!(heard(&router).await, 2);
        let gone = speakers[0].producer.id();
        speakers[0].producer.close().await.unwrap();
        eventually("a closed producer is not heard", async || heard(&router).await == 1).await;
        assert_eq!(observer.add_producer(gone).await, Err(ObserveError::NoProducer(gone)));
        speakers[1].transport.close().await.unwrap();
        eventually("nor one of a closed transport", async || heard(&router).await == 0).await;
        let (mut first, mut second) = (observer.events(), other.events());
        observer.close().await.unwrap();
        assert_eq!(soon(first.next()).await, Some(RtpObserverEvent::Close));
        assert_eq!(soon(first.next()).await, None);
        let dumps = router.dump().await.unwrap();
        assert_eq!(dumps.iter().map(|dump| dump.rtp_observer_ids.len()).sum::<usize>(), 1);
        router.close().await;
        assert_eq!(soon(second.next()).await, Some(RtpObserverEvent::RouterClose));
        assert_eq!(soon(second.next()).await, Some(RtpObserverEvent::Close));
        assert_eq!(soon(second.next()).await, None);
        manager.close().await;
    }
}

#[tokio::test]
async fn producers_of_a_worker_that_panics_are_not_heard_any_more() {
    let manager = manager(2).await;
    let router = router(&manager).await;
    let workers = manager.workers().await;
    let (a, b) = (Speaker::new(&router, 1).await, Speaker::new(&router, 2).await);
    let observer = router.create_audio_level_observer(AudioLevelObserverOptions::default()).await.unwrap();
    observer.add_producer(a.producer.id()).await.unwrap();
    observer.add_producer(b.producer.id()).await.unwrap();
    assert_eq!(heard(&router).await, 2);
    // transports went to both in turn, and the observer to the first
    workers[1].panic();
    eventually("its producer is forgotten", async || {
        let Ok(dumps) = router.dump().await else { return false };
        dumps.iter().map(|dump| dump.map_producer_id_observer_ids.len()).sum::<usize>() == 1
    })
    .await;
    manager.close().await;
}
