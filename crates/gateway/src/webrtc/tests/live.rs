//! The drivers with a hub and real sockets on loopback, against a plain engine with sockets of its own.
use crate::webrtc::{Config, Context, Error, Handle, SessionId, listen};
use formats::rtp::framing::push_frame;
use hub::{Conflict, Hub, HubConfig, Limits, PeerInfo, Publisher};
use media::{Codec, CodecParams, StreamName, Track, Unit, WallTime};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive, TcpType};
use str0m::{Candidate, Input, Output, Rtc};

pub(super) fn name() -> StreamName {
    StreamName::new("cam").unwrap()
}

pub(super) fn peer_info() -> PeerInfo {
    PeerInfo { protocol: "webrtc", transport: "udp", remote: "test".into(), user_agent: String::new() }
}

pub(super) async fn server() -> (Hub, Handle) {
    server_with(Limits::default()).await
}

pub(super) async fn server_with(limits: Limits) -> (Hub, Handle) {
    let hub = Hub::start(HubConfig {
        workers: 2,
        limits,
        conflict: Conflict::Refuse,
        deliverers: Vec::new(),
        connectors: Vec::new(),
    })
    .unwrap();
    let handle = listen(&hub, Config::new("127.0.0.1:0".parse().unwrap())).await.unwrap();
    (hub, handle)
}

fn unit(track: u8, number: i64) -> Unit {
    let (pts, data) = if track == 0 {
        let mut data = vec![number as u8; 5_000];
        data[0] = u8::from(number % 25 != 0);
        data[3..10].copy_from_slice(&[0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01]);
        (number * 3_600, data)
    } else {
        (number * 960, vec![number as u8; 60])
    };
    Unit {
        track,
        pts,
        dts: pts,
        arrival: hub::now(),
        wall: WallTime::default(),
        keyframe: track == 1 || number % 25 == 0,
        discontinuity: false,
        data: data.into(),
    }
}

/// Publishes VP8 and Opus in real time until it is dropped.
pub(super) async fn camera(hub: &Hub) -> tokio::task::JoinHandle<()> {
    let mut publisher: Publisher = hub.publish(&name(), peer_info(), None).await.unwrap();
    let video = Track::video(0, Codec::Vp8, CodecParams::None);
    let audio = Track::audio(1, Codec::Opus, 48_000, 2, CodecParams::None);
    publisher.set_tracks(vec![video, audio]).await.unwrap();
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        for number in 0.. {
            tick.tick().await;
            if number % 2 == 0 && publisher.push(unit(0, number / 2)).await.is_err() {
                return;
            }
            if publisher.push(unit(1, number)).await.is_err() {
                return;
            }
        }
    })
}

enum Socket {
    Udp(UdpSocket),
    Tcp(TcpStream, Vec<u8>),
}

/// A peer with a socket, driven by whoever waits for it.
pub(super) struct Client {
    pub(super) rtc: Rtc,
    pub(super) mids: Vec<Mid>,
    pending: Option<SdpPendingOffer>,
    socket: Socket,
    local: SocketAddr,
    pub(super) events: Vec<str0m::Event>,
    /// Pieces of sound sent.
    spoken: u64,
}

impl Client {
    pub(super) fn new(direction: Direction, tcp: Option<SocketAddr>) -> (Self, String) {
        Self::with([(MediaKind::Video, direction), (MediaKind::Audio, direction)], tcp)
    }

    pub(super) fn with<const N: usize>(
        sections: [(MediaKind, Direction); N],
        tcp: Option<SocketAddr>,
    ) -> (Self, String) {
        let context = Context::new(hub::now()).unwrap();
        let mut rtc = Rtc::builder()
            .set_crypto_provider(context.crypto())
            .set_dtls_cert(context.certificate())
            .set_rtp_mode(true)
            .build(Instant::now());
        let (socket, local) = match tcp {
            None => {
                let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                socket.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
                let local = socket.local_addr().unwrap();
                rtc.add_local_candidate(Candidate::host(local, "udp").unwrap());
                (Socket::Udp(socket), local)
            }
            Some(server) => {
                let stream = TcpStream::connect(server).unwrap();
                stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
                stream.set_nodelay(true).unwrap();
                let local = stream.local_addr().unwrap();
                let active = Candidate::builder().tcp().host(local).tcptype(TcpType::Active).build().unwrap();
                rtc.add_local_candidate(active);
                (Socket::Tcp(stream, Vec::new()), local)
            }
        };
        let mut api = rtc.sdp_api();
        let mids = sections.map(|(kind, direction)| api.add_media(kind, direction, None, None, None));
        let (offer, pending) = api.apply().unwrap();
        let client = Self {
            rtc,
            mids: mids.to_vec(),
            pending: Some(pending),
            socket,
            local,
            events: Vec::new(),
            spoken: 0,
        };
        (client, offer.to_sdp_string())
    }

