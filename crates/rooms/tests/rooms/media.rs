//! Producers and consumers: who gets what, and who is told of what.
use crate::fixtures::{Client, all, lobby, opus, service, service_with, viewer, vp8};
use rooms::token::{Grants, Publish};
use serde_json::{Value, json};
use std::time::Duration;

const UNKNOWN: &str = "7b9e3c1e-5a1c-4f0e-9d7b-2f6f1d1f0a11";

/// One who sends a picture, one who gets it; with the producer and the offer.
async fn pair(rooms: &rooms::Rooms) -> (Client, Client, Value, Value) {
    let mut ann = Client::join(rooms, "ann", all()).await;
    let mut bob = Client::join(rooms, "bob", all()).await;
    bob.transport("recv").await;
    let send = ann.transport("send").await;
    let producer = ann.produce(&send, vp8(100), "camera").await;
    let offer = bob.told("newConsumer").await;
    (ann, bob, producer, offer)
}

#[tokio::test]
async fn everybody_is_offered_what_others_send_whichever_came_first() {
    let rooms = service().await;
    let mut ann = Client::join(&rooms, "ann", all()).await;
    let send = ann.transport("send").await;
    let before = ann.produce(&send, opus(1), "microphone").await;
    // a transport before joining: offered with joining
    let mut early = Client::connect(&rooms, "early", viewer()).await;
    let capabilities = early.ok("getRouterRtpCapabilities", json!({})).await;
    early.transport("recv").await;
    early.ok("join", json!({ "rtpCapabilities": capabilities })).await;
    // and behind it: offered with the transport
    let mut late = Client::join(&rooms, "late", viewer()).await;
    late.transport("recv").await;
    for client in [&mut early, &mut late] {
        let offer = client.told("newConsumer").await;
        assert_eq!((&offer["data"]["producerId"], &offer["data"]["peerId"]), (&before, &json!("ann")));
        client.answer(&offer).await;
    }
    let after = ann.produce(&send, vp8(100), "camera").await;
    for client in [&mut early, &mut late] {
        let offer = client.told("newConsumer").await;
        assert_eq!(offer["data"]["producerId"], after);
        assert_eq!(offer["data"]["appData"], json!({ "source": "camera" }));
        assert_ne!(offer["data"]["rtpParameters"]["mid"], json!(null));
    }
    assert!(ann.heard_of("newConsumer").await.is_empty(), "nobody gets their own");
}

#[tokio::test]
async fn a_consumer_is_paused_until_the_client_has_made_it() {
    let rooms = service().await;
    let (_ann, mut bob, _, offer) = pair(&rooms).await;
    let paused = async || {
        let details = rooms.details(&lobby(), false).await.unwrap();
        details.participants.iter().find(|one| one.identity == "bob").unwrap().consumers[0].paused
    };
    assert!(paused().await);
    bob.answer(&offer).await;
    let consumer = json!({ "consumerId": offer["data"]["id"] });
    bob.ok("requestConsumerKeyFrame", consumer.clone()).await;
    assert!(!paused().await);
    bob.ok("pauseConsumer", consumer.clone()).await;
    assert!(paused().await);
    bob.ok("resumeConsumer", consumer.clone()).await;
    let layers = json!({ "consumerId": offer["data"]["id"], "spatialLayer": 0, "temporalLayer": 1 });
    bob.ok("setConsumerPreferredLayers", layers).await;
    bob.ok("setConsumerPriority", json!({ "consumerId": offer["data"]["id"], "priority": 7 })).await;
    let stats = bob.ok("getConsumerStats", consumer).await;
    assert!(stats["stats"].is_array(), "{stats}");
}

