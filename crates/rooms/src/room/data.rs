//! Data channels: what participants send, and its way to all others who may receive.
//!
//! As with media, a data consumer is paused until its client has made its side. What is said meanwhile waits for it.
use super::owner::{After, Happening, RoomOwner};
use super::peer::{Asked, Consumed, DataConsuming, DataProducing, PeerKey, Readiness};
use super::requests::to_json;
use super::stats;
use super::transports::answer_with;
use crate::refusal::Refusal;
use crate::request::{Direction, ProduceData};
use serde_json::{Value, json};
use sfu::{
    ConsumeDataError, DataConsumer, DataConsumerEvent, DataConsumerId, DataConsumerOptions, DataProducer,
    DataProducerEvent, DataProducerId, DataProducerOptions, ProduceDataError, Transport, TransportId,
};
use std::collections::BTreeSet;
use std::time::Duration;

/// Who speaks waits for those who listen at most this long: 1 s. A consumer takes some milliseconds, unless a worker hangs.
const HEARD_MAX: Duration = Duration::from_secs(1);

impl RoomOwner {
    pub(super) fn produce_data(
        &mut self,
        key: PeerKey,
        id: u32,
        produce: ProduceData,
    ) -> Result<(), Refusal> {
        let max = self.limits.data_producers_per_participant_max;
        let peer = self.joined_mut(key)?;
        if !peer.grants.data {
            return Err(Refusal::forbidden("the token does not grant data"));
        }
        let way = peer.way(produce.transport_id, Direction::Send)?;
        if peer.data_producers.len() + peer.data_producers_coming >= max {
            let what = "data producers at a time";
            return Err(Refusal::limit("data_producers_per_participant_max", max, what));
        }
        let transport = way.transport.clone();
        peer.data_producers_coming += 1;
        let app_data = produce.app_data.unwrap_or_else(|| json!({}));
        let mut options = DataProducerOptions::new_sctp(produce.sctp_stream_parameters);
        options.label = produce.label;
        options.protocol = produce.protocol;
        self.work(async move {
            let made = transport.produce_data(options).await;
            let after: After = Box::new(move |room| room.data_produced(key, id, made, app_data));
            after
        });
        Ok(())
    }

    fn data_produced(
        &mut self,
        key: PeerKey,
        id: u32,
        made: Result<DataProducer, ProduceDataError>,
        app_data: Value,
    ) {
        // without the peer the data producer is dropped, and so closed
        let Some(peer) = self.peers.get_mut(&key) else { return };
        peer.data_producers_coming = peer.data_producers_coming.saturating_sub(1);
        let producer = match made {
            Ok(producer) => producer,
            Err(error) => return self.answer(key, id, Err(error.into())),
        };
        let (producer_id, events) = (producer.id(), producer.events());
        peer.data_producers.insert(producer_id, DataProducing { producer, app_data, unanswered: None });
        let happening = move |event| Happening::DataProducer(key, producer_id, event);
        self.listen(events, DataProducerEvent::Close, happening);
        // Whoever has the answer speaks at once, which those who are here must not miss.
        let awaited: BTreeSet<PeerKey> =
            self.others(key).into_iter().filter(|other| self.offer_data(*other, producer_id)).collect();
        let producing = self.peers.get_mut(&key).and_then(|peer| peer.data_producers.get_mut(&producer_id));
        if let Some(producing) = producing {
            producing.unanswered = Some((id, awaited));
        }
        self.answer_if_heard(producer_id, None);
        self.work(async move {
            tokio::time::sleep(HEARD_MAX).await;
            let after: After = Box::new(move |room| room.answer_unheard(producer_id));
            after
        });
    }

    /// Answers who made a data producer, whoever is still without a consumer.
    fn answer_unheard(&mut self, producer: DataProducerId) {
        let producers = self.peers.values_mut().flat_map(|peer| &mut peer.data_producers);
        let unanswered =
            producers.filter(|(id, _)| **id == producer).find_map(|(_, of)| of.unanswered.as_mut());
        if let Some((_, awaited)) = unanswered {
            awaited.clear();
            self.answer_if_heard(producer, None);
        }
    }

