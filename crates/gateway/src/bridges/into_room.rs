//! One stream in one room: reads it, and sends what it reads as a guest of the room.
//!
//! `Opening` → `Flowing` → over, when it is taken out, the stream or the room ends, or the guest is thrown out. A source that
//! fails ends nothing: the guest stays, paused after [`QUIET_MAX`], and goes on with the next key frame. When the stream's
//! codecs change, the guest leaves and comes again with the new ones. Owns the readers, the guest and its numbers.
use super::choice::{self, Chosen, Sound};
use super::lane::{Lane, Line};
use super::sound;
use super::{BringError, Brought};
use crate::webrtc::{WebRtcError, packets};
use bytes::Bytes;
use formats::rtp::rtcp::{self, Message};
use hub::{AttachError, Chunk, EndReason, Feedback, Item, OpenError, PeerInfo, Reader, View, Worker};
use media::{Moment, StreamName};
use rooms::{Guest, GuestEvent, GuestSpec, RoomName, Rooms};
use std::time::Duration;
use tokio::sync::oneshot;

/// What is older than this when it is read is not live: 500 ms. Of a stream's past nobody in a room can make use, since a
/// viewer begins with the next key frame.
const AGE_MAX: Duration = Duration::from_millis(500);
/// A stream from which nothing comes for this long is paused in the room, so that clients can show that: 3 s.
const QUIET_MAX: Duration = Duration::from_secs(3);
/// Sender reports, and a look at the reader: once a second, as the room's other senders do it.
const TICK: Duration = Duration::from_secs(1);
/// A guest whose stream has changed comes again after this: 500 ms, so that one that changes all the time is no storm.
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// Longest identity: 128 characters, as tokens have it.
const IDENTITY_CHARS_MAX: usize = 128;

/// What is to be brought where, and who is told.
pub(super) struct Bringing {
    pub(super) rooms: Rooms,
    pub(super) room: RoomName,
    pub(super) stream: StreamName,
    pub(super) name: Option<String>,
    pub(super) reply: oneshot::Sender<Result<Brought, BringError>>,
}

/// The same, without who is told.
struct Plan {
    rooms: Rooms,
    room: RoomName,
    stream: StreamName,
    name: Option<String>,
}

