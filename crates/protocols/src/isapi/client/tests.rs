// Tests look for one thing among all: there a wildcard is what is meant.
#![allow(clippy::wildcard_enum_match_arm, clippy::type_complexity)]
mod chaos;

use super::*;
use crate::auth::{Credentials, Offers, Refusal, Verifier};
use media::{Codec, CodecParams, Fault};

const FRAME: Duration = Duration::from_millis(20);
const ULAW: &str = "<TwoWayAudioChannelList><TwoWayAudioChannel><id>1</id><enabled>false</enabled>\
    <audioCompressionType>G.711ulaw</audioCompressionType></TwoWayAudioChannel></TwoWayAudioChannelList>";
const BUSY: &str = "<ResponseStatus><statusCode>2</statusCode><statusString>Device Busy</statusString>\
    <subStatusCode>deviceBusy</subStatusCode></ResponseStatus>";

/// A call with the device played by the test. Every connection stands at once.
struct Stage {
    client: Client,
    now: Moment,
    /// First lines of the requests.
    asked: Vec<String>,
    /// The last request, whole, and its connection.
    last: (ConnectionId, String),
    sound: Vec<Bytes>,
    open: Vec<ConnectionId>,
    offer: Option<Offer>,
    opened: usize,
    report: Option<Report>,
    wait: Moment,
    /// Dialling succeeds.
    reachable: bool,
}

use bytes::Bytes;

impl Stage {
    fn idle(config: Config) -> Self {
        Self {
            client: Client::new(config).unwrap(),
            now: Moment::from_millis(1_000),
            asked: Vec::new(),
            last: (0, String::new()),
            sound: Vec::new(),
            open: Vec::new(),
            offer: None,
            opened: 0,
            report: None,
            wait: Moment::ZERO,
            reachable: true,
        }
    }

    fn new(config: Config) -> Self {
        let mut stage = Self::idle(config);
        stage.client.handle_start(stage.now);
        stage.drain();
        stage
    }

    fn plain() -> Self {
        Self::new(Config::new("isapi://door/"))
    }

    fn drain(&mut self) {
        loop {
            match self.client.poll_output(self.now) {
                Output::Connect { connection } => {
                    self.open.push(connection);
                    if self.reachable {
                        self.client.handle_connected(connection, self.now);
                    }
                }
                Output::Send { connection, bytes } => match std::str::from_utf8(&bytes) {
                    Ok(text) if text.contains(" HTTP/1.1\r\n") => {
                        self.asked.push(text.lines().next().unwrap().replace(" HTTP/1.1", ""));
                        self.last = (connection, text.to_owned());
                    }
                    _ => self.sound.push(bytes),
                },
                Output::Close { connection } => {
                    assert!(self.open.contains(&connection), "{connection} is closed twice");
                    self.open.retain(|open| *open != connection);
                }
                Output::Offer(offer) => self.offer = Some(*offer),
                Output::Opened => self.opened += 1,
                Output::Ended(report) => {
                    assert_eq!(self.report, None, "it ends once");
                    assert!(self.open.is_empty(), "every connection is let go of before the end");
                    self.report = Some(*report);
                }
                Output::WaitUntil(at) => {
                    assert!(at > self.now, "a wait that is over");
                    self.wait = at;
                    return;
                }
            }
        }
    }

    fn input(&mut self, text: &str) {
        self.client.handle_bytes(self.last.0, text.as_bytes(), self.now);
        self.drain();
    }

    fn reply(&mut self, status: u16, body: &str) {
        let length = body.len();
        self.input(&format!("HTTP/1.1 {status} Words\r\nContent-Length: {length}\r\n\r\n{body}"));
    }

    fn eof(&mut self) {
        self.client.handle_eof(self.last.0, self.now);
        self.drain();
    }

    fn speak(&mut self) {
        // No text: what is text is a request.
        self.client.handle_audio(&[0xff; 160], FRAME, self.now);
        self.drain();
    }

    fn stop(&mut self) {
        self.client.handle_stop(self.now);
        self.drain();
    }

    fn wait(&mut self, duration: Duration) {
        self.now += duration;
        self.drain();
    }

