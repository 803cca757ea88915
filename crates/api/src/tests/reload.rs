//! The configuration read again: what becomes of the streams, and what the routes say.
use super::{Given, HERE, THERE, name, plain};
use crate::{ConfigProblem, FileStreams, Reload, StreamChanges, StreamPlan, StreamProblem, TalkPlan, TalkTo};
use hub::Policy;
use serde_json::{Value, json};
use std::time::Duration;

/// A file with these streams.
fn file(streams: &[(&str, &str)]) -> FileStreams {
    let plan = |(stream, url): &(&str, &str)| {
        (name(stream), StreamPlan { sources: vec![(*url).into()], ..StreamPlan::default() })
    };
    FileStreams { plans: streams.iter().map(plan).collect(), policy: Policy::default() }
}

/// A stream whose device is talked to.
fn talks(file: &mut FileStreams, stream: &str, device: &str) {
    let plan = file.plans.get_mut(stream).unwrap();
    plan.talk = TalkPlan { to: TalkTo::Urls(vec![device.into()]), ..TalkPlan::default() };
}

fn texts(names: &[media::StreamName]) -> Vec<&str> {
    names.iter().map(media::StreamName::as_str).collect()
}

async fn reload(given: &Given, file: FileStreams) -> StreamChanges {
    given.api.reload(file).await.unwrap()
}

async fn refused(given: &Given, file: FileStreams) -> Vec<(String, String)> {
    let problems = given.api.reload(file).await.unwrap_err();
    let said = |problem: StreamProblem| {
        (problem.stream.map(|stream| stream.to_string()).unwrap_or_default(), problem.message)
    };
    problems.into_iter().map(said).collect()
}

async fn names(given: &Given) -> Vec<String> {
    let list = given.ask("GET", "/api/v1/streams").await.json();
    list["streams"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().into()).collect()
}

async fn attempts(given: &Given, stream: &str) -> Value {
    let stream = given.ask("GET", &format!("/api/v1/streams/{stream}")).await.json();
    stream["sources"].as_array().unwrap().iter().map(|source| source["attempt"].clone()).collect()
}

#[tokio::test]
async fn streams_come_change_and_go_as_the_file_does_and_the_rest_runs_on() {
    let given = plain(&[("same", "fake://h/1"), ("other", "fake://h/2"), ("gone", "fake://silent")]).await;
    for stream in ["same", "other", "gone"] {
        let preload = format!("/api/preload?src={stream}");
        given.ask("PUT", &preload).await.is(200, "");
    }
    given.wait_for("gone", "connecting").await;
    let (same, other) = (given.wait_for("same", "live").await, given.wait_for("other", "live").await);

    let mut now = file(&[("same", "fake://h/1"), ("other", "fake://h/2"), ("new", "fake://h/3")]);
    let other_plan = now.plans.get_mut("other").unwrap();
    other_plan.sources.push("fake://h/second".into());
    other_plan.preload = Some("video".into());
    let changes = reload(&given, now.clone()).await;
    assert_eq!((texts(&changes.added), texts(&changes.changed)), (vec!["new"], vec!["other"]));
    assert_eq!(changes.unchanged, 1);
    let removal = &changes.removed["gone"];
    assert_eq!((removal.ends.len(), removal.ends[0].steps[0].what.as_str()), (1, "TEARDOWN"));
    assert!(removal.ends[0].in_time && !removal.unanswered, "{removal:?}");
    assert_eq!(names(&given).await, ["new", "other", "same"]);
    // A source that stays on the list runs on; so does what is not touched at all.
    assert_eq!(given.ask("GET", "/api/v1/streams/same").await.json()["since"], same["since"]);
    assert_eq!(attempts(&given, "same").await, json!([1]));
    assert_eq!(attempts(&given, "other").await[0], 1);
    assert_eq!(other["sources"].as_array().map(Vec::len), Some(1));

    let again = reload(&given, now).await;
    assert_eq!((again.added.len(), again.changed.len(), again.removed.len(), again.unchanged), (0, 0, 0, 3));
}

