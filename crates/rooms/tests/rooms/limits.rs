//! Each limit is an error that names it, or an end that does.
use crate::fixtures::{Client, all, opus, service_with};
use rooms::Ending;
use serde_json::json;

#[tokio::test]
async fn too_many_of_anything_is_refused_by_the_name_of_the_limit() {
    let rooms = service_with(|config| {
        config.limits.transports_per_participant_max = 1;
        config.limits.room.producers_per_participant_max = 1;
        config.limits.rooms_max = 1;
    })
    .await;
    let mut ann = Client::join(&rooms, "ann", all()).await;
    let send = ann.transport("send").await;
    ann.produce(&send, opus(1), "microphone").await;
    let another = json!({ "transportId": send["id"], "kind": "audio", "rtpParameters": opus(2) });
    for (method, data, limit) in [
        ("createWebRtcTransport", json!({ "direction": "recv" }), "transports_per_participant_max"),
        ("produce", another, "producers_per_participant_max"),
    ] {
        let (code, why) = ann.refused(method, data).await;
        assert!(code == 429 && why.contains(limit), "{code} {why}");
    }
    let grants = rooms::token::Grants::participant(rooms::token::RoomScope::Any);
    let shown = rooms::Shown::Token(crate::fixtures::token("bob", grants));
    let refusal = rooms.connect("other".parse().unwrap(), shown, String::new()).await.err().unwrap();
    assert!(refusal.code == 429 && refusal.reason.contains("rooms_max"), "{refusal}");
}

#[tokio::test]
async fn requests_that_are_not_answered_yet_are_counted() {
    let rooms = service_with(|config| config.limits.requests_in_flight_max = 3).await;
    let mut ann = Client::join(&rooms, "ann", all()).await;
    let send = ann.transport("send").await;
    // none of these waits for its answer
    for id in 900..950 {
        let request = json!({ "request": true, "id": id, "method": "getTransportStats", "data": { "transportId": send["id"] } });
        ann.session.handle_text(&request.to_string()).await;
    }
    let mut refused = 0;
    for _ in 900..950 {
        let rooms::Output::Text(text) = crate::fixtures::soon(ann.session.next()).await else { panic!() };
        refused += usize::from(text.contains("rooms.limits.requests_in_flight_max"));
    }
    assert!((1..=47).contains(&refused), "{refused}");
    ann.ok("getTransportStats", json!({ "transportId": send["id"] })).await;
}

#[tokio::test]
async fn a_connection_that_takes_nothing_is_ended_and_holds_up_nobody() {
    let rooms = service_with(|config| config.limits.queue_max = 8).await;
    let mut slow = Client::join(&rooms, "slow", all()).await;
    let mut ann = Client::join(&rooms, "ann", all()).await;
    for number in 0..20 {
        ann.ok("changeDisplayName", json!({ "displayName": number.to_string() })).await;
    }
    assert_eq!(slow.session.cut().await, Ending::TooSlow { waiting: 8 });
    assert_eq!(slow.ending().await, Ending::TooSlow { waiting: 8 });
    assert_eq!(ann.told("peerClosed").await["data"], json!({ "peerId": "slow", "reason": "too_slow" }));
}

#[tokio::test]
async fn what_is_no_message_ends_the_connection_and_says_why() {
    let rooms = service_with(|config| config.limits.message_bytes_max = 1000).await;
    let mut ann = Client::join_barely(&rooms, "ann").await;
    ann.session.handle_text("{").await;
    assert!(matches!(ann.ending().await, Ending::NotAMessage(_)));
    let mut bob = Client::join_barely(&rooms, "bob").await;
    bob.session.handle_text(&"x".repeat(1001)).await;
    assert_eq!(bob.ending().await, Ending::TooLong { bytes: 1001, max: 1000 });
    let mut eve = Client::join_barely(&rooms, "eve").await;
    eve.session.handle_binary();
    assert_eq!(eve.ending().await.code(), 1003);
    let mut dan = Client::join_barely(&rooms, "dan").await;
    // unknown notifications and answers to nothing do no harm
    dan.session.handle_text(r#"{"notification":true,"method":"x"}"#).await;
    dan.session.handle_text(r#"{"response":true,"id":77,"ok":true}"#).await;
    assert_eq!(dan.refused("dance", json!({})).await.0, 400);
}
