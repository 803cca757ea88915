//! Producers of one router in another: through pipe transports by network, and within the process by message.
use crate::fixtures::{
    direct, eventually, everything, manager, next_rtp, opus, picture, router, soon, sound, udp, vp8,
};
use formats::rtp::rtcp::{self, Message};
use sfu::rtp_parameters::RtpEncodingParameters;
use sfu::{
    Consumer, ConsumerEvent, ConsumerOptions, ConsumerType, DirectTransport, DirectTransportEvent, PipeError,
    PipeTransport, PipeTransportOptions, PipeTransportRemoteParameters, PlainConnectError, ProduceError,
    ProducerOptions, ProducerType, Router, SrtpCryptoSuite, SrtpParameters, Transport,
};

async fn pipe(router: &Router, with: impl FnOnce(&mut PipeTransportOptions)) -> PipeTransport {
    let mut options = PipeTransportOptions::new(udp());
    with(&mut options);
    router.create_pipe_transport(options).await.unwrap()
}

fn address(
    transport: &PipeTransport,
    srtp_parameters: Option<SrtpParameters>,
) -> PipeTransportRemoteParameters {
    let tuple = transport.tuple();
    let ip = tuple.local_address.parse().unwrap();
    PipeTransportRemoteParameters { ip, port: tuple.local_port, srtp_parameters }
}

async fn connect(a: &PipeTransport, b: &PipeTransport) {
    a.connect(address(b, b.srtp_parameters())).await.unwrap();
    b.connect(address(a, a.srtp_parameters())).await.unwrap();
}

async fn listen(router: &Router, producer: sfu::ProducerId) -> (DirectTransport, Consumer) {
    let transport = direct(router).await;
    let consumer = transport.consume(ConsumerOptions::new(producer, everything(router))).await.unwrap();
    (transport, consumer)
}

