//! Talk streams: how a stream gets one, what it says of itself, and its end.
use super::{Given, HERE, plain};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use hub::{Deliver, OutputTask, PeerInfo, Publisher, SourceError};
use media::{Codec, CodecParams, Track, Unit};
use std::time::Duration;

/// `isapi:` takes sound, and hangs up in order.
pub(super) struct Intercom;

impl Deliver for Intercom {
    fn takes(&self, url: &str) -> bool {
        url.starts_with("isapi:")
    }

    fn check(&self, url: &str) -> Result<(), SourceError> {
        if url.contains("wrong") { Err(SourceError::config("the device's URL is wrong")) } else { Ok(()) }
    }

    fn peer(&self, _: &str) -> PeerInfo {
        PeerInfo { protocol: "isapi", ..PeerInfo::default() }
    }

    fn run(&self, mut task: OutputTask) -> LocalBoxFuture<'static, Result<(), SourceError>> {
        async move {
            task.progress.opened("PCMU/8000");
            task.progress.level(-20.5);
            task.progress.sent(160);
            task.stop.wanted().await;
            task.stop.step("close", "answered 200", Duration::from_millis(5));
            Ok(())
        }
        .boxed_local()
    }
}

async fn put(given: &Given, stream: &str, body: &str) -> super::Answer {
    given.ask_from(HERE, &[], "PUT", &format!("/api/v1/streams/{stream}"), body).await
}

/// Speaks a moment of silence into a stream.
async fn speak(given: &Given, stream: &str) -> Publisher {
    let peer = PeerInfo { protocol: "webrtc", remote: "192.0.2.9:1".into(), ..PeerInfo::default() };
    let mut publisher = given.hub.publish(&super::name(stream), peer, None).await.unwrap();
    publisher.set_tracks(vec![Track::audio(0, Codec::Pcmu, 8000, 1, CodecParams::None)]).await.unwrap();
    let unit = Unit {
        track: 0,
        pts: 0,
        dts: 0,
        arrival: hub::now(),
        wall: hub::wall_now(),
        keyframe: true,
        discontinuity: false,
        data: vec![0xff; 160].into(),
    };
    publisher.push(unit).await.unwrap();
    publisher
}

