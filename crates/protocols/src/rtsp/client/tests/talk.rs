//! Sessions that talk: the back channel of ONVIF Profile T.
use super::*;
use formats::rtp::Packet;
use formats::rtp::rtcp::{self, Message};
use media::WallTime;

const FEATURE: &str = "www.onvif.org/ver20/backchannel";
const MEDIA: &str = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\na=control:*\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\na=recvonly\r\n\
    m=audio 0 RTP/AVP 8\r\na=control:trackID=1\r\na=recvonly\r\n";
/// As Dahua has it: a choice of codecs, and G.726, which nobody here makes.
const BACK: &str = "m=audio 0 RTP/AVP 0 8 104 97\r\na=control:trackID=5\r\na=rtpmap:97 L16/16000\r\n\
    a=rtpmap:104 G726-32/8000\r\na=sendonly\r\n";
const FRAME: Duration = Duration::from_millis(20);

fn config(back_channel: BackChannel) -> Config {
    let mut config = Config::new("rtsp://u:p@h/cam");
    config.back_channel = back_channel;
    config
}

impl Stage {
    /// A session that talks, answered up to the given phase by a camera that has both kinds of tracks.
    fn talking(back_channel: BackChannel, phase: &str) -> Self {
        let mut stage = Stage::new(config(back_channel));
        let tracks = if back_channel == BackChannel::Alone { 1 } else { 3 };
        stage.reply(Response::new(200).with("Public", "OPTIONS, GET_PARAMETER"));
        if phase == "DESCRIBE" {
            return stage;
        }
        stage.describe(&format!("{MEDIA}{BACK}"), &[]);
        for track in 0..tracks {
            if phase == "SETUP" && track + 1 == tracks {
                return stage;
            }
            stage.reply(setup_reply(&format!("RTP/AVP/TCP;interleaved={}-{}", track * 2, track * 2 + 1)));
        }
        if phase != "PLAY" {
            stage.reply(Response::new(200));
        }
        stage
    }

    fn speak(&mut self) -> bool {
        let spoken = self.client.handle_audio(&[0x55; 160], FRAME, self.now, WallTime::from_micros(0));
        self.drain();
        spoken
    }

    fn requires(&self) -> bool {
        self.sent.back().is_some_and(|request| request.headers.get("Require") == Some(FEATURE))
    }

    fn packets(&self) -> Vec<Packet> {
        self.frames.iter().map(|(_, data)| Packet::parse(data.clone()).unwrap()).collect()
    }
}

#[test]
fn who_only_watches_never_asks_for_the_back_channel() {
    let mut stage = Stage::tcp();
    for _ in 0..5 {
        assert!(!stage.requires(), "{:?}", stage.sent);
        let method = stage.sent[0].method.clone();
        match method {
            Method::Describe => stage.describe(&format!("{MEDIA}{BACK}"), &[]),
            Method::Setup => stage.reply(setup_reply("")),
            _ => stage.reply(Response::new(200)),
        }
    }
    assert!(stage.sent.is_empty(), "two tracks, and not the back channel: {:?}", stage.sent);
    assert!(!stage.events.iter().any(|event| matches!(event, Event::BackChannel { .. })));
    assert!(!stage.speak());
}

