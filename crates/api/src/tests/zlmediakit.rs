//! ZLMediaKit's shapes, as its clients take them.
use super::{Answer, Given, HERE, More, THERE, given_more, plain, send, with_login};
use crate::ZlmediakitConfig;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use hub::{Access, Connect, PeerInfo, Secret, SourceError, SourceTask};
use media::WallTime;
use recorder::{Begin, FileFormat, Span, StorageConfig, StorageHandle};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

const SECRET: &str = "s&cret";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// `ffmpeg:` as the made-up camera is: what its input says.
struct Ffmpeg;

impl Connect for Ffmpeg {
    fn schemes(&self) -> &[&'static str] {
        &["ffmpeg"]
    }

    fn check(&self, url: &str) -> Result<(), SourceError> {
        if url.contains("wrong") { Err(SourceError::config("ffmpeg: the input is wrong")) } else { Ok(()) }
    }

    fn peer(&self, _: &str) -> PeerInfo {
        PeerInfo { protocol: "ffmpeg", transport: "rtsp", ..PeerInfo::default() }
    }

    fn run(&self, task: SourceTask) -> LocalBoxFuture<'static, Result<(), SourceError>> {
        send(task).boxed_local()
    }
}

fn config() -> ZlmediakitConfig {
    ZlmediakitConfig {
        secret: Some(Secret::new(SECRET)),
        vhost: "__defaultVhost__".into(),
        ffmpeg_cmd: BTreeMap::from([("copy".into(), "#video=copy".into())]),
    }
}

async fn on(streams: &[(&str, &str)], storages: Vec<StorageHandle>) -> Given {
    let more = More { connectors: vec![Arc::new(Ffmpeg)], storages, zlmediakit: config(), ..More::default() };
    given_more(streams, Access { section: "api", ..Access::default() }, "", more).await
}

fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

impl Given {
    /// Calls as WVP does: a form with the secret, from another machine.
    async fn call(&self, name: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form(&[&[("secret", SECRET)], fields].concat());
        let answer = self.ask_from(THERE, &[FORM], "POST", &format!("/index/api/{name}"), &body).await;
        assert_eq!(answer.header("content-type"), "application/json; charset=utf-8", "{}", answer.body);
        answer
    }
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("aqueduct-zlm-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn storage(&self) -> StorageHandle {
        let config = StorageConfig { free_min: 0, ..StorageConfig::new("main", &self.0) };
        StorageHandle::start(config, hub::wall_now).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Writes a file of a recording, from and to in RFC 3339.
async fn record(storage: &StorageHandle, stream: &str, format: FileFormat, path: &str, from: &str, to: &str) {
    let time = |text: &str| WallTime::parse_rfc3339(text).unwrap();
    let span = Span { from: time(from), to: time(to) };
    let begin = Begin {
        stream: stream.into(),
        format,
        path: path.into(),
        from: span.from,
        tracks: "h264".into(),
        gap: None,
        head: vec!["head".into()],
    };
    let begun = storage.begin(begin).await.unwrap();
    storage.finish(begun, vec!["rest".into()], span).await.unwrap();
}

const CAM: [(&str, &str); 3] = [("vhost", "__defaultVhost__"), ("app", "live"), ("stream", "cam")];

fn of_cam<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&CAM[..], more].concat()
}

#[tokio::test]
async fn without_a_secret_in_the_configuration_there_is_no_such_api() {
    let given = plain(&[]).await;
    given
        .ask("GET", "/index/api/getApiList?secret=")
        .await
        .is(404, "ZLMediaKit's API is off: the setting zlmediakit.secret switches it on\n");
}

