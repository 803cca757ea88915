//! What participants send.
use super::owner::{After, Happening, RoomOwner};
use super::peer::{PeerKey, Producing};
use super::stats;
use super::transports::answer_with;
use crate::events::RoomHappening;
use crate::refusal::Refusal;
use crate::request::{Direction, Produce};
use serde_json::{Value, json};
use sfu::rtp_parameters::MediaKind;
use sfu::{ProduceError, Producer, ProducerEvent, ProducerId, ProducerOptions, Transport};

/// What a producer is to be, besides what the router knows.
struct Described {
    source: Option<String>,
    app_data: Value,
    paused: bool,
}

impl RoomOwner {
    pub(super) fn produce(&mut self, key: PeerKey, id: u32, produce: Produce) -> Result<(), Refusal> {
        let max = self.limits.producers_per_participant_max;
        let peer = self.joined_mut(key)?;
        let source = produce.source().map(str::to_owned);
        peer.grants
            .may_publish(produce.kind, source.as_deref())
            .map_err(|what| Refusal::forbidden(format!("the token does not grant {what}")))?;
        let way = peer.way(produce.transport_id, Direction::Send)?;
        if peer.producers.len() + peer.producers_coming >= max {
            return Err(Refusal::limit("producers_per_participant_max", max, "producers at a time"));
        }
        let transport = way.transport.clone();
        peer.producers_coming += 1;
        let Produce { kind, rtp_parameters, paused, app_data, .. } = produce;
        let described = Described { source, app_data: app_data.unwrap_or_else(|| json!({})), paused };
        let mut options = ProducerOptions::new(kind, rtp_parameters);
        options.paused = paused;
        self.work(async move {
            let made = transport.produce(options).await;
            let after: After = Box::new(move |room| room.produced(key, id, made, described));
            after
        });
        Ok(())
    }

    fn produced(
        &mut self,
        key: PeerKey,
        id: u32,
        made: Result<Producer, ProduceError>,
        described: Described,
    ) {
        // without the peer the producer is dropped, and so closed
        let Some(peer) = self.peers.get_mut(&key) else { return };
        peer.producers_coming = peer.producers_coming.saturating_sub(1);
        let producer = match made {
            Ok(producer) => producer,
            Err(error) => return self.answer(key, id, Err(error.into())),
        };
        let (producer_id, kind, events) = (producer.id(), producer.kind(), producer.events());
        let Described { source, app_data, paused } = described;
        let identity = peer.id().to_owned();
        peer.producers.insert(producer_id, Producing { producer, source: source.clone(), app_data, paused });
        self.listen(events, ProducerEvent::Close, move |event| Happening::Producer(key, producer_id, event));
        self.answer(key, id, Ok(json!({ "id": producer_id })));
        self.tell(RoomHappening::TrackPublished { identity, producer: producer_id, kind, source });
        if kind == MediaKind::Audio {
            self.hear(producer_id);
        }
        self.offer_to_all(key, producer_id);
    }

    pub(super) fn close_producer(&mut self, key: PeerKey, id: ProducerId) -> Result<Value, Refusal> {
        // dropped, and so closed; its consumers tell of that by events
        self.take_producer(key, id, "closed").ok_or_else(|| Refusal::no_such("producer", id))?;
        Ok(json!({}))
    }

    pub(super) fn pause_producer(
        &mut self,
        key: PeerKey,
        request: u32,
        id: ProducerId,
        pause: bool,
    ) -> Result<(), Refusal> {
        let producer = self.producer(key, id)?;
        self.work(async move {
            let done = if pause { producer.pause().await } else { producer.resume().await };
            answer_with(key, request, done.map(|()| json!({})).map_err(Refusal::from))
        });
        Ok(())
    }

    pub(super) fn producer_stats(
        &mut self,
        key: PeerKey,
        request: u32,
        id: ProducerId,
    ) -> Result<(), Refusal> {
        let producer = self.producer(key, id)?;
        self.work(async move {
            let stats = producer.get_stats().await;
            answer_with(key, request, stats::received(stats))
        });
        Ok(())
    }

    pub(super) fn producer_happened(&mut self, key: PeerKey, id: ProducerId, event: ProducerEvent) {
        let producing = self.peers.get_mut(&key).and_then(|peer| peer.producers.get_mut(&id));
        let Some(producing) = producing else { return };
        match event {
            ProducerEvent::Score(score) => {
                self.notify(key, "producerScore", json!({ "producerId": id, "score": score }));
            }
            ProducerEvent::Pause => producing.paused = true,
            ProducerEvent::Resume => producing.paused = false,
            ProducerEvent::Close => {
                self.take_producer(key, id, "transport_closed");
                let told = json!({ "producerId": id, "reason": "its transport was closed" });
                self.notify(key, "producerClosed", told);
            }
            // the others' clients turn pictures by themselves: the orientation is in the packets
            ProducerEvent::VideoOrientationChange(_) | ProducerEvent::TransportClose | _ => {}
        }
    }

    fn take_producer(&mut self, key: PeerKey, id: ProducerId, reason: &'static str) -> Option<Producing> {
        let peer = self.peers.get_mut(&key)?;
        let producing = peer.producers.remove(&id)?;
        let identity = peer.id().to_owned();
        let kind = producing.kind();
        self.forget(id);
        self.tell(RoomHappening::TrackUnpublished { identity, producer: id, kind, reason });
        Some(producing)
    }

    /// Nobody needs to know any more who considered a producer that is gone, or whether it spoke.
    pub(super) fn forget(&mut self, id: ProducerId) {
        for peer in self.peers.values_mut() {
            peer.considered.remove(&id);
        }
        self.unhear(id);
    }

    fn producer(&self, key: PeerKey, id: ProducerId) -> Result<Producer, Refusal> {
        let producing = self.peers.get(&key).and_then(|peer| peer.producers.get(&id));
        producing.map(|one| one.producer.clone()).ok_or_else(|| Refusal::no_such("producer", id))
    }
}
