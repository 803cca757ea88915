//! A player's driver: reads a stream's WebRTC rendition and sends it to one peer.
//!
//! Owns the session, the hold on the stream from the first moment, and the reader from the connection on: so that it
//! starts at the newest key frame then, and not at the one that was newest when the offer came. Where the peer may talk,
//! what it says goes to a [`Talk`] task.
use super::catch_up::CatchUp;
use super::choice;
use super::driver::Driver;
use super::error::WebRtcError;
use super::frame::{self, SendFrame};
use super::handle::{Error, Reply, SessionId, Start};
use super::offer::Offer;
use super::session::{Event, Role, Session, SessionConfig};
use crate::talker::{Talk, TalkLine};
use hub::{Feedback, Item, PeerInfo, Reader, View};
use media::{StreamName, TrackId};
use std::rc::Rc;

/// Most chunks taken before they are sent: 64, more than one group's worth of sound between two pictures.
const CHUNKS_AT_ONCE: usize = 64;

/// Answers, then plays until the end.
pub(super) async fn run(start: Start, reply: Reply) {
    let mut start = start;
    match answer(&mut start).await {
        Ok((id, answer, mut player)) => {
            if reply.send(Ok((id, answer))).is_err() {
                // Whoever asked is gone, and nobody else has the answer.
                return;
            }
            let reason = player.play().await;
            tracing::debug!(session = ?id, stream = %player.view.name(), %reason, "player over");
        }
        // Nobody to tell: then it does not matter either.
        Err(error) => drop(reply.send(Err(error))),
    }
}

struct Player {
    driver: Driver,
    view: View,
    peer: PeerInfo,
    reader: Option<Reader>,
    /// When the newest picture taken is shown.
    shown: Option<i64>,
    catch_up: CatchUp,
    /// Which tracks are video.
    video: Vec<TrackId>,
    /// Which tracks the peer gets.
    sent: Vec<TrackId>,
    talk: Option<Talk>,
}

/// The talk line, where the peer may talk and the stream can be talked to, and its talk stream.
async fn talk_of(start: &mut Start) -> Option<(TalkLine, StreamName)> {
    let line = start.talk.take()?;
    let stream = hub::talk_name(&start.stream)?;
    start.worker.hub().has(&stream).await.then_some((line, stream))
}

async fn answer(start: &mut Start) -> Result<(SessionId, String, Player), Error> {
    let text = start.offer.clone();
    let offer = Offer::parse(&text).map_err(|what| WebRtcError::BadOffer(what.to_owned()))?;
    let view = start.worker.open_for(&start.stream, choice::wants(&offer)).await?;
    let tracks = view.ready().await.map_err(|error| Error::NotReady(error.to_string()))?;
    let sent: Vec<TrackId> =
        choice::for_player(&offer, &tracks).sends.iter().map(|(_, track)| *track).collect();
    if sent.iter().any(|track| view.reorders(*track)) {
        return Err(WebRtcError::BFrames.into());
    }
    let talk = talk_of(start).await;
    let shared = &start.shared;
    let config = SessionConfig {
        role: if talk.is_some() { Role::Talker(tracks.clone()) } else { Role::Player(tracks.clone()) },
        ice_lite: shared.ice_lite,
        candidates: shared.candidates.clone(),
        bandwidth: shared.bandwidth,
    };
    let (session, answer) = Session::answer(&shared.context, &start.offer, config, hub::now())?;
    let (id, registration, inbox) = start.register(session.ufrag()).await?;
    let talk = talk.filter(|_| session.hears());
    let talk = talk.map(|(line, stream)| Talk::start(&start.worker, stream, start.peer.clone(), line));
    let driver = Driver::new(session, shared.clone(), registration, inbox);
    let peer = start.peer.clone();
    let catch_up = CatchUp::new(&[], |_| false, hub::now());
    let video = tracks.iter().filter(|track| track.codec.is_video()).map(|track| track.id).collect();
    Ok((id, answer, Player { driver, view, peer, reader: None, shown: None, catch_up, video, sent, talk }))
}

