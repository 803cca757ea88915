//! A worker and all that goes on on it: thirty transports with eight channels and one for large messages.
use bytes::Bytes;
use serde_json::json;
use sfu::data::{Payload, SctpState, SendError};
use sfu::ice::Protocol;
use sfu::{
    DataConsumer, DataConsumerOptions, DataProducer, DataProducerOptions, DirectTransport,
    DirectTransportOptions, ListenInfo, RouterOptions, SendMessageError, Transport, WebRtcServer,
    WebRtcTransport, WebRtcTransportOptions, Worker,
};
use std::time::Duration;
use testkit::conference::{
    Channel, DataOptions, DataTag, Device, Fleet, LinkOptions, Promise, TransportOptions,
};
use testkit::net::{Dice, LinkConfig};

const TRANSPORTS: u32 = 30;
/// Four kinds, each out and in: eight channels.
const KINDS: [Promise; 4] =
    [Promise::Ordered, Promise::Unordered, Promise::Retransmits(2), Promise::LifeTime(500)];
const LARGEST: u64 = 262_144;
/// Longer than anything here takes on a busy machine.
const SOON: Duration = Duration::from_secs(30);
/// Each channel sends a message so often: scaled for two cores, which carry 960 channels and their bots.
const INTERVAL: Duration = Duration::from_secs(2);
/// More than are sent in the longest run.
const ENDLESS: u32 = 1_000_000;

struct Line {
    promise: Promise,
    _producer: DataProducer,
    consumer: DataConsumer,
    sink: Channel,
}

struct Large {
    tag: DataTag,
    next: u32,
    consumer: DataConsumer,
    sink: Channel,
}

pub(crate) struct Crew {
    pub(crate) number: u32,
    pub(crate) worker: Worker,
    transports: Vec<(WebRtcTransport, testkit::conference::Transport)>,
    lines: Vec<Line>,
    large: Vec<Large>,
    _application: (DirectTransport, DataProducer),
    /// Its drop would close the transports.
    _server: WebRtcServer,
}

/// 2 to 10 % are lost, and as many overtaken.
fn link(dice: &mut Dice) -> LinkOptions {
    let bad = 20 + dice.below(81) as u32;
    let link = LinkConfig {
        loss_per_mille: bad,
        reorder_per_mille: bad,
        reorder_delay: Duration::from_millis(10),
        delay: Duration::from_millis(2),
        ..LinkConfig::default()
    };
    LinkOptions { link, ..LinkOptions::default() }
}

