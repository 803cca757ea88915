//! The configuration read again while the server runs, with simulated devices: whoever is not concerned notices nothing,
//! and what left the file ends as by DELETE. Needs nothing from outside.

use super::{BINARY, turn};
use formats::replay::{Clip, load};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Map, Value, json};
use std::process::Command;
use std::time::{Duration, Instant};
use testkit::camera::{Camera, Fault};
use testkit::encoder::{Fault as EncoderFault, RtmpEncoder};
use testkit::intercom::{Ask, Config, Fault as IntercomFault, IsapiIntercom};
use testkit::load::watch_for;
use testkit::process::{Place, Server, eventually, request};

/// A source may take so long to be there, on a busy machine.
const SOON: Duration = Duration::from_secs(15);

fn clip() -> Clip {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo.mp4");
    load(std::fs::read(path).unwrap().into()).unwrap()
}

fn camera(fault: Fault) -> Camera {
    Camera::start(clip(), None, fault).unwrap()
}

/// Changes the server's file.
fn edit(place: &Place, change: impl FnOnce(&mut Value)) {
    let path = place.file("aqueduct.yaml");
    let mut config = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut config);
    std::fs::write(&path, format!("{config:#}\n")).unwrap();
}

fn streams(config: &mut Value) -> &mut Map<String, Value> {
    config["streams"].as_object_mut().unwrap()
}

#[track_caller]
fn post(server: &Server, status: u16) -> Value {
    let answer = server.request("POST", "/api/v1/config/reload", b"").unwrap();
    assert_eq!(answer.status, status, "{}", answer.text());
    answer.json()
}

/// What `GET /api/v1/config` says.
fn config(server: &Server) -> Value {
    server.get("/api/v1/config").json()
}

/// What systemd does with `ExecReload=kill -HUP $MAINPID`, until the file is in force.
fn hang_up(server: &Server) {
    let before = config(server);
    let command = format!("kill -HUP {}", server.pid());
    assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success());
    eventually("the file is read again", SOON, || (config(server)["read"] != before["read"]).then_some(()));
}

fn wait_for_source(server: &Server, name: &str, state: &str) {
    eventually(&format!("the source of {name} is {state}"), SOON, || {
        (server.stream(name)["sources"][0]["state"] == state).then_some(())
    });
}

#[test]
fn a_viewer_of_an_unchanged_stream_loses_no_frame_through_ten_reloads() {
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let (same, other) = (camera(Fault::None), camera(Fault::None));
    let server = Server::start(
        BINARY,
        &place,
        json!({ "streams": { "same": same.url(), "by-turns": { "url": other.url(), "preload": true } } }),
    );
    let url = server.rtsp_url("same");
    let watching = std::thread::spawn(move || watch_for(15, "rtsp", &url, 1));
    server.wait_for_state("same", "live", SOON);
    server.wait_for_state("by-turns", "live", SOON);
    let began = Instant::now();
    for round in 0..10 {
        edit(&place, |config| {
            let streams = streams(config);
            if streams.remove("by-turns").is_none() {
                streams.insert("by-turns".into(), json!({ "url": other.url(), "preload": true }));
            }
            streams.insert("changes".into(), json!(format!("rtsp://127.0.0.1:1/{round}")));
            config["supervision"] = json!({ "factor": 2 });
        });
        if round % 2 == 0 {
            hang_up(&server);
        } else {
            // Two at once are one after the other: the second finds everything done.
            let [one, two] = std::thread::scope(|scope| {
                [(); 2].map(|()| scope.spawn(|| post(&server, 200))).map(|asked| asked.join().unwrap())
            });
            let mut added = [one, two].map(|answer| (answer["unchanged"].clone(), answer["added"].clone()));
            added.sort_by_key(|(unchanged, _)| unchanged.as_u64());
            assert_eq!(added, [(json!(1), json!(["by-turns"])), (json!(3), json!([]))]);
        }
        std::thread::sleep(Duration::from_millis(250));
    }
    println!("ten reloads took {:?}", began.elapsed());
    let readers = server.stream("same")["readers"].clone();
    assert_eq!(
        (readers.as_array().map(Vec::len), &readers[0]["skipped"]),
        (Some(1), &json!(0)),
        "{readers:#}"
    );
    let seen = watching.join().unwrap();
    assert!(seen.is_clean() && seen.fps_min > 24.5, "{seen:#?}");
    assert_eq!((same.accepted(), same.teardowns()), (1, 0), "the camera was dialled again");
    server.stop();
}

