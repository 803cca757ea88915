//! A WebRTC stack that others wrote, at both ends of our conference: aiortc sends pictures, sound and messages, and
//! another aiortc decodes what comes.
use crate::fixtures::{LOOPBACK, manager, router};
use serde_json::{Value, json};
use sfu::ice::Protocol;
use sfu::{
    ConsumerOptions, DataConsumerOptions, DataProducerOptions, ListenInfo, ProducerOptions, Router,
    Transport, WebRtcTransport, WebRtcTransportOptions,
};
use std::process::Command;
use std::time::{Duration, Instant};
use testkit::process::{Peer, Place};
use testkit::require;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Longer than any of it takes, also on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// One aiortc, and lines of JSON to and from it.
struct End {
    peer: Peer,
    line: BufReader<TcpStream>,
}

impl End {
    async fn start(python: &std::path::Path, place: &Place, role: &str) -> Self {
        let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conference/peer.py");
        let peer = Peer::start(place, role, Command::new(python).args([script, role, &port]), 3 * LIMIT);
        let accepted = tokio::time::timeout(LIMIT, listener.accept()).await;
        let (stream, _) = accepted.unwrap_or_else(|_| panic!("{role}: {}", peer.stderr())).unwrap();
        Self { peer, line: BufReader::new(stream) }
    }

    async fn tell(&mut self, what: Value) {
        self.line.get_mut().write_all(format!("{what}\n").as_bytes()).await.unwrap();
    }

    async fn says(&mut self) -> Value {
        let mut line = String::new();
        let read = tokio::time::timeout(LIMIT, self.line.read_line(&mut line)).await;
        assert!(matches!(read, Ok(Ok(1..))), "{read:?}: {}", self.peer.stderr());
        serde_json::from_str(&line).unwrap()
    }
}

async fn transport(router: &Router) -> (WebRtcTransport, Value) {
    let listen = ListenInfo::new(Protocol::Udp, LOOPBACK);
    let mut options = WebRtcTransportOptions::new(vec![listen]);
    options.enable_sctp = true;
    let ours = router.create_webrtc_transport(options).await.unwrap();
    let told = json!({
        "iceParameters": ours.ice_parameters(),
        "iceCandidates": ours.ice_candidates(),
        "dtlsParameters": ours.dtls_parameters(),
        "sctpParameters": ours.sctp_parameters(),
    });
    (ours, told)
}

#[tokio::test]
async fn what_aiortc_sends_another_aiortc_decodes_and_it_sees_the_end_at_once() {
    require!(aiortc);
    let place = Place::new().unwrap();
    let manager = manager(2).await;
    let router = router(&manager).await;

    let mut sender = End::start(&aiortc, &place, "send").await;
    let (from, told) = transport(&router).await;
    sender.tell(json!({ "transport": told })).await;
    let offered = sender.says().await;
    from.connect(serde_json::from_value(offered["dtlsParameters"].clone()).unwrap()).await.unwrap();
    let mut producers = Vec::new();
    for producer in offered["producers"].as_array().unwrap() {
        let kind = serde_json::from_value(producer["kind"].clone()).unwrap();
        let parameters = serde_json::from_value(producer["rtpParameters"].clone()).unwrap();
        producers.push(from.produce(ProducerOptions::new(kind, parameters)).await.unwrap());
    }
    let stream = |id: u16| sfu::data::SctpStreamParameters::new_ordered(id);
    let words = from.produce_data(DataProducerOptions::new_sctp(stream(1))).await.unwrap();

    let mut receiver = End::start(&aiortc, &place, "receive").await;
    let (to, told) = transport(&router).await;
    receiver.tell(json!({ "transport": told, "routerRtpCapabilities": router.rtp_capabilities() })).await;
    let capabilities: sfu::rtp_parameters::RtpCapabilities =
        serde_json::from_value(receiver.says().await["rtpCapabilities"].clone()).unwrap();
    let (mut consumers, mut described) = (Vec::new(), Vec::new());
    for producer in &producers {
        let mut options = ConsumerOptions::new(producer.id(), capabilities.clone());
        options.paused = true;
        let consumer = to.consume(options).await.unwrap();
        described.push(json!({ "kind": consumer.kind(), "rtpParameters": consumer.rtp_parameters() }));
        consumers.push(consumer);
    }
    let heard = to.consume_data(DataConsumerOptions::new_sctp(words.id())).await.unwrap();
    let stream_id = heard.sctp_stream_parameters().unwrap().stream_id;
    receiver.tell(json!({ "consumers": described, "streamId": stream_id })).await;
    let dtls = receiver.says().await["dtlsParameters"].clone();
    to.connect(serde_json::from_value(dtls).unwrap()).await.unwrap();
    for consumer in &consumers {
        consumer.resume().await.unwrap();
    }

    let deadline = Instant::now() + LIMIT;
    let seen = loop {
        let seen = receiver.says().await;
        let count = |name: &str| seen[name].as_u64().unwrap();
        if count("pictures") >= 60 && count("sounds") >= 100 && seen["messages"][0] == "words" {
            break seen;
        }
        assert!(Instant::now() < deadline, "{seen}");
    };
    println!("{seen}");
    assert_eq!((&seen["wrong"], &seen["backwards"]), (&json!(0), &json!(0)));
    let hertz = seen["hertz"].as_u64().unwrap();
    assert!((420..=460).contains(&hertz), "{seen}");

    to.close().await.unwrap();
    let closed = Instant::now();
    let last = loop {
        let seen = receiver.says().await;
        if seen["ended"] == true {
            break seen;
        }
        // a browser without a goodbye takes 5 s to be disconnected, and 30 s to give up
        assert!(closed.elapsed() < Duration::from_secs(3), "{seen}");
    };
    println!("ended {:?} after the close", closed.elapsed());
    assert_eq!(last["channel"], "closed");
    drop((from, sender, heard));
    manager.close().await;
}
