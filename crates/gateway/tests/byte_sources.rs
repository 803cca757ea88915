//! Byte streams over HTTP and TCP through a real hub and real sockets: a little server of the test sends what real
//! programs made.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail by panic")]
use bytes::Bytes;
use gateway::GatewayConfig;
use hub::{Conflict, Format, Hub, HubConfig, Item, Limits, PeerInfo, StreamSpec, StreamState, Worker};
use media::{Codec, StreamName, Track};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What was read of one stream: its tracks, and how many units of each.
type Got = (Vec<Track>, Vec<usize>);

fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../formats/fixtures/streams").join(name);
    std::fs::read(path).unwrap()
}

/// Sends each that connects the same bytes and then nothing; with a head as an HTTP server would, after its request.
fn serve(head: Option<&'static str>, body: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let body = body.clone();
            std::thread::spawn(move || send(connection.unwrap(), head, &body));
        }
    });
    address
}

fn send(mut connection: TcpStream, head: Option<&str>, body: &[u8]) {
    if let Some(head) = head {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            connection.read_exact(&mut byte).unwrap();
            request.push(byte[0]);
        }
        connection.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n").as_bytes()).unwrap();
    }
    // About as fast as it plays: a reader that comes when all is there begins with the last group of pictures.
    for piece in body.chunks(1316) {
        if connection.write_all(piece).is_err() {
            return;
        }
        std::thread::sleep(Duration::from_millis(40));
    }
    // Stays until the other side has had enough.
    let _ = connection.read(&mut [0]);
}

struct House {
    hub: Hub,
}

impl House {
    fn start() -> House {
        let config = GatewayConfig::default();
        let programs = gateway::sources::program::Programs::new(&config);
        let connectors = gateway::sources::connectors(&config, Bytes::new(), &programs, None);
        let limits = Limits { source_linger: Duration::from_millis(50), ..Limits::default() };
        let (workers, conflict, deliverers) = (2, Conflict::Refuse, Vec::new());
        let hub = Hub::start(HubConfig { workers, limits, conflict, connectors, deliverers }).unwrap();
        House { hub }
    }

    async fn put(&self, stream: &str, source: &str) {
        let spec = StreamSpec { sources: vec![source.into()], ..StreamSpec::default() };
        self.hub.put(&name(stream), spec).await.unwrap();
    }

    /// Reads a stream until so many units have come.
    async fn read(&self, stream: &str, units: usize) -> Got {
        let (done, result) = tokio::sync::oneshot::channel();
        let stream = name(stream);
        let job = move |worker: Worker| async move {
            let view = worker.open(&stream).await.unwrap();
            let tracks = view.ready().await.unwrap().to_vec();
            let mut reader = view.reader(Format::units(), PeerInfo::default()).unwrap();
            let mut counts = vec![0; tracks.len()];
            while counts.iter().sum::<usize>() < units {
                match reader.next().await {
                    Item::Chunk(chunk) => counts[usize::from(chunk.track)] += 1,
                    Item::Header(_) => {}
                    Item::Ended(reason) => panic!("{stream}: {reason}"),
                }
            }
            done.send((tracks, counts)).unwrap();
        };
        self.hub.worker().await.unwrap().run("reader", job).await.unwrap();
        result.await.unwrap()
    }

    /// Wants a stream whose source cannot work, and says why.
    async fn why_not(&self, stream: &str, source: &str) -> (StreamState, String) {
        self.put(stream, source).await;
        let wanted = name(stream);
        let job = move |worker: Worker| async move {
            let view = worker.open(&wanted).await.unwrap();
            let _ = view.ready().await;
            std::future::pending::<()>().await;
        };
        self.hub.worker().await.unwrap().run("reader", job).await.unwrap();
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let report = self.hub.report(&name(stream)).await.unwrap();
            if matches!(report.state, StreamState::Backoff | StreamState::GaveUp) {
                return (report.state, report.reason.unwrap_or_default());
            }
            assert!(Instant::now() < until, "{report:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn name(name: &str) -> StreamName {
    StreamName::new(name).unwrap()
}

/// Runs a test with its house, at most 40 s.
fn with_house<F: Future<Output = ()>>(test: impl FnOnce(std::rc::Rc<House>) -> F) {
    let options = tokio::runtime::LocalOptions::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(options).unwrap();
    runtime.block_on(async {
        let limited = tokio::time::timeout(Duration::from_secs(40), async {
            let house = std::rc::Rc::new(House::start());
            test(house.clone()).await;
            assert_eq!(house.hub.shutdown(Duration::from_secs(3)).await, 0, "streams that do not end");
        });
        limited.await.expect("in time");
    });
}

fn codecs(tracks: &[Track]) -> Vec<Codec> {
    tracks.iter().map(|track| track.codec).collect()
}

#[test]
fn byte_streams_over_http_and_tcp_are_taken_whatever_the_server_calls_them() {
    with_house(|house| async move {
        let rows = [
            ("ts", "http", "Content-Type: application/octet-stream", "ffmpeg5_h264_bframes_aac.ts", (30, 58)),
            ("gst", "http", "Content-Type: text/html", "gst122_h264_aac.ts", (30, 51)),
            ("tcp", "tcp", "", "ffmpeg5_hevc_mp3.ts", (30, 51)),
        ];
        for (stream, scheme, head, fixture_name, (video, audio)) in rows {
            let head = (scheme == "http").then_some(head);
            let source = format!("{scheme}://{}", serve(head, fixture(fixture_name)));
            house.put(stream, &source).await;
            // A picture is whole when the next begins, so the last one does not come while the connection is open; and a
            // reader begins with a picture, so sound from before it is left out.
            let (tracks, counts) = house.read(stream, video + audio - 5).await;
            assert!(codecs(&tracks)[0].is_video() && !codecs(&tracks)[1].is_video(), "{stream}: {tracks:?}");
            assert!(counts[0] + 5 >= video && counts[1] + 5 >= audio, "{stream}: {counts:?}");
        }
    });
}

#[test]
fn what_is_not_understood_is_said_with_its_first_bytes() {
    with_house(|house| async move {
        let page = serve(Some("Content-Type: text/html; charset=utf-8"), b"<!DOCTYPE html>".to_vec());
        let (state, why) = house.why_not("page", &format!("http://{page}/")).await;
        assert_eq!(state, StreamState::GaveUp);
        assert!(why.contains("(text/html): this is a web page (it begins with 3c21444f4354"), "{why}");
        let noise = serve(None, vec![7; 100_000]);
        let (state, why) = house.why_not("noise", &format!("tcp://{noise}")).await;
        assert_eq!(state, StreamState::Backoff);
        assert!(why.contains("unknown format in 65536 bytes that begin with 0707"), "{why}");
    });
}
