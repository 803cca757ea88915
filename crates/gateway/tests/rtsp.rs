//! RTSP end to end within one process: our listener, our own source as a camera's client, and hand-written requests.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test may fail by panic")]
use bytes::Bytes;
use gateway::sources::program::Programs;
use gateway::{GatewayConfig, listeners, sources};
use hub::{Conflict, Credentials, Format, Hub, HubConfig, Item, Limits, PeerInfo, Secret, StreamSpec};
use media::{StreamName, Tracks};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Everything here is done long before.
const WITHIN: Duration = Duration::from_secs(20);

/// Runs `test` with a hub that has the demo clip as `demo`, and its RTSP address.
fn with_server<Fut: Future<Output = ()>>(
    change: fn(&mut GatewayConfig),
    test: impl FnOnce(Hub, SocketAddr) -> Fut,
) {
    let mut config = GatewayConfig::default();
    config.rtsp.listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    config.rtsp.default_query = "video&audio".into();
    change(&mut config);
    let demo = Bytes::from_static(include_bytes!("../../server/assets/demo.mp4"));
    let programs = Programs::new(&config);
    let connectors = sources::connectors(&config, demo, &programs, None);
    let limits = Limits { start_wait_max: Duration::from_secs(1), ..Limits::default() };
    let hub = Hub::start(HubConfig {
        workers: 2,
        limits,
        conflict: Conflict::Refuse,
        connectors,
        deliverers: Vec::new(),
    })
    .unwrap();
    let options = tokio::runtime::LocalOptions::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(options).unwrap();
    runtime.block_on(async {
        let control: listeners::http::Control = Arc::new(|_| Box::pin(std::future::pending()));
        let listening =
            listeners::start(&hub, Arc::new(config), control, &programs.rendezvous, None).await.unwrap();
        let address = listening.addresses.rtsp.unwrap();
        put(&hub, "demo", "demo:").await;
        tokio::time::timeout(WITHIN, test(hub.clone(), address)).await.unwrap();
        assert_eq!(hub.shutdown(Duration::from_secs(5)).await, 0);
    });
}

async fn put(hub: &Hub, name: &str, url: &str) {
    let spec = StreamSpec { sources: vec![url.into()], ..StreamSpec::default() };
    hub.put(&StreamName::new(name).unwrap(), spec).await.unwrap();
}

/// Reads `count` units of a stream: its tracks, the bytes of video, and whether times rise within each track.
async fn read(hub: &Hub, name: &'static str, count: usize) -> (Tracks, Vec<Bytes>, bool) {
    let (done, result) = tokio::sync::oneshot::channel();
    let worker = hub.worker().await.unwrap();
    let make = move |worker: hub::Worker| async move {
        let view = worker.open(&StreamName::new(name).unwrap()).await.unwrap();
        let tracks = view.ready().await.unwrap();
        let mut reader = view.reader(Format::units(), PeerInfo::default()).unwrap();
        let (mut video, mut rises, mut last) = (Vec::new(), true, [i64::MIN; 2]);
        for _ in 0..count {
            let Item::Chunk(chunk) = reader.next().await else { break };
            let track = usize::from(chunk.track);
            rises &= chunk.dts > last[track] && chunk.pts >= chunk.dts;
            last[track] = chunk.dts;
            if track == 0 {
                video.push(chunk.parts[0].clone());
            }
        }
        let _ = done.send((tracks, video, rises));
    };
    worker.run("test reader", make).await.unwrap();
    result.await.unwrap()
}

/// Sends a request and returns the head of the reply.
async fn ask(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = vec![0; 8192];
    let length = stream.read(&mut reply).await.unwrap();
    String::from_utf8_lossy(&reply[..length]).into_owned()
}

async fn describe(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    ask(&mut stream, &format!("DESCRIBE rtsp://{address}/{path} RTSP/1.0\r\nCSeq: 1\r\n\r\n")).await
}

#[test]
fn a_stream_pulled_over_tcp_and_over_udp_is_the_same_as_at_its_origin() {
    with_server(
        |_| {},
        |hub, address| async move {
            put(&hub, "tcp", &format!("rtsp://{address}/demo")).await;
            put(&hub, "udp", &format!("rtsp://{address}/demo#transport=udp")).await;
            for name in ["tcp", "udp"] {
                let ((tracks, origin, _), (pulled, video, rises)) =
                    tokio::join!(read(&hub, "demo", 250), read(&hub, name, 100));
                assert_eq!(*pulled, *tracks, "{name}");
                assert!(rises, "{name}: times go back");
                let at = origin.iter().position(|data| *data == video[0]).unwrap();
                let same = origin[at..].iter().zip(&video).take_while(|(a, b)| a == b).count();
                assert_eq!(same, video.len().min(origin.len() - at), "{name}");
                let report = hub.report(&StreamName::new(name).unwrap()).await.unwrap();
                assert_eq!(report.publishers[0].peer.transport, name);
            }
        },
    );
}

#[test]
fn what_cannot_be_played_is_refused_with_a_reason() {
    with_server(
        |_| {},
        |hub, address| async move {
            let reply = describe(address, "nothing").await;
            assert!(reply.starts_with("RTSP/1.0 404 there is no stream \"nothing\""), "{reply}");
            let reply = describe(address, "demo?audio=opus").await;
            assert!(reply.starts_with("RTSP/1.0 404 the stream has H264 and AAC"), "{reply}");
            hub.put(&StreamName::new("empty").unwrap(), StreamSpec::default()).await.unwrap();
            let reply = describe(address, "empty").await;
            assert!(reply.starts_with("RTSP/1.0 404 the stream is waiting: nobody publishes"), "{reply}");
            let reply = describe(address, "demo?video").await;
            assert!(reply.starts_with("RTSP/1.0 200") && !reply.contains("m=audio"), "{reply}");
        },
    );
}