#[test]
fn the_back_channel_is_required_set_up_alone_and_spoken_into() {
    let mut stage = Stage::talking(BackChannel::Alone, "DESCRIBE");
    assert!(stage.requires());
    stage.describe(&format!("{MEDIA}{BACK}"), &[]);
    let offers = stage.events.iter().find_map(|event| match event {
        Event::BackChannel { track: 0, offers } => Some(offers.clone()),
        _ => None,
    });
    let offers: Vec<(Codec, u8, u32)> = offers
        .unwrap()
        .iter()
        .map(|offer| (offer.track.codec, offer.payload_type, offer.track.clock_rate))
        .collect();
    assert_eq!(offers, [(Codec::Pcmu, 0, 8_000), (Codec::Pcma, 8, 8_000), (Codec::L16, 97, 16_000)]);
    assert_eq!((stage.sent[0].uri.as_str(), stage.requires()), ("rtsp://h/cam/trackID=5", true));
    stage.reply(setup_reply("RTP/AVP/TCP;interleaved=0-1"));
    assert_eq!((stage.sent[0].method.as_str(), stage.requires()), ("PLAY", true));
    assert!(!stage.speak(), "not before PLAY is answered");
    stage.reply(Response::new(200));
    assert!(stage.client.choose(1));
    assert!(!stage.client.choose(3));
    assert!(stage.speak());
    stage.wait(FRAME);
    assert!(stage.speak());
    let report = stage.frames.remove(1);
    assert_eq!(report.0, 1, "reports go on the channel of RTCP");
    let reports = rtcp::parse(&report.1).unwrap();
    assert!(matches!(&reports[0], Message::SenderReport(report) if report.packets == 1), "{reports:?}");
    let packets = stage.packets();
    assert_eq!(packets.len(), 2);
    assert_eq!((packets[0].header.payload_type, packets[0].payload.len()), (8, 160));
    let step = packets[1].header.timestamp.wrapping_sub(packets[0].header.timestamp);
    let next = packets[1].header.sequence.wrapping_sub(packets[0].header.sequence);
    assert_eq!((step, next), (160, 1));
    stage.client.close(stage.now);
    stage.drain();
    assert_eq!((stage.sent[0].method.as_str(), stage.requires()), ("TEARDOWN", true));
    let bye = rtcp::parse(&stage.frames.last().unwrap().1).unwrap();
    assert!(bye.iter().any(|message| matches!(message, Message::Bye { .. })), "{bye:?}");
}

#[test]
fn after_a_silence_the_times_go_on_with_the_clock_and_in_a_heap_with_the_sound() {
    let mut stage = Stage::talking(BackChannel::Alone, "");
    for wait in [0, 0, 0, 3_000, 20, 60] {
        stage.wait(Duration::from_millis(wait));
        assert!(stage.speak());
    }
    let times: Vec<u32> = stage
        .frames
        .iter()
        .filter(|(channel, _)| *channel == 0)
        .map(|(_, data)| Packet::parse(data.clone()).unwrap().header.timestamp)
        .collect();
    let since: Vec<u32> = times.iter().map(|time| time.wrapping_sub(times[0])).collect();
    // The last frame came 40 ms late: that is jitter, and the camera's to smooth.
    assert_eq!(since, [0, 160, 320, 24_000, 24_160, 24_320]);
}

#[test]
fn other_tracks_are_set_up_before_where_the_camera_wants_that() {
    let mut stage = Stage::talking(BackChannel::WithMedia, "SETUP");
    let Event::Described { sections, .. } = &stage.events[0] else { panic!("{:?}", stage.events) };
    assert_eq!(sections.len(), 3);
    assert!(matches!(&stage.events[1], Event::BackChannel { track: 2, offers } if offers.len() == 3));
    assert_eq!(stage.sent[0].uri, "rtsp://h/cam/trackID=5");
    stage.reply(setup_reply("RTP/AVP/TCP;interleaved=4-5"));
    stage.reply(Response::new(200));
    stage.input(&[frame(0, b"video"), frame(4, b"echo"), frame(5, b"report")].concat());
    assert_eq!(
        stage.events[stage.events.len() - 2..],
        [
            Event::Rtp { track: 0, data: Bytes::from_static(b"video") },
            Event::Rtcp { track: 2, data: Bytes::from_static(b"report") },
        ],
        "what comes back on the back channel is nobody's"
    );
    assert!(stage.speak());
    assert_eq!(stage.frames[0].0, 4);

    let mut only_audio = config(BackChannel::WithMedia);
    only_audio.media = MediaFilter { video: false, audio: true };
    let mut stage = Stage::new(only_audio);
    stage.reply(Response::new(200));
    stage.describe(&format!("{MEDIA}{BACK}"), &[]);
    assert_eq!(stage.sent[0].uri, "rtsp://h/cam/trackID=1");
}

