//! Messages through direct and WebRTC transports, the latter with bots on another SCTP stack.
use crate::fixtures::{SOON, direct, manager, router, soon};
use crate::webrtc::{Connection, Room};
use bytes::Bytes;
use sfu::data::{Payload, SctpState, SctpStreamParameters, SendError};
use sfu::{
    ConsumeDataError, DataConsumer, DataConsumerEvent, DataConsumerOptions, DataConsumerType,
    DataProducerOptions, DataProducerType, EventStream, MessageOptions, ProduceDataError, SendMessageError,
    Transport, TransportEvent,
};
use std::time::Duration;
use testkit::conference::{Channel, DataOptions, DataTag, LinkOptions, Promise, TransportOptions};

const ALL: MessageOptions =
    MessageOptions { subchannels: Vec::new(), required_subchannel: None, ignored_subchannel: None };

fn text(text: &str) -> Payload {
    Payload::String(Bytes::copy_from_slice(text.as_bytes()))
}

/// The next message of a data consumer.
async fn message(events: &mut EventStream<DataConsumerEvent>) -> Payload {
    loop {
        if let DataConsumerEvent::Message(payload) = soon(events.next()).await.unwrap() {
            return payload;
        }
    }
}

/// A bot's end of what a data consumer sends it.
fn receive(bot: &Connection, consumer: &DataConsumer, tag: DataTag) -> Channel {
    let parameters = serde_json::to_value(consumer.sctp_stream_parameters().unwrap()).unwrap();
    let options = DataOptions::receiving(0, tag).with_parameters(&parameters).unwrap();
    bot.bot.open_channel(options).unwrap()
}

fn sctp(channel: &Channel) -> DataProducerOptions {
    let stream = serde_json::from_value(channel.sctp_stream_parameters().clone()).unwrap();
    DataProducerOptions::new_sctp(stream)
}

/// Until the association is through.
async fn connected(connection: &Connection) {
    let mut events = connection.ours.events();
    while soon(events.next()).await.unwrap() != TransportEvent::SctpStateChange(SctpState::Connected) {}
}

