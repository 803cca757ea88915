//! One attempt at a participant: waits for them, then turns their packets into units until they send something else, or go.
//!
//! Owns the tap, and the ingest that makes units of its packets. What somebody sends changes seldom, so a change ends the
//! attempt, and the next one has it as it is then.
use super::Wanted;
use crate::ingest::{Ingest, Ingested, negotiated};
use bytes::Bytes;
use formats::rtp::rtcp::{self, Message};
use formats::sdp::MediaSection;
use hub::{Ended, Feedback, Publisher, SourceError, SourceTask};
use media::{Moment, TrackId, WallTime};
use rooms::{RoomEvent, RoomHappening, Rooms, Tap, TapError, TapEvent, TapTrack};
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// An attempt waits so long for somebody: 10 s, less than the hub grants to one that sends nothing, so that the reason is
/// said here.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// Who was not there is watched for 60 s, to wake the supervisor when they come: longer than it waits by default (36 s), and
/// two watches of one source at most.
const WATCH_MAX: Duration = Duration::from_secs(60);
/// Who sends a picture or sound mostly sends the other within 1.5 s: a browser makes one after the other.
const SETTLE: Duration = Duration::from_millis(1500);
/// Nothing comes for this long, and the attempt ends: 12 s, for the same reason as above.
const SILENCE_MAX: Duration = Duration::from_secs(12);
/// How long the other track waits for one whose parameters have not come: 3 s, as for publishers by WebRTC.
const TRACKS_WAIT: Duration = Duration::from_secs(3);
/// A key frame is asked for at most so often: once in 500 ms, as of publishers by WebRTC.
const KEYFRAME_EVERY: Duration = Duration::from_millis(500);
/// A picture without a key frame for this long is asked for one: 4 s, as cameras do by themselves. Browsers send none unasked,
/// and recordings cut there; one costs as much as some pictures.
const KEYFRAME_WAIT_MAX: Duration = Duration::from_secs(4);
/// How often silence, wishes and our wall clock are looked after.
const TICK: Duration = Duration::from_millis(250);

/// How an attempt ends.
enum Over {
    /// The stream takes no more.
    Stream,
    /// The participant is not there, or pauses all: they are watched.
    Absent(String),
    /// Anything else, after which another attempt is right.
    Failed(SourceError),
}

impl From<Ended> for Over {
    fn from(_: Ended) -> Self {
        Self::Stream
    }
}

pub(super) async fn run(rooms: Rooms, wanted: Wanted, task: SourceTask) -> Result<(), SourceError> {
    let SourceTask { stream, mut publisher, worker, mut stop, .. } = task;
    let pulling = async {
        // heard from before they are looked for, so that nothing is missed between
        let events = rooms.events();
        let (tap, events) = wait(&rooms, &wanted, events, &mut publisher).await?;
        Pull::new(tap, &wanted)?.flow(events, &mut publisher).await
    };
    let over = tokio::select! {
        over = pulling => over,
        // there is nobody to say goodbye to
        () = stop.wanted() => return Ok(()),
    };
    match over {
        Ok(()) | Err(Over::Stream) => Ok(()),
        Err(Over::Failed(error)) => Err(error),
        Err(Over::Absent(why)) => {
            // the supervisor waits longer and longer; whoever comes wakes it
            let hub = worker.hub().clone();
            let shown = wanted.shown();
            worker.spawn(format!("watch of {shown}"), async move {
                if tokio::time::timeout(WATCH_MAX, presence(&rooms, &wanted)).await.is_ok() {
                    hub.retry(&stream).await;
                }
            });
            Err(SourceError::peer(format!("{shown}: {why}")))
        }
    }
}

/// Whether an event is of this participant.
fn concerns(event: &RoomEvent, wanted: &Wanted) -> bool {
    let identity = match &event.what {
        RoomHappening::TrackPublished { identity, .. }
        | RoomHappening::TrackUnpublished { identity, .. }
        | RoomHappening::ParticipantLeft { identity, .. } => identity,
        RoomHappening::ParticipantJoined { .. } | RoomHappening::Started | RoomHappening::Finished { .. } => {
            return false;
        }
    };
    event.room == wanted.room && *identity == wanted.identity
}

