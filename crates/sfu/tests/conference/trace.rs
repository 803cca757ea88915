//! Single packets, for whoever looks for a fault; nothing of them where nobody looks.
use crate::fixtures::{direct, everything, manager, picture, router, soon, vp8};
use formats::rtp::rtcp::{self, Message, SenderReport};
use sfu::{
    ConsumerOptions, ConsumerTraceEventType, DirectTransportEvent, ProducerTraceEventType,
    TraceEventDirection, TraceEventInfo, Transport,
};

#[tokio::test]
async fn what_is_asked_for_is_traced_and_nothing_else() {
    let manager = manager(1).await;
    let router = router(&manager).await;
    let (sender, receiver) = (direct(&router).await, direct(&router).await);
    let producer = sender.produce(vp8(5)).await.unwrap();
    let consumer = receiver.consume(ConsumerOptions::new(producer.id(), everything(&router))).await.unwrap();
    let (mut came, mut went) = (producer.trace_events(), consumer.trace_events());
    sender.send_all(vec![picture(5, 1, true)]).await.unwrap();
    use ProducerTraceEventType as Came;
    producer.enable_trace_event(vec![Came::KeyFrame, Came::Sr, Came::Pli]).await.unwrap();
    consumer
        .enable_trace_event(vec![ConsumerTraceEventType::Rtp, ConsumerTraceEventType::Nack])
        .await
        .unwrap();
    sender.send_all(vec![picture(5, 2, false), picture(5, 3, true)]).await.unwrap();
    let mut report = Vec::new();
    let sr =
        SenderReport { ssrc: 5, ntp: 7 << 32 | 8, rtp_time: 9, packets: 3, octets: 24, blocks: Vec::new() };
    rtcp::write_sender_report(&sr, "me", &mut report);
    sender.send(report.into());
    let ssrc = consumer.rtp_parameters().encodings[0].ssrc.unwrap();
    let mut nack = Vec::new();
    rtcp::write_nack(1, ssrc, &[4, 5], &mut nack);
    receiver.send(nack.into());
    consumer.request_key_frame().await.unwrap();

    let event = soon(came.next()).await.unwrap();
    assert_eq!((event.r#type, event.direction), (Came::KeyFrame, TraceEventDirection::In));
    let TraceEventInfo::Rtp(info) = event.info else { panic!() };
    assert_eq!((info.sequence_number, info.is_key_frame, info.size, info.payload_size), (3, true, 20, 8));
    let json = serde_json::to_value(event).unwrap();
    assert_eq!(
        (&json["type"], &json["direction"], &json["info"]["sequenceNumber"]),
        (&"keyframe".into(), &"in".into(), &3.into())
    );
    let event = soon(came.next()).await.unwrap();
    assert_eq!(event.r#type, Came::Sr);
    let TraceEventInfo::Sr(info) = event.info else { panic!() };
    assert_eq!((info.ntp_sec, info.ntp_frac, info.packet_count), (7, 8, 3));
    let event = soon(came.next()).await.unwrap();
    assert_eq!((event.r#type, event.direction), (Came::Pli, TraceEventDirection::Out));
    assert_eq!(event.info, TraceEventInfo::KeyFrameRequest { ssrc: 5 });

    for _ in 0..2 {
        let event = soon(went.next()).await.unwrap();
        assert_eq!((event.r#type, event.direction), (ConsumerTraceEventType::Rtp, TraceEventDirection::Out));
    }
    let event = soon(went.next()).await.unwrap();
    assert_eq!((event.r#type, event.direction), (ConsumerTraceEventType::Nack, TraceEventDirection::In));
    assert_eq!(event.info, TraceEventInfo::Nack { ssrc, lost: 2 });
    producer.enable_trace_event(Vec::new()).await.unwrap();
    sender.send_all(vec![picture(5, 4, true)]).await.unwrap();
    producer.close().await.unwrap();
    assert_eq!((soon(came.next()).await, came.lost()), (None, 0));
}

#[tokio::test]
async fn a_sender_that_knows_only_fir_is_asked_by_fir() {
    let manager = manager(1).await;
    let router = router(&manager).await;
    let (sender, receiver) = (direct(&router).await, direct(&router).await);
    let mut asked = sender.rtcp();
    let mut options = vp8(5);
    let feedback = serde_json::json!({
        "codecs": [{
            "mimeType": "video/VP8", "payloadType": 96, "clockRate": 90000,
            "rtcpFeedback": [{ "type": "ccm", "parameter": "fir" }],
        }],
        "encodings": [{ "ssrc": 5 }],
    });
    options.rtp_parameters = serde_json::from_value(feedback).unwrap();
    let producer = sender.produce(options).await.unwrap();
    let mut traced = producer.trace_events();
    producer
        .enable_trace_event(vec![ProducerTraceEventType::Fir, ProducerTraceEventType::Pli])
        .await
        .unwrap();
    let _consumer = receiver.consume(ConsumerOptions::new(producer.id(), everything(&router))).await.unwrap();
    sender.send(picture(5, 1, false));
    loop {
        let Some(DirectTransportEvent::Rtcp(compound)) = soon(asked.next()).await else { panic!() };
        let messages = rtcp::parse(&compound).unwrap();
        assert!(!messages.iter().any(|message| matches!(message, Message::PictureLoss { .. })));
        if messages.iter().any(
            |message| matches!(message, Message::FullIntraRequest { requests, .. } if requests == &[(5, 0)]),
        ) {
            break;
        }
    }
    assert_eq!(soon(traced.next()).await.unwrap().r#type, ProducerTraceEventType::Fir);
}