#[tokio::test]
async fn a_consumer_that_the_client_refuses_or_never_makes_is_closed() {
    let rooms = service_with(|config| config.limits.answer_max = Duration::from_millis(50)).await;
    let (mut ann, mut bob, _, offer) = pair(&rooms).await;
    let closed = bob.told("consumerClosed").await;
    assert_eq!(closed["data"]["consumerId"], offer["data"]["id"]);
    let send = ann.transport("send").await;
    ann.produce(&send, opus(7), "microphone").await;
    let offer = bob.told("newConsumer").await;
    let no = json!({ "response": true, "id": offer["id"], "ok": false, "errorCode": 500, "errorReason": "no decoder" });
    bob.session.handle_text(&no.to_string()).await;
    let consumer = json!({ "consumerId": offer["data"]["id"] });
    assert_eq!(bob.refused("pauseConsumer", consumer).await.0, 404);
}

#[tokio::test]
async fn the_end_of_a_producer_ends_its_consumers_and_each_is_told_once() {
    let rooms = service().await;
    let (mut ann, mut bob, producer, offer) = pair(&rooms).await;
    bob.answer(&offer).await;
    ann.ok("pauseProducer", json!({ "producerId": producer })).await;
    assert_eq!(bob.told("consumerPaused").await["data"]["consumerId"], offer["data"]["id"]);
    ann.ok("resumeProducer", json!({ "producerId": producer })).await;
    bob.told("consumerResumed").await;
    assert!(ann.ok("getProducerStats", json!({ "producerId": producer })).await["stats"].is_array());
    ann.ok("closeProducer", json!({ "producerId": producer })).await;
    assert_eq!(bob.told("consumerClosed").await["data"]["consumerId"], offer["data"]["id"]);
    assert_eq!(ann.refused("closeProducer", json!({ "producerId": producer })).await.0, 404);
    assert!(bob.heard_of("consumerClosed").await.is_empty());
    assert!(ann.heard_of("producerClosed").await.is_empty(), "its owner knows");
}

#[tokio::test]
async fn the_end_of_a_connection_ends_all_of_it() {
    let rooms = service().await;
    let (ann, mut bob, _, offer) = pair(&rooms).await;
    drop(ann);
    assert_eq!(bob.told("consumerClosed").await["data"]["consumerId"], offer["data"]["id"]);
    assert_eq!(bob.told("peerClosed").await["data"]["peerId"], "ann");
    let details = rooms.details(&lobby(), false).await.unwrap();
    assert_eq!((details.room.producers, details.room.consumers, details.room.connections), (0, 0, 1));
}

#[tokio::test]
async fn a_transport_that_is_closed_takes_what_is_on_it_and_another_takes_over() {
    let rooms = service().await;
    let (mut ann, mut bob, producer, offer) = pair(&rooms).await;
    let recv = rooms.details(&lobby(), false).await.unwrap().participants[1].transports[0].id;
    bob.ok("closeTransport", json!({ "transportId": recv })).await;
    assert_eq!(bob.told("consumerClosed").await["data"]["consumerId"], offer["data"]["id"]);
    bob.transport("recv").await;
    assert_eq!(bob.told("newConsumer").await["data"]["producerId"], producer);
    let send = rooms.details(&lobby(), false).await.unwrap().participants[0].transports[0].id;
    ann.ok("closeTransport", json!({ "transportId": send })).await;
    assert_eq!(ann.told("producerClosed").await["data"]["producerId"], producer);
}