/// How it ends.
enum End {
    /// It leaves, for this reason.
    Leave(&'static str),
    /// It leaves, and comes again as the stream is now.
    Again,
    /// The room does not have it any more.
    Out,
}

/// Brings the stream in, says so, and stays until an end.
pub(super) async fn run(worker: Worker, bringing: Bringing, mut stop: oneshot::Receiver<()>) {
    let Bringing { rooms, room, stream, name, reply } = bringing;
    let plan = Plan { rooms, room, stream, name };
    let opened = tokio::select! {
        opened = Bridge::open(&worker, &plan) => opened,
        // an error is the owner's end, which is the same word
        _ = &mut stop => Err(BringError::BrokenOff),
    };
    let mut bridge = match opened {
        Ok((bridge, left_out)) => {
            let identity = bridge.identity.clone();
            tracing::info!(stream = %plan.stream, room = %plan.room, identity, "a stream is in a room");
            // who asked may have given up; it is there nevertheless, as the room says
            let _ = reply.send(Ok(Brought { identity, left_out }));
            bridge
        }
        Err(error) => {
            // the same
            let _ = reply.send(Err(error));
            return;
        }
    };
    loop {
        match bridge.flow(&mut stop).await {
            End::Leave(word) => return bridge.guest.leave(word).await,
            End::Out => return,
            End::Again => {}
        }
        bridge.guest.leave("stream_changed").await;
        let again = async {
            tokio::time::sleep(AGAIN_AFTER).await;
            Bridge::open(&worker, &plan).await
        };
        let opened = tokio::select! {
            opened = again => opened,
            _ = &mut stop => return,
        };
        bridge = match opened {
            Ok((bridge, _)) => bridge,
            Err(error) => {
                let (stream, room) = (&plan.stream, &plan.room);
                return tracing::warn!(%stream, %room, %error, "a stream cannot stay in a room");
            }
        };
    }
}

/// A stream that is there.
struct Bridge {
    identity: String,
    stream: StreamName,
    /// A hold on the stream.
    _view: View,
    guest: Guest,
    /// Pictures, and sound that goes as it is.
    packets: Option<Reader>,
    /// Sound that is made.
    sound: Option<Reader>,
    video: Option<Lane>,
    voice: Option<Lane>,
    line: Line,
    chosen: Chosen,
    /// A picture is missing: those up to the next key frame are of no use.
    broken: bool,
    /// When the newest picture is shown.
    shown: Option<i64>,
    /// When the newest chunk came.
    came: Moment,
    paused: bool,
}

impl Bridge {
    /// Opens the stream, chooses, and enters the room.
    async fn open(worker: &Worker, plan: &Plan) -> Result<(Self, Vec<String>), BringError> {
        let Plan { rooms, room, stream, name } = plan;
        let carried = rooms.carried();
        let view = worker.open_for(stream, choice::wants(&carried)).await.map_err(|error| match error {
            OpenError::NotFound(stream) => BringError::NoStream(stream),
            OpenError::Shutdown => BringError::BrokenOff,
        })?;
        let tracks = view.ready().await.map_err(|error| BringError::NotReady(error.to_string()))?;
        let mut chosen = choice::choose(stream, &carried, &tracks, |track| view.reorders(track))?;
        let peer = PeerInfo { protocol: "room", remote: room.to_string(), ..PeerInfo::default() };
        let sound = match &chosen.sound {
            Some(Sound::Transcoded(track)) => {
                Some(view.reader(sound::format(track), peer.clone()).map_err(attach)?)
            }
            Some(Sound::AsItIs(_)) | None => None,
        };
        let mut ids = Vec::from_iter(chosen.video.map(|(track, _)| track));
        if let Some(Sound::AsItIs(track)) = chosen.sound {
            ids.push(track);
        }
        let packets = match ids.as_slice() {
            [] => None,
            ids => Some(view.reader(packets(ids), peer).map_err(attach)?),
        };
        let identity: String = format!("stream:{stream}").chars().take(IDENTITY_CHARS_MAX).collect();
        let guest = rooms.invite(
            room,
            GuestSpec {
                identity: identity.clone(),
                name: name.clone().unwrap_or_else(|| stream.to_string()),
                remote: format!("stream {stream}"),
                codecs: chosen.codecs(),
            },
        );
        let guest = guest.await?;
        let lane = |place: usize, rate: u32| guest.numbers(place).map(|numbers| Lane::new(numbers, rate));
        let video = chosen.video.and_then(|_| lane(0, 90_000));
        let voice = chosen.sound.as_ref().and_then(|_| lane(usize::from(video.is_some()), 48_000));
        let left_out = std::mem::take(&mut chosen.left_out);
        let bridge = Self {
            identity,
            stream: stream.clone(),
            _view: view,
            guest,
            packets,
            sound,
            video,
            voice,
            line: Line::default(),
            chosen,
            broken: true,
            shown: None,
            came: hub::now(),
            paused: false,
        };
        Ok((bridge, left_out))
    }

    async fn flow(&mut self, stop: &mut oneshot::Receiver<()>) -> End {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let (item, made) = tokio::select! {
                biased;
                _ = &mut *stop => return End::Leave("taken_out"),
                event = self.guest.next() => match event {
                    GuestEvent::Rtcp(compound) => {
                        self.hear(&compound);
                        continue;
                    }
                    GuestEvent::Ended(ending) => {
                        let (stream, why) = (&self.stream, ending.reason());
                        tracing::info!(%stream, identity = self.identity, why, "a stream is out of its room");
                        return End::Out;
                    }
                },
                _ = ticks.tick() => match self.tick().await {
                    Some(end) => return end,
                    None => continue,
                },
                item = next(&mut self.packets) => (item, false),
                item = next(&mut self.sound) => (item, true),
            };
            let end = match item {
                Item::Chunk(chunk) => self.take(&chunk, made).await,
                // the formats have no header
                Item::Header(_) => None,
                Item::Ended(reason) => Some(end_of(&reason)),
            };
            if let Some(end) = end {
                return end;
            }
        }
    }