#[tokio::test]
async fn the_secret_alone_decides_who_may_call_from_wherever_and_however_it_is_said() {
    let more = More { zlmediakit: config(), ..More::default() };
    let given = given_more(&[], with_login(), "", more).await;
    let json = ("content-type", "application/json");
    let path = "/index/api/isMediaOnline?schema=rtsp&vhost=v&app=live&stream=x";
    let said = |secret: &str| format!("{path}&secret={}", form(&[("", secret)]).trim_start_matches('='));
    let online = "{\n\t\"code\" : 0,\n\t\"online\" : false\n}\n";
    for peer in [HERE, THERE] {
        for (method, path, header, body) in [
            ("GET", said(SECRET), FORM, String::new()),
            ("POST", said(SECRET), FORM, "secret=other".into()),
            ("POST", path.into(), FORM, form(&[("secret", SECRET)])),
            ("POST", path.into(), json, json!({ "secret": SECRET }).to_string()),
        ] {
            given.ask_from(peer, &[header], method, &path, &body).await.is(200, online);
        }
        for (method, path, header, body) in [
            ("GET", path.into(), FORM, String::new()),
            ("GET", said("s"), FORM, String::new()),
            ("GET", said("S&CRET"), FORM, String::new()),
            ("POST", said("other"), FORM, form(&[("secret", SECRET)])),
            ("POST", path.into(), json, json!({ "secret": [SECRET] }).to_string()),
        ] {
            let denied = given.ask_from(peer, &[header], method, &path, &body).await;
            let cookie = denied.json()["cookie"].as_str().unwrap().to_owned();
            assert_eq!(cookie.len(), 32);
            let body = format!(
                "{{\n\t\"code\" : -100,\n\t\"cookie\" : \"{cookie}\",\n\t\"msg\" : \"Please login first\"\n}}\n"
            );
            denied.is(200, &body);
            assert!(denied.header("set-cookie").starts_with(&format!("ZLM_LOGINED={cookie};")));
            assert_eq!(denied.header("connection"), "close");
        }
    }
    // Who may change things by our own API may not therefore call here.
    let login = [("authorization", "Basic YW5uOnJpZ2h0")];
    assert_eq!(given.ask_from(HERE, &login, "GET", path, "").await.json()["code"], -100);
    assert_eq!(given.ask_from(HERE, &[], "PUT", &said(SECRET), "").await.status.as_u16(), 405);
}

#[tokio::test]
async fn calls_that_are_there_are_told_and_others_are_not_found() {
    let given = on(&[], Vec::new()).await;
    let told = given.call("getApiList", &[]).await.json();
    assert_eq!(told["code"], 0);
    assert_eq!(told["data"][4], "/index/api/addFFmpegSource");
    assert_eq!(told["data"].as_array().unwrap().len(), 13);
    given.call("version", &[]).await.is(
        200,
        "{\n\t\"code\" : 0,\n\t\"data\" : \n\t{\n\t\t\"branchName\" : \"aqueduct\",\n\t\t\"buildTime\" : \"\",\n\
         \t\t\"commitHash\" : \"0.1.0\"\n\t}\n}\n",
    );
    let body = form(&[("secret", SECRET)]);
    let missing = given.ask_from(THERE, &[FORM], "POST", "/index/api/restartServer", &body).await;
    assert_eq!(missing.status.as_u16(), 404);
    assert!(missing.body.contains("restartServer"), "{}", missing.body);
    let large = format!("{body}&x={}", "x".repeat(70_000));
    let refused = given.ask_from(THERE, &[FORM], "POST", "/index/api/version", &large).await;
    assert_eq!(refused.json()["code"], -400, "{}", refused.body);
}

#[tokio::test]
async fn recordings_are_refused_with_what_is_wrong_and_never_told_to_run_when_they_do_not() {
    let folder = Folder::new("refused");
    let given = on(&[("cam", "fake://h/x"), ("live/other", "")], vec![folder.storage()]).await;
    let wrong = |code: i32, msg: &str| json!({ "code": code, "msg": msg });
    let missed = "Required parameter missed: \"type\",\"vhost\",\"app\",\"stream\"";
    for call in ["startRecord", "stopRecord", "isRecording"] {
        assert_eq!(given.call(call, &CAM).await.json(), wrong(-300, missed));
        let strange = [("type", "1"), ("vhost", "v"), ("app", "rtp"), ("stream", "cam")];
        assert_eq!(given.call(call, &strange).await.json(), wrong(-500, "can not find the stream"));
        let kind = given.call(call, &of_cam(&[("type", "5")])).await.json();
        assert_eq!(
            (&kind["code"], kind["msg"].as_str().unwrap().contains("type is 0")),
            (&(-300).into(), true)
        );
        let number = given.call(call, &of_cam(&[("type", "mp4")])).await.json();
        assert_eq!(number, wrong(-300, "type=mp4 is no number"));
    }
    for path in ["/etc", "../x", ".aqueduct", "a/{time}"] {
        let fields = of_cam(&[("type", "1"), ("customized_path", path)]);
        let refused = given.call("startRecord", &fields).await.json();
        assert_eq!(refused["code"], -300, "{refused}");
        let msg = refused["msg"].as_str().unwrap();
        assert!(msg.contains(path) && msg.contains(folder.0.to_str().unwrap()), "{msg}");
    }
    let long = given.call("startRecord", &of_cam(&[("type", "1"), ("max_second", "100000")])).await.json();
    assert_eq!(long, wrong(-300, "max_second is 1 to 86400"));
    // A name with `live/` in it is meant where nothing has the name without.
    let other = [("type", "1"), ("vhost", "v"), ("app", "live"), ("stream", "other")];
    given.call("isRecording", &other).await.is(200, "{\n\t\"code\" : 0,\n\t\"status\" : false\n}\n");
    let stopped = "{\n\t\"code\" : 0,\n\t\"msg\" : \"success\",\n\t\"result\" : true\n}\n";
    given.call("stopRecord", &of_cam(&[("type", "1")])).await.is(200, stopped);
}