#[tokio::test]
async fn what_is_not_granted_is_refused_by_name() {
    let rooms = service().await;
    let voice = Publish::Only { kinds: None, sources: Some(vec!["microphone".into()]) };
    let mut ann =
        Client::join(&rooms, "ann", Grants { publish: voice, subscribe: false, data: false, ..all() }).await;
    let send = ann.transport("send").await;
    ann.produce(&send, opus(1), "microphone").await;
    let screen = json!({ "transportId": send["id"], "kind": "video", "rtpParameters": vp8(9), "appData": { "source": "screen" } });
    let (code, why) = ann.refused("produce", screen).await;
    assert!(code == 403 && why.contains("appData.source"), "{why}");
    assert_eq!(ann.refused("createWebRtcTransport", json!({ "direction": "recv" })).await.0, 403);
    let data = json!({ "transportId": send["id"], "sctpStreamParameters": { "streamId": 0 } });
    assert_eq!(ann.refused("produceData", data).await.0, 403);
    let mut bob = Client::join(&rooms, "bob", viewer()).await;
    assert_eq!(bob.refused("createWebRtcTransport", json!({ "direction": "send" })).await.0, 403);
    for (method, data) in [
        ("kickPeer", json!({ "peerId": "ann" })),
        ("mutePeer", json!({ "peerId": "ann" })),
        ("closeRoom", json!({})),
    ] {
        assert_eq!(
            bob.refused(method, data).await,
            (403, "the token does not grant admin".into()),
            "{method}"
        );
    }
}

#[tokio::test]
async fn what_is_not_there_or_another_s_is_not_found() {
    let rooms = service().await;
    let (_ann, mut bob, producer, _) = pair(&rooms).await;
    let of = |key: &str, id: &str| json!({ key: id });
    for (method, data) in [
        ("restartIce", of("transportId", UNKNOWN)),
        ("closeTransport", of("transportId", UNKNOWN)),
        ("getTransportStats", of("transportId", UNKNOWN)),
        (
            "connectWebRtcTransport",
            json!({ "transportId": UNKNOWN, "dtlsParameters": crate::fixtures::dtls() }),
        ),
        ("produce", json!({ "transportId": UNKNOWN, "kind": "audio", "rtpParameters": opus(1) })),
        ("closeProducer", of("producerId", producer.as_str().unwrap())),
        ("pauseProducer", of("producerId", producer.as_str().unwrap())),
        ("getProducerStats", of("producerId", UNKNOWN)),
        ("resumeConsumer", of("consumerId", UNKNOWN)),
        ("requestConsumerKeyFrame", of("consumerId", UNKNOWN)),
        ("getConsumerStats", of("consumerId", UNKNOWN)),
        ("setConsumerPriority", json!({ "consumerId": UNKNOWN, "priority": 1 })),
        ("setConsumerPreferredLayers", json!({ "consumerId": UNKNOWN, "spatialLayer": 1 })),
        ("closeDataProducer", of("dataProducerId", UNKNOWN)),
    ] {
        assert_eq!(bob.refused(method, data).await.0, 404, "{method}");
    }
}

#[tokio::test]
async fn parameters_that_the_router_refuses_say_why() {
    let rooms = service().await;
    let mut ann = Client::join(&rooms, "ann", all()).await;
    let send = ann.transport("send").await;
    let produce = |parameters: Value, kind: &str| json!({ "transportId": send["id"], "kind": kind, "rtpParameters": parameters });
    let (code, why) = ann.refused("produce", produce(opus(1), "video")).await;
    assert!(code == 400 && why.contains("rtpParameters"), "{code} {why}");
    ann.produce(&send, opus(1), "microphone").await;
    assert_eq!(ann.refused("produce", produce(opus(1), "audio")).await.0, 409);
    let connect = json!({ "transportId": send["id"], "dtlsParameters": crate::fixtures::dtls() });
    let (code, why) = ann.refused("connectWebRtcTransport", connect).await;
    assert!(code == 400 && why.starts_with("dtlsParameters: "), "{code} {why}");
    let recv = ann.transport("recv").await;
    let wrong_way = json!({ "transportId": recv["id"], "kind": "audio", "rtpParameters": opus(5) });
    assert!(ann.refused("produce", wrong_way).await.1.contains("transportId"));
    let new = ann.ok("restartIce", json!({ "transportId": send["id"] })).await;
    assert_ne!(new["iceParameters"]["usernameFragment"], send["iceParameters"]["usernameFragment"]);
    assert_eq!(
        ann.ok("getTransportStats", json!({ "transportId": send["id"] })).await["stats"][0]["bytesReceived"],
        0
    );
}
