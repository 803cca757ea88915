//! Watching the past: what was recorded, by RTSP with its ranges and speeds, RTMP, HTTP and the API.

use super::browser::{result, script};
use super::past_player::Player;
use super::{BINARY, turn};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use testkit::process::{Peer, Place, Server, eventually};
use testkit::require;

/// How much is recorded before it is watched.
const RECORDED: Duration = Duration::from_secs(12);

/// A server that has recorded the demo camera, still does, and the first moment of it, in ms since 1970.
fn recorded(place: &Place) -> (Server, i64) {
    let recording = json!({
        "path": place.file("recordings").to_str().unwrap(), "segment": "3s", "aligned": false, "free_min": "1MB",
    });
    let settings =
        json!({ "recording": recording, "streams": { "cam": { "url": "demo:", "record": true } } });
    let server = Server::start(BINARY, place, settings);
    std::thread::sleep(RECORDED);
    let timeline = eventually("something is recorded", Duration::from_secs(20), || {
        let timeline = server.get("/api/v1/recordings/cam").json();
        (timeline["segments"].as_u64() >= Some(4)).then_some(timeline)
    });
    (server, millis(&timeline["spans"][0]["from"]))
}

/// RFC 3339 in ms since 1970.
fn millis(text: &Value) -> i64 {
    media::WallTime::parse_any(text.as_str().unwrap()).unwrap().as_micros() / 1000
}

fn rfc3339(ms: i64) -> String {
    media::WallTime::from_micros(ms * 1000).rfc3339().to_string()
}

/// As RTSP writes a moment.
fn clock(ms: i64) -> String {
    rfc3339(ms).replace(['-', ':'], "")
}

/// Packets of pictures and of sound that ffmpeg copies from a URL until it ends.
fn packets(ffmpeg: &Path, place: &Place, name: &str, url: &str, options: &[&str]) -> [usize; 2] {
    let file = place.file(&format!("{name}.framemd5"));
    let mut command = Command::new(ffmpeg);
    command.args(["-v", "error", "-nostdin", "-y"]).args(options).args(["-i", url]);
    command.args(["-map", "0", "-c", "copy", "-f", "framemd5"]).arg(&file);
    let exit = Peer::start(place, name, &mut command, Duration::from_secs(25)).wait();
    assert!(!exit.timed_out, "{name} was not told of the end: {}", exit.stderr);
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    let count = |track: &str| text.lines().filter(|line| line.starts_with(track)).count();
    // of ports that it finds taken it says so, and tries the next
    let complaints = exit.stderr.lines().filter(|line| !line.contains("bind failed: Address already in use"));
    assert_eq!(complaints.collect::<Vec<_>>(), Vec::<&str>::new(), "{name}");
    [count("0,"), count("1,")]
}

#[test]
fn every_player_watches_a_span_of_the_past_by_its_url_and_hears_of_its_end() {
    require!(ffmpeg5);
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let (server, began) = recorded(&place);
    // From a key frame on, so that what is counted is what was asked for.
    let query = format!("from={}&to={}", rfc3339(began), rfc3339(began + 5_000));
    let tcp = ["-rtsp_transport", "tcp"];
    let udp = ["-rtsp_transport", "udp", "-buffer_size", "2097152"];
    let rtsp = server.rtsp_url("cam");
    for (name, url, options, pictures, sounds) in [
        ("rtsp", format!("{rtsp}?{query}"), &tcp[..], 125, 235),
        ("udp", format!("{rtsp}?{query}"), &udp, 125, 235),
        ("rtmp", format!("{}?{query}", server.rtmp_url("cam")), &[], 125, 235),
        ("flv", server.http_url(&format!("/api/stream.flv?src=cam&{query}")), &[], 125, 235),
        ("mp4", server.http_url(&format!("/api/stream.mp4?src=cam&{query}")), &[], 125, 235),
        ("fast", format!("{rtsp}?{query}&speed=4"), &tcp[..], 125, 0),
    ] {
        let started = std::time::Instant::now();
        let got = packets(&ffmpeg5, &place, name, &url, options);
        println!("{name}: {got:?} in {:.1} s", started.elapsed().as_secs_f64());
        assert!((pictures - 4..=pictures + 2).contains(&got[0]), "{name}: {got:?} of {pictures} pictures");
        assert!(got[1] + 12 >= sounds && got[1] <= sounds + 8, "{name}: {got:?} of {sounds} sounds");
    }
    eventually("nothing of it is left", Duration::from_secs(5), || {
        let all = server.get("/api/v1/playbacks").json();
        all["playbacks"].as_array().unwrap().is_empty().then_some(())
    });
    server.stop();
}