#[test]
fn streams_that_leave_the_file_end_by_the_same_steps_as_by_delete_in_every_state() {
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let cameras =
        [Fault::None, Fault::None, Fault::Mute, Fault::Mute, Fault::Refuse, Fault::None].map(camera);
    let [live, deaf, dialling, handshake, off, stays] = &cameras;
    let preload = |url: String| json!({ "url": url, "preload": true });
    let server = Server::start(
        BINARY,
        &place,
        json!({ "streams": {
            "live": preload(live.url()),
            "deaf": preload(deaf.url()),
            // It accepts the connection, and TLS never comes to anything.
            "dialling": preload(dialling.url().replace("rtsp:", "rtspx:")),
            "handshake": preload(handshake.url()),
            "backoff": { "url": off.url(), "preload": true, "supervision": { "start": "300ms", "jitter": 0 } },
            "idle": live.url(),
            "stays": preload(stays.url()),
        } }),
    );
    for (name, state) in [
        ("live", "live"),
        ("deaf", "live"),
        ("dialling", "connecting"),
        ("handshake", "connecting"),
        ("backoff", "backoff"),
        ("stays", "live"),
    ] {
        wait_for_source(&server, name, state);
    }
    eventually("both are dialled", SOON, || (dialling.open() == 1 && handshake.open() == 1).then_some(()));
    deaf.set_fault(Fault::Mute);
    std::thread::sleep(Duration::from_millis(200));
    edit(&place, |config| streams(config).retain(|name, _| name == "stays"));
    let began = Instant::now();
    let answer = post(&server, 200);
    let took = began.elapsed();
    println!("six removals took {took:?}");
    // The deaf one has a second, and none waits for another.
    assert!(took < Duration::from_millis(2_500), "{took:?}: {answer:#}");
    for (name, step) in [
        ("live", Some(("TEARDOWN", "answered 200"))),
        ("deaf", Some(("TEARDOWN", "no answer in time"))),
        ("dialling", Some(("dialling", "broken off"))),
        ("handshake", Some(("close", "there was no session yet"))),
        ("backoff", None),
        ("idle", None),
    ] {
        let gone = &answer["removed"][name];
        let said = &gone["ends"][0]["steps"][0];
        assert_eq!(said["what"].as_str().zip(said["outcome"].as_str()), step, "{name}: {gone:#}");
        assert_eq!(
            (&gone["removed"], &gone["unanswered"]),
            (&json!(true), &json!(false)),
            "{name}: {gone:#}"
        );
        assert!(server.stream(name).is_null(), "{name} is there after the answer");
    }
    let told = (&answer["added"], &answer["changed"], &answer["unchanged"], &answer["needs_restart"]);
    assert_eq!(told, (&json!([]), &json!([]), &json!(1), &json!([])));
    assert_eq!(live.teardowns(), 1, "the camera was told the end");
    for camera in [live, deaf, dialling, handshake] {
        assert!(camera.wait_for_open(0, Duration::from_millis(500)), "{} are open", camera.open());
    }
    // Longer than the wait of the one that was waiting to be dialled again.
    off.set_fault(Fault::None);
    let accepted: Vec<usize> = cameras.iter().map(Camera::accepted).collect();
    std::thread::sleep(Duration::from_secs(1));
    let after: Vec<usize> = cameras.iter().map(Camera::accepted).collect();
    assert_eq!(after, accepted, "a camera is dialled after its stream left the file");
    assert_eq!((stays.accepted(), stays.teardowns(), stays.open()), (1, 0, 1));
    let log = server.log();
    assert!(
        log.contains("ended: TEARDOWN answered 200") && log.contains("ended: dialling broken off"),
        "{log}"
    );
    server.stop();
}

#[test]
fn a_call_is_hung_up_once_when_its_stream_leaves_the_file() {
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let camera = camera(Fault::None);
    let secret = Config { credentials: Some(("admin".into(), "pass-word".into())), ..Config::default() };
    let device = IsapiIntercom::start(secret, IntercomFault::None).unwrap();
    let server = Server::start(
        BINARY,
        &place,
        json!({ "streams": {
            "door": { "url": camera.url(), "talk": device.url() },
            "other": camera.url(),
        } }),
    );
    let talker = RtmpEncoder::start(&server.rtmp_url("door/talk"), clip(), EncoderFault::None).unwrap();
    eventually("the device hears", SOON, || (!device.sound_bytes().is_empty()).then_some(()));
    edit(&place, |config| drop(streams(config).remove("door")));
    let answer = post(&server, 200);
    let ends = answer["removed"]["door"]["ends"].as_array().unwrap();
    let output = ends.iter().find(|end| end["what"] == "output").unwrap();
    assert_eq!((&output["stream"], &output["in_time"]), (&json!("door/talk"), &json!(true)), "{answer:#}");
    let closes = || {
        let log = device.log();
        log.iter().filter(|request| request.ask == Some(Ask::Close) && request.status != 401).count()
    };
    let (asked, accepted) = (device.log().len(), device.accepted());
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!((device.opens(), closes(), device.idle_closes(), device.in_call()), (1, 1, 0, false));
    assert_eq!(
        (device.log().len(), device.accepted()),
        (asked, accepted),
        "the device is asked after its end"
    );
    assert!(server.stream("door").is_null() && server.stream("door/talk").is_null());
    drop(talker);
    assert!(!format!("{answer}{}", server.log()).contains("pass-word"), "the password is told");
    server.stop();
}

