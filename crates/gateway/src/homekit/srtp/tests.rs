//! Sessions over real sockets of this machine.
use super::*;
use bytes::Bytes;
use formats::rtp::Packets;
use formats::rtp::rtcp::write_receiver_report;
use hub::{Hub, HubConfig, Limits};
use protocols::srtp::table::InsertError;
use protocols::srtp::{Profile, Protector, Unprotector};
use std::net::UdpSocket;
use std::time::Duration;

/// Longest wait for what takes no time: 5 s on a loaded machine.
const SOON: Duration = Duration::from_secs(5);

fn hub(limits: Limits) -> Hub {
    let conflict = hub::Conflict::Refuse;
    Hub::start(HubConfig { workers: 2, limits, conflict, deliverers: Vec::new(), connectors: Vec::new() })
        .unwrap()
}

/// A hub, and the way to a socket on a free port that is served there.
fn served(limits: Limits) -> (Hub, SrtpHandle) {
    let hub = hub(limits);
    let (mut srtp, handle) = Srtp::new(Some("127.0.0.1:0".parse().unwrap()));
    srtp.bind().unwrap();
    tokio::task::spawn_local(srtp.run(hub.clone()));
    (hub, handle)
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test);
}

fn master(seed: u8) -> MasterKey {
    MasterKey::new(Profile::AesCm128HmacSha1_80, &[seed; 16], &[seed.wrapping_add(1); 14]).unwrap()
}

/// A peer with keys of its own.
struct Peer {
    socket: UdpSocket,
    ssrc: u32,
    seed: u8,
    protector: Protector,
    unprotector: Unprotector,
    sequence: u16,
}

impl Peer {
    fn new(ssrc: u32, seed: u8) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        let (protector, unprotector) =
            (Protector::new(&master(seed)).unwrap(), Unprotector::new(&master(seed + 100)).unwrap());
        Self { socket, ssrc, seed, protector, unprotector, sequence: 0 }
    }

    /// What the server is told of it.
    fn session(&self) -> NewSession {
        let remote = self.socket.local_addr().unwrap();
        let (send, receive) = (master(self.seed + 100), master(self.seed));
        NewSession { remote, remote_ssrc: self.ssrc, send, receive, local: None }
    }

    fn rtp(&mut self, says: &[u8]) -> Vec<u8> {
        self.sequence += 1;
        let mut packet = rtp(self.sequence, self.ssrc, says);
        self.protector.protect_rtp(&mut packet, 0).unwrap();
        packet
    }

    fn receive(&mut self) -> Vec<u8> {
        let mut packet = vec![0; 2000];
        let length = self.socket.recv(&mut packet).unwrap();
        packet.truncate(length);
        let length = if formats::rtp::rtcp::is_rtcp(&packet) {
            self.unprotector.unprotect_rtcp(&mut packet)
        } else {
            self.unprotector.unprotect_rtp(&mut packet)
        };
        packet.truncate(length.unwrap());
        packet
    }
}

fn rtp(sequence: u16, ssrc: u32, says: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 99];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0; 4]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend(says);
    packet
}

fn report(ssrc: u32) -> Vec<u8> {
    let mut packet = Vec::new();
    write_receiver_report(ssrc, &[], "peer", &mut packet);
    packet
}

async fn next(session: &mut Session) -> Packet {
    tokio::time::timeout(SOON, session.receive()).await.expect("in time").expect("it lives")
}

