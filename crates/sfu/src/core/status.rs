//! What an application may ask of what is here.
use super::close::{ReceivedStats, SentStats};
use super::producer::Origin;
use super::trace::Tracer;
use super::{ConsumerKey, Core, ProducerKey, RouterKey, TransportKey};
use crate::consumer::{ConsumerEvent, ConsumerStatus, ConsumerType};
use crate::events::EventSource;
use crate::ids::{ConsumerId, ProducerId, RtpObserverId};
use crate::producer::ProducerEvent;
use crate::router::{RouterDump, RouterEvent};
use crate::trace::{ConsumerTraceEventType, ProducerTraceEventType, TransportTraceEventType};
use crate::transport::{TransportDump, TransportEvent, TransportStats};
use media::Moment;
use std::collections::BTreeMap;

impl Core {
    pub(crate) fn producer_events(&mut self, key: ProducerKey) -> Option<&mut EventSource<ProducerEvent>> {
        self.producers.get_mut(key).map(|producer| &mut producer.events)
    }

    pub(crate) fn consumer_events(&mut self, key: ConsumerKey) -> Option<&mut EventSource<ConsumerEvent>> {
        self.consumers.get_mut(key).map(|consumer| &mut consumer.events)
    }

    /// What is traced of a producer; made now, if there was nothing.
    pub(crate) fn producer_trace(&mut self, key: ProducerKey) -> Option<&mut Tracer<ProducerTraceEventType>> {
        self.producers.get_mut(key).map(|producer| &mut **producer.trace.get_or_insert_default())
    }

    /// The same of a consumer.
    pub(crate) fn consumer_trace(&mut self, key: ConsumerKey) -> Option<&mut Tracer<ConsumerTraceEventType>> {
        self.consumers.get_mut(key).map(|consumer| &mut **consumer.trace.get_or_insert_default())
    }

    /// The same of a transport.
    pub(crate) fn transport_trace(
        &mut self,
        key: TransportKey,
    ) -> Option<&mut Tracer<TransportTraceEventType>> {
        self.transports.get_mut(key).map(|transport| &mut **transport.trace.get_or_insert_default())
    }

    pub(crate) fn transport_events(&mut self, key: TransportKey) -> Option<&mut EventSource<TransportEvent>> {
        self.transports.get_mut(key).map(|transport| &mut transport.events)
    }

    pub(crate) fn router_events(&mut self, key: RouterKey) -> Option<&mut EventSource<RouterEvent>> {
        self.routers.get_mut(key).map(|router| &mut router.events)
    }

    pub(crate) fn producer_paused(&self, key: ProducerKey) -> Option<bool> {
        self.producers.get(key).map(|producer| producer.paused)
    }

    pub(crate) fn producer_stats(&mut self, key: ProducerKey, now: Moment) -> ReceivedStats {
        match self.producers.get_mut(key).map(|producer| &mut producer.origin) {
            Some(Origin::Receiving(receiving)) => receiving.stats(now),
            Some(Origin::Mirrored(_)) | None => Vec::new(),
        }
    }

    pub(crate) fn consumer_stats(&mut self, key: ConsumerKey, now: Moment) -> SentStats {
        let Some(consumer) = self.consumers.get_mut(key) else { return SentStats::default() };
        let (stats, producer) = (consumer.stats(now), consumer.producer);
        SentStats { consumer: stats, producer: self.producer_stats(producer, now) }
    }

    pub(crate) fn consumer_status(&self, key: ConsumerKey) -> Option<ConsumerStatus> {
        let consumer = self.consumers.get(key)?;
        let layered = matches!(consumer.consumer_type, ConsumerType::Simulcast | ConsumerType::Svc);
        Some(ConsumerStatus {
            paused: consumer.paused,
            producer_paused: consumer.producer_paused,
            priority: consumer.priority,
            score: consumer.score.clone(),
            preferred_layers: layered.then_some(consumer.preferred),
            current_layers: consumer.current,
        })
    }

    pub(crate) fn transport_stats(&mut self, key: TransportKey, now: Moment) -> Option<TransportStats> {
        self.transports.get_mut(key).map(|transport| transport.stats(now))
    }

    pub(crate) fn transport_dump(&self, key: TransportKey) -> Option<TransportDump> {
        let transport = self.transports.get(key)?;
        let producers = transport.producers.iter().filter_map(|key| self.producers.get(*key));
        let consumers = transport.consumers.iter().filter_map(|key| self.consumers.get(*key));
        let data_producers = transport.data.producers.iter().filter_map(|key| self.data_producers.get(*key));
        let data_consumers = transport.data.consumers.iter().filter_map(|key| self.data_consumers.get(*key));
        Some(TransportDump {
            id: transport.id,
            producer_ids: producers.map(|producer| producer.description.id).collect(),
            consumer_ids: consumers.map(|consumer| consumer.id).collect(),
            data_producer_ids: data_producers.map(|producer| producer.description.id).collect(),
            data_consumer_ids: data_consumers.map(|consumer| consumer.id).collect(),
        })
    }

    pub(crate) fn router_dump(&self, key: RouterKey) -> Option<RouterDump> {
        let router = self.routers.get(key)?;
        let transports = router.transports.iter().filter_map(|key| self.transports.get(*key));
        let consumers = |producer: &ProducerKey| {
            let consumers =
                self.producers.get(*producer).into_iter().flat_map(|producer| &producer.consumers);
            consumers.filter_map(|key| self.consumers.get(*key)).map(|consumer| consumer.id).collect()
        };
        let observers = || router.observers.iter().filter_map(|key| self.observers.get(*key));
        let mut heard: BTreeMap<ProducerId, Vec<RtpObserverId>> = BTreeMap::new();
        for observer in observers() {
            for producer in &observer.producers {
                heard.entry(*producer).or_default().push(observer.id);
            }
        }
        let producers = || router.producers.iter().map(|(id, producer)| (*id, consumers(producer)));
        Some(RouterDump {
            id: router.id,
            rtp_observer_ids: observers().map(|observer| observer.id).collect(),
            map_producer_id_observer_ids: heard,
            map_consumer_id_producer_id: producers()
                .flat_map(|(id, consumers): (_, Vec<ConsumerId>)| {
                    consumers.into_iter().map(move |consumer| (consumer, id))
                })
                .collect(),
            transport_ids: transports.map(|transport| transport.id).collect(),
            map_producer_id_consumer_ids: producers().collect(),
        })
    }
}
