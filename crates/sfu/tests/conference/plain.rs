//! Plain transports: RTP and SRTP to an address.
use crate::fixtures::{
    LOOPBACK, direct, eventually, everything, manager, next_rtp, opus, router, soon, sound, udp,
};
use sfu::{
    ConsumerOptions, PlainConnectError, PlainTransport, PlainTransportOptions,
    PlainTransportRemoteParameters, ProducerOptions, Router, SrtpCryptoSuite, SrtpParameters, Transport,
    TransportEvent,
};
use std::net::{SocketAddr, UdpSocket};

const SUITES: [SrtpCryptoSuite; 4] = [
    SrtpCryptoSuite::AeadAes256Gcm,
    SrtpCryptoSuite::AeadAes128Gcm,
    SrtpCryptoSuite::AesCm128HmacSha180,
    SrtpCryptoSuite::AesCm128HmacSha132,
];

async fn plain(router: &Router, with: impl FnOnce(&mut PlainTransportOptions)) -> PlainTransport {
    let mut options = PlainTransportOptions::new(udp());
    with(&mut options);
    router.create_plain_transport(options).await.unwrap()
}

/// Where a transport listens, as its peer is told.
fn address(
    transport: &PlainTransport,
    srtp_parameters: Option<SrtpParameters>,
) -> PlainTransportRemoteParameters {
    let tuple = transport.tuple();
    let rtcp_port = transport.rtcp_tuple().map(|tuple| tuple.local_port);
    PlainTransportRemoteParameters {
        ip: tuple.local_address.parse().ok(),
        port: Some(tuple.local_port),
        rtcp_port,
        srtp_parameters,
    }
}

#[tokio::test]
async fn connect_takes_what_the_options_need_and_nothing_else_and_once() {
    let manager = manager(1).await;
    let router = router(&manager).await;
    let nothing = PlainTransportRemoteParameters::default();
    let there = PlainTransportRemoteParameters { ip: Some(LOOPBACK), port: Some(9), ..nothing.clone() };
    let key = |crypto_suite, key: &str| Some(SrtpParameters { crypto_suite, key_base64: key.to_owned() });
    let thirty_bytes = key(SrtpCryptoSuite::AesCm128HmacSha180, "ZnQ3eWJraDg0d3ZoYzM5cXN1Y2pnaHU5NWxrZTVv");

    let simple = plain(&router, |_| {}).await;
    let fails = async |transport: &PlainTransport, parameters: PlainTransportRemoteParameters| {
        transport.connect(parameters).await.unwrap_err()
    };
    assert_eq!(fails(&simple, nothing.clone()).await, PlainConnectError::MissingIp);
    let no_port = PlainTransportRemoteParameters { port: None, ..there.clone() };
    assert_eq!(fails(&simple, no_port).await, PlainConnectError::MissingPort);
    let rtcp = PlainTransportRemoteParameters { rtcp_port: Some(10), ..there.clone() };
    assert_eq!(fails(&simple, rtcp.clone()).await, PlainConnectError::RtcpPortWithMux);
    let with_key = PlainTransportRemoteParameters { srtp_parameters: thirty_bytes.clone(), ..there.clone() };
    assert_eq!(fails(&simple, with_key.clone()).await, PlainConnectError::UnexpectedSrtp);
    let v6 = PlainTransportRemoteParameters { ip: "::1".parse().ok(), ..there.clone() };
    assert!(matches!(fails(&simple, v6).await, PlainConnectError::Family(_)));
    assert_eq!((simple.tuple().remote_ip, simple.rtcp_tuple(), simple.srtp_parameters()), (None, None, None));
    simple.connect(there.clone()).await.unwrap();
    assert_eq!((simple.tuple().remote_ip, simple.tuple().remote_port), (Some(LOOPBACK), Some(9)));
    assert_eq!(fails(&simple, there.clone()).await, PlainConnectError::Twice);

    let separate = plain(&router, |options| options.rtcp_mux = false).await;
    assert_eq!(fails(&separate, there.clone()).await, PlainConnectError::MissingRtcpPort);
    separate.connect(rtcp).await.unwrap();
    assert_eq!(separate.rtcp_tuple().unwrap().remote_port, Some(10));

    let comedia = plain(&router, |options| options.comedia = true).await;
    assert_eq!(fails(&comedia, there.clone()).await, PlainConnectError::UnexpectedAddress);
    comedia.connect(nothing).await.unwrap();

    let srtp = plain(&router, |options| options.enable_srtp = true).await;
    assert_eq!(srtp.srtp_parameters().unwrap().crypto_suite, SrtpCryptoSuite::AesCm128HmacSha180);
    assert_eq!(fails(&srtp, there.clone()).await, PlainConnectError::MissingSrtp);
    for wrong in [key(SrtpCryptoSuite::AesCm128HmacSha180, "Zm9v"), key(SrtpCryptoSuite::AeadAes256Gcm, "?")]
    {
        let wrong = PlainTransportRemoteParameters { srtp_parameters: wrong, ..there.clone() };
        assert!(matches!(fails(&srtp, wrong).await, PlainConnectError::Key(_)));
    }
    // the peer's suite becomes ours, with another key
    let forty_four = "YTdjcDBvY2JoMGY5YXNlNDc0eDJsdGgwaWRvNnJsamRrdG16aWVpZHphdHo=";
    let srtp_parameters = key(SrtpCryptoSuite::AeadAes256Gcm, forty_four);
    srtp.connect(PlainTransportRemoteParameters { srtp_parameters, ..there.clone() }).await.unwrap();
    let ours = srtp.srtp_parameters().unwrap();
    assert_eq!((ours.crypto_suite, ours.key_base64.len()), (SrtpCryptoSuite::AeadAes256Gcm, 60));
    srtp.close().await.unwrap();
    assert_eq!(fails(&srtp, with_key).await, PlainConnectError::TransportClosed(srtp.id()));
}