/// The next item of a reader; never, while there is none.
async fn next(reader: &mut Option<Reader>) -> Item {
    match reader {
        Some(reader) => reader.next().await,
        None => std::future::pending().await,
    }
}

impl Player {
    async fn play(&mut self) -> String {
        let mut events = Vec::new();
        loop {
            self.driver.drain(&mut events);
            for event in events.drain(..) {
                match event {
                    Event::Connected => self.join(),
                    Event::KeyframeWanted { .. } => {
                        if let Some(reader) = &self.reader {
                            reader.ask(Feedback::KeyframeWanted);
                        }
                    }
                    Event::Estimate { bits_per_second } => {
                        if let Some(reader) = &self.reader {
                            reader.set_estimate(bits_per_second);
                        }
                    }
                    Event::Tracks(tracks) => {
                        if let Some(talk) = &mut self.talk {
                            talk.retrack(tracks);
                        }
                    }
                    Event::Unit(unit) => {
                        let lost = self.driver.session.stats().packets_lost;
                        if let Some(talk) = &mut self.talk {
                            talk.say(unit, lost);
                        }
                    }
                    Event::Ended(reason) => {
                        let reason = reason.to_string();
                        if let Some(reader) = self.reader.take() {
                            reader.leave(reason.clone());
                        }
                        return reason;
                    }
                }
            }
            tokio::select! {
                biased;
                wake = self.driver.wake() => self.driver.handle(wake),
                item = next(&mut self.reader) => self.take(item),
                () = hub::sleep_until(self.catch_up.due()) => {
                    let now = hub::now();
                    self.catch_up.release(now, |frame| self.driver.session.send_frame(frame, now));
                }
            }
        }
    }

    /// Connected: starts to read, with what is cached since the newest key frame.
    fn join(&mut self) {
        let mut reader = match self.view.reader(frame::format(&self.sent), self.peer.clone()) {
            Ok(reader) => reader,
            Err(error) => {
                tracing::debug!(%error, stream = %self.view.name(), "a player could not read");
                self.driver.session.close(hub::now());
                return;
            }
        };
        let mut past: Vec<Rc<SendFrame>> = Vec::new();
        while let Some(Item::Chunk(chunk)) = reader.try_next() {
            past.push(frame::cut(&chunk));
        }
        if past.is_empty() {
            reader.ask(Feedback::KeyframeWanted);
        }
        let now = hub::now();
        self.catch_up = CatchUp::new(&past, |frame| self.video.contains(&frame.track), now);
        self.catch_up.release(now, |frame| self.driver.session.send_frame(frame, now));
        self.reader = Some(reader);
    }

    /// True when a picture is shown before one that was sent earlier.
    fn goes_back(&mut self, frame: &SendFrame) -> bool {
        if !self.video.contains(&frame.track) {
            return false;
        }
        let back = self.shown.is_some_and(|shown| frame.pts < shown);
        self.shown = Some(frame.pts);
        back
    }

    fn take(&mut self, first: Item) {
        let now = hub::now();
        let mut item = first;
        for taken in 1.. {
            match item {
                Item::Chunk(chunk) => {
                    let frame = frame::cut(&chunk);
                    if self.goes_back(&frame) {
                        // Found out late: the next offer is answered with why.
                        tracing::warn!(stream = %self.view.name(), "{}", WebRtcError::BFrames);
                        self.driver.session.close(now);
                        return;
                    }
                    if !self.catch_up.is_over() && self.video.contains(&frame.track) {
                        self.catch_up.push(frame);
                    } else {
                        self.driver.session.send_frame(&frame, now);
                    }
                }
                // The format has no header.
                Item::Header(_) => {}
                Item::Ended(_) => {
                    // Its reason is in the reader's own report.
                    self.reader = None;
                    self.driver.session.close(now);
                    return;
                }
            }
            if taken == CHUNKS_AT_ONCE {
                break;
            }
            let Some(next) = self.reader.as_mut().and_then(Reader::try_next) else { break };
            item = next;
        }
        if let Some(reader) = &mut self.reader {
            reader.progressed(now);
        }
    }
}
