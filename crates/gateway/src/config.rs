//! What the gateway is told at the start. Plain values: the server makes them from the configuration file.
use crate::net::child::ChildrenConfig;
use crate::sources::exec::ExecConfig;
use crate::sources::ffmpeg::FfmpegConfig;
use hub::Access;
use std::net::SocketAddr;
use std::sync::Arc;

/// Everything the listeners and sources need to know.
#[derive(Clone, Debug, Default)]
pub struct GatewayConfig {
    /// HTTP: control, media over HTTP and WebSocket, WHIP and WHEP.
    pub http: HttpConfig,
    /// RTSP.
    pub rtsp: RtspConfig,
    /// RTMP.
    pub rtmp: RtmpConfig,
    /// WebRTC media.
    pub webrtc: WebRtcConfig,
    /// Media of HomeKit.
    pub srtp: SrtpConfig,
    /// Child processes.
    pub children: ChildrenConfig,
    /// Programs as sources.
    pub exec: ExecConfig,
    /// How ffmpeg is called.
    pub ffmpeg: FfmpegConfig,
    /// Certificate for the TLS listeners; a self-signed one is made when there is none.
    pub tls: TlsConfig,
}

/// The HTTP listener.
#[derive(Clone, Debug, Default)]
pub struct HttpConfig {
    /// Plain HTTP; `None`: off.
    pub listen: Option<SocketAddr>,
    /// HTTPS; `None`: off.
    pub tls_listen: Option<SocketAddr>,
    /// Which web origins besides our own may use the API: `*`, or one origin such as `https://home.example`.
    pub origin: String,
    /// Path before every route, such as `/cams`; empty for none. Starts with `/` and does not end with it.
    pub base_path: String,
    /// Who may do what.
    pub access: Access,
}

/// The RTSP listener and client.
#[derive(Clone, Debug, Default)]
pub struct RtspConfig {
    /// RTSP; `None`: off.
    pub listen: Option<SocketAddr>,
    /// RTSPS; `None`: off.
    pub tls_listen: Option<SocketAddr>,
    /// The query for readers that give none, such as `video&audio`.
    pub default_query: String,
    /// Largest RTP packet in bytes, header included.
    pub packet_bytes_max: usize,
    /// Who may do what.
    pub access: Access,
}

/// The RTMP listener.
#[derive(Clone, Debug, Default)]
pub struct RtmpConfig {
    /// RTMP; `None`: off.
    pub listen: Option<SocketAddr>,
    /// RTMPS; `None`: off.
    pub tls_listen: Option<SocketAddr>,
    /// Who may do what. RTMP has no logins of its own: credentials come in the query, `?user=…&pass=…`.
    pub access: Access,
}

/// WebRTC media.
#[derive(Clone, Debug, Default)]
pub struct WebRtcConfig {
    /// UDP address of all sessions, and TCP unless switched off; `None`: off.
    pub listen: Option<SocketAddr>,
    /// Listen on UDP.
    pub udp: bool,
    /// Listen on TCP.
    pub tcp: bool,
    /// Further addresses to offer to peers, such as the public one of a router: `203.0.113.5:8555`, or `host:port`.
    pub candidates: Vec<String>,
    /// Answer as an ICE-lite agent: peers check, we only answer. Right on a public address.
    pub ice_lite: bool,
    /// Estimate the bandwidth towards players here instead of taking theirs.
    pub sender_estimate: bool,
    /// STUN and TURN servers handed to browsers.
    pub ice_servers: Vec<IceServer>,
}

/// Media of HomeKit.
#[derive(Clone, Debug, Default)]
pub struct SrtpConfig {
    /// The UDP address of all sessions; `None`: off.
    pub listen: Option<SocketAddr>,
}

/// A STUN or TURN server for browsers.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct IceServer {
    /// `stun:host:port`, `turn:host:port`.
    pub urls: Vec<String>,
    /// For TURN.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub username: String,
    /// For TURN.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub credential: String,
}

/// The certificate of the TLS listeners.
#[derive(Clone, Debug, Default)]
pub struct TlsConfig {
    /// Certificate chain, PEM.
    pub certificate_pem: Option<Arc<str>>,
    /// Private key, PEM.
    pub key_pem: Option<hub::Secret>,
}