#[tokio::test]
async fn messages_of_the_application_go_to_whom_they_are_addressed_also_on_another_worker() {
    for workers in [1, 2] {
        let manager = manager(workers).await;
        let router = router(&manager).await;
        let (sender, receiver) = (direct(&router).await, direct(&router).await);
        let mut options = DataProducerOptions::new_direct();
        (options.label, options.protocol) = ("chat".to_owned(), "v1".to_owned());
        let producer = sender.produce_data(options).await.unwrap();
        let mut consumers = Vec::new();
        for subchannels in [vec![], vec![1], vec![1, 2]] {
            let options = DataConsumerOptions::new_direct(producer.id(), Some(subchannels));
            let consumer = receiver.consume_data(options).await.unwrap();
            assert_eq!((consumer.label(), consumer.protocol()), ("chat", "v1"));
            let events = consumer.events();
            consumers.push((consumer, events));
        }
        let to = |subchannels: &[u16], required_subchannel, ignored_subchannel| MessageOptions {
            subchannels: subchannels.to_vec(),
            required_subchannel,
            ignored_subchannel,
        };
        let sent = [
            ("all", ALL),
            ("one", to(&[1], None, None)),
            ("two", to(&[2], None, None)),
            ("one and two", to(&[1], Some(2), None)),
            ("one, not two", to(&[1], None, Some(2))),
        ];
        for (words, to) in &sent {
            producer.send(text(words), to.clone()).await.unwrap();
        }
        producer.send(text("end"), ALL).await.unwrap();
        let heard = async |events: &mut EventStream<DataConsumerEvent>| {
            let mut heard = Vec::new();
            while heard.last() != Some(&text("end")) {
                heard.push(message(events).await);
            }
            heard
        };
        let texts = |words: &[&str]| words.iter().map(|words| text(words)).collect::<Vec<_>>();
        assert_eq!(heard(&mut consumers[0].1).await, texts(&["all", "end"]));
        assert_eq!(heard(&mut consumers[1].1).await, texts(&["all", "one", "one, not two", "end"]));
        assert_eq!(heard(&mut consumers[2].1).await, texts(&["all", "one", "two", "one and two", "end"]));
        // what it is subscribed to may change
        let (consumer, events) = &mut consumers[0];
        assert_eq!(consumer.add_subchannel(9).await.unwrap(), Some(vec![9]));
        assert_eq!(consumer.set_subchannels(vec![7, 2, 7]).await.unwrap(), Some(vec![2, 7]));
        assert_eq!(consumer.remove_subchannel(2).await.unwrap(), Some(vec![7]));
        for tag in [2, 7] {
            producer.send(text(&tag.to_string()), to(&[tag], None, None)).await.unwrap();
        }
        assert_eq!(message(events).await, text("7"));
        let status = consumer.status().await.unwrap().unwrap();
        assert_eq!((status.subchannels, status.paused), (vec![7], false));
        // paused, nothing comes, and nothing is kept
        consumer.pause().await.unwrap();
        producer.send(text("paused"), ALL).await.unwrap();
        while message(&mut consumers[2].1).await != text("paused") {}
        let (consumer, events) = &mut consumers[0];
        consumer.resume().await.unwrap();
        producer.pause().await.unwrap();
        producer.send(text("producer paused"), ALL).await.unwrap();
        producer.resume().await.unwrap();
        producer.send(Payload::Binary(Bytes::new()), ALL).await.unwrap();
        assert_eq!(message(events).await, Payload::Binary(Bytes::new()));
        let stats = producer.close().await.unwrap().unwrap();
        assert_eq!((stats.messages_received, stats.label.as_str()), (11, "chat"));
        manager.close().await;
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_its_reason() {
    let room = Room::new(1).await;
    let (plain, ours) = (room.connect(TransportOptions::send()).await.ours, room.connect_data().await.ours);
    let direct = direct(&room.router).await;
    let on = SctpStreamParameters::new_ordered;
    assert_eq!(ours.sctp_parameters().map(|sctp| sctp.port), Some(5000));
    assert_eq!(plain.sctp_parameters(), None);
    let refused = plain.produce_data(DataProducerOptions::new_sctp(on(1))).await.unwrap_err();
    assert_eq!(refused, ProduceDataError::NoSctp(plain.id()));
    let refused = ours.produce_data(DataProducerOptions::new_direct()).await.unwrap_err();
    assert_eq!(refused, ProduceDataError::NoStream(ours.id()));
    let refused = direct.produce_data(DataProducerOptions::new_sctp(on(1))).await.unwrap_err();
    assert_eq!(refused, ProduceDataError::Direct(direct.id()));
    let both = SctpStreamParameters { max_retransmits: Some(1), ..on(1) };
    let refused = ours.produce_data(DataProducerOptions::new_sctp(both)).await.unwrap_err();
    assert!(matches!(refused, ProduceDataError::Parameters(_)), "{refused}");
    let producer = ours.produce_data(DataProducerOptions::new_sctp(on(1))).await.unwrap();
    assert_eq!(producer.r#type(), DataProducerType::Sctp);
    let refused = ours.produce_data(DataProducerOptions::new_sctp(on(1))).await.unwrap_err();
    assert_eq!(refused, ProduceDataError::StreamInUse(1));
    assert_eq!(producer.send(text("mine"), ALL).await, Err(SendMessageError::NotDirect));

    let id = producer.id();
    let refused = plain.consume_data(DataConsumerOptions::new_sctp(id)).await.unwrap_err();
    assert_eq!(refused, ConsumeDataError::NoSctp(plain.id()));
    let refused = ours.consume_data(DataConsumerOptions::new_direct(id, None)).await.unwrap_err();
    assert_eq!(refused, ConsumeDataError::NotDirect(ours.id()));
    let refused = direct.consume_data(DataConsumerOptions::new_sctp_ordered(id)).await.unwrap_err();
    assert_eq!(refused, ConsumeDataError::Direct(direct.id()));
    // numbers are the transport's, and inherited is all else
    let consumers = [
        DataConsumerOptions::new_sctp(id),
        DataConsumerOptions::new_sctp_ordered(id),
        DataConsumerOptions::new_sctp_unordered_with_life_time(id, 100),
        DataConsumerOptions::new_sctp_unordered_with_retransmits(id, 3),
    ];
    let mut streams = Vec::new();
    let mut held = Vec::new();
    for options in consumers {
        let consumer = ours.consume_data(options).await.unwrap();
        assert_eq!(consumer.r#type(), DataConsumerType::Sctp);
        streams.push(consumer.sctp_stream_parameters().unwrap());
        held.push(consumer);
    }
    let expected = [
        on(0),
        on(2),
        SctpStreamParameters::new_unordered_with_life_time(3, 100),
        SctpStreamParameters::new_unordered_with_retransmits(4, 3),
    ];
    assert_eq!(streams, expected);
    let not_yet = held[0].send(text("early")).await;
    assert!(matches!(not_yet, Err(SendMessageError::Sctp(SendError::NotConnected)) | Ok(())), "{not_yet:?}");
    let dump = ours.dump().await.unwrap().unwrap();
    assert_eq!((dump.data_producer_ids, dump.data_consumer_ids.len()), (vec![id], 4));
    // too large, gone
    let mine = direct.produce_data(DataProducerOptions::new_direct()).await.unwrap();
    let large = Payload::Binary(vec![0; 262_145].into());
    let refused = mine.send(large, ALL).await;
    assert_eq!(refused, Err(SendMessageError::Sctp(SendError::TooLarge { size: 262_145, max: 262_144 })));
    let gone = mine.id();
    mine.close().await.unwrap().unwrap();
    assert_eq!(mine.close().await.unwrap(), None);
    assert_eq!(mine.send(text("late"), ALL).await, Err(SendMessageError::Closed));
    let refused = ours.consume_data(DataConsumerOptions::new_sctp(gone)).await.unwrap_err();
    assert_eq!(refused, ConsumeDataError::NoDataProducer(gone));
    ours.close().await.unwrap();
    let refused = ours.produce_data(DataProducerOptions::new_sctp(on(9))).await.unwrap_err();
    assert_eq!(refused, ProduceDataError::TransportClosed(ours.id()));
    room.fleet.stop(SOON).unwrap();
}

/// From bot to bot, of each kind, over a link that loses so many of a thousand.
async fn channels(workers: usize, loss_per_mille: u32) {
    const MESSAGES: u32 = 100;
    let room = Room::new(workers).await;
    let (sender, receiver) = (room.connect_data().await, room.connect_data().await);
    for connection in [&sender, &receiver] {
        connected(connection).await;
        let link = LinkOptions::lossy(loss_per_mille);
        connection.bot.set_link(link, link).unwrap();
    }
    let promises = [Promise::Ordered, Promise::Unordered, Promise::LifeTime(200), Promise::Retransmits(0)];
    let mut ends = Vec::new();
    for (stream, promise) in (10..).zip(promises) {
        let tag = DataTag { worker: 1, transport: 2, channel: stream.into() };
        let options = DataOptions { promise, sizes: 1..=4_000, ..DataOptions::sending(stream, tag, 0) };
        let source = sender.bot.open_channel(options).unwrap();
        let producer = sender.ours.produce_data(sctp(&source)).await.unwrap();
        let consumer =
            receiver.ours.consume_data(DataConsumerOptions::new_sctp(producer.id())).await.unwrap();
        let sink = receive(&receiver, &consumer, tag);
        source.send_more(MESSAGES).unwrap();
        ends.push((promise, source, producer, consumer, sink));
    }
    for (promise, source, producer, consumer, sink) in ends {
        let reliable = matches!(promise, Promise::Ordered | Promise::Unordered);
        let sent = source.wait(SOON * 4, |report| report.sent == u64::from(MESSAGES)).unwrap();
        // what may be given up mostly is: all were handed over at once, and wait longer than their life
        let enough = u64::from(if reliable { MESSAGES } else { MESSAGES / 20 });
        let report = sink.wait(SOON * 4, |report| report.received >= enough).unwrap();
        assert_eq!((report.corrupt, report.foreign, report.duplicates), (0, 0, 0), "{promise:?} {report:?}");
        if promise == Promise::Ordered {
            assert_eq!((report.missing, report.out_of_order), (0, 0), "{report:?}");
        }
        let received = producer.close().await.unwrap().unwrap();
        if reliable {
            assert_eq!((received.messages_received, received.bytes_received), (sent.sent, sent.bytes_sent));
        }
        println!("{workers} workers, {loss_per_mille} per mille, {promise:?}: {report:?}");
        drop(consumer);
    }
    let stats = receiver.ours.get_stats().await.unwrap().unwrap();
    assert_eq!(stats.sctp_state, Some(SctpState::Connected));
    room.fleet.stop(SOON).unwrap();
    room.manager.close().await;
}

#[tokio::test]
async fn channels_of_each_kind_keep_their_promise_from_bot_to_bot() {
    for workers in [1, 2] {
        channels(workers, 0).await;
    }
}

#[tokio::test]
async fn channels_of_each_kind_keep_their_promise_at_five_percent_loss() {
    for workers in [1, 2] {
        channels(workers, 50).await;
    }
}

/// The largest messages, from the application to a bot.
async fn largest_messages(workers: usize) {
    const MESSAGES: u32 = 6;
    let room = Room::new(workers).await;
    let (application, receiver) = (direct(&room.router).await, room.connect_data().await);
    connected(&receiver).await;
    let producer = application.produce_data(DataProducerOptions::new_direct()).await.unwrap();
    let consumer = receiver.ours.consume_data(DataConsumerOptions::new_sctp(producer.id())).await.unwrap();
    let tag = DataTag { worker: 1, transport: 1, channel: 1 };
    let sink = receive(&receiver, &consumer, tag);
    for sequence in 0..MESSAGES {
        let payload = Payload::Binary(DataOptions::message(tag, sequence, 262_144).into());
        producer.send(payload, ALL).await.unwrap();
    }
    let report = sink.wait(SOON * 4, |report| report.received == u64::from(MESSAGES)).unwrap();
    assert_eq!((report.corrupt, report.foreign, report.missing, report.out_of_order), (0, 0, 0, 0));
    assert_eq!(report.bytes_received, 262_144 * u64::from(MESSAGES));
    let stats = consumer.close().await.unwrap().unwrap();
    assert_eq!((stats.messages_sent, stats.messages_dropped), (u64::from(MESSAGES), 0));
    room.fleet.stop(SOON).unwrap();
    room.manager.close().await;
}

#[tokio::test]
async fn messages_of_256_kib_arrive_whole() {
    for workers in [1, 2] {
        largest_messages(workers).await;
    }
}

#[tokio::test]
async fn a_full_buffer_is_told_once_and_when_it_is_low_again_messages_go_on() {
    for workers in [1, 2] {
        let room = Room::new(workers).await;
        let (application, receiver) = (direct(&room.router).await, room.connect_data().await);
        connected(&receiver).await;
        // slow enough that the buffer fills
        receiver.bot.set_link(LinkOptions::default(), LinkOptions::limited(8_000_000)).unwrap();
        let producer = application.produce_data(DataProducerOptions::new_direct()).await.unwrap();
        let consumer =
            receiver.ours.consume_data(DataConsumerOptions::new_sctp(producer.id())).await.unwrap();
        let mut events = consumer.events();
        consumer.set_buffered_amount_low_threshold(200_000).await.unwrap();
        let tag = DataTag { worker: 1, transport: 1, channel: 1 };
        let sink = receive(&receiver, &consumer, tag);
        let large = |sequence| Payload::Binary(DataOptions::message(tag, sequence, 200_000).into());
        for sequence in 0..30 {
            producer.send(large(sequence), ALL).await.unwrap();
        }
        assert_eq!(soon(events.next()).await, Some(DataConsumerEvent::SctpSendBufferFull));
        let buffered = consumer.get_buffered_amount().await.unwrap().unwrap();
        assert!((200_000..=2_000_000).contains(&buffered), "{buffered}");
        // to this endpoint alone, and refused the same way
        let refused = consumer.send(large(99)).await;
        assert!(matches!(refused, Err(SendMessageError::Sctp(SendError::BufferFull { .. }))), "{refused:?}");
        let low = loop {
            match tokio::time::timeout(SOON * 4, events.next()).await.unwrap() {
                Some(DataConsumerEvent::BufferedAmountLow(amount)) => break amount,
                Some(DataConsumerEvent::SctpSendBufferFull) => {}
                other => panic!("{other:?}"),
            }
        };
        assert!(low <= 200_000, "{low}");
        let stats = consumer.get_stats().await.unwrap().unwrap();
        assert!(stats.messages_dropped > 0 && stats.messages_sent >= 9, "{stats:?}");
        assert_eq!(stats.messages_sent + stats.messages_dropped, 31, "{stats:?}");
        consumer.send(large(100)).await.unwrap();
        let report = sink.wait(SOON * 4, |report| report.received == stats.messages_sent + 1).unwrap();
        assert_eq!((report.corrupt, report.foreign, report.out_of_order), (0, 0, 0));
        tokio::time::sleep(Duration::from_millis(10)).await;
        room.fleet.stop(SOON).unwrap();
        room.manager.close().await;
    }
}

#[tokio::test]
async fn a_channel_that_the_peer_closes_ends_on_our_side_and_its_number_is_free_again() {
    let room = Room::new(1).await;
    let sender = room.connect_data().await;
    connected(&sender).await;
    let tag = DataTag { worker: 1, transport: 1, channel: 7 };
    let source = sender.bot.open_channel(DataOptions::sending(7, tag, 0)).unwrap();
    let producer = sender.ours.produce_data(sctp(&source)).await.unwrap();
    let mut events = producer.events();
    source.send_more(1).unwrap();
    source.wait(SOON, |report| report.sent == 1).unwrap();
    while producer.get_stats().await.unwrap().unwrap().messages_received == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    source.close().unwrap();
    assert_eq!(soon(events.next()).await, Some(sfu::DataProducerEvent::ChannelClose));
    assert_eq!(soon(events.next()).await, Some(sfu::DataProducerEvent::Close));
    soon(async {
        while sender.ours.produce_data(sctp(&source)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    room.fleet.stop(SOON).unwrap();
}