/// Returns when something may have changed about a participant. Never, when the service has ended: the attempt is
/// told otherwise.
async fn change(events: &mut broadcast::Receiver<RoomEvent>, wanted: &Wanted) {
    loop {
        match events.recv().await {
            Ok(event) if concerns(&event, wanted) => return,
            Ok(_) => {}
            // it may have been among those lost
            Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => return std::future::pending().await,
        }
    }
}

/// Returns when they are there and do not pause all.
async fn presence(rooms: &Rooms, wanted: &Wanted) {
    let mut events = rooms.events();
    loop {
        let mut tap = rooms.tap(&wanted.room, &wanted.identity, &wanted.sources).await.ok();
        if tap.as_ref().is_some_and(|tap| tap.tracks().iter().any(|track| !track.began_paused)) {
            return;
        }
        let resumed = async {
            let Some(tap) = &mut tap else { return std::future::pending().await };
            while let Some(event) = tap.next().await {
                if matches!(event, TapEvent::Paused { paused: false, .. }) {
                    return;
                }
            }
            std::future::pending().await
        };
        tokio::select! {
            () = change(&mut events, wanted) => {}
            () = resumed => return,
        }
    }
}

/// Waits until they send, and have had time to send the other kind as well.
async fn wait(
    rooms: &Rooms,
    wanted: &Wanted,
    mut events: broadcast::Receiver<RoomEvent>,
    publisher: &mut Publisher,
) -> Result<(Tap, broadcast::Receiver<RoomEvent>), Over> {
    let deadline = hub::now() + WAIT_MAX;
    let mut settled = None;
    loop {
        let now = hub::now();
        let until = match rooms.tap(&wanted.room, &wanted.identity, &wanted.sources).await {
            Ok(tap) if tap.tracks().len() > 1 || settled.is_some_and(|at| now >= at) => {
                return Ok((tap, events));
            }
            Ok(_) => *settled.get_or_insert(now + SETTLE),
            Err(TapError::Failed(why)) => {
                return Err(Over::Failed(SourceError::peer(format!("{}: {why}", wanted.shown()))));
            }
            Err(absent) if now >= deadline => return Err(Over::Absent(absent.to_string())),
            Err(TapError::NoRoom | TapError::NoParticipant | TapError::Nothing) => deadline,
        };
        tokio::select! {
            () = change(&mut events, wanted) => {}
            () = hub::sleep_until(until) => {}
            ended = end(publisher) => return Err(ended.into()),
        }
    }
}

/// Returns when the stream takes no more; its wishes mean nothing yet.
async fn end(publisher: &mut Publisher) -> Ended {
    loop {
        if let Err(ended) = publisher.feedback().await {
            return ended;
        }
    }
}

struct Pull<'a> {
    wanted: &'a Wanted,
    tap: Tap,
    ingest: Ingest,
    asked: Vec<Option<Moment>>,
    /// When the newest packet came.
    came: Moment,
    /// The picture among the tracks that are announced.
    picture: Option<TrackId>,
    /// When its newest key frame came.
    key_frame_came: Moment,
}

impl<'a> Pull<'a> {
    fn new(tap: Tap, wanted: &'a Wanted) -> Result<Self, Over> {
        let sections: Vec<MediaSection> =
            (0..).zip(tap.tracks()).map(|(id, track)| section(id, track)).collect();
        let ingest = Ingest::new(&sections, false);
        let mut ingest = ingest.map_err(|error| Over::Failed(SourceError::ours(error.to_string())))?;
        ingest.set_tracks_wait(TRACKS_WAIT);
        ingest.want_keyframes();
        let asked = vec![None; sections.len()];
        let now = hub::now();
        Ok(Self { wanted, tap, ingest, asked, came: now, picture: None, key_frame_came: now })
    }

