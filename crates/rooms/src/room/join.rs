//! Coming and going.
use super::Entrant;
use super::owner::RoomOwner;
use super::peer::{Joined, Peer, PeerKey};
use crate::config::SameIdentity;
use crate::ending::Ending;
use crate::events::RoomHappening;
use crate::refusal::Refusal;
use crate::request::Join;
use serde_json::{Value, json};
use tokio::time::Instant;

impl RoomOwner {
    /// Lets a connection in; it has not joined yet.
    pub(super) fn enter(&mut self, entrant: Entrant) -> Result<PeerKey, Refusal> {
        let max = self.limits.participants_max;
        if self.peers.len() >= max {
            return Err(Refusal::limit("participants_max", max, "connections to this room"));
        }
        let Entrant { claims, remote, outbox } = entrant;
        let peer = Peer::new(claims, &self.name, remote, outbox);
        Ok(self.add(peer))
    }

    pub(super) fn join(&mut self, key: PeerKey, join: Join) -> Result<Value, Refusal> {
        let Some(peer) = self.peers.get(&key) else { return Err(Refusal::gone("the connection has ended")) };
        if peer.joined.is_some() {
            return Err(Refusal::conflict("the connection has joined already"));
        }
        let identity = match (&peer.identity, join.identity) {
            (Some(identity), _) => identity.clone(),
            (None, Some(identity)) => identity,
            (None, None) => uuid::Uuid::new_v4().to_string(),
        };
        if let Some(other) = self.find(&identity) {
            match self.shared.config.same_identity {
                SameIdentity::Replace => self.end(other, Ending::Replaced),
                SameIdentity::Refuse => {
                    return Err(Refusal::conflict(format!("{identity} is in the room already")));
                }
            }
        }
        let at = (self.shared.config.wall_now)();
        let Some(peer) = self.peers.get_mut(&key) else {
            return Err(Refusal::gone("the connection has ended"));
        };
        peer.identity = Some(identity.clone());
        peer.name = peer.name.take().or(join.display_name).filter(|name| !name.is_empty());
        peer.device = join.device.unwrap_or_else(|| json!({}));
        peer.joined = Some(Joined { at, since: Instant::now(), capabilities: join.rtp_capabilities });
        let (shown, grants) = (peer.shown(), peer.grants.clone());
        let name = peer.display_name().to_owned();
        if grants.is_announced() {
            self.notify_others(key, "newPeer", &shown);
        }
        self.tell(RoomHappening::ParticipantJoined {
            identity: identity.clone(),
            name,
            hidden: grants.hidden,
            recorder: grants.recorder,
        });
        let others = self.peers.iter().filter(|(other, peer)| **other != key && peer.is_announced());
        let peers: Vec<Value> = others.map(|(_, peer)| peer.shown()).collect();
        Ok(json!({ "id": identity, "room": self.name.as_str(), "peers": peers, "grants": grants.write() }))
    }

    /// Who has joined under this identity.
    pub(super) fn find(&self, identity: &str) -> Option<PeerKey> {
        let mut joined = self.peers.iter().filter(|(_, peer)| peer.joined.is_some());
        joined.find(|(_, peer)| peer.id() == identity).map(|(key, _)| *key)
    }

    pub(super) fn rename(&mut self, key: PeerKey, display_name: String) -> Result<Value, Refusal> {
        let peer = self.joined_mut(key)?;
        let old = peer.display_name().to_owned();
        peer.name = Some(display_name.clone());
        let announced = peer.is_announced();
        let told = json!({ "peerId": peer.id(), "displayName": display_name, "oldDisplayName": old });
        if announced {
            self.notify_others(key, "peerDisplayNameChanged", &told);
        }
        Ok(json!({}))
    }

    /// A peer that has joined.
    pub(super) fn joined_mut(&mut self, key: PeerKey) -> Result<&mut Peer, Refusal> {
        match self.peers.get_mut(&key) {
            Some(peer) if peer.joined.is_some() => Ok(peer),
            Some(_) => Err(Refusal::conflict("join first")),
            None => Err(Refusal::gone("the connection has ended")),
        }
    }

    /// Takes a connection and all of its out of the room; its consumers at others' end by themselves.
    pub(super) fn remove(&mut self, key: PeerKey, word: &'static str) {
        let Some(peer) = self.peers.remove(&key) else { return };
        for (id, producing) in &peer.producers {
            self.forget(*id);
            self.tell(RoomHappening::TrackUnpublished {
                identity: peer.id().to_owned(),
                producer: *id,
                kind: producing.kind(),
                reason: word,
            });
        }
        for id in peer.data_producers.keys() {
            self.forget_data(*id);
        }
        let Some(joined) = &peer.joined else { return };
        if peer.grants.is_announced() {
            self.notify_others(key, "peerClosed", &json!({ "peerId": peer.id(), "reason": word }));
        }
        self.tell(RoomHappening::ParticipantLeft {
            identity: peer.id().to_owned(),
            reason: word,
            lasted: joined.since.elapsed(),
        });
    }

    /// The same at the end of the room, where nobody is left to be told.
    pub(super) fn end_silently(&mut self, key: PeerKey, ending: Ending) {
        let word = ending.word();
        let Some(peer) = self.peers.get_mut(&key) else { return };
        peer.outbox.end(ending);
        peer.grants.hidden = true;
        self.remove(key, word);
    }
}
