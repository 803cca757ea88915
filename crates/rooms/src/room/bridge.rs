//! A room's side of [`Guest`](crate::Guest) and [`Tap`](crate::Tap).
//!
//! A guest is a participant like others, with a place in `peers` and an outbox, but its producers lie on a direct transport that
//! its handle holds. A tap is nobody: consumers that the room makes and forgets; they end with their producers.
use super::owner::{After, Happening, RoomOwner};
use super::peer::{Joined, Peer, PeerKey, Producing};
use crate::bridge::{GuestSpec, Numbers, TapError};
use crate::events::RoomHappening;
use crate::outbox::Outbox;
use crate::refusal::Refusal;
use crate::token::{Claims, Grants, Publish, RoomScope};
use media::Codec;
use serde_json::json;
use sfu::rtp_parameters::{
    MediaKind, MimeType, RtcpFeedback, RtcpParameters, RtpCodecCapabilityFinalized, RtpCodecParameters,
    RtpEncodingParameters, RtpParameters,
};
use sfu::{
    Consumer, ConsumerOptions, DirectTransport, DirectTransportOptions, Producer, ProducerEvent, ProducerId,
    ProducerOptions, Router, Transport,
};
use tokio::sync::oneshot;
use tokio::time::Instant;

/// SSRC of a guest's first track; its others follow. They mean something on its own transport only.
const SSRC_FIRST: u32 = 1;
/// Payload type of a guest's first track: the first of the dynamic ones (RFC 3551 §6).
const PAYLOAD_TYPE_FIRST: u8 = 96;

/// A guest at the door.
pub(crate) struct Invitation {
    pub(crate) spec: GuestSpec,
    pub(crate) outbox: Outbox,
}

/// What a guest's handle holds.
pub(crate) struct Seat {
    pub(crate) peer: PeerKey,
    pub(crate) transport: DirectTransport,
    pub(crate) tracks: Vec<(Producer, Numbers)>,
}

/// What a tap's handle holds, of each track. The transport is that of all.
pub(crate) struct Tapped {
    pub(crate) transport: DirectTransport,
    pub(crate) consumer: Consumer,
    pub(crate) source: Option<String>,
    pub(crate) producer_paused: bool,
}

type Made = Result<(DirectTransport, Vec<(Producer, Numbers)>), Refusal>;

impl RoomOwner {
    /// Lets a guest in, with all that it sends at once.
    pub(super) fn invite(&mut self, invitation: Invitation, reply: oneshot::Sender<Result<Seat, Refusal>>) {
        if let Err(refusal) = self.has_place(&invitation.spec) {
            // who asked may have given up
            let _ = reply.send(Err(refusal));
            return;
        }
        let router = self.router.clone();
        self.work(async move {
            let made = make(&router, &invitation.spec).await;
            let after: After = Box::new(move |room| {
                let seated = room.seat(invitation, made);
                let key = seated.as_ref().ok().map(|seat| seat.peer);
                if let (Err(_), Some(key)) = (reply.send(seated), key) {
                    room.remove(key, "gone");
                }
            });
            after
        });
    }

    /// A guest takes nobody's place: an identity that is there stays.
    fn has_place(&self, spec: &GuestSpec) -> Result<(), Refusal> {
        if self.find(&spec.identity).is_some() {
            return Err(Refusal::conflict(format!("{} is in the room already", spec.identity)));
        }
        let max = self.limits.participants_max;
        if self.peers.len() >= max {
            return Err(Refusal::limit("participants_max", max, "connections to this room"));
        }
        Ok(())
    }

    fn seat(&mut self, invitation: Invitation, made: Made) -> Result<Seat, Refusal> {
        let Invitation { spec, outbox } = invitation;
        let (transport, tracks) = made?;
        // somebody may have come meanwhile
        self.has_place(&spec)?;
        let scope = RoomScope::One(self.name.clone());
        let grants = Grants { join: true, publish: Publish::Everything, ..Grants::nothing(scope) };
        // it shows no token, so nothing expires
        let mut claims = Claims::new(spec.identity.clone(), i64::MAX, grants);
        claims.name = Some(spec.name.clone());
        let mut peer = Peer::new(Some(claims), &self.name, spec.remote, outbox);
        let at = (self.shared.config.wall_now)();
        peer.joined = Some(Joined { at, since: Instant::now(), capabilities: None });
        peer.device = json!({ "flag": "stream", "name": "Stream" });
        peer.is_guest = true;
        let shown = peer.shown();
        let key = self.add(peer);
        self.notify_others(key, "newPeer", &shown);
        self.tell(RoomHappening::ParticipantJoined {
            identity: spec.identity.clone(),
            name: spec.name,
            hidden: false,
            recorder: false,
        });
        for (producer, _) in &tracks {
            self.seat_producer(key, &spec.identity, producer.clone());
        }
        Ok(Seat { peer: key, transport, tracks })
    }

