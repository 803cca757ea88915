//! Redundant sound (RFC 2198): as it is for who negotiated it, and the Opus in it for all others.
use crate::fixtures::{LOOPBACK, SOON, direct, everything, manager, next_rtp, soon, udp};
use bytes::Bytes;
use formats::rtp::{Extension, Header, Packet, rtcp};
use serde_json::{Value, json};
use sfu::observers::AudioLevelObserverOptions;
use sfu::rtp_parameters::{MediaKind, RtpCapabilities, RtpParameters};
use sfu::{
    Consumer, ConsumerEvent, ConsumerOptions, DirectTransport, EventStream, PipeTransportOptions,
    PipeTransportRemoteParameters, PlainTransport, PlainTransportOptions, PlainTransportRemoteParameters,
    ProducerOptions, Router, RouterOptions, RtpObserver, RtpObserverEvent, Transport, WorkerManager,
};
use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};

/// The sender's payload types: Chromium's.
const RED: u8 = 63;
const OPUS: u8 = 111;
/// Ticks of a piece of sound.
const PIECE: u32 = 960;

/// A router that prefers these payload types of Opus and RED.
async fn router(manager: &WorkerManager, opus: Option<u8>, red: Option<u8>) -> Router {
    let audio = |mime_type: &str, payload_type| {
        json!({
            "kind": "audio", "mimeType": mime_type, "clockRate": 48000, "channels": 2,
            "preferredPayloadType": payload_type,
        })
    };
    let codecs: Value = [audio("audio/opus", opus), audio("audio/red", red)].into_iter().collect();
    manager.create_router(RouterOptions::new(serde_json::from_value(codecs).unwrap())).await.unwrap()
}

/// Opus with RED before it, as Chromium sends it when its application prefers that, by `mediasoup-client`'s way to say it.
fn redundant(ssrc: u32) -> ProducerOptions {
    let audio = |mime_type: &str, payload_type: u8, parameters: Value| {
        json!({
            "mimeType": mime_type, "payloadType": payload_type, "clockRate": 48000, "channels": 2,
            "parameters": parameters,
        })
    };
    let parameters = json!({
        "codecs": [audio("audio/red", RED, json!({ "111/111": "" })), audio("audio/opus", OPUS, json!({}))],
        "headerExtensions": [{ "uri": "urn:ietf:params:rtp-hdrext:ssrc-audio-level", "id": 1 }],
        "encodings": [{ "ssrc": ssrc }],
    });
    ProducerOptions::new(MediaKind::Audio, serde_json::from_value(parameters).unwrap())
}

/// All that the router carries but RED.
fn without_red(router: &Router) -> RtpCapabilities {
    let mut capabilities = everything(router);
    capabilities.codecs.retain(|codec| codec.mime_type().as_str() != "audio/red");
    capabilities
}

/// Number `sequence` of the pieces of sound. None is like another, and neighbours differ in length.
fn piece(sequence: u16) -> Vec<u8> {
    let mut piece = [&[0xf8][..], &sequence.to_be_bytes()].concat();
    piece.resize(3 + 7 * usize::from(sequence % 5), sequence as u8);
    piece
}

/// A packet that says how loud it is: as many dB below the loudest as the last byte of its number.
fn packet(sequence: u16, payload_type: u8, payload: Vec<u8>) -> Bytes {
    let timestamp = u32::from(sequence) * PIECE;
    let header = Header { ssrc: 1, sequence, payload_type, timestamp, marker: false };
    let extension = Extension { profile: 0xbede, data: vec![0x10, 0x80 | level(sequence), 0, 0].into() };
    let mut bytes = Vec::new();
    Packet { header, extension: Some(extension), payload: payload.into(), ..Packet::default() }
        .write(&mut bytes);
    bytes.into()
}

fn level(sequence: u16) -> u8 {
    sequence as u8 & 0x7f
}

fn plain(sequence: u16) -> Bytes {
    packet(sequence, OPUS, piece(sequence))
}

/// A piece, with as many before it again.
fn red(sequence: u16, earlier: u16, present: &[u8]) -> Bytes {
    let (mut headers, mut blocks) = (Vec::new(), Vec::new());
    for back in (1..=earlier).rev() {
        let block = piece(sequence - back);
        let ticks = PIECE * u32::from(back);
        let header = 1 << 31 | u32::from(OPUS) << 24 | ticks << 10 | block.len() as u32;
        headers.extend(header.to_be_bytes());
        blocks.extend(block);
    }
    headers.push(OPUS);
    packet(sequence, RED, [headers, blocks, present.to_vec()].concat())
}

