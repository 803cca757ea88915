//! Our own API, the metrics, the page.
use super::{HERE, plain};
use futures_util::StreamExt;
use std::time::Duration;

#[tokio::test]
async fn a_stream_says_its_state_with_tracks_sources_and_counters() {
    let given = plain(&[("door/talk", "fake://u:p@h/x")]).await;
    let idle = given.ask("GET", "/api/v1/streams/door%2Ftalk").await.json();
    assert_eq!(
        (&idle["state"], &idle["tracks"], &idle["publisher"]),
        (&"idle".into(), &serde_json::json!([]), &().into())
    );
    given.ask("PUT", "/api/preload?src=door/talk").await.is(200, "");
    let live = given.wait_for("door/talk", "live").await;
    assert_eq!(live["name"], "door/talk");
    assert_eq!(
        live["tracks"].to_string(),
        r#"[{"clock_rate":90000,"codec":"H264","codec_string":"avc1.64001F","fps":25.0,"height":360,"id":0,"kind":"video","profile":"High","width":640},{"channels":2,"clock_rate":48000,"codec":"AAC","codec_string":"mp4a.40.2","id":1,"kind":"audio"}]"#
    );
    let source = &live["sources"][0];
    assert_eq!(
        (&source["url"], &source["state"], &source["attempt"]),
        (&"fake://***@h/x".into(), &"live".into(), &1.into())
    );
    assert!(live["since"].as_str().unwrap().ends_with('Z'));
    given.ask("GET", "/api/v1/streams/nobody").await.is(404, "there is no stream \"nobody\"\n");
}

