//! A peer that plays.
use super::connection::{Connection, End, Step};
use crate::listeners::past;
use crate::net::link::Link;
use crate::net::outbox::{Pump, Turned};
use crate::renditions::{flv, rtmp};
use hub::{Deed, NotReady, OpenError, PastError, Reader, View};
use media::Tracks;
use protocols::rtmp::server::{Event, Request};

/// There is no such stream.
const NOT_FOUND: &str = "NetStream.Play.StreamNotFound";
/// There is, but it cannot be played.
const FAILED: &str = "NetStream.Play.Failed";

/// Most bytes that may wait for a player that asks on and takes nothing: 32 MiB, more than any frame with its replies.
const WAITING_MAX: usize = 32 << 20;

impl Connection {
    /// Plays until the peer stops (`Ok`: it may ask for another stream) or the connection ends.
    pub(super) async fn play(&mut self, request: &Request) -> Result<(), End> {
        let name = match self.admit(request, Deed::Read) {
            Ok(name) => name,
            Err(why) => return Err(self.refuse(FAILED, why)),
        };
        let name = match past::stream(&self.worker, name, &request.query).await {
            Ok(name) => name,
            Err(error @ PastError::Nothing(_)) => return Err(self.refuse(NOT_FOUND, error.to_string())),
            Err(error) => return Err(self.refuse(FAILED, error.to_string())),
        };
        let view = match self.worker.open_for(&name, flv::wants()).await {
            Ok(view) => view,
            Err(error @ OpenError::NotFound(_)) => return Err(self.refuse(NOT_FOUND, error.to_string())),
            Err(error @ OpenError::Shutdown) => return Err(self.refuse(FAILED, error.to_string())),
        };
        let tracks = match self.wait(&view).await? {
            Some(Ok(tracks)) => tracks,
            Some(Err(error)) => return Err(self.refuse(FAILED, format!("{name}: {error}"))),
            None => return Ok(()),
        };
        let reader = match view.reader(rtmp::format(&flv::carried(&tracks)), self.peer_info(request)) {
            Ok(reader) => reader,
            Err(error) => return Err(self.refuse(FAILED, format!("{name}: {error}"))),
        };
        self.session.accept_play(hub::now());
        self.pour(reader).await
    }

    /// Waits for the stream's tracks; `None` when the peer gave up.
    async fn wait(&mut self, view: &View) -> Result<Option<Result<Tracks, NotReady>>, End> {
        let ready = view.ready();
        tokio::pin!(ready);
        loop {
            match self.step()? {
                Step::Event(Event::Ended) => return Ok(None),
                Step::Event(Event::Publish(_) | Event::Play(_) | Event::Media(_) | Event::Paused(_)) => {}
                Step::WaitUntil(until) => tokio::select! {
                    turned = self.turn(until) => turned?,
                    ready = &mut ready => return Ok(Some(ready)),
                },
            }
        }
    }

    async fn pour(&mut self, reader: Reader) -> Result<(), End> {
        let mut pump = Pump::new(reader);
        let mut paused = false;
        loop {
            let until = match self.step() {
                Ok(Step::Event(Event::Ended)) => {
                    pump.into_reader().leave("the player stopped");
                    return Ok(());
                }
                Ok(Step::Event(Event::Paused(pauses))) => {
                    paused = pauses;
                    continue;
                }
                Ok(Step::Event(Event::Publish(_) | Event::Play(_) | Event::Media(_))) => continue,
                Ok(Step::WaitUntil(until)) => until,
                Err(end) => {
                    pump.into_reader().leave(end.to_string());
                    return Err(end);
                }
            };
            let turned = if paused {
                // The reader falls behind meanwhile and goes on at a key frame.
                self.turn(until).await.map(|()| Turned::Goes)
            } else {
                self.pump(&mut pump, until).await
            };
            match turned {
                Ok(Turned::Goes) => {}
                Ok(Turned::Ended(reason)) => {
                    drop(pump);
                    return Err(self.finish(reason.to_string()));
                }
                Err(end) => {
                    pump.into_reader().leave(end.to_string());
                    return Err(end);
                }
            }
        }
    }

    /// One turn of the pump, beside reading.
    async fn pump(&mut self, pump: &mut Pump, until: media::Moment) -> Result<Turned, End> {
        let (read, buffer, write, outbox) = self.link.split();
        let count = tokio::select! {
            turned = pump.turn(outbox, write) => return Ok(turned?),
            count = Link::receive(read, buffer) => count?,
            () = hub::sleep_until(until) => 0,
        };
        if count > 0 {
            self.session.handle_input(self.link.received(count), hub::now());
        }
        if self.link.outbox.len() > WAITING_MAX {
            let why = "the player asks on and on and takes no answers";
            return Err(End::Lost(std::io::Error::other(why)));
        }
        Ok(Turned::Goes)
    }
}