    /// Answers who made a data producer, if all who were there have their consumer by now. `consumed`: who has just got it, or
    /// will get none.
    fn answer_if_heard(&mut self, producer: DataProducerId, consumed: Option<PeerKey>) {
        let found = self.peers.iter_mut().find_map(|(key, peer)| {
            peer.data_producers.get_mut(&producer).map(|producing| (*key, producing))
        });
        let Some((key, producing)) = found else { return };
        let Some((id, awaited)) = &mut producing.unanswered else { return };
        if let Some(consumed) = consumed {
            awaited.remove(&consumed);
        }
        if awaited.is_empty() {
            let id = *id;
            producing.unanswered = None;
            self.answer(key, id, Ok(json!({ "id": producer })));
        }
    }

    /// Makes a data consumer, if this one can and may have one and has none yet; false if not.
    pub(super) fn offer_data(&mut self, key: PeerKey, producer: DataProducerId) -> bool {
        let Some(peer) = self.peers.get_mut(&key) else { return false };
        if !peer.grants.subscribe || peer.joined.is_none() || peer.data_considered.contains_key(&producer) {
            return false;
        }
        let receiving = peer.receiving().filter(|transport| transport.sctp_parameters().is_some());
        let Some(transport) = receiving.cloned() else { return false };
        let on = transport.id();
        peer.data_considered.insert(producer, on);
        let mut options = DataConsumerOptions::new_sctp(producer);
        options.paused = true;
        options.hold = true;
        self.work(async move {
            let made = transport.consume_data(options).await;
            let after: After = Box::new(move |room| {
                room.data_consumed(key, producer, on, made);
                room.answer_if_heard(producer, Some(key));
            });
            after
        });
        true
    }

    fn data_consumed(
        &mut self,
        key: PeerKey,
        producer: DataProducerId,
        on: TransportId,
        made: Result<DataConsumer, ConsumeDataError>,
    ) {
        let owner = self.peers.values().find_map(|peer| {
            let producing = peer.data_producers.get(&producer)?;
            Some((peer.id().to_owned(), producing.app_data.clone()))
        });
        // whoever is gone needs no consumer: it is dropped, and so closed
        let Some((owner, app_data)) = owner else { return };
        let until = self.answer_until();
        let Some(peer) = self.peers.get_mut(&key) else { return };
        // the transport may be gone, and another have taken over
        if peer.data_considered.get(&producer) != Some(&on) {
            return;
        }
        let made = made.map_err(|error| error.to_string()).and_then(|consumer| {
            let stream = to_json(&consumer.sctp_stream_parameters()).map_err(|error| error.to_string())?;
            Ok((consumer, stream))
        });
        let (consumer, stream) = match made {
            Ok(made) => made,
            Err(error) => {
                peer.data_considered.remove(&producer);
                tracing::debug!(room = %self.name, %producer, error, "data is not consumed");
                return;
            }
        };
        let id = consumer.id();
        let offer = json!({
            "peerId": owner,
            "transportId": on,
            "dataProducerId": producer,
            "id": id,
            "sctpStreamParameters": stream,
            "label": consumer.label(),
            "protocol": consumer.protocol(),
            "appData": app_data,
        });
        let events = consumer.events();
        peer.data_consumers.insert(id, DataConsuming { consumer, on, readiness: Readiness::Offered });
        let said = peer.ask("newDataConsumer", offer, Asked { of: Consumed::Data(id), until });
        self.note(key, said);
        self.listen(events, DataConsumerEvent::Close, move |event| Happening::DataConsumer(key, id, event));
    }

    /// The client has made its side of a data consumer.
    pub(super) fn data_consumer_made(&mut self, key: PeerKey, id: DataConsumerId) {
        let consuming = self.peers.get_mut(&key).and_then(|peer| peer.data_consumers.get_mut(&id));
        let Some(consuming) = consuming else { return };
        consuming.readiness = Readiness::Made;
        let consumer = consuming.consumer.clone();
        self.work(async move {
            // a worker that has ended ends the consumer too, which is told
            let _ = consumer.resume().await;
            let nothing: After = Box::new(|_| {});
            nothing
        });
    }

    pub(super) fn close_data_producer(&mut self, key: PeerKey, id: DataProducerId) -> Result<Value, Refusal> {
        // dropped, and so closed; its consumers tell of that by events
        if self.take_data_producer(key, id).is_some() {
            return Ok(json!({}));
        }
        let peer = self.peers.get_mut(&key).ok_or_else(|| Refusal::no_such("data producer", id))?;
        let ended = peer.data_producers_ended.iter().position(|ended| *ended == id);
        let ended = ended.and_then(|place| peer.data_producers_ended.remove(place));
        ended.map(|_| json!({})).ok_or_else(|| Refusal::no_such("data producer", id))
    }

