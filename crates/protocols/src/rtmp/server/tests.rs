use super::super::chunk_reader::ChunkReader;
use super::super::command::Command;
use super::super::message::Message;
use super::super::tests::Random;
use super::super::wire::is_event;
use super::*;
use formats::amf0::Value;
use formats::demux::DemuxEvent;
use formats::flv::Demuxer;
use media::Codec;

const START: Moment = Moment::from_millis(1_000);
/// Bytes of S0, S1 and S2.
const HELLO: usize = 1 + 2 * 1536;

/// Feeds a recorded client to a session that accepts everything; gives the events, and the messages we sent.
fn replay(data: &[u8], seed: u64) -> (Vec<Event>, Vec<Message>) {
    let mut session = Session::new(Config::default(), START);
    let (mut events, mut sent) = (Vec::new(), Vec::new());
    let mut random = Random(seed);
    let max = 1 + random.next() as usize % 2000;
    for piece in random.split(data, max) {
        session.handle_input(piece, START);
        loop {
            match session.poll_output(START).unwrap() {
                Output::Transmit(bytes) => sent.extend_from_slice(&bytes),
                Output::Event(event) => {
                    match event {
                        Event::Publish(_) => session.accept_publish(START),
                        Event::Play(_) => session.accept_play(START),
                        Event::Media(_) | Event::Paused(_) | Event::Ended => {}
                    }
                    events.push(event);
                }
                Output::WaitUntil(_) => break,
            }
        }
    }
    (events, messages(&sent[HELLO..]))
}

fn messages(bytes: &[u8]) -> Vec<Message> {
    let mut messages = VecDeque::new();
    ChunkReader::new().read(bytes, &mut messages).unwrap();
    messages.into()
}

fn commands(messages: &[Message]) -> Vec<Command> {
    let is_command = |message: &&Message| message.kind == kind::COMMAND_AMF0;
    messages.iter().filter(is_command).map(|message| Command::parse(message, 0).unwrap()).collect()
}

fn codes(messages: &[Message]) -> Vec<String> {
    commands(messages).iter().filter_map(|command| command.info("code").map(str::to_owned)).collect()
}

/// Codecs, and how many units came of each.
fn demux(events: &[Event]) -> Vec<(Codec, usize)> {
    let mut demuxer = Demuxer::new();
    let mut found: Vec<(Codec, usize)> = Vec::new();
    for event in events {
        let Event::Media(media) = event else { continue };
        let now = START + Duration::from_millis(u64::from(media.timestamp_ms));
        demuxer.handle_tag(media.kind, media.timestamp_ms, media.data.clone(), now).unwrap();
    }
    demuxer.flush();
    while let Some(event) = demuxer.pop() {
        match event {
            DemuxEvent::Tracks(tracks) if found.is_empty() => {
                found = tracks.iter().map(|track| (track.codec, 0)).collect();
            }
            DemuxEvent::Unit(unit) => found[usize::from(unit.track)].1 += 1,
            DemuxEvent::Tracks(_) | DemuxEvent::Metadata(_) | DemuxEvent::Note(_) => {}
        }
    }
    found
}

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../fixtures/rtmp/", $name, ".bin"))
    };
}

#[test]
fn publishers_in_the_field_are_understood_at_any_split() {
    type Row<'a> = (&'a str, &'a [u8], &'a str, &'a [(Codec, usize)]);
    let table: [Row<'_>; 5] = [
        ("ffmpeg 5", fixture!("publish_ffmpeg5_h264_aac"), "user=a", &[(Codec::H264, 33), (Codec::Aac, 59)]),
        ("ffmpeg 9 HEVC", fixture!("publish_ffmpeg9_hevc_opus"), "", &[(Codec::H265, 22), (Codec::Opus, 41)]),
        ("ffmpeg 9 AV1", fixture!("publish_ffmpeg9_av1_opus"), "", &[(Codec::Av1, 32), (Codec::Opus, 65)]),
        ("rtmp2sink", fixture!("publish_gstreamer_rtmp2sink"), "", &[(Codec::H264, 19), (Codec::Aac, 26)]),
        ("librtmp", fixture!("publish_gstreamer_librtmp"), "", &[(Codec::H264, 30)]),
    ];
    for (name, data, query, units) in table {
        for seed in 1..8 {
            let (events, sent) = replay(data, seed);
            let Event::Publish(request) = &events[0] else { panic!("{name}: {:?}", events[0]) };
            assert_eq!((request.app.as_str(), request.stream.as_str()), ("live", "cam"), "{name}");
            assert_eq!(request.query, query, "{name}");
            assert_eq!(demux(&events), units, "{name}");
            assert!(codes(&sent).contains(&"NetStream.Publish.Start".to_owned()), "{name}");
        }
    }
}

