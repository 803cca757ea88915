//! The control side with simulated cameras: what DELETE says in each state, fallbacks, retries, policies, and streams of
//! two sources. Needs nothing from outside.

use super::{BINARY, turn};
use formats::replay::{Clip, load};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use testkit::camera::{Camera, Fault};
use testkit::process::{Place, Server, eventually};

/// A source may take so long to be there, on a busy machine.
const SOON: Duration = Duration::from_secs(15);

fn demo() -> &'static str {
    concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo.mp4")
}

fn clip() -> Clip {
    load(std::fs::read(demo()).unwrap().into()).unwrap()
}

/// Somebody who watches over HTTP-FLV and counts bytes, until it is dropped or the stream ends.
struct Viewer {
    bytes: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
    connection: TcpStream,
}

impl Viewer {
    fn start(server: &Server, stream: &str) -> Self {
        let mut connection = TcpStream::connect(server.api()).unwrap();
        let head = format!("GET /api/stream.flv?src={stream} HTTP/1.1\r\nHost: {}\r\n\r\n", server.api());
        connection.write_all(head.as_bytes()).unwrap();
        let (bytes, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let mut reading = connection.try_clone().unwrap();
        let (counted, over) = (bytes.clone(), ended.clone());
        std::thread::spawn(move || {
            let mut buffer = vec![0; 64 << 10];
            while let Ok(length @ 1..) = reading.read(&mut buffer) {
                counted.fetch_add(length, Ordering::Relaxed);
            }
            over.store(true, Ordering::Relaxed);
        });
        Self { bytes, ended, connection }
    }

    /// Waits for half a second's worth of the clip and more.
    fn wait_for_more(&self, what: &str) {
        let before = self.bytes.load(Ordering::Relaxed);
        eventually(what, SOON, || (self.bytes.load(Ordering::Relaxed) > before + 20_000).then_some(()));
        assert!(!self.ended.load(Ordering::Relaxed), "{what}: the viewer was sent away");
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.connection.shutdown(std::net::Shutdown::Both);
    }
}

fn wait_for_source(server: &Server, name: &str, index: usize, state: &str, limit: Duration) -> Value {
    let deadline = Instant::now() + limit;
    loop {
        let stream = server.stream(name);
        if stream["sources"][index]["state"] == state {
            return stream;
        }
        assert!(
            Instant::now() < deadline,
            "source {index} of {name} is not {state}: {stream:#}\n{}",
            server.log()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn delete(server: &Server, name: &str) -> Value {
    let answer = server.request("DELETE", &format!("/api/v1/streams/{name}"), b"").unwrap();
    assert_eq!(answer.status, 200, "{name}: {}", answer.text());
    assert!(server.stream(name).is_null(), "{name} is there after DELETE");
    answer.json()
}

#[test]
fn delete_says_in_each_state_what_it_took() {
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let live = Camera::start(clip(), Some(("viewer", "pass-word")), Fault::None).unwrap();
    let deaf = Camera::start(clip(), None, Fault::None).unwrap();
    let mute = Camera::start(clip(), None, Fault::Mute).unwrap();
    let off = Camera::start(clip(), None, Fault::Refuse).unwrap();
    let rtmp = Camera::start(clip(), None, Fault::None).unwrap();
    let server = Server::start(
        BINARY,
        &place,
        json!({ "streams": {
            "live": { "url": live.url(), "preload": true },
            "deaf": { "url": deaf.url(), "preload": true },
            "handshake": { "url": mute.url(), "preload": true },
            "backoff": { "url": off.url(), "preload": true, "supervision": { "start": "1m" } },
            "gave_up": { "url": off.url(), "preload": true, "supervision": { "start": "10ms", "ceiling": "20ms", "budget": "50ms" } },
            "idle": live.url(),
            "origin": { "url": rtmp.url(), "preload": true },
        } }),
    );
    let pulled = json!({ "sources": [server.rtmp_url("origin")], "preload": true }).to_string();
    let put = server.request("PUT", "/api/v1/streams/pulled", pulled.as_bytes()).unwrap();
    assert_eq!(put.status, 200, "{}", put.text());
    for (name, state) in [
        ("live", "live"),
        ("deaf", "live"),
        ("pulled", "live"),
        ("handshake", "connecting"),
        ("backoff", "backoff"),
        ("gave_up", "gave_up"),
        ("idle", "idle"),
    ] {
        wait_for_source(&server, name, 0, state, SOON);
    }
    deaf.set_fault(Fault::Mute);
    std::thread::sleep(Duration::from_millis(200));
    for (name, step) in [
        ("live", Some(("TEARDOWN", "answered 200"))),
        ("deaf", Some(("TEARDOWN", "no answer in time"))),
        ("pulled", Some(("deleteStream", "sent, and the connection closed"))),
        ("handshake", Some(("close", "there was no session yet"))),
        ("backoff", None),
        ("gave_up", None),
        ("idle", None),
    ] {
        let gone = delete(&server, name);
        let end = &gone["ends"][0];
        let said = end["steps"][0]["what"].as_str().zip(end["steps"][0]["outcome"].as_str());
        assert_eq!(said, step, "{name}: {gone:#}");
        assert_eq!(
            (&gone["removed"], &gone["unanswered"]),
            (&json!(true), &json!(false)),
            "{name}: {gone:#}"
        );
        assert!(step.is_none() || end["in_time"] == true, "{name}: {gone:#}");
        let took = gone["took_ms"].as_u64().unwrap();
        assert!(took < 2_500, "{name} took {took} ms: {gone:#}");
        assert!(!gone.to_string().contains("pass-word"), "{gone:#}");
        println!("{name}: {took} ms, {said:?}");
    }
    for camera in [&live, &deaf, &mute] {
        assert!(camera.wait_for_open(0, Duration::from_millis(500)), "{} are open", camera.open());
    }
    server.stop();
}

#[test]
fn a_slate_stands_in_while_the_camera_is_away_and_gives_way_when_it_returns() {
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let camera = Camera::start(clip(), None, Fault::None).unwrap();
    let server = Server::start(
        BINARY,
        &place,
        json!({ "streams": { "cam": {
            "url": camera.url(),
            "fallback": format!("file:{}", demo()),
            "supervision": { "start": "500ms", "ceiling": "500ms", "jitter": 0 },
        } } }),
    );
    let viewer = Viewer::start(&server, "cam");
    let first = wait_for_source(&server, "cam", 0, "live", SOON);
    assert_eq!(
        (&first["sources"][1]["state"], &first["sources"][1]["wanted"]),
        (&json!("idle"), &json!(false))
    );
    viewer.wait_for_more("the camera is seen");
    camera.set_fault(Fault::HangUp);
    let died = Instant::now();
    let stands_in = wait_for_source(&server, "cam", 1, "live", Duration::from_secs(4));
    println!("the slate is there after {} ms", died.elapsed().as_millis());
    assert_eq!(stands_in["sources"][1]["fallback"], true, "{stands_in:#}");
    viewer.wait_for_more("the slate is seen");
    camera.set_fault(Fault::None);
    wait_for_source(&server, "cam", 0, "live", SOON);
    let gives_way = wait_for_source(&server, "cam", 1, "idle", SOON);
    assert_eq!(gives_way["sources"][1]["wanted"], false, "{gives_way:#}");
    viewer.wait_for_more("the camera is seen again");
    assert_eq!(gives_way["readers"][0]["id"], stands_in["readers"][0]["id"], "{gives_way:#}");
    server.stop();
}

#[test]
fn a_source_that_gave_up_is_tried_again_when_asked_and_its_policy_is_shown() {
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let camera = Camera::start(clip(), None, Fault::Refuse).unwrap();
    let server = Server::start(
        BINARY,
        &place,
        json!({
            "supervision": { "factor": 1.5 },
            "streams": { "cam": { "preload": true, "supervision": { "jitter": 0 }, "url": [
                { "url": camera.url(), "supervision": { "start": "50ms", "ceiling": "100ms", "budget": "400ms" } },
            ] } },
        }),
    );
    let gave_up = wait_for_source(&server, "cam", 0, "gave_up", SOON);
    let source = &gave_up["sources"][0];
    assert_eq!(
        source["policy"],
        json!({ "start_ms": 50, "factor": 1.5, "ceiling_ms": 100, "jitter": 0.0, "budget_ms": 400, "steady_ms": 10_000 })
    );
    assert_eq!((&source["fault"], &source["next_try"]), (&json!("peer"), &Value::Null), "{gave_up:#}");
    assert!(source["attempt"].as_u64() >= Some(3) && source["wanted"] == true, "{gave_up:#}");
    camera.set_fault(Fault::None);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(server.stream("cam")["sources"][0]["state"], "gave_up", "it stays so by itself");
    let asked = server.request("POST", "/api/v1/streams/cam/retry", b"").unwrap();
    assert_eq!(asked.status, 204, "{}", asked.text());
    let live = wait_for_source(&server, "cam", 0, "live", SOON);
    assert_eq!((&live["sources"][0]["error"], &live["sources"][0]["fault"]), (&Value::Null, &Value::Null));
    server.stop();
}

#[test]
fn the_picture_comes_from_one_source_and_the_sound_from_another() {
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let cameras = [0, 1].map(|_| Camera::start(clip(), None, Fault::None).unwrap());
    let urls = [format!("{}#media=video", cameras[0].url()), format!("{}#media=audio", cameras[1].url())];
    let server = Server::start(BINARY, &place, json!({ "streams": { "cam": urls } }));
    let viewer = Viewer::start(&server, "cam");
    server.wait_for_state("cam", "live", SOON);
    viewer.wait_for_more("both are seen");
    for index in [0, 1] {
        wait_for_source(&server, "cam", index, "live", SOON);
    }
    // Either may be the first; both are there now.
    let live = server.stream("cam");
    let kinds: Vec<&str> =
        live["tracks"].as_array().unwrap().iter().map(|track| track["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["video", "audio"], "{live:#}");
    cameras[1].set_fault(Fault::Refuse);
    let lacks = wait_for_source(&server, "cam", 1, "backoff", SOON);
    assert_eq!(lacks["sources"][0]["state"], "live", "one is not the other's fault: {lacks:#}");
    viewer.wait_for_more("the picture goes on");
    cameras[1].set_fault(Fault::None);
    wait_for_source(&server, "cam", 1, "live", Duration::from_secs(20));
    drop(viewer);
    for index in [0, 1] {
        wait_for_source(&server, "cam", index, "idle", SOON);
    }
    for camera in &cameras {
        assert!(camera.wait_for_open(0, Duration::from_secs(2)), "{} are open", camera.open());
    }
    server.stop();
}
