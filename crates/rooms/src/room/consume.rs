//! What participants receive: everything that others send, as soon as they have joined and have a transport for it.
//!
//! A consumer begins paused and is offered by a request `newConsumer`; it goes on when the client has answered, so that the
//! key frame does not come before the decoder.
use super::owner::{After, Happening, RoomOwner};
use super::peer::{Asked, Consumed, Consuming, PeerKey, Readiness};
use super::requests::to_json;
use super::stats;
use super::transports::answer_with;
use crate::refusal::Refusal;
use crate::request::{SetConsumerPreferredLayers, SetConsumerPriority};
use serde_json::{Value, json};
use sfu::layers::ConsumerLayers;
use sfu::{
    ConsumeError, Consumer, ConsumerEvent, ConsumerId, ConsumerOptions, DataProducerId, ProducerId,
    Transport, TransportId, WorkerGone,
};
use tokio::time::Instant;

impl RoomOwner {
    /// Offers one all that others send.
    pub(super) fn offer_all(&mut self, key: PeerKey) {
        let others = || self.peers.iter().filter(|(other, _)| **other != key).map(|(_, peer)| peer);
        let media: Vec<ProducerId> = others().flat_map(|peer| peer.producers.keys().copied()).collect();
        let data: Vec<DataProducerId> =
            others().flat_map(|peer| peer.data_producers.keys().copied()).collect();
        for producer in media {
            self.offer(key, producer);
        }
        for producer in data {
            self.offer_data(key, producer);
        }
    }

    /// Offers all others what one sends.
    pub(super) fn offer_to_all(&mut self, owner: PeerKey, producer: ProducerId) {
        for other in self.others(owner) {
            self.offer(other, producer);
        }
    }

    /// All but one.
    pub(super) fn others(&self, key: PeerKey) -> Vec<PeerKey> {
        self.peers.keys().copied().filter(|other| *other != key).collect()
    }

    /// Until when a client is to have answered what it is asked now.
    pub(super) fn answer_until(&self) -> Instant {
        Instant::now() + self.shared.config.limits.answer_max
    }