#[test]
fn a_camera_that_knows_no_require_is_asked_once_more_without() {
    for status in [551, 400, 501] {
        let mut stage = Stage::talking(BackChannel::Alone, "DESCRIBE");
        stage.reply(Response::new(status));
        assert_eq!((stage.sent[0].method.as_str(), stage.requires()), ("DESCRIBE", false), "{status}");
        stage.describe(&format!("{MEDIA}{BACK}"), &[]);
        assert_eq!((stage.sent[0].method.as_str(), stage.requires()), ("SETUP", false));

        let mut stage = Stage::talking(BackChannel::Alone, "DESCRIBE");
        stage.reply(Response::new(status));
        stage.reply(Response::new(status));
        assert!(matches!(stage.error, Some(Error::Refused { status: s, .. }) if s == status));
    }
    let mut stage = Stage::talking(BackChannel::Alone, "DESCRIBE");
    stage.reply(Response::new(404));
    assert!(
        matches!(stage.error, Some(Error::Refused { status: 404, .. })),
        "nothing is there, however asked"
    );
}

#[test]
fn a_talk_plays_from_now_on_or_as_the_camera_will_have_it() {
    let mut stage = Stage::talking(BackChannel::Alone, "PLAY");
    assert_eq!(stage.sent[0].headers.get("Range"), Some("npt=now-"));
    stage.reply(Response::new(457));
    assert_eq!(stage.sent[0].headers.get("Range"), Some("npt=0.000-"));
    stage.reply(Response::new(457));
    assert!(matches!(stage.error, Some(Error::Refused { status: 457, .. })));
}

#[test]
fn a_camera_that_hangs_up_on_require_is_asked_without_on_the_next_connection() {
    for (authorized, requires) in [(false, true), (true, false)] {
        let mut stage = Stage::talking(BackChannel::Alone, "DESCRIBE");
        if authorized {
            stage.reply(Response::new(401).with("WWW-Authenticate", "Digest realm=\"r\", nonce=\"1\""));
        }
        stage.client.handle_disconnected(stage.now);
        stage.drain();
        let mut next = stage.client.successor().unwrap();
        next.handle_connected(stage.now);
        let mut stage = Stage::of(next);
        stage.drain();
        assert_eq!(stage.sent[0].method, Method::Describe);
        assert_eq!(stage.requires(), requires, "a camera may hang up for want of credentials");
    }
}

#[test]
fn a_camera_without_back_channel_and_one_that_is_taken_say_so() {
    for (refuses, part) in
        [(false, "no back channel: it has H264, PCMA"), (true, "does not know what to be asked")]
    {
        let mut stage = Stage::talking(BackChannel::Alone, "DESCRIBE");
        if refuses {
            stage.reply(Response::new(551));
        }
        stage.describe(MEDIA, &[]);
        let error = stage.error.unwrap();
        assert!(error.to_string().contains(part), "{error}");
        assert_eq!(error.fault(), Fault::Config);
    }
    for (phase, status) in [("SETUP", 453), ("PLAY", 453), ("PLAY", 503), ("SETUP", 503)] {
        for back_channel in [BackChannel::Alone, BackChannel::WithMedia] {
            let mut stage = Stage::talking(back_channel, phase);
            stage.reply(Response::new(status));
            let error = stage.error.unwrap();
            assert!(error.to_string().contains("somebody else is talking"), "{phase} {error}");
            assert_eq!(error.fault(), Fault::Peer);
        }
    }
}

#[test]
fn who_only_listens_may_be_silent_as_long_as_it_answers_keep_alives() {
    let mut stage = Stage::talking(BackChannel::Alone, "");
    for _ in 0..20 {
        stage.wait(Duration::from_secs(10));
        assert_eq!(stage.sent[0].method, Method::GetParameter);
        stage.reply(Response::new(200));
    }
    let mut waited = 0;
    while stage.error.is_none() {
        stage.wait(Duration::from_secs(1));
        waited += 1;
        assert!(stage.speak() || stage.error.is_some());
    }
    // The session timeout of 20 s and the time of a reply.
    assert_eq!((waited, stage.error), (30, Some(Error::ServerSilent { silent: Duration::from_secs(30) })));
}

