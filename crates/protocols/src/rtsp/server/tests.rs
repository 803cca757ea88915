// Tests look for one event among all: there a wildcard is what is meant.
#![allow(clippy::wildcard_enum_match_arm, clippy::type_complexity)]
use super::*;
use crate::auth::{Credentials, Offers};
use crate::rtsp::client::{self, Client};
use crate::rtsp::dialogue::{self, Side};
use crate::rtsp::message::Headers;
use std::time::Duration;

const URL: &str = "rtsp://h:8554/a/b/c?video&audio=aac";
const SDP: &str = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\na=control:*\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\n\
    m=audio 0 RTP/AVP 8\r\na=control:trackID=1\r\n";

/// A session with driver and client played by the test.
struct Stage {
    session: Session,
    now: Moment,
    events: Vec<Event>,
    replies: Vec<Response>,
    error: Option<Error>,
    wait: Moment,
    cseq: u32,
    /// What the driver does with a question: answer or leave it open.
    answers: bool,
}

impl Stage {
    fn with(config: Config, verifier: Option<Verifier>) -> Self {
        let now = Moment::from_millis(1000);
        let session = Session::new(config, verifier, now);
        let (events, replies) = (Vec::new(), Vec::new());
        Self { session, now, events, replies, error: None, wait: now, cseq: 0, answers: true }
    }

    fn new() -> Self {
        Self::with(Config::default(), None)
    }

    fn drain(&mut self) {
        loop {
            match self.session.poll_output(self.now) {
                Ok(Output::Transmit(bytes)) => {
                    let mut framer = Framer::new();
                    framer.handle_input(&bytes);
                    match framer.poll().unwrap().unwrap() {
                        Incoming::Response(response) => self.replies.push(response),
                        other => panic!("{other:?}"),
                    }
                }
                Ok(Output::Event(event)) => {
                    if self.answers {
                        self.answer(&event);
                    }
                    self.events.push(event);
                }
                Ok(Output::WaitUntil(at)) => {
                    self.wait = at;
                    return;
                }
                Err(error) => {
                    self.error = Some(error);
                    return;
                }
            }
        }
    }

    fn answer(&mut self, event: &Event) {
        match event {
            Event::Describe { .. } => assert!(self.session.describe_ok(SDP)),
            Event::Announce { .. } => assert!(self.session.announce_ok()),
            Event::Setup { carrier: Carrier::Tcp { .. }, .. } => assert!(self.session.setup_ok(None, None)),
            Event::Setup { .. } => assert!(self.session.setup_ok(Some((6000, 6001)), Some(0xabcd))),
            Event::Play { .. } => {
                let start = |track, sequence, rtptime| TrackStart { track, sequence, rtptime };
                assert!(self.session.play_ok(&[start(0, 10, 1000), start(1, 20, 2000)]));
            }
            _ => {}
        }
    }

    fn input(&mut self, data: &[u8]) {
        self.session.handle_input(data, self.now);
        self.drain();
    }

    /// Sends a request and returns the reply to it.
    fn ask(&mut self, method: &str, uri: &str, fields: &[(&str, &str)], body: &str) -> Response {
        self.cseq += 1;
        let mut request = Request::new(Method::parse(method), uri).with("CSeq", self.cseq.to_string());
        for (name, value) in fields {
            request.headers.push(*name, *value);
        }
        request.body = Bytes::copy_from_slice(body.as_bytes());
        let before = self.replies.len();
        self.input(&request.encode());
        assert_eq!(self.replies.len(), before + 1, "one reply to {method}: {:?}", self.error);
        let reply = self.replies.last().unwrap().clone();
        assert_eq!(reply.cseq(), Some(self.cseq));
        reply
    }

    fn status(&mut self, method: &str, uri: &str, fields: &[(&str, &str)]) -> u16 {
        self.ask(method, uri, fields, "").status
    }

    fn setup(&mut self, uri: &str, transport: &str) -> Response {
        self.ask("SETUP", uri, &[("Transport", transport)], "")
    }

