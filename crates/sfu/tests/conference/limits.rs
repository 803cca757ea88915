//! Bitrates that an application allows: what is refused, what an estimate heeds, and what senders are told; and what is
//! traced of estimates.
use crate::fixtures::{LOOPBACK, SOON, manager, router, soon, udp};
use crate::webrtc::{Room, produce};
use formats::rtp::rtcp::{self, Message};
use formats::rtp::{Extension, Header, Packet};
use serde_json::json;
use sfu::ice::Protocol;
use sfu::rtp_parameters::MediaKind;
use sfu::{
    BitrateError, CreateTransportError, ListenInfo, PlainTransport, PlainTransportOptions, Producer,
    ProducerOptions, Router, SetBitrateError, TraceEventDirection, TraceEventInfo, Transport,
    TransportTraceEventType, WebRtcTransport, WebRtcTransportOptions,
};
use std::net::UdpSocket;
use std::time::{Duration, Instant};
use testkit::conference::{TransportOptions, VideoOptions};

fn listen() -> WebRtcTransportOptions {
    WebRtcTransportOptions::new(vec![ListenInfo::new(Protocol::Udp, LOOPBACK)])
}

#[tokio::test]
async fn a_maximum_below_the_minimum_is_refused_and_nothing_changes() {
    let manager = manager(1).await;
    let router = router(&manager).await;
    assert_eq!(listen().initial_available_outgoing_bitrate, 600_000);
    let mut options = listen();
    options.max_incoming_bitrate = Some(1000);
    let transport = router.create_webrtc_transport(options).await.unwrap();
    let refused = |error| Err(SetBitrateError::Bitrate(error));
    assert_eq!(transport.set_max_outgoing_bitrate(29_999).await, refused(BitrateError::TooLow(29_999)));
    assert_eq!(transport.set_min_outgoing_bitrate(1).await, refused(BitrateError::TooLow(1)));
    transport.set_max_outgoing_bitrate(500_000).await.unwrap();
    let above = BitrateError::AboveMaximum { min: 500_001, max: 500_000 };
    assert_eq!(transport.set_min_outgoing_bitrate(500_001).await, refused(above));
    transport.set_min_outgoing_bitrate(500_000).await.unwrap();
    let below = BitrateError::BelowMinimum { max: 499_999, min: 500_000 };
    assert_eq!(transport.set_max_outgoing_bitrate(499_999).await, refused(below));
    let stats = serde_json::to_value(transport.get_stats().await.unwrap().unwrap()).unwrap();
    let told = ["maxIncomingBitrate", "maxOutgoingBitrate", "minOutgoingBitrate"].map(|name| &stats[name]);
    assert_eq!(told, [&json!(1000), &json!(500_000), &json!(500_000)]);

    // 0 lifts each
    transport.set_max_outgoing_bitrate(0).await.unwrap();
    transport.set_min_outgoing_bitrate(0).await.unwrap();
    transport.set_max_incoming_bitrate(0).await.unwrap();
    let stats = transport.get_stats().await.unwrap().unwrap();
    assert_eq!((stats.max_incoming_bitrate, stats.min_outgoing_bitrate), (None, None));
    transport.close().await.unwrap();
    let closed = SetBitrateError::TransportClosed(transport.id());
    assert_eq!(transport.set_max_incoming_bitrate(0).await, Err(closed));

    let mut options = listen();
    (options.max_outgoing_bitrate, options.min_outgoing_bitrate) = (Some(40_000), Some(50_000));
    let error = router.create_webrtc_transport(options).await.unwrap_err();
    let above = BitrateError::AboveMaximum { min: 50_000, max: 40_000 };
    assert_eq!(error, CreateTransportError::Bitrate(above));
}

async fn available(transport: &WebRtcTransport) -> u64 {
    transport.get_stats().await.unwrap().unwrap().available_outgoing_bitrate.unwrap_or(0)
}