#[tokio::test]
async fn the_first_valid_packet_says_who_the_peer_is_and_nobody_else_is_heard() {
    let manager = manager(1).await;
    let router = router(&manager).await;
    let transport = plain(&router, |options| (options.comedia, options.rtcp_mux) = (true, false)).await;
    let mut events = transport.events();
    let producer = transport.produce(opus(7)).await.unwrap();
    let receiver = direct(&router).await;
    let consumer = receiver.consume(ConsumerOptions::new(producer.id(), everything(&router))).await.unwrap();
    let mut heard = consumer.events();
    let [foreign, peer, rtcp] = [(); 3].map(|()| UdpSocket::bind((LOOPBACK, 0)).unwrap());
    let to = SocketAddr::new(LOOPBACK, transport.tuple().local_port);
    let rtcp_to = SocketAddr::new(LOOPBACK, transport.rtcp_tuple().unwrap().local_port);
    // no RTP; RTP of which the header is cut; a check of ICE
    for junk in [&b"hello"[..], &[0x80, 111, 0], &[0, 1, 0, 0]] {
        foreign.send_to(junk, to).unwrap();
    }
    eventually("junk is counted", async || {
        transport.get_stats().await.unwrap().unwrap().datagrams_dropped == 3
    })
    .await;
    peer.send_to(&sound(7, 1), to).unwrap();
    assert_eq!(next_rtp(&mut heard).await.payload[1..], [0, 1]);
    foreign.send_to(&sound(7, 2), to).unwrap();
    peer.send_to(&sound(7, 3), to).unwrap();
    assert_eq!(next_rtp(&mut heard).await.payload[1..], [0, 3]);
    let mut report = Vec::new();
    formats::rtp::rtcp::write_receiver_report(7, &[], "me", &mut report);
    rtcp.send_to(&report, rtcp_to).unwrap();
    let Some(TransportEvent::Tuple(tuple)) = soon(events.next()).await else { panic!() };
    assert_eq!(tuple.remote_port, Some(peer.local_addr().unwrap().port()));
    let Some(TransportEvent::RtcpTuple(tuple)) = soon(events.next()).await else { panic!() };
    assert_eq!(tuple.remote_port, Some(rtcp.local_addr().unwrap().port()));
    assert_eq!((transport.rtcp_tuple(), transport.tuple().remote_ip), (Some(tuple), Some(LOOPBACK)));
    let stats = transport.get_stats().await.unwrap().unwrap();
    assert_eq!((stats.datagrams_dropped, stats.rtcp_mux, stats.comedia), (4, Some(false), Some(true)));
    assert_eq!(stats.tuple, Some(transport.tuple()));
    // our reports come to the RTCP port, from ours
    rtcp.set_read_timeout(Some(crate::fixtures::SOON)).unwrap();
    let (length, from) =
        tokio::task::spawn_blocking(move || rtcp.recv_from(&mut [0; 1500])).await.unwrap().unwrap();
    assert!(length > 0 && from == rtcp_to);
}