    async fn flow(
        mut self,
        mut events: broadcast::Receiver<RoomEvent>,
        publisher: &mut Publisher,
    ) -> Result<(), Over> {
        self.tap.start().await;
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = self.tap.next() => self.take(event)?,
                feedback = publisher.feedback() => match feedback? {
                    Feedback::KeyframeWanted => self.ingest.want_keyframes(),
                    Feedback::BitrateMax(_) | Feedback::Waits { .. } | Feedback::Granted => {}
                },
                _ = ticks.tick() => self.tick()?,
                () = hub::sleep_until(self.ingest.next_deadline()) => self.ingest.handle_timeout(hub::now()),
                event = events.recv() => self.hear(event)?,
            }
            self.ask().await;
            let lost = self.ingest.take_lost();
            if lost > 0 {
                publisher.report_lost(lost).await?;
            }
            while let Some(made) = self.ingest.poll() {
                match made {
                    Ingested::Tracks(tracks) => {
                        let picture = tracks.iter().position(|track| track.codec.is_video());
                        self.picture = picture.map(|at| at as TrackId);
                        publisher.set_tracks(tracks).await?;
                    }
                    Ingested::Unit(unit) => {
                        if unit.keyframe && Some(unit.track) == self.picture {
                            self.key_frame_came = unit.arrival;
                        }
                        publisher.push(unit).await?;
                    }
                }
            }
        }
    }

    fn take(&mut self, event: Option<TapEvent>) -> Result<(), Over> {
        let now = hub::now();
        match event {
            Some(TapEvent::Rtp { track, packet }) => {
                self.came = now;
                self.ingest.handle_rtp(track, packet, now);
            }
            Some(TapEvent::Rtcp(compound)) => self.report(&compound),
            // what is paused comes again, or the silence ends the attempt
            Some(TapEvent::Paused { .. }) => {}
            Some(TapEvent::Closed { .. }) | None => return Err(self.changed()),
        }
        Ok(())
    }

    /// Takes from sender reports where each track's clock stands.
    fn report(&mut self, compound: &Bytes) {
        // it is the router's own, and can be read
        for message in rtcp::parse(compound).unwrap_or_default() {
            let Message::SenderReport(report) = message else { continue };
            let track = self.tap.tracks().iter().position(|track| track.numbers.ssrc == report.ssrc);
            if let Some(track) = track {
                self.ingest.handle_clock(track as TrackId, report.rtp_time, WallTime::from_ntp(report.ntp));
            }
        }
    }

    fn hear(&mut self, event: Result<RoomEvent, RecvError>) -> Result<(), Over> {
        let Ok(RoomEvent { room, what: RoomHappening::TrackPublished { identity, source, kind, .. } }) =
            event
        else {
            // what ends is told by the tap
            return Ok(());
        };
        let wanted = &self.wanted;
        let is_ours = room == wanted.room && identity == wanted.identity;
        let is_named =
            wanted.sources.is_empty() || source.is_some_and(|source| wanted.sources.contains(&source));
        let has_kind = self.tap.tracks().iter().any(|track| track.is(kind));
        if is_ours && is_named && !has_kind { Err(self.changed()) } else { Ok(()) }
    }

    fn changed(&self) -> Over {
        let why = format!("{}: what they send has changed, or they have gone", self.wanted.shown());
        Over::Failed(SourceError::peer(why))
    }

    fn tick(&mut self) -> Result<(), Over> {
        let now = hub::now();
        self.ingest.set_wall_clock(now, hub::wall_now());
        if self.picture.is_some() && now.since(self.key_frame_came) >= KEYFRAME_WAIT_MAX {
            self.ingest.want_keyframes();
        }
        if now.since(self.came) >= SILENCE_MAX {
            return Err(Over::Absent("they pause all that they send".to_owned()));
        }
        Ok(())
    }

    /// Asks for the key frames that are wanted, unless that was done just now.
    async fn ask(&mut self) {
        let now = hub::now();
        for track in 0..self.asked.len() {
            let wants = self.ingest.wants_keyframe(track as TrackId);
            if !wants || self.asked[track].is_some_and(|at| now.since(at) < KEYFRAME_EVERY) {
                continue;
            }
            self.asked[track] = Some(now);
            self.tap.request_key_frame(track as u8).await;
        }
    }
}

/// What is to come of a track.
fn section(id: TrackId, of: &TapTrack) -> MediaSection {
    negotiated(id, of.codec, of.clock_rate, of.channels, of.numbers.payload_type)
}
