//! Every setting, documented once: the comments here become the example file, the schema and the manual.
use super::alerts::{AlertsSection, HooksSection};
use super::conflict::PublishSection;
use super::homekit::{HomekitEntry, SrtpSection};
use super::log::LogSection;
use super::programs::{ChildrenSection, ExecSection, FfmpegSection};
use super::recording::RecordingSection;
use super::rooms::RoomsSection;
use super::state::{MdnsSection, StateSection};
use super::streams::StreamEntry;
use super::supervision::SupervisionSection;
use super::values::{Interval, Listen, MediaListen, SecretText, Size, Texts, not_zero};
use super::zlmediakit::ZlmediakitSection;
use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What go2rtc knows and Aqueduct does not yet: read, and left alone.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Foreign(pub bool);

impl Foreign {
    pub(crate) fn is_absent(&self) -> bool {
        !self.0
    }
}

impl<'de> Deserialize<'de> for Foreign {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(from)?;
        Ok(Self(true))
    }
}

/// Aqueduct's configuration. Times are written as `500ms`, `10s`, `2m`; sizes as `64MiB`. Any value may contain
/// `${NAME}` or `${NAME:default}`, taken from the environment. Given several files, later ones win, key by key.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Config {
    /// Streams by name. A stream is a URL, or a list of URLs in order of preference (video may come from one and audio
    /// from another), or nothing (somebody publishes into it), or keys.
    ///
    /// The keys of a stream: `url` (one or a list); `fallback` (one or a list that stand in while those of `url` fail, such
    /// as a slate); `preload: true` or `on_demand: false` (run it also without viewers); `linger: 10s` (how long a source
    /// outlasts its last viewer, else `limits.source_linger`); `conflict` (as in `publish`, for this stream);
    /// `supervision` (as below, for this stream; what is left out is as below); `talk` (below);
    /// `record` (`true`, or keys, see `recording`). In a list, keys may stand in place of a URL: `url`, `fallback: true`, `supervision`.
    ///
    /// URLs are `rtsp://user:password@camera/path`, `rtsps:`, `rtspx:` (any certificate), `rtmp:`, `rtmps:`,
    /// `http://camera/live.flv`, `https:`, `file:///media/clip.mp4`, `exec:PROGRAM ARGUMENTS`, `room:NAME/IDENTITY` (somebody in
    /// a conference, see `rooms`), `homekit://DEVICE-ID` (a HomeKit camera that was paired by `POST /api/v1/homekit/pairings`; go2rtc's
    /// URLs with keys are taken as well) and `demo:`, the camera that comes with Aqueduct.
    ///
    /// A stream with a device to talk to has a talk stream, `NAME/talk`: what is published there is heard at the device.
    /// It has one when a source says so, as in go2rtc: `isapi://…`, or RTSP with `#backchannel=1`, or
    /// `exec:PROGRAM ARGUMENTS#backchannel=1#audio=alaw/8000`, a program that gets what is said on its stdin; a HomeKit camera is
    /// talked to unless `#backchannel=0` stands behind its URL; other RTSP
    /// cameras are never asked for their back channel, as some of them end what they send when asked. Or `talk` names it: a
    /// URL, a list, `true` (the first source that can be talked to), `false` (none), or keys: `url`, `conflict` (what a second
    /// talker gets: `refuse`, `queue`, `mix`, `replace`), `idle: 2.5s` (without sound for this long the call is closed),
    /// `half_duplex: true` (the device cannot listen and speak at once), `supervision`.
    ///
    /// Without any file there is one stream, the demo camera.
    pub streams: BTreeMap<String, StreamEntry>,
    /// Streams to run also without viewers: the name, and what to run of it, such as `video&audio`.
    pub preload: BTreeMap<String, String>,
    /// HTTP: the web page, the API, and media over HTTP and WebSocket.
    #[garde(dive)]
    pub api: ApiSection,
    /// RTSP: players read, encoders and cameras push.
    #[garde(dive)]
    pub rtsp: RtspSection,
    /// RTMP: encoders push, players read.
    pub rtmp: RtmpSection,
    /// WebRTC media. Offers come by HTTP (WHEP, WHIP) or WebSocket.
    pub webrtc: WebRtcSection,
    /// Streams that are cameras in Apple's Home, by name. `cam:` with nothing behind it is enough: its pin is then 19550224. Several
    /// cameras share one pairing when they have the same `bridge`. Keys and pairings are kept in `state.path`.
    pub homekit: BTreeMap<String, HomekitEntry>,
    /// HomeKit's media, by SRTP.
    pub srtp: SrtpSection,
    /// The certificate of every TLS listener. Without one, a self-signed one is made at each start.
    pub tls: TlsSection,
    /// What is logged, and how. Besides the keys here, any module has a level of its own, such as `rtsp: debug`.
    pub log: LogSection,
    /// Publishing into streams.
    pub publish: PublishSection,
    /// How failing sources are tried again.
    #[garde(dive)]
    pub supervision: SupervisionSection,
    /// Recording: streams with `record: true`, or with keys in place of `true`: `format` (`fmp4`, `mp4`, `hls`, `hls_ts`, `ts`),
    /// `segment`, `segment_size`, `storage`, `files`, `keep`, `size_max`, `tracks` (without which it is no recording), `events`
    /// (`pre`, `post`: record around events only); or with a list of such keys. docs/recording.md has the promises.
    #[garde(dive)]
    pub recording: RecordingSection,
    /// Rooms: conferences for mediasoup-client, signalled over `/api/rooms/ws` with tokens. docs/rooms.md has the protocol.
    #[garde(dive)]
    pub rooms: RoomsSection,
    /// What the server keeps by itself, apart from configuration and media.
    #[garde(dive)]
    pub state: StateSection,
    /// Announcing and finding on the local network: HomeKit.
    pub mdns: MdnsSection,
    /// Limits. Reaching one is an event, in the log and in the API.
    #[garde(dive)]
    pub limits: LimitsSection,
    /// Child processes: how many, and how long they are waited for.
    #[garde(dive)]
    pub children: ChildrenSection,
    /// Programs as sources: `exec:PROGRAM ARGUMENTS` reads the program's output (FLV, MPEG-TS and what else the server
    /// understands), or takes what the program pushes to `{output}` by RTSP, or to `{output_rtmp}`. With `#backchannel=1` it is
    /// a program that is talked to, in bare samples as `#audio=` says: `alaw`, `mulaw`, `s16le`, `s16be`, with a rate such as
    /// `/8000`; `s16le/16000` if it is left out.
    pub exec: ExecSection,
    /// ffmpeg as a source: `ffmpeg:STREAM#audio=opus`. Any further key is a template of arguments, by the name of a codec
    /// (`h264`, `opus/16000`) or an input (`rtsp`, `file`), and goes before the one that comes with Aqueduct.
    pub ffmpeg: FfmpegSection,
    /// When trouble is an alert: an event, in the log, in the API, and sent to `hooks`.
    #[garde(dive)]
    pub alerts: AlertsSection,
    /// Webhooks: who is told of alerts and other events by HTTP POST. docs/alerts.md has what they get.
    #[garde(dive)]
    pub hooks: HooksSection,
    /// ZLMediaKit's API for recordings, `/index/api/…`, as WVP-GB28181-pro calls it, and its hooks. docs/recording-zlmediakit.md
    /// has the calls.
    #[garde(dive)]
    pub zlmediakit: ZlmediakitSection,
    /// Threads that carry media. 0: one for each core.
    #[garde(range(max = 1024))]
    pub workers: usize,
    /// Values for `${NAME}` that go before those of the environment.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// go2rtc's: with `modules`, as Home Assistant writes it, the log has go2rtc's format unless `log.format` says
    /// otherwise.
    #[serde(skip_serializing_if = "Foreign::is_absent")]
    pub app: Foreign,
    /// go2rtc's; not supported yet: read, and left alone.
    #[serde(skip_serializing_if = "Foreign::is_absent")]
    pub echo: Foreign,
    /// go2rtc's; not supported yet: read, and left alone.
    #[serde(skip_serializing_if = "Foreign::is_absent")]
    pub expr: Foreign,
    /// go2rtc's; not supported yet: read, and left alone.
    #[serde(skip_serializing_if = "Foreign::is_absent")]
    pub hass: Foreign,
    /// go2rtc's; not supported yet: read, and left alone.
    #[serde(skip_serializing_if = "Foreign::is_absent")]
    pub webtorrent: Foreign,
    /// go2rtc's; not supported yet: read, and left alone.
    #[serde(skip_serializing_if = "Foreign::is_absent")]
    pub wyoming: Foreign,
    /// go2rtc's; not supported yet: read, and left alone.
    #[serde(skip_serializing_if = "Foreign::is_absent")]
    pub ngrok: Foreign,
    /// go2rtc's; not supported yet: read, and left alone.
    #[serde(skip_serializing_if = "Foreign::is_absent")]
    pub pinggy: Foreign,
    /// go2rtc's; not supported yet: read, and left alone.
    #[serde(skip_serializing_if = "Foreign::is_absent")]
    pub wyze: Foreign,
    /// go2rtc's; not supported yet: read, and left alone.
    #[serde(skip_serializing_if = "Foreign::is_absent")]
    pub xiaomi: Foreign,
    /// go2rtc's; not supported yet: read, and left alone.
    #[serde(skip_serializing_if = "Foreign::is_absent")]
    pub roborock: Foreign,
    /// go2rtc's; not supported yet: read, and left alone.
    #[serde(skip_serializing_if = "Foreign::is_absent")]
    pub ring: Foreign,
    /// go2rtc's; not supported yet: read, and left alone.
    #[serde(skip_serializing_if = "Foreign::is_absent")]
    pub tuya: Foreign,
    /// go2rtc's; not supported yet: read, and left alone.
    #[serde(skip_serializing_if = "Foreign::is_absent")]
    pub tapo: Foreign,
    /// go2rtc's; not supported yet: read, and left alone.
    #[serde(skip_serializing_if = "Foreign::is_absent")]
    pub nest: Foreign,
}

