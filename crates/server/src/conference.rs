//! Rooms wired: what the API asks of them, and what the hub is told of them.
use api::{
    Brought, MuteBody, Room, RoomConsumer, RoomDataProducer, RoomDetails, RoomLimits, RoomLimitsBody,
    RoomParticipant, RoomProducer, RoomTransport, RoomsControl, RoomsProblem, StreamInRoomBody,
};
use futures_util::future::BoxFuture;
use gateway::bridges::{Bridges, BringError};
use hub::{Hub, What};
use media::StreamName;
use rooms::{AskError, ParticipantFacts, RoomEvent, RoomFacts, RoomHappening, RoomName, Rooms};
use serde_json::Value;
use sfu::ProducerId;
use sfu::rtp_parameters::MediaKind;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

/// Passes on what happens in rooms, as events of the hub, until the service ends.
pub(crate) async fn pass_on_events(rooms: Rooms, hub: Hub) {
    let mut events = rooms.events();
    // the service ends when nobody holds it
    drop(rooms);
    loop {
        match events.recv().await {
            Ok(event) => hub.emit(what(event)),
            Err(RecvError::Lagged(lost)) => hub.emit(What::LimitReached {
                stream: None,
                limit: format!("{lost} events of rooms were lost: they came faster than they were passed on"),
            }),
            Err(RecvError::Closed) => return,
        }
    }
}

fn what(event: RoomEvent) -> What {
    let room = event.room.to_string();
    match event.what {
        RoomHappening::Started => What::RoomStarted { room },
        RoomHappening::Finished { reason, lasted } => {
            What::RoomFinished { room, reason, lasted_ms: millis(lasted) }
        }
        RoomHappening::ParticipantJoined { identity, name, hidden, recorder } => {
            What::ParticipantJoined { room, participant: identity, name, hidden, recorder }
        }
        RoomHappening::ParticipantLeft { identity, reason, lasted } => {
            What::ParticipantLeft { room, participant: identity, reason, lasted_ms: millis(lasted) }
        }
        RoomHappening::TrackPublished { identity, producer, kind: of, source } => What::TrackPublished {
            room,
            participant: identity,
            track: producer.to_string(),
            media: kind(of),
            source,
        },
        RoomHappening::TrackUnpublished { identity, producer, kind: of, reason } => What::TrackUnpublished {
            room,
            participant: identity,
            track: producer.to_string(),
            media: kind(of),
            reason,
        },
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

const fn kind(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
    }
}

/// What the API asks.
struct Control {
    rooms: Rooms,
    bridges: Bridges,
}

/// Makes it, and starts what brings streams into rooms.
pub(crate) fn control(rooms: Rooms, hub: Hub) -> Arc<dyn RoomsControl> {
    let (bridges, keeper) = Bridges::new(hub, rooms.clone());
    tokio::task::spawn_local(keeper.run());
    Arc::new(Control { rooms, bridges })
}

impl RoomsControl for Control {
    fn list(&self) -> BoxFuture<'static, Vec<Room>> {
        let rooms = self.rooms.clone();
        Box::pin(async move { rooms.list().await.into_iter().map(room).collect() })
    }

    fn details(&self, room: String, stats: bool) -> BoxFuture<'static, Result<RoomDetails, RoomsProblem>> {
        let rooms = self.rooms.clone();
        Box::pin(async move {
            let details = rooms.details(&name(&room)?, stats).await.map_err(problem)?;
            let members = details.participants.into_iter().map(participant).collect();
            Ok(RoomDetails { room: self::room(details.room), members })
        })
    }

    fn close(&self, room: String, reason: String) -> BoxFuture<'static, Result<(), RoomsProblem>> {
        let rooms = self.rooms.clone();
        Box::pin(async move { rooms.close(&name(&room)?, &reason).await.map_err(problem) })
    }

    fn set_limits(&self, room: String, body: RoomLimitsBody) -> BoxFuture<'static, Result<(), RoomsProblem>> {
        let rooms = self.rooms.clone();
        Box::pin(async move {
            let name = name(&room)?;
            let now = rooms.details(&name, false).await.map_err(problem)?.room.limits;
            let limits = rooms::RoomLimits {
                participants_max: body.participants_max.unwrap_or(now.participants_max),
                producers_per_participant_max: body
                    .producers_per_participant_max
                    .unwrap_or(now.producers_per_participant_max),
                data_producers_per_participant_max: body
                    .data_producers_per_participant_max
                    .unwrap_or(now.data_producers_per_participant_max),
            };
            rooms.set_limits(&name, limits).await.map_err(problem)
        })
    }

    fn kick(
        &self,
        room: String,
        identity: String,
        reason: String,
    ) -> BoxFuture<'static, Result<(), RoomsProblem>> {
        let rooms = self.rooms.clone();
        Box::pin(async move { rooms.kick(&name(&room)?, &identity, &reason).await.map_err(problem) })
    }

    fn mute(
        &self,
        room: String,
        identity: String,
        mute: MuteBody,
    ) -> BoxFuture<'static, Result<(), RoomsProblem>> {
        let rooms = self.rooms.clone();
        Box::pin(async move {
            let producer: Option<ProducerId> = match mute.producer.map(|id| id.parse()) {
                None => None,
                Some(Ok(id)) => Some(id),
                Some(Err(_)) => return Err(RoomsProblem::Wrong("producer: no UUID".to_owned())),
            };
            rooms.mute(&name(&room)?, &identity, producer, mute.muted).await.map_err(problem)
        })
    }

    fn bring(
        &self,
        room: String,
        body: StreamInRoomBody,
    ) -> BoxFuture<'static, Result<Brought, RoomsProblem>> {
        let bridges = self.bridges.clone();
        Box::pin(async move {
            // unlike elsewhere, a room that is not there is made
            let room: RoomName = room.parse().map_err(|error| wrong("room", &error))?;
            let stream = StreamName::new(&body.stream).map_err(|error| wrong("stream", &error))?;
            let brought = bridges.bring(room, stream, body.name).await.map_err(not_brought)?;
            Ok(Brought { identity: brought.identity, left_out: brought.left_out })
        })
    }

    fn take_out(&self, room: String, stream: String) -> BoxFuture<'static, Result<(), RoomsProblem>> {
        let bridges = self.bridges.clone();
        Box::pin(async move {
            let stream = StreamName::new(&stream).map_err(|error| wrong("stream", &error))?;
            match bridges.take_out(name(&room)?, stream).await {
                true => Ok(()),
                false => Err(RoomsProblem::NotFound("there is no such stream in the room".to_owned())),
            }
        })
    }
}

