//! Ports: which one a transport or server gets, and when it gets none.
use crate::fixtures::{LOOPBACK, manager, router, udp};
use sfu::ice::Protocol;
use sfu::{
    CreateTransportError, ListenError, ListenInfo, PipeTransportOptions, PlainTransport,
    PlainTransportOptions, Router, Transport, WebRtcTransportOptions,
};
use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicU16, Ordering};

/// A port that nothing else in these tests takes: above those that are chosen when none is named.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // each run begins elsewhere
    let first = (std::process::id() % 3000) as u16;
    (0..3000)
        .map(|_| 62_000 + (first + 2 * NEXT.fetch_add(1, Ordering::Relaxed)) % 3000)
        .find(|port| UdpSocket::bind((LOOPBACK, *port)).is_ok())
        .unwrap()
}

async fn plain(router: &Router, info: &ListenInfo) -> Result<PlainTransport, ListenError> {
    let made = router.create_plain_transport(PlainTransportOptions::new(info.clone())).await;
    made.map_err(|error| match error {
        CreateTransportError::Listen(error) => error,
        other => panic!("{other}"),
    })
}

fn on(port: u16) -> ListenInfo {
    let mut info = udp();
    info.port = Some(port);
    info
}

#[tokio::test]
async fn a_port_that_is_named_is_had_by_one_transport_and_is_free_when_that_is_closed() {
    let manager = manager(2).await;
    let router = router(&manager).await;
    let port = free_port();
    for _ in 0..5 {
        let transport = plain(&router, &on(port)).await.unwrap();
        assert_eq!(transport.tuple().local_port, port);
        let taken = plain(&router, &on(port)).await.unwrap_err();
        assert!(matches!(&taken, ListenError::Refused { port: named, .. } if *named == port.to_string()));
        let webrtc = router.create_webrtc_transport(WebRtcTransportOptions::new(vec![on(port)])).await;
        assert!(matches!(webrtc, Err(CreateTransportError::Listen(ListenError::Refused { .. }))));
        let pipe = router.create_pipe_transport(PipeTransportOptions::new(on(port))).await;
        assert!(matches!(pipe, Err(CreateTransportError::Listen(ListenError::Refused { .. }))));
        transport.close().await.unwrap();
    }
    let webrtc = router.create_webrtc_transport(WebRtcTransportOptions::new(vec![on(port)])).await.unwrap();
    assert_eq!(webrtc.ice_candidates()[0].port, port);
    // nothing is left of those that could not be made
    assert_eq!(router.dump().await.unwrap().iter().map(|dump| dump.transport_ids.len()).sum::<usize>(), 1);
}

#[tokio::test]
async fn a_range_of_ports_gives_each_of_them_once_and_then_says_so() {
    let manager = manager(2).await;
    let router = router(&manager).await;
    let mut info = udp();
    info.port_range = Some(61_207..=61_210);
    let mut transports = Vec::new();
    for _ in 0..4 {
        transports.push(plain(&router, &info).await.unwrap());
    }
    let ports: BTreeSet<u16> = transports.iter().map(|transport| transport.tuple().local_port).collect();
    assert_eq!(ports, (61_207..=61_210).collect());
    let none = plain(&router, &info).await.unwrap_err();
    assert!(matches!(none, ListenError::NoPortFree { first: 61_207, last: 61_210, .. }), "{none}");
    transports.pop().unwrap().close().await.unwrap();
    assert!(plain(&router, &info).await.is_ok());
    let anywhere = plain(&router, &udp()).await.unwrap();
    assert!((10_000..60_000).contains(&anywhere.tuple().local_port));
}

#[tokio::test]
async fn an_address_that_is_not_this_machine_s_is_refused() {
    let manager = manager(1).await;
    let router = router(&manager).await;
    let elsewhere = ListenInfo::new(Protocol::Udp, "8.8.8.8".parse().unwrap());
    assert!(matches!(plain(&router, &elsewhere).await, Err(ListenError::Refused { .. })));
    let webrtc = router.create_webrtc_transport(WebRtcTransportOptions::new(vec![elsewhere])).await;
    assert!(matches!(webrtc, Err(CreateTransportError::Listen(ListenError::Refused { .. }))));
    assert_eq!(
        plain(&router, &ListenInfo::new(Protocol::Tcp, LOOPBACK)).await.unwrap_err(),
        ListenError::OnlyUdp
    );
}

#[tokio::test]
async fn two_transports_have_one_port_only_where_both_say_so() {
    let manager = manager(2).await;
    let router = router(&manager).await;
    let mut info = on(free_port());
    info.flags.udp_reuse_port = true;
    let (a, b) = (plain(&router, &info).await.unwrap(), plain(&router, &info).await.unwrap());
    assert_eq!(a.tuple(), b.tuple());
    info.flags.udp_reuse_port = false;
    assert!(matches!(plain(&router, &info).await, Err(ListenError::Refused { .. })));
}

#[tokio::test]
async fn what_is_announced_is_told_instead_of_the_address() {
    let manager = manager(1).await;
    let router = router(&manager).await;
    let mut info = udp();
    info.announced_address = Some("media.example.org".to_owned());
    let transport = plain(&router, &info).await.unwrap();
    assert_eq!(transport.tuple().local_address, "media.example.org");
    let tuple = serde_json::to_value(transport.tuple()).unwrap();
    let port = transport.tuple().local_port;
    let expected =
        serde_json::json!({ "localAddress": "media.example.org", "localPort": port, "protocol": "udp" });
    assert_eq!(tuple, expected);
}

#[tokio::test]
async fn a_server_finds_a_port_or_has_the_one_named_and_the_next_on_the_next_worker() {
    let manager = manager(2).await;
    let router = router(&manager).await;
    let ports = async |server: &sfu::WebRtcServer| {
        let mut ports = BTreeSet::new();
        let mut transports = Vec::new();
        for _ in 0..4 {
            let options = WebRtcTransportOptions::new_with_server(server.clone());
            let transport = router.create_webrtc_transport(options).await.unwrap();
            ports.extend(transport.ice_candidates().iter().map(|candidate| candidate.port));
            transports.push(transport);
        }
        ports
    };
    let anywhere = manager.create_webrtc_server(vec![udp()]).await.unwrap();
    let found = ports(&anywhere).await;
    assert!(found.len() == 2 && found.iter().all(|port| (10_000..60_000).contains(port)), "{found:?}");
    assert_eq!(
        manager.create_webrtc_server(Vec::new()).await.unwrap_err(),
        CreateTransportError::Listen(ListenError::Nothing)
    );
    // two neighbours, of which the second is taken at first
    let (port, next) = (0..100)
        .find_map(|_| {
            let port = free_port();
            Some((port, UdpSocket::bind((LOOPBACK, port.checked_add(1)?)).ok()?))
        })
        .unwrap();
    let taken = manager.create_webrtc_server(vec![on(port)]).await.unwrap_err();
    assert!(matches!(taken, CreateTransportError::Listen(ListenError::Refused { .. })), "{taken}");
    drop(next);
    let named = manager.create_webrtc_server(vec![on(port)]).await.unwrap();
    assert_eq!(ports(&named).await, [port, port + 1].into());
    let second = manager.create_webrtc_server(vec![on(port)]).await.unwrap_err();
    assert!(matches!(second, CreateTransportError::Listen(ListenError::Refused { .. })));
    named.close().await;
    assert!(manager.create_webrtc_server(vec![on(port)]).await.is_ok());
}