    fn reader(playing: bool) -> Self {
        let mut stage = Self::new();
        assert_eq!(stage.status("DESCRIBE", URL, &[]), 200);
        for (track, channels) in [(0, "0-1"), (1, "2-3")] {
            let uri = format!("rtsp://h:8554/a/b/c/trackID={track}");
            let reply = stage.setup(&uri, &format!("RTP/AVP/TCP;unicast;interleaved={channels}"));
            assert_eq!(reply.status, 200);
        }
        if playing {
            assert_eq!(stage.status("PLAY", "rtsp://h:8554/a/b/c/", &[]), 200);
        }
        stage
    }

    fn publisher(recording: bool) -> Self {
        let mut stage = Self::new();
        assert_eq!(stage.ask("ANNOUNCE", "rtsp://h/live", &[], SDP).status, 200);
        let tcp = "RTP/AVP/TCP;unicast;interleaved=0-1;mode=record";
        assert_eq!(stage.setup("rtsp://h/live/trackID=0", tcp).status, 200);
        if recording {
            assert_eq!(stage.status("RECORD", "rtsp://h/live", &[]), 200);
        }
        stage
    }
}

fn frame(channel: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![b'$', channel, 0, payload.len() as u8];
    bytes.extend_from_slice(payload);
    bytes
}

fn field(headers: &Headers, name: &str) -> String {
    headers.get(name).unwrap_or_default().to_owned()
}

#[test]
fn a_reader_is_served_over_tcp() {
    let mut stage = Stage::new();
    assert!(field(&stage.ask("OPTIONS", "*", &[], "").headers, "Public").contains("RECORD"));
    let described = stage.ask("DESCRIBE", URL, &[("Accept", "application/sdp")], "");
    assert_eq!(field(&described.headers, "Content-Base"), "rtsp://h:8554/a/b/c/");
    assert_eq!(
        (&described.body[..], described.headers.get("Content-Type")),
        (SDP.as_bytes(), Some("application/sdp"))
    );
    let target = Target { path: "a/b/c".into(), query: "video&audio=aac".into() };
    assert_eq!(stage.events, [Event::Describe { target: target.clone(), user: None, back_channel: false }]);

    let reply = stage.setup("rtsp://h:8554/a/b/c/trackID=1", "RTP/AVP/TCP;unicast;interleaved=4-5");
    assert_eq!(field(&reply.headers, "Transport"), "RTP/AVP/TCP;unicast;interleaved=4-5");
    let session = field(&reply.headers, "Session");
    assert_eq!(session, format!("{};timeout=60", stage.session.id()));
    assert_eq!(stage.session.id().len(), 32);
    let carrier = Carrier::Tcp { rtp: 4, rtcp: 5 };
    assert_eq!(stage.events[1], Event::Setup { target, user: None, track: 1, carrier, publishes: false });
    // The channels asked for are taken: others are chosen.
    let reply =
        stage.setup("rtsp://h:8554/a/b/c?video&audio=aac/trackID=0", "RTP/AVP/TCP;unicast;interleaved=4-5");
    assert_eq!(field(&reply.headers, "Transport"), "RTP/AVP/TCP;unicast;interleaved=0-1");
    assert_eq!((stage.session.channels(0), stage.session.channels(1)), (Some((0, 1)), Some((4, 5))));

    let id = stage.session.id().to_owned();
    let played = stage.ask("PLAY", "rtsp://h:8554/a/b/c/", &[("Session", &id), ("Range", "npt=0.000-")], "");
    assert_eq!(
        field(&played.headers, "RTP-Info"),
        "url=rtsp://h:8554/a/b/c/trackID=0;seq=10;rtptime=1000,url=rtsp://h:8554/a/b/c/trackID=1;seq=20;rtptime=2000"
    );
    assert_eq!(field(&played.headers, "Session"), id);
    stage.input(&[frame(5, b"rr"), frame(4, b"nobody asked"), frame(200, b"x")].concat());
    assert_eq!(stage.events.last(), Some(&Event::Rtcp { track: 1, data: Bytes::from_static(b"rr") }));
    assert_eq!(stage.status("PAUSE", "rtsp://h:8554/a/b/c/", &[("Session", &id)]), 200);
    assert_eq!(stage.status("TEARDOWN", "rtsp://h:8554/a/b/c/", &[("Session", &id)]), 200);
    assert_eq!(stage.events[stage.events.len() - 3..], [Event::Pause, Event::Teardown, Event::Closed]);
}