/// Waits until the owner has seen so many datagrams.
async fn stats_after(handle: &SrtpHandle, datagrams: u64) -> Stats {
    for _ in 0..500 {
        let stats = handle.stats().await.unwrap();
        if stats.received + stats.dropped.sum() >= datagrams {
            return stats;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?}", handle.stats().await);
}

#[test]
fn a_frame_goes_out_whole_and_what_the_peer_says_comes_in() {
    run(async {
        let (_hub, handle) = served(Limits::default());
        let mut peer = Peer::new(7, 1);
        let mut session = handle.open(peer.session()).await.unwrap();
        let server = session.local_address();
        assert_eq!(handle.local_address().await, Ok(server));
        let packets: Vec<Vec<u8>> = [900, 900, 900, 120]
            .iter()
            .zip(1..)
            .map(|(length, number)| rtp(number, 3, &vec![5; *length]))
            .collect();
        let mut end = 0;
        let ends = packets.iter().map(|packet| {
            end += packet.len() as u32;
            end
        });
        let frame = Packets { ends: ends.collect(), data: packets.concat().into(), interleaved: false };
        session.send(frame).await.unwrap();
        session.send_rtcp(report(3).into()).await.unwrap();
        let mut peer = tokio::task::spawn_blocking(move || {
            packets.iter().for_each(|packet| assert_eq!(peer.receive(), *packet));
            assert_eq!(peer.receive(), report(3));
            peer
        })
        .await
        .unwrap();

        let said = peer.rtp(b"hello");
        peer.socket.send_to(&said, server).unwrap();
        let packet = next(&mut session).await;
        assert_eq!((packet.kind, packet.data), (Kind::Rtp, Bytes::from(rtp(1, 7, b"hello"))));
        let mut said = report(7);
        peer.protector.protect_rtcp(&mut said, 0).unwrap();
        peer.socket.send_to(&said, server).unwrap();
        let packet = next(&mut session).await;
        assert_eq!((packet.kind, packet.data), (Kind::Rtcp, Bytes::from(report(7))));
        let stats = handle.stats().await.unwrap();
        assert_eq!((stats.sessions, stats.received, stats.sent), (1, 2, 5));
        assert_eq!((stats.dropped.sum(), stats.overrun, stats.unprotected, stats.unsent), (0, 0, 0, 0));
    });
}

#[test]
fn who_named_a_place_is_sent_to_there_wherever_it_sends_from() {
    run(async {
        let (_hub, handle) = served(Limits::default());
        let mut peer = Peer::new(7, 1);
        let mut session = handle.open_at(peer.session()).await.unwrap();
        let elsewhere = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let said = peer.rtp(b"from elsewhere");
        elsewhere.send_to(&said, session.local_address()).unwrap();
        assert_eq!(next(&mut session).await.data, rtp(1, 7, b"from elsewhere"));
        session.send_rtcp(report(3).into()).await.unwrap();
        let received = tokio::task::spawn_blocking(move || peer.receive()).await.unwrap();
        assert_eq!(received, report(3));
    });
}

#[test]
fn whatever_is_nobodys_is_counted_by_its_reason_and_disturbs_nobody() {
    run(async {
        let (_hub, handle) = served(Limits::default());
        let mut peer = Peer::new(7, 1);
        let mut session = handle.open(peer.session()).await.unwrap();
        let to = session.local_address();
        let good = peer.rtp(b"one");
        let mut forged = peer.rtp(b"forged");
        *forged.last_mut().unwrap() ^= 1;
        let mut stranger = Peer::new(8, 2);
        let mut guesser = Peer::new(7, 3);
        // with a number that was not seen before
        guesser.sequence = 100;
        let (strange, guessed) = (stranger.rtp(b"strange"), guesser.rtp(b"guessed"));
        for datagram in [&good[..], &good, &forged, b"\x80\x63\x00", b"no media", b""] {
            peer.socket.send_to(datagram, to).unwrap();
        }
        stranger.socket.send_to(&strange, to).unwrap();
        guesser.socket.send_to(&guessed, to).unwrap();
        assert_eq!(next(&mut session).await.data, rtp(1, 7, b"one"));
        let stats = stats_after(&handle, 8).await;
        let counted = Dropped { short: 2, no_rtp: 1, foreign: 2, forged: 1, replayed: 1 };
        assert_eq!((stats.received, stats.dropped, stats.sessions), (1, counted, 1));
        // the same bytes, whole, are taken: nothing was remembered of the forged ones
        *forged.last_mut().unwrap() ^= 1;
        peer.socket.send_to(&forged, to).unwrap();
        assert_eq!(next(&mut session).await.data, rtp(2, 7, b"forged"));
    });
}

#[test]
fn cameras_with_one_ssrc_are_told_apart_by_address_and_a_second_one_there_is_refused() {
    run(async {
        let (_hub, handle) = served(Limits::default());
        let (mut door, mut yard) = (Peer::new(7, 1), Peer::new(7, 2));
        let mut first = handle.open(door.session()).await.unwrap();
        let mut second = handle.open(yard.session()).await.unwrap();
        let remote = door.socket.local_addr().unwrap();
        let taken = handle.open(door.session()).await.err();
        assert_eq!(taken, Some(OpenError::Insert(InsertError::Taken { remote, ssrc: 7 })));
        for (peer, session) in [(&mut door, &mut first), (&mut yard, &mut second)] {
            let packet = peer.rtp(&[peer.seed]);
            peer.socket.send_to(&packet, session.local_address()).unwrap();
            assert_eq!(next(session).await.data, rtp(1, 7, &[peer.seed]));
        }
        // who sends from another port now is known by the tag
        yard.socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let packet = yard.rtp(b"moved");
        yard.socket.send_to(&packet, second.local_address()).unwrap();
        assert_eq!(next(&mut second).await.data, rtp(2, 7, b"moved"));
    });
}

#[test]
fn a_session_that_is_closed_or_dropped_is_gone_and_its_place_is_free() {
    run(async {
        let (_hub, handle) = served(Limits::default());
        let mut peer = Peer::new(7, 1);
        let session = handle.open(peer.session()).await.unwrap();
        let to = session.local_address();
        session.close().await;
        assert_eq!(handle.stats().await.unwrap().sessions, 0);
        let packet = peer.rtp(b"late");
        peer.socket.send_to(&packet, to).unwrap();
        assert_eq!(stats_after(&handle, 1).await.dropped.foreign, 1);
        drop(handle.open(peer.session()).await.unwrap());
        assert!(handle.open(peer.session()).await.is_ok());
        // whoever asked and left leaves nothing
        let asked = handle.open(peer.session());
        drop(tokio::time::timeout(Duration::ZERO, asked).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(handle.stats().await.unwrap().sessions, 0);
    });
}

#[test]
fn who_does_not_take_packets_loses_them_and_nobody_else_does() {
    run(async {
        let (_hub, handle) = served(Limits::default());
        let (mut slow, mut quick) = (Peer::new(7, 1), Peer::new(8, 2));
        let idle = handle.open(slow.session()).await.unwrap();
        let mut session = handle.open(quick.session()).await.unwrap();
        for number in 0..INBOX as u64 + 20 {
            let packet = slow.rtp(b"flood");
            slow.socket.send_to(&packet, idle.local_address()).unwrap();
            if number % 64 == 0 {
                stats_after(&handle, number).await;
            }
        }
        let stats = stats_after(&handle, INBOX as u64 + 20).await;
        assert_eq!(stats.overrun, 20);
        let packet = quick.rtp(b"prompt");
        quick.socket.send_to(&packet, session.local_address()).unwrap();
        assert_eq!(next(&mut session).await.data, rtp(1, 8, b"prompt"));
    });
}

#[test]
fn a_port_that_is_taken_is_an_error_that_names_the_setting() {
    run(async {
        let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (mut srtp, handle) = Srtp::new(Some(taken.local_addr().unwrap()));
        let error = srtp.bind().unwrap_err().to_string();
        assert!(error.contains("srtp.listen"), "{error}");
        // without that, whoever wants a session is told, and may try again
        let hub = hub(Limits::default());
        tokio::task::spawn_local(srtp.run(hub.clone()));
        let peer = Peer::new(7, 1);
        assert_eq!(handle.open(peer.session()).await.err(), Some(OpenError::Listen(error.into())));
        drop(taken);
        assert!(handle.open(peer.session()).await.is_ok());
        let (_, off) = Srtp::new(None);
        assert_eq!(off.open(peer.session()).await.err(), Some(OpenError::Off));
    });
}

#[test]
fn when_the_owners_worker_hangs_sessions_end_and_new_ones_begin_elsewhere() {
    run(async {
        let limits = Limits { worker_stall_max: Duration::from_millis(1500), ..Limits::default() };
        let (hub, handle) = served(limits);
        let mut peer = Peer::new(7, 1);
        let mut session = handle.open(peer.session()).await.unwrap();
        let mut events = hub.events();
        // whichever of the two it is: both hang, one after the other
        for worker in hub.workers().await {
            worker
                .run("a defect that blocks", |_| async { std::thread::sleep(Duration::from_secs(8)) })
                .await
                .unwrap();
        }
        let ended = tokio::time::timeout(Duration::from_secs(10), session.receive()).await;
        assert_eq!(ended.expect("it is told"), Err(Gone));
        assert_eq!(session.receive().await, Err(Gone));
        assert!(events.recv().await.is_ok());
        let mut again = tokio::time::timeout(Duration::from_secs(10), async {
            loop {
                match handle.open(peer.session()).await {
                    Ok(session) => break session,
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        })
        .await
        .unwrap();
        let packet = peer.rtp(b"again");
        peer.socket.send_to(&packet, again.local_address()).unwrap();
        assert_eq!(next(&mut again).await.data, rtp(1, 7, b"again"));
    });
}
