//! Who is told of the end of what carries messages, exactly once.
use crate::close::until_end;
use crate::fixtures::{direct, manager, router};
use sfu::{DataConsumerEvent, DataConsumerOptions, DataProducerEvent, DataProducerOptions, Transport};
use std::time::Duration;

struct Room {
    manager: sfu::WorkerManager,
    router: sfu::Router,
    sender: sfu::DirectTransport,
    receiver: sfu::DirectTransport,
    producer: sfu::DataProducer,
    consumer: sfu::DataConsumer,
}

impl Room {
    async fn new(workers: usize) -> Self {
        let manager = manager(workers).await;
        let router = router(&manager).await;
        let (sender, receiver) = (direct(&router).await, direct(&router).await);
        let producer = sender.produce_data(DataProducerOptions::new_direct()).await.unwrap();
        let options = DataConsumerOptions::new_direct(producer.id(), None);
        let consumer = receiver.consume_data(options).await.unwrap();
        Self { manager, router, sender, receiver, producer, consumer }
    }

    /// Ends something, and then everything; what was heard of the first end stands first.
    async fn ended_by(
        self,
        end: impl AsyncFnOnce(&Self),
    ) -> (Vec<DataProducerEvent>, Vec<DataConsumerEvent>) {
        let (producer, consumer) = (self.producer.events(), self.consumer.events());
        end(&self).await;
        // on another worker the consumer is told a moment later; its own end must not come first
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.consumer.close().await.ok();
        self.producer.close().await.ok();
        self.manager.close().await;
        (until_end(producer, |_| true).await, until_end(consumer, |_| true).await)
    }
}

#[tokio::test]
async fn each_end_is_told_to_everybody_below_exactly_once_with_messages_too() {
    use DataConsumerEvent as C;
    use DataProducerEvent as P;
    let (by_producer, by_transport) = ([C::DataProducerClose, C::Close], [P::TransportClose, P::Close]);
    for workers in [1, 2] {
        let room = async || Room::new(workers).await;
        let heard = room().await.ended_by(async |room| drop(room.consumer.close().await)).await;
        assert_eq!(heard, (vec![P::Close], vec![C::Close]));
        let heard = room().await.ended_by(async |room| drop(room.producer.close().await)).await;
        assert_eq!(heard, (vec![P::Close], by_producer.to_vec()));
        let heard = room().await.ended_by(async |room| drop(room.sender.close().await)).await;
        assert_eq!(heard, (by_transport.to_vec(), by_producer.to_vec()));
        let heard = room().await.ended_by(async |room| drop(room.receiver.close().await)).await;
        assert_eq!(heard, (vec![P::Close], vec![C::TransportClose, C::Close]));
    }
    let heard = Room::new(1).await.ended_by(async |room| room.router.close().await).await;
    assert_eq!(heard, (by_transport.to_vec(), by_producer.to_vec()));
    let heard = Room::new(1).await.ended_by(async |room| room.manager.close().await).await;
    assert_eq!(heard, (by_transport.to_vec(), by_producer.to_vec()));
}

#[tokio::test]
async fn pauses_are_told_to_whom_they_concern() {
    use DataConsumerEvent as C;
    use DataProducerEvent as P;
    for workers in [1, 2] {
        let heard = Room::new(workers).await.ended_by(async |room| {
            for _ in 0..2 {
                room.producer.pause().await.unwrap();
                assert_eq!(room.producer.paused().await.unwrap(), Some(true));
            }
            room.producer.resume().await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
            room.consumer.pause().await.unwrap();
            room.consumer.resume().await.unwrap();
        });
        let (producer, consumer) = heard.await;
        assert_eq!(producer, [P::Pause, P::Resume, P::Close]);
        assert_eq!(consumer, [C::DataProducerPause, C::DataProducerResume, C::Pause, C::Resume, C::Close]);
    }
}

#[tokio::test]
async fn the_last_handle_s_drop_closes_with_messages_too() {
    let room = Room::new(2).await;
    let consumer = room.consumer.events();
    drop(room.producer);
    assert_eq!(
        until_end(consumer, |_| true).await,
        [DataConsumerEvent::DataProducerClose, DataConsumerEvent::Close]
    );
    let dump = room.sender.dump().await.unwrap().unwrap();
    assert!(dump.data_producer_ids.is_empty());
    let dump = room.receiver.dump().await.unwrap().unwrap();
    assert!(dump.data_consumer_ids.is_empty());
}