#[test]
fn udp_ports_go_both_ways_and_multicast_is_refused() {
    let mut stage = Stage::new();
    stage.ask("DESCRIBE", URL, &[], "");
    let refused = stage.setup("rtsp://h:8554/a/b/c/trackID=0", "RTP/AVP;multicast;client_port=5000-5001");
    assert_eq!(
        (refused.status, refused.reason.as_str()),
        (461, "Unsupported Transport: multicast is not served, ask for unicast")
    );
    let both = "RTP/AVP;multicast,RTP/AVP/UDP;unicast;client_port=5000-5001";
    let reply = stage.setup("rtsp://h:8554/a/b/c/trackID=0", both);
    assert_eq!(
        field(&reply.headers, "Transport"),
        "RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001;ssrc=0000ABCD"
    );
    let Some(Event::Setup { carrier, .. }) = stage.events.last() else { panic!() };
    assert_eq!(carrier, &Carrier::Udp { rtp: 5000, rtcp: 5001 });
    let mixed = stage.setup("rtsp://h:8554/a/b/c/trackID=1", "RTP/AVP/TCP;interleaved=0-1");
    assert_eq!(mixed.status, 461);

    let mut stage = Stage::with(Config { udp: false, ..Config::default() }, None);
    stage.ask("DESCRIBE", URL, &[], "");
    let refused = stage.setup("rtsp://h:8554/a/b/c/trackID=0", "RTP/AVP;unicast;client_port=5000-5001");
    assert!(refused.status == 461 && refused.reason.contains("ask for RTP/AVP/TCP"), "{}", refused.reason);
}

#[test]
fn a_publisher_is_taken_and_its_media_comes_out() {
    let mut stage = Stage::publisher(false);
    stage.input(&frame(0, b"too early"));
    assert_eq!(stage.status("RECORD", "rtsp://h/live", &[]), 200);
    stage.input(&[frame(0, b"rtp"), frame(1, b"sr"), frame(2, b"not set up")].concat());
    let tail = &stage.events[stage.events.len() - 3..];
    let (rtp, sr) = (Bytes::from_static(b"rtp"), Bytes::from_static(b"sr"));
    assert_eq!(tail, [Event::Record, Event::Rtp { track: 0, data: rtp }, Event::Rtcp { track: 0, data: sr }]);
    stage.now += Duration::from_secs(15);
    stage.drain();
    assert_eq!(stage.error, Some(Error::MediaSilent { timeout: INGEST_TIMEOUT }));
}

#[test]
fn a_section_that_nobody_understands_is_accepted_and_dropped() {
    let mut stage = Stage::new();
    let sdp = "v=0\r\nm=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\na=control:streamid=0\r\n\
        m=audio 0 RTP/AVP 8\r\na=control:streamid=1\r\n";
    assert_eq!(stage.ask("ANNOUNCE", "rtsp://h/live", &[], sdp).status, 200);
    for (stream, channels) in [(0, "0-1"), (1, "2-3")] {
        let transport = format!("RTP/AVP/TCP;unicast;interleaved={channels};mode=record");
        assert_eq!(stage.setup(&format!("rtsp://h/live/streamid={stream}"), &transport).status, 200);
    }
    stage.ask("RECORD", "rtsp://h/live", &[], "");
    stage.input(&[frame(0, b"data"), frame(1, b"rtcp"), frame(2, b"sound")].concat());
    assert_eq!(stage.events.last(), Some(&Event::Rtp { track: 0, data: Bytes::from_static(b"sound") }));
    let setups = stage.events.iter().filter(|event| matches!(event, Event::Setup { .. })).count();
    assert_eq!(setups, 1);
    let nothing = "v=0\r\nm=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\n";
    let mut stage = Stage::new();
    let refused = stage.ask("ANNOUNCE", "rtsp://h/live", &[], nothing);
    assert!(refused.status == 415 && refused.reason.contains("nothing to take"), "{}", refused.reason);
    assert_eq!(stage.ask("ANNOUNCE", "rtsp://h/live", &[], "hello").status, 400);
}

