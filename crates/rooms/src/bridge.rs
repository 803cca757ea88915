//! This server itself in a room: [`Guest`] sends there, [`Tap`] takes what somebody sends. Both in RTP packets, by direct
//! transports of [`sfu`]; whoever holds them makes packets of media, and media of packets.
//!
//! Handles: dropping one is leaving. What becomes of the room, or of whom a tap listens to, comes as events.
use crate::ending::Ending;
use crate::name::RoomName;
use crate::outbox::{Outlet, outbox};
use crate::refusal::Refusal;
use crate::room::{Invitation, PeerKey, RoomHandle, Seat, Tapped, codec_of};
use crate::service::{AskError, Rooms};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{BoxStream, SelectAll};
use media::Codec;
use serde_json::Value;
use sfu::rtp_parameters::MediaKind;
use sfu::{
    Consumer, ConsumerEvent, DirectTransport, DirectTransportEvent, EventStream, Producer, ProducerId,
};
use std::collections::BTreeSet;
use std::future::ready;

/// Messages that wait for a guest: 64. It is told little, and reads all the time.
const QUEUE: usize = 64;

/// How a guest is to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GuestSpec {
    /// Who it is in the room.
    pub identity: String,
    /// Display name.
    pub name: String,
    /// Where it comes from, for the server API.
    pub remote: String,
    /// The codecs of its tracks, in their order: at most one picture and one sound.
    pub codecs: Vec<Codec>,
}

/// What a guest's packets of one track are to have in their headers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Numbers {
    /// Synchronisation source.
    pub ssrc: u32,
    /// Payload type.
    pub payload_type: u8,
}

/// What a guest is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GuestEvent {
    /// A compound of RTCP: reports, and requests of key frames.
    Rtcp(Bytes),
    /// It is out of the room, and why. Final.
    Ended(Ending),
}

/// A participant that is this server: to others one like them, but it does not keep a room.
pub struct Guest {
    room: RoomHandle,
    peer: PeerKey,
    transport: DirectTransport,
    tracks: Vec<(Producer, Numbers)>,
    outlet: Outlet,
    rtcp: EventStream<DirectTransportEvent>,
    /// What the server API or an admin paused: not ours to let go on.
    muted: BTreeSet<ProducerId>,
    ended: Option<Ending>,
}

/// Why nothing is taken from a participant.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TapError {
    /// There is no such room.
    #[error("there is no such room")]
    NoRoom,
    /// Nobody of this identity is there.
    #[error("nobody of this identity is in the room")]
    NoParticipant,
    /// They send nothing, or not what was named.
    #[error("the participant sends nothing of that")]
    Nothing,
    /// It did not work.
    #[error("{0}")]
    Failed(String),
}

/// One track of a tap.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TapTrack {
    /// Whose media.
    pub producer: ProducerId,
    /// What it shows, as its sender says.
    pub source: Option<String>,
    /// Its codec.
    pub codec: Codec,
    /// Clock rate in hertz.
    pub clock_rate: u32,
    /// Channels; 1 for pictures.
    pub channels: u8,
    /// What its packets have in their headers.
    pub numbers: Numbers,
    /// Whether its sender had paused it when the tap was made.
    pub began_paused: bool,
}

/// What comes of a tap. Tracks are named by their place in [`Tap::tracks`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TapEvent {
    /// An RTP packet.
    Rtp {
        /// Of which track.
        track: u8,
        /// All of it.
        packet: Bytes,
    },
    /// A compound of RTCP: sender reports of all tracks.
    Rtcp(Bytes),
    /// The sender paused a track, or lets it go on.
    Paused {
        /// Which.
        track: u8,
        /// It does not come for now.
        paused: bool,
    },
    /// A track has ended: its sender closed it or left, or the room or a worker ended.
    Closed {
        /// Which.
        track: u8,
    },
}

/// What somebody in a room sends, one picture and one sound. Nobody there is told of it, and it does not keep a room.
pub struct Tap {
    tracks: Vec<TapTrack>,
    consumers: Vec<Consumer>,
    events: SelectAll<BoxStream<'static, TapEvent>>,
    /// It ends with the last handle.
    _transport: Option<DirectTransport>,
}

