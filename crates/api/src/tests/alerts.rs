//! Alerts in the API, the streams and the metrics.
use super::{Given, name, plain};
use hub::What;
use serde_json::Value;
use std::time::Duration;

/// What the API says, once it says so.
async fn said(given: &Given, is: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..500 {
        let said = given.ask("GET", "/api/v1/alerts").await.json();
        if is(&said) {
            return said;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:#}", given.ask("GET", "/api/v1/alerts").await.json());
}

#[tokio::test]
async fn an_alert_runs_until_it_ends_and_is_remembered_then() {
    let given = plain(&[("cam", "fake://u:p@refuses"), ("door", "fake://h")]).await;
    assert_eq!(said(&given, |_| true).await.to_string(), r#"{"ended":[],"running":[]}"#);
    let mut events = given.hub.events();
    given.ask("PUT", "/api/preload?src=cam").await.is(200, "");
    given.ask("PUT", "/api/preload?src=door").await.is(200, "");
    let all = said(&given, |said| !said["running"][0]["started"].is_null()).await;
    let alert = &all["running"][0];
    assert_eq!(
        (&alert["stream"], &alert["alert"], &alert["source"]),
        (&"cam".into(), &"gave_up".into(), &0.into())
    );
    assert_eq!(
        alert["detail"],
        "source 0 is not tried any more: 401 Unauthorized; put that right, then retry the stream"
    );
    assert!(alert["since"].as_str().is_some() && alert.get("ended").is_none(), "{alert}");
    let stream = given.ask("GET", "/api/v1/streams/cam").await.json();
    assert_eq!(
        (&stream["alerts"][0]["id"], &stream["alerts"][0]["detail"]),
        (&alert["id"], &alert["detail"])
    );
    let metrics = given.ask("GET", "/metrics").await.body;
    assert!(metrics.contains("aqueduct_alerts{kind=\"gave_up\"} 1\n"), "{metrics}");
    assert!(metrics.contains("aqueduct_alerts{kind=\"frozen\"} 0\n"), "{metrics}");

    given.ask("DELETE", "/api/v1/streams/cam").await;
    let one = said(&given, |said| said["ended"].as_array().map(Vec::len) == Some(1)).await;
    assert_eq!((one["running"].as_array().map(Vec::len), &one["ended"][0]["id"]), (Some(0), &alert["id"]));
    assert_eq!(one["ended"][0]["reason"], "the stream was removed");
    let mut kinds = Vec::new();
    while let Ok(event) = events.try_recv() {
        let of_cam = event.what.stream().is_some_and(|stream| stream.as_str() == "cam");
        let wanted = event.what.kind().starts_with("alert.") || event.what.kind() == "stream.removed";
        kinds.extend(Some(event.what.kind()).filter(|_| of_cam && wanted));
    }
    assert_eq!(kinds, ["alert.started", "alert.ended", "stream.removed"], "an end comes before the stream's");
}

#[tokio::test]
async fn a_retry_ends_the_alert_and_a_new_failure_is_a_new_one() {
    let given = plain(&[("cam", "fake://refuses")]).await;
    given.ask("PUT", "/api/preload?src=cam").await.is(200, "");
    let first = said(&given, |said| !said["running"][0].is_null()).await["running"][0]["id"].clone();
    given.ask("POST", "/api/v1/streams/cam/retry").await.is(204, "");
    let again = said(&given, |said| !said["ended"][0].is_null() && !said["running"][0].is_null()).await;
    assert_eq!(
        (&again["ended"][0]["id"], &again["ended"][0]["reason"]),
        (&first, &"it is tried again".into())
    );
    assert_ne!(again["running"][0]["id"], first);
}

#[tokio::test]
async fn the_last_hundred_ended_alerts_are_kept() {
    let given = plain(&[]).await;
    // Whoever follows events has to be there first.
    tokio::time::sleep(Duration::from_millis(50)).await;
    for id in 0..150 {
        let (stream, alert, source) = (Some(name("cam")), "frozen", None);
        given.hub.emit(What::AlertEnded { id, stream, alert, source, lasted_ms: 1, why: "it moves".into() });
    }
    let all = said(&given, |said| said["ended"][0]["id"] == "149").await;
    assert_eq!(all["ended"].as_array().map(Vec::len), Some(100));
    assert_eq!((&all["ended"][99]["id"], &all["ended"][99]["started"]), (&"50".into(), &Value::Null));
}