/// What a decoder gets of a packet: pieces and their times, the present one last.
fn pieces(packet: &Packet, red: u8, opus: u8) -> Vec<(u32, Vec<u8>)> {
    let time = packet.header.timestamp;
    let mut rest = packet.payload.as_ref();
    if packet.header.payload_type == opus {
        return vec![(time, rest.to_vec())];
    }
    assert_eq!(packet.header.payload_type, red);
    let mut blocks = Vec::new();
    while rest[0] & 0x80 != 0 {
        let header = u32::from_be_bytes(rest[..4].try_into().unwrap());
        assert_eq!((header >> 24) as u8 & 0x7f, opus);
        blocks.push((time.wrapping_sub(header >> 10 & 0x3fff), (header & 0x3ff) as usize));
        rest = &rest[4..];
    }
    assert_eq!(rest[0], opus);
    rest = &rest[1..];
    let mut pieces = Vec::new();
    for (time, length) in blocks {
        pieces.push((time, rest[..length].to_vec()));
        rest = &rest[length..];
    }
    pieces.push((time, rest.to_vec()));
    pieces
}

/// A consumer's payload types, of RED and Opus.
fn types(parameters: &RtpParameters) -> (Option<u8>, u8) {
    let of = |name: &str| {
        let codec = parameters.codecs.iter().find(|codec| codec.mime_type().as_str() == name);
        codec.map(|codec| codec.payload_type())
    };
    (of("audio/red"), of("audio/opus").unwrap())
}

/// Somebody who listens at a UDP port.
struct Ear {
    transport: PlainTransport,
    consumer: Consumer,
    socket: UdpSocket,
}

impl Ear {
    async fn new(router: &Router, producer: sfu::ProducerId, capabilities: RtpCapabilities) -> Self {
        let socket = UdpSocket::bind((LOOPBACK, 0)).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        let transport = router.create_plain_transport(PlainTransportOptions::new(udp())).await.unwrap();
        let address = PlainTransportRemoteParameters {
            ip: Some(LOOPBACK),
            port: Some(socket.local_addr().unwrap().port()),
            ..PlainTransportRemoteParameters::default()
        };
        transport.connect(address).await.unwrap();
        let mut options = ConsumerOptions::new(producer, capabilities);
        // so that it may ask for what was lost
        options.enable_rtx = Some(true);
        let consumer = transport.consume(options).await.unwrap();
        Self { transport, consumer, socket }
    }

    /// The next packet of media. Workers have threads of their own, so waiting holds nobody up.
    fn next(&self) -> Bytes {
        let mut bytes = [0; 1500];
        loop {
            let length = self.socket.recv(&mut bytes).expect("in time");
            if !(72..80).contains(&(bytes[1] & 0x7f)) {
                return Bytes::copy_from_slice(&bytes[..length]);
            }
        }
    }

    fn ask_again(&self, sequence: u16) {
        let ssrc = self.consumer.rtp_parameters().encodings[0].ssrc.unwrap();
        let mut nack = Vec::new();
        rtcp::write_nack(7, ssrc, &[sequence], &mut nack);
        let to = SocketAddr::new(LOOPBACK, self.transport.tuple().local_port);
        self.socket.send_to(&nack, to).unwrap();
    }
}

/// A microphone at a UDP port.
async fn microphone(router: &Router) -> (PlainTransport, sfu::Producer, impl Fn(Bytes) + use<>) {
    let mut options = PlainTransportOptions::new(udp());
    options.comedia = true;
    let transport = router.create_plain_transport(options).await.unwrap();
    let producer = transport.produce(redundant(1)).await.unwrap();
    let to = SocketAddr::new(LOOPBACK, transport.tuple().local_port);
    let socket = UdpSocket::bind((LOOPBACK, 0)).unwrap();
    let send = move |packet: Bytes| assert_eq!(socket.send_to(&packet, to).unwrap(), packet.len());
    (transport, producer, send)
}