#[tokio::test]
async fn without_a_storage_a_recording_has_not_begun_and_its_stream_lives_on() {
    let given = on(&[("cam", "fake://h/x")], Vec::new()).await;
    let msg = "start record failed: there is no storage to record to: name one in the section `recording` of the configuration";
    let expected = json!({ "code": -1, "msg": msg, "result": false });
    assert_eq!(given.call("startRecord", &of_cam(&[("type", "1")])).await.json(), expected);
    assert_eq!(given.call("isRecording", &of_cam(&[("type", "1")])).await.json()["status"], false);
    let added = given
        .call("addFFmpegSource", &adding("any", &[("enable_mp4", "1"), ("enable_hls", "1")]))
        .await
        .json();
    assert_eq!(added["code"], 0, "{added}");
    let msg = added["msg"].as_str().unwrap();
    assert!(msg.contains("mp4 is not recorded: there is no storage") && msg.contains("hls is not"), "{msg}");
    given.wait_for("x", "live").await;
}

#[tokio::test]
async fn a_clip_of_another_time_or_of_nothing_is_refused() {
    let given = on(&[("cam", "fake://h/x")], Vec::new()).await;
    let clip = |back: &'static str, forward: &'static str| {
        of_cam(&[("path", "a"), ("back_ms", back), ("forward_ms", forward)])
    };
    let told = |answer: Answer| {
        (answer.json()["code"].clone(), answer.json()["msg"].as_str().unwrap_or_default().to_owned())
    };
    let (code, msg) = told(given.call("startRecordTask", &clip("-1000", "5000")).await);
    assert_eq!((code, msg.as_str()), (json!(-300), "back_ms=-1000: a clip cannot begin after the call"));
    let (code, msg) = told(given.call("startRecordTask", &clip("5000", "-1000")).await);
    assert_eq!((code, msg.as_str()), (json!(-300), "forward_ms=-1000: a clip cannot end before the call"));
    let (code, msg) = told(given.call("startRecordTask", &clip("5000", "5000")).await);
    assert_eq!(
        (code, msg.as_str()),
        (json!(-500), "can not find the stream"),
        "nobody reads it: it is not live"
    );
}

