//! Who is let in, and how they show who they are.
use crate::fixtures::{Client, admin, all, config, lobby, service, service_with, soon, token};
use rooms::token::{Grants, Keys, RoomScope, Secret};
use rooms::{Ending, Rooms, SameIdentity, Session, Shown};
use serde_json::json;
use std::time::Duration;

async fn connect(rooms: &Rooms, shown: Shown) -> Result<Session, rooms::Refusal> {
    rooms.connect(lobby(), shown, "192.0.2.1:5".into()).await
}

#[tokio::test]
async fn a_token_shown_with_the_connection_opens_its_room_only() {
    let rooms = service().await;
    assert!(connect(&rooms, Shown::Token(token("ann", all()))).await.is_ok());
    let elsewhere = Grants::participant(RoomScope::One("other".parse().unwrap()));
    let refused = async |shown| {
        let refusal = connect(&rooms, shown).await.err().unwrap();
        (refusal.code, refusal.reason)
    };
    assert_eq!(refused(Shown::Token(token("ann", elsewhere))).await.0, 403);
    let (code, why) = refused(Shown::Token(Secret::new("hush"))).await;
    assert!(code == 401 && !why.contains("hush"), "{why}");
    assert_eq!(refused(Shown::Local).await.0, 401, "with keys everybody shows a token");
}

#[tokio::test]
async fn a_token_may_come_in_the_first_message_and_nothing_may_come_before_it() {
    let rooms = service().await;
    let mut client = Client::of(connect(&rooms, Shown::Later).await.unwrap());
    assert_eq!(client.refused("getRouterRtpCapabilities", json!({})).await.0, 401);
    assert_eq!(client.refused("authenticate", json!({})).await, (400, "token: a text is wanted".into()));
    let mut other = Client::of(connect(&rooms, Shown::Later).await.unwrap());
    let known = Grants::participant(RoomScope::Any);
    let shown = rooms::token::Claims::new("ann", crate::fixtures::NOW.as_micros() / 1_000_000, known);
    let shown = crate::fixtures::keys().sign("web", &shown).unwrap();
    let answer = client.ok("authenticate", json!({ "token": shown })).await;
    assert_eq!(answer, json!({ "identity": "ann", "room": "lobby" }));
    assert_eq!(client.refused("authenticate", json!({ "token": shown })).await.0, 409);
    client.ok("join", json!({})).await;
    let (code, why) = other.refused("authenticate", json!({ "token": "a.b.c" })).await;
    assert_eq!(code, 401);
    assert_eq!(other.ending().await, Ending::Refused(why));
}

#[tokio::test]
async fn without_keys_this_machine_joins_as_whom_it_says_and_may_no_more_than_take_part() {
    let rooms = service_with(|config| config.keys = Keys::default()).await;
    let mut client = Client::of(connect(&rooms, Shown::Local).await.unwrap());
    let joined = client.ok("join", json!({ "identity": "me", "displayName": "Me" })).await;
    assert_eq!(joined["id"], "me");
    assert_eq!((&joined["grants"]["publish"], &joined["grants"]["admin"]), (&json!(true), &json!(false)));
    let mut nameless = Client::of(connect(&rooms, Shown::Local).await.unwrap());
    assert_eq!(nameless.ok("join", json!({})).await["id"].as_str().unwrap().len(), 36);
    let shown = Shown::Token(token("ann", admin()));
    assert_eq!(connect(&rooms, shown).await.err().unwrap().code, 401, "no token is valid without keys");
}

#[tokio::test]
async fn the_same_identity_replaces_itself_or_is_refused_as_configured() {
    let rooms = service().await;
    let mut first = Client::join(&rooms, "ann", all()).await;
    let mut bob = Client::join(&rooms, "bob", all()).await;
    let _second = Client::join(&rooms, "ann", all()).await;
    assert_eq!(first.ending().await, Ending::Replaced);
    assert_eq!(bob.told("peerClosed").await["data"], json!({ "peerId": "ann", "reason": "replaced" }));
    assert_eq!(bob.told("newPeer").await["data"]["id"], "ann");

    let rooms = service_with(|config| config.same_identity = SameIdentity::Refuse).await;
    let _first = Client::join(&rooms, "ann", all()).await;
    let mut second = Client::connect(&rooms, "ann", all()).await;
    assert_eq!(second.refused("join", json!({})).await.0, 409);
}

#[tokio::test]
async fn who_does_not_authenticate_or_join_in_time_is_closed() {
    let rooms = service_with(|config| {
        config.limits.authenticate_max = Duration::from_millis(50);
        config.limits.join_max = Duration::from_millis(50);
    })
    .await;
    let mut silent = Client::of(connect(&rooms, Shown::Later).await.unwrap());
    assert_eq!(silent.ending().await, Ending::NotJoined);
    let mut idle = Client::connect(&rooms, "ann", all()).await;
    assert_eq!(idle.ending().await, Ending::NotJoined);
}

#[tokio::test]
async fn a_port_that_is_taken_ends_the_start_with_its_name() {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let mut config = config();
    config.listen.iter_mut().for_each(|info| info.port = Some(port));
    let error = soon(Rooms::start(config)).await.err().unwrap();
    assert!(error.to_string().contains(&port.to_string()), "{error}");
}