impl TapTrack {
    /// Whether it is of this kind.
    pub fn is(&self, kind: MediaKind) -> bool {
        self.codec.is_video() == (kind == MediaKind::Video)
    }
}

impl Rooms {
    /// The codecs that rooms carry, as far as streams know them; the preferred ones first.
    pub fn carried(&self) -> Vec<Codec> {
        let codecs = self.config().codecs.iter();
        codecs.filter_map(|codec| codec_of(codec.mime_type())).collect()
    }

    /// Brings a guest into a room, which is made if it is not there.
    ///
    /// # Errors
    /// The identity is there already, there is no place, or a codec is not carried; with the code as in HTTP.
    pub async fn invite(&self, name: &RoomName, spec: GuestSpec) -> Result<Guest, Refusal> {
        // a room may end just when somebody comes; then there is a new one
        for _ in 0..3 {
            let room = self.room(name).await?;
            let (outbox, outlet) = outbox(QUEUE);
            if let Some(seated) = room.invite(Invitation { spec: spec.clone(), outbox }).await {
                return seated.map(|seat| Guest::new(room, seat, outlet));
            }
        }
        Err(Refusal::gone("the room ends whenever somebody comes"))
    }

    /// Takes what somebody sends from now on: one picture and one sound, of these sources only if any are named. It
    /// begins paused, see [`Tap::start`].
    ///
    /// # Errors
    /// There is no such room or participant, or they send nothing of that.
    pub async fn tap(&self, name: &RoomName, identity: &str, sources: &[String]) -> Result<Tap, TapError> {
        let room = self.find(name).await.map_err(|error: AskError| match error {
            AskError::NoRoom | AskError::NoParticipant => TapError::NoRoom,
        })?;
        let tapped = room.tap(identity.to_owned(), sources.to_vec()).await.ok_or(TapError::NoRoom)??;
        Tap::new(tapped)
    }
}

impl Guest {
    fn new(room: RoomHandle, seat: Seat, outlet: Outlet) -> Self {
        let Seat { peer, transport, tracks } = seat;
        let rtcp = transport.rtcp();
        Self { room, peer, transport, tracks, outlet, rtcp, muted: BTreeSet::new(), ended: None }
    }

    /// What packets of a track are to have in their headers; by its place among the codecs.
    pub fn numbers(&self, track: usize) -> Option<Numbers> {
        self.tracks.get(track).map(|(_, numbers)| *numbers)
    }

    /// Sends an RTP packet of one of its tracks, or RTCP. False when it was dropped: the worker is a second behind.
    pub fn send(&self, packet: Bytes) -> bool {
        self.transport.send(packet)
    }

    /// The next event. Cancel-safe. Call it all the time: who does not hear what they are told is too slow for a room.
    pub async fn next(&mut self) -> GuestEvent {
        loop {
            if let Some(ending) = &self.ended {
                return GuestEvent::Ended(ending.clone());
            }
            tokio::select! {
                biased;
                ending = &mut self.outlet.ending => self.ended = Some(ending.unwrap_or(Ending::RoomFailed)),
                text = self.outlet.queue.recv() => if let Some(text) = text { self.told(&text) },
                event = self.rtcp.next() => match event {
                    Some(DirectTransportEvent::Rtcp(compound)) => return GuestEvent::Rtcp(compound),
                    Some(_) => {}
                    // its worker has ended; the room says so too, or goes on without it
                    None => self.ended = Some(Ending::RoomFailed),
                },
            }
        }
    }

    fn told(&mut self, text: &str) {
        let Ok(message) = serde_json::from_str::<Value>(text) else { return };
        let Some(producer) = message["data"]["producerId"].as_str().and_then(|id| id.parse().ok()) else {
            return;
        };
        match message["method"].as_str() {
            Some("producerPaused") => drop(self.muted.insert(producer)),
            Some("producerResumed") => drop(self.muted.remove(&producer)),
            Some(_) | None => {}
        }
    }

