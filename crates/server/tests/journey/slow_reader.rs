//! One reader stops reading: the others lose nothing, and it is cut off with a reason.

use super::clip::{Clip, read_seconds};
use super::packets::Packets;
use super::publish::publish;
use super::readers::{FfmpegReader, Output, View};
use super::{BINARY, turn};
use serde_json::json;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use testkit::process::{Place, Server, eventually, open_http};
use testkit::require;

const STREAM: &str = "heavy";

/// A player that says PLAY and then never reads again. Source: RFC 2326 §10, interleaved as in §10.12.
fn stopped_reader(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.rtsp()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut sequence = 0;
    let mut session = String::new();
    let url = server.rtsp_url(STREAM);
    let mut ask = |method: &str, url: &str, more: &str, session: &mut String| -> String {
        sequence += 1;
        let id = if session.is_empty() { String::new() } else { format!("Session: {session}\r\n") };
        write!(&stream, "{method} {url} RTSP/1.0\r\nCSeq: {sequence}\r\n{id}{more}\r\n").unwrap();
        let mut length = 0;
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert!(line.starts_with("RTSP/1.0 200"), "{method}: {line}");
        loop {
            line.clear();
            reader.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "session" => *session = value.trim().split(';').next().unwrap_or_default().to_owned(),
                "content-length" => length = value.trim().parse().unwrap(),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        String::from_utf8(body).unwrap()
    };
    let sdp = ask("DESCRIBE", &url, "Accept: application/sdp\r\n", &mut session);
    let controls: Vec<&str> = sdp
        .lines()
        .skip_while(|line| !line.starts_with("m="))
        .filter_map(|line| line.strip_prefix("a=control:"))
        .collect();
    assert!(!controls.is_empty(), "{sdp}");
    for (index, control) in controls.iter().enumerate() {
        let track = if control.contains("://") { (*control).to_owned() } else { format!("{url}/{control}") };
        let channels =
            format!("Transport: RTP/AVP/TCP;unicast;interleaved={}-{}\r\n", index * 2, index * 2 + 1);
        ask("SETUP", &track, &channels, &mut session);
    }
    ask("PLAY", &url, "Range: npt=0-\r\n", &mut session);
    drop(reader);
    stream
}

/// Everything that the event stream says.
fn listen_to_events(server: &Server) -> Arc<Mutex<String>> {
    let headers = [("Accept", "text/event-stream")];
    let mut events = open_http(server.api(), "GET", "/api/v1/events", &headers, b"").unwrap();
    events.get_ref().set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    let heard = Arc::new(Mutex::new(String::new()));
    let keep = Arc::clone(&heard);
    std::thread::spawn(move || {
        let mut line = String::new();
        while events.read_line(&mut line).is_ok_and(|count| count > 0) {
            keep.lock().unwrap_or_else(PoisonError::into_inner).push_str(&line);
            line.clear();
        }
    });
    heard
}

#[test]
fn a_reader_that_stops_reading_is_cut_off_with_a_reason_and_others_lose_nothing() {
    require!(ffmpeg5, ffmpeg9);
    let _turn = turn::shared();
    let place = Place::new().unwrap();
    let clip = Clip::Heavy;
    let file = clip.file(&ffmpeg9);
    let source = Packets::of_clip(&ffmpeg9, clip, &file);
    let server = Server::start(BINARY, &place, json!({ "streams": { STREAM: null } }));
    let heard = listen_to_events(&server);
    let _publishing = publish(&ffmpeg5, &place, &file, &["-f", "flv"], &server.rtmp_url(STREAM));
    server.wait_for_state(STREAM, "live", Duration::from_secs(10));

    let stopped = stopped_reader(&server);
    let address = stopped.local_addr().unwrap().to_string();
    let seconds = read_seconds() + 4;
    let view = View { place: &place, server: &server, stream: STREAM, clip, seconds };
    let others = [(&ffmpeg5, "ffmpeg5", Output::RtspTcp), (&ffmpeg9, "ffmpeg9", Output::HttpFlv)]
        .map(|(ffmpeg, label, output)| FfmpegReader::start(ffmpeg, label, output, &view));

    let of_stopped = || {
        let stream = server.stream(STREAM);
        let readers = stream["readers"].as_array().cloned().unwrap_or_default();
        readers.into_iter().find(|reader| reader.to_string().contains(&address))
    };
    assert!(of_stopped().is_some(), "the reader is listed with its address: {:#}", server.stream(STREAM));
    eventually("it is cut off", Duration::from_secs(40), || of_stopped().is_none().then_some(()));
    let heard = eventually("the event tells that it was too slow", Duration::from_secs(5), || {
        let heard = heard.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (heard.contains("reader.left") && heard.contains("too slow")).then_some(heard)
    });
    assert!(heard.contains("reader.cut_back"), "it was first cut back to a key frame:\n{heard}");

    let wrong: Vec<String> =
        others.into_iter().filter_map(|other| other.finish(&source, clip, seconds).err()).collect();
    assert!(wrong.is_empty(), "the others lost something:\n{}", wrong.join("\n\n"));
    drop(stopped);
    server.stop();
}