impl Config {
    /// The sections that were given and have no effect yet.
    pub(crate) fn without_effect(&self) -> Vec<&'static str> {
        let all = [
            ("echo", &self.echo),
            ("expr", &self.expr),
            ("hass", &self.hass),
            ("webtorrent", &self.webtorrent),
            ("wyoming", &self.wyoming),
            ("ngrok", &self.ngrok),
            ("pinggy", &self.pinggy),
            ("wyze", &self.wyze),
            ("xiaomi", &self.xiaomi),
            ("roborock", &self.roborock),
            ("ring", &self.ring),
            ("tuya", &self.tuya),
            ("tapo", &self.tapo),
            ("nest", &self.nest),
        ];
        all.iter().filter(|(_, section)| section.0).map(|(name, _)| *name).collect()
    }
}

/// HTTP.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
#[garde(allow_unvalidated)]
pub struct ApiSection {
    /// Where to listen. `:1984` is every interface; `""` switches HTTP off. Without a user name, others than this
    /// machine may watch, but neither publish nor change anything.
    pub listen: Listen,
    /// Where to listen for HTTPS. `""`: nowhere.
    pub tls_listen: Listen,
    /// User name that everybody but this machine shows. `""`: none.
    pub username: String,
    /// The password that goes with it.
    pub password: SecretText,
    /// This machine shows them as well.
    pub local_auth: bool,
    /// Which web pages of other origins may use the API: one origin such as `https://home.example`, or `*` for all.
    /// `""`: only the pages of this server itself.
    pub origin: String,
    /// Path before every address, for proxies: `/cams`. `""`: none.
    #[garde(custom(valid_base_path))]
    pub base_path: String,
    /// go2rtc's place for `tls.cert`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tls_cert: String,
    /// go2rtc's place for `tls.key`.
    #[serde(skip_serializing_if = "SecretText::is_empty")]
    pub tls_key: SecretText,
    /// go2rtc's: a unix socket; not supported yet.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub unix_listen: String,
    /// go2rtc's: a folder with other web pages; not supported.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub static_dir: String,
    /// go2rtc's: the only paths to answer; not supported yet.
    #[serde(skip_serializing_if = "Foreign::is_absent")]
    pub allow_paths: Foreign,
}

