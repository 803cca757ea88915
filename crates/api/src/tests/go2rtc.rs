//! go2rtc's shapes, as its clients take them.
use super::{HERE, plain, with_login};
use std::time::Duration;

#[tokio::test]
async fn the_version_passes_home_assistants_gate_and_ours_stands_beside_it() {
    let given = plain(&[]).await;
    given.ask("GET", "/api").await.is(
        200,
        "{\"aqueduct\":\"0.1.0\",\"config_path\":\"/etc/aqueduct.yaml\",\"host\":\"127.0.0.1:1984\",\"revision\":\"\",\
         \"rtsp\":{\"listen\":\"127.0.0.1:8554\",\"default_query\":\"video\\u0026audio\"},\"version\":\"1.9.15\"}\n",
    );
    given.ask("GET", "/api/schemes").await.is(200, "[\"fake\",\"isapi\"]\n");
}

#[tokio::test]
async fn idle_streams_have_urls_and_empty_lists_are_null() {
    let given = plain(&[("cam", "fake://ann:secret@h/x"), ("push", "")]).await;
    let all = "{\"cam\":{\"producers\":[{\"url\":\"fake://ann:secret@h/x\"}],\"consumers\":null},\
               \"push\":{\"producers\":null,\"consumers\":null}}\n";
    given.ask("GET", "/api/streams").await.is(200, all);
    for method in ["OPTIONS", "PUT", "PATCH", "DELETE"] {
        given.ask(method, "/api/streams").await.is(200, all);
    }
    given.ask("GET", "/api/streams?src=cam").await.is(
        200,
        "{\n  \"producers\": [\n    {\n      \"url\": \"fake://ann:secret@h/x\"\n    }\n  ],\n  \"consumers\": null\n}\n",
    );
    let missing = given.ask("GET", "/api/streams?src=nobody").await;
    missing.is(404, "\n");
    assert_eq!(missing.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(missing.header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn a_probe_starts_the_stream_and_shows_its_tracks() {
    let given = plain(&[("cam", "fake://h/x"), ("bad", "fake://refuses")]).await;
    let probed = given.ask("GET", "/api/streams?src=cam&video=all&audio=all&microphone=").await;
    let mut producer = probed.json()["producers"][0].clone();
    assert!(producer["id"].as_u64().is_some());
    for key in ["id", "bytes_recv"] {
        producer.as_object_mut().unwrap().remove(key);
    }
    for receiver in producer["receivers"].as_array_mut().unwrap() {
        receiver.as_object_mut().unwrap().remove("id");
    }
    let expected = r#"{"format_name":"rtsp","medias":["video, recvonly, H264","audio, recvonly, MPEG4-GENERIC/48000/2"],"protocol":"rtsp+tcp","receivers":[{"codec":{"codec_name":"h264","codec_type":"video","level":31,"profile":"High"}},{"codec":{"channels":2,"codec_name":"aac","codec_type":"audio","sample_rate":48000}}],"remote_addr":"192.0.2.1:554","url":"fake://h/x","user_agent":"fake"}"#;
    assert_eq!(producer.to_string(), expected);
    let refused = given.ask("GET", "/api/streams?src=bad&video").await;
    assert_eq!(refused.status.as_u16(), 500);
    assert!(refused.body.contains("401 Unauthorized"), "{}", refused.body);
    given.ask("GET", "/api/streams?src=nobody&video").await.is(404, "\n");
}

#[tokio::test]
async fn putting_the_same_sources_again_changes_nothing() {
    let given = plain(&[]).await;
    let mut events = given.hub.events();
    // What Home Assistant sends: a second source for the sound, of a kind that is left out.
    let put = "/api/streams?name=camera.door&src=fake%3A%2F%2Fann%3Asecret%40h%2Fx&src=ffmpeg%3Acamera.door%23audio%3Dopus";
    for _ in 0..3 {
        given.ask("PUT", put).await.is(200, "");
    }
    let url = given.ask("GET", "/api/streams").await.json()["camera.door"]["producers"][0]["url"].clone();
    assert_eq!(url, "fake://ann:secret@h/x", "comparable to what was put");
    given.ask("PUT", "/api/streams?src=fake%3A%2F%2Fh%2Fother&name=camera.door").await.is(200, "");
    let url = given.ask("GET", "/api/streams").await.json()["camera.door"]["producers"][0]["url"].clone();
    assert_eq!(url, "fake://h/other");
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut kinds = Vec::new();
    while let Ok(event) = events.try_recv() {
        kinds.push(event.what.kind());
    }
    assert_eq!(kinds.iter().filter(|kind| **kind == "stream.added").count(), 1, "{kinds:?}");
    assert!(!kinds.contains(&"stream.removed"), "{kinds:?}");
}

#[tokio::test]
async fn sources_that_run_programs_or_are_unknown_are_refused_in_go2rtcs_words() {
    let given = plain(&[]).await;
    for (src, said) in [
        ("exec:rm", "streams: source from insecure producer\n"),
        ("fake://h&src=echo:x", "streams: source from insecure producer\n"),
        ("expr:x", "streams: source from insecure producer\n"),
        ("nonsense://x", "streams: source not supported\n"),
        ("ffmpeg:x", "streams: source not supported\n"),
        ("rm+-rf", "streams: source with spaces may be insecure\n"),
        ("fake://wrong", "the URL is wrong\n"),
    ] {
        given.ask("PUT", &format!("/api/streams?name=x&src={src}")).await.is(400, said);
    }
    given
        .ask("PUT", "/api/streams?name=..&src=fake://h")
        .await
        .is(400, "a stream name must not have an empty, \".\" or \"..\" segment\n");
    given.ask("GET", "/api/streams").await.is(200, "{}\n");
}

#[tokio::test]
async fn hardware_that_was_tried_is_listed_as_go2rtc_lists_it() {
    let given = plain(&[]).await;
    given.ask("GET", "/api/ffmpeg/hardware").await.is(
        200,
        "{\"sources\":[{\"name\":\"ERROR\",\"info\":\"no such device\",\"url\":\"ffmpeg:...#video=h264#hardware=cuda\"},\
         {\"name\":\"OK\",\"url\":\"ffmpeg:...#video=h264#hardware=vaapi\"}]}\n",
    );
}

#[tokio::test]
async fn patching_with_a_streams_name_takes_its_sources() {
    let given = plain(&[("cam", "fake://h/x")]).await;
    given.ask("PATCH", "/api/streams?name=other&src=cam").await.is(200, "");
    assert_eq!(given.ask("GET", "/api/streams").await.json()["other"]["producers"][0]["url"], "fake://h/x");
}

#[tokio::test]
async fn deleting_ends_everything_before_it_answers_and_is_done_twice_without_harm() {
    let given = plain(&[("cam", "fake://h/x")]).await;
    given.ask("PUT", "/api/preload?src=cam").await.is(200, "");
    given.wait_for("cam", "live").await;
    given.ask("DELETE", "/api/streams?src=cam").await.is(200, "");
    given.ask("GET", "/api/streams").await.is(200, "{}\n");
    given.ask("GET", "/api/preload").await.is(200, "{}\n");
    given.ask("DELETE", "/api/streams?src=cam").await.is(200, "");
}

#[tokio::test]
async fn a_preload_runs_the_stream_until_it_is_deleted() {
    let given = plain(&[("cam", "fake://h/x")]).await;
    given.ask("PUT", "/api/preload?src=cam&video&audio=aac").await.is(200, "");
    let preloads =
        "{\"cam\":{\"consumer\":{\"format_name\":\"preload\"},\"query\":\"video\\u0026audio=aac\"}}\n";
    given.ask("GET", "/api/preload").await.is(200, preloads);
    given.wait_for("cam", "live").await;
    given.ask("DELETE", "/api/preload?src=cam").await.is(200, "");
    given.ask("DELETE", "/api/preload?src=cam").await.is(500, "streams: preload not found: cam\n");
    given.ask("PUT", "/api/preload?src=nobody").await.is(404, "stream not found: nobody\n");
}

#[tokio::test]
async fn the_log_the_configuration_and_the_end_are_go2rtcs() {
    let mut given = plain(&[]).await;
    let log = given.ask("GET", "/api/log").await;
    log.is(200, "{\"level\":\"info\",\"time\":1,\"message\":\"hello\"}\n");
    assert_eq!(log.header("content-type"), "application/jsonlines");
    given.ask("DELETE", "/api/log").await.is(200, "OK");
    given.ask("GET", "/api/log").await.is(200, "");
    given.ask("GET", "/api/config").await.is(200, "api:\n  password: '***'\n");
    assert_eq!(given.ask("POST", "/api/config").await.status.as_u16(), 501);
    given.ask("POST", "/api/exit?code=126").await.is(400, "Code must be in the range [0, 125]\n");
    given.ask("POST", "/api/exit?code=7").await.is(200, "");
    assert_eq!(given.exits.recv().await, Some(7));
    given.ask("GET", "/api/nothing").await.is(404, "404 page not found\n");
}

#[tokio::test]
async fn many_changes_at_once_are_one_after_the_other() {
    let given = super::given(&[], with_login(), "").await;
    let login = [("authorization", "Basic YW5uOnJpZ2h0")];
    let puts = (0..24).map(|index| {
        let path = format!("/api/streams?name=s{index}&src=fake://h/{index}");
        let given = &given;
        async move { given.ask_from(HERE, &login, "PUT", &path, "").await.is(200, "") }
    });
    futures_util::future::join_all(puts).await;
    let all = given.ask_from(HERE, &login, "GET", "/api/streams", "").await.json();
    assert_eq!(all.as_object().map(serde_json::Map::len), Some(24));
}
