//! Reports: what the owners answer when somebody asks how things are. Plain values, made on request.
use crate::alert::AlertReport;
use crate::source::Step;
use crate::supervise::Policy;
use media::{Fault, StreamName, Tracks, WallTime};
use std::time::Duration;

/// Who is at the other end of a reader or publisher.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerInfo {
    /// `rtsp`, `rtmp`, `webrtc`, `flv`, `mse`, `mp4`, `file`…
    pub protocol: &'static str,
    /// `tcp`, `udp`, `tls`, `ws`…
    pub transport: &'static str,
    /// Address and port of the peer.
    pub remote: String,
    /// What it calls itself.
    pub user_agent: String,
}

/// The state of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StreamState {
    /// It has sources and nobody reads: they are not running.
    Idle,
    /// It waits for somebody to publish.
    Waiting,
    /// A source is connecting, or a publisher has not yet said what it sends.
    Connecting,
    /// Units of every track arrive.
    Live,
    /// Connected, but units of a track do not arrive.
    Stalled,
    /// All sources failed; the next try has a time.
    Backoff,
    /// All sources failed for good.
    GaveUp,
    /// Being removed. Final.
    Removed,
}

impl StreamState {
    /// The word for logs and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            StreamState::Idle => "idle",
            StreamState::Waiting => "waiting",
            StreamState::Connecting => "connecting",
            StreamState::Live => "live",
            StreamState::Stalled => "stalled",
            StreamState::Backoff => "backoff",
            StreamState::GaveUp => "gave_up",
            StreamState::Removed => "removed",
        }
    }
}

/// How a stream is.
#[derive(Clone, Debug)]
pub struct StreamReport {
    /// Its name.
    pub name: StreamName,
    /// Number of the worker that owns it.
    pub worker: usize,
    /// Its state.
    pub state: StreamState,
    /// Why it is in that state.
    pub reason: Option<String>,
    /// Since when.
    pub since: WallTime,
    /// Its tracks; empty while unknown.
    pub tracks: Tracks,
    /// Its sources, in order.
    pub sources: Vec<SourceReport>,
    /// Where its media goes, for talk streams.
    pub outputs: Vec<OutputReport>,
    /// The alerts that run.
    pub alerts: Vec<AlertReport>,
    /// Its talk stream, where it has one.
    pub talk: Option<StreamName>,
    /// Its sound is held back, since somebody talks to a device that cannot do both.
    pub muted: bool,
    /// Who publishes into it: the sources' connections and pushing peers.
    pub publishers: Vec<PublisherReport>,
    /// Who reads it, on every worker.
    pub readers: Vec<ReaderReport>,
    /// Bytes of units that came in, ever.
    pub bytes_in: u64,
    /// Units that came in, ever.
    pub units_in: u64,
    /// Bits a second that came in lately.
    pub bitrate_in: u64,
    /// Bytes its rings keep.
    pub ring_bytes: usize,
}

/// How the end of a stream went: what was ended, and each step that it took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removal {
    /// The stream's sources and outputs that were running, and its talk stream's.
    pub ends: Vec<EndReport>,
    /// Publishers that were ended.
    pub publishers: usize,
    /// Readers that were ended.
    pub readers: usize,
    /// How long all of it took.
    pub took: Duration,
    /// The owner did not answer: what it had goes with its worker.
    pub unanswered: bool,
}

/// How the end of one source or output went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndReport {
    /// The stream it belongs to.
    pub stream: StreamName,
    /// `source` or `output`.
    pub what: &'static str,
    /// Its place in the configuration.
    pub index: usize,
    /// Its URL as configured, credentials included: whoever shows it must hide them.
    pub url: String,
    /// The steps it took down, in order.
    pub steps: Vec<Step>,
    /// It ended in order by itself; else it was dropped at its deadline.
    pub in_time: bool,
    /// What went wrong with it meanwhile.
    pub error: Option<String>,
    /// How long it took.
    pub took: Duration,
}

/// How an output is.
#[derive(Clone, Debug)]
pub struct OutputReport {
    /// Its URL as configured, credentials included: whoever shows it must hide them.
    pub url: String,
    /// The state's name.
    pub state: &'static str,
    /// Which attempt this is or was; 0 before the first.
    pub attempt: u32,
    /// When the next try is due.
    pub next_try: Option<WallTime>,
    /// What went wrong last.
    pub error: Option<String>,
    /// Whose fault that was.
    pub fault: Option<Fault>,
    /// Since when it is in this state.
    pub since: WallTime,
    /// What the device takes, while it does: codec and rate.
    pub opened: Option<String>,
    /// Frames that went out, ever.
    pub frames: u64,
    /// Bytes that went out, ever.
    pub bytes: u64,
    /// How loud what goes out is, in dBFS.
    pub level_dbfs: Option<f32>,
}

/// How a source is.
#[derive(Clone, Debug)]
pub struct SourceReport {
    /// Its URL as configured, credentials included: whoever shows it must hide them.
    pub url: String,
    /// The state's name.
    pub state: &'static str,
    /// Which attempt this is or was; 0 before the first.
    pub attempt: u32,
    /// When the next try is due.
    pub next_try: Option<WallTime>,
    /// What went wrong last.
    pub error: Option<String>,
    /// Whose fault that was.
    pub fault: Option<Fault>,
    /// Since when it is in this state.
    pub since: WallTime,
    /// It runs for somebody, or would if it did not fail.
    pub wanted: bool,
    /// It stands in while the sources before it fail.
    pub fallback: bool,
    /// The policy in force.
    pub policy: Policy,
}

/// How a publisher is.
#[derive(Clone, Debug)]
pub struct PublisherReport {
    /// Its id, unique in the process.
    pub id: u64,
    /// Index of the source that it is, for sources.
    pub source: Option<usize>,
    /// Who it is.
    pub peer: PeerInfo,
    /// What it sends.
    pub tracks: Vec<media::Track>,
    /// It waits for its turn, and what it sends is dropped.
    pub waits: bool,
    /// Bytes it sent.
    pub bytes: u64,
    /// Units it sent.
    pub units: u64,
    /// Units lost on the way, where the transport can tell (packets for RTP).
    pub lost: u64,
    /// Since when.
    pub since: WallTime,
}

/// How a reader is.
#[derive(Clone, Debug)]
pub struct ReaderReport {
    /// Its id, unique in the process.
    pub id: u64,
    /// Who it is.
    pub peer: PeerInfo,
    /// The wire format it reads.
    pub format: String,
    /// Number of the worker that serves it.
    pub worker: usize,
    /// Bytes it took.
    pub bytes: u64,
    /// Chunks it took.
    pub chunks: u64,
    /// Chunks it did not get for slowness.
    pub skipped: u64,
    /// How far behind the newest unit it is, in ms.
    pub lag_ms: u64,
    /// Bits a second that the path to it can carry, where the transport estimates that.
    pub estimate_bps: Option<u64>,
    /// Since when.
    pub since: WallTime,
}
