//! Who is told of whose end, exactly once.
use crate::fixtures::{direct, everything, manager, opus, router, soon};
use sfu::{
    ConsumerEvent, ConsumerOptions, EventStream, ProducerEvent, RouterEvent, Transport, TransportEvent,
};

/// What an object's listener hears until its end, without what is not about ends.
pub(crate) async fn until_end<E: PartialEq>(
    mut events: EventStream<E>,
    about_ends: impl Fn(&E) -> bool,
) -> Vec<E> {
    let mut heard = Vec::new();
    while let Some(event) = soon(events.next()).await {
        if about_ends(&event) {
            heard.push(event);
        }
    }
    heard
}

struct Room {
    manager: sfu::WorkerManager,
    router: sfu::Router,
    sender: sfu::DirectTransport,
    receiver: sfu::DirectTransport,
    producer: sfu::Producer,
    consumer: sfu::Consumer,
}

/// What each of a room's objects heard.
#[derive(Debug, PartialEq)]
struct Heard {
    router: Vec<RouterEvent>,
    sender: Vec<TransportEvent>,
    receiver: Vec<TransportEvent>,
    producer: Vec<ProducerEvent>,
    consumer: Vec<ConsumerEvent>,
}

impl Room {
    async fn new(workers: usize) -> Self {
        let manager = manager(workers).await;
        let router = router(&manager).await;
        let (sender, receiver) = (direct(&router).await, direct(&router).await);
        let producer = sender.produce(opus(1)).await.unwrap();
        let options = ConsumerOptions::new(producer.id(), everything(&router));
        let consumer = receiver.consume(options).await.unwrap();
        Self { manager, router, sender, receiver, producer, consumer }
    }

    /// Ends something, and then everything; what was heard of the first end stands first.
    async fn ended_by(self, end: impl AsyncFnOnce(&Self)) -> Heard {
        let (router, sender, receiver) = (self.router.events(), self.sender.events(), self.receiver.events());
        let (producer, consumer) = (self.producer.events(), self.consumer.events());
        end(&self).await;
        self.consumer.close().await.ok();
        self.producer.close().await.ok();
        self.sender.close().await.ok();
        self.receiver.close().await.ok();
        self.router.close().await;
        let Self { manager, .. } = &self;
        manager.close().await;
        let told = |event: &ConsumerEvent| !matches!(event, ConsumerEvent::Score(_));
        Heard {
            router: until_end(router, |_| true).await,
            sender: until_end(sender, |_| true).await,
            receiver: until_end(receiver, |_| true).await,
            producer: until_end(producer, |event| !matches!(event, ProducerEvent::Score(_))).await,
            consumer: until_end(consumer, told).await,
        }
    }
}

#[tokio::test]
async fn each_end_is_told_to_everybody_below_exactly_once() {
    let alone = || Heard {
        router: vec![RouterEvent::Close],
        sender: vec![TransportEvent::Close],
        receiver: vec![TransportEvent::Close],
        producer: vec![ProducerEvent::Close],
        consumer: vec![ConsumerEvent::Close],
    };
    // on one worker, and with the consumer on another
    for workers in [1, 2] {
        let heard = Room::new(workers).await.ended_by(async |room| drop(room.consumer.close().await)).await;
        assert_eq!(heard, alone());

        let heard = Room::new(workers).await.ended_by(async |room| {
            room.producer.close().await.unwrap();
            // on another worker the consumer is told a moment later; its own end must not come first
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        });
        let by_producer = || vec![ConsumerEvent::ProducerClose, ConsumerEvent::Close];
        assert_eq!(heard.await, Heard { consumer: by_producer(), ..alone() });

        let heard = Room::new(workers).await.ended_by(async |room| {
            room.sender.close().await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        });
        let producer = vec![ProducerEvent::TransportClose, ProducerEvent::Close];
        assert_eq!(heard.await, Heard { producer, consumer: by_producer(), ..alone() });

        let heard = Room::new(workers).await.ended_by(async |room| drop(room.receiver.close().await));
        let consumer = vec![ConsumerEvent::TransportClose, ConsumerEvent::Close];
        assert_eq!(heard.await, Heard { consumer, ..alone() });
    }
    let heard = Room::new(1).await.ended_by(async |room| room.router.close().await).await;
    let transport = || vec![TransportEvent::RouterClose, TransportEvent::Close];
    let router_closed = || Heard {
        sender: transport(),
        receiver: transport(),
        producer: vec![ProducerEvent::TransportClose, ProducerEvent::Close],
        consumer: vec![ConsumerEvent::ProducerClose, ConsumerEvent::Close],
        ..alone()
    };
    assert_eq!(heard, router_closed());
    let heard = Room::new(1).await.ended_by(async |room| room.manager.close().await).await;
    assert_eq!(
        heard,
        Heard { router: vec![RouterEvent::WorkerClose, RouterEvent::Close], ..router_closed() }
    );
}

#[tokio::test]
async fn the_last_handle_s_drop_closes() {
    let room = Room::new(1).await;
    let (consumer, receiver) = (room.consumer.events(), room.receiver.events());
    drop(room.producer);
    assert_eq!(
        until_end(consumer, |event| !matches!(event, ConsumerEvent::Score(_))).await,
        [ConsumerEvent::ProducerClose, ConsumerEvent::Close]
    );
    drop(room.receiver);
    assert_eq!(until_end(receiver, |_| true).await, [TransportEvent::Close]);
    let dump = room.router.dump().await.unwrap();
    assert_eq!((dump[0].transport_ids.len(), dump[0].map_producer_id_consumer_ids.len()), (1, 0));
}

#[tokio::test]
async fn what_is_closed_says_what_it_carried_and_nothing_twice() {
    let room = Room::new(1).await;
    room.sender.send(crate::fixtures::sound(1, 7));
    let received = room.producer.close().await.unwrap();
    assert_eq!(received[0].packet_count, 1);
    assert!(room.producer.close().await.unwrap().is_empty());
    assert!(room.sender.close().await.unwrap().is_some_and(|stats| stats.rtp_bytes_received > 0));
    assert_eq!(room.sender.close().await.unwrap(), None);
    let refused = room.sender.produce(opus(5)).await.unwrap_err();
    assert_eq!(refused, sfu::ProduceError::TransportClosed(room.sender.id()));
}
