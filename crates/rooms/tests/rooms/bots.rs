//! Media and data through rooms, by bots on another WebRTC stack.
use crate::fixtures::{Client, all, lobby, service, service_with, viewer};
use rooms::Rooms;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::conference::{
    AudioOptions, Channel, DataOptions, DataTag, Device, Fleet, Transport, TransportOptions, VideoOptions,
    Voice,
};

/// Longer than anything here takes, also on a busy machine.
const SOON: Duration = Duration::from_secs(10);

/// A participant with a client of the protocol, and a bot's transport each way, with data channels.
struct Participant {
    client: Client,
    send: Transport,
    send_id: Value,
    recv: Transport,
}

impl Participant {
    async fn join(rooms: &Rooms, fleet: &Fleet, identity: &str) -> Self {
        let mut client = Client::connect(rooms, identity, all()).await;
        let capabilities = client.ok("getRouterRtpCapabilities", json!({})).await;
        let device = Device::load(&capabilities["routerRtpCapabilities"]).unwrap();
        client.ok("join", json!({ "rtpCapabilities": device.rtp_capabilities() })).await;
        let mut made = Vec::new();
        for (direction, options) in
            [("send", TransportOptions::send()), ("recv", TransportOptions::receive())]
        {
            let wanted = json!({ "direction": direction, "sctpCapabilities": { "numStreams": { "OS": 1024, "MIS": 1024 } } });
            let created = client.ok("createWebRtcTransport", wanted).await;
            let bot = fleet.transport(&device, &created, options).unwrap();
            let connect = json!({ "transportId": created["id"], "dtlsParameters": bot.dtls_parameters() });
            client.ok("connectWebRtcTransport", connect).await;
            made.push((bot, created["id"].clone()));
        }
        let (recv, _) = made.pop().unwrap();
        let (send, send_id) = made.pop().unwrap();
        Self { client, send, send_id, recv }
    }

    async fn produce(&mut self, sending: &testkit::conference::Sending) -> Value {
        let produce = json!({
            "transportId": self.send_id, "kind": sending.kind(), "rtpParameters": sending.rtp_parameters(),
        });
        self.client.ok("produce", produce).await["id"].clone()
    }

    /// A channel that sends with this label; it does not begin by itself.
    async fn produce_data(&mut self, stream: u16, label: &str) -> (Channel, DataTag, Value) {
        let tag = DataTag { worker: 0, transport: 0, channel: stream.into() };
        let channel = self.send.open_channel(DataOptions::sending(stream, tag, 0)).unwrap();
        let produce = json!({
            "transportId": self.send_id, "sctpStreamParameters": channel.sctp_stream_parameters(),
            "label": label, "protocol": "text", "appData": { "mine": 1 },
        });
        let id = self.client.ok("produceData", produce).await["id"].clone();
        (channel, tag, id)
    }

    /// Its end of the data that it was offered.
    async fn take_data(&mut self, offer: &Value, tag: DataTag) -> Channel {
        let options = DataOptions::receiving(0, tag).with_parameters(&offer["data"]["sctpStreamParameters"]);
        let channel = self.recv.open_channel(options.unwrap()).unwrap();
        self.client.answer(offer).await;
        channel
    }
}

#[tokio::test]
async fn media_of_one_is_seen_and_heard_whole_by_the_other() {
    let (rooms, fleet) = (service().await, Fleet::start("bots").unwrap());
    let mut ann = Participant::join(&rooms, &fleet, "ann").await;
    let mut ben = Participant::join(&rooms, &fleet, "ben").await;
    let camera = ann.send.publish_video(VideoOptions::new(1)).unwrap();
    let microphone = ann.send.publish_audio(AudioOptions::new(2)).unwrap();
    for (sending, tag) in [(&camera, 1), (&microphone, 2)] {
        ann.produce(sending).await;
        let offer = ben.client.told("newConsumer").await;
        let view = ben.recv.consume(&offer["data"]["rtpParameters"], Some(tag)).unwrap();
        ben.client.answer(&offer).await;
        // the room works on this thread, which then waits for the bot
        ben.client.heard_of("consumerClosed").await;
        let report = view.wait(SOON, |report| report.frames_decodable.max(report.packets) > 30).unwrap();
        assert_eq!(report.faults(), Vec::<String>::new());
        let stats = ben.client.ok("getConsumerStats", json!({ "consumerId": offer["data"]["id"] })).await;
        assert_eq!(
            (&stats["stats"][0]["type"], &stats["stats"][1]["type"]),
            (&json!("outbound-rtp"), &json!("inbound-rtp"))
        );
        assert!(stats["stats"][0]["packetCount"].as_u64().unwrap() > 30, "{stats}");
    }
    let stats = ann.client.ok("getTransportStats", json!({ "transportId": ann.send_id })).await;
    assert_eq!(stats["stats"][0]["type"], "webrtc-transport");
    fleet.stop(SOON).unwrap();
}