#[tokio::test]
async fn what_the_api_did_stays_until_the_file_changes_that_very_stream() {
    let given = plain(&[("a", "fake://h/1"), ("b", "fake://h/2")]).await;
    given.ask("PUT", "/api/streams?name=a&src=fake://h/api").await.is(200, "");
    given.ask("PUT", "/api/streams?name=mine&src=fake://h/mine").await.is(200, "");
    given.ask("DELETE", "/api/streams?src=b").await.is(200, "");
    let source = async || given.ask("GET", "/api/v1/streams/a").await.json()["sources"][0]["url"].clone();

    let changes = reload(&given, file(&[("a", "fake://h/1"), ("b", "fake://h/2")])).await;
    assert_eq!((changes.unchanged, changes.notes.len()), (2, 2), "{:?}", changes.notes);
    assert_eq!(
        (names(&given).await, source().await),
        (vec!["a".into(), "mine".into()], "fake://h/api".into())
    );

    let changes =
        reload(&given, file(&[("a", "fake://h/new"), ("b", "fake://h/2"), ("c", "fake://h/3")])).await;
    assert_eq!((texts(&changes.added), texts(&changes.changed)), (vec!["c"], vec!["a"]));
    assert_eq!((names(&given).await.len(), source().await), (3, "fake://h/new".into()));

    // Streams that are not the file's are not its to remove.
    let changes = reload(&given, file(&[])).await;
    assert_eq!(changes.removed.keys().map(media::StreamName::as_str).collect::<Vec<_>>(), ["a", "c"]);
    assert_eq!(names(&given).await, ["mine"]);
}

#[tokio::test]
async fn a_policy_for_all_counts_for_streams_that_the_api_makes_afterwards() {
    let given = plain(&[]).await;
    let policy = Policy { factor: 7.0, ..Policy::default() };
    reload(&given, FileStreams { policy, ..FileStreams::default() }).await;
    given.ask("PUT", "/api/streams?name=x&src=fake://h").await.is(200, "");
    let stream = given.ask("GET", "/api/v1/streams/x").await.json();
    assert_eq!(stream["sources"][0]["policy"]["factor"], 7.0);
}

#[tokio::test]
async fn on_any_problem_nothing_changes_and_all_are_told() {
    let given = plain(&[("gone", "fake://h/1")]).await;
    let talking = r#"{"sources":["fake://h"],"talk":"isapi://h"}"#;
    given
        .ask_from(HERE, &[], "PUT", "/api/v1/streams/door", talking)
        .await
        .is(200, "{\"outcome\":\"added\"}\n");
    given.ask("PUT", "/api/streams?name=gate%2Ftalk&src=fake://h").await.is(200, "");
    let mut now = file(&[
        ("a", "fake://wrong"),
        ("b", "rtsp://h"),
        ("door/talk", "fake://h"),
        ("fine", "fake://h"),
        ("gate", "fake://h"),
    ]);
    talks(&mut now, "gate", "isapi://h");
    let problems = refused(&given, now).await;
    let of: Vec<&str> = problems.iter().map(|(stream, _)| stream.as_str()).collect();
    assert_eq!(of, ["a", "b", "door/talk", "gate"]);
    assert_eq!(problems[0].1, "the URL is wrong");
    assert_eq!(problems[2].1, "\"door/talk\" is the talk stream of \"door\": change its `talk` there");
    assert_eq!(
        problems[3].1,
        "the talk stream would be \"gate/talk\", which is a stream of its own: remove that first"
    );
    assert_eq!(names(&given).await, ["door", "door/talk", "gate/talk", "gone"]);
    // The file as it was is still what the next one is compared with.
    let changes = reload(&given, file(&[])).await;
    assert_eq!(changes.removed.keys().map(media::StreamName::as_str).collect::<Vec<_>>(), ["gone"]);
}

