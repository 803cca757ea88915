//! Rooms and participants come and go, each told once.
use crate::fixtures::{Client, all, event, lobby, opus, service, service_with, soon};
use rooms::token::Grants;
use rooms::{AskError, Ending, Output, RoomHappening};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_room_begins_with_the_first_and_ends_when_nobody_has_been_there_for_a_while() {
    let rooms = service_with(|config| config.limits.empty_after = Duration::from_millis(50)).await;
    let mut events = rooms.events();
    let mut ann = Client::join(&rooms, "ann", all()).await;
    let send = ann.transport("send").await;
    let track = ann.produce(&send, opus(1), "microphone").await;
    assert_eq!(event(&mut events).await.what, RoomHappening::Started);
    let joined = RoomHappening::ParticipantJoined {
        identity: "ann".into(),
        name: "ANN".into(),
        hidden: false,
        recorder: false,
    };
    assert_eq!(event(&mut events).await.what, joined);
    let published = event(&mut events).await;
    assert_eq!(published.room, lobby());
    let RoomHappening::TrackPublished { producer, source, .. } = published.what else {
        panic!("{published:?}")
    };
    assert_eq!((json!(producer), source.as_deref()), (track, Some("microphone")));
    drop(ann);
    assert!(matches!(event(&mut events).await.what, RoomHappening::TrackUnpublished { reason: "gone", .. }));
    assert!(matches!(event(&mut events).await.what, RoomHappening::ParticipantLeft { reason: "gone", .. }));
    let RoomHappening::Finished { reason, .. } = event(&mut events).await.what else { panic!() };
    assert_eq!(reason, "nobody was there");
    assert_eq!(rooms.list().await, []);
    // and begins anew
    Client::join(&rooms, "ann", all()).await;
    assert_eq!(rooms.list().await.len(), 1);
}

#[tokio::test]
async fn recorders_and_hidden_ones_are_not_announced_and_recorders_do_not_keep_a_room() {
    let rooms = service_with(|config| config.limits.empty_after = Duration::from_millis(50)).await;
    let mut ann = Client::join(&rooms, "ann", all()).await;
    let mut tape = Client::join(&rooms, "tape", Grants { recorder: true, ..all() }).await;
    let spy = Client::join(&rooms, "spy", Grants { hidden: true, ..all() }).await;
    drop(spy);
    let mut bob = Client::join(&rooms, "bob", all()).await;
    assert_eq!(ann.told("newPeer").await["data"]["id"], "bob");
    assert!(ann.heard_of("newPeer").await.is_empty());
    assert!(ann.heard_of("peerClosed").await.is_empty());
    let send = bob.transport("send").await;
    bob.produce(&send, opus(1), "microphone").await;
    tape.transport("recv").await;
    assert_eq!(tape.told("newConsumer").await["data"]["peerId"], "bob");
    let send = tape.transport("send").await;
    let produce = json!({ "transportId": send["id"], "kind": "audio", "rtpParameters": opus(9) });
    assert_eq!(tape.refused("produce", produce).await.0, 403);
    drop((ann, bob));
    assert_eq!(tape.ending().await, Ending::RoomClosed("nobody was there".into()));
}

#[tokio::test]
async fn a_room_that_is_closed_tells_everybody_and_nothing_of_it_is_left() {
    let rooms = service().await;
    let mut ann = Client::join(&rooms, "ann", all()).await;
    let mut waiting = Client::connect(&rooms, "bob", all()).await;
    soon(rooms.close(&lobby(), "the lesson is over")).await.unwrap();
    assert_eq!(ann.told("roomClosed").await["data"]["reason"], "the lesson is over");
    let ending = Ending::RoomClosed("the lesson is over".into());
    assert_eq!((ann.ending().await, waiting.ending().await), (ending.clone(), ending.clone()));
    assert_eq!((ending.code(), ending.reason().as_str()), (4000, "room closed: the lesson is over"));
    assert_eq!(ann.session.next().await, Output::Close(ending), "final");
    assert_eq!(rooms.close(&lobby(), "").await, Err(AskError::NoRoom));
    assert_eq!(rooms.list().await, []);
}

#[tokio::test]
async fn when_the_server_ends_connections_are_told_and_new_ones_are_refused() {
    let rooms = service().await;
    let mut ann = Client::join(&rooms, "ann", all()).await;
    soon(rooms.end()).await;
    assert_eq!(ann.ending().await, Ending::ServerEnds);
    let shown = rooms::Shown::Token(crate::fixtures::token("bob", all()));
    assert_eq!(rooms.connect(lobby(), shown, String::new()).await.err().unwrap().code, 503);
}

#[tokio::test]
async fn a_new_name_is_told_to_the_others() {
    let rooms = service().await;
    let mut ann = Client::join(&rooms, "ann", all()).await;
    let mut bob = Client::join(&rooms, "bob", all()).await;
    bob.ok("changeDisplayName", json!({ "displayName": "Robert" })).await;
    let told = json!({ "peerId": "bob", "displayName": "Robert", "oldDisplayName": "BOB" });
    assert_eq!(ann.told("peerDisplayNameChanged").await["data"], told);
    let details = rooms.details(&lobby(), true).await.unwrap();
    assert_eq!(details.participants[1].name, "Robert");
}

#[tokio::test]
async fn one_joins_once() {
    let rooms = service().await;
    let mut ann = Client::join(&rooms, "ann", all()).await;
    assert_eq!(ann.refused("join", json!({})).await.0, 409);
    let mut bob = Client::connect(&rooms, "bob", all()).await;
    assert_eq!(
        bob.refused("changeDisplayName", json!({ "displayName": "x" })).await,
        (409, "join first".into())
    );
}