#[tokio::test]
async fn put_says_what_changed_and_delete_what_was_there() {
    let given = plain(&[]).await;
    let body = r#"{"sources":["fake://h/x"],"supervision":{"start_ms":10,"ceiling_ms":20}}"#;
    for outcome in ["added", "unchanged"] {
        let answer = given.ask_from(HERE, &[], "PUT", "/api/v1/streams/a%2Fb", body).await;
        answer.is(200, &format!("{{\"outcome\":\"{outcome}\"}}\n"));
    }
    let changed =
        given.ask_from(HERE, &[], "PUT", "/api/v1/streams/a/b", r#"{"sources":["fake://h/y"]}"#).await;
    changed.is(200, "{\"outcome\":\"changed\"}\n");
    for (bad, said) in [
        ("", "the body: "),
        (r#"{"source":[]}"#, "unknown field `source`"),
        (r#"{"sources":["exec:rm"]}"#, "configuration file only"),
        (r#"{"sources":["nonsense:"]}"#, "nonsense"),
        (r#"{"supervision":{"factor":0.5}}"#, "factor must be 1 to 100"),
    ] {
        let answer = given.ask_from(HERE, &[], "PUT", "/api/v1/streams/x", bad).await;
        assert_eq!(answer.status.as_u16(), 400, "{bad}");
        assert!(answer.body.contains(said), "{bad}: {}", answer.body);
    }
    let gone = given.ask("DELETE", "/api/v1/streams/a/b").await;
    assert_eq!((gone.status.as_u16(), &gone.json()["removed"]), (200, &true.into()));
    given.ask("DELETE", "/api/v1/streams/a/b").await.is(404, "there is no stream \"a/b\"\n");
}

#[tokio::test]
async fn a_source_that_gave_up_tries_again_when_asked() {
    let given = plain(&[("cam", "fake://refuses")]).await;
    given.ask("PUT", "/api/preload?src=cam").await.is(200, "");
    let failed = given.wait_for("cam", "gave_up").await;
    assert_eq!(failed["sources"][0]["error"], "401 Unauthorized");
    assert_eq!(failed["sources"][0]["fault"], "peer");
    assert!(failed["reason"].as_str().unwrap().contains("401"), "{failed}");
    let mut events = given.hub.events();
    given.ask("POST", "/api/v1/streams/cam/retry").await.is(204, "");
    let tried = async {
        while let Ok(event) = events.recv().await {
            if event.what.kind() == "source.state" {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(5), tried).await.unwrap();
    given.ask("POST", "/api/v1/streams/nobody/retry").await.is(404, "there is no stream \"nobody\"\n");
}

#[tokio::test]
async fn events_come_as_they_happen_and_only_those_wanted() {
    let given = plain(&[]).await;
    let mut request =
        http::Request::get("/api/v1/events?stream=cam").body(axum::body::Body::empty()).unwrap();
    request.extensions_mut().insert(crate::Peer(HERE.parse().unwrap()));
    let response = given.api.answer(request).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body().into_data_stream();
    given.ask("PUT", "/api/streams?name=other&src=fake://h").await.is(200, "");
    given.ask("PUT", "/api/streams?name=cam&src=fake://h").await.is(200, "");
    let first = tokio::time::timeout(Duration::from_secs(5), body.next()).await.unwrap().unwrap().unwrap();
    let first = String::from_utf8(first.to_vec()).unwrap();
    assert!(first.starts_with("event: stream.added\n"), "{first}");
    let data = first.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!((&data["type"], &data["stream"]), (&"stream.added".into(), &"cam".into()));
}

#[tokio::test]
async fn metrics_count_by_stream_and_protocol_and_name_no_peer() {
    let given = plain(&[("cam\"x", "fake://u:p@h")]).await;
    given.ask("PUT", "/api/preload?src=cam%22x").await.is(200, "");
    given.wait_for("cam%22x", "live").await;
    let answer = given.ask("GET", "/metrics").await;
    assert!(answer.header("content-type").starts_with("application/openmetrics-text"));
    for line in [
        "aqueduct_build{version=\"0.1.0\"} 1",
        "aqueduct_stream_state{stream=\"cam\\\"x\",state=\"live\"} 1",
        "aqueduct_stream_in_bytes_total{stream=\"cam\\\"x\"} ",
        "aqueduct_worker_owners{worker=\"0\"} ",
        "aqueduct_events_lost_total 0",
        "aqueduct_process_open_fds ",
        "aqueduct_srtp_sessions 2",
        "aqueduct_srtp_sent_total 5000",
        "aqueduct_srtp_dropped_total{reason=\"foreign\"} 3",
    ] {
        assert!(answer.body.lines().any(|this| this.starts_with(line)), "{line}\n{}", answer.body);
    }
    assert!(answer.body.ends_with("# EOF\n"));
    assert!(!answer.body.contains("192.0.2.1"));
}

#[tokio::test]
async fn the_page_comes_with_its_policy_and_is_not_sent_twice() {
    let given = plain(&[]).await;
    let page = given.ask("GET", "/").await;
    assert!(page.body.contains("<html"));
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let readme = include_str!("../../../../web/README.md");
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
    assert!(
        words(readme).contains(&words(page.header("content-security-policy"))),
        "web/README.md has another policy"
    );
    let again = given.ask_from(HERE, &[("if-none-match", page.header("etag"))], "GET", "/", "").await;
    again.is(304, "");
    let head = given.ask("HEAD", "/").await;
    head.is(200, "");
    assert_eq!(given.ask("GET", "/main.js").await.header("content-type"), "text/javascript; charset=utf-8");
    for outside in ["/../Cargo.toml", "/%2e%2e/README.md", "/.git", "/player.htm", "/ui"] {
        given.ask("GET", outside).await.is(404, "404 page not found\n");
    }
}

#[tokio::test]
async fn the_description_in_the_repository_is_the_generated_one() {
    let given = plain(&[]).await;
    let description = given.ask("GET", "/api/v1/openapi.json").await;
    assert!(description.json()["paths"]["/api/v1/streams/{name}/retry"]["post"].is_object());
    let kept = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json"));
    assert!(kept.unwrap_or_default() == description.body, "cargo run -- --print-openapi > docs/openapi.json");
}

#[tokio::test]
async fn children_are_listed_with_what_they_use() {
    let given = plain(&[]).await;
    let answer = given.ask("GET", "/api/v1/children").await.json();
    let expected = serde_json::json!({ "children": [{
        "pid": 42, "name": "exec", "stream": "cam", "command": ["ffmpeg", "rtsp://***@h/"],
        "since": "1970-01-01T00:00:01.000Z", "state": "running", "cpu_ms": 1500, "rss_bytes": 4096, "processes": 2,
    }] });
    assert_eq!(answer, expected);
}