    /// Answers everything up to the given state.
    fn up_to(mut self, state: &str) -> Self {
        let steps: [(&str, fn(&mut Stage)); 5] = [
            ("listing", |s| s.reply(200, ULAW)),
            ("ready", Stage::speak),
            ("opening", |s| s.reply(200, "")),
            ("starting", |s| s.reply(200, "")),
            ("talking", |_| {}),
        ];
        for (name, step) in steps {
            assert_eq!(self.client.state(), name);
            if name == state {
                break;
            }
            step(&mut self);
        }
        self
    }

    fn closes(&self) -> usize {
        self.asked.iter().filter(|line| line.ends_with("/close")).count()
    }

    fn why(&self) -> Result<End, Error> {
        self.report.clone().expect("it has ended").why
    }

    fn error(&self) -> Error {
        self.why().unwrap_err()
    }
}

#[test]
fn a_call_is_opened_by_sound_and_closed_without_it() {
    let mut stage = Stage::plain();
    stage.reply(200, ULAW);
    let offer = stage.offer.clone().unwrap();
    assert_eq!((offer.track.codec, offer.track.clock_rate, offer.channel), (Codec::Pcmu, 8_000, 1));
    stage.wait(Duration::from_secs(3_600));
    assert_eq!(stage.wait, Moment::FAR_FUTURE, "the device is left alone until there is sound");
    stage.speak();
    stage.reply(200, "");
    assert!(stage.last.1.contains("Content-Type: application/octet-stream\r\n"), "{}", stage.last.1);
    assert!(stage.last.1.contains("Content-Length: 0\r\n"), "{}", stage.last.1);
    stage.reply(200, "");
    assert_eq!((stage.opened, stage.sound.len()), (1, 1));
    for _ in 0..10 {
        stage.wait(FRAME);
        stage.speak();
    }
    assert_eq!(stage.sound.len(), 11);
    stage.wait(Duration::from_millis(2_499));
    assert_eq!(stage.closes(), 0);
    stage.wait(Duration::from_millis(1));
    assert_eq!(stage.closes(), 1, "before the device complains");
    stage.reply(200, "");
    let channel = "/ISAPI/System/TwoWayAudio/channels";
    assert_eq!(
        stage.asked,
        [
            format!("GET {channel}"),
            format!("PUT {channel}/1/open"),
            format!("PUT {channel}/1/audioData"),
            format!("PUT {channel}/1/close"),
        ]
    );
    let report = stage.report.unwrap();
    assert_eq!(report.why, Ok(End::Idle));
    let asks: Vec<Ask> = report.steps.iter().map(|step| step.ask).collect();
    assert_eq!(asks, [Ask::List, Ask::Open, Ask::Audio, Ask::Close]);
    assert!(report.steps.iter().all(|step| step.answer == Answer::Status(200)), "{:?}", report.steps);
    assert_eq!((report.sound.frames, report.sound.bytes), (11, 1_760));
}

#[test]
fn a_challenge_is_answered_once_and_then_in_advance() {
    let verifier = Verifier::new("door", vec![Credentials::new("admin", "pw")], Offers::default());
    let mut stage = Stage::new(Config::new("isapi://admin:pw@door/"));
    let mut refused = 0;
    for _ in 0..5 {
        let line = stage.asked.last().unwrap().clone();
        let (method, uri) = line.split_once(' ').unwrap();
        let value = stage.last.1.lines().find_map(|line| line.strip_prefix("Authorization: "));
        match verifier.verify(value, method, uri, stage.now) {
            Ok(_) => {
                let body = if method == "GET" { ULAW } else { "" };
                stage.reply(200, body);
                stage.speak();
            }
            Err(refusal) => {
                refused += 1;
                let challenges: String = verifier
                    .challenges(refusal, stage.now)
                    .iter()
                    .map(|value| format!("WWW-Authenticate: {value}\r\n"))
                    .collect();
                stage.input(&format!("HTTP/1.1 401 No\r\n{challenges}Content-Length: 0\r\n\r\n"));
            }
        }
    }
    assert_eq!((refused, stage.client.state()), (1, "talking"));
    assert_eq!(stage.client.steps().len(), 3, "a challenge is no step of its own");
    assert!(verifier.challenges(Refusal::Missing, stage.now).len() > 1);
}

