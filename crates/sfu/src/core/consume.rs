//! New consumers, and what applications change about them.
use super::bandwidth::Bandwidth;
use super::consumer::{ConsumerSetup, ConsumerState};
use super::{ConsumerKey, Core, TransportKey};
use crate::consumer::{ConsumeError, Consumed, ConsumerEvent, ConsumerOptions, ConsumerType};
use crate::ids::{ConsumerId, ProducerId, TransportId};
use crate::layers::ConsumerLayers;
use crate::ortc::{
    ConsumerMode, can_consume, get_consumer_rtp_parameters, get_pipe_consumer_rtp_parameters,
    validate_rtp_capabilities,
};
use crate::producer::ProducerType;
use crate::rtp_parameters::{MediaKind, RtcpFeedback, RtpCapabilities, RtpParameters};
use media::Moment;
use rand::Rng;

/// What a transport wants of its consumers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConsumeMode {
    /// It carries all streams to another router.
    pub(crate) pipe: bool,
    /// It sends lost packets again; of a pipe only.
    pub(crate) pipe_rtx: bool,
    /// It estimates the bandwidth.
    pub(crate) enable_bwe: bool,
    /// The application is the peer.
    pub(crate) direct: bool,
}

impl Core {
    /// Whether an endpoint with these capabilities can receive something of this producer. `None` when it is not here.
    pub(crate) fn can_consume(
        &self,
        router: super::RouterKey,
        producer: ProducerId,
        capabilities: &RtpCapabilities,
    ) -> Option<bool> {
        let producer = *self.routers.get(router)?.producers.get(&producer)?;
        let description = &self.producers.get(producer)?.description;
        Some(can_consume(&description.consumable, capabilities).unwrap_or(false))
    }

    /// Whether the transport's router has this producer here, itself or mirrored.
    pub(crate) fn has_producer(&self, key: TransportKey, producer: ProducerId) -> bool {
        let router = self.transports.get(key).and_then(|transport| self.routers.get(transport.router));
        router.is_some_and(|router| router.producers.contains_key(&producer))
    }

    pub(crate) fn consume(
        &mut self,
        id: TransportId,
        key: TransportKey,
        options: ConsumerOptions,
        mode: ConsumeMode,
        now: Moment,
    ) -> Result<Consumed, ConsumeError> {
        let producer_id = options.producer_id;
        let transport = self.transports.get_mut(key).ok_or(ConsumeError::TransportClosed(id))?;
        let router = self.routers.get(transport.router).ok_or(ConsumeError::TransportClosed(id))?;
        let no_producer = ConsumeError::NoProducer(producer_id);
        let producer_key = *router.producers.get(&producer_id).ok_or_else(|| no_producer.clone())?;
        let producer = self.producers.get_mut(producer_key).ok_or(no_producer)?;
        let description = producer.description.clone();
        let pipe = mode.pipe || options.pipe;
        let mut ssrcs = || transport.take_ssrc();
        let mut parameters = if mode.pipe {
            get_pipe_consumer_rtp_parameters(
                &description.consumable,
                &router.capabilities,
                description.kind,
                mode.pipe_rtx,
                &mut ssrcs,
            )
        } else {
            validate_rtp_capabilities(&options.rtp_capabilities)?;
            // sound survives a lost packet; sent again it mostly comes too late
            let enable_rtx = options.enable_rtx.unwrap_or(description.kind == MediaKind::Video);
            let mode = ConsumerMode { pipe, enable_rtx, enable_bwe: mode.enable_bwe };
            get_consumer_rtp_parameters(&description.consumable, &options.rtp_capabilities, mode, &mut ssrcs)?
        };
        if !pipe {
            parameters.mid = Some(transport.take_mid(options.mid).map_err(ConsumeError::MidInUse)?);
        }
        let consumer_type = match (pipe, description.producer_type) {
            (true, _) => ConsumerType::Pipe,
            (false, ProducerType::Simple) => ConsumerType::Simple,
            (false, ProducerType::Simulcast) => ConsumerType::Simulcast,
            (false, ProducerType::Svc) => ConsumerType::Svc,
        };
        let setup = ConsumerSetup {
            id: ConsumerId::random(),
            producer: producer_key,
            transport: key,
            consumer_type,
            rtp_parameters: parameters.clone(),
            paused: options.paused,
            producer_paused: producer.paused,
            preferred: options.preferred_layers.unwrap_or(ConsumerLayers::HIGHEST),
            direct: mode.direct,
        };
        let random = &mut self.random;
        let estimates = mode.enable_bwe && is_told_what_comes(&parameters);
        let mut consumer = ConsumerState::new(setup, &description, &mut || random.random(), now);
        if estimates {
            // until layers are allocated, in this turn if it flows
            consumer.allowed = Some(ConsumerLayers { spatial_layer: 0, temporal_layer: Some(0) });
            consumer.wish(now);
        }
        let (consumer_id, producer_paused) = (consumer.id, producer.paused);
        let ssrcs: Vec<u32> = consumer
            .legs
            .iter()
            .flat_map(|leg| [Some(leg.ssrc), leg.rtx.map(|rtx| rtx.ssrc)])
            .flatten()
            .collect();
        let consumer = self.consumers.insert(consumer);
        producer.consumers.push(consumer);
        transport.consumers.push(consumer);
        transport.consumer_ssrcs.extend(ssrcs.into_iter().map(|ssrc| (ssrc, consumer)));
        if estimates && transport.bandwidth.is_none() {
            transport.bandwidth = Some(Box::new(Bandwidth::new(transport.limits.outgoing(), now)));
        }
        if let Some(bandwidth) = &mut transport.bandwidth {
            bandwidth.allocate_at = now;
        }
        // so that its key frame is asked for in this turn
        transport.tick_at = now;
        self.tell_whether_idle(producer_key);
        self.touch(key);
        Ok(Consumed {
            id: consumer_id,
            producer_id,
            key: consumer,
            consumer_type,
            kind: description.kind,
            rtp_parameters: parameters,
            paused: options.paused,
            producer_paused,
        })
    }

