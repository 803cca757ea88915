//! Our client and our server talk to each other, with the byte stream split at random.
use super::*;
use formats::flv::{Message, Muxer, MuxerOptions};
use media::{Codec, CodecParams, Track, Unit, WallTime};
use std::time::Duration;

/// Numbers that are the same in every run.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Splits bytes into pieces of 1 to `max`.
    pub(super) fn split<'a>(&mut self, mut data: &'a [u8], max: usize) -> Vec<&'a [u8]> {
        let mut pieces = Vec::new();
        while !data.is_empty() {
            let (piece, rest) = data.split_at((1 + self.next() as usize % max).min(data.len()));
            pieces.push(piece);
            data = rest;
        }
        pieces
    }
}

/// A server and a client, and what they said to their drivers.
pub(super) struct Pair {
    pub(super) server: server::Session,
    pub(super) client: client::Session,
    pub(super) server_events: Vec<server::Event>,
    pub(super) client_events: Vec<client::Event>,
    random: Random,
    pub(super) now: Moment,
}

impl Pair {
    pub(super) fn new(role: client::Role, seed: u64) -> Self {
        let now = Moment::from_millis(1_000);
        let target = client::Target {
            tc_url: "rtmp://host/live".into(),
            app: "live".into(),
            stream: "cam?key=1".into(),
        };
        Self {
            server: server::Session::new(server::Config::default(), now),
            client: client::Session::new(client::Config::new(target, role), now),
            server_events: Vec::new(),
            client_events: Vec::new(),
            random: Random(seed),
            now,
        }
    }

    /// Sends bytes to the client as the driver does with those of a rendition.
    pub(super) fn feed_client(&mut self, bytes: &[u8]) {
        let max = 1 + self.random.next() as usize % 3000;
        for piece in self.random.split(bytes, max) {
            self.client.handle_input(piece, self.now);
        }
    }

    /// Moves bytes until both are drained.
    pub(super) fn run(&mut self) {
        loop {
            let mut moved = false;
            loop {
                match self.client.poll_output(self.now).unwrap() {
                    Output::Transmit(bytes) => {
                        moved = true;
                        let max = 1 + self.random.next() as usize % 3000;
                        for piece in self.random.split(&bytes, max) {
                            self.server.handle_input(piece, self.now);
                        }
                    }
                    Output::Event(event) => self.client_events.push(event),
                    Output::WaitUntil(_) => break,
                }
            }
            loop {
                match self.server.poll_output(self.now).unwrap() {
                    Output::Transmit(bytes) => {
                        moved = true;
                        self.feed_client(&bytes);
                    }
                    Output::Event(event) => self.server_events.push(event),
                    Output::WaitUntil(_) => break,
                }
            }
            if !moved {
                return;
            }
        }
    }
}

/// Messages of every size around the chunk size, with headers before them.
fn messages() -> Vec<Message> {
    let track = Track::video(0, Codec::Vp8, CodecParams::None);
    let mut muxer = Muxer::new(&[track], MuxerOptions::default()).unwrap();
    let mut messages = muxer.headers(0);
    let chunk = CHUNK_SIZE as usize;
    for (index, length) in
        [1, 100, 127, 128, 129, chunk - 6, chunk - 5, chunk - 4, 2 * chunk, 300_000].into_iter().enumerate()
    {
        let data: Vec<u8> = (0..length).map(|byte| (byte * 31 + index) as u8).collect();
        // The last ones lie beyond the 24 bits of a plain timestamp.
        let dts = index as i64 * 90 * 2_500_000;
        let unit = Unit {
            track: 0,
            pts: dts,
            dts,
            arrival: Moment::ZERO,
            wall: WallTime::default(),
            keyframe: index == 0,
            discontinuity: false,
            data: data.into(),
        };
        messages.push(muxer.push(&unit).unwrap());
    }
    messages
}

fn as_media(message: &Message) -> Media {
    let [front, payload] = message.body();
    Media {
        kind: message.kind(),
        timestamp_ms: message.timestamp_ms(),
        data: [&front[..], &payload[..]].concat().into(),
    }
}

#[test]
fn what_the_client_publishes_reaches_the_server_unchanged_at_any_split() {
    for seed in 1..40 {
        let mut pair = Pair::new(client::Role::Publish, seed);
        pair.run();
        let [server::Event::Publish(request)] = &pair.server_events[..] else {
            panic!("{:?}", pair.server_events)
        };
        assert_eq!((request.path().as_str(), request.query.as_str()), ("live/cam", "key=1"));
        assert!(pair.client_events.is_empty());
        pair.server.accept_publish(pair.now);
        pair.run();
        assert_eq!(pair.client_events, [client::Event::Started]);
        let messages = messages();
        for message in &messages {
            pair.client.send(message);
        }
        pair.client.close();
        pair.run();
        let mut wanted: Vec<server::Event> =
            messages.iter().map(|message| server::Event::Media(as_media(message))).collect();
        let server::Event::Media(metadata) = &mut wanted[0] else { unreachable!() };
        let prefix = formats::amf0::encode(&["@setDataFrame".into()]);
        metadata.data = [&prefix[..], &metadata.data[..]].concat().into();
        wanted.push(server::Event::Ended);
        assert_eq!(pair.server_events[1..], wanted, "seed {seed}");
    }
}

