//! FFmpeg on the other side of plain transports: it sends, and shows what came.
use crate::fixtures::{LOOPBACK, eventually, udp};
use serde_json::json;
use sfu::rtp_parameters::{MediaKind, RtpParameters};
use sfu::{
    ConsumerOptions, PlainTransport, PlainTransportOptions, PlainTransportRemoteParameters, ProducerOptions,
    Router, RouterOptions, SrtpCryptoSuite, SrtpParameters, Transport, WorkerManager, WorkerSettings,
};
use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use testkit::process::{Peer, Place, free_ports};
use testkit::require;

/// Longer than any of it takes, also on a busy machine.
const LIMIT: Duration = Duration::from_secs(40);
/// FFmpeg's SSRC.
const SSRC: u32 = 4711;
const KEY: &str = "ZnQ3eWJraDg0d3ZoYzM5cXN1Y2pnaHU5NWxrZTVv";

/// What FFmpeg sends, and how it is told to.
struct Media {
    kind: MediaKind,
    name: &'static str,
    codec: serde_json::Value,
    /// What the router needs to know of the codec besides.
    encode: &'static [&'static str],
    fmtp: &'static str,
}

fn vp8() -> Media {
    Media {
        kind: MediaKind::Video,
        name: "VP8",
        codec: json!({ "mimeType": "video/VP8", "payloadType": 96, "clockRate": 90000 }),
        encode: &[
            "-f",
            "lavfi",
            "-i",
            "testsrc=size=320x240:rate=15",
            "-c:v",
            "libvpx",
            "-deadline",
            "realtime",
            "-cpu-used",
            "8",
            "-g",
            "15",
            "-b:v",
            "300k",
            "-payload_type",
            "96",
        ],
        fmtp: "",
    }
}

fn h264() -> Media {
    Media {
        kind: MediaKind::Video,
        name: "H264",
        codec: json!({
            "mimeType": "video/H264", "payloadType": 97, "clockRate": 90000,
            "parameters": { "packetization-mode": 1, "profile-level-id": "42e01f", "level-asymmetry-allowed": 1 },
        }),
        encode: &[
            "-f",
            "lavfi",
            "-i",
            "testsrc=size=320x240:rate=15",
            "-pix_fmt",
            "yuv420p",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-tune",
            "zerolatency",
            "-profile:v",
            "baseline",
            "-g",
            "15",
            "-payload_type",
            "97",
        ],
        fmtp: "packetization-mode=1",
    }
}

fn opus() -> Media {
    Media {
        kind: MediaKind::Audio,
        name: "opus",
        codec: json!({ "mimeType": "audio/opus", "payloadType": 111, "clockRate": 48000, "channels": 2 }),
        encode: &[
            "-f",
            "lavfi",
            "-i",
            "sine=frequency=440:sample_rate=48000",
            "-ac",
            "2",
            "-c:a",
            "libopus",
            "-payload_type",
            "111",
        ],
        fmtp: "",
    }
}

async fn router(manager: &WorkerManager) -> Router {
    let codecs = json!([
        { "kind": "audio", "mimeType": "audio/opus", "clockRate": 48000, "channels": 2 },
        { "kind": "video", "mimeType": "video/VP8", "clockRate": 90000 },
        { "kind": "video", "mimeType": "video/H264", "clockRate": 90000,
          "parameters": { "packetization-mode": 1, "profile-level-id": "42e01f", "level-asymmetry-allowed": 1 } },
    ]);
    manager.create_router(RouterOptions::new(serde_json::from_value(codecs).unwrap())).await.unwrap()
}

async fn plain(router: &Router, comedia: bool, srtp: bool) -> PlainTransport {
    let mut options = PlainTransportOptions::new(udp());
    (options.comedia, options.rtcp_mux, options.enable_srtp) = (comedia, false, srtp);
    router.create_plain_transport(options).await.unwrap()
}

fn key() -> Option<SrtpParameters> {
    Some(SrtpParameters { crypto_suite: SrtpCryptoSuite::AesCm128HmacSha180, key_base64: KEY.to_owned() })
}

/// FFmpeg, sending to a transport.
fn sender(ffmpeg: &Path, place: &Place, media: &Media, to: &PlainTransport, srtp: bool) -> Peer {
    let (rtp, rtcp) = (to.tuple().local_port, to.rtcp_tuple().unwrap().local_port);
    let mut command = Command::new(ffmpeg);
    command.args(["-hide_banner", "-nostdin", "-re"]).args(media.encode).args(["-ssrc", &SSRC.to_string()]);
    command.args(["-f", "rtp"]);
    if srtp {
        command.args(["-srtp_out_suite", "AES_CM_128_HMAC_SHA1_80", "-srtp_out_params", KEY]);
    }
    let scheme = if srtp { "srtp" } else { "rtp" };
    command.arg(format!("{scheme}://{LOOPBACK}:{rtp}?rtcpport={rtcp}&pkt_size=1200"));
    Peer::start(place, &format!("{}-sender", media.name), &mut command, LIMIT)
}