#[test]
fn players_in_the_field_are_understood_and_get_the_answers_in_order() {
    for (name, data) in [
        ("rtmpdump", &fixture!("play_rtmpdump")[..]),
        ("rtmp2src", fixture!("play_gstreamer_rtmp2src")),
        ("ffmpeg 5", fixture!("play_ffmpeg5")),
    ] {
        for seed in 1..8 {
            let (events, sent) = replay(data, seed);
            let Event::Play(request) = &events[0] else { panic!("{name}: {:?}", events[0]) };
            assert_eq!(request.path(), "live/cam", "{name}");
            let started = ["NetConnection.Connect.Success", "NetStream.Play.Reset", "NetStream.Play.Start"];
            assert_eq!(codes(&sent), started, "{name}");
            assert!(sent.iter().all(|m| m.kind != kind::DATA_AMF0), "{name}: FFmpeg takes it for a track");
            let begin = sent.iter().position(|m| {
                m.kind == kind::USER_CONTROL
                    && is_event(&m.data, event::STREAM_BEGIN)
                    && m.data[2..] == [0, 0, 0, 1]
            });
            let start = sent.iter().position(|m| m.stream == MEDIA_STREAM_ID).unwrap();
            assert!(begin.unwrap() < start, "{name}");
            assert_eq!(events[1..], if name == "rtmp2src" { vec![] } else { vec![Event::Ended] }, "{name}");
        }
    }
}

#[test]
fn who_tells_four_ccs_gets_ours_and_others_get_nothing_new() {
    let properties = |data: &[u8]| {
        let (events, sent) = replay(data, 1);
        let Event::Publish(request) = events[0].clone() else { panic!() };
        let reply = commands(&sent).into_iter().find(|c| c.name == "_result").unwrap();
        (request.four_ccs, reply.values[0].clone())
    };
    let (four_ccs, reply) = properties(fixture!("publish_ffmpeg9_av1_opus"));
    assert_eq!(four_ccs, ["av01", "Opus"]);
    assert_eq!(reply.get("fourCcList"), Some(&Value::StrictArray(vec!["*".into()])));
    assert_eq!(reply.get("videoFourCcInfoMap").and_then(|map| map.get("*")), Some(&Value::Number(4.0)));
    let (four_ccs, reply) = properties(fixture!("publish_ffmpeg5_h264_aac"));
    assert!(four_ccs.is_empty());
    assert!(reply.get("fourCcList").is_none() && reply.get("fmsVer").is_some());
}

/// Bytes of a client that sends these commands in one chunk stream after a handshake.
fn client(commands: &[(&str, &[Value])]) -> Vec<u8> {
    let mut out = vec![3];
    out.resize(1 + 2 * 1536, 0);
    for (index, (name, values)) in commands.iter().enumerate() {
        let mut all = vec![Value::from(*name), Value::Number(index as f64 + 1.0)];
        all.extend_from_slice(values);
        message(&mut out, kind::COMMAND_AMF0, &formats::amf0::encode(&all));
    }
    out
}

fn message(out: &mut Vec<u8>, kind: u8, body: &[u8]) {
    let [_, l2, l1, l0] = (body.len() as u32).to_be_bytes();
    out.extend_from_slice(&[3, 0, 0, 0, l2, l1, l0, kind, 1, 0, 0, 0]);
    for (index, chunk) in body.chunks(128).enumerate() {
        if index > 0 {
            out.push(0xc3);
        }
        out.extend_from_slice(chunk);
    }
}

fn connect() -> Value {
    Value::object([("app", "/live/?token=x".into()), ("tcUrl", "rtmp://h/live".into())])
}

/// Drains a session; gives the events and the bytes.
fn drain(session: &mut Session, now: Moment) -> (Vec<Event>, Vec<u8>) {
    let (mut events, mut sent) = (Vec::new(), Vec::new());
    loop {
        match session.poll_output(now).unwrap() {
            Output::Transmit(bytes) => sent.extend_from_slice(&bytes),
            Output::Event(event) => events.push(event),
            Output::WaitUntil(_) => return (events, sent),
        }
    }
}

fn fed(data: &[u8]) -> Session {
    let mut session = Session::new(Config::default(), START);
    session.handle_input(data, START);
    session
}