#[tokio::test]
async fn a_viewer_gets_the_layers_that_the_maximum_bears_and_all_when_it_is_lifted() {
    let room = Room::alone(1).await;
    let sender = room.connect(TransportOptions::send()).await;
    let layers = vec![100_000, 300_000, 1_000_000];
    let video = VideoOptions { layers, temporal_layers: 1, ..VideoOptions::simulcast(1) };
    let camera = sender.bot.publish_video(video).unwrap();
    let producer = produce(&sender, &camera).await;
    let mut options = WebRtcTransportOptions::new_with_server(room.server.clone());
    options.initial_available_outgoing_bitrate = 200_000;
    options.max_outgoing_bitrate = Some(200_000);
    let viewer = room.connect_to(TransportOptions::receive(), options).await;
    let (_consumer, view) = room.view(&viewer, &producer, &camera).await;
    view.wait(SOON, |report| report.frames_decodable > 30).unwrap();
    assert_eq!(available(&viewer.ours).await, 200_000);
    assert_eq!(view.report().unwrap().layer().map(|(spatial, _)| spatial), Some(0));

    viewer.ours.set_max_outgoing_bitrate(0).await.unwrap();
    let up = |report: &testkit::conference::BotReport| report.layer().is_some_and(|layer| layer.0 == 2);
    let report = view.wait(3 * SOON, up).unwrap();
    assert!(available(&viewer.ours).await > 200_000);
    viewer.ours.set_max_outgoing_bitrate(200_000).await.unwrap();
    let down = |report: &testkit::conference::BotReport| report.layer().is_some_and(|layer| layer.0 == 0);
    view.wait(SOON, down).unwrap();
    viewer.ours.set_max_outgoing_bitrate(0).await.unwrap();
    viewer.ours.set_min_outgoing_bitrate(3_000_000).await.unwrap();
    assert!(available(&viewer.ours).await >= 3_000_000);
    assert_eq!(report.faults(), Vec::<String>::new());
    room.fleet.stop(SOON).unwrap();
}

/// What a sender's packets carry for who estimates the way, and what it knows of the answers.
#[derive(Clone, Copy)]
enum Estimates {
    /// Transport-wide numbers: it estimates by itself.
    Itself,
    /// The time of sending: we do.
    Receiver,
}

/// A peer that sends VP8 at 1 Mbit/s at least, and hears what it is told.
struct Sender {
    ours: PlainTransport,
    _producer: Producer,
    socket: UdpSocket,
    estimates: Estimates,
    sequence: u16,
    began: Instant,
}

