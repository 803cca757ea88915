//! What the server API and admins do to others.
use crate::fixtures::{Client, admin, all, lobby, opus, service};
use rooms::{AskError, Ending, RoomLimits};
use serde_json::json;

#[tokio::test]
async fn the_server_kicks_and_mutes_and_those_concerned_are_told() {
    let rooms = service().await;
    let mut ann = Client::join(&rooms, "ann", all()).await;
    let mut bob = Client::join(&rooms, "bob", all()).await;
    let send = ann.transport("send").await;
    let track = ann.produce(&send, opus(1), "microphone").await;
    let id = serde_json::from_value(track.clone()).unwrap();
    bob.transport("recv").await;
    let offer = bob.told("newConsumer").await;
    rooms.mute(&lobby(), "ann", Some(id), true).await.unwrap();
    assert_eq!(
        ann.told("producerPaused").await["data"],
        json!({ "producerId": track, "reason": "by the server" })
    );
    assert_eq!(bob.told("consumerPaused").await["data"]["consumerId"], offer["data"]["id"]);
    assert!(rooms.details(&lobby(), false).await.unwrap().participants[0].producers[0].paused);
    ann.ok("resumeProducer", json!({ "producerId": track })).await;
    bob.told("consumerResumed").await;
    assert_eq!(rooms.mute(&lobby(), "bob", Some(id), true).await, Err(AskError::NoParticipant));
    assert_eq!(rooms.mute(&lobby(), "bob", None, true).await, Ok(()));

    rooms.kick(&lobby(), "ann", "noise").await.unwrap();
    assert_eq!(ann.told("kicked").await["data"]["reason"], "noise");
    assert_eq!(ann.ending().await, Ending::Kicked("noise".into()));
    assert_eq!(bob.told("peerClosed").await["data"], json!({ "peerId": "ann", "reason": "kicked" }));
    assert_eq!(rooms.kick(&lobby(), "ann", "").await, Err(AskError::NoParticipant));
    assert_eq!(rooms.kick(&"other".parse().unwrap(), "ann", "").await, Err(AskError::NoRoom));
}

#[tokio::test]
async fn an_admin_does_the_same_from_inside() {
    let rooms = service().await;
    let mut ann = Client::join(&rooms, "ann", all()).await;
    let mut host = Client::join(&rooms, "host", admin()).await;
    let send = ann.transport("send").await;
    ann.produce(&send, opus(1), "microphone").await;
    host.ok("mutePeer", json!({ "peerId": "ann" })).await;
    assert_eq!(ann.told("producerPaused").await["data"]["reason"], "by an admin");
    host.ok("mutePeer", json!({ "peerId": "ann", "muted": false })).await;
    ann.told("producerResumed").await;
    assert_eq!(host.refused("kickPeer", json!({ "peerId": "nobody" })).await.0, 404);
    assert_eq!(host.refused("kickPeer", json!({ "peerId": "host" })).await.0, 409);
    host.ok("kickPeer", json!({ "peerId": "ann", "reason": "late" })).await;
    assert_eq!(ann.ending().await, Ending::Kicked("late".into()));
    host.ok("closeRoom", json!({ "reason": "done" })).await;
    assert_eq!(host.ending().await, Ending::RoomClosed("done".into()));
}

#[tokio::test]
async fn a_room_s_limits_can_be_changed_while_it_is_open() {
    let rooms = service().await;
    let _ann = Client::join(&rooms, "ann", all()).await;
    let limits = RoomLimits { participants_max: 1, ..RoomLimits::default() };
    rooms.set_limits(&lobby(), limits).await.unwrap();
    let shown = rooms::Shown::Token(crate::fixtures::token("bob", all()));
    let refusal = rooms.connect(lobby(), shown, String::new()).await.err().unwrap();
    assert_eq!(refusal.code, 429);
    assert!(refusal.reason.contains("rooms.limits.participants_max"), "{refusal}");
    assert_eq!(rooms.list().await[0].limits, limits);
    let other = "other".parse().unwrap();
    assert_eq!(rooms.set_limits(&other, limits).await, Err(AskError::NoRoom));
    assert_eq!(rooms.details(&other, true).await.err(), Some(AskError::NoRoom));
}