impl Default for ApiSection {
    fn default() -> Self {
        Self {
            listen: Listen::local(1984),
            tls_listen: Listen::default(),
            username: String::new(),
            password: SecretText::default(),
            local_auth: false,
            origin: String::new(),
            base_path: String::new(),
            tls_cert: String::new(),
            tls_key: SecretText::default(),
            unix_listen: String::new(),
            static_dir: String::new(),
            allow_paths: Foreign::default(),
        }
    }
}

fn valid_base_path(path: &str, _: &()) -> garde::Result {
    let fits = path.is_empty() || (path.starts_with('/') && !path.contains(['?', '#', ' ']));
    if fits { Ok(()) } else { Err(garde::Error::new("must be a path that starts with `/`, such as `/cams`")) }
}

/// RTSP.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
#[garde(allow_unvalidated)]
pub struct RtspSection {
    /// Where to listen. `""` switches RTSP off. Without a user name, others than this machine may watch only.
    pub listen: Listen,
    /// Where to listen for RTSPS. `""`: nowhere.
    pub tls_listen: Listen,
    /// User name that everybody but this machine shows. `""`: none.
    pub username: String,
    /// The password that goes with it.
    pub password: SecretText,
    /// This machine shows them as well.
    pub local_auth: bool,
    /// The query of readers that give none: which tracks they get. `video&audio` is one of each.
    pub default_query: String,
    /// Largest RTP packet in bytes, header included. 0: 1,420, which fits most tunnels.
    #[garde(custom(packet_size))]
    pub pkt_size: usize,
}