#[test]
fn a_range_of_the_clock_in_play_seeks_a_scale_goes_faster_and_pause_stands_still() {
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let (server, began) = recorded(&place);
    let mut player = Player::set_up(server.rtsp(), &server.rtsp_url("cam"));
    // DESCRIBE was about the present.
    let asked = began + 4_500;
    let reply = player.ask("PLAY", &[("Range", &format!("clock={}-", clock(asked)))]);
    reply.is(200);
    assert_eq!(reply.field("Scale"), "1.000");
    let from = reply.clock();
    assert!((asked - 2_100..=asked).contains(&from), "{} for {}", clock(from), clock(asked));
    assert!(reply.field("RTP-Info").contains("seq="), "{}", reply.field("RTP-Info"));
    let got = player.listen(Duration::from_secs(2));
    println!("1x: {got:?}");
    // Two seconds, and what lies before the moment that was asked for.
    assert!((40..=110).contains(&got.pictures) && got.sounds > 60, "{got:?}");
    let wall = got.wall.expect("a sender report");
    assert!((wall - from).abs() < 2_500, "reports say {} for {}", clock(wall), clock(from));

    player.ask("PLAY", &[("Scale", "4.0")]).is(200);
    player.listen(Duration::from_millis(300));
    let fast = player.listen(Duration::from_secs(1));
    println!("4x: {fast:?}");
    assert!((75..=125).contains(&fast.pictures) && fast.sounds == 0, "{fast:?}");

    player.ask("PAUSE", &[]).is(200);
    player.listen(Duration::from_millis(200));
    assert_eq!(player.listen(Duration::from_secs(1)).pictures, 0);
    let all = server.get("/api/v1/playbacks").json();
    assert_eq!(all["playbacks"][0]["paused"], true, "{all:#}");

    let reply = player.ask("PLAY", &[("Range", &format!("clock={}-", clock(began))), ("Scale", "1")]);
    reply.is(200);
    assert_eq!((reply.clock(), reply.field("Scale")), (began, "1.000"));
    let again = player.listen(Duration::from_secs(1));
    println!("again: {again:?}");
    assert!((20..=35).contains(&again.pictures), "{again:?}");
    // While it plays, it goes elsewhere.
    let reply = player.ask("PLAY", &[("Range", &format!("clock={}-", clock(began + 6_000)))]);
    let from = reply.clock();
    assert!((began + 3_900..=began + 6_000).contains(&from), "{}", clock(from));
    assert!(player.listen(Duration::from_secs(1)).pictures > 20);

    player.ask("PLAY", &[("Scale", "-1")]).is(451);
    let none = player.ask("PLAY", &[("Range", "clock=20010101T000000Z-20010101T000001Z")]);
    none.is(457);
    // That changed nothing.
    assert!(player.listen(Duration::from_secs(1)).pictures > 20);
    player.ask("TEARDOWN", &[]).is(200);
    eventually("its playback ends with it", Duration::from_secs(5), || {
        let all = server.get("/api/v1/playbacks").json();
        all["playbacks"].as_array().unwrap().is_empty().then_some(())
    });
    server.stop();
}

