//! What the server API is told of a room.
use super::owner::{After, RoomOwner};
use super::peer::{Peer, Readiness};
use crate::facts::{
    ConsumerFacts, DataProducerFacts, ParticipantFacts, ProducerFacts, RoomDetails, RoomFacts, TransportFacts,
};
use crate::request::Direction;
use sfu::{Consumer, ConsumerId, Producer, ProducerId};
use std::collections::HashMap;
use tokio::sync::oneshot;

impl RoomOwner {
    pub(super) fn facts(&self) -> RoomFacts {
        RoomFacts {
            name: self.name.clone(),
            since: self.since,
            participants: self.peers.values().filter(|peer| peer.joined.is_some()).count(),
            connections: self.peers.len(),
            producers: self.peers.values().map(|peer| peer.producers.len()).sum(),
            consumers: self.peers.values().map(|peer| peer.consumers.len()).sum(),
            limits: self.limits,
        }
    }

    /// Tells all, with statistics if they are wanted: those take a question to the worker for each producer and consumer.
    pub(super) fn details(&mut self, stats: bool, reply: oneshot::Sender<RoomDetails>) {
        let mut details = RoomDetails {
            room: self.facts(),
            participants: self.peers.values().filter_map(participant).collect(),
        };
        if !stats {
            // who asked may have given up
            let _ = reply.send(details);
            return;
        }
        let producers = self.peers.values().flat_map(|peer| &peer.producers);
        let producers: HashMap<ProducerId, Producer> =
            producers.map(|(id, one)| (*id, one.producer.clone())).collect();
        let consumers = self.peers.values().flat_map(|peer| &peer.consumers);
        let consumers: HashMap<ConsumerId, Consumer> =
            consumers.map(|(id, one)| (*id, one.consumer.clone())).collect();
        self.work(async move {
            for participant in &mut details.participants {
                for facts in &mut participant.producers {
                    if let Some(producer) = producers.get(&facts.id) {
                        facts.stats = producer.get_stats().await.ok();
                    }
                }
                for facts in &mut participant.consumers {
                    if let Some(consumer) = consumers.get(&facts.id) {
                        facts.stats = consumer.get_stats().await.ok();
                    }
                }
            }
            let _ = reply.send(details);
            let nothing: After = Box::new(|_| {});
            nothing
        });
    }
}

/// Of somebody who has joined.
fn participant(peer: &Peer) -> Option<ParticipantFacts> {
    let joined = peer.joined.as_ref()?;
    let transports = peer.transports.iter();
    let producers = peer.producers.iter();
    let consumers = peer.consumers.iter();
    Some(ParticipantFacts {
        identity: peer.id().to_owned(),
        name: peer.display_name().to_owned(),
        metadata: peer.metadata.clone(),
        joined: joined.at,
        remote: peer.remote.clone(),
        hidden: peer.grants.hidden,
        recorder: peer.grants.recorder,
        transports: transports
            .map(|(id, way)| TransportFacts { id: *id, sends: way.direction == Direction::Send })
            .collect(),
        producers: producers
            .map(|(id, one)| ProducerFacts {
                id: *id,
                kind: one.kind(),
                source: one.source.clone(),
                paused: one.paused,
                stats: None,
            })
            .collect(),
        consumers: consumers
            .map(|(id, one)| ConsumerFacts {
                id: *id,
                producer_id: one.consumer.producer_id(),
                kind: one.consumer.kind(),
                paused: one.paused || matches!(one.readiness, Readiness::Offered),
                stats: None,
            })
            .collect(),
        data_producers: peer
            .data_producers
            .iter()
            .map(|(id, one)| DataProducerFacts { id: *id, label: one.producer.label().to_owned() })
            .collect(),
    })
}