fn wrong(field: &str, error: &dyn std::fmt::Display) -> RoomsProblem {
    RoomsProblem::Wrong(format!("{field}: {error}"))
}

fn not_brought(error: BringError) -> RoomsProblem {
    let text = error.to_string();
    match error {
        BringError::NoStream(_) => RoomsProblem::NotFound(text),
        BringError::Here(_) => RoomsProblem::Conflict(text),
        BringError::Unsuitable(_) => RoomsProblem::Unsuitable(text),
        BringError::NotReady(_) | BringError::BrokenOff => RoomsProblem::NotNow(text),
        BringError::Refused(refusal) => match refusal.code {
            400 => RoomsProblem::Wrong(text),
            409 => RoomsProblem::Conflict(text),
            429 => RoomsProblem::TooMany(text),
            _ => RoomsProblem::NotNow(text),
        },
    }
}

fn name(room: &str) -> Result<RoomName, RoomsProblem> {
    room.parse().map_err(|_| problem(AskError::NoRoom))
}

fn problem(error: AskError) -> RoomsProblem {
    RoomsProblem::NotFound(error.to_string())
}

fn room(facts: RoomFacts) -> Room {
    let limits = facts.limits;
    Room {
        name: facts.name.to_string(),
        since: api::time::rfc3339(facts.since),
        participants: facts.participants,
        connections: facts.connections,
        producers: facts.producers,
        consumers: facts.consumers,
        limits: RoomLimits {
            participants_max: limits.participants_max,
            producers_per_participant_max: limits.producers_per_participant_max,
            data_producers_per_participant_max: limits.data_producers_per_participant_max,
        },
    }
}

fn participant(facts: ParticipantFacts) -> RoomParticipant {
    RoomParticipant {
        identity: facts.identity,
        name: facts.name,
        metadata: facts.metadata,
        joined: api::time::rfc3339(facts.joined),
        remote_addr: facts.remote,
        hidden: facts.hidden,
        recorder: facts.recorder,
        transports: facts
            .transports
            .into_iter()
            .map(|one| RoomTransport {
                id: one.id.to_string(),
                direction: if one.sends { "send" } else { "recv" },
            })
            .collect(),
        producers: facts
            .producers
            .into_iter()
            .map(|one| RoomProducer {
                id: one.id.to_string(),
                kind: kind(one.kind),
                source: one.source,
                paused: one.paused,
                stats: one.stats.and_then(|stats| json(&stats)),
            })
            .collect(),
        consumers: facts
            .consumers
            .into_iter()
            .map(|one| RoomConsumer {
                id: one.id.to_string(),
                producer: one.producer_id.to_string(),
                kind: kind(one.kind),
                paused: one.paused,
                stats: one.stats.and_then(|stats| json(&stats)),
            })
            .collect(),
        data_producers: facts
            .data_producers
            .into_iter()
            .map(|one| RoomDataProducer { id: one.id.to_string(), label: one.label })
            .collect(),
    }
}

/// Statistics are numbers and texts: writing them cannot fail.
fn json(stats: &impl serde::Serialize) -> Option<Value> {
    serde_json::to_value(stats).ok()
}