    pub(super) fn data_producer_happened(
        &mut self,
        key: PeerKey,
        id: DataProducerId,
        event: DataProducerEvent,
    ) {
        if event == DataProducerEvent::Close && self.take_data_producer(key, id).is_some() {
            let max = self.limits.data_producers_per_participant_max;
            if let Some(peer) = self.peers.get_mut(&key) {
                while peer.data_producers_ended.len() >= max.max(1) {
                    peer.data_producers_ended.pop_front();
                }
                peer.data_producers_ended.push_back(id);
            }
            let told = json!({ "dataProducerId": id, "reason": "its channel or its transport was closed" });
            self.notify(key, "dataProducerClosed", told);
        }
    }

    pub(super) fn data_consumer_happened(
        &mut self,
        key: PeerKey,
        id: DataConsumerId,
        event: &DataConsumerEvent,
    ) {
        // of one that is gone nobody wants to know
        let Some(peer) = self.peers.get_mut(&key) else { return };
        let Some(consuming) = peer.data_consumers.get(&id) else { return };
        match event {
            DataConsumerEvent::SctpSendBufferFull => {
                tracing::debug!(room = %self.name, identity = peer.id(), label = consuming.consumer.label(),
                    "takes its data more slowly than it comes: a message was left out");
            }
            DataConsumerEvent::Close => {
                let producer = consuming.consumer.data_producer_id();
                if peer.data_considered.get(&producer) == Some(&consuming.on) {
                    peer.data_considered.remove(&producer);
                }
                peer.data_consumers.remove(&id);
                peer.asked.retain(|_, asked| asked.of != Consumed::Data(id));
                self.notify(key, "dataConsumerClosed", json!({ "dataConsumerId": id }));
            }
            DataConsumerEvent::Message(_)
            | DataConsumerEvent::BufferedAmountLow(_)
            | DataConsumerEvent::Pause
            | DataConsumerEvent::Resume
            | DataConsumerEvent::DataProducerPause
            | DataConsumerEvent::DataProducerResume
            | DataConsumerEvent::DataProducerClose
            | DataConsumerEvent::ChannelClose
            | DataConsumerEvent::TransportClose
            | _ => {}
        }
    }

    pub(super) fn data_producer_stats(
        &mut self,
        key: PeerKey,
        request: u32,
        id: DataProducerId,
    ) -> Result<(), Refusal> {
        let producing = self.peers.get(&key).and_then(|peer| peer.data_producers.get(&id));
        let producer = producing.map(|one| one.producer.clone());
        let producer = producer.ok_or_else(|| Refusal::no_such("data producer", id))?;
        self.work(async move {
            let stats = producer.get_stats().await;
            let answer = stats::one("data-producer", stats, || Refusal::no_such("data producer", id));
            answer_with(key, request, answer)
        });
        Ok(())
    }

    pub(super) fn data_consumer_stats(
        &mut self,
        key: PeerKey,
        request: u32,
        id: DataConsumerId,
    ) -> Result<(), Refusal> {
        let consuming = self.peers.get(&key).and_then(|peer| peer.data_consumers.get(&id));
        let consumer = consuming.map(|one| one.consumer.clone());
        let consumer = consumer.ok_or_else(|| Refusal::no_such("data consumer", id))?;
        self.work(async move {
            let stats = consumer.get_stats().await;
            let answer = stats::one("data-consumer", stats, || Refusal::no_such("data consumer", id));
            answer_with(key, request, answer)
        });
        Ok(())
    }

    fn take_data_producer(&mut self, key: PeerKey, id: DataProducerId) -> Option<DataProducing> {
        let mut producing = self.peers.get_mut(&key)?.data_producers.remove(&id)?;
        self.forget_data(id);
        if let Some((request, _)) = producing.unanswered.take() {
            self.answer(key, request, Ok(json!({ "id": id })));
        }
        Some(producing)
    }

    /// Nobody needs to know any more who considered a data producer that is gone.
    pub(super) fn forget_data(&mut self, id: DataProducerId) {
        for peer in self.peers.values_mut() {
            peer.data_considered.remove(&id);
        }
    }
}