#[tokio::test]
async fn data_of_each_comes_to_all_others_whichever_came_first_and_its_end_is_told() {
    let (rooms, fleet) = (service_with(|config| config.workers = 2).await, Fleet::start("bots").unwrap());
    let mut ann = Participant::join(&rooms, &fleet, "ann").await;
    let (chat, tag, producer) = ann.produce_data(0, "chat").await;
    // who comes later is offered it too
    let mut ben = Participant::join(&rooms, &fleet, "ben").await;
    let asked = ben.client.told("newDataConsumer").await;
    let offer = &asked["data"];
    // what is said before he has made his side waits for him
    chat.send_more(50).unwrap();
    chat.wait(SOON, |report| report.sent == 50).unwrap();
    let read = ben.take_data(&asked, tag).await;
    assert_eq!((&offer["peerId"], &offer["dataProducerId"]), (&json!("ann"), &producer));
    assert_eq!(
        (&offer["label"], &offer["protocol"], &offer["appData"]),
        (&json!("chat"), &json!("text"), &json!({ "mine": 1 }))
    );
    // the round trip: the answer to the offer was handled before this one
    let of = json!({ "dataConsumerId": offer["id"] });
    let stats = ben.client.ok("getDataConsumerStats", of.clone()).await;
    assert_eq!(stats["stats"][0]["type"], "data-consumer");
    let report = read.wait(SOON, |report| report.received == 50).unwrap();
    let broken = (report.missing, report.out_of_order, report.corrupt, report.foreign);
    assert_eq!(broken, (0, 0, 0, 0), "{report:?}");
    let (answers, tag, _) = ben.produce_data(0, "chat").await;
    let asked = ann.client.told("newDataConsumer").await;
    let heard = ann.take_data(&asked, tag).await;
    ann.client.ok("getDataProducerStats", json!({ "dataProducerId": producer })).await;
    answers.send_more(20).unwrap();
    ann.client.heard_of("newDataConsumer").await;
    heard.wait(SOON, |report| report.received == 20).unwrap();
    assert!(ann.client.heard_of("newDataConsumer").await.is_empty(), "nobody gets their own");
    ann.client.ok("closeDataProducer", json!({ "dataProducerId": producer })).await;
    assert_eq!(ben.client.told("dataConsumerClosed").await["data"], json!({ "dataConsumerId": offer["id"] }));
    assert_eq!(ben.client.refused("getDataConsumerStats", of).await.0, 404);
    drop(ben);
    ann.client.told("dataConsumerClosed").await;
    fleet.stop(SOON).unwrap();
}

/// On two workers, so that the way to the listener has to be made first.
#[tokio::test]
async fn the_first_word_behind_the_answer_reaches_all_who_are_there() {
    let (rooms, fleet) = (service_with(|config| config.workers = 2).await, Fleet::start("bots").unwrap());
    let mut ann = Participant::join(&rooms, &fleet, "ann").await;
    let mut ben = Participant::join(&rooms, &fleet, "ben").await;
    for stream in 0..4 {
        let (chat, tag, _) = ann.produce_data(stream, "chat").await;
        // the room works on this thread, which does nothing until that is sent
        chat.send_more(1).unwrap();
        chat.wait(SOON, |report| report.sent == 1).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        let asked = ben.client.told("newDataConsumer").await;
        let read = ben.take_data(&asked, tag).await;
        ben.client.heard_of("dataConsumerClosed").await;
        read.wait(SOON, |report| report.received == 1).unwrap();
    }
    fleet.stop(SOON).unwrap();
}

#[tokio::test]
async fn what_is_wrong_with_data_is_told() {
    let rooms = service_with(|config| config.limits.room.data_producers_per_participant_max = 1).await;
    let fleet = Fleet::start("bots").unwrap();
    let mut ann = Participant::join(&rooms, &fleet, "ann").await;
    ann.produce_data(3, "one").await;
    let produce = |transport: &Value, stream: u16| json!({ "transportId": transport, "sctpStreamParameters": { "streamId": stream } });
    let (code, why) = ann.client.refused("produceData", produce(&ann.send_id, 4)).await;
    assert!(code == 429 && why.contains("data_producers_per_participant_max"), "{code} {why}");
    // a transport that was made without
    let mut ben = Client::join(&rooms, "ben", all()).await;
    let send = ben.transport("send").await;
    assert!(send.get("sctpParameters").is_none());
    let (code, why) = ben.refused("produceData", produce(&send["id"], 0)).await;
    assert!(code == 400 && why.contains("sctpCapabilities"), "{code} {why}");
    let recv = ben.transport("recv").await;
    assert_eq!(ben.refused("produceData", produce(&recv["id"], 0)).await.0, 400);
    assert!(ben.heard_of("newDataConsumer").await.is_empty(), "its transport carries none");
    fleet.stop(SOON).unwrap();
}