#[tokio::test]
async fn a_pipe_carries_all_streams_of_a_producer_and_brings_its_requests_back() {
    let (near, far) = (manager(1).await, manager(2).await);
    let (here, there) = (router(&near).await, router(&far).await);
    for secure in [false, true] {
        let with =
            |options: &mut PipeTransportOptions| (options.enable_srtp, options.enable_rtx) = (secure, secure);
        let (ours, theirs) = (pipe(&here, with).await, pipe(&there, with).await);
        connect(&ours, &theirs).await;
        let sender = direct(&here).await;
        let mut asked = sender.rtcp();
        let mut options = vp8(1);
        let second = RtpEncodingParameters { ssrc: Some(2), ..options.rtp_parameters.encodings[0].clone() };
        options.rtp_parameters.encodings.push(second);
        let producer = sender.produce(options).await.unwrap();
        let over = ours.consume(ConsumerOptions::new(producer.id(), everything(&here))).await.unwrap();
        let parameters = over.rtp_parameters();
        assert_eq!((over.r#type(), parameters.encodings.len()), (ConsumerType::Pipe, 2));
        assert_eq!(parameters.mid, None);
        assert_eq!(parameters.encodings.iter().all(|encoding| encoding.rtx.is_some()), secure);
        let come = ProducerOptions::new_pipe_transport(producer.id(), over.kind(), parameters.clone());
        let arrived = theirs.produce(come.clone()).await.unwrap();
        assert_eq!((arrived.id(), arrived.r#type()), (producer.id(), ProducerType::Simulcast));
        let again = theirs.produce(come).await.unwrap_err();
        assert!(matches!(again, ProduceError::SsrcInUse(_) | ProduceError::IdInUse(_)), "{again}");
        let (_receiver, seen) = listen(&there, arrived.id()).await;
        let mut pictures = seen.events();
        // both streams run; the viewer's wish for a key frame comes back to the sender
        let mut sequence = 0;
        let mut next = async |key_frame| {
            sequence += 1;
            sender
                .send_all(vec![picture(1, sequence, key_frame), picture(2, sequence, key_frame)])
                .await
                .unwrap();
            sequence
        };
        next(false).await;
        loop {
            let Some(DirectTransportEvent::Rtcp(compound)) = soon(asked.next()).await else { panic!() };
            let messages = rtcp::parse(&compound).unwrap();
            if messages.iter().any(|message| matches!(message, Message::PictureLoss { media: 1 | 2, .. })) {
                break;
            }
        }
        let sent = next(true).await;
        assert_eq!(next_rtp(&mut pictures).await.payload[7], sent as u8);
        eventually("both streams arrived", async || arrived.get_stats().await.unwrap().len() == 2).await;
        let stats = theirs.get_stats().await.unwrap().unwrap();
        assert_eq!((stats.datagrams_dropped, stats.comedia), (0, Some(false)));
    }
}

#[tokio::test]
async fn a_pipe_is_connected_once_and_with_the_keys_that_it_needs() {
    let manager = manager(1).await;
    let router = router(&manager).await;
    let (open, secure) =
        (pipe(&router, |_| {}).await, pipe(&router, |options| options.enable_srtp = true).await);
    assert_eq!(open.srtp_parameters(), None);
    let suite = secure.srtp_parameters().unwrap().crypto_suite;
    assert_eq!(suite, SrtpCryptoSuite::AeadAes256Gcm);
    let error = open.connect(address(&open, secure.srtp_parameters())).await.unwrap_err();
    assert_eq!(error, PlainConnectError::UnexpectedSrtp);
    assert_eq!(secure.connect(address(&open, None)).await.unwrap_err(), PlainConnectError::MissingSrtp);
    let other = SrtpParameters {
        crypto_suite: SrtpCryptoSuite::AesCm128HmacSha180,
        key_base64: "ZnQ3eWJraDg0d3ZoYzM5cXN1Y2pnaHU5NWxrZTVv".to_owned(),
    };
    let error = secure.connect(address(&open, Some(other))).await.unwrap_err();
    assert!(matches!(error, PlainConnectError::Suite { .. }));
    open.connect(address(&secure, None)).await.unwrap();
    assert_eq!(open.connect(address(&secure, None)).await.unwrap_err(), PlainConnectError::Twice);
}

/// Consumers that the routers' parts know of a producer.
async fn known(router: &Router, producer: sfu::ProducerId) -> (usize, usize) {
    let dumps = router.dump().await.unwrap();
    let of = dumps.iter().filter_map(|dump| dump.map_producer_id_consumer_ids.get(&producer));
    of.fold((0, 0), |(parts, consumers), ids| (parts + 1, consumers + ids.len()))
}

#[tokio::test]
async fn a_producer_that_is_brought_to_a_router_twice_and_at_once_is_there_once() {
    for workers in [1, 2] {
        let manager = manager(workers).await;
        let (here, there) = (router(&manager).await, router(&manager).await);
        let sender = direct(&here).await;
        let producer = sender.produce(opus(1)).await.unwrap();
        let same = here.pipe_producer_to_router(producer.id(), &here).await;
        assert_eq!(same, Err(PipeError::SameRouter(here.id())));
        let unknown = there.pipe_producer_to_router(producer.id(), &here).await;
        assert_eq!(unknown, Err(PipeError::NoProducer(producer.id())));
        let pipes = (0..4).map(|_| here.pipe_producer_to_router(producer.id(), &there));
        for piped in futures_util::future::join_all(pipes).await {
            piped.unwrap();
        }
        here.pipe_producer_to_router(producer.id(), &there).await.unwrap();
        assert_eq!(known(&there, producer.id()).await, (workers, 0));
        let (_transport, consumer) = listen(&there, producer.id()).await;
        let mut heard = consumer.events();
        for sequence in 0..20 {
            sender.send(sound(1, sequence));
        }
        for sequence in 0..20u16 {
            assert_eq!(next_rtp(&mut heard).await.payload[1..], sequence.to_be_bytes());
        }
        // and back: a pipe has two directions
        let back = direct(&there).await;
        let answer = back.produce(opus(1)).await.unwrap();
        there.pipe_producer_to_router(answer.id(), &here).await.unwrap();
        let (_transport, consumer) = listen(&here, answer.id()).await;
        let mut answers = consumer.events();
        back.send(sound(1, 77));
        assert_eq!(next_rtp(&mut answers).await.payload[1..], 77u16.to_be_bytes());
        manager.close().await;
    }
}

#[tokio::test]
async fn pause_resume_and_close_go_with_a_producer_to_the_other_router() {
    for workers in [1, 2] {
        let manager = manager(workers).await;
        let (here, there) = (router(&manager).await, router(&manager).await);
        let sender = direct(&here).await;
        let producer = sender.produce(opus(1)).await.unwrap();
        producer.pause().await.unwrap();
        here.pipe_producer_to_router(producer.id(), &there).await.unwrap();
        let (_transport, consumer) = listen(&there, producer.id()).await;
        assert!(consumer.producer_began_paused());
        let mut told = consumer.events();
        let mut next = async || loop {
            match soon(told.next()).await {
                Some(ConsumerEvent::Score(_)) => {}
                event => return event,
            }
        };
        producer.resume().await.unwrap();
        assert_eq!(next().await, Some(ConsumerEvent::ProducerResume));
        producer.pause().await.unwrap();
        assert_eq!(next().await, Some(ConsumerEvent::ProducerPause));
        // the other router's end does not touch the producer
        let third = router(&manager).await;
        here.pipe_producer_to_router(producer.id(), &third).await.unwrap();
        third.close().await;
        assert_eq!(producer.paused().await.unwrap(), Some(true));
        producer.close().await.unwrap();
        assert_eq!(next().await, Some(ConsumerEvent::ProducerClose));
        assert_eq!(next().await, Some(ConsumerEvent::Close));
        assert_eq!(next().await, None);
        eventually("the other router has forgotten it", async || {
            known(&there, producer.id()).await == (0, 0)
        })
        .await;
        let gone = here.pipe_producer_to_router(producer.id(), &there).await;
        assert_eq!(gone, Err(PipeError::NoProducer(producer.id())));
        manager.close().await;
    }
}