    pub(super) fn accept(&mut self, answer: &str) {
        let pending = self.pending.take().unwrap();
        self.rtc.sdp_api().accept_answer(pending, SdpAnswer::from_sdp_string(answer).unwrap()).unwrap();
    }

    fn send(&mut self, destination: SocketAddr, contents: &[u8]) {
        match &mut self.socket {
            Socket::Udp(socket) => {
                socket.send_to(contents, destination).unwrap();
            }
            Socket::Tcp(stream, _) => {
                let mut frame = Vec::new();
                push_frame(&mut frame, contents);
                let _ = stream.write_all(&frame);
            }
        }
    }

    fn receive(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        let mut buffer = vec![0; 2_000];
        match &mut self.socket {
            Socket::Udp(socket) => match socket.recv_from(&mut buffer) {
                Ok((length, source)) => {
                    buffer.truncate(length);
                    Some((source, buffer))
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
                Err(error) => panic!("{error}"),
            },
            Socket::Tcp(stream, read) => loop {
                if read.len() >= 2 {
                    let end = 2 + usize::from(u16::from_be_bytes([read[0], read[1]]));
                    if read.len() >= end {
                        let datagram = read[2..end].to_vec();
                        read.drain(..end);
                        return Some((stream.peer_addr().unwrap(), datagram));
                    }
                }
                match stream.read(&mut buffer) {
                    Ok(0) | Err(_) => return None,
                    Ok(length) => read.extend_from_slice(&buffer[..length]),
                }
            },
        }
    }

    fn run_once(&mut self) {
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Transmit(transmit) => self.send(transmit.destination, &transmit.contents),
                Output::Event(event) => self.events.push(event),
                Output::Timeout(_) => break,
            }
        }
        let input = match self.receive() {
            None => Input::Timeout(Instant::now()),
            Some((source, datagram)) => {
                let proto = if matches!(self.socket, Socket::Udp(_)) { Protocol::Udp } else { Protocol::Tcp };
                let Ok(receive) = Receive::new(proto, source, self.local, &datagram) else { return };
                self.rtc.handle_input(Input::Receive(Instant::now(), receive)).unwrap();
                return;
            }
        };
        self.rtc.handle_input(input).unwrap();
    }

    /// Sends so many pieces of sound in a section, in real time.
    pub(super) fn speak(&mut self, section: usize, count: u64) {
        let mid = self.mids[section];
        for _ in 0..count {
            self.spoken += 1;
            let payload_type = self.rtc.media(mid).unwrap().remote_pts()[0];
            let mut direct = self.rtc.direct_api();
            let stream = direct.stream_tx_by_mid(mid, None).unwrap();
            let time = self.spoken as u32 * 960;
            let payload = vec![1; 60];
            let sound =
                str0m::rtp::RtpWrite::new(payload_type, self.spoken.into(), time, Instant::now(), payload);
            stream.write_rtp(sound);
            self.run_until(Duration::from_millis(20), |_| false);
        }
    }

    /// Lives until `enough`, at most so long.
    pub(super) fn run_until(&mut self, limit: Duration, enough: impl Fn(&Self) -> bool) -> bool {
        let end = Instant::now() + limit;
        while Instant::now() < end {
            if enough(self) {
                return true;
            }
            self.run_once();
        }
        false
    }

    pub(super) fn packets(&self, section: usize) -> usize {
        let payload_type = self.rtc.media(self.mids[section]).map(|media| media.remote_pts()[0]);
        let packets = self.events.iter().filter_map(|event| {
            let str0m::Event::RtpPacket(packet) = event else { return None };
            Some(packet.header.payload_type)
        });
        packets.filter(|number| Some(*number) == payload_type).count()
    }
}