#[test]
fn recorded_clients_are_served_by_our_session() {
    for name in dialogue::PLAYS.into_iter().chain([dialogue::PLAYS_UDP, dialogue::PUBLISHES]) {
        let mut stage = Stage::new();
        stage.answers = false;
        let steps = dialogue::load(name);
        let sdp: Vec<u8> = steps
            .iter()
            .find_map(|step| {
                let text = String::from_utf8_lossy(&step.bytes);
                text.contains("v=0").then(|| step.bytes[text.find("v=0").unwrap()..].to_vec())
            })
            .unwrap();
        let theirs = steps.iter().filter(|step| step.side == Side::Server).find_map(|step| {
            let text = String::from_utf8_lossy(&step.bytes);
            let id = text.lines().find_map(|line| line.strip_prefix("Session: "))?.to_owned();
            Some(id)
        });
        let theirs = theirs.unwrap();
        for step in steps.iter().filter(|step| step.side == Side::Client) {
            let bytes = match step.method() {
                Some(_) => {
                    String::from_utf8_lossy(&step.bytes).replace(&theirs, stage.session.id()).into_bytes()
                }
                None => step.bytes.clone(),
            };
            let before = stage.events.len();
            stage.input(&bytes);
            for event in stage.events.split_off(before) {
                match event {
                    Event::Describe { .. } => assert!(stage.session.describe_ok(sdp.clone())),
                    _ => stage.answer(&event),
                }
                stage.events.push(event);
            }
            stage.drain();
        }
        assert_eq!(stage.error, None, "{name}");
        let refused: Vec<_> = stage.replies.iter().filter(|reply| reply.status != 200).collect();
        assert!(refused.is_empty(), "{name}: {refused:?}");
        let has = |wanted: fn(&Event) -> bool| stage.events.iter().any(wanted);
        if name == dialogue::PUBLISHES {
            assert!(has(|event| matches!(event, Event::Rtp { track: 0, .. })), "{name}");
            assert!(has(|event| matches!(event, Event::Rtp { track: 1, .. })), "{name}");
            assert!(has(|event| matches!(event, Event::Rtcp { track: 1, .. })), "{name}");
        } else {
            assert!(has(|event| matches!(event, Event::Play { .. })), "{name}");
            assert_eq!(
                stage.replies.iter().filter(|r| r.headers.get("Transport").is_some()).count(),
                2,
                "{name}"
            );
        }
    }
}

#[test]
fn a_reader_that_asks_for_it_may_talk_once_it_plays() {
    let back = "m=audio 0 RTP/AVP 8\r\na=control:trackID=2\r\na=sendonly\r\n";
    for (described, talks) in [(format!("{SDP}{back}"), true), (SDP.to_owned(), false)] {
        let mut stage = Stage::with(Config { back_channel: true, ..Config::default() }, None);
        stage.answers = false;
        let required = [("Require", "www.onvif.org/ver20/backchannel")];
        let request =
            Request::new(Method::Describe, URL).with("CSeq", "1").with(required[0].0, required[0].1);
        stage.input(&request.encode());
        assert!(matches!(stage.events[..], [Event::Describe { back_channel: true, .. }]));
        assert!(stage.session.describe_ok(described));
        stage.drain();
        stage.answers = true;
        for (track, channels) in [(0, "0-1"), (2, "4-5")] {
            let uri = format!("rtsp://h:8554/a/b/c/trackID={track}");
            let reply = stage.setup(&uri, &format!("RTP/AVP/TCP;unicast;interleaved={channels}"));
            assert_eq!(reply.status == 200, track == 0 || talks);
        }
        let publishes: Vec<(u8, bool)> = stage
            .events
            .iter()
            .filter_map(|event| match event {
                Event::Setup { track, publishes, .. } => Some((*track, *publishes)),
                _ => None,
            })
            .collect();
        assert_eq!(publishes, if talks { vec![(0, false), (2, true)] } else { vec![(0, false)] });
        stage.input(&frame(4, b"too early"));
        assert_eq!(stage.status("PLAY", "rtsp://h:8554/a/b/c/", &required), 200);
        let before = stage.events.len();
        stage.input(&[frame(4, b"sound"), frame(0, b"to nobody"), frame(5, b"report")].concat());
        let expected = [
            Event::Rtp { track: 2, data: Bytes::from_static(b"sound") },
            Event::Rtcp { track: 2, data: Bytes::from_static(b"report") },
        ];
        assert_eq!(stage.events[before..], expected[..if talks { 2 } else { 0 }]);
    }
}