#[test]
fn a_playback_of_the_api_is_a_stream_that_is_changed_there() {
    require!(ffmpeg5);
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let (server, began) = recorded(&place);
    let body = json!({ "from": rfc3339(began), "to": rfc3339(began + 4_000), "speed": 8 }).to_string();
    let made = server.request("POST", "/api/v1/recordings/cam/playback", body.as_bytes()).unwrap();
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    assert_eq!((made["stream"].as_str(), made["of"].as_str()), (Some("playback/1"), Some("cam")));
    let change = json!({ "speed": 1, "seek": rfc3339(began + 2_000) }).to_string();
    let changed = server.request("PATCH", "/api/v1/playbacks/1", change.as_bytes()).unwrap().json();
    assert_eq!((changed["speed"].as_f64(), millis(&changed["at"])), (Some(1.0), began + 2_000));
    let url = server.http_url("/api/stream.mp4?src=playback/1");
    let got = packets(&ffmpeg5, &place, "api", &url, &[]);
    println!("api: {got:?}");
    assert!((45..=105).contains(&got[0]) && got[1] > 80, "{got:?}");
    let again = server.request("PATCH", "/api/v1/playbacks/1", b"{}").unwrap();
    assert_eq!(again.status, 404, "{}", again.text());
    let made = server.request("POST", "/api/v1/recordings/cam/playback", body.as_bytes()).unwrap().json();
    let ended = server.request("DELETE", &format!("/api/v1/playbacks/{}", made["id"]), b"").unwrap();
    assert_eq!(ended.status, 204);
    assert!(server.stream(made["stream"].as_str().unwrap()).is_null());
    server.stop();
}

/// A browser asks for ranges as it likes: all of them must be of one file, also while the last one of those that it is made of
/// still grows. And hls.js finds no hole where files meet.
#[test]
fn chromium_seeks_in_exports_and_playlists_while_it_is_still_recorded_and_plays_them_to_their_ends() {
    require!(chromium);
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let (server, began) = recorded(&place);
    let file = |name: &str, from: i64, to: i64, seeks: Value| {
        let query = format!("from={}&to={}", rfc3339(began + from), rfc3339(began + to));
        json!({ "url": server.http_url(&format!("/api/v1/recordings/cam/{name}?{query}")), "seeks": seeks })
    };
    let settings = json!({ "files": [
        // Up to an hour from now: as much as there is.
        file("export.mp4", 0, 3_600_000, json!([9.0, 2.0, -1.0, 5.5, 0.0, -3.0])),
        file("export.mp4", 4_000, 9_000, json!([4.0, 1.0, -2.0])),
        file("playlist.m3u8", 0, 9_000, json!([7.0, 2.0, -1.0, 4.5])),
    ] });
    let result = result(script("video.mjs", &chromium, &place, settings));
    for file in result["files"].as_array().unwrap() {
        let number = |value: &Value| value.as_f64().unwrap();
        let duration = number(&file["duration"]);
        for seek in file["shown"].as_array().unwrap() {
            let off = number(&seek["time"]) - number(&seek["to"]);
            assert!(off.abs() < 0.09, "another picture than that of the moment: {file:#}");
        }
        assert!((number(&file["ended"]) - duration).abs() < 0.1, "{file:#}");
        // A busy browser drops a picture now and then.
        assert!(number(&file["widest"]) < 0.3, "there is a hole: {file:#}");
        assert_eq!(file["complaints"], json!([]), "{file:#}");
    }
    assert!(result["files"][0]["duration"].as_f64() > Some(9.0), "{result:#}");
    server.stop();
}

#[test]
fn chromium_watches_the_past_by_whep() {
    require!(chromium);
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let (server, began) = recorded(&place);
    let url = server.http_url(&format!("/api/webrtc?src=cam&from={}", rfc3339(began)));
    let settings = json!({ "play": { "url": url }, "seconds": 8, "screenshot": place.file("whep.png") });
    let result = result(script("webrtc.mjs", &chromium, &place, settings));
    let decoded = |when: &str| result[when]["framesDecoded"].as_u64().unwrap();
    assert!(decoded("late") - decoded("early") >= 180, "25 a second for 8 s: {result:#}");
    assert!(result["picture"]["colours"].as_u64() >= Some(4) && result["deleteStatus"] == 200, "{result:#}");
    server.stop();
}
