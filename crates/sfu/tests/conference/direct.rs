//! Media through direct transports: the application sends and receives.
use crate::fixtures::{direct, everything, manager, opus, picture, router, soon, sound, vp8};
use formats::rtp::Packet;
use formats::rtp::rtcp::{self, Message};
use sfu::{Consumer, ConsumerEvent, ConsumerOptions, DirectTransportEvent, EventStream, Transport};

/// The next RTP packet of a consumer.
async fn next(events: &mut EventStream<ConsumerEvent>) -> Packet {
    loop {
        if let Some(ConsumerEvent::Rtp(bytes)) = soon(events.next()).await {
            return Packet::parse(bytes).unwrap();
        }
    }
}

fn numbers(consumer: &Consumer) -> (u32, u8) {
    let parameters = consumer.rtp_parameters();
    (parameters.encodings[0].ssrc.unwrap(), parameters.codecs[0].payload_type())
}

#[tokio::test]
async fn sound_goes_to_everybody_with_their_own_numbers() {
    let manager = manager(1).await;
    let router = router(&manager).await;
    let sender = direct(&router).await;
    let producer = sender.produce(opus(1000)).await.unwrap();
    let mut receivers = Vec::new();
    for _ in 0..3 {
        let transport = direct(&router).await;
        let consumer =
            transport.consume(ConsumerOptions::new(producer.id(), everything(&router))).await.unwrap();
        let events = consumer.events();
        receivers.push((transport, consumer, events));
    }
    for sequence in 65_530..=65_535 {
        sender.send(sound(1000, sequence));
    }
    sender.send(sound(1000, 0));
    for (_, consumer, events) in &mut receivers {
        let first = next(events).await;
        assert_eq!((first.header.ssrc, first.header.payload_type), numbers(consumer));
        for (step, sequence) in (1u16..=6).zip((65_531..=65_535u16).chain([0])) {
            let packet = next(events).await;
            assert_eq!(packet.header.sequence, first.header.sequence.wrapping_add(step));
            let passed = packet.header.timestamp.wrapping_sub(first.header.timestamp);
            // the sequence number wraps, so the fixture's time does
            assert!(passed == u32::from(step) * 960 || sequence == 0);
            assert_eq!(packet.payload[1..], sequence.to_be_bytes());
        }
    }
    let stats = producer.get_stats().await.unwrap();
    assert_eq!((stats[0].packet_count, stats[0].ssrc), (7, 1000));
    let ssrcs: std::collections::BTreeSet<u32> =
        receivers.iter().map(|(_, consumer, _)| numbers(consumer).0).collect();
    assert_eq!(ssrcs.len(), 3);
}

#[tokio::test]
async fn what_a_sender_pads_with_leaves_no_hole() {
    let manager = manager(2).await;
    let router = router(&manager).await;
    let (sender, receiver) = (direct(&router).await, direct(&router).await);
    let producer = sender.produce(opus(1000)).await.unwrap();
    let consumer = receiver.consume(ConsumerOptions::new(producer.id(), everything(&router))).await.unwrap();
    let mut events = consumer.events();
    for (sequence, only_padding) in [(1, false), (2, true), (4, true), (5, false), (3, false), (6, false)] {
        let mut packet = sound(1000, sequence).to_vec();
        if only_padding {
            packet[0] |= 0x20;
            packet.truncate(formats::rtp::HEADER_BYTES);
            packet.extend([0, 0, 0, 4]);
        }
        sender.send(packet.into());
    }
    let first = next(&mut events).await.header.sequence;
    let mut got = Vec::new();
    while got.len() < 3 {
        let packet = next(&mut events).await;
        let number = u16::from_be_bytes([packet.payload[1], packet.payload[2]]);
        got.push((number, packet.header.sequence.wrapping_sub(first)));
    }
    assert_eq!(got, [(5, 2), (3, 1), (6, 3)]);
}

#[tokio::test]
async fn a_picture_begins_with_a_key_frame_which_the_sender_is_asked_for() {
    let manager = manager(2).await;
    let router = router(&manager).await;
    // the second transport lies on the other worker: its consumer's wish has to come here
    let (sender, receiver) = (direct(&router).await, direct(&router).await);
    let mut rtcp = sender.rtcp();
    let producer = sender.produce(vp8(2000)).await.unwrap();
    let consumer = receiver.consume(ConsumerOptions::new(producer.id(), everything(&router))).await.unwrap();
    let mut events = consumer.events();
    sender.send(picture(2000, 1, false));
    let asked = loop {
        let Some(DirectTransportEvent::Rtcp(compound)) = soon(rtcp.next()).await else { panic!() };
        let messages = rtcp::parse(&compound).unwrap();
        let pli = messages.into_iter().find_map(|message| match message {
            Message::PictureLoss { media, .. } => Some(media),
            _ => None,
        });
        if let Some(media) = pli {
            break media;
        }
    };
    assert_eq!(asked, 2000);
    sender.send(picture(2000, 2, true));
    sender.send(picture(2000, 3, false));
    assert_eq!(next(&mut events).await.payload[7], 2);
    assert_eq!(next(&mut events).await.payload[7], 3);
    consumer.pause().await.unwrap();
    sender.send(picture(2000, 4, false));
    consumer.resume().await.unwrap();
    sender.send(picture(2000, 5, false));
    sender.send(picture(2000, 6, true));
    assert_eq!(next(&mut events).await.payload[7], 6);
}

#[tokio::test]
async fn an_application_that_floods_a_worker_is_told_and_memory_stays_bounded() {
    let manager = manager(1).await;
    let router = router(&manager).await;
    let sender = direct(&router).await;
    let producer = sender.produce(opus(1000)).await.unwrap();
    manager.workers().await[0].stall(std::time::Duration::from_millis(300));
    let taken = (0..3000).filter(|sequence| sender.send(sound(1000, *sequence))).count();
    assert!(taken <= 1024 + 64, "{taken}");
    // the worker goes on with what was taken
    soon(async {
        while producer
            .get_stats()
            .await
            .unwrap()
            .first()
            .is_none_or(|stats| stats.packet_count < taken as u64)
        {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    })
    .await;
    assert!(sender.send(sound(1000, 3000)));
}