#[test]
fn a_file_with_mistakes_changes_nothing_and_all_of_them_are_told() {
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let camera = camera(Fault::None);
    let server = Server::start(
        BINARY,
        &place,
        json!({ "api": { "origin": "" }, "streams": { "cam": { "url": camera.url(), "preload": true } } }),
    );
    server.wait_for_state("cam", "live", SOON);
    let path = place.file("aqueduct.yaml");
    let right = std::fs::read(&path).unwrap();
    std::fs::write(
        &path,
        "rtsp:\n  lisen: ''\napi:\n  password hidden-in-the-wrong-place\nstreams:\n  new: htp://h\n",
    )
    .unwrap();
    let problems = post(&server, 422)["problems"].clone();
    let said: Vec<(u64, u64, &str)> = problems
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            assert_eq!(one["file"], path.display().to_string());
            (one["line"].as_u64().unwrap(), one["column"].as_u64().unwrap(), one["message"].as_str().unwrap())
        })
        .collect();
    assert_eq!(said.len(), 3, "{said:#?}");
    assert_eq!(said[0], (2, 3, "unknown key `lisen` in `rtsp`: did you mean `listen`?"));
    assert_eq!((said[1].0, said[2].0), (4, 6), "{said:#?}");
    let pid = Pid::from_raw(server.pid().try_into().unwrap());
    kill(pid, Signal::SIGHUP).unwrap();
    eventually("the log has each twice", SOON, || {
        (server.log().matches("the configuration is not taken").count() == 6).then_some(())
    });
    let refused = config(&server)["refused"].clone();
    assert_eq!(refused["problems"], problems, "{refused:#}");

    // Whoever writes the file may be in the middle of that.
    std::fs::write(&path, " \n").unwrap();
    let empty = post(&server, 422);
    assert!(empty["problems"][0]["message"].as_str().unwrap().contains("the file is empty"), "{empty:#}");
    std::fs::remove_file(&path).unwrap();
    post(&server, 422);
    let stream = server.stream("cam");
    assert_eq!((&stream["state"], camera.accepted()), (&json!("live"), 1), "{stream:#}");

    // Pages of other origins cannot ask for it.
    let origin = [("Origin", "http://elsewhere.example")];
    let foreign = request(server.api(), "POST", "/api/v1/config/reload", &origin, b"").unwrap();
    assert_eq!(foreign.status, 403, "{}", foreign.text());

    std::fs::write(&path, right).unwrap();
    assert_eq!(post(&server, 200)["unchanged"], 1);
    assert_eq!(config(&server)["refused"], Value::Null);
    assert_eq!(camera.accepted(), 1);
    server.stop();
}

#[test]
fn what_needs_a_restart_is_named_until_it_is_put_back_and_levels_apply_at_once() {
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let camera = camera(Fault::None);
    let server = Server::start(BINARY, &place, json!({ "streams": { "cam": camera.url() } }));
    let before = std::fs::read(place.file("aqueduct.yaml")).unwrap();
    edit(&place, |config| {
        config["rtsp"]["listen"] = json!("127.0.0.1:1");
        config["limits"] = json!({ "source_linger": "9s" });
        config["rtmp"]["username"] = json!("ann");
        config["rtmp"]["password"] = json!("hidden");
        config["log"]["level"] = json!("debug");
        streams(config).insert("more".into(), json!(camera.url()));
    });
    let answer = post(&server, 200);
    let waits = json!(["limits.source_linger", "rtmp.password", "rtmp.username", "rtsp.listen"]);
    assert_eq!((&answer["needs_restart"], &answer["added"]), (&waits, &json!(["more"])), "{answer:#}");
    assert_eq!(config(&server)["needs_restart"], waits);
    let log = server.log();
    assert!(log.contains("rtsp.listen in the configuration is not what is in force"), "{log}");
    assert!(!log.contains("hidden"), "{log}");
    // What is shown is what is in force.
    let shown = server.get("/api/config").text();
    assert!(shown.contains(&server.rtsp_url("").replace("rtsp://", "").replace('/', "")), "{shown}");
    assert!(shown.contains("level: debug") && shown.contains("more:"), "{shown}");
    let seen = watch_for(1, "rtsp", &server.rtsp_url("more"), 1);
    assert_eq!(seen.failed, 0, "{:?}", seen.reasons);
    assert!(server.log().contains("DEBUG"), "the level counts at once");

    // A program that only the file allows waits for the restart as well: such a file is not taken, and says why.
    edit(&place, |config| {
        config["exec"] = json!({ "allow_paths": ["ffmpeg", "camera-tool"] });
        streams(config).insert("tool".into(), json!("exec:camera-tool -x"));
    });
    let refused = post(&server, 422);
    let message = refused["problems"][0]["message"].as_str().unwrap();
    assert!(message.contains("`streams.tool`") && message.contains("exec.allow_paths"), "{message}");
    assert!(refused["problems"][0]["line"].as_u64() > Some(1), "{refused:#}");

    std::fs::write(place.file("aqueduct.yaml"), before).unwrap();
    let back = post(&server, 200);
    assert_eq!(back["needs_restart"], json!([]), "{back:#}");
    assert_eq!(
        back["removed"].as_object().map(|removed| removed.keys().cloned().collect()),
        Some(vec!["more".to_owned()])
    );
    server.stop();
}