#[tokio::test]
async fn files_are_listed_and_deleted_by_day_out_of_the_index() {
    let folder = Folder::new("files");
    let storage = folder.storage();
    let mp4 = FileFormat::Mp4;
    for (stream, format, path, from, to) in [
        ("cam", mp4, "cam/2026-10-31/23-00-00-000", "2026-10-31T23:00:00Z", "2026-10-31T23:30:00Z"),
        ("cam", mp4, "cam/2026-11-02/10-00-00-000", "2026-11-02T10:00:00Z", "2026-11-02T11:00:00Z"),
        (
            "cam",
            FileFormat::Fmp4,
            "cam/2026-11-02/11-00-00-000",
            "2026-11-02T11:00:00Z",
            "2026-11-02T12:00:00Z",
        ),
        (
            "cam",
            FileFormat::HlsTs,
            "cam/2026-11-02/11-30-00-000",
            "2026-11-02T11:30:00Z",
            "2026-11-02T11:30:06Z",
        ),
        ("cam", mp4, "cam/2026-11-02/23-30-00-000", "2026-11-02T23:30:00Z", "2026-11-03T00:30:00Z"),
        (
            "cam",
            FileFormat::HlsTs,
            "cam/2026-11-04/08-00-00-000",
            "2026-11-04T08:00:00Z",
            "2026-11-04T08:00:06Z",
        ),
        ("other", mp4, "other/2026-11-02/10-00-00-000", "2026-11-02T10:00:00Z", "2026-11-02T11:00:00Z"),
    ] {
        record(&storage, stream, format, path, from, to).await;
    }
    let given = on(&[], vec![storage]).await;
    let root = folder.0.display().to_string();
    let listed = |answer: Answer| answer.json()["data"].clone();
    let month = given.call("getMP4RecordFile", &of_cam(&[("period", "2026-11")])).await;
    month.is(
        200,
        &format!(
            "{{\n\t\"code\" : 0,\n\t\"data\" : \n\t{{\n\t\t\"paths\" : \n\t\t[\n\t\t\t\"2026-11-02\"\n\t\t],\n\
             \t\t\"rootPath\" : \"{root}/cam/\"\n\t}}\n}}\n"
        ),
    );
    let day = listed(given.call("getMP4RecordFile", &of_cam(&[("period", "2026-11-02")])).await);
    let paths = ["10-00-00-000.mp4", "11-00-00-000.mp4", "23-30-00-000.mp4"];
    assert_eq!(day, json!({ "rootPath": format!("{root}/cam/2026-11-02/"), "paths": paths }));
    let all = listed(given.call("getMP4RecordFile", &CAM).await);
    assert_eq!(all["paths"], json!(["2026-10-31", "2026-11-02"]));
    let none = listed(given.call("getMP4RecordFile", &of_cam(&[("period", "2026-11-05")])).await);
    assert_eq!(none, json!({ "rootPath": format!("{root}/cam/2026-11-05/"), "paths": [] }));
    let elsewhere = of_cam(&[("period", "2026-11-02"), ("customized_path", "sub")]);
    assert_eq!(listed(given.call("getMP4RecordFile", &elsewhere).await)["paths"], json!([]));
    for (key, value) in [("period", "../.."), ("period", "2026-13-45"), ("customized_path", "/etc")] {
        let refused = given.call("getMP4RecordFile", &of_cam(&[(key, value)])).await.json();
        assert_eq!(refused["code"], -300, "{refused}");
    }

    let delete = |fields: Vec<(&'static str, &'static str)>| {
        let given = &given;
        async move { given.call("deleteRecordDirectory", &of_cam(&fields)).await.json() }
    };
    let there = |path: &str| folder.0.join(path).exists();
    let day = ("period", "2026-11-02");
    assert_eq!(delete(vec![]).await["code"], -300, "nobody deletes everything by leaving something out");
    assert_eq!(delete(vec![("period", "2026-11")]).await["code"], -300);
    let missing = delete(vec![day, ("name", "09-00-00-000.mp4")]).await;
    assert_eq!((&missing["code"], &missing["msg"]), (&json!(-1), &json!("there is no such recording")));
    let escapes = delete(vec![day, ("name", "../../../etc/passwd")]).await;
    assert_eq!(escapes["code"], -1);
    // A segment of another recording lies within this one's time, and nobody meant that.
    assert_eq!(delete(vec![day, ("name", "11-00-00-000.mp4")]).await["code"], -1);
    assert!(there("cam/2026-11-02/11-00-00-000.mp4"));
    let one = delete(vec![day, ("name", "10-00-00-000.mp4")]).await;
    assert_eq!(one, json!({ "code": 0, "path": format!("{root}/cam/2026-11-02/10-00-00-000.mp4") }));
    assert!(!there("cam/2026-11-02/10-00-00-000.mp4"));
    let rest = delete(vec![day]).await;
    assert_eq!(rest, json!({ "code": 0, "path": format!("{root}/cam/2026-11-02/") }));
    assert!(!there("cam/2026-11-02") && there("cam/2026-11-04/08-00-00-000.ts"));
    assert!(there("other/2026-11-02/10-00-00-000.mp4") && there("cam/2026-10-31/23-00-00-000.mp4"));
}