#[test]
fn a_challenge_that_ends_the_connection_is_answered_on_another_one() {
    let mut stage = Stage::new(Config::new("isapi://admin:pw@door/"));
    let first = stage.last.0;
    stage.input("HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"x\"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    assert_ne!(stage.last.0, first);
    assert!(stage.last.1.contains("Authorization: Basic YWRtaW46cHc=\r\n"), "{}", stage.last.1);
    assert_eq!(stage.open, [stage.last.0]);
}

#[test]
fn a_wrong_password_is_the_configurations_fault_and_is_tried_once() {
    let mut stage = Stage::new(Config::new("isapi://admin:wrong@door/"));
    for nonce in ["1", "2"] {
        stage.input(&format!(
            "HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"{nonce}\"\r\nContent-Length: 0\r\n\r\n"
        ));
    }
    let error = stage.error();
    assert_eq!((error.fault(), stage.asked.len()), (Fault::Config, 2));
    assert!(!error.to_string().contains("wrong"), "{error}");
    assert_eq!(stage.report.unwrap().steps[0].answer, Answer::Status(401));
}

#[test]
fn an_open_refused_with_401_to_who_may_list_is_told_apart() {
    let mut stage = Stage::plain().up_to("opening");
    stage.reply(401, "");
    let error = stage.error();
    assert_eq!((error.fault(), stage.closes()), (Fault::Config, 0));
    assert!(error.to_string().contains("#967"), "{error}");
}

#[test]
fn a_call_of_somebody_else_is_not_closed_and_told_as_such() {
    let open = ULAW.replace("false", "true");
    for (list, status, body, busy) in [
        (ULAW, 403, BUSY, true),
        (ULAW, 200, BUSY, true),
        (ULAW, 503, "", true),
        (ULAW, 409, "", true),
        (ULAW, 403, "", true),
        (open.as_str(), 403, "<ResponseStatus><statusCode>4</statusCode></ResponseStatus>", true),
        (ULAW, 403, "<ResponseStatus><subStatusCode>notSupport</subStatusCode></ResponseStatus>", false),
        (ULAW, 500, "", false),
        (ULAW, 404, "", false),
    ] {
        let mut stage = Stage::plain();
        stage.reply(200, list);
        stage.speak();
        stage.reply(status, body);
        let error = stage.error();
        assert_eq!(matches!(error, Error::Busy { .. }), busy, "{status} {body}: {error}");
        assert_eq!(error.to_string().contains("somebody else is talking"), busy, "{error}");
        assert_eq!((error.fault(), stage.closes()), (Fault::Peer, 0), "{status} {body}");
    }
}

#[test]
fn a_call_that_somebody_left_open_is_closed_first_only_where_that_is_wanted() {
    let open = ULAW.replace("false", "true");
    for (occupied, list, first) in [
        (Occupied::Leave, open.as_str(), "open"),
        (Occupied::Close, ULAW, "open"),
        (Occupied::Close, open.as_str(), "close"),
    ] {
        let mut config = Config::new("isapi://door/");
        config.occupied = occupied;
        let mut stage = Stage::new(config);
        stage.reply(200, list);
        stage.speak();
        assert!(stage.asked[1].ends_with(first), "{occupied:?}: {:?}", stage.asked);
        if first == "close" {
            stage.reply(500, "");
            assert!(stage.asked[2].ends_with("open"), "whether it helped, the open tells");
        }
    }
}

#[test]
fn a_refused_sound_closes_the_call_once() {
    let mut stage = Stage::plain().up_to("starting");
    stage.reply(500, "");
    assert_eq!((stage.closes(), stage.report.is_none()), (1, true));
    stage.reply(200, "");
    assert!(matches!(stage.error(), Error::Refused { ask: Ask::Audio, status: 500, .. }));
    assert_eq!(stage.closes(), 1);
}

#[test]
fn a_hang_up_of_the_device_is_no_fault_and_the_call_is_closed_once() {
    let mut stage = Stage::plain().up_to("talking");
    stage.wait(Duration::from_millis(50));
    stage.eof();
    assert_eq!(stage.closes(), 1);
    stage.reply(200, "");
    assert_eq!((stage.why(), stage.closes()), (Ok(End::HungUp), 1));
}

#[test]
fn a_connection_broken_in_the_call_is_a_hang_up_too() {
    let mut stage = Stage::plain().up_to("talking");
    stage.client.handle_lost(stage.last.0, "connection reset by peer", stage.now);
    stage.drain();
    stage.eof();
    assert_eq!((stage.why(), stage.closes()), (Ok(End::HungUp), 1));
    assert_eq!(stage.report.unwrap().close().unwrap().answer, Answer::HungUp);
}

#[test]
fn a_close_that_nobody_answers_ends_within_its_second() {
    let mut stage = Stage::plain().up_to("talking");
    stage.stop();
    let before = stage.now;
    stage.input("HTTP/1.1 200");
    while stage.report.is_none() {
        let step = stage.wait.since(stage.now);
        stage.wait(step);
    }
    assert_eq!(stage.now.since(before), Duration::from_secs(1));
    let report = stage.report.unwrap();
    assert_eq!(
        (report.why.clone(), report.close().unwrap().answer.clone()),
        (Ok(End::Stopped), Answer::None)
    );
}

#[test]
fn a_stop_waits_for_the_open_it_must_not_overtake() {
    // Answered in time; refused; not answered.
    let mut stage = Stage::plain().up_to("opening");
    stage.stop();
    assert_eq!(stage.closes(), 0);
    stage.reply(200, "");
    assert_eq!(stage.closes(), 1);
    stage.reply(200, "");
    assert_eq!(stage.why(), Ok(End::Stopped));

    let mut stage = Stage::plain().up_to("opening");
    stage.stop();
    stage.reply(403, BUSY);
    assert_eq!((stage.why(), stage.closes()), (Ok(End::Stopped), 0));

    let mut stage = Stage::plain().up_to("opening");
    stage.stop();
    stage.wait(Duration::from_millis(300));
    assert_eq!(stage.closes(), 1);
    stage.reply(200, "");
    assert_eq!(stage.why(), Ok(End::Stopped));
}

#[test]
fn a_stop_while_dialling_to_open_sends_nothing() {
    let mut stage = Stage::plain().up_to("ready");
    stage.reachable = false;
    stage.speak();
    stage.stop();
    assert_eq!((stage.why(), stage.asked.len()), (Ok(End::Stopped), 1));
}

#[test]
fn an_answer_that_drips_has_the_time_of_an_answer() {
    for state in ["listing", "opening", "starting"] {
        let mut stage = Stage::plain().up_to(state);
        let before = stage.now;
        for byte in "HTTP/1.1 200 OK\r\nServer: slow".bytes().cycle() {
            stage.input(std::str::from_utf8(&[byte]).unwrap());
            if stage.client.state() != state {
                break;
            }
            stage.wait(Duration::from_millis(100));
        }
        assert_eq!(stage.now.since(before), Duration::from_secs(5), "{state}");
        assert_eq!(stage.closes(), usize::from(state != "listing"), "{state}");
    }
}

#[test]
fn a_reply_without_length_is_complete_when_it_falls_silent_or_the_connection_ends() {
    let mut stage = Stage::plain();
    stage.input(&format!("HTTP/1.1 200 OK\r\n\r\n{ULAW}"));
    assert_eq!(stage.client.state(), "listing");
    stage.wait(Duration::from_millis(300));
    assert_eq!(stage.client.state(), "ready");

    let mut stage = Stage::plain();
    stage.input(&format!("HTTP/1.0 200 OK\r\n\r\n{ULAW}"));
    stage.eof();
    assert_eq!(stage.client.state(), "ready");
}

#[test]
fn the_number_of_the_call_is_named_where_there_are_several_channels() {
    let channel =
        &ULAW[ULAW.find("<TwoWayAudioChannel>").unwrap()..ULAW.rfind("</TwoWayAudioChannelList>").unwrap()];
    let two = channel.replace("<id>1</id>", "<id>2</id>").replace("ulaw", "alaw");
    let list = format!("<TwoWayAudioChannelList>{channel}{two}</TwoWayAudioChannelList>");
    let mut config = Config::new("isapi://door/");
    config.channel = Some(2);
    let mut stage = Stage::new(config.clone());
    stage.reply(200, &list);
    assert_eq!(stage.offer.clone().unwrap().track.codec, Codec::Pcma);
    stage.speak();
    stage.reply(200, "<TwoWayAudioSession><sessionId>a 1</sessionId></TwoWayAudioSession>");
    assert!(stage.asked[2].ends_with("/channels/2/audioData?sessionId=a%201"), "{:?}", stage.asked);

    config.channel = Some(7);
    let mut stage = Stage::new(config);
    stage.reply(200, &list);
    assert_eq!(stage.error(), Error::UnknownChannel { asked: 7, has: vec![1, 2] });

    for (codec, channel) in [(Codec::Pcma, 2), (Codec::G722, 1)] {
        let mut stage = Stage::new(Config { codec: Some(codec), ..Config::new("isapi://door/") });
        stage.reply(200, &list);
        let offer = stage.offer.clone().unwrap();
        assert_eq!((offer.track.codec, offer.channel), (codec, channel), "the one that lists it, or any");
    }
}

#[test]
fn a_device_without_a_channel_or_with_a_strange_codec_says_what_to_do() {
    let strange = ULAW.replace("G.711ulaw", "G.722.1");
    for (status, body, part) in [
        (404, "", "no two-way audio over ISAPI: 404"),
        (200, "<TwoWayAudioChannelList/>", "its list is empty"),
        (200, strange.as_str(), "G.722.1, which is not known here: choose G.711"),
    ] {
        let mut stage = Stage::plain();
        stage.reply(status, body);
        let error = stage.error();
        assert_eq!(error.fault(), Fault::Config, "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
    let mut stage = Stage::plain();
    stage.input("HTTP/1.1 301 Moved\r\nLocation: https://door/\r\nContent-Length: 0\r\n\r\n");
    assert!(stage.error().to_string().contains("isapix://"), "{}", stage.error());
}

#[test]
fn sound_is_framed_as_the_device_wants_it() {
    let list =
        |codec: &str, more: &str| ULAW.replace("G.711ulaw", codec).replace("</TwoWayAudioChannel>", more);
    let aac = list("AAC", "<audioSamplingRate>16</audioSamplingRate></TwoWayAudioChannel>");
    let pcm = list("PCM", "<audioSamplingRate>16000</audioSamplingRate></TwoWayAudioChannel>");
    for (list, codec, rate, frame, wire) in [
        (
            aac,
            Codec::Aac,
            16_000,
            &[1, 2][..],
            &[0, 0, 0, 9, 0xff, 0xf1, 0x60, 0x40, 1, 0x3f, 0xfc, 1, 2][..],
        ),
        (pcm, Codec::L16, 16_000, &[0x12, 0x34, 0x56, 0x78], &[0x34, 0x12, 0x78, 0x56]),
        (list("G.722", "</TwoWayAudioChannel>"), Codec::G722, 8_000, &[0xfe, 0xff], &[0xfe, 0xff]),
    ] {
        let mut stage = Stage::plain();
        stage.reply(200, &list);
        let track = stage.offer.clone().unwrap().track;
        assert_eq!((track.codec, track.clock_rate, track.channels), (codec, rate, 1));
        assert_eq!(matches!(track.params, CodecParams::Aac { .. }), codec == Codec::Aac);
        stage.client.handle_audio(frame, FRAME, stage.now);
        stage.drain();
        stage.reply(200, "");
        stage.client.handle_bytes(stage.last.0, b"HTTP/1.1 200 OK\r\n\r\n", stage.now);
        let sent = std::iter::from_fn(|| match stage.client.poll_output(stage.now) {
            Output::WaitUntil(_) => None,
            output => Some(output),
        });
        let sound = sent.filter_map(|output| match output {
            Output::Send { bytes, .. } => Some(bytes),
            _ => None,
        });
        assert_eq!(sound.collect::<Vec<_>>(), [Bytes::copy_from_slice(wire)], "{codec}");
    }
}

#[test]
fn a_long_body_carries_the_sound_before_any_reply() {
    let mut config = Config::new("isapi://admin:pw@door/");
    config.upload = Upload::LongBody;
    let mut stage = Stage::new(config.clone()).up_to("opening");
    stage.reply(200, "");
    assert!(stage.last.1.contains("Content-Length: 2000000000\r\n"), "{}", stage.last.1);
    assert_eq!((stage.client.state(), stage.opened, stage.sound.len()), ("talking", 1, 1));
    let audio = stage.last.0;
    // A nonce that ran out: the sound begins anew on another connection.
    stage.input("HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\r\n");
    stage.wait(Duration::from_millis(300));
    assert_eq!((stage.client.state(), stage.opened, stage.last.0 == audio), ("talking", 1, false));
    // A reply at last changes nothing, the end of the connection does.
    stage.reply(200, "");
    assert_eq!(stage.client.state(), "talking");
    stage.eof();
    stage.reply(200, "");
    assert_eq!((stage.why(), stage.closes()), (Ok(End::HungUp), 1));

    let mut stage = Stage::new(config).up_to("opening");
    stage.reply(200, "");
    stage.reply(503, "");
    assert_eq!(stage.closes(), 1);
    stage.reply(200, "");
    assert!(matches!(stage.error(), Error::Busy { ask: Ask::Audio, .. }));
}

#[test]
fn nothing_but_the_last_moments_waits_for_the_open() {
    let mut stage = Stage::plain().up_to("opening");
    for _ in 0..100 {
        stage.speak();
    }
    stage.reply(200, "");
    stage.reply(200, "");
    stage.wait(Duration::from_secs(1));
    assert_eq!(stage.sound.len(), 10, "200 ms");
    assert_eq!(stage.client.sound().dropped, 91);
}

/// Every state × every event: what comes out, and where it leads.
#[test]
fn every_event_in_every_state() {
    let freeing = || {
        let mut config = Config::new("isapi://door/");
        config.occupied = Occupied::Close;
        let mut stage = Stage::new(config);
        stage.reply(200, &ULAW.replace("false", "true"));
        stage.speak();
        stage
    };
    let states: [(&str, &dyn Fn() -> Stage); 11] = [
        ("idle", &|| Stage::idle(Config::new("isapi://door/"))),
        ("listing", &Stage::plain),
        ("ready", &|| Stage::plain().up_to("ready")),
        ("freeing", &freeing),
        ("dialling", &|| {
            let mut stage = Stage::plain().up_to("ready");
            stage.reachable = false;
            stage.speak();
            stage.reachable = true;
            stage.last.0 += 1;
            stage
        }),
        ("opening", &|| Stage::plain().up_to("opening")),
        ("stopping", &|| {
            let mut stage = Stage::plain().up_to("opening");
            stage.stop();
            stage
        }),
        ("starting", &|| Stage::plain().up_to("starting")),
        ("talking", &|| Stage::plain().up_to("talking")),
        ("closing", &|| {
            let mut stage = Stage::plain().up_to("talking");
            stage.stop();
            stage
        }),
        ("ended", &|| {
            let mut stage = Stage::plain();
            stage.stop();
            stage
        }),
    ];
    let events: [(&str, fn(&mut Stage)); 12] = [
        ("start", |s| s.client.handle_start(s.now)),
        ("connected", |s| s.client.handle_connected(s.last.0, s.now)),
        ("200", |s| s.reply(200, ULAW)),
        ("401", |s| s.reply(401, "")),
        ("403", |s| s.reply(403, BUSY)),
        ("nonsense", |s| s.input("SSH-2.0\r\n\r\n")),
        ("eof", Stage::eof),
        ("lost", |s| s.client.handle_lost(s.last.0, "refused", s.now)),
        ("sound", Stage::speak),
        ("300 ms", |s| s.now += Duration::from_millis(300)),
        ("5 s", |s| s.now += Duration::from_secs(5)),
        ("stop", Stage::stop),
    ];
    let mut table = String::new();
    for (state, make) in states {
        for (event, act) in &events {
            let mut stage = make();
            let (asked, sound, opened) = (stage.asked.len(), stage.sound.len(), stage.opened);
            let (offered, ended) = (stage.offer.is_some(), stage.report.is_some());
            act(&mut stage);
            stage.drain();
            let mut out: Vec<String> = Vec::new();
            if stage.sound.len() > sound {
                out.push("sound".to_owned());
            }
            let last = |line: &String| line.rsplit('/').next().unwrap().to_owned();
            out.extend(stage.asked[asked..].iter().map(|line| format!("ask {}", last(line))));
            if !offered && stage.offer.is_some() {
                out.push("Offer".to_owned());
            }
            if stage.opened > opened {
                out.push("Opened".to_owned());
            }
            if let (false, Some(report)) = (ended, &stage.report) {
                out.push(match &report.why {
                    Ok(end) => format!("Ended: {end:?}"),
                    Err(error) => format!("Ended: {error}"),
                });
            }
            table.push_str(&format!(
                "{state:9} {event:9} -> {} [{}]\n",
                stage.client.state(),
                out.join(", ")
            ));
        }
    }
    insta::assert_snapshot!(table);
}