#[tokio::test]
async fn a_talk_stream_and_a_stream_of_that_name_take_turns() {
    let given = plain(&[]).await;
    let own = file(&[("door", "fake://h"), ("door/talk", "fake://h/own")]);
    let mut device = file(&[("door", "fake://h")]);
    talks(&mut device, "door", "isapi://h");
    let kinds = async || {
        let talk = given.ask("GET", "/api/v1/streams/door/talk").await.json();
        (talk["sources"].as_array().map(Vec::len), talk["outputs"].as_array().map(Vec::len))
    };
    reload(&given, own.clone()).await;
    assert_eq!(kinds().await, (Some(1), Some(0)));
    for _ in 0..3 {
        let changes = reload(&given, device.clone()).await;
        assert_eq!((texts(&changes.changed), changes.removed.len()), (vec!["door"], 1));
        assert_eq!(kinds().await, (Some(0), Some(1)));
        let changes = reload(&given, own.clone()).await;
        assert_eq!((texts(&changes.changed), texts(&changes.added)), (vec!["door"], vec!["door/talk"]));
        assert_eq!(kinds().await, (Some(1), Some(0)));
    }
}

#[tokio::test]
async fn removals_go_on_all_at_once_and_hold_up_nothing_else() {
    let streams: Vec<(String, String)> =
        (0..20).map(|index| (format!("s{index:02}"), format!("fake://silent/{index}"))).collect();
    let streams: Vec<(&str, &str)> =
        streams.iter().map(|(stream, url)| (stream.as_str(), url.as_str())).collect();
    let given = plain(&streams).await;
    for (stream, _) in &streams {
        given.ask("PUT", &format!("/api/preload?src={stream}")).await.is(200, "");
        given.wait_for(stream, "connecting").await;
    }
    let began = std::time::Instant::now();
    let removing = given.api.reload(file(&[]));
    let meanwhile = async {
        given.ask("PUT", "/api/streams?name=s00&src=fake://h").await.is(200, "");
        began.elapsed()
    };
    let (changes, put) = tokio::join!(removing, meanwhile);
    let (changes, all) = (changes.unwrap(), began.elapsed());
    assert_eq!(changes.removed.len(), 20);
    // Each takes 20 ms: one after the other they would take 400.
    assert!(all < Duration::from_millis(300), "the removals took {all:?}");
    assert!(changes.removed.values().all(|removal| removal.ends[0].in_time));
    println!("20 ends took {all:?}, a change meanwhile {put:?}");
    assert_eq!(names(&given).await, ["s00"], "made anew while the old one ended");
}

#[tokio::test]
async fn a_removal_that_hangs_is_given_up_at_its_deadline() {
    let given = plain(&[("cam", "fake://blocks")]).await;
    given.ask("PUT", "/api/preload?src=cam").await.is(200, "");
    tokio::time::sleep(Duration::from_millis(200)).await;
    let began = std::time::Instant::now();
    let changes = reload(&given, file(&[("new", "fake://h")])).await;
    assert!(changes.removed["cam"].unanswered);
    // Four times 100 ms, and 2 s.
    assert!(began.elapsed() < Duration::from_secs(3), "it took {:?}", began.elapsed());
    assert_eq!(texts(&changes.added), ["new"]);
}