#[test]
fn our_client_and_our_server_understand_each_other() {
    let verifier = Verifier::new("Aqueduct", vec![Credentials::new("eve", "apple")], Offers::default());
    let mut stage = Stage::with(Config::default(), Some(verifier));
    let mut client =
        Client::new(client::Config::new("rtsp://eve:apple@h:8554/a/b/c?video&audio=aac")).unwrap();
    client.handle_connected(stage.now);
    let mut events = Vec::new();
    for _ in 0..100 {
        match client.poll_output(stage.now).unwrap() {
            client::Output::Transmit(bytes) => {
                let before = stage.replies.len();
                stage.input(&bytes);
                for reply in &stage.replies[before..] {
                    client.handle_input(&reply.encode(), stage.now);
                }
            }
            client::Output::Event(event) => {
                if matches!(event, client::Event::Playing { .. }) {
                    client.close(stage.now);
                }
                events.push(event);
            }
            client::Output::Datagram { .. } => panic!("nobody speaks"),
            client::Output::WaitUntil(_) => break,
        }
    }
    let start = |track, sequence, rtptime| client::TrackStart {
        track,
        sequence: Some(sequence),
        rtptime: Some(rtptime),
    };
    let playing = client::Event::Playing { starts: vec![start(0, 10, 1000), start(1, 20, 2000)] };
    assert!(events.contains(&playing), "{events:?}");
    assert_eq!(events.last(), Some(&client::Event::Closed));
    assert_eq!(stage.events.last(), Some(&Event::Closed));
    let Event::Describe { user, .. } = &stage.events[0] else { panic!() };
    assert_eq!(user.as_deref(), Some("eve"));
}

#[test]
fn without_the_password_only_options_is_answered_and_guessing_ends() {
    let verifier = Verifier::new(
        "Aqueduct",
        vec![Credentials::new("eve", "apple")],
        Offers { basic: true, ..Offers::default() },
    );
    let mut stage = Stage::with(Config::default(), Some(verifier));
    assert_eq!(stage.status("OPTIONS", URL, &[]), 200);
    for method in
        ["DESCRIBE", "ANNOUNCE", "SETUP", "PLAY", "PAUSE", "RECORD", "TEARDOWN", "GET_PARAMETER", "FLY"]
    {
        let reply = stage.ask(method, URL, &[], "");
        assert_eq!((reply.status, reply.headers.all("WWW-Authenticate").count()), (401, 3), "{method}");
    }
    assert_eq!(stage.events, []);
    for guess in 0..REFUSALS_MAX {
        assert_eq!(stage.error, None, "guess {guess}");
        assert_eq!(stage.status("DESCRIBE", URL, &[("Authorization", "Basic ZXZlOnBlYXI=")]), 401);
    }
    assert_eq!(stage.error, Some(Error::Unauthorized { refusals: REFUSALS_MAX }));
}

#[test]
fn errors_say_what_helps() {
    let mut stage = Stage::new();
    stage.answers = false;
    let request = Request::new(Method::Describe, "rtsp://h/nosuch").with("CSeq", "1");
    stage.input(&request.encode());
    assert!(stage.session.reject(404, "no stream \"nosuch\"; there are cam1, cam2"));
    assert!(!stage.session.reject(404, "twice"));
    stage.drain();
    let reply = stage.replies.last().unwrap();
    assert_eq!((reply.status, reply.reason.as_str()), (404, "no stream \"nosuch\"; there are cam1, cam2"));

    let mut stage = Stage::reader(false);
    let id = stage.session.id().to_owned();
    let unknown = stage.setup("rtsp://h:8554/a/b/c/trackID=9", "RTP/AVP/TCP;interleaved=8-9");
    assert_eq!(
        (unknown.status, unknown.reason.as_str()),
        (404, "Not Found: no such track, the stream has trackID=0, trackID=1")
    );
    assert_eq!(stage.setup("rtsp://h:8554/a/b/c/", "RTP/AVP/TCP;interleaved=8-9").status, 459);
    assert_eq!(stage.status("PLAY", URL, &[("Session", "wrong")]), 454);
    let reply = stage.ask("RECORD", URL, &[("Session", &id)], "");
    assert_eq!((reply.status, reply.reason.as_str()), (455, "RECORD is not valid before PLAY"));
    assert_eq!(reply.headers.get("Allow"), Some("OPTIONS, SETUP, PLAY, TEARDOWN"));
    let reply = stage.ask("DESCRIBE", URL, &[("Require", "www.onvif.org/ver20/backchannel")], "");
    assert_eq!(
        (reply.status, reply.headers.get("Unsupported")),
        (551, Some("www.onvif.org/ver20/backchannel"))
    );
    assert_eq!(stage.status("FLY", URL, &[]), 501);
}

