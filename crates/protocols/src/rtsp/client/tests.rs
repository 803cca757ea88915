// Tests look for one event among all: there a wildcard is what is meant.
#![allow(clippy::wildcard_enum_match_arm, clippy::type_complexity)]
mod talk;

use super::*;
use crate::auth::{Credentials, Offers, Refusal, Verifier};
use crate::rtsp::dialogue::{self, Side};
use crate::rtsp::message::{Request, Response};
use bytes::Buf as _;
use media::{Codec, Fault};

const SDP: &str = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\na=control:*\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\n\
    m=audio 0 RTP/AVP 8\r\na=control:trackID=1\r\n";

/// A client with the other side played by the test.
struct Stage {
    client: Client,
    now: Moment,
    events: Vec<Event>,
    sent: VecDeque<Request>,
    replies: Vec<Response>,
    /// What was sent between the requests, by channel, and beside them.
    frames: Vec<(u8, Bytes)>,
    datagrams: Vec<(bool, Bytes)>,
    error: Option<Error>,
    wait: Moment,
}

impl Stage {
    fn new(config: Config) -> Self {
        let mut stage = Self::of(Client::new(config).unwrap());
        stage.client.handle_connected(stage.now);
        stage.drain();
        stage
    }

    fn of(client: Client) -> Self {
        let (events, sent, replies) = (Vec::new(), VecDeque::new(), Vec::new());
        let now = Moment::from_millis(1000);
        let (frames, datagrams) = (Vec::new(), Vec::new());
        Self { client, now, events, sent, replies, frames, datagrams, error: None, wait: now }
    }

    fn tcp() -> Self {
        Self::new(Config::new("rtsp://h/cam"))
    }