impl Default for RtspSection {
    fn default() -> Self {
        Self {
            listen: Listen::local(8554),
            tls_listen: Listen::default(),
            username: String::new(),
            password: SecretText::default(),
            local_auth: false,
            default_query: "video&audio".into(),
            pkt_size: 0,
        }
    }
}

/// Smallest and largest RTP packets that make sense: what IPv4 guarantees, and what a UDP datagram holds.
const PACKET_BYTES: std::ops::RangeInclusive<usize> = 500..=65_000;

fn packet_size(bytes: &usize, _: &()) -> garde::Result {
    if *bytes == 0 || PACKET_BYTES.contains(bytes) {
        return Ok(());
    }
    Err(garde::Error::new(format!("must be 0, or {} to {}", PACKET_BYTES.start(), PACKET_BYTES.end())))
}

/// RTMP.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct RtmpSection {
    /// Where to listen. `""` switches RTMP off. Without a user name, others than this machine may watch only.
    pub listen: Listen,
    /// Where to listen for RTMPS. `""`: nowhere.
    pub tls_listen: Listen,
    /// User name that everybody but this machine shows, in the query: `rtmp://host/live/cam?user=ann&pass=…`.
    pub username: String,
    /// The password that goes with it.
    pub password: SecretText,
    /// This machine shows them as well.
    pub local_auth: bool,
}

impl Default for RtmpSection {
    fn default() -> Self {
        Self {
            listen: Listen::local(1935),
            tls_listen: Listen::default(),
            username: String::new(),
            password: SecretText::default(),
            local_auth: false,
        }
    }
}

/// WebRTC.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct WebRtcSection {
    /// The one port of all sessions, UDP and TCP. With `/udp` or `/tcp` behind it, only that. `""` switches it off.
    pub listen: MediaListen,
    /// Further addresses to offer: the public one of a router, `203.0.113.5:8555`, or `stun:8555` to ask for it.
    pub candidates: Vec<String>,
    /// STUN and TURN servers for browsers.
    pub ice_servers: Vec<IceServer>,
    /// Only answer connectivity checks. For servers with a public address.
    pub ice_lite: bool,
    /// Estimate here how much the path to each player carries, from its reports of single packets, instead of taking the
    /// player's own estimate. Costs about half as much CPU again per packet; both are shown as `estimate_bps`.
    pub sender_estimate: bool,
    /// go2rtc's: which addresses and ports to use; not supported yet.
    #[serde(skip_serializing_if = "Foreign::is_absent")]
    pub filters: Foreign,
}

impl Default for WebRtcSection {
    fn default() -> Self {
        Self {
            listen: MediaListen { listen: Listen::local(8555), udp: true, tcp: true },
            candidates: Vec::new(),
            ice_servers: Vec::new(),
            ice_lite: false,
            sender_estimate: false,
            filters: Foreign::default(),
        }
    }
}

/// A STUN or TURN server.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct IceServer {
    /// `stun:host:port` or `turn:host:port`, one or a list.
    pub urls: Texts,
    /// For TURN.
    pub username: String,
    /// For TURN.
    pub credential: SecretText,
}

/// The certificate.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct TlsSection {
    /// The certificate with its chain: the path of a PEM file, or its text.
    pub cert: String,
    /// Its private key: the path of a PEM file, or its text.
    pub key: SecretText,
}