#[test]
fn a_client_may_come_without_describe_and_the_driver_decides() {
    let mut stage = Stage::new();
    let reply = stage.setup("rtsp://h/a/b/trackID=1", "RTP/AVP/TCP;unicast");
    assert_eq!(
        (reply.status, field(&reply.headers, "Transport")),
        (200, "RTP/AVP/TCP;unicast;interleaved=0-1".into())
    );
    let target = Target { path: "a/b".into(), query: String::new() };
    let carrier = Carrier::Tcp { rtp: 0, rtcp: 1 };
    assert_eq!(stage.events, [Event::Setup { target, user: None, track: 1, carrier, publishes: false }]);
}

#[test]
fn requests_sent_in_a_row_wait_for_the_driver_and_keep_their_order() {
    let mut stage = Stage::new();
    stage.answers = false;
    let describe = Request::new(Method::Describe, URL).with("CSeq", "1").encode();
    let options = Request::new(Method::Options, URL).with("CSeq", "2").encode();
    stage.input(&[&describe[..], &options[..]].concat());
    assert_eq!((stage.replies.len(), stage.wait), (0, Moment::FAR_FUTURE));
    assert!(!stage.session.announce_ok(), "that is not what waits");
    assert!(stage.session.describe_ok(SDP));
    stage.drain();
    let order: Vec<_> = stage.replies.iter().map(Response::cseq).collect();
    assert_eq!(order, [Some(1), Some(2)]);
    stage.input(&describe);
    stage.input(&vec![b'x'; WAITING_BYTES_MAX + 1]);
    assert!(matches!(stage.error, Some(Error::Frame(FrameError::Overflow { .. }))), "{:?}", stage.error);
}

#[test]
fn a_silent_reader_is_given_up_and_requests_rtcp_or_datagrams_keep_it() {
    let mut stage = Stage::reader(true);
    let keep: [fn(&mut Stage); 3] = [
        |stage| stage.input(b"GET_PARAMETER * RTSP/1.0\r\nCSeq: 99\r\n\r\n"),
        |stage| stage.input(&frame(1, b"rr")),
        |stage| stage.session.handle_datagram(stage.now),
    ];
    for act in keep {
        stage.now += Duration::from_secs(59);
        stage.drain();
        act(&mut stage);
        assert_eq!(stage.error, None);
    }
    stage.now += READER_TIMEOUT;
    stage.drain();
    assert_eq!(stage.error, Some(Error::ClientSilent { timeout: READER_TIMEOUT }));
}