#[test]
fn over_udp_the_driver_sends_what_is_said() {
    let mut config = config(BackChannel::Alone);
    config.transport = TransportPreference::Udp;
    let mut stage = Stage::new(config);
    stage.reply(Response::new(200));
    stage.describe(&format!("{MEDIA}{BACK}"), &[]);
    assert_eq!(stage.events.last(), Some(&Event::SetupUdp { track: 0 }));
    stage.client.udp_ports(0, 5_000, 5_001, stage.now);
    stage.drain();
    stage.reply(setup_reply("RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001"));
    stage.reply(Response::new(200));
    for _ in 0..600 {
        assert!(stage.speak());
        stage.wait(FRAME);
        if let Some(ping) = stage.sent.front() {
            assert_eq!(ping.method, Method::Options);
            stage.reply(Response::new(200));
        }
    }
    assert_eq!(stage.error, None, "no media is no silence here, and no reason for TCP");
    let reports = stage.datagrams.iter().filter(|(is_rtcp, _)| *is_rtcp).count();
    assert_eq!((stage.datagrams.len() - reports, reports, stage.frames.len()), (600, 3, 0));
}

/// Every state of a session that talks × what is particular to it: what comes out, and where it leads.
#[test]
fn every_event_in_every_state_of_a_session_that_talks() {
    let states: [(&str, fn() -> Stage); 8] = [
        ("Idle", || Stage::of(Client::new(config(BackChannel::Alone)).unwrap())),
        ("Describe", || Stage::talking(BackChannel::Alone, "DESCRIBE")),
        ("plain", || {
            let mut stage = Stage::talking(BackChannel::Alone, "DESCRIBE");
            stage.reply(Response::new(551));
            stage
        }),
        ("Setup", || Stage::talking(BackChannel::Alone, "SETUP")),
        ("Play", || Stage::talking(BackChannel::Alone, "PLAY")),
        ("Playing", || Stage::talking(BackChannel::Alone, "")),
        ("with video", || Stage::talking(BackChannel::WithMedia, "")),
        ("Teardown", || {
            let mut stage = Stage::talking(BackChannel::Alone, "");
            stage.client.close(stage.now);
            stage.drain();
            stage
        }),
    ];
    let sdp = |s: &mut Stage, sdp: &str| {
        let mut response = Response::new(200).with("Content-Type", "application/sdp");
        response.body = Bytes::copy_from_slice(sdp.as_bytes());
        s.client.handle_input(&response.encode(), s.now);
    };
    let status = |s: &mut Stage, status: u16| s.client.handle_input(&Response::new(status).encode(), s.now);
    let events: [(&str, &dyn Fn(&mut Stage)); 12] = [
        ("200", &|s| status(s, 200)),
        ("offer", &|s| sdp(s, &format!("{MEDIA}{BACK}"))),
        ("no offer", &|s| sdp(s, MEDIA)),
        ("551", &|s| status(s, 551)),
        ("453", &|s| status(s, 453)),
        ("454", &|s| status(s, 454)),
        ("echo", &|s| s.client.handle_input(&frame(0, b"rtp"), s.now)),
        ("speak", &|s| {
            s.speak();
        }),
        ("10 s", &|s| s.now += Duration::from_secs(10)),
        ("30 s", &|s| s.now += Duration::from_secs(30)),
        ("hang-up", &|s| s.client.handle_disconnected(s.now)),
        ("close", &|s| s.client.close(s.now)),
    ];
    let mut table = String::new();
    for (state, make) in states {
        for (event, act) in &events {
            let mut stage = make();
            stage.events.clear();
            stage.sent.clear();
            stage.frames.clear();
            act(&mut stage);
            stage.drain();
            let mut out: Vec<String> = stage
                .sent
                .iter()
                .map(|request| {
                    let requires = if request.headers.get("Require").is_some() { "!" } else { "" };
                    format!("send {}{requires}", request.method)
                })
                .collect();
            out.extend(stage.frames.iter().map(|(channel, _)| format!("frame {channel}")));
            out.extend(stage.events.iter().map(|event| {
                let text = format!("{event:?}");
                text.split([' ', '{']).next().unwrap().to_owned()
            }));
            let to = match &stage.client.state {
                State::Failed(error) => format!("Failed: {error}"),
                other => format!("{other:?}").split(['(', ' ']).next().unwrap().to_owned(),
            };
            table.push_str(&format!("{state:10} {event:9} -> {to} [{}]\n", out.join(", ")));
        }
    }
    insta::assert_snapshot!(table);
}