impl Sender {
    async fn new(router: &Router, estimates: Estimates) -> Self {
        let mut options = PlainTransportOptions::new(udp());
        options.comedia = true;
        let ours = router.create_plain_transport(options).await.unwrap();
        let (uri, feedback) = match estimates {
            Estimates::Itself => {
                ("http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01", "transport-cc")
            }
            Estimates::Receiver => {
                ("http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time", "goog-remb")
            }
        };
        let parameters = json!({
            "codecs": [{
                "mimeType": "video/VP8", "payloadType": 96, "clockRate": 90000,
                "rtcpFeedback": [{ "type": feedback }],
            }],
            "headerExtensions": [{ "uri": uri, "id": 3 }],
            "encodings": [{ "ssrc": 5 }],
        });
        let parameters = serde_json::from_value(parameters).unwrap();
        let producer = ours.produce(ProducerOptions::new(MediaKind::Video, parameters)).await.unwrap();
        let socket = UdpSocket::bind((LOOPBACK, 0)).unwrap();
        socket.connect((LOOPBACK, ours.tuple().local_port)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        Self { ours, _producer: producer, socket, estimates, sequence: 0, began: Instant::now() }
    }

    /// Sends until it is told such a bitrate, and says which streams that was for.
    fn told(&mut self, wanted: impl Fn(u64) -> bool) -> Vec<u32> {
        let (deadline, mut buffer, mut heard) = (Instant::now() + 2 * SOON, [0; 1500], Vec::new());
        loop {
            assert!(Instant::now() < deadline, "{heard:?}");
            self.send();
            let Ok(length) = self.socket.recv(&mut buffer) else { continue };
            for message in rtcp::parse(&buffer[..length]).unwrap() {
                if let Message::MaximumBitrate(remb) = message {
                    if wanted(remb.bps) {
                        return remb.ssrcs;
                    }
                    heard.push(remb.bps);
                }
            }
        }
    }

    fn send(&mut self) {
        self.sequence += 1;
        let [first, second] = self.sequence.to_be_bytes();
        let stamp = (self.began.elapsed().as_micros() << 18) / 1_000_000;
        let [.., high, middle, low] = stamp.to_be_bytes();
        let data = match self.estimates {
            Estimates::Itself => vec![0x31, first, second, 0],
            Estimates::Receiver => vec![0x32, high, middle, low],
        };
        let (sequence, timestamp) = (self.sequence, u32::from(self.sequence) * 450);
        let header = Header { ssrc: 5, sequence, payload_type: 96, timestamp, marker: true };
        let extension = Some(Extension { profile: 0xbede, data: data.into() });
        let payload = [&[0x10][..], &[1; 1000]].concat().into();
        let mut bytes = Vec::new();
        Packet { header, extension, payload, ..Packet::default() }.write(&mut bytes);
        self.socket.send(&bytes).unwrap();
    }
}

#[tokio::test]
async fn a_sender_is_told_the_maximum_whoever_estimates_and_that_it_is_lifted() {
    let manager = manager(1).await;
    let router = router(&manager).await;
    let mut sender = Sender::new(&router, Estimates::Itself).await;
    sender.ours.set_max_incoming_bitrate(250_000).await.unwrap();
    // a REMB has 18 bits of the number
    assert_eq!(sender.told(|bps| (249_000..=250_000).contains(&bps)), [5]);
    // twice, since one may be lost
    sender.told(|bps| (249_000..=250_000).contains(&bps));
    sender.ours.set_max_incoming_bitrate(0).await.unwrap();
    sender.told(|bps| bps == 0);

    let mut sender = Sender::new(&router, Estimates::Receiver).await;
    sender.told(|bps| bps > 500_000);
    sender.ours.set_max_incoming_bitrate(250_000).await.unwrap();
    sender.told(|bps| (249_000..=250_000).contains(&bps));
    sender.ours.set_max_incoming_bitrate(0).await.unwrap();
    sender.told(|bps| bps > 260_000);
    manager.close().await;
}

#[tokio::test]
async fn estimates_and_probes_are_traced_as_mediasoup_writes_them() {
    let room = Room::alone(1).await;
    let sender = room.connect(TransportOptions::send()).await;
    let layers = vec![100_000, 300_000, 1_000_000];
    let camera = sender
        .bot
        .publish_video(VideoOptions { layers, temporal_layers: 1, ..VideoOptions::simulcast(1) })
        .unwrap();
    let producer = produce(&sender, &camera).await;
    let viewer = room.connect(TransportOptions::receive()).await;
    let mut traced = viewer.ours.trace_events();
    use TransportTraceEventType as Type;
    viewer.ours.enable_trace_event(vec![Type::Bwe, Type::Probation]).await.unwrap();
    let (consumer, _view) = room.view(&viewer, &producer, &camera).await;
    let (mut estimates, mut probes) = (Vec::new(), 0);
    let last = loop {
        let event = soon(traced.next()).await.unwrap();
        assert_eq!(event.direction, TraceEventDirection::Out);
        match event.info {
            TraceEventInfo::Bwe(info) => {
                assert_eq!(event.r#type, Type::Bwe);
                estimates.push(info.available_bitrate);
                if probes > 0 && info.available_bitrate > 1_000_000 {
                    break event;
                }
            }
            TraceEventInfo::Rtp(info) => {
                assert_eq!(event.r#type, Type::Probation);
                let rtx = consumer.rtp_parameters().encodings[0].rtx.as_ref().unwrap().ssrc;
                assert!(info.is_rtx && info.ssrc == rtx && info.size > info.payload_size, "{info:?}");
                probes += 1;
            }
            other => panic!("{other:?}"),
        }
    };
    println!("{probes} probing packets, estimates {estimates:?}");
    assert_eq!(estimates[0], 600_000);
    let json = serde_json::to_value(last).unwrap();
    assert_eq!((&json["type"], &json["direction"]), (&json!("bwe"), &json!("out")));
    let theirs: mediasoup_types::data_structures::BweTraceInfo =
        serde_json::from_value(json["info"].clone()).unwrap();
    assert!(theirs.available_bitrate > 1_000_000 && theirs.desired_bitrate > 1_000_000);
    assert_eq!((theirs.min_bitrate, theirs.max_bitrate), (30_000, u64::from(u32::MAX)));
    let stats = viewer.ours.get_stats().await.unwrap().unwrap();
    assert!(stats.probation_bytes_sent > 0);
    room.fleet.stop(SOON).unwrap();
}
