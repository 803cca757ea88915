//! Several workers: a router over all of them, and what a panic takes with it.
use crate::fixtures::{direct, everything, manager, opus, router, soon, sound};
use formats::rtp::Packet;
use sfu::{ConsumerEvent, ConsumerOptions, Transport, WorkerEvent};

#[tokio::test]
async fn transports_go_to_the_worker_with_the_least_to_do() {
    let manager = manager(3).await;
    let router = router(&manager).await;
    let mut transports = Vec::new();
    for _ in 0..9 {
        transports.push(direct(&router).await);
    }
    let loads: Vec<usize> = manager.workers().await.iter().map(sfu::Worker::transports).collect();
    assert_eq!(loads, [3, 3, 3]);
}

#[tokio::test]
async fn a_panic_ends_its_own_worker_s_sessions_only_and_another_worker_takes_its_place() {
    let manager = manager(2).await;
    let mut events = manager.events();
    let router = router(&manager).await;
    let workers = manager.workers().await;
    // the first two transports lie on different workers, and so do the next two
    let (sender, victim, receiver) = (direct(&router).await, direct(&router).await, direct(&router).await);
    let producer = sender.produce(opus(1)).await.unwrap();
    let consumer = receiver.consume(ConsumerOptions::new(producer.id(), everything(&router))).await.unwrap();
    let far = victim.consume(ConsumerOptions::new(producer.id(), everything(&router))).await.unwrap();
    let (mut heard, mut far_heard) = (consumer.events(), far.events());
    let mut numbers = Vec::new();
    for sequence in 0..200u16 {
        if sequence == 100 {
            workers[1].panic();
        }
        sender.send_all(vec![sound(1, sequence)]).await.unwrap();
        let packet = loop {
            if let Some(ConsumerEvent::Rtp(bytes)) = soon(heard.next()).await {
                break Packet::parse(bytes).unwrap();
            }
        };
        numbers.push(u16::from_be_bytes([packet.payload[1], packet.payload[2]]));
    }
    assert_eq!(numbers, (0..200).collect::<Vec<u16>>());
    // its own sessions have ended, and everybody can know
    while soon(far_heard.next()).await.is_some() {}
    assert!(far.get_stats().await.is_err() && victim.get_stats().await.is_err());
    let Some(WorkerEvent::Died { worker: died, message }) = soon(events.next()).await else { panic!() };
    assert_eq!(message, "asked to");
    let Some(WorkerEvent::Replaced { before, worker }) = soon(events.next()).await else { panic!() };
    assert_eq!((before, worker), (died, workers[1].id()));
    // the router uses the new one
    let again = direct(&router).await;
    assert_eq!(workers[1].transports(), 1);
    let consumer = again.consume(ConsumerOptions::new(producer.id(), everything(&router))).await.unwrap();
    let mut heard = consumer.events();
    sender.send(sound(1, 200));
    while !matches!(soon(heard.next()).await, Some(ConsumerEvent::Rtp(_))) {}
    manager.close().await;
}
