//! Requests of clients, each to whom it concerns.
use super::owner::RoomOwner;
use super::peer::PeerKey;
use super::rate::BURST;
use crate::refusal::Refusal;
use crate::request::Request;
use serde_json::{Value, json};
use tokio::time::Instant;

impl RoomOwner {
    pub(super) fn request(&mut self, key: PeerKey, id: u32, request: Request) {
        let max = self.shared.config.limits.requests_in_flight_max;
        let Some(peer) = self.peers.get_mut(&key) else { return };
        peer.in_flight += 1;
        if !peer.rate.take(Instant::now()) {
            return self.answer(key, id, Err(Refusal::too_often(BURST)));
        }
        if peer.in_flight > max {
            let refusal = Refusal::limit("requests_in_flight_max", max, "requests at a time");
            return self.answer(key, id, Err(refusal));
        }
        // what takes time answers by itself: `None`
        let answer = match request {
            Request::Authenticate(_) => {
                Some(Err(Refusal::conflict("the connection has authenticated already")))
            }
            Request::GetRouterRtpCapabilities => Some(self.capabilities()),
            Request::Join(join) => {
                let answer = self.join(key, *join);
                let joined = answer.is_ok();
                self.answer(key, id, answer);
                // consumers come behind the answer that tells of their peers
                if joined {
                    self.tell_who_speaks(key);
                    self.offer_all(key);
                }
                None
            }
            Request::CreateWebRtcTransport(wanted) => self.create_transport(key, id, &wanted).err().map(Err),
            Request::ConnectWebRtcTransport(with) => self.connect_transport(key, id, with).err().map(Err),
            Request::RestartIce(of) => self.restart_ice(key, id, of.transport_id).err().map(Err),
            Request::CloseTransport(of) => Some(self.close_transport(key, of.transport_id)),
            Request::GetTransportStats(of) => self.transport_stats(key, id, of.transport_id).err().map(Err),
            Request::Produce(produce) => self.produce(key, id, *produce).err().map(Err),
            Request::CloseProducer(of) => Some(self.close_producer(key, of.producer_id)),
            Request::PauseProducer(of) => self.pause_producer(key, id, of.producer_id, true).err().map(Err),
            Request::ResumeProducer(of) => self.pause_producer(key, id, of.producer_id, false).err().map(Err),
            Request::GetProducerStats(of) => self.producer_stats(key, id, of.producer_id).err().map(Err),
            Request::PauseConsumer(of) => self.pause_consumer(key, id, of.consumer_id, true).err().map(Err),
            Request::ResumeConsumer(of) => self.pause_consumer(key, id, of.consumer_id, false).err().map(Err),
            Request::RequestConsumerKeyFrame(of) => self.key_frame(key, id, of.consumer_id).err().map(Err),
            Request::SetConsumerPreferredLayers(wanted) => self.prefer(key, id, wanted).err().map(Err),
            Request::SetConsumerPriority(wanted) => self.prioritise(key, id, wanted).err().map(Err),
            Request::GetConsumerStats(of) => self.consumer_stats(key, id, of.consumer_id).err().map(Err),
            Request::ProduceData(produce) => self.produce_data(key, id, produce).err().map(Err),
            Request::CloseDataProducer(of) => Some(self.close_data_producer(key, of.data_producer_id)),
            Request::GetDataProducerStats(of) => {
                self.data_producer_stats(key, id, of.data_producer_id).err().map(Err)
            }
            Request::GetDataConsumerStats(of) => {
                self.data_consumer_stats(key, id, of.data_consumer_id).err().map(Err)
            }
            Request::ChangeDisplayName(change) => Some(self.rename(key, change.display_name)),
            Request::KickPeer(kick) => Some(self.kick_peer(key, &kick)),
            Request::MutePeer(mute) => Some(self.mute_peer(key, &mute)),
            Request::CloseRoom(close) => {
                let allowed = self.admin(key).map(|()| json!({}));
                let reason =
                    allowed.is_ok().then(|| close.reason.unwrap_or_else(|| "by an admin".to_owned()));
                self.answer(key, id, allowed);
                if let Some(reason) = reason {
                    self.close(reason.clone(), crate::Ending::RoomClosed(reason));
                }
                None
            }
        };
        if let Some(answer) = answer {
            self.answer(key, id, answer);
        }
    }

    fn capabilities(&self) -> Result<Value, Refusal> {
        let capabilities = to_json(self.router.rtp_capabilities())?;
        // beside the named field its fields themselves: demo clients take the whole answer for the capabilities
        let mut answer = capabilities.clone();
        if let Value::Object(map) = &mut answer {
            map.insert("routerRtpCapabilities".into(), capabilities);
        }
        Ok(answer)
    }
}

/// A value of ours as JSON. They all can be: an error is a defect of ours, and is told as one.
pub(super) fn to_json(value: &impl serde::Serialize) -> Result<Value, Refusal> {
    serde_json::to_value(value).map_err(|error| Refusal::gone(error.to_string()))
}