    fn seat_producer(&mut self, key: PeerKey, identity: &str, producer: Producer) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        let (id, kind, events) = (producer.id(), producer.kind(), producer.events());
        let source = match kind {
            MediaKind::Audio => "microphone",
            MediaKind::Video => "camera",
        };
        let app_data = json!({ "source": source });
        let source = Some(source.to_owned());
        peer.producers.insert(id, Producing { producer, source: source.clone(), app_data, paused: false });
        self.listen(events, ProducerEvent::Close, move |event| Happening::Producer(key, id, event));
        self.tell(RoomHappening::TrackPublished {
            identity: identity.to_owned(),
            producer: id,
            kind,
            source,
        });
        self.offer_to_all(key, id);
    }

    /// Makes consumers of one picture and one sound of somebody's.
    pub(super) fn tap(
        &mut self,
        identity: &str,
        sources: &[String],
        reply: oneshot::Sender<Result<Vec<Tapped>, TapError>>,
    ) {
        let chosen = match self.choose(identity, sources) {
            Ok(chosen) => chosen,
            Err(error) => {
                // who asked may have given up
                let _ = reply.send(Err(error));
                return;
            }
        };
        let router = self.router.clone();
        self.work(async move {
            let _ = reply.send(consume(&router, chosen).await);
            let nothing: After = Box::new(|_| {});
            nothing
        });
    }

    /// Of each kind the first: what is no screen before what is one, unless sources are named.
    fn choose(&self, identity: &str, sources: &[String]) -> Result<Vec<Chosen>, TapError> {
        let peer = self.find(identity).and_then(|key| self.peers.get(&key)).ok_or(TapError::NoParticipant)?;
        let fits = |one: &&Producing| {
            sources.is_empty() || one.source.as_ref().is_some_and(|source| sources.contains(source))
        };
        let is_screen =
            |one: &Producing| one.source.as_deref().is_some_and(|source| source.starts_with("screen"));
        let of_kind = |kind: MediaKind| {
            let these = peer.producers.values().filter(|one| one.kind() == kind).filter(fits);
            these.min_by_key(|one| is_screen(one))
        };
        let chosen = [MediaKind::Video, MediaKind::Audio].into_iter().filter_map(of_kind);
        let chosen: Vec<Chosen> = chosen
            .map(|one| Chosen { producer: one.producer.id(), source: one.source.clone(), paused: one.paused })
            .collect();
        if chosen.is_empty() { Err(TapError::Nothing) } else { Ok(chosen) }
    }
}

/// A producer that is to be tapped.
struct Chosen {
    producer: ProducerId,
    source: Option<String>,
    paused: bool,
}

async fn consume(router: &Router, chosen: Vec<Chosen>) -> Result<Vec<Tapped>, TapError> {
    let failed = |error: &dyn std::fmt::Display| TapError::Failed(error.to_string());
    let transport = router.create_direct_transport(DirectTransportOptions::default()).await;
    let transport = transport.map_err(|error| failed(&error))?;
    let mut tapped = Vec::new();
    for Chosen { producer, source, paused } in chosen {
        let mut options = ConsumerOptions::new(producer, router.rtp_capabilities().clone().into());
        // streams carry no redundancy: they take the sound in it
        options.rtp_capabilities.codecs.retain(|codec| !codec.mime_type().is_red());
        // until somebody listens
        options.paused = true;
        options.enable_rtx = Some(false);
        let consumer = transport.consume(options).await.map_err(|error| failed(&error))?;
        let producer_paused = paused || consumer.producer_began_paused();
        tapped.push(Tapped { transport: transport.clone(), consumer, source, producer_paused });
    }
    Ok(tapped)
}

/// The codec as streams know it; none for what they do not carry.
pub(crate) fn codec_of(mime: MimeType) -> Option<Codec> {
    Codec::from_rtp_name(mime.as_str().split_once('/')?.1)
}

async fn make(router: &Router, spec: &GuestSpec) -> Made {
    let transport = router.create_direct_transport(DirectTransportOptions::default()).await?;
    let mut tracks = Vec::new();
    for (index, codec) in (0..).zip(&spec.codecs) {
        let carried = router.rtp_capabilities().codecs.iter();
        let capability =
            carried.filter(|one| !one.is_rtx()).find(|one| codec_of(one.mime_type()) == Some(*codec));
        let capability =
            capability.ok_or_else(|| Refusal::wrong(format!("rooms do not carry {codec} (rooms.codecs)")))?;
        let numbers =
            Numbers { ssrc: SSRC_FIRST + u32::from(index), payload_type: PAYLOAD_TYPE_FIRST + index };
        let parameters = parameters(capability, numbers, &spec.identity);
        let producer = transport.produce(ProducerOptions::new(capability.kind(), parameters)).await?;
        tracks.push((producer, numbers));
    }
    Ok((transport, tracks))
}

/// One stream of a codec in the router's own words, whatever its profile is: a camera cannot be asked to encode
/// otherwise, and browsers decode more than they say.
fn parameters(capability: &RtpCodecCapabilityFinalized, numbers: Numbers, cname: &str) -> RtpParameters {
    let Numbers { ssrc, payload_type } = numbers;
    let (clock_rate, parameters) = (capability.clock_rate(), capability.parameters().clone());
    let codec = match capability.mime_type() {
        MimeType::Audio(mime_type) => RtpCodecParameters::Audio {
            mime_type,
            payload_type,
            clock_rate,
            channels: capability.channels().unwrap_or(std::num::NonZeroU8::MIN),
            parameters,
            rtcp_feedback: Vec::new(),
        },
        MimeType::Video(mime_type) => RtpCodecParameters::Video {
            mime_type,
            payload_type,
            clock_rate,
            parameters,
            // nothing is sent again: what comes from this process is not lost on the way
            rtcp_feedback: vec![RtcpFeedback::NackPli, RtcpFeedback::CcmFir],
        },
    };
    RtpParameters {
        codecs: vec![codec],
        encodings: vec![RtpEncodingParameters { ssrc: Some(ssrc), ..RtpEncodingParameters::default() }],
        rtcp: RtcpParameters { cname: Some(cname.to_owned()), ..RtcpParameters::default() },
        ..RtpParameters::default()
    }
}
