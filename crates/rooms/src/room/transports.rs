//! Transports of participants.
use super::owner::{After, Happening, RoomOwner};
use super::peer::{PeerKey, Way};
use super::requests::to_json;
use super::stats;
use crate::refusal::Refusal;
use crate::request::{ConnectWebRtcTransport, CreateWebRtcTransport, Direction};
use serde_json::{Value, json};
use sfu::{
    CreateTransportError, Transport, TransportEvent, TransportId, WebRtcTransport, WebRtcTransportOptions,
};
use std::time::Duration;

/// How often it is looked whether a worker that has ended was replaced, and how many times: within 2 s.
const REPLACED_EVERY: Duration = Duration::from_millis(100);
const REPLACED_TRIES: usize = 20;

impl RoomOwner {
    pub(super) fn create_transport(
        &mut self,
        key: PeerKey,
        id: u32,
        wanted: &CreateWebRtcTransport,
    ) -> Result<(), Refusal> {
        let max = self.shared.config.limits.transports_per_participant_max;
        let Some(peer) = self.peers.get_mut(&key) else { return Ok(()) };
        match wanted.direction {
            Direction::Send if !peer.may_send() => {
                return Err(Refusal::forbidden("the token grants neither publishing nor data"));
            }
            Direction::Recv if !peer.grants.subscribe => {
                return Err(Refusal::forbidden("the token does not grant subscribing"));
            }
            Direction::Send | Direction::Recv => {}
        }
        if peer.transports.len() + peer.transports_coming >= max {
            return Err(Refusal::limit("transports_per_participant_max", max, "transports at a time"));
        }
        peer.transports_coming += 1;
        let mut options = WebRtcTransportOptions::new_with_server(self.shared.server.clone());
        options.enable_udp = !wanted.force_tcp;
        options.prefer_udp = true;
        options.enable_sctp = wanted.sctp;
        let (router, direction) = (self.router.clone(), wanted.direction);
        self.work(async move {
            let mut made = router.create_webrtc_transport(options.clone()).await;
            // a worker that has just ended is replaced, and those who were on it ask at once
            for _ in 0..REPLACED_TRIES {
                if !matches!(made, Err(CreateTransportError::WorkerGone(_))) {
                    break;
                }
                tokio::time::sleep(REPLACED_EVERY).await;
                made = router.create_webrtc_transport(options.clone()).await;
            }
            let after: After = Box::new(move |room| room.transport_made(key, id, direction, made));
            after
        });
        Ok(())
    }

    fn transport_made(
        &mut self,
        key: PeerKey,
        id: u32,
        direction: Direction,
        made: Result<WebRtcTransport, CreateTransportError>,
    ) {
        // without the peer the transport is dropped, and so closed
        let Some(peer) = self.peers.get_mut(&key) else { return };
        peer.transports_coming = peer.transports_coming.saturating_sub(1);
        let transport = match made {
            Ok(transport) => transport,
            Err(error) => return self.answer(key, id, Err(error.into())),
        };
        let transport_id = transport.id();
        let events = transport.events();
        let answer = describe(&transport);
        let number = peer.next_way;
        peer.next_way += 1;
        peer.transports.insert(transport_id, Way { transport, direction, number });
        self.listen(events, TransportEvent::Close, move |event| {
            Happening::Transport(key, transport_id, event)
        });
        self.answer(key, id, answer);
        if direction == Direction::Recv {
            self.offer_all(key);
        }
    }

    pub(super) fn connect_transport(
        &mut self,
        key: PeerKey,
        id: u32,
        with: ConnectWebRtcTransport,
    ) -> Result<(), Refusal> {
        let transport = self.transport(key, with.transport_id)?;
        self.work(async move {
            let connected = transport.connect(with.dtls_parameters).await;
            let answer = connected.map(|_| json!({})).map_err(Refusal::from);
            answer_with(key, id, answer)
        });
        Ok(())
    }

    pub(super) fn restart_ice(&mut self, key: PeerKey, id: u32, of: TransportId) -> Result<(), Refusal> {
        let transport = self.transport(key, of)?;
        self.work(async move {
            let parameters = transport.restart_ice().await;
            let answer = parameters.map(|ice| json!({ "iceParameters": ice })).map_err(Refusal::from);
            answer_with(key, id, answer)
        });
        Ok(())
    }

    pub(super) fn transport_stats(&mut self, key: PeerKey, id: u32, of: TransportId) -> Result<(), Refusal> {
        let transport = self.transport(key, of)?;
        self.work(async move {
            let stats = transport.get_stats().await;
            answer_with(key, id, stats::one("webrtc-transport", stats, || Refusal::no_such("transport", of)))
        });
        Ok(())
    }

    pub(super) fn close_transport(&mut self, key: PeerKey, of: TransportId) -> Result<Value, Refusal> {
        let peer = self.peers.get_mut(&key).ok_or_else(|| Refusal::no_such("transport", of))?;
        // dropped, and so closed; what is on it tells of its end by events
        let way = peer.transports.remove(&of).ok_or_else(|| Refusal::no_such("transport", of))?;
        if way.direction == Direction::Recv {
            peer.forget_considered_on(of);
            self.offer_all(key);
        }
        Ok(json!({}))
    }

    pub(super) fn transport_happened(&mut self, key: PeerKey, id: TransportId, event: &TransportEvent) {
        if !matches!(event, TransportEvent::Close) {
            return;
        }
        // one that its owner closed is no longer here
        let Some(peer) = self.peers.get_mut(&key) else { return };
        if let Some(way) = peer.transports.remove(&id) {
            let told = json!({ "transportId": id, "reason": "its worker has ended, or its way was lost" });
            peer.forget_considered_on(id);
            self.notify(key, "transportClosed", told);
            if way.direction == Direction::Recv {
                self.offer_all(key);
            }
        }
    }

    fn transport(&self, key: PeerKey, id: TransportId) -> Result<WebRtcTransport, Refusal> {
        let way = self.peers.get(&key).and_then(|peer| peer.transports.get(&id));
        way.map(|way| way.transport.clone()).ok_or_else(|| Refusal::no_such("transport", id))
    }
}

/// Answers a request with what took time.
pub(super) fn answer_with(key: PeerKey, id: u32, answer: Result<Value, Refusal>) -> After {
    Box::new(move |room| room.answer(key, id, answer))
}

/// What `mediasoup-client` needs to make its side.
fn describe(transport: &WebRtcTransport) -> Result<Value, Refusal> {
    let mut described = json!({
        "id": transport.id(),
        "iceParameters": to_json(transport.ice_parameters())?,
        "iceCandidates": to_json(&transport.ice_candidates())?,
        "dtlsParameters": to_json(transport.dtls_parameters())?,
    });
    // without, the client makes no data channels
    if let (Value::Object(map), Some(sctp)) = (&mut described, transport.sctp_parameters()) {
        map.insert("sctpParameters".into(), to_json(&sctp)?);
    }
    Ok(described)
}
