//! A conference's parts, as short as a test wants them.
use bytes::Bytes;
use formats::rtp::{Extension, Header, Packet};
use serde_json::json;
use sfu::ice::Protocol;
use sfu::rtp_parameters::{MediaKind, RtpCapabilities, RtpCodecCapability};
use sfu::{
    ConsumerEvent, DirectTransport, DirectTransportOptions, EventStream, ListenInfo, ProducerOptions, Router,
    RouterOptions, WorkerManager, WorkerSettings,
};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Longer than anything here takes, also on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(5);

/// What is awaited, or a failure.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.expect("in time")
}

pub(crate) fn media_codecs() -> Vec<RtpCodecCapability> {
    let codecs = json!([
        { "kind": "audio", "mimeType": "audio/opus", "clockRate": 48000, "channels": 2 },
        { "kind": "video", "mimeType": "video/VP8", "clockRate": 90000 },
    ]);
    serde_json::from_value(codecs).unwrap()
}

pub(crate) async fn manager(workers: usize) -> WorkerManager {
    let manager = WorkerManager::new().unwrap();
    for _ in 0..workers {
        manager.create_worker(WorkerSettings::default()).await.unwrap();
    }
    manager
}

pub(crate) async fn router(manager: &WorkerManager) -> Router {
    manager.create_router(RouterOptions::new(media_codecs())).await.unwrap()
}

pub(crate) async fn direct(router: &Router) -> DirectTransport {
    router.create_direct_transport(DirectTransportOptions::default()).await.unwrap()
}

/// An endpoint that can receive all that the router carries.
pub(crate) fn everything(router: &Router) -> RtpCapabilities {
    router.rtp_capabilities().clone().into()
}

pub(crate) fn opus(ssrc: u32) -> ProducerOptions {
    let parameters = json!({
        "codecs": [{ "mimeType": "audio/opus", "payloadType": 111, "clockRate": 48000, "channels": 2 }],
        "encodings": [{ "ssrc": ssrc }],
    });
    ProducerOptions::new(MediaKind::Audio, serde_json::from_value(parameters).unwrap())
}

pub(crate) fn vp8(ssrc: u32) -> ProducerOptions {
    let parameters = json!({
        "codecs": [{
            "mimeType": "video/VP8", "payloadType": 96, "clockRate": 90000,
            "rtcpFeedback": [{ "type": "nack" }, { "type": "nack", "parameter": "pli" }],
        }],
        "encodings": [{ "ssrc": ssrc }],
    });
    ProducerOptions::new(MediaKind::Video, serde_json::from_value(parameters).unwrap())
}

/// An Opus packet, number `sequence`, whose payload tells it.
pub(crate) fn sound(ssrc: u32, sequence: u16) -> Bytes {
    let header =
        Header { ssrc, sequence, payload_type: 111, timestamp: u32::from(sequence) * 960, marker: false };
    packet(header, [&[0xf8][..], &sequence.to_be_bytes()].concat())
}

/// A frame of VP8 in one packet.
pub(crate) fn picture(ssrc: u32, sequence: u16, key_frame: bool) -> Bytes {
    let header =
        Header { ssrc, sequence, payload_type: 96, timestamp: u32::from(sequence) * 3000, marker: true };
    // descriptor: start of a partition; then the frame's first byte, of which the lowest bit is 0 for a key frame
    packet(header, vec![0x10, u8::from(!key_frame), 0, 0, 0x9d, 0x01, 0x2a, sequence as u8])
}

/// Opus whose packets say how loud they are.
pub(crate) fn spoken_opus(ssrc: u32) -> ProducerOptions {
    let mut options = opus(ssrc);
    let level = json!([{ "uri": "urn:ietf:params:rtp-hdrext:ssrc-audio-level", "id": 1 }]);
    options.rtp_parameters.header_extensions = serde_json::from_value(level).unwrap();
    options
}

/// A packet of it, so many dB below the loudest.
pub(crate) fn spoken(ssrc: u32, sequence: u16, quiet: u8) -> Bytes {
    let timestamp = u32::from(sequence) * 960;
    let header = Header { ssrc, sequence, payload_type: 111, timestamp, marker: false };
    let extension = Extension { profile: 0xbede, data: vec![0x10, 0x80 | quiet, 0, 0].into() };
    let mut bytes = Vec::new();
    let payload = vec![0xf8, 0, 0].into();
    Packet { header, extension: Some(extension), payload, ..Packet::default() }.write(&mut bytes);
    bytes.into()
}

fn packet(header: Header, payload: Vec<u8>) -> Bytes {
    let mut bytes = Vec::new();
    Packet { header, payload: payload.into(), ..Packet::default() }.write(&mut bytes);
    bytes.into()
}

/// Any free port of this machine, by UDP.
pub(crate) fn udp() -> ListenInfo {
    ListenInfo::new(Protocol::Udp, LOOPBACK)
}

/// The next RTP packet of a consumer on a direct transport.
pub(crate) async fn next_rtp(events: &mut EventStream<ConsumerEvent>) -> Packet {
    loop {
        match soon(events.next()).await {
            Some(ConsumerEvent::Rtp(bytes)) => return Packet::parse(bytes).unwrap(),
            Some(_) => {}
            None => panic!("the consumer is closed"),
        }
    }
}

/// What is awaited is so within the time, or a failure.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + SOON;
    while !is_so().await {
        assert!(tokio::time::Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