#[test]
fn bytes_chunked_once_play_for_every_client_at_any_split() {
    let messages = messages();
    let shared: Vec<Bytes> = messages.iter().flat_map(chunked).collect();
    for seed in 1..40 {
        let mut pair = Pair::new(client::Role::Play, seed);
        pair.run();
        assert!(matches!(&pair.server_events[..], [server::Event::Play(_)]));
        pair.server.accept_play(pair.now);
        pair.run();
        for bytes in &shared {
            pair.feed_client(bytes);
        }
        pair.server.finish("the stream is over", pair.now);
        pair.run();
        let played: Vec<&Media> = pair
            .client_events
            .iter()
            .filter_map(|event| if let client::Event::Media(media) = event { Some(media) } else { None })
            .collect();
        let wanted: Vec<Media> = messages.iter().map(as_media).collect();
        assert!(played.iter().copied().eq(&wanted), "seed {seed}");
        assert_eq!(pair.client_events[0], client::Event::Started);
        assert_eq!(
            pair.client_events.last(),
            Some(&client::Event::Ended { code: "StreamEOF".into() }),
            "seed {seed}"
        );
    }
}

#[test]
fn a_refusal_reaches_the_client_with_its_code() {
    for (role, code, fault) in [
        (client::Role::Play, "NetStream.Play.StreamNotFound", media::Fault::Peer),
        (client::Role::Publish, "NetStream.Publish.BadName", media::Fault::Config),
    ] {
        let mut pair = Pair::new(role, 3);
        pair.run();
        pair.server.reject(code, "not here", pair.now);
        while let Output::Transmit(bytes) = pair.server.poll_output(pair.now).unwrap() {
            pair.feed_client(&bytes);
        }
        let error = loop {
            match pair.client.poll_output(pair.now) {
                Ok(Output::WaitUntil(_)) => panic!("no refusal"),
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(error, RtmpError::Refused { code: code.into(), description: "not here".into() });
        assert_eq!(error.fault(), fault);
    }
}

#[test]
fn a_client_whose_server_falls_silent_gives_up_at_each_step() {
    let now = Moment::from_millis(1_000);
    let mut pair = Pair::new(client::Role::Play, 5);
    while let Output::Transmit(_) = pair.client.poll_output(now).unwrap() {}
    let late = now + client::STEP_TIMEOUT;
    let error = pair.client.poll_output(late).unwrap_err();
    assert_eq!(error, RtmpError::Timeout { step: "handshake", after: client::STEP_TIMEOUT });
    assert_eq!(pair.client.poll_output(late + Duration::from_secs(1)).unwrap_err(), error);

    let mut pair = Pair::new(client::Role::Play, 5);
    pair.run();
    let error = pair.client.poll_output(late).unwrap_err();
    assert!(matches!(error, RtmpError::Timeout { step: "answer to play or publish", .. }));

    let mut pair = Pair::new(client::Role::Play, 5);
    pair.run();
    pair.server.accept_play(now);
    pair.run();
    assert!(matches!(pair.client.poll_output(late), Ok(Output::WaitUntil(_))));
    let error = pair.client.poll_output(now + client::IDLE_TIMEOUT).unwrap_err();
    assert!(matches!(error, RtmpError::Timeout { step: "media", .. }));
}

#[test]
fn acknowledgements_and_pings_are_answered() {
    let mut pair = Pair::new(client::Role::Publish, 8);
    pair.run();
    pair.server.accept_publish(pair.now);
    pair.run();
    let big = messages().pop().unwrap();
    for _ in 0..20 {
        pair.client.send(&big);
    }
    // 6 MB: beyond two windows of 2.5 MB.
    let mut to_client = 0;
    while let Output::Transmit(bytes) = pair.client.poll_output(pair.now).unwrap() {
        pair.server.handle_input(&bytes, pair.now);
        while let Output::Transmit(bytes) = pair.server.poll_output(pair.now).unwrap() {
            to_client += bytes.len();
        }
    }
    assert_eq!(to_client, 2 * (12 + 4), "two acknowledgements");

    let mut pair = Pair::new(client::Role::Play, 8);
    pair.run();
    pair.server.accept_play(pair.now);
    pair.run();
    pair.now += Duration::from_secs(21);
    let before = pair.server.received_bytes();
    pair.run();
    assert_eq!(pair.server.received_bytes() - before, 12 + 6, "one ping response");
}

#[test]
fn no_bytes_panic_a_session() {
    let mut random = Random(0x1234_5678_9abc_def1);
    let client_bytes = include_bytes!("../../fixtures/rtmp/publish_ffmpeg5_h264_aac.bin");
    let player_bytes = include_bytes!("../../fixtures/rtmp/play_ffmpeg5.bin");
    let server_bytes = include_bytes!("../../fixtures/rtmp/serve_nginx_rtmp.bin");
    for round in 0..400 {
        for (data, is_client) in
            [(&client_bytes[..], true), (&player_bytes[..], true), (&server_bytes[..], false)]
        {
            let mut data = data.to_vec();
            if round % 2 == 0 {
                data.truncate(6000);
            }
            for _ in 0..random.next() % 30 {
                // Behind the handshake, whose content hardly matters.
                let at = 3073 + random.next() as usize % (data.len() - 3073);
                data[at] = random.next() as u8;
            }
            if is_client {
                fuzz_server(&data);
            } else {
                data.insert(0, 0);
                fuzz_client(&data);
                data[0] = 1;
                fuzz_client(&data);
            }
        }
    }
}
