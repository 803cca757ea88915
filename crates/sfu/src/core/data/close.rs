//! Ends of what carries messages. Each tells everybody below it once.
use super::{DataOrigin, DataProducerState};
use crate::core::Core;
use crate::core::keys::{DataConsumerKey, DataProducerKey, TransportKey};
use crate::data_consumer::{DataConsumerEvent, DataConsumerStats};
use crate::data_producer::{DataProducerEvent, DataProducerStats};
use crate::transport::TransportEvent;
use media::Moment;

impl Core {
    /// Closes a data producer and its consumers. `None` when it is closed already.
    pub(crate) fn close_data_producer(
        &mut self,
        key: DataProducerKey,
        now: Moment,
    ) -> Option<DataProducerStats> {
        let stats = self.data_producer_stats(key)?;
        self.end_data_producer(key, None, now);
        Some(stats)
    }

    pub(in crate::core) fn end_data_producer(
        &mut self,
        key: DataProducerKey,
        why: Option<DataProducerEvent>,
        now: Moment,
    ) {
        let Some(mut producer) = self.data_producers.remove(key) else { return };
        if let Some(router) = self.routers.get_mut(producer.router) {
            router.data_producers.remove(&producer.description.id);
        }
        if let DataOrigin::Received(transport_key) = producer.origin
            && let Some(transport) = self.transports.get_mut(transport_key)
        {
            transport.data.producers.retain(|other| *other != key);
            if let Some(stream) = producer.description.stream {
                if let Some(used) = transport.data.streams.get_mut(&stream.stream_id) {
                    used.producer = None;
                }
                transport.data.close_unused(stream.stream_id, now);
            }
            self.touch(transport_key);
        }
        for consumer in std::mem::take(&mut producer.consumers) {
            self.end_data_consumer(consumer, Some(DataConsumerEvent::DataProducerClose), now);
        }
        if let Some(why) = why {
            producer.events.emit(why);
        }
        producer.events.emit(DataProducerEvent::Close);
    }

    /// Closes a data consumer. `None` when it is closed already.
    pub(crate) fn close_data_consumer(
        &mut self,
        key: DataConsumerKey,
        now: Moment,
    ) -> Option<DataConsumerStats> {
        let stats = self.data_consumer_stats(key)?;
        self.end_data_consumer(key, None, now);
        Some(stats)
    }

    fn end_data_consumer(&mut self, key: DataConsumerKey, why: Option<DataConsumerEvent>, now: Moment) {
        let Some(mut consumer) = self.data_consumers.remove(key) else { return };
        if let Some(producer) = self.data_producers.get_mut(consumer.producer) {
            producer.consumers.retain(|other| *other != key);
            producer.tell_listeners();
        }
        if let Some(transport) = self.transports.get_mut(consumer.transport) {
            transport.data.consumers.retain(|other| *other != key);
            if let Some(stream) = consumer.stream {
                if let Some(used) = transport.data.streams.get_mut(&stream.stream_id) {
                    used.consumer = None;
                }
                transport.data.close_unused(stream.stream_id, now);
            }
        }
        if let Some(why) = why {
            consumer.events.emit(why);
        }
        consumer.events.emit(DataConsumerEvent::Close);
        self.touch(consumer.transport);
    }

    /// The peer closed a stream: what used it has ended.
    pub(super) fn stream_closed(&mut self, key: TransportKey, stream_id: u16, now: Moment) {
        let Some(transport) = self.transports.get_mut(key) else { return };
        let Some(used) = transport.data.streams.remove(&stream_id) else { return };
        if used.theirs {
            transport.events.emit(TransportEvent::DataChannelClose { stream_id });
        }
        if let Some(producer) = used.producer {
            self.end_data_producer(producer, Some(DataProducerEvent::ChannelClose), now);
        }
        if let Some(consumer) = used.consumer {
            self.end_data_consumer(consumer, Some(DataConsumerEvent::ChannelClose), now);
        }
    }

    /// A transport ends: so does all on it.
    pub(in crate::core) fn end_data_of(&mut self, key: TransportKey, now: Moment) {
        let Some(transport) = self.transports.get_mut(key) else { return };
        let producers = std::mem::take(&mut transport.data.producers);
        let consumers = std::mem::take(&mut transport.data.consumers);
        for producer in producers {
            self.end_data_producer(producer, Some(DataProducerEvent::TransportClose), now);
        }
        for consumer in consumers {
            self.end_data_consumer(consumer, Some(DataConsumerEvent::TransportClose), now);
        }
    }
}

impl DataProducerState {
    /// Where messages come from another worker: how many get them here.
    pub(super) fn tell_listeners(&self) {
        if let DataOrigin::Mirrored(way) = &self.origin {
            way.set_listeners(self.consumers.len());
        }
    }
}