    /// Makes a consumer, if this one can and may have one and has none yet.
    fn offer(&mut self, key: PeerKey, producer: ProducerId) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        if !peer.grants.subscribe || peer.considered.contains_key(&producer) {
            return;
        }
        let capabilities = peer.joined.as_ref().and_then(|joined| joined.capabilities.clone());
        let (Some(capabilities), Some(transport)) = (capabilities, peer.receiving().cloned()) else { return };
        let on = transport.id();
        peer.considered.insert(producer, on);
        let mut options = ConsumerOptions::new(producer, capabilities);
        options.paused = true;
        self.work(async move {
            let made = transport.consume(options).await;
            let after: After = Box::new(move |room| room.consumed(key, producer, on, made));
            after
        });
    }

    fn consumed(
        &mut self,
        key: PeerKey,
        producer: ProducerId,
        on: TransportId,
        made: Result<Consumer, ConsumeError>,
    ) {
        let owner = self.peers.values().find_map(|peer| {
            let producing = peer.producers.get(&producer)?;
            Some((peer.id().to_owned(), producing.app_data.clone(), producing.paused))
        });
        // whoever is gone needs no consumer: it is dropped, and so closed
        let Some((owner, app_data, producer_paused)) = owner else { return };
        let until = self.answer_until();
        let Some(peer) = self.peers.get_mut(&key) else { return };
        // the transport may be gone, and another have taken over
        if peer.considered.get(&producer) != Some(&on) {
            return;
        }
        let consumer = match made {
            Ok(consumer) => consumer,
            // it cannot decode that; it will not be able to later
            Err(ConsumeError::Parameters(error)) => {
                tracing::debug!(room = %self.name, %producer, %error, "nothing to consume");
                return;
            }
            Err(error) => {
                peer.considered.remove(&producer);
                tracing::debug!(room = %self.name, %producer, %error, "not consumed");
                return;
            }
        };
        let id = consumer.id();
        let parameters = match to_json(consumer.rtp_parameters()) {
            Ok(parameters) => parameters,
            Err(error) => return tracing::error!(%error, "RTP parameters that are no JSON"),
        };
        let offer = json!({
            "peerId": owner,
            "transportId": on,
            "producerId": producer,
            "id": id,
            "kind": consumer.kind(),
            "rtpParameters": parameters,
            "type": consumer.r#type(),
            "appData": app_data,
            "producerPaused": producer_paused || consumer.producer_began_paused(),
        });
        let events = consumer.events();
        peer.consumers.insert(id, Consuming { consumer, on, readiness: Readiness::Offered, paused: false });
        let said = peer.ask("newConsumer", offer, Asked { of: Consumed::Media(id), until });
        self.note(key, said);
        self.listen(events, ConsumerEvent::Close, move |event| Happening::Consumer(key, id, event));
    }

    /// The client has answered a request of ours.
    pub(super) fn answered(&mut self, key: PeerKey, id: u32, answer: Result<Value, String>) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        // an answer to nothing may be one that came too late
        let Some(asked) = peer.asked.remove(&id) else { return };
        match (answer, asked.of) {
            (Ok(_), Consumed::Media(id)) => self.consumer_made(key, id),
            (Ok(_), Consumed::Data(id)) => self.data_consumer_made(key, id),
            (Err(why), Consumed::Media(id)) => {
                tracing::debug!(room = %self.name, consumer = %id, why, "the client takes no consumer");
                peer.consumers.remove(&id);
            }
            (Err(why), Consumed::Data(id)) => {
                tracing::debug!(room = %self.name, consumer = %id, why, "the client takes no data consumer");
                peer.data_consumers.remove(&id);
            }
        }
    }

    fn consumer_made(&mut self, key: PeerKey, id: ConsumerId) {
        let consuming = self.peers.get_mut(&key).and_then(|peer| peer.consumers.get_mut(&id));
        let Some(consuming) = consuming else { return };
        consuming.readiness = Readiness::Made;
        if consuming.paused {
            return;
        }
        let consumer = consuming.consumer.clone();
        self.work(async move {
            // a worker that has ended ends the consumer too, which is told
            let _ = consumer.resume().await;
            let nothing: After = Box::new(|_| {});
            nothing
        });
    }

    /// Closes consumers that the client did not make in time.
    pub(super) fn close_unanswered(&mut self, now: Instant) {
        let mut late: Vec<(PeerKey, u32, Consumed)> = Vec::new();
        for (key, peer) in &self.peers {
            let due = peer.asked.iter().filter(|(_, asked)| asked.until <= now);
            late.extend(due.map(|(id, asked)| (*key, *id, asked.of)));
        }
        for (key, request, of) in late {
            let Some(peer) = self.peers.get_mut(&key) else { continue };
            peer.asked.remove(&request);
            match of {
                Consumed::Media(id) if peer.consumers.remove(&id).is_some() => {
                    self.notify(key, "consumerClosed", json!({ "consumerId": id }));
                }
                Consumed::Data(id) if peer.data_consumers.remove(&id).is_some() => {
                    self.notify(key, "dataConsumerClosed", json!({ "dataConsumerId": id }));
                }
                Consumed::Media(_) | Consumed::Data(_) => {}
            }
        }
    }

    pub(super) fn consumer_happened(&mut self, key: PeerKey, id: ConsumerId, event: ConsumerEvent) {
        // of one that is gone nobody wants to know
        let Some(peer) = self.peers.get_mut(&key) else { return };
        let Some(consuming) = peer.consumers.get(&id) else { return };
        match event {
            ConsumerEvent::Score(score) => {
                self.notify(key, "consumerScore", json!({ "consumerId": id, "score": score }));
            }
            ConsumerEvent::LayersChange(layers) => {
                let told = json!({
                    "consumerId": id,
                    "spatialLayer": layers.map(|layers| layers.spatial_layer),
                    "temporalLayer": layers.and_then(|layers| layers.temporal_layer),
                });
                self.notify(key, "consumerLayersChanged", told);
            }
            ConsumerEvent::ProducerPause => self.notify(key, "consumerPaused", json!({ "consumerId": id })),
            ConsumerEvent::ProducerResume => self.notify(key, "consumerResumed", json!({ "consumerId": id })),
            ConsumerEvent::Close => {
                let producer = consuming.consumer.producer_id();
                if peer.considered.get(&producer) == Some(&consuming.on) {
                    peer.considered.remove(&producer);
                }
                peer.consumers.remove(&id);
                peer.asked.retain(|_, asked| asked.of != Consumed::Media(id));
                self.notify(key, "consumerClosed", json!({ "consumerId": id }));
            }
            ConsumerEvent::Rtp(_)
            | ConsumerEvent::Pause
            | ConsumerEvent::Resume
            | ConsumerEvent::ProducerClose
            | ConsumerEvent::TransportClose
            | _ => {}
        }
    }

    pub(super) fn pause_consumer(
        &mut self,
        key: PeerKey,
        request: u32,
        id: ConsumerId,
        pause: bool,
    ) -> Result<(), Refusal> {
        let peer = self.peers.get_mut(&key).ok_or_else(|| Refusal::no_such("consumer", id))?;
        let consuming = peer.consumers.get_mut(&id).ok_or_else(|| Refusal::no_such("consumer", id))?;
        consuming.paused = pause;
        if matches!(consuming.readiness, Readiness::Offered) {
            // it is paused until the offer is answered, and then as the client wants
            self.answer(key, request, Ok(json!({})));
            return Ok(());
        }
        self.tell_consumer(key, request, id, async move |consumer| {
            if pause { consumer.pause().await } else { consumer.resume().await }
        })
    }

    pub(super) fn key_frame(&mut self, key: PeerKey, request: u32, id: ConsumerId) -> Result<(), Refusal> {
        self.tell_consumer(key, request, id, async |consumer| consumer.request_key_frame().await)
    }

    pub(super) fn prefer(
        &mut self,
        key: PeerKey,
        request: u32,
        wanted: SetConsumerPreferredLayers,
    ) -> Result<(), Refusal> {
        let layers =
            ConsumerLayers { spatial_layer: wanted.spatial_layer, temporal_layer: wanted.temporal_layer };
        self.tell_consumer(key, request, wanted.consumer_id, async move |consumer| {
            consumer.set_preferred_layers(layers).await
        })
    }

    pub(super) fn prioritise(
        &mut self,
        key: PeerKey,
        request: u32,
        wanted: SetConsumerPriority,
    ) -> Result<(), Refusal> {
        self.tell_consumer(key, request, wanted.consumer_id, async move |consumer| {
            consumer.set_priority(wanted.priority).await
        })
    }

    pub(super) fn consumer_stats(
        &mut self,
        key: PeerKey,
        request: u32,
        id: ConsumerId,
    ) -> Result<(), Refusal> {
        let consumer = self.consumer(key, id)?;
        self.work(async move {
            let stats = consumer.get_stats().await;
            answer_with(key, request, stats::sent(stats))
        });
        Ok(())
    }

    /// Tells a consumer something, and answers when that is done.
    fn tell_consumer<F, Fut>(
        &mut self,
        key: PeerKey,
        request: u32,
        id: ConsumerId,
        tell: F,
    ) -> Result<(), Refusal>
    where
        F: FnOnce(Consumer) -> Fut,
        Fut: Future<Output = Result<(), WorkerGone>> + Send + 'static,
    {
        let told = tell(self.consumer(key, id)?);
        self.work(async move {
            let done = told.await;
            answer_with(key, request, done.map(|()| json!({})).map_err(Refusal::from))
        });
        Ok(())
    }

    fn consumer(&self, key: PeerKey, id: ConsumerId) -> Result<Consumer, Refusal> {
        let consuming = self.peers.get(&key).and_then(|peer| peer.consumers.get(&id));
        consuming.map(|one| one.consumer.clone()).ok_or_else(|| Refusal::no_such("consumer", id))
    }
}