    /// Says that nothing comes for now, or that it goes on; what somebody muted stays so.
    pub async fn set_paused(&self, paused: bool) {
        for (producer, _) in self.tracks.iter().filter(|(producer, _)| !self.muted.contains(&producer.id())) {
            // a worker that has ended ends the guest too, which is told
            let _ = if paused { producer.pause().await } else { producer.resume().await };
        }
    }

    /// Leaves; `word` is the reason that others are told. Returns when it is out.
    pub async fn leave(mut self, word: &'static str) {
        self.room.left(self.peer, word).await;
        // the room lets go of the other end, which is an error here; gone before that, it would be told as lost
        let _ = (&mut self.outlet.ending).await;
    }
}

impl Tap {
    fn new(tapped: Vec<Tapped>) -> Result<Self, TapError> {
        let mut tap = Self {
            tracks: Vec::new(),
            consumers: Vec::new(),
            events: SelectAll::new(),
            _transport: tapped.first().map(|one| one.transport.clone()),
        };
        if let Some(transport) = &tap._transport {
            tap.events.push(transport.rtcp().filter_map(|event| ready(rtcp(event))).boxed());
        }
        for (track, Tapped { consumer, source, producer_paused, .. }) in (0..).zip(tapped) {
            tap.tracks.push(describe(&consumer, source, producer_paused)?);
            let events = consumer.packets();
            tap.events.push(events.filter_map(move |event| ready(of_consumer(track, event))).boxed());
            tap.consumers.push(consumer);
        }
        Ok(tap)
    }

    /// Its tracks.
    pub fn tracks(&self) -> &[TapTrack] {
        &self.tracks
    }

    /// Lets packets come, pictures from a key frame on.
    pub async fn start(&self) {
        for consumer in &self.consumers {
            // a worker that has ended ends the consumer too, which is told
            let _ = consumer.resume().await;
        }
    }

    /// Asks a track's sender for a key frame.
    pub async fn request_key_frame(&self, track: u8) {
        if let Some(consumer) = self.consumers.get(usize::from(track)) {
            // the same
            let _ = consumer.request_key_frame().await;
        }
    }

    /// The next event; `None` when all has ended. Cancel-safe.
    pub async fn next(&mut self) -> Option<TapEvent> {
        self.events.next().await
    }
}

fn rtcp(event: DirectTransportEvent) -> Option<TapEvent> {
    match event {
        DirectTransportEvent::Rtcp(compound) => Some(TapEvent::Rtcp(compound)),
        _ => None,
    }
}

fn of_consumer(track: u8, event: ConsumerEvent) -> Option<TapEvent> {
    match event {
        ConsumerEvent::Rtp(packet) => Some(TapEvent::Rtp { track, packet }),
        ConsumerEvent::ProducerPause => Some(TapEvent::Paused { track, paused: true }),
        ConsumerEvent::ProducerResume => Some(TapEvent::Paused { track, paused: false }),
        ConsumerEvent::Close => Some(TapEvent::Closed { track }),
        ConsumerEvent::Score(_)
        | ConsumerEvent::LayersChange(_)
        | ConsumerEvent::Pause
        | ConsumerEvent::Resume
        | ConsumerEvent::ProducerClose
        | ConsumerEvent::TransportClose
        | _ => None,
    }
}

fn describe(consumer: &Consumer, source: Option<String>, began_paused: bool) -> Result<TapTrack, TapError> {
    let parameters = consumer.rtp_parameters();
    let codec = parameters.codecs.iter().find(|codec| !codec.is_rtx());
    let codec = codec.ok_or_else(|| TapError::Failed("a consumer without a codec".to_owned()))?;
    let known = codec_of(codec.mime_type());
    let ssrc = parameters.encodings.first().and_then(|encoding| encoding.ssrc);
    let (Some(known), Some(ssrc)) = (known, ssrc) else {
        return Err(TapError::Failed(format!("streams do not carry {}", codec.mime_type().as_str())));
    };
    Ok(TapTrack {
        producer: consumer.producer_id(),
        source,
        codec: known,
        clock_rate: codec.clock_rate().get(),
        channels: codec.channels().map_or(1, std::num::NonZero::get),
        numbers: Numbers { ssrc, payload_type: codec.payload_type() },
        began_paused,
    })
}
