//! ZLMediaKit's clients: what WVP-GB28181-pro sends, as forms with the secret, against a real ffmpeg and real files.

use super::{BINARY, turn};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::process::{Peer, Place, Server, eventually, request};
use testkit::require;

const SECRET: &str = "su6TiedN2rVAmBbIDX0aa0QTiBJLBdcf";
/// ffmpeg starts, pushes and is seen; a recording reaches the disk.
const SOON: Duration = Duration::from_secs(20);

/// A receiver of hooks, which answers as WVP does.
struct Receiver {
    url: String,
    got: Arc<Mutex<Vec<Value>>>,
}

impl Receiver {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/index/hook/on_record_mp4", listener.local_addr().unwrap());
        let got = Arc::new(Mutex::new(Vec::new()));
        let taken = got.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream);
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).unwrap() == 0 || line.trim_end().is_empty() {
                        break;
                    }
                    if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                taken.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
                let answer = r#"{"code":0,"msg":"success"}"#;
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", answer.len());
                let _ = reader.get_mut().write_all(format!("{head}{answer}").as_bytes());
            }
        });
        Self { url, got }
    }

    fn got(&self) -> Vec<Value> {
        self.got.lock().unwrap().clone()
    }
}

/// A value as a form has it.
fn escaped(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    value
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// Calls as WVP does.
fn call(server: &Server, name: &str, fields: &[(&str, &str)]) -> Value {
    let pairs = [&[("secret", SECRET)], fields].concat();
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    let body = pairs.join("&");
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let answer =
        request(server.api(), "POST", &format!("/index/api/{name}"), &form, body.as_bytes()).unwrap();
    assert_eq!(answer.status, 200, "{name}: {}", answer.text());
    answer.json()
}

/// A call about stream `x`.
fn call_x(server: &Server, name: &str, fields: &[(&str, &str)]) -> Value {
    let x = [("vhost", "__defaultVhost__"), ("app", "live"), ("stream", "x")];
    call(server, name, &[&x[..], fields].concat())
}

fn start(place: &Place, ffmpeg: &Path, receiver: &Receiver) -> (Server, PathBuf) {
    let folder = place.file("recordings");
    let server = Server::start(
        BINARY,
        place,
        json!({
            "zlmediakit": { "secret": SECRET, "media_server_id": "zlm-1", "hooks": { "on_record_mp4": receiver.url } },
            "recording": { "path": folder.display().to_string() },
            "ffmpeg": { "bin": ffmpeg.display().to_string() },
        }),
    );
    (server, folder)
}

/// Adds stream `x`, a picture that ffmpeg makes, and records it both ways.
fn add(server: &Server) -> String {
    let fields = [
        ("src_url", "virtual?video=testsrc2&size=320x240"),
        ("dst_url", "rtmp://127.0.0.1/live/x"),
        ("timeout_ms", "20000"),
        ("enable_hls", "1"),
        ("enable_mp4", "1"),
    ];
    let added = call(server, "addFFmpegSource", &fields);
    assert_eq!((&added["code"], &added["msg"]), (&json!(0), &Value::Null), "{added:#}\n{}", server.log());
    added["data"]["key"].as_str().unwrap().to_owned()
}

fn is_recording(server: &Server, kind: &str) -> Value {
    call_x(server, "isRecording", &[("type", kind)])["status"].clone()
}

/// Length in seconds of a file's only track.
fn seconds(place: &Place, name: &str, ffprobe: &Path, file: &Path) -> f64 {
    let mut command = Command::new(ffprobe);
    command
        .args(["-v", "error", "-show_entries", "stream=codec_name:format=duration", "-of", "json"])
        .arg(file);
    let exit = Peer::start(place, name, &mut command, SOON).wait().expect_success();
    let told: Value = serde_json::from_str(&exit.stdout).unwrap();
    assert_eq!(told["streams"][0]["codec_name"], "h264", "{told}");
    told["format"]["duration"].as_str().unwrap().parse().unwrap()
}

/// The files of the newest day.
fn files(server: &Server) -> Vec<PathBuf> {
    let days = call_x(server, "getMP4RecordFile", &[]);
    let Some(day) = days["data"]["paths"].as_array().unwrap().last() else { return Vec::new() };
    let told = call_x(server, "getMP4RecordFile", &[("period", day.as_str().unwrap())]);
    let root = Path::new(told["data"]["rootPath"].as_str().unwrap());
    told["data"]["paths"].as_array().unwrap().iter().map(|path| root.join(path.as_str().unwrap())).collect()
}

#[test]
fn a_source_of_ffmpeg_is_added_recorded_stopped_listed_played_and_deleted_as_wvp_does_it() {
    require!(ffmpeg5, ffprobe);
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let (server, folder) = start(&place, &ffmpeg5, &Receiver::start());
    let key = add(&server);
    assert_eq!((is_recording(&server, "1"), is_recording(&server, "0")), (true.into(), true.into()));
    assert_eq!(is_recording(&server, "2"), false);
    let told = call(&server, "listFFmpegSource", &[]);
    assert_eq!(
        (&told["data"][0]["key"], &told["data"][0]["dst_url"]),
        (&json!(key), &"rtmp://127.0.0.1/live/x".into())
    );
    assert!(told["data"][0]["cmd"].as_str().unwrap().contains("testsrc2"), "{told:#}");
    let media = call(&server, "getMediaList", &[("schema", "rtmp")]);
    assert_eq!(
        (&media["data"][0]["isRecordingMP4"], &media["data"][0]["originType"]),
        (&true.into(), &5.into())
    );
    std::thread::sleep(Duration::from_secs(4));

    for kind in ["1", "0"] {
        let stopped = call_x(&server, "stopRecord", &[("type", kind)]);
        assert_eq!(stopped, json!({ "code": 0, "msg": "success", "result": true }));
        assert_eq!(is_recording(&server, kind), false);
    }
    let first = files(&server);
    assert_eq!(first.len(), 1, "the segments of the playlist are no MP4 recordings: {first:?}");
    let length = seconds(&place, "first", &ffprobe, &first[0]);
    assert!((3.0..9.0).contains(&length), "{length} s");
    println!("the first recording has {length} s");

    // A clip that begins before the call, in a folder of its own.
    let clip = [("path", "clips/door.mp4"), ("back_ms", "2000"), ("forward_ms", "1500")];
    let told = call_x(&server, "startRecordTask", &clip);
    let path = PathBuf::from(told["data"]["path"].as_str().unwrap_or_else(|| panic!("{told:#}")));
    assert_eq!(path, folder.join("x/clips/door.mp4"));
    eventually("the clip is closed", SOON, || path.exists().then_some(()));
    let length = seconds(&place, "clip", &ffprobe, &path);
    assert!((1.4..8.0).contains(&length), "{length} s");
    println!("the clip has {length} s");

    // Once more, into a folder below the storage's, with files of a given length.
    let sub = folder.join("sub").display().to_string();
    let more = [("type", "1"), ("customized_path", sub.as_str()), ("max_second", "2")];
    assert_eq!(call_x(&server, "startRecord", &more)["result"], true);
    eventually("a second file is begun", SOON, || {
        let told = call_x(&server, "getMP4RecordFile", &[("customized_path", sub.as_str())]);
        (!told["data"]["paths"].as_array().unwrap().is_empty()).then_some(())
    });
    assert_eq!(call_x(&server, "stopRecord", &[("type", "1")])["result"], true);

    let flag = call(&server, "delFFmpegSource", &[("key", key.as_str())]);
    assert_eq!(flag, json!({ "code": 0, "data": { "flag": true } }));
    assert_eq!(server.stream("x"), Value::Null);
    assert_eq!(call(&server, "listFFmpegSource", &[]), json!({ "code": 0 }));
    // What was recorded outlives its stream.
    let name = first[0].file_name().unwrap().to_str().unwrap();
    assert!(files(&server).contains(&first[0]), "{name}");
    server.stop();
}

#[test]
fn a_source_that_dies_comes_back_and_its_recordings_go_on() {
    require!(ffmpeg5, ffprobe);
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let (server, _) = start(&place, &ffmpeg5, &Receiver::start());
    add(&server);
    std::thread::sleep(Duration::from_secs(2));
    let child = || server.get("/api/v1/children").json()["children"][0]["pid"].as_i64();
    let pid = child().unwrap();
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(pid.try_into().unwrap()),
        nix::sys::signal::Signal::SIGKILL,
    )
    .unwrap();
    eventually("another ffmpeg was started", SOON, || child().filter(|now| *now != pid));
    server.wait_for_state("x", "live", SOON);
    for kind in ["1", "0"] {
        eventually("it is recorded again", SOON, || (is_recording(&server, kind) == true).then_some(()));
        assert_eq!(call_x(&server, "stopRecord", &[("type", kind)])["result"], true);
    }
    for (index, file) in files(&server).iter().enumerate() {
        println!("{}: {} s", file.display(), seconds(&place, &format!("file-{index}"), &ffprobe, file));
    }
    server.stop();
}

#[test]
fn a_receiver_of_hooks_is_told_of_each_file_that_was_closed() {
    require!(ffmpeg5, ffprobe);
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let receiver = Receiver::start();
    let (server, folder) = start(&place, &ffmpeg5, &receiver);
    add(&server);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(call_x(&server, "stopRecord", &[("type", "1")])["result"], true);
    let got = eventually("the receiver is told", SOON, || receiver.got().first().cloned());
    let file = PathBuf::from(got["file_path"].as_str().unwrap());
    assert!(file.starts_with(&folder) && file.exists(), "{got:#}");
    assert_eq!(got["file_size"], std::fs::metadata(&file).unwrap().len());
    let told = got["time_len"].as_f64().unwrap();
    let length = seconds(&place, "file", &ffprobe, &file);
    assert!((told - length).abs() < 0.5, "told {told} s, and it has {length} s");
    assert_eq!(
        (&got["mediaServerId"], &got["app"], &got["stream"], &got["folder"]),
        (&"zlm-1".into(), &"live".into(), &"x".into(), &json!(format!("{}/x/", folder.display())))
    );
    let export = format!("/{}", got["url"].as_str().unwrap());
    let answer = server.get(&export);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("video/mp4")), "{export}");
    server.stop();
}
