//! New producers, and what applications change about them.
use super::producer::{Description, Origin, ProducerState, Receiving, clock_rate_of, layers_of};
use super::{Core, ProducerKey, TransportKey};
use crate::consumer::ConsumerEvent;
use crate::events::EventSource;
use crate::ids::{ProducerId, TransportId};
use crate::ortc::{
    get_consumable_rtp_parameters, get_producer_rtp_parameters_mapping, normalize_rtp_parameters,
    validate_rtp_parameters,
};
use crate::producer::{ProduceError, Produced, ProducerEvent, ProducerOptions, ProducerScore};
use crate::rtp_parameters::RtpHeaderExtensionUri;
use media::Moment;
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::Duration;

impl Core {
    pub(crate) fn produce(
        &mut self,
        id: TransportId,
        key: TransportKey,
        options: ProducerOptions,
    ) -> Result<Produced, ProduceError> {
        let mut parameters = options.rtp_parameters;
        let kind = options.kind;
        normalize_rtp_parameters(&mut parameters);
        validate_rtp_parameters(&parameters)?;
        if parameters.encodings.is_empty() {
            return Err(ProduceError::NoEncodings);
        }
        if parameters.codecs.iter().any(|codec| codec.kind() != kind) {
            return Err(ProduceError::Kind { kind });
        }
        let random = &mut self.random;
        let mut ssrcs = || rand::Rng::random_range(random, 100_000_000..1_000_000_000);
        let transport = self.transports.get_mut(key).ok_or(ProduceError::TransportClosed(id))?;
        transport.listener.check(&parameters)?;
        let router = self.routers.get_mut(transport.router).ok_or(ProduceError::TransportClosed(id))?;
        let id = options.id.unwrap_or_else(ProducerId::random);
        if router.producers.contains_key(&id) {
            return Err(ProduceError::IdInUse(id));
        }
        if parameters.rtcp.cname.is_none() {
            parameters.rtcp.cname = Some(transport.id.to_string()[..8].to_owned());
        }
        let mapping = get_producer_rtp_parameters_mapping(&parameters, &router.capabilities, &mut ssrcs)?;
        let consumable = get_consumable_rtp_parameters(kind, &parameters, &router.capabilities, &mapping)?;
        let (producer_type, layers) = layers_of(&parameters);
        let dependency = consumable
            .header_extensions
            .iter()
            .find(|extension| extension.uri == RtpHeaderExtensionUri::DependencyDescriptor)
            .and_then(|extension| extension.id.try_into().ok());
        let description = Arc::new(Description {
            id,
            kind,
            producer_type,
            layers,
            clock_rate: clock_rate_of(&parameters),
            dependency,
            consumable: consumable.clone(),
        });
        let delay = Duration::from_millis(options.key_frame_request_delay.into());
        let receiving = Receiving::new(key, parameters.clone(), &consumable, delay);
        let producer_id = description.id;
        let producer = self.producers.insert(ProducerState {
            router: transport.router,
            description,
            origin: Origin::Receiving(Box::new(receiving)),
            paused: options.paused,
            consumers: Vec::new(),
            relays: SmallVec::new(),
            observers: SmallVec::new(),
            trace: None,
            pending: Vec::new(),
            pending_since: Moment::ZERO,
            rates: Vec::new(),
            metered_since: Moment::ZERO,
            events: EventSource::default(),
        });
        transport.listener.add(producer, &parameters);
        transport.producers.push(producer);
        router.producers.insert(producer_id, producer);
        self.touch(key);
        Ok(Produced {
            id: producer_id,
            key: producer,
            producer_type,
            kind,
            rtp_parameters: parameters,
            consumable,
            mapping,
        })
    }

    pub(crate) fn pause_producer(&mut self, key: ProducerKey, paused: bool, now: Moment) {
        let Some(producer) = self.producers.get_mut(key) else { return };
        if std::mem::replace(&mut producer.paused, paused) == paused {
            return;
        }
        producer.events.emit(if paused { ProducerEvent::Pause } else { ProducerEvent::Resume });
        if paused {
            producer.pending.clear();
        }
        for relay in &producer.relays {
            if let Some(relay) = self.relays.get(*relay) {
                relay.tell_paused(paused);
            }
        }
        for consumer in producer.consumers.clone() {
            let Some(consumer) = self.consumers.get_mut(consumer) else { continue };
            consumer.producer_paused = paused;
            let event = if paused { ConsumerEvent::ProducerPause } else { ConsumerEvent::ProducerResume };
            consumer.events.emit(event);
            consumer.wish(now);
            let transport = consumer.transport;
            self.touch(transport);
        }
    }
}

impl ProducerState {
    /// Scores of its streams, in their order.
    pub(super) fn scores(&self) -> SmallVec<[u8; 4]> {
        match &self.origin {
            Origin::Receiving(receiving) => receiving.streams.iter().map(|stream| stream.score).collect(),
            Origin::Mirrored(mirrored) => mirrored.scores.iter().copied().collect(),
        }
    }

    /// Tells a new score of one of its streams.
    pub(super) fn tell_scores(&mut self) -> Vec<ProducerScore> {
        let Origin::Receiving(receiving) = &self.origin else { return Vec::new() };
        let scores = receiving.scores();
        self.events.emit(ProducerEvent::Score(scores.clone()));
        scores
    }
}
