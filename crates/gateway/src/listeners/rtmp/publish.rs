//! A peer that publishes.
use super::connection::{Connection, End, Step};
use crate::ingest::flv::FlvIngest;
use crate::net::rendezvous::Seat;
use hub::{Deed, Publisher};
use media::StreamName;
use protocols::rtmp::server::{Event, Request};

/// The name is taken, or cannot be published into.
const BAD_NAME: &str = "NetStream.Publish.BadName";
/// The peer may not.
const DENIED: &str = "NetStream.Publish.Denied";

impl Connection {
    /// Publishes until the peer ends its stream (`Ok`: it may begin another) or the connection ends.
    pub(super) async fn publish(&mut self, request: &Request) -> Result<(), End> {
        let (name, publisher, _presence) = match self.seat(request) {
            Some(Seat { stream, publisher, presence }) => (stream, publisher, Some(presence)),
            None => {
                let (name, publisher) = self.ask_to_publish(request).await?;
                (name, publisher, None)
            }
        };
        self.session.accept_publish(hub::now());
        let mut ingest = FlvIngest::new(name, publisher);
        let end = self.take_media(&mut ingest).await;
        ingest.finish().await;
        end
    }

    async fn ask_to_publish(&mut self, request: &Request) -> Result<(StreamName, Publisher), End> {
        let name = match self.admit(request, Deed::Publish) {
            Ok(name) => name,
            Err(why) => return Err(self.refuse(DENIED, why)),
        };
        let (peer, near) = (self.peer_info(request), Some(self.worker.id()));
        match self.worker.hub().publish(&name, peer, near).await {
            Ok(publisher) => Ok((name, publisher)),
            Err(error) => Err(self.refuse(BAD_NAME, error.to_string())),
        }
    }

    async fn take_media(&mut self, ingest: &mut FlvIngest) -> Result<(), End> {
        loop {
            let ended = match self.step()? {
                Step::Event(Event::Media(media)) => {
                    let now = hub::now();
                    ingest.handle_tag(media.kind, media.timestamp_ms, media.data, now).await.err()
                }
                Step::Event(Event::Ended) => return Ok(()),
                Step::Event(Event::Publish(_) | Event::Play(_) | Event::Paused(_)) => None,
                Step::WaitUntil(until) => tokio::select! {
                    turned = self.turn(until) => {
                        turned?;
                        None
                    }
                    ended = ingest.ended() => Some(ended),
                },
            };
            if let Some(ended) = ended {
                return Err(self.finish(ended.to_string()));
            }
        }
    }
}