    fn drain(&mut self) {
        loop {
            match self.client.poll_output(self.now) {
                Ok(Output::Transmit(bytes)) => {
                    let mut framer = Framer::new();
                    framer.handle_input(&bytes);
                    match framer.poll().unwrap().unwrap() {
                        Incoming::Request(request) => self.sent.push_back(request),
                        Incoming::Response(response) => self.replies.push(response),
                        Incoming::Interleaved { channel, data } => self.frames.push((channel, data)),
                    }
                }
                Ok(Output::Event(event)) => self.events.push(event),
                Ok(Output::Datagram { is_rtcp, data, .. }) => self.datagrams.push((is_rtcp, data)),
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

    /// The one request that was sent since the last call.
    fn request(&mut self) -> Request {
        let request = self.sent.pop_front().expect("a request");
        assert_eq!(self.sent, [], "more than one request");
        request
    }

    fn input(&mut self, data: &[u8]) {
        self.client.handle_input(data, self.now);
        self.drain();
    }

    fn reply(&mut self, response: Response) {
        let cseq = self.request().cseq().unwrap();
        self.input(&response.with("CSeq", cseq.to_string()).encode());
    }

    fn describe(&mut self, sdp: &str, fields: &[(&str, &str)]) {
        let mut response = Response::new(200).with("Content-Type", "application/sdp");
        for (name, value) in fields {
            response.headers.push(*name, *value);
        }
        response.body = Bytes::copy_from_slice(sdp.as_bytes());
        self.reply(response);
    }

    /// Answers everything up to the given phase.
    fn up_to(mut self, phase: &str) -> Self {
        let steps: [(&str, fn(&mut Stage)); 5] = [
            ("OPTIONS", |s| s.reply(Response::new(200).with("Public", "OPTIONS, GET_PARAMETER"))),
            ("DESCRIBE", |s| s.describe(SDP, &[])),
            ("SETUP 0", |s| s.reply(setup_reply("RTP/AVP/TCP;unicast;interleaved=0-1"))),
            ("SETUP 1", |s| s.reply(setup_reply("RTP/AVP/TCP;unicast;interleaved=2-3"))),
            ("PLAY", |s| s.reply(Response::new(200))),
        ];
        for (name, step) in steps {
            if name == phase {
                break;
            }
            step(&mut self);
        }
        self
    }

    fn wait(&mut self, duration: Duration) {
        self.now += duration;
        self.drain();
    }
}

fn setup_reply(transport: &str) -> Response {
    Response::new(200).with("Transport", transport).with("Session", "42;timeout=20")
}

fn frame(channel: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![b'$', channel, 0, payload.len() as u8];
    bytes.extend_from_slice(payload);
    bytes
}

#[test]
fn the_happy_path_over_tcp() {
    let mut stage = Stage::tcp();
    let options = &stage.sent[0];
    assert_eq!((options.method.as_str(), options.uri.as_str()), ("OPTIONS", "rtsp://h/cam"));
    stage.reply(Response::new(200).with("Public", "DESCRIBE, GET_PARAMETER"));
    assert_eq!(stage.sent[0].headers.get("Accept"), Some("application/sdp"));
    stage.describe(SDP, &[("Content-Base", "rtsp://h/cam/")]);
    let setup = &stage.sent[0];
    assert_eq!(setup.uri, "rtsp://h/cam/trackID=0");
    assert_eq!(setup.headers.get("Transport"), Some("RTP/AVP/TCP;unicast;interleaved=0-1"));
    stage.reply(setup_reply("RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=000000AA"));
    assert_eq!(stage.sent[0].headers.get("Session"), Some("42"));
    stage.reply(setup_reply("RTP/AVP/TCP;unicast;interleaved=2-3"));
    let play = &stage.sent[0];
    assert_eq!((play.method.as_str(), play.uri.as_str()), ("PLAY", "rtsp://h/cam/"));
    let info = "url=rtsp://h/cam/trackID=1;seq=7;rtptime=8,url=rtsp://h/cam/trackID=0;seq=5;rtptime=6";
    stage.reply(Response::new(200).with("RTP-Info", info));
    stage.input(&[frame(0, b"video"), frame(3, b"rtcp"), frame(9, b"nobody's")].concat());
    let Event::Described { sections, .. } = &stage.events[0] else { panic!("{:?}", stage.events[0]) };
    let codecs: Vec<Codec> = sections.iter().map(|section| section.track.codec).collect();
    assert_eq!(codecs, [Codec::H264, Codec::Pcma]);
    let start =
        |track, sequence, rtptime| TrackStart { track, sequence: Some(sequence), rtptime: Some(rtptime) };
    assert_eq!(
        stage.events[1..],
        [
            Event::TrackReady { track: 0, carrier: Carrier::Tcp { rtp: 0, rtcp: 1 }, ssrc: Some(0xaa) },
            Event::TrackReady { track: 1, carrier: Carrier::Tcp { rtp: 2, rtcp: 3 }, ssrc: None },
            Event::Playing { starts: vec![start(1, 7, 8), start(0, 5, 6)] },
            Event::Rtp { track: 0, data: Bytes::from_static(b"video") },
            Event::Rtcp { track: 1, data: Bytes::from_static(b"rtcp") },
        ]
    );
    stage.client.close(stage.now);
    stage.drain();
    assert_eq!(stage.sent[0].method, Method::Teardown);
    stage.reply(Response::new(200));
    assert_eq!(stage.events.last(), Some(&Event::Closed));
    assert_eq!(stage.wait, Moment::FAR_FUTURE);
}

/// Plays the server's part of a recorded dialogue; our client must ask in the same order as the recorded one.
fn replay(name: &str, config: Config) -> Stage {
    let mut stage = Stage::new(config);
    let mut steps = dialogue::load(name).into_iter().peekable();
    while let Some(step) = steps.next() {
        if let Some(method) = step.method() {
            if method == Method::Teardown {
                break;
            }
            assert_eq!(stage.request().method, method, "{name}");
        }
        while let Some(reply) = steps.next_if(|next| next.side == Side::Server) {
            stage.input(&reply.bytes);
        }
        if let Some(Event::SetupUdp { track }) = stage.events.last() {
            let port = 5000 + u16::from(*track) * 2;
            stage.client.udp_ports(*track, port, port + 1, stage.now);
            stage.drain();
        }
    }
    assert_eq!(stage.error, None, "{name}");
    stage
}

#[test]
fn recorded_servers_play_to_our_client() {
    for name in dialogue::PLAYS {
        let stage = replay(name, Config::new("rtsp://user:pass%20word@127.0.0.1:18601/test"));
        let playing = stage.events.iter().find_map(|event| match event {
            Event::Playing { starts } => Some(starts.clone()),
            _ => None,
        });
        let starts = playing.unwrap_or_else(|| panic!("{name}: {:?}", stage.events));
        assert_eq!(starts.len(), 2, "{name}");
        for track in 0..2 {
            let count = |wanted: fn(&Event, TrackId) -> bool| {
                stage.events.iter().filter(|e| wanted(e, track)).count()
            };
            let rtp = count(|event, track| matches!(event, Event::Rtp { track: t, .. } if *t == track));
            assert!(rtp >= 1, "{name}: track {track}");
            let sequence = stage.events.iter().find_map(|event| match event {
                Event::Rtp { track: t, data } if *t == track => Some(data.slice(2..).get_u16()),
                _ => None,
            });
            assert_eq!(
                sequence,
                starts[usize::from(track)].sequence,
                "{name}: RTP-Info tells the first packet"
            );
        }
    }
}

#[test]
fn a_recorded_server_sets_up_udp() {
    let mut config = Config::new("rtsp://127.0.0.1:18601/test");
    config.transport = TransportPreference::Udp;
    let stage = replay(dialogue::PLAYS_UDP, config);
    let server_ports = stage.events.iter().filter_map(|event| match event {
        Event::TrackReady { carrier: Carrier::Udp { server_port, .. }, .. } => *server_port,
        _ => None,
    });
    let server_ports: Vec<(u16, u16)> = server_ports.collect();
    assert_eq!(server_ports.len(), 2, "{:?}", stage.events);
    assert!(server_ports.iter().all(|(rtp, rtcp)| rtp + 1 == *rtcp));
}

#[test]
fn credentials_answer_a_challenge_and_a_stale_nonce_in_mid_session() {
    let verifier = Verifier::new("cam", vec![Credentials::new("admin", "pw")], Offers::default());
    let mut stage = Stage::new(Config::new("rtsp://admin:pw@h/cam"));
    let mut verified = 0;
    let challenge = |refusal, now| {
        let mut response = Response::new(401);
        for value in verifier.challenges(refusal, now) {
            response.headers.push("WWW-Authenticate", value);
        }
        response
    };
    stage.reply(challenge(Refusal::Missing, stage.now));
    for _ in 0..6 {
        let request = stage.sent[0].clone();
        let authorization = request.headers.get("Authorization");
        assert_eq!(
            verifier.verify(authorization, request.method.as_str(), &request.uri, stage.now),
            Ok("admin"),
            "{request:?}"
        );
        verified += 1;
        match &request.method {
            Method::Describe => stage.describe(SDP, &[]),
            Method::Setup => stage.reply(setup_reply("RTP/AVP/TCP;interleaved=0-1")),
            _ => stage.reply(Response::new(200)),
        }
        if stage.sent.is_empty() {
            break;
        }
    }
    assert_eq!(verified, 5, "OPTIONS, DESCRIBE, SETUP, SETUP, PLAY");
    stage.input(&frame(0, b"x"));
    stage.now += Duration::from_secs(9);
    stage.input(&frame(0, b"x"));
    stage.now += Duration::from_secs(2);
    stage.drain();
    stage.now += crate::auth::NONCE_LIFETIME;
    stage.input(&frame(0, b"x"));
    // The ping before stayed unanswered.
    stage.sent.pop_front();
    stage.reply(challenge(Refusal::Stale, stage.now));
    assert_eq!(stage.error, None);
    let again = stage.request();
    let authorization = again.headers.get("Authorization");
    assert_eq!(verifier.verify(authorization, again.method.as_str(), &again.uri, stage.now), Ok("admin"));
}

#[test]
fn a_wrong_password_is_the_configurations_fault_and_is_tried_once() {
    let mut stage = Stage::new(Config::new("rtsp://admin:wrong@h/cam"));
    stage.reply(Response::new(401).with("WWW-Authenticate", "Digest realm=\"r\", nonce=\"1\""));
    stage.reply(Response::new(401).with("WWW-Authenticate", "Digest realm=\"r\", nonce=\"2\""));
    let error = stage.error.unwrap();
    assert_eq!(error.fault(), Fault::Config, "{error}");
    assert!(!error.to_string().contains("wrong"), "{error}");
    assert!(stage.sent.is_empty());
}

#[test]
fn a_redirect_hands_over_to_a_successor_and_a_loop_ends() {
    let mut stage = Stage::new(Config::new("rtsp://admin:pw@h/cam"));
    for round in 0..=REDIRECTS_MAX {
        stage.reply(Response::new(302).with("Location", "rtsp://admin:pw@h:8554/other"));
        if round == REDIRECTS_MAX {
            break;
        }
        let url = "rtsp://h:8554/other".to_owned();
        assert_eq!(stage.events, [Event::Reconnect(Reconnect::Redirected { url })]);
        let mut next = stage.client.successor().unwrap();
        assert_eq!((next.url().host.as_str(), next.url().port), ("h", 8554));
        next.handle_connected(stage.now);
        stage = Stage::of(next);
        stage.drain();
    }
    assert!(matches!(stage.error, Some(Error::Redirect { count: 6, .. })), "{:?}", stage.error);
}

#[test]
fn a_redirect_to_another_host_takes_no_credentials_along() {
    for (location, has) in [("rtsp://h:99/b", true), ("rtsp://evil/b", false), ("rtsp://a:b@evil/b", true)] {
        let mut stage = Stage::new(Config::new("rtsp://admin:pw@h/cam"));
        stage.reply(Response::new(301).with("Location", location));
        let next = stage.client.successor().unwrap();
        assert_eq!(next.auth.has_credentials(), has, "{location}");
    }
}

#[test]
fn a_camera_that_hangs_up_instead_of_asking_gets_basic_on_the_next_connection() {
    let mut stage = Stage::new(Config::new("rtsp://admin:pw@h/cam")).up_to("DESCRIBE");
    stage.client.handle_disconnected(stage.now);
    stage.drain();
    assert_eq!(stage.events, [Event::Reconnect(Reconnect::ClosedInsteadOfAnswer)]);
    let mut next = stage.client.successor().unwrap();
    next.handle_connected(stage.now);
    let mut stage = Stage::of(next);
    stage.drain();
    let describe = stage.request();
    assert_eq!(
        (describe.method, describe.headers.get("Authorization")),
        (Method::Describe, Some("Basic YWRtaW46cHc="))
    );
    stage.client.handle_disconnected(stage.now);
    stage.drain();
    assert_eq!(stage.error, Some(Error::Disconnected { during: "DESCRIBE" }));
}

#[test]
fn a_camera_that_hangs_up_after_asking_gets_the_answer_on_the_next_connection() {
    let mut stage = Stage::new(Config::new("rtsp://admin:pw@h/cam")).up_to("DESCRIBE");
    stage.reply(Response::new(401).with("WWW-Authenticate", "Digest realm=\"r\", nonce=\"1\""));
    stage.client.handle_disconnected(stage.now);
    stage.drain();
    let mut next = stage.client.successor().unwrap();
    next.handle_connected(stage.now);
    let mut stage = Stage::of(next);
    stage.drain();
    let authorization = stage.request().headers.get("Authorization").unwrap().to_owned();
    assert!(authorization.starts_with("Digest ") && authorization.contains("nonce=\"1\""), "{authorization}");
}

#[test]
fn tcp_refused_with_461_becomes_udp_where_the_caller_left_it_open() {
    let mut stage = Stage::tcp().up_to("SETUP 0");
    stage.reply(Response::new(461));
    assert_eq!(stage.events.last(), Some(&Event::SetupUdp { track: 0 }));
    stage.client.udp_ports(0, 5000, 5001, stage.now);
    stage.drain();
    assert_eq!(stage.sent[0].headers.get("Transport"), Some("RTP/AVP;unicast;client_port=5000-5001"));
    stage.reply(Response::new(461));
    stage.events.clear();
    stage.client.udp_ports(1, 5002, 5003, stage.now);
    stage.drain();
    stage.reply(Response::new(461));
    assert!(matches!(stage.error, Some(Error::Refused { status: 461, .. })), "{:?}", stage.error);
}

#[test]
fn udp_refused_with_461_or_silent_becomes_tcp() {
    let mut config = Config::new("rtsp://h/cam");
    config.transport = TransportPreference::Udp;
    let mut stage = Stage::new(config.clone()).up_to("SETUP 0");
    stage.client.udp_ports(0, 5000, 5001, stage.now);
    stage.drain();
    stage.reply(Response::new(461));
    assert_eq!(stage.sent[0].headers.get("Transport"), Some("RTP/AVP/TCP;unicast;interleaved=0-1"));

    let mut stage = Stage::new(config).up_to("SETUP 0");
    for track in 0..2 {
        stage.client.udp_ports(track, 5000, 5001, stage.now);
        stage.drain();
        stage.reply(setup_reply(
            "RTP/AVP;unicast;client_port=5000-5001;server_port=7000-7001;source=10.0.0.7",
        ));
    }
    let carrier = Carrier::Udp { server_port: Some((7000, 7001)), source: Some("10.0.0.7".into()) };
    assert!(stage.events.contains(&Event::TrackReady { track: 1, carrier, ssrc: None }));
    stage.reply(Response::new(200));
    stage.wait(Duration::from_secs(10));
    assert_eq!(stage.events.last(), Some(&Event::Reconnect(Reconnect::UdpSilent)));
    let next = stage.client.successor().unwrap();
    assert_eq!(next.lower, Lower::Tcp);
}

#[test]
fn cameras_that_leave_fields_out_or_choose_other_channels_are_followed() {
    // No Session, no Transport, no CSeq.
    let mut stage = Stage::tcp().up_to("SETUP 0");
    for _ in 0..3 {
        stage.request();
        stage.input(b"RTSP/1.0 200 OK\r\n\r\n");
    }
    assert!(stage.events.contains(&Event::Playing { starts: vec![] }), "{:?}", stage.events);
    stage.input(&frame(2, b"a"));
    assert_eq!(stage.events.last(), Some(&Event::Rtp { track: 1, data: Bytes::from_static(b"a") }));

    // Other channels than asked, and media before the reply to PLAY.
    let mut stage = Stage::tcp().up_to("SETUP 0");
    stage.reply(setup_reply("RTP/AVP/TCP;unicast;interleaved=8-9"));
    stage.reply(setup_reply("RTP/AVP/TCP;unicast;interleaved=10-11"));
    stage.input(&[frame(10, b"a"), frame(9, b"r")].concat());
    assert_eq!(
        stage.events[stage.events.len() - 2..],
        [
            Event::Rtp { track: 1, data: Bytes::from_static(b"a") },
            Event::Rtcp { track: 0, data: Bytes::from_static(b"r") }
        ]
    );
    assert_eq!(stage.sent[0].method, Method::Play);

    // The same channels for both tracks cannot be meant.
    let mut stage = Stage::tcp().up_to("SETUP 1");
    stage.reply(setup_reply("RTP/AVP/TCP;unicast;interleaved=0-1"));
    let carrier = Carrier::Tcp { rtp: 2, rtcp: 3 };
    assert_eq!(stage.events.last(), Some(&Event::TrackReady { track: 1, carrier, ssrc: None }));
}

#[test]
fn control_urls_in_every_form_lead_to_the_right_setup_and_play() {
    let sdp = |session: &str, track: &str| {
        format!("v=0\r\n{session}m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n{track}")
    };
    for (url, fields, session, track, setup, play) in [
        ("rtsp://h/c", &[][..], "", "a=control:t=1\r\n", "rtsp://h/c/t=1", "rtsp://h/c"),
        ("rtsp://h/c/", &[], "a=control:*\r\n", "a=control:t\r\n", "rtsp://h/c/t", "rtsp://h/c/"),
        ("rtsp://h/c", &[], "a=control:*\r\n", "a=control:*\r\n", "rtsp://h/c", "rtsp://h/c"),
        ("rtsp://h/c", &[], "", "", "rtsp://h/c", "rtsp://h/c"),
        ("rtsp://h/c?a=1", &[], "", "a=control:trackID=1\r\n", "rtsp://h/c?a=1/trackID=1", "rtsp://h/c?a=1"),
        (
            "rtsp://h/c?a=1",
            &[("Content-Base", "rtsp://h/c?a=1/")],
            "a=control:*\r\n",
            "a=control:t\r\n",
            "rtsp://h/c?a=1/t",
            "rtsp://h/c?a=1/",
        ),
        (
            "rtsp://h/c",
            &[("Content-Base", " rtsp://10.0.0.1:554/x/ ")],
            "",
            "a=control:t\r\n",
            "rtsp://10.0.0.1:554/x/t",
            "rtsp://10.0.0.1:554/x/",
        ),
        (
            "rtsp://h:99/c",
            &[("Content-Base", "/x/")],
            "",
            "a=control:t\r\n",
            "rtsp://h:99/x/t",
            "rtsp://h:99/x/",
        ),
        (
            "rtsp://h/c",
            &[("Content-Location", "rtsp://h/d")],
            "",
            "a=control:t\r\n",
            "rtsp://h/d/t",
            "rtsp://h/d",
        ),
        ("rtsp://h/c", &[], "a=control:rtsp://h/s/\r\n", "a=control:t\r\n", "rtsp://h/s/t", "rtsp://h/s/"),
        (
            "rtsp://h/c",
            &[],
            "a=control:rtsp://h/s\r\n",
            "a=control:rtsp://h/s/v\r\n",
            "rtsp://h/s/v",
            "rtsp://h/s",
        ),
        (
            "rtsp://u:p@h/c",
            &[("Content-Base", "rtsp://u:p@h/c/")],
            "",
            "a=control:t\r\n",
            "rtsp://h/c/t",
            "rtsp://h/c/",
        ),
    ] {
        let mut stage = Stage::new(Config::new(url)).up_to("DESCRIBE");
        stage.describe(&sdp(session, track), fields);
        assert_eq!(stage.sent[0].uri, setup, "{url} {fields:?} {session}{track}");
        stage.reply(Response::new(200));
        assert_eq!(stage.sent[0].uri, play, "{url} {fields:?} {session}{track}");
    }
}

#[test]
fn keep_alives_follow_the_timeout_and_the_methods_of_the_server() {
    let mut stage = Stage::tcp().up_to("");
    assert_eq!(stage.wait, stage.now + Duration::from_secs(10));
    stage.wait(Duration::from_millis(9999));
    stage.input(&frame(0, b"x"));
    assert!(stage.sent.is_empty());
    stage.wait(Duration::from_millis(1));
    assert_eq!(
        (&stage.sent[0].method, stage.sent[0].headers.get("Session")),
        (&Method::GetParameter, Some("42"))
    );
    stage.reply(Response::new(501));
    assert_eq!(stage.sent[0].method, Method::Options);
    stage.request();
    // Unanswered, and nobody minds while media flows.
    for _ in 0..10 {
        stage.now += Duration::from_secs(5);
        stage.input(&frame(0, b"x"));
        stage.sent.clear();
    }
    assert_eq!(stage.error, None);
    stage.wait(Duration::from_secs(10));
    assert_eq!(stage.error, Some(Error::MediaSilent { silent: Duration::from_secs(10) }));
}

#[test]
fn a_late_reply_to_an_abandoned_keep_alive_is_nobodys() {
    let mut stage = Stage::tcp().up_to("");
    stage.now += Duration::from_secs(9);
    stage.input(&frame(0, b"x"));
    stage.wait(Duration::from_secs(1));
    let ping = stage.request();
    stage.client.close(stage.now);
    stage.drain();
    let late = Response::new(200).with("CSeq", ping.cseq().unwrap().to_string());
    stage.input(&late.encode());
    assert_ne!(stage.events.last(), Some(&Event::Closed), "TEARDOWN is not answered yet");
    stage.wait(Duration::from_secs(1));
    assert_eq!(stage.events.last(), Some(&Event::Closed), "the deadline of TEARDOWN");
}

#[test]
fn what_became_of_teardown_is_kept_for_whoever_asked() {
    let mut early = Stage::tcp().up_to("SETUP 0");
    early.client.close(early.now);
    assert_eq!(early.client.goodbye(), Goodbye::NotSaid, "there was no session yet");
    let ends: [(fn(&mut Stage), Goodbye); 7] = [
        (|s| s.reply(Response::new(200)), Goodbye::Answered(200)),
        (|s| s.reply(Response::new(454)), Goodbye::Answered(454)),
        (|s| s.reply(Response::new(302).with("Location", "rtsp://h/new")), Goodbye::Answered(302)),
        (|s| s.reply(Response::new(401)), Goodbye::Answered(401)),
        (|s| s.input(b"TEARDOWN * RTSP/1.0\r\nCSeq: 1\r\n\r\n"), Goodbye::HungUp),
        (
            |s| {
                s.client.handle_disconnected(s.now);
                s.drain();
            },
            Goodbye::HungUp,
        ),
        (|s| s.wait(Duration::from_secs(1)), Goodbye::Unanswered),
    ];
    for (end, goodbye) in ends {
        let mut stage = Stage::tcp().up_to("");
        stage.client.close(stage.now);
        stage.drain();
        assert_eq!(stage.client.goodbye(), Goodbye::Unanswered);
        end(&mut stage);
        assert_eq!((stage.events.last(), stage.client.goodbye()), (Some(&Event::Closed), goodbye));
    }
}

#[test]
fn requests_of_the_server_are_answered() {
    let mut stage = Stage::tcp().up_to("");
    for (method, status) in
        [("OPTIONS", 200), ("GET_PARAMETER", 200), ("ANNOUNCE", 200), ("SETUP", 501), ("FLY", 501)]
    {
        stage.input(format!("{method} rtsp://h/cam RTSP/1.0\r\nCSeq: 77\r\nSession: 42\r\n\r\n").as_bytes());
        let reply = stage.replies.pop().unwrap();
        assert_eq!(
            (reply.status, reply.cseq(), reply.headers.get("Session")),
            (status, Some(77), Some("42")),
            "{method}"
        );
    }
    stage.input(b"TEARDOWN rtsp://h/cam RTSP/1.0\r\nCSeq: 78\r\n\r\n");
    assert_eq!((stage.replies.len(), stage.error), (1, Some(Error::Ended)));
}

#[test]
fn the_media_filter_leaves_tracks_out_and_says_what_there_is() {
    let mut config = Config::new("rtsp://h/cam");
    config.media = MediaFilter { video: false, audio: true };
    let stage = Stage::new(config.clone()).up_to("SETUP 0");
    assert_eq!(stage.sent[0].uri, "rtsp://h/cam/trackID=1");
    let Event::Described { sections, .. } = &stage.events[0] else { panic!() };
    assert_eq!((sections.len(), sections[0].track.id), (1, 0));

    config.media = MediaFilter { video: false, audio: false };
    let error = Stage::new(config).up_to("SETUP 0").error.unwrap();
    assert_eq!(error.to_string(), "no track to set up: the server has H264, PCMA, all filtered out");
}

#[test]
fn a_description_longer_than_promised_or_without_length_is_taken_after_a_while() {
    let mut stage = Stage::tcp().up_to("DESCRIBE");
    let cseq = stage.request().cseq().unwrap();
    let head = format!(
        "RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nContent-Type: application/sdp\r\nContent-Length: 9999\r\n\r\n"
    );
    stage.input(format!("{head}{SDP}").as_bytes());
    assert_eq!(stage.events, []);
    assert_eq!(stage.wait, stage.now + Duration::from_secs(2));
    stage.wait(Duration::from_secs(2));
    assert!(matches!(stage.events[..], [Event::Described { .. }]), "{:?}", stage.events);
}

#[test]
fn a_play_refused_for_the_described_url_is_asked_for_the_given_one() {
    let mut stage = Stage::tcp().up_to("DESCRIBE");
    stage.describe(SDP, &[("Content-Base", "rtsp://192.168.0.9/x/")]);
    stage.reply(setup_reply(""));
    stage.reply(setup_reply(""));
    stage.reply(Response::new(404));
    assert_eq!((&stage.sent[0].method, stage.sent[0].uri.as_str()), (&Method::Play, "rtsp://h/cam"));
    stage.reply(Response::new(404));
    assert!(matches!(stage.error, Some(Error::Refused { status: 404, .. })));
}

/// Every state × every event: what comes out, and where it leads.
#[test]
fn every_event_in_every_state() {
    let states: [(&str, fn() -> Stage); 11] = [
        ("Idle", || Stage::of(Client::new(Config::new("rtsp://u:p@h/cam")).unwrap())),
        ("Options", || Stage::new(Config::new("rtsp://u:p@h/cam"))),
        ("Describe", || Stage::new(Config::new("rtsp://u:p@h/cam")).up_to("DESCRIBE")),
        ("Ports", || {
            let mut stage = Stage::new(Config::new("rtsp://u:p@h/cam")).up_to("SETUP 0");
            stage.reply(Response::new(461));
            stage
        }),
        ("Setup", || Stage::new(Config::new("rtsp://u:p@h/cam")).up_to("SETUP 1")),
        ("Play", || Stage::new(Config::new("rtsp://u:p@h/cam")).up_to("PLAY")),
        ("Playing", || Stage::new(Config::new("rtsp://u:p@h/cam")).up_to("")),
        ("Teardown", || {
            let mut stage = Stage::new(Config::new("rtsp://u:p@h/cam")).up_to("");
            stage.client.close(stage.now);
            stage.drain();
            stage
        }),
        ("Moved", || {
            let mut stage = Stage::new(Config::new("rtsp://u:p@h/cam"));
            stage.reply(Response::new(302).with("Location", "rtsp://h/b"));
            stage
        }),
        ("Closed", || {
            let mut stage = Stage::new(Config::new("rtsp://u:p@h/cam"));
            stage.client.close(stage.now);
            stage.drain();
            stage
        }),
        ("Failed", || {
            let mut stage = Stage::new(Config::new("rtsp://u:p@h/cam")).up_to("DESCRIBE");
            stage.reply(Response::new(404));
            stage
        }),
    ];
    let events: [(&str, fn(&mut Stage)); 13] = [
        ("connected", |s| s.client.handle_connected(s.now)),
        ("200", |s| s.client.handle_input(b"RTSP/1.0 200 OK\r\nPublic: DESCRIBE\r\n\r\n", s.now)),
        ("401", |s| {
            let head = b"RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\r\n";
            s.client.handle_input(head, s.now);
        }),
        ("404", |s| s.client.handle_input(b"RTSP/1.0 404 Not Found\r\n\r\n", s.now)),
        ("461", |s| s.client.handle_input(b"RTSP/1.0 461 Unsupported Transport\r\n\r\n", s.now)),
        ("302", |s| s.client.handle_input(b"RTSP/1.0 302 Moved\r\nLocation: rtsp://h/new\r\n\r\n", s.now)),
        ("RTP", |s| s.client.handle_input(&frame(0, b"rtp"), s.now)),
        ("OPTIONS", |s| s.client.handle_input(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", s.now)),
        ("TEARDOWN", |s| s.client.handle_input(b"TEARDOWN * RTSP/1.0\r\nCSeq: 1\r\n\r\n", s.now)),
        ("ports", |s| s.client.udp_ports(0, 5000, 5001, s.now)),
        ("10 s", |s| s.now += Duration::from_secs(10)),
        ("hang-up", |s| s.client.handle_disconnected(s.now)),
        ("close", |s| s.client.close(s.now)),
    ];
    let mut table = String::new();
    for (state, make) in states {
        for (event, act) in &events {
            let mut stage = make();
            stage.events.clear();
            stage.sent.clear();
            stage.replies.clear();
            act(&mut stage);
            stage.drain();
            let mut out: Vec<String> =
                stage.replies.iter().map(|reply| format!("reply {}", reply.status)).collect();
            out.extend(stage.sent.iter().map(|request| format!("send {}", request.method)));
            out.extend(stage.events.iter().map(|event| {
                let text = format!("{event:?}");
                text.split([' ', '{']).next().unwrap().to_owned()
            }));
            let to = match &stage.client.state {
                State::Failed(error) => format!("Failed: {error}"),
                other => format!("{other:?}").split(['(', ' ']).next().unwrap().to_owned(),
            };
            table.push_str(&format!("{state:9} {event:9} -> {to} [{}]\n", out.join(", ")));
        }
    }
    insta::assert_snapshot!(table);
}