async fn talks(given: &Given, stream: &str) -> serde_json::Value {
    for _ in 0..500 {
        let report = given.ask("GET", &format!("/api/v1/streams/{stream}/talk")).await.json();
        if report["outputs"][0]["state"] == "live" {
            return report;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("nothing is said to the device");
}

#[tokio::test]
async fn an_intercom_among_go2rtcs_sources_is_talked_to_and_is_no_source() {
    let given = plain(&[]).await;
    let src = "/api/streams?name=door&src=fake://h/x&src=isapi%3A%2F%2Fann%3Asecret%40h";
    given.ask("PUT", src).await.is(200, "");
    let door = given.ask("GET", "/api/v1/streams/door").await.json();
    assert_eq!((&door["talk"], &door["muted"]), (&"door/talk".into(), &false.into()));
    assert_eq!(door["sources"].as_array().map(Vec::len), Some(1));
    let talk = given.ask("GET", "/api/v1/streams/door/talk").await.json();
    assert_eq!(talk["outputs"][0]["url"], "isapi://***@h");
    assert_eq!((&talk["outputs"][0]["state"], &talk["outputs"][0]["opened"]), (&"idle".into(), &().into()));
    let list = given.ask("GET", "/api/streams").await.json();
    let producers: Vec<&str> = list["door"]["producers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|producer| producer["url"].as_str().unwrap())
        .collect();
    assert_eq!(producers, ["fake://h/x", "isapi://ann:secret@h"], "as it was put");
    given.ask("PUT", "/api/streams?name=door&src=fake://h/x").await.is(200, "");
    assert_eq!(given.ask("GET", "/api/v1/streams/door").await.json()["talk"], serde_json::Value::Null);
    given.ask("GET", "/api/v1/streams/door/talk").await.is(404, "there is no stream \"door/talk\"\n");
}

#[tokio::test]
async fn a_talk_stream_says_who_talks_what_the_device_takes_and_how_loud_it_is() {
    let given = plain(&[]).await;
    let body = r#"{"sources":["fake://h/x"],"talk":{"url":"isapi://h","conflict":"queue"}}"#;
    put(&given, "door", body).await.is(200, "{\"outcome\":\"added\"}\n");
    let first = speak(&given, "door/talk").await;
    let second = speak(&given, "door/talk").await;
    let talk = talks(&given, "door").await;
    let output = &talk["outputs"][0];
    assert_eq!((&output["opened"], &output["level_dbfs"]), (&"PCMU/8000".into(), &serde_json::json!(-20.5)));
    assert_eq!(
        (&output["frames"], &output["bytes"], &output["attempt"]),
        (&1.into(), &160.into(), &1.into())
    );
    let waits: Vec<bool> =
        talk["publishers"].as_array().unwrap().iter().map(|one| one["waits"].as_bool().unwrap()).collect();
    assert_eq!(waits, [false, true]);
    assert_eq!(talk["publisher"]["id"], talk["publishers"][0]["id"]);
    assert!(talk["publishers"][1]["since"].as_str().unwrap().ends_with('Z'));
    drop((first, second));
}

#[tokio::test]
async fn deleting_a_stream_hangs_up_first_and_says_so() {
    let given = plain(&[]).await;
    put(&given, "door", r#"{"sources":["fake://silent"],"preload":true,"talk":"isapi://ann:secret@h"}"#)
        .await;
    let _talker = speak(&given, "door/talk").await;
    talks(&given, "door").await;
    given.wait_for("door", "connecting").await;
    let gone = given.ask("DELETE", "/api/v1/streams/door").await.json();
    let said: Vec<[&str; 4]> = gone["ends"]
        .as_array()
        .unwrap()
        .iter()
        .map(|end| {
            let of =
                |value: &'_ serde_json::Value| -> String { value.as_str().unwrap_or_default().to_owned() };
            [of(&end["stream"]), of(&end["what"]), of(&end["url"]), of(&end["steps"][0]["what"])]
                .map(|text| &*text.leak())
        })
        .collect();
    assert_eq!(
        said,
        [["door/talk", "output", "isapi://***@h", "close"], ["door", "source", "fake://silent", "TEARDOWN"],]
    );
    assert_eq!(gone["publishers"], 1, "{gone}");
    given.ask("GET", "/api/streams").await.is(200, "{}\n");
}

#[tokio::test]
async fn a_talk_stream_that_is_deleted_stays_away_and_cannot_be_put_by_itself() {
    let given = plain(&[]).await;
    put(&given, "door", r#"{"sources":["fake://h/x"],"talk":"isapi://h"}"#).await;
    let refused = put(&given, "door/talk", r#"{"sources":["fake://h/y"]}"#).await;
    refused.is(409, "\"door/talk\" is the talk stream of \"door\": change its `talk` there\n");
    given
        .ask("PUT", "/api/streams?name=door/talk&src=fake://h")
        .await
        .is(400, "\"door/talk\" is the talk stream of \"door\": change its `talk` there\n");
    assert_eq!(given.ask("DELETE", "/api/v1/streams/door/talk").await.status.as_u16(), 200);
    given.ask("PUT", "/api/preload?src=door").await.is(200, "");
    let door = given.wait_for("door", "live").await;
    assert_eq!(door["talk"], serde_json::Value::Null);
    put(&given, "door/talk", r#"{"sources":["fake://h/y"]}"#).await.is(200, "{\"outcome\":\"added\"}\n");
    let taken = put(&given, "door", r#"{"talk":"isapi://h"}"#).await;
    taken
        .is(409, "the talk stream would be \"door/talk\", which is a stream of its own: remove that first\n");
}

#[tokio::test]
async fn what_a_put_does_not_name_stays_and_null_is_the_default() {
    let given = plain(&[]).await;
    let whole = r#"{"sources":["fake://h/x",{"url":"fake://h/slate","fallback":true,"supervision":{"start_ms":200}}],
        "preload":true,"linger_ms":900,"conflict":"queue","supervision":{"factor":3.0},
        "talk":{"urls":["isapi://h"],"conflict":"mix","idle_ms":3000,"half_duplex":true,"supervision":{"budget_ms":5000}}}"#;
    put(&given, "door", whole).await.is(200, "{\"outcome\":\"added\"}\n");
    let sources = given.wait_for("door", "live").await["sources"].clone();
    assert_eq!(
        sources[1]["policy"].to_string(),
        r#"{"budget_ms":0,"ceiling_ms":30000,"factor":3.0,"jitter":0.2,"start_ms":200,"steady_ms":10000}"#
    );
    assert_eq!((&sources[0]["fallback"], &sources[0]["wanted"]), (&false.into(), &true.into()));
    assert_eq!((&sources[1]["fallback"], &sources[1]["wanted"]), (&true.into(), &false.into()));
    for unchanged in ["{}", whole, r#"{"preload":true}"#, r#"{"sources":["fake://h/x","fake://h/slate"]}"#] {
        put(&given, "door", unchanged).await.is(200, "{\"outcome\":\"unchanged\"}\n");
    }
    let urls = "/api/streams?name=door&src=fake://h/x&src=fake://h/slate";
    given.ask("PUT", urls).await.is(200, "");
    put(&given, "door", whole).await.is(200, "{\"outcome\":\"unchanged\"}\n");
    for changed in
        [r#"{"supervision":null}"#, r#"{"linger_ms":null}"#, r#"{"conflict":null}"#, r#"{"talk":null}"#]
    {
        put(&given, "door", changed).await.is(200, "{\"outcome\":\"changed\"}\n");
        put(&given, "door", changed).await.is(200, "{\"outcome\":\"unchanged\"}\n");
    }
    let door = given.ask("GET", "/api/v1/streams/door").await.json();
    assert_eq!((&door["talk"], &door["sources"][0]["policy"]["factor"]), (&().into(), &2.0.into()));
}

#[tokio::test]
async fn bodies_that_cannot_be_are_refused_with_the_reason() {
    let given = plain(&[]).await;
    for (body, said) in [
        (r#"{"sources":[7]}"#, "a source's URL or its keys"),
        (r#"{"sources":[{"url":"fake:","fallbak":true}]}"#, "unknown field `fallbak`"),
        (r#"{"sources":[{"fallback":true}]}"#, "missing field `url`"),
        (r#"{"sources":[{"url":"exec:rm"}]}"#, "configuration file only"),
        (
            r#"{"sources":[{"url":"fake:","supervision":{"ceiling_ms":5}}]}"#,
            "supervision: ceiling is 5ms, shorter than start, 1s",
        ),
        (r#"{"conflict":"mix"}"#, "mix is for talk streams"),
        (r#"{"conflict":"quue"}"#, "unknown variant `quue`"),
        (r#"{"talk":7}"#, "a device's URL, a list of them, keys, true or false"),
        (r#"{"talk":[]}"#, "the list of devices is empty"),
        (r#"{"talk":{"urls":["isapi://h"],"idle_ms":0}}"#, "idle_ms must be more than 0"),
        (
            r#"{"talk":{"url":"isapi://h","supervision":{"jitter":2}}}"#,
            "talk.supervision: jitter must be 0 to 1",
        ),
        (r#"{"talk":"isapi://wrong"}"#, "the device's URL is wrong"),
        (r#"{"talk":"fake://h"}"#, "nothing here can talk to a fake: device"),
        (r#"{"talk":"exec:rm"}"#, "configuration file only"),
    ] {
        let answer = put(&given, "x", body).await;
        assert_eq!(answer.status.as_u16(), 400, "{body}");
        assert!(answer.body.contains(said), "{body}: {}", answer.body);
    }
    given.ask("GET", "/api/streams").await.is(200, "{}\n");
}

#[tokio::test]
async fn a_source_is_played_to_the_device_and_ended_with_an_empty_one() {
    let given = plain(&[("plain", "fake://h/x")]).await;
    put(&given, "door", r#"{"sources":["fake://h/x"],"talk":"isapi://h"}"#).await;
    let played = given.ask("POST", "/api/streams?dst=door&src=fake://bell").await;
    assert_eq!((played.status.as_u16(), &played.json()["producers"][0]["url"]), (200, &"fake://h/x".into()));
    let talk = talks(&given, "door").await;
    assert_eq!(talk["publishers"].as_array().map(Vec::len), Some(1), "{talk}");
    assert_eq!(given.ask("POST", "/api/streams?dst=door/talk&src=fake://other").await.status.as_u16(), 200);
    given.ask("POST", "/api/streams?dst=door&src=").await;
    let mut left = 1;
    for _ in 0..200 {
        let talk = given.ask("GET", "/api/v1/streams/door/talk").await.json();
        left = talk["publishers"].as_array().map_or(0, Vec::len);
        if left == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(left, 0, "what was played is still there");
    for (query, status, said) in [
        ("dst=nobody&src=fake://bell", 404, "\n"),
        ("src=fake://bell", 400, "\n"),
        (
            "dst=plain&src=fake://bell",
            400,
            "streams: plain has no device to talk to; see `talk` in the configuration\n",
        ),
        ("dst=door&src=exec:rm", 400, "streams: source from insecure producer\n"),
        ("dst=door&src=fake://wrong", 500, "the URL is wrong\n"),
        ("dst=door&src=fake://refuses", 500, "401 Unauthorized\n"),
        (
            "src=plain&dst=rtmp://h/live/x",
            501,
            "streams: pushing streams out to other servers is not supported yet\n",
        ),
    ] {
        given.ask("POST", &format!("/api/streams?{query}")).await.is(status, said);
    }
}

#[tokio::test]
async fn a_text_for_the_device_can_be_nothing_but_a_text() {
    let given = plain(&[]).await;
    put(&given, "door", r#"{"talk":"isapi://h"}"#).await;
    // No source here runs ffmpeg; that its URL is asked for is what the answer tells.
    let spoken = given.ask("POST", "/api/ffmpeg?dst=door&text=Hello%23video%3Dx&voice=a").await;
    assert_eq!(spoken.status.as_u16(), 500);
    assert!(spoken.body.contains("no source of scheme \"ffmpeg\""), "{}", spoken.body);
    for (query, status) in
        [("dst=door", 400), ("dst=door&file=a%23raw%3D-y", 400), ("dst=nobody&text=x", 404)]
    {
        assert_eq!(
            given.ask("POST", &format!("/api/ffmpeg?{query}")).await.status.as_u16(),
            status,
            "{query}"
        );
    }
}
