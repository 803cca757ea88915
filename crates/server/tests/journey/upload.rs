//! Publishing by HTTP: ffmpeg posts what others publish by RTMP, curl says a file at a door.

use super::clip::{Clip, read_seconds};
use super::packets::Packets;
use super::publish::publish;
use super::readers::{FfmpegReader, Output, View, last_lines};
use super::{BINARY, turn};
use audio::tone::{Sine, analyse};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use testkit::intercom::{Config, Fault, IsapiIntercom};
use testkit::process::{Peer, Place, Server};
use testkit::require;

const STREAM: &str = "in1";
/// Where sound for the door goes.
const DOOR: &str = "/api/stream?dst=door/talk";
/// How long the announcement is.
pub(super) const SECONDS: f64 = 10.0;
const RATE: u32 = 16_000;

/// ffmpeg posts to one path; another one reads what came of it by RTSP, packet by packet.
fn posted_by_ffmpeg(path: &str, arguments: &[&str]) {
    require!(ffmpeg5, ffmpeg9);
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let clip = Clip::H264Aac;
    let file = clip.file(&ffmpeg9);
    let source = Packets::of_clip(&ffmpeg9, clip, &file);
    let server = Server::start(BINARY, &place, json!({ "streams": { STREAM: null } }));
    let url = server.http_url(&format!("{path}?dst={STREAM}"));
    let publishing = publish(&ffmpeg5, &place, &file, arguments, &url);
    let stream = server.wait_for_state(STREAM, "live", Duration::from_secs(10));
    let publisher = &stream["publishers"][0];
    assert_eq!(publisher["protocol"], "http", "{stream:#}");
    let agent = publisher["user_agent"].as_str().unwrap_or_default();
    assert!(agent.starts_with("Lavf/"), "{stream:#}");
    let seconds = read_seconds();
    let view = View { place: &place, server: &server, stream: STREAM, clip, seconds };
    let reader = FfmpegReader::start(&ffmpeg5, "ffmpeg5", Output::RtspTcp, &view);
    reader.finish(&source, clip, seconds).unwrap();
    let exit = publishing.wait();
    assert!(exit.success, "the publisher failed:\n{}", last_lines(&exit.stderr, 20));
    // It may come back.
    server.wait_for_end(STREAM, Duration::from_secs(25));
    server.stop();
}

#[test]
fn flv_posted_by_ffmpeg_is_read_unchanged() {
    posted_by_ffmpeg("/api/stream.flv", &["-f", "flv"]);
}

#[test]
fn mpeg_ts_put_by_ffmpeg_is_read_unchanged() {
    posted_by_ffmpeg("/api/stream", &["-f", "mpegts", "-method", "PUT"]);
}

/// Asks with curl; status and text of the answer.
pub(super) fn ask(curl: &Path, place: &Place, name: &str, arguments: &[&str], url: &str) -> (u16, String) {
    let mut command = Command::new(curl);
    command.args(["-sS", "-w", "\n%{http_code}"]).args(arguments).arg(url);
    let exit = Peer::start(place, name, &mut command, Duration::from_secs(40)).wait();
    let (text, status) = exit.stdout.rsplit_once('\n').unwrap_or_default();
    (status.parse().unwrap_or(0), format!("{text}{}", exit.stderr))
}

/// A file with a tone of 1 kHz at −20 dBFS.
pub(super) fn announcement(place: &Place) -> PathBuf {
    let samples = Sine::new(RATE, 1_000.0, -20.0).block_i16((SECONDS * f64::from(RATE)) as usize);
    let raw = formats::pcm::RawAudio { codec: media::Codec::L16, rate: RATE, channels: 1 };
    let mut data = formats::pcm::wav_header(raw).unwrap().to_vec();
    data.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    let file = place.file("announcement.wav");
    std::fs::write(&file, data).unwrap();
    file
}