#[tokio::test]
async fn who_has_red_hears_also_what_was_lost_and_who_has_not_gets_the_opus_in_it() {
    const FIRST: u16 = 300;
    const END: u16 = 324;
    const LOST_ON_THE_WAY_IN: u16 = 305;
    const LOST_ON_THE_WAY_OUT: u16 = 318;
    // too large for redundancy, for example
    const PLAIN: std::ops::Range<u16> = 310..314;
    let manager = manager(1).await;
    let router = router(&manager, None, None).await;
    let (_transport, producer, send) = microphone(&router).await;
    let with = Ear::new(&router, producer.id(), everything(&router)).await;
    let without = Ear::new(&router, producer.id(), without_red(&router)).await;
    let sent: Vec<u16> = (FIRST..END).filter(|sequence| *sequence != LOST_ON_THE_WAY_IN).collect();
    for sequence in sent.iter().copied() {
        let earlier = (sequence - FIRST).min(2);
        send(if PLAIN.contains(&sequence) {
            plain(sequence)
        } else {
            red(sequence, earlier, &piece(sequence))
        });
    }
    let mut heard = BTreeMap::new();
    for ear in [&with, &without] {
        let parameters = ear.consumer.rtp_parameters();
        let (red, opus) = types(parameters);
        let mut bytes = 0;
        let mut first = None;
        for sequence in sent.iter().copied() {
            let packet = ear.next();
            bytes += packet.len() as u64;
            let packet = Packet::parse(packet).unwrap();
            let Header { sequence: from, timestamp: begun, .. } = *first.get_or_insert(packet.header);
            let step = sequence - FIRST;
            assert_eq!(packet.header.sequence.wrapping_sub(from), step);
            assert_eq!(packet.header.timestamp.wrapping_sub(begun), PIECE * u32::from(step));
            assert_eq!(Some(packet.header.ssrc), parameters.encodings[0].ssrc);
            let levels = packet.extension.as_ref().unwrap();
            let levels: Vec<_> = sfu::payload::Elements::new(levels).filter(|(id, _)| *id == 6).collect();
            assert_eq!(levels, [(6, &[0x80 | level(sequence)][..])]);
            let is_red = red.is_some() && !PLAIN.contains(&sequence);
            assert_eq!(packet.header.payload_type, if is_red { red.unwrap() } else { opus });
            let pieces = pieces(&packet, red.unwrap_or(opus), opus);
            assert_eq!(pieces.last().unwrap().1, piece(sequence));
            if red.is_none() {
                assert_eq!(packet.payload, piece(sequence));
            } else if sequence != LOST_ON_THE_WAY_OUT {
                heard.extend(pieces.into_iter().map(|(time, piece)| (time.wrapping_sub(begun), piece)));
            }
        }
        let stats = &ear.consumer.get_stats().await.unwrap().consumer[0];
        assert_eq!((stats.packet_count, stats.byte_count), (sent.len() as u64, bytes));
    }
    let all: BTreeMap<_, _> =
        (FIRST..END).map(|sequence| (PIECE * u32::from(sequence - FIRST), piece(sequence))).collect();
    assert_eq!(heard, all);
    let stats = &producer.get_stats().await.unwrap()[0];
    assert_eq!((stats.packet_count, stats.packets_lost), (sent.len() as u64, 1));
    manager.close().await;
}

#[tokio::test]
async fn what_is_asked_for_again_comes_as_it_came() {
    let manager = manager(1).await;
    let router = router(&manager, None, None).await;
    let (_transport, producer, send) = microphone(&router).await;
    for (sequence, capabilities) in [(7, everything(&router)), (8, without_red(&router))] {
        let ear = Ear::new(&router, producer.id(), capabilities).await;
        send(red(sequence, 2, &piece(sequence)));
        let came = ear.next();
        ear.ask_again(Packet::parse(came.clone()).unwrap().header.sequence);
        assert_eq!(ear.next(), came);
    }
    manager.close().await;
}

async fn listen(
    router: &Router,
    producer: sfu::ProducerId,
    capabilities: RtpCapabilities,
) -> (DirectTransport, Consumer, EventStream<ConsumerEvent>) {
    let transport = direct(router).await;
    let consumer = transport.consume(ConsumerOptions::new(producer, capabilities)).await.unwrap();
    let events = consumer.events();
    (transport, consumer, events)
}

