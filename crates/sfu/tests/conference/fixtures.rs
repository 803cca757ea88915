//! A conference's parts, as short as a test wants them.
use bytes::Bytes;
use formats::rtp::{Header, Packet};
use serde_json::json;
use sfu::rtp_parameters::{MediaKind, RtpCapabilities, RtpCodecCapability};
use sfu::{
    DirectTransport, DirectTransportOptions, ProducerOptions, Router, RouterOptions, WorkerManager,
    WorkerSettings,
};
use std::time::Duration;

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

fn packet(header: Header, payload: Vec<u8>) -> Bytes {
    let mut bytes = Vec::new();
    Packet { header, payload: payload.into(), ..Packet::default() }.write(&mut bytes);
    bytes.into()
}