pub(super) async fn until(mut enough: impl AsyncFnMut() -> bool) -> bool {
    for _ in 0..200 {
        if enough().await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    false
}

async fn plays(tcp: bool) {
    let (hub, handle) = server().await;
    let camera = camera(&hub).await;
    let server = tcp.then(|| handle.local_address());
    let (mut client, offer) = Client::new(Direction::RecvOnly, server);
    let (id, answer) = handle.play(&name(), &offer, peer_info(), None).await.unwrap();
    client.accept(&answer);
    let client = tokio::task::spawn_blocking(move || {
        let enough = |client: &Client| client.packets(0) >= 200 && client.packets(1) >= 30;
        let done = client.run_until(Duration::from_secs(8), enough);
        assert!(done, "{} video packets, {} sounds", client.packets(0), client.packets(1));
        client
    })
    .await
    .unwrap();
    let report = hub.report(&name()).await.unwrap();
    assert_eq!(report.readers.len(), 1);
    assert_eq!(handle.sessions().await, 1);
    handle.close(id).await.unwrap();
    assert!(until(async || handle.sessions().await == 0).await, "the table forgets the session");
    assert!(until(async || hub.report(&name()).await.is_some_and(|report| report.readers.is_empty())).await);
    assert_eq!(handle.close(id).await, Err(Error::NoSession));
    drop(client);
    camera.abort();
    hub.shutdown(Duration::from_secs(2)).await;
}

#[tokio::test]
async fn a_player_over_udp_gets_the_stream_and_leaves_nothing_behind() {
    plays(false).await;
}

#[tokio::test]
async fn a_player_over_tcp_gets_the_stream_and_leaves_nothing_behind() {
    plays(true).await;
}

#[tokio::test]
async fn twenty_players_share_one_socket() {
    let (hub, handle) = server().await;
    let camera = camera(&hub).await;
    let mut clients: Vec<Client> = Vec::new();
    let mut ids: Vec<SessionId> = Vec::new();
    for _ in 0..20 {
        let (mut client, offer) = Client::new(Direction::RecvOnly, None);
        let (id, answer) = handle.play(&name(), &offer, peer_info(), None).await.unwrap();
        client.accept(&answer);
        clients.push(client);
        ids.push(id);
    }
    let threads: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            std::thread::spawn(move || {
                client.run_until(Duration::from_secs(10), |client| client.packets(0) >= 150)
            })
        })
        .collect();
    let done = tokio::task::spawn_blocking(move || {
        threads.into_iter().map(|thread| thread.join().unwrap()).filter(|done| *done).count()
    });
    assert_eq!(done.await.unwrap(), 20);
    for id in ids {
        handle.close(id).await.unwrap();
    }
    assert!(until(async || handle.sessions().await == 0).await);
    camera.abort();
    hub.shutdown(Duration::from_secs(2)).await;
}

#[tokio::test]
async fn a_publisher_becomes_a_stream_and_a_second_one_is_refused() {
    let (hub, handle) = server().await;
    let (mut client, offer) = Client::new(Direction::SendOnly, None);
    let (id, answer) = handle.publish(&name(), &offer, peer_info()).await.unwrap();
    client.accept(&answer);
    let (_, second) = Client::new(Direction::SendOnly, None);
    let refused = handle.publish(&name(), &second, peer_info()).await;
    assert!(matches!(refused, Err(Error::Publish(hub::PublishError::Busy { .. }))), "{refused:?}");

    tokio::task::spawn_blocking(move || {
        let connected = |client: &Client| client.events.iter().any(|e| matches!(e, str0m::Event::Connected));
        assert!(client.run_until(Duration::from_secs(5), connected));
        client.speak(1, 60);
        client.run_until(Duration::from_millis(2_200), |_| false);
    })
    .await
    .unwrap();
    let report = hub.report(&name()).await.unwrap();
    assert_eq!(report.tracks.iter().map(|track| track.codec).collect::<Vec<_>>(), [Codec::Opus]);
    assert_eq!(report.publishers.len(), 1);
    handle.close(id).await.unwrap();
    assert!(until(async || handle.sessions().await == 0).await);
    hub.shutdown(Duration::from_secs(2)).await;
}

#[tokio::test]
async fn a_stream_that_is_not_there_is_an_error_for_whoever_asks() {
    let (hub, handle) = server().await;
    let (_, offer) = Client::new(Direction::RecvOnly, None);
    let refused = handle.play(&name(), &offer, peer_info(), None).await;
    assert!(matches!(refused, Err(Error::Open(hub::OpenError::NotFound(_)))), "{refused:?}");
    hub.shutdown(Duration::from_secs(2)).await;
}
