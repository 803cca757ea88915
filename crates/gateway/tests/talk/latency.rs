//! How long what is said is under way: from the packet that brings it to the device that gets it.
use super::devices::{intercom, url};
use super::house::{name, put_door, with_listeners};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use testkit::intercom::Fault;

/// Silence and the loudest sample of µ-law.
const SILENCE: u8 = 0xff;
const LOUD: u8 = 0x80;

/// Sends a request; returns the answer.
fn ask(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).unwrap();
    let mut reply = [0; 4_096];
    let length = stream.read(&mut reply).unwrap();
    let reply = String::from_utf8_lossy(&reply[..length]).into_owned();
    assert!(reply.starts_with("RTSP/1.0 200"), "{reply}");
    reply
}

/// Publishes µ-law over RTSP as ANNOUNCE has it, in packets of 20 ms: silence with a click in every 25th. Returns when each
/// click was sent.
fn click(server: SocketAddr, packets: u64) -> Vec<Instant> {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_nodelay(true).unwrap();
    let url = format!("rtsp://{server}/door/talk");
    let sdp = "v=0\r\nm=audio 0 RTP/AVP 0\r\na=control:streamid=0\r\n";
    let length = sdp.len();
    ask(
        &mut stream,
        &format!(
            "ANNOUNCE {url} RTSP/1.0\r\nCSeq: 1\r\nContent-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{sdp}"
        ),
    );
    let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record";
    let reply =
        ask(&mut stream, &format!("SETUP {url}/streamid=0 RTSP/1.0\r\nCSeq: 2\r\n{transport}\r\n\r\n"));
    let session = reply.lines().find(|line| line.starts_with("Session:")).unwrap();
    let session = session.split(';').next().unwrap();
    ask(&mut stream, &format!("RECORD {url} RTSP/1.0\r\nCSeq: 3\r\n{session}\r\n\r\n"));
    let (start, mut clicks) = (Instant::now(), Vec::new());
    for packet in 0..packets {
        let due = start + Duration::from_millis(20) * packet as u32;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let loud = packet % 25 == 24;
        let mut bytes = vec![b'$', 0, 0, 172, 0x80, 0];
        bytes.extend_from_slice(&(packet as u16).to_be_bytes());
        bytes.extend_from_slice(&(packet as u32 * 160).to_be_bytes());
        bytes.extend_from_slice(&7_u32.to_be_bytes());
        bytes.extend_from_slice(&[if loud { LOUD } else { SILENCE }; 160]);
        if loud {
            clicks.push(Instant::now());
        }
        stream.write_all(&bytes).unwrap();
    }
    clicks
}

#[test]
fn a_click_over_rtsp_is_at_the_device_in_less_than_100_ms() {
    with_listeners(async |hub, rtsp| {
        let device = intercom("G.711ulaw", Fault::None);
        put_door(&hub, url(&device)).await;
        let clicking = tokio::task::spawn_blocking(move || click(rtsp, 300));
        let clicks = clicking.await.unwrap();
        // What a busy machine held up for too long is not said late; a click that is lost so has no time.
        let heard: Vec<Instant> = device
            .sound()
            .into_iter()
            .filter(|sound| sound.bytes.contains(&LOUD))
            .map(|sound| sound.at)
            .collect();
        let mut waits: Vec<Duration> = clicks
            .iter()
            .filter_map(|sent| heard.iter().find_map(|at| at.checked_duration_since(*sent)))
            .filter(|wait| *wait < Duration::from_millis(450))
            .collect();
        assert!(waits.len() * 4 >= clicks.len() * 3, "{} of {} clicks are heard", waits.len(), clicks.len());
        waits.sort_unstable();
        eprintln!("RTSP, µ-law to µ-law, from the packet to the device: {waits:.1?}");
        assert!(waits[waits.len() / 2] < Duration::from_millis(100), "{waits:?}");
        hub.remove(&name("door")).await.unwrap();
    });
}
