//! What the server API, and participants whose token grants it, do to others.
use super::owner::{After, RoomOwner};
use super::peer::PeerKey;
use crate::ending::Ending;
use crate::refusal::Refusal;
use crate::request::{KickPeer, MutePeer};
use serde_json::{Value, json};
use sfu::{Producer, ProducerId};

impl RoomOwner {
    /// Throws somebody out; false when they are not there.
    pub(super) fn kick(&mut self, identity: &str, reason: &str) -> bool {
        let Some(key) = self.find(identity) else { return false };
        self.notify(key, "kicked", json!({ "reason": reason }));
        self.end(key, Ending::Kicked(reason.to_owned()));
        true
    }

    /// Pauses, or lets go on, one or all of what somebody sends, and tells them; false when there is no such thing.
    pub(super) fn mute(
        &mut self,
        identity: &str,
        producer: Option<ProducerId>,
        muted: bool,
        by: &'static str,
    ) -> bool {
        let Some((key, peer)) = self.find(identity).and_then(|key| Some((key, self.peers.get(&key)?))) else {
            return false;
        };
        let meant = peer.producers.iter().filter(|(id, _)| producer.is_none_or(|one| one == **id));
        let producers: Vec<Producer> = meant.map(|(_, one)| one.producer.clone()).collect();
        let found = producer.is_none() || !producers.is_empty();
        for producer in producers {
            self.work(async move {
                let id = producer.id();
                let done = if muted { producer.pause().await } else { producer.resume().await };
                let after: After = Box::new(move |room| {
                    // a worker that has ended ends the producer too, which is told
                    if done.is_ok() {
                        let method = if muted { "producerPaused" } else { "producerResumed" };
                        room.notify(key, method, json!({ "producerId": id, "reason": format!("by {by}") }));
                    }
                });
                after
            });
        }
        found
    }

    /// Whether somebody may do such things.
    pub(super) fn admin(&self, key: PeerKey) -> Result<(), Refusal> {
        match self.peers.get(&key) {
            Some(peer) if peer.grants.admin => Ok(()),
            Some(_) | None => Err(Refusal::forbidden("the token does not grant admin")),
        }
    }

    pub(super) fn kick_peer(&mut self, key: PeerKey, kick: &KickPeer) -> Result<Value, Refusal> {
        self.admin(key)?;
        if self.find(&kick.peer_id) == Some(key) {
            return Err(Refusal::conflict("peerId: that is you; close the connection instead"));
        }
        match self.kick(&kick.peer_id, kick.reason.as_deref().unwrap_or("by an admin")) {
            true => Ok(json!({})),
            false => Err(no_such_peer()),
        }
    }

    pub(super) fn mute_peer(&mut self, key: PeerKey, mute: &MutePeer) -> Result<Value, Refusal> {
        self.admin(key)?;
        match self.mute(&mute.peer_id, mute.producer_id, mute.muted, "an admin") {
            true => Ok(json!({})),
            false => Err(no_such_peer()),
        }
    }
}

fn no_such_peer() -> Refusal {
    Refusal { code: 404, reason: "there is no such peer here, or it has no such producer".to_owned() }
}