    /// Passes on that somebody in the room wants a key frame.
    fn hear(&self, compound: &Bytes) {
        let (Some(video), Some(reader)) = (&self.video, &self.packets) else { return };
        // it is the router's own, and can be read
        let messages = rtcp::parse(compound).unwrap_or_default();
        let wanted = messages.iter().any(|message| match message {
            Message::PictureLoss { media, .. } => *media == video.ssrc(),
            Message::FullIntraRequest { requests, .. } => {
                requests.iter().any(|(ssrc, _)| *ssrc == video.ssrc())
            }
            Message::SenderReport(_)
            | Message::ReceiverReport { .. }
            | Message::SourceDescription { .. }
            | Message::Bye { .. }
            | Message::Nack { .. }
            | Message::TransportFeedback(_)
            | Message::MaximumBitrate(_)
            | Message::ReferenceTime { .. }
            | Message::SinceReference { .. }
            | Message::Other { .. } => false,
        });
        if wanted {
            reader.ask(Feedback::KeyframeWanted);
        }
    }

    async fn tick(&mut self) -> Option<End> {
        let (now, wall) = (hub::now(), hub::wall_now());
        for lane in [&self.video, &self.voice].into_iter().flatten() {
            if let Some(report) = lane.report(&self.line, &self.identity, now, wall) {
                self.guest.send(report);
            }
        }
        if !self.paused && now.since(self.came) >= QUIET_MAX {
            self.paused = true;
            self.guest.set_paused(true).await;
        }
        let mut readers = [&mut self.packets, &mut self.sound].into_iter().flatten();
        readers.find_map(|reader| reader.check(now)).map(|reason| end_of(&reason))
    }

    /// Sends a chunk; `made`: of the sound that is made.
    async fn take(&mut self, chunk: &Chunk, made: bool) -> Option<End> {
        let now = hub::now();
        for reader in [&mut self.packets, &mut self.sound].into_iter().flatten() {
            reader.progressed(now);
        }
        let is_video = !made && self.chosen.video.is_some_and(|(track, _)| track == chunk.track);
        let is_late = now.since(chunk.arrival) > AGE_MAX;
        if is_video {
            if self.shown.is_some_and(|shown| chunk.pts < shown) {
                // found out late: whoever brings it in again is told why
                tracing::warn!(stream = %self.stream, "{}", WebRtcError::BFrames);
                return Some(End::Leave("b_frames"));
            }
            self.shown = Some(chunk.pts);
            self.broken = is_late || (self.broken && !chunk.keyframe);
        }
        if is_late || (is_video && self.broken) {
            return None;
        }
        self.came = now;
        if std::mem::take(&mut self.paused) {
            self.guest.set_paused(false).await;
        }
        let Some(lane) = (if is_video { &mut self.video } else { &mut self.voice }) else { return None };
        self.line.note(chunk, lane.clock_rate(), now);
        for packet in lane.packets(chunk) {
            if !self.guest.send(packet) {
                // the room's worker is a second behind: pictures begin anew
                self.broken |= is_video;
                break;
            }
        }
        None
    }
}

/// The next item of a reader; never, while there is none.
async fn next(reader: &mut Option<Reader>) -> Item {
    match reader {
        Some(reader) => reader.next().await,
        None => std::future::pending().await,
    }
}

fn attach(error: AttachError) -> BringError {
    match error {
        AttachError::Unsuitable(why) => BringError::Unsuitable(why),
        AttachError::Ended(reason) => BringError::NotReady(reason.to_string()),
        full @ AttachError::Full(_) => BringError::NotReady(full.to_string()),
    }
}

fn end_of(reason: &EndReason) -> End {
    match reason {
        EndReason::Removed | EndReason::Shutdown | EndReason::PublisherLeft => End::Leave("stream_ended"),
        EndReason::TracksChanged | EndReason::Replaced | EndReason::TooSlow { .. } | EndReason::Failed(_) => {
            End::Again
        }
    }
}