/// Two ports in a row that nobody has, the first of them even.
fn two_ports() -> u16 {
    let free = |port: &u16| {
        UdpSocket::bind((LOOPBACK, *port)).is_ok() && UdpSocket::bind((LOOPBACK, port + 1)).is_ok()
    };
    // of three in a row two are such a pair
    std::iter::repeat_with(|| (free_ports(3) + 1) & !1).take(100).find(free).unwrap()
}

/// FFmpeg, decoding what comes to a port: so many frames, of which each is a line.
fn receiver(
    ffmpeg: &Path,
    place: &Place,
    media: &Media,
    parameters: &RtpParameters,
    port: u16,
    ours: Option<SrtpParameters>,
) -> Peer {
    let codec = &parameters.codecs[0];
    let (payload_type, kind) = (codec.payload_type(), media.kind);
    let (kind, rate) = if kind == MediaKind::Video { ("video", "90000") } else { ("audio", "48000/2") };
    let profile = if ours.is_some() { "SAVP" } else { "AVP" };
    let mut sdp = format!(
        "v=0\no=- 0 0 IN IP4 {LOOPBACK}\ns=-\nc=IN IP4 {LOOPBACK}\nt=0 0\n\
         m={kind} {port} RTP/{profile} {payload_type}\na=rtpmap:{payload_type} {}/{rate}\n",
        media.name
    );
    if !media.fmtp.is_empty() {
        sdp += &format!("a=fmtp:{payload_type} {}\n", media.fmtp);
    }
    if let Some(ours) = ours {
        sdp += &format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{}\n", ours.key_base64);
    }
    let path = place.file(&format!("{}.sdp", media.name));
    std::fs::write(&path, sdp).unwrap();
    let mut command = Command::new(ffmpeg);
    command.args(["-hide_banner", "-nostdin", "-protocol_whitelist", "file,udp,rtp,srtp", "-i"]).arg(path);
    let (select, frames) = if kind == "video" { ("-frames:v", "30") } else { ("-frames:a", "60") };
    command.args([select, frames, "-f", "framecrc", "-"]);
    Peer::start(place, &format!("{}-receiver", media.name), &mut command, LIMIT)
}

async fn through(ffmpeg: &Path, media: &Media, srtp: bool) {
    let place = Place::new().unwrap();
    let manager = WorkerManager::new().unwrap();
    for _ in 0..2 {
        manager.create_worker(WorkerSettings::default()).await.unwrap();
    }
    let router = router(&manager).await;
    // on different workers
    let (inbound, outbound) = (plain(&router, true, srtp).await, plain(&router, false, srtp).await);
    if srtp {
        let theirs = PlainTransportRemoteParameters { srtp_parameters: key(), ..Default::default() };
        inbound.connect(theirs).await.unwrap();
    }
    let parameters = json!({ "codecs": [media.codec], "encodings": [{ "ssrc": SSRC }] });
    let options = ProducerOptions::new(media.kind, serde_json::from_value(parameters).unwrap());
    let producer = inbound.produce(options).await.unwrap();
    let capabilities = router.rtp_capabilities().clone().into();
    let consumer = outbound.consume(ConsumerOptions::new(producer.id(), capabilities)).await.unwrap();
    let port = two_ports();
    let shown = receiver(ffmpeg, &place, media, consumer.rtp_parameters(), port, outbound.srtp_parameters());
    outbound
        .connect(PlainTransportRemoteParameters {
            ip: Some(LOOPBACK),
            port: Some(port),
            rtcp_port: Some(port + 1),
            srtp_parameters: if srtp { key() } else { None },
        })
        .await
        .unwrap();
    let sending = sender(ffmpeg, &place, media, &inbound, srtp);
    let shown = tokio::task::spawn_blocking(move || shown.wait()).await.unwrap().expect_success();
    let frames = shown.stdout.lines().filter(|line| !line.starts_with('#')).count();
    assert!(frames >= 30, "{} frames\n{}", frames, shown.stderr);
    eventually("the sender's report comes by the other port", async || {
        inbound.rtcp_tuple().is_some_and(|tuple| tuple.remote_port.is_some())
    })
    .await;
    sending.kill();
    let stats = inbound.get_stats().await.unwrap().unwrap();
    assert_eq!(stats.datagrams_dropped, 0, "{stats:?}");
    let received = &producer.get_stats().await.unwrap()[0];
    assert_eq!((received.ssrc, received.packets_lost), (SSRC, 0));
    println!("{} {srtp}: {frames} frames, {} packets", media.name, received.packet_count);
    manager.close().await;
}

#[tokio::test]
async fn what_ffmpeg_sends_comes_to_ffmpeg_vp8() {
    require!(ffmpeg5);
    through(&ffmpeg5, &vp8(), false).await;
}

#[tokio::test]
async fn what_ffmpeg_sends_comes_to_ffmpeg_h264() {
    require!(ffmpeg5);
    through(&ffmpeg5, &h264(), false).await;
}

#[tokio::test]
async fn what_ffmpeg_sends_comes_to_ffmpeg_opus() {
    require!(ffmpeg5);
    through(&ffmpeg5, &opus(), false).await;
}

#[tokio::test]
async fn what_ffmpeg_sends_comes_to_ffmpeg_enciphered_both_ways() {
    require!(ffmpeg5);
    through(&ffmpeg5, &vp8(), true).await;
}
