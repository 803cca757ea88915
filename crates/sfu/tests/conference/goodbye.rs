//! The end of a transport, as its peer sees it: at once, and not by silence.
use crate::fixtures::{LOOPBACK, SOON, eventually};
use crate::webrtc::{Connection, Room};
use sfu::ice::Protocol;
use sfu::{ListenInfo, Transport, WebRtcTransportOptions};
use testkit::conference::{TransportOptions, Via};

/// Connects a peer of each kind: on the server by UDP and by TCP, on a socket of its own, and with data channels.
async fn peers(room: &Room) -> Vec<Connection> {
    let mut peers = Vec::new();
    for via in [Via::Udp, Via::Tcp] {
        peers.push(room.connect(TransportOptions { via, ..TransportOptions::receive() }).await);
    }
    let own = WebRtcTransportOptions::new(vec![ListenInfo::new(Protocol::Udp, LOOPBACK)]);
    peers.push(room.connect_to(TransportOptions::receive(), own).await);
    peers.push(room.connect_data().await);
    for peer in &peers {
        peer.bot.wait_connected(SOON).unwrap();
    }
    peers
}

/// All of them are told; ICE alone would find out after many seconds.
async fn all_are_told(peers: &[Connection]) {
    for peer in peers {
        eventually("the peer is told", async || peer.bot.report().unwrap().ended.is_some()).await;
        let ended = peer.bot.report().unwrap().ended;
        assert_eq!(ended.as_deref(), Some("the server closed the connection"));
    }
}

#[tokio::test]
async fn a_peer_is_told_at_once_that_its_transport_or_its_router_is_closed() {
    let room = Room::new(1).await;
    let connected = peers(&room).await;
    for peer in &connected {
        peer.ours.close().await.unwrap();
    }
    all_are_told(&connected).await;

    let connected = peers(&room).await;
    room.router.close().await;
    all_are_told(&connected).await;
}

#[tokio::test]
async fn a_peer_is_told_at_once_that_the_server_or_all_is_closed() {
    let room = Room::new(2).await;
    let connected = peers(&room).await;
    room.server.close().await;
    // the one on a socket of its own stays
    let (own, on_server): (Vec<_>, Vec<_>) =
        connected.into_iter().partition(|peer| peer.ours.ice_candidates().len() == 1);
    all_are_told(&on_server).await;
    assert_eq!(own[0].bot.report().unwrap().ended, None);
    room.manager.close().await;
    all_are_told(&own).await;
}