/// What the intercom heard, without the silence around it.
fn assert_heard(device: &IsapiIntercom, what: &str) {
    let track = audio::Target::usual(media::Codec::Pcmu).track(0);
    let (mut decoder, mut samples) = (audio::Decoder::new(&track).unwrap(), Vec::new());
    for piece in device.sound_bytes().chunks(4_000) {
        decoder.decode(piece, &mut samples).unwrap();
    }
    let loud = |sample: &f32| sample.abs() > 0.02;
    let first = samples.iter().position(loud).expect("nothing was heard");
    let last = samples.iter().rposition(loud).unwrap();
    let heard = &samples[first..=last];
    let found = analyse(&heard[800..heard.len() - 800], 8_000).unwrap();
    let seconds = heard.len() as f64 / 8_000.0;
    println!("{what}: {seconds:.2} s of {SECONDS} s: {found:?}");
    assert!((seconds / SECONDS - 1.0).abs() < 0.05, "{what}: {seconds} s were heard");
    assert!((found.frequency_hz - 1_000.0).abs() < 2.0, "{what}: {found:?}");
    assert!((found.level_dbfs + 20.0).abs() < 1.5 && found.purity_db > 20.0, "{what}: {found:?}");
}

fn door(device: &IsapiIntercom) -> Value {
    json!({ "streams": { "door": [device.url()] } })
}

#[test]
fn an_announcement_posted_by_curl_is_heard_whole_at_the_intercom() {
    require!(curl);
    let _turn = turn::alone();
    let place = Place::new().unwrap();
    let device = IsapiIntercom::start(Config::default(), Fault::None).unwrap();
    let server = Server::start(BINARY, &place, door(&device));
    let file = format!("@{}", announcement(&place).display());
    let began = Instant::now();
    let (status, text) = ask(&curl, &place, "curl", &["--data-binary", &file], &server.http_url(DOOR));
    let took = began.elapsed().as_secs_f64();
    assert_eq!(status, 200, "{text}");
    assert!((SECONDS - 0.2..SECONDS + 2.0).contains(&took), "answered after {took} s");
    assert_heard(&device, "curl");
    server.stop();
    assert_eq!((device.opens(), device.closes(), device.announcements()), (1, 1, 0));
}

/// It sends a file as fast as the network is, and does not wait for an answer.
#[test]
fn an_announcement_posted_by_ffmpeg_is_heard_whole_at_the_intercom() {
    require!(ffmpeg5);
    let _turn = turn::alone();
    let place = Place::new().unwrap();
    let device = IsapiIntercom::start(Config::default(), Fault::None).unwrap();
    let server = Server::start(BINARY, &place, door(&device));
    let mut command = Command::new(&ffmpeg5);
    command.args(["-v", "error", "-nostdin", "-i"]).arg(announcement(&place));
    command.args(["-c:a", "pcm_alaw", "-ar", "8000", "-f", "wav", &server.http_url(DOOR)]);
    Peer::start(&place, "ffmpeg", &mut command, Duration::from_secs(40)).wait().expect_success();
    let until = Instant::now() + Duration::from_secs(15);
    while server.stream("door/talk")["publishers"].as_array().is_some_and(|all| !all.is_empty()) {
        assert!(Instant::now() < until, "it never ends: {:#}", server.stream("door/talk"));
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_heard(&device, "ffmpeg");
    server.stop();
}

#[test]
fn posts_that_cannot_be_taken_are_told_why() {
    require!(curl, ffmpeg5, ffmpeg9);
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let settings = json!({ "api": { "origin": "" }, "streams": { STREAM: null, "free": null } });
    let server = Server::start(BINARY, &place, settings);
    let clip = Clip::H264Aac.file(&ffmpeg9);
    let _first = publish(&ffmpeg5, &place, &clip, &["-f", "flv"], &server.rtmp_url(STREAM));
    let page = place.file("page.html");
    std::fs::write(&page, "<!DOCTYPE html><p>no media</p>").unwrap();
    let body = format!("@{}", page.display());
    let (own, foreign) = (["-H", "X: y"], ["-H", "Origin: http://evil.example"]);
    server.wait_for_state(STREAM, "live", Duration::from_secs(10));
    for (name, more, dst, status, says) in [
        ("foreign", foreign, STREAM, 403, "api.origin"),
        ("unknown", own, "nobody", 404, "\"nobody\""),
        ("busy", own, STREAM, 409, "has a publisher already (rtmp from 127.0.0.1"),
        ("page", own, "free", 415, "this is a web page (it begins with 3c21"),
    ] {
        let arguments = [more[0], more[1], "--data-binary", &body];
        let got = ask(&curl, &place, name, &arguments, &server.http_url(&format!("/api/stream?dst={dst}")));
        assert_eq!(got.0, status, "{name}: {}", got.1);
        assert!(got.1.contains(says), "{name}: {}", got.1);
    }
    server.stop();
}
