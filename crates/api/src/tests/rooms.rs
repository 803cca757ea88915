//! The routes of rooms, over a made-up control.
use super::{HERE, More, THERE, given_more, plain, with_login};
use crate::{
    Brought, MuteBody, Room, RoomDetails, RoomLimits, RoomLimitsBody, RoomsControl, RoomsProblem,
    StreamInRoomBody,
};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hub::Access;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Knows the room `lobby`, and tells what it is asked.
struct Told(mpsc::UnboundedSender<String>);

impl Told {
    fn tell(&self, room: &str, what: String) -> BoxFuture<'static, Result<(), RoomsProblem>> {
        let known = if room == "lobby" {
            Ok(())
        } else {
            Err(RoomsProblem::NotFound("there is no such room".into()))
        };
        let _ = self.0.send(what);
        async move { known }.boxed()
    }
}

fn lobby() -> Room {
    let limits = RoomLimits {
        participants_max: 3,
        producers_per_participant_max: 2,
        data_producers_per_participant_max: 1,
    };
    let since = "2026-11-30T00:00:00Z".into();
    Room { name: "lobby".into(), since, participants: 0, connections: 0, producers: 0, consumers: 0, limits }
}

impl RoomsControl for Told {
    fn list(&self) -> BoxFuture<'static, Vec<Room>> {
        async { vec![lobby()] }.boxed()
    }

    fn details(&self, room: String, stats: bool) -> BoxFuture<'static, Result<RoomDetails, RoomsProblem>> {
        let told = self.tell(&room, format!("details {stats}"));
        async move { told.await.map(|()| RoomDetails { room: lobby(), members: Vec::new() }) }.boxed()
    }

    fn close(&self, room: String, reason: String) -> BoxFuture<'static, Result<(), RoomsProblem>> {
        self.tell(&room, format!("close {reason}"))
    }

    fn set_limits(
        &self,
        room: String,
        limits: RoomLimitsBody,
    ) -> BoxFuture<'static, Result<(), RoomsProblem>> {
        self.tell(&room, format!("limits {:?}", limits.participants_max))
    }

    fn kick(
        &self,
        room: String,
        identity: String,
        reason: String,
    ) -> BoxFuture<'static, Result<(), RoomsProblem>> {
        self.tell(&room, format!("kick {identity} {reason}"))
    }

    fn mute(
        &self,
        room: String,
        identity: String,
        mute: MuteBody,
    ) -> BoxFuture<'static, Result<(), RoomsProblem>> {
        self.tell(&room, format!("mute {identity} {} {:?}", mute.muted, mute.producer))
    }

    fn bring(
        &self,
        room: String,
        body: StreamInRoomBody,
    ) -> BoxFuture<'static, Result<Brought, RoomsProblem>> {
        let told = self.tell(&room, format!("bring {} {:?}", body.stream, body.name));
        let unsuitable = RoomsProblem::Unsuitable("H265: add a source".into());
        let brought = Brought { identity: format!("stream:{}", body.stream), left_out: Vec::new() };
        let answer = if body.stream == "h265" { Err(unsuitable) } else { Ok(brought) };
        async move { told.await.and(answer) }.boxed()
    }

    fn take_out(&self, room: String, stream: String) -> BoxFuture<'static, Result<(), RoomsProblem>> {
        self.tell(&room, format!("take out {stream}"))
    }
}

#[tokio::test]
async fn what_an_operator_wants_reaches_the_rooms() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let more = More { rooms: Some(Arc::new(Told(tell))), ..More::default() };
    let given = given_more(&[], Access { section: "api", ..Access::default() }, "", more).await;
    let list = given.ask("GET", "/api/v1/rooms").await.json();
    assert_eq!(
        (&list["rooms"][0]["name"], &list["rooms"][0]["limits"]["participants_max"]),
        (&"lobby".into(), &3.into())
    );
    for (method, path, body, expected) in [
        ("GET", "/api/v1/rooms/lobby", "", "details false"),
        ("GET", "/api/v1/rooms/lobby?stats=1", "", "details true"),
        ("DELETE", "/api/v1/rooms/lobby?reason=late", "", "close late"),
        ("PATCH", "/api/v1/rooms/lobby", r#"{"participants_max":9}"#, "limits Some(9)"),
        ("DELETE", "/api/v1/rooms/lobby/participants/a%20b", "", "kick a b by the server"),
        ("POST", "/api/v1/rooms/lobby/participants/ann/mute", "", "mute ann true None"),
        (
            "POST",
            "/api/v1/rooms/lobby/participants/ann/mute",
            r#"{"muted":false,"producer":"x"}"#,
            "mute ann false Some(\"x\")",
        ),
        (
            "POST",
            "/api/v1/rooms/lobby/streams",
            r#"{"stream":"cam","name":"Door"}"#,
            "bring cam Some(\"Door\")",
        ),
        ("DELETE", "/api/v1/rooms/lobby/streams/door%2Ftalk", "", "take out door/talk"),
    ] {
        let answer = given.ask_from(HERE, &[], method, path, body).await;
        assert_eq!(
            (answer.status.as_u16(), told.try_recv().unwrap().as_str()),
            (200, expected),
            "{method} {path}"
        );
    }
    let streams = "/api/v1/rooms/lobby/streams";
    let brought = given.ask_from(HERE, &[], "POST", streams, r#"{"stream":"cam"}"#).await.json();
    assert_eq!(brought["identity"], "stream:cam");
    let refused = given.ask_from(HERE, &[], "POST", streams, r#"{"stream":"h265"}"#).await;
    refused.is(422, "H265: add a source\n");
    given.ask("DELETE", "/api/v1/rooms/other").await.is(404, "there is no such room\n");
    let wrong = given.ask_from(HERE, &[], "PATCH", "/api/v1/rooms/lobby", r#"{"participants":9}"#).await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.body.contains("participants_max"), "{}", wrong.body);
}

#[tokio::test]
async fn rooms_are_control_and_may_be_off() {
    let given = plain(&[]).await;
    given.ask("GET", "/api/v1/rooms").await.is(503, "rooms are off: set rooms.listen\n");
    assert_eq!(given.ask_from(THERE, &[], "GET", "/api/v1/rooms", "").await.status, 403);
    let given = super::given(&[], with_login(), "").await;
    assert_eq!(given.ask("DELETE", "/api/v1/rooms/lobby").await.status, 401);
}