impl Crew {
    pub(crate) async fn new(worker: Worker, number: u32, fleet: &Fleet, dice: &mut Dice) -> Self {
        let codecs =
            json!([{ "kind": "audio", "mimeType": "audio/opus", "clockRate": 48000, "channels": 2 }]);
        let options = RouterOptions::new(serde_json::from_value(codecs).unwrap());
        // one that died is replaced a moment later
        let router = loop {
            match worker.create_router(options.clone()).await {
                Ok(router) => break router,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        let listen = ListenInfo::new(Protocol::Udp, "127.0.0.1".parse().unwrap());
        let server = worker.create_webrtc_server(vec![listen]).await.unwrap();
        let device = Device::load(&serde_json::to_value(router.rtp_capabilities()).unwrap()).unwrap();
        let mut transports = Vec::new();
        for _ in 0..TRANSPORTS {
            let mut options = WebRtcTransportOptions::new_with_server(server.clone());
            options.enable_sctp = true;
            let ours = router.create_webrtc_transport(options).await.unwrap();
            let created = json!({
                "iceParameters": ours.ice_parameters(),
                "iceCandidates": ours.ice_candidates(),
                "dtlsParameters": ours.dtls_parameters(),
                "sctpParameters": ours.sctp_parameters(),
            });
            let bot = fleet.transport(&device, &created, TransportOptions::send()).unwrap();
            let dtls = serde_json::from_value(bot.dtls_parameters()).unwrap();
            ours.connect(dtls).await.unwrap();
            transports.push((ours, bot));
        }
        for (ours, bot) in &transports {
            bot.wait_connected(SOON).unwrap();
            // what is sent to an association that is not there yet is dropped, and here nothing may be
            let connected = || async { ours.get_stats().await.unwrap().unwrap().sctp_state };
            let deadline = tokio::time::Instant::now() + SOON;
            while connected().await != Some(SctpState::Connected) {
                assert!(tokio::time::Instant::now() < deadline, "crew {number}: no association");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            bot.set_link(link(dice), link(dice)).unwrap();
        }
        let application = router.create_direct_transport(DirectTransportOptions::default()).await.unwrap();
        let producer = application.produce_data(DataProducerOptions::new_direct()).await.unwrap();
        let (mut lines, mut large) = (Vec::new(), Vec::new());
        for (transport, (ours, bot)) in (0..).zip(&transports) {
            let next = (transport as usize + 1) % transports.len();
            let (their, their_bot) = &transports[next];
            for (channel, promise) in (0..).zip(KINDS) {
                let tag = DataTag { worker: number, transport, channel };
                // some carry the largest that a bot sends
                let sizes = 1..=if transport % 10 == 0 { 65_536 } else { 3_000 };
                let options = DataOptions {
                    promise,
                    sizes,
                    interval: INTERVAL,
                    ..DataOptions::sending(1_000 + channel as u16, tag, 0)
                };
                let source = bot.open_channel(options).unwrap();
                let stream = serde_json::from_value(source.sctp_stream_parameters().clone()).unwrap();
                let producer = ours.produce_data(DataProducerOptions::new_sctp(stream)).await.unwrap();
                let consumer =
                    their.consume_data(DataConsumerOptions::new_sctp(producer.id())).await.unwrap();
                let sink = receive(their_bot, &consumer, tag);
                source.send_more(ENDLESS).unwrap();
                lines.push(Line { promise, _producer: producer, consumer, sink });
            }
            let tag = DataTag { worker: number, transport, channel: 99 };
            let consumer = ours.consume_data(DataConsumerOptions::new_sctp(producer.id())).await.unwrap();
            let sink = receive(bot, &consumer, tag);
            large.push(Large { tag, next: 0, consumer, sink });
        }
        Self {
            number,
            worker,
            transports,
            lines,
            large,
            _application: (application, producer),
            _server: server,
        }
    }

    /// A message of 1 B to 256 KiB to one of the transports.
    pub(crate) async fn send_large(&mut self, dice: &mut Dice) {
        let index = dice.below(self.large.len() as u64) as usize;
        let large = &mut self.large[index];
        let length = 1 + dice.below(LARGEST) as usize;
        let bytes = Bytes::from(DataOptions::message(large.tag, large.next, length));
        match large.consumer.send(Payload::Binary(bytes)).await {
            Ok(()) => large.next += 1,
            // refused whole, and sent another time
            Err(SendMessageError::Sctp(SendError::BufferFull { .. } | SendError::NotConnected)) => {}
            Err(error) => panic!("crew {}: {error}", self.number),
        }
    }

    /// Messages that came, of all.
    pub(crate) fn received(&self) -> u64 {
        let sinks =
            self.lines.iter().map(|line| &line.sink).chain(self.large.iter().map(|large| &large.sink));
        sinks.map(|sink| sink.report().unwrap().received).sum()
    }

    /// Nothing strange came, nothing altered, nothing twice; and where order is promised there is no gap.
    pub(crate) fn check(&self) {
        for line in &self.lines {
            let report = line.sink.report().unwrap();
            let about = format!("crew {}, {:?}: {report:?}", self.number, line.promise);
            assert_eq!((report.foreign, report.corrupt), (0, 0), "{about}");
            if line.promise == Promise::Ordered {
                assert_eq!((report.missing, report.out_of_order, report.duplicates), (0, 0, 0), "{about}");
            }
        }
        for large in &self.large {
            let report = large.sink.report().unwrap();
            let faults = (report.foreign, report.corrupt, report.missing, report.out_of_order);
            assert_eq!(faults, (0, 0, 0, 0), "crew {}: {report:?}", self.number);
        }
    }

    /// Until all large messages have come, and no consumer has dropped any.
    pub(crate) async fn settle(&self) {
        for large in &self.large {
            let sent = u64::from(large.next);
            large.sink.wait(SOON, |report| report.received == sent).unwrap();
        }
        for line in &self.lines {
            let stats = line.consumer.get_stats().await.unwrap().unwrap();
            assert_eq!(stats.messages_dropped, 0, "{stats:?}");
        }
        self.check();
    }

    /// Judges once more, and lets the bots go without a word.
    pub(crate) async fn end(self) {
        self.check();
        for (_, bot) in &self.transports {
            bot.vanish().unwrap();
        }
    }
}

fn receive(bot: &testkit::conference::Transport, consumer: &DataConsumer, tag: DataTag) -> Channel {
    let parameters = serde_json::to_value(consumer.sctp_stream_parameters().unwrap()).unwrap();
    bot.open_channel(DataOptions::receiving(0, tag).with_parameters(&parameters).unwrap()).unwrap()
}