#[tokio::test]
async fn what_is_protected_is_not_deleted_and_that_is_said() {
    let folder = Folder::new("protected");
    let storage = folder.storage();
    let (from, to) = ("2026-11-02T10:00:00Z", "2026-11-02T11:00:00Z");
    record(&storage, "rtp/1", FileFormat::Mp4, "rtp/1/a", from, to).await;
    let time = |text| WallTime::parse_rfc3339(text).unwrap();
    storage.protect("rtp/1", Span { from: time(from), to: time(to) }, "evidence").await.unwrap();
    let given = on(&[], vec![storage]).await;
    let fields = [("vhost", "v"), ("app", "rtp"), ("stream", "1"), ("period", "2026-11-02")];
    let kept = given.call("deleteRecordDirectory", &fields).await.json();
    assert_eq!(kept["code"], -1, "{kept}");
    assert!(kept["msg"].as_str().unwrap().contains("protected") && folder.0.join("rtp/1/a.mp4").exists());
}

fn adding<'a>(src: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let usual = [("src_url", src), ("dst_url", "rtmp://127.0.0.1/live/x"), ("timeout_ms", "5000")];
    [more, &usual].concat()
}

#[tokio::test]
async fn a_source_is_added_once_it_is_live_listed_and_deleted_with_its_stream() {
    const KEY: &str = "7046121d4f0915ade1b971c741fbb1f1";
    let given = on(&[("taken", "fake://h/x")], Vec::new()).await;
    let nothing = "{\n\t\"code\" : 0\n}\n";
    given.call("listFFmpegSource", &[]).await.is(200, nothing);
    let added = given.call("addFFmpegSource", &adding("rtsp://h/x", &[])).await;
    added.is(200, &format!("{{\n\t\"code\" : 0,\n\t\"data\" : \n\t{{\n\t\t\"key\" : \"{KEY}\"\n\t}}\n}}\n"));
    let stream = given.ask("GET", "/api/v1/streams/x").await.json();
    assert_eq!(
        (&stream["state"], &stream["sources"][0]["url"]),
        (&"live".into(), &"ffmpeg:rtsp://h/x#video=h264#audio=aac".into())
    );
    let list = given.call("listFFmpegSource", &[]).await.json();
    let one = json!({
        "src_url": "rtsp://h/x", "dst_url": "rtmp://127.0.0.1/live/x", "cmd": "ffmpeg:rtsp://h/x#video=h264#audio=aac",
        "ffmpeg_cmd_key": "", "key": KEY,
    });
    assert_eq!(list, json!({ "code": 0, "data": [one] }));
    let again = given.call("addFFmpegSource", &adding("rtsp://h/y", &[])).await;
    again.is(200, "{\n\t\"code\" : -1,\n\t\"msg\" : \"This stream already exists\"\n}\n");
    let taken = adding("rtsp://h/y", &[("dst_url", "rtmp://127.0.0.1/live/taken")]);
    assert_eq!(given.call("addFFmpegSource", &taken).await.json()["msg"], "This stream already exists");
    given
        .call("delFFmpegSource", &[("key", KEY)])
        .await
        .is(200, "{\n\t\"code\" : 0,\n\t\"data\" : \n\t{\n\t\t\"flag\" : true\n\t}\n}\n");
    assert_eq!(given.call("delFFmpegSource", &[("key", KEY)]).await.json()["data"], json!({ "flag": false }));
    given.call("listFFmpegSource", &[]).await.is(200, nothing);
    assert_eq!(given.ask("GET", "/api/v1/streams/x").await.status.as_u16(), 404);
    // What somebody removes by another API frees its key as well.
    assert_eq!(given.call("addFFmpegSource", &adding("rtsp://h/x", &[])).await.json()["code"], 0);
    given.ask("DELETE", "/api/streams?src=x").await.is(200, "");
    given.call("listFFmpegSource", &[]).await.is(200, nothing);
    let copied = adding("rtsp://h/x", &[("ffmpeg_cmd_key", "copy")]);
    assert_eq!(given.call("addFFmpegSource", &copied).await.json()["code"], 0);
    let stream = given.ask("GET", "/api/v1/streams/x").await.json();
    assert_eq!(stream["sources"][0]["url"], "ffmpeg:rtsp://h/x#video=copy");
}