#[test]
fn queries_of_application_and_stream_are_joined_and_slashes_taken_off() {
    let mut session = fed(&client(&[
        ("connect", &[connect()]),
        ("createStream", &[Value::Null]),
        ("publish", &[Value::Null, "/cam/1?a=b".into(), "live".into()]),
    ]));
    let (events, _) = drain(&mut session, START);
    let [Event::Publish(request)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((request.path().as_str(), request.query.as_str()), ("live/cam/1", "token=x&a=b"));
}

#[test]
fn a_publisher_that_does_not_wait_loses_nothing() {
    let mut data = client(&[("connect", &[connect()]), ("publish", &[Value::Null, "cam".into()])]);
    message(&mut data, kind::VIDEO, b"header");
    message(&mut data, kind::AUDIO, b"sound");
    let mut session = fed(&data);
    assert_eq!(drain(&mut session, START).0.len(), 1);
    session.accept_publish(START);
    let (events, _) = drain(&mut session, START);
    let bodies: Vec<&[u8]> =
        events.iter().map(|e| if let Event::Media(media) = e { &media.data[..] } else { &[] }).collect();
    assert_eq!(bodies, [&b"header"[..], b"sound"]);
}

#[test]
fn a_publisher_that_floods_before_the_answer_is_cut() {
    let mut session = fed(&client(&[("connect", &[connect()]), ("publish", &[Value::Null, "cam".into()])]));
    drain(&mut session, START);
    let mut flood = Vec::new();
    message(&mut flood, kind::VIDEO, &vec![0; HELD_BYTES_MAX + 1]);
    session.handle_input(&flood, START);
    while let Ok(Output::Transmit(_)) = session.poll_output(START) {}
    assert_eq!(session.poll_output(START), Err(RtmpError::Impatient { max: HELD_BYTES_MAX }));
}

#[test]
fn commands_out_of_order_end_the_session() {
    let mut session = fed(&client(&[("play", &[Value::Null, "cam".into()])]));
    while let Ok(Output::Transmit(_)) = session.poll_output(START) {}
    let error = session.poll_output(START).unwrap_err();
    assert_eq!(error, RtmpError::OutOfOrder { name: "play".into(), when: "before connect" });

    let play: (&str, &[Value]) = ("play", &[Value::Null, "cam".into()]);
    let mut session = fed(&client(&[("connect", &[connect()]), play, play]));
    assert_eq!(drain(&mut session, START).0.len(), 1);
    session.accept_play(START);
    while let Ok(Output::Transmit(_) | Output::Event(_)) = session.poll_output(START) {}
    assert!(matches!(session.poll_output(START), Err(RtmpError::OutOfOrder { .. })));
}

#[test]
fn unknown_calls_get_an_error_and_known_ones_of_old_encoders_their_notices() {
    let mut session = fed(&client(&[
        ("connect", &[connect()]),
        ("FCPublish", &[Value::Null, "cam".into()]),
        ("getStreamLength", &[Value::Null, "cam".into()]),
        ("makeCoffee", &[Value::Null]),
    ]));
    let (_, sent) = drain(&mut session, START);
    let names: Vec<(String, f64)> = commands(&messages(&sent[HELLO..]))
        .into_iter()
        .map(|command| (command.name, command.transaction))
        .collect();
    let wanted =
        [("_result", 1.0), ("_result", 2.0), ("onFCPublish", 0.0), ("_result", 3.0), ("_error", 4.0)];
    assert_eq!(names, wanted.map(|(name, transaction)| (name.to_owned(), transaction)));
}

#[test]
fn each_step_has_its_time() {
    let expire = |session: &mut Session, after: Duration| {
        drain(session, START);
        assert!(matches!(session.poll_output(START), Ok(Output::WaitUntil(at)) if at == START + after));
        let error = session.poll_output(START + after).unwrap_err();
        assert_eq!(session.poll_output(START).unwrap_err(), error);
        let RtmpError::Timeout { step, .. } = error else { panic!("{error}") };
        step
    };
    assert_eq!(expire(&mut Session::new(Config::default(), START), HANDSHAKE_TIMEOUT), "handshake");
    assert_eq!(expire(&mut fed(&client(&[])), HANDSHAKE_TIMEOUT), "connect");
    let mut connected = fed(&client(&[("connect", &[connect()])]));
    assert_eq!(expire(&mut connected, REQUEST_TIMEOUT), "publish or play");
    let publish: &[(&str, &[Value])] =
        &[("connect", &[connect()]), ("publish", &[Value::Null, "cam".into()])];
    let mut publishing = fed(&client(publish));
    drain(&mut publishing, START);
    publishing.accept_publish(START);
    assert_eq!(expire(&mut publishing, IDLE_TIMEOUT), "media");
    let mut asked = fed(&client(publish));
    drain(&mut asked, START);
    assert_eq!(asked.poll_output(START), Ok(Output::WaitUntil(Moment::FAR_FUTURE)));
}

#[test]
fn a_player_may_pause_leave_and_play_another_stream() {
    let mut session = fed(&client(&[("connect", &[connect()]), ("play", &[Value::Null, "a".into()])]));
    drain(&mut session, START);
    session.accept_play(START);
    drain(&mut session, START);
    let next = client(&[
        ("pause", &[Value::Null, true.into(), 0.0.into()]),
        ("closeStream", &[Value::Null]),
        ("play", &[Value::Null, "b".into()]),
    ]);
    session.handle_input(&next[HELLO..], START);
    let (events, _) = drain(&mut session, START);
    assert_eq!(events[..2], [Event::Paused(true), Event::Ended]);
    assert!(matches!(&events[2], Event::Play(request) if request.stream == "b"));
}

#[test]
fn commands_of_amf3_clients_are_read() {
    let mut data = client(&[("connect", &[connect()])]);
    let mut body = vec![0];
    body.extend_from_slice(&formats::amf0::encode(&["play".into(), 2.0.into(), Value::Null, "cam".into()]));
    message(&mut data, kind::COMMAND_AMF3, &body);
    let (events, _) = drain(&mut fed(&data), START);
    assert!(matches!(&events[..], [Event::Play(_)]));
}