/// Every state × every event: what comes out, and where it leads.
#[test]
fn every_event_in_every_state() {
    let states: [(&str, fn() -> Stage); 10] = [
        ("Init", Stage::new),
        ("Waiting", || {
            let mut stage = Stage::new();
            stage.answers = false;
            stage.input(b"DESCRIBE rtsp://h/a RTSP/1.0\r\nCSeq: 1\r\n\r\n");
            stage
        }),
        ("Described", || {
            let mut stage = Stage::new();
            stage.ask("DESCRIBE", URL, &[], "");
            stage
        }),
        ("ReadyToPlay", || Stage::reader(false)),
        ("Playing", || Stage::reader(true)),
        ("Announced", || {
            let mut stage = Stage::new();
            stage.ask("ANNOUNCE", URL, &[], SDP);
            stage
        }),
        ("ReadyToRecord", || Stage::publisher(false)),
        ("Recording", || Stage::publisher(true)),
        ("Closed", || {
            let mut stage = Stage::reader(true);
            stage.ask("TEARDOWN", URL, &[], "");
            stage
        }),
        ("Failed", || {
            let mut stage = Stage::reader(true);
            stage.session.handle_disconnected(stage.now);
            stage.drain();
            stage
        }),
    ];
    const REQUESTS: [&str; 11] = [
        "OPTIONS",
        "DESCRIBE",
        "ANNOUNCE",
        "SETUP",
        "PLAY",
        "PAUSE",
        "RECORD",
        "TEARDOWN",
        "GET_PARAMETER",
        "SET_PARAMETER",
        "FLY",
    ];
    let mut table = String::new();
    for (state, make) in states {
        let mut events: Vec<(String, Box<dyn Fn(&mut Stage)>)> = Vec::new();
        for method in REQUESTS {
            events.push((
                method.to_owned(),
                Box::new(move |stage: &mut Stage| {
                    let uri = if method == "SETUP" { "rtsp://h/a/trackID=1" } else { "rtsp://h/a" };
                    let mut request = Request::new(Method::parse(method), uri).with("CSeq", "9");
                    if method == "SETUP" {
                        request.headers.push("Transport", "RTP/AVP/TCP;unicast;interleaved=6-7");
                    }
                    if method == "ANNOUNCE" {
                        request.body = Bytes::from_static(SDP.as_bytes());
                    }
                    stage.session.handle_input(&request.encode(), stage.now);
                }),
            ));
        }
        let wrong = b"GET_PARAMETER * RTSP/1.0\r\nCSeq: 9\r\nSession: 1\r\n\r\n";
        events.push(("wrong id".into(), Box::new(|s: &mut Stage| s.session.handle_input(wrong, s.now))));
        events.push(("RTP".into(), Box::new(|s: &mut Stage| s.session.handle_input(&frame(0, b"x"), s.now))));
        events
            .push(("RTCP".into(), Box::new(|s: &mut Stage| s.session.handle_input(&frame(1, b"x"), s.now))));
        events.push(("15 s".into(), Box::new(|s: &mut Stage| s.now += Duration::from_secs(15))));
        events.push(("60 s".into(), Box::new(|s: &mut Stage| s.now += Duration::from_secs(60))));
        events.push(("hang-up".into(), Box::new(|s: &mut Stage| s.session.handle_disconnected(s.now))));
        events.push(("close".into(), Box::new(|s: &mut Stage| s.session.close(s.now))));
        for (event, act) in &events {
            let mut stage = make();
            stage.events.clear();
            stage.replies.clear();
            act(&mut stage);
            stage.drain();
            let mut out: Vec<String> = stage.replies.iter().map(|reply| reply.status.to_string()).collect();
            out.extend(
                stage
                    .events
                    .iter()
                    .map(|event| format!("{event:?}").split([' ', '{']).next().unwrap().to_owned()),
            );
            let to = match &stage.session.state {
                State::Failed(error) => format!("Failed: {error}"),
                other => format!("{other:?}"),
            };
            table.push_str(&format!("{state:13} {event:13} -> {to} [{}]\n", out.join(", ")));
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_range_of_the_clock_and_a_scale_come_to_the_driver_also_while_it_plays_and_are_echoed() {
    let mut stage = Stage::reader(true);
    let plain = stage.ask("PLAY", "rtsp://h:8554/a/b/c/", &[("Range", "npt=0.000-")], "");
    assert_eq!((plain.status, plain.headers.get("RTP-Info")), (200, None));
    stage.answers = false;
    stage.events.clear();
    let range = "clock=20261129T100000Z-20261129T110000Z";
    let fields = [("Range", range), ("Scale", "2.0"), ("Require", "onvif-replay"), ("CSeq", "99")];
    let mut request = Request::new(Method::Play, "rtsp://h:8554/a/b/c/");
    for (name, value) in fields {
        request.headers.push(name, value);
    }
    let replies = stage.replies.len();
    stage.input(&request.encode());
    let asked = stage.events.pop().unwrap();
    let Event::Play { range: Some(range), scale: Some(scale) } = asked else { panic!("{asked:?}") };
    assert_eq!(scale, 2.0);
    assert!(stage.session.played(&[], &Played { range, scale: Some(scale) }));
    stage.drain();
    let reply = &stage.replies[replies];
    assert_eq!(reply.headers.get("Range"), Some("clock=20261129T100000.000Z-20261129T110000.000Z"));
    assert_eq!((reply.status, reply.headers.get("Scale")), (200, Some("2.000")));
}
