//! Playbacks where nothing is recorded: what is asked is looked at, and what there is not is said.
use super::*;

#[tokio::test]
async fn a_playback_of_nothing_or_from_nowhere_says_why_there_is_none() {
    let given = plain(&[("cam", "fake:")]).await;
    for (body, status, why) in [
        ("", 400, "`from` is needed"),
        (r#"{"from":"yesterday"}"#, 400, "seconds since 1970"),
        (r#"{"from":"100","to":"99"}"#, 400, "not before"),
        (r#"{"from":"100","speed":33}"#, 400, "0.1 to 32"),
        (r#"{"from":"100","fast":true}"#, 400, "fast"),
        (r#"{"from":"100"}"#, 404, "nothing of"),
    ] {
        let answer = given.ask_from(HERE, &[], "POST", "/api/v1/recordings/cam/playback", body).await;
        assert_eq!(answer.status.as_u16(), status, "{body}");
        assert!(answer.body.contains(why), "{body}: {}", answer.body);
    }
    given.ask("GET", "/api/v1/playbacks").await.is(200, "{\"playbacks\":[]}\n");
    given.ask("DELETE", "/api/v1/playbacks/7").await.is(404, "there is no playback \"7\"\n");
    let patched = given.ask_from(HERE, &[], "PATCH", "/api/v1/playbacks/7", "{\"paused\":true}").await;
    patched.is(404, "there is no playback \"7\"\n");
    let patched = given.ask_from(HERE, &[], "PATCH", "/api/v1/playbacks/x", "{}").await;
    patched.is(404, "there is no playback \"x\"\n");
}

#[tokio::test]
async fn who_may_only_watch_makes_no_playbacks() {
    let given = given(&[], with_login(), "").await;
    let made =
        given.ask_from(THERE, &[], "POST", "/api/v1/recordings/cam/playback", "{\"from\":\"1\"}").await;
    assert_eq!(made.status.as_u16(), 401);
}