#[test]
fn a_second_publisher_and_one_into_a_camera_are_refused_with_a_reason() {
    let publish = async |address: SocketAddr, name: &str| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let url = format!("rtsp://{address}/{name}");
        let sdp = "v=0\r\nm=audio 0 RTP/AVP 8\r\na=control:streamid=0\r\n";
        let announce = format!(
            "ANNOUNCE {url} RTSP/1.0\r\nCSeq: 1\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            sdp.len()
        );
        assert!(ask(&mut stream, &announce).await.starts_with("RTSP/1.0 200"));
        let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record";
        let reply =
            ask(&mut stream, &format!("SETUP {url}/streamid=0 RTSP/1.0\r\nCSeq: 2\r\n{transport}\r\n\r\n"))
                .await;
        (stream, reply)
    };
    with_server(
        |_| {},
        |_hub, address| async move {
            let (_first, reply) = publish(address, "mic").await;
            assert!(reply.starts_with("RTSP/1.0 200"), "{reply}");
            let (_second, reply) = publish(address, "mic").await;
            assert!(
                reply.starts_with("RTSP/1.0 403 stream \"mic\" has a publisher already (rtsp"),
                "{reply}"
            );
            let (_third, reply) = publish(address, "demo").await;
            assert!(reply.starts_with("RTSP/1.0 403 stream \"demo\" has sources"), "{reply}");
        },
    );
}

#[test]
fn with_credentials_a_source_that_knows_them_gets_in_and_no_other() {
    let change = |config: &mut GatewayConfig| {
        let credentials = Credentials { username: "user".into(), password: Secret::new("p@ss") };
        config.rtsp.access.credentials = Some(credentials);
        config.rtsp.access.local_auth = true;
    };
    with_server(change, |hub, address| async move {
        let reply = describe(address, "demo").await;
        assert!(reply.starts_with("RTSP/1.0 401") && reply.contains("Digest"), "{reply}");
        put(&hub, "right", &format!("rtsp://user:p%40ss@{address}/demo")).await;
        let (_, video, _) = read(&hub, "right", 20).await;
        assert!(!video.is_empty());
        put(&hub, "wrong", &format!("rtsp://user:secret@{address}/demo")).await;
        let name = StreamName::new("wrong").unwrap();
        let mut events = hub.events();
        let worker = hub.worker().await.unwrap();
        let hold = name.clone();
        let make = move |worker: hub::Worker| async move {
            let view = worker.open(&hold).await.unwrap();
            let _ = view.ready().await;
        };
        worker.run("test hold", make).await.unwrap();
        let reason = loop {
            match &events.recv().await.unwrap().what {
                hub::What::SourceState { stream, reason: Some(reason), .. } if *stream == name => {
                    break reason.clone();
                }
                _ => {}
            }
        };
        assert!(reason.contains("check user and password") && !reason.contains("secret"), "{reason}");
    });
}

/// Reads until the reply of TEARDOWN; gives the RTCP packets on odd channels, and the reply's first line.
async fn last_words(stream: &mut TcpStream, url: &str, session: &str) -> (Vec<Bytes>, String) {
    let (mut bytes, mut reports, mut said) = (Vec::new(), Vec::new(), false);
    loop {
        if stream.read_buf(&mut bytes).await.unwrap() == 0 {
            return (reports, "closed without a reply".into());
        }
        while let [b'$', channel, high, low, ..] = bytes[..] {
            let end = 4 + usize::from(u16::from_be_bytes([high, low]));
            if bytes.len() < end {
                break;
            }
            if channel % 2 == 1 {
                reports.push(Bytes::copy_from_slice(&bytes[4..end]));
            }
            bytes.drain(..end);
        }
        let ended = reports.iter().any(|report| report.windows(2).any(|pair| pair == [0x81, 203]));
        if ended && !said {
            said = true;
            let teardown = format!("TEARDOWN {url} RTSP/1.0\r\nCSeq: 9\r\nSession: {session}\r\n\r\n");
            stream.write_all(teardown.as_bytes()).await.unwrap();
        }
        if said && bytes.ends_with(b"\r\n\r\n") && bytes[0] != b'$' {
            let reply = String::from_utf8_lossy(&bytes);
            return (reports, reply.lines().next().unwrap_or_default().to_owned());
        }
    }
}

#[test]
fn a_player_whose_stream_ends_hears_it_by_rtcp_and_is_answered_before_the_connection_ends() {
    with_server(
        |_| {},
        |hub, address| async move {
            put(&hub, "short", "demo:").await;
            let url = format!("rtsp://{address}/short?video");
            let mut stream = TcpStream::connect(address).await.unwrap();
            let setup = format!(
                "SETUP {url}/trackID=0 RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n"
            );
            let reply = ask(&mut stream, &setup).await;
            let session = reply.lines().find_map(|line| line.strip_prefix("Session: ")).unwrap();
            let session = session.split(';').next().unwrap().to_owned();
            let play = format!("PLAY {url} RTSP/1.0\r\nCSeq: 2\r\nSession: {session}\r\n\r\n");
            stream.write_all(play.as_bytes()).await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            assert!(head.starts_with(b"RTSP/1.0 200"), "{}", String::from_utf8_lossy(&head));
            hub.remove(&StreamName::new("short").unwrap()).await;
            let (reports, reply) = last_words(&mut stream, &url, &session).await;
            assert_eq!(reply, "RTSP/1.0 200 OK", "after {reports:?}");
        },
    );
}