#[tokio::test]
async fn a_source_that_fails_or_is_late_is_told_and_nothing_of_it_is_left() {
    let given = on(&[], Vec::new()).await;
    for (src, timeout, code, word) in [
        ("refuses", "5000", -1, "401 Unauthorized"),
        ("fails", "5000", -1, "nobody is there"),
        ("silent", "300", -1, "timeout"),
        ("wrong", "5000", -300, "the input is wrong"),
        ("a#raw=-f null /etc/x", "5000", -300, "src_url"),
        ("a", "0", -300, "timeout_ms"),
    ] {
        let answer = given.call("addFFmpegSource", &adding(src, &[("timeout_ms", timeout)])).await.json();
        let msg = answer["msg"].as_str().unwrap();
        assert!(answer["code"] == code && msg.contains(word), "{src}: {answer}");
        assert_eq!(given.ask("GET", "/api/v1/streams/x").await.status.as_u16(), 404, "{src}");
        assert_eq!(given.call("listFFmpegSource", &[]).await.json(), json!({ "code": 0 }));
    }
    let unknown =
        given.call("addFFmpegSource", &adding("a", &[("ffmpeg_cmd_key", "ffmpeg.mine")])).await.json();
    assert!(unknown["msg"].as_str().unwrap().contains("zlmediakit.ffmpeg_cmd"), "{unknown}");
}

#[tokio::test]
async fn of_many_at_once_that_add_one_stream_one_does() {
    let given = on(&[], Vec::new()).await;
    let adds = (0..8).map(|_| async { given.call("addFFmpegSource", &adding("any", &[])).await.json() });
    let answers = futures_util::future::join_all(adds).await;
    let added: Vec<&Value> = answers.iter().filter(|answer| answer["code"] == 0).collect();
    assert_eq!(added.len(), 1, "{answers:?}");
    assert!(
        answers.iter().all(|answer| answer["code"] == 0 || answer["msg"] == "This stream already exists")
    );
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(given.call("listFFmpegSource", &[]).await.json()["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn streams_that_are_live_are_listed_once_for_each_way_to_read_them() {
    let given = on(&[("idle", "fake://h/x")], Vec::new()).await;
    assert_eq!(given.call("getMediaList", &[]).await.json(), json!({ "code": 0 }));
    given.call("addFFmpegSource", &adding("rtsp://ann:pw@h/x", &[])).await;
    let list = given.call("getMediaList", &[("schema", "rtmp")]).await.json();
    let mut one = list["data"][0].clone();
    for key in ["createStamp", "aliveSecond", "bytesSpeed", "totalBytes"] {
        assert!(one.as_object_mut().unwrap().remove(key).unwrap().is_u64(), "{key}");
    }
    let video = json!({
        "codec_id": 0, "codec_id_name": "h264", "codec_type": 0, "ready": true, "width": 640, "height": 360, "fps": 25.0,
    });
    let audio = json!({
        "codec_id": 2, "codec_id_name": "mpeg4-generic", "codec_type": 1, "ready": true, "sample_rate": 48000, "channels": 2,
        "sample_bit": 16,
    });
    let expected = json!({
        "schema": "rtmp", "vhost": "__defaultVhost__", "app": "live", "stream": "x", "params": "", "readerCount": 0,
        "totalReaderCount": 0, "originType": 5, "originTypeStr": "ffmpeg_pull",
        "originUrl": "ffmpeg:rtsp://***@h/x#video=h264#audio=aac", "originSock": null, "isRecordingMP4": false,
        "isRecordingHLS": false, "tracks": [video, audio],
    });
    assert_eq!(one, expected);
    assert_eq!(given.call("getMediaList", &[]).await.json()["data"].as_array().unwrap().len(), 2);
    assert_eq!(given.call("getMediaList", &[("app", "rtp")]).await.json(), json!({ "code": 0 }));
    let online = [("schema", "rtsp"), ("vhost", "v"), ("app", "live"), ("stream", "x")];
    assert_eq!(given.call("isMediaOnline", &online).await.json(), json!({ "code": 0, "online": true }));
}