#[tokio::test]
async fn who_speaks_is_told_to_all_and_that_nobody_does() {
    let (rooms, fleet) = (service_with(|config| config.workers = 2).await, Fleet::start("bots").unwrap());
    let mut ann = Participant::join(&rooms, &fleet, "ann").await;
    let mut ben = Participant::join(&rooms, &fleet, "ben").await;
    let mut carl = Client::join(&rooms, "carl", viewer()).await;
    let quiet = AudioOptions { voice: Voice::Silent, ..AudioOptions::new(1) };
    let microphones = [
        ann.send.publish_audio(quiet).unwrap(),
        ben.send.publish_audio(AudioOptions { tag: 2, seed: 2, ..quiet }).unwrap(),
    ];
    let producers = [ann.produce(&microphones[0]).await, ben.produce(&microphones[1]).await];
    for (speaks, identity) in [(1, "ben"), (0, "ann")] {
        microphones[speaks].set_voice(Voice::Speaks(20)).unwrap();
        microphones[1 - speaks].set_voice(Voice::Silent).unwrap();
        let told = loop {
            let told = carl.told("activeSpeaker").await;
            if told["data"]["peerId"] == identity {
                break told;
            }
        };
        assert_eq!(told["data"]["producerId"], producers[speaks]);
        let volume = loop {
            let volumes = carl.told("audioVolumes").await;
            if let Some(one) =
                volumes["data"]["volumes"].as_array().unwrap().iter().find(|one| one["peerId"] == identity)
            {
                break one["volume"].as_i64().unwrap();
            }
        };
        assert!((-45..=-15).contains(&volume), "{volume}");
    }
    microphones[0].set_voice(Voice::Silent).unwrap();
    loop {
        let told = carl.told("activeSpeaker").await;
        if told["data"] == json!({ "peerId": null }) {
            break;
        }
    }
    // who leaves speaks no more
    microphones[0].set_voice(Voice::Speaks(20)).unwrap();
    while carl.told("activeSpeaker").await["data"]["peerId"] != "ann" {}
    drop(ann);
    while carl.told("activeSpeaker").await["data"]["peerId"] == "ann" {}
    assert!(rooms.details(&lobby(), false).await.is_ok());
    fleet.stop(SOON).unwrap();
}

#[tokio::test]
async fn a_worker_that_ends_ends_what_was_on_it_and_is_told() {
    let (rooms, fleet) = (service().await, Fleet::start("bots").unwrap());
    let mut ann = Participant::join(&rooms, &fleet, "ann").await;
    let mut ben = Participant::join(&rooms, &fleet, "ben").await;
    let camera = ann.send.publish_video(VideoOptions::new(1)).unwrap();
    ann.produce(&camera).await;
    let offer = ben.client.told("newConsumer").await;
    ben.client.answer(&offer).await;
    rooms.panic_worker(0);
    for participant in [&mut ann, &mut ben] {
        for _ in 0..2 {
            participant.client.told("transportClosed").await;
        }
    }
    assert_eq!(ben.client.told("consumerClosed").await["data"]["consumerId"], offer["data"]["id"]);
    ann.client.told("producerClosed").await;
    // the room goes on, on the worker that took its place
    let mut again = Participant::join(&rooms, &fleet, "carl").await;
    again.produce(&again.send.publish_video(VideoOptions::new(2)).unwrap()).await;
    let recv = ben.client.transport("recv").await;
    let offer = ben.client.told("newConsumer").await;
    assert_eq!((&offer["data"]["peerId"], &offer["data"]["transportId"]), (&json!("carl"), &recv["id"]));
    fleet.stop(SOON).unwrap();
}

#[tokio::test]
async fn another_transport_to_receive_takes_over_when_the_first_is_closed() {
    let (rooms, fleet) = (service().await, Fleet::start("bots").unwrap());
    let mut ann = Participant::join(&rooms, &fleet, "ann").await;
    let camera = ann.send.publish_video(VideoOptions::new(1)).unwrap();
    let producer = ann.produce(&camera).await;
    let mut ben = Client::join(&rooms, "ben", all()).await;
    let first = ben.transport("recv").await;
    let offer = ben.told("newConsumer").await;
    ben.answer(&offer).await;
    assert_eq!(offer["data"]["transportId"], first["id"]);
    let second = ben.transport("recv").await;
    assert!(ben.heard_of("newConsumer").await.is_empty(), "it gets it already");
    ben.ok("closeTransport", json!({ "transportId": first["id"] })).await;
    let offer = ben.told("newConsumer").await;
    assert_eq!((&offer["data"]["producerId"], &offer["data"]["transportId"]), (&producer, &second["id"]));
    assert!(ben.heard_of("newConsumer").await.is_empty(), "once");
    fleet.stop(SOON).unwrap();
}

#[tokio::test]
async fn who_asks_without_end_is_refused_and_others_are_not() {
    let rooms = service().await;
    let mut ann = Client::join(&rooms, "ann", all()).await;
    let mut ben = Client::join(&rooms, "ben", all()).await;
    let mut refused = None;
    for number in 0..2_000 {
        let answer = ann.ask("changeDisplayName", json!({ "displayName": number.to_string() })).await;
        if answer["ok"] == false {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("refused");
    assert!(
        refused["errorCode"] == 429 && refused["errorReason"].as_str().unwrap().contains("50 requests"),
        "{refused}"
    );
    ben.ok("getRouterRtpCapabilities", json!({})).await;
}