    pub(crate) fn pause_consumer(&mut self, key: ConsumerKey, paused: bool, now: Moment) {
        let Some(consumer) = self.consumers.get_mut(key) else { return };
        if std::mem::replace(&mut consumer.paused, paused) == paused {
            return;
        }
        consumer.events.emit(if paused { ConsumerEvent::Pause } else { ConsumerEvent::Resume });
        consumer.wish(now);
        let (transport, producer) = (consumer.transport, consumer.producer);
        self.tell_whether_idle(producer);
        self.tick_soon(transport, now);
        if !paused {
            // asked for at once: who resumes waits for it
            self.request_key_frame(key);
        }
    }

    pub(crate) fn prefer(&mut self, key: ConsumerKey, layers: ConsumerLayers, now: Moment) {
        let Some(consumer) = self.consumers.get_mut(key) else { return };
        consumer.preferred = layers;
        consumer.wish(now);
        let transport = consumer.transport;
        self.tick_soon(transport, now);
    }

    pub(crate) fn set_priority(&mut self, key: ConsumerKey, priority: u8, now: Moment) {
        let Some(consumer) = self.consumers.get_mut(key) else { return };
        consumer.priority = priority;
        let transport = consumer.transport;
        self.tick_soon(transport, now);
    }

    pub(crate) fn request_key_frame(&mut self, key: ConsumerKey) {
        let Some(consumer) = self.consumers.get(key) else { return };
        if consumer.kind != MediaKind::Video || !consumer.is_active() {
            return;
        }
        let producer = consumer.producer;
        let streams = consumer.targets().iter().fold(0u32, |bits, stream| bits | 1 << (*stream).min(31));
        self.want_key_frames(producer, streams);
    }

    /// Looks at all consumers of a transport in this turn.
    pub(super) fn tick_soon(&mut self, key: TransportKey, now: Moment) {
        if let Some(transport) = self.transports.get_mut(key) {
            transport.tick_at = now;
            if let Some(bandwidth) = &mut transport.bandwidth {
                bandwidth.allocate_at = now;
            }
        }
        self.touch(key);
    }
}

/// Whether the receiver says what came, so that an estimate is possible.
fn is_told_what_comes(parameters: &RtpParameters) -> bool {
    let feedback =
        |wanted: RtcpFeedback| parameters.codecs.iter().any(|codec| codec.rtcp_feedback().contains(&wanted));
    feedback(RtcpFeedback::TransportCc) || feedback(RtcpFeedback::GoogRemb)
}