#[tokio::test]
async fn a_packet_that_only_repeats_leaves_no_hole_for_who_has_no_red() {
    let manager = manager(1).await;
    let router = router(&manager, None, None).await;
    let sender = direct(&router).await;
    let producer = sender.produce(redundant(1)).await.unwrap();
    let (_t, _c, mut with) = listen(&router, producer.id(), everything(&router)).await;
    let (_t, _c, mut without) = listen(&router, producer.id(), without_red(&router)).await;
    // which only repeat: the first, one between, one before another that comes late, and one that comes late itself
    let sent = [(10, false), (11, true), (12, false), (14, false), (13, true), (16, true), (15, false)];
    for (sequence, whole) in sent {
        sender.send(red(sequence, 1, if whole { &[1, 2, 3] } else { &[] }));
    }
    sender.send(red(17, 1, &piece(17)));
    let mut seen = Vec::new();
    for _ in 0..sent.len() {
        let packet = next_rtp(&mut with).await;
        seen.push(packet.header.sequence);
        assert!(packet.payload.len() >= 4 + 1 + 3, "what is repeated is of use here");
    }
    let first = seen[0];
    let steps: Vec<u16> = seen.into_iter().map(|sequence| sequence.wrapping_sub(first)).collect();
    assert_eq!(steps, [0, 1, 2, 4, 3, 6, 5]);
    let mut seen = Vec::new();
    while seen.last().is_none_or(|(_, payload): &(_, Bytes)| payload[..] != piece(17)) {
        let packet = next_rtp(&mut without).await;
        seen.push((packet.header.sequence, packet.payload));
    }
    let steps: Vec<_> = seen.iter().map(|(sequence, _)| sequence.wrapping_sub(seen[0].0)).collect();
    // the number of what came late was kept for it, and is filled with nothing
    assert_eq!(steps, [0, 1, 3, 2, 4]);
    let whole: Vec<bool> = seen.iter().map(|(_, payload)| !payload.is_empty()).collect();
    assert_eq!(whole, [true, true, true, false, true]);
    manager.close().await;
}

#[tokio::test]
async fn red_goes_through_pipes_and_to_other_workers_with_the_numbers_that_are_valid_there() {
    let (near, far) = (manager(2).await, manager(2).await);
    let (here, there) = (router(&near, None, None).await, router(&far, Some(120), Some(35)).await);
    let ours = here.create_pipe_transport(PipeTransportOptions::new(udp())).await.unwrap();
    let theirs = there.create_pipe_transport(PipeTransportOptions::new(udp())).await.unwrap();
    for (from, to) in [(&ours, &theirs), (&theirs, &ours)] {
        let port = to.tuple().local_port;
        let address = PipeTransportRemoteParameters { ip: LOOPBACK, port, srtp_parameters: None };
        from.connect(address).await.unwrap();
    }
    let sender = direct(&here).await;
    let producer = sender.produce(redundant(1)).await.unwrap();
    let over = ours.consume(ConsumerOptions::new(producer.id(), everything(&here))).await.unwrap();
    assert_eq!(types(over.rtp_parameters()), (Some(101), 100));
    let come = ProducerOptions::new_pipe_transport(producer.id(), over.kind(), over.rtp_parameters().clone());
    let arrived = theirs.produce(come).await.unwrap();
    let mut ears = Vec::new();
    // on both workers, of either kind
    for (router, red, opus) in [(&here, 101, 100), (&there, 35, 120)] {
        for _ in 0..2 {
            let ear = listen(router, arrived.id(), everything(router)).await;
            assert_eq!(types(ear.1.rtp_parameters()), (Some(red), opus));
            ears.push((ear, red, opus));
            let ear = listen(router, arrived.id(), without_red(router)).await;
            assert_eq!(types(ear.1.rtp_parameters()), (None, opus));
            ears.push((ear, opus, opus));
        }
    }
    for sequence in 10..20 {
        sender.send(if sequence == 15 { plain(sequence) } else { red(sequence, 2, &piece(sequence)) });
    }
    for ((_transport, _consumer, heard), red, opus) in &mut ears {
        for sequence in 10..20 {
            let packet = next_rtp(heard).await;
            let got: Vec<_> = pieces(&packet, *red, *opus).into_iter().map(|(_, piece)| piece).collect();
            let from = if red == opus || sequence == 15 { sequence } else { sequence - 2 };
            assert_eq!(got, (from..=sequence).map(piece).collect::<Vec<_>>());
        }
    }
    near.close().await;
    far.close().await;
}

#[tokio::test]
async fn sound_with_red_is_as_loud_as_its_sender_says() {
    let manager = manager(1).await;
    let router = router(&manager, None, None).await;
    let sender = direct(&router).await;
    let producer = sender.produce(redundant(1)).await.unwrap();
    let mut options = AudioLevelObserverOptions::default();
    options.interval = 250;
    let observer = router.create_audio_level_observer(options).await.unwrap();
    observer.add_producer(producer.id()).await.unwrap();
    let mut events = observer.events();
    let talk = async {
        let mut tick = tokio::time::interval(std::time::Duration::from_millis(20));
        // of one level: as the sequence number is one modulo 128
        for turn in 0.. {
            tick.tick().await;
            sender.send(red(30 + 128 * turn, 1, &piece(1)));
            if let Some(RtpObserverEvent::Volumes(volumes)) = events.try_next() {
                return volumes[0];
            }
        }
        unreachable!()
    };
    let loudest = soon(talk).await;
    assert_eq!((loudest.producer, loudest.volume), (producer.id(), -30));
    manager.close().await;
}