/// Limits.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
#[garde(allow_unvalidated)]
pub struct LimitsSection {
    /// Most streams at once.
    #[garde(range(min = 1))]
    pub streams_max: usize,
    /// Most readers of one stream.
    #[garde(range(min = 1))]
    pub readers_per_stream_max: usize,
    /// Most publishers of one stream that mix or wait their turn.
    #[garde(range(min = 1))]
    pub publishers_per_stream_max: usize,
    /// Most bytes that one ring keeps: a stream's frames, and each format of them that somebody reads.
    #[garde(custom(ring_size))]
    pub ring_bytes_max: Size,
    /// How long a ring keeps what is older than its newest key frame, for readers that lag.
    pub ring_keep: Interval,
    /// A reader this many bytes behind is cut back to the newest key frame.
    #[garde(custom(lag_size))]
    pub reader_lag_bytes_max: Size,
    /// A reader this far behind is cut back to the newest key frame.
    #[garde(custom(not_zero))]
    pub reader_lag_max: Interval,
    /// A reader that takes nothing for this long is ended.
    #[garde(custom(not_zero))]
    pub reader_stall_max: Interval,
    /// How long a reader waits for the stream to start; a camera may take 10 s to wake up.
    #[garde(custom(not_zero))]
    pub start_wait_max: Interval,
    /// A source or publisher that sends nothing for this long is ended.
    #[garde(custom(not_zero))]
    pub silence_max: Interval,
    /// A live stream with a track that is silent for this long is `stalled`.
    #[garde(custom(not_zero))]
    pub track_silence_max: Interval,
    /// Readers of a pushed stream wait this long for its publisher to come back.
    pub publisher_linger: Interval,
    /// A source stops this long after its last reader left.
    pub source_linger: Interval,
    /// A source has this long to say goodbye.
    #[garde(custom(not_zero))]
    pub source_stop_max: Interval,
    /// Audio waits at most this long for the picture that it is written with.
    pub flush_delay: Interval,
    /// A worker that does not answer for this long is replaced.
    #[garde(custom(not_zero))]
    pub worker_stall_max: Interval,
    /// Frames that wait of one publisher, before it is slowed down.
    #[garde(range(min = 1, max = 65_536))]
    pub ingest_queue: usize,
}

/// Smallest ring: a key frame of a 4K camera.
const RING_BYTES_MIN: u64 = 1 << 20;

fn ring_size(size: &Size, _: &()) -> garde::Result {
    if size.0 >= RING_BYTES_MIN {
        return Ok(());
    }
    Err(garde::Error::new("must be at least 1MiB, or key frames do not fit"))
}

fn lag_size(size: &Size, _: &()) -> garde::Result {
    if size.0 > 0 { Ok(()) } else { Err(garde::Error::new("must be more than 0")) }
}

impl Default for LimitsSection {
    fn default() -> Self {
        let limits = hub::Limits::default();
        Self {
            streams_max: limits.streams_max,
            readers_per_stream_max: limits.readers_per_stream_max,
            publishers_per_stream_max: limits.publishers_per_stream_max,
            ring_bytes_max: Size(limits.ring_bytes_max as u64),
            ring_keep: Interval(limits.ring_keep),
            reader_lag_bytes_max: Size(limits.reader_lag_bytes_max),
            reader_lag_max: Interval(limits.reader_lag_max),
            reader_stall_max: Interval(limits.reader_stall_max),
            start_wait_max: Interval(limits.start_wait_max),
            silence_max: Interval(limits.silence_max),
            track_silence_max: Interval(limits.track_silence_max),
            publisher_linger: Interval(limits.publisher_linger),
            source_linger: Interval(limits.source_linger),
            source_stop_max: Interval(limits.source_stop_max),
            flush_delay: Interval(limits.flush_delay),
            worker_stall_max: Interval(limits.worker_stall_max),
            ingest_queue: limits.ingest_queue,
        }
    }
}

impl LimitsSection {
    /// As the hub takes them.
    pub fn limits(&self) -> hub::Limits {
        hub::Limits {
            streams_max: self.streams_max,
            readers_per_stream_max: self.readers_per_stream_max,
            publishers_per_stream_max: self.publishers_per_stream_max,
            ring_bytes_max: usize::try_from(self.ring_bytes_max.0).unwrap_or(usize::MAX),
            ring_keep: self.ring_keep.0,
            reader_lag_bytes_max: self.reader_lag_bytes_max.0,
            reader_lag_max: self.reader_lag_max.0,
            reader_stall_max: self.reader_stall_max.0,
            start_wait_max: self.start_wait_max.0,
            silence_max: self.silence_max.0,
            track_silence_max: self.track_silence_max.0,
            publisher_linger: self.publisher_linger.0,
            source_linger: self.source_linger.0,
            source_stop_max: self.source_stop_max.0,
            flush_delay: self.flush_delay.0,
            worker_stall_max: self.worker_stall_max.0,
            ingest_queue: self.ingest_queue,
            // They have a section of their own.
            alerts: hub::AlertLimits::default(),
        }
    }
}