/// A router of another process, as far as the network shows.
struct Far {
    manager: sfu::WorkerManager,
    router: Router,
}

impl Far {
    async fn new() -> Self {
        let manager = manager(1).await;
        let router = router(&manager).await;
        Self { manager, router }
    }
}

#[tokio::test]
async fn srtp_goes_both_ways_with_each_suite() {
    let (near, far) = (Far::new().await, Far::new().await);
    for suite in SUITES {
        let ours =
            plain(&near.router, |options| (options.enable_srtp, options.srtp_crypto_suite) = (true, suite));
        let ours = ours.await;
        // the other side takes our suite
        let theirs = plain(&far.router, |options| options.enable_srtp = true).await;
        theirs.connect(address(&ours, ours.srtp_parameters())).await.unwrap();
        assert_eq!(theirs.srtp_parameters().unwrap().crypto_suite, suite);
        ours.connect(address(&theirs, theirs.srtp_parameters())).await.unwrap();
        for (from, to, from_router, to_router) in
            [(&ours, &theirs, &near.router, &far.router), (&theirs, &ours, &far.router, &near.router)]
        {
            let (sender, receiver) = (direct(from_router).await, direct(to_router).await);
            let producer = sender.produce(opus(1)).await.unwrap();
            let options = ConsumerOptions::new(producer.id(), everything(from_router));
            let over = from.consume(options).await.unwrap();
            assert!(over.rtp_parameters().mid.is_some());
            let arrived = ProducerOptions::new(over.kind(), over.rtp_parameters().clone());
            let arrived = to.produce(arrived).await.unwrap();
            let options = ConsumerOptions::new(arrived.id(), everything(to_router));
            let heard = receiver.consume(options).await.unwrap();
            let mut heard = heard.events();
            for sequence in 0..20 {
                sender.send(sound(1, sequence));
                assert_eq!(next_rtp(&mut heard).await.payload[1..], sequence.to_be_bytes(), "{suite:?}");
            }
            let stats = from.get_stats().await.unwrap().unwrap();
            assert!(stats.rtp_bytes_sent > 0 && stats.datagrams_dropped == 0, "{stats:?}");
        }
    }
    near.manager.close().await;
    far.manager.close().await;
}

#[tokio::test]
async fn what_was_sent_with_another_key_is_dropped() {
    let far = Far::new().await;
    let theirs = plain(&far.router, |options| (options.enable_srtp, options.comedia) = (true, true)).await;
    let (a, b) = (
        plain(&far.router, |options| options.enable_srtp = true).await,
        plain(&far.router, |options| options.enable_srtp = true).await,
    );
    theirs
        .connect(PlainTransportRemoteParameters {
            srtp_parameters: a.srtp_parameters(),
            ..PlainTransportRemoteParameters::default()
        })
        .await
        .unwrap();
    b.connect(address(&theirs, theirs.srtp_parameters())).await.unwrap();
    let sender = direct(&far.router).await;
    let producer = sender.produce(opus(1)).await.unwrap();
    let _over = b.consume(ConsumerOptions::new(producer.id(), everything(&far.router))).await.unwrap();
    for sequence in 0..10 {
        sender.send(sound(1, sequence));
    }
    eventually("all are dropped", async || {
        theirs.get_stats().await.unwrap().unwrap().datagrams_dropped >= 10
    })
    .await;
    assert_eq!(theirs.tuple().remote_ip, None);
}
