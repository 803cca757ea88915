//! The shapes of everything that the server says, as `mediasoup-client` gets them.
use crate::fixtures::{Client, all, opus, service};
use serde_json::{Value, json};

/// What is another each time, by its place; the rest is as it is.
fn steady(mut value: Value) -> Value {
    mask(&mut value, "");
    value
}

fn mask(value: &mut Value, key: &str) {
    match value {
        Value::Object(map) => map.iter_mut().for_each(|(key, value)| mask(value, key)),
        Value::Array(all) if key == "fingerprints" => {
            // one of each hash function; the last is the one that the client takes
            all.drain(..all.len().saturating_sub(1));
            all.iter_mut().for_each(|value| mask(value, key));
        }
        Value::Array(all) => all.iter_mut().for_each(|value| mask(value, key)),
        Value::String(text) if matches!(key, "usernameFragment" | "password" | "value" | "cname") => {
            *text = "TEXT".into()
        }
        Value::Number(_) if matches!(key, "ssrc" | "port" | "id") => *value = json!(0),
        Value::String(text) => {
            // ids stand alone, and in sentences
            let is_id = |word: &str| word.len() == 36 && word.matches('-').count() == 4;
            let words: Vec<&str> =
                text.split(' ').map(|word| if is_id(word) { "UUID" } else { word }).collect();
            *text = words.join(" ");
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn written(what: &str, value: Value) -> String {
    format!("{what}: {}\n", serde_json::to_string_pretty(&steady(value)).unwrap())
}

#[tokio::test]
async fn what_a_client_is_told_from_the_door_to_the_first_consumer() {
    let rooms = service().await;
    let mut ann = Client::join(&rooms, "ann", all()).await;
    let mut bob = Client::connect(&rooms, "bob", all()).await;
    let capabilities = bob.ok("getRouterRtpCapabilities", json!({})).await;
    let mut all = String::new();
    let join =
        json!({ "displayName": "Bob", "device": { "flag": "chrome" }, "rtpCapabilities": capabilities });
    all += &written("join", bob.ok("join", join).await);
    all += &written("newPeer", ann.told("newPeer").await);
    all += &written("createWebRtcTransport", bob.transport("recv").await);
    let send = ann.transport("send").await;
    let produce = json!({ "transportId": send["id"], "kind": "audio", "rtpParameters": opus(1), "appData": { "source": "microphone" } });
    let answer = ann.ask("produce", produce).await;
    let producer = answer["data"]["id"].clone();
    all += &written("produce", answer);
    all += &written("newConsumer", bob.told("newConsumer").await);
    all += &written("consumerScore", bob.told("consumerScore").await);
    ann.ok("closeProducer", json!({ "producerId": producer })).await;
    all += &written("consumerClosed", bob.told("consumerClosed").await);
    all += &written("restartIce", ann.ok("restartIce", json!({ "transportId": send["id"] })).await);
    all += &written("a refusal", ann.ask("closeProducer", json!({ "producerId": producer })).await);
    insta::assert_snapshot!(all);
}

#[tokio::test]
async fn the_router_s_capabilities_are_those_of_every_browser() {
    let rooms = service().await;
    let mut ann = Client::connect(&rooms, "ann", all()).await;
    let answer = ann.ok("getRouterRtpCapabilities", json!({})).await;
    let named = &answer["routerRtpCapabilities"];
    assert_eq!(
        (&answer["codecs"], &answer["headerExtensions"]),
        (&named["codecs"], &named["headerExtensions"])
    );
    let codecs = named["codecs"].as_array().unwrap();
    let lines = codecs.iter().map(|codec| {
        format!(
            "{} {} {} {}\n",
            codec["preferredPayloadType"], codec["mimeType"], codec["clockRate"], codec["parameters"]
        )
    });
    insta::assert_snapshot!(lines.collect::<String>());
}
