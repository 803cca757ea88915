//! Ends: `DELETE` in every state of a source, with what it answers.
use super::plain;
use std::time::Duration;

/// What `DELETE` says of the only source, after the stream got into this state.
async fn end_of(url: &str, state: &str) -> serde_json::Value {
    let given = plain(&[("cam", url)]).await;
    if state != "idle" {
        given.ask("PUT", "/api/preload?src=cam").await.is(200, "");
    }
    given.wait_for("cam", state).await;
    let answer = given.ask("DELETE", "/api/v1/streams/cam").await;
    assert_eq!(answer.status.as_u16(), 200, "{state}");
    let gone = answer.json();
    assert_eq!((&gone["removed"], &gone["unanswered"]), (&true.into(), &false.into()), "{gone}");
    assert_eq!(given.ask("GET", "/api/v1/streams/cam").await.status.as_u16(), 404);
    gone
}

#[tokio::test]
async fn a_source_that_runs_says_goodbye_and_each_step_is_told() {
    let gone = end_of("fake://ann:secret@silent/x", "connecting").await;
    let end = &gone["ends"][0];
    assert_eq!(end["steps"].to_string(), r#"[{"outcome":"answered 200","took_ms":20,"what":"TEARDOWN"}]"#);
    assert_eq!((&end["stream"], &end["what"], &end["index"]), (&"cam".into(), &"source".into(), &0.into()));
    assert_eq!((&end["url"], &end["in_time"]), (&"fake://***@silent/x".into(), &true.into()));
    assert!(end["took_ms"].as_u64().unwrap() >= 20 && gone["took_ms"].as_u64().unwrap() >= 20, "{gone}");
    assert_eq!(end_of("fake://h/x", "live").await["ends"][0]["in_time"], true);
}

#[tokio::test]
async fn what_does_not_run_has_nothing_to_end() {
    for (url, state) in
        [("fake://h/x", "idle"), ("", "waiting"), ("fake://fails", "backoff"), ("fake://refuses", "gave_up")]
    {
        assert_eq!(end_of(url, state).await["ends"], serde_json::json!([]), "{state}");
    }
}

#[tokio::test]
async fn of_two_deletes_at_once_one_ends_the_stream_and_the_other_finds_none() {
    let given = plain(&[("cam", "fake://silent")]).await;
    given.ask("PUT", "/api/preload?src=cam").await.is(200, "");
    given.wait_for("cam", "connecting").await;
    let both = [given.ask("DELETE", "/api/v1/streams/cam"), given.ask("DELETE", "/api/v1/streams/cam")];
    let statuses: Vec<u16> =
        futures_util::future::join_all(both).await.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses, [200, 404]);
}

#[tokio::test]
async fn an_owner_that_stalls_is_said_to_have_left_the_delete_unanswered() {
    let given = plain(&[("cam", "fake://blocks")]).await;
    given.ask("PUT", "/api/preload?src=cam").await.is(200, "");
    tokio::time::sleep(Duration::from_millis(200)).await;
    let gone = given.ask("DELETE", "/api/v1/streams/cam").await.json();
    assert_eq!((&gone["removed"], &gone["unanswered"]), (&true.into(), &true.into()), "{gone}");
    given.ask("GET", "/api/v1/streams/cam").await.is(404, "there is no stream \"cam\"\n");
}
