//! Ends. Each finishes everything below it, tells everybody once, and says how it went.
use super::ports::PortOwner;
use super::producer::Origin;
use super::{ConsumerKey, Core, ProducerKey, RouterKey, TransportKey};
use crate::consumer::ConsumerEvent;
use crate::producer::ProducerEvent;
use crate::receive::IncomingStreamStats;
use crate::router::RouterEvent;
use crate::rtp_observer::RtpObserverEvent;
use crate::send::OutgoingStreamStats;
use crate::transport::{TransportEvent, TransportStats};
use media::Moment;
use serde::{Deserialize, Serialize};

/// What a producer received, stream by stream.
pub type ReceivedStats = Vec<IncomingStreamStats>;

/// What a consumer sent, and what its producer received.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SentStats {
    /// What the consumer sent, stream by stream.
    pub consumer: Vec<OutgoingStreamStats>,
    /// What its producer received, if it is received by the same worker.
    pub producer: Vec<IncomingStreamStats>,
}

impl Core {
    /// Closes a producer and its consumers.
    pub(crate) fn close_producer(&mut self, key: ProducerKey, now: Moment) -> ReceivedStats {
        let stats = self.producer_stats(key, now);
        self.end_producer(key, false, now);
        stats
    }

    fn end_producer(&mut self, key: ProducerKey, by_transport: bool, now: Moment) {
        let Some(mut producer) = self.producers.remove(key) else { return };
        if let Some(router) = self.routers.get_mut(producer.router) {
            router.producers.remove(&producer.description.id);
        }
        if let Origin::Receiving(receiving) = &producer.origin
            && let Some(transport) = self.transports.get_mut(receiving.transport)
        {
            transport.listener.remove(key);
            transport.producers.retain(|other| *other != key);
        }
        self.end_links(&producer.observers);
        for relay in std::mem::take(&mut producer.relays) {
            // its end closes the mirror
            self.relays.remove(relay);
        }
        for consumer in std::mem::take(&mut producer.consumers) {
            self.end_consumer(consumer, Some(ConsumerEvent::ProducerClose), now);
        }
        if by_transport {
            producer.events.emit(ProducerEvent::TransportClose);
        }
        producer.events.emit(ProducerEvent::Close);
    }

    /// Closes a consumer.
    pub(crate) fn close_consumer(&mut self, key: ConsumerKey, now: Moment) -> SentStats {
        let stats = self.consumer_stats(key, now);
        self.end_consumer(key, None, now);
        stats
    }

    fn end_consumer(&mut self, key: ConsumerKey, why: Option<ConsumerEvent>, now: Moment) {
        let Some(mut consumer) = self.consumers.remove(key) else { return };
        if let Some(producer) = self.producers.get_mut(consumer.producer) {
            producer.consumers.retain(|other| *other != key);
        }
        if let Some(transport) = self.transports.get_mut(consumer.transport) {
            transport.consumers.retain(|other| *other != key);
            transport.consumer_ssrcs.retain(|_, other| *other != key);
            if let Some(mid) = &consumer.rtp_parameters.mid {
                transport.consumer_mids.remove(mid);
            }
            for leg in &consumer.legs {
                transport.carrier.forget(leg.ssrc, leg.rtx.map(|rtx| rtx.ssrc));
            }
        }
        if let Some(why) = why {
            consumer.events.emit(why);
        }
        consumer.events.emit(ConsumerEvent::Close);
        self.tell_whether_idle(consumer.producer);
        self.tick_soon(consumer.transport, now);
    }

    /// Closes a transport and all on it. `None` when it is closed already.
    pub(crate) fn close_transport(&mut self, key: TransportKey, now: Moment) -> Option<TransportStats> {
        let stats = self.transports.get_mut(key)?.stats(now);
        self.end_transport(key, None, now);
        Some(stats)
    }

    pub(super) fn end_transport(&mut self, key: TransportKey, why: Option<TransportEvent>, now: Moment) {
        let Some(transport) = self.transports.get_mut(key) else { return };
        let producers = std::mem::take(&mut transport.producers);
        let consumers = std::mem::take(&mut transport.consumers);
        for producer in producers {
            self.end_producer(producer, true, now);
        }
        for consumer in consumers {
            self.end_consumer(consumer, Some(ConsumerEvent::TransportClose), now);
        }
        self.end_data_of(key, now);
        self.take_leave(key, now);
        let Some(mut transport) = self.transports.remove(key) else { return };
        self.timers.remove(&(transport.wake_at, key));
        self.remove_ports(PortOwner::Transport(key));
        self.forget_on_server(transport.carrier.server(), key);
        if let Some(router) = self.routers.get_mut(transport.router) {
            router.transports.retain(|other| *other != key);
        }
        if let Some(why) = why {
            transport.events.emit(why);
        }
        transport.events.emit(TransportEvent::Close);
        self.count_transports();
    }

    /// Closes a router, or the part of it on this worker, and all in it.
    pub(crate) fn close_router(&mut self, key: RouterKey, now: Moment) {
        let Some(router) = self.routers.get_mut(key) else { return };
        for transport in std::mem::take(&mut router.transports) {
            self.end_transport(transport, Some(TransportEvent::RouterClose), now);
        }
        let Some(router) = self.routers.get_mut(key) else { return };
        for observer in std::mem::take(&mut router.observers) {
            self.close_observer(observer, Some(RtpObserverEvent::RouterClose));
        }
        // what is left are mirrors of other workers' producers
        let Some(router) = self.routers.get_mut(key) else { return };
        let data_producers = std::mem::take(&mut router.data_producers);
        for producer in std::mem::take(&mut router.producers).into_values() {
            self.end_producer(producer, false, now);
        }
        for producer in data_producers.into_values() {
            self.end_data_producer(producer, None, now);
        }
        if let Some(mut router) = self.routers.remove(key) {
            self.router_keys.remove(&router.id);
            router.events.emit(RouterEvent::Close);
        }
    }

    /// Closes everything: the worker ends.
    pub(crate) fn close_all(&mut self, now: Moment) {
        for router in self.routers.keys().collect::<Vec<_>>() {
            if let Some(router) = self.routers.get_mut(router) {
                router.events.emit(RouterEvent::WorkerClose);
            }
            self.close_router(router, now);
        }
        self.closing = true;
    }
}