#[tokio::test]
async fn the_route_asks_whoever_read_the_files_and_says_what_came_of_it() {
    let mut given = plain(&[]).await;
    let url = "fake://ann:secret@h";
    let end = hub::EndReport {
        stream: name("cam"),
        what: "source",
        index: 0,
        url: url.into(),
        steps: vec![hub::Step {
            what: "TEARDOWN".into(),
            outcome: "answered 200".into(),
            took: Duration::from_millis(3),
        }],
        in_time: true,
        error: None,
        took: Duration::from_millis(3),
    };
    let removal = hub::Removal { ends: vec![end], readers: 2, ..hub::Removal::default() };
    let streams = StreamChanges {
        added: vec![name("a")],
        removed: [(name("cam"), removal)].into(),
        unchanged: 5,
        notes: vec!["hass: not supported yet".into()],
        ..StreamChanges::default()
    };
    let done = Reload::Done { streams, needs_restart: vec!["api.listen".into()] };
    let problem = |place, message: &str| ConfigProblem { place, message: message.into() };
    let wrong = Reload::Refused(vec![
        problem(Some(("a.yaml".into(), 3, 7)), "unknown key `lisen` in `rtsp`: did you mean `listen`?"),
        problem(None, "b.yaml: No such file or directory"),
    ]);
    let mut answers = Vec::new();
    for outcome in [done, wrong, Reload::NoFile] {
        let reloads = &mut given.reloads;
        let read = async { reloads.recv().await.unwrap().send(outcome).unwrap() };
        let request =
            http::Request::post("/api/v1/config/reload").extension(crate::Peer(HERE.parse().unwrap()));
        let asked = given.api.answer(request.body(axum::body::Body::empty()).unwrap());
        let (response, ()) = tokio::join!(asked, read);
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        answers.push((status, String::from_utf8(body.into()).unwrap()));
    }
    let json = |index: usize| serde_json::from_str::<Value>(&answers[index].1).unwrap();
    assert_eq!(
        (answers[0].0, json(0)),
        (
            200,
            json!({
                "added": ["a"], "changed": [], "unchanged": 5, "needs_restart": ["api.listen"],
                "notes": ["hass: not supported yet"],
                "removed": { "cam": {
                    "removed": true, "took_ms": 0, "unanswered": false, "publishers": 0, "readers": 2, "ends": [{
                        "stream": "cam", "what": "source", "index": 0, "url": "fake://***@h", "in_time": true,
                        "error": null, "took_ms": 3,
                        "steps": [{ "what": "TEARDOWN", "outcome": "answered 200", "took_ms": 3 }],
                    }],
                } },
            })
        )
    );
    let message = "unknown key `lisen` in `rtsp`: did you mean `listen`?";
    let without =
        json!({ "file": null, "line": null, "column": null, "message": "b.yaml: No such file or directory" });
    let problems = json!([{ "file": "a.yaml", "line": 3, "column": 7, "message": message }, without]);
    assert_eq!((answers[1].0, json(1)), (422, json!({ "problems": problems })));
    assert_eq!(answers[2].0, 410, "{}", answers[2].1);

    // Once nobody reads any more, the route says so; strangers are not even heard.
    given.reloads.close();
    given.ask("POST", "/api/v1/config/reload").await.is(503, "the server is shutting down\n");
    let stranger = given.ask_from(THERE, &[], "POST", "/api/v1/config/reload", "").await;
    assert_eq!(stranger.status.as_u16(), 403);
    assert_eq!(given.ask("GET", "/api/v1/config/reload").await.status.as_u16(), 405);
}

#[tokio::test]
async fn what_waits_for_a_restart_and_what_was_refused_is_shown() {
    let given = plain(&[]).await;
    given.config.send_modify(|state| {
        state.needs_restart = vec!["rtsp.listen".into()];
        let problem = ConfigProblem { place: Some(("a.yaml".into(), 1, 2)), message: "wrong".into() };
        state.refused = Some((media::WallTime::from_micros(1_000_000), vec![problem]));
    });
    let shown = given.ask("GET", "/api/v1/config").await.json();
    assert_eq!(
        shown,
        json!({
            "files": ["/etc/aqueduct.yaml"], "read": "1970-01-01T00:00:00.000Z", "needs_restart": ["rtsp.listen"],
            "refused": {
                "time": "1970-01-01T00:00:01.000Z",
                "problems": [{ "file": "a.yaml", "line": 1, "column": 2, "message": "wrong" }],
            },
        })
    );
}
